//! Prompts: messages that a person picks by name.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Call;
use super::closing::Closing;
use super::content::{Content, Role};
use super::icon::{Icon, icons_fault, put_icons};
use super::meta::Meta;
use super::scopes::scopes_fault;
use crate::transport::future::BoxFuture;
use crate::wire::json::{Json, RawJson};
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::ProtocolVersion;

/// A prompt: its name and its arguments.
#[derive(Clone, Debug)]
pub struct Prompt {
    name: String,
    title: Option<String>,
    description: Option<String>,
    arguments: Vec<PromptArgument>,
    icons: Vec<Icon>,
    meta: Meta,
    scopes: Vec<String>,
}

/// An argument that a prompt takes.
///
/// ```
/// use mcp_wire::server::{Presence, Prompt, PromptArgument};
/// let city = PromptArgument::new("city", Presence::Required).description("Where to look");
/// let prompt = Prompt::new("weather")
///     .with_argument(city)
///     .argument("unit", Presence::Optional);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptArgument {
    name: String,
    title: Option<String>,
    description: Option<String>,
    presence: Presence,
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
            icons: Vec::new(),
            meta: Meta::default(),
            scopes: Vec::new(),
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

    /// Adds an argument that needs no more words than its name.
    #[must_use]
    pub fn argument(self, name: impl Into<String>, presence: Presence) -> Self {
        self.with_argument(PromptArgument::new(name, presence))
    }

    /// Adds an argument.
    #[must_use]
    pub fn with_argument(mut self, argument: PromptArgument) -> Self {
        self.arguments.push(argument);
        self
    }

    /// Adds an icon. From 2025-11-25 on.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// Adds to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the protocol
    /// reserves, fails the service's build (SPEC A-29, A-30).
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    /// The scopes that it, and the completion of its arguments need, all of them: who lacks one is answered 403 with the list
    /// ([`Identity::satisfies`](crate::auth::Identity::satisfies)), before anything runs. Default: none.
    /// Without [`Builder::authorizer`](crate::Builder::authorizer) nobody has scopes, and the
    /// service's build fails.
    #[must_use]
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn needed_scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with the registration, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        self.meta
            .fault()
            .or_else(|| icons_fault(&self.icons))
            .or_else(|| scopes_fault(&self.scopes))
    }

    pub(super) fn has_argument(&self, name: &str) -> bool {
        self.arguments.iter().any(|argument| argument.name == name)
    }

    /// The arguments of a `prompts/get`: a map of strings (SPEC E-66), with all that must be there
    /// (SPEC E-67).
    pub(super) fn arguments(
        &self,
        given: Option<RawJson<'_>>,
    ) -> Result<PromptArguments, ErrorObject> {
        let mut arguments = BTreeMap::new();
        if given.is_some_and(|given| !given.is_object()) {
            return Err(ErrorObject::invalid_params("`arguments` must be an object"));
        }
        for (name, value) in given.into_iter().flat_map(RawJson::members) {
            let name = name.as_str().unwrap_or_default();
            let Some(text) = value.as_str() else {
                let name: String = name.chars().take(100).collect();
                let message = format!("the argument `{name}` must be a string");
                return Err(ErrorObject::invalid_params(message));
            };
            arguments.insert(name.into_owned(), text.into_owned());
        }
        let missing = self.arguments.iter().find(|argument| {
            argument.presence == Presence::Required && !arguments.contains_key(&argument.name)
        });
        match missing {
            Some(PromptArgument { name, .. }) => {
                let message = format!("the argument `{name}` is missing: expected a string");
                Err(ErrorObject::invalid_params(message))
            }
            None => Ok(PromptArguments(arguments)),
        }
    }

    pub(super) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = named(&self.name, &self.title, &self.description, version);
        if !self.arguments.is_empty() {
            let arguments = self.arguments.iter();
            out["arguments"] = arguments
                .map(|argument| argument.to_value(version))
                .collect();
        }
        if version.has_titles() {
            self.meta.put(&mut out);
        }
        put_icons(&self.icons, &mut out, version);
        out
    }
}

impl PromptArgument {
    /// An argument by its name.
    pub fn new(name: impl Into<String>, presence: Presence) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            presence,
        }
    }

    /// What it is, for people and models.
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

    fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = named(&self.name, &self.title, &self.description, version);
        if self.presence == Presence::Required {
            out["required"] = true.into();
        }
        out
    }
}

/// What prompts and arguments tell of themselves alike (SPEC E-65).
fn named(
    name: &str,
    title: &Option<String>,
    description: &Option<String>,
    version: ProtocolVersion,
) -> Value {
    let mut out = json!({"name": name});
    if let Some(description) = description {
        out["description"] = description.as_str().into();
    }
    if let Some(title) = title.as_deref().filter(|_| version.has_titles()) {
        out["title"] = title.into();
    }
    out
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
    meta: Meta,
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

    /// Adds to the `_meta` of the result, in every revision. A key that is malformed, or that the
    /// protocol reserves, is left out (SPEC A-29, A-30).
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    pub(super) fn to_json(
        &self,
        prompt: &Prompt,
        version: ProtocolVersion,
        closing: Closing<'_>,
    ) -> Json {
        let messages = self.messages.iter().map(
            |(role, content)| json!({"role": role.as_str(), "content": content.to_value(version)}),
        );
        let mut out = json!({"messages": messages.collect::<Value>()});
        if let Some(description) = &prompt.description {
            out["description"] = description.as_str().into();
        }
        closing.close(&out, &self.meta)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC E-65, K: titles and `_meta` from 2025-06-18 on, `icons` from 2025-11-25 on.
    #[test]
    fn a_prompt_takes_the_form_of_the_revision() {
        let city = PromptArgument::new("city", Presence::Required)
            .title("City")
            .description("Where");
        let prompt = Prompt::new("weather")
            .title("Weather")
            .description("Asks")
            .with_argument(city)
            .argument("unit", Presence::Optional)
            .icon(Icon::new("data:,x"))
            .meta("com.example/a", 1);
        for version in ProtocolVersion::ALL {
            let mut city = json!({"name": "city", "description": "Where", "required": true});
            let mut expected = json!({"name": "weather", "description": "Asks"});
            if version.has_titles() {
                city["title"] = "City".into();
                expected["title"] = "Weather".into();
                expected["_meta"] = json!({"com.example/a": 1});
            }
            if version.has_icons() {
                expected["icons"] = json!([{"src": "data:,x"}]);
            }
            expected["arguments"] = json!([city, {"name": "unit"}]);
            assert_eq!(prompt.to_value(version), expected, "{version}");
        }
        let bare = Prompt::new("p").to_value(ProtocolVersion::V2026_07_28);
        assert_eq!(bare, json!({"name": "p"}));
    }

    /// SPEC E-66, E-67: a map of strings, with all that must be there.
    #[test]
    fn required_arguments_must_be_given() {
        let city = PromptArgument::new("city", Presence::Required);
        let prompt = Prompt::new("p").with_argument(city);
        let arguments = |text: &'static str| prompt.arguments(Some(RawJson::of(text.as_bytes())));
        let given = arguments(r#"{"city":"Rome\u0021","x":""}"#).unwrap();
        assert_eq!(given.get("city"), Some("Rome!"));
        assert!(prompt.arguments(None).is_err());
        for given in [
            "{}",
            r#"{"city":1}"#,
            r#"{"city":"a","x":{}}"#,
            "[]",
            "null",
        ] {
            let error = arguments(given).unwrap_err();
            assert_eq!(error.code(), -32602, "{given}");
        }
        assert!(prompt.has_argument("city"));
        assert!(!prompt.has_argument("town"));
    }

    /// SPEC E-66, E-68, K: one block a message, and `_meta` in every revision.
    #[test]
    fn a_prompt_result_has_meta_in_every_revision() {
        let result = PromptResult::new()
            .message(Role::User, "hi")
            .meta("com.example/a", 1)
            .meta("dev.mcp/x", 1);
        for version in ProtocolVersion::ALL {
            let json = result.to_json(&Prompt::new("p"), version, Closing::LEGACY);
            let value: Value = serde_json::from_slice(json.as_bytes()).unwrap();
            assert_eq!(
                value,
                json!({"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}],
                    "_meta": {"com.example/a": 1}})
            );
        }
    }

    /// SPEC A-29, A-30: what could not be served is a fault.
    #[test]
    fn a_wrong_prompt_is_a_fault() {
        assert_eq!(Prompt::new("p").meta("a", 1).fault(), None);
        assert!(Prompt::new("p").meta("dev.mcp/a", 1).fault().is_some());
        assert!(Prompt::new("p").icon(Icon::new("i.png")).fault().is_some());
    }
}
