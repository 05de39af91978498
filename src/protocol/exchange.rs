//! [`classify`]: what a request is, from its head alone. Later code does not decide this again. A POST to
//! `/mcp` is settled by its body, in [`era`](super::era).

use hyper::Method;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use super::fields::{Field, Fields, one_of_copies};
use super::header::LAST_EVENT_ID;
use super::media::{self, Media};
use super::rejection::Reason;
use super::version_header::VersionHeader;
use crate::wire::id::{EventId, SessionId};

/// One of the endpoints of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// Streamable HTTP (2025-03-26 to 2025-11-25) and 2026-07-28, at `/mcp` by default.
    Mcp,
    /// The stream of HTTP+SSE (2024-11-05), at `/sse` by default.
    Sse,
    /// The endpoint where clients of HTTP+SSE POST their messages, at `/messages/` by default.
    Messages,
    /// The documents about the authorization at the well-known paths of RFC 9728
    /// ([`Builder::protected_resource`](crate::Builder::protected_resource)).
    Metadata,
}

/// The methods of [`Endpoint::Metadata`].
pub(crate) const METADATA_METHODS: &str = "GET, HEAD, OPTIONS";

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// Process the messages in the body, and answer in this form.
    Post(Form),
    /// Open the standalone stream of a session, or resume one of its streams.
    Listen(Claim, Position),
    /// End a session.
    Delete(Claim),
    /// Open an HTTP+SSE stream, and a session with it.
    OpenSse,
    /// Process a message for this HTTP+SSE session, if its content type is JSON.
    PostToSse { session: SessionId, is_json: bool },
    /// Report the allowed methods.
    Options { allow: &'static str },
}

/// The form in which a client accepts the answer to a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON if there is only the answer, else a stream.
    Either,
    /// Never a stream.
    Json,
    /// Always a stream.
    Stream,
}

/// The session that a request names, before it is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// `None` for text that is not a session id of this server.
    pub(crate) session: Option<SessionId>,
    /// The header as received.
    pub(crate) name: HeaderValue,
    version: VersionHeader,
}

/// Where a client continues a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// The standalone stream, with the messages that wait on it.
    Standalone,
    /// After this event, on its stream.
    After(EventId),
    /// After an event that this server cannot have sent.
    Nowhere,
}

/// How the embedder set up Streamable HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamableRules {
    /// Whether Streamable HTTP has sessions.
    pub(crate) sessions: bool,
    /// Whether a POST must accept both forms of an answer (SPEC C-10).
    pub(crate) strict_accept: bool,
}

impl Endpoint {
    /// The methods that there are here, for a request of an era with or without sessions.
    fn allow(self, sessions: bool) -> &'static str {
        match self {
            Self::Mcp if sessions => "POST, GET, DELETE, OPTIONS",
            Self::Sse => "GET, OPTIONS",
            Self::Mcp | Self::Messages => "POST, OPTIONS",
            Self::Metadata => METADATA_METHODS,
        }
    }
}

/// Decides by method, headers and query (SPEC B.1, C.1 to C.3, in their order). It does not look up the
/// session or read the body, so the caller checks what the tables require of an existing session.
pub(crate) fn classify(
    endpoint: Endpoint,
    head: &Parts,
    fields: &Fields<'_>,
    rules: StreamableRules,
) -> Result<Exchange, Reason> {
    // SPEC D-2, D.4, J-35: a client of the modern era learns that there are no streams to get and no sessions to
    // delete.
    let sessions = || rules.sessions && !is_modern(fields);
    let allow = || endpoint.allow(sessions());
    match (endpoint, &head.method) {
        (_, &Method::OPTIONS) => Ok(Exchange::Options { allow: allow() }),
        (Endpoint::Mcp, &Method::POST) => {
            if !media::is_json(fields) {
                return Err(Reason::NotJson);
            }
            form_of(fields, rules.strict_accept).map(Exchange::Post)
        }
        (Endpoint::Mcp, &Method::GET) if sessions() => listen(fields),
        (Endpoint::Mcp, &Method::DELETE) if sessions() => claimed(fields).map(Exchange::Delete),
        (Endpoint::Sse, &Method::GET) => {
            if !media::accepts(fields, Media::EventStream) {
                return Err(Reason::StreamNotAcceptable);
            }
            Ok(Exchange::OpenSse)
        }
        (Endpoint::Messages, &Method::POST) => {
            let is_json = media::is_json(fields);
            session_of(head.uri.query()).map(|session| Exchange::PostToSse { session, is_json })
        }
        // SPEC B-18: a client that probes with `POST /sse` learns to fall back.
        _ => Err(Reason::MethodNotAllowed { allow: allow() }),
    }
}

/// SPEC C-10 to C-14.
fn form_of(fields: &Fields<'_>, strict: bool) -> Result<Form, Reason> {
    match media::admitted(fields, [Media::Json, Media::EventStream]) {
        _ if strict && fields.accept.is_absent() => Err(Reason::NotAcceptable),
        [true, true] => Ok(Form::Either),
        [true, false] if !strict => Ok(Form::Json),
        [false, true] if !strict => Ok(Form::Stream),
        _ => Err(Reason::NotAcceptable),
    }
}

/// SPEC C.2.
fn listen(fields: &Fields<'_>) -> Result<Exchange, Reason> {
    if !media::accepts(fields, Media::EventStream) {
        return Err(Reason::StreamNotAcceptable);
    }
    let claim = claimed(fields)?;
    let position = match Field::of(fields.headers, &LAST_EVENT_ID).visible() {
        Ok(None) => Position::Standalone,
        Ok(Some((_, id))) => EventId::parse(id).map_or(Position::Nowhere, Position::After),
        Err(()) => Position::Nowhere,
    };
    Ok(Exchange::Listen(claim, position))
}

/// The session that a GET or a DELETE is for.
fn claimed(fields: &Fields<'_>) -> Result<Claim, Reason> {
    let version = VersionHeader::read(fields.version);
    Claim::read(fields.session, version)?.ok_or(Reason::SessionHeaderMissing)
}

/// Whether the head is one of the modern era. A client that names a session is not, whatever its version header
/// says (SPEC D-144).
fn is_modern(fields: &Fields<'_>) -> bool {
    fields.session.is_absent() && VersionHeader::read(fields.version).is_modern()
}

impl Claim {
    /// `None` if the request names no session.
    pub(crate) fn read(field: Field<'_>, version: VersionHeader) -> Result<Option<Self>, Reason> {
        let line = match field {
            Field::Absent => return Ok(None),
            Field::Several => return Err(Reason::SessionHeaderMalformed),
            Field::One(line) => line,
        };
        // Fast path: nearly all are a plain session id, which is visible ASCII.
        if let Some(session) = SessionId::read(line.as_bytes()) {
            return Ok(Some(Self {
                session: Some(session),
                name: line.clone(),
                version,
            }));
        }
        let name = HeaderValue::from_bytes(one_of_copies(line)).ok();
        let name = name.filter(|name| matches!(Field::One(name).visible(), Ok(Some(_))));
        let name = name.ok_or(Reason::SessionHeaderMalformed)?;
        let id = name.as_bytes().split(|byte| *byte == b'.').next();
        let id = id.and_then(|id| std::str::from_utf8(id).ok());
        Ok(Some(Self {
            session: id.and_then(SessionId::parse),
            name,
            version,
        }))
    }

    /// The seal after the id of a portable session (PITFALLS R-50).
    pub(crate) fn sealed(&self) -> Option<&str> {
        let dot = self.name.as_bytes().iter().position(|byte| *byte == b'.')?;
        self.name.to_str().ok()?.get(dot + 1..)
    }

    /// SPEC C-91, C-94, D-144, J-40: checked only for a session that exists. Any revision that the crate knows
    /// is accepted, also one without sessions, which some clients send with everything; the revision of the
    /// session applies.
    pub(crate) fn check_version(&self) -> Result<(), Reason> {
        match self.version {
            VersionHeader::Unknown => Err(Reason::VersionNotServed),
            VersionHeader::Absent | VersionHeader::Known(_) => Ok(()),
        }
    }
}

/// The only `session_id` of a query. Hex digits need no percent-encoding, so none is decoded.
fn session_of(query: Option<&str>) -> Result<SessionId, Reason> {
    let mut ids = query
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.strip_prefix("session_id="));
    match (ids.next(), ids.next()) {
        (None, _) => Err(Reason::SessionIdMissing),
        (Some(id), None) => SessionId::parse(id).ok_or(Reason::SessionIdMalformed),
        (Some(_), Some(_)) => Err(Reason::SessionIdMalformed),
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use hyper::header::ACCEPT;

    use super::*;

    const RULES: StreamableRules = StreamableRules {
        sessions: true,
        strict_accept: false,
    };
    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn classified(endpoint: Endpoint, method: &str, uri: &str) -> Result<Exchange, Reason> {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(ACCEPT, "*/*");
        classified_head(endpoint, &request.body(()).unwrap().into_parts().0, RULES)
    }

    fn classified_head(
        endpoint: Endpoint,
        head: &Parts,
        rules: StreamableRules,
    ) -> Result<Exchange, Reason> {
        classify(endpoint, head, &Fields::read(&head.headers), rules)
    }

    /// SPEC B.1, B-1, B-18, PITFALLS R-33: GET opens, POST posts, OPTIONS reports, anything else is 405.
    #[test]
    fn each_endpoint_has_its_methods() {
        let uri = format!("/messages/?session_id={ID}");
        let session = SessionId::parse(ID).unwrap();
        assert_eq!(
            classified(Endpoint::Sse, "GET", "/sse").unwrap(),
            Exchange::OpenSse
        );
        assert_eq!(
            classified(Endpoint::Messages, "POST", &uri).unwrap(),
            Exchange::PostToSse {
                session,
                is_json: false
            }
        );
        for (endpoint, methods) in [
            (
                Endpoint::Sse,
                ["POST", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"],
            ),
            (
                Endpoint::Messages,
                ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"],
            ),
        ] {
            for method in methods {
                let verdict = classified(endpoint, method, &uri);
                assert!(
                    matches!(verdict, Err(Reason::MethodNotAllowed { .. })),
                    "{method}"
                );
            }
            let verdict = classified(endpoint, "OPTIONS", "/");
            assert_eq!(
                verdict.unwrap(),
                Exchange::Options {
                    allow: match endpoint {
                        Endpoint::Sse => "GET, OPTIONS",
                        _ => "POST, OPTIONS",
                    }
                }
            );
        }
    }

    /// SPEC B.1: only a client that accepts streams gets one.
    #[test]
    fn a_stream_needs_an_accept_that_admits_it() {
        let request = Request::get("/sse")
            .header(ACCEPT, "application/json")
            .body(())
            .unwrap();
        let verdict = classified_head(Endpoint::Sse, &request.into_parts().0, RULES);
        assert!(matches!(verdict, Err(Reason::StreamNotAcceptable)));
        let request = Request::get("/sse").body(()).unwrap();
        assert!(
            classified_head(Endpoint::Sse, &request.into_parts().0, RULES).is_ok(),
            "no Accept is fine"
        );
    }

    /// SPEC B.1: missing or malformed `session_id` is 400.
    #[test]
    fn the_session_comes_from_the_query() {
        let dashed = "01234567-89ab-cdef-0123-456789abcdef";
        let upper = ID.to_uppercase();
        for query in [
            format!("session_id={ID}"),
            format!("session_id={dashed}"),
            format!("session_id={upper}"),
            format!("a=b&session_id={ID}&c"),
        ] {
            assert_eq!(
                session_of(Some(&query)).unwrap(),
                SessionId::parse(ID).unwrap(),
                "{query}"
            );
        }
        for query in [None, Some(""), Some("session=1"), Some("Session_id=1")] {
            assert!(
                matches!(session_of(query), Err(Reason::SessionIdMissing)),
                "{query:?}"
            );
        }
        let twice = format!("session_id={ID}&session_id={ID}");
        for query in ["session_id=", "session_id=xyz", &twice] {
            let verdict = session_of(Some(query));
            assert!(
                matches!(verdict, Err(Reason::SessionIdMalformed)),
                "{query}"
            );
        }
    }

    const WITHOUT_SESSIONS: StreamableRules = StreamableRules {
        sessions: false,
        strict_accept: false,
    };
    const STRICT: StreamableRules = StreamableRules {
        sessions: true,
        strict_accept: true,
    };
    const SESSION: (&str, &str) = ("mcp-session-id", ID);
    const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
    const STREAM: (&str, &str) = ("accept", "text/event-stream");
    const JSON: (&str, &str) = ("content-type", "application/json");

    fn mcp(
        method: &str,
        headers: &[(&str, &str)],
        rules: StreamableRules,
    ) -> Result<Exchange, Reason> {
        let mut request = Request::builder().method(method).uri("/mcp");
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request = request.header(*name, value);
        }
        classified_head(
            Endpoint::Mcp,
            &request.body(()).unwrap().into_parts().0,
            rules,
        )
    }

    /// The outcome in words; a refusal as its status and reason.
    fn verdict(exchange: Result<Exchange, Reason>) -> String {
        match exchange {
            Ok(Exchange::Post(form)) => format!("post {form:?}"),
            Ok(Exchange::Listen(_, Position::Standalone)) => "listen".to_owned(),
            Ok(Exchange::Listen(_, Position::After(id))) => format!("resume {id}"),
            Ok(Exchange::Listen(_, Position::Nowhere)) => "resume nowhere".to_owned(),
            Ok(Exchange::Delete(_)) => "delete".to_owned(),
            Ok(Exchange::OpenSse | Exchange::PostToSse { .. }) => "HTTP+SSE".to_owned(),
            Ok(Exchange::Options { allow }) => format!("options {allow}"),
            Err(reason) => {
                let refusal = reason.refusal();
                let why = format!("{reason:?}");
                let why = why.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                let allow = refusal
                    .header
                    .map(|(_, allow)| format!(": {}", allow.to_str().unwrap()));
                format!(
                    "{} {why}{}",
                    refusal.status.as_u16(),
                    allow.unwrap_or_default()
                )
            }
        }
    }

    #[track_caller]
    fn check(method: &str, headers: &[(&str, &str)], rules: StreamableRules, expected: &str) {
        assert_eq!(
            verdict(mcp(method, headers, rules)),
            expected,
            "{method} {headers:?}"
        );
    }

    /// SPEC C.1 to C.3, C-1, C-35, C-76, C-83, C-100: the allowed methods depend on whether the server has
    /// sessions.
    #[test]
    fn the_mcp_endpoint_has_its_methods() {
        let headers = [JSON, STREAM, SESSION];
        for (rules, allow, get, delete) in [
            (RULES, "POST, GET, DELETE, OPTIONS", "listen", "delete"),
            (
                WITHOUT_SESSIONS,
                "POST, OPTIONS",
                "405 MethodNotAllowed: POST, OPTIONS",
                "405 MethodNotAllowed: POST, OPTIONS",
            ),
        ] {
            check("POST", &headers, rules, "post Stream");
            check("GET", &headers, rules, get);
            check("DELETE", &headers, rules, delete);
            check("OPTIONS", &[], rules, &format!("options {allow}"));
            for method in ["HEAD", "PUT", "PATCH", "TRACE", "CONNECT", "get", "X"] {
                let expected = format!("405 MethodNotAllowed: {allow}");
                check(method, &headers, rules, &expected);
                check(method, &[], rules, &expected);
                // The modern era has other methods.
                let expected = "405 MethodNotAllowed: POST, OPTIONS";
                check(method, &[MODERN], rules, expected);
            }
            check("OPTIONS", &[MODERN], rules, "options POST, OPTIONS");
        }
    }

    /// SPEC C.1 row 3, C-6, D.2 step 4: checked before the body, and before `Accept`.
    #[test]
    fn a_post_brings_json() {
        for accept in ["application/json", "text/html"] {
            for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
                let headers = [("content-type", content_type), ("accept", accept)];
                check("POST", &headers, RULES, "415 NotJson");
            }
            check("POST", &[("accept", accept)], RULES, "415 NotJson");
        }
        let json = ("content-type", "Application/JSON; charset=utf-8");
        check("POST", &[json], RULES, "post Either");
    }

    /// SPEC C.1 row 4, C-10 to C-14, J-13: an answer never has a form that the client excluded; the strict
    /// server demands both.
    #[test]
    fn a_post_is_answered_in_a_form_that_its_client_takes() {
        let refused = "406 NotAcceptable";
        for (accept, lenient, strict) in [
            (None, "post Either", refused),
            (
                Some("application/json, text/event-stream"),
                "post Either",
                "post Either",
            ),
            (
                Some("text/event-stream;q=0.1,APPLICATION/JSON"),
                "post Either",
                "post Either",
            ),
            (Some("*/*"), "post Either", "post Either"),
            (Some("application/*, text/*"), "post Either", "post Either"),
            (Some("application/json"), "post Json", refused),
            (Some("application/*"), "post Json", refused),
            (Some("text/event-stream"), "post Stream", refused),
            (Some("text/*"), "post Stream", refused),
            (Some("*/*, text/event-stream;q=0"), "post Json", refused),
            (Some("*/*, application/json;q=0.0"), "post Stream", refused),
            (Some("*/*;q=0"), refused, refused),
            (Some("text/html"), refused, refused),
            (
                Some("application/json;q=0, text/event-stream;q=0"),
                refused,
                refused,
            ),
            (Some(""), refused, refused),
        ] {
            let mut headers = vec![JSON];
            headers.extend(accept.map(|accept| ("accept", accept)));
            check("POST", &headers, RULES, lenient);
            check("POST", &headers, WITHOUT_SESSIONS, lenient);
            check("POST", &headers, STRICT, strict);
        }
        let lines = [JSON, ("accept", "application/json"), STREAM];
        check("POST", &lines, STRICT, "post Either");
    }

    /// SPEC C-13, C-72 to C-74, C-80, J-31, J-35 and C.2 in its order; whether the session exists is checked
    /// later, and its version after that (SPEC J-40).
    #[test]
    fn a_get_listens_to_a_session() {
        #[track_caller]
        fn get(headers: &[(&str, &str)], expected: &str) {
            check("GET", headers, RULES, expected);
        }
        // SPEC D-2: the methods of the revision that it names.
        let not_here = "405 MethodNotAllowed: POST, OPTIONS";
        get(&[MODERN], not_here);
        get(&[MODERN, ("accept", "text/html")], not_here);
        // SPEC D-144: unless it names a session.
        get(&[MODERN, SESSION], "listen");
        get(&[MODERN, ("mcp-session-id", "some")], "listen");
        get(
            &[MODERN, ("accept", "text/html"), SESSION],
            "406 StreamNotAcceptable",
        );
        get(
            &[("accept", "application/json"), SESSION],
            "406 StreamNotAcceptable",
        );
        get(&[("accept", "application/json")], "406 StreamNotAcceptable");
        get(&[STREAM], "400 SessionHeaderMissing");
        get(&[], "400 SessionHeaderMissing");
        get(&[STREAM, SESSION], "listen");
        get(&[SESSION], "listen");
        get(&[STREAM, ("MCP-Session-Id", ID)], "listen");
        get(&[STREAM, ("mcp-session-id", "some")], "listen");
        for session in ["", "a b", "\u{e9}"] {
            let session = ("mcp-session-id", session);
            get(&[STREAM, session], "400 SessionHeaderMalformed");
        }
        get(&[STREAM, SESSION, SESSION], "listen");
        let other = ("mcp-session-id", "some");
        get(&[STREAM, SESSION, other], "400 SessionHeaderMalformed");
        let unknown = ("mcp-protocol-version", "1900-01-01");
        get(&[STREAM, unknown], "400 SessionHeaderMissing");
        get(&[STREAM, unknown, SESSION], "listen");
    }

    /// SPEC C.2 rows 9 to 12, C-56, H-18: an id that this server cannot have sent is an unknown one, in a
    /// session that is not looked up yet.
    #[test]
    fn a_get_goes_on_behind_the_last_event() {
        let long = "x".repeat(EventId::MAX_LEN);
        let longer = format!("{long}x");
        for (last, expected) in [
            ("1", "resume 1"),
            ("0123abcd/1/2", "resume 0123abcd/1/2"),
            (long.as_str(), &format!("resume {long}")),
            (&longer, "resume nowhere"),
            ("", "resume nowhere"),
            ("a b", "resume nowhere"),
            ("a\tb", "resume nowhere"),
            ("\u{e9}", "resume nowhere"),
        ] {
            let last = ("Last-Event-ID", last);
            check("GET", &[SESSION, last], RULES, expected);
            check("GET", &[last], RULES, "400 SessionHeaderMissing");
        }
        let last = ("last-event-id", "1");
        check("GET", &[SESSION, last, last], RULES, "resume nowhere");
    }

    /// SPEC C-72 to C-74, C-80 and C.3 in its order.
    #[test]
    fn a_delete_ends_a_session() {
        check("DELETE", &[SESSION], RULES, "delete");
        check(
            "DELETE",
            &[("accept", "text/html"), SESSION],
            RULES,
            "delete",
        );
        check("DELETE", &[("mcp-session-id", "some")], RULES, "delete");
        check("DELETE", &[], RULES, "400 SessionHeaderMissing");
        check("DELETE", &[STREAM], RULES, "400 SessionHeaderMissing");
        let malformed = "400 SessionHeaderMalformed";
        check("DELETE", &[("mcp-session-id", "a b")], RULES, malformed);
        let other = ("mcp-session-id", "some");
        check("DELETE", &[SESSION, other], RULES, malformed);
        check("DELETE", &[SESSION, SESSION], RULES, "delete");
        // SPEC D.4, D-144: only sessions can be deleted.
        check("DELETE", &[MODERN, SESSION], RULES, "delete");
        let not_here = "405 MethodNotAllowed: POST, OPTIONS";
        check("DELETE", &[MODERN], RULES, not_here);
    }

    /// SPEC C-71, C-73, C-80, J-40: an id that this server cannot have issued names no session.
    #[test]
    fn a_claim_names_a_session_or_none() {
        let dashed = "01234567-89AB-cdef-0123-456789abcdef";
        for (name, session) in [
            (ID, SessionId::parse(ID)),
            (dashed, SessionId::parse(ID)),
            (&*format!("{ID}, {ID}"), SessionId::parse(ID)),
            ("some", None),
            ("~!", None),
        ] {
            let exchange = mcp("DELETE", &[("mcp-session-id", name)], RULES);
            let Ok(Exchange::Delete(claim)) = exchange else {
                panic!("{name}");
            };
            assert_eq!(claim.session, session, "{name}");
        }
    }

    /// SPEC C-90, C-91, C-94, C-96, D-144, J-19, J-40: in a session that exists, any published revision is
    /// accepted, as often as it is said.
    #[test]
    fn a_session_takes_every_published_revision() {
        for (versions, good) in [
            (&[] as &[&str], true),
            (&["2024-11-05"], true),
            (&["2025-03-26"], true),
            (&["2025-06-18"], true),
            (&["2025-11-25"], true),
            (&[" 2025-11-25\t"], true),
            (&["2026-07-28"], true),
            (&["2025-11-25, 2025-11-25"], true),
            (&["2025-11-25", "2025-11-25"], true),
            (&["1900-01-01"], false),
            (&["1900-01-01", "1900-01-01"], false),
            (&["2025-11-25, 2025-06-18"], false),
            (&[""], false),
            (&["\u{e9}"], false),
            (&["2025-11-25", "2025-06-18"], false),
        ] {
            let mut headers = vec![SESSION];
            headers.extend(
                versions
                    .iter()
                    .map(|version| ("mcp-protocol-version", *version)),
            );
            let Ok(Exchange::Delete(claim)) = mcp("DELETE", &headers, RULES) else {
                panic!("{versions:?}");
            };
            assert_eq!(claim.check_version().is_ok(), good, "{versions:?}");
        }
    }

    /// PITFALLS R-50: the seal of a portable id is whatever follows its first dot.
    #[test]
    fn a_seal_follows_the_first_dot_of_a_name() {
        let sealed = format!("{ID}.seal");
        for (name, seal) in [
            (ID, None),
            (&*sealed, Some("seal")),
            ("a.", Some("")),
            (".a", Some("a")),
            ("a.b.c", Some("b.c")),
        ] {
            let exchange = mcp("DELETE", &[("mcp-session-id", name)], RULES);
            let Ok(Exchange::Delete(claim)) = exchange else {
                panic!("{name}");
            };
            assert_eq!(claim.sealed(), seal, "{name}");
        }
    }
}
