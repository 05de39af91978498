//! Content blocks: what tools answer with and prompts are made of, in the form of each revision.

use serde_json::{Map, Value, json};

use super::resource::{Resource, ResourceContents};
use crate::wire::base64;
use crate::wire::version::ProtocolVersion;

/// One block of content. A kind that a revision does not know goes out as text that says what it
/// was (SPEC E-42).
///
/// ```
/// use mcp_wire::server::Content;
/// let blocks = [Content::text("a dot:"), Content::image(b"\x89PNG", "image/png")];
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    kind: Kind,
    annotations: Option<Annotations>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Text(String),
    Image { data: String, mime_type: String },
    Audio { data: String, mime_type: String },
    Embedded(ResourceContents),
    Link(Resource),
}

impl Content {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Kind::Text(text.into()).into()
    }

    /// An image of a MIME type such as `image/png`; the bytes are sent in Base64.
    pub fn image(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Kind::Image {
            data: base64::encode(bytes),
            mime_type: mime_type.into(),
        }
        .into()
    }

    /// Sound of a MIME type such as `audio/wav`; the bytes are sent in Base64. From 2025-03-26 on.
    pub fn audio(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Kind::Audio {
            data: base64::encode(bytes),
            mime_type: mime_type.into(),
        }
        .into()
    }

    /// The contents of a resource.
    #[must_use]
    pub fn embedded(contents: ResourceContents) -> Self {
        Kind::Embedded(contents).into()
    }

    /// A resource that the client may read. From 2025-06-18 on.
    #[must_use]
    pub fn link(resource: Resource) -> Self {
        Kind::Link(resource).into()
    }

    /// Adds hints for the client.
    #[must_use]
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// The text of a block that is nothing but text.
    pub(super) fn as_plain_text(&self) -> Option<&str> {
        match (&self.kind, &self.annotations) {
            (Kind::Text(text), None) => Some(text),
            _ => None,
        }
    }

    pub(super) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut block = match &self.kind {
            Kind::Text(text) => text_block(text),
            Kind::Image { data, mime_type } => {
                json!({"type": "image", "data": data, "mimeType": mime_type})
            }
            Kind::Audio { data, mime_type } if version.has_audio() => {
                json!({"type": "audio", "data": data, "mimeType": mime_type})
            }
            Kind::Audio { mime_type, .. } => text_block(&format!(
                "[audio of type {mime_type}, which this revision cannot carry]"
            )),
            Kind::Embedded(contents) => {
                json!({"type": "resource", "resource": contents.to_value()})
            }
            Kind::Link(resource) if version.has_resource_links() => {
                let mut link = resource.to_value(version);
                link["type"] = "resource_link".into();
                link
            }
            Kind::Link(resource) => text_block(&format!("[resource {}]", resource.uri())),
        };
        // Those of the block go before those that a linked resource brings.
        if let Some(annotations) = &self.annotations {
            block["annotations"] = annotations.to_value(version);
        }
        block
    }
}

impl From<Kind> for Content {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            annotations: None,
        }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// Who speaks in a prompt or a sampling message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The human.
    User,
    /// The model.
    Assistant,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// Hints on content and resources: for whom it is, how much it matters, when it changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations {
    audience: Vec<Role>,
    priority: Option<f64>,
    last_modified: Option<String>,
}

impl Annotations {
    /// No hints yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds somebody it is meant for.
    #[must_use]
    pub fn audience(mut self, role: Role) -> Self {
        self.audience.push(role);
        self
    }

    /// How much it matters, clamped to 0 (not at all) to 1 (required).
    #[must_use]
    pub fn priority(mut self, priority: f64) -> Self {
        self.priority = Some(priority.clamp(0.0, 1.0));
        self
    }

    /// When it changed, as an ISO 8601 text. From 2025-06-18 on.
    #[must_use]
    pub fn last_modified(mut self, time: impl Into<String>) -> Self {
        self.last_modified = Some(time.into());
        self
    }

    pub(super) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut hints = Map::new();
        if !self.audience.is_empty() {
            let audience = self.audience.iter().map(|role| role.as_str().into());
            hints.insert("audience".to_owned(), Value::Array(audience.collect()));
        }
        if let Some(priority) = self.priority {
            hints.insert("priority".to_owned(), priority.into());
        }
        if let Some(time) = self
            .last_modified
            .as_deref()
            .filter(|_| version.has_last_modified())
        {
            hints.insert("lastModified".to_owned(), time.into());
        }
        hints.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC E-42, E-68: what a revision does not know is told as text.
    #[test]
    fn blocks_take_the_form_of_the_revision() {
        #[track_caller]
        fn check(content: &Content, version: ProtocolVersion, kind: &str) {
            assert_eq!(content.to_value(version)["type"], kind, "{version}");
        }
        let audio = Content::audio(b"RIFF", "audio/wav");
        check(&audio, ProtocolVersion::V2024_11_05, "text");
        check(&audio, ProtocolVersion::V2025_03_26, "audio");
        let link = Content::link(Resource::new("a://b", "b"));
        check(&link, ProtocolVersion::V2024_11_05, "text");
        check(&link, ProtocolVersion::V2025_03_26, "text");
        check(&link, ProtocolVersion::V2025_06_18, "resource_link");
        check(&Content::text("x"), ProtocolVersion::V2024_11_05, "text");
        check(
            &Content::image(b"x", "image/png"),
            ProtocolVersion::V2024_11_05,
            "image",
        );
    }

    /// SPEC E-50: `lastModified` from 2025-06-18 on.
    #[test]
    fn annotations_take_the_form_of_the_revision() {
        let hints = Annotations::new()
            .audience(Role::User)
            .priority(7.0)
            .last_modified("2025-01-12T15:00:58Z");
        let content = Content::text("x").annotations(hints);
        assert_eq!(
            content.to_value(ProtocolVersion::V2024_11_05)["annotations"],
            json!({"audience": ["user"], "priority": 1.0})
        );
        let new = content.to_value(ProtocolVersion::V2025_06_18);
        assert_eq!(new["annotations"]["lastModified"], "2025-01-12T15:00:58Z");
    }
}
