//! [`Arguments`]: what a tool is called with.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::kept::Kept;
use crate::server::handler_error::HandlerError;
#[cfg(feature = "serde")]
use crate::server::located::read_located;
use crate::server::mismatch::{Path, found};
use crate::server::result::text::Text;
use crate::wire::json::{NoInteger, RawJson, integer};
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;

/// The arguments of a call: a JSON object (*2025-11-25, Tools, Calling Tools*).
///
/// Each function reads one argument from the text that the client sent. What is wrong with an argument is
/// told to the model: the result of the call is an error that names the argument, what was expected and what
/// was found. An optional argument that is `null` counts as absent. Of two arguments of the same name, the
/// last one counts.
///
/// An integer is a number without a fraction, however it is written: `5`, `5.0` and `5e0` are the same.
#[derive(Clone, Default)]
pub struct Arguments {
    /// A part of a message, so its grammar was checked; empty if there are no arguments. Invariant:
    /// serde_json can hold each member.
    text: Bytes,
    kept: Kept,
}

impl Arguments {
    /// The `arguments` of a request.
    ///
    /// # Errors
    ///
    /// -32602 when they are not an object. The model is told when one of them is a value that serde_json
    /// cannot hold.
    pub(crate) fn of(request: &Request) -> Result<Self, HandlerError> {
        let params = request.params();
        let Some((params, raw)) = params.and_then(|params| Some((params, params.arguments()?)))
        else {
            return Ok(Self::default());
        };
        if !raw.is_object() {
            return Err(ErrorObject::invalid_params("`arguments` must be an object").into());
        }
        if params.may_overflow() {
            check_readable(raw)?;
        }
        Ok(Self {
            text: request.part(raw),
            kept: Kept::default(),
        })
    }

    /// The same arguments, which share no memory with the request.
    pub(crate) fn detached(&self) -> Self {
        Self {
            text: Bytes::copy_from_slice(&self.text),
            kept: Kept::default(),
        }
    }

    /// A required string.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is missing or not a string.
    pub fn str(&self, name: &str) -> Result<&str, HandlerError> {
        required(name, A_STRING, self.find_str(name)?)
    }

    /// An optional string; `None` when it is absent or `null`.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is of another type.
    pub fn opt_str(&self, name: &str) -> Result<Option<&str>, HandlerError> {
        self.find_str(name)
    }

    /// A required integer from -2<sup>63</sup> to 2<sup>63</sup> - 1.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is missing, has another type or a fraction, or is out of
    /// range.
    pub fn integer(&self, name: &str) -> Result<i64, HandlerError> {
        required(name, AN_INTEGER, self.opt_integer(name)?)
    }

    /// An optional integer, as [`Arguments::integer`]; `None` when it is absent or `null`.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is anything else.
    pub fn opt_integer(&self, name: &str) -> Result<Option<i64>, HandlerError> {
        self.read_integer(name, AN_INTEGER)
    }

    /// A required integer from 0 to 2<sup>64</sup> - 1.
    ///
    /// # Errors
    ///
    /// As [`Arguments::integer`].
    pub fn unsigned(&self, name: &str) -> Result<u64, HandlerError> {
        required(name, AN_UNSIGNED, self.opt_unsigned(name)?)
    }

    /// An optional integer, as [`Arguments::unsigned`]; `None` when it is absent or `null`.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is anything else.
    pub fn opt_unsigned(&self, name: &str) -> Result<Option<u64>, HandlerError> {
        self.read_integer(name, AN_UNSIGNED)
    }

    /// A required number. One with more digits than a float holds is rounded.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is missing or not a number.
    pub fn number(&self, name: &str) -> Result<f64, HandlerError> {
        required(name, A_NUMBER, self.opt_number(name)?)
    }

    /// An optional number; `None` when it is absent or `null`.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is of another type.
    pub fn opt_number(&self, name: &str) -> Result<Option<f64>, HandlerError> {
        self.read(name, A_NUMBER, |value| {
            // No other JSON value is a float in Rust's grammar.
            std::str::from_utf8(value.as_bytes()).ok()?.parse().ok()
        })
    }

    /// A required boolean.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is missing or not a boolean.
    pub fn bool(&self, name: &str) -> Result<bool, HandlerError> {
        required(name, A_BOOLEAN, self.opt_bool(name)?)
    }

    /// An optional boolean; `None` when it is absent or `null`.
    ///
    /// # Errors
    ///
    /// A message for the model when the argument is of another type.
    pub fn opt_bool(&self, name: &str) -> Result<Option<bool>, HandlerError> {
        self.read(name, A_BOOLEAN, |value| match value.as_bytes() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        })
    }

    /// An argument of any type; `None` when it is absent. An integer of more than 64 bits is rounded to a
    /// float: [`Arguments::raw`] has all digits.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        let value = self.raw(name)?;
        Some(self.kept.value(offset(&self.text, value), value))
    }

    /// An argument as the text that the client sent; `None` when it is absent.
    ///
    /// ```
    /// use mcp_wire::server::{Arguments, Call, HandlerError};
    /// async fn square(_: Call, arguments: Arguments) -> Result<String, HandlerError> {
    ///     let n = arguments.raw("n").ok_or_else(|| HandlerError::new("n is missing"))?;
    ///     let n: u128 = String::from_utf8_lossy(n.as_bytes())
    ///         .parse()
    ///         .map_err(|fault| HandlerError::new(format!("arguments.n: {fault}")))?;
    ///     Ok(n.saturating_mul(n).to_string())
    /// }
    /// ```
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<RawJson<'_>> {
        self.as_raw().member(name)
    }

    /// All arguments as a type of yours, read straight from the text that the client sent.
    ///
    /// Where serde alone is stricter than JSON Schema, `5.0` counts as an integer, and an optional argument
    /// that is `null` as absent.
    ///
    /// # Errors
    ///
    /// A message for the model when the arguments do not fit the type, such as
    /// `arguments.items[2].count: expected an integer, not the string "x"`.
    #[cfg(feature = "serde")]
    #[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
    pub fn parse<T: serde_core::de::DeserializeOwned>(&self) -> Result<T, HandlerError> {
        let raw = self.as_raw();
        // What does not fit is read once more, with care for its place.
        serde_json::from_slice(raw.as_bytes()).or_else(|_| read_located(raw))
    }

    /// All arguments as a JSON object, for a deserializer of your own.
    #[must_use]
    pub fn into_value(self) -> Value {
        let value = self.as_raw().to_value();
        value.unwrap_or_else(|_| Map::new().into())
    }

    /// All arguments: the text of one object.
    pub(crate) fn as_raw(&self) -> RawJson<'_> {
        match &*self.text {
            b"" => RawJson::of(b"{}"),
            text => RawJson::of(text),
        }
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
        let value = self.raw(name);
        match value.and_then(|value| Text::of_part(&self.text, value)) {
            Some(text) => Ok(text),
            None => self.str(name).map(Text::from),
        }
    }

    fn find_str(&self, name: &str) -> Result<Option<&str>, HandlerError> {
        let Some(value) = self.as_raw().optional(name) else {
            return Ok(None);
        };
        match value.as_str() {
            Some(Cow::Borrowed(text)) => Ok(Some(text)),
            // The text without its escapes has to be kept to be lent.
            Some(Cow::Owned(_)) => {
                let at = offset(&self.text, value);
                Ok(self.kept.value(at, value).as_str())
            }
            None => Err(mistyped(name, A_STRING, value)),
        }
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(RawJson<'_>) -> Option<T>,
    ) -> Result<Option<T>, HandlerError> {
        let Some(value) = self.as_raw().optional(name) else {
            return Ok(None);
        };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(mistyped(name, expected, value)),
        }
    }

    fn read_integer<T: TryFrom<i128>>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, HandlerError> {
        let Some(value) = self.as_raw().optional(name) else {
            return Ok(None);
        };
        match integer(value.as_bytes()) {
            Ok(integer) => match T::try_from(integer) {
                Ok(integer) => Ok(Some(integer)),
                Err(_) if integer < 0 && expected == AN_UNSIGNED => {
                    Err(mistyped(name, expected, value))
                }
                Err(_) => Err(out_of_range(name, expected, value)),
            },
            Err(NoInteger::TooLarge) => Err(out_of_range(name, expected, value)),
            Err(NoInteger::Type | NoInteger::Fraction) => Err(mistyped(name, expected, value)),
        }
    }
}

const A_STRING: &str = "a string";
const A_NUMBER: &str = "a number";
const A_BOOLEAN: &str = "true or false";
const AN_INTEGER: &str = "an integer";
const AN_UNSIGNED: &str = "an integer of at least 0";

fn required<T>(name: &str, expected: &str, value: Option<T>) -> Result<T, HandlerError> {
    value.ok_or_else(|| {
        let path = Path::Member(&Path::ARGUMENTS, name);
        HandlerError::new(format!("{path} is missing: expected {expected}"))
    })
}

#[cold]
fn mistyped(name: &str, expected: &str, value: RawJson<'_>) -> HandlerError {
    let path = Path::Member(&Path::ARGUMENTS, name);
    HandlerError::new(format!("{path}: expected {expected}, not {}", found(value)))
}

#[cold]
fn out_of_range(name: &str, expected: &str, value: RawJson<'_>) -> HandlerError {
    let path = Path::Member(&Path::ARGUMENTS, name);
    let range = if expected == AN_UNSIGNED {
        "0 to 2^64-1"
    } else {
        "-2^63 to 2^63-1"
    };
    let found = found(value);
    HandlerError::new(format!(
        "{path}: expected {expected}, and {found} is not in the range {range}"
    ))
}

/// Where a value begins in the text that it is a part of.
fn offset(text: &[u8], value: RawJson<'_>) -> usize {
    value.as_bytes().as_ptr().addr() - text.as_ptr().addr()
}

/// Only a tree shows whether serde_json can hold a value.
#[cold]
fn check_readable(arguments: RawJson<'_>) -> Result<(), HandlerError> {
    for (name, value) in arguments.members() {
        if let Err(error) = value.to_value() {
            let name = name.as_str().unwrap_or_default();
            let path = Path::Member(&Path::ARGUMENTS, &name);
            let reason = error.to_string();
            // The place is one in the value, which the client does not see on its own.
            let reason = reason.split(" at line").next().unwrap_or_default();
            let message = format!("{path}: {} cannot be read: {reason}", found(value));
            return Err(HandlerError::new(message));
        }
    }
    Ok(())
}

/// For tests of handlers, and for a handler that calls another.
impl From<Map<String, Value>> for Arguments {
    fn from(values: Map<String, Value>) -> Self {
        Self {
            text: Value::from(values).to_string().into(),
            kept: Kept::default(),
        }
    }
}

impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.clone().into_value() == other.clone().into_value()
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arguments").field(&self.as_raw()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::jsonrpc::MessageLimits;
    use crate::wire::message::{Message, Payload, parse};
    use crate::wire::pieces::SHARED_FROM;

    fn arguments(text: &str) -> Result<Arguments, HandlerError> {
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
    fn a_string_is_the_same_from_the_text_and_from_the_tree() {
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
            let arguments = arguments(text).unwrap();
            let tree = arguments.clone().into_value();
            let expected = tree["a"].as_str();
            assert_eq!(arguments.value("a"), tree.get("a"), "{text}");
            // Lent twice, and beside others.
            for _ in 0..2 {
                assert_eq!(arguments.opt_str("a").unwrap(), expected, "{text}");
                assert!(arguments.value("b").is_none_or(Value::is_object));
            }
        }
        let values = Map::from_iter([("a".to_owned(), Value::from("x\n"))]);
        assert_eq!(Arguments::from(values).str("a").unwrap(), "x\n");
    }

    /// Reads the argument `a` in a way of its own.
    type Reader = fn(&Arguments) -> Result<String, HandlerError>;

    fn shown<T: fmt::Debug>(read: Result<T, HandlerError>) -> Result<String, HandlerError> {
        read.map(|value| format!("{value:?}"))
    }

    const STR: Reader = |it| shown(it.str("a"));
    const OPT_STR: Reader = |it| shown(it.opt_str("a"));
    const INTEGER: Reader = |it| shown(it.integer("a"));
    const OPT_INTEGER: Reader = |it| shown(it.opt_integer("a"));
    const UNSIGNED: Reader = |it| shown(it.unsigned("a"));
    const OPT_UNSIGNED: Reader = |it| shown(it.opt_unsigned("a"));
    const NUMBER: Reader = |it| shown(it.number("a"));
    const OPT_NUMBER: Reader = |it| shown(it.opt_number("a"));
    const BOOL: Reader = |it| shown(it.bool("a"));
    const OPT_BOOL: Reader = |it| shown(it.opt_bool("a"));
    const TEXT: Reader = |it| shown(it.text("a").map(String::from));

    /// FIELD P-12, S-1, S-2: what each reader makes of each value, and what the model is told.
    #[test]
    fn an_argument_is_read_or_told_about() {
        #[track_caller]
        fn check(read: Reader, text: &str, expected: &str) {
            let read = read(&arguments(&format!("{{{text}}}")).unwrap());
            assert_eq!(read.unwrap_or_else(|told| told.to_string()), expected);
        }
        for (read, expected) in [
            (STR, "a string"),
            (TEXT, "a string"),
            (INTEGER, "an integer"),
            (UNSIGNED, "an integer of at least 0"),
            (NUMBER, "a number"),
            (BOOL, "true or false"),
        ] {
            let missing = format!("arguments.a is missing: expected {expected}");
            for absent in ["", r#""a":null"#, r#""b":{"a":1}"#, r#""a":1,"a":null"#] {
                check(read, absent, &missing);
            }
            let mistyped = format!("arguments.a: expected {expected}, not an array");
            check(read, r#""a":[1]"#, &mistyped);
        }
        for read in [OPT_STR, OPT_INTEGER, OPT_UNSIGNED, OPT_NUMBER, OPT_BOOL] {
            for absent in ["", r#""a":null"#, r#""a":1,"a":null"#] {
                check(read, absent, "None");
            }
        }
        check(OPT_STR, r#""a":"x""#, "Some(\"x\")");
        check(
            OPT_STR,
            r#""a":5"#,
            "arguments.a: expected a string, not the number 5",
        );
        check(OPT_BOOL, r#""a":false"#, "Some(false)");
        check(
            BOOL,
            r#""a":"true""#,
            "arguments.a: expected true or false, not the string \"true\"",
        );
        for (token, integer) in [("5", 5), ("5.0", 5), ("-5.0", -5), ("1e3", 1000), ("-0", 0)] {
            let text = format!("\"a\":{token}");
            check(INTEGER, &text, &integer.to_string());
            check(OPT_INTEGER, &text, &format!("Some({integer})"));
            check(
                NUMBER,
                &text,
                &format!("{:?}", token.parse::<f64>().unwrap()),
            );
        }
        check(
            UNSIGNED,
            r#""a":18446744073709551615"#,
            "18446744073709551615",
        );
        check(OPT_UNSIGNED, r#""a":-0.0"#, "Some(0)");
        check(
            INTEGER,
            r#""a":-9223372036854775808"#,
            "-9223372036854775808",
        );
        check(
            INTEGER,
            r#""a":9223372036854775808"#,
            "arguments.a: expected an integer, and the number 9223372036854775808 is not in the range -2^63 to 2^63-1",
        );
        check(
            UNSIGNED,
            r#""a":1e300"#,
            "arguments.a: expected an integer of at least 0, and the number 1e300 is not in the range 0 to 2^64-1",
        );
        check(
            UNSIGNED,
            r#""a":18446744073709551616"#,
            "arguments.a: expected an integer of at least 0, and the number 18446744073709551616 is not in the range 0 to 2^64-1",
        );
        check(
            UNSIGNED,
            r#""a":-1"#,
            "arguments.a: expected an integer of at least 0, not the number -1",
        );
        check(
            INTEGER,
            r#""a":-1e30"#,
            "arguments.a: expected an integer, and the number -1e30 is not in the range -2^63 to 2^63-1",
        );
        check(
            INTEGER,
            r#""a":5.5"#,
            "arguments.a: expected an integer, not the number 5.5",
        );
        check(
            INTEGER,
            r#""a":"5""#,
            "arguments.a: expected an integer, not the string \"5\"",
        );
        check(OPT_NUMBER, r#""a":0.5"#, "Some(0.5)");
    }

    /// FIELD S-9: the digits that a tree rounds are to be had.
    #[test]
    fn the_text_of_an_argument_is_to_be_had() {
        let large = arguments(r#"{"a": 18446744073709551616 ,"b":1.10}"#).unwrap();
        assert_eq!(large.raw("a").unwrap().as_bytes(), b"18446744073709551616");
        assert_eq!(large.raw("b").unwrap().as_bytes(), b"1.10");
        assert!(large.raw("c").is_none());
        assert_eq!(large.value("a"), Some(&18446744073709551616.0.into()));
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

    /// SPEC E-34, FIELD S-9: what a handler could not read does not come to it, and the reason is told.
    #[test]
    fn only_an_object_that_can_be_read_is_taken() {
        let long = "9".repeat(400);
        for text in ["[]", "1", "\"{}\"", "true"] {
            let error = arguments(text).unwrap_err().to_string();
            assert!(error.contains("`arguments` must be an object"), "{error}");
        }
        for (text, says) in [
            (
                r#"{"b":1,"a":1e999}"#,
                "arguments.a: the number 1e999 cannot be read: number out of range",
            ),
            (
                r#"{"a":{"b":[-1E+400]}}"#,
                "arguments.a: an object cannot be read: number out of range",
            ),
            (&format!("{{\"a\":{long}}}"), "…"),
        ] {
            let error = arguments(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
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
