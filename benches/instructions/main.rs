//! Instructions and allocations of a call, compared with the same call on bare hyper.
//!
//! `cargo bench --bench instructions` prints the table. `-- --check` fails if a count is more than 3 % above
//! `counts.txt`, and `-- --save` rewrites that file. Valgrind counts in user space, over connections in memory.
//! A count is the difference between a run of few and a run of many calls, so that one-time costs cancel out.
//! Such counts are reproducible, also on a busy machine.

mod cases;
mod counts;
#[allow(dead_code, reason = "`benches/peers` uses more of it")]
mod requests;
#[allow(dead_code, reason = "`benches/peers` uses more of it")]
mod socket;
mod valgrind;

#[path = "../support/echo.rs"]
mod echo;
#[path = "../support/floors.rs"]
mod floors;

use std::process::ExitCode;

use cases::CASES;
use counts::{Count, Counts};

const USAGE: &str = "usage: instructions [--check | --save | --run CASE CALLS]";

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--run", case, calls] => run(case, calls),
        [] => measured(|_| Ok(())),
        ["--check"] => measured(|counts| counts.check()),
        ["--save"] => measured(|counts| counts.save()),
        // `cargo test --benches` only checks that every case runs.
        ["--test"] => {
            for case in CASES {
                (case.run)(case, 3);
            }
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one case. The bench starts itself with `--run` under valgrind.
fn run(name: &str, calls: &str) -> ExitCode {
    let case = CASES.iter().find(|case| case.name == name);
    match (case, calls.parse()) {
        (Some(case), Ok(calls)) => {
            (case.run)(case, calls);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn measured(then: impl FnOnce(&Counts) -> Result<(), String>) -> ExitCode {
    let outcome = valgrind::is_there().and_then(|()| {
        let mut counts = Counts::default();
        for case in CASES {
            eprint!("\r\x1b[K{}", case.name);
            let (few, many) = case.calls;
            let instructions = valgrind::instructions(case.name, few, many)?;
            let (blocks, bytes) = valgrind::allocations(case.name, few, many)?;
            counts.add(
                case.name,
                Count {
                    instructions,
                    blocks,
                    bytes,
                },
            );
        }
        eprint!("\r\x1b[K");
        counts.print();
        then(&counts)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
