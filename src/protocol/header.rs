//! Typed readers of request headers. Header names that are not in HTTP's own list are spelled
//! here and nowhere else.

use hyper::header::{ACCEPT, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};

use super::fields::{Field, Fields};
use crate::wire::version::{Era, ProtocolVersion};

/// Tells nginx and its kin not to buffer a stream (PITFALLS R-21).
pub(crate) const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The session of a request, and of the answer to `initialize`.
pub(crate) const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The last event that a client saw before it lost its stream.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The revision of a request.
pub(crate) const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Mirrors the method of a request (SPEC D.3).
pub(crate) const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");

/// Mirrors the name or the URI of what a request is about (SPEC D.3).
pub(crate) const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Where a request belongs in a distributed trace.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the systems on the way add to that.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What an application carries along a trace.
pub(crate) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// What the proxy in front took away from the path.
pub(crate) const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// For whom the proxies in front ask.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// `Mcp-Param-{name}`, which mirrors an argument of a tool (SPEC D.3); `None` if the name is empty,
/// not a token, or longer than a header name may be.
pub(crate) fn param_name(name: &str) -> Option<HeaderName> {
    if name.is_empty() {
        return None;
    }
    HeaderName::from_bytes(format!("{PARAM_PREFIX}{name}").as_bytes()).ok()
}

/// Whether a header mirrors an argument, in any case of letters.
pub(crate) fn is_param_name(name: &str) -> bool {
    name.split_at_checked(PARAM_PREFIX.len())
        .is_some_and(|(prefix, name)| {
            prefix.eq_ignore_ascii_case(PARAM_PREFIX) && param_name(name).is_some()
        })
}

const PARAM_PREFIX: &str = "mcp-param-";

/// The longest prefix that a proxy may name, in bytes.
const FORWARDED_PREFIX: usize = 256;

/// The one path in `X-Forwarded-Prefix`, without a trailing slash; `None` without the header, empty
/// for a proxy that takes nothing away (PITFALLS R-47). It goes into an event as it is and is resolved by the
/// client, so it is a plain absolute path that leads nowhere else: no escapes, no empty segments
/// (`//` would name another host), no dots that climb. `Err` for all else.
pub(crate) fn forwarded_prefix(headers: &HeaderMap) -> Result<Option<&str>, ()> {
    let line = match Field::of(headers, X_FORWARDED_PREFIX) {
        Field::Absent => return Ok(None),
        Field::One(line) => line.to_str().map_err(drop)?,
        Field::Several => return Err(()),
    };
    let path = line.strip_suffix('/').unwrap_or(line);
    if path.is_empty() {
        return Ok(Some(path));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(is_plain);
    let is_path = path
        .strip_prefix('/')
        .is_some_and(|path| path.split('/').all(is_segment));
    (is_path && path.len() <= FORWARDED_PREFIX)
        .then_some(Some(path))
        .ok_or(())
}

/// A media type that the server answers with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Media {
    EventStream,
    Json,
}

impl Media {
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::EventStream => ("text", "event-stream"),
            Self::Json => ("application", "json"),
        }
    }

    /// How closely a media range names this type; 0 for one that does not.
    fn closeness(self, range: &str) -> u8 {
        let (kind, subtype) = self.parts();
        match range.split_once('/') {
            Some((k, s)) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 3,
            Some((k, "*")) if k.eq_ignore_ascii_case(kind) => 2,
            Some(("*", "*")) => 1,
            _ => 0,
        }
    }
}

/// Whether the `Accept` lines admit a media type.
pub(crate) fn accepts(fields: &Fields<'_>, media: Media) -> bool {
    let [admitted] = admitted(fields, [media]);
    admitted
}

/// Which media types the `Accept` lines admit, by RFC 9110 section 12.5.1 (SPEC C-11, PITFALLS R-35): the
/// most specific range decides, `q=0` excludes, no header at all admits anything.
pub(crate) fn admitted<const N: usize>(fields: &Fields<'_>, media: [Media; N]) -> [bool; N] {
    match fields.accept {
        Field::Absent => return [true; N],
        Field::One(line) if line == USUAL_ACCEPT => return [true; N],
        Field::One(_) | Field::Several => {}
    }
    // How closely a range names each type, and whether its weight admits it.
    let mut best = [(0, false); N];
    for line in fields.headers.get_all(ACCEPT) {
        let Ok(line) = line.to_str() else { continue };
        for range in split_unquoted(line, b',') {
            let mut parts = split_unquoted(range, b';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let is_admitted = !parts.any(is_zero_weight);
            for (best, media) in best.iter_mut().zip(media) {
                let closeness = media.closeness(name);
                if closeness > best.0 {
                    *best = (closeness, is_admitted);
                } else if closeness == best.0 {
                    best.1 |= closeness > 0 && is_admitted;
                }
            }
        }
    }
    best.map(|(_, is_admitted)| is_admitted)
}

/// What the specification wants of a POST (SPEC C-10), and nearly every client sends letter by letter:
/// it admits both types, and need not be taken apart.
const USUAL_ACCEPT: &str = "application/json, text/event-stream";

/// What `MCP-Protocol-Version` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionHeader {
    Absent,
    Known(ProtocolVersion),
    /// Not a revision that this crate knows, or several.
    Unknown,
}

impl VersionHeader {
    pub(crate) fn read(field: Field<'_>) -> Self {
        match field {
            Field::Absent => Self::Absent,
            Field::One(line) => ProtocolVersion::read(line.as_bytes().trim_ascii())
                .map_or(Self::Unknown, Self::Known),
            Field::Several => Self::Unknown,
        }
    }

    /// Whether it names a revision without a handshake.
    pub(crate) fn is_modern(self) -> bool {
        matches!(self, Self::Known(version) if version.era() == Era::Modern)
    }
}

/// The one line of a header that is visible ASCII and not empty (SPEC C-72, H-18), and its text; `Err`
/// for several lines and for other bytes (SPEC C-80).
pub(crate) fn visible(field: Field<'_>) -> Result<Option<(&HeaderValue, &str)>, ()> {
    match field {
        Field::Absent => Ok(None),
        Field::One(line) => {
            let text = line.to_str().map_err(drop)?;
            let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            is_visible.then_some(Some((line, text))).ok_or(())
        }
        Field::Several => Err(()),
    }
}

/// `q=0`, `q=0.0` and so on: "a value of 0 means not acceptable".
fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("q")
        && weight.trim().parse().is_ok_and(|weight: f32| weight == 0.0)
}

/// The pieces of a header value between separators that stand outside quoted strings.
fn split_unquoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let mut quoted = false;
        let mut escaped = false;
        let end = whole.bytes().position(|byte| {
            let is_separator = !quoted && byte == separator;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => {}
            }
            is_separator
        });
        let (piece, tail) = match end {
            Some(end) => (&whole[..end], Some(&whole[end + 1..])),
            None => (whole, None),
        };
        rest = tail;
        Some(piece)
    })
}

/// Whether the body is declared as JSON: `application/json` in any case, with any parameters but a
/// charset other than UTF-8 (SPEC C-6, PITFALLS R-28, R-36), and not compressed (SPEC C-7).
pub(crate) fn is_json(fields: &Fields<'_>) -> bool {
    let is_plain = |line: &HeaderValue| line.as_bytes().eq_ignore_ascii_case(b"identity");
    let encodings = || fields.headers.get_all(CONTENT_ENCODING);
    if !fields.content_encoding.is_absent() && !encodings().iter().all(is_plain) {
        return false;
    }
    let Field::One(line) = fields.content_type else {
        return false;
    };
    if line == "application/json" {
        return true;
    }
    let Ok(line) = line.to_str() else {
        return false;
    };
    let mut parts = split_unquoted(line, b';').map(str::trim);
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => charset
                .trim()
                .trim_matches('"')
                .eq_ignore_ascii_case("utf-8"),
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use hyper::header::CONTENT_TYPE;

    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, value.parse().unwrap());
        }
        headers
    }

    /// SPEC B.1 (406), C-11, C-13, PITFALLS R-35.
    #[test]
    fn accept_is_matched_by_rfc_9110() {
        #[track_caller]
        fn check(values: &[&str], admitted: bool) {
            let headers = headers(ACCEPT, values);
            assert_eq!(
                accepts(&Fields::read(&headers), Media::EventStream),
                admitted,
                "{values:?}"
            );
        }
        check(&[], true);
        check(&["text/event-stream"], true);
        check(&["Text/Event-Stream"], true);
        check(&["application/json"], false);
        check(&["application/json, text/event-stream"], true);
        check(&["application/json", "text/event-stream"], true);
        check(&["*/*"], true);
        check(&["text/*"], true);
        check(&["application/*"], false);
        check(&["text/event-stream;q=0"], false);
        check(&["text/event-stream; q=0.000, */*"], false);
        check(&["*/*;q=0, text/event-stream;q=0.1"], true);
        check(&["text/*;q=0, */*"], false);
        check(&["text/event-stream;charset=\"a,b;q=0\""], true);
        check(&["application/json;x=\"\\\", text/event-stream\""], false);
        check(&["text/event-streams"], false);
        check(&["garbage"], false);
        check(&[""], false);
    }

    /// SPEC D-46: `1*tchar`, and case does not count.
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

    /// PITFALLS R-47: what a proxy says is taken as a path or not at all.
    #[test]
    fn a_forwarded_prefix_is_a_plain_path() {
        #[track_caller]
        fn check(values: &[&str], prefix: Result<Option<&str>, ()>) {
            let headers = headers(X_FORWARDED_PREFIX, values);
            assert_eq!(forwarded_prefix(&headers), prefix, "{values:?}");
        }
        check(&[], Ok(None));
        check(&[""], Ok(Some("")));
        check(&["/"], Ok(Some("")));
        check(&["/tools"], Ok(Some("/tools")));
        check(&["/tools/"], Ok(Some("/tools")));
        check(&["/a/b-c/d.e/~f_1"], Ok(Some("/a/b-c/d.e/~f_1")));
        let longest = format!("/{}", "a".repeat(FORWARDED_PREFIX - 1));
        check(&[&longest], Ok(Some(&longest)));
        check(&[&format!("{longest}a")], Err(()));
        check(&["/a", "/a"], Err(()));
        for bad in [
            "a",
            "//evil.example",
            "//",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/../b",
            "/%2e%2e",
            "/a?b",
            "/a#b",
            "/a b",
            "/a,/b",
            "/a\\b",
            "/a;b",
            "http://evil.example/a",
            "/caf\u{e9}",
        ] {
            check(&[bad], Err(()));
        }
    }

    /// SPEC C-7.
    #[test]
    fn a_compressed_body_is_no_json() {
        for (encodings, json) in [
            (&["identity"][..], true),
            (&["Identity"], true),
            (&["gzip"], false),
            (&["identity", "br"], false),
            (&["identity, gzip"], false),
            (&[""], false),
        ] {
            let mut headers = headers(CONTENT_ENCODING, encodings);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            assert_eq!(is_json(&Fields::read(&headers)), json, "{encodings:?}");
        }
    }

    /// SPEC C-6 and B.1 (415), PITFALLS R-28, R-36.
    #[test]
    fn only_json_bodies_are_json() {
        #[track_caller]
        fn check(values: &[&str], json: bool) {
            let headers = headers(CONTENT_TYPE, values);
            assert_eq!(is_json(&Fields::read(&headers)), json, "{values:?}");
        }
        check(&["application/json"], true);
        check(&["Application/JSON; charset=utf-8"], true);
        check(&["application/json;charset=\"UTF-8\"; x=y"], true);
        check(&["application/json; charset=latin1"], false);
        check(&["text/plain"], false);
        check(&["application/x-www-form-urlencoded"], false);
        check(&["application/jsonl"], false);
        check(&["application/json", "text/plain"], false);
        check(&[], false);
    }
}
