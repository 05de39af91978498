//! The feature `validation`: [`Validator`] holds a value to a JSON Schema.

use std::fmt::{self, Write};
use std::sync::Arc;

use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;

use crate::server::mismatch::Path;

/// How many faults of one value are told. A model acts on the first ones.
const MAX_FAULTS: usize = 5;

/// How many characters of one fault are told: it may name what the peer has sent.
const MAX_CHARS: usize = 200;

/// How many bytes a value may have so that its faults are looked for. The library keeps every fault of a value
/// with its whole path, so a long value with long names would take their product in memory.
const MAX_LEN: usize = 16 * 1024;

/// How many bytes the names of such a value may have.
const MAX_NAME: usize = 256;

/// A JSON Schema, compiled once (JSON Schema 2020-12, or the draft that it names).
#[derive(Clone)]
pub(crate) struct Validator(Arc<jsonschema::Validator>);

impl Validator {
    /// Compiles a schema. Nothing is fetched for it.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where in the schema.
    pub(crate) fn compile(schema: &Value) -> Result<Self, String> {
        match jsonschema::validator_for(schema) {
            Ok(validator) => Ok(Self(Arc::new(validator))),
            Err(error) => {
                let place = path("schema", error.instance_path());
                Err(format!("{place}: {}", shortened(error.to_string())))
            }
        }
    }

    /// Checks a value, which messages call `root`, and whose text has `len` bytes.
    ///
    /// # Errors
    ///
    /// The first faults, each on a line with the path of what is wrong. Of a long value it is told only that
    /// there are some.
    pub(crate) fn check(&self, root: &str, value: &Value, len: usize) -> Result<(), String> {
        if self.0.is_valid(value) {
            return Ok(());
        }
        if len > MAX_LEN || has_long_name(value) {
            return Err(format!(
                "{root}: this does not fit the schema, and is too long to say where"
            ));
        }
        Err(self.faults(root, value))
    }

    fn faults(&self, root: &str, value: &Value) -> String {
        let mut faults = String::new();
        for error in self.0.iter_errors(value).take(MAX_FAULTS) {
            if !faults.is_empty() {
                faults.push('\n');
            }
            let path = path(root, error.instance_path());
            let fault = shortened(error.masked_with("this").to_string());
            let _ = write!(faults, "{path}: {fault}");
        }
        faults
    }
}

fn has_long_name(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_long_name),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.len() > MAX_NAME || has_long_name(value)),
        _ => false,
    }
}

/// The path of a place in a value: `arguments.items[2].count`.
fn path(root: &str, place: &Location) -> String {
    let mut path = root.to_owned();
    for segment in place.segments() {
        let _ = match segment {
            LocationSegment::Index(index) => write!(path, "[{index}]"),
            LocationSegment::Property(name) => {
                write!(path, "{}", Path::Member(&Path::Root(""), &name))
            }
        };
    }
    path
}

fn shortened(mut fault: String) -> String {
    if let Some((end, _)) = fault.char_indices().nth(MAX_CHARS) {
        fault.truncate(end);
        fault.push('…');
    }
    fault
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

/// Two validators are compared by the texts of their schemas.
impl PartialEq for Validator {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// FIELD S-4: a fault has the path of what is wrong, and says what is expected.
    #[test]
    fn a_fault_says_where_and_what() {
        let schema = json!({
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"count": {"type": "integer", "minimum": 1}},
                }},
                "odd name": {"enum": ["a", "b"]},
                "maybe": {"type": ["string", "null"]},
            },
            "required": ["items"],
            "additionalProperties": false,
        });
        let validator = Validator::compile(&schema).unwrap();
        for (value, expected) in [
            (json!({"items": []}), Ok(())),
            (json!({"items": [{"count": 5.0}], "maybe": null}), Ok(())),
            (
                json!({}),
                Err("arguments: \"items\" is a required property"),
            ),
            (
                json!({"items": [{}, {"count": "x"}]}),
                Err("arguments.items[1].count: this is not of type \"integer\""),
            ),
            (
                json!({"items": [{"count": 0}]}),
                Err("arguments.items[0].count: this is less than the minimum of 1"),
            ),
            (
                json!({"items": [], "odd name": "c"}),
                Err("arguments[\"odd name\"]: this is not one of \"a\" or \"b\""),
            ),
            (
                json!({"items": [], "x": 1}),
                Err("arguments: Additional properties are not allowed ('x' was unexpected)"),
            ),
        ] {
            let len = value.to_string().len();
            let checked = validator.check("arguments", &value, len);
            assert_eq!(checked, expected.map_err(str::to_owned), "{value}");
        }
    }

    /// What a peer sends does not make a message long: neither many faults nor long names.
    #[test]
    fn faults_are_few_and_short() {
        let strings = json!({"type": "array", "items": {"type": "string"}});
        let schema = json!({"additionalProperties": strings, "items": {"type": "string"}});
        let validator = Validator::compile(&schema).unwrap();
        let named = |name: usize, items: usize| {
            Value::from_iter([("é".repeat(name), Value::from(vec![1; items]))])
        };
        let long = "arguments: this does not fit the schema, and is too long to say where";
        for (value, is_long) in [
            (named(1, 1), false),
            (named(MAX_NAME / 2, 5_000), false),
            (named(MAX_NAME / 2 + 1, 1), true),
            // A fault for each item, with its whole path, would take a gigabyte.
            (named(1_000_000, 1_000), true),
            (vec![1; 8_000].into(), false),
            (vec![1; 100_000].into(), true),
        ] {
            let len = value.to_string().len();
            let faults = validator.check("arguments", &value, len).unwrap_err();
            assert_eq!(faults == long, is_long, "{faults}");
            assert!(faults.len() < 3_000, "{}", faults.len());
            assert!(faults.lines().count() <= MAX_FAULTS, "{faults}");
        }
    }

    #[test]
    fn a_schema_that_is_none_says_where_it_is_wrong() {
        for (schema, says) in [
            (
                json!({"properties": {"a": {"type": "strnig"}}}),
                "schema.properties.a",
            ),
            (
                json!({"properties": {"a": {"pattern": "("}}}),
                "schema.properties.a.pattern",
            ),
            (
                json!({"$ref": "https://example.com/schema.json"}),
                "https://example.com/schema.json",
            ),
        ] {
            let fault = Validator::compile(&schema).unwrap_err();
            assert!(fault.contains(says), "{fault}");
        }
    }
}
