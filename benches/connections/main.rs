//! A load tool: the latency that clients see and the resources that a server uses, for mcp-wire and bare hyper
//! side by side.
//!
//! `cargo bench --bench connections` runs all modes in about two minutes. `-- MODE` runs one mode, and
//! `-- --help` lists the modes and options. Each server is a process of one thread, on another core than the load
//! if the machine has two. The servers take turns, so that other work of the machine affects them alike. The
//! clients check each answer.

mod bench;
mod client;
mod measure;
mod mode;
mod modes;
mod options;
mod progress;
mod report;
mod runtime;
mod server;
mod sizes;

#[allow(dead_code, reason = "the bench `instructions` has one more server")]
#[path = "../support/echo.rs"]
mod echo;
#[path = "../support/error.rs"]
mod error;
#[allow(dead_code, reason = "the bench `instructions` uses more of it")]
#[path = "../support/floors.rs"]
mod floors;
#[path = "../support/process.rs"]
mod process;

use std::process::ExitCode;

use bench::Bench;
use error::BoxError;
use measure::cores::Cores;
use modes::million;
use options::{Command, Options};
use report::content::Report;
use report::{files, machine};

fn main() -> ExitCode {
    let done = match Command::read(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            print!("{}", options::help());
            return ExitCode::SUCCESS;
        }
        Ok(Command::Serve(kind, settings)) => server::ours::run(kind, settings).map(|()| true),
        Ok(Command::Hold(kind, settings)) => million::hold(kind, settings).map(|()| true),
        Ok(Command::Measure(options)) => measure(options),
        Err(why) => Err(format!("{why}; see --help").into()),
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

/// Runs the modes and saves the report. True if all answers were correct.
fn measure(options: Options) -> Result<bool, BoxError> {
    let cores = Cores::split();
    let mut report = Report {
        machine: machine::describe(cores.as_ref()),
        sections: Vec::new(),
        is_incomplete: false,
    };
    let bench = Bench { options, cores };
    for &mode in &bench.options.modes {
        let measured = modes::run(mode, &bench);
        progress::clear();
        match measured {
            Ok(section) => {
                section.print();
                report.sections.push(section);
            }
            Err(why) => {
                eprintln!("{}: {why}", mode.name());
                report.is_incomplete = true;
            }
        }
    }
    let [json, html] = files::save(&report, bench.options.folder())?;
    println!("\n{}\n{}", json.display(), html.display());
    Ok(report.is_sound())
}
