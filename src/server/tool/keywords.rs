//! Whether the keywords of a JSON Schema have values of their types (*JSON Schema 2020-12*). A schema that no
//! validator can read makes clients drop the tool, so it fails the build.

use serde_json::Value;

/// What a keyword takes.
enum Takes {
    Schema,
    Schemas,
    /// A list of schemas, or, as in older dialects, one.
    SchemaOrSchemas,
    SchemasByName,
    Names,
    Types,
    List,
    Text,
    Number,
    Count,
}

/// The types of JSON Schema.
const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

/// Keywords whose values have one type in every dialect.
fn takes(keyword: &str) -> Option<Takes> {
    Some(match keyword {
        "additionalProperties"
        | "propertyNames"
        | "contains"
        | "not"
        | "if"
        | "then"
        | "else"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "additionalItems" => Takes::Schema,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Takes::Schemas,
        "items" => Takes::SchemaOrSchemas,
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions" => {
            Takes::SchemasByName
        }
        "required" => Takes::Names,
        "type" => Takes::Types,
        "enum" | "examples" => Takes::List,
        "title" | "description" | "format" | "pattern" | "$ref" | "$schema" | "$anchor" => {
            Takes::Text
        }
        "minimum" | "maximum" | "multipleOf" => Takes::Number,
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
            Takes::Count
        }
        _ => return None,
    })
}

/// What is wrong with a schema, with its place; `None` if nothing is.
pub(crate) fn schema_fault(schema: &Value) -> Option<String> {
    fault_at(schema, "")
}

fn fault_at(schema: &Value, place: &str) -> Option<String> {
    match schema {
        Value::Object(keywords) => keywords.iter().find_map(|(keyword, value)| {
            let place = match place {
                "" => keyword.clone(),
                place => format!("{place}.{keyword}"),
            };
            keyword_fault(takes(keyword)?, value, &place)
        }),
        Value::Bool(_) => None,
        _ => Some(expected(
            place,
            "a schema: an object, or true or false",
            schema,
        )),
    }
}

fn keyword_fault(takes: Takes, value: &Value, place: &str) -> Option<String> {
    let unless = |is_so: bool, what: &str| (!is_so).then(|| expected(place, what, value));
    match takes {
        Takes::Schema => fault_at(value, place),
        Takes::Schemas => match value.as_array() {
            Some(schemas) => schemas_fault(schemas, place),
            None => unless(false, "an array of schemas"),
        },
        Takes::SchemaOrSchemas => match value.as_array() {
            Some(schemas) => schemas_fault(schemas, place),
            None => fault_at(value, place),
        },
        Takes::SchemasByName => match value.as_object() {
            Some(schemas) => schemas
                .iter()
                .find_map(|(name, schema)| fault_at(schema, &format!("{place}.{name}"))),
            None => unless(false, "an object of schemas"),
        },
        Takes::Names => unless(is_all(value, |name| name.is_string()), "an array of names"),
        Takes::Types => {
            let is_type = |kind: &Value| kind.as_str().is_some_and(|kind| TYPES.contains(&kind));
            let what = "one of the types array, boolean, integer, null, number, object and string, or an array of them";
            unless(is_type(value) || is_all(value, is_type), what)
        }
        Takes::List => unless(value.is_array(), "an array"),
        Takes::Text => unless(value.is_string(), "a string"),
        Takes::Number => unless(value.is_number(), "a number"),
        Takes::Count => {
            let is_count = |count: f64| count >= 0.0 && count.fract() == 0.0;
            unless(
                value.as_f64().is_some_and(is_count),
                "an integer of at least 0",
            )
        }
    }
}

fn schemas_fault(schemas: &[Value], place: &str) -> Option<String> {
    let mut numbered = schemas.iter().enumerate();
    numbered.find_map(|(at, schema)| fault_at(schema, &format!("{place}[{at}]")))
}

fn is_all(value: &Value, is_so: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(is_so))
}

fn expected(place: &str, what: &str, found: &Value) -> String {
    let place = if place.is_empty() { "the root" } else { place };
    format!("{place} must be {what}, not {found}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// FIELD S-21: a keyword of a wrong type is told with its place and with what is valid.
    #[test]
    fn a_keyword_has_a_value_of_its_type() {
        #[track_caller]
        fn check(schema: &Value, expected: &str) {
            let fault = schema_fault(schema).unwrap_or_default();
            assert_eq!(fault, expected, "{schema}");
        }
        let below = |property: Value| json!({"properties": {"a": property}});
        for (schema, fault) in [
            (
                json!({"required": "x"}),
                r#"required must be an array of names, not "x""#,
            ),
            (
                json!({"required": [1]}),
                "required must be an array of names, not [1]",
            ),
            (
                below(json!({"required": true})),
                "properties.a.required must be an array of names, not true",
            ),
            (
                json!({"properties": []}),
                "properties must be an object of schemas, not []",
            ),
            (
                below(json!("string")),
                r#"properties.a must be a schema: an object, or true or false, not "string""#,
            ),
            (
                json!({"items": 1}),
                "items must be a schema: an object, or true or false, not 1",
            ),
            (
                json!({"anyOf": {}}),
                "anyOf must be an array of schemas, not {}",
            ),
            (
                json!({"anyOf": [{}, {"minimum": "1"}]}),
                r#"anyOf[1].minimum must be a number, not "1""#,
            ),
            (json!({"enum": "a"}), r#"enum must be an array, not "a""#),
            (
                json!({"description": 1}),
                "description must be a string, not 1",
            ),
            (
                json!({"minLength": -1}),
                "minLength must be an integer of at least 0, not -1",
            ),
            (
                json!({"maxItems": 1.5}),
                "maxItems must be an integer of at least 0, not 1.5",
            ),
            (
                json!(1),
                "the root must be a schema: an object, or true or false, not 1",
            ),
        ] {
            check(&schema, fault);
        }
        for kind in [json!("text"), json!(1), json!(["string", "none"])] {
            let fault = schema_fault(&json!({"type": kind})).unwrap();
            assert!(
                fault.starts_with("type must be one of the types array"),
                "{fault}"
            );
        }
        for good in [
            json!({"type": ["string", "null"], "required": [], "maxLength": 2.0}),
            json!({"items": [{}, true], "additionalProperties": false, "exclusiveMinimum": true}),
            json!({"x-own": {"required": "x"}, "default": {"type": 1}, "const": {"items": 1}}),
            json!({"properties": {"required": {"type": "string"}}, "$id": "a://b"}),
        ] {
            check(&good, "");
        }
    }
}
