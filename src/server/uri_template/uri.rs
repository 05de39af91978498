//! Which texts are absolute URIs.

/// Whether `text` is an absolute URI: a scheme, a colon and something after it, in characters that
/// RFC 3986 allows and with whole percent escapes (SPEC E-53).
///
/// Characters beyond ASCII are tolerated, as in the IRIs of RFC 3987, except spaces and controls.
pub(crate) fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    is_scheme(scheme)
        && !rest.is_empty()
        && !rest.contains(is_refused_in_uri)
        && has_whole_escapes(rest)
}

pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn is_refused_in_uri(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
}

/// Whether two hexadecimal digits follow each `%`.
pub(crate) fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.count() == 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_uris() {
        for uri in [
            "echo://a",
            "mailto:a@b.example",
            "urn:x",
            "a+b-c.1:x",
            "file:///a%20b",
            "http://[::1]:80/?q=(1)*'!$&;,=~#f",
            "echo://é",
        ] {
            assert!(is_absolute_uri(uri), "{uri}");
        }
        for text in [
            "",
            ":",
            "a",
            "a:",
            ":a",
            "../../etc/passwd",
            "/etc/passwd",
            "//host/x",
            "1a:x",
            "é:x",
            "a b:x",
            "a/b:x",
            "x:a b",
            "x:a\n",
            "x:\0",
            "x:\u{85}",
            "x:\u{a0}",
            "x:<",
            "x:>",
            "x:\"",
            "x:{a}",
            "x:|",
            "C:\\x",
            "x:^",
            "x:`",
            "x:%",
            "x:%4",
            "x:%zz",
            "x:%4%41",
            "x:%é",
        ] {
            assert!(!is_absolute_uri(text), "{text:?}");
        }
        assert!(!is_absolute_uri(&"a".repeat(100_000)));
    }
}
