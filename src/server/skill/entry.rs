//! [`SkillEntry`]: a skill, as lists hold it.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

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
    /// JSON text.
    pub(super) text: Arc<str>,
    pub(super) scopes: Vec<String>,
    pub(super) cache: Cache,
    /// The digest of each file, by its URI; none if the skill is dynamic.
    pub(super) digests: Arc<[(String, String)]>,
}

/// The files of an entry, each with its URI and its bytes; `None` if a handler makes some of them.
pub(super) type Manifest<'a> = Option<Vec<(&'a str, &'a Bytes)>>;

/// What an entry says of its skill.
pub(super) struct Statement<'a> {
    pub(super) uri: String,
    /// JSON text.
    pub(super) frontmatter: &'a str,
    pub(super) files: Manifest<'a>,
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
        match statement.files {
            Some(files) => {
                let mut texts = Vec::new();
                for (uri, bytes) in files {
                    let digest = digest_of(bytes);
                    texts.push(file(uri, &digest, bytes.len()));
                    digests.push((uri.to_owned(), digest));
                }
                entry.raw("resources", &format!("[{}]", texts.join(",")));
            }
            None => entry.text("resources", "dynamic"),
        }
        Self {
            uri: statement.uri,
            text: entry.finish().into(),
            scopes: statement.scopes,
            cache: statement.cache,
            digests: digests.into(),
        }
    }

    /// The digest of each file, by its URI.
    pub(crate) fn digests(&self) -> impl Iterator<Item = (String, String)> {
        self.digests.iter().cloned()
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
