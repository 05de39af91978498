//! The checks on small made-up texts: each of them can fail.

use std::path::Path;

use crate::citations::{Citation, citations};
use crate::docs::public_docs;
use crate::rows::Document;
use crate::sources::{Source, public_modules, tests_from};
use crate::{faults, private_numbers, tested, unproven};

const LIST: &str = "\
# DEMO: a list

## C. Section

### C.1 A decision table

| # | Condition | Status |
|---|---|---|
| 1 | wrong | 400 |
| 10a | empty | 400 |

| id | level | revisions | text | source | why no test |
|---|---|---|---|---|---|
| C-1 | MUST | * | One `a\\|b`. | Page |  |
| C-2 | SHOULD/MAY | 24 S | Two. | Page |  |
| C-4 | REC | L | Four. | Page | about clients only |
";

const NOTES: &str = "\
# NOTES: numbered

| id | level | revisions | text | source | why no test |
|---|---|---|---|---|---|
| 7 | REC | * | Seven. | Page |  |
| 16 | REC | * | Sixteen. | Page | open: Next |
";

fn documents() -> Vec<Document> {
    [LIST, NOTES]
        .map(|text| Document::parse(text).expect("the list is whole"))
        .into()
}

/// What a text cites, in words.
fn read(text: &str) -> Vec<String> {
    citations(text, &documents(), None)
        .iter()
        .map(|citation| match citation {
            Citation::Row { document, id, .. } => format!("{document} {id}"),
            Citation::Section { .. } => "section".to_owned(),
            Citation::Unknown { document, what, .. } => format!("no {document} {what}"),
            Citation::Bare { id, .. } => format!("bare {id}"),
        })
        .collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(read(text), expected, "{text}");
}

#[test]
fn a_list_is_read() {
    let document = Document::parse(LIST).unwrap();
    assert_eq!(document.name, "DEMO");
    let ids: Vec<_> = document.rows.iter().map(|row| &*row.id).collect();
    assert_eq!(ids, ["C-1", "C-2", "C-4"]);
    assert_eq!(document.rows[2].reason, "about clients only");
    assert!(document.sections["C.1"].contains("10a"));
}

#[test]
fn a_list_with_a_fault_is_refused() {
    for (from, to, fault) in [
        ("# DEMO", "DEMO", "no title"),
        ("| C-2 |", "| C-1 |", "C-1 is duplicated"),
        ("| REC |", "| WANT |", "\"WANT\" is not a level"),
        ("| 24 S |", "| 25 |", "\"25\" are not revisions"),
        ("| Four. |", "|  |", "C-4 has no text"),
        ("| Two. | Page |", "| Two. |", "5 columns"),
        ("about clients only", "open", "the title of the issue"),
    ] {
        let faults = Document::parse(&LIST.replace(from, to)).unwrap_err();
        assert!(
            faults.iter().any(|found| found.contains(fault)),
            "{faults:?}"
        );
    }
}

#[test]
fn citations_are_found() {
    check("/// DEMO C-1: a sentence.", &["DEMO C-1"]);
    check(
        "// (DEMO C-1, C-2 and C-4)",
        &["DEMO C-1", "DEMO C-2", "DEMO C-4"],
    );
    check("DEMO C-1 to C-4", &["DEMO C-1", "DEMO C-4", "DEMO C-2"]);
    check("//! DEMO C-1,\n    //! C-2.", &["DEMO C-1", "DEMO C-2"]);
    check(
        "DEMO C-1, NOTES 7 and 16",
        &["DEMO C-1", "NOTES 7", "NOTES 16"],
    );
    check("DEMO C.1, C-2", &["section", "DEMO C-2"]);
    check(
        "DEMO C, C.1 rows 1 and 10a, C-2",
        &["section", "section", "section", "section", "DEMO C-2"],
    );
    check("DEMO C.1 (406), C-2", &["section", "DEMO C-2"]);
    check("DEMO C-1, 400 for all", &["DEMO C-1"]);
    check("the DEMO of NOTES", &[]);
    check("UTF-8, GO-2026-4773, P-256, Z-1", &[]);
}

/// A wrong id, and one without its document, is a fault with its line.
#[test]
fn a_wrong_citation_is_found() {
    check("DEMO C-3", &["no DEMO C-3"]);
    check("DEMO C-1, C-9", &["DEMO C-1", "no DEMO C-9"]);
    check("DEMO C.2", &["no DEMO C.2"]);
    check("DEMO C.1 row 2", &["section", "no DEMO C.1 row 2"]);
    check(
        "DEMO C-4 to C-1",
        &["DEMO C-4", "DEMO C-1", "no DEMO C-4 to C-1"],
    );
    check("NOTES 8", &["no NOTES 8"]);
    check("as C-1 says", &["bare C-1"]);
    check("as C-9 says", &["bare C-9"]);
    check("OTHER C-1", &["bare C-1"]);
    let found = citations("\n// C-1\n// DEMO C-3", &documents(), None);
    let found = faults(Path::new("a.rs"), &found);
    assert_eq!(
        found,
        ["a.rs:2: C-1 of which document?", "a.rs:3: DEMO has no C-3"]
    );
}

/// Within its own list an id needs no name, but it must exist.
#[test]
fn a_list_cites_itself_by_the_id_alone() {
    let documents = documents();
    let found = citations("as C-1 says, and C-9", &documents, Some(&documents[0]));
    let found = faults(Path::new("demo.md"), &found);
    assert_eq!(found, ["demo.md:1: C-9 of which document?"]);
}

fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.into(),
        text: text.to_owned(),
    }
}

/// Only tests prove a requirement: code and prose that cite it do not.
#[test]
fn a_row_that_nothing_proves_is_found() {
    let documents = documents();
    let code = "// DEMO C-1\n#[cfg(test)]\nmod tests {\n    /// DEMO C-2\n}\n";
    let sources = [
        source("src/a.rs", code),
        source("README.md", "DEMO C-1"),
        source("benches/b.rs", "// DEMO C-1"),
        source("tests/it/c.rs", "/// NOTES 16"),
    ];
    let tested = tested(&sources, &documents);
    assert_eq!(tested.iter().collect::<Vec<_>>(), ["DEMO C-2", "NOTES 16"]);
    assert_eq!(
        unproven(&documents, &tested),
        [
            "DEMO C-1: no test cites it",
            "NOTES 7: no test cites it",
            "NOTES 16: a test cites it, so its reason has to go: open: Next",
        ]
    );
}

#[test]
fn tests_begin_where_their_module_does() {
    let module = "use a;\n#[cfg(test)]\nuse b;\n\n#[cfg(test)]\nmod tests {\n";
    for (path, text, expected) in [
        ("src/a.rs", module, Some(5)),
        ("src/a.rs", "#[cfg(test)]\nmod tests;\n", None),
        ("src/a/tests.rs", "", Some(1)),
        ("src/a/tests/b.rs", "", Some(1)),
        ("tests/it/a.rs", "", Some(1)),
        ("fuzz/src/a.rs", "", Some(1)),
        ("benches/a.rs", module, None),
        ("examples/a.rs", module, None),
    ] {
        assert_eq!(tests_from(Path::new(path), text), expected, "{path}");
    }
}

const CODE: &str = "\
//! Module, DEMO C-1.

/// Private, DEMO C-1.
pub(crate) fn a() {}

/// Public, DEMO C-2.
#[must_use = \"a\"]
#[doc(
    alias = \"b\",
)]
pub fn b() {}

/// A kind.
pub enum Kind {
    /// One, DEMO C-4.
    One,
}

/// Private again, DEMO C-1.
enum Other {
    /// Two, DEMO C-1.
    Two,
}
";

#[test]
fn public_documentation_is_told_from_private() {
    let lines = |is_public| {
        let docs = public_docs(CODE, is_public, usize::MAX);
        docs.iter().map(|(line, _)| *line).collect::<Vec<_>>()
    };
    assert_eq!(lines(true), [1, 6, 13, 15]);
    assert_eq!(lines(false), [6, 13, 15]);
    assert_eq!(
        public_docs(CODE, true, 6),
        [(1, " Module, DEMO C-1.".to_owned())]
    );
}

#[test]
fn public_modules_are_found_from_the_root_down() {
    let files = public_modules(crate::root());
    let has = |path: &str| files.contains(Path::new(path));
    assert!(
        has("src/lib.rs") && has("src/auth.rs") && has("docs/manual.md"),
        "{files:?}"
    );
    assert!(!has("src/error.rs"), "{files:?}");
}

#[test]
fn a_number_in_public_documentation_is_found() {
    let documents = documents();
    let code = source("src/a.rs", CODE);
    assert_eq!(
        private_numbers(&code, false, &documents),
        [
            "src/a.rs:6: Public, DEMO C-2.",
            "src/a.rs:15: One, DEMO C-4."
        ]
    );
    let manual = source("docs/manual.md", "Fine.\nAs NOTES 7 says.\n");
    assert_eq!(
        private_numbers(&manual, true, &documents),
        ["docs/manual.md:2:As NOTES 7 says."]
    );
}
