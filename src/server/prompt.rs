//! Prompts: messages that a person picks by name.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::content::{Content, Role};
use crate::transport::dispatch::BoxFuture;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::ProtocolVersion;

/// A prompt: its name and its arguments.
#[derive(Clone, Debug)]
pub struct Prompt {
    name: String,
    title: Option<String>,
    description: Option<String>,
    arguments: Vec<(String, Presence)>,
}

/// Whether an argument must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presence {
    /// Without it the client is answered -32602.
    Required,
    /// It may be left out.
    Optional,
}

impl Prompt {
    /// A prompt without arguments.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            arguments: Vec::new(),
        }
    }

    /// What it is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// A name for people. From 2025-06-18 on.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, name: impl Into<String>, presence: Presence) -> Self {
        self.arguments.push((name.into(), presence));
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has_argument(&self, name: &str) -> bool {
        self.arguments.iter().any(|(argument, _)| argument == name)
    }

    /// The arguments of a `prompts/get`: a map of strings (SPEC E-66), with all that must be there
    /// (SPEC E-67).
    pub(super) fn arguments(&self, given: Option<&Value>) -> Result<PromptArguments, ErrorObject> {
        let mut arguments = BTreeMap::new();
        match given {
            None => {}
            Some(Value::Object(given)) => {
                for (name, value) in given {
                    let Some(text) = value.as_str() else {
                        let message = format!("the argument `{name}` must be a string");
                        return Err(ErrorObject::invalid_params(message));
                    };
                    arguments.insert(name.clone(), text.to_owned());
                }
            }
            Some(_) => return Err(ErrorObject::invalid_params("`arguments` must be an object")),
        }
        let missing = self.arguments.iter().find(|(name, presence)| {
            *presence == Presence::Required && !arguments.contains_key(name)
        });
        match missing {
            Some((name, _)) => {
                let message = format!("the argument `{name}` is missing: expected a string");
                Err(ErrorObject::invalid_params(message))
            }
            None => Ok(PromptArguments(arguments)),
        }
    }

    pub(super) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = Map::new();
        out.insert("name".to_owned(), self.name.as_str().into());
        if let Some(description) = &self.description {
            out.insert("description".to_owned(), description.as_str().into());
        }
        if let Some(title) = self.title.as_deref().filter(|_| version.has_titles()) {
            out.insert("title".to_owned(), title.into());
        }
        if !self.arguments.is_empty() {
            let arguments = self
                .arguments
                .iter()
                .map(|(name, presence)| match presence {
                    Presence::Required => json!({"name": name, "required": true}),
                    Presence::Optional => json!({"name": name}),
                });
            out.insert("arguments".to_owned(), arguments.collect());
        }
        out.into()
    }
}

/// The arguments of a prompt. Every required one is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptArguments(BTreeMap<String, String>);

impl PromptArguments {
    /// An argument; `None` when it was left out.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An argument that the prompt requires.
    ///
    /// # Errors
    ///
    /// -32602 when it was left out, which only an argument that the prompt does not require can be.
    pub fn str(&self, name: &str) -> Result<&str, ErrorObject> {
        self.get(name)
            .ok_or_else(|| ErrorObject::invalid_params(format!("the argument `{name}` is missing")))
    }
}

/// The messages of a prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptResult {
    messages: Vec<(Role, Content)>,
}

impl PromptResult {
    /// No messages yet.
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

    pub(super) fn to_value(&self, prompt: &Prompt, version: ProtocolVersion) -> Value {
        let messages = self.messages.iter().map(
            |(role, content)| json!({"role": role.as_str(), "content": content.to_value(version)}),
        );
        let mut out = json!({"messages": messages.collect::<Value>()});
        if let Some(description) = &prompt.description {
            out["description"] = description.as_str().into();
        }
        out
    }
}

/// What a prompt handler may return: text (one message of the user), messages, or a `Result` of
/// these with an [`ErrorObject`].
pub trait IntoPromptResult {
    /// The messages.
    ///
    /// # Errors
    ///
    /// What the client is answered instead.
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject>;
}

impl IntoPromptResult for PromptResult {
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject> {
        Ok(self)
    }
}

impl IntoPromptResult for String {
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject> {
        Ok(PromptResult::new().message(Role::User, self))
    }
}

impl IntoPromptResult for &str {
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject> {
        Ok(PromptResult::new().message(Role::User, self))
    }
}

impl<T: IntoPromptResult> IntoPromptResult for Result<T, ErrorObject> {
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject> {
        self?.into_prompt_result()
    }
}

/// A handler with its types erased.
pub(super) type PromptHandler = Arc<
    dyn Fn(Call, PromptArguments) -> BoxFuture<Result<PromptResult, ErrorObject>> + Send + Sync,
>;

pub(super) fn prompt_handler<F, R>(
    handler: impl Fn(Call, PromptArguments) -> F + Send + Sync + 'static,
) -> PromptHandler
where
    F: Future<Output = R> + Send + 'static,
    R: IntoPromptResult,
{
    Arc::new(move |call, arguments| {
        let running = handler(call, arguments);
        Box::pin(async move { running.await.into_prompt_result() })
    })
}
