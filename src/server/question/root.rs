//! [`Root`]: a place that a client lets the server work in.

use serde_json::Value;

/// A directory or file that the client lets the server work in (*2025-11-25, Roots*).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Root {
    /// A `file://` URI.
    pub uri: String,
    /// A name for people.
    pub name: Option<String>,
}

impl Root {
    pub(crate) fn read(answer: &Value) -> Option<Vec<Self>> {
        let root = |root: &Value| {
            let uri = root
                .get("uri")?
                .as_str()
                .filter(|uri| uri.starts_with("file://"))?;
            let name = root.get("name").and_then(Value::as_str);
            Some(Self {
                uri: uri.to_owned(),
                name: name.map(ToOwned::to_owned),
            })
        };
        answer.get("roots")?.as_array()?.iter().map(root).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// SPEC E-110, E-111: roots are `file://`, anything else is a malformed answer.
    #[test]
    fn roots_are_files() {
        let read = |uri: &str| Root::read(&json!({"roots": [{"uri": uri}]}));
        assert_eq!(read("file:///a").unwrap()[0].uri, "file:///a");
        assert_eq!(read("https://example.com"), None);
        assert_eq!(Root::read(&json!({})), None);
    }
}
