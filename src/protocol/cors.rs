//! [`Cors`]: which answers the pages of other origins may read, and what they may send (SPEC F-40 to F-42,
//! PITFALLS R-49). The guard decides which origins are admitted.

use std::sync::LazyLock;

use hyper::Method;
use hyper::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};

use super::header::{
    BAGGAGE, LAST_EVENT_ID, MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, MCP_SESSION_ID,
    TRACEPARENT, TRACESTATE, is_param_name,
};

/// Whether answers are shared with the pages of other origins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cors {
    #[default]
    Off,
    On,
}

/// Which origin may read one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// CORS is off: no header is added.
    Unsaid,
    /// None: the request has no origin, or one that is not admitted.
    Nobody,
    /// The pages of this origin.
    With(HeaderValue),
}

/// All methods of all endpoints. If an endpoint lacks a method it answers 405, and a page must be able to
/// read that: clients use it to detect the transport (SPEC B-18).
const METHODS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE, OPTIONS");
/// How long a browser may cache a preflight, in seconds: the longest that all browsers accept.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The request headers that a page may set, in addition to the `Mcp-Param-*` that it asks for.
static REQUEST_HEADERS: LazyLock<String> = LazyLock::new(|| {
    joined(&[
        CONTENT_TYPE,
        ACCEPT,
        // By name: `*` does not cover it.
        AUTHORIZATION,
        MCP_SESSION_ID,
        MCP_PROTOCOL_VERSION,
        LAST_EVENT_ID,
        MCP_METHOD,
        MCP_NAME,
        TRACEPARENT,
        TRACESTATE,
        BAGGAGE,
    ])
});
/// The response headers that a page may read.
static EXPOSED: LazyLock<HeaderValue> = LazyLock::new(|| {
    value(&joined(&[
        MCP_SESSION_ID,
        MCP_PROTOCOL_VERSION,
        WWW_AUTHENTICATE,
        RETRY_AFTER,
    ]))
});

impl Cors {
    /// Which origin may read the answer to a request from this admitted origin.
    pub(crate) fn share(self, admitted: Option<&HeaderValue>) -> Sharing {
        match (self, admitted) {
            (Self::Off, _) => Sharing::Unsaid,
            (Self::On, None) => Sharing::Nobody,
            // A copy: it is kept while the request is answered, and must not keep the whole head alive.
            (Self::On, Some(origin)) => {
                HeaderValue::from_bytes(origin.as_bytes()).map_or(Sharing::Nobody, Sharing::With)
            }
        }
    }

    /// The answer to a preflight, which a browser sends before a request of a page; `None` if this is not
    /// one. It carries no credentials, so it must be answered before the authorizer runs. It is answered for
    /// any path, so that the page can read the 404 (SPEC F-40).
    pub(crate) fn preflight(self, method: &Method, headers: &HeaderMap) -> Option<HeaderMap> {
        let is_preflight = self == Self::On
            && method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        is_preflight.then(|| {
            HeaderMap::from_iter([
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, request_headers(headers)),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ])
        })
    }
}

impl Sharing {
    /// Adds the headers to an answer. Credentials are never allowed: with cookies any page could act as the
    /// user who is logged in (SPEC F-42).
    pub(crate) fn add_to(self, headers: &mut HeaderMap) {
        if matches!(self, Self::Unsaid) {
            return;
        }
        // Also without an origin, or a cache would give that answer to a page (PITFALLS R-49).
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Self::With(origin) = self {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED.clone());
        }
    }
}

/// The headers that any page may set, and those it asks for that mirror arguments, whose names only the tools
/// know.
fn request_headers(headers: &HeaderMap) -> HeaderValue {
    let mut allowed = REQUEST_HEADERS.clone();
    let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|name| is_param_name(name));
    for name in names {
        allowed.push_str(", ");
        allowed.push_str(name);
    }
    value(&allowed)
}

fn joined(names: &[HeaderName]) -> String {
    let names: Vec<_> = names.iter().map(HeaderName::as_str).collect();
    names.join(", ")
}

fn value(names: &str) -> HeaderValue {
    HeaderValue::from_str(names).expect("names of headers are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let lines = lines.iter();
        lines
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
    }

    const PAGE: (HeaderName, &str) = (ORIGIN, "https://app.example.com");
    const ASKS: (HeaderName, &str) = (ACCESS_CONTROL_REQUEST_METHOD, "POST");

    /// SPEC F-40: `OPTIONS` alone is not a preflight.
    #[test]
    fn a_preflight_has_an_origin_and_asks_for_a_method() {
        let both = headers(&[PAGE, ASKS]);
        for (cors, method, headers, is_one) in [
            (Cors::On, Method::OPTIONS, &both, true),
            (Cors::Off, Method::OPTIONS, &both, false),
            (Cors::On, Method::GET, &both, false),
            (Cors::On, Method::POST, &both, false),
            (Cors::On, Method::OPTIONS, &headers(&[PAGE]), false),
            (Cors::On, Method::OPTIONS, &headers(&[ASKS]), false),
        ] {
            let preflight = cors.preflight(&method, headers);
            assert_eq!(preflight.is_some(), is_one, "{cors:?} {method} {headers:?}");
        }
    }

    /// SPEC F-40, PITFALLS R-49: a page may send every header that a client of any revision sends.
    #[test]
    fn a_preflight_allows_what_clients_send() {
        let preflight = Cors::On.preflight(&Method::OPTIONS, &headers(&[PAGE, ASKS]));
        let expected = [
            (ACCESS_CONTROL_ALLOW_METHODS, "POST, GET, DELETE, OPTIONS"),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                "content-type, accept, authorization, mcp-session-id, mcp-protocol-version, \
                 last-event-id, mcp-method, mcp-name, traceparent, tracestate, baggage",
            ),
            (ACCESS_CONTROL_MAX_AGE, "7200"),
        ];
        assert_eq!(preflight, Some(headers(&expected)));
    }

    /// SPEC F-40: the names of `Mcp-Param-*` are echoed, no others.
    #[test]
    fn asked_for_parameters_are_echoed() {
        #[track_caller]
        fn check(lines: &[&str], echoed: &[&str]) {
            let lines = lines.iter();
            let lines: Vec<_> = lines
                .map(|line| (ACCESS_CONTROL_REQUEST_HEADERS, *line))
                .chain([PAGE, ASKS])
                .collect();
            let preflight = Cors::On.preflight(&Method::OPTIONS, &headers(&lines));
            let preflight = preflight.unwrap();
            let allowed = preflight[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
            let more = allowed.strip_prefix(&**REQUEST_HEADERS).unwrap();
            let more: Vec<_> = more.split(", ").skip(1).collect();
            assert_eq!(more, echoed);
        }
        check(&[], &[]);
        check(&["content-type,mcp-param-region"], &["mcp-param-region"]);
        check(
            &["mcp-param-a,mcp-param-b", " Mcp-Param-C , x"],
            &["mcp-param-a", "mcp-param-b", "Mcp-Param-C"],
        );
        check(&["x-forwarded-for, cookie, *, mcp-other"], &[]);
        check(&["mcp-param-, mcp-param, xmcp-param-a"], &[]);
        check(&["mcp-param-a b, mcp-param-\"a\", mcp-param-(a)"], &[]);
        check(&["", ",,", " , "], &[]);
    }

    /// SPEC F-41, F-42, PITFALLS R-49: one origin, `Vary: Origin`, no credentials.
    #[test]
    fn an_answer_is_shared_with_one_origin() {
        #[track_caller]
        fn check(cors: Cors, admitted: Option<&'static str>, expected: &[(HeaderName, &str)]) {
            let admitted = admitted.map(HeaderValue::from_static);
            let mut answer = HeaderMap::new();
            cors.share(admitted.as_ref()).add_to(&mut answer);
            assert_eq!(answer, headers(expected));
        }
        let vary = (VARY, "Origin");
        let exposed = (
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "mcp-session-id, mcp-protocol-version, www-authenticate, retry-after",
        );
        for origin in ["https://app.example.com", "http://localhost:5173", "null"] {
            let shared = (ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let expected = [vary.clone(), shared, exposed.clone()];
            check(Cors::On, Some(origin), &expected);
            check(Cors::Off, Some(origin), &[]);
        }
        check(Cors::On, None, &[vary]);
        check(Cors::Off, None, &[]);
    }
}
