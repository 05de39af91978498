//! A JSON value as text, borrowed from a message.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::plain::has_escape;
use super::string::decode;
use super::walk::{elements, members};

/// One JSON value inside a message, as the bytes that the peer sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawJson<'a>(&'a [u8]);

impl<'a> RawJson<'a> {
    /// `text` is the text of one value, and the parser has checked it.
    pub(crate) fn of(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The bytes of the value: valid JSON in UTF-8.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text of a string, with its escapes decoded; `None` for a value of another type.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        match self.unescaped() {
            Some(text) => std::str::from_utf8(text).ok().map(Cow::Borrowed),
            None if self.is_string() => decode(std::str::from_utf8(self.0).ok()?).ok(),
            None => None,
        }
    }

    /// Whether the value is an object.
    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with(b"{")
    }

    /// Whether the value is `null`.
    pub(crate) fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// Whether the value is a string.
    pub(crate) fn is_string(self) -> bool {
        self.0.starts_with(b"\"")
    }

    /// The value of the member with this name, found without building a tree. If an object has several
    /// members with this name, it is the last one, as in nearly every JSON reader. `None` if the object
    /// has no such member, or if the value is no object.
    ///
    /// It walks over the object's text on each call; to read many members of a large object,
    /// [`to_value`](Self::to_value) is faster.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use mcp_wire::jsonrpc::{self, Message, MessageLimits, Payload};
    ///
    /// let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call",
    ///     "params":{"name":"echo","arguments":{"text":"hi","to":{"city":"Oslo"}}}}"#;
    /// let payload = jsonrpc::parse(&Bytes::from(body), &MessageLimits::default())?;
    /// let Payload::Single(Message::Request(request)) = payload else { panic!("a request") };
    ///
    /// let arguments = request.params().and_then(|params| params.arguments()).unwrap();
    /// assert_eq!(arguments.member("text").unwrap().as_str().unwrap(), "hi");
    /// assert_eq!(arguments.member("to").unwrap().as_bytes(), br#"{"city":"Oslo"}"#);
    /// assert!(arguments.member("from").is_none());
    /// # Ok::<(), mcp_wire::jsonrpc::ParseError>(())
    /// ```
    #[must_use]
    pub fn member(self, wanted: &str) -> Option<Self> {
        let members = members(self.0).filter(|(name, _)| Self(name).is_text(wanted));
        members.last().map(|(_, value)| Self(value))
    }

    /// The name (a string) and the value of each member of an object; nothing for a value of another
    /// type.
    #[cfg(feature = "server")]
    pub(crate) fn members(self) -> impl Iterator<Item = (Self, Self)> {
        members(self.0).map(|(name, value)| (Self(name), Self(value)))
    }

    /// The text of a member that is a string.
    #[cfg(feature = "server")]
    pub(crate) fn text_of(self, wanted: &str) -> Option<Cow<'a, str>> {
        self.member(wanted)?.as_str()
    }

    /// The elements of an array; `None` for a value of another type.
    pub(crate) fn elements(self) -> Option<impl Iterator<Item = Self>> {
        let is_array = self.0.starts_with(b"[");
        is_array.then(|| elements(self.0).map(Self))
    }

    /// The member with this name, unless it is `null`: some clients write `null` for the optional members
    /// that they leave out.
    pub(crate) fn optional(self, wanted: &str) -> Option<Self> {
        self.member(wanted).filter(|value| !value.is_null())
    }

    /// Whether a string has this text.
    fn is_text(self, wanted: &str) -> bool {
        match self.unescaped() {
            Some(text) => text == wanted.as_bytes(),
            None => self.as_str().is_some_and(|text| text == wanted),
        }
    }

    /// The text of a string, if it has no escapes.
    pub(crate) fn unescaped(self) -> Option<&'a [u8]> {
        match self.0 {
            [b'"', text @ .., b'"'] if !has_escape(text) => Some(text),
            _ => None,
        }
    }

    /// The value, read by serde_json.
    ///
    /// # Errors
    ///
    /// If serde_json cannot represent the value, such as the number `1e999`.
    pub fn to_value(self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(self.0)
    }
}

impl fmt::Debug for RawJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_by_its_name() {
        let raw = RawJson(br#"{"a":0,"a":{"b":1},"\u0063":"x"}"#);
        assert_eq!(raw.member("a").unwrap().as_bytes(), br#"{"b":1}"#);
        assert_eq!(raw.member("c").unwrap().as_bytes(), br#""x""#);
        assert!(raw.member("b").is_none() && RawJson(b"[1]").member("a").is_none());
    }
}
