//! What is checked without running anything: format, unsafe code, dependencies, clippy.

use std::fs;
use std::path::Path;

use crate::command::{Outcome, cargo};

/// Packages that are workspaces of their own, which commands at the root do not reach.
const APART: [&str; 3] = ["fuzz", "benches/peers", "tests/tls"];

/// The direct dependencies of the default build.
const DIRECT: &str = "bytes http-body-util hyper hyper-util serde_json tokio uuid";
/// The most crates that the default build may have, all in all.
const CRATES: usize = 30;

pub(crate) fn lint() -> Outcome {
    format()?;
    no_unsafe()?;
    dependencies()?;
    clippy()
}

fn format() -> Outcome {
    cargo("fmt --all --check").run()?;
    for package in APART {
        cargo(&format!("fmt --check --manifest-path {package}/Cargo.toml")).run()?;
    }
    Ok(())
}

fn clippy() -> Outcome {
    // The library alone, which shows what it takes for granted of its dependencies' features.
    cargo("clippy --no-default-features -- -D warnings").run()?;
    cargo("clippy --no-default-features --lib --tests -- -D warnings").run()?;
    cargo("clippy -- -D warnings").run()?;
    cargo("clippy --all-targets --all-features -- -D warnings").run()?;
    // Both sets of features of `everything`.
    cargo("clippy --package everything --features tls,http2 --all-targets -- -D warnings").run()?;
    let members = "--package everything --package jwt --package tls --package xtask";
    cargo(&format!("clippy {members} --all-targets -- -D warnings")).run()
}

/// The lint forbids unsafe code; this keeps the lint.
fn no_unsafe() -> Outcome {
    let manifest = read(Path::new("Cargo.toml"))?;
    if !manifest
        .lines()
        .any(|line| line == "unsafe_code = \"forbid\"")
    {
        return Err("Cargo.toml no longer forbids unsafe code".to_owned());
    }
    let mut found = Vec::new();
    find_unsafe(Path::new("src"), &mut found)?;
    if !found.is_empty() {
        return Err(format!("unsafe code in src:\n{}", found.join("\n")));
    }
    Ok(())
}

/// Comments may say the word.
fn find_unsafe(path: &Path, found: &mut Vec<String>) -> Outcome {
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
        for entry in entries.flatten() {
            find_unsafe(&entry.path(), found)?;
        }
        return Ok(());
    }
    if path.extension().is_some_and(|end| end == "rs") {
        for (number, line) in read(path)?.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            // A policy for pages has the word `'unsafe-eval'`.
            let mut words = code.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'));
            if words.any(|word| word == "unsafe") {
                found.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    Ok(())
}

/// The default build has the dependencies of [`DIRECT`], and few crates behind them.
fn dependencies() -> Outcome {
    let tree = |depth: &str| {
        let line = format!("tree --locked --edges normal --prefix none --format {{p}} {depth}");
        cargo(&line).output()
    };
    // The first line is the crate itself.
    let mut direct = names(tree("--depth 1")?.lines().skip(1), 1);
    direct.sort_unstable();
    let direct = direct.join(" ");
    if direct != DIRECT {
        return Err(format!(
            "the direct dependencies are: {direct}; expected: {DIRECT}"
        ));
    }
    let crates = names(tree("")?.lines().skip(1), 2).len();
    println!("{direct}; {crates} crates in all");
    if crates > CRATES {
        return Err(format!(
            "the default build has {crates} crates, more than {CRATES}"
        ));
    }
    Ok(())
}

/// The first words of each line, without duplicates.
fn names<'a>(lines: impl Iterator<Item = &'a str>, words: usize) -> Vec<String> {
    let mut names: Vec<String> = lines
        .map(|line| line.split(' ').take(words).collect::<Vec<_>>().join(" "))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
