//! Which files of the repository the checks are about.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders whose code keeps to the rules.
pub(super) const FOLDERS: [&str; 5] = ["src", "benches", "fuzz", "examples", "xtask"];

/// All source files below a folder, sorted, without files of tests.
pub(super) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten();
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                if !path.ends_with("target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The root files of crates: `lib.rs`, `main.rs`, and each file directly in a folder of targets.
pub(super) fn roots(folder: &Path) -> Vec<PathBuf> {
    let is_target_folder = |path: &Path| {
        ["benches", "examples", "fuzz_targets"]
            .iter()
            .any(|name| path.ends_with(name))
    };
    let is_root = |path: &PathBuf| {
        path.ends_with("main.rs")
            || path.ends_with("lib.rs")
            || path.parent().is_some_and(is_target_folder)
    };
    sources(folder).into_iter().filter(is_root).collect()
}
