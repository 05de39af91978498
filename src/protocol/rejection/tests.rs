use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;

use super::super::challenge::Challenge;
use super::super::fields::Field;
use super::super::header::MCP_METHOD;
use super::super::mirror;
use super::super::party::{Full, Whose};
use super::super::stranger::Stranger;
use super::*;
use crate::wire::jsonrpc::{ErrorObject, MessageLimits};
use crate::wire::message;

const LIMIT: Duration = Duration::from_secs(7);

fn stranger() -> Stranger {
    Stranger::new(b"evil.example", Some("allowed_hosts"))
}

fn invalid(body: &'static str) -> Reason {
    let body = Bytes::from_static(body.as_bytes());
    Reason::Invalid(message::parse(&body, &MessageLimits::default()).unwrap_err())
}

fn challenged(challenge: Challenge) -> Reason {
    Reason::Challenged(Box::new(challenge))
}

fn full(resource: Resource) -> Vec<Reason> {
    let mut all = vec![Reason::Full(resource, Full::All(9))];
    for whose in [Whose::Principal, Whose::Address] {
        all.push(Reason::Full(resource, Full::Each(9, whose)));
    }
    all
}

/// Every reason in the order of the table, in all its forms.
pub(crate) fn every_reason() -> Vec<Reason> {
    let mut all = vec![Reason::BadHost];
    while let Some(last) = all.last() {
        let next = after(last);
        if next.is_empty() {
            break;
        }
        all.extend(next);
    }
    all
}

/// The forms of the next reason. A new reason does not compile until it has its place here.
fn after(reason: &Reason) -> Vec<Reason> {
    let next = match reason {
        Reason::BadHost => Reason::HostNotAllowed(stranger()),
        Reason::HostNotAllowed(_) => Reason::OriginNotAllowed(stranger()),
        Reason::OriginNotAllowed(_) => Reason::BadForwardedPrefix,
        Reason::BadForwardedPrefix => Reason::HeadTimeout { limit: LIMIT },
        Reason::HeadTimeout { .. } => Reason::AmbiguousLength,
        Reason::AmbiguousLength => Reason::UnknownCoding,
        Reason::UnknownCoding => Reason::BareLineFeed,
        Reason::BareLineFeed => Reason::UnknownPath,
        Reason::UnknownPath => Reason::MethodNotAllowed {
            allow: "GET, OPTIONS",
        },
        Reason::MethodNotAllowed { .. } => Reason::NotAcceptable,
        Reason::NotAcceptable => Reason::StreamNotAcceptable,
        Reason::StreamNotAcceptable => Reason::SessionHeaderMissing,
        Reason::SessionHeaderMissing => Reason::SessionHeaderMalformed,
        Reason::SessionHeaderMalformed => Reason::VersionNotServed,
        Reason::VersionNotServed => Reason::EventUnknown,
        Reason::EventUnknown => Reason::InitializedAlready,
        Reason::InitializedAlready => Reason::SessionIdMissing,
        Reason::SessionIdMissing => Reason::SessionIdMalformed,
        Reason::SessionIdMalformed => Reason::UnknownSession,
        Reason::UnknownSession => Reason::NotJson,
        Reason::NotJson => Reason::BodyTooLarge { limit: Some(7) },
        Reason::BodyTooLarge { .. } => Reason::BodyTimeout { limit: LIMIT },
        Reason::BodyTimeout { .. } => Reason::BodyIncomplete,
        Reason::BodyIncomplete => {
            let params = r#"{"jsonrpc":"2.0","id":1,"method":"a","params":[]}"#;
            return vec![invalid("{"), invalid(r#"{"id":1}"#), invalid(params)];
        }
        Reason::Invalid(_) => Reason::BatchNotAllowed,
        Reason::BatchNotAllowed => Reason::ResponseNotAllowed,
        Reason::ResponseNotAllowed => Reason::BadEnvelope {
            expected: "`_meta`",
        },
        Reason::BadEnvelope { .. } => Reason::LongCapabilities { limit: 9 },
        Reason::LongCapabilities { .. } => {
            let mismatch = mirror::check_literal(Field::Absent, &MCP_METHOD, "x");
            Reason::HeaderMismatch(mismatch.unwrap_err())
        }
        Reason::HeaderMismatch(_) => Reason::VersionUnknown {
            requested: "v999".into(),
        },
        Reason::VersionUnknown { .. } => Reason::IdInUse,
        Reason::IdInUse => Reason::TooManyRequests { limit: 64 },
        Reason::TooManyRequests { .. } => Reason::TooManyNotifications { limit: 64 },
        Reason::TooManyNotifications { .. } => return full(Resource::Sessions),
        Reason::Full(Resource::Sessions, _) => return full(Resource::Calls),
        Reason::Full(Resource::Calls, _) => return full(Resource::Listens),
        Reason::Full(Resource::Listens, _) => return full(Resource::Connections),
        Reason::Full(Resource::Connections, _) => {
            return [
                Challenge::missing(),
                Challenge::invalid_token(),
                Challenge::invalid_request("two"),
                Challenge::insufficient_scope(["a"]),
                Challenge::unavailable(),
            ]
            .map(challenged)
            .into();
        }
        Reason::Challenged(_) => Reason::ShuttingDown,
        Reason::ShuttingDown => return Vec::new(),
    };
    vec![next]
}

/// SPEC B.1, B-8: the status, the code, the message and the headers of each reason.
#[test]
fn every_reason_has_its_row() {
    const BUSY: i64 = -32603;
    let expected = [
        (400, -32600, "Host"),
        (403, -32600, "Host"),
        (403, -32600, "Origin"),
        (400, -32600, "X-Forwarded-Prefix"),
        (408, -32600, "head of the request did not arrive within 7s"),
        (400, -32600, "says its length once"),
        (400, -32600, "`chunked`, by itself"),
        (400, -32600, "CR LF"),
        (404, -32600, "path"),
        (405, -32600, "GET"),
        (406, -32600, "application/json"),
        (406, -32600, "event-stream"),
        (400, -32600, "missing"),
        (400, -32600, "visible"),
        (400, -32600, "2025-06-18"),
        (400, -32600, "Last-Event-ID"),
        (400, -32600, "initialized"),
        (400, -32600, "session_id is missing"),
        (400, -32600, "32 hex digits"),
        (404, -32600, "session"),
        (415, -32600, "application/json"),
        (413, -32600, "7 bytes"),
        (408, -32600, "body did not arrive within 7s"),
        (400, -32600, "cut short"),
        (400, -32700, "byte 1"),
        (400, -32600, "2.0"),
        (400, -32602, "params"),
        (400, -32600, "batches"),
        (400, -32600, "responses"),
        (400, -32602, "`_meta`"),
        (
            400,
            -32602,
            "longer than 9 bytes (limit: `Limits::capabilities`)",
        ),
        (400, -32020, "mcp-method"),
        (400, -32022, "v999"),
        (400, -32600, "id"),
        (503, BUSY, "64"),
        (503, BUSY, "64"),
        (503, BUSY, "9 sessions"),
        (429, BUSY, "`Limits::sessions_per_principal`"),
        (429, BUSY, "`Limits::sessions`"),
        (503, BUSY, "`Limits::calls`"),
        (429, BUSY, "`Limits::calls_per_principal`"),
        (429, BUSY, "`Limits::calls`"),
        (503, BUSY, "`Limits::listen_streams`"),
        (429, BUSY, "`Limits::listen_streams_per_principal`"),
        (429, BUSY, "`Limits::listen_streams`"),
        (503, BUSY, "9 connections"),
        (429, BUSY, "`Serve::max_connections`"),
        (429, BUSY, "`Serve::max_connections`"),
        (401, -32600, "credentials"),
        (401, -32600, "expired"),
        (400, -32600, "two"),
        (403, -32600, "more scopes"),
        (503, BUSY, "checked"),
        (503, BUSY, "shutting down"),
    ];
    let reasons = every_reason();
    assert_eq!(reasons.len(), expected.len());
    for (reason, (status, code, says)) in reasons.iter().zip(expected) {
        let refusal = reason.refusal();
        assert_eq!(
            (refusal.status.as_u16(), refusal.error.code()),
            (status, code)
        );
        let message = refusal.error.message();
        assert!(message.contains(says), "{message}");
        let header = refusal.header.as_ref().map(|(name, _)| name.as_str());
        let expected = match (status, refusal.name) {
            // SPEC C-100, C-101, PITFALLS R-2.
            (405, _) => Some("allow"),
            (429 | 503, _) => Some("retry-after"),
            (401, _) | (_, "credentials_malformed" | "insufficient_scope") => {
                Some("www-authenticate")
            }
            _ => None,
        };
        assert_eq!(header, expected, "{reason:?}");
    }
}

/// SPEC C.1 row 5, PITFALLS R-24: what is not read to its end would be read as the next request.
#[test]
fn a_request_that_is_not_read_ends_its_connection() {
    let reasons = every_reason();
    let refusals = reasons.iter().map(Reason::refusal);
    let mut closing: Vec<_> = refusals
        .filter(|refusal| refusal.closes)
        .map(|refusal| refusal.name)
        .collect();
    closing.dedup();
    assert_eq!(
        closing,
        [
            "head_timeout",
            "ambiguous_length",
            "unsupported_transfer_coding",
            "bare_line_feed",
            "body_too_large",
            "body_timeout",
            "body_incomplete",
            "too_many_connections",
            "too_many_connections_per_client",
            "shutting_down",
        ]
    );
}

/// PITFALLS R-27: the operator learns what the peer is not told.
#[test]
fn the_hint_is_for_the_operator_alone() {
    for reason in [
        Reason::HostNotAllowed(stranger()),
        Reason::OriginNotAllowed(stranger()),
    ] {
        assert_eq!(reason.stranger(), Some(&stranger()));
        let told = String::from_utf8(reason.refusal().body(None).to_vec()).unwrap();
        assert!(
            !told.contains("evil") && !told.contains("allowed_"),
            "{told}"
        );
    }
    assert_eq!(Reason::BodyIncomplete.stranger(), None);
}

/// SPEC A-45: legacy refusals never look like those of a modern server. FIELD T-9: that of a lost session
/// answers no request.
#[test]
fn the_id_is_echoed_where_it_was_read_and_else_left_out() {
    let body = |rejection: Rejection| {
        let body = rejection.reason.refusal().body(rejection.id.as_ref());
        String::from_utf8(body.to_vec()).unwrap()
    };
    let unknown = || Rejection::from(Reason::UnknownSession);
    assert!(!body(unknown()).contains("\"id\""));
    assert!(!body(unknown().of(None)).contains("\"id\""));
    assert!(!body(unknown().of(Some(1.into()))).contains("\"id\""));
    let named = body(Rejection::from(Reason::NotJson).of(Some(1.into())));
    assert!(named.starts_with(r#"{"jsonrpc":"2.0","id":1,"#));
    let in_use = || Reason::IdInUse.to(&"a".into());
    assert!(body(in_use()).contains(r#""id":"a""#));
    assert!(body(in_use().of(Some(1.into()))).contains(r#""id":"a""#));
}

/// SPEC A-21, B-6: params that cannot be read are an answer, a body that cannot be read is an HTTP error.
#[test]
fn only_a_request_that_was_understood_is_refused_in_its_answer() {
    let reasons = every_reason();
    let answers = reasons.iter().filter(|reason| reason.is_answer());
    let answers: Vec<_> = answers
        .map(|reason| (reason.refusal().name, reason.refusal().error.code()))
        .collect();
    assert_eq!(
        answers,
        [
            ("already_initialized", -32600),
            ("invalid_message", -32602),
            ("capabilities_too_large", -32602),
        ]
    );
}

#[test]
fn a_modern_answer_has_the_status_of_its_code() {
    for (code, status) in [
        (-32601, StatusCode::NOT_FOUND),
        (-32020, StatusCode::BAD_REQUEST),
        (-32022, StatusCode::BAD_REQUEST),
        (-32602, StatusCode::OK),
        (-32603, StatusCode::OK),
    ] {
        let error = ErrorObject::new(code, "x");
        assert_eq!(modern_status(&error), status, "{code}");
    }
}
