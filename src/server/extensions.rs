//! [`Extensions`]: the extensions and experimental capabilities that a server declares.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::wire::version::ProtocolVersion;

/// What a server declares beyond the capabilities of the protocol, each with its settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    extensions: Map<String, Value>,
    /// Extensions that follow from what is registered. They have no settings.
    implied: BTreeSet<&'static str>,
    experimental: Map<String, Value>,
}

impl Extensions {
    /// Declares an extension.
    ///
    /// # Errors
    ///
    /// Says why it cannot be declared.
    pub(crate) fn add(&mut self, id: String, settings: Value) -> Result<(), String> {
        if !is_extension_id(&id) {
            return Err(format!(
                "{id:?} is not the id of an extension: an id is a prefix and a name, such as \
                 `com.example/feature`. The prefix is labels of letters, digits and hyphens with dots \
                 between them, and each begins with a letter. The name may also have dots and underscores"
            ));
        }
        if cfg!(feature = "skills") && id == "io.modelcontextprotocol/skills" {
            return Err(
                "`Server::skills` declares `io.modelcontextprotocol/skills`, and answers its methods"
                    .to_owned(),
            );
        }
        put(&mut self.extensions, "extension", id, settings)
    }

    /// Declares an extension of which something is registered. The author may declare it too, with settings.
    pub(crate) fn imply(&mut self, id: &'static str) {
        self.implied.insert(id);
    }

    /// Declares an extension of the crate, with the settings that it has now.
    #[cfg(feature = "skills")]
    pub(crate) fn put_own(&mut self, id: &str, settings: Value) {
        self.extensions.insert(id.to_owned(), settings);
    }

    /// Declares an experimental capability.
    ///
    /// # Errors
    ///
    /// Says why it cannot be declared.
    pub(crate) fn add_experimental(&mut self, name: String, settings: Value) -> Result<(), String> {
        if name.is_empty() {
            return Err("an experimental capability needs a name".to_owned());
        }
        put(
            &mut self.experimental,
            "experimental capability",
            name,
            settings,
        )
    }

    /// `extensions` of the capabilities in this revision, if there are any (SPEC E-17).
    pub(crate) fn of(&self, version: ProtocolVersion) -> Option<Value> {
        let implied = self.implied.iter().map(|id| ((*id).to_owned(), json!({})));
        let declared = self.extensions.clone();
        let known = implied.chain(declared);
        let known: Map<_, _> = known.filter(|(id, _)| version.has_extension(id)).collect();
        (!known.is_empty()).then(|| known.into())
    }

    /// `experimental` of the capabilities, if there are any.
    pub(crate) fn experimental(&self) -> Option<Value> {
        (!self.experimental.is_empty()).then(|| self.experimental.clone().into())
    }
}

fn put(
    declared: &mut Map<String, Value>,
    kind: &str,
    name: String,
    settings: Value,
) -> Result<(), String> {
    if !settings.is_object() {
        return Err(format!(
            "the settings of the {kind} {name:?} must be an object, such as `{{}}`"
        ));
    }
    if declared.contains_key(&name) {
        return Err(format!("the {kind} {name:?} is declared twice"));
    }
    declared.insert(name, settings);
    Ok(())
}

/// "Extension identifiers follow the `_meta` key naming rules, with a mandatory prefix" (SEP-2133).
fn is_extension_id(id: &str) -> bool {
    let Some((prefix, name)) = id.split_once('/') else {
        return false;
    };
    prefix.split('.').all(is_label) && is_name(name)
}

/// "Labels MUST start with a letter and end with a letter or digit; interior characters can be letters,
/// digits, or hyphens".
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// "MUST begin and end with an alphanumeric character. MAY contain hyphens, underscores, dots, and
/// alphanumerics in between".
fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIELD S-18, SPEC D-67, E-18: an id has a prefix, and follows the rules of keys of `_meta`.
    #[test]
    fn an_extension_has_an_id_with_a_prefix() {
        for id in [
            "io.modelcontextprotocol/ui",
            "com.example/a",
            "example/a",
            "com.my-company2/a.b_c-d9",
            "A.b/0",
        ] {
            assert!(is_extension_id(id), "{id}");
        }
        for id in [
            "",
            "ui",
            "/ui",
            "com.example/",
            "com.example",
            "com.example/a/b",
            "com..example/a",
            ".com/a",
            "com./a",
            "2com/a",
            "com-/a",
            "-com/a",
            "com_x/a",
            "com.example/-a",
            "com.example/a.",
            "com.example/a b",
            "com.example/\u{e9}",
            "c\u{f6}m/a",
            " com/a",
            "com/a\n",
        ] {
            assert!(!is_extension_id(id), "{id:?}");
            let fault = Extensions::default().add(id.to_owned(), json!({}));
            assert!(fault.unwrap_err().contains("com.example/feature"));
        }
    }

    /// FIELD S-18: settings are an object, and nothing is declared twice.
    #[test]
    fn settings_are_an_object_declared_once() {
        for settings in [json!(null), json!(true), json!([]), json!("x"), json!(1)] {
            let mut all = Extensions::default();
            let fault = all.add("a.b/c".to_owned(), settings.clone()).unwrap_err();
            assert_eq!(
                fault,
                "the settings of the extension \"a.b/c\" must be an object, such as `{}`"
            );
            let fault = all.add_experimental("x".to_owned(), settings).unwrap_err();
            assert!(
                fault.contains("experimental capability \"x\" must be an object"),
                "{fault}"
            );
        }
        let mut all = Extensions::default();
        all.add("a.b/c".to_owned(), json!({})).unwrap();
        all.add_experimental("x".to_owned(), json!({})).unwrap();
        let fault = all.add("a.b/c".to_owned(), json!({})).unwrap_err();
        assert_eq!(fault, "the extension \"a.b/c\" is declared twice");
        let fault = all.add_experimental("x".to_owned(), json!({})).unwrap_err();
        assert_eq!(fault, "the experimental capability \"x\" is declared twice");
        assert!(all.add_experimental(String::new(), json!({})).is_err());
    }
}
