//! A JSON object as text that this side owns, ready to send.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::scan::{MAX_DEPTH, Scanner};
use super::span::Kind;
use crate::wire::pieces::Pieces;

/// One JSON object, ready to send as a `result` or as `params`.
///
/// It has no raw line break, so it fits into one `data:` line of an SSE event. A clone shares the bytes.
///
/// ```
/// use mcp_wire::jsonrpc::Json;
/// use serde_json::json;
/// assert_eq!(Json::try_from(&json!({"a": 1})).unwrap().as_bytes(), br#"{"a":1}"#);
/// assert!(Json::try_from(&json!([1])).is_err());
/// assert!(Json::parse("[1]").is_err());
/// ```
#[derive(Clone)]
pub struct Json(Text);

/// How the text of an object is kept.
#[derive(Clone)]
enum Text {
    Whole(Bytes),
    /// A long result that shares bytes with what it was made from.
    Parted(Arc<Parted>),
}

struct Parted {
    pieces: Vec<Bytes>,
    /// The pieces in one buffer, once a caller has asked for it.
    whole: OnceLock<Bytes>,
}

impl Json {
    /// Accepts JSON text, for example from an upstream server. Line breaks between tokens become spaces;
    /// all other bytes stay as they are.
    ///
    /// # Errors
    ///
    /// If the text is not one JSON object, or nests deeper than 64 levels.
    pub fn parse(text: impl Into<Bytes>) -> Result<Self, InvalidJson> {
        let text = text.into();
        let scan = || {
            let mut scanner = Scanner::new(&text, MAX_DEPTH)?;
            let (kind, _) = scanner.value()?;
            scanner.end().map(|()| kind)
        };
        match scan() {
            Ok(Kind::Object) => Ok(Self::whole(one_line(text))),
            Ok(_) => Err(InvalidJson(NO_OBJECT.to_owned())),
            Err(fault) => Err(InvalidJson(fault.to_string())),
        }
    }

    /// The object without members.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Text::Whole(Bytes::from_static(b"{}")))
    }

    /// The bytes of the object. An object with a long text is kept in several parts; the first call of
    /// this function copies them into one.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Whole(text) => text,
            Text::Parted(parted) => parted.whole.get_or_init(|| parted.pieces.concat().into()),
        }
    }

    /// The parts of the object, in order.
    pub(crate) fn pieces(&self) -> &[Bytes] {
        match &self.0 {
            Text::Whole(text) => std::slice::from_ref(text),
            Text::Parted(parted) => &parted.pieces,
        }
    }

    /// The length of the object in bytes.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Text::Whole(text) => text.len(),
            Text::Parted(parted) => parted.pieces.iter().map(Bytes::len).sum(),
        }
    }

    /// Appends a copy of the object.
    pub(in crate::wire) fn put(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Text::Whole(text) => out.extend_from_slice(text),
            Text::Parted(parted) => {
                for piece in &parted.pieces {
                    out.extend_from_slice(piece);
                }
            }
        }
    }

    /// Accepts text that an encoder of this crate wrote.
    pub(crate) fn from_encoder(text: impl Into<Pieces>) -> Self {
        let json = match text.into() {
            Pieces::One(text) => Self::whole(text),
            Pieces::Several(pieces) => {
                let whole = OnceLock::new();
                Self(Text::Parted(Arc::new(Parted { pieces, whole })))
            }
        };
        debug_assert!(json.pieces()[0].starts_with(b"{"));
        json
    }

    const fn whole(text: Bytes) -> Self {
        Self(Text::Whole(text))
    }
}

/// JSON strings have no raw line breaks; between tokens a break means the same as a space.
fn one_line(text: Bytes) -> Bytes {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    if !text.iter().any(is_break) {
        return text;
    }
    let mut text = Vec::from(text);
    text.iter_mut()
        .filter(|byte| is_break(byte))
        .for_each(|byte| *byte = b' ');
    text.into()
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Json {}

impl From<&Map<String, Value>> for Json {
    fn from(object: &Map<String, Value>) -> Self {
        let text =
            serde_json::to_vec(object).expect("keys are strings, and a Vec takes every byte");
        Self::whole(text.into())
    }
}

/// Accepts an object. Any other value is an error: `result` and `params` are objects.
impl TryFrom<&Value> for Json {
    type Error = InvalidJson;

    fn try_from(value: &Value) -> Result<Self, InvalidJson> {
        match value {
            Value::Object(_) => Ok(Self::whole(value.to_string().into())),
            _ => Err(InvalidJson(NO_OBJECT.to_owned())),
        }
    }
}

const NO_OBJECT: &str = "expected a JSON object";

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Why a text or a value is not a JSON object.
#[derive(Debug)]
pub struct InvalidJson(String);

impl fmt::Display for InvalidJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidJson {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// SPEC H-3: a message is one line, whatever white space its source had.
    #[test]
    fn line_breaks_between_tokens_become_spaces() {
        let json = Json::parse("{\r\n \"a\":\n \"b\\n\" }").unwrap();
        assert_eq!(json.as_bytes(), b"{   \"a\":  \"b\\n\" }");
    }

    /// SPEC A-8 and A-33: what is sent is one JSON object.
    #[test]
    fn only_an_object_is_taken_from_a_value() {
        for value in [json!(null), json!([]), json!([{}]), json!("{}"), json!(1)] {
            assert!(Json::try_from(&value).is_err(), "{value}");
        }
        let value = json!({"a": {"b": [1, "é\n"]}});
        let json = Json::try_from(&value).unwrap();
        assert_eq!(json.as_bytes(), value.to_string().as_bytes());
        assert_eq!(Json::from(value.as_object().unwrap()), json);
    }

    /// SPEC A-8, A-33: what is sent is one JSON object.
    #[test]
    fn only_an_object_is_taken() {
        for text in [
            "",
            "[]",
            "null",
            "{",
            "{}x",
            "{\"a\":NaN}",
            "{\"a\":\"\\ud800\"}",
        ] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }
}
