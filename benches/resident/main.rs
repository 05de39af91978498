//! The resident memory of the example `everything` in a release build, and whether it still serves other
//! clients, after one client without credentials has done its worst.
//!
//! `cargo build --release --package everything && cargo bench --bench resident`
//!
//! Each case starts a server on a loopback port and stops it. `-- NAME` runs the cases whose name contains that
//! text, `-- --server PATH` uses another build. The bench needs Linux, to read the memory of another process,
//! and 4,096 open files. If a case fails, the exit code is 1.
//!
//! Resident memory depends on the allocator as well. So a case compares what remains with what a few earlier
//! requests of the same kind left. Processor time is that of the server alone.

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
            "--server" => server = args.next().ok_or("--server needs a path")?.into(),
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

/// `target/release/everything`, where this is `target/release/deps/resident-…`.
fn beside_this() -> Result<PathBuf, BoxError> {
    let this = std::env::current_exe()?;
    let release = this
        .ancestors()
        .nth(2)
        .ok_or("the folder of the binaries was not found")?;
    Ok(release.join("everything"))
}
