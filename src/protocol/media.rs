//! Media types: which the client accepts in an answer, and whether its body is JSON.

use hyper::header::{ACCEPT, CONTENT_ENCODING, HeaderValue};
#[cfg(any(test, feature = "gzip"))]
use hyper::header::{ACCEPT_ENCODING, HeaderMap};

use super::fields::{Field, Fields};

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

/// Whether the `Accept-Encoding` lines name gzip, or everything, with a weight above zero (RFC 9110, section
/// 12.5.3). A client that sends none gets what everybody understands.
#[cfg(any(test, feature = "gzip"))]
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let mut any = false;
    for coding in lines.flat_map(|line| line.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_admitted = !parts.any(is_zero_weight);
        if ["gzip", "x-gzip"]
            .iter()
            .any(|gzip| name.eq_ignore_ascii_case(gzip))
        {
            return is_admitted;
        }
        any |= name == "*" && is_admitted;
    }
    any
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
    // Equal copies that a proxy has joined count as one (SPEC D-34).
    let mut copies = split_unquoted(line, b',').map(str::trim);
    let first = copies.next().unwrap_or_default();
    if !copies.all(|copy| copy == first) {
        return false;
    }
    let mut parts = split_unquoted(first, b';').map(str::trim);
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
    use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName};

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
        check(&["application/json", "application/json"], true);
        check(&["application/json, application/json"], true);
        check(
            &["application/json; x=\"a,b\", application/json; x=\"a,b\""],
            true,
        );
        check(&["application/json, text/plain"], false);
        check(&["application/json,"], false);
        check(&["text/plain, text/plain"], false);
        check(&[], false);
    }

    /// RFC 9110, section 12.5.3.
    #[test]
    fn gzip_is_for_clients_that_name_it() {
        for (lines, expected) in [
            (&[][..], false),
            (&[""], false),
            (&["gzip"], true),
            (&["br, GZip;q=0.1"], true),
            (&["deflate", "x-gzip"], true),
            (&["gzip;q=0"], false),
            (&["*"], true),
            (&["*;q=0"], false),
            (&["*, gzip; q=0.0"], false),
            (&["gzip;q=0, *"], false),
            (&["identity"], false),
            (&["gzipped"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_ENCODING, line.parse().unwrap());
            }
            assert_eq!(accepts_gzip(&headers), expected, "{lines:?}");
        }
    }
}
