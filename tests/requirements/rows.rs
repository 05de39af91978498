//! Reads the lists of requirements: one Markdown file for each document, one table row for each
//! requirement.

use std::collections::{BTreeMap, BTreeSet};

const COLUMNS: [&str; 6] = ["id", "level", "revisions", "text", "source", "why no test"];
const LEVELS: [&str; 6] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "REC"];
const REVISIONS: [&str; 8] = ["24", "03", "06", "11", "26", "L", "S", "*"];

/// One requirement.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    /// Why no test cites it; empty when one does.
    pub(crate) reason: String,
}

/// One list of requirements, cited by its name.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
    /// Sections that may be cited as a whole (`D`, `D.2`), with the numbers of the rows of their
    /// decision tables (`1`, `10a`).
    pub(crate) sections: BTreeMap<String, BTreeSet<String>>,
}

impl Document {
    /// Reads a list; the faults are what a person has to mend in it.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut document = Self::default();
        let mut faults = Vec::new();
        let mut table: Vec<String> = Vec::new();
        let mut section = String::new();
        for (line, number) in text.lines().zip(1..) {
            if let Some(title) = line.strip_prefix("# ") {
                title
                    .split(':')
                    .next()
                    .unwrap_or_default()
                    .clone_into(&mut document.name);
            } else if let Some(heading) = line.strip_prefix("##") {
                let heading = heading.trim_start_matches('#').trim();
                section = section_of(heading);
                document.sections.entry(section.clone()).or_default();
            }
            let Some(cells) = cells(line) else {
                table.clear();
                continue;
            };
            if table.is_empty() {
                table = cells;
            } else if cells.iter().all(|cell| cell.chars().all(|c| c == '-')) {
            } else if table == COLUMNS {
                match row(&cells) {
                    Ok(row) if document.rows.iter().any(|other| other.id == row.id) => {
                        faults.push(format!("line {number}: {} is duplicated", row.id));
                    }
                    Ok(row) => document.rows.push(row),
                    Err(fault) => faults.push(format!("line {number}: {fault}")),
                }
            } else if ["#", "Step"].contains(&&*table[0]) {
                let rows = document.sections.entry(section.clone()).or_default();
                rows.insert(cells[0].clone());
            }
        }
        if document.name.is_empty() || document.rows.is_empty() {
            faults.push("no title `# NAME: …`, or no table of requirements".to_owned());
        }
        if faults.is_empty() {
            Ok(document)
        } else {
            Err(faults)
        }
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.rows.iter().any(|row| row.id == id)
    }
}

/// `C.1` of "C.1 POST `/mcp` decision table", `K` of "K. JSON shapes".
fn section_of(heading: &str) -> String {
    let word = heading.split(' ').next().unwrap_or_default();
    word.trim_end_matches('.').to_owned()
}

/// The cells of a line of a table; `\|` is a bar within a cell.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in inner.chars() {
        if c == '|' && !escaped {
            cells.push(String::new());
        } else {
            cells.last_mut().expect("there is always one").push(c);
        }
        escaped = c == '\\';
    }
    Some(cells.iter().map(|cell| cell.trim().to_owned()).collect())
}

fn row(cells: &[String]) -> Result<Row, String> {
    let [id, level, revisions, text, source, reason] = cells else {
        return Err(format!(
            "{} columns, expected {}",
            cells.len(),
            COLUMNS.len()
        ));
    };
    if !level.split('/').all(|level| LEVELS.contains(&level)) {
        return Err(format!("{id}: {level:?} is not a level"));
    }
    let known = |revision: &str| REVISIONS.contains(&revision);
    if revisions.is_empty() || !revisions.split(' ').all(known) {
        return Err(format!("{id}: {revisions:?} are not revisions"));
    }
    if text.is_empty() || source.is_empty() {
        return Err(format!("{id} has no text or no source"));
    }
    let title = reason
        .strip_prefix("open")
        .map(|rest| rest.strip_prefix(": "));
    if title.is_some_and(|title| title.is_none_or(str::is_empty)) {
        return Err(format!(
            "{id}: write `open: ` and the title of the issue that builds it"
        ));
    }
    Ok(Row {
        id: id.clone(),
        reason: reason.clone(),
    })
}
