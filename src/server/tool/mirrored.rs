//! `x-mcp-header`: arguments of a tool that its calls repeat in headers, so that proxies can route
//! by them (SPEC D-45 to D-54). They are found once, when the tool gets its schema, and checked in each call.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::protocol::mirror::{Headers, MAX_INTEGER, ParamHeader, Scalar};
use crate::wire::json::{RawJson, integer};
use crate::wire::jsonrpc::ErrorObject;

const ANNOTATION: &str = "x-mcp-header";

/// The annotated properties of an input schema.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mirrored(Vec<Property>);

#[derive(Clone, Debug)]
struct Property {
    /// The names that lead to it from the arguments.
    path: Vec<String>,
    kind: Kind,
    header: ParamHeader,
}

/// The types whose values a header can carry. Not `number`: its texts do not compare exactly
/// (SPEC D-46, J-9).
#[derive(Clone, Copy, Debug)]
enum Kind {
    String,
    Integer,
    Boolean,
}

/// The value of a property in a call.
enum Found<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Boolean(bool),
}

impl Mirrored {
    /// Finds the annotations of a schema.
    ///
    /// # Errors
    ///
    /// Says which annotation breaks SPEC D-46. Clients have to ignore such a tool (SPEC D-47), so it cannot
    /// be registered.
    pub(crate) fn collect(schema: &Value) -> Result<Self, String> {
        let mut found = Self::default();
        found.visit(schema, &mut Vec::new())?;
        Ok(found)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks the headers of a call against its arguments. Headers without an annotation are ignored
    /// (SPEC D.3).
    ///
    /// # Errors
    ///
    /// -32602 for an argument that no header can carry, -32020 for a header that differs.
    pub(crate) fn check(
        &self,
        headers: Headers<'_>,
        arguments: RawJson<'_>,
    ) -> Result<(), ErrorObject> {
        // SPEC D.2: params are valid (step 16) before headers are compared with them (step 17).
        let values = self.0.iter().map(|property| property.read(arguments));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        for (property, value) in self.0.iter().zip(values) {
            let value = value.as_ref().map(Found::as_scalar);
            property.header.check(headers, value)?;
        }
        Ok(())
    }

    /// Visits a schema that is reached through `properties` alone.
    fn visit(&mut self, schema: &Value, path: &mut Vec<String>) -> Result<(), String> {
        let Some(schema) = schema.as_object() else {
            return Ok(());
        };
        if let Some(name) = schema.get(ANNOTATION) {
            self.add(Property::new(path.clone(), schema, name)?)?;
        }
        for (keyword, value) in schema {
            match (keyword.as_str(), value) {
                ("properties", Value::Object(properties)) => {
                    for (name, property) in properties {
                        path.push(name.clone());
                        self.visit(property, path)?;
                        path.pop();
                    }
                }
                // SPEC D-46: "reached only through `properties` chains".
                (keyword, value) if leads_to_annotation(keyword, value) => {
                    return Err(format!(
                        "{ANNOTATION} below {keyword:?} of {} does not name exactly one argument",
                        shown(path)
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// SPEC D-46: "unique ignoring case within the schema".
    fn add(&mut self, property: Property) -> Result<(), String> {
        let twin = self.0.iter().find(|other| other.header == property.header);
        if let Some(twin) = twin {
            let (one, other) = (shown(&twin.path), shown(&property.path));
            return Err(format!("{ANNOTATION} is the same for {one} and {other}"));
        }
        self.0.push(property);
        Ok(())
    }
}

impl Property {
    fn new(path: Vec<String>, schema: &Map<String, Value>, name: &Value) -> Result<Self, String> {
        let Some(header) = name.as_str().and_then(ParamHeader::new) else {
            return Err(format!(
                "{ANNOTATION} of {} must be a token: the rest of a header name",
                shown(&path)
            ));
        };
        let Some(kind) = schema.get("type").and_then(Kind::of_type) else {
            return Err(format!(
                "{ANNOTATION} of {} must have the type \"string\", \"integer\" or \"boolean\"",
                shown(&path)
            ));
        };
        Ok(Self { path, kind, header })
    }

    /// Its value in a call; `None` when it is null or absent, or an object on the way to it is.
    fn read<'a>(&self, arguments: RawJson<'a>) -> Result<Option<Found<'a>>, ErrorObject> {
        let mut names = self.path.iter();
        let value = names.try_fold(arguments, |holder, name| holder.optional(name));
        let Some(value) = value else {
            return Ok(None);
        };
        match self.kind.read(value) {
            Some(found) => Ok(Some(found)),
            None => Err(ErrorObject::invalid_params(format!(
                "the argument {} must be {}",
                shown(&self.path),
                self.kind.in_words()
            ))),
        }
    }
}

impl Kind {
    /// SPEC D-46: "type exactly `integer`, `string` or `boolean`", so no list of types either.
    fn of_type(name: &Value) -> Option<Self> {
        match name.as_str()? {
            "string" => Some(Self::String),
            "integer" => Some(Self::Integer),
            "boolean" => Some(Self::Boolean),
            _ => None,
        }
    }

    /// SPEC D-53: `"42"` is no integer, even if the header has `42`.
    fn read(self, value: RawJson<'_>) -> Option<Found<'_>> {
        match (self, value.as_bytes()) {
            (Self::String, _) => value.as_str().map(Found::Text),
            (Self::Integer, token) => read_integer(token).map(Found::Integer),
            (Self::Boolean, b"true") => Some(Found::Boolean(true)),
            (Self::Boolean, b"false") => Some(Found::Boolean(false)),
            (Self::Boolean, _) => None,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "an integer within ±(2^53 - 1)",
            Self::Boolean => "true or false",
        }
    }
}

impl Found<'_> {
    fn as_scalar(&self) -> Scalar<'_> {
        match self {
            Self::Text(text) => Scalar::Text(text),
            Self::Integer(integer) => Scalar::Integer(*integer),
            Self::Boolean(boolean) => Scalar::Boolean(*boolean),
        }
    }
}

/// SPEC D-50: integers that every client's number type holds. `42.0` is one by JSON Schema.
fn read_integer(token: &[u8]) -> Option<i64> {
    let integer = i64::try_from(integer(token).ok()?).ok()?;
    (-MAX_INTEGER..=MAX_INTEGER)
        .contains(&integer)
        .then_some(integer)
}

/// Whether a schema in the value of a keyword is annotated, or leads to one that is.
fn leads_to_annotation(keyword: &str, value: &Value) -> bool {
    match (keyword, value) {
        // These keywords hold values, and what looks like an annotation is a member of one.
        ("const" | "default" | "enum" | "examples", _) => false,
        // These keywords hold schemas by name, and the name may be that of the annotation.
        (
            "properties" | "patternProperties" | "dependentSchemas" | "dependencies" | "$defs"
            | "definitions",
            Value::Object(schemas),
        ) => schemas.values().any(is_annotated),
        _ => is_annotated(value),
    }
}

fn is_annotated(schema: &Value) -> bool {
    match schema {
        Value::Object(keywords) => keywords
            .iter()
            .any(|(keyword, value)| keyword == ANNOTATION || leads_to_annotation(keyword, value)),
        Value::Array(schemas) => schemas.iter().any(is_annotated),
        _ => false,
    }
}

fn shown(path: &[String]) -> String {
    if path.is_empty() {
        "the root".to_owned()
    } else {
        format!("`{}`", path.join("."))
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::McpService;
    use crate::server::item::Item;
    use crate::server::{Server, Tool};
    use crate::wire::header_value::encode;
    use crate::wire::version::ProtocolVersion;

    fn object(properties: Value) -> Value {
        json!({"type": "object", "properties": properties})
    }

    /// SPEC D-45, D-46, D-47, J-9: the registration table.
    #[test]
    fn annotations_are_checked_at_registration() {
        #[track_caller]
        fn check(schema: Value, expected: Result<&[&str], &str>) {
            let paths = Mirrored::collect(&schema).map(|found| {
                let paths = found.0.iter().map(|property| property.path.join("."));
                paths.collect::<Vec<_>>()
            });
            match (&paths, expected) {
                (Ok(paths), Ok(expected)) => assert_eq!(paths, expected),
                (Err(fault), Err(words)) => assert!(fault.contains(words), "{fault}"),
                _ => panic!("{schema}: {paths:?}"),
            }
        }
        #[track_caller]
        fn check_name(name: Value, expected: Result<&[&str], &str>) {
            check(
                object(json!({"a": {"type": "string", ANNOTATION: name}})),
                expected,
            );
        }
        #[track_caller]
        fn check_type(kind: Value, expected: Result<&[&str], &str>) {
            check(
                object(json!({"a": {"type": kind, ANNOTATION: "A"}})),
                expected,
            );
        }
        #[track_caller]
        fn check_below(keyword: &str, value: Value) {
            let words = format!("below {keyword:?} of the root");
            check(json!({"type": "object", keyword: value}), Err(&words));
            let words = format!("below {keyword:?} of `a.b`");
            let inner = object(json!({"b": {keyword: value}}));
            check(object(json!({"a": inner})), Err(&words));
        }
        let annotated = || json!({"type": "string", ANNOTATION: "A"});
        // Names.
        check_name(json!("Region"), Ok(&["a"]));
        check_name(json!("!#$%&'*+-.^_`|~0Az"), Ok(&["a"]));
        for name in [
            json!(""),
            json!("a b"),
            json!("a:"),
            json!("é"),
            json!("a\r\nb"),
        ] {
            check_name(name, Err("of `a` must be a token"));
        }
        for name in [json!(null), json!(1), json!(true), json!(["A"]), json!({})] {
            check_name(name, Err("of `a` must be a token"));
        }
        // Types.
        check_type(json!("string"), Ok(&["a"]));
        check_type(json!("integer"), Ok(&["a"]));
        check_type(json!("boolean"), Ok(&["a"]));
        for kind in ["number", "object", "array", "null", "String"] {
            check_type(json!(kind), Err("of `a` must have the type"));
        }
        check_type(json!(["string", "null"]), Err("of `a` must have the type"));
        check_type(json!(["string"]), Err("of `a` must have the type"));
        check(
            object(json!({"a": {ANNOTATION: "A"}})),
            Err("of `a` must have the type"),
        );
        check(
            json!({"type": "object", ANNOTATION: "A"}),
            Err("of the root must have the type"),
        );
        // Nested objects.
        let inner = object(json!({"b": annotated(), "c": {"type": "integer", ANNOTATION: "C"}}));
        check(object(json!({"a": inner})), Ok(&["a.b", "a.c"]));
        check(
            object(json!({"a": {"properties": {"b": annotated()}}})),
            Ok(&["a.b"]),
        );
        // Unique ignoring case, however deep.
        let same = json!({"type": "string", ANNOTATION: "a"});
        check(
            object(json!({"a": annotated(), "b": same})),
            Err("same for `a` and `b`"),
        );
        let inner = object(json!({"b": same}));
        check(
            object(json!({"a": annotated(), "b": inner})),
            Err("same for `a` and `b.b`"),
        );
        // Anywhere but in a chain of properties.
        for keyword in [
            "items",
            "contains",
            "not",
            "if",
            "then",
            "else",
            "additionalProperties",
            "unevaluatedProperties",
            "propertyNames",
            "contentSchema",
            "x-unknown",
        ] {
            check_below(keyword, annotated());
            check_below(keyword, object(json!({"p": annotated()})));
        }
        for keyword in ["oneOf", "anyOf", "allOf", "prefixItems", "items"] {
            check_below(keyword, json!([{"type": "null"}, annotated()]));
        }
        for keyword in [
            "$defs",
            "definitions",
            "patternProperties",
            "dependentSchemas",
        ] {
            check_below(keyword, json!({"p": annotated()}));
            check_below(keyword, json!({"properties": annotated()}));
            check_below(keyword, json!({"default": annotated()}));
        }
        // Beside a reference the annotation is the property's own.
        let property = json!({"$ref": "#/$defs/x", "type": "string", ANNOTATION: "A"});
        let defs = json!({"x": {"maxLength": 9}});
        check(
            json!({"type": "object", "properties": {"a": property}, "$defs": defs}),
            Ok(&["a"]),
        );
        // What is no annotation: a property of that name, and members of values.
        check(object(json!({ANNOTATION: {"type": "number"}})), Ok(&[]));
        check(object(json!({ANNOTATION: annotated()})), Ok(&[ANNOTATION]));
        check(
            json!({"type": "object", "$defs": {ANNOTATION: {"type": "number"}}}),
            Ok(&[]),
        );
        for keyword in ["const", "default"] {
            check(
                json!({"type": "object", keyword: {ANNOTATION: "A"}}),
                Ok(&[]),
            );
        }
        for keyword in ["enum", "examples"] {
            check(
                json!({"type": "object", keyword: [{ANNOTATION: "A"}]}),
                Ok(&[]),
            );
        }
        // No schema, and schemas that are no objects.
        check(json!({"type": "object"}), Ok(&[]));
        check(object(json!({"a": true, "b": {"properties": 1}})), Ok(&[]));
        check(json!(true), Ok(&[]));
    }

    fn lines(headers: &[(&str, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
            })
            .collect()
    }

    fn schema() -> Value {
        let place = object(json!({"region": {"type": "string", ANNOTATION: "Region"}}));
        object(json!({
            "place": place,
            "count": {"type": "integer", ANNOTATION: "Count"},
            "dry": {"type": "boolean", ANNOTATION: "Dry-Run"},
            "note": {"type": "string"},
        }))
    }

    /// What a call is answered: nothing, or a code and a text.
    fn answer(headers: &HeaderMap, arguments: &Value) -> Result<(), (i64, String)> {
        let mirrored = Mirrored::collect(&schema()).unwrap();
        let arguments = arguments.to_string();
        mirrored
            .check(Headers::new(headers), RawJson::of(arguments.as_bytes()))
            .map_err(|error| (error.code(), error.message().to_owned()))
    }

    /// SPEC D-38, D-48, D-49, D-50, D-51, D-53, D.3, J-8.
    #[test]
    fn calls_are_held_to_their_headers() {
        #[track_caller]
        fn check(arguments: Value, headers: &[(&str, &str)], expected: Option<(i64, &str)>) {
            match (answer(&lines(headers), &arguments), expected) {
                (Ok(()), None) => {}
                (Err((code, text)), Some((expected, words))) => {
                    assert_eq!(code, expected, "{text}");
                    assert!(text.contains(words), "{text}");
                }
                (answer, expected) => panic!("{arguments}: {answer:?}, expected {expected:?}"),
            }
        }
        // All there, all equal.
        check(
            json!({"place": {"region": "Zürich"}, "count": 42, "dry": false, "note": "x"}),
            &[
                ("Mcp-Param-Region", "=?base64?WsO8cmljaA==?="),
                ("mcp-param-count", "4.2e1"),
                ("MCP-PARAM-DRY-RUN", "false"),
            ],
            None,
        );
        // Nothing there: null and absent are alike, also when what holds it is not there.
        check(json!({}), &[], None);
        check(json!({"count": null, "place": null}), &[], None);
        check(json!({"place": {"region": null}}), &[], None);
        check(json!({"place": {}}), &[], None);
        check(json!({"place": "Zürich"}), &[], None);
        let region = Some((-32020, "mcp-param-region has no value in the body"));
        check(json!({}), &[("mcp-param-region", "a")], region);
        check(json!({}), &[("mcp-param-region", "")], region);
        check(json!({"place": null}), &[("mcp-param-region", "a")], region);
        check(json!({"region": "a"}), &[("mcp-param-region", "a")], region);
        // Missing.
        let missing = Some((-32020, "mcp-param-count is missing"));
        check(json!({"count": 0}), &[], missing);
        check(
            json!({"count": 0}),
            &[("count", "0"), ("mcp-param-dry", "true")],
            missing,
        );
        check(
            json!({"dry": false}),
            &[],
            Some((-32020, "mcp-param-dry-run is missing")),
        );
        // Different.
        let differs = Some((-32020, "mcp-param-count differs from the body"));
        check(json!({"count": 42}), &[("mcp-param-count", "43")], differs);
        check(json!({"count": 42}), &[("mcp-param-count", "+42")], differs);
        check(
            json!({"count": 42}),
            &[("mcp-param-count", "0x2a")],
            differs,
        );
        check(json!({"count": 42}), &[("mcp-param-count", "42.0")], None);
        check(json!({"count": 42.0}), &[("mcp-param-count", "42")], None);
        check(json!({"count": -0.0}), &[("mcp-param-count", "0")], None);
        let limit = json!({"count": 9007199254740991_i64});
        check(
            limit.clone(),
            &[("mcp-param-count", "9007199254740991")],
            None,
        );
        check(
            limit.clone(),
            &[("mcp-param-count", "9007199254740990")],
            differs,
        );
        check(limit, &[("mcp-param-count", "9007199254740992")], differs);
        check(
            json!({"place": {"region": "a"}}),
            &[("mcp-param-region", "a"), ("mcp-param-region", "a")],
            Some((-32020, "mcp-param-region is given more than once")),
        );
        check(
            json!({"place": {"region": "ü"}}),
            &[("mcp-param-region", "ü")],
            Some((-32020, "mcp-param-region is malformed")),
        );
        check(
            json!({"place": {"region": ""}}),
            &[("mcp-param-region", "")],
            None,
        );
        check(
            json!({"place": {"region": ""}}),
            &[("mcp-param-region", "=?base64??=")],
            None,
        );
        // Not annotated in this tool.
        check(
            json!({"note": "a"}),
            &[("mcp-param-note", "b"), ("mcp-param-zone", "c")],
            None,
        );
        // Arguments that no header could carry, whatever the header says.
        let wrong = Some((-32602, "`count` must be an integer within ±(2^53 - 1)"));
        for count in [
            json!("42"),
            json!(42.5),
            json!(true),
            json!([42]),
            json!({}),
            json!(9007199254740992_i64),
            json!(-9007199254740992_i64),
            json!(9007199254740992.0),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
        ] {
            let header = count.to_string();
            check(
                json!({"count": count}),
                &[("mcp-param-count", &header)],
                wrong,
            );
            check(json!({"count": count}), &[("mcp-param-count", "42")], wrong);
            check(json!({"count": count}), &[], wrong);
        }
        let wrong = Some((-32602, "`place.region` must be a string"));
        check(
            json!({"place": {"region": 1}}),
            &[("mcp-param-region", "1")],
            wrong,
        );
        let wrong = Some((-32602, "`dry` must be true or false"));
        check(
            json!({"dry": "true"}),
            &[("mcp-param-dry-run", "true")],
            wrong,
        );
        // Arguments first: the region's header is missing as well.
        check(json!({"dry": 1, "place": {"region": "a"}}), &[], wrong);
    }

    /// SPEC D-47: "fail fast".
    #[test]
    fn a_bad_annotation_fails_the_build() {
        let schema = object(json!({"a": {"type": "number", ANNOTATION: "A"}}));
        let tool = Tool::new("sum").input(schema);
        let server = Server::new("s", "1").tool(tool, async |_, _| "");
        let error = McpService::builder(server).build().unwrap_err();
        let text = format!("{error:?}");
        assert!(text.contains("sum") && text.contains("`a`"), "{text}");
    }

    /// SPEC D-45, D-54: "annotations appear verbatim in tools/list (also for legacy clients)".
    #[test]
    fn a_tool_keeps_its_schema_and_checks_its_calls() {
        let tool = Tool::new("t").input(schema());
        assert_eq!(tool.fault(), None);
        for version in [ProtocolVersion::V2024_11_05, ProtocolVersion::V2026_07_28] {
            assert_eq!(tool.to_value(version)["inputSchema"], schema());
        }
        let arguments = Map::from_iter([("count".to_owned(), json!(1))]).into();
        let check = |headers: &HeaderMap| tool.check_mirrored(Headers::new(headers), &arguments);
        assert_eq!(check(&lines(&[("mcp-param-count", "1")])), Ok(()));
        assert_eq!(check(&lines(&[])).unwrap_err().code(), -32020);
    }

    proptest! {
        /// SPEC D-32, D-48: what a client encodes from its arguments is what they are held to.
        #[test]
        fn what_a_client_mirrors_is_accepted(
            region: String,
            count in -MAX_INTEGER..=MAX_INTEGER,
            dry: bool,
            other: String,
        ) {
            let arguments = json!({"place": {"region": region}, "count": count, "dry": dry});
            let count = count.to_string();
            let headers = |region: &str| lines(&[
                ("mcp-param-region", &encode(region)),
                ("mcp-param-count", &count),
                ("mcp-param-dry-run", if dry { "true" } else { "false" }),
            ]);
            prop_assert_eq!(answer(&headers(&region), &arguments), Ok(()));
            prop_assert_eq!(answer(&headers(&other), &arguments).is_ok(), other == region);
        }
    }
}
