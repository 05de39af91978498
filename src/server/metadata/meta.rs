//! [`Meta`]: the `_meta` that an embedder adds to tools, resources, prompts, content and results. SPEC A-29,
//!

use serde_json::{Map, Value};

/// The entries of one `_meta` object. Boxed, because few things have any and all of them are moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Meta(Option<Box<Entries>>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Entries {
    /// Invariant: each key may be sent.
    entries: Map<String, Value>,
    /// The first key that may not be sent.
    refused: Option<String>,
}

impl Meta {
    /// Adds an entry. A key that may not be sent is only remembered as a fault.
    pub(crate) fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let key = key.into();
        let Entries { entries, refused } = &mut **self.0.get_or_insert_default();
        if may_be_sent(&key) {
            entries.insert(key, value.into());
        } else {
            refused.get_or_insert(key);
        }
    }

    /// As [`insert`](Self::insert), but the key may have this prefix, which an extension reserves for such things.
    #[cfg(feature = "skills")]
    pub(crate) fn insert_below(
        &mut self,
        prefix: &str,
        key: impl Into<String>,
        value: impl Into<Value>,
    ) {
        let key = key.into();
        match key.strip_prefix(prefix) {
            Some(name) if is_name(name) => {
                let all = self.0.get_or_insert_default();
                all.entries.insert(key, value.into());
            }
            _ => self.insert(key, value),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries().is_none()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries()
            .is_some_and(|entries| entries.contains_key(key))
    }

    /// The entries, if there are any.
    fn entries(&self) -> Option<&Map<String, Value>> {
        let entries = &self.0.as_ref()?.entries;
        (!entries.is_empty()).then_some(entries)
    }

    /// Says which key may not be sent, if any.
    pub(crate) fn fault(&self) -> Option<String> {
        let key = self.0.as_ref()?.refused.as_deref()?;
        Some(format!(
            "the `_meta` key {key:?} is malformed, or reserved by the protocol"
        ))
    }

    /// Adds the entries to the `_meta` of an object.
    pub(crate) fn put(&self, object: &mut Value) {
        for (key, value) in self.entries().into_iter().flatten() {
            object["_meta"][key.as_str()] = value.clone();
        }
    }

    /// The JSON text of the object; `None` if it is empty.
    pub(crate) fn to_text(&self) -> Option<String> {
        let entries = self.entries()?;
        Some(Value::from(entries.clone()).to_string())
    }
}

/// SPEC A-29: an optional prefix of dot-joined labels with a `/` after it, and a name.
fn may_be_sent(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => {
            prefix.split('.').all(is_label) && !is_reserved(prefix) && is_name(name)
        }
        None => is_name(key),
    }
}

/// "Labels MUST start with a letter and end with a letter or digit; interior characters can be
/// letters, digits, or hyphens (`-`)."
fn is_label(label: &str) -> bool {
    label.starts_with(|first: char| first.is_ascii_alphabetic())
        && label.ends_with(|last: char| last.is_ascii_alphanumeric())
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// "Unless empty, MUST begin and end with an alphanumeric character. MAY contain hyphens (`-`),
/// underscores (`_`), dots (`.`), and alphanumerics in between."
fn is_name(name: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_alphanumeric();
    name.is_empty()
        || name.starts_with(is_edge)
            && name.ends_with(is_edge)
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// SPEC A-30. 2025-06-18 reserves what has any label after `mcp`, later revisions what has `mcp` as
/// its second label. One thing is registered for all of them, so what one reserves is reserved.
fn is_reserved(prefix: &str) -> bool {
    let labels: Vec<_> = prefix.split('.').collect();
    let last = labels.len() - 1;
    labels.iter().enumerate().any(|(at, label)| {
        matches!(*label, "modelcontextprotocol" | "mcp") && (at == 1 || at < last)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// SPEC A-29, APPS UI-12: the grammar of keys, which those of pages follow.
    #[test]
    fn keys_follow_the_grammar() {
        for key in [
            "a",
            "traceparent",
            "a.b_c-d",
            "7",
            "",
            "ui",
            "ui/resourceUri",
            "com.example/x",
            "com.ex-ample.a1/x.y",
            "com.example/",
        ] {
            assert!(may_be_sent(key), "{key:?}");
        }
        for key in [
            "-a", "a-", "_a", "a b", "é", "/a", "1a/x", "a-/x", "-a/x", "a..b/x", ".a/x", "a./x",
            "a_b/x", "a/b/c", "a/-",
        ] {
            assert!(!may_be_sent(key), "{key:?}");
        }
    }

    /// SPEC A-30: what the protocol keeps for itself, in one revision or another.
    #[test]
    fn reserved_prefixes_are_refused() {
        for key in [
            "io.modelcontextprotocol/related-task",
            "dev.mcp/x",
            "modelcontextprotocol.io/x",
            "mcp.dev/x",
            "api.mcp.dev/x",
            "com.example.mcp.dev/x",
            "com.mcp.tools/x",
        ] {
            assert!(!may_be_sent(key), "{key}");
        }
        for key in ["com.example.mcp/x", "mcp/x", "mcp", "com.mcpx/x"] {
            assert!(may_be_sent(key), "{key}");
        }
    }

    /// What may not be sent is not, and is told as a fault.
    #[test]
    fn a_refused_key_is_left_out() {
        let mut meta = Meta::default();
        meta.insert("com.example/a", 1);
        assert_eq!(meta.fault(), None);
        meta.insert("dev.mcp/b", 2);
        assert!(
            meta.fault()
                .is_some_and(|fault| fault.contains("dev.mcp/b"))
        );
        let mut object = json!({"_meta": {"c": 3}});
        meta.put(&mut object);
        assert_eq!(object, json!({"_meta": {"c": 3, "com.example/a": 1}}));
        let mut object = json!({});
        Meta::default().put(&mut object);
        assert_eq!(object, json!({}));
    }
}
