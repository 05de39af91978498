//! [`PromptResult`]: the messages of a prompt.

use serde_json::{Value, json};

use crate::server::content::Content;
use crate::server::metadata::meta::Meta;
use crate::server::metadata::role::Role;
use crate::server::result::closing::Closing;
use crate::wire::json::Json;
use crate::wire::version::ProtocolVersion;

/// The messages of a prompt (*2025-11-25, Prompts, PromptMessage*).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptResult {
    messages: Vec<(Role, Content)>,
    meta: Meta,
}

impl PromptResult {
    /// A result without messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message of one block.
    #[must_use]
    pub fn message(mut self, role: Role, content: impl Into<Content>) -> Self {
        self.messages.push((role, content.into()));
        self
    }

    /// Adds an entry to the `_meta` of the result, in every revision. A key that is malformed, or that the protocol reserves
    /// (*2025-11-25, Overview, `_meta`*), is left out.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    pub(crate) fn to_json(
        &self,
        description: Option<&str>,
        version: ProtocolVersion,
        closing: Closing<'_>,
    ) -> Json {
        let messages = self.messages.iter().map(
            |(role, content)| json!({"role": role.as_str(), "content": content.to_value(version)}),
        );
        let mut out = json!({"messages": messages.collect::<Value>()});
        if let Some(description) = description {
            out["description"] = description.into();
        }
        closing.close(&out, &self.meta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC E-66, E-68, K: one block a message, and `_meta` in every revision.
    #[test]
    fn a_prompt_result_has_meta_in_every_revision() {
        let result = PromptResult::new()
            .message(Role::User, "hi")
            .meta("com.example/a", 1)
            .meta("dev.mcp/x", 1);
        for version in ProtocolVersion::ALL {
            let json = result.to_json(None, version, Closing::LEGACY);
            let value: Value = serde_json::from_slice(json.as_bytes()).unwrap();
            assert_eq!(
                value,
                json!({"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}],
                    "_meta": {"com.example/a": 1}})
            );
        }
    }
}
