//! A load tool: what clients feel and what a server spends, ours and bare hyper side by side.
//!
//! `cargo bench --bench connections` runs all modes in about two minutes; `-- MODE` runs one, `-- --help` tells
//! what there is. The servers are processes of one thread, apart from the load where there are cores for both,
//! and are measured in turns, so that what else the machine does hits them alike. Each answer is checked.

mod big;
mod call;
mod caller;
mod client;
mod cores;
mod fan_out;
mod floor;
mod html;
mod idle;
mod json;
mod latency;
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
mod slow;
mod turns;

use std::error::Error;
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use cores::Cores;
use messages::Revision;
use options::{Options, Wanted};
use report::Report;
use side::{Side, What};

type Failed = Box<dyn Error + Send + Sync>;

/// Open files and connections beside those that are counted.
const SPARE: usize = 64;
/// So many sessions and connections a server of ours has by default; where more are needed, these limits
/// alone are raised.
const DEFAULT_MAX: usize = 10_000;

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

impl Bench {
    /// The servers that are compared, ours first.
    fn servers(&self, revision: Revision) -> Vec<What> {
        vec![What::Ours, What::Lean(revision)]
    }

    /// Starts a server with room for so many connections; `options` are further arguments of `--serve`.
    fn start(&self, what: What, connections: usize, options: &[String]) -> Result<Side, Failed> {
        let needed = connections + SPARE;
        if let Some(limit) = process::open_files()
            && limit < needed
        {
            return Err(
                format!("{needed} open files are needed, {limit} are allowed: ulimit -n").into(),
            );
        }
        let mut options = options.to_vec();
        if needed > DEFAULT_MAX {
            options.extend(["--max".to_owned(), needed.to_string()]);
        }
        Side::start(what, &options, self.cores.as_ref())
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
