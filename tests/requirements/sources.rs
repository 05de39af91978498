//! The texts of the repository, and which parts of them are tests or public documentation.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository.
pub(crate) struct Source {
    /// From the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Folders in which nobody writes text by hand.
const SKIPPED: [&str; 7] = [
    "target",
    "node_modules",
    "corpus",
    "artifacts",
    "seeds",
    "peers",
    "requirements",
];
const ENDINGS: [&str; 9] = ["rs", "md", "http", "py", "mjs", "sh", "txt", "toml", ""];

/// All texts below the folders that people write in, and beside them.
pub(crate) fn all(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in [
        "src", "tests", "fuzz", "benches", "examples", "xtask", "docs", ".ci",
    ] {
        walk(root, &root.join(folder), &mut sources);
    }
    for entry in fs::read_dir(root).expect("the root can be read") {
        let path = entry.expect("the root can be read").path();
        if path.is_file() {
            add(root, &path, &mut sources);
        }
    }
    // The folder of the lists is skipped because of its made-up citations; its program is not.
    add(root, &root.join("tests/requirements/main.rs"), &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_hidden = name.starts_with('.');
        if path.is_file() {
            add(root, &path, sources);
        } else if path.is_dir() && !is_hidden && !SKIPPED.contains(&&*name) {
            walk(root, &path, sources);
        }
    }
}

fn add(root: &Path, path: &Path, sources: &mut Vec<Source>) {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    if ENDINGS.contains(&&*ending)
        && let Ok(text) = fs::read_to_string(path)
    {
        let path = path.strip_prefix(root).unwrap_or(path).to_owned();
        sources.push(Source { path, text });
    }
}

/// The line from which on a file is a test, if it has such a part: what proves a requirement.
pub(crate) fn tests_from(path: &Path, text: &str) -> Option<usize> {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let ends_in_tests = parts
        .iter()
        .any(|part| part == "tests" || part == "tests.rs");
    match &*parts[0] {
        "tests" | "fuzz" => Some(1),
        "src" if ends_in_tests => Some(1),
        "src" => {
            let lines: Vec<_> = text.lines().collect();
            let is_module =
                |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && opens_a_module(pair[1]);
            lines.windows(2).position(is_module).map(|at| at + 1)
        }
        _ => None,
    }
}

fn opens_a_module(line: &str) -> bool {
    let line = line.trim();
    let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
    line.starts_with("mod ") && line.ends_with('{')
}

/// The files of public modules, from `lib.rs` down, and the texts that they include as documentation.
pub(crate) fn public_modules(root: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    module(root, Path::new("src/lib.rs"), &mut files);
    files
}

fn module(root: &Path, file: &Path, files: &mut BTreeSet<PathBuf>) {
    let text = fs::read_to_string(root.join(file)).unwrap_or_default();
    files.insert(file.to_owned());
    let is_root = ["lib.rs", "mod.rs"].iter().any(|name| file.ends_with(name));
    let folder = if is_root {
        file.parent().unwrap_or(file).to_owned()
    } else {
        file.with_extension("")
    };
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(';'))
        {
            let flat = folder.join(format!("{name}.rs"));
            let nested = folder.join(name).join("mod.rs");
            let child = if root.join(&flat).is_file() {
                flat
            } else {
                nested
            };
            module(root, &child, files);
        }
        let included = line
            .split_once("include_str!(\"")
            .filter(|_| line.contains("doc = "));
        if let Some((name, _)) = included.and_then(|(_, rest)| rest.split_once('"')) {
            let path = root.join(file.parent().unwrap_or(file)).join(name);
            let path = path.canonicalize().unwrap_or(path);
            let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
            files.insert(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
    }
}
