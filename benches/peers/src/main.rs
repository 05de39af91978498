//! Compares mcp-wire with bare hyper and with rmcp: the same calls of an echo tool, in one run.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` prints a table in Markdown, `-- --json` prints
//! the same figures as JSON, and `-- --test` only makes a few calls of each case. It measures:
//!
//! - instructions and allocations, like `benches/instructions`: counted by valgrind, over connections in memory,
//!   as the difference between runs of few and of many calls;
//! - calls per second of processor time, over sockets, with each server in a process of its own: for short calls,
//!   long calls, and calls that each open a session or a connection;
//! - the resident memory that an idle stream adds to that process.

mod cases;
mod idle;
mod in_memory;
mod load;
mod report;
mod server_process;
mod servers;

#[allow(dead_code, reason = "the bench `connections` uses more of it")]
#[path = "../../connections/client/mod.rs"]
mod client;
#[allow(dead_code, reason = "the bench `instructions` has one more server")]
#[path = "../../support/echo.rs"]
mod echo;
#[path = "../../support/error.rs"]
mod error;
#[allow(dead_code, reason = "the bench `connections` uses more of it")]
#[path = "../../support/floors.rs"]
mod floors;
#[allow(dead_code, reason = "the bench `connections` uses more of it")]
#[path = "../../connections/measure/mod.rs"]
mod measure;
#[allow(dead_code, reason = "the bench `connections` uses more of it")]
#[path = "../../connections/report/numbers.rs"]
mod numbers;
#[allow(dead_code, reason = "the bench `connections` uses more of it")]
#[path = "../../support/process.rs"]
mod process;
#[allow(dead_code, reason = "the bench `instructions` uses more of it")]
#[path = "../../instructions/requests.rs"]
mod requests;
#[path = "../../connections/runtime.rs"]
mod runtime;
#[allow(dead_code, reason = "the bench `instructions` uses more of it")]
#[path = "../../instructions/socket.rs"]
mod socket;
#[path = "../../instructions/valgrind.rs"]
mod valgrind;

use std::process::ExitCode;

use cases::{CASES, Case};
use client::workload::WORKLOADS;
use error::BoxError;
use runtime::runtime;

const USAGE: &str = "usage: peers [--json | --test | --run CASE CALLS | --serve CASE]";
/// Each end of a stream is an open file.
const OPEN_FILES: u64 = 4096;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        [] => block_on(report::measure()).map(|report| println!("{}", report.markdown())),
        ["--json"] => block_on(report::measure()).map(|report| println!("{:#}", report.json())),
        ["--test"] => test(),
        // This program starts itself with these arguments: under valgrind, or as a server.
        ["--run", case, calls] => run(case, calls),
        ["--serve", case] => named(case).and_then(server_process::serve),
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

fn block_on<T>(measuring: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    // The servers inherit the limit.
    rlimit::increase_nofile_limit(OPEN_FILES)?;
    runtime()?.block_on(measuring)
}

fn run(case: &str, calls: &str) -> Result<(), BoxError> {
    in_memory::run(named(case)?, calls.parse()?);
    Ok(())
}

fn named(case: &str) -> Result<&'static Case, BoxError> {
    let found = CASES.iter().find(|known| known.name == case);
    Ok(found.ok_or(USAGE)?)
}

/// Makes a few calls of every case, and opens a few streams.
fn test() -> Result<(), BoxError> {
    for case in CASES {
        in_memory::run(case, 3);
        block_on(load::test(case, load::short(2)))?;
        if case.has_streams {
            block_on(idle::test(case))?;
        }
        println!("{}: ok", case.name);
    }
    for workload in &WORKLOADS {
        for case in cases::of_workload(workload) {
            block_on(load::test(case, workload.plan(&workload.text())))?;
            println!("{}, {}: ok", workload.name, case.name);
        }
    }
    Ok(())
}
