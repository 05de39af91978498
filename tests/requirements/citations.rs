//! Finds citations of requirements in text: `SPEC C-10`, lists such as `SPEC C-1, C-2 and D-3`, ranges
//! such as `PITFALLS R-2 to R-5`, whole sections and rows of their tables such as `SPEC C.1 row 4`.

use crate::rows::Document;

/// What a text cites, and on which line.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) enum Citation {
    /// A requirement, with the name of its document.
    Row {
        line: usize,
        document: String,
        id: String,
    },
    /// A section, or a row of its decision table, which is there.
    Section { line: usize },
    /// Something that the document does not have.
    Unknown {
        line: usize,
        document: String,
        what: String,
    },
    /// An id without the name of its document.
    Bare { line: usize, id: String },
}

impl Citation {
    pub(crate) fn line(&self) -> usize {
        match self {
            Self::Row { line, .. }
            | Self::Section { line }
            | Self::Unknown { line, .. }
            | Self::Bare { line, .. } => *line,
        }
    }
}

/// All citations of `text`, in their order.
///
/// `own` is the document that the text itself is, in which ids need no name.
pub(crate) fn citations(
    text: &str,
    documents: &[Document],
    own: Option<&Document>,
) -> Vec<Citation> {
    let (text, lines) = joined(text);
    let mut reader = Reader {
        text: &text,
        lines: &lines,
        at: 0,
        found: Vec::new(),
    };
    while reader.at < text.len() {
        if !reader.is_start() {
            reader.skip();
        } else if let Some(document) = reader.document(documents) {
            reader.list(document);
        } else if let Some((id, end)) =
            id(&text[reader.at..]).filter(|(id, _)| is_ours(id, documents))
        {
            let line = reader.line();
            reader.found.push(match own {
                Some(own) if own.has(id) => Citation::Row {
                    line,
                    document: own.name.clone(),
                    id: id.to_owned(),
                },
                _ => Citation::Bare {
                    line,
                    id: id.to_owned(),
                },
            });
            reader.at += end;
        } else {
            reader.skip();
        }
    }
    reader.found
}

/// The text as one line without the marks of comments, so that a list may go on after a line break;
/// and the number of the line that each byte is from.
fn joined(text: &str) -> (String, Vec<usize>) {
    let (mut joined, mut lines) = (String::new(), Vec::new());
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_start();
        let marks = ["///", "//!", "//", "#", "*"];
        let line = marks
            .iter()
            .find_map(|mark| line.strip_prefix(mark))
            .unwrap_or(line);
        joined.push_str(line.trim());
        joined.push(' ');
        lines.resize(joined.len(), number);
    }
    (joined, lines)
}

/// Whether an id has a letter that some document uses: `P-256` is a curve, and not ours.
fn is_ours(id: &str, documents: &[Document]) -> bool {
    id != "P-256"
        && documents.iter().any(|document| {
            let mut rows = document.rows.iter();
            let letters = |id: &str| id.split_once('-').map(|(letters, _)| letters.to_owned());
            rows.any(|row| letters(&row.id) == letters(id))
        })
}

/// The id at the start of a text, such as `C-10` or `UI-3`, and its length.
fn id(text: &str) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    let letters = bytes.iter().take_while(|b| b.is_ascii_uppercase()).count();
    if letters == 0 || bytes.get(letters) != Some(&b'-') {
        return None;
    }
    let after = &bytes[letters + 1..];
    let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = letters + 1 + digits;
    if bytes.get(end).is_some_and(u8::is_ascii_lowercase) {
        end += 1;
    }
    let goes_on = bytes
        .get(end)
        .is_some_and(|&b| b.is_ascii_alphanumeric() || b == b'_');
    (digits > 0 && !goes_on).then(|| (&text[..end], end))
}

/// The number at the start of a text, such as `16` or `10a`.
fn number(text: &str) -> Option<&str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let letter = text[digits..]
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase());
    let end = digits + usize::from(letter);
    let goes_on = text[end..].starts_with(|c: char| c.is_alphanumeric());
    (digits > 0 && !goes_on).then(|| &text[..end])
}

/// The section at the start of a text, such as `D` or `D.2`.
fn section(text: &str) -> Option<&str> {
    let first = text.bytes().next()?;
    let digits = text[1..].strip_prefix('.').map_or(0, |rest| {
        rest.bytes().take_while(u8::is_ascii_digit).count()
    });
    let end = if digits > 0 { 2 + digits } else { 1 };
    let goes_on = text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '\'');
    (first.is_ascii_uppercase() && !goes_on).then(|| &text[..end])
}

struct Reader<'a> {
    text: &'a str,
    lines: &'a [usize],
    at: usize,
    found: Vec<Citation>,
}

/// What stands between two items of a list.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Between {
    Nothing,
    And,
    To,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn line(&self) -> usize {
        self.lines.get(self.at).copied().unwrap_or_default()
    }

    /// Whether a word can begin here.
    fn is_start(&self) -> bool {
        let before = self.text[..self.at].chars().next_back();
        self.rest().starts_with(|c: char| c.is_ascii_uppercase())
            && !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-')
    }

    /// Goes on to the next capital letter, since names and ids begin with one.
    fn skip(&mut self) {
        let rest = self.rest();
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let next = rest[first..].find(|c: char| c.is_ascii_uppercase());
        self.at += first + next.unwrap_or(rest.len() - first);
    }

    /// Takes the name of a document, and the space after it.
    fn document<'d>(&mut self, documents: &'d [Document]) -> Option<&'d Document> {
        let document = documents.iter().find(|document| {
            let rest = self.rest().strip_prefix(&*document.name);
            rest.is_some_and(|rest| rest.starts_with(' '))
        })?;
        self.at += document.name.len() + 1;
        Some(document)
    }

    /// Takes the items after the name of a document; a text that has none cites nothing.
    fn list(&mut self, document: &Document) {
        let mut last: Option<String> = None;
        let mut section = None;
        loop {
            let start = self.at;
            let between = self.between();
            let is_first = last.is_none() && section.is_none();
            if is_first != (between == Between::Nothing)
                || !self.item(document, between, &mut last, &mut section)
            {
                self.at = start;
                return;
            }
        }
    }

    fn item(
        &mut self,
        document: &Document,
        between: Between,
        last: &mut Option<String>,
        within: &mut Option<String>,
    ) -> bool {
        let (rest, line) = (self.rest(), self.line());
        let by_number = document.rows[0]
            .id
            .starts_with(|c: char| c.is_ascii_digit());
        if let Some(id) = id(rest)
            .map(|(id, _)| id)
            .or_else(|| number(rest).filter(|_| by_number))
        {
            self.at += id.len();
            self.cite(document, line, id);
            if let (Between::To, Some(from)) = (between, &last) {
                self.cite_between(document, line, from, id);
            }
            *last = Some(id.to_owned());
            *within = None;
        } else if let Some(name) = section(rest)
            .filter(|name| !by_number && (name.len() > 1 || document.sections.contains_key(*name)))
        {
            self.at += name.len();
            if document.sections.contains_key(name) {
                self.found.push(Citation::Section { line });
            } else {
                self.unknown(document, line, name);
            }
            *last = None;
            *within = Some(name.to_owned());
            self.rows_of(document, name);
        } else {
            return false;
        }
        true
    }

    /// Takes `row 4`, `rows 1 to 3 and 7` or `step 8` after a section.
    fn rows_of(&mut self, document: &Document, section: &str) {
        let words = [" rows ", " row ", " steps ", " step "];
        let Some(word) = words.iter().find(|word| self.rest().starts_with(**word)) else {
            return;
        };
        self.at += word.len();
        loop {
            let Some(row) = number(self.rest()) else {
                return;
            };
            let line = self.line();
            self.at += row.len();
            let is_there = document
                .sections
                .get(section)
                .is_some_and(|rows| rows.contains(row));
            if is_there {
                self.found.push(Citation::Section { line });
            } else {
                self.unknown(document, line, &format!("{section} row {row}"));
            }
            let start = self.at;
            if self.between() == Between::Nothing || number(self.rest()).is_none() {
                self.at = start;
                return;
            }
        }
    }

    /// Takes what separates two items: a comma, a word, a remark in brackets.
    fn between(&mut self) -> Between {
        let mut between = Between::Nothing;
        loop {
            let rest = self.rest();
            let word = [
                "and ", "or ", "& ", "to ", "… ", "…", "–", ", ", ",", "; ", "/", " ",
            ];
            if let Some(word) = word.iter().find(|word| rest.starts_with(**word)) {
                self.at += word.len();
                match word.trim() {
                    "to" | "…" | "–" => between = Between::To,
                    "" => {}
                    _ if between == Between::Nothing => between = Between::And,
                    _ => {}
                }
            } else if let Some(remark) = rest
                .strip_prefix('(')
                .and_then(|rest| rest.split_once("), "))
            {
                if remark.0.len() > 60 || remark.0.contains('(') {
                    return between;
                }
                self.at += 1 + remark.0.len() + 1;
            } else {
                return between;
            }
        }
    }

    fn cite(&mut self, document: &Document, line: usize, id: &str) {
        if document.has(id) {
            self.found.push(Citation::Row {
                line,
                document: document.name.clone(),
                id: id.to_owned(),
            });
        } else {
            self.unknown(document, line, id);
        }
    }

    /// Cites each row between two that have the same letter.
    fn cite_between(&mut self, document: &Document, line: usize, from: &str, to: &str) {
        let split = |id: &str| {
            let at = id.find('-').map_or(0, |at| at + 1);
            let number: usize = id[at..]
                .trim_end_matches(char::is_alphabetic)
                .parse()
                .unwrap_or(0);
            (id[..at].to_owned(), number)
        };
        let ((letter, low), (other, high)) = (split(from), split(to));
        if letter != other || low >= high {
            self.unknown(document, line, &format!("{from} to {to}"));
            return;
        }
        let ids = document.rows.iter().map(|row| &row.id);
        let inside = |id: &&String| {
            let (of, number) = split(id);
            of == letter && low < number && number < high
        };
        for id in ids.filter(inside) {
            self.found.push(Citation::Row {
                line,
                document: document.name.clone(),
                id: id.clone(),
            });
        }
    }

    fn unknown(&mut self, document: &Document, line: usize, what: &str) {
        self.found.push(Citation::Unknown {
            line,
            document: document.name.clone(),
            what: what.to_owned(),
        });
    }
}
