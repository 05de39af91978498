//! [`Refusal`]: the one table of what a refusal looks like, to the peer and to the operator.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use super::super::capabilities::TooLong;
use super::super::challenge::{Challenge, Kind};
use super::super::party::{Full, Whose};
use super::reason::{Reason, Resource};
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::version::ProtocolVersion;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The reason in one word, for the operator to count by.
    pub(crate) name: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) error: ErrorObject,
    /// `Allow`, `WWW-Authenticate` or `Retry-After`.
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
    /// Whether the connection ends, because the rest of the request is not read.
    pub(crate) closes: bool,
    /// Whether the body is the message alone, and no JSON-RPC error.
    pub(crate) is_plain: bool,
}

/// How long a client that met a limit is asked to wait, in seconds.
const WAIT: HeaderValue = HeaderValue::from_static("1");

impl Reason {
    /// The one total table from reason to wire (SPEC B.1, A.2, A-46: misuse of the transport is -32600).
    pub(crate) fn refusal(&self) -> Refusal {
        use StatusCode as Status;
        match self {
            Self::BadHost => invalid(
                "bad_host",
                Status::BAD_REQUEST,
                "the request must have exactly one valid Host header",
            ),
            // What was refused is for the operator only (PITFALLS R-27).
            Self::HostNotAllowed(_) => invalid(
                "host_not_allowed",
                Status::FORBIDDEN,
                "this server does not accept requests for this Host",
            ),
            Self::OriginNotAllowed(_) => invalid(
                "origin_not_allowed",
                Status::FORBIDDEN,
                "this server does not accept requests from this Origin",
            ),
            Self::BadForwardedPrefix => invalid(
                "bad_forwarded_prefix",
                Status::BAD_REQUEST,
                "the header X-Forwarded-Prefix must be one plain absolute path",
            ),
            Self::HeadTimeout { limit } => invalid(
                "head_timeout",
                Status::REQUEST_TIMEOUT,
                format!(
                    "the head of the request did not arrive within {limit:?} \
                     (limit: `Serve::header_timeout`)"
                ),
            )
            .closing(),
            Self::AmbiguousLength => invalid(
                "ambiguous_length",
                Status::BAD_REQUEST,
                "a request says its length once: it must have one Content-Length or \
                 `Transfer-Encoding: chunked`, not both",
            )
            .closing(),
            // RFC 9112 section 6.1 says 501. hyper answers the same fault with 400, and a broken request
            // is not the server's fault.
            Self::UnknownCoding => invalid(
                "unsupported_transfer_coding",
                Status::BAD_REQUEST,
                "the transfer coding is not supported: the only one is `chunked`, by itself",
            )
            .closing(),
            Self::BareLineFeed => invalid(
                "bare_line_feed",
                Status::BAD_REQUEST,
                "a line of the head ends with LF alone: each must end with CR LF",
            )
            .closing(),
            Self::UnknownPath => invalid(
                "unknown_path",
                Status::NOT_FOUND,
                "there is no MCP endpoint at this path",
            ),
            Self::MethodNotAllowed { allow } => invalid(
                "method_not_allowed",
                Status::METHOD_NOT_ALLOWED,
                format!("this endpoint accepts only the methods {allow}"),
            )
            .with(ALLOW, HeaderValue::from_static(allow))
            .plain(),
            Self::NotAcceptable => invalid(
                "not_acceptable",
                Status::NOT_ACCEPTABLE,
                "the header Accept must admit application/json and text/event-stream",
            ),
            Self::StreamNotAcceptable => invalid(
                "not_acceptable",
                Status::NOT_ACCEPTABLE,
                "the header Accept must admit text/event-stream",
            ),
            Self::SessionHeaderMissing => invalid(
                "session_id_missing",
                Status::BAD_REQUEST,
                "the header Mcp-Session-Id is missing: open a session with `initialize` first",
            ),
            Self::SessionHeaderMalformed => invalid(
                "session_id_malformed",
                Status::BAD_REQUEST,
                "the header Mcp-Session-Id must be one line of visible ASCII",
            ),
            Self::VersionNotServed => invalid(
                "unsupported_version",
                Status::BAD_REQUEST,
                format!(
                    "the header MCP-Protocol-Version must name one of {}",
                    spelled(&ProtocolVersion::LEGACY).join(", ")
                ),
            ),
            Self::EventUnknown => invalid(
                "unknown_event",
                Status::BAD_REQUEST,
                "this session cannot resume after the event in Last-Event-ID: it is unknown, it is no longer kept, \
                 or its stream is over and nothing follows it",
            ),
            Self::InitializedAlready => invalid(
                "already_initialized",
                Status::BAD_REQUEST,
                "this session is already initialized",
            ),
            Self::SessionIdMissing => invalid(
                "session_id_missing",
                Status::BAD_REQUEST,
                "the query parameter session_id is missing",
            ),
            Self::SessionIdMalformed => invalid(
                "session_id_malformed",
                Status::BAD_REQUEST,
                "the query parameter session_id must be 32 hex digits",
            ),
            Self::UnknownSession => invalid(
                "unknown_session",
                Status::NOT_FOUND,
                "there is no such session, or it has ended: open a new one",
            ),
            Self::NotJson => invalid(
                "not_json",
                Status::UNSUPPORTED_MEDIA_TYPE,
                "the header Content-Type must be application/json in UTF-8, and the body must not be compressed",
            ),
            Self::BodyTooLarge { limit } => invalid(
                "body_too_large",
                Status::PAYLOAD_TOO_LARGE,
                match limit {
                    Some(limit) => {
                        format!("the body is longer than {limit} bytes (limit: `Limits::body`)")
                    }
                    None => "the body is longer than the host of this service allows".to_owned(),
                },
            )
            .closing(),
            Self::BodyTimeout { limit } => invalid(
                "body_timeout",
                Status::REQUEST_TIMEOUT,
                format!("the body did not arrive within {limit:?} (limit: `Timeouts::body`)"),
            )
            .closing(),
            Self::BodyIncomplete => invalid(
                "body_incomplete",
                Status::BAD_REQUEST,
                "the body was cut short, or its chunks are malformed",
            )
            .closing(),
            Self::Invalid(error) => Refusal::new(
                "invalid_message",
                Status::BAD_REQUEST,
                error.to_error_object(),
            ),
            Self::BatchNotAllowed => invalid(
                "batch_not_allowed",
                Status::BAD_REQUEST,
                "this revision has no batches: send each message in a request of its own",
            ),
            Self::ResponseNotAllowed => invalid(
                "response_not_allowed",
                Status::BAD_REQUEST,
                "in this revision the server sends no requests, so the client must not send responses",
            ),
            Self::BadEnvelope { expected } => Refusal::new(
                "bad_envelope",
                Status::BAD_REQUEST,
                ErrorObject::invalid_params(format!("invalid params: expected {expected}")),
            ),
            Self::LongCapabilities { limit } => Refusal::new(
                "capabilities_too_large",
                Status::BAD_REQUEST,
                TooLong { limit: *limit }.into(),
            ),
            Self::HeaderMismatch(mismatch) => Refusal::new(
                "header_mismatch",
                Status::BAD_REQUEST,
                mismatch.clone().into(),
            ),
            Self::VersionUnknown { requested } => Refusal::new(
                "unsupported_version",
                Status::BAD_REQUEST,
                ErrorObject::unsupported_version(&spelled(&ProtocolVersion::MODERN), requested),
            ),
            Self::IdInUse => invalid(
                "id_in_use",
                Status::BAD_REQUEST,
                "a request with this id is still running in this session: use another id",
            ),
            Self::TooManyRequests { limit } => busy(
                "too_many_requests",
                Status::SERVICE_UNAVAILABLE,
                format!(
                    "this session already has {limit} running requests \
                     (limit: `Limits::requests_per_session`)"
                ),
            ),
            Self::TooManyNotifications { limit } => busy(
                "too_many_notifications",
                Status::SERVICE_UNAVAILABLE,
                format!(
                    "this session already has {limit} running notifications \
                     (limit: `Limits::requests_per_session`)"
                ),
            ),
            Self::Full(resource, full) => resource.refusal(*full),
            Self::Challenged(challenge) => challenged(challenge),
            Self::ShuttingDown => busy(
                "shutting_down",
                Status::SERVICE_UNAVAILABLE,
                "the server is shutting down",
            )
            .closing(),
        }
    }
}

/// How the limit of a resource is named, for all clients together and for one of them.
struct SharedLimit {
    name: &'static str,
    name_of_one: &'static str,
    what: &'static str,
    setting: &'static str,
    setting_of_one: &'static str,
}

impl Resource {
    /// The rows of limits that clients share.
    fn refusal(self, full: Full) -> Refusal {
        let SharedLimit {
            name,
            name_of_one,
            what,
            setting,
            setting_of_one,
        } = self.limit();
        let refusal = match full {
            Full::All(limit) => busy(
                name,
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the server already has {limit} {what} (limit: `{setting}`)"),
            ),
            Full::Each(limit, Whose::Principal) => busy(
                name_of_one,
                StatusCode::TOO_MANY_REQUESTS,
                format!("this principal already has {limit} {what} (limit: `{setting_of_one}`)"),
            ),
            Full::Each(limit, Whose::Address) => busy(
                name_of_one,
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "this address already has {limit} {what}, which is half of what the server allows, and as \
                     many as one address may have (limit: `{setting}`; behind a proxy, see \
                     `Builder::trusted_proxies`)"
                ),
            ),
        };
        match self {
            Self::Connections => refusal.closing(),
            Self::Sessions | Self::Calls | Self::Listens => refusal,
        }
    }

    fn limit(self) -> SharedLimit {
        match self {
            Self::Sessions => SharedLimit {
                name: "too_many_sessions",
                name_of_one: "too_many_sessions_per_client",
                what: "sessions that are all busy",
                setting: "Limits::sessions",
                setting_of_one: "Limits::sessions_per_principal",
            },
            Self::Calls => SharedLimit {
                name: "too_many_calls",
                name_of_one: "too_many_calls_per_client",
                what: "running requests",
                setting: "Limits::calls",
                setting_of_one: "Limits::calls_per_principal",
            },
            Self::Listens => SharedLimit {
                name: "too_many_listen_streams",
                name_of_one: "too_many_listen_streams_per_client",
                what: "listening requests",
                setting: "Limits::listen_streams",
                setting_of_one: "Limits::listen_streams_per_principal",
            },
            // A connection is counted before its principal is known.
            Self::Connections => SharedLimit {
                name: "too_many_connections",
                name_of_one: "too_many_connections_per_client",
                what: "connections",
                setting: "Serve::max_connections",
                setting_of_one: "Serve::max_connections",
            },
        }
    }
}

/// SPEC F.1.
fn challenged(challenge: &Challenge) -> Refusal {
    let text = challenge.message();
    let refusal = match challenge.kind() {
        Kind::Missing => invalid("credentials_missing", StatusCode::UNAUTHORIZED, text),
        Kind::InvalidRequest => invalid("credentials_malformed", StatusCode::BAD_REQUEST, text),
        Kind::InvalidToken => invalid("invalid_token", StatusCode::UNAUTHORIZED, text),
        Kind::InsufficientScope => invalid("insufficient_scope", StatusCode::FORBIDDEN, text),
        // The client can do nothing about it with other credentials.
        Kind::Unavailable => {
            return busy(
                "authorizer_unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                text,
            );
        }
    };
    match challenge.header() {
        Some(header) => refusal.with(WWW_AUTHENTICATE, header),
        None => refusal,
    }
}

/// The transport is misused.
fn invalid(
    name: &'static str,
    status: StatusCode,
    message: impl Into<Cow<'static, str>>,
) -> Refusal {
    Refusal::new(name, status, ErrorObject::invalid_request(message))
}

/// The server cannot serve the request now; another try may succeed.
fn busy(name: &'static str, status: StatusCode, message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(name, status, ErrorObject::new(-32603, message)).with(RETRY_AFTER, WAIT)
}

impl Refusal {
    fn new(name: &'static str, status: StatusCode, error: ErrorObject) -> Self {
        Self {
            name,
            status,
            error,
            header: None,
            closes: false,
            is_plain: false,
        }
    }

    fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        let header = Some((name, value));
        Self { header, ..self }
    }

    fn closing(self) -> Self {
        Self {
            closes: true,
            ..self
        }
    }

    /// A client that does not know which transport it has found takes a JSON-RPC error for Streamable HTTP,
    /// and does not try HTTP+SSE (SPEC B-18).
    fn plain(self) -> Self {
        Self {
            is_plain: true,
            ..self
        }
    }

    /// The JSON-RPC error response, under the id of the request if that could be read; or plain text.
    pub(crate) fn body(&self, id: Option<&Id>) -> Bytes {
        if self.is_plain {
            return self.error.message().to_owned().into();
        }
        Outgoing::Error(id, &self.error).to_bytes()
    }
}

/// The status of an error that a dispatcher answers a modern request with, when it is all of the
/// answer (SPEC D.4, J-3). A stream is 200, whatever it ends with.
pub(crate) fn modern_status(error: &ErrorObject) -> StatusCode {
    match error.code() {
        -32601 => StatusCode::NOT_FOUND,
        -32022..=-32020 => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

fn spelled<const N: usize>(versions: &[ProtocolVersion; N]) -> [&'static str; N] {
    versions.map(ProtocolVersion::as_str)
}
