//! Why a request is refused at the HTTP boundary, and the one table of what that looks like.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::capabilities::TooLong;
use super::challenge::{Challenge, Reason};
use super::mirror::Mismatch;
use super::party::Whose;
use super::stranger::Stranger;
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing, ParseError};
use crate::wire::version::ProtocolVersion;

/// A refusal. Nothing of the request was carried out.
#[derive(Clone, Debug)]
pub(crate) enum Rejection {
    /// No `Host`, several, or one that does not parse.
    BadHost,
    HostNotAllowed(Stranger),
    OriginNotAllowed(Stranger),
    /// `X-Forwarded-Prefix` of a proxy that is trusted with it.
    BadForwardedPrefix,
    /// The head of a request did not arrive.
    HeadTimeout {
        limit: Duration,
    },
    /// A length that is said twice.
    AmbiguousLength,
    /// A transfer coding other than `chunked`.
    UnknownCoding,
    /// A line of the head that ends with LF alone.
    BareLineFeed,
    UnknownPath,
    MethodNotAllowed {
        allow: &'static str,
    },
    /// A POST that takes neither form of an answer, or not both where both are asked for.
    NotAcceptable,
    /// Only a stream can be answered, and the client takes none.
    StreamNotAcceptable,
    SessionHeaderMissing,
    SessionHeaderMalformed,
    /// `MCP-Protocol-Version` of a legacy request.
    VersionNotServed,
    /// `Last-Event-ID` names no event that can be resumed from.
    EventUnknown,
    /// `initialize` in a session that exists.
    InitializedAlready {
        id: Id,
    },
    SessionIdMissing,
    SessionIdMalformed,
    UnknownSession,
    NotJson,
    BodyTooLarge {
        limit: usize,
    },
    BodyTimeout {
        limit: Duration,
    },
    BodyIncomplete,
    Invalid(ParseError),
    BatchNotAllowed,
    /// A response in the modern era, whose server asks nothing.
    ResponseNotAllowed,
    /// `_meta` of a modern request.
    BadEnvelope {
        id: Id,
        expected: &'static str,
    },
    /// The capabilities in the envelope of a modern request.
    LongCapabilities {
        id: Id,
        limit: usize,
    },
    HeaderMismatch {
        id: Option<Id>,
        mismatch: Mismatch,
    },
    /// The revision in the envelope of a modern request.
    VersionUnknown {
        id: Id,
        requested: Box<str>,
    },
    IdInUse(Id),
    TooManyRequests {
        limit: usize,
        id: Id,
    },
    /// Of one session.
    TooManyNotifications {
        limit: usize,
    },
    TooManySessions {
        limit: usize,
    },
    /// Of the whole server.
    TooManyCalls {
        limit: usize,
    },
    /// `subscriptions/listen` requests.
    TooManyListens {
        limit: usize,
    },
    /// Of the principal who asks, or of the address that it asks from.
    TooManyOfOne {
        of: Counted,
        limit: usize,
        whose: Whose,
    },
    /// The credentials do not do.
    Challenged(Box<Challenge>),
    TooManyConnections {
        limit: usize,
    },
    ShuttingDown,
    /// Of a request that had been read, for a reason that is not in it.
    Of(Id, Box<Self>),
}

/// What one party can have too many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Sessions,
    Calls,
    Listens,
    Connections,
}

/// What goes out for a [`Rejection`].
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// The `Allow` header.
    pub(crate) allow: Option<&'static str>,
    /// The `WWW-Authenticate` header.
    pub(crate) challenge: Option<HeaderValue>,
    /// The `Retry-After` header, in seconds.
    pub(crate) retry_after: Option<u32>,
    /// Whether the connection ends, because the rest of the request was not read.
    pub(crate) close: bool,
    /// A JSON-RPC error response.
    pub(crate) body: Bytes,
}

/// How long a client that met a limit is asked to wait, in seconds.
const RETRY_AFTER: u32 = 1;

/// Names of reasons that are told of where a refusal is an answer as well.
pub(crate) const INITIALIZED_ALREADY: &str = "initialized_already";
pub(crate) const INVALID_MESSAGE: &str = "invalid_message";
pub(crate) const LONG_CAPABILITIES: &str = "long_capabilities";

impl Rejection {
    /// The same, under the id of the request (SPEC A-11); of messages without one nothing changes.
    pub(crate) fn of(self, id: Option<Id>) -> Self {
        match id {
            Some(id) if self.id().is_none() => Self::Of(id, Box::new(self)),
            _ => self,
        }
    }

    /// The reason in one word, to be counted by.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::BadHost => "bad_host",
            Self::HostNotAllowed(_) => "host_not_allowed",
            Self::OriginNotAllowed(_) => "origin_not_allowed",
            Self::BadForwardedPrefix => "bad_forwarded_prefix",
            Self::HeadTimeout { .. } => "head_timeout",
            Self::AmbiguousLength => "ambiguous_length",
            Self::UnknownCoding => "unknown_coding",
            Self::BareLineFeed => "bare_line_feed",
            Self::UnknownPath => "unknown_path",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::NotAcceptable | Self::StreamNotAcceptable => "not_acceptable",
            Self::SessionHeaderMissing | Self::SessionIdMissing => "session_id_missing",
            Self::SessionHeaderMalformed | Self::SessionIdMalformed => "session_id_malformed",
            Self::VersionNotServed | Self::VersionUnknown { .. } => "version_not_served",
            Self::EventUnknown => "event_unknown",
            Self::InitializedAlready { .. } => INITIALIZED_ALREADY,
            Self::UnknownSession => "unknown_session",
            Self::NotJson => "not_json",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTimeout { .. } => "body_timeout",
            Self::BodyIncomplete => "body_incomplete",
            Self::Invalid(_) => INVALID_MESSAGE,
            Self::BatchNotAllowed => "batch_not_allowed",
            Self::ResponseNotAllowed => "response_not_allowed",
            Self::BadEnvelope { .. } => "bad_envelope",
            Self::LongCapabilities { .. } => LONG_CAPABILITIES,
            Self::HeaderMismatch { .. } => "header_mismatch",
            Self::IdInUse(_) => "id_in_use",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::TooManyNotifications { .. } => "too_many_notifications",
            Self::TooManySessions { .. } => "too_many_sessions",
            Self::TooManyCalls { .. } => "too_many_calls",
            Self::TooManyListens { .. } => "too_many_listens",
            Self::TooManyOfOne { of, .. } => of.name(),
            Self::Challenged(challenge) => challenge.name(),
            Self::TooManyConnections { .. } => "too_many_connections",
            Self::ShuttingDown => "shutting_down",
            Self::Of(_, why) => why.name(),
        }
    }

    /// Whom it refused, for the operator.
    pub(crate) fn stranger(&self) -> Option<&Stranger> {
        match self {
            Self::HostNotAllowed(stranger) | Self::OriginNotAllowed(stranger) => Some(stranger),
            Self::Of(_, why) => why.stranger(),
            _ => None,
        }
    }

    /// The error alone, for where its status was told before.
    pub(crate) fn error(&self) -> ErrorObject {
        self.row().1
    }

    /// What goes out.
    pub(crate) fn refusal(&self) -> Refusal {
        self.refusal_under(self.id())
    }

    /// The one total table from reason to wire (SPEC B.1, A.2, A-46: transport misuse is -32600).
    fn row(&self) -> (StatusCode, ErrorObject) {
        let invalid = |message: String| ErrorObject::invalid_request(message);
        let busy = |message: String| ErrorObject::new(-32603, message);
        match self {
            Self::BadHost => (
                StatusCode::BAD_REQUEST,
                invalid("expected one valid Host header".into()),
            ),
            // What was refused is the operator's to know (PITFALLS R-27).
            Self::HostNotAllowed(_) => (
                StatusCode::FORBIDDEN,
                invalid("this Host is not allowed here".into()),
            ),
            Self::OriginNotAllowed(_) => (
                StatusCode::FORBIDDEN,
                invalid("this Origin is not allowed here".into()),
            ),
            Self::BadForwardedPrefix => (
                StatusCode::BAD_REQUEST,
                invalid("X-Forwarded-Prefix must be one plain absolute path".into()),
            ),
            Self::HeadTimeout { limit } => (
                StatusCode::REQUEST_TIMEOUT,
                invalid(format!(
                    "the head of the request did not arrive within {limit:?} \
                     (limit: `Serve::header_timeout`)"
                )),
            ),
            Self::AmbiguousLength => (
                StatusCode::BAD_REQUEST,
                invalid(
                    "a request says its length once: with one Content-Length, or with \
                     `Transfer-Encoding: chunked`"
                        .into(),
                ),
            ),
            // RFC 9112, 6.1, has 501; hyper says 400 of the same fault, and a broken request is no fault of
            // the server.
            Self::UnknownCoding => (
                StatusCode::BAD_REQUEST,
                invalid(
                    "the only transfer coding that is taken here is `chunked`, by itself".into(),
                ),
            ),
            Self::BareLineFeed => (
                StatusCode::BAD_REQUEST,
                invalid(
                    "each line of the head of a request ends with CR LF, not with LF alone".into(),
                ),
            ),
            Self::UnknownPath => (
                StatusCode::NOT_FOUND,
                invalid("no MCP endpoint at this path".into()),
            ),
            Self::MethodNotAllowed { allow } => (
                StatusCode::METHOD_NOT_ALLOWED,
                invalid(format!("this endpoint takes only {allow}")),
            ),
            Self::NotAcceptable => (
                StatusCode::NOT_ACCEPTABLE,
                invalid("Accept must admit application/json and text/event-stream".into()),
            ),
            Self::StreamNotAcceptable => (
                StatusCode::NOT_ACCEPTABLE,
                invalid("Accept must admit text/event-stream".into()),
            ),
            Self::SessionHeaderMissing => (
                StatusCode::BAD_REQUEST,
                invalid("the header Mcp-Session-Id is missing: send `initialize` first".into()),
            ),
            Self::SessionHeaderMalformed => (
                StatusCode::BAD_REQUEST,
                invalid("Mcp-Session-Id must be one line of visible ASCII".into()),
            ),
            Self::VersionNotServed => (
                StatusCode::BAD_REQUEST,
                invalid(format!(
                    "MCP-Protocol-Version must be one of {}",
                    spelled(&ProtocolVersion::LEGACY).join(", ")
                )),
            ),
            Self::EventUnknown => (
                StatusCode::BAD_REQUEST,
                invalid("Last-Event-ID names no event that this session can go on from".into()),
            ),
            Self::InitializedAlready { .. } => (
                StatusCode::BAD_REQUEST,
                invalid("this session is initialized already".into()),
            ),
            Self::SessionIdMissing => (
                StatusCode::BAD_REQUEST,
                invalid("the query parameter session_id is missing".into()),
            ),
            Self::SessionIdMalformed => (
                StatusCode::BAD_REQUEST,
                invalid("the query parameter session_id must be 32 hex digits".into()),
            ),
            Self::UnknownSession => (
                StatusCode::NOT_FOUND,
                invalid("no such session: it is closed or never was, open a new one".into()),
            ),
            Self::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                invalid("Content-Type must be application/json in UTF-8, not compressed".into()),
            ),
            Self::BodyTooLarge { limit } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                invalid(format!(
                    "the body is longer than {limit} bytes (limit: `Builder::body_limit`)"
                )),
            ),
            Self::BodyTimeout { limit } => (
                StatusCode::REQUEST_TIMEOUT,
                invalid(format!(
                    "the body did not arrive within {limit:?} (limit: `Builder::body_timeout`)"
                )),
            ),
            Self::BodyIncomplete => (
                StatusCode::BAD_REQUEST,
                invalid("the body was cut short, or its chunks are broken".into()),
            ),
            Self::Invalid(error) => (StatusCode::BAD_REQUEST, error.to_error_object()),
            Self::BatchNotAllowed => (
                StatusCode::BAD_REQUEST,
                invalid("this revision has no batches: send one message a request".into()),
            ),
            Self::ResponseNotAllowed => (
                StatusCode::BAD_REQUEST,
                invalid("this revision has no requests of the server to answer".into()),
            ),
            Self::BadEnvelope { expected, .. } => (
                StatusCode::BAD_REQUEST,
                ErrorObject::invalid_params(format!("invalid params: expected {expected}")),
            ),
            Self::LongCapabilities { limit, .. } => {
                let limit = *limit;
                (StatusCode::BAD_REQUEST, TooLong { limit }.into())
            }
            Self::HeaderMismatch { mismatch, .. } => {
                (StatusCode::BAD_REQUEST, mismatch.clone().into())
            }
            Self::VersionUnknown { requested, .. } => (
                StatusCode::BAD_REQUEST,
                ErrorObject::unsupported_version(&spelled(&ProtocolVersion::MODERN), requested),
            ),
            Self::IdInUse(_) => (
                StatusCode::BAD_REQUEST,
                invalid("a request with this id is still running in this session".into()),
            ),
            Self::TooManyRequests { limit, .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                busy(format!(
                    "this session already runs as many requests as it may: {limit} \
                     (limit: `Builder::max_requests`)"
                )),
            ),
            Self::TooManyNotifications { limit } => (
                StatusCode::SERVICE_UNAVAILABLE,
                busy(format!(
                    "this session already works on as many notifications as it may: {limit} \
                     (limit: `Builder::max_requests`)"
                )),
            ),
            Self::TooManyCalls { limit } => (
                StatusCode::SERVICE_UNAVAILABLE,
                busy(format!(
                    "the server already runs {limit} requests (limit: `Builder::max_calls`)"
                )),
            ),
            Self::TooManyConnections { limit } => (
                StatusCode::SERVICE_UNAVAILABLE,
                busy(format!(
                    "the server already has {limit} connections (limit: `Serve::max_connections`)"
                )),
            ),
            Self::TooManySessions { limit } => (
                StatusCode::SERVICE_UNAVAILABLE,
                busy(format!(
                    "the server already has {limit} sessions that are all busy (limit: `Builder::max_sessions`)"
                )),
            ),
            Self::TooManyListens { limit } => (
                StatusCode::SERVICE_UNAVAILABLE,
                busy(format!(
                    "the server already has {limit} listening requests (limit: `Builder::max_listens`)"
                )),
            ),
            Self::TooManyOfOne { of, limit, whose } => (
                StatusCode::TOO_MANY_REQUESTS,
                busy(of.too_many(*limit, *whose)),
            ),
            Self::Challenged(challenge) => refused(challenge),
            Self::ShuttingDown => (
                StatusCode::SERVICE_UNAVAILABLE,
                busy("the server is shutting down".into()),
            ),
            Self::Of(_, why) => why.row(),
        }
    }

    fn refusal_under(&self, id: Option<&Id>) -> Refusal {
        if let Self::Of(_, why) = self {
            return why.refusal_under(id);
        }
        let (status, error) = self.row();
        Refusal {
            status,
            allow: match self {
                Self::MethodNotAllowed { allow } => Some(allow),
                _ => None,
            },
            challenge: match self {
                Self::Challenged(challenge) => challenge.header(),
                _ => None,
            },
            retry_after: matches!(
                status,
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
            )
            .then_some(RETRY_AFTER),
            close: matches!(
                self,
                Self::HeadTimeout { .. }
                    | Self::AmbiguousLength
                    | Self::UnknownCoding
                    | Self::BareLineFeed
                    | Self::TooManyConnections { .. }
                    | Self::TooManyOfOne {
                        of: Counted::Connections,
                        ..
                    }
                    | Self::BodyTooLarge { .. }
                    | Self::BodyTimeout { .. }
                    | Self::BodyIncomplete
                    | Self::ShuttingDown
            ),
            body: Outgoing::Error(id, &error).to_bytes(),
        }
    }

    /// The id to echo, where it could be read (SPEC A-9, A-11).
    fn id(&self) -> Option<&Id> {
        match self {
            Self::Invalid(error) => error.id(),
            Self::HeaderMismatch { id, .. } => id.as_ref(),
            Self::InitializedAlready { id }
            | Self::BadEnvelope { id, .. }
            | Self::LongCapabilities { id, .. }
            | Self::VersionUnknown { id, .. }
            | Self::IdInUse(id)
            | Self::TooManyRequests { id, .. }
            | Self::Of(id, _) => Some(id),
            _ => None,
        }
    }
}

impl Counted {
    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "too_many_sessions_of_one",
            Self::Calls => "too_many_calls_of_one",
            Self::Listens => "too_many_listens_of_one",
            Self::Connections => "too_many_connections_of_one",
        }
    }

    /// What a party is told that has as many as it may, and which setting says so.
    fn too_many(self, limit: usize, whose: Whose) -> String {
        let (what, of_all, of_each) = match self {
            Self::Sessions => (
                "sessions that are all busy",
                "Builder::max_sessions",
                "Builder::max_each",
            ),
            Self::Calls => (
                "running requests",
                "Builder::max_calls",
                "Builder::max_calls_each",
            ),
            Self::Listens => (
                "listening requests",
                "Builder::max_listens",
                "Builder::max_each",
            ),
            // Who is identified is known for each request alone.
            Self::Connections => (
                "connections",
                "Serve::max_connections",
                "Serve::max_connections",
            ),
        };
        match whose {
            Whose::Principal => {
                format!("this principal already has {limit} {what} (limit: `{of_each}`)")
            }
            Whose::Address => format!(
                "this address already has {limit} {what}, which is half of all that there may be, and as \
                 many as one address may have (limit: `{of_all}`; behind a proxy see \
                 `Builder::trusted_proxies`)"
            ),
        }
    }
}

/// SPEC F.1.
fn refused(challenge: &Challenge) -> (StatusCode, ErrorObject) {
    let (status, code) = match challenge.reason() {
        Reason::Missing | Reason::InvalidToken => (StatusCode::UNAUTHORIZED, -32600),
        Reason::InvalidRequest => (StatusCode::BAD_REQUEST, -32600),
        Reason::InsufficientScope => (StatusCode::FORBIDDEN, -32600),
        Reason::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, -32603),
    };
    (
        status,
        ErrorObject::new(code, challenge.message().to_owned()),
    )
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

#[cfg(test)]
mod tests {
    use super::super::fields::Field;
    use super::super::header::MCP_METHOD;
    use super::super::mirror;
    use super::*;
    use crate::wire::jsonrpc::{self, MessageLimits};

    /// SPEC B.1, B-8: every refusal of the table, its status, code and headers.
    #[test]
    fn every_rejection_has_its_row() {
        #[track_caller]
        fn check(rejection: &Rejection, status: u16, code: i64, says: &str) {
            let refusal = rejection.refusal();
            assert_eq!(refusal.status.as_u16(), status);
            let body: serde_json::Value = serde_json::from_slice(&refusal.body).unwrap();
            assert_eq!(body["error"]["code"], code);
            let message = body["error"]["message"].as_str().unwrap();
            assert!(message.contains(says), "{message}");
            assert_eq!(refusal.allow.is_some(), status == 405, "SPEC C-100");
            let is_busy = matches!(status, 429 | 503);
            assert_eq!(refusal.retry_after.is_some(), is_busy, "PITFALLS R-2");
            if matches!(status, 401) {
                assert!(refusal.challenge.is_some(), "SPEC C-101");
            }
        }
        let broken =
            jsonrpc::parse(&Bytes::from_static(b"{"), &MessageLimits::default()).unwrap_err();
        let unsuited = Bytes::from_static(br#"{"id":1}"#);
        let unsuited = jsonrpc::parse(&unsuited, &MessageLimits::default()).unwrap_err();
        check(&Rejection::BadHost, 400, -32600, "Host");
        let stranger = || Stranger::new(b"evil.example", Some("allowed_hosts"));
        check(&Rejection::HostNotAllowed(stranger()), 403, -32600, "Host");
        check(
            &Rejection::OriginNotAllowed(stranger()),
            403,
            -32600,
            "Origin",
        );
        check(
            &Rejection::BadForwardedPrefix,
            400,
            -32600,
            "X-Forwarded-Prefix",
        );
        check(&Rejection::UnknownPath, 404, -32600, "path");
        check(
            &Rejection::MethodNotAllowed {
                allow: "GET, OPTIONS",
            },
            405,
            -32600,
            "GET",
        );
        check(&Rejection::NotAcceptable, 406, -32600, "application/json");
        check(&Rejection::StreamNotAcceptable, 406, -32600, "event-stream");
        check(&Rejection::SessionHeaderMissing, 400, -32600, "missing");
        check(&Rejection::SessionHeaderMalformed, 400, -32600, "visible");
        check(&Rejection::VersionNotServed, 400, -32600, "2025-06-18");
        check(&Rejection::EventUnknown, 400, -32600, "Last-Event-ID");
        check(
            &Rejection::InitializedAlready { id: 1.into() },
            400,
            -32600,
            "initialized",
        );
        check(&Rejection::ResponseNotAllowed, 400, -32600, "answer");
        let expected = "`_meta`";
        let long = Rejection::LongCapabilities {
            id: 1.into(),
            limit: 9,
        };
        check(
            &long,
            400,
            -32602,
            "longer than 9 bytes (limit: `Builder::capabilities_limit`)",
        );
        let bad = Rejection::BadEnvelope {
            id: 1.into(),
            expected,
        };
        check(&bad, 400, -32602, expected);
        let requested = "v999".into();
        let unknown = Rejection::VersionUnknown {
            id: 1.into(),
            requested,
        };
        check(&unknown, 400, -32022, "v999");
        let mismatch = mirror::check_literal(Field::Absent, &MCP_METHOD, "x").unwrap_err();
        let mismatch = Rejection::HeaderMismatch { id: None, mismatch };
        check(&mismatch, 400, -32020, "mcp-method");
        check(
            &Rejection::SessionIdMissing,
            400,
            -32600,
            "session_id is missing",
        );
        check(&Rejection::SessionIdMalformed, 400, -32600, "32 hex digits");
        check(&Rejection::UnknownSession, 404, -32600, "session");
        check(&Rejection::NotJson, 415, -32600, "application/json");
        check(
            &Rejection::BodyTooLarge { limit: 7 },
            413,
            -32600,
            "7 bytes",
        );
        let limit = Duration::from_secs(7);
        check(
            &Rejection::BodyTimeout { limit },
            408,
            -32600,
            "body did not arrive within 7s",
        );
        check(
            &Rejection::HeadTimeout { limit },
            408,
            -32600,
            "head of the request did not arrive within 7s",
        );
        check(
            &Rejection::AmbiguousLength,
            400,
            -32600,
            "says its length once",
        );
        check(
            &Rejection::UnknownCoding,
            400,
            -32600,
            "`chunked`, by itself",
        );
        check(&Rejection::BareLineFeed, 400, -32600, "CR LF");
        check(
            &Rejection::TooManyConnections { limit: 7 },
            503,
            -32603,
            "7 connections",
        );
        check(&Rejection::BodyIncomplete, 400, -32600, "cut short");
        check(&Rejection::Invalid(broken), 400, -32700, "byte 1");
        check(&Rejection::Invalid(unsuited), 400, -32600, "2.0");
        check(&Rejection::BatchNotAllowed, 400, -32600, "batches");
        check(&Rejection::IdInUse(1.into()), 400, -32600, "id");
        check(
            &Rejection::TooManyRequests {
                limit: 64,
                id: 1.into(),
            },
            503,
            -32603,
            "64",
        );
        check(
            &Rejection::TooManySessions { limit: 9 },
            503,
            -32603,
            "9 sessions",
        );
        check(
            &Rejection::TooManyListens { limit: 9 },
            503,
            -32603,
            "`Builder::max_listens`",
        );
        for (of, whose, says) in [
            (Counted::Sessions, Whose::Principal, "`Builder::max_each`"),
            (Counted::Sessions, Whose::Address, "`Builder::max_sessions`"),
            (
                Counted::Calls,
                Whose::Principal,
                "`Builder::max_calls_each`",
            ),
            (Counted::Calls, Whose::Address, "`Builder::max_calls`"),
            (Counted::Listens, Whose::Principal, "`Builder::max_each`"),
            (Counted::Listens, Whose::Address, "`Builder::max_listens`"),
            (
                Counted::Connections,
                Whose::Address,
                "`Serve::max_connections`",
            ),
        ] {
            let limit = 9;
            let too_many = Rejection::TooManyOfOne { of, limit, whose };
            check(&too_many, 429, -32603, says);
            check(&too_many, 429, -32603, " has 9 ");
            let (named, closes) = (too_many.name(), too_many.refusal().close);
            assert!(named.ends_with("_of_one"), "{named}");
            assert_eq!(closes, of == Counted::Connections);
        }
        let challenged = |challenge| Rejection::Challenged(Box::new(challenge));
        for (challenge, status, code, says) in [
            (Challenge::missing(), 401, -32600, "credentials"),
            (Challenge::invalid_token(), 401, -32600, "expired"),
            (Challenge::invalid_request("two"), 400, -32600, "two"),
            (
                Challenge::insufficient_scope(["a"]),
                403,
                -32600,
                "more scopes",
            ),
            (Challenge::unavailable(), 503, -32603, "checked"),
        ] {
            check(&challenged(challenge), status, code, says);
        }
        check(&Rejection::ShuttingDown, 503, -32603, "shutting down");
    }

    /// PITFALLS R-27: the operator learns what the peer is not told.
    #[test]
    fn the_hint_is_for_the_operator_alone() {
        let stranger = Stranger::new(b"evil.example", Some("allowed_hosts"));
        for rejection in [
            Rejection::HostNotAllowed(stranger.clone()),
            Rejection::OriginNotAllowed(stranger.clone()).of(Some(1.into())),
        ] {
            assert_eq!(rejection.stranger(), Some(&stranger));
            let told = String::from_utf8(rejection.refusal().body.to_vec()).unwrap();
            assert!(
                !told.contains("evil") && !told.contains("allowed_"),
                "{told}"
            );
        }
        assert_eq!(Rejection::BodyIncomplete.stranger(), None);
    }

    /// SPEC A-45: legacy refusals never look like those of a modern server.
    #[test]
    fn the_id_is_echoed_where_it_was_read_and_else_left_out() {
        let body = |rejection: Rejection| String::from_utf8(rejection.refusal().body.to_vec());
        assert!(
            body(Rejection::IdInUse("a".into()))
                .unwrap()
                .contains(r#""id":"a""#)
        );
        assert!(!body(Rejection::NotJson).unwrap().contains("\"id\""));
        let unknown = || Rejection::UnknownSession;
        assert!(!body(unknown().of(None)).unwrap().contains("\"id\""));
        let refusal = unknown().of(Some(1.into())).refusal();
        assert_eq!(refusal.status, StatusCode::NOT_FOUND);
        assert!(refusal.body.starts_with(br#"{"jsonrpc":"2.0","id":1,"#));
        let named = Rejection::IdInUse("a".into()).of(Some(1.into()));
        assert!(body(named).unwrap().contains(r#""id":"a""#));
    }
}
