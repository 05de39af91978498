//! [`settle`]: what a POST to `/mcp` is, once its body is read. Which era, which session, which
//! revision: after it nobody asks again.

use hyper::header::HeaderMap;

use super::envelope::Envelope;
use super::exchange::Claim;
use super::header::{MCP_METHOD, MCP_SESSION_ID, VersionHeader};
use super::mirror;
use super::rejection::Rejection;
use crate::wire::jsonrpc::{Id, Message, Params, ParseError, Payload, Request};
use crate::wire::version::ProtocolVersion;

/// A body that can be read, or one whose params cannot: the answer to that is a JSON-RPC error of
/// the session that it belongs to.
pub(crate) type Read = Result<Payload, ParseError>;

/// The id of the request in a body, under which it is answered.
pub(crate) fn id_of(read: &Read) -> Option<Id> {
    match read {
        Ok(Payload::Single(Message::Request(request))) => Some(request.id()),
        Ok(_) => None,
        Err(error) => error.id().cloned(),
    }
}

/// What a POST to `/mcp` asks for.
#[derive(Debug)]
pub(crate) enum Posted {
    /// A request of the modern era, with all that it says of itself.
    Modern(Request, Envelope),
    /// A notification of the modern era, which has no effect over HTTP (SPEC D-6, D-7, J-36).
    Unheard,
    /// The request that opens a session.
    Initialize(Request),
    /// Messages of a session.
    InSession(Claim, Read),
    /// Messages that stand for themselves, in a server without sessions (SPEC C-83).
    Alone(ProtocolVersion, Read),
}

/// Decides by the ladders of SPEC D.1, D.2 and C.1, in their order. `sessions` is whether the
/// server keeps any. The session is not looked up yet, so what the tables ask only of one that
/// exists is left to the caller.
pub(crate) fn settle(headers: &HeaderMap, read: Read, sessions: bool) -> Result<Posted, Rejection> {
    let version = VersionHeader::read(headers);
    match &read {
        // A body that is no message has no era. Broken params have: that of their session.
        Err(error) if error.code() != -32602 || version.is_modern() => {
            return Err(Rejection::Invalid(error.clone()));
        }
        Ok(Payload::Batch(messages))
            if version.is_modern() || messages.iter().any(is_enveloped) =>
        {
            return Err(Rejection::BatchNotAllowed);
        }
        Ok(Payload::Single(Message::Response(_))) if version.is_modern() => {
            return Err(Rejection::ResponseNotAllowed);
        }
        Ok(Payload::Single(Message::Notification(notification)))
            if version.is_modern() || has_version(notification.params()) =>
        {
            // SPEC D.2 step 8, J-6: it may be absent, but not say something else.
            if headers.contains_key(MCP_METHOD) {
                mirror::check_literal(headers, &MCP_METHOD, notification.method())
                    .map_err(|mismatch| Rejection::HeaderMismatch { id: None, mismatch })?;
            }
            return Ok(Posted::Unheard);
        }
        _ => {}
    }
    match read {
        Ok(Payload::Single(Message::Request(request))) if is_modern(headers, version, &request) => {
            let envelope = Envelope::check(headers, &request)?;
            Ok(Posted::Modern(request, envelope))
        }
        read if sessions => in_session(headers, version, read),
        read => alone(version, read),
    }
}

/// SPEC D.1, rows 3 to 5.
fn is_modern(headers: &HeaderMap, version: VersionHeader, request: &Request) -> bool {
    has_version(request.params())
        || version.is_modern()
        || (matches!(request.method(), "server/discover" | "subscriptions/listen")
            && !headers.contains_key(MCP_SESSION_ID))
}

fn is_enveloped(message: &Message) -> bool {
    match message {
        Message::Request(request) => has_version(request.params()),
        Message::Notification(notification) => has_version(notification.params()),
        Message::Response(_) => false,
    }
}

fn has_version(params: Option<Params<'_>>) -> bool {
    params.is_some_and(|params| params.protocol_version().is_some())
}

/// SPEC C.1, rows 8 to 12.
fn in_session(
    headers: &HeaderMap,
    version: VersionHeader,
    read: Read,
) -> Result<Posted, Rejection> {
    match Claim::read(headers, version)? {
        Some(claim) => Ok(Posted::InSession(claim, read)),
        None => match read {
            // SPEC C-93: the header is not looked at, the params negotiate.
            Ok(Payload::Single(Message::Request(request))) if request.method() == "initialize" => {
                Ok(Posted::Initialize(request))
            }
            Ok(_) => Err(Rejection::SessionHeaderMissing),
            Err(error) => Err(Rejection::Invalid(error)),
        },
    }
}

/// SPEC C-83, C-92, C-93.
fn alone(version: VersionHeader, read: Read) -> Result<Posted, Rejection> {
    let initializes = matches!(&read, Ok(Payload::Single(Message::Request(request)))
        if request.method() == "initialize");
    match version {
        VersionHeader::Known(version) => Ok(Posted::Alone(version, read)),
        VersionHeader::Unknown if !initializes => Err(Rejection::VersionNotServed),
        VersionHeader::Unknown | VersionHeader::Absent => {
            Ok(Posted::Alone(ProtocolVersion::UNSAID, read))
        }
    }
}
