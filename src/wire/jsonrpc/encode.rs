//! Messages to bytes: compact JSON on one line, `jsonrpc` first.

use bytes::Bytes;

use super::error::ErrorObject;
use super::id::Id;
use crate::wire::json::{Json, put_string};
use crate::wire::pieces::{PieceWriter, Pieces, SHARED_FROM};

/// A message on its way out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outgoing<'a> {
    /// The answer to a request.
    Result(&'a Id, &'a Json),
    /// The refusal of a request, without an id if that could not be read (SPEC A-9 and A-10).
    Error(Option<&'a Id>, &'a ErrorObject),
    /// A request to the client.
    Request(&'a Id, &'a str, Option<&'a Json>),
    /// A notification to the client.
    Notification(&'a str, Option<&'a Json>),
}

const HEAD: &[u8] = b"{\"jsonrpc\":\"2.0\"";
const ID: &[u8] = b",\"id\":";
const RESULT: &[u8] = b",\"result\":";

impl Outgoing<'_> {
    /// Appends the message.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(HEAD);
        match self {
            Self::Result(id, result) => {
                put_member(out, ID, id.as_bytes());
                out.extend_from_slice(RESULT);
                result.put(out);
            }
            Self::Error(id, error) => {
                if let Some(id) = id {
                    put_member(out, ID, id.as_bytes());
                }
                out.extend_from_slice(b",\"error\":");
                error.put(out);
            }
            Self::Request(id, method, params) => {
                put_member(out, ID, id.as_bytes());
                put_call(out, method, params);
            }
            Self::Notification(method, params) => put_call(out, method, params),
        }
        out.push(b'}');
    }

    /// The message in a buffer of its own.
    pub(crate) fn to_bytes(self) -> Bytes {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.put(&mut out);
        out.into()
    }

    /// The message in pieces: a long result is shared, and not copied.
    pub(crate) fn to_pieces(self) -> Pieces {
        match self {
            Self::Result(id, result) if result.len() >= SHARED_FROM => {
                let first = result.pieces().first().map_or(0, Bytes::len);
                let first = if first < SHARED_FROM { first } else { 0 };
                let room = HEAD.len() + id.as_bytes().len() + RESULT.len() + 8 + first;
                let mut out = PieceWriter::with_capacity(room);
                out.put(HEAD);
                put_member(out.buffer(), ID, id.as_bytes());
                out.put(RESULT);
                out.share_all(result.pieces());
                out.put(b"}");
                out.finish()
            }
            message => message.to_bytes().into(),
        }
    }

    /// The length of what is sent as it is, byte for byte: up to the end of the id, which is the peer's.
    pub(crate) fn verbatim_len(&self) -> usize {
        match self {
            Self::Result(id, _) | Self::Error(Some(id), _) | Self::Request(id, ..) => {
                HEAD.len() + ID.len() + id.as_bytes().len()
            }
            Self::Error(None, _) | Self::Notification(..) => HEAD.len(),
        }
    }

    /// The length of the message in bytes, so that its buffer is allocated once: exact for results, an
    /// upper bound for other messages.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::wire::json::put_owned_string;

    #[track_caller]
    fn check(message: Outgoing<'_>, text: &str) {
        assert_eq!(message.to_bytes(), text);
        assert!(message.encoded_len() >= text.len(), "{text}");
    }

    /// SPEC A-8: exactly one of result and error. SPEC A-33: one compact object.
    #[test]
    fn messages_are_compact_and_begin_with_the_version() {
        let id = Id::from(1);
        let params = Json::try_from(&json!({"a": "b\nc"})).unwrap();
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

    /// SPEC A-9 and A-10: an id that could not be read is left out, never null.
    #[test]
    fn an_unread_id_is_left_out() {
        check(
            Outgoing::Error(None, &ErrorObject::internal()),
            r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"internal error"}}"#,
        );
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
