//! The tests of what relies on hyper's insides, with the oldest and the newest hyper that `Cargo.toml` allows.
//!
//! The version in `Cargo.lock` needs no second run: every other test runs with it. So this takes time only when the
//! range is wider than that.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::command::{Outcome, cargo};

/// A copy of the package, because a lock file is where its manifest is, and other commands use ours meanwhile.
const COPY: &str = "target/hyper-range";
/// What the manifest of the copy names.
const PARTS: [&str; 6] = ["src", "tests", "examples", "benches", "docs", "README.md"];
/// A waiting stream is taken back from hyper, hyper gets one request at a time, and gives sockets away.
const TESTS: &str = "parked upgrades writes ends";

pub(crate) fn hyper_range() -> Outcome {
    let manifest = read("Cargo.toml")?;
    let lock = read("Cargo.lock")?;
    let oldest = oldest(&manifest)?;
    let locked = locked(&lock)?;
    copy(&manifest, &lock)?;
    set("")?;
    let newest = self::locked(&read(&format!("{COPY}/Cargo.lock"))?)?;
    println!("hyper: {oldest} to {newest}, locked {locked}");
    let versions = BTreeSet::from([oldest, newest]);
    for version in versions.iter().filter(|version| **version != locked) {
        set(&format!("--precise {version}"))?;
        test()?;
    }
    Ok(())
}

fn test() -> Outcome {
    let manifest = format!("--manifest-path {COPY}/Cargo.toml --features http2");
    cargo(&format!("test {manifest} --lib -- parked")).run()?;
    cargo(&format!("test {manifest} --test it -- {TESTS}")).run()
}

/// Chooses the hyper of the copy: the newest, or a precise one.
fn set(which: &str) -> Outcome {
    let manifest = format!("--manifest-path {COPY}/Cargo.toml");
    cargo(&format!("update {manifest} --package hyper {which}")).run()
}

/// The package with a lock file of its own, and outside the workspace.
fn copy(manifest: &str, lock: &str) -> Outcome {
    let failed = |error| format!("{COPY}: {error}");
    fs::create_dir_all(COPY).map_err(failed)?;
    let alone: String = manifest
        .lines()
        .filter(|line| !line.starts_with("members = "))
        .flat_map(|line| [line, "\n"])
        .collect();
    fs::write(format!("{COPY}/Cargo.toml"), alone).map_err(failed)?;
    fs::write(format!("{COPY}/Cargo.lock"), lock).map_err(failed)?;
    for part in PARTS {
        let here = Path::new("../..").join(part);
        match symlink(here, format!("{COPY}/{part}")) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(())
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

/// The oldest hyper that the manifest allows.
fn oldest(manifest: &str) -> Result<String, String> {
    let version = manifest.lines().find_map(|line| {
        line.strip_prefix("hyper = { version = \"")?
            .split('"')
            .next()
    });
    let version = version.ok_or("Cargo.toml names no version of hyper")?;
    let zeros = 2_usize.saturating_sub(version.matches('.').count());
    Ok(version.to_owned() + &".0".repeat(zeros))
}

/// The hyper of a lock file.
fn locked(lock: &str) -> Result<String, String> {
    let (_, rest) = lock
        .split_once("\nname = \"hyper\"\nversion = \"")
        .ok_or("Cargo.lock has no hyper")?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_manifest_and_lock() {
        for (manifest, expected) in [
            ("hyper = { version = \"1.12\", a }", Ok("1.12.0".to_owned())),
            ("hyper = { version = \"1\" }", Ok("1.0.0".to_owned())),
            (
                "[a]\nhyper = { version = \"1.2.3\" }",
                Ok("1.2.3".to_owned()),
            ),
            (
                "hyper-util = { version = \"1.2.3\" }",
                Err("Cargo.toml names no version of hyper".to_owned()),
            ),
        ] {
            assert_eq!(oldest(manifest), expected);
        }
        let lock = "[[package]]\nname = \"hyper-util\"\nversion = \"0.1.1\"\n\n[[package]]\nname = \"hyper\"\nversion = \"1.12.0\"\n";
        assert_eq!(locked(lock).unwrap(), "1.12.0");
    }
}
