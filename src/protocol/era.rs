//! [`settle`]: decides from its body what a POST to `/mcp` is: its era, its session and its revision. Later
//! code does not decide this again.

use super::envelope::Envelope;
use super::exchange::Claim;
use super::fields::Fields;
use super::header::MCP_METHOD;
use super::mirror;
use super::rejection::Reason;
use super::version_header::VersionHeader;
use crate::wire::jsonrpc::Id;
use crate::wire::message::{Message, ParseError, Payload, Request};
use crate::wire::method::Method;
use crate::wire::params::Params;
use crate::wire::version::ProtocolVersion;

/// A body that was parsed, or one whose params were not valid. The latter is answered with a JSON-RPC error
/// of the session that it belongs to.
pub(crate) type Read = Result<Payload, ParseError>;

/// The id of the request in a body, which its answer repeats.
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
    /// A request of the modern era, with its envelope.
    Modern(Request, Envelope),
    /// A notification of the modern era, which has no effect over HTTP (SPEC D-6, D-7, J-36).
    Unheard,
    /// The request that opens a session.
    Initialize(Request),
    /// Messages of a session.
    InSession(Claim, Read),
    /// Messages that belong to no session, in a server without sessions (SPEC C-83).
    Alone(ProtocolVersion, Read),
}

/// Decides by the tables of SPEC D.1, D.2 and C.1, in their order. `sessions` says whether the server keeps
/// sessions; `capabilities_limit` is how many bytes of capabilities a request may declare. It does not look
/// the session up, so the caller checks what the tables require of an existing session.
pub(crate) fn settle(
    fields: &Fields<'_>,
    read: Read,
    sessions: bool,
    capabilities_limit: usize,
) -> Result<Posted, Reason> {
    let version = VersionHeader::read(fields.version);
    // SPEC D-144: a message that names a session and has no envelope is legacy, whatever this header says. Some
    // clients send their newest revision with everything.
    let names_session = sessions && !fields.session.is_absent();
    let is_modern = version.is_modern() && !names_session;
    match &read {
        // A body that is not a message has no era. Invalid params have the era of their session.
        Err(error) if error.code() != -32602 || is_modern || error.is_enveloped() => {
            return Err(Reason::Invalid(error.clone()));
        }
        Ok(Payload::Batch(messages))
            if version.is_modern() || messages.iter().any(is_enveloped) =>
        {
            return Err(Reason::BatchNotAllowed);
        }
        Ok(Payload::Single(Message::Response(_))) if is_modern => {
            return Err(Reason::ResponseNotAllowed);
        }
        Ok(Payload::Single(Message::Notification(notification)))
            if is_modern || has_version(notification.params()) =>
        {
            // SPEC D.2 step 8, J-6: the header may be absent, but must not differ.
            if !fields.method.is_absent() {
                mirror::check_literal(fields.method, &MCP_METHOD, notification.method())
                    .map_err(Reason::HeaderMismatch)?;
            }
            return Ok(Posted::Unheard);
        }
        _ => {}
    }
    match read {
        Ok(Payload::Single(Message::Request(request)))
            if is_modern_request(fields, is_modern, &request) =>
        {
            let envelope = Envelope::check(fields, &request, capabilities_limit)?;
            Ok(Posted::Modern(request, envelope))
        }
        read if sessions => in_session(fields, version, read),
        read => alone(version, read),
    }
}

/// SPEC D.1, rows 3 to 6. `is_modern` is what the headers say.
fn is_modern_request(fields: &Fields<'_>, is_modern: bool, request: &Request) -> bool {
    has_version(request.params())
        || match request.kind() {
            // Without an envelope it is always a handshake (SPEC D-144, J-1).
            Method::Initialize => false,
            Method::ServerDiscover | Method::SubscriptionsListen => {
                is_modern || fields.session.is_absent()
            }
            _ => is_modern,
        }
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
fn in_session(fields: &Fields<'_>, version: VersionHeader, read: Read) -> Result<Posted, Reason> {
    match Claim::read(fields.session, version)? {
        Some(claim) => Ok(Posted::InSession(claim, read)),
        None => match read {
            // SPEC C-93: the version header is ignored; the params negotiate.
            Ok(Payload::Single(Message::Request(request)))
                if *request.kind() == Method::Initialize =>
            {
                Ok(Posted::Initialize(request))
            }
            Ok(_) => Err(Reason::SessionHeaderMissing),
            Err(error) => Err(Reason::Invalid(error)),
        },
    }
}

/// SPEC C-83, C-92, C-93.
fn alone(version: VersionHeader, read: Read) -> Result<Posted, Reason> {
    let initializes = matches!(&read, Ok(Payload::Single(Message::Request(request)))
        if *request.kind() == Method::Initialize);
    match version {
        VersionHeader::Unknown if !initializes => Err(Reason::VersionNotServed),
        _ => Ok(Posted::Alone(version.legacy(), read)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;
    use crate::protocol::capabilities::CAPABILITIES_LIMIT;
    use crate::wire::jsonrpc::MessageLimits;
    use crate::wire::message;

    const SESSION: (&str, &str) = ("mcp-session-id", "0123456789abcdef0123456789abcdef");
    const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
    const UNKNOWN: (&str, &str) = ("mcp-protocol-version", "1900-01-01");

    const ENVELOPE: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    const HEARD: &str = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    const REPLY: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2026-07-28"}}"#;

    fn request(method: &str, params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#)
    }

    fn notification(params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{{params}}}}}"#)
    }

    fn settled(headers: &[(&str, &str)], body: &str, sessions: bool) -> Result<Posted, Reason> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let body = Bytes::copy_from_slice(body.as_bytes());
        let read = message::parse(&body, &MessageLimits::default());
        settle(&Fields::read(&map), read, sessions, CAPABILITIES_LIMIT)
    }

    /// The outcome in words; a refusal as its status, code and reason.
    fn verdict(settled: Result<Posted, Reason>) -> String {
        match settled {
            Ok(Posted::Modern(request, _)) => format!("modern {}", request.method()),
            Ok(Posted::Unheard) => "unheard".to_owned(),
            Ok(Posted::Initialize(_)) => "opens".to_owned(),
            Ok(Posted::InSession(_, read)) if read.is_err() => "broken in session".to_owned(),
            Ok(Posted::InSession(..)) => "in session".to_owned(),
            Ok(Posted::Alone(version, _)) => format!("alone in {version}"),
            Err(reason) => refused(&reason),
        }
    }

    fn refused(reason: &Reason) -> String {
        let refusal = reason.refusal();
        let why = format!("{reason:?}");
        let why = why.split(|c: char| !c.is_alphanumeric()).next().unwrap();
        format!("{} {} {why}", refusal.status.as_u16(), refusal.error.code())
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], body: &str, expected: &str) {
        assert_eq!(verdict(settled(headers, body, true)), expected, "{body}");
    }

    #[track_caller]
    fn check_alone(headers: &[(&str, &str)], body: &str, expected: &str) {
        assert_eq!(verdict(settled(headers, body, false)), expected, "{body}");
    }

    /// SPEC D.2 steps 5 and 6, C.1 rows 6 and 7, D-21: before the era is known.
    #[test]
    fn a_body_that_is_no_message_is_refused_in_every_era() {
        for headers in [&[] as &[_], &[MODERN], &[SESSION], &[SESSION, UNKNOWN]] {
            check(headers, "{", "400 -32700 Invalid");
            check(headers, "\"\u{feff}", "400 -32700 Invalid");
            check(headers, "7", "400 -32600 Invalid");
            check(headers, r#"{"id":1,"method":"ping"}"#, "400 -32600 Invalid");
            check(headers, "[]", "400 -32600 Invalid");
            check(headers, &format!("[1,{PING}]"), "400 -32600 Invalid");
            check(headers, &format!("[{INITIALIZE}]"), "400 -32600 Invalid");
            check(headers, &format!("{PING}\n{PING}"), "400 -32700 Invalid");
        }
    }

    /// SPEC D.1 rows 1 and 2.
    #[test]
    fn a_batch_is_legacy_unless_anything_of_it_is_modern() {
        let batch = format!("[{PING},{HEARD}]");
        check(&[MODERN], &batch, "400 -32600 BatchNotAllowed");
        check(&[MODERN, SESSION], &batch, "400 -32600 BatchNotAllowed");
        for modern in [request("ping", ENVELOPE), notification(ENVELOPE)] {
            for batch in [format!("[{modern}]"), format!("[{HEARD},{modern}]")] {
                check(&[], &batch, "400 -32600 BatchNotAllowed");
                check(&[SESSION], &batch, "400 -32600 BatchNotAllowed");
                check_alone(&[], &batch, "400 -32600 BatchNotAllowed");
            }
        }
        check(&[SESSION], &batch, "in session");
        check(&[SESSION], &format!("[{REPLY}]"), "in session");
        check(&[], &batch, "400 -32600 SessionHeaderMissing");
        check_alone(&[], &batch, "alone in 2025-03-26");
    }

    /// SPEC D.1 row 3, D.2 step 8: the member of the envelope decides, whatever its type. SPEC D-3: a session
    /// header does not change that.
    #[test]
    fn an_envelope_makes_a_message_modern() {
        let headers = [MODERN, ("mcp-method", "ping")];
        let mut named = headers.to_vec();
        named.push(SESSION);
        for headers in [&headers as &[_], &named] {
            check(headers, &request("ping", ENVELOPE), "modern ping");
            check_alone(headers, &request("ping", ENVELOPE), "modern ping");
        }
        for value in ["1", "null", "{}", "[]", "true", r#""""#] {
            let meta = format!(r#""_meta":{{"io.modelcontextprotocol/protocolVersion":{value}}}"#);
            let expected = "400 -32602 BadEnvelope";
            check(&[], &request("ping", &meta), expected);
            check(&[SESSION], &request("ping", &meta), expected);
            check(&[], &notification(&meta), "unheard");
        }
        // Other members with the same prefix do not count.
        let meta = r#""_meta":{"io.modelcontextprotocol/clientCapabilities":{}}"#;
        check(&[SESSION], &request("ping", meta), "in session");
    }

    /// SPEC D.1 row 4, C-95, D-144, FIELD T-8: a broken modern request, not a legacy one, unless it names a
    /// session.
    #[test]
    fn a_modern_header_makes_a_message_modern() {
        for params in ["", r#""_meta":{}"#, r#""name":"x""#] {
            let expected = "400 -32602 BadEnvelope";
            check(&[MODERN], &request("ping", params), expected);
            check(&[MODERN, SESSION], &request("ping", params), "in session");
            check_alone(&[MODERN], &request("ping", params), expected);
            check_alone(&[MODERN, SESSION], &request("ping", params), expected);
            check(&[MODERN], &notification(params), "unheard");
            check(&[MODERN, SESSION], &notification(params), "in session");
        }
        check(&[MODERN], PING, "400 -32602 BadEnvelope");
        check(&[MODERN], HEARD, "unheard");
        let params = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#;
        check(&[MODERN], params, "400 -32602 Invalid");
        check(&[MODERN, SESSION], params, "broken in session");
        // Blanks around the value do not matter (SPEC D-33), and a copy is no other value (SPEC D-34).
        check(
            &[("MCP-Protocol-Version", " 2026-07-28\t")],
            PING,
            "400 -32602 BadEnvelope",
        );
        check(&[MODERN, MODERN], PING, "400 -32602 BadEnvelope");
        check(&[MODERN, UNKNOWN], PING, "400 -32600 SessionHeaderMissing");
        let method = ("mcp-method", "ping");
        let modern = request("ping", ENVELOPE);
        check(&[MODERN, MODERN, method], &modern, "modern ping");
        let joined = ("mcp-protocol-version", "2026-07-28, 2026-07-28");
        check(&[joined, method], &modern, "modern ping");
        for two in [[MODERN, UNKNOWN, method], [joined, UNKNOWN, method]] {
            check(&two, &modern, "400 -32020 HeaderMismatch");
        }
    }

    /// SPEC D.1 row 5: methods that only the modern era has.
    #[test]
    fn a_modern_method_without_a_session_is_modern() {
        for method in ["server/discover", "subscriptions/listen"] {
            let request = request(method, "");
            check(&[], &request, "400 -32602 BadEnvelope");
            check(&[UNKNOWN], &request, "400 -32602 BadEnvelope");
            check_alone(&[], &request, "400 -32602 BadEnvelope");
            check(&[SESSION], &request, "in session");
            let heard = format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
            check(&[], &heard, "400 -32600 SessionHeaderMissing");
        }
    }

    /// SPEC D.1 row 6, J-1, C.1 row 8, C-93, D-144: only an envelope takes precedence. Without it a session
    /// opens, whatever version the header or the params name.
    #[test]
    fn initialize_is_legacy_unless_it_comes_as_modern() {
        let enveloped = request("initialize", ENVELOPE);
        let headers = [MODERN, ("mcp-method", "initialize")];
        check(&headers, &enveloped, "modern initialize");
        check(&[], &enveloped, "400 -32020 HeaderMismatch");
        check(&[], INITIALIZE, "opens");
        for (version, alone) in [
            ("2024-11-05", "2024-11-05"),
            ("2025-03-26", "2025-03-26"),
            ("2025-11-25", "2025-11-25"),
            ("2026-07-28", "2025-03-26"),
            ("1900-01-01", "2025-03-26"),
            ("", "2025-03-26"),
        ] {
            let headers = [("mcp-protocol-version", version)];
            check(&headers, INITIALIZE, "opens");
            check_alone(&headers, INITIALIZE, &format!("alone in {alone}"));
        }
        check(
            &[],
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#,
            "opens",
        );
        // If it names a session, that session has to be looked up first (SPEC C-79).
        check(&[SESSION], INITIALIZE, "in session");
        check(&[SESSION, UNKNOWN], INITIALIZE, "in session");
        check(&[SESSION, MODERN], INITIALIZE, "in session");
        // Only a request counts, not a notification.
        let heard = r#"{"jsonrpc":"2.0","method":"initialize"}"#;
        check(&[], heard, "400 -32600 SessionHeaderMissing");
    }

    /// SPEC D.1 rows 7 and 8, D-5, D-144.
    #[test]
    fn a_response_is_legacy_unless_its_header_is_modern() {
        for reply in [
            REPLY,
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#,
        ] {
            check(&[MODERN], reply, "400 -32600 ResponseNotAllowed");
            check(&[MODERN, SESSION], reply, "in session");
            check_alone(&[MODERN], reply, "400 -32600 ResponseNotAllowed");
            check(&[SESSION], reply, "in session");
            check(&[], reply, "400 -32600 SessionHeaderMissing");
            check_alone(&[], reply, "alone in 2025-03-26");
        }
        // A member of a result that looks like an envelope belongs to the client.
        let reply = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{ENVELOPE}}}}}"#);
        check(&[SESSION], &reply, "in session");
    }

    /// SPEC D.2 step 8, D-6, D-7, J-6, J-36: it needs no envelope, and `Mcp-Method` may be absent, but must
    /// not differ.
    #[test]
    fn a_modern_notification_is_dropped() {
        check(&[], &notification(ENVELOPE), "unheard");
        for method in ["notifications/x", " notifications/x "] {
            check(&[MODERN, ("mcp-method", method)], HEARD, "unheard");
        }
        for method in ["notifications/y", "Notifications/x", ""] {
            let headers = [MODERN, ("mcp-method", method)];
            check(&headers, HEARD, "400 -32020 HeaderMismatch");
        }
        let method = ("mcp-method", "notifications/x");
        check(&[MODERN, method, method], HEARD, "unheard");
        check(
            &[MODERN, method, ("mcp-method", "other")],
            HEARD,
            "400 -32020 HeaderMismatch",
        );
        // SPEC C-97: a legacy notification may have any `Mcp-Method`.
        check(&[SESSION, ("mcp-method", "other")], HEARD, "in session");
    }

    /// SPEC C.1 row 11, C-72 to C-74, C-80, J-31: the header name in any case, exactly once, in visible
    /// ASCII. Whether the session exists is not checked here.
    #[test]
    fn a_legacy_message_names_its_session() {
        for body in [PING, HEARD, REPLY, &format!("[{PING}]")] {
            check(&[], body, "400 -32600 SessionHeaderMissing");
            for name in ["Mcp-Session-Id", "MCP-Session-Id", "mcp-session-id"] {
                check(&[(name, SESSION.1)], body, "in session");
                check(&[(name, "some")], body, "in session");
                for value in ["", "a b", "\u{e9}", "a\tb", "a, b", "a, a b"] {
                    let expected = "400 -32600 SessionHeaderMalformed";
                    check(&[(name, value)], body, expected);
                    check(&[(name, SESSION.1), (name, value)], body, expected);
                }
                check(&[(name, SESSION.1), (name, SESSION.1)], body, "in session");
                let joined = [SESSION.1; 3].join(" , ");
                check(&[(name, &joined), (name, SESSION.1)], body, "in session");
            }
        }
        check(&[SESSION, SESSION], INITIALIZE, "in session");
        // SPEC C-91, J-40: the version of a session that is lost does not matter.
        check(&[SESSION, UNKNOWN], PING, "in session");
    }

    /// SPEC C.1 row 7: invalid params are answered in the session of their request.
    #[test]
    fn broken_params_belong_to_the_session_that_they_name() {
        let params = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#;
        check(&[SESSION], params, "broken in session");
        check(&[], params, "400 -32602 Invalid");
        // SPEC D.1 row 3, J-33: unless they name a revision.
        let modern = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{
            "io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":[]}}}"#;
        check(&[SESSION], modern, "400 -32602 Invalid");
        check_alone(&[], params, "alone in 2025-03-26");
    }

    /// SPEC C-83, C-90 to C-93, C-96: without sessions the header names the revision; without the header it
    /// is 2025-03-26.
    #[test]
    fn without_sessions_the_header_says_which_revision() {
        for (version, expected) in [
            ("2024-11-05", "alone in 2024-11-05"),
            ("2025-03-26", "alone in 2025-03-26"),
            ("2025-06-18", "alone in 2025-06-18"),
            ("2025-11-25", "alone in 2025-11-25"),
            ("1900-01-01", "400 -32600 VersionNotServed"),
            ("", "400 -32600 VersionNotServed"),
        ] {
            let headers = [("mcp-protocol-version", version)];
            check_alone(&headers, PING, expected);
            check_alone(&headers, &format!("[{PING}]"), expected);
        }
        let known = ("mcp-protocol-version", "2025-06-18");
        check_alone(&[known, known], PING, "alone in 2025-06-18");
        let other = ("mcp-protocol-version", "2025-11-25");
        check_alone(&[known, other], PING, "400 -32600 VersionNotServed");
        check_alone(&[UNKNOWN], INITIALIZE, "alone in 2025-03-26");
        // A session id is ignored.
        for session in ["some", "a b"] {
            let headers = [("mcp-session-id", session)];
            check_alone(&headers, PING, "alone in 2025-03-26");
        }
    }

    /// SPEC D.2: the first check that fails decides the answer, in the order that conformance demands.
    #[test]
    fn the_ladder_of_a_modern_request_is_climbed_in_order() {
        #[track_caller]
        fn climb(version: Option<&str>, header: Option<&str>, method: &str, expected: &str) {
            let meta = version.map_or_else(
                || r#""_meta":{"io.modelcontextprotocol/clientCapabilities":{}}"#.to_owned(),
                |version| ENVELOPE.replace("2026-07-28", version),
            );
            let mut headers = vec![("mcp-method", method)];
            headers.extend(header.map(|header| ("mcp-protocol-version", header)));
            check(&headers, &request("tools/list", &meta), expected);
        }
        let (modern, v999) = (Some("2026-07-28"), Some("v999.0.0"));
        climb(modern, modern, "tools/list", "modern tools/list");
        climb(v999, modern, "tools/list", "400 -32020 HeaderMismatch");
        climb(v999, v999, "tools/list", "400 -32022 VersionUnknown");
        climb(None, modern, "tools/list", "400 -32602 BadEnvelope");
        // Each also with the next fault.
        climb(None, modern, "other", "400 -32602 BadEnvelope");
        climb(v999, modern, "other", "400 -32020 HeaderMismatch");
        climb(v999, v999, "other", "400 -32022 VersionUnknown");
        climb(modern, modern, "other", "400 -32020 HeaderMismatch");
        // SPEC D-30, J-29.
        climb(modern, None, "tools/list", "400 -32020 HeaderMismatch");
        climb(
            modern,
            Some("2025-11-25"),
            "tools/list",
            "400 -32020 HeaderMismatch",
        );
        climb(modern, v999, "tools/list", "400 -32020 HeaderMismatch");
        // SPEC D-24: also for a legacy revision in the envelope.
        let legacy = Some("2025-11-25");
        climb(legacy, legacy, "tools/list", "400 -32022 VersionUnknown");
        climb(
            Some(""),
            Some(""),
            "tools/list",
            "400 -32022 VersionUnknown",
        );
    }
}
