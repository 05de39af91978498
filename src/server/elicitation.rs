//! Elicitation: a question to the person at the client. SPEC E-101 to E-109.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::wire::version::ProtocolVersion;

/// A question to the person at the client (SPEC E-101, E-103). From 2025-06-18 on.
///
/// Never ask for secrets in a form: use [`Elicitation::url`] (SPEC E-106).
#[derive(Clone, Debug)]
pub struct Elicitation {
    message: String,
    kind: Kind,
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
    pub fn form(message: impl Into<String>, schema: Value) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Form(schema),
        }
    }

    /// A page to visit, for what must not pass through the client. From 2025-11-25 on.
    pub fn url(message: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Url(url.into()),
        }
    }

    /// The params for a client, or `None` when it does not offer this kind (SPEC E-95): an empty
    /// `elicitation` capability means forms only.
    pub(super) fn params(&self, version: ProtocolVersion, declared: &Value) -> Option<Value> {
        let declared = declared.as_object().filter(|_| version.has_elicitation())?;
        match &self.kind {
            Kind::Form(schema) => {
                let offered = declared.contains_key("form") || !declared.contains_key("url");
                let mut params = json!({"message": self.message, "requestedSchema": schema});
                if version.has_elicitation_modes() {
                    params["mode"] = "form".into();
                }
                offered.then_some(params)
            }
            Kind::Url(url) => {
                let offered = version.has_elicitation_modes() && declared.contains_key("url");
                offered.then(|| {
                    let id = Uuid::new_v4().simple().to_string();
                    json!({"mode": "url", "message": self.message, "url": url, "elicitationId": id})
                })
            }
        }
    }

    /// Reads the answer; `None` when it is malformed or does not fit the form (SPEC E-109).
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

/// Whether the content has what the form requires, each of its type and among its choices.
fn fits_form(schema: &Value, content: &Map<String, Value>) -> bool {
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut required = required.filter_map(Value::as_str);
    let property = |name: &str| schema.get("properties")?.get(name);
    required.all(|name| content.contains_key(name))
        && content.iter().all(|(name, value)| {
            property(name).is_none_or(|property| fits_property(property, value))
        })
}

fn fits_property(property: &Value, value: &Value) -> bool {
    let choices = property.get("enum").and_then(Value::as_array);
    let titled = property.get("oneOf").and_then(Value::as_array);
    let is_type = match property.get("type").and_then(Value::as_str) {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        _ => true,
    };
    is_type
        && choices.is_none_or(|choices| choices.contains(value))
        && titled.is_none_or(|titled| titled.iter().any(|one| one.get("const") == Some(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V06: ProtocolVersion = ProtocolVersion::V2025_06_18;
    const V11: ProtocolVersion = ProtocolVersion::V2025_11_25;

    /// SPEC E-95, E-101, E-103: the mode is in the revisions that have it, and only what was
    /// declared is asked.
    #[test]
    fn elicitation_takes_the_form_of_the_revision() {
        let form = Elicitation::form("who?", json!({"type": "object"}));
        let url = Elicitation::url("sign in", "https://example.com");
        let offered = |what: &Elicitation, version, declared| {
            what.params(version, &declared)
                .map(|params| params.get("mode").cloned())
        };
        assert_eq!(
            offered(&form, ProtocolVersion::V2025_03_26, json!({})),
            None
        );
        assert_eq!(offered(&form, V06, json!({})), Some(None));
        assert_eq!(offered(&form, V11, json!({})), Some(Some("form".into())));
        assert_eq!(offered(&form, V11, json!({"url": {}})), None);
        assert_eq!(offered(&url, V11, json!({})), None);
        assert_eq!(offered(&url, V06, json!({"url": {}})), None);
        assert_eq!(
            offered(&url, V11, json!({"url": {}})),
            Some(Some("url".into()))
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
}
