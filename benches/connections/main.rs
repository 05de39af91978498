//! A load tool: what clients feel and what a server spends, ours and bare hyper side by side.
//!
//! `cargo bench --bench connections` runs all modes in about two minutes; `-- MODE` runs one, `-- --help` tells
//! what there is. The servers are processes of one thread, apart from the load where there are cores for both,
//! and are measured in turns, so that what else the machine does hits them alike. Each answer is checked.

mod bench;
mod big;
mod call;
mod caller;
mod client;
mod cores;
mod failures;
mod fan_out;
mod floor;
mod html;
mod idle;
mod json;
mod latency;
mod left;
mod listener;
mod load;
mod machine;
mod memory;
mod messages;
mod million;
mod open;
mod options;
mod place;
mod plot;
mod process;
mod progress;
mod report;
mod server;
mod session;
mod side;
mod sizes;
mod slow;
mod turns;
mod work;
mod workload;

use std::error::Error;
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use bench::Bench;
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

const MODES: &[Mode] = &[
    mode("call", "calls of a tool in each revision", call::run),
    mode("open", "sessions that are opened and left", open::run),
    mode("big", "calls with a long argument", big::run),
    mode(
        "work",
        "long calls, and calls with a session or a connection each",
        work::run,
    ),
    mode(
        "left",
        "the memory that stays after long messages",
        left::run,
    ),
    mode(
        "slow",
        "clients that do not read, and what others notice",
        slow::run,
    ),
    mode(
        "fan-out",
        "a change that all listeners are told of",
        fan_out::run,
    ),
    mode(
        "idle",
        "streams that stay open: memory and keep-alive",
        idle::run,
    ),
    mode(
        "million",
        "idle sessions in one process, in memory",
        million::run,
    ),
];

const fn mode(
    name: &'static str,
    about: &'static str,
    run: fn(&Bench) -> Result<report::Section, Failed>,
) -> Mode {
    Mode { name, about, run }
}

fn main() -> ExitCode {
    let done = match Wanted::read(std::env::args().skip(1)) {
        Ok(Wanted::Help) => {
            print!("{}", options::help());
            return ExitCode::SUCCESS;
        }
        Ok(Wanted::Server(what, settings)) => server::run(what, settings).map(|()| true),
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
    for mode in &bench.options.modes {
        let measured = (mode.run)(&bench);
        progress::clear();
        match measured {
            Ok(section) => {
                section.print();
                report.sections.push(section);
            }
            Err(why) => {
                eprintln!("{}: {why}", mode.name);
                report.is_cut = true;
            }
        }
    }
    let [json, html] = report.save(bench.options.folder())?;
    println!("\n{}\n{}", json.display(), html.display());
    Ok(report.is_sound())
}

fn runtime() -> Result<Runtime, Failed> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
