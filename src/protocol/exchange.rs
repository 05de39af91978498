//! [`classify`]: what a request is, from its head alone. After it nobody asks again.

use hyper::Method;
use hyper::http::request::Parts;

use super::header::{self, Media};
use super::rejection::Rejection;
use crate::wire::id::SessionId;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The HTTP+SSE stream, `/sse`.
    Sse,
    /// The HTTP+SSE inbox, `/messages/`.
    Messages,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// Open an HTTP+SSE stream, and a session with it.
    OpenSse,
    /// Take a message for this HTTP+SSE session.
    Post { session: SessionId },
    /// Tell which methods there are.
    Options { allow: &'static str },
}

impl Endpoint {
    fn allow(self) -> &'static str {
        match self {
            Self::Sse => "GET, OPTIONS",
            Self::Messages => "POST, OPTIONS",
        }
    }
}

/// Decides by method, headers and query (SPEC B.1, in its order). The session is not looked up and
/// the body not looked at yet, so the content type is left to the caller, which the table asks
/// only for a session that exists.
pub(crate) fn classify(endpoint: Endpoint, head: &Parts) -> Result<Exchange, Rejection> {
    match (endpoint, &head.method) {
        (_, &Method::OPTIONS) => Ok(Exchange::Options {
            allow: endpoint.allow(),
        }),
        (Endpoint::Sse, &Method::GET) => {
            if !header::accepts(&head.headers, Media::EventStream) {
                return Err(Rejection::NotAcceptable);
            }
            Ok(Exchange::OpenSse)
        }
        (Endpoint::Messages, &Method::POST) => {
            session_of(head.uri.query()).map(|session| Exchange::Post { session })
        }
        // SPEC B-18: a client that probes with `POST /sse` learns to fall back.
        _ => Err(Rejection::MethodNotAllowed {
            allow: endpoint.allow(),
        }),
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

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn classified(endpoint: Endpoint, method: &str, uri: &str) -> Result<Exchange, Rejection> {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(ACCEPT, "*/*");
        classify(endpoint, &request.body(()).unwrap().into_parts().0)
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
            Exchange::Post { session }
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
                    allow: endpoint.allow()
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
        let verdict = classify(Endpoint::Sse, &request.into_parts().0);
        assert!(matches!(verdict, Err(Rejection::NotAcceptable)));
        let request = Request::get("/sse").body(()).unwrap();
        assert!(
            classify(Endpoint::Sse, &request.into_parts().0).is_ok(),
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
