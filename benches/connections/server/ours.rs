//! The server that is measured: ours with its defaults, or a floor, alone in a process of one thread.

use std::io::{BufRead, stdin};
use std::time::Duration;

use mcp_wire::server::Server;
use mcp_wire::{Change, McpService, Serve};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::echo;
use crate::error::Failed;
use crate::runtime::runtime;
use crate::server::kind::What;
use crate::server::lean;

/// What differs from the defaults.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    /// How often quiet streams are written to; the default is ours.
    pub(crate) keep_alive: Option<Duration>,
    /// How many sessions, listening requests and connections there may be, where the default is too few.
    pub(crate) max: Option<usize>,
}

/// Serves until the input ends. Prints the address first; a line of input is the order to tell of a change.
pub(crate) fn run(what: What, settings: Settings) -> Result<(), Failed> {
    let mut orders = orders();
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        match what {
            What::Ours => ours(listener, settings, &mut orders).await,
            What::Lean(revision) => {
                lean::serve(listener, revision, settings.keep_alive, &mut orders).await
            }
        }
    })
}

/// The lines of the input, which only a thread can wait for.
fn orders() -> mpsc::UnboundedReceiver<()> {
    let (sender, orders) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines() {
            if line.is_err() || sender.send(()).is_err() {
                return;
            }
        }
    });
    orders
}

async fn ours(
    listener: TcpListener,
    settings: Settings,
    orders: &mut mpsc::UnboundedReceiver<()>,
) -> Result<(), Failed> {
    let (mcp, server) = service(settings)?;
    let mut serve = Serve::new(listener, mcp);
    if let Some(max) = settings.max {
        // All clients are at one address, which may have half.
        serve = serve.max_connections(2 * max);
    }
    let ordered = async {
        while orders.recv().await.is_some() {
            server.publish(&Change::Tools);
        }
    };
    tokio::select! {
        served = serve.run(std::future::pending()) => Ok(served?),
        () = ordered => Ok(()),
    }
}

/// Our service with its defaults, but for the settings.
pub(crate) fn service(settings: Settings) -> Result<(McpService, Server), Failed> {
    let server = echo::server();
    let mut builder = McpService::builder(server.clone());
    if let Some(max) = settings.max {
        // As above.
        builder = builder.max_sessions(2 * max).max_listens(2 * max);
    }
    if let Some(period) = settings.keep_alive {
        builder = builder.keep_alive(period);
    }
    Ok((builder.build()?, server))
}
