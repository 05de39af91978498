//! JSON strings: the text of a token, and the token of a text.

use std::borrow::Cow;

use super::fault::{Fault, Scanned};
#[cfg(any(test, feature = "server"))]
use super::plain::has_mark;
use super::plain::{plain_run, run_after_escape};
#[cfg(any(test, feature = "server"))]
use crate::wire::pieces::{PieceWriter, SHARED_FROM};

/// The text of a string token, without quotes and with its escapes decoded.
pub(in crate::wire) fn decode(token: &str) -> Scanned<Cow<'_, str>> {
    let end = token.len() - 1;
    // The run ends at the closing quote, or at an escape before it.
    if plain_run(token.as_bytes(), 1) == end {
        return Ok(Cow::Borrowed(&token[1..end]));
    }
    match serde_json::from_str(token) {
        Ok(text) => Ok(Cow::Owned(text)),
        Err(_) => Err(Box::new(Fault::Syntax {
            at: 0,
            expected: "a string",
        })),
    }
}

/// Appends a JSON string. Text without characters that need an escape, as nearly all text is, is copied
/// at once.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    let text = text.as_bytes();
    out.push(b'"');
    let mut at = 0;
    let mut end = plain_run(text, 0);
    loop {
        out.extend_from_slice(&text[at..end]);
        let Some(&byte) = text.get(end) else { break };
        put_escape(out, byte);
        at = end + 1;
        end = run_after_escape(text, at);
    }
    out.push(b'"');
}

/// Appends a JSON string with this text. A long text becomes a piece of its own: the text itself if it
/// needs no escape, else a buffer of the right size.
#[cfg(any(test, feature = "server"))]
#[inline]
pub(crate) fn put_owned_string(out: &mut PieceWriter, text: String) {
    if text.len() < SHARED_FROM {
        put_string(out.buffer(), &text);
    } else {
        put_long_string(out, text);
    }
}

#[cfg(any(test, feature = "server"))]
fn put_long_string(out: &mut PieceWriter, text: String) {
    if has_mark(text.as_bytes()) {
        out.begin_piece(escaped_len(text.as_bytes()) + ROOM_AFTER);
        put_string(out.buffer(), &text);
    } else {
        out.put(b"\"");
        out.share(text.into());
        out.put(b"\"");
    }
}

/// Room for the quotes of a long string, and for what follows it in most results.
#[cfg(any(test, feature = "server"))]
const ROOM_AFTER: usize = 256;

/// The length of a text with the escapes that [`put_string`] writes. There is no branch for each byte,
/// so the compiler uses vector instructions.
#[cfg(any(test, feature = "server"))]
fn escaped_len(text: &[u8]) -> usize {
    let is_short = |byte| matches!(byte, 0x08 | b'\t' | b'\n' | 0x0c | b'\r');
    let added = |byte| {
        let mark = u8::from(byte == b'"') + u8::from(byte == b'\\');
        mark + 5 * u8::from(byte < 0x20) - 4 * u8::from(is_short(byte))
    };
    // A block adds at most 5 for each of its 32 bytes, which fits into a byte.
    let blocks = text
        .chunks(32)
        .map(|block| block.iter().fold(0, |sum, &byte| sum + added(byte)));
    text.len() + blocks.map(usize::from).sum::<usize>()
}

/// Appends the escape of a quote, a backslash or a control character, in its short form if it has one.
fn put_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// SPEC A-33: as serde_json writes it.
        #[test]
        fn a_string_is_escaped_as_it_must_be(text in "(?s)[\\x00-\\x20\"\\\\/\\x7fé\u{2028}😀a]{0,40}|.{0,40}") {
            let mut out = Vec::new();
            put_string(&mut out, &text);
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    /// A text a little shorter or longer than one that becomes a piece of its own, with or without
    /// characters that need an escape.
    fn any_long_text() -> impl Strategy<Value = String> {
        let len = prop_oneof![0..80usize, SHARED_FROM - 4..SHARED_FROM + 40];
        let marks = prop_oneof![
            3 => Just(String::new()),
            2 => "[\\x00-\\x20\"\\\\\\x7fé\u{2028}😀a]{1,40}",
        ];
        (len, marks).prop_map(|(len, marks)| "x".repeat(len) + &marks + "y")
    }

    proptest! {
        /// FIELD X-13: a text is what serde_json writes, whether it is copied, shared or escaped, and is
        /// never moved to a larger buffer.
        #[test]
        fn an_owned_text_is_written_as_it_must_be(text in any_long_text()) {
            let expected = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(escaped_len(text.as_bytes()) + 2, expected.len());
            let is_shared = text.len() >= SHARED_FROM && !has_mark(text.as_bytes());
            let place = text.as_ptr();
            let mut out = PieceWriter::with_capacity(0);
            put_owned_string(&mut out, text);
            if expected.len() > SHARED_FROM + 2 && !is_shared {
                prop_assert!(out.buffer().capacity() <= expected.len() + ROOM_AFTER);
            }
            let pieces = out.finish();
            prop_assert_eq!(pieces.as_slice().concat(), expected.into_bytes());
            let is_there = pieces.as_slice().iter().any(|piece| piece.as_ptr() == place);
            prop_assert_eq!(is_there, is_shared);
        }
    }
}
