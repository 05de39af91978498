//! Shows every feature of a server, with the names and texts that the official conformance suites require. The
//! tests of this crate use it as well.
//!
//! Run it with `cargo run --all-features --example everything [-- --listen ADDRESS]`.
//!
//! Processes that share one public address need the same secret of at least 32 bytes, in the environment variable
//! `STATE_SECRET`. Then each of them can continue the sessions and multi-round requests of the others.

#[path = "../signals/mod.rs"]
mod signals;

mod asking;
mod media;
mod peers;
mod prompts;
mod resources;
mod rounds;
mod slow;
mod tools;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use mcp_wire::server::Server;
use mcp_wire::{McpService, StateKeys, serve};
use serde_json::json;
use tokio::net::TcpListener;

use crate::peers::Peers;

const USAGE: &str = "usage: everything [--listen ADDR] [--mount PATH] [--public-prefix PATH] \
                     [--allowed-host HOST]... [--body-limit BYTES] [--keep-alive SECONDS] \
                     [--max-sessions N] [--without-sessions] [--peer ADDR]...";
/// An environment variable, because any user can read the arguments of a process.
const SECRET: &str = "STATE_SECRET";

/// How long another process can continue a session.
const SESSION_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The server. Lists have the order of registration.
fn everything(peers: &Peers) -> Result<Server, mcp_wire::Error> {
    let server = Server::new("Everything", env!("CARGO_PKG_VERSION"))
        .about(|about| {
            about.title = Some("Everything".to_owned());
            about.instructions = Some("Each tool describes what it demonstrates.".to_owned());
        })
        .logging()
        .subscriptions();
    let server = tools::add(server, peers);
    let server = asking::add(server);
    let server = rounds::add(server);
    let server = slow::add(server);
    let server = resources::add(server);
    let server = prompts::add(server);
    Ok(match shared_keys()? {
        Some(keys) => server.state_keys(keys),
        None => server,
    })
}

/// The keys that all processes share, if there is a secret.
fn shared_keys() -> Result<Option<StateKeys>, mcp_wire::Error> {
    let secret = std::env::var(SECRET).ok();
    secret
        .map(|secret| StateKeys::new(secret.as_bytes()))
        .transpose()
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
    let peers = Peers::bind(&options.listen, &options.peers).await?;
    let server = everything(&peers)?;
    tokio::spawn(peers.forward(server.clone()));
    let mcp = options.service(server)?;
    let listener = TcpListener::bind(&options.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("MCP over Streamable HTTP: {url}/mcp");
    println!("MCP over HTTP+SSE:        {url}/sse");
    println!("Client configuration:");
    println!(
        "{}",
        json!({"mcpServers": {
            "everything": {"url": format!("{url}/mcp")},
            "everything-sse": {"url": format!("{url}/sse")},
        }})
    );
    serve(listener, mcp, signals::stop()).await?;
    println!("Stopped.");
    Ok(())
}

/// The command line. Missing options leave the defaults of the library.
struct Options {
    listen: String,
    mount: Option<String>,
    public_prefix: Option<String>,
    allowed_hosts: Vec<String>,
    without_sessions: bool,
    peers: Vec<SocketAddr>,
    body_limit: Option<usize>,
    keep_alive: Option<Duration>,
    max_sessions: Option<usize>,
}

impl Options {
    /// `None` if the arguments do not match [`USAGE`].
    fn parse(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            listen: "127.0.0.1:8000".to_owned(),
            mount: None,
            public_prefix: None,
            allowed_hosts: Vec::new(),
            without_sessions: false,
            peers: Vec::new(),
            body_limit: None,
            keep_alive: None,
            max_sessions: None,
        };
        while let Some(flag) = args.next() {
            if flag == "--without-sessions" {
                options.without_sessions = true;
                continue;
            }
            let value = args.next()?;
            match flag.as_str() {
                "--listen" => options.listen = value,
                "--mount" => options.mount = Some(value),
                "--public-prefix" => options.public_prefix = Some(value),
                "--peer" => options.peers.push(value.parse().ok()?),
                "--allowed-host" => options.allowed_hosts.push(value),
                "--body-limit" => options.body_limit = Some(value.parse().ok()?),
                "--keep-alive" => options.keep_alive = Some(seconds(&value)?),
                "--max-sessions" => options.max_sessions = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }

    fn service(&self, server: Server) -> Result<McpService, mcp_wire::Error> {
        let mut builder = McpService::builder(server).allowed_hosts(&self.allowed_hosts);
        if let Some(path) = &self.mount {
            builder = builder.mount(path);
        }
        if let Some(path) = &self.public_prefix {
            builder = builder.public_prefix(path);
        }
        if self.without_sessions {
            builder = builder.without_sessions();
        } else if let Some(keys) = shared_keys()? {
            builder = builder.portable_sessions(keys, SESSION_LIFETIME);
        }
        if let Some(bytes) = self.body_limit {
            builder = builder.limits(|limits| limits.body = bytes);
        }
        if let Some(period) = self.keep_alive {
            builder = builder.timeouts(|timeouts| timeouts.keep_alive = Some(period));
        }
        if let Some(sessions) = self.max_sessions {
            builder = builder.limits(|limits| limits.sessions = sessions);
        }
        builder.build()
    }
}

/// Parses seconds, with an optional fraction.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}
