//! Messages to bytes: compact JSON on one line, `jsonrpc` first.

use std::io::Write;

use bytes::Bytes;

#[cfg(any(test, feature = "server"))]
use super::plain::has_mark;
use super::plain::{plain_run, run_behind_escape};
use super::{ErrorObject, Id, Json};
use crate::wire::pieces::{PieceWriter, Pieces, SHARED_FROM};

/// A message on its way out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outgoing<'a> {
    /// The answer to a request.
    Result(&'a Id, &'a Json),
    /// The refusal of a request; without an id when it could not be read (SPEC A-9, A-10).
    Error(Option<&'a Id>, &'a ErrorObject),
    /// A request to the client.
    Request(&'a Id, &'a str, Option<&'a Json>),
    /// A notification to the client.
    Notification(&'a str, Option<&'a Json>),
}

const HEAD: &[u8] = b"{\"jsonrpc\":\"2.0\"";
const RESULT: &[u8] = b",\"result\":";

impl Outgoing<'_> {
    /// Appends the message.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(HEAD);
        match self {
            Self::Result(id, result) => {
                put_member(out, b",\"id\":", id.as_bytes());
                out.extend_from_slice(RESULT);
                result.put(out);
            }
            Self::Error(id, error) => {
                if let Some(id) = id {
                    put_member(out, b",\"id\":", id.as_bytes());
                }
                out.extend_from_slice(b",\"error\":");
                error.put(out);
            }
            Self::Request(id, method, params) => {
                put_member(out, b",\"id\":", id.as_bytes());
                put_call(out, method, params);
            }
            Self::Notification(method, params) => put_call(out, method, params),
        }
        out.push(b'}');
    }

    /// The message as a text of its own.
    pub(crate) fn to_bytes(self) -> Bytes {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.put(&mut out);
        out.into()
    }

    /// The message on its own. A long result is not copied into it.
    pub(crate) fn to_pieces(self) -> Pieces {
        match self {
            Self::Result(id, result) if result.len() >= SHARED_FROM => {
                let first = result.pieces().first().map_or(0, Bytes::len);
                let first = if first < SHARED_FROM { first } else { 0 };
                let room = HEAD.len() + id.as_bytes().len() + RESULT.len() + 8 + first;
                let mut out = PieceWriter::with_capacity(room);
                out.put(HEAD);
                put_member(out.buffer(), b",\"id\":", id.as_bytes());
                out.put(RESULT);
                out.share_all(result.pieces());
                out.put(b"}");
                out.finish()
            }
            message => message.to_bytes().into(),
        }
    }

    /// How long the message will be in bytes, so that its buffer is allocated once: an upper bound,
    /// exact for results.
    pub(crate) fn encoded_len(&self) -> usize {
        let json = |json: &Option<&Json>| json.map_or(0, |json| json.len());
        HEAD.len()
            + match self {
                Self::Result(id, result) => {
                    id.as_bytes().len() + result.len() + ",\"id\":,\"result\":}".len()
                }
                Self::Error(id, error) => {
                    id.map_or(0, |id| id.as_bytes().len()) + error.message().len() + 96
                }
                Self::Request(id, method, params) => {
                    id.as_bytes().len() + method.len() + json(params) + 48
                }
                Self::Notification(method, params) => method.len() + json(params) + 40,
            }
    }
}

fn put_call(out: &mut Vec<u8>, method: &str, params: Option<&Json>) {
    out.extend_from_slice(b",\"method\":");
    put_string(out, method);
    if let Some(params) = params {
        put_member(out, b",\"params\":", params.as_bytes());
    }
}

fn put_member(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
}

/// Appends a JSON string: what needs no escape, which is nearly all, is copied in one piece.
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
        end = run_behind_escape(text, at);
    }
    out.push(b'"');
}

/// Appends a JSON string that is made of this text. A long text becomes a piece of its own: itself, if it
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
        out.begin_piece(escaped_len(text.as_bytes()) + ROOM_BEHIND);
        put_string(out.buffer(), &text);
    } else {
        out.put(b"\"");
        out.share(text.into());
        out.put(b"\"");
    }
}

/// Room for the quotes of a long string, and for what follows it in most results.
#[cfg(any(test, feature = "server"))]
const ROOM_BEHIND: usize = 256;

/// How long a text is with its escapes, as [`put_string`] writes them. Without a branch for a byte, so
/// that the compiler takes vector instructions.
#[cfg(any(test, feature = "server"))]
fn escaped_len(text: &[u8]) -> usize {
    let is_short = |byte| matches!(byte, 0x08 | b'\t' | b'\n' | 0x0c | b'\r');
    let added = |byte| {
        let mark = u8::from(byte == b'"') + u8::from(byte == b'\\');
        mark + 5 * u8::from(byte < 0x20) - 4 * u8::from(is_short(byte))
    };
    // At most 5 for each byte of a block, which a byte can count.
    let blocks = text
        .chunks(32)
        .map(|block| block.iter().fold(0, |sum, &byte| sum + added(byte)));
    text.len() + blocks.map(usize::from).sum::<usize>()
}

/// Appends the escape of a quote, a backslash or a control character, the short one if there is one.
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

pub(super) fn put_integer(out: &mut Vec<u8>, value: i64) {
    write!(out, "{value}").expect("a Vec takes every byte");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(message: Outgoing<'_>, text: &str) {
        assert_eq!(message.to_bytes(), text);
        assert!(message.encoded_len() >= text.len(), "{text}");
    }

    /// SPEC A-8: exactly one of result and error. SPEC A-33: one compact object.
    #[test]
    fn messages_are_compact_and_begin_with_the_version() {
        let id = Id::from(1);
        let params = Json::from(&json!({"a": "b\nc"}));
        let error = ErrorObject::new(7, "no \"luck\"").with_data(json!([1]));
        check(
            Outgoing::Result(&id, &Json::empty()),
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        );
        check(
            Outgoing::Error(Some(&id), &error),
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"no \"luck\"","data":[1]}}"#,
        );
        check(
            Outgoing::Request(&id, "ping", None),
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        );
        check(
            Outgoing::Notification("n", Some(&params)),
            r#"{"jsonrpc":"2.0","method":"n","params":{"a":"b\nc"}}"#,
        );
    }

    /// SPEC A-9, A-10: an id that could not be read is left out, never null.
    #[test]
    fn an_unread_id_is_left_out() {
        check(
            Outgoing::Error(None, &ErrorObject::internal()),
            r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"internal error"}}"#,
        );
    }

    proptest! {
        /// SPEC A-33: as serde_json writes it.
        #[test]
        fn a_string_is_escaped_as_it_must_be(text in "(?s)[\\x00-\\x20\"\\\\/\\x7fé\u{2028}😀a]{0,40}|.{0,40}") {
            let mut out = Vec::new();
            put_string(&mut out, &text);
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    /// A text of some length around the one from which on it has a piece of its own, with or without
    /// what has to be escaped.
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
                prop_assert!(out.buffer().capacity() <= expected.len() + ROOM_BEHIND);
            }
            let pieces = out.finish();
            prop_assert_eq!(pieces.as_slice().concat(), expected.into_bytes());
            let is_there = pieces.as_slice().iter().any(|piece| piece.as_ptr() == place);
            prop_assert_eq!(is_there, is_shared);
        }

        /// FIELD X-13: in pieces or in one, a result is the same message, as serde_json reads it.
        #[test]
        fn a_result_in_pieces_is_the_message_in_one(
            texts in prop::collection::vec(any_long_text(), 0..4),
            id in any::<u32>(),
        ) {
            let mut out = PieceWriter::with_capacity(0);
            out.put(b"{\"texts\":[");
            for (at, text) in texts.iter().enumerate() {
                if at > 0 {
                    out.put(b",");
                }
                put_owned_string(&mut out, text.clone());
            }
            out.put(b"]}");
            let parted = Json::from_encoder(out.finish());
            let whole = Json::parse(parted.as_bytes().to_vec()).unwrap();
            let id = Id::from(u64::from(id));
            let message = Outgoing::Result(&id, &parted);
            let pieces = message.to_pieces().as_slice().concat();
            prop_assert_eq!(&pieces, &message.to_bytes());
            prop_assert_eq!(&pieces, &Outgoing::Result(&id, &whole).to_bytes());
            prop_assert_eq!(&pieces, &Outgoing::Result(&id, &whole).to_pieces().as_slice().concat());
            prop_assert_eq!(message.encoded_len(), pieces.len());
            let read: serde_json::Value = serde_json::from_slice(&pieces).unwrap();
            prop_assert_eq!(&read["result"], &json!({"texts": texts}));
        }
    }

    #[test]
    fn a_result_fills_its_buffer_exactly() {
        let result = Outgoing::Result(&Id::from(12), &Json::empty());
        assert_eq!(result.encoded_len(), result.to_bytes().len());
    }
}
