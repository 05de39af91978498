//! [`parse()`]: a body to a [`Payload`], or the reason why not.

use bytes::Bytes;

use super::batch::batch;
use super::error::ParseError;
use super::payload::{Message, Payload};
use crate::wire::json::{self, Scanner};
use crate::wire::jsonrpc::{Envelope, Fault, MessageLimits};

/// Reads a body: one message, or a batch of messages (JSON-RPC 2.0, sections 4 to 6). The messages share
/// the body's bytes.
///
/// The time is linear in the length of the body. The parser allocates only for the names of members of
/// the message, `params` and `_meta`, if one of these has more than eight unknown ones or names with
/// escapes; [`MessageLimits::members`] bounds them.
///
/// # Errors
///
/// A [`ParseError`] with the JSON-RPC code to answer, the id of the request if it could be read, and a
/// message that says what is wrong.
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
    // Text that is not JSON is reported as such, whatever is wrong with its members.
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
        // A scalar is JSON, but no message.
        Some(_) => {
            scanner.value()?;
            scanner.end()?;
            Err(Fault::NotAMessage.into())
        }
    }
}

/// SPEC A-24: JSON text has none.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    /// Embedders log messages: they see what a message says, and not how it is stored.
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
