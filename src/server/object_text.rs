//! [`ObjectText`]: an object that is written member by member.

use serde_json::Value;

use crate::wire::json::put_string;

/// The text of an object so far. Its members stay in the order in which they were put, whatever order
/// serde_json's map has.
pub(crate) struct ObjectText(Vec<u8>);

impl ObjectText {
    /// The object without members.
    pub(crate) fn new() -> Self {
        Self(b"{".to_vec())
    }

    /// Adds a member with the JSON text of its value.
    pub(crate) fn raw(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        put_string(&mut self.0, name);
        self.0.push(b':');
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Adds a member with this text.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.raw(name, "");
        put_string(&mut self.0, value);
    }

    /// Adds a member with this value.
    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        self.raw(name, &value.to_string());
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push(b'}');
        String::from_utf8(self.0).expect("it was put together from texts")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_keep_their_order() {
        assert_eq!(ObjectText::new().finish(), "{}");
        let mut object = ObjectText::new();
        object.text("z", "a \"b\"");
        object.raw("a\n", "[1]");
        object.value("m", &json!({"b": null}));
        assert_eq!(
            object.finish(),
            r#"{"z":"a \"b\"","a\n":[1],"m":{"b":null}}"#
        );
    }
}
