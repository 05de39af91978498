//! Completion: candidates for an argument of a prompt or a variable of a template.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Call;
use crate::transport::future::BoxFuture;
use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::ProtocolVersion;

/// The most candidates that one answer may have (SPEC E-71).
const MAX_VALUES: usize = 100;

/// What is to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    target: Target,
    argument: String,
    value: String,
    context: BTreeMap<String, String>,
}

/// Whose argument is to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The prompt of this name.
    Prompt(String),
    /// The resource template with this text.
    Template(String),
}

impl Target {
    /// Whom a `completion/complete` is about; `None` for what is neither.
    pub(super) fn read(params: RawJson<'_>) -> Option<Self> {
        let reference = params.member("ref")?;
        let text = |key: &str| Some(reference.text_of(key)?.into_owned());
        match &*text("type")? {
            "ref/prompt" => text("name").map(Self::Prompt),
            "ref/resource" => text("uri").map(Self::Template),
            _ => None,
        }
    }
}

impl Completion {
    /// Whose argument it is.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The name of the argument.
    #[must_use]
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// What was typed so far.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// An argument that was settled before. From 2025-06-18 on.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&str> {
        self.context.get(name).map(String::as_str)
    }

    pub(super) fn read(params: RawJson<'_>, version: ProtocolVersion) -> Result<Self, ErrorObject> {
        let invalid = |message: &'static str| ErrorObject::invalid_params(message);
        let target = Target::read(params)
            .ok_or_else(|| invalid("`ref` must name a prompt or a resource template"))?;
        let argument = params.member("argument");
        let text = |key: &str| Some(argument?.text_of(key)?.into_owned());
        let (Some(name), Some(value)) = (text("name"), text("value")) else {
            return Err(invalid(
                "`argument` must have `name` and `value`, both strings",
            ));
        };
        let context = match params
            .member("context")
            .filter(|_| version.has_completion_context())
        {
            Some(context) => settled(context)
                .ok_or_else(|| invalid("`context.arguments` must be a map of strings"))?,
            None => BTreeMap::new(),
        };
        Ok(Self {
            target,
            argument: name,
            value,
            context,
        })
    }
}

fn settled(context: RawJson<'_>) -> Option<BTreeMap<String, String>> {
    if !context.is_object() {
        return None;
    }
    let Some(arguments) = context.member("arguments") else {
        return Some(BTreeMap::new());
    };
    let text = |(name, value): (RawJson<'_>, RawJson<'_>)| {
        Some((name.as_str()?.into_owned(), value.as_str()?.into_owned()))
    };
    let arguments = Some(arguments).filter(|arguments| arguments.is_object());
    arguments?.members().map(text).collect()
}

/// The result: at most 100 candidates, and how many there are in all.
pub(super) fn to_value(candidates: &[String]) -> Value {
    let values = &candidates[..candidates.len().min(MAX_VALUES)];
    json!({"completion": {
        "values": values,
        "total": candidates.len(),
        "hasMore": candidates.len() > MAX_VALUES,
    }})
}

/// A handler with its types erased.
pub(super) type CompletionHandler =
    Arc<dyn Fn(Call, Completion) -> BoxFuture<Result<Vec<String>, ErrorObject>> + Send + Sync>;

pub(super) fn completion_handler<F>(
    handler: impl Fn(Call, Completion) -> F + Send + Sync + 'static,
) -> CompletionHandler
where
    F: Future<Output = Result<Vec<String>, ErrorObject>> + Send + 'static,
{
    Arc::new(move |call, completion| Box::pin(handler(call, completion)))
}
