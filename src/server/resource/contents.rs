//! [`ResourceContents`]: what was read.

use serde_json::{Value, json};

use crate::server::metadata::meta::Meta;
use crate::server::result::member::put_with;
use crate::server::result::text::Text;
use crate::wire::base64;
use crate::wire::json::put_owned_string;
use crate::wire::pieces::PieceWriter;
use crate::wire::version::ProtocolVersion;

/// Text or bytes under a URI (*2025-11-25, Resources, Resource Contents*).
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceContents {
    uri: String,
    mime_type: Option<String>,
    body: Body,
    meta: Meta,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Text(Text),
    Blob(String),
}

impl ResourceContents {
    /// Text under a URI.
    pub fn text(uri: impl Into<String>, text: impl Into<Text>) -> Self {
        Self {
            uri: uri.into(),
            mime_type: None,
            body: Body::Text(text.into()),
            meta: Meta::default(),
        }
    }

    /// Bytes under a URI, sent in Base64.
    pub fn blob(uri: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            uri: uri.into(),
            mime_type: None,
            body: Body::Blob(base64::encode(bytes)),
            meta: Meta::default(),
        }
    }

    /// The MIME type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Adds an entry to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the protocol
    /// reserves (*2025-11-25, Overview, `_meta`*), is left out.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    /// The MIME type, if the contents say one.
    pub(crate) fn mime(&self) -> Option<&str> {
        self.mime_type.as_deref()
    }

    /// Whether its `_meta` has such an entry.
    pub(crate) fn has_meta(&self, key: &str) -> bool {
        self.meta.has(key)
    }

    pub(crate) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = self.to_value_without_body(version);
        match &self.body {
            Body::Text(text) => out["text"] = text.as_str().into(),
            Body::Blob(blob) => out["blob"] = blob.as_str().into(),
        }
        out
    }

    /// Appends the contents without a copy of a long text.
    pub(crate) fn put(self, out: &mut PieceWriter, version: ProtocolVersion) {
        let others = self.to_value_without_body(version);
        match self.body {
            Body::Text(text) => put_with(out, &others, "text", |out| text.put(out)),
            Body::Blob(blob) => {
                put_with(out, &others, "blob", |out| put_owned_string(out, blob));
            }
        }
    }

    fn to_value_without_body(&self, version: ProtocolVersion) -> Value {
        let mut out = json!({"uri": self.uri});
        if let Some(mime_type) = &self.mime_type {
            out["mimeType"] = mime_type.as_str().into();
        }
        if version.has_titles() {
            self.meta.put(&mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC E-52, K: contents have `_meta` from 2025-06-18 on.
    #[test]
    fn contents_take_the_form_of_the_revision() {
        let contents = ResourceContents::blob("a://b", b"f").meta("a", 1);
        for version in ProtocolVersion::ALL {
            let mut expected = json!({"uri": "a://b", "blob": "Zg=="});
            if version.has_titles() {
                expected["_meta"] = json!({"a": 1});
            }
            assert_eq!(contents.to_value(version), expected, "{version}");
        }
    }
}
