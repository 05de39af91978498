//! Keeps the map of ARCHITECTURE.md: which file may name which, how long files are, and the promises that
//! are absences.

mod circles;
mod files;
mod imports;
mod lengths;
mod map;
mod source;

use std::fs;
use std::path::PathBuf;

use imports::Imports;

/// The longest file, in lines of code without its tests.
const LONGEST_FILE: usize = 500;
/// The longest function, in lines from its `fn` to its last brace.
const LONGEST_FUNCTION: usize = 60;
/// Functions that are tables, which may be longer.
const TABLES: &[&str] = &["refusal"];

/// A rule about the code of `src/`, without the tests in it.
struct Rule {
    what: &'static str,
    /// Path prefixes below `src/` that the rule applies to.
    within: &'static [&'static str],
    /// Files that the rule does not apply to.
    but: &'static [&'static str],
    /// Text that must not occur in the code.
    words: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        what: "wire/ names no floor above it",
        within: &["wire/"],
        but: &[],
        words: &[
            "crate::protocol",
            "crate::transport",
            "crate::server",
            "crate::face",
            "crate::error",
        ],
    },
    Rule {
        what: "protocol/ names no floor above it",
        within: &["protocol/"],
        but: &[],
        words: &[
            "crate::transport",
            "crate::server",
            "crate::face",
            "crate::error",
        ],
    },
    Rule {
        what: "transport/ names no floor above it",
        within: &["transport/"],
        but: &[],
        words: &["crate::server", "crate::face"],
    },
    Rule {
        what: "server/ names no floor above it",
        within: &["server/"],
        but: &[],
        words: &["crate::face"],
    },
    Rule {
        what: "wire/ and protocol/ have no async, no runtime, no clock",
        within: &["wire/", "protocol/"],
        but: &[],
        words: &["tokio", "async ", "Instant::now", "SystemTime"],
    },
    Rule {
        what: "wire/ knows nothing of HTTP",
        within: &["wire/"],
        but: &[],
        words: &["hyper", "http_body"],
    },
    Rule {
        what: "server/ names no hyper type and no status",
        within: &["server/"],
        but: &[],
        words: &["hyper", "StatusCode"],
    },
    Rule {
        what: "only refusal.rs maps failures to statuses",
        within: &[""],
        but: &["protocol/rejection/refusal.rs"],
        words: &[
            "StatusCode::BAD",
            "StatusCode::NOT",
            "StatusCode::FORBIDDEN",
            "SERVICE_UNAVAIL",
        ],
    },
    Rule {
        what: "only header.rs spells header names",
        within: &[""],
        but: &["protocol/header.rs"],
        words: &["HeaderName::from_static", "HeaderName::from_bytes"],
    },
    Rule {
        what: "only wire/method.rs spells the methods of MCP",
        within: &[""],
        but: &["wire/method.rs"],
        words: &[
            "\"initialize\"",
            "\"ping\"",
            "\"tools/",
            "\"resources/",
            "\"prompts/",
            "\"subscriptions/",
            "\"notifications/",
        ],
    },
    Rule {
        what: "only version.rs compares revisions",
        within: &[""],
        but: &["wire/version.rs"],
        words: &[
            ">= ProtocolVersion",
            " > ProtocolVersion",
            "< ProtocolVersion",
            "== ProtocolVersion",
        ],
    },
    Rule {
        what: "locks are in table.rs, quota.rs, memory.rs, buffers.rs, queue.rs, observer.rs, parked.rs, registry.rs, \
               round.rs, changes.rs and inbox.rs",
        within: &[""],
        but: &[
            "protocol/table.rs",
            // Counts of which each is one number, taken and given back on every call.
            "protocol/quota.rs",
            // Two trees and a sum, in which nothing waits.
            "transport/backplane/memory.rs",
            "transport/intake/buffers.rs",
            "transport/stream/queue.rs",
            "transport/observe/observer.rs",
            "transport/serve/parked.rs",
            "server/registry.rs",
            "server/round.rs",
            "face/test/changes.rs",
            "face/test/inbox.rs",
        ],
        words: &["Mutex", "RwLock"],
    },
    Rule {
        what: "only buffers.rs, reaper.rs, node.rs and table.rs of tasks, running.rs, batch.rs, stateless.rs, accept_loop.rs, \
               streams.rs, connection.rs of stdio and inbox.rs spawn",
        within: &[""],
        but: &[
            "transport/intake/buffers.rs",
            "transport/session/reaper.rs",
            // A task outlives its request, and a process says that it is alive while nobody asks.
            "transport/tasks/node.rs",
            "transport/tasks/table.rs",
            "transport/shape/running.rs",
            "transport/shape/batch.rs",
            "transport/shape/stateless.rs",
            "transport/serve/accept_loop.rs",
            "face/stdio/connection.rs",
            // hyper gives the streams of an HTTP/2 connection to an executor, each to run beside the others.
            "transport/serve/http2/streams.rs",
            "face/test/inbox.rs",
        ],
        words: &["spawn(", "JoinSet"],
    },
];

impl Rule {
    /// The lines of a file that break the rule.
    fn broken_by<'a>(&self, file: &str, code: &'a str) -> Vec<&'a str> {
        let is_about = self.within.iter().any(|prefix| file.starts_with(prefix));
        if !is_about || self.but.contains(&file) {
            return Vec::new();
        }
        let code = code
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or(code);
        code.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter(|line| self.words.iter().any(|word| line.contains(word)))
            .collect()
    }
}

#[test]
fn every_file_keeps_to_its_floor() {
    let src = root().join("src");
    let files = files::sources(&src);
    assert!(files.len() > 25, "the sources were found");
    for path in files {
        let code = fs::read_to_string(&path).unwrap();
        let file = path
            .strip_prefix(&src)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        for rule in RULES {
            let broken = rule.broken_by(&file, &code);
            assert!(broken.is_empty(), "{}: {file} has {broken:#?}", rule.what);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the files of all crates here name.
fn all_imports() -> Imports {
    let roots: Vec<PathBuf> = files::FOLDERS
        .iter()
        .flat_map(|folder| files::roots(&root().join(folder)))
        .collect();
    assert!(roots.len() > 15, "the crates were found: {roots:?}");
    imports::of_crates(&roots)
}

/// In `src/`, `benches/`, `fuzz/`, `examples/` and `xtask/`.
#[test]
fn no_two_files_and_no_two_folders_import_each_other() {
    let imports = all_imports();
    let service = root().join("src/transport/service.rs");
    let names_lower = imports.get(&service).is_some_and(|named| {
        named
            .iter()
            .any(|file| file.starts_with(root().join("src/protocol")))
    });
    assert!(
        names_lower,
        "the check follows paths: the service names the floor below"
    );
    let found = [circles::of_files(&imports), circles::of_folders(&imports)].concat();
    assert!(found.is_empty(), "these import each other: {found:#?}");
}

#[test]
fn no_file_and_no_function_is_too_long_to_read() {
    let mut broken = Vec::new();
    for path in files::FOLDERS
        .iter()
        .flat_map(|folder| files::sources(&root().join(folder)))
    {
        let lines = lengths::lines_of_code(&path);
        if lines > LONGEST_FILE {
            broken.push(format!("{}: {lines} lines of code", path.display()));
        }
        for function in lengths::functions(&path) {
            if function.lines > LONGEST_FUNCTION && !TABLES.contains(&function.name.as_str()) {
                broken.push(format!(
                    "{}: fn {} has {} lines",
                    path.display(),
                    function.name,
                    function.lines
                ));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "longer than {LONGEST_FILE} or {LONGEST_FUNCTION} lines: {broken:#?}"
    );
}

/// The check itself can fail.
#[test]
fn every_rule_finds_what_it_forbids() {
    for rule in RULES {
        for word in rule.words {
            let file = format!("{}some.rs", rule.within[0]);
            let code = format!("use std::fmt;\n    let x = {word};\n");
            assert_eq!(
                rule.broken_by(&file, &code).len(),
                1,
                "{}: {word}",
                rule.what
            );
            let comment = format!("// {word}\n#[cfg(test)]\nmod tests {{\n {word}\n}}\n");
            assert!(
                rule.broken_by(&file, &comment).is_empty(),
                "{}: {word}",
                rule.what
            );
        }
    }
}
