//! [`TraceContext`]: the position of a request in a distributed trace, as in the W3C's Trace Context; and the
//! W3C's Baggage.

use std::borrow::Cow;

use hyper::header::{HeaderMap, HeaderName};

use super::fields::Field;
use super::header::{BAGGAGE, TRACEPARENT, TRACESTATE};
use crate::wire::json::RawJson;

/// The most members that a `tracestate` may have (Trace Context section 3.3.1.1).
const MAX_STATES: usize = 32;

/// The longest `baggage` that must be passed on (Baggage section 3.3.2).
const MAX_BAGGAGE: usize = 8192;

/// The position of a request in a distributed trace, from its `_meta`, or else its HTTP headers (*2026-07-28,
/// Overview, `_meta`*).
///
/// The client can claim anything here: use it only to correlate logs and traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Invariant: well-formed, and of version 00.
    parent: Box<str>,
    state: Option<Box<str>>,
}

impl TraceContext {
    /// Parses the values of `traceparent` and `tracestate`; pass an empty `tracestate` if there is none. A
    /// malformed `tracestate` is dropped without effect on the parent. `None` if `traceparent` is malformed.
    ///
    /// ```
    /// use mcp_wire::TraceContext;
    /// let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let trace = TraceContext::parse(parent, "vendor=1").unwrap();
    /// assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
    /// assert!(trace.is_sampled());
    /// assert!(TraceContext::parse("00-abc", "").is_none());
    /// ```
    #[must_use]
    pub fn parse(traceparent: &str, tracestate: &str) -> Option<Self> {
        Some(Self {
            parent: parent(traceparent)?,
            state: state(tracestate),
        })
    }

    /// The `traceparent` to send on, as it was received. A later version is rewritten as version 00, the
    /// latest that this crate knows, as the W3C requires.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// The `tracestate` to send on, without the spaces between its members.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The id of the whole trace: 32 lower-case hex digits, not all zero.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.parent[3..35]
    }

    /// The id of the client's span: 16 lower-case hex digits, not all zero.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        &self.parent[36..52]
    }

    /// Whether the client may have recorded its span.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        is_odd(self.parent.as_bytes()[54])
    }

    /// Reads the trace of a request: `_meta` first, with parent and state from the same place, else the
    /// headers. Malformed text counts as absent, and never fails the request (SPEC A-32).
    pub(crate) fn read(meta: Option<RawJson<'_>>, headers: &HeaderMap) -> Option<Self> {
        Self::of_meta(meta).or_else(|| Self::of_headers(headers))
    }

    fn of_meta(meta: Option<RawJson<'_>>) -> Option<Self> {
        let text = |name| meta?.member(name)?.as_str();
        Self::parse(
            &text("traceparent")?,
            &text("tracestate").unwrap_or_default(),
        )
    }

    fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let Field::One(parent) = Field::of(headers, TRACEPARENT) else {
            return None;
        };
        let state = listed(headers, &TRACESTATE).unwrap_or_default();
        Self::parse(parent.to_str().ok()?, &state)
    }
}

/// The `baggage` of a request, to be passed on unread: from `_meta`, or else the headers. Baggage that is
/// malformed or too long counts as absent (SPEC A-32).
pub(crate) fn baggage(meta: Option<RawJson<'_>>, headers: &HeaderMap) -> Option<String> {
    let is_good = |text: &Cow<'_, str>| is_baggage(text);
    let told = || meta?.member("baggage")?.as_str();
    told()
        .filter(is_good)
        .or_else(|| listed(headers, &BAGGAGE).filter(is_good))
        .map(Cow::into_owned)
}

/// All lines of a list header, joined into one list (RFC 9110 section 5.3).
fn listed<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Cow<'h, str>> {
    let mut lines = headers.get_all(name).iter();
    let mut list = Cow::Borrowed(lines.next()?.to_str().ok()?);
    for line in lines {
        let list = list.to_mut();
        list.push(',');
        list.push_str(line.to_str().ok()?);
    }
    Some(list)
}

/// `version "-" trace-id "-" parent-id "-" trace-flags`; in version 00 nothing may follow. "If a higher
/// version is detected", the four are parsed as in version 00, anything after a further dash is ignored, and
/// only the flag `sampled` keeps its meaning.
fn parent(text: &str) -> Option<Box<str>> {
    let bytes = text.as_bytes();
    let version = bytes.get(..2)?;
    let known = bytes.get(..55)?;
    let dashes = [2, 35, 52].iter().all(|at| known[*at] == b'-');
    let fields = [&known[..2], &known[3..35], &known[36..52], &known[53..]];
    let is_hex = |field: &&[u8]| field.iter().all(|byte| is_lower_hex(*byte));
    let is_zero = |field: &[u8]| field.iter().all(|byte| *byte == b'0');
    let is_well_formed = dashes
        && fields.iter().all(is_hex)
        && version != b"ff"
        && !is_zero(fields[1])
        && !is_zero(fields[2]);
    if !is_well_formed {
        return None;
    }
    match (version, bytes.get(55)) {
        (b"00", None) => Some(text.into()),
        (b"00", Some(_)) => None,
        (_, None | Some(b'-')) => {
            let flags = u8::from(is_odd(known[54]));
            Some(format!("00{}0{flags}", &text[2..53]).into())
        }
        (_, Some(_)) => None,
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// The lowest bit of a hex digit; in the last digit it is `sampled`.
fn is_odd(digit: u8) -> bool {
    char::from(digit)
        .to_digit(16)
        .is_some_and(|digit| digit % 2 == 1)
}

/// A list of at most 32 `key=value` with distinct keys; "empty list-members are allowed". `None` if there is
/// no member, or one is malformed: then "the vendor MUST discard the tracestate".
fn state(text: &str) -> Option<Box<str>> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in text.split(',') {
        let member = trimmed(member);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        let is_new = members.iter().all(|(other, _)| *other != key);
        if !(is_new && is_state_key(key) && is_state_value(value) && members.len() < MAX_STATES) {
            return None;
        }
        members.push((key, value));
    }
    let members: Vec<_> = members
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!members.is_empty()).then(|| members.join(",").into())
}

/// `simple-key`, which begins with a letter, or `tenant@system`, whose system begins with one.
fn is_state_key(key: &str) -> bool {
    let is_plain = |part: &str, longest: usize| {
        part.len() <= longest
            && part
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'))
    };
    let begins = |part: &str, digit: bool| {
        part.bytes()
            .next()
            .is_some_and(|first| first.is_ascii_lowercase() || digit && first.is_ascii_digit())
    };
    match key.split_once('@') {
        None => begins(key, false) && is_plain(key, 256),
        Some((tenant, system)) => {
            begins(tenant, true)
                && is_plain(tenant, 241)
                && begins(system, false)
                && is_plain(system, 14)
        }
    }
}

/// Up to 256 visible characters and spaces, no `,` and no `=`. The last is not a space, because the caller
/// trimmed the member.
fn is_state_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=')
}

/// A list of `key=value`, each with properties after semicolons (Baggage section 3.3.1).
fn is_baggage(text: &str) -> bool {
    let is_pair = |pair: &str, alone: bool| match pair.split_once('=') {
        Some((key, value)) => {
            is_token(trimmed(key)) && trimmed(value).bytes().all(is_baggage_octet)
        }
        None => alone && is_token(trimmed(pair)),
    };
    let is_member = |member: &str| {
        let mut parts = member.split(';');
        parts.next().is_some_and(|pair| is_pair(pair, false))
            && parts.all(|property| is_pair(property, true))
    };
    text.len() <= MAX_BAGGAGE && text.split(',').all(is_member)
}

/// Removes the optional white space around a text (RFC 9110 section 5.6.3).
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Visible, but not `"`, `,`, `;` or `\`.
fn is_baggage_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"",;\"#.contains(&byte)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// SPEC A-32: the rows of the W3C's own test suite for `traceparent`.
    #[test]
    fn a_parent_is_well_formed_or_none() {
        #[track_caller]
        fn check(text: &str, sent_on: Option<&str>) {
            let trace = TraceContext::parse(text, "");
            assert_eq!(trace.as_ref().map(TraceContext::traceparent), sent_on);
        }
        let with = |version: &str, rest: &str| format!("{version}{}{rest}", &PARENT[2..]);
        check(PARENT, Some(PARENT));
        let quiet = PARENT.replace("-01", "-00");
        check(&quiet, Some(&quiet));
        let flags = PARENT.replace("-01", "-ff");
        check(&flags, Some(&flags));
        // Later versions: parsed as version 00, with anything after a dash.
        check(&with("cc", ""), Some(PARENT));
        check(&with("cc", "-what-the-future-brings"), Some(PARENT));
        check(&with("cc", "-"), Some(PARENT));
        check(&with("cc", ".what"), None);
        check(&with("cc", "0"), None);
        let later = with("01", "").replace("-01", "-fe");
        check(&later, Some(&quiet));
        check(&with("ff", ""), None);
        check(&with("00", "-"), None);
        check(&with("00", "-x"), None);
        check(&with("00", " "), None);
        check(&format!(" {PARENT}"), None);
        check(&with("0", ""), None);
        check(&with("0x", ""), None);
        check(&PARENT.to_uppercase(), None);
        check(&PARENT.replace('-', "_"), None);
        check(&PARENT.replace(TRACE, &"0".repeat(32)), None);
        check(&PARENT.replace("b7ad6b7169203331", &"0".repeat(16)), None);
        check(&PARENT.replace("-b7ad", "-b7g0"), None);
        check(&PARENT[..54], None);
        check(&PARENT[..52], None);
        check("", None);
        // 55 bytes, with characters that span the positions of the dashes.
        check(&format!("0{}", "é".repeat(27)), None);
    }

    #[test]
    fn a_parent_has_its_parts() {
        let trace = TraceContext::parse(PARENT, "").unwrap();
        assert_eq!(trace.trace_id(), TRACE);
        assert_eq!(trace.parent_id(), "b7ad6b7169203331");
        for (flags, is_sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
            let text = format!("{}{flags}", &PARENT[..53]);
            let trace = TraceContext::parse(&text, "").unwrap();
            assert_eq!(trace.is_sampled(), is_sampled, "{flags}");
        }
    }

    /// SPEC A-32: a malformed state is dropped without effect on the parent.
    #[test]
    fn a_state_is_well_formed_or_left_out() {
        #[track_caller]
        fn check(text: &str, sent_on: Option<&str>) {
            let trace = TraceContext::parse(PARENT, text).unwrap();
            assert_eq!(trace.tracestate(), sent_on, "{text:?}");
        }
        check("foo=1", Some("foo=1"));
        check("foo=1 \t, \tbar=2", Some("foo=1,bar=2"));
        check("foo=1,,bar=2,", Some("foo=1,bar=2"));
        check("foo=a b", Some("foo=a b"));
        check("a_-*/0=!~", Some("a_-*/0=!~"));
        check("0tenant@system=1", Some("0tenant@system=1"));
        for bad in [
            "",
            ", ,",
            "foo",
            "foo=",
            "=1",
            "foo =1",
            "Foo=1",
            "0foo=1",
            "foo=1=2",
            "foo=é",
            "foo=a\tb",
            "foo=1\r\n",
            "foo@=1",
            "@foo=1",
            "foo@bar@baz=1",
            "foo@0bar=1",
            "foo=1,foo=2",
            "foo=1,BAR=2",
        ] {
            check(bad, None);
        }
        let list = |len: usize| (0..len).map(|at| format!("k{at}=v")).collect::<Vec<_>>();
        let most = list(32).join(",");
        check(&most, Some(&most));
        check(&list(33).join(","), None);
        for (key, value, is_good) in [
            ("k".repeat(256), "v".repeat(256), true),
            ("k".repeat(257), "v".into(), false),
            ("k".into(), "v".repeat(257), false),
            (
                format!("{}@{}", "t".repeat(241), "s".repeat(14)),
                "v".into(),
                true,
            ),
            (format!("{}@s", "t".repeat(242)), "v".into(), false),
            (format!("t@{}", "s".repeat(15)), "v".into(), false),
        ] {
            let member = format!("{key}={value}");
            check(&member, is_good.then_some(&member));
        }
    }

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    /// SPEC A-32: `_meta` takes precedence, with the state that belongs to its parent.
    #[test]
    fn meta_goes_before_headers() {
        let other = PARENT.replace(TRACE, &"1".repeat(32));
        let lines = [
            (TRACEPARENT, &*other),
            (TRACESTATE, "a=1"),
            (TRACESTATE, "b=2"),
        ];
        let in_headers = headers(&lines);
        #[track_caller]
        fn check(meta: &str, headers: &HeaderMap, parent: Option<&str>, state: Option<&str>) {
            let trace = TraceContext::read(Some(RawJson::of(meta.as_bytes())), headers);
            let trace = trace.as_ref();
            assert_eq!(trace.map(TraceContext::traceparent), parent, "{meta}");
            assert_eq!(trace.and_then(TraceContext::tracestate), state, "{meta}");
        }
        let told = format!(r#"{{"traceparent":"{PARENT}","tracestate":"m=1"}}"#);
        check(&told, &in_headers, Some(PARENT), Some("m=1"));
        let alone = format!(r#"{{"traceparent":"{PARENT}"}}"#);
        check(&alone, &in_headers, Some(PARENT), None);
        for bad in [
            r#"{"traceparent":"00-bad","tracestate":"m=1"}"#,
            r#"{"traceparent":1}"#,
            r#"{"traceparent":null}"#,
            r#"{"tracestate":"m=1"}"#,
            "{}",
        ] {
            check(bad, &in_headers, Some(&other), Some("a=1,b=2"));
            check(bad, &HeaderMap::new(), None, None);
        }
        let twice = headers(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)]);
        check("{}", &twice, None, None);
        let no_ascii = headers(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=é")]);
        check("{}", &no_ascii, Some(PARENT), None);
        let read = TraceContext::read(None, &in_headers).unwrap();
        assert_eq!(read.traceparent(), other);
    }

    /// SPEC A-32: baggage is passed on unchanged, from the first place where it is well-formed.
    #[test]
    fn baggage_is_well_formed_or_left_out() {
        #[track_caller]
        fn check(text: &str, is_good: bool) {
            let meta = serde_json::json!({ "baggage": text }).to_string();
            let meta = Some(RawJson::of(meta.as_bytes()));
            let passed = baggage(meta, &HeaderMap::new());
            assert_eq!(passed.as_deref(), is_good.then_some(text));
        }
        check("userId=alice", true);
        check("a=1,b=2;p1;p2=x, c = 3 ; p = %20", true);
        check("a=", true);
        check("a=b=c", true);
        for bad in [
            "", "a", "=1", "a b=1", "a=1,", "a=b c", "a=\"x\"", "a=é", "a=1;", "a\n=1",
        ] {
            check(bad, false);
        }
        check(&format!("a={}", "x".repeat(8190)), true);
        check(&format!("a={}", "x".repeat(8191)), false);
        let lines = headers(&[(BAGGAGE, "a=1"), (BAGGAGE, "b=2")]);
        let bad = Some(RawJson::of(br#"{"baggage":["a"]}"#));
        assert_eq!(baggage(bad, &lines).as_deref(), Some("a=1,b=2"));
    }

    proptest! {
        /// No input panics, and the text to send on parses as the same trace.
        #[test]
        fn what_is_sent_on_is_read_as_the_same(
            parent in "([0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)|.*",
            state in "([a-z0-9@]{1,4}=[ -~]{0,4}[, \t]{0,3}){0,5}|.*",
        ) {
            let _ = is_baggage(&state);
            if let Some(trace) = TraceContext::parse(&parent, &state) {
                let state = trace.tracestate().unwrap_or_default();
                let again = TraceContext::parse(trace.traceparent(), state);
                prop_assert_eq!(again, Some(trace));
            }
        }
    }
}
