//! What each feature costs those who build it.

use std::collections::BTreeSet;
use std::fs;

use crate::command::{Outcome, cargo, children_seconds};

/// A folder of its own, emptied before each build, so that each builds everything.
const TARGET: &str = "target/features";

/// `features [FEATURE...]`: prints a table of the crates and the processor seconds of each feature, beside those of
/// the library as it comes.
pub(crate) fn features(args: &[String]) -> Outcome {
    let all = known()?;
    if let Some(unknown) = args.iter().find(|arg| !all.contains(arg)) {
        return Err(format!(
            "there is no feature {unknown}; there are {}",
            all.join(", ")
        ));
    }
    let chosen = if args.is_empty() { &all } else { args };
    let plain = crates("")?;
    let mut rows = vec![format!(
        "| as it comes | {} | {:.0} |",
        plain.len(),
        built("")?
    )];
    for feature in chosen {
        let flags = format!("--features {feature}");
        let more = crates(&flags)?.difference(&plain).count();
        rows.push(format!("| `{feature}` | +{more} | {:.0} |", built(&flags)?));
    }
    println!("| feature | crates | build, processor seconds |");
    println!("| --- | --: | --: |");
    println!("{}", rows.join("\n"));
    Ok(())
}

/// The features that are not on by default, in the order of `Cargo.toml`.
fn known() -> Result<Vec<String>, String> {
    let text = fs::read_to_string("Cargo.toml").map_err(|error| format!("Cargo.toml: {error}"))?;
    let lines = text.lines().skip_while(|line| *line != "[features]");
    let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()));
    Ok(names
        .filter(|name| name != "default" && name != "server")
        .collect())
}

/// The crates in the graph, without the library itself.
fn crates(flags: &str) -> Result<BTreeSet<String>, String> {
    let tree = cargo(&format!("tree --prefix none --edges normal,build {flags}")).output()?;
    let names = tree
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next());
    Ok(names.map(str::to_owned).collect())
}

/// How long the processors take to build the library and all that it needs, without optimization.
fn built(flags: &str) -> Result<f64, String> {
    if fs::exists(TARGET).unwrap_or(false) {
        fs::remove_dir_all(TARGET).map_err(|error| format!("{TARGET}: {error}"))?;
    }
    let before = children_seconds().unwrap_or_default();
    cargo(&format!(
        "build --quiet --lib --target-dir {TARGET} {flags}"
    ))
    .run()?;
    Ok(children_seconds().unwrap_or_default() - before)
}
