//! Everything that a server can have, under the names and with the texts that the official
//! conformance suites ask for; the test suites of this crate drive it too.
//!
//! `cargo run --release --all-features --example everything [-- --listen ADDR]`

mod asking;
mod media;
mod prompts;
mod resources;
mod rounds;
mod slow;
mod tools;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use mcp_wire::server::Server;
use mcp_wire::{McpService, serve};
use serde_json::json;
use tokio::net::TcpListener;

const USAGE: &str = "usage: everything [--listen ADDR] [--body-limit BYTES] [--keep-alive SECONDS] \
                     [--max-sessions N]";

/// What a client finds here. The order is that of the lists.
fn everything() -> Server {
    let server = Server::new("Everything", env!("CARGO_PKG_VERSION"))
        .about(|about| {
            about.title = Some("Everything".to_owned());
            about.instructions = Some("Each tool says what it is there to show.".to_owned());
        })
        .logging()
        .subscriptions();
    let server = tools::add(server);
    let server = asking::add(server);
    let server = rounds::add(server);
    let server = slow::add(server);
    let server = resources::add(server);
    prompts::add(server)
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mcp = options.service()?;
    let listener = TcpListener::bind(&options.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("MCP over Streamable HTTP: {url}/mcp");
    println!("MCP over HTTP+SSE:        {url}/sse");
    println!("For the client's configuration:");
    println!(
        "{}",
        json!({"mcpServers": {
            "everything": {"url": format!("{url}/mcp")},
            "everything-sse": {"url": format!("{url}/sse")},
        }})
    );
    serve(listener, mcp, stop_signal()).await?;
    println!("Stopped.");
    Ok(())
}

/// The flags; what is not given stays as the library has it.
struct Options {
    listen: String,
    body_limit: Option<usize>,
    keep_alive: Option<Duration>,
    max_sessions: Option<usize>,
}

impl Options {
    /// `None` when the flags are not as [`USAGE`] says.
    fn parse(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            listen: "127.0.0.1:8000".to_owned(),
            body_limit: None,
            keep_alive: None,
            max_sessions: None,
        };
        while let Some(flag) = args.next() {
            let value = args.next()?;
            match flag.as_str() {
                "--listen" => options.listen = value,
                "--body-limit" => options.body_limit = Some(value.parse().ok()?),
                "--keep-alive" => options.keep_alive = Some(seconds(&value)?),
                "--max-sessions" => options.max_sessions = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }

    fn service(&self) -> Result<McpService, mcp_wire::Error> {
        let mut builder = McpService::builder(everything());
        if let Some(bytes) = self.body_limit {
            builder = builder.body_limit(bytes);
        }
        if let Some(period) = self.keep_alive {
            builder = builder.keep_alive(period);
        }
        if let Some(sessions) = self.max_sessions {
            builder = builder.max_sessions(sessions);
        }
        builder.build()
    }
}

/// Seconds, which may have a fraction.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// Ready on Ctrl-C or SIGTERM.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("a signal handler");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
}
