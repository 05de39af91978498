//! The words that are a few commands each.

use std::fs;

use crate::command::{Line, Outcome, cargo};
use crate::examples;
use crate::lint;

/// The quick form of the gate, for use while working.
pub(crate) fn check() -> Outcome {
    lint::lint()?;
    cargo("test --all-features --lib").run()?;
    cargo("test --all-features --test requirements").run()?;
    // Layers, circles, lengths.
    cargo("test --all-features --test it layering").run()
}

/// The tests of the library, with each set of features.
pub(crate) fn test() -> Outcome {
    // The command of the README.
    cargo("test").run()?;
    cargo("test --package xtask").run()?;
    // clippy has seen the examples with all features.
    cargo("test --all-features --lib --tests").run()?;
    cargo("test --all-features --doc").run()?;
    cargo("test --no-default-features").run()
}

/// Behind TLS and on HTTP/2: a package of its own, because of what it depends on.
pub(crate) fn tls() -> Outcome {
    cargo("clippy --manifest-path tests/tls/Cargo.toml --all-targets -- -D warnings").run()?;
    cargo("test --manifest-path tests/tls/Cargo.toml").run()
}

/// Inside web frameworks: a package of its own, because of what it depends on.
pub(crate) fn frameworks() -> Outcome {
    cargo("clippy --package frameworks --all-targets -- -D warnings").run()?;
    cargo("test --package frameworks").run()
}

/// Every bench once, and the counts that must not rise; or one of the two: `bench [once|counts]`.
pub(crate) fn bench(args: &[String]) -> Outcome {
    match args {
        [] => bench_once().and_then(|()| counts()),
        [part] if part == "once" => bench_once(),
        [part] if part == "counts" => counts(),
        _ => Err("usage: cargo xtask bench [once | counts]".to_owned()),
    }
}

/// As tests, which build in a third of the time.
fn bench_once() -> Outcome {
    let benches = "--bench wire --bench protocol --bench memory --bench retained \
                   --bench instructions --bench connections";
    cargo(&format!("test {benches} -- --test")).run()
}

/// What is counted has to be the code that is released.
fn counts() -> Outcome {
    cargo("bench --bench instructions -- --check").run()?;
    cargo("bench --bench idle_session").run()
}

pub(crate) fn doc() -> Outcome {
    let doc = |args: &str| {
        cargo(&format!("doc --no-deps {args}"))
            .env("RUSTDOCFLAGS", "-D warnings")
            .run()
    };
    doc("--no-default-features")?;
    doc("--all-features")?;
    doc("--all-features --document-private-items")
}

/// Packs what would be published, and builds it from the package.
pub(crate) fn package() -> Outcome {
    cargo("package --locked --allow-dirty").run()
}

pub(crate) fn examples() -> Outcome {
    examples::examples()
}

/// A short one: 200 clients for ten seconds.
pub(crate) fn soak() -> Outcome {
    cargo("build --all-features --example soak").run()?;
    // More files than some shells allow at first; the soak says so when there are too few.
    let soak = "ulimit -n 4096 2>/dev/null; exec \"$0\" --seconds 10 --clients 200";
    Line::new("sh -c")
        .arg(soak)
        .arg(&examples::built("examples/soak"))
        .run()
}

/// Where `everything` puts its copy of the example.
pub(crate) const EVERYTHING: &str = "target/ci/everything";

/// Builds the everything example, and copies it to where no later build replaces it.
pub(crate) fn everything() -> Outcome {
    cargo("build --package everything --features tls,http2").run()?;
    let folder = EVERYTHING
        .rsplit_once('/')
        .map_or(".", |(folder, _)| folder);
    fs::create_dir_all(folder).map_err(|error| format!("{folder}: {error}"))?;
    let copied = fs::copy(examples::built("everything"), EVERYTHING);
    copied
        .map(drop)
        .map_err(|error| format!("{EVERYTHING}: {error}"))
}

/// The suites, and the script of each.
const SUITES: [(&str, &str); 5] = [
    ("conformance", "conformance/run.sh"),
    ("referees", "referees/run.sh"),
    ("interop", "interop/run.sh"),
    ("ways", "interop/ways.sh"),
    ("nginx", "nginx/run.sh"),
];

/// The everything example in the hands of other people's programs: `clients [SUITE...]`.
pub(crate) fn clients(args: &[String]) -> Outcome {
    let names = SUITES.map(|(suite, _)| suite);
    if let Some(unknown) = args.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("there is no suite {unknown}: {}", names.join(", ")));
    }
    for (suite, script) in SUITES {
        if !args.is_empty() && !args.iter().any(|name| name == suite) {
            continue;
        }
        Line::new(&format!("bash tests/{script}")).run()?;
    }
    Ok(())
}

pub(crate) fn tools() -> Outcome {
    Line::new(".ci/install clients benches").run()
}
