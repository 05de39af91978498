//! [`forwarded_prefix`]: the part of the path that a trusted proxy removed.

use hyper::header::HeaderMap;

use super::fields::Field;
use super::header::X_FORWARDED_PREFIX;

/// The longest prefix that a proxy may name, in bytes.
const FORWARDED_PREFIX: usize = 256;

/// The one path in `X-Forwarded-Prefix`, without a trailing slash; `None` without the header, empty if the
/// proxy removes nothing (PITFALLS R-47). It is sent to the client, which resolves it. So it must be a plain
/// absolute path that leads nowhere else: no escapes, no empty segments (`//` would name another host), no
/// dot segments. `Err` for anything else.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// PITFALLS R-47: the header is taken as a path or not at all.
    #[test]
    fn a_forwarded_prefix_is_a_plain_path() {
        #[track_caller]
        fn check(values: &[&str], prefix: Result<Option<&str>, ()>) {
            let lines = values
                .iter()
                .map(|value| (X_FORWARDED_PREFIX, value.parse().unwrap()));
            let mut headers = HeaderMap::new();
            lines.for_each(|(name, value): (_, hyper::header::HeaderValue)| {
                headers.append(name, value);
            });
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
}
