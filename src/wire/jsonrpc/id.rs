//! The id of a request: a string or an integer, echoed byte for byte.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::wire::json::RawJson;

/// The id of a request (JSON-RPC 2.0, section 4): a string or an integer, kept as the JSON token that
/// the peer sent. So `1` and `"1"` are different ids, and `18446744073709551616` keeps all its digits.
///
/// Two ids are equal if their values are: `"a"` and `"\u0061"` name the same request.
///
/// An id owns its bytes, so keeping it does not keep the message that it was read from in memory.
///
/// ```
/// use mcp_wire::jsonrpc::Id;
/// assert_eq!(Id::from(7).to_string(), "7");
/// assert_ne!(Id::from(7), Id::from("7"));
/// ```
#[derive(Clone)]
pub struct Id(Token);

/// The bytes of an id. Nearly all ids are integers or UUIDs, which need no allocation.
#[derive(Clone)]
enum Token {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

/// The bytes of a UUID with its quotes.
const SHORT: usize = 38;

impl Id {
    /// The caller guarantees that `token` is a JSON string or integer.
    pub(in crate::wire) fn from_token(token: &[u8]) -> Self {
        let mut bytes = [0; SHORT];
        Self(match bytes.get_mut(..token.len()) {
            Some(start) => {
                start.copy_from_slice(token);
                let len = token.len() as u8;
                Token::Short { len, bytes }
            }
            None => Token::Long(token.into()),
        })
    }

    /// The JSON token of this id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Token::Short { len, bytes } => &bytes[..usize::from(*len)],
            Token::Long(bytes) => bytes,
        }
    }

    /// The value of an id that this side made.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        std::str::from_utf8(self.as_bytes()).ok()?.parse().ok()
    }

    /// The text of a string; `None` for an integer.
    fn text(&self) -> Option<Cow<'_, str>> {
        RawJson::of(self.as_bytes()).as_str()
    }
}

impl From<u64> for Id {
    fn from(id: u64) -> Self {
        Self::from_token(id.to_string().as_bytes())
    }
}

impl From<&str> for Id {
    fn from(id: &str) -> Self {
        Self::from_token(serde_json::Value::from(id).to_string().as_bytes())
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        // Without escapes, equal values have equal bytes. Only strings have escapes.
        let is_escaped = |id: &Self| id.as_bytes().contains(&b'\\');
        if is_escaped(self) || is_escaped(other) {
            self.text().is_some() && self.text() == other.text()
        } else {
            self.as_bytes() == other.as_bytes()
        }
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.text() {
            Some(text) => (true, &*text).hash(state),
            None => (false, self.as_bytes()).hash(state),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_equal_by_value_and_type() {
        let token = |text: &'static str| Id::from_token(text.as_bytes());
        assert_eq!(token(r#""a""#), token(r#""\u0061""#));
        assert_ne!(token("1"), token(r#""1""#));
        assert_ne!(token("1"), token(r#""\u0031""#));
        assert_eq!(Id::from("é\n"), token(r#""\u00e9\u000a""#));
        let set: HashSet<Id> = [token(r#""a""#), token(r#""\u0061""#), token("1")].into();
        assert_eq!(set.len(), 2);
    }

    /// An escape does not make ids of different values equal.
    #[test]
    fn ids_with_escapes_differ_by_value() {
        let token = |text: &'static str| Id::from_token(text.as_bytes());
        for other in [r#""b""#, r#""\u0062""#, r#""A""#, "97", r#""""#] {
            assert_ne!(token(r#""\u0061""#), token(other), "{other}");
            assert_ne!(token(other), token(r#""\u0061""#), "{other}");
        }
    }

    /// An id of any length keeps the bytes that it was made of.
    #[test]
    fn an_id_keeps_its_bytes_at_any_length() {
        for len in [1, 2, SHORT - 1, SHORT, SHORT + 1, 256] {
            let token = "7".repeat(len);
            let id = Id::from_token(token.as_bytes());
            assert_eq!(id.as_bytes(), token.as_bytes());
            assert_eq!(id.clone(), id);
        }
        assert_eq!(size_of::<Option<Id>>(), 40);
    }
}
