//! Sampling: a completion by the client's model. SPEC E-97 to E-100.

use serde_json::{Map, Value, json};

use super::content::{Content, Role};
use crate::wire::version::ProtocolVersion;

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

    pub(super) fn params(&self, version: ProtocolVersion) -> Value {
        let messages = self.messages.iter().map(
            |(role, content)| json!({"role": role.as_str(), "content": content.to_value(version)}),
        );
        let mut params = self.rest.clone();
        params.insert("messages".to_owned(), messages.collect());
        params.into()
    }
}

impl Sampled {
    pub(super) fn read(answer: Value) -> Option<Self> {
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
