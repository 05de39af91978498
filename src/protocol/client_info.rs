//! [`ClientInfo`]: who a client says that it is.

use std::fmt;
use std::sync::Arc;

use super::capabilities::Capabilities;
use crate::wire::json::RawJson;

/// How many bytes of each text are kept.
const TEXT_LIMIT: usize = 256;

/// Where a request of 2026-07-28 says who its client is.
const META_KEY: &str = "io.modelcontextprotocol/clientInfo";

/// Who a client says that it is: `clientInfo` of its `initialize`, or from 2026-07-28 on of each request.
/// Nobody has checked it, so use it for logs and for what a client is known to need, not to decide what a
/// client may do.
///
/// The first 256 bytes of each text are kept, up to a whole character. Cloning shares the texts.
///
/// ```
/// # use mcp_wire::Context;
/// fn who(cx: &Context) -> String {
///     match cx.client() {
///         Some(client) => format!("{} {}", client.name(), client.version()),
///         None => "a client that does not say".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ClientInfo(Arc<Texts>);

/// The texts one after the other, because each session has them.
#[derive(PartialEq, Eq)]
struct Texts {
    text: Box<str>,
    name_end: u16,
    version_end: u16,
}

/// What a client says of itself in its `initialize`.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    pub(crate) capabilities: Capabilities,
    /// `None` if it does not say who it is.
    pub(crate) info: Option<ClientInfo>,
}

impl ClientInfo {
    /// Copies the texts out of a message. `None` unless there are a name and a version.
    pub(crate) fn read(info: RawJson<'_>) -> Option<Self> {
        let member = |key: &str| info.member(key).and_then(RawJson::as_str);
        let (name, version) = (member("name")?, member("version")?);
        let title = member("title").unwrap_or_default();
        let mut text = kept(&name).to_owned();
        let name_end = text.len() as u16;
        text.push_str(kept(&version));
        let version_end = text.len() as u16;
        text.push_str(kept(&title));
        Some(Self(Arc::new(Texts {
            text: text.into(),
            name_end,
            version_end,
        })))
    }

    /// Reads it from the `_meta` of a request of 2026-07-28.
    pub(crate) fn in_meta(meta: RawJson<'_>) -> Option<Self> {
        Self::read(meta.member(META_KEY)?)
    }

    /// The name for programs, such as `claude-ai`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.text[..self.0.name_end.into()]
    }

    /// The version of the client, in whatever form it counts.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.text[self.0.name_end.into()..self.0.version_end.into()]
    }

    /// The name for people, if the client has one. From 2025-06-18 on.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        let title = &self.0.text[self.0.version_end.into()..];
        (!title.is_empty()).then_some(title)
    }
}

/// The beginning of a text that is kept.
fn kept(text: &str) -> &str {
    let mut end = text.len().min(TEXT_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl fmt::Debug for ClientInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientInfo")
            .field("name", &self.name())
            .field("version", &self.version())
            .field("title", &self.title())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(info: &Value) -> Option<ClientInfo> {
        ClientInfo::read(RawJson::of(info.to_string().as_bytes()))
    }

    /// FIELD S-17: name, version and title, as the client wrote them.
    #[test]
    fn a_client_says_who_it_is() {
        for (title, found) in [
            (json!("A \"client\""), Some("A \"client\"")),
            (json!(null), None),
            (json!(""), None),
            (json!(5), None),
        ] {
            let info = read(&json!({"name": "cli\nent", "version": "", "title": title, "x": 1}));
            let info = info.unwrap();
            assert_eq!((info.name(), info.version()), ("cli\nent", ""));
            assert_eq!(info.title(), found);
        }
        for nameless in [
            json!({}),
            json!({"name": "a"}),
            json!({"version": "1"}),
            json!({"name": null, "version": "1"}),
            json!({"name": "a", "version": 1}),
        ] {
            assert_eq!(read(&nameless), None, "{nameless}");
        }
    }

    /// FIELD S-17: what a session keeps of it is bounded, and whole characters.
    #[test]
    fn a_long_text_is_cut_at_a_character() {
        for (sent, kept) in [
            ("x".repeat(256), 256),
            ("x".repeat(60_000), 256),
            ("\u{20ac}".repeat(300), 255),
            ("\u{1f600}".repeat(300), 256),
        ] {
            let info = read(&json!({"name": sent, "version": sent, "title": sent})).unwrap();
            for text in [info.name(), info.version(), info.title().unwrap()] {
                assert_eq!(text, &sent[..kept]);
            }
        }
    }
}
