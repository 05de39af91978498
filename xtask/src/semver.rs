//! Looks for breaking changes since the last release.
//!
//! What always runs is a comparison of two snapshots of the public API, which costs nothing. cargo-semver-checks
//! knows more rules, but takes more processor time to install than all tests to build: it runs where it is installed.

use std::fs;

use crate::api::{SNAPSHOT, only_in};
use crate::command::{Line, Outcome, cargo};

/// Names a revision to compare with, for as long as no release has a tag.
const BASELINE: &str = ".ci/semver-baseline";

pub(crate) fn semver() -> Outcome {
    let Some(baseline) = baseline() else {
        println!(
            "no tag of a release, and no revision of {BASELINE}, is an ancestor: nothing to compare with"
        );
        return Ok(());
    };
    let manifest =
        fs::read_to_string("Cargo.toml").map_err(|error| format!("Cargo.toml: {error}"))?;
    let (old, new) = (
        compatible(&at(&baseline, "Cargo.toml")?),
        compatible(&manifest),
    );
    if old != new {
        println!("{baseline} was {old}, this is {new}: the version says that it breaks");
        return Ok(());
    }
    compare_snapshots(&baseline)?;
    if !cargo("semver-checks --version").succeeds() {
        println!("cargo-semver-checks is not installed: only the snapshots were compared");
        return Ok(());
    }
    cargo(&format!(
        "semver-checks --all-features --release-type minor --baseline-rev {baseline}"
    ))
    .run()
}

/// The newest tag of a release before this commit, or the revision of the file.
fn baseline() -> Option<String> {
    let tag = Line::new("git describe --tags --abbrev=0 --match v[0-9]*").output();
    if let Ok(tag) = tag {
        return Some(tag.trim().to_owned());
    }
    let file = fs::read_to_string(BASELINE).ok()?;
    let revision = file
        .lines()
        .find(|line| !line.starts_with('#'))?
        .trim()
        .to_owned();
    let ancestor = Line::new(&format!("git merge-base --is-ancestor {revision} HEAD"));
    ancestor.succeeds().then_some(revision)
}

/// A file as it was at that revision.
fn at(revision: &str, file: &str) -> Result<String, String> {
    Line::new(&format!("git show {revision}:{file}")).output()
}

/// The part of a package's version that two versions share when the later one breaks nothing: `1`, or `0.2`.
fn compatible(manifest: &str) -> String {
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = \""));
    let parts: Vec<&str> = version.unwrap_or_default().split(['.', '"']).collect();
    match parts[..] {
        ["0", minor, ..] => format!("0.{minor}"),
        [major, ..] => major.to_owned(),
        [] => String::new(),
    }
}

/// No line of the public API may be gone, and no trait may ask for more.
fn compare_snapshots(baseline: &str) -> Outcome {
    let old = at(baseline, SNAPSHOT)?;
    let new = fs::read_to_string(SNAPSHOT).map_err(|error| format!("{SNAPSHOT}: {error}"))?;
    let gone = only_in(&old, &new).map(|line| format!("- {}\n", line.trim()));
    let required = only_in(&new, &old)
        .filter(|line| line.ends_with("(required)") && is_of_trait_in(&old, line))
        .map(|line| format!("+ {}\n", line.trim()));
    let breaking: String = gone.chain(required).collect();
    if breaking.is_empty() {
        return Ok(());
    }
    Err(format!(
        "breaking changes since {baseline}, but the version in Cargo.toml is compatible with its own:\n{breaking}"
    ))
}

/// Whether the method of that line belongs to a trait that the snapshot has.
fn is_of_trait_in(snapshot: &str, line: &str) -> bool {
    let path = line.split(['(', '<']).next().unwrap_or_default();
    let of_trait = path.rsplit_once("::").map_or("", |(of_trait, _)| of_trait);
    let name = of_trait.rsplit(' ').next().unwrap_or_default();
    let declared = format!("pub trait {name}");
    snapshot.lines().any(|line| {
        let rest = line.strip_prefix(&declared);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '<', ' ']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_break_nothing_share_a_part() {
        let of = |version: &str| compatible(&format!("[package]\nversion = \"{version}\"\n"));
        assert_eq!(of("0.2.0"), of("0.2.7"));
        assert_ne!(of("0.2.0"), of("0.3.0"));
        assert_eq!(of("1.2.0"), of("1.9.1"));
        assert_ne!(of("1.2.0"), of("2.0.0"));
    }

    #[test]
    fn a_required_method_breaks_only_a_trait_that_was_there() {
        let snapshot =
            "pub trait Dispatcher: Send\n    pub fn Dispatcher::request(&self) (required)\n";
        assert!(is_of_trait_in(
            snapshot,
            "    pub fn Dispatcher::more(&self) -> u8 (required)"
        ));
        assert!(!is_of_trait_in(
            snapshot,
            "    pub fn Dispatch::more(&self) (required)"
        ));
    }
}
