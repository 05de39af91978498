//! [`Root`]: a place that a client lets the server work in.

use serde_json::Value;

use crate::server::uri_template::uri::is_absolute_uri;

/// A directory or file that the client lets the server work in (*2025-11-25, Roots*).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Root {
    /// A URI of the scheme `file`, as the client wrote it: `file:///a`, or `file:/a` (RFC 8089, section 2).
    pub uri: String,
    /// A name for people.
    pub name: Option<String>,
}

impl Root {
    /// Reads the answer; `None` if it has no list of roots. A root that is not of the scheme `file` is left
    /// out: "this MUST be a `file://` URI in the current specification", and editors have others beside them.
    pub(crate) fn read(answer: &Value) -> Option<Vec<Self>> {
        let roots = answer.get("roots")?.as_array()?;
        Some(roots.iter().filter_map(Self::read_one).collect())
    }

    fn read_one(root: &Value) -> Option<Self> {
        let uri = root.get("uri")?.as_str().filter(|uri| is_file(uri))?;
        let name = root.get("name").and_then(Value::as_str);
        Some(Self {
            uri: uri.to_owned(),
            name: name.map(ToOwned::to_owned),
        })
    }
}

/// Whether a URI is absolute and of the scheme `file`, whose letters have no case (RFC 3986, section 3.1).
fn is_file(uri: &str) -> bool {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("file")) && is_absolute_uri(uri)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// FIELD S-20, SPEC E-110: each root is read for itself, and roots are files.
    #[test]
    fn each_root_is_read_for_itself() {
        for uri in [
            "file:///a",
            "FILE:///a",
            "File:///a",
            "file:/a",
            "file://host/a%20b",
            "file:///C:/x",
            "file:///",
        ] {
            let mixed = json!({"roots": [
                {"uri": "vscode-remote://ssh/a"}, {"uri": uri, "name": "A"},
                {"uri": "https://example.com"}, {"uri": "/a"}, {"uri": "files:///a"},
                {"uri": ""}, {"uri": 5}, {"name": "b"}, "file:///a", null,
            ]});
            let name = Some("A".to_owned());
            let uri = uri.to_owned();
            assert_eq!(Root::read(&mixed), Some(vec![Root { uri, name }]));
        }
        let nameless = json!({"roots": [{"uri": "file:///a", "name": null}]});
        assert_eq!(Root::read(&nameless).unwrap()[0].name, None);
        assert_eq!(Root::read(&json!({"roots": []})), Some(Vec::new()));
    }

    /// SPEC E-111: an answer without a list of roots is malformed.
    #[test]
    fn an_answer_without_roots_is_malformed() {
        for answer in [json!({}), json!({"roots": null}), json!({"roots": {}})] {
            assert_eq!(Root::read(&answer), None, "{answer}");
        }
    }
}
