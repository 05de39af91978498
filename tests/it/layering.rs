//! The map of the floors, read off the sources: who may name whom, and what has one home only.

use std::fs;
use std::path::Path;

/// A rule: these words stand only in files that `may` admits.
struct Rule {
    words: &'static [&'static str],
    may: fn(&str) -> bool,
}

const RULES: &[Rule] = &[
    // The floors: a floor names those below it.
    Rule {
        words: &["server"],
        may: |file| file.starts_with("server/") || file == "lib.rs",
    },
    Rule {
        words: &["transport"],
        may: |file| above("transport", file) || file.starts_with("transport/"),
    },
    Rule {
        words: &["protocol"],
        may: |file| !file.starts_with("wire/") && file != "error.rs",
    },
];

fn above(floor: &str, file: &str) -> bool {
    match floor {
        "transport" => file.starts_with("server/") || file == "lib.rs",
        _ => false,
    }
}

/// Words of code that have one home each: all of the words, and the files they may stand in.
const HOMES: &[Rule] = &[
    // Time and tasks are of the upper floors; the lower two decide over values.
    Rule {
        words: &["tokio", "async "],
        may: |file| file.starts_with("transport/") || file.starts_with("server/"),
    },
    Rule {
        words: &["Instant::now", "SystemTime::now"],
        may: |file| file.starts_with("transport/"),
    },
    Rule {
        words: &["hyper::", "http_body_util::", "hyper_util::"],
        may: |file| file.starts_with("transport/") || file.starts_with("protocol/"),
    },
    Rule {
        words: &[
            "http_body_util::",
            "hyper_util::",
            "hyper::body",
            "hyper::service",
        ],
        may: |file| file.starts_with("transport/"),
    },
    Rule {
        words: &["StatusCode::"],
        may: |file| {
            [
                "protocol/rejection.rs",
                "transport/service.rs",
                "transport/http_sse.rs",
            ]
            .contains(&file)
        },
    },
    // What differs by revision is asked by name (`has_titles`), never compared.
    Rule {
        words: &[
            "Self::V20",
            ">= ProtocolVersion::",
            "<= ProtocolVersion::",
            "> ProtocolVersion::",
            "< ProtocolVersion::",
        ],
        may: |file| file == "wire/version.rs",
    },
    Rule {
        words: &["Mutex", "RwLock"],
        may: |file| {
            [
                "protocol/table.rs",
                "transport/body.rs",
                "server/registry.rs",
            ]
            .contains(&file)
        },
    },
    Rule {
        words: &["tokio::spawn", "JoinSet", "spawn_blocking"],
        may: |file| ["transport/http_sse.rs", "transport/serve.rs"].contains(&file),
    },
    Rule {
        words: &["HeaderName::from_static"],
        may: |file| file == "protocol/header.rs",
    },
];

/// A file of the crate: its path below `src/`, and its code.
struct Source {
    file: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file = path.strip_prefix(&root).unwrap().to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if file.ends_with(".rs") && !file.ends_with("tests.rs") {
                let file = file.replace('\\', "/");
                let code = code_of(&fs::read_to_string(&path).unwrap());
                sources.push(Source { file, code });
            }
        }
    }
    sources
}

/// The code that ships: without comments and without the tests at the end of a file.
fn code_of(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]\nmod tests {").next();
    let lines = shipped.unwrap_or_default().lines();
    let code = lines.map(|line| match line.split_once("//") {
        // `://` is in a string, not before a comment.
        Some((code, _)) if !code.ends_with(':') => code,
        _ => line,
    });
    code.collect::<Vec<_>>().join("\n")
}

/// Whether code names a floor: `crate::floor`, `super::floor` from the files that lie beside the
/// floors, or a `crate::{…}` list with it.
fn names_floor(code: &str, floor: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let direct = |path: &str| {
        code.match_indices(path)
            .any(|(at, _)| ends(&code[at + path.len()..]))
    };
    let in_list = code.match_indices("crate::{").any(|(at, _)| {
        let list = &code[at..];
        let list = &list[..list.find(';').unwrap_or(list.len())];
        list.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == floor)
    });
    direct(&format!("crate::{floor}")) || direct(&format!("super::super::{floor}")) || in_list
}

fn offences(sources: &[Source], rules: &[Rule], hit: fn(&str, &str) -> bool) -> Vec<String> {
    let mut offences = Vec::new();
    for Source { file, code } in sources {
        for rule in rules.iter().filter(|rule| !(rule.may)(file)) {
            let words = rule.words.iter().filter(|word| hit(code, word));
            offences.extend(words.map(|word| format!("src/{file} names `{word}`")));
        }
    }
    offences
}

fn contains(code: &str, word: &str) -> bool {
    code.contains(word)
}

#[track_caller]
fn check(sources: &[Source], rules: &[Rule], hit: fn(&str, &str) -> bool) {
    let offences = offences(sources, rules, hit);
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn a_floor_names_only_those_below_it() {
    let sources = sources();
    assert!(sources.len() > 20, "the sources were found");
    check(&sources, RULES, names_floor);
}

#[test]
fn what_has_one_home_stands_nowhere_else() {
    check(&sources(), HOMES, contains);
}

/// A matcher that finds nothing proves nothing.
#[test]
fn the_matchers_find_what_is_wrong() {
    let wrong = |file: &str, code: &str| {
        let source = Source {
            file: file.to_owned(),
            code: code_of(code),
        };
        let sources = [source];
        offences(&sources, RULES, names_floor).len() + offences(&sources, HOMES, contains).len()
    };
    for (file, code) in [
        ("wire/id.rs", "use crate::protocol::level::LogLevel;"),
        ("wire/id.rs", "use crate::{error::Error, transport};"),
        ("wire/id.rs", "let x = crate::server::Tool::new();"),
        ("wire/id.rs", "use hyper::Uri;"),
        ("wire/sse.rs", "let now = Instant::now();"),
        ("protocol/session.rs", "use crate::transport::body::Sender;"),
        ("protocol/session.rs", "use super::super::server::Tool;"),
        ("protocol/session.rs", "use tokio::sync::mpsc;"),
        ("protocol/session.rs", "pub async fn run() {}"),
        ("protocol/session.rs", "use hyper::body::Body;"),
        ("protocol/session.rs", "use std::sync::Mutex;"),
        ("protocol/guard.rs", "StatusCode::FORBIDDEN"),
        ("protocol/guard.rs", "HeaderName::from_static(\"x\")"),
        ("transport/body.rs", "use crate::server::Tool;"),
        ("transport/body.rs", "tokio::spawn(work)"),
        (
            "transport/body.rs",
            "if v >= ProtocolVersion::V2025_06_18 {}",
        ),
        ("server/tool.rs", "use hyper::Request;"),
        ("server/tool.rs", "StatusCode::OK"),
    ] {
        assert!(wrong(file, code) > 0, "{file}: {code}");
    }
    for (file, code) in [
        (
            "wire/id.rs",
            "// crate::transport decides\nuse crate::error::Error;",
        ),
        (
            "wire/id.rs",
            "use crate::wire::protocols;\nlet x = 1; // tokio",
        ),
        ("wire/id.rs", "#[cfg(test)]\nmod tests {\nuse tokio::time;"),
        (
            "transport/body.rs",
            "use crate::protocol::rejection::Rejection;",
        ),
        ("server/tool.rs", "use crate::transport::dispatch::Context;"),
    ] {
        assert_eq!(wrong(file, code), 0, "{file}: {code}");
    }
}
