//! The schema of a form: what it may ask for, what 2025-06-18 holds of it, and which answers fit.

use serde_json::{Map, Value};

use super::secret::names_a_secret;

/// Why no client may be asked with this form; `None` if clients may (SPEC E-101, E-106).
pub(crate) fn form_fault(schema: &Value) -> Option<String> {
    if type_of(schema) != Some("object") {
        return Some("the schema of a form must have \"type\": \"object\" at its root".to_owned());
    }
    properties(schema).find_map(|(name, property)| {
        if !is_primitive(property) {
            Some(format!("the field {name:?} of a form must be a string, a number, an integer, a boolean or a choice"))
        } else if is_typed_in(property) && names_a_secret(name) {
            Some(format!("a form must not ask for the secret {name:?}: use `Elicitation::url`"))
        } else {
            None
        }
    })
}

/// The form as 2025-06-18 has it; `None` if that revision cannot express it (SPEC E-102).
pub(crate) fn plain_form(schema: &Value) -> Option<Value> {
    let mut plain = schema.clone();
    let object = plain.as_object_mut()?;
    object.remove("$schema");
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for property in properties.values_mut() {
            make_plain(property)?;
        }
    }
    Some(plain)
}

/// The content as handlers get it: without the fields that are `null`, and with integers where the form asks
/// for them. `None` if a required field is missing, or a value does not fit its property.
pub(crate) fn read_form(
    schema: &Value,
    mut content: Map<String, Value>,
) -> Option<Map<String, Value>> {
    content.retain(|_, value| !value.is_null());
    let required = list(schema, "required").into_iter().flatten();
    let mut required = required.filter_map(Value::as_str);
    if !required.all(|name| content.contains_key(name)) {
        return None;
    }
    for (name, value) in &mut content {
        let property = schema.get("properties").and_then(|all| all.get(name));
        let Some(property) = property else {
            continue;
        };
        if type_of(property) == Some("integer") {
            write_as_integer(value);
        }
        if !fits_property(property, value) {
            return None;
        }
    }
    Some(content)
}

/// JSON Schema takes every number without a fraction for an integer: `5.0`, `1e3`, `-0`. One that neither an
/// `i64` nor a `u64` holds stays as it is.
fn write_as_integer(value: &mut Value) {
    if !value.is_f64() {
        return;
    }
    let Some(number) = value.as_f64().filter(|number| number.fract() == 0.0) else {
        return;
    };
    // The display of a whole number has neither a fraction nor an exponent.
    let digits = format!("{:.0}", number + 0.0);
    if let Ok(integer) = digits.parse::<i64>() {
        *value = integer.into();
    } else if let Ok(integer) = digits.parse::<u64>() {
        *value = integer.into();
    }
}

fn is_integer(value: &Value) -> bool {
    !value.is_f64() && value.is_number()
        || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten()
}

fn type_of(property: &Value) -> Option<&str> {
    property.get("type")?.as_str()
}

fn list<'a>(value: &'a Value, key: &str) -> Option<&'a Vec<Value>> {
    value.get(key)?.as_array()
}

fn is_primitive(property: &Value) -> bool {
    match type_of(property) {
        Some("string" | "number" | "integer" | "boolean") => true,
        Some("array") => property
            .get("items")
            .is_some_and(|items| list(items, "enum").is_some() || list(items, "anyOf").is_some()),
        _ => false,
    }
}

/// Whether the person types the value rather than choosing it.
fn is_typed_in(property: &Value) -> bool {
    let is_choice = property.get("enum").is_some() || property.get("oneOf").is_some();
    !is_choice && matches!(type_of(property), Some("string" | "number" | "integer"))
}

/// A titled choice keeps its titles as `enumNames`, which mean the same.
fn make_plain(property: &mut Value) -> Option<()> {
    let property = property.as_object_mut()?;
    let kind = property.get("type").and_then(Value::as_str)?;
    if kind == "array" {
        return None;
    }
    if kind != "boolean" {
        property.remove("default");
    }
    if let Some(Value::Array(choices)) = property.remove("oneOf") {
        let values = choices.iter().map(|choice| choice["const"].clone());
        let titles = choices.iter().map(title_of);
        property.insert("enum".to_owned(), values.collect());
        property.insert("enumNames".to_owned(), titles.collect());
    }
    Some(())
}

fn title_of(choice: &Value) -> Value {
    choice
        .get("title")
        .unwrap_or_else(|| &choice["const"])
        .clone()
}

/// `format` is not checked: JSON Schema treats it as an annotation by default.
fn fits_property(property: &Value, value: &Value) -> bool {
    let is_kind = match type_of(property) {
        Some("string") => value
            .as_str()
            .is_some_and(|text| has_length(property, text)),
        Some("integer") => is_integer(value) && is_within(property, value),
        Some("number") => is_within(property, value),
        Some("boolean") => value.is_boolean(),
        Some("array") => value
            .as_array()
            .is_some_and(|values| is_choice_of_several(property, values)),
        _ => true,
    };
    is_kind && is_among_choices(property, value)
}

/// Whether a value is one of the choices, if there are any (SPEC E-102).
fn is_among_choices(property: &Value, value: &Value) -> bool {
    let is_titled = |choices: &Vec<Value>| {
        let mut values = choices.iter().filter_map(|one| one.get("const"));
        values.any(|one| is_same(one, value))
    };
    let is_listed = |choices: &Vec<Value>| choices.iter().any(|one| is_same(one, value));
    list(property, "enum").is_none_or(is_listed)
        && list(property, "oneOf").is_none_or(is_titled)
        && list(property, "anyOf").is_none_or(is_titled)
}

/// JSON Schema compares numbers by their value: `1` is `1.0`.
fn is_same(one: &Value, other: &Value) -> bool {
    let are_same_number = |one: &Value| Some(one.as_f64()? == other.as_f64()?);
    one == other || one.is_f64() != other.is_f64() && are_same_number(one) == Some(true)
}

fn is_choice_of_several(property: &Value, values: &[Value]) -> bool {
    let is_choice = |items: &Value| {
        let is_one = |value: &Value| value.is_string() && is_among_choices(items, value);
        values.iter().all(is_one)
    };
    counts(property, "minItems", "maxItems", values.len())
        && property.get("items").is_none_or(is_choice)
}

/// JSON Schema counts characters, not bytes.
fn has_length(property: &Value, text: &str) -> bool {
    counts(property, "minLength", "maxLength", text.chars().count())
}

fn counts(property: &Value, min: &str, max: &str, count: usize) -> bool {
    let bound = |key: &str| property.get(key)?.as_u64();
    let count = count as u64;
    bound(min).is_none_or(|min| min <= count) && bound(max).is_none_or(|max| count <= max)
}

fn is_within(property: &Value, value: &Value) -> bool {
    let Some(number) = value.as_f64() else {
        return false;
    };
    let bound = |key: &str| property.get(key)?.as_f64();
    bound("minimum").is_none_or(|min| min <= number)
        && bound("maximum").is_none_or(|max| number <= max)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// SPEC E-102, E-109, D-114: each kind of property, its choices and its bounds.
    #[test]
    fn a_value_must_fit_its_property() {
        #[track_caller]
        fn check(property: &Value, good: &[Value], bad: &[Value]) {
            for value in good {
                assert!(fits_property(property, value), "{value}");
            }
            for value in bad {
                assert!(!fits_property(property, value), "{value}");
            }
        }
        check(
            &json!({"type": "string", "minLength": 2, "maxLength": 3}),
            &[json!("ab"), json!("äöü")],
            &[json!("a"), json!("abcd"), json!(12), Value::Null],
        );
        check(
            &json!({"type": "integer", "minimum": 1, "maximum": 3}),
            &[json!(1), json!(3), json!(2.0)],
            &[json!(0), json!(4), json!(4.0), json!(2.5), json!("2")],
        );
        check(
            &json!({"type": "number", "minimum": -0.5, "maximum": 1.5}),
            &[json!(-0.5), json!(1), json!(1.5)],
            &[json!(-0.6), json!(2), json!("1"), json!(true)],
        );
        check(
            &json!({"type": "boolean"}),
            &[json!(true)],
            &[json!("true"), json!(1)],
        );
        let titled = json!([{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]);
        check(
            &json!({"type": "string", "oneOf": titled}),
            &[json!("a"), json!("b")],
            &[json!("A"), json!("c"), json!(1)],
        );
        check(
            &json!({"type": "string", "enum": ["a"], "enumNames": ["A"]}),
            &[json!("a")],
            &[json!("A")],
        );
        check(
            &json!({"type": "number", "enum": [1, 2.0, 2.5]}),
            &[json!(1), json!(1.0), json!(2), json!(2.5)],
            &[json!(3), json!(1.5)],
        );
        for items in [
            json!({"type": "string", "enum": ["a", "b"]}),
            json!({"anyOf": titled}),
        ] {
            check(
                &json!({"type": "array", "items": items, "minItems": 1, "maxItems": 2}),
                &[json!(["a"]), json!(["b", "a"])],
                &[
                    json!([]),
                    json!(["a", "b", "a"]),
                    json!(["c"]),
                    json!([1]),
                    json!("a"),
                ],
            );
        }
    }

    /// FIELD S-1, S-2, SPEC E-109: a handler finds an integer however the client wrote it, and no field that is `null`.
    #[test]
    fn an_integer_is_one_however_it_is_written() {
        let schema = json!({"type": "object", "required": ["n"], "properties": {
            "n": {"type": "integer"}, "x": {"type": "number"}, "name": {"type": "string"}}});
        let read = |content: &str| {
            let content = serde_json::from_str(content).unwrap();
            read_form(&schema, content).map(Value::from)
        };
        for (written, read_as) in [
            ("5.0", json!(5)),
            ("1e3", json!(1000)),
            ("-0", json!(0)),
            ("-0.0", json!(0)),
            ("-7e0", json!(-7)),
            ("9223372036854775807", json!(i64::MAX)),
            ("18446744073709551615", json!(u64::MAX)),
            // The float is just above the largest `u64`.
            ("18446744073709551616", json!(18446744073709551616_f64)),
            ("1e300", json!(1e300)),
        ] {
            let content = format!(r#"{{"n":{written}}}"#);
            assert_eq!(read(&content), Some(json!({ "n": read_as })), "{written}");
        }
        for refused in ["5.5", "1e-3", r#""5""#, "null", "true", "[]"] {
            assert_eq!(read(&format!(r#"{{"n":{refused}}}"#)), None, "{refused}");
        }
        assert_eq!(
            read(r#"{"n":1,"x":2.0,"name":null,"other":null}"#),
            Some(json!({"n": 1, "x": 2.0})),
            "a number stays as it is written"
        );
        assert_eq!(read(r#"{"name":"x"}"#), None);
    }
}
