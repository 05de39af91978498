//! [`Schema`]: a JSON Schema of a tool, as clients get it.

use serde_json::Value;

use super::keywords::schema_fault;
#[cfg(feature = "validation")]
use super::validation::Validator;
use crate::wire::json::Json;
#[cfg(feature = "validation")]
use crate::wire::json::RawJson;

/// A JSON Schema, kept as the text that clients get: the order of its members is the author's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema {
    text: String,
    /// Whether it demands an object at its root.
    is_of_object: bool,
    /// Why it cannot be served.
    fault: Option<String>,
    /// Compiled, unless it cannot be served or holds every object that the crate admits.
    #[cfg(feature = "validation")]
    validator: Option<Validator>,
}

impl Schema {
    /// The schema of a tool without arguments (SPEC E-30).
    pub(crate) fn nothing() -> Self {
        Self {
            text: r#"{"type":"object","properties":{},"additionalProperties":false}"#.to_owned(),
            is_of_object: true,
            fault: None,
            #[cfg(feature = "validation")]
            validator: None,
        }
    }

    pub(crate) fn of_value(value: &Value) -> Self {
        Self::new(value.to_string(), value)
    }

    /// The schema that this text is, whose members keep their order.
    pub(crate) fn of_text(text: &str) -> Self {
        let invalid = |fault: String| Self {
            text: text.to_owned(),
            is_of_object: false,
            fault: Some(fault),
            #[cfg(feature = "validation")]
            validator: None,
        };
        let json = match Json::parse(text.to_owned()) {
            Ok(json) => json,
            Err(fault) => return invalid(fault.to_string()),
        };
        match serde_json::from_slice(json.as_bytes()) {
            // On one line, as a message has to be.
            Ok(value) => Self::new(
                String::from_utf8_lossy(json.as_bytes()).trim().to_owned(),
                &value,
            ),
            Err(fault) => invalid(fault.to_string()),
        }
    }

    fn new(text: String, value: &Value) -> Self {
        let schema = Self {
            text,
            is_of_object: value.get("type").is_some_and(|kind| kind == "object"),
            fault: match value {
                Value::Object(_) => schema_fault(value),
                _ => Some(format!("it must be a JSON object, not {value}")),
            },
            #[cfg(feature = "validation")]
            validator: None,
        };
        #[cfg(feature = "validation")]
        let schema = schema.compiled(value);
        schema
    }

    #[cfg(feature = "validation")]
    fn compiled(mut self, value: &Value) -> Self {
        if self.fault.is_none() {
            match Validator::compile(value) {
                Ok(validator) => self.validator = Some(validator),
                Err(fault) => self.fault = Some(fault),
            }
        }
        self
    }

    /// Holds a value to the schema. Messages call it `root`.
    ///
    /// # Errors
    ///
    /// The first faults, each with the path of what is wrong.
    #[cfg(feature = "validation")]
    pub(crate) fn check(&self, root: &str, value: RawJson<'_>) -> Result<(), String> {
        let Some(validator) = &self.validator else {
            return Ok(());
        };
        let len = value.as_bytes().len();
        let value = value
            .to_value()
            .map_err(|fault| format!("{root}: {fault}"))?;
        validator.check(root, &value, len)
    }

    /// The same with `properties` at its root, if the root is an object without them: there are hosts that
    /// refuse a whole list for one schema that lacks them.
    pub(crate) fn completed(mut self) -> Self {
        let lacks_properties = self.is_of_object
            && self.fault.is_none()
            && self.to_value().get("properties").is_none();
        if lacks_properties && let Some(open) = self.text.strip_suffix('}') {
            self.text = format!("{},\"properties\":{{}}}}", open.trim_end());
        }
        self
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn to_value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn is_of_object(&self) -> bool {
        self.is_of_object
    }

    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// FIELD S-8: a schema that is written as text keeps its order, on one line.
    #[test]
    fn a_text_keeps_its_order() {
        let text =
            " {\n  \"type\": \"object\",\n  \"properties\": {\"zulu\": {}, \"alpha\": {}}\n} ";
        let schema = Schema::of_text(text);
        assert_eq!(schema.fault(), None);
        let expected = r#"{   "type": "object",   "properties": {"zulu": {}, "alpha": {}} }"#;
        assert_eq!(schema.text(), expected);
        assert!(schema.is_of_object());
        for (text, says) in [
            ("", "expected a value at byte 0"),
            ("[]", "expected a JSON object"),
            ("{\"a\":}", "expected a value at byte 5"),
            ("{\"minimum\":1e999}", "number out of range"),
        ] {
            let fault = Schema::of_text(text).fault().unwrap().to_owned();
            assert!(fault.contains(says), "{fault}");
        }
    }

    /// FIELD S-3: an object schema gets `properties` if it has none; nothing else is added.
    #[test]
    fn an_object_schema_is_completed() {
        for (text, expected) in [
            (
                r#"{"type":"object"}"#,
                r#"{"type":"object","properties":{}}"#,
            ),
            (
                r#"{"type":"object" , "description":"x" }"#,
                r#"{"type":"object" , "description":"x","properties":{}}"#,
            ),
            (r#"{"type":"object","properties":{"a":{}}}"#, ""),
            (r#"{"type":"array"}"#, ""),
            ("{}", ""),
        ] {
            let completed = Schema::of_text(text).completed();
            let expected = if expected.is_empty() { text } else { expected };
            assert_eq!(completed.text(), expected);
        }
        let nothing = Schema::nothing();
        assert_eq!(
            Schema::of_value(&nothing.to_value()).is_of_object(),
            nothing.is_of_object()
        );
        assert_eq!(nothing.clone().completed(), nothing);
        assert_eq!(nothing.to_value()["additionalProperties"], json!(false));
    }
}
