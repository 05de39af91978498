//! The JSON Schema of a type, in the form that clients in use take.

use schemars::JsonSchema;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::Value;

/// The schema of what the client sends.
pub(crate) fn schema_of_input<T: JsonSchema>() -> Value {
    let mut schema = generate::<T>(Contract::Deserialize);
    tidy(&mut schema, Nulls::Absent);
    schema
}

/// The schema of what the handler returns.
pub(crate) fn schema_of_output<T: JsonSchema>() -> Value {
    let mut schema = generate::<T>(Contract::Serialize);
    tidy(&mut schema, Nulls::Sent);
    schema
}

fn generate<T: JsonSchema>(contract: Contract) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
        settings.contract = contract;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    if let Some(keywords) = schema.as_object_mut() {
        // The name of the Rust type.
        keywords.remove("title");
    }
    schema
}

/// Whether `null` says what its absence says.
#[derive(Clone, Copy, PartialEq)]
enum Nulls {
    /// In arguments: an optional one may be left out.
    Absent,
    /// In results: serde writes `null`.
    Sent,
}

fn tidy(schema: &mut Value, nulls: Nulls) {
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    let is_string = keywords.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "string"),
        kind => kind == "string",
    });
    if !is_string {
        // Such as `uint32` and `double`, which are of OpenAPI and Rust, and no validator knows.
        keywords.remove("format");
    }
    let required = keywords.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| {
        let names = required.as_array().into_iter().flatten();
        names
            .filter_map(Value::as_str)
            .any(|required| required == name)
    };
    for (keyword, value) in keywords.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties.iter_mut() {
                    if nulls == Nulls::Absent && !is_required(name) {
                        drop_null(property);
                    }
                    tidy(property, nulls);
                }
            }
            ("$defs" | "patternProperties", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|schema| tidy(schema, nulls));
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| tidy(schema, nulls));
            }
            ("items" | "additionalProperties" | "not", schema) => tidy(schema, nulls),
            _ => {}
        }
    }
}

/// Takes `null` out of what a property may be: some hosts take neither a list of types nor a choice with
/// `null`.
fn drop_null(property: &mut Value) {
    let Some(keywords) = property.as_object_mut() else {
        return;
    };
    if keywords.get("default").is_some_and(Value::is_null) {
        keywords.remove("default");
    }
    if let Some(Value::Array(kinds)) = keywords.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            keywords.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(values)) = keywords.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(choices)) = keywords.get_mut("anyOf") else {
        return;
    };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        keywords.remove("anyOf");
        // A comment on the field says more than that of its type.
        for (keyword, value) in only {
            keywords.entry(keyword).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Order {
        /// Who pays
        zulu: String,
        count: u32,
        note: Option<String>,
        ratio: Option<f64>,
        /// How soon
        speed: Option<Speed>,
        item: Item,
        more: Option<Item>,
        #[serde(default)]
        tags: BTreeMap<String, i64>,
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Speed {
        Slow,
        Fast,
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Item {
        size: i8,
    }

    /// FIELD P-2, S-8: what hosts take, in the order of the fields.
    #[test]
    fn a_schema_is_what_clients_take() {
        let item = json!({"type": "object", "properties": {
            "size": {"type": "integer", "minimum": -128, "maximum": 127}}, "required": ["size"]});
        let expected = json!({"type": "object", "properties": {
            "zulu": {"type": "string", "description": "Who pays"},
            "count": {"type": "integer", "minimum": 0},
            "note": {"type": "string"},
            "ratio": {"type": "number"},
            "speed": {"type": "string", "enum": ["slow", "fast"], "description": "How soon"},
            "item": item,
            "more": item,
            "tags": {"type": "object", "additionalProperties": {"type": "integer"}, "default": {}},
        }, "required": ["zulu", "count", "item"]});
        let input = schema_of_input::<Order>();
        assert_eq!(input, expected, "{input}");
        let text = input.to_string();
        let place = |name: &str| text.find(&format!("\"{name}\":{{")).unwrap();
        assert!(
            place("zulu") < place("count") && place("count") < place("item"),
            "{text}"
        );
        let output = schema_of_output::<Order>();
        for name in ["note", "ratio", "speed", "more"] {
            assert!(
                output["properties"][name].to_string().contains("null"),
                "{output}"
            );
        }
        for text in [text, output.to_string()] {
            for word in ["$ref", "$defs", "$schema", "title", "format"] {
                assert!(!text.contains(&format!("\"{word}\"")), "{text}");
            }
        }
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Tree {
        children: Vec<Self>,
    }

    /// A type that contains itself can only be told with a reference.
    #[test]
    fn a_recursive_type_keeps_its_reference() {
        let schema = schema_of_input::<Tree>();
        assert_eq!(schema["type"], "object");
        assert!(schema.to_string().contains("\"$ref\""), "{schema}");
    }
}
