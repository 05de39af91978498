//! A load tool: what clients feel and what a server spends, ours and bare hyper side by side.
//!
//! `cargo bench --bench connections` runs all modes in about two minutes; `-- MODE` runs one, `-- --help` tells
//! what there is. The servers are processes of one thread, apart from the load where there are cores for both,
//! and are measured in turns, so that what else the machine does hits them alike. Each answer is checked.

mod call;
mod caller;
mod client;
mod cores;
mod floor;
mod latency;
mod messages;
mod options;
mod process;
mod progress;
mod report;
mod server;
mod session;
mod side;
mod turns;

use std::error::Error;
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use cores::Cores;
use options::{Options, Wanted};
use report::Report;

type Failed = Box<dyn Error + Send + Sync>;

/// One of the things that can be measured.
struct Mode {
    name: &'static str,
    about: &'static str,
    run: fn(&Bench) -> Result<report::Section, Failed>,
}

const MODES: &[Mode] = &[Mode {
    name: "call",
    about: "calls of a tool in each revision",
    run: call::run,
}];

/// What all modes are given.
struct Bench {
    options: Options,
    cores: Option<Cores>,
}

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let done = match Wanted::read(args) {
        Ok(Wanted::Help) => {
            print!("{}", options::help());
            return ExitCode::SUCCESS;
        }
        Ok(Wanted::Server(what, settings)) => server::run(what, settings).map(|()| true),
        Ok(Wanted::Measures(options)) => measure(options),
        Err(why) => Err(format!("{why}; --help tells more").into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the modes that are wanted; true if all answers were right.
fn measure(options: Options) -> Result<bool, Failed> {
    let bench = Bench {
        options,
        cores: Cores::part(),
    };
    let mut report = Report::default();
    for mode in &bench.options.modes {
        let section = (mode.run)(&bench)?;
        progress::clear();
        section.print();
        report.add(section);
    }
    Ok(report.is_sound())
}

fn runtime() -> Result<Runtime, Failed> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
