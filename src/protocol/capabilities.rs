//! [`Capabilities`]: what a client says that it can do.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;

/// How many bytes of capabilities are kept by default.
pub(crate) const CAPABILITIES_LIMIT: usize = 8 * 1024;

/// The capabilities that a client declared: in `initialize`, or from 2026-07-28 on with each request
/// (`io.modelcontextprotocol/clientCapabilities` in `_meta`).
///
/// They are kept as the JSON text that the client sent, because a tree of it may take a hundred times
/// as much memory. Cloning shares the text.
///
/// ```
/// # use mcp_wire::Capabilities;
/// fn can_open_a_page(capabilities: &Capabilities) -> bool {
///     capabilities.has(&["elicitation", "url"])
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Capabilities(
    /// Invariant: the text of one JSON object, copied out of its message. Many clients declare nothing,
    /// which is `None`. One pointer, since each session has one.
    Option<Arc<Box<[u8]>>>,
);

/// A client declares more than is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) limit: usize,
}

impl Capabilities {
    /// Copies the text of an object out of its message. What is no object declares nothing.
    ///
    /// # Errors
    ///
    /// When the text has more than `limit` bytes.
    pub(crate) fn read(declared: Option<RawJson<'_>>, limit: usize) -> Result<Self, TooLong> {
        let declared = declared.filter(|declared| declared.is_object());
        match declared.map(RawJson::as_bytes) {
            None | Some(b"{}") => Ok(Self::none()),
            Some(text) if text.len() > limit => Err(TooLong { limit }),
            Some(text) => Ok(Self(Some(Arc::new(text.into())))),
        }
    }

    /// Nothing is declared.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// The JSON text of the object, as the client wrote it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().map_or(b"{}", |text| text)
    }

    /// Whether a capability is declared: each name of the path leads into an object, and the last to a
    /// value that is neither `null` nor `false`. `&["elicitation", "form"]` asks for
    /// `{"elicitation": {"form": …}}`.
    #[must_use]
    pub fn has(&self, path: &[&str]) -> bool {
        let mut names = path.iter();
        let end = names.try_fold(self.raw(), |object, name| object.member(name));
        end.is_some_and(|value| !matches!(value.as_bytes(), b"null" | b"false"))
    }

    /// Whether an extension is declared: its settings are an object (TASKS N-11).
    #[cfg(feature = "server")]
    pub(crate) fn has_extension(&self, id: &str) -> bool {
        let settings = self
            .raw()
            .member("extensions")
            .and_then(|all| all.member(id));
        settings.is_some_and(RawJson::is_object)
    }

    /// The capabilities as a tree, which is built for each call. It is empty if serde_json cannot hold
    /// a number in it, such as `1e999`.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        serde_json::from_slice(self.as_bytes()).unwrap_or_default()
    }

    /// One capability as a tree, which is built for each call; `null` if it is not declared, or if
    /// serde_json cannot hold a number in it.
    #[must_use]
    pub fn value(&self, name: &str) -> Value {
        let declared = self.raw().member(name);
        declared
            .and_then(|value| value.to_value().ok())
            .unwrap_or_default()
    }

    fn raw(&self) -> RawJson<'_> {
        RawJson::of(self.as_bytes())
    }
}

/// The JSON text.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.raw(), f)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capabilities({self})")
    }
}

impl From<TooLong> for ErrorObject {
    fn from(TooLong { limit }: TooLong) -> Self {
        Self::invalid_params(format!(
            "the capabilities of the client are longer than {limit} bytes (limit: \
             `Limits::capabilities`)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Capabilities, TooLong> {
        Capabilities::read(Some(RawJson::of(text.as_bytes())), 40)
    }

    #[test]
    fn a_capability_is_declared_by_a_path_to_a_value() {
        let text = r#"{"a":{"b":{"c":{}},"t":true},"n":null}"#;
        let capabilities = read(text).unwrap();
        for (path, has) in [
            (&[][..], true),
            (&["a"], true),
            (&["a", "b"], true),
            (&["a", "b", "c"], true),
            (&["a", "t"], true),
            (&["a", "b", "c", "d"], false),
            (&["a", "t", "x"], false),
            (&["b"], false),
            (&["n"], false),
            (&["n", "x"], false),
        ] {
            assert_eq!(capabilities.has(path), has, "{path:?}");
        }
        assert_eq!(capabilities.to_string(), text);
        assert_eq!(capabilities.value("n"), Value::Null);
        assert_eq!(
            Value::from(capabilities.to_map()),
            json!({"a": {"b": {"c": {}}, "t": true}, "n": null})
        );
        assert!(!read(r#"{"a":{"f":false}}"#).unwrap().has(&["a", "f"]));
    }

    /// FIELD X-1: whole, or not at all.
    #[test]
    fn capabilities_are_kept_whole_up_to_a_limit() {
        let of_len = |len: usize| format!(r#"{{"x":"{}"}}"#, "y".repeat(len - 8));
        assert_eq!(read(&of_len(40)).unwrap().as_bytes().len(), 40);
        assert_eq!(read(&of_len(41)), Err(TooLong { limit: 40 }));
        for nothing in ["{}", "null", "[]", r#""x""#, "5"] {
            assert_eq!(read(nothing), Ok(Capabilities::none()), "{nothing}");
        }
        assert_eq!(Capabilities::read(None, 0), Ok(Capabilities::none()));
    }
}
