//! [`parse()`]: a body to a [`Payload`], or the reason why not.

use bytes::Bytes;

use super::batch::batch;
use super::error::ParseError;
use super::payload::{Message, Payload};
use crate::wire::json::{self, Scanner};
use crate::wire::jsonrpc::{Envelope, Fault, MessageLimits};

/// Reads a body: one message or a batch (SPEC A.1, A.3). The messages share the body's bytes.
///
/// Time is linear in the length of the body. Memory is that of the names in the message itself,
/// `params` and `_meta`, of which there are no more than [`MessageLimits::members`], and only where there are
/// more than eight or they have escapes.
///
/// # Errors
///
/// A [`ParseError`] that knows its JSON-RPC code, the id if it could be read, and what was wrong.
///
/// ```
/// use bytes::Bytes;
/// use mcp_wire::jsonrpc::{self, MessageLimits, Message, Payload};
///
/// let body = Bytes::from_static(br#"{"method":"ping","jsonrpc":"2.0","id":"a"}"#);
/// let Ok(Payload::Single(Message::Request(ping))) = jsonrpc::parse(&body, &MessageLimits::default())
/// else { panic!("a request") };
/// assert_eq!(ping.method(), "ping");
/// assert_eq!(ping.id().as_bytes(), br#""a""#);
///
/// let error = jsonrpc::parse(&Bytes::from_static(b"{"), &MessageLimits::default()).unwrap_err();
/// assert_eq!(error.code(), -32700);
/// ```
pub fn parse(body: &Bytes, limits: &MessageLimits) -> Result<Payload, ParseError> {
    let mut scanner = Scanner::new(body, limits.depth)?;
    // That the text is not JSON at all goes before what its members are.
    match scanner.peek() {
        Some(b'{') => {
            let mut envelope = Envelope::read(&mut scanner, limits)?;
            scanner.end()?;
            Ok(Payload::Single(Message::of(&mut envelope, body)?))
        }
        Some(b'[') => {
            let payload = batch(&mut scanner, body, limits)?;
            scanner.end()?;
            Ok(payload?)
        }
        Some(b'\xEF') if body.starts_with(BYTE_ORDER_MARK) => {
            Err(Fault::Json(json::Fault::ByteOrderMark).into())
        }
        None => Err(Fault::Json(json::Fault::Empty).into()),
        // A scalar is JSON and no message; anything else is not JSON.
        Some(_) => {
            scanner.value()?;
            scanner.end()?;
            Err(Fault::NotAMessage.into())
        }
    }
}

/// SPEC A-24: not a part of JSON.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    /// For logs of embedders: what the message says, and nothing of how it is stored.
    #[test]
    fn a_message_is_printed_as_what_it_says() {
        for (body, expected) in [
            (
                r#"{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":[1]}}"#,
                r#"Single(Request(Request { id: Id("a"), method: "m", params: Some({"x":[1]}) }))"#,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"m"}"#,
                r#"Single(Notification(Notification { method: "m", params: None }))"#,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
                "Single(Response(Response { id: Some(Id(1)), outcome: Ok({}) }))",
            ),
        ] {
            let body = Bytes::from_static(body.as_bytes());
            let read: Result<Payload, _> = parse(&body, &MessageLimits::default());
            assert_eq!(format!("{:?}", read.expect("a message")), expected);
        }
    }
}
