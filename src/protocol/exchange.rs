//! [`classify`]: what a request is, from its head alone. After it nobody asks again; a POST to
//! `/mcp` is settled by its body, in [`era`](super::era).

use hyper::Method;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;

use super::header::{self, LAST_EVENT_ID, MCP_SESSION_ID, Media, VersionHeader};
use super::rejection::Rejection;
use crate::wire::id::{EventId, SessionId};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Streamable HTTP and the stateless protocol, `/mcp`.
    Mcp,
    /// The HTTP+SSE stream, `/sse`.
    Sse,
    /// The HTTP+SSE inbox, `/messages/`.
    Messages,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// Take what the body says, and answer in this form.
    Post(Form),
    /// Open the standalone stream of a session, or go on with a stream of it.
    Listen(Claim, Position),
    /// End a session.
    Delete(Claim),
    /// Open an HTTP+SSE stream, and a session with it.
    OpenSse,
    /// Take a message for this HTTP+SSE session.
    PostToSse { session: SessionId },
    /// Tell which methods there are.
    Options { allow: &'static str },
}

/// In which form a client takes the answer to a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON when there is nothing but the answer, else a stream.
    Either,
    /// Never a stream.
    Json,
    /// Always a stream.
    Stream,
}

/// The session that a request says it belongs to, not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// `None` for text that is the name of no session of this server.
    pub(crate) session: Option<SessionId>,
    version: VersionHeader,
}

/// Where a stream is taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// The standalone stream, with what waits on it.
    Standalone,
    /// Behind this event, on its stream.
    After(EventId),
    /// Behind an event that cannot be one of ours.
    Nowhere,
}

/// What the server was set up to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Whether Streamable HTTP has sessions.
    pub(crate) sessions: bool,
    /// Whether a POST must admit both forms of an answer (SPEC C-10).
    pub(crate) strict_accept: bool,
}

impl Endpoint {
    fn allow(self, terms: Terms) -> &'static str {
        match self {
            Self::Mcp if terms.sessions => "POST, GET, DELETE, OPTIONS",
            Self::Sse => "GET, OPTIONS",
            Self::Mcp | Self::Messages => "POST, OPTIONS",
        }
    }
}

/// Decides by method, headers and query (SPEC B.1, C.1 to C.3, in their order). No session is
/// looked up and no body looked at, so what the tables ask only of a session that exists is left to
/// the caller.
pub(crate) fn classify(
    endpoint: Endpoint,
    head: &Parts,
    terms: Terms,
) -> Result<Exchange, Rejection> {
    let allow = endpoint.allow(terms);
    match (endpoint, &head.method) {
        (_, &Method::OPTIONS) => Ok(Exchange::Options { allow }),
        (Endpoint::Mcp, &Method::POST) => {
            if !header::is_json(&head.headers) {
                return Err(Rejection::NotJson);
            }
            form_of(&head.headers, terms.strict_accept).map(Exchange::Post)
        }
        (Endpoint::Mcp, &Method::GET) if terms.sessions => listen(&head.headers),
        (Endpoint::Mcp, &Method::DELETE) if terms.sessions => {
            let claim = Claim::read(&head.headers, VersionHeader::read(&head.headers))?;
            claim
                .map(Exchange::Delete)
                .ok_or(Rejection::SessionHeaderMissing)
        }
        (Endpoint::Sse, &Method::GET) => {
            if !header::accepts(&head.headers, Media::EventStream) {
                return Err(Rejection::StreamNotAcceptable);
            }
            Ok(Exchange::OpenSse)
        }
        (Endpoint::Messages, &Method::POST) => {
            session_of(head.uri.query()).map(|session| Exchange::PostToSse { session })
        }
        // SPEC B-18: a client that probes with `POST /sse` learns to fall back.
        _ => Err(Rejection::MethodNotAllowed { allow }),
    }
}

/// SPEC C-10 to C-14.
fn form_of(headers: &HeaderMap, strict: bool) -> Result<Form, Rejection> {
    let takes = |media| header::accepts(headers, media);
    match (takes(Media::Json), takes(Media::EventStream)) {
        _ if strict && !header::has_accept(headers) => Err(Rejection::NotAcceptable),
        (true, true) => Ok(Form::Either),
        (true, false) if !strict => Ok(Form::Json),
        (false, true) if !strict => Ok(Form::Stream),
        _ => Err(Rejection::NotAcceptable),
    }
}

/// SPEC C.2.
fn listen(headers: &HeaderMap) -> Result<Exchange, Rejection> {
    let version = VersionHeader::read(headers);
    // SPEC D-2, J-35: a client of the modern era learns that it has no such stream.
    if version.is_modern() {
        return Err(Rejection::MethodNotAllowed {
            allow: "POST, OPTIONS",
        });
    }
    if !header::accepts(headers, Media::EventStream) {
        return Err(Rejection::StreamNotAcceptable);
    }
    let claim = Claim::read(headers, version)?.ok_or(Rejection::SessionHeaderMissing)?;
    let position = match header::visible(headers, &LAST_EVENT_ID) {
        Ok(None) => Position::Standalone,
        Ok(Some(id)) => EventId::parse(id).map_or(Position::Nowhere, Position::After),
        Err(()) => Position::Nowhere,
    };
    Ok(Exchange::Listen(claim, position))
}

impl Claim {
    /// `None` when the request names no session.
    pub(crate) fn read(
        headers: &HeaderMap,
        version: VersionHeader,
    ) -> Result<Option<Self>, Rejection> {
        let name = header::visible(headers, &MCP_SESSION_ID)
            .map_err(|()| Rejection::SessionHeaderMalformed)?;
        Ok(name.map(|name| Self {
            session: SessionId::parse(name),
            version,
        }))
    }

    /// SPEC C-91, C-94, J-40: asked only of a session that was found. Any revision that is served
    /// in sessions will do; the session's own rules.
    pub(crate) fn check_version(&self) -> Result<(), Rejection> {
        match self.version {
            VersionHeader::Unknown => Err(Rejection::VersionNotServed),
            known if known.is_modern() => Err(Rejection::VersionNotServed),
            VersionHeader::Absent | VersionHeader::Known(_) => Ok(()),
        }
    }
}

/// The one `session_id` of a query. A hex digit needs no percent-encoding, so none is undone.
fn session_of(query: Option<&str>) -> Result<SessionId, Rejection> {
    let mut ids = query
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.strip_prefix("session_id="));
    match (ids.next(), ids.next()) {
        (None, _) => Err(Rejection::SessionIdMissing),
        (Some(id), None) => SessionId::parse(id).ok_or(Rejection::SessionIdMalformed),
        (Some(_), Some(_)) => Err(Rejection::SessionIdMalformed),
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use hyper::header::ACCEPT;

    use super::*;

    const TERMS: Terms = Terms {
        sessions: true,
        strict_accept: false,
    };
    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn classified(endpoint: Endpoint, method: &str, uri: &str) -> Result<Exchange, Rejection> {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(ACCEPT, "*/*");
        classify(endpoint, &request.body(()).unwrap().into_parts().0, TERMS)
    }

    /// SPEC B.1, B-1, B-18, R-33: GET opens, POST posts, OPTIONS tells, all else is 405.
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
            Exchange::PostToSse { session }
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
                    matches!(verdict, Err(Rejection::MethodNotAllowed { .. })),
                    "{method}"
                );
            }
            let verdict = classified(endpoint, "OPTIONS", "/");
            assert_eq!(
                verdict.unwrap(),
                Exchange::Options {
                    allow: endpoint.allow(TERMS)
                }
            );
        }
    }

    /// SPEC B.1: a stream for a client that takes streams.
    #[test]
    fn a_stream_needs_an_accept_that_admits_it() {
        let request = Request::get("/sse")
            .header(ACCEPT, "application/json")
            .body(())
            .unwrap();
        let verdict = classify(Endpoint::Sse, &request.into_parts().0, TERMS);
        assert!(matches!(verdict, Err(Rejection::StreamNotAcceptable)));
        let request = Request::get("/sse").body(()).unwrap();
        assert!(
            classify(Endpoint::Sse, &request.into_parts().0, TERMS).is_ok(),
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
                matches!(session_of(query), Err(Rejection::SessionIdMissing)),
                "{query:?}"
            );
        }
        let twice = format!("session_id={ID}&session_id={ID}");
        for query in ["session_id=", "session_id=xyz", &twice] {
            let verdict = session_of(Some(query));
            assert!(
                matches!(verdict, Err(Rejection::SessionIdMalformed)),
                "{query}"
            );
        }
    }
}
