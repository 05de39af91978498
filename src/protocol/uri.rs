//! The normal form of a URI: two spellings of one URI have the same (RFC 3986, 6.2.2, and of 6.2.3 what clients
//! do to `http` and `https`).

use std::borrow::Cow;

/// What two spellings of one URI have in common: the scheme and the host in lower case, escapes only where they
/// are needed and in upper case, no `.` and `..` segments below an authority, and for `http` and `https` a path
/// and no default port. Clients that parse URIs send them in such a form.
///
/// A text that has no scheme is its own normal form.
pub(crate) fn normal_form(uri: &str) -> Cow<'_, str> {
    if is_plain(uri) {
        return Cow::Borrowed(uri);
    }
    let Some(parts) = UriParts::of(uri) else {
        return Cow::Borrowed(uri);
    };
    let mut out = String::with_capacity(uri.len() + 8);
    parts.put_scheme(&mut out);
    if let Some(authority) = &parts.authority {
        authority.put(&mut out, Case::Lower, parts.default_port());
        let mut path = String::with_capacity(parts.path.len());
        put_escaped(&mut path, parts.path);
        put_without_dots(&mut out, &path, Parents::Left);
        if path.is_empty() && parts.default_port().is_some() {
            out.push('/');
        }
    } else {
        put_escaped(&mut out, parts.path);
    }
    put_escaped(&mut out, parts.rest);
    Cow::Owned(out)
}

/// The same, but with the host as it is, and the path without its `.` segments alone: what a template reads
/// variables from.
#[cfg(any(test, feature = "server"))]
pub(crate) fn normal_spelling(uri: &str) -> Cow<'_, str> {
    spelling(uri, Case::Kept)
}

/// A normal spelling with the host in lower case. What the normal form adds to it, the path of a web site, is
/// nothing that a template has to have.
#[cfg(any(test, feature = "server"))]
pub(crate) fn lower_spelling(uri: &str) -> Cow<'_, str> {
    spelling(uri, Case::Lower)
}

#[cfg(any(test, feature = "server"))]
fn spelling(uri: &str, case: Case) -> Cow<'_, str> {
    if is_plain(uri) {
        return Cow::Borrowed(uri);
    }
    let Some(parts) = UriParts::of(uri) else {
        return Cow::Borrowed(uri);
    };
    let mut out = String::with_capacity(uri.len() + 8);
    parts.put_scheme(&mut out);
    if let Some(authority) = &parts.authority {
        authority.put(&mut out, case, parts.default_port());
        let mut path = String::with_capacity(parts.path.len());
        put_escaped(&mut path, parts.path);
        put_without_dots(&mut out, &path, Parents::Kept);
    } else {
        put_escaped(&mut out, parts.path);
    }
    put_escaped(&mut out, parts.rest);
    Cow::Owned(out)
}

/// Appends a text with the escapes that it needs in a URI and no others, in upper case.
pub(crate) fn put_escaped(out: &mut String, text: &str) {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escaped = match byte {
            b'%' => hex(ahead.next()).zip(hex(ahead.next())),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes = ahead;
                let byte = (high << 4) | low;
                if is_unreserved(byte) {
                    out.push(char::from(byte));
                } else {
                    put_escape(out, byte);
                }
            }
            None if is_unreserved(byte) || b":/?#[]@!$&'()*+,;=%".contains(&byte) => {
                out.push(char::from(byte));
            }
            None => put_escape(out, byte),
        }
    }
}

fn put_escape(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 0xf)]);
    out.extend(['%', digit(byte >> 4), digit(byte)]);
}

fn hex(byte: Option<u8>) -> Option<u8> {
    let digit = char::from(byte?).to_digit(16)?;
    u8::try_from(digit).ok()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Whether a URI has nothing that a normal form could change, as most have.
fn is_plain(uri: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'!'..=b'@' | b'_' | b'~');
    uri.bytes().all(|byte| is_plain(byte) && byte != b'%')
        && !uri.starts_with("http")
        && !uri.contains("/.")
        && !has_empty_port(uri)
}

fn has_empty_port(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '?', '#'])
            .next()
            .is_some_and(|host| host.ends_with(':'))
    })
}

/// A URI, taken apart.
struct UriParts<'u> {
    scheme: &'u str,
    authority: Option<Authority<'u>>,
    path: &'u str,
    /// The query and the fragment, with the characters that they begin with.
    rest: &'u str,
}

struct Authority<'u> {
    /// With its `@`.
    user: &'u str,
    host: &'u str,
    port: Option<&'u str>,
}

impl<'u> UriParts<'u> {
    fn of(uri: &'u str) -> Option<Self> {
        let (scheme, after) = uri.split_once(':')?;
        let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.bytes().all(is_of_it) {
            return None;
        }
        let (before, rest) = split_at_any(after, &['?', '#']);
        let (authority, path) = match before.strip_prefix("//") {
            Some(hierarchy) => {
                let (authority, path) = split_at_any(hierarchy, &['/']);
                (Some(Authority::of(authority)), path)
            }
            None => (None, before),
        };
        Some(Self {
            scheme,
            authority,
            path,
            rest,
        })
    }

    fn put_scheme(&self, out: &mut String) {
        out.push_str(&self.scheme.to_ascii_lowercase());
        out.push(':');
    }

    /// The port that need not be named, where the scheme is one of the web.
    fn default_port(&self) -> Option<&'static str> {
        match &*self.scheme.to_ascii_lowercase() {
            "http" => Some("80"),
            "https" => Some("443"),
            _ => None,
        }
    }
}

impl<'u> Authority<'u> {
    fn of(text: &'u str) -> Self {
        let (user, place) = text.split_at(text.rfind('@').map_or(0, |at| at + 1));
        let name = place.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match place[name..].find(':') {
            Some(at) => (&place[..name + at], Some(&place[name + at + 1..])),
            None => (place, None),
        };
        Self { user, host, port }
    }

    fn put(&self, out: &mut String, case: Case, default_port: Option<&str>) {
        out.push_str("//");
        put_escaped(out, self.user);
        match case {
            #[cfg(any(test, feature = "server"))]
            Case::Kept => put_escaped(out, self.host),
            Case::Lower => {
                let mut host = String::with_capacity(self.host.len());
                put_escaped(&mut host, self.host);
                put_lower(out, &host);
            }
        }
        let port = self.port.filter(|port| !port.is_empty());
        if let Some(port) = port.filter(|port| default_port != Some(*port)) {
            out.push(':');
            put_escaped(out, port);
        }
    }
}

/// What becomes of the letters of a host.
#[derive(Clone, Copy)]
enum Case {
    Lower,
    #[cfg(any(test, feature = "server"))]
    Kept,
}

/// Appends a text in lower case, but for its escapes.
fn put_lower(out: &mut String, text: &str) {
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        out.push(char.to_ascii_lowercase());
        if char == '%' {
            out.extend(chars.by_ref().take(2));
        }
    }
}

fn split_at_any<'t>(text: &'t str, at: &[char]) -> (&'t str, &'t str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

/// What becomes of the `..` segments of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parents {
    /// They are gone, each with the segment before it.
    Left,
    #[cfg(any(test, feature = "server"))]
    Kept,
}

/// Appends the path of an authority without its `.` and `..` segments (RFC 3986, 5.2.4).
fn put_without_dots(out: &mut String, path: &str, parents: Parents) {
    let start = out.len();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let is_parent = segment == ".." && parents == Parents::Left;
        if is_parent {
            let parent = out[start..].rfind('/').unwrap_or_default();
            out.truncate(start + parent);
        }
        if !is_parent && segment != "." {
            out.push('/');
            out.push_str(segment);
        } else if is_last {
            out.push('/');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// FIELD S-6: a normal form is its own normal form, and that of every spelling with the same letters.
        #[test]
        fn a_normal_form_is_a_fixed_point(
            uri in "[a-zA-Z]{1,5}:(//)?([a-zA-Z0-9./:@é?#-]|\\[|\\]|%[0-9a-fA-F]{2}){0,20}"
        ) {
            let form = normal_form(&uri).into_owned();
            prop_assert_eq!(normal_form(&form), &*form, "{}", uri);
            let spelling = normal_spelling(&uri).into_owned();
            prop_assert_eq!(normal_spelling(&spelling), &*spelling, "{}", uri);
            prop_assert_eq!(normal_form(&spelling), &*form, "{}", uri);
        }
    }

    /// FIELD S-6: what two spellings of one URI have in common, and what they do not.
    #[test]
    fn a_uri_has_one_normal_form() {
        for (uri, form) in [
            ("notes://all", "notes://all"),
            ("WordPress://site/info", "wordpress://site/info"),
            ("wordpress://Site/Info", "wordpress://site/Info"),
            ("http://example.com", "http://example.com/"),
            ("HTTP://Example.COM:80/", "http://example.com/"),
            ("https://example.com:443?q", "https://example.com/?q"),
            ("https://example.com:/a", "https://example.com/a"),
            ("http://example.com:8080", "http://example.com:8080/"),
            ("notes://a:80", "notes://a:80"),
            ("notes://a:", "notes://a"),
            ("notes://a", "notes://a"),
            ("http:a", "http:a"),
            ("httpx://a", "httpx://a"),
            ("http://[::1]:80/", "http://[::1]/"),
            ("http://[FE80::1]", "http://[fe80::1]/"),
            ("a://User@Host/", "a://User@host/"),
            ("a://h%c3%a9/", "a://h%C3%A9/"),
            ("a://%48%c3%a9/", "a://h%C3%A9/"),
            ("file:///docs/café/x", "file:///docs/caf%C3%A9/x"),
            ("file:///docs/caf%c3%a9/x", "file:///docs/caf%C3%A9/x"),
            ("a:%41%2f%7e%2D", "a:A%2F~-"),
            ("a:%2541", "a:%2541"),
            ("a://h/b/../c/./d", "a://h/c/d"),
            ("a://h/../../c", "a://h/c"),
            ("a://h/b/..", "a://h/"),
            ("a://h/b/.", "a://h/b/"),
            ("a://h/%2e%2e/c", "a://h/c"),
            ("a://h/...", "a://h/..."),
            ("a://h//b", "a://h//b"),
            ("a://h?q=/../x", "a://h?q=/../x"),
            ("urn:X/../y", "urn:X/../y"),
            ("URN:x?A=%c3#%41", "urn:x?A=%C3#A"),
            ("no scheme", "no scheme"),
            ("é:x", "é:x"),
            ("a:100%", "a:100%"),
            ("", ""),
        ] {
            assert_eq!(normal_form(uri), form, "{uri}");
            assert_eq!(normal_form(form), form, "the form of {uri} again");
        }
    }

    /// Variables are read from the client's own host and path, so that a `..` is seen and a name keeps its case.
    #[test]
    fn a_normal_spelling_keeps_host_and_parents() {
        for (uri, form) in [
            ("ECHO://Hello", "echo://Hello"),
            ("a://h/b/../c", "a://h/b/../c"),
            ("a://h/%2e%2e/c", "a://h/../c"),
            ("a://H/./b/%2e/c/.", "a://H/b/c/"),
            ("a://h/b/./../c", "a://h/b/../c"),
            ("a://h/.b/c.?q=/./d", "a://h/.b/c.?q=/./d"),
            ("file:///café", "file:///caf%C3%A9"),
            ("HTTP://A:80?q", "http://A?q"),
            ("a:b", "a:b"),
        ] {
            assert_eq!(normal_spelling(uri), form, "{uri}");
        }
        assert_eq!(lower_spelling("A://H/B/./%43"), "a://h/B/C");
        assert_eq!(lower_spelling("HTTP://A:80?Q"), "http://a?Q");
    }
}
