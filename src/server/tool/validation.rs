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

    /// Checks a value, which messages call `root`.
    ///
    /// # Errors
    ///
    /// The first faults, each on a line with the path of what is wrong.
    pub(crate) fn check(&self, root: &str, value: &Value) -> Result<(), String> {
        let mut faults = String::new();
        for error in self.0.iter_errors(value).take(MAX_FAULTS) {
            if !faults.is_empty() {
                faults.push('\n');
            }
            let path = path(root, error.instance_path());
            let fault = shortened(error.masked_with("this").to_string());
            let _ = write!(faults, "{path}: {fault}");
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
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
            let checked = validator.check("arguments", &value);
            assert_eq!(checked, expected.map_err(str::to_owned), "{value}");
        }
    }

    /// What a peer sends does not make a message long: neither many faults nor long names.
    #[test]
    fn faults_are_few_and_short() {
        let schema = json!({"additionalProperties": false, "items": {"type": "string"}});
        let validator = Validator::compile(&schema).unwrap();
        let long = Value::from_iter([("é".repeat(100_000), 1)]);
        let many = Value::from_iter(vec![1; 100_000]);
        for value in [long, many] {
            let faults = validator.check("arguments", &value).unwrap_err();
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
