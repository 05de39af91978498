//! Names of skills, paths of their files, and the URIs and MIME types that follow from them.

use std::fmt::Write;

use crate::protocol::uri::normal_form;

/// The file that makes a folder a skill.
pub(super) const MANIFEST: &str = "SKILL.md";
/// The prefix of keys of `_meta` that the extension reserves for skills.
pub(crate) const META_PREFIX: &str = "io.modelcontextprotocol.skills/";

/// Why a text is not the name of a skill (*Agent Skills, `name` field*).
pub(super) fn name_fault(name: &str) -> Option<String> {
    let is_edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let is_name = (1..=64).contains(&bytes.len())
        && bytes.iter().all(|byte| is_edge(byte) || *byte == b'-')
        && bytes.first().is_some_and(is_edge)
        && bytes.last().is_some_and(is_edge)
        && !name.contains("--");
    (!is_name).then(|| {
        format!(
            "{name:?} is not the name of a skill: a name has 1 to 64 lower-case letters, digits and hyphens, \
             and no hyphen at an end or beside another"
        )
    })
}

/// Why a text is not a path of segments with slashes between them.
pub(super) fn path_fault(path: &str) -> Option<String> {
    let is_wrong = |segment: &str| matches!(segment, "" | "." | "..");
    path.split('/').any(is_wrong).then(|| {
        format!("{path:?} is not a path of names with slashes between them, without `.` and `..`")
    })
}

/// The URI of the folder of a skill.
pub(super) fn root_uri(path: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    let mut uri = "skill:/".to_owned();
    for (at, segment) in path.split('/').enumerate() {
        uri.push('/');
        put_segment(&mut uri, segment, if at == 0 { "" } else { ":@" });
    }
    uri
}

/// The URI of a file of a skill.
pub(super) fn file_uri(root: &str, path: &str) -> String {
    let mut uri = root.to_owned();
    for segment in path.split('/') {
        uri.push('/');
        put_segment(&mut uri, segment, ":@");
    }
    uri
}

/// Appends a segment with the escapes of RFC 3986. `also` is what needs none here beside what never does.
fn put_segment(uri: &mut String, segment: &str, also: &str) {
    for byte in segment.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
        if is_plain || also.as_bytes().contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
}

/// Where a URI leads, for comparison with others: without query, escapes and empty segments, in lower case. A handler
/// may take any spelling of a path for the same file, so places are the same more often than resources are.
pub(crate) fn place_of(uri: &str) -> String {
    let uri = uri.split(['?', '#']).next().unwrap_or(uri);
    let uri = decoded(&normal_form(uri)).to_ascii_lowercase();
    let segments = uri
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."));
    segments.collect::<Vec<_>>().join("/")
}

/// A segment without its escapes.
pub(super) fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push((high << 4) | low);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// The MIME type of a file, by the ending of its name.
pub(super) fn media_type(path: &str, is_text: bool) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "md" | "markdown" => "text/markdown",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" | "cjs" => "text/javascript",
        "ts" => "text/x-typescript",
        "py" => "text/x-python",
        "sh" | "bash" => "application/x-sh",
        "json" => "application/json",
        "yaml" | "yml" => "application/yaml",
        "toml" => "application/toml",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        _ if is_text => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SKILLS URI-4: the rules of names, at each edge.
    #[test]
    fn names_follow_the_rules() {
        let long = "a".repeat(64);
        for name in ["a", "0", "a-b", "pdf-processing", "a1-2b", &*long] {
            assert_eq!(name_fault(name), None, "{name}");
        }
        let longer = "a".repeat(65);
        for name in [
            "", "-", "-a", "a-", "a--b", "A", "a_b", "a.b", "a b", "é", "a/b", "a\n", &*longer,
        ] {
            assert!(name_fault(name).is_some(), "{name:?}");
        }
    }

    /// SKILLS URI-1, URI-5: a name becomes a segment of a URI, with its case and with escapes.
    #[test]
    fn names_are_escaped() {
        assert_eq!(
            root_uri("acme/billing/refunds"),
            "skill://acme/billing/refunds"
        );
        assert_eq!(root_uri("a:b@c/d:e@f/x"), "skill://a%3Ab%40c/d:e@f/x");
        assert_eq!(root_uri("x://y/z"), "x://y/z");
        for (path, uri) in [
            ("SKILL.md", "skill://a/SKILL.md"),
            ("A b/é#?%.md", "skill://a/A%20b/%C3%A9%23%3F%25.md"),
            ("(1)+\\[x].md", "skill://a/(1)+%5C%5Bx%5D.md"),
        ] {
            assert_eq!(file_uri("skill://a", path), uri);
            // Clients that normalize find it too.
            assert_eq!(normal_form(uri), uri);
        }
        for path in ["", "/", "a/", "/a", "a//b", ".", "a/../b", ".."] {
            assert!(path_fault(path).is_some(), "{path}");
        }
        assert_eq!(path_fault("a/.b/...c"), None);
    }

    /// Every spelling that a handler may take for the same file leads to the same place.
    #[test]
    fn spellings_lead_to_one_place() {
        for uri in [
            "skill://acme/ops/x",
            "SKILL://ACME/ops/x",
            "skill://acme%2Fops/x",
            "skill://acme/o%70s%2fx",
            "skill://acme//ops/./x",
            "skill://acme/a/../ops/x",
            "skill://acme/OPS/x/?y#z",
        ] {
            assert_eq!(place_of(uri), "skill:/acme/ops/x", "{uri}");
        }
    }

    /// SKILLS RES-2: the type of a file, by its name.
    #[test]
    fn a_file_has_the_type_of_its_ending() {
        for (path, expected) in [
            ("a.md", "text/markdown"),
            ("A.MD", "text/markdown"),
            ("a.txt", "text/plain"),
            ("a.json", "application/json"),
            ("a.yaml", "application/yaml"),
            ("a.py", "text/x-python"),
            ("a.sh", "application/x-sh"),
            ("a.js", "text/javascript"),
            ("a.ts", "text/x-typescript"),
            ("a.html", "text/html"),
            ("a.css", "text/css"),
            ("a.csv", "text/csv"),
            ("a.png", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.svg", "image/svg+xml"),
            ("a.pdf", "application/pdf"),
            ("a.md/LICENSE", "text/plain"),
        ] {
            assert_eq!(media_type(path, true), expected, "{path}");
        }
        assert_eq!(media_type("a.bin", false), "application/octet-stream");
    }
}
