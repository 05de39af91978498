//! Holds the lists of requirements and the repository to each other: what is cited exists, each
//! requirement is cited by a test or says why not, and readers of the public documentation meet none of
//! these numbers (FIELD P-10).
//!
//! `README.md` in this folder describes the lists. `cargo test --test requirements -- --nocapture` prints
//! how many requirements are tested, excused and open.

mod citations;
mod docs;
mod rows;
mod sources;
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use citations::{Citation, citations};
use rows::Document;
use sources::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lists of this folder, each with its text.
fn lists() -> Vec<(Document, Source)> {
    let folder = root().join("tests/requirements");
    let mut lists = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of the lists can be read") {
        let path = entry.expect("the folder of the lists can be read").path();
        let is_list = path.extension().is_some_and(|ending| ending == "md");
        if is_list && !path.ends_with("README.md") {
            let text = fs::read_to_string(&path).expect("a list can be read");
            let document = Document::parse(&text)
                .unwrap_or_else(|faults| panic!("{}:\n{}", path.display(), faults.join("\n")));
            lists.push((document, Source { path, text }));
        }
    }
    lists
}

fn documents() -> Vec<Document> {
    lists().into_iter().map(|(document, _)| document).collect()
}

#[track_caller]
fn assert_none(faults: &[String], what: &str) {
    assert!(
        faults.is_empty(),
        "{} {what}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// What is wrong with the citations of a text.
fn faults(path: &Path, citations: &[Citation]) -> Vec<String> {
    let describe = |citation: &Citation| match citation {
        Citation::Row { .. } | Citation::Section { .. } => None,
        Citation::Unknown {
            line,
            document,
            what,
        } => Some(format!(
            "{}:{line}: {document} has no {what}",
            path.display()
        )),
        Citation::Bare { line, id } => Some(format!(
            "{}:{line}: {id} of which document?",
            path.display()
        )),
    };
    citations.iter().filter_map(describe).collect()
}

/// The rows that tests cite, as `SPEC C-10`.
fn tested(sources: &[Source], documents: &[Document]) -> BTreeSet<String> {
    let mut tested = BTreeSet::new();
    for source in sources {
        let Some(from) = sources::tests_from(&source.path, &source.text) else {
            continue;
        };
        for citation in citations(&source.text, documents, None) {
            if let Citation::Row { line, document, id } = citation
                && line >= from
            {
                tested.insert(format!("{document} {id}"));
            }
        }
    }
    tested
}

/// Rows that nothing proves, and rows whose reason for that is out of date.
fn unproven(documents: &[Document], tested: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for document in documents {
        for row in &document.rows {
            let name = format!("{} {}", document.name, row.id);
            match (tested.contains(&name), row.reason.is_empty()) {
                (false, true) => faults.push(format!("{name}: no test cites it")),
                (true, false) => faults.push(format!(
                    "{name}: a test cites it, so its reason has to go: {}",
                    row.reason
                )),
                _ => {}
            }
        }
    }
    faults
}

/// Numbers of requirements in the public documentation of a file.
fn private_numbers(source: &Source, is_public_module: bool, documents: &[Document]) -> Vec<String> {
    let lines = if source.path.extension().is_some_and(|ending| ending == "rs") {
        let end = sources::tests_from(&source.path, &source.text).unwrap_or(usize::MAX);
        docs::public_docs(&source.text, is_public_module, end)
    } else {
        let lines = source.text.lines().map(ToOwned::to_owned);
        (1..).zip(lines).collect()
    };
    let mut text = String::new();
    for (number, line) in &lines {
        let missing = (number - 1).saturating_sub(text.matches('\n').count());
        text.push_str(&"\n".repeat(missing));
        text.push_str(line);
        text.push('\n');
    }
    let numbers: BTreeSet<usize> = citations(&text, documents, None)
        .iter()
        .map(Citation::line)
        .collect();
    let path = source.path.display();
    numbers
        .iter()
        .map(|number| {
            let line = text.lines().nth(number - 1).unwrap_or_default();
            format!("{path}:{number}:{line}")
        })
        .collect()
}

/// Every id that is cited exists in its document, and no id stands without its document.
#[test]
fn what_is_cited_exists() {
    let documents = documents();
    let mut all = Vec::new();
    for source in sources::all(root()) {
        all.extend(faults(
            &source.path,
            &citations(&source.text, &documents, None),
        ));
    }
    for (document, source) in lists() {
        let found = citations(&source.text, &documents, Some(&document));
        all.extend(faults(&source.path, &found));
    }
    assert_none(&all, "citations are wrong");
}

/// Each requirement is cited by a test, or says why it is not.
#[test]
fn each_requirement_is_proven_or_says_why_not() {
    let documents = documents();
    let tested = tested(&sources::all(root()), &documents);
    for document in &documents {
        let rows = &document.rows;
        let open = rows
            .iter()
            .filter(|row| row.reason.starts_with("open"))
            .count();
        let excused = rows.iter().filter(|row| !row.reason.is_empty()).count() - open;
        println!(
            "{:10} {:4} rows: {:4} cited by tests, {excused:3} with a reason, {open:3} open",
            document.name,
            rows.len(),
            rows.len() - excused - open,
        );
    }
    assert_none(&unproven(&documents, &tested), "requirements");
}

/// The public documentation cites the revision and the section of the specification, never a number of
/// these lists.
#[test]
fn public_documentation_has_no_number_of_these_lists() {
    let documents = documents();
    let public = sources::public_modules(root());
    let mut all = Vec::new();
    for source in sources::all(root()) {
        let is_public = public.contains(&source.path);
        if source.path.starts_with("src") || is_public {
            all.extend(private_numbers(&source, is_public, &documents));
        }
    }
    assert_none(&all, "lines of public documentation");
}
