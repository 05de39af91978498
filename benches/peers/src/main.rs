//! One call of an echo tool, by mcp-wire, by hyper alone and by rmcp, side by side in one run.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` prints a table in Markdown, `-- --json` the
//! same figures for a program, and `-- --test` makes a few calls of each case. What is measured:
//!
//! - instructions and allocations, as `benches/instructions` counts them: by valgrind, over connections in
//!   memory, as the difference between runs of few and of many calls;
//! - calls per second of the server's processor time: over sockets, the server in a process of its own; of
//!   short calls, of long ones, and of those that each have a session or a connection of their own;
//! - what an idle stream adds to the resident memory of that process.

#[path = "../../connections/caller.rs"]
#[allow(dead_code, reason = "the load tool tells of latencies too")]
mod caller;
mod cases;
#[path = "../../connections/client.rs"]
#[allow(dead_code, reason = "the load tool counts keep-alives")]
mod client;
#[path = "../../connections/cores.rs"]
#[allow(dead_code, reason = "the load tool tells which cores")]
mod cores;
#[path = "../../instructions/echo.rs"]
mod echo;
#[path = "../../connections/failures.rs"]
mod failures;
#[path = "../../instructions/floors.rs"]
#[allow(dead_code, reason = "the load tool puts events on streams itself")]
mod floors;
mod idle;
mod in_memory;
#[path = "../../connections/latency.rs"]
#[allow(dead_code, reason = "the load tool tells of latencies")]
mod latency;
mod load;
#[path = "../../connections/messages.rs"]
#[allow(dead_code, reason = "the load tool listens for changes too")]
mod messages;
#[path = "../../connections/place.rs"]
#[allow(dead_code, reason = "the load tool has servers elsewhere too")]
mod place;
#[path = "../../connections/process.rs"]
#[allow(dead_code, reason = "the load tool looks at peaks too")]
mod process;
mod report;
#[path = "../../instructions/requests.rs"]
#[allow(dead_code, reason = "the bench of instructions has more cases")]
mod requests;
mod servers;
#[path = "../../connections/session.rs"]
mod session;
mod side;
#[path = "../../instructions/socket.rs"]
#[allow(
    dead_code,
    reason = "the bench of instructions takes each write for an answer"
)]
mod socket;
#[path = "../../instructions/valgrind.rs"]
mod valgrind;
#[path = "../../connections/workload.rs"]
mod workload;

use std::error::Error;
use std::io;
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use cases::{CASES, Case};
use workload::WORKLOADS;

const USAGE: &str = "usage: peers [--json | --test | --run CASE CALLS | --serve CASE]";
/// A stream is an open file, at both ends.
const OPEN_FILES: u64 = 4096;

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        [] => block_on(report::measure()).map(|report| println!("{}", report.markdown())),
        ["--json"] => block_on(report::measure()).map(|report| println!("{:#}", report.json())),
        ["--test"] => test(),
        // In a process of its own: under valgrind, or for sockets.
        ["--run", case, calls] => run(case, calls),
        ["--serve", case] => named(case).and_then(side::serve),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn block_on<T>(measuring: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    // For the servers too, which are started from here.
    rlimit::increase_nofile_limit(OPEN_FILES)?;
    runtime()?.block_on(measuring)
}

/// One thread, for a server as for all clients.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn run(case: &str, calls: &str) -> Result<(), Failed> {
    in_memory::run(named(case)?, calls.parse()?);
    Ok(())
}

fn named(case: &str) -> Result<&'static Case, Failed> {
    let found = CASES.iter().find(|known| known.name == case);
    Ok(found.ok_or(USAGE)?)
}

/// A few calls of every case, and a few streams.
fn test() -> Result<(), Failed> {
    for case in CASES {
        in_memory::run(case, 3);
        block_on(load::test(case, load::short(2)))?;
        if case.has_streams {
            block_on(idle::test(case))?;
        }
        println!("{}: ok", case.name);
    }
    for workload in &WORKLOADS {
        for case in cases::who_works(workload) {
            block_on(load::test(case, workload.calling(&workload.text())))?;
            println!("{}, {}: ok", workload.name, case.name);
        }
    }
    Ok(())
}
