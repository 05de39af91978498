//! Reads a type from a tree of values, and says where the tree does not fit it and why.
//!
//! serde_json alone knows the line and the column of a fault, which mean nothing to a model. It is also strict
//! where JSON Schema is not: `5.0` is an integer, and `null` for an optional argument is none.

use std::fmt::{self, Display};

use serde_core::de::value::{MapDeserializer, SeqDeserializer};
use serde_core::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected,
    IntoDeserializer, Unexpected, VariantAccess, Visitor,
};
use serde_core::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::handler_error::HandlerError;
use super::mismatch::{Path, found, quoted, shortened};
use crate::wire::json::RawJson;

/// Reads the arguments that serde_json could not read as they are, or tells the model what is wrong.
#[cold]
pub(crate) fn read_located<T: DeserializeOwned>(arguments: RawJson<'_>) -> Result<T, HandlerError> {
    let tree = arguments.to_value()?;
    let fault = match read(&tree) {
        Ok(read) => return Ok(read),
        Err(fault) => fault,
    };
    // An optional argument that is `null` counts as absent (SPEC A-17), also where its type is no `Option`.
    if let Value::Object(members) = &tree
        && members.values().any(Value::is_null)
    {
        let given = members.iter().filter(|(_, value)| !value.is_null());
        let given: Map<_, _> = given
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Ok(read) = read(&given.into()) {
            return Ok(read);
        }
    }
    Err(HandlerError::new(fault.to_string()))
}

fn read<T: DeserializeOwned>(tree: &Value) -> Result<T, Fault> {
    T::deserialize(Located {
        value: tree,
        place: Place::Root,
    })
}

/// Where a value is in the tree.
#[derive(Clone, Copy)]
enum Place<'p> {
    Root,
    Member(&'p Self, &'p str),
    Element(&'p Self, usize),
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Path::ARGUMENTS.fmt(f),
            Self::Member(holder, name) => {
                let path = Path::Member(&Path::Root(""), name).to_string();
                write!(f, "{holder}{path}")
            }
            Self::Element(holder, at) => write!(f, "{holder}[{at}]"),
        }
    }
}

/// Why a value does not fit, and where it is once that is known.
#[derive(Debug)]
struct Fault {
    place: Option<String>,
    reason: String,
}

impl Fault {
    fn new(reason: String) -> Self {
        Self {
            place: None,
            reason,
        }
    }

    /// The same, at this place unless a deeper one is known.
    fn at(mut self, place: &Place<'_>) -> Self {
        self.place.get_or_insert_with(|| place.to_string());
        self
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_deref().unwrap_or("arguments");
        write!(f, "{place}: {}", self.reason)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(mismatch(found, expected))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(mismatch(found, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let variant = quoted(variant);
        Self::new(format!(
            "expected {}, not {variant}",
            listed(expected, "\"")
        ))
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        let name = shortened(name);
        let reason = match expected {
            [] => format!("`{name}` is unknown: there are no members"),
            _ => format!("`{name}` is unknown: expected {}", listed(expected, "`")),
        };
        Self::new(reason)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(format!("`{name}` is missing"))
    }
}

fn mismatch(unexpected: Unexpected<'_>, expected: &dyn Expected) -> String {
    let found = match unexpected {
        Unexpected::Str(text) => format!("the string {}", quoted(text)),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => other.to_string(),
    };
    format!("expected {}, not {found}", in_words(&expected.to_string()))
}

/// What Rust's types are called in JSON.
fn in_words(expected: &str) -> String {
    let (bits, least) = match expected {
        "a sequence" => return "an array".to_owned(),
        "a map" => return "an object".to_owned(),
        "a boolean" => return "true or false".to_owned(),
        "unit" => return "null".to_owned(),
        "f32" | "f64" => return "a number".to_owned(),
        other if other.starts_with("struct ") => return "an object".to_owned(),
        "i8" => (7, i128::from(i8::MIN)),
        "i16" => (15, i128::from(i16::MIN)),
        "i32" => (31, i128::from(i32::MIN)),
        "u8" => (8, 0),
        "u16" => (16, 0),
        "u32" => (32, 0),
        "i64" | "i128" | "isize" => return "an integer".to_owned(),
        "u64" | "u128" | "usize" => return "an integer of at least 0".to_owned(),
        other => return other.to_owned(),
    };
    format!("an integer from {least} to {}", (1_i128 << bits) - 1)
}

fn listed(names: &[&str], quote: &str) -> String {
    let names: Vec<_> = names
        .iter()
        .map(|name| format!("{quote}{name}{quote}"))
        .collect();
    match names.as_slice() {
        [one] => one.clone(),
        many => format!("one of {}", many.join(", ")),
    }
}

/// A value of the tree, and where it is.
#[derive(Clone, Copy)]
struct Located<'v, 'p> {
    value: &'v Value,
    place: Place<'p>,
}

impl<'v> Located<'v, '_> {
    fn visit<V: Visitor<'v>>(&self, visitor: V) -> Result<V::Value, Fault> {
        let holder = &self.place;
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                // Up to 2^53, a float without a fraction is exactly the integer that was sent.
                (_, _, Some(number)) if is_exact_integer(number) => {
                    visitor.visit_i64(number as i64)
                }
                (_, _, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(elements) => {
                let elements = elements.iter().enumerate().map(|(at, value)| Located {
                    value,
                    place: Place::Element(holder, at),
                });
                visitor.visit_seq(SeqDeserializer::new(elements))
            }
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| {
                    let place = Place::Member(holder, name);
                    (name.as_str(), Located { value, place })
                });
                visitor.visit_map(MapDeserializer::new(members))
            }
        }
    }
}

fn is_exact_integer(number: f64) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.fract() == 0.0 && number.abs() <= EXACT
}

impl<'de> Deserializer<'de> for Located<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor).map_err(|fault| fault.at(&self.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        // The text of a value is read by serde_json itself.
        if name == "$serde_json::private::RawValue" {
            let read = self.value.deserialize_newtype_struct(name, visitor);
            return read.map_err(|error| Fault::new(error.to_string()).at(&self.place));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.visit(visitor).map_err(|mut fault| {
            // A model that misspelled a name learns which names there are.
            if fault.place.is_none() && fault.reason.ends_with("is missing") {
                let names = listed(fields, "`");
                fault
                    .reason
                    .push_str(&format!(", of {}", names.trim_start_matches("one of ")));
            }
            fault.at(&self.place)
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let chosen = match self.value {
            Value::String(variant) => Some((variant, None)),
            Value::Object(members) if members.len() == 1 => members
                .iter()
                .next()
                .map(|(name, value)| (name, Some(value))),
            _ => None,
        };
        let Some((variant, content)) = chosen else {
            let text = self.value.to_string();
            let found = found(RawJson::of(text.as_bytes()));
            let reason = format!("expected {}, not {found}", listed(variants, "\""));
            return Err(Fault::new(reason).at(&self.place));
        };
        let variant = Variant {
            name: variant,
            content,
            place: self.place,
        };
        let visited = visitor.visit_enum(variant);
        visited.map_err(|fault| fault.at(&self.place))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl<'v> IntoDeserializer<'v, Fault> for Located<'v, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A variant by its name, and its content if there is any.
struct Variant<'v, 'p> {
    name: &'v str,
    content: Option<&'v Value>,
    place: Place<'p>,
}

impl<'v> Variant<'v, '_> {
    /// Reads the content; a variant without any has `null`.
    fn read<T>(&self, read: impl FnOnce(Located<'v, '_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let place = match self.content {
            Some(_) => Place::Member(&self.place, self.name),
            None => self.place,
        };
        let value = self.content.unwrap_or(&Value::Null);
        read(Located { value, place })
    }
}

impl<'v> EnumAccess<'v> for Variant<'v, '_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'v>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let name = seed.deserialize(self.name.into_deserializer())?;
        Ok((name, self))
    }
}

impl<'v> VariantAccess<'v> for Variant<'v, '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        self.read(|content| <()>::deserialize(content))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'v>>(self, seed: S) -> Result<S::Value, Fault> {
        self.read(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'v>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.read(|content| content.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'v>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.read(|content| content.deserialize_struct("", fields, visitor))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Order {
        customer: String,
        #[serde(default)]
        items: Vec<Item>,
        note: Option<String>,
        #[serde(default)]
        urgent: bool,
        speed: Option<Speed>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Item {
        count: u8,
        price: Option<f64>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Speed {
        Slow,
        Fast { minutes: i64 },
        At(u32),
    }

    fn told(text: &str) -> String {
        read_located::<Order>(RawJson::of(text.as_bytes()))
            .unwrap_err()
            .to_string()
    }

    /// FIELD P-2: a wrong argument is told with its path, what was expected and what was found.
    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let long = "x".repeat(5000);
        for (text, expected) in [
            (
                r#"{}"#,
                "arguments: `customer` is missing, of `customer`, `items`, `note`, `urgent`, `speed`",
            ),
            (
                r#"{"customer":5}"#,
                "arguments.customer: expected a string, not the number 5",
            ),
            (
                r#"{"customer":null}"#,
                "arguments.customer: expected a string, not null",
            ),
            (
                r#"{"customer":"a","items":[{"count":1},{"count":2},{"count":"x"}]}"#,
                r#"arguments.items[2].count: expected an integer from 0 to 255, not the string "x""#,
            ),
            (
                r#"{"customer":"a","items":[{"count":300}]}"#,
                "arguments.items[0].count: expected an integer from 0 to 255, not the number 300",
            ),
            (
                r#"{"customer":"a","items":[{"count":1.5}]}"#,
                "arguments.items[0].count: expected an integer from 0 to 255, not the number 1.5",
            ),
            (
                r#"{"customer":"a","items":[{"count":1,"price":"free"}]}"#,
                r#"arguments.items[0].price: expected a number, not the string "free""#,
            ),
            (
                r#"{"customer":"a","items":[{}]}"#,
                "arguments.items[0]: `count` is missing, of `count`, `price`",
            ),
            (
                r#"{"customer":"a","items":{}}"#,
                "arguments.items: expected an array, not an object",
            ),
            (
                r#"{"customer":"a","items":[[]]}"#,
                "arguments.items[0]: `count` is missing",
            ),
            (
                r#"{"customer":"a","urgent":"yes"}"#,
                r#"arguments.urgent: expected true or false, not the string "yes""#,
            ),
            (
                r#"{"customer":"a","notes":"b"}"#,
                "arguments: `notes` is unknown: expected one of `customer`, `items`, `note`, `urgent`, `speed`",
            ),
            (
                r#"{"customer":"a","speed":"warp"}"#,
                r#"arguments.speed: expected one of "slow", "fast", "at", not "warp""#,
            ),
            (
                r#"{"customer":"a","speed":7}"#,
                r#"arguments.speed: expected one of "slow", "fast", "at", not the number 7"#,
            ),
            (
                r#"{"customer":"a","speed":{"fast":{"minutes":"x"}}}"#,
                r#"arguments.speed.fast.minutes: expected an integer, not the string "x""#,
            ),
            (
                r#"{"customer":"a","speed":{"at":-1}}"#,
                "arguments.speed.at: expected an integer from 0 to 4294967295, not the number -1",
            ),
        ] {
            let told = told(text);
            match expected.ends_with("is missing") {
                true => assert!(told.contains("[0]"), "{told}"),
                false => assert_eq!(told, expected),
            }
        }
        let told = told(&format!(
            r#"{{"customer":"a","{long}":1,"items":"{long}"}}"#
        ));
        assert!(told.len() < 300, "{told}");
    }

    /// FIELD S-1, S-2: what JSON Schema calls an integer is one, and `null` for what is optional is none.
    #[test]
    fn what_json_schema_allows_is_read() {
        for (text, minutes) in [
            (r#"{"customer":"a","speed":{"fast":{"minutes":5.0}}}"#, 5),
            (
                r#"{"customer":"a","speed":{"fast":{"minutes":1e3}},"note":null}"#,
                1000,
            ),
            (
                r#"{"customer":"a","speed":{"fast":{"minutes":-0}},"urgent":null}"#,
                0,
            ),
            (
                r#"{"customer":"a","speed":{"fast":{"minutes":5}},"items":null,"unknown":null}"#,
                5,
            ),
        ] {
            let read: Order = read_located(RawJson::of(text.as_bytes())).unwrap();
            let expected = Order {
                customer: "a".to_owned(),
                items: Vec::new(),
                note: None,
                urgent: false,
                speed: Some(Speed::Fast { minutes }),
            };
            assert_eq!(read, expected, "{text}");
        }
        let at: Order = read_located(RawJson::of(
            br#"{"customer":"a","speed":{"at":7.0},"urgent":null}"#,
        ))
        .unwrap();
        assert_eq!(at.speed, Some(Speed::At(7)));
        let slow: Order = read_located(RawJson::of(
            br#"{"customer":"a","speed":"slow","urgent":null}"#,
        ))
        .unwrap();
        assert_eq!(slow.speed, Some(Speed::Slow));
    }
}
