//! Fuzzing: what each target needs, and two of them at a time.

use std::fs;
use std::thread;

use crate::command::{Line, Outcome, cargo};

struct Target {
    name: &'static str,
    /// The longest input in bytes.
    longest: usize,
    dictionary: &'static str,
}

const TARGETS: [Target; 7] = [
    Target {
        name: "jsonrpc_parse",
        longest: 4096,
        dictionary: "json",
    },
    Target {
        name: "sse_encode",
        longest: 2048,
        dictionary: "sse",
    },
    Target {
        name: "header_value",
        longest: 256,
        dictionary: "header",
    },
    Target {
        name: "classify",
        longest: 4096,
        dictionary: "http",
    },
    Target {
        name: "session_ops",
        longest: 200,
        dictionary: "ops",
    },
    Target {
        name: "service",
        longest: 512,
        dictionary: "service",
    },
    Target {
        name: "http2",
        longest: 512,
        dictionary: "http2",
    },
];

/// How long each target runs when nobody says.
const SECONDS: &str = "30";

/// One build for all targets. The address sanitizer finds nothing in safe code. Traced comparisons make a whole
/// exchange several times as long; the dictionaries stand in for them.
const BUILD: &str = "-s none --no-trace-compares";

/// `fuzz [SECONDS] [TARGET...]`
pub(crate) fn fuzz(args: &[String]) -> Outcome {
    let from_environment = std::env::var("FUZZ_SECONDS").unwrap_or_else(|_| SECONDS.to_owned());
    let (seconds, names) = match args {
        [first, names @ ..] if first.parse::<u32>().is_ok() => (first.clone(), names),
        names => (from_environment, names),
    };
    if let Some(unknown) = names
        .iter()
        .find(|name| TARGETS.iter().all(|target| target.name != **name))
    {
        return Err(format!("there is no fuzz target {unknown}"));
    }
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| names.is_empty() || names.iter().any(|name| name == target.name))
        .collect();
    build()?;
    // Each keeps one core busy.
    for pair in chosen.chunks(2) {
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let running: Vec<_> = pair
                .iter()
                .map(|target| scope.spawn(|| target.run(&seconds)))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().expect("a run does not panic"))
                .collect()
        });
        outcomes.into_iter().collect::<Outcome>()?;
    }
    Ok(())
}

/// Installs cargo-fuzz, if it is missing, and builds the targets.
pub(crate) fn build() -> Outcome {
    if !cargo("fuzz --version").succeeds() {
        // It only calls cargo, and is built in half the time without optimization.
        cargo("install cargo-fuzz --locked --debug --version 0.13.2").run()?;
    }
    cargo_fuzz(&format!("build {BUILD}")).run()
}

/// cargo-fuzz needs unstable flags; the compiler itself stays the stable one.
fn cargo_fuzz(line: &str) -> Line {
    cargo(&format!("fuzz {line}")).env("RUSTC_BOOTSTRAP", "1")
}

impl Target {
    fn run(&self, seconds: &str) -> Outcome {
        let Self {
            name,
            longest,
            dictionary,
        } = self;
        let corpus = format!("fuzz/corpus/{name}");
        fs::create_dir_all(&corpus).map_err(|error| format!("{corpus}: {error}"))?;
        cargo_fuzz(&format!("run {BUILD} {name} {corpus} fuzz/seeds/{name} --"))
            .args([
                &*format!("-max_total_time={seconds}"),
                &format!("-max_len={longest}"),
                &format!("-dict=fuzz/{dictionary}.dict"),
                "-print_final_stats=1",
            ])
            .run()
    }
}
