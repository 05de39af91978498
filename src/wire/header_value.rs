//! The text of a header that mirrors a part of the body, and the bytes that carry it.
//!
//! Revision 2026-07-28 repeats parts of a request's body in `Mcp-Name` and `Mcp-Param-…`, so that
//! proxies can route without reading the body. Text that a header line cannot carry unchanged is sent
//! as `=?base64?…?=` (2026-07-28, Transports, Streamable HTTP).

use std::borrow::Cow;
use std::fmt;

use super::base64;

const OPEN: &str = "=?base64?";
const CLOSE: &str = "?=";

/// The error for a header value that carries no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the header value is not visible ASCII, or not Base64 of UTF-8")
    }
}

impl std::error::Error for Malformed {}

/// Returns the header value that carries `text`: the text itself if it arrives unchanged, else its
/// Base64 form.
///
/// ```
/// use mcp_wire::header_value::encode;
/// assert_eq!(encode("Zürich"), "=?base64?WsO8cmljaA==?=");
/// ```
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    // A text that looks like the Base64 form would be decoded by its reader.
    let arrives_unchanged = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim_matches(' ') == text
        && base64_of(text).is_none();
    if arrives_unchanged {
        return text.into();
    }
    format!("{OPEN}{}{CLOSE}", base64::encode(text.as_bytes())).into()
}

/// Returns the text that a header value carries, without the spaces and tabs around it. An empty value
/// carries the empty text.
///
/// ```
/// use mcp_wire::header_value::decode;
/// assert_eq!(decode(b"=?base64?WsO8cmljaA==?="), Ok("Zürich".into()));
/// assert_eq!(decode(b" Oslo "), Ok("Oslo".into()));
/// ```
///
/// # Errors
///
/// [`Malformed`] if the value has bytes other than visible ASCII, spaces and tabs, or if its Base64
/// form does not have the standard alphabet, has wrong padding, or stands for bytes that are not UTF-8.
pub fn decode(value: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    let text = literal(value)?;
    let Some(base64) = base64_of(text) else {
        return Ok(text.into());
    };
    let bytes = base64::decode(base64).ok_or(Malformed)?;
    let text = String::from_utf8(bytes).map_err(|_| Malformed)?;
    Ok(text.into())
}

/// The text of a header that has no Base64 form: without the spaces and tabs around it (SPEC D-33).
/// Bytes other than 0x20–0x7E and 0x09 are malformed (SPEC D-36).
pub(crate) fn literal(value: &[u8]) -> Result<&str, Malformed> {
    let text = std::str::from_utf8(value).map_err(|_| Malformed)?;
    if !text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(Malformed);
    }
    Ok(text.trim_matches([' ', '\t']))
}

/// The text between the markers, which are case-sensitive and do not overlap; a value without both
/// markers is a literal (SPEC D-37).
fn base64_of(text: &str) -> Option<&str> {
    text.strip_prefix(OPEN)?.strip_suffix(CLOSE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SPEC D-33, D-36, D-37, D-51, J-10.
    #[test]
    fn a_value_carries_one_text_or_is_malformed() {
        #[track_caller]
        fn check(value: impl AsRef<[u8]>, text: Option<&str>) {
            let decoded = decode(value.as_ref());
            assert_eq!(decoded.as_deref().ok(), text, "{decoded:?}");
        }
        // Literals.
        check("us-west1", Some("us-west1"));
        check("", Some(""));
        check(" \t ", Some(""));
        check("\t a b\tc \t", Some("a b\tc"));
        check("a, b", Some("a, b"));
        // Bytes that have no place in a mirrored header.
        check("Zürich", None);
        check(b"\xFC", None);
        check("a\0b", None);
        check("a\r\nb", None);
        check("a\x7F", None);
        check("=?base64?SGk=?=\u{a0}", None);
        // Base64.
        check("=?base64?SGVsbG8=?=", Some("Hello"));
        check("\t=?base64?SGVsbG8=?= ", Some("Hello"));
        check("=?base64?4pyT?=", Some("✓"));
        check("=?base64?IGEg?=", Some(" a "));
        check("=?base64?AAo=?=", Some("\0\n"));
        check("=?base64??=", Some(""));
        // Decoded once only.
        check("=?base64?PT9iYXNlNjQ/U0drPT89?=", Some("=?base64?SGk=?="));
        // Bad padding, bad alphabet, spare bits, bad UTF-8.
        check("=?base64?SGVsbG8?=", None);
        check("=?base64?SGVsbG8==?=", None);
        check("=?base64?====?=", None);
        check("=?base64?SGV%bG8=?=", None);
        check("=?base64?-_8=?=", None);
        check("=?base64?SGVs bG8=?=", None);
        check("=?base64? SGVsbG8=?=", None);
        check("=?base64?SGVsbG9=?=", None);
        check("=?base64?/w==?=", None);
        check("=?base64?7aCA?=", None);
        // Half a marker, a marker in another case, and something around it.
        check("=?base64?=", Some("=?base64?="));
        check("=?base64?", Some("=?base64?"));
        check("=?base64?SGk=", Some("=?base64?SGk="));
        check("SGk=?=", Some("SGk=?="));
        check("=?BASE64?SGk=?=", Some("=?BASE64?SGk=?="));
        check("=?Base64?SGk=?=", Some("=?Base64?SGk=?="));
        check("=?utf-8?b?SGk=?=", Some("=?utf-8?b?SGk=?="));
        check("x=?base64?SGk=?=", Some("x=?base64?SGk=?="));
        check("=?base64?SGk=?=x", Some("=?base64?SGk=?=x"));
    }

    /// SPEC D-33: a method has no Base64 form.
    #[test]
    fn a_literal_is_not_decoded() {
        assert_eq!(literal(b" =?base64?SGk=?="), Ok("=?base64?SGk=?="));
        assert_eq!(literal(b"\xE4"), Err(Malformed));
    }

    /// SPEC D.3: only what needs the Base64 form gets it.
    #[test]
    fn texts_that_would_not_arrive_are_encoded() {
        #[track_caller]
        fn check(text: &str, value: &str) {
            assert_eq!(encode(text), value);
        }
        check("us-west1", "us-west1");
        check("a b", "a b");
        check("", "");
        check(" a", "=?base64?IGE=?=");
        check("a ", "=?base64?YSA=?=");
        check("a\tb", "=?base64?YQli?=");
        check("a\nb", "=?base64?YQpi?=");
        check("\x7F", "=?base64?fw==?=");
        check("✓", "=?base64?4pyT?=");
        check("=?base64??=", "=?base64?PT9iYXNlNjQ/Pz0=?=");
        check("=?base64?=", "=?base64?=");
        check("=?BASE64?SGk=?=", "=?BASE64?SGk=?=");
    }

    proptest! {
        /// SPEC D-37.
        #[test]
        fn texts_come_back(text in any::<String>(), marked in "[ =?]{0,2}(=\\?base64\\?)?[A-Za=]{0,5}(\\?=)?") {
            for text in [text, marked] {
                let value = encode(&text);
                prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
                prop_assert_eq!(decode(value.as_bytes()), Ok(text.as_str().into()));
            }
        }

        /// SPEC D-36: never a panic, and never text from other bytes.
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let visible = bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
            prop_assert!(visible || decode(&bytes).is_err());
        }
    }

    /// Embedders read it, so it says what was wrong.
    #[test]
    fn a_malformed_value_says_what_a_value_is() {
        let text = Malformed.to_string();
        assert!(
            text.contains("visible ASCII") && text.contains("Base64"),
            "{text}"
        );
    }
}
