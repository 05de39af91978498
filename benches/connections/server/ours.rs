//! The process of a server: mcp-wire with its defaults, or bare hyper, on one thread.

use std::io::{BufRead, stdin};
use std::time::Duration;

use mcp_wire::server::Server;
use mcp_wire::{Change, McpService, Serve};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::echo;
use crate::error::BoxError;
use crate::runtime::runtime;
use crate::server::kind::ServerKind;
use crate::server::lean;

/// What differs from the defaults.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    /// The keep-alive period, if not the default.
    pub(crate) keep_alive: Option<Duration>,
    /// The limit on sessions, listening requests and connections, if the default is too low.
    pub(crate) max: Option<usize>,
}

/// Prints the address, then serves until standard input ends. Each line of input makes the server announce a
/// change.
pub(crate) fn run(kind: ServerKind, settings: Settings) -> Result<(), BoxError> {
    let mut orders = orders();
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        match kind {
            ServerKind::Ours => ours(listener, settings, &mut orders).await,
            ServerKind::Lean(revision) => {
                lean::serve(listener, revision, settings.keep_alive, &mut orders).await
            }
        }
    })
}

/// Receives one value for each line of standard input, which only a thread can wait for.
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
) -> Result<(), BoxError> {
    let (mcp, server) = service(settings)?;
    let mut serve = Serve::new(listener, mcp);
    if let Some(max) = settings.max {
        // All clients share one address, which may use half of the limit.
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

/// Our service with its defaults, except for the settings.
pub(crate) fn service(settings: Settings) -> Result<(McpService, Server), BoxError> {
    let server = echo::server();
    let mut builder = McpService::builder(server.clone());
    if let Some(max) = settings.max {
        // One address may use half, as above.
        builder = builder.limits(|limits| {
            limits.sessions = 2 * max;
            limits.listen_streams = 2 * max;
        });
    }
    if let Some(period) = settings.keep_alive {
        builder = builder.timeouts(|timeouts| timeouts.keep_alive = Some(period));
    }
    Ok((builder.build()?, server))
}
