//! What the release build of the example `everything` has resident, and who is still served, after what
//! one client without credentials can do to it.
//!
//! `cargo build --release --all-features --example everything && cargo bench --bench resident`
//!
//! Each case starts a server of its own on a loopback port and ends it. `-- NAME` runs the cases whose name
//! has that text, `-- --server PATH` takes another build. It needs Linux, which tells what another
//! process has, and 4,096 open files. A case that fails is an exit code of 1.
//!
//! Resident memory is the allocator's as well as ours: a case that says what stays is compared with
//! what a few of the same requests leave that are over. Processor time is the server's own.

mod cases;
mod client;
mod server;

#[path = "../support/error.rs"]
mod error;
#[allow(dead_code, reason = "the soak uses more of it")]
#[path = "../../examples/soak/http.rs"]
mod http;
#[allow(dead_code, reason = "the bench `connections` uses more of it")]
#[path = "../support/process.rs"]
mod process;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cases::Case;
use crate::error::BoxError;
use crate::server::ServerProcess;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("resident: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, BoxError> {
    let mut server = beside_this()?;
    let mut names = Vec::new();
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--server" => server = args.next().ok_or("--server takes a path")?.into(),
            _ => names.push(arg),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut is_well = true;
    for case in Case::ALL {
        if names.is_empty() || names.iter().any(|name| case.name().contains(name.as_str())) {
            let process = ServerProcess::start(&server, case.arguments())?;
            let verdict = runtime.block_on(case.run(&process));
            is_well &= verdict.is_ok();
            match verdict {
                Ok(figures) => println!("ok      {}: {figures}", case.name()),
                Err(fault) => println!("FAILED  {}: {fault}", case.name()),
            }
        }
    }
    Ok(is_well)
}

/// `target/release/examples/everything`, where this is `target/release/deps/resident-…`.
fn beside_this() -> Result<PathBuf, BoxError> {
    let this = std::env::current_exe()?;
    let release = this
        .ancestors()
        .nth(2)
        .ok_or("there is no folder of examples")?;
    Ok(release.join("examples/everything"))
}
