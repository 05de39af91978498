//! Circles: files, or folders, that import each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::imports::Imports;

/// Each circle of files, by name.
pub(super) fn of_files(imports: &Imports) -> Vec<Vec<PathBuf>> {
    circles(imports)
}

/// Each circle between what one folder holds: its files, and its folders, each taken as one.
pub(super) fn of_folders(imports: &Imports) -> Vec<Vec<PathBuf>> {
    let mut folders: BTreeMap<PathBuf, Imports> = BTreeMap::new();
    for (file, named) in imports {
        for other in named {
            let folder = shared(file, other);
            let graph = folders.entry(folder.clone()).or_default();
            let [from, to] = [file, other].map(|file| entry_below(&folder, file));
            graph.entry(to.clone()).or_default();
            graph.entry(from).or_default().insert(to);
        }
    }
    folders.values().flat_map(circles).collect()
}

/// The folder that two files have in common.
fn shared(a: &Path, b: &Path) -> PathBuf {
    let same = a
        .components()
        .zip(b.components())
        .take_while(|(a, b)| a == b);
    same.map(|(part, _)| part).collect()
}

/// What of a folder a file is in, or is.
fn entry_below(folder: &Path, file: &Path) -> PathBuf {
    let below = file.strip_prefix(folder).unwrap_or(file);
    folder.join(below.iter().next().unwrap_or_default())
}

/// Each group of nodes that reach each other.
fn circles(graph: &Imports) -> Vec<Vec<PathBuf>> {
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = graph
        .keys()
        .map(|node| (node.as_path(), reached_from(graph, node)))
        .collect();
    let mut found: BTreeSet<Vec<PathBuf>> = BTreeSet::new();
    for (node, others) in &reached {
        let returns = |other: &&&Path| reached.get(**other).is_some_and(|back| back.contains(node));
        let circle: Vec<PathBuf> = others
            .iter()
            .filter(returns)
            .map(|node| node.to_path_buf())
            .collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn reached_from<'a>(graph: &'a Imports, node: &Path) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Path> = graph[node].iter().map(PathBuf::as_path).collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            let named = graph.get(next).into_iter().flatten();
            open.extend(named.map(PathBuf::as_path));
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(lines: &[(&str, &[&str])]) -> Imports {
        let line = |(file, named): &(&str, &[&str])| {
            (
                PathBuf::from(file),
                named.iter().map(PathBuf::from).collect(),
            )
        };
        lines.iter().map(line).collect()
    }

    #[track_caller]
    fn check(found: &[Vec<PathBuf>], expected: &[&[&str]]) {
        let names = |circle: &Vec<PathBuf>| -> Vec<String> {
            circle
                .iter()
                .map(|path| path.display().to_string())
                .collect()
        };
        let found: Vec<Vec<String>> = found.iter().map(names).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_circle_of_files_is_found_through_others() {
        let imports = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
        check(&of_files(&imports), &[&["a", "b", "c"]]);
        check(&of_files(&graph(&[("a", &["b"]), ("b", &[])])), &[]);
    }

    #[test]
    fn folders_make_a_circle_where_their_files_make_none() {
        let imports = graph(&[
            ("s/x/a", &["s/y/b"]),
            ("s/y/b", &[]),
            ("s/y/c", &["s/x/d"]),
            ("s/x/d", &[]),
        ]);
        check(&of_files(&imports), &[]);
        check(&of_folders(&imports), &[&["s/x", "s/y"]]);
    }
}
