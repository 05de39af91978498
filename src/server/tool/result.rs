//! [`ToolResult`]: what a tool answers.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::server::content::Content;
use crate::server::metadata::meta::Meta;
use crate::server::result::closing::Closing;
use crate::server::result::text::Text;
use crate::wire::json::{Json, RawJson, put_string};
use crate::wire::pieces::{PieceWriter, SHARED_FROM};
use crate::wire::version::ProtocolVersion;

/// What a tool answers: content blocks, a structured value, and whether the tool failed, in any combination
/// (*2025-11-25, Tools, Tool Result*).
///
/// ```
/// use mcp_wire::server::{Content, ToolResult};
/// use serde_json::json;
///
/// let chart = ToolResult::text("Sales rose by 4 %.")
///     .and(Content::image(b"\x89PNG", "image/png"))
///     .with_structured(json!({"growth": 0.04}));
/// let partial = ToolResult::structured(json!({"done": 3, "failed": 1})).as_error();
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    /// Beside the vector, because few results have a second block and so need no allocation.
    first: Option<Content>,
    others: Vec<Content>,
    /// The JSON text of the structured value, on one line.
    structured: Option<Bytes>,
    is_error: bool,
    meta: Meta,
}

impl ToolResult {
    /// A result of one text: a `String`, a `&str` or a [`Text`].
    pub fn text(text: impl Into<Text>) -> Self {
        Self::default().and(Content::text(text))
    }

    /// A result of these content blocks.
    pub fn content(content: impl IntoIterator<Item = Content>) -> Self {
        let mut content = content.into_iter();
        Self {
            first: content.next(),
            others: content.collect(),
            ..Self::default()
        }
    }

    /// A structured value. As long as the result has no content of its own, the JSON text of the value is a
    /// content block too, for clients that only read text. The value itself is sent from 2025-06-18 on if it
    /// is an object, and from 2026-07-28 on whatever it is.
    #[must_use]
    pub fn structured(value: Value) -> Self {
        Self::default().with_structured(value)
    }

    /// A failure that the model should see: `isError` is true.
    pub fn error(message: impl Into<Content>) -> Self {
        Self::default().and(message).as_error()
    }

    /// Adds a content block: a [`Content`] or a text.
    #[must_use]
    pub fn and(mut self, content: impl Into<Content>) -> Self {
        match self.first {
            None => self.first = Some(content.into()),
            Some(_) => self.others.push(content.into()),
        }
        self
    }

    /// Sets the structured value. Content of the result's own stays as it is, and is all that clients of
    /// revisions get that cannot hold the value: see [`ToolResult::structured`].
    #[must_use]
    pub fn with_structured(self, value: impl Into<Value>) -> Self {
        self.with_structured_text(value.into().to_string())
    }

    /// Sets the structured value by its JSON text, on one line.
    pub(crate) fn with_structured_text(mut self, text: String) -> Self {
        self.structured = Some(text.into());
        self
    }

    /// Says that the tool failed: `isError` is true.
    #[must_use]
    pub fn as_error(mut self) -> Self {
        self.is_error = true;
        self
    }

    /// Adds an entry to the `_meta` of the result, in every revision. A key that is malformed, or that the protocol reserves
    /// (*2025-11-25, Overview, `_meta`*), is left out.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    /// Whether the tool failed.
    pub(crate) fn is_error(&self) -> bool {
        self.is_error
    }

    /// The structured value, even if the revision of the client cannot hold it.
    pub(crate) fn structured_value(&self) -> Option<RawJson<'_>> {
        self.structured.as_deref().map(RawJson::of)
    }

    /// Whether there is anything that a model can read.
    pub(crate) fn has_content(&self) -> bool {
        self.told_structure().is_some() || self.blocks().any(|block| !block.is_blank())
    }

    fn blocks(&self) -> impl Iterator<Item = &Content> {
        self.first.iter().chain(&self.others)
    }

    /// The JSON text of the structured value where it is the only content there is (SPEC E-39).
    fn told_structure(&self) -> Option<&str> {
        let structured = self.structured.as_ref().filter(|_| self.first.is_none())?;
        std::str::from_utf8(structured).ok()
    }

    /// The result object. It is written without a tree: this is the hot path of a server.
    pub(crate) fn into_json(self, version: ProtocolVersion, closing: Closing<'_>) -> Json {
        // Exact for what most tools answer, so that the buffer neither grows nor has room to spare. Long
        // texts become pieces of their own.
        let block_len = |text: &Text| match text.len() {
            SHARED_FROM.. => 0,
            len => r#"{"type":"text","text":""},"#.len() + len,
        };
        let texts = self.blocks().filter_map(Content::as_plain_text);
        let text_len: usize = texts.map(block_len).sum();
        let len = r#"{"content":["#.len() + text_len + closing.plain_len("complete");
        let mut out = PieceWriter::with_capacity(len);
        out.put(b"{\"content\":[");
        if let Some(text) = self.told_structure() {
            out.put(b"{\"type\":\"text\",\"text\":");
            put_string(out.buffer(), text);
            out.put(b"}");
        }
        let structured = self.structured_content(version).cloned();
        for (at, content) in self.first.into_iter().chain(self.others).enumerate() {
            if at > 0 {
                out.put(b",");
            }
            content.put(&mut out, version);
        }
        out.put(b"]");
        if let Some(value) = structured {
            out.put(b",\"structuredContent\":");
            out.share(value);
        }
        if self.is_error {
            out.put(b",\"isError\":true");
        }
        closing.end(&mut out, "complete", &self.meta);
        Json::from_encoder(out.finish())
    }

    /// The `tool_result` block of a sampling message (SPEC E-99).
    pub(crate) fn to_block(&self, tool_use_id: &str, version: ProtocolVersion) -> Value {
        let told = self.told_structure().map(Content::text);
        let content = told.iter().chain(self.blocks());
        let content = content.map(|content| content.to_value(version));
        let mut block = json!({
            "type": "tool_result",
            "toolUseId": tool_use_id,
            "content": content.collect::<Value>(),
        });
        if let Some(value) = self.structured_content(version) {
            block["structuredContent"] = RawJson::of(value).to_value().unwrap_or_default();
        }
        if self.is_error {
            block["isError"] = true.into();
        }
        self.meta.put(&mut block);
        block
    }

    /// SPEC E-40: until 2026-07-28 a structured value is an object; another is in the text only.
    fn structured_content(&self, version: ProtocolVersion) -> Option<&Bytes> {
        let value = self.structured.as_ref()?;
        let is_held = version.has_structured_content()
            && (version.has_output_of_any_type() || RawJson::of(value).is_object());
        is_held.then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::server::metadata::annotations::Annotations;
    use crate::server::resource::contents::ResourceContents;
    use crate::server::resource::definition::Resource;
    use crate::wire::json::RawJson;

    /// FIELD X-13: a result is the same object whether what is long in it is shared, escaped or short.
    #[test]
    fn a_long_result_is_what_its_parts_are() {
        let plain = "x".repeat(SHARED_FROM);
        let lines = "a \"line\"\n".repeat(SHARED_FROM);
        let body = Bytes::from(format!("{plain:?}"));
        let shared = Text::of_part(&body, RawJson::of(&body)).unwrap();
        let hints = Annotations::new().priority(0.5);
        let blocks = [
            Content::text("short"),
            Content::text(plain.as_str()),
            Content::text(lines.as_str()),
            Content::text(shared),
            Content::text(plain.as_str()).annotations(hints),
            Content::text(lines.as_str()).meta("a", 1),
            Content::image(plain.as_bytes(), "image/png"),
            Content::audio(plain.as_bytes(), "audio/wav").meta("b", json!({"c": 2})),
            Content::embedded(ResourceContents::text("a://b", lines.as_str()).meta("d", 3)),
            Content::embedded(ResourceContents::blob("a://b", plain.as_bytes()).mime_type("c/d")),
            Content::link(Resource::new("a://b", plain.as_str())),
        ];
        let server = Closing {
            server: Some(r#"{"name":"n"}"#),
            ..Closing::LEGACY
        };
        for version in ProtocolVersion::ALL {
            let expected: Value = blocks.iter().map(|block| block.to_value(version)).collect();
            for closing in [Closing::LEGACY, server] {
                let result = ToolResult::content(blocks.clone()).meta("e", 4);
                let json = result.into_json(version, closing);
                let read: Value = serde_json::from_slice(json.as_bytes()).unwrap();
                assert_eq!(read["content"], expected, "{version}");
                assert_eq!(read["_meta"]["e"], 4);
                assert!(json.pieces().len() > blocks.len());
            }
            let structured = ToolResult::structured(json!({"a": lines, "b": plain}));
            for closing in [Closing::LEGACY, server] {
                let json = structured.clone().into_json(version, closing);
                let read: Value = serde_json::from_slice(json.as_bytes()).unwrap();
                let is_sent = version.has_structured_content();
                assert_eq!(read.get("structuredContent").is_some(), is_sent);
                let text = read["content"][0]["text"].as_str().unwrap();
                let text: Value = serde_json::from_str(text).unwrap();
                assert_eq!(text, json!({"a": lines, "b": plain}));
                let sent = read.get("structuredContent");
                assert!(sent.is_none_or(|sent| *sent == text));
            }
        }
    }

    /// SPEC E-39, E-40, E-49: any JSON in 2026-07-28, objects before it, the text always.
    #[test]
    fn structured_content_takes_the_form_of_the_revision() {
        #[track_caller]
        fn check(value: &Value, version: ProtocolVersion, is_sent: bool) {
            let json = ToolResult::structured(value.clone()).into_json(version, Closing::LEGACY);
            let result: Value = serde_json::from_slice(json.as_bytes()).unwrap();
            assert_eq!(result["content"][0]["text"], value.to_string(), "{version}");
            let sent = result.get("structuredContent");
            assert_eq!(sent, is_sent.then_some(value), "{version}");
        }
        for version in ProtocolVersion::ALL {
            check(&json!({"a": 1}), version, version.has_structured_content());
            for value in [json!([1]), json!("x"), json!(1.5), json!(true), Value::Null] {
                check(&value, version, version == ProtocolVersion::V2026_07_28);
            }
        }
    }

    /// FIELD S-11: content of the handler's own, a structured value and a failure, in any combination; the
    /// value is told as text only where there is nothing else.
    #[test]
    fn content_structure_and_failure_go_together() {
        let value = json!({"n": 1});
        let link = || Content::link(Resource::new("a://b", "b"));
        let content = |result: &Value| -> Vec<String> {
            let blocks = result["content"].as_array().unwrap().iter();
            let shown = |block: &Value| block["text"].as_str().map(str::to_owned);
            blocks
                .map(|block| shown(block).unwrap_or_else(|| block["type"].to_string()))
                .collect()
        };
        let own = ["own", "\"resource_link\""];
        let told = [r#"{"n":1}"#];
        for (result, blocks, is_structured, is_error) in [
            (ToolResult::text("own").and(link()), &own[..], false, false),
            (
                ToolResult::text("own")
                    .and(link())
                    .with_structured(value.clone()),
                &own,
                true,
                false,
            ),
            (
                ToolResult::structured(value.clone()).and("own").and(link()),
                &own,
                true,
                false,
            ),
            (ToolResult::structured(value.clone()), &told, true, false),
            (
                ToolResult::structured(value.clone()).as_error(),
                &told,
                true,
                true,
            ),
            (
                ToolResult::error("own")
                    .and(link())
                    .with_structured(value.clone()),
                &own,
                true,
                true,
            ),
            (ToolResult::default().as_error(), &[], false, true),
        ] {
            for version in ProtocolVersion::ALL
                .into_iter()
                .filter(|it| it.has_resource_links())
            {
                let json = result.clone().into_json(version, Closing::LEGACY);
                let sent: Value = serde_json::from_slice(json.as_bytes()).unwrap();
                assert_eq!(content(&sent), blocks, "{version}");
                let structured = is_structured.then_some(&value);
                assert_eq!(sent.get("structuredContent"), structured, "{version}");
                let failed = is_error.then_some(&Value::Bool(true));
                assert_eq!(sent.get("isError"), failed, "{version}");
                let block = result.to_block("id", version);
                assert_eq!(content(&block), blocks, "{version}");
                assert_eq!(block.get("structuredContent"), structured, "{version}");
            }
        }
    }

    /// SPEC K, A-29, A-30: a result has `_meta` in every revision, without keys that may not be sent.
    #[test]
    fn a_result_has_meta_in_every_revision() {
        let result = ToolResult::error("no")
            .meta("com.example/a", json!({"b": 1}))
            .meta("dev.mcp/x", 1);
        for version in ProtocolVersion::ALL {
            assert_eq!(
                result
                    .clone()
                    .into_json(version, Closing::LEGACY)
                    .as_bytes(),
                br#"{"content":[{"type":"text","text":"no"}],"isError":true,"_meta":{"com.example/a":{"b":1}}}"#
            );
        }
    }
}
