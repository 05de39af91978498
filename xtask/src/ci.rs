//! The whole gate: every word, in lanes that run beside each other.
//!
//! Each step is a run of this program with that word, so that a step that fails can be repeated alone. The
//! lanes are drawn for two cores. The first works in `target/debug`, which cargo lets only one build use at a time. The
//! second compiles what has a folder of its own, and counts, which others do not disturb. The third mostly waits for
//! packages, clients and proxies.

use std::collections::HashSet;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;

use crate::command::Outcome;

struct Step {
    /// The word, and its arguments.
    line: &'static str,
    /// Steps that have to be done before this one begins.
    after: &'static [&'static str],
}

const fn step(line: &'static str) -> Step {
    Step { line, after: &[] }
}

const LANES: [&[Step]; 3] = [
    &[
        step("lint"),
        step("test"),
        step("examples"),
        step("frameworks"),
        step("bench once"),
        step("doc"),
        step("api"),
        step("semver"),
        step("package"),
        // It compares how long calls take, so nothing else may run.
        Step {
            line: "soak",
            after: &["fuzz", "clients nginx"],
        },
    ],
    &[
        step("tls"),
        step("fuzz-build"),
        Step {
            line: "bench counts",
            after: &["tools"],
        },
        step("fuzz"),
    ],
    &[
        step("tools"),
        step("hyper-range"),
        step("everything"),
        step("clients conformance"),
        step("clients referees"),
        step("clients interop"),
        step("clients ways"),
        step("clients nginx"),
    ],
];

/// Where each step's output goes until it is done.
const LOGS: &str = "target/ci";

/// What the lanes know of each other.
#[derive(Default)]
struct Progress {
    done: HashSet<&'static str>,
    failed: Vec<String>,
}

struct Gate {
    began: Instant,
    progress: Mutex<Progress>,
    changed: Condvar,
}

pub(crate) fn ci() -> Outcome {
    fs::create_dir_all(LOGS).map_err(|error| format!("{LOGS}: {error}"))?;
    let gate = Gate {
        began: Instant::now(),
        progress: Mutex::default(),
        changed: Condvar::new(),
    };
    thread::scope(|scope| {
        for lane in LANES {
            scope.spawn(|| gate.run(lane));
        }
    });
    let progress = gate.progress.into_inner().expect("no lane panics");
    if !progress.failed.is_empty() {
        return Err(progress.failed.join("\n"));
    }
    println!(
        "\n== all passed (after {} s)",
        gate.began.elapsed().as_secs()
    );
    Ok(())
}

impl Gate {
    /// Runs the steps of a lane, until one of any lane has failed.
    fn run(&self, lane: &[Step]) {
        for step in lane {
            if !self.may_begin(step) {
                return;
            }
            let outcome = self.take(step);
            let mut progress = self.progress.lock().expect("no lane panics");
            match outcome {
                Ok(()) => {
                    progress.done.insert(step.line);
                }
                Err(why) => progress.failed.push(why),
            }
            self.changed.notify_all();
        }
    }

    /// Waits for the steps before this one; false once any step has failed.
    fn may_begin(&self, step: &Step) -> bool {
        let progress = self.progress.lock().expect("no lane panics");
        let waits = |progress: &mut Progress| {
            progress.failed.is_empty()
                && step.after.iter().any(|line| !progress.done.contains(line))
        };
        let progress = self
            .changed
            .wait_while(progress, waits)
            .expect("no lane panics");
        progress.failed.is_empty()
    }

    fn take(&self, step: &Step) -> Outcome {
        let Step { line, .. } = step;
        let path = format!("{LOGS}/{}.log", line.replace(' ', "-"));
        println!(
            "== {line} begins (after {} s)",
            self.began.elapsed().as_secs()
        );
        let status = logged(&path, line);
        let output = fs::read_to_string(&path).unwrap_or_default();
        // In one piece, so that the lanes do not mix.
        println!(
            "\n== {line} (ended after {} s)\n{output}",
            self.began.elapsed().as_secs()
        );
        match status {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("`cargo xtask {line}` failed")),
            Err(error) => Err(format!("`cargo xtask {line}`: {error}")),
        }
    }
}

/// Whether the step passes. Builds are neither repeated nor debugged here, which saves a third of their time.
fn logged(path: &str, line: &str) -> std::io::Result<bool> {
    let log = File::create(path)?;
    let status = Command::new(std::env::current_exe()?)
        .args(line.split(' '))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("EVERYTHING", crate::words::EVERYTHING)
        .stdin(Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log)
        .status()?;
    Ok(status.success())
}
