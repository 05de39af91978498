//! Headers that mirror a part of the body, so that proxies can route by them: what a proxy reads in the
//! header has to be what the server finds in the body (SPEC D.3).

use std::fmt;

#[cfg(any(test, feature = "server"))]
use hyper::header::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::fields::{Field, one_of_copies};
#[cfg(any(test, feature = "server"))]
use super::header;
use crate::wire::header_value::{self, Malformed};
use crate::wire::json::integer_of_text;
use crate::wire::jsonrpc::ErrorObject;

/// A value of the body that a header mirrors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "server"),
    allow(
        dead_code,
        reason = "only arguments of tools have types other than text"
    )
)]
pub(crate) enum Scalar<'a> {
    Text(&'a str),
    Integer(i64),
    Boolean(bool),
}

impl Scalar<'_> {
    /// SPEC D.3, D-49: compares texts by code points, booleans by their words, integers as numbers.
    fn is_carried_by(self, header: &str) -> bool {
        match self {
            Self::Text(text) => header == text,
            Self::Integer(integer) => read_integer(header) == Some(integer),
            Self::Boolean(true) => header == "true",
            Self::Boolean(false) => header == "false",
        }
    }
}

/// Compares a header with the body, by the table of SPEC D.3; `None` is a value that is null or absent.
#[cfg(any(test, feature = "server"))]
pub(crate) fn check(
    field: Field<'_>,
    name: &HeaderName,
    body: Option<Scalar<'_>>,
) -> Result<(), Mismatch> {
    compare(single(field, name)?.map(HeaderValue::as_bytes), name, body)
}

/// As [`check`], for a header of which equal copies on one line count as one. A name may itself look like
/// copies of another, so the whole line goes first.
pub(crate) fn check_copies(
    field: Field<'_>,
    name: &HeaderName,
    body: Option<Scalar<'_>>,
) -> Result<(), Mismatch> {
    let line = single(field, name)?;
    compare(line.map(HeaderValue::as_bytes), name, body)
        .or_else(|_| compare(line.map(one_of_copies), name, body))
}

fn compare(
    line: Option<&[u8]>,
    name: &HeaderName,
    body: Option<Scalar<'_>>,
) -> Result<(), Mismatch> {
    let mismatch = |fault| Mismatch::new(name, fault);
    let (line, body) = match (line, body) {
        (Some(line), Some(body)) => (line, body),
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(mismatch(Fault::Missing)),
        // SPEC J-8: a proxy may have routed by a value that the server does not see.
        (Some(_), None) => return Err(mismatch(Fault::Unexpected)),
    };
    if matches!(body, Scalar::Text(text) if is_verbatim(line, text)) {
        return Ok(());
    }
    let text = header_value::decode(line).map_err(|Malformed| mismatch(Fault::Malformed))?;
    if body.is_carried_by(&text) {
        Ok(())
    } else {
        Err(mismatch(Fault::Differs))
    }
}

/// Compares a header that has no Base64 form with the body: `Mcp-Method` or `MCP-Protocol-Version`. Both are
/// required and must be equal (SPEC D-30, D-31). Equal copies on one line count as one (SPEC D-34).
pub(crate) fn check_literal(
    field: Field<'_>,
    name: &HeaderName,
    body: &str,
) -> Result<(), Mismatch> {
    let mismatch = |fault| Mismatch::new(name, fault);
    let line = single(field, name)?.ok_or_else(|| mismatch(Fault::Missing))?;
    if is_verbatim(line.as_bytes(), body) {
        return Ok(());
    }
    let text = |bytes| header_value::literal(bytes).map_err(|Malformed| mismatch(Fault::Malformed));
    if text(line.as_bytes())? == body || text(one_of_copies(line))? == body {
        Ok(())
    } else {
        Err(mismatch(Fault::Differs))
    }
}

/// The only line of a header, if there is one. Several different lines are refused: a proxy may have read any
/// of them (SPEC D-34).
fn single<'h>(field: Field<'h>, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Mismatch> {
    match field {
        Field::Absent => Ok(None),
        Field::One(line) => Ok(Some(line)),
        Field::Several => Err(Mismatch::new(name, Fault::Repeated)),
    }
}

/// Fast path: whether a header equals a text of the body byte for byte, with nothing to trim, decode or
/// refuse. Nearly all headers do.
fn is_verbatim(line: &[u8], text: &str) -> bool {
    line == text.as_bytes()
        && line.iter().all(|byte| matches!(byte, b'!'..=b'~'))
        && !line.starts_with(b"=?")
}

/// Why a request is refused with -32020.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    header: HeaderName,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Repeated,
    Malformed,
    Differs,
    Unexpected,
}

impl Mismatch {
    fn new(header: &HeaderName, fault: Fault) -> Self {
        Self {
            header: header.clone(),
            fault,
        }
    }
}

/// SPEC D-38: "`error.message` says which header". No value is repeated: it may be private.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::Missing => "is missing",
            Fault::Repeated => "is given more than once",
            Fault::Malformed => "is malformed",
            Fault::Differs => "differs from the body",
            Fault::Unexpected => "has no value in the body",
        };
        write!(f, "header mismatch: {} {what}", self.header)
    }
}

impl From<Mismatch> for ErrorObject {
    fn from(mismatch: Mismatch) -> Self {
        Self::header_mismatch(mismatch.to_string())
    }
}

/// The headers of a request, for the layer above, which does not use the types of hyper.
#[cfg(any(test, feature = "server"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers<'h>(&'h HeaderMap);

#[cfg(any(test, feature = "server"))]
impl<'h> Headers<'h> {
    pub(crate) fn new(headers: &'h HeaderMap) -> Self {
        Self(headers)
    }
}

/// The header `Mcp-Param-{name}` of an annotated property.
#[cfg(any(test, feature = "server"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParamHeader(HeaderName);

#[cfg(any(test, feature = "server"))]
impl ParamHeader {
    /// `None` if the name is empty or not a token (SPEC D-46). Names that differ in case are equal.
    pub(crate) fn new(name: &str) -> Option<Self> {
        header::param_name(name).map(Self)
    }

    /// Compares the header with the body, like [`check`].
    pub(crate) fn check(
        &self,
        headers: Headers<'_>,
        body: Option<Scalar<'_>>,
    ) -> Result<(), Mismatch> {
        check(Field::of(headers.0, &self.0), &self.0, body)
    }
}

/// The largest integer that the number type of every client can hold: 2^53 − 1 (SPEC D-50).
pub(crate) const MAX_INTEGER: i64 = (1 << 53) - 1;

/// The integer that a JSON number stands for, if it is one and within ±[`MAX_INTEGER`] (SPEC D-49).
fn read_integer(text: &str) -> Option<i64> {
    let integer = i64::try_from(integer_of_text(text)?).ok()?;
    (-MAX_INTEGER..=MAX_INTEGER)
        .contains(&integer)
        .then_some(integer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::header::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION};

    fn lines(name: &HeaderName, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn says(result: Result<(), Mismatch>) -> Result<(), String> {
        result.map_err(|mismatch| {
            let error = ErrorObject::from(mismatch);
            assert_eq!(error.code(), -32020);
            error.message().to_owned()
        })
    }

    const MISSING: Option<&str> = Some("is missing");
    const REPEATED: Option<&str> = Some("is given more than once");
    const MALFORMED: Option<&str> = Some("is malformed");
    const DIFFERS: Option<&str> = Some("differs from the body");
    const UNEXPECTED: Option<&str> = Some("has no value in the body");

    /// SPEC D.3, D-32, D-34, D-36, D-37, D-48, D-51, J-8, J-10; D-38 for the message.
    #[test]
    fn a_header_is_held_to_the_body() {
        #[track_caller]
        fn check_lines(body: Option<Scalar<'_>>, values: &[&[u8]], fault: Option<&str>) {
            let param = ParamHeader::new("Region").unwrap();
            for name in [&MCP_NAME, &param.0] {
                let expected = match fault {
                    Some(fault) => Err(format!("header mismatch: {name} {fault}")),
                    None => Ok(()),
                };
                let headers = lines(name, values);
                assert_eq!(says(check(Field::of(&headers, name), name, body)), expected);
            }
        }
        #[track_caller]
        fn check_text(body: &str, header: &str, fault: Option<&str>) {
            check_lines(Some(Scalar::Text(body)), &[header.as_bytes()], fault);
        }
        let text = Some(Scalar::Text("a"));
        // Nothing to compare.
        check_lines(None, &[], None);
        check_lines(text, &[], MISSING);
        check_lines(Some(Scalar::Text("")), &[], MISSING);
        check_lines(Some(Scalar::Integer(0)), &[], MISSING);
        check_lines(Some(Scalar::Boolean(false)), &[], MISSING);
        check_lines(None, &[b"a"], UNEXPECTED);
        check_lines(None, &[b""], UNEXPECTED);
        check_lines(None, &[b"null"], UNEXPECTED);
        // Two lines, even if they are equal or there is nothing to mirror.
        check_lines(text, &[b"a", b"a"], REPEATED);
        check_lines(text, &[b"a", b"b"], REPEATED);
        check_lines(None, &[b"a", b""], REPEATED);
        check_text("a", "a, a", DIFFERS);
        check_text("a", "a,b", DIFFERS);
        check_text("a,b", "a,b", None);
        // Compared by code points, without case folding.
        check_text("a", "a", None);
        check_text("a", " \ta\t ", None);
        check_text("a", "A", DIFFERS);
        check_text("a", "", DIFFERS);
        check_text("null", "null", None);
        check_text("a b", "a%20b", DIFFERS);
        check_text("é", "=?base64?w6k=?=", None);
        check_text("e\u{301}", "=?base64?w6k=?=", DIFFERS);
        check_text(" a", "=?base64?IGE=?=", None);
        check_text(" a", " a", DIFFERS);
        check_text("a", "=?base64?YQ==?=", None);
        check_text("=?BASE64?YQ==?=", "=?BASE64?YQ==?=", None);
        check_text("a", "=?BASE64?YQ==?=", DIFFERS);
        // A text that looks like the Base64 form has to be sent in that form.
        check_text("=?base64?YQ==?=", "=?base64?YQ==?=", DIFFERS);
        check_text("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?=", None);
        // The empty text.
        check_text("", "", None);
        check_text("", " ", None);
        check_text("", "=?base64??=", None);
        check_text("", "=?base64?=", DIFFERS);
        // A header that cannot be decoded equals no text.
        check_text("a", "=?base64?YQ?=", MALFORMED);
        check_text("a", "=?base64?!?=", MALFORMED);
        check_text("\u{fffd}", "=?base64?/w==?=", MALFORMED);
        check_text("é", "é", MALFORMED);
        check_lines(Some(Scalar::Text("é")), &[b"\xE9"], MALFORMED);
        // Booleans.
        check_lines(Some(Scalar::Boolean(true)), &[b"true"], None);
        check_lines(Some(Scalar::Boolean(false)), &[b" false"], None);
        check_lines(Some(Scalar::Boolean(true)), &[b"=?base64?dHJ1ZQ==?="], None);
        check_lines(Some(Scalar::Boolean(true)), &[b"false"], DIFFERS);
        check_lines(Some(Scalar::Boolean(true)), &[b"True"], DIFFERS);
        check_lines(Some(Scalar::Boolean(true)), &[b"1"], DIFFERS);
        check_lines(Some(Scalar::Boolean(false)), &[b""], DIFFERS);
        // Integers; their texts have their own table.
        check_lines(Some(Scalar::Integer(42)), &[b"42"], None);
        check_lines(Some(Scalar::Integer(42)), &[b"=?base64?NDI=?="], None);
        check_lines(Some(Scalar::Integer(42)), &[b"43"], DIFFERS);
        check_lines(Some(Scalar::Integer(0)), &[b""], DIFFERS);
    }

    /// SPEC D-30, D-31, D-33: required once, and equal; "values case-sensitive".
    #[test]
    fn a_header_without_base64_form_is_held_to_the_body() {
        #[track_caller]
        fn check(name: &HeaderName, values: &[&[u8]], body: &str, fault: Option<&str>) {
            let expected = match fault {
                Some(fault) => Err(format!("header mismatch: {name} {fault}")),
                None => Ok(()),
            };
            let headers = lines(name, values);
            assert_eq!(
                says(check_literal(Field::of(&headers, name), name, body)),
                expected
            );
        }
        check(&MCP_METHOD, &[b"tools/list"], "tools/list", None);
        check(&MCP_METHOD, &[b"   tools/list\t "], "tools/list", None);
        check(&MCP_METHOD, &[b"Tools/list"], "tools/list", DIFFERS);
        check(&MCP_METHOD, &[], "tools/list", MISSING);
        check(&MCP_METHOD, &[b""], "tools/list", DIFFERS);
        check(&MCP_METHOD, &[b"ping", b"ping"], "ping", REPEATED);
        check(&MCP_METHOD, &[b"ping,ping"], "ping", None);
        check(&MCP_METHOD, &[b"ping, pong"], "ping", DIFFERS);
        check(&MCP_METHOD, &[b"=?base64?cGluZw==?="], "ping", DIFFERS);
        check(&MCP_METHOD, &["pîng".as_bytes()], "pîng", MALFORMED);
        check(&MCP_PROTOCOL_VERSION, &[b"2026-07-28"], "2026-07-28", None);
        check(&MCP_PROTOCOL_VERSION, &[], "2026-07-28", MISSING);
    }

    /// SPEC D-33: header names are case-insensitive.
    #[test]
    fn names_differ_by_more_than_case() {
        let headers = lines(&"mcp-PARAM-rEGION".parse().unwrap(), &[b"a"]);
        let param = ParamHeader::new("ReGiOn").unwrap();
        assert_eq!(
            param.check(Headers::new(&headers), Some(Scalar::Text("a"))),
            Ok(())
        );
        assert_eq!(Some(param), ParamHeader::new("region"));
        assert_ne!(ParamHeader::new("region"), ParamHeader::new("regions"));
    }

    /// SPEC D-49: "JSON number", compared exactly.
    #[test]
    fn integers_are_read_by_their_digits() {
        #[track_caller]
        fn check(texts: &[&str], expected: Option<i64>) {
            for text in texts {
                assert_eq!(read_integer(text), expected, "{text}");
            }
        }
        check(
            &[
                "42",
                "42.0",
                "4.2e1",
                "4.2E+01",
                "420e-1",
                "42000.000e-3",
                "0.42e2",
                "42e0",
                "42e-0",
            ],
            Some(42),
        );
        check(&["-42", "-42.00", "-4.2e1"], Some(-42));
        check(
            &[
                "0",
                "-0",
                "0.0",
                "0e5",
                "0e-5",
                "-0.000E99999999999999999999",
            ],
            Some(0),
        );
        check(
            &[
                "9007199254740991",
                "9007199254740991.000",
                "0.9007199254740991e16",
            ],
            Some(MAX_INTEGER),
        );
        check(&["-9007199254740991"], Some(-MAX_INTEGER));
        // Integers that are too large, also for 64 bits.
        check(
            &[
                "9007199254740992",
                "-9007199254740993",
                "1e16",
                "9223372036854775808",
            ],
            None,
        );
        check(
            &["1e999", "1e99999999999999999999", "18446744073709551658"],
            None,
        );
        // Numbers that are not integers, however close.
        check(
            &[
                "42.5",
                "42.00000000000000000001",
                "42e-1",
                "1e-99999999999999999999",
            ],
            None,
        );
        check(&["41.999999999999999999999", "0.1"], None);
        // Not a JSON number.
        check(
            &[
                "", "-", "+42", "0x2a", "042", "-042", "00", "42.", ".42", "4.2.0", "--42",
            ],
            None,
        );
        check(
            &[
                "42e", "42e+", "42e+-1", "42e1e1", "42e1.0", "e1", "4_2", "4 2", " 42", "42 ",
            ],
            None,
        );
        check(
            &[
                "NaN",
                "Infinity",
                "1n",
                "٤٢",
                "forty-two",
                "true",
                "\"42\"",
                "42,42",
            ],
            None,
        );
    }

    /// A thousand digits are read like ten.
    #[test]
    fn long_numbers_are_read_too() {
        let zeros = "0".repeat(1000);
        assert_eq!(read_integer(&format!("42.{zeros}")), Some(42));
        assert_eq!(read_integer(&format!("42{zeros}e-1000")), Some(42));
        assert_eq!(read_integer(&format!("0.{zeros}42e1002")), Some(42));
        assert_eq!(read_integer(&format!("42.{zeros}1")), None);
        assert_eq!(read_integer(&format!("42e{zeros}1")), Some(420));
        assert_eq!(read_integer(&format!("42{zeros}")), None);
    }

    proptest! {
        /// SPEC D-49: every way to write an integer is read as that integer.
        #[test]
        fn a_shifted_point_changes_nothing(
            integer in -MAX_INTEGER..=MAX_INTEGER,
            point in 0..20_usize,
            zeros in 0..4_usize,
        ) {
            let digits = format!("{:0>20}", integer.unsigned_abs());
            let (whole, fraction) = digits.split_at(20 - point);
            let whole = whole.trim_start_matches('0');
            let sign = if integer < 0 { "-" } else { "" };
            let whole = if whole.is_empty() { "0" } else { whole };
            let text = format!("{sign}{whole}.{fraction}{:0<zeros$}0e{point}", "");
            prop_assert_eq!(read_integer(&text), Some(integer));
            prop_assert!(Scalar::Integer(integer).is_carried_by(&text));
            prop_assert!(!Scalar::Integer(integer ^ 1).is_carried_by(&text));
        }

        /// SPEC D-49: the grammar is that of serde_json, and small numbers have the same value.
        #[test]
        fn the_grammar_is_that_of_json(text in "-?[0-9.+eE]{0,6}") {
            let number: Option<f64> = serde_json::from_str(&text).ok();
            let small = number.filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
            // A number that a float rounds to an integer is not an integer: `1e-999`.
            match read_integer(&text) {
                Some(integer) => prop_assert_eq!(number, Some(integer as f64)),
                None => prop_assert!(small.is_none_or(|number| number == 0.0)),
            }
        }
    }
}
