//! [`Frontmatter`]: the YAML that a `SKILL.md` begins with, as JSON.

use std::collections::BTreeSet;

use granit_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;

use super::scalar::value_of;
use crate::server::object_text::ObjectText;

/// What the author of a skill wrote about it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frontmatter {
    /// All of it: the JSON text of an object, whose members are in the author's order.
    pub(super) text: String,
    pub(super) name: String,
    pub(super) description: String,
}

/// The longest description (*Agent Skills, `description` field*).
const DESCRIPTION_LIMIT: usize = 1024;
/// How deep the values may nest, counted in the parser too.
const DEPTH_LIMIT: usize = 64;

impl Frontmatter {
    /// Reads the beginning of a `SKILL.md`.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and in which line of the file.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(file).map_err(|_| "it is not UTF-8 text".to_owned())?;
        let yaml = yaml_of(text)?;
        let mut reader = Reader {
            parser: Parser::new_from_str(yaml),
            depth: 0,
        };
        let members = reader.document()?;
        let text_of = |key: &str| {
            let value = members.iter().find(|(name, _)| name == key);
            let value: Option<Value> = value.and_then(|(_, json)| serde_json::from_str(json).ok());
            match value {
                Some(Value::String(text)) if !text.trim().is_empty() => Ok(text),
                _ => Err(format!(
                    "its frontmatter must have `{key}`, a text that is not blank"
                )),
            }
        };
        let (name, description) = (text_of("name")?, text_of("description")?);
        let length = description.chars().count();
        if length > DESCRIPTION_LIMIT {
            return Err(format!(
                "its `description` has {length} characters, and may have {DESCRIPTION_LIMIT}"
            ));
        }
        let mut object = ObjectText::new();
        for (key, json) in &members {
            object.raw(key, json);
        }
        Ok(Self {
            text: object.finish(),
            name,
            description,
        })
    }
}

/// The text between the first line, `---`, and the next such line.
fn yaml_of(text: &str) -> Result<&str, String> {
    // Not every host skips a byte order mark, and those that do not find no frontmatter.
    let first = text.split_once('\n').filter(|(line, _)| is_marker(line));
    let Some((_, rest)) = first else {
        return Err(
            "its first line must be `---`, without a byte order mark, with YAML and another such line after it".into(),
        );
    };
    let mut from = 0;
    for line in rest.split_inclusive('\n') {
        if is_marker(line.strip_suffix('\n').unwrap_or(line)) {
            let yaml = &rest[..from];
            // Hosts take the line break before the last `---` as a part of that line.
            let yaml = yaml.strip_suffix('\n').unwrap_or(yaml);
            return Ok(yaml.strip_suffix('\r').unwrap_or(yaml));
        }
        from += line.len();
    }
    Err("its frontmatter has no end: a second line `---`".into())
}

/// Whether a line, without its line feed, begins or ends the frontmatter.
fn is_marker(line: &str) -> bool {
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.trim_end_matches([' ', '\t']) == "---"
}

/// A member of an object: its name, and the JSON text of its value.
type Member = (String, String);

struct Reader<'t> {
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, usize), String> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, line_of(&span))),
            Some(Err(fault)) => Err(at(fault.marker().line() + 1, &fault.info())),
            None => Err("its frontmatter ends too early".to_owned()),
        }
    }

    /// The members of the only document, which is a mapping.
    fn document(&mut self) -> Result<Vec<Member>, String> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::MappingStart(_, anchor, tag), line) => {
                    refuse_properties(anchor, tag.is_some(), line)?;
                    let members = self.mapping("")?;
                    self.end()?;
                    return Ok(members);
                }
                (_, line) => return Err(at(line, "frontmatter is a mapping: `name: …`")),
            }
        }
    }

    fn end(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, line) => return Err(at(line, "frontmatter is one document")),
            }
        }
    }

    /// The members up to the end of the mapping that is the value of `parent`.
    fn mapping(&mut self, parent: &str) -> Result<Vec<Member>, String> {
        let mut members = Vec::new();
        let mut names = BTreeSet::new();
        loop {
            let (event, line) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(members);
            }
            let name = key_of(event, line)?;
            if !names.insert(name.clone()) {
                return Err(at(line, &format!("the key {name:?} is duplicated")));
            }
            if parent == "metadata" && name.starts_with("io.modelcontextprotocol/") {
                let message = format!("the key {name:?} of `metadata` is reserved by MCP");
                return Err(at(line, &message));
            }
            let (event, line) = self.next()?;
            // Only `metadata` of the file itself has reserved keys.
            let below = match self.depth {
                0 => name.as_str(),
                _ => "",
            };
            let value = self.value(event, line, below)?;
            members.push((name, value));
        }
    }

    /// The JSON text of a value whose first event was read.
    fn value(&mut self, event: Event<'t>, line: usize, name: &str) -> Result<String, String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), line)?;
                let value = match style {
                    ScalarStyle::Plain => value_of(&text)
                        .ok_or_else(|| at(line, &format!("JSON has no number {text}")))?,
                    _ => Value::from(text.into_owned()),
                };
                Ok(value.to_string())
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), line)?;
                self.enter(line)?;
                let mut items = Vec::new();
                loop {
                    let (event, line) = self.next()?;
                    if event == Event::SequenceEnd {
                        self.depth -= 1;
                        return Ok(format!("[{}]", items.join(",")));
                    }
                    items.push(self.value(event, line, "")?);
                }
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), line)?;
                self.enter(line)?;
                let members = self.mapping(name)?;
                self.depth -= 1;
                let mut object = ObjectText::new();
                for (key, json) in &members {
                    object.raw(key, json);
                }
                Ok(object.finish())
            }
            Event::Alias(_) => Err(at(line, "aliases (`*name`) are not served: write it twice")),
            _ => Err(at(line, "a value is expected")),
        }
    }

    fn enter(&mut self, line: usize) -> Result<(), String> {
        self.depth += 1;
        if self.depth >= DEPTH_LIMIT {
            return Err(at(
                line,
                &format!("values nest deeper than {DEPTH_LIMIT} levels"),
            ));
        }
        Ok(())
    }
}

/// A key is a text: JSON has no other.
fn key_of(event: Event<'_>, line: usize) -> Result<String, String> {
    let Event::Scalar(text, style, anchor, tag) = event else {
        return Err(at(line, "a key must be a text"));
    };
    refuse_properties(anchor, tag.is_some(), line)?;
    let is_text = style != ScalarStyle::Plain || value_of(&text).is_some_and(|key| key.is_string());
    if is_text {
        return Ok(text.into_owned());
    }
    let message = format!("the key {text} is no text: write it in quotes");
    Err(at(line, &message))
}

/// What YAML has and JSON has not would not reach the client.
fn refuse_properties(anchor: usize, has_tag: bool, line: usize) -> Result<(), String> {
    match (anchor, has_tag) {
        (0, false) => Ok(()),
        (0, true) => Err(at(line, "tags (`!name`) are not served")),
        _ => Err(at(line, "anchors (`&name`) are not served")),
    }
}

/// The line of the file, whose first one is `---`.
fn line_of(span: &Span) -> usize {
    span.start.line() + 1
}

fn at(line: usize, what: &str) -> String {
    format!("line {line}: {what}")
}
