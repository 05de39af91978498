//! [`Arguments`]: what a tool is called with.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::server::handler_error::HandlerError;
use crate::server::result::text::Text;
use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;

/// The arguments of a call: a JSON object (*2025-11-25, Tools, Calling Tools*).
///
/// It stays text until a handler asks for anything other than a string without escapes: building a map costs
/// more than all other work on a short call.
#[derive(Clone, Default)]
pub struct Arguments {
    /// A part of a message, so its grammar was checked; empty if there are no arguments. Invariant:
    /// serde_json can hold it.
    text: Bytes,
    values: OnceLock<Map<String, Value>>,
}

impl Arguments {
    /// The `arguments` of a request.
    ///
    /// # Errors
    ///
    /// -32602 when they are not an object, or have a value that serde_json cannot hold.
    pub(crate) fn of(request: &Request) -> Result<Self, ErrorObject> {
        let params = request.params();
        let Some((params, raw)) = params.and_then(|params| Some((params, params.arguments()?)))
        else {
            return Ok(Self::default());
        };
        let invalid = || ErrorObject::invalid_params("`arguments` must be an object");
        if !raw.is_object() {
            return Err(invalid());
        }
        let values = if params.may_overflow() {
            // Only a tree shows whether serde_json can hold them. It is kept: a second one would cost
            // as much again.
            let values: Map<String, Value> =
                serde_json::from_slice(raw.as_bytes()).map_err(|_| invalid())?;
            OnceLock::from(values)
        } else {
            OnceLock::new()
        };
        Ok(Self {
            text: request.part(raw),
            values,
        })
    }

    pub(crate) fn values(&self) -> &Map<String, Value> {
        self.values
            .get_or_init(|| serde_json::from_slice(&self.text).unwrap_or_default())
    }

    /// A string that needs no unescaping.
    fn plain(&self, name: &str) -> Option<&str> {
        match RawJson::of(&self.text).member(name)?.as_str()? {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    /// A required string.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is missing or not a string.
    pub fn str(&self, name: &str) -> Result<&str, HandlerError> {
        match self.plain(name) {
            Some(text) => Ok(text),
            None => self.required(name, "a string", Value::as_str),
        }
    }

    /// A required integer of 64 bits.
    ///
    /// # Errors
    ///
    /// As [`Arguments::str`]. Numbers such as `2.5` and `2.0` are not integers.
    pub fn integer(&self, name: &str) -> Result<i64, HandlerError> {
        self.required(name, "an integer", Value::as_i64)
    }

    /// A required number.
    ///
    /// # Errors
    ///
    /// As [`Arguments::str`].
    pub fn number(&self, name: &str) -> Result<f64, HandlerError> {
        self.required(name, "a number", Value::as_f64)
    }

    /// A required boolean.
    ///
    /// # Errors
    ///
    /// As [`Arguments::str`].
    pub fn bool(&self, name: &str) -> Result<bool, HandlerError> {
        self.required(name, "true or false", Value::as_bool)
    }

    /// An argument of any type; `None` when it is absent.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values().get(name)
    }

    /// All arguments as a JSON object, for a deserializer of your own.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.values();
        self.values.into_inner().unwrap_or_default().into()
    }

    /// A required string, to be returned or passed on.
    ///
    /// A long string is not copied, and then keeps the body of the request in memory ([`Text`]). That is
    /// so if it has at least 8 KiB, was sent without escapes such as `\n`, makes up at least half of the
    /// arguments, and at most 4 KiB of the request lie outside of the arguments.
    ///
    /// # Errors
    ///
    /// As [`Arguments::str`].
    pub fn text(&self, name: &str) -> Result<Text, HandlerError> {
        let value = RawJson::of(&self.text).member(name);
        match value.and_then(|value| Text::of_part(&self.text, value)) {
            Some(text) => Ok(text),
            None => self
                .required(name, "a string", Value::as_str)
                .map(Text::from),
        }
    }

    fn required<'a, T>(
        &'a self,
        name: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, HandlerError> {
        let Some(value) = self.value(name) else {
            let message = format!("the argument `{name}` is missing: expected {kind}");
            return Err(HandlerError::new(message));
        };
        read(value)
            .ok_or_else(|| HandlerError::new(format!("the argument `{name}` must be {kind}")))
    }
}

/// For tests of handlers, and for a handler that calls another.
impl From<Map<String, Value>> for Arguments {
    fn from(values: Map<String, Value>) -> Self {
        Self {
            text: Bytes::new(),
            values: values.into(),
        }
    }
}

impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.values() == other.values()
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arguments").field(self.values()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::jsonrpc::MessageLimits;
    use crate::wire::message::{Message, Payload, parse};
    use crate::wire::pieces::SHARED_FROM;

    fn arguments(text: &str) -> Result<Arguments, ErrorObject> {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"arguments":{text}}}}}"#
        );
        match parse(&body.into(), &MessageLimits::default()) {
            Ok(Payload::Single(Message::Request(request))) => Arguments::of(&request),
            other => panic!("{other:?}"),
        }
    }

    /// However it is written, and of two with the same name the last, as serde_json has it.
    #[test]
    fn a_string_is_the_same_from_the_text_and_from_the_map() {
        for text in [
            r#"{"a":"plain"}"#,
            r#"{"a":"é😀"}"#,
            r#"{"b":{"a":"inner"},"a":"outer"}"#,
            r#"{"a":"a \n \"b\""}"#,
            r#"{"\u0061":"named"}"#,
            r#"{"a":"first","a":"second"}"#,
            r#"{"a":"first","\u0061":"se\tcond"}"#,
            r#"{"a":1,"a":"second"}"#,
        ] {
            let from_text = arguments(text).unwrap();
            let from_map = arguments(text).unwrap();
            let expected = from_map.value("a").and_then(Value::as_str).unwrap();
            assert_eq!(from_text.str("a").unwrap(), expected, "{text}");
            assert_eq!(from_text, from_map);
        }
        for text in [r#"{"a":"first","a":2}"#, r#"{"a":null}"#, "{}"] {
            assert!(arguments(text).unwrap().str("a").is_err(), "{text}");
        }
    }

    /// FIELD X-13: a long text is a part of the body, unless it was sent with escapes; either way it is
    /// the text that `str` gives.
    #[test]
    fn a_long_argument_is_given_without_a_copy() {
        let long = "x".repeat(SHARED_FROM);
        for (sent, is_shared) in [
            (long.clone(), true),
            (format!("{long}é😀"), true),
            (format!("{long}\\n"), false),
            ("x".repeat(SHARED_FROM - 1), false),
            // Less than half of its body.
            (format!(r#"{long}","d":"{long}x"#), false),
            (String::new(), false),
        ] {
            let arguments = arguments(&format!(r#"{{"a":"{sent}","b":1}}"#)).unwrap();
            let text = arguments.text("a").unwrap();
            assert_eq!(text.as_str(), arguments.str("a").unwrap());
            assert_eq!(text.len(), text.as_str().len());
            let body = arguments.text.as_ptr_range();
            assert_eq!(body.contains(&text.as_str().as_ptr()), is_shared);
            assert_eq!(String::from(text.clone()), text.as_str());
            assert!(arguments.text("b").is_err() && arguments.text("c").is_err());
        }
        let values = Map::from_iter([("a".to_owned(), Value::from("x"))]);
        assert_eq!(Arguments::from(values).text("a").unwrap().as_str(), "x");
    }

    /// SPEC E-33: what a handler could not read does not come to it.
    #[test]
    fn only_an_object_that_can_be_read_is_taken() {
        let long = "9".repeat(400);
        for text in [
            "[]",
            "1",
            "\"{}\"",
            r#"{"a":1e999}"#,
            r#"{"a":[-1E+400]}"#,
            &format!("{{\"a\":{long}}}"),
        ] {
            let error = arguments(text).unwrap_err();
            assert_eq!(error.code(), -32602, "{text}");
        }
        for text in [
            "{}",
            r#"{"a":1e3}"#,
            r#"{"a":123456789012345678901234567890}"#,
        ] {
            let whole: Value = serde_json::from_str(text).unwrap();
            assert_eq!(arguments(text).unwrap().into_value(), whole);
        }
    }
}
