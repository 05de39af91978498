//! [`Text`]: a text of an answer, which may share the memory of the request.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::wire::json::{RawJson, put_owned_string};
use crate::wire::pieces::{PieceWriter, SHARED_FROM};

/// A text of an answer: a text of its own, or a part of the request that is not copied.
///
/// Every `String` and `&str` converts into one. [`Arguments::text`](crate::server::Arguments::text) returns a
/// long argument as a part of the request body, so that a handler can send it back without a copy:
///
/// ```
/// use mcp_wire::server::{Arguments, Call, Text, HandlerError};
/// async fn echo(_: Call, arguments: Arguments) -> Result<Text, HandlerError> {
///     arguments.text("message")
/// }
/// ```
///
/// Such a text, which makes up at least half of the arguments, keeps the whole request body in memory until it
/// and its clones are dropped. To keep a text beyond its request, make a `String` of it.
#[derive(Clone)]
pub struct Text(Kind);

#[derive(Clone)]
enum Kind {
    Owned(String),
    /// Invariant: UTF-8 without anything that a JSON string would escape.
    Shared(Bytes),
}

impl Text {
    /// The text. A text that shares memory with a request is checked for UTF-8 in each call, which takes time
    /// in proportion to its length.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kind::Owned(text) => text,
            Kind::Shared(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        }
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Owned(text) => text.len(),
            Kind::Shared(bytes) => bytes.len(),
        }
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a string in this part of a body; `None` if the string has escapes. A text that is short,
    /// or less than half of the part, is copied: it would keep much more than itself in memory.
    pub(crate) fn of_part(part: &Bytes, string: RawJson<'_>) -> Option<Self> {
        let bytes = string.unescaped()?;
        let is_shared = bytes.len() >= SHARED_FROM && bytes.len() >= part.len() / 2;
        Some(Self(if is_shared {
            Kind::Shared(part.slice_ref(bytes))
        } else {
            Kind::Owned(std::str::from_utf8(bytes).ok()?.to_owned())
        }))
    }

    /// Appends the text as a JSON string.
    #[inline]
    pub(crate) fn put(self, out: &mut PieceWriter) {
        match self.0 {
            Kind::Owned(text) => put_owned_string(out, text),
            Kind::Shared(bytes) => {
                out.put(b"\"");
                out.share(bytes);
                out.put(b"\"");
            }
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Kind::Owned(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<Box<str>> for Text {
    fn from(text: Box<str>) -> Self {
        String::from(text).into()
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

/// Copies a text that is shared with a request.
impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text.0 {
            Kind::Owned(text) => text,
            Kind::Shared(_) => text.as_str().to_owned(),
        }
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
