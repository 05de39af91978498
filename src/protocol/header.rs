//! The names of headers that the `http` crate does not define. They are spelled only here.

use hyper::header::HeaderName;

/// Tells nginx and similar proxies not to buffer a stream (PITFALLS R-21).
pub(crate) const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The session of a request, or of the answer to `initialize`.
pub(crate) const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The last event that a client saw before its stream was cut.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The protocol revision of a request.
pub(crate) const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Mirrors the method of a request (SPEC D.3).
pub(crate) const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");

/// Mirrors the name or the URI of the target of a request (SPEC D.3).
pub(crate) const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The position of a request in a distributed trace.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the systems along a trace add to that.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What an application passes along a trace.
pub(crate) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// The part of the path that a proxy removed.
pub(crate) const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The addresses of the client and of the proxies that forwarded its request.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// `Mcp-Param-{name}`, which mirrors an argument of a tool (SPEC D.3); `None` if the name is empty,
/// not a token, or longer than a header name may be.
pub(crate) fn param_name(name: &str) -> Option<HeaderName> {
    if name.is_empty() {
        return None;
    }
    HeaderName::from_bytes(format!("{PARAM_PREFIX}{name}").as_bytes()).ok()
}

/// Whether a header mirrors an argument; its case does not matter.
pub(crate) fn is_param_name(name: &str) -> bool {
    name.split_at_checked(PARAM_PREFIX.len())
        .is_some_and(|(prefix, name)| {
            prefix.eq_ignore_ascii_case(PARAM_PREFIX) && param_name(name).is_some()
        })
}

const PARAM_PREFIX: &str = "mcp-param-";

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC D-46: `1*tchar`, and case does not matter.
    #[test]
    fn a_parameter_is_named_by_a_token() {
        #[track_caller]
        fn check(name: &str, header: Option<&str>) {
            assert_eq!(param_name(name).as_ref().map(HeaderName::as_str), header);
        }
        check("Region", Some("mcp-param-region"));
        check("x", Some("mcp-param-x"));
        check("!#$%&'*+-.^_`|~09", Some("mcp-param-!#$%&'*+-.^_`|~09"));
        check("", None);
        for byte in (0..=0x20).chain(0x7F..=0xFF).chain(*b"\"(),/:;<=>?@[\\]{}") {
            check(&format!("a{}", char::from(byte)), None);
        }
        check(&"a".repeat(1 << 16), None);
    }

    /// SPEC F-40.
    #[test]
    fn a_header_mirrors_an_argument_by_its_prefix() {
        for (name, is_one) in [
            ("mcp-param-region", true),
            ("Mcp-Param-Region", true),
            ("MCP-PARAM-x", true),
            ("mcp-param-", false),
            ("mcp-param", false),
            ("mcp-name", false),
            ("mcp-param-a b", false),
            ("mcp-param\u{e9}-a", false),
            ("", false),
        ] {
            assert_eq!(is_param_name(name), is_one, "{name}");
        }
    }
}
