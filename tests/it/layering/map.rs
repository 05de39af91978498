//! The code map of ARCHITECTURE.md: each file of `src/` has a row there, and each row has its file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::files::sources;

/// The files that the map has rows for, as paths below `src/`.
///
/// A heading such as ``### `src/wire/` `` names a folder, and stands for its `mod.rs`. Below it, a row that begins with
/// `` | `id` | `` stands for `id.rs`, and one with `` | `jsonrpc/` | `` for `jsonrpc/mod.rs`.
fn mapped(architecture: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folder = None;
    for line in architecture.lines() {
        if line.starts_with('#') {
            folder = quoted(line, "### `src/");
            files.extend(
                folder
                    .filter(|folder| !folder.is_empty())
                    .map(|folder| format!("{folder}mod.rs")),
            );
        } else if let (Some(folder), Some(name)) = (folder, quoted(line, "| `")) {
            let end = if name.ends_with('/') { "mod.rs" } else { ".rs" };
            files.insert(format!("{folder}{name}{end}"));
        }
    }
    files
}

/// What stands between the prefix of a line and the next backtick.
fn quoted<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    line.strip_prefix(prefix)?.split('`').next()
}

#[test]
fn the_code_map_has_each_file_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mapped = mapped(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let src = root.join("src");
    let files: BTreeSet<String> = sources(&src)
        .iter()
        .map(|path| {
            path.strip_prefix(&src)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/")
        })
        .collect();
    let unmapped: Vec<&String> = files.difference(&mapped).collect();
    assert!(
        unmapped.is_empty(),
        "ARCHITECTURE.md has no row for {unmapped:?}"
    );
    let gone: Vec<&String> = mapped.difference(&files).collect();
    assert!(
        gone.is_empty(),
        "ARCHITECTURE.md has rows for files that are gone: {gone:?}"
    );
}

#[test]
fn a_map_is_read_as_it_is_written() {
    let map = "# `lib`\n| `not a row` | |\n\n### `src/`\n\n| `lib` | the crate |\n\n### `src/wire/`: bytes\n\n\
               | file | |\n| `id` | ids |\n| `jsonrpc/` | messages |\n| `jsonrpc/scan` | one pass |\n\n## Next\n| `x` | |\n";
    let expected = [
        "lib.rs",
        "wire/id.rs",
        "wire/jsonrpc/mod.rs",
        "wire/jsonrpc/scan.rs",
        "wire/mod.rs",
    ];
    assert_eq!(mapped(map), expected.map(str::to_owned).into());
}
