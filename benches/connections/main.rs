//! A load tool: what clients feel and what a server spends, ours and bare hyper side by side.
//!
//! `cargo bench --bench connections` runs all modes in about two minutes; `-- MODE` runs one, `-- --help` tells
//! what there is. The servers are processes of one thread, apart from the load where there are cores for both,
//! and are measured in turns, so that what else the machine does hits them alike. Each answer is checked.

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

#[allow(dead_code, reason = "the bench of instructions has one more server")]
#[path = "../support/echo.rs"]
mod echo;
#[path = "../support/error.rs"]
mod error;
#[allow(dead_code, reason = "the bench of instructions uses more of it")]
#[path = "../support/floors.rs"]
mod floors;
#[path = "../support/process.rs"]
mod process;

use std::process::ExitCode;

use bench::Bench;
use error::Failed;
use measure::cores::Cores;
use modes::million;
use options::{Options, Wanted};
use report::content::Report;
use report::{files, machine};

fn main() -> ExitCode {
    let done = match Wanted::read(std::env::args().skip(1)) {
        Ok(Wanted::Help) => {
            print!("{}", options::help());
            return ExitCode::SUCCESS;
        }
        Ok(Wanted::Server(what, settings)) => server::ours::run(what, settings).map(|()| true),
        Ok(Wanted::InMemory(what, settings)) => million::hold(what, settings).map(|()| true),
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
    let cores = Cores::part();
    let mut report = Report {
        machine: machine::describe(cores.as_ref()),
        sections: Vec::new(),
        is_cut: false,
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
                report.is_cut = true;
            }
        }
    }
    let [json, html] = files::save(&report, bench.options.folder())?;
    println!("\n{}\n{}", json.display(), html.display());
    Ok(report.is_sound())
}
