//! Elicitation: a question to the person at the client. SPEC E-101 to E-109.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::uri_template::is_absolute_uri;
use crate::transport::dispatch::request_error::RequestError;
use crate::wire::version::ProtocolVersion;

/// A question to the person at the client (SPEC E-101, E-103). From 2025-06-18 on.
///
/// Never ask for secrets in a form: use [`Elicitation::url`] (SPEC E-106).
#[derive(Clone, Debug)]
pub struct Elicitation {
    message: String,
    kind: Kind,
    key: Option<String>,
}

#[derive(Clone, Debug)]
enum Kind {
    Form(Value),
    Url(String),
}

/// What the person did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Elicited {
    /// Gave this; it fits the schema of the form.
    Accepted(Map<String, Value>),
    /// Said no.
    Declined,
    /// Went away without a choice.
    Cancelled,
}

impl Elicitation {
    /// A form. `schema` is a flat object of primitives: `{"type": "object", "properties": {…}}`.
    ///
    /// A property is a string, a number, an integer, a boolean, or a choice: `enum`, `oneOf` of
    /// `{const, title}`, or an `array` whose `items` are such a choice (with `anyOf`) for several.
    /// For 2025-06-18, defaults other than a boolean's are left out and titled choices become
    /// `enumNames`; it has no choice of several, so such a form is not offered there (SPEC E-102).
    ///
    /// Asking fails with [`RequestError::Faulty`] when the schema is something else, or when a field
    /// to be typed in is named like a secret: `password`, `client_secret`, `apiKey`, `access_token`
    /// and their like, by the last words of the name (SPEC E-106).
    pub fn form(message: impl Into<String>, schema: Value) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Form(schema),
            key: None,
        }
    }

    /// A page to visit, for what must not pass through the client. From 2025-11-25 on.
    ///
    /// Asking fails with [`RequestError::Faulty`] when it is no absolute `https` or `http` URL;
    /// `http` is for development (SPEC E-103). Put nothing of the person into the URL, nor anything
    /// that signs its visitor in (SPEC E-107), and check who visits it (SPEC E-108).
    pub fn url(message: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Url(url.into()),
            key: None,
        }
    }

    /// The key of the question in `inputRequests` of 2026-07-28, by which the client gives its
    /// answer. Default `elicitation`, with a number when a handler asks several.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(super) fn key_or_default(&self) -> &str {
        self.key.as_deref().unwrap_or("elicitation")
    }

    /// The params for a client that declared this of `elicitation` (SPEC E-95): an empty capability
    /// means forms only, `null` means nothing.
    pub(super) fn params(
        &self,
        version: ProtocolVersion,
        declared: &Value,
    ) -> Result<Value, RequestError> {
        if let Some(fault) = self.fault() {
            return Err(RequestError::Faulty(fault));
        }
        let declared = declared.as_object().filter(|_| version.has_elicitation());
        let params = declared.and_then(|declared| match &self.kind {
            Kind::Form(schema) => {
                let offered = declared.contains_key("form") || !declared.contains_key("url");
                self.form_params(schema, version).filter(|_| offered)
            }
            Kind::Url(url) => {
                let offered = version.has_elicitation_modes() && declared.contains_key("url");
                offered.then(|| self.url_params(url, version))
            }
        });
        let visits = declared.is_some_and(|declared| declared.contains_key("url"));
        params.ok_or_else(|| RequestError::not_offered(self.needed(visits)))
    }

    /// What a client has to declare to be asked; one that `visits` pages has to name forms too.
    fn needed(&self, visits: bool) -> Value {
        match &self.kind {
            Kind::Form(_) if visits => json!({"elicitation": {"form": {}}}),
            Kind::Form(_) => json!({"elicitation": {}}),
            Kind::Url(_) => json!({"elicitation": {"url": {}}}),
        }
    }

    /// Why it may not be asked of any client.
    fn fault(&self) -> Option<String> {
        match &self.kind {
            Kind::Form(schema) => form_fault(schema),
            Kind::Url(url) if is_web_url(url) => None,
            Kind::Url(_) => Some("the URL is not absolute, or not of the web".to_owned()),
        }
    }

    /// `None` when the revision has no such form.
    fn form_params(&self, schema: &Value, version: ProtocolVersion) -> Option<Value> {
        if version.has_elicitation_modes() {
            return Some(
                json!({"mode": "form", "message": self.message, "requestedSchema": schema}),
            );
        }
        let schema = plain_form(schema)?;
        Some(json!({"message": self.message, "requestedSchema": schema}))
    }

    fn url_params(&self, url: &str, version: ProtocolVersion) -> Value {
        let mut params = json!({"mode": "url", "message": self.message, "url": url});
        if version.has_elicitation_ids() {
            params["elicitationId"] = Uuid::new_v4().simple().to_string().into();
        }
        params
    }

    /// Reads the answer; `None` when it is malformed or does not fit the form (SPEC E-109, D-114).
    pub(super) fn read(&self, answer: &Value) -> Option<Elicited> {
        match answer.get("action")?.as_str()? {
            "decline" => Some(Elicited::Declined),
            "cancel" => Some(Elicited::Cancelled),
            "accept" => {
                let content = match answer.get("content") {
                    Some(content) => content.as_object()?.clone(),
                    None => Map::new(),
                };
                match &self.kind {
                    Kind::Form(schema) if !fits_form(schema, &content) => None,
                    _ => Some(Elicited::Accepted(content)),
                }
            }
            _ => None,
        }
    }
}

/// "The url parameter MUST contain a valid URL": one that a browser opens.
fn is_web_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let is_of_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    is_of_web && !host.is_empty() && is_absolute_uri(url)
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

/// SPEC E-101, E-106: what is wrong with a form, if anything.
fn form_fault(schema: &Value) -> Option<String> {
    if type_of(schema) != Some("object") {
        return Some("a form has \"type\": \"object\"".to_owned());
    }
    properties(schema).find_map(|(name, property)| {
        if !is_primitive(property) {
            Some(format!("the field {name:?} of a form is no primitive"))
        } else if is_typed_in(property) && names_a_secret(name) {
            Some(format!("a form may not ask for {name:?}"))
        } else {
            None
        }
    })
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

/// Whether the person types the value, where others only choose.
fn is_typed_in(property: &Value) -> bool {
    let is_choice = property.get("enum").is_some() || property.get("oneOf").is_some();
    !is_choice && matches!(type_of(property), Some("string" | "number" | "integer"))
}

/// SPEC E-106, by the last words of the name: `access_token` is a secret, `token_count` is none.
fn names_a_secret(name: &str) -> bool {
    const SECRETS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "secret",
        "token",
        "credential",
        "credentials",
        "apikey",
        "api_key",
        "access_key",
        "private_key",
        "secret_key",
        "cvv",
        "cvc",
    ];
    let name = words(name);
    SECRETS.iter().any(|secret| {
        name.strip_suffix(secret)
            .is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

/// A name in lower case, its words joined by `_`: `newAPIKey2` and `new-api.key` are `new_api_key`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut chars = name.chars().peekable();
    let mut last = '_';
    while let Some(c) = chars.next() {
        let is_last_of_capitals = chars.peek().is_some_and(|next| next.is_lowercase());
        let starts_word = c.is_uppercase() && (!last.is_uppercase() || is_last_of_capitals);
        if (starts_word || !c.is_alphanumeric()) && !words.is_empty() && !words.ends_with('_') {
            words.push('_');
        }
        if c.is_alphanumeric() {
            words.extend(c.to_lowercase());
        }
        last = c;
    }
    let end = words.trim_end_matches(|c: char| c == '_' || c.is_ascii_digit());
    words.truncate(end.len());
    words
}

/// The form in 2025-06-18, or `None` when it cannot hold it (SPEC E-102).
fn plain_form(schema: &Value) -> Option<Value> {
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

/// A titled choice keeps its titles as `enumNames`, whose meaning is the same.
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

/// Whether the content has what the form requires, and each value is what its property says.
fn fits_form(schema: &Value, content: &Map<String, Value>) -> bool {
    let required = list(schema, "required").into_iter().flatten();
    let mut required = required.filter_map(Value::as_str);
    let property = |name: &str| schema.get("properties")?.get(name);
    required.all(|name| content.contains_key(name))
        && content
            .iter()
            .all(|(name, value)| property(name).is_none_or(|it| fits_property(it, value)))
}

/// `format` is an annotation, as JSON Schema has it by default: clients help with it, nobody proves
/// it here.
fn fits_property(property: &Value, value: &Value) -> bool {
    let is_kind = match type_of(property) {
        Some("string") => value
            .as_str()
            .is_some_and(|text| has_length(property, text)),
        Some("integer") => (value.is_i64() || value.is_u64()) && is_within(property, value),
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
    let is_titled =
        |choices: &Vec<Value>| choices.iter().any(|one| one.get("const") == Some(value));
    list(property, "enum").is_none_or(|choices| choices.contains(value))
        && list(property, "oneOf").is_none_or(is_titled)
        && list(property, "anyOf").is_none_or(is_titled)
}

fn is_choice_of_several(property: &Value, values: &[Value]) -> bool {
    let is_choice = |items: &Value| {
        let is_one = |value: &Value| value.is_string() && is_among_choices(items, value);
        values.iter().all(is_one)
    };
    counts(property, "minItems", "maxItems", values.len())
        && property.get("items").is_none_or(is_choice)
}

/// A length in JSON Schema is a number of characters, not of bytes.
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
    use super::*;

    const V03: ProtocolVersion = ProtocolVersion::V2025_03_26;
    const V06: ProtocolVersion = ProtocolVersion::V2025_06_18;
    const V11: ProtocolVersion = ProtocolVersion::V2025_11_25;
    const V26: ProtocolVersion = ProtocolVersion::V2026_07_28;

    fn form_of(properties: Value) -> Elicitation {
        Elicitation::form("?", json!({"type": "object", "properties": properties}))
    }

    /// SPEC E-95, E-101, E-103: the mode is in the revisions that have it, and only what was
    /// declared is asked.
    #[test]
    fn elicitation_takes_the_form_of_the_revision() {
        let form = Elicitation::form("who?", json!({"type": "object"}));
        let url = Elicitation::url("sign in", "https://example.com");
        let offered = |what: &Elicitation, version, declared| {
            let params = what.params(version, &declared).ok()?;
            Some(params.get("mode").cloned())
        };
        assert_eq!(offered(&form, V03, json!({})), None);
        assert_eq!(offered(&form, V06, json!({})), Some(None));
        for version in [V11, V26] {
            let form_mode = Some(Some("form".into()));
            assert_eq!(offered(&form, version, json!({})), form_mode);
            assert_eq!(offered(&form, version, json!({"url": {}})), None);
            assert_eq!(offered(&url, version, json!({})), None);
            let url_mode = Some(Some("url".into()));
            assert_eq!(offered(&url, version, json!({"url": {}})), url_mode);
        }
        assert_eq!(offered(&url, V06, json!({"url": {}})), None);
        let refused = url.params(V11, &json!({}));
        assert!(matches!(refused, Err(RequestError::NotOffered(_))));
    }

    /// SPEC E-103: `elicitationId` in 2025-11-25 only.
    #[test]
    fn an_elicitation_id_is_in_one_revision() {
        let url = Elicitation::url("sign in", "https://example.com");
        let params = |version| url.params(version, &json!({"url": {}})).unwrap();
        assert!(params(V11)["elicitationId"].is_string());
        assert_ne!(params(V11)["elicitationId"], params(V11)["elicitationId"]);
        assert_eq!(
            params(V26),
            json!({"mode": "url", "message": "sign in", "url": "https://example.com"})
        );
    }

    /// SPEC E-103: a URL is absolute, valid, and of the web.
    #[test]
    fn a_url_must_be_one() {
        for url in [
            "https://example.com",
            "HTTPS://example.com/a?b=c#d",
            "http://localhost:8080/x",
            "http://[::1]/",
        ] {
            assert!(is_web_url(url), "{url}");
        }
        for url in [
            "",
            "example.com",
            "/x",
            "//example.com",
            "https:",
            "https://",
            "https:///x",
            "https://?x",
            "https://a b",
            "https://a/%zz",
            "javascript:x()",
            "file:///x",
        ] {
            let refused = Elicitation::url("go", url).params(V11, &json!({"url": {}}));
            assert!(matches!(refused, Err(RequestError::Faulty(_))), "{url}");
        }
    }

    /// SPEC E-101: a form is a flat object of primitives.
    #[test]
    fn a_form_is_flat() {
        for property in [
            json!({"type": "string", "format": "email"}),
            json!({"type": "integer"}),
            json!({"type": "array", "items": {"type": "string", "enum": ["a"]}}),
            json!({"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}}),
        ] {
            let form = form_of(json!({"x": property}));
            assert!(form.params(V11, &json!({})).is_ok(), "{property}");
        }
        let faulty = |form: Elicitation| {
            matches!(form.params(V11, &json!({})), Err(RequestError::Faulty(_)))
        };
        for property in [
            json!({}),
            json!("string"),
            json!({"type": "object", "properties": {}}),
            json!({"type": "array", "items": {"type": "string"}}),
            json!({"type": "null"}),
        ] {
            assert!(faulty(form_of(json!({"x": property}))), "{property}");
        }
        assert!(faulty(Elicitation::form("?", json!({"type": "string"}))));
        assert!(faulty(Elicitation::form("?", json!([]))));
    }

    /// SPEC E-106: a form does not ask for secrets, in any revision.
    #[test]
    fn a_form_does_not_ask_for_secrets() {
        for name in [
            "password",
            "Password",
            "new_password",
            "newPassword2",
            "user-password",
            "apiKey",
            "API_KEY",
            "openaiAPIKey",
            "apikey",
            "access_token",
            "accessToken",
            "token",
            "client.secret",
            "clientSecret",
            "sshPrivateKey",
            "credentials",
            "cvv",
        ] {
            assert!(names_a_secret(name), "{name} as {}", words(name));
            for kind in ["string", "integer"] {
                let form = form_of(json!({name: {"type": kind}}));
                for version in [V06, V11, V26] {
                    let refused = form.params(version, &json!({}));
                    assert!(matches!(refused, Err(RequestError::Faulty(_))), "{name}");
                }
            }
            let chosen = json!({"type": "string", "enum": ["a", "b"]});
            for property in [json!({"type": "boolean"}), chosen] {
                let form = form_of(json!({name: property}));
                assert!(form.params(V11, &json!({})).is_ok(), "{name}");
            }
        }
        for name in [
            "",
            "_",
            "name",
            "token_count",
            "max_tokens",
            "secretary",
            "key",
            "keyboard",
            "passport",
            "password_hint_shown",
            "nontoken",
            "7",
        ] {
            assert!(!names_a_secret(name), "{name} as {}", words(name));
        }
    }

    fn choices() -> Value {
        json!({
            "untitled": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "titled": {"type": "string", "default": "a", "oneOf": [
                {"const": "a", "title": "A"}, {"const": "b", "title": "B"}]},
            "legacy": {"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]},
            "name": {"type": "string", "minLength": 2, "default": "Ada"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 1.5},
            "sure": {"type": "boolean", "default": true},
        })
    }

    /// SPEC E-102: from 2025-11-25 on a form goes out as it is.
    #[test]
    fn variants_and_defaults_pass_as_they_are() {
        let mut all = choices();
        all["several"] = json!({"type": "array", "minItems": 1, "default": ["a"],
            "items": {"anyOf": [{"const": "a", "title": "A"}]}});
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object", "properties": all, "required": ["name"]});
        let form = Elicitation::form("?", schema.clone());
        for version in [V11, V26] {
            let params = form.params(version, &json!({})).unwrap();
            assert_eq!(params["requestedSchema"], schema);
        }
        assert_eq!(
            form.params(V06, &json!({})),
            Err(RequestError::not_offered(json!({"elicitation": {}}))),
            "2025-06-18 has no choice of several"
        );
    }

    /// SPEC E-102: 2025-06-18 has no titled choices and no defaults but a boolean's.
    #[test]
    fn a_form_takes_the_form_of_2025_06_18() {
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object", "properties": choices(), "required": ["name"]});
        let params = Elicitation::form("?", schema)
            .params(V06, &json!({}))
            .unwrap();
        let titled = json!({"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]});
        assert_eq!(
            params,
            json!({"message": "?", "requestedSchema": {"type": "object", "required": ["name"],
            "properties": {
                "untitled": {"type": "string", "enum": ["a", "b"]},
                "titled": titled,
                "legacy": titled,
                "name": {"type": "string", "minLength": 2},
                "age": {"type": "integer"},
                "score": {"type": "number"},
                "sure": {"type": "boolean", "default": true},
            }}})
        );
    }

    /// SPEC E-109: three actions, and content that fits the schema.
    #[test]
    fn an_answer_must_fit_the_form() {
        let form = Elicitation::form(
            "who?",
            json!({"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "age": {"type": "integer"},
                "kind": {"type": "string", "enum": ["a", "b"]},
            }}),
        );
        let accept = |content: Value| form.read(&json!({"action": "accept", "content": content}));
        assert!(matches!(
            accept(json!({"name": "x"})),
            Some(Elicited::Accepted(_))
        ));
        assert_eq!(accept(json!({})), None);
        assert_eq!(accept(json!({"name": 1})), None);
        assert_eq!(accept(json!({"name": "x", "age": 1.5})), None);
        assert_eq!(accept(json!({"name": "x", "kind": "c"})), None);
        assert_eq!(
            form.read(&json!({"action": "decline"})),
            Some(Elicited::Declined)
        );
        assert_eq!(
            form.read(&json!({"action": "cancel"})),
            Some(Elicited::Cancelled)
        );
        assert_eq!(form.read(&json!({"action": "other"})), None);
        assert_eq!(form.read(&json!({})), None);
    }

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
            &[json!(1), json!(3)],
            &[json!(0), json!(4), json!(2.5), json!("2")],
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
}
