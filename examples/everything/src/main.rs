//! Shows every feature of a server, with the names and texts that the official conformance suites require, in every way
//! of running.
//!
//! Run it with `cargo run --release -p everything`; `-- --help` lists the flags. `--features tls` adds `--tls`, and
//! `--features http2` adds `--http2`.
//!
//! Processes that share one public address need the same secret of at least 32 bytes, in the environment variable
//! `STATE_SECRET`. Then each of them can continue the sessions and multi-round requests of the others.

#[cfg(feature = "tls")]
#[path = "../../authority/mod.rs"]
mod authority;
#[cfg(feature = "tls")]
#[path = "../../pem/mod.rs"]
mod pem;
#[path = "../../signals/mod.rs"]
mod signals;

mod asking;
mod media;
mod options;
mod peers;
mod prompts;
mod resources;
mod rounds;
mod skills;
mod slow;
mod tasks;
#[cfg(feature = "tls")]
mod tls;
mod tools;
#[cfg(unix)]
mod unix;
mod ways;

use std::process::ExitCode;
use std::time::Duration;

use mcp_wire::server::Server;
use mcp_wire::{McpService, StateKeys};
use tokio::runtime::Runtime;

use crate::options::{Options, USAGE};
use crate::peers::Peers;
use crate::ways::Failure;

/// An environment variable, because any user can read the arguments of a process.
const SECRET: &str = "STATE_SECRET";

/// How long another process can continue a session.
const SESSION_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How often clients look at a task. The conformance suite does it every 200 ms.
const TASK_POLL: Duration = Duration::from_millis(200);

/// The server. Lists have the order of registration.
fn everything(peers: &Peers) -> Result<Server, mcp_wire::Error> {
    let server = Server::new("Everything", "1.0.0")
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
    let server = tasks::add(server);
    let server = skills::add(server);
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

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => return wrong(&why),
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let ended = runtime.block_on(run(&options));
    // It does not wait for the thread that may still read standard input.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong(why)) => wrong(&why),
        Err(Failure::Failed(why)) => failed(&why),
    }
}

/// Says what the caller has to change.
fn wrong(why: &str) -> ExitCode {
    eprintln!("everything: {why} (--help shows the flags)");
    ExitCode::from(2)
}

fn failed(why: &str) -> ExitCode {
    eprintln!("everything: {why}");
    ExitCode::FAILURE
}

async fn run(options: &Options) -> Result<(), Failure> {
    let peers = Peers::bind(&options.listen, &options.peers).await;
    let peers = peers.map_err(|error| {
        Failure::Wrong(format!("--peer at --listen {}: {error}", options.listen))
    })?;
    let server = everything(&peers).map_err(|error| Failure::Wrong(error.to_string()))?;
    tokio::spawn(peers.forward(server.clone()));
    let mcp = service(server, options).map_err(|error| Failure::Wrong(error.to_string()))?;
    ways::run(options, mcp).await
}

fn service(server: Server, options: &Options) -> Result<McpService, mcp_wire::Error> {
    let mut builder = McpService::builder(server)
        .allowed_hosts(&options.allowed_hosts)
        .timeouts(|timeouts| timeouts.task_poll = TASK_POLL);
    if let Some(path) = &options.mount {
        builder = builder.mount(path);
    }
    if let Some(path) = &options.public_prefix {
        builder = builder.public_prefix(path);
    }
    if options.without_sessions {
        builder = builder.without_sessions();
    } else if let Some(keys) = shared_keys()? {
        builder = builder.portable_sessions(keys, SESSION_LIFETIME);
    }
    if let Some(bytes) = options.body_limit {
        builder = builder.limits(|limits| limits.body = bytes);
    }
    if let Some(period) = options.keep_alive {
        builder = builder.timeouts(|timeouts| timeouts.keep_alive = Some(period));
    }
    if let Some(sessions) = options.max_sessions {
        builder = builder.limits(|limits| limits.sessions = sessions);
    }
    builder.build()
}
