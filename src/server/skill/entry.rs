//! [`SkillEntry`]: a skill, as lists hold it.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::definition::Content;
use super::path::place_of;
use crate::protocol::change::Change;
use crate::server::item::Item;
use crate::server::metadata::scopes::scopes_fault;
use crate::server::object_text::ObjectText;
use crate::server::result::cache::Cache;
use crate::server::result::first_pages::List;
use crate::wire::version::ProtocolVersion;

/// An entry, written once. It never changes: another version of the skill is another entry.
#[derive(Clone, Debug)]
pub(crate) struct SkillEntry {
    pub(super) uri: String,
    /// That of its folder, as [`place_of`] writes it.
    place: Box<str>,
    /// JSON text.
    pub(super) text: Arc<str>,
    pub(super) scopes: Vec<String>,
    pub(super) cache: Cache,
    /// The digest of each file that no handler makes, by its URI. That of a dynamic skill does not publish them.
    pub(super) digests: Arc<[(String, String)]>,
}

/// What an entry says of its skill.
pub(super) struct Statement<'a> {
    pub(super) uri: String,
    /// JSON text.
    pub(super) frontmatter: &'a str,
    /// The files that no handler makes, each with its URI and its bytes.
    pub(super) files: Vec<(&'a str, &'a Bytes)>,
    pub(super) content: Content,
    pub(super) scopes: Vec<String>,
    pub(super) cache: Cache,
}

impl SkillEntry {
    /// Writes an entry, with the digests of its files.
    pub(super) fn new(statement: Statement<'_>) -> Self {
        let mut entry = ObjectText::new();
        entry.text("uri", &statement.uri);
        entry.raw("frontmatter", statement.frontmatter);
        let mut digests = Vec::new();
        let mut texts = Vec::new();
        for (uri, bytes) in statement.files {
            let digest = digest_of(bytes);
            texts.push(file(uri, &digest, bytes.len()));
            digests.push((uri.to_owned(), digest));
        }
        match statement.content {
            Content::Fixed => entry.raw("resources", &format!("[{}]", texts.join(","))),
            Content::Dynamic => entry.text("resources", "dynamic"),
        }
        let folder = statement.uri.strip_suffix("/SKILL.md");
        Self {
            place: place_of(folder.unwrap_or(&statement.uri)).into(),
            uri: statement.uri,
            text: entry.finish().into(),
            scopes: statement.scopes,
            cache: statement.cache,
            digests: digests.into(),
        }
    }

    /// The digest of each file that no handler makes, by its URI.
    pub(crate) fn digests(&self) -> impl Iterator<Item = (String, String)> {
        self.digests.iter().cloned()
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether a place is its folder, or in it.
    pub(crate) fn is_around(&self, place: &str) -> bool {
        let below = place.strip_prefix(&*self.place);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }

    pub(crate) fn kept(&self) -> Cache {
        self.cache
    }

    pub(crate) fn as_text(&self) -> &str {
        &self.text
    }
}

fn digest_of(bytes: &[u8]) -> String {
    let mut digest = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

fn file(uri: &str, digest: &str, size: usize) -> String {
    let mut file = ObjectText::new();
    file.text("uri", uri);
    file.text("digest", digest);
    file.raw("size", &size.to_string());
    file.finish()
}

impl Item for SkillEntry {
    /// The files of a skill are resources, and have handlers of their own.
    type Handler = ();

    const NOUN: &'static str = "skill";
    const LIST: List = List::Skills;
    const CHANGE: Change = Change::Resources;

    fn key(&self) -> &str {
        &self.uri
    }

    fn fault(&self) -> Option<String> {
        scopes_fault(&self.scopes)
    }

    fn needed_scopes(&self) -> &[String] {
        &self.scopes
    }

    fn to_text(&self, _: ProtocolVersion) -> String {
        self.text.to_string()
    }
}
