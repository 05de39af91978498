//! [`Content`]: the blocks that results of tools and messages of prompts are made of.

use serde_json::{Value, json};

use super::metadata::annotations::Annotations;
use super::metadata::meta::Meta;
use super::resource::contents::ResourceContents;
use super::resource::definition::Resource;
use super::result::member::put_with;
use super::result::text::Text;
use crate::wire::base64;
use crate::wire::json::put_owned_string;
use crate::wire::pieces::PieceWriter;
use crate::wire::version::ProtocolVersion;

/// One block of content (*2025-11-25, Tools, Tool Result*). A block that the revision of the client does not
/// have is sent as a text that says what it was.
///
/// ```
/// use mcp_wire::server::Content;
/// let blocks = [Content::text("a dot:"), Content::image(b"\x89PNG", "image/png")];
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    kind: Kind,
    annotations: Option<Box<Annotations>>,
    meta: Meta,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Text(Text),
    Image { data: String, mime_type: String },
    Audio { data: String, mime_type: String },
    Embedded(Box<ResourceContents>),
    Link(Box<Resource>),
}

impl Content {
    /// Text: a `String`, a `&str`, or a [`Text`] that came with a request.
    pub fn text(text: impl Into<Text>) -> Self {
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
        Kind::Embedded(Box::new(contents)).into()
    }

    /// A resource that the client may read. From 2025-06-18 on.
    #[must_use]
    pub fn link(resource: Resource) -> Self {
        Kind::Link(Box::new(resource)).into()
    }

    /// Adds hints for the client.
    #[must_use]
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.annotations = Some(Box::new(annotations));
        self
    }

    /// Adds an entry to the `_meta` of the block. From 2025-06-18 on. A key that is malformed, or that the protocol reserves
    /// (*2025-11-25, Overview, `_meta`*), is left out.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    /// Whether a message to a model can hold it (SPEC K).
    pub(crate) fn is_for_models(&self) -> bool {
        match self.kind {
            Kind::Text(_) | Kind::Image { .. } | Kind::Audio { .. } => true,
            Kind::Embedded(_) | Kind::Link(_) => false,
        }
    }

    /// Whether it is a text that says nothing.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(&self.kind, Kind::Text(text) if text.as_str().trim_start().is_empty())
    }

    /// The text of a block that has neither annotations nor `_meta`.
    pub(crate) fn as_plain_text(&self) -> Option<&Text> {
        match (&self.kind, &self.annotations) {
            (Kind::Text(text), None) if self.meta.is_empty() => Some(text),
            _ => None,
        }
    }

    pub(crate) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut block = match &self.kind {
            Kind::Text(text) => text_block(text.as_str()),
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
                json!({"type": "resource", "resource": contents.to_value(version)})
            }
            Kind::Link(resource) if version.has_resource_links() => {
                let mut link = resource.to_value(version);
                link["type"] = "resource_link".into();
                link
            }
            Kind::Link(resource) => text_block(&format!("[resource {}]", resource.uri())),
        };
        self.put_hints(&mut block, version);
        block
    }

    /// Appends the block without a copy of its long parts.
    pub(crate) fn put(self, out: &mut PieceWriter, version: ProtocolVersion) {
        match self {
            Self {
                kind: Kind::Text(text),
                annotations: None,
                meta,
            } if meta.is_empty() => {
                out.put(b"{\"type\":\"text\",\"text\":");
                text.put(out);
                out.put(b"}");
            }
            other => other.put_members(out, version),
        }
    }

    #[inline(never)]
    fn put_members(self, out: &mut PieceWriter, version: ProtocolVersion) {
        let mut block = match &self.kind {
            Kind::Text(_) => json!({"type": "text"}),
            Kind::Image { mime_type, .. } => json!({"type": "image", "mimeType": mime_type}),
            Kind::Audio { mime_type, .. } if version.has_audio() => {
                json!({"type": "audio", "mimeType": mime_type})
            }
            Kind::Embedded(_) => json!({"type": "resource"}),
            Kind::Audio { .. } | Kind::Link(_) => {
                return out.put(self.to_value(version).to_string().as_bytes());
            }
        };
        self.put_hints(&mut block, version);
        match self.kind {
            Kind::Text(text) => put_with(out, &block, "text", |out| text.put(out)),
            Kind::Image { data, .. } | Kind::Audio { data, .. } => {
                put_with(out, &block, "data", |out| put_owned_string(out, data));
            }
            Kind::Embedded(contents) => {
                put_with(out, &block, "resource", |out| contents.put(out, version));
            }
            // Appended above.
            Kind::Link(_) => {}
        }
    }

    fn put_hints(&self, block: &mut Value, version: ProtocolVersion) {
        // The annotations of the block replace those that a linked resource brings.
        if let Some(annotations) = &self.annotations {
            block["annotations"] = annotations.to_value(version);
        }
        if version.has_titles() {
            self.meta.put(block);
        }
    }
}

impl From<Kind> for Content {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            annotations: None,
            meta: Meta::default(),
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

impl From<Text> for Content {
    fn from(text: Text) -> Self {
        Self::text(text)
    }
}

fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::metadata::icon::Icon;

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

    /// SPEC K, A-29: `_meta` from 2025-06-18 on, on a block and on what is embedded in it.
    #[test]
    fn meta_goes_to_the_revisions_that_have_it() {
        let text = Content::text("x").meta("a", 1).meta("dev.mcp/b", 2);
        let contents = ResourceContents::text("a://b", "x").meta("c", 3);
        let embedded = Content::embedded(contents).meta("d", 4);
        for version in ProtocolVersion::ALL {
            let meta = |value: &Value| value.get("_meta").cloned();
            let expected = |value: Value| version.has_titles().then_some(value);
            assert_eq!(meta(&text.to_value(version)), expected(json!({"a": 1})));
            let block = embedded.to_value(version);
            assert_eq!(meta(&block), expected(json!({"d": 4})));
            assert_eq!(meta(&block["resource"]), expected(json!({"c": 3})));
        }
        assert_eq!(text.as_plain_text(), None);
    }

    /// SPEC K: a link is a resource, with its icons from 2025-11-25 on; the block adds its own hints.
    #[test]
    fn a_link_keeps_what_its_resource_has() {
        let resource = Resource::new("a://b", "b")
            .title("B")
            .icon(Icon::new("data:,x"))
            .meta("a", 1);
        let link = Content::link(resource).meta("b", 2);
        let mut expected = json!({"type": "resource_link", "uri": "a://b", "name": "b",
            "title": "B", "_meta": {"a": 1, "b": 2}});
        assert_eq!(link.to_value(ProtocolVersion::V2025_06_18), expected);
        expected["icons"] = json!([{"src": "data:,x"}]);
        assert_eq!(link.to_value(ProtocolVersion::V2025_11_25), expected);
        assert_eq!(link.to_value(ProtocolVersion::V2026_07_28), expected);
    }
}
