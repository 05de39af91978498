//! [`Prompt`]: what clients are told of a prompt, and how its arguments are read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::arguments::PromptArguments;
use super::handler::PromptHandler;
use crate::protocol::change::Change;
use crate::server::item::Item;
use crate::server::metadata::icon::{Icon, icons_fault, icons_text};
use crate::server::metadata::meta::Meta;
use crate::server::metadata::scopes::scopes_fault;
use crate::server::object_text::ObjectText;
use crate::server::result::first_pages::List;
use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::ProtocolVersion;

/// A prompt: its name and its arguments (*2025-11-25, Prompts, Prompt*).
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

/// An argument of a prompt.
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
    /// A client that leaves it out is answered -32602.
    Required,
    /// The client may leave it out.
    Optional,
}

impl Prompt {
    /// A prompt of this name, without arguments.
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

    /// What the prompt is for, for people.
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

    /// Adds an argument by its name. Two arguments of one name fail the build of the service.
    #[must_use]
    pub fn argument(self, name: impl Into<String>, presence: Presence) -> Self {
        self.with_argument(PromptArgument::new(name, presence))
    }

    /// Adds an argument that has a title or a description.
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

    /// Adds an entry to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the protocol
    /// reserves (*2025-11-25, Overview, `_meta`*), fails the build of the service.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    /// The scopes that a client needs to get it and to complete its arguments, all of them. Default: none.
    ///
    /// A client that lacks one is answered 403 with the list, before any handler runs
    /// ([`Identity::satisfies`](crate::auth::Identity::satisfies)). The build of the service fails
    /// without an authorizer ([`Builder::authorizer`](crate::Builder::authorizer)), because then no
    /// client has a scope.
    #[must_use]
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn described(&self) -> Option<&str> {
        self.description.as_deref()
    }

    fn repeated_argument(&self) -> Option<String> {
        let names: Vec<&str> = self.arguments.iter().map(|one| &*one.name).collect();
        let mut repeated = (1..names.len()).filter(|at| names[..*at].contains(&names[*at]));
        let name = names[repeated.next()?];
        Some(format!(
            "the prompt {:?} has the argument {name:?} twice: each argument needs a name of its own",
            self.name
        ))
    }

    pub(crate) fn has_argument(&self, name: &str) -> bool {
        self.arguments.iter().any(|argument| argument.name == name)
    }

    /// Reads the arguments of a `prompts/get`: a map of strings (SPEC E-66) with every required argument
    /// (SPEC E-67).
    pub(crate) fn read_arguments(
        &self,
        given: Option<RawJson<'_>>,
    ) -> Result<PromptArguments, ErrorObject> {
        let mut arguments = BTreeMap::new();
        if given.is_some_and(|given| !given.is_object()) {
            return Err(ErrorObject::invalid_params("`arguments` must be an object"));
        }
        for (name, value) in given.into_iter().flat_map(RawJson::members) {
            if value.is_null() {
                continue;
            }
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
            None => Ok(PromptArguments::new(arguments)),
        }
    }
}

impl Item for Prompt {
    type Handler = PromptHandler;

    const NOUN: &'static str = "prompt";
    const LIST: List = List::Prompts;
    const CHANGE: Change = Change::Prompts;

    fn key(&self) -> &str {
        &self.name
    }

    fn fault(&self) -> Option<String> {
        self.meta
            .fault()
            .or_else(|| icons_fault(&self.icons))
            .or_else(|| scopes_fault(&self.scopes))
            .or_else(|| self.repeated_argument())
    }

    fn needed_scopes(&self) -> &[String] {
        &self.scopes
    }

    fn to_text(&self, version: ProtocolVersion) -> String {
        let mut out = named(&self.name, &self.title, &self.description, version);
        if !self.arguments.is_empty() {
            let arguments = self.arguments.iter();
            let arguments: Vec<_> = arguments
                .map(|argument| argument.to_text(version))
                .collect();
            out.raw("arguments", &format!("[{}]", arguments.join(",")));
        }
        if let Some(icons) = icons_text(&self.icons, version) {
            out.raw("icons", &icons);
        }
        if let Some(meta) = self.meta.to_text().filter(|_| version.has_titles()) {
            out.raw("_meta", &meta);
        }
        out.finish()
    }
}

impl PromptArgument {
    /// An argument of this name.
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

    fn to_text(&self, version: ProtocolVersion) -> String {
        let mut out = named(&self.name, &self.title, &self.description, version);
        if self.presence == Presence::Required {
            out.raw("required", "true");
        }
        out.finish()
    }
}

/// The members that prompts and arguments both have (SPEC E-65).
fn named(
    name: &str,
    title: &Option<String>,
    description: &Option<String>,
    version: ProtocolVersion,
) -> ObjectText {
    let mut out = ObjectText::new();
    out.text("name", name);
    if let Some(title) = title.as_deref().filter(|_| version.has_titles()) {
        out.text("title", title);
    }
    if let Some(description) = description {
        out.text("description", description);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(prompt: &Prompt, version: ProtocolVersion) -> Value {
        serde_json::from_str(&prompt.to_text(version)).unwrap()
    }

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
            assert_eq!(value(&prompt, version), expected, "{version}");
        }
        let bare = value(&Prompt::new("p"), ProtocolVersion::V2026_07_28);
        assert_eq!(bare, json!({"name": "p"}));
    }

    /// SPEC E-66, E-67: a map of strings, with all that must be there.
    #[test]
    fn required_arguments_must_be_given() {
        let city = PromptArgument::new("city", Presence::Required);
        let prompt = Prompt::new("p").with_argument(city);
        let arguments =
            |text: &'static str| prompt.read_arguments(Some(RawJson::of(text.as_bytes())));
        let given = arguments(r#"{"city":"Rome\u0021","x":""}"#).unwrap();
        assert_eq!(given.get("city"), Some("Rome!"));
        assert!(prompt.read_arguments(None).is_err());
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

    /// SPEC A-29, A-30: what could not be served is a fault.
    #[test]
    fn a_wrong_prompt_is_a_fault() {
        assert_eq!(Prompt::new("p").meta("a", 1).fault(), None);
        assert!(Prompt::new("p").meta("dev.mcp/a", 1).fault().is_some());
        assert!(Prompt::new("p").icon(Icon::new("i.png")).fault().is_some());
    }
}
