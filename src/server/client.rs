//! What a handler can ask of the client: input from the person, a completion by the model, the
//! roots it may work in.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::call::Call;
use super::content::{Content, Role};
use crate::transport::dispatch::{Needed, RequestError};
use crate::wire::jsonrpc::Json;
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
    fn params(&self, version: ProtocolVersion, declared: &Value) -> Option<Value> {
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
    fn read(&self, answer: &Value) -> Option<Elicited> {
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

/// A wish for a completion by the client's model (SPEC E-97).
#[derive(Clone, Debug)]
pub struct Sampling {
    messages: Vec<(Role, Content)>,
    rest: Map<String, Value>,
}

/// What the model said.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sampled {
    /// The model that answered.
    pub model: String,
    /// The text of the answer; `None` when it is of another kind.
    pub text: Option<String>,
    /// Why it stopped, if the client says.
    pub stop_reason: Option<String>,
    /// The whole answer.
    pub raw: Value,
}

impl Sampling {
    /// A completion of at most `max_tokens` tokens.
    #[must_use]
    pub fn new(max_tokens: u32) -> Self {
        let mut rest = Map::new();
        rest.insert("maxTokens".to_owned(), max_tokens.into());
        Self {
            messages: Vec::new(),
            rest,
        }
    }

    /// Adds a message.
    #[must_use]
    pub fn message(mut self, role: Role, content: impl Into<Content>) -> Self {
        self.messages.push((role, content.into()));
        self
    }

    /// What the model is told first.
    #[must_use]
    pub fn system_prompt(self, prompt: impl Into<String>) -> Self {
        self.set("systemPrompt", prompt.into())
    }

    /// How free the model is.
    #[must_use]
    pub fn temperature(self, temperature: f64) -> Self {
        self.set("temperature", temperature)
    }

    /// Texts that end the completion.
    #[must_use]
    pub fn stop_sequences(self, sequences: &[&str]) -> Self {
        self.set("stopSequences", json!(sequences))
    }

    /// The `modelPreferences` object: hints and priorities.
    #[must_use]
    pub fn model_preferences(self, preferences: Value) -> Self {
        self.set("modelPreferences", preferences)
    }

    /// The `metadata` object, for the provider.
    #[must_use]
    pub fn metadata(self, metadata: Value) -> Self {
        self.set("metadata", metadata)
    }

    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.rest.insert(key.to_owned(), value.into());
        self
    }

    fn params(&self, version: ProtocolVersion) -> Value {
        let messages = self.messages.iter().map(
            |(role, content)| json!({"role": role.as_str(), "content": content.to_value(version)}),
        );
        let mut params = self.rest.clone();
        params.insert("messages".to_owned(), messages.collect());
        params.into()
    }
}

impl Sampled {
    fn read(answer: Value) -> Option<Self> {
        let text = |key: &str| Some(answer.get(key)?.as_str()?.to_owned());
        if !matches!(&*text("role")?, "user" | "assistant") {
            return None;
        }
        let content = answer.get("content")?;
        let is_content = match content {
            Value::Array(blocks) => blocks.iter().all(is_block),
            block => is_block(block),
        };
        if !is_content {
            return None;
        }
        Some(Self {
            model: text("model")?,
            stop_reason: text("stopReason"),
            text: content
                .get("text")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned),
            raw: answer,
        })
    }
}

/// Whether a block has what its type demands; types that are not known here pass (SPEC E-100).
fn is_block(block: &Value) -> bool {
    let has = |key: &str| block.get(key).is_some_and(Value::is_string);
    match block.get("type").and_then(Value::as_str) {
        Some("text") => has("text"),
        Some("image" | "audio") => has("data") && has("mimeType"),
        Some(_) => true,
        None => false,
    }
}

/// A place that the server may work in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Root {
    /// A `file://` URI.
    pub uri: String,
    /// A name for people.
    pub name: Option<String>,
}

impl Root {
    fn read(answer: &Value) -> Option<Vec<Self>> {
        let root = |root: &Value| {
            let uri = root
                .get("uri")?
                .as_str()
                .filter(|uri| uri.starts_with("file://"))?;
            let name = root.get("name").and_then(Value::as_str);
            Some(Self {
                uri: uri.to_owned(),
                name: name.map(ToOwned::to_owned),
            })
        };
        answer.get("roots")?.as_array()?.iter().map(root).collect()
    }
}

impl Call {
    /// Asks the person at the client, and waits.
    ///
    /// # Errors
    ///
    /// [`RequestError::NotOffered`] when the client did not declare it, [`RequestError::Malformed`]
    /// when the answer does not fit the form, and all that [`Context::request`] gives.
    ///
    /// [`Context::request`]: crate::Context::request
    pub async fn elicit(&self, elicitation: &Elicitation) -> Result<Elicited, RequestError> {
        let declared = self.declared("elicitation")?;
        let params = elicitation
            .params(self.version(), declared)
            .ok_or_else(|| not_offered("elicitation"))?;
        let answer = self.ask("elicitation/create", Some(&params)).await?;
        elicitation.read(&answer).ok_or(RequestError::Malformed)
    }

    /// Asks the client's model, and waits.
    ///
    /// # Errors
    ///
    /// As [`Call::elicit`]; a person who says no is [`RequestError::Refused`] with code -1.
    pub async fn sample(&self, sampling: &Sampling) -> Result<Sampled, RequestError> {
        self.declared("sampling")?;
        let params = sampling.params(self.version());
        let answer = self.ask("sampling/createMessage", Some(&params)).await?;
        Sampled::read(answer).ok_or(RequestError::Malformed)
    }

    /// Asks the client for its roots, and waits. They are asked for each time, so they are never
    /// older than the answer.
    ///
    /// # Errors
    ///
    /// As [`Call::elicit`].
    pub async fn roots(&self) -> Result<Vec<Root>, RequestError> {
        self.declared("roots")?;
        let answer = self.ask("roots/list", None).await?;
        Root::read(&answer).ok_or(RequestError::Malformed)
    }

    /// SPEC E-95: only what the client declared is asked of it.
    fn declared(&self, capability: &str) -> Result<&Value, RequestError> {
        let declared = self
            .client_capabilities()
            .and_then(|all| all.get(capability));
        declared
            .filter(|value| value.is_object())
            .ok_or_else(|| not_offered(capability))
    }

    async fn ask(&self, method: &str, params: Option<&Value>) -> Result<Value, RequestError> {
        let params = params.map(Json::from);
        let answer = self.request(method, params.as_ref()).await?;
        serde_json::from_slice(answer.as_bytes()).map_err(|_| RequestError::Malformed)
    }
}

fn not_offered(capability: &str) -> RequestError {
    let mut needed = Map::new();
    needed.insert(capability.to_owned(), json!({}));
    RequestError::NotOffered(Needed::Capability(needed.into()))
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

    /// SPEC E-110, E-111: roots are `file://`, anything else is a malformed answer.
    #[test]
    fn roots_are_files() {
        let read = |uri: &str| Root::read(&json!({"roots": [{"uri": uri}]}));
        assert_eq!(read("file:///a").unwrap()[0].uri, "file:///a");
        assert_eq!(read("https://example.com"), None);
        assert_eq!(Root::read(&json!({})), None);
    }
}
