//! `cargo xtask WORD`: everything that one does to this repository, each under one word. The gate of CI,
//! `.ci/run`, is `cargo xtask ci` on a machine that may lack the tools.

mod api;
mod ci;
mod command;
mod examples;
mod features;
mod fuzz;
mod hyper_range;
mod lint;
mod semver;
mod words;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use command::{Outcome, children_seconds};

struct Word {
    name: &'static str,
    does: &'static str,
    run: fn(&[String]) -> Outcome,
}

/// What has no arguments.
macro_rules! plain {
    ($function:path) => {
        |args| match args {
            [] => $function(),
            _ => Err("this takes no arguments".to_owned()),
        }
    };
}

const WORDS: &[Word] = &[
    Word {
        name: "check",
        does: "lint and the fast tests: use it while you work",
        run: plain!(words::check),
    },
    Word {
        name: "test",
        does: "all tests of the library, with each set of features",
        run: plain!(words::test),
    },
    Word {
        name: "bench",
        does: "[once|counts]: every bench once, and the counts that must not rise",
        run: words::bench,
    },
    Word {
        name: "fuzz",
        does: "[SECONDS] [TARGET...]: fuzzes, 30 s each target",
        run: fuzz::fuzz,
    },
    Word {
        name: "features",
        does: "[FEATURE...]: the crates of each feature and the time to build it, for the README",
        run: features::features,
    },
    Word {
        name: "doc",
        does: "the documentation, with warnings denied",
        run: plain!(words::doc),
    },
    Word {
        name: "ci",
        does: "the whole gate, as CI runs it",
        run: plain!(ci::ci),
    },
    Word {
        name: "lint",
        does: "format, unsafe code, dependencies, clippy",
        run: plain!(lint::lint),
    },
    Word {
        name: "api",
        does: "[--write]: compares docs/public-api.txt with the code, or renews it",
        run: api::api,
    },
    Word {
        name: "semver",
        does: "looks for breaking changes since the last release",
        run: plain!(semver::semver),
    },
    Word {
        name: "package",
        does: "builds what would be published",
        run: plain!(words::package),
    },
    Word {
        name: "examples",
        does: "starts the examples and asks them",
        run: plain!(words::examples),
    },
    Word {
        name: "soak",
        does: "clients that come and go, for ten seconds",
        run: plain!(words::soak),
    },
    Word {
        name: "clients",
        does: "[conformance|referees|interop|ways|nginx]: other people's programs",
        run: words::clients,
    },
    Word {
        name: "frameworks",
        does: "the tests inside web frameworks",
        run: plain!(words::frameworks),
    },
    Word {
        name: "tls",
        does: "the tests behind TLS and on HTTP/2",
        run: plain!(words::tls),
    },
    Word {
        name: "hyper-range",
        does: "what relies on hyper's insides, with the oldest and the newest hyper",
        run: plain!(hyper_range::hyper_range),
    },
    Word {
        name: "tools",
        does: "installs what `bench` and `clients` need, as root on Debian",
        run: plain!(words::tools),
    },
    Word {
        name: "fuzz-build",
        does: "builds the fuzz targets",
        run: plain!(fuzz::build),
    },
    Word {
        name: "everything",
        does: "builds the example that the clients talk to",
        run: plain!(words::everything),
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((word, args)) = args
        .split_first()
        .and_then(|(name, args)| Some((find(name)?, args)))
    else {
        eprintln!("usage: cargo xtask WORD\n");
        for Word { name, does, .. } in WORDS {
            eprintln!("  {name:<12}{does}");
        }
        return ExitCode::from(2);
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::set_current_dir(root).expect("the repository is where it was built");
    let began = Instant::now();
    let outcome = (word.run)(args);
    println!(
        "{}: {} s{}",
        word.name,
        began.elapsed().as_secs(),
        processor_time()
    );
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("FAILED: {why}");
            ExitCode::FAILURE
        }
    }
}

fn find(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

/// What the commands that have ended took of the processors, where the system tells.
fn processor_time() -> String {
    children_seconds()
        .map(|seconds| format!(", {seconds:.0} s of processor time"))
        .unwrap_or_default()
}
