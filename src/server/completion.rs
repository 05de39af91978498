//! [`CompletionRequest`]: a request to complete an argument of a prompt or a variable of a resource template.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Call;
use super::handler_error::HandlerError;
use crate::transport::future::BoxFuture;
use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::ProtocolVersion;

/// The most candidates of one answer (SPEC E-71).
const MAX_VALUES: usize = 100;

/// A request for candidates for an argument of a prompt, or for a variable of a resource template (2025-11-25,
/// Completion).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionRequest {
    target: CompletionTarget,
    argument: String,
    value: String,
    context: BTreeMap<String, String>,
}

/// What an argument belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompletionTarget {
    /// The prompt of this name.
    Prompt(String),
    /// The resource template with this text.
    Template(String),
}

impl CompletionTarget {
    /// Reads the `ref` of the params; `None` if it names neither.
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

impl CompletionRequest {
    /// What the argument belongs to.
    #[must_use]
    pub fn target(&self) -> &CompletionTarget {
        &self.target
    }

    /// The name of the argument or variable.
    #[must_use]
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// What the person typed so far.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The value of another argument that the person settled before. From 2025-06-18 on.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&str> {
        self.context.get(name).map(String::as_str)
    }

    pub(super) fn read(params: RawJson<'_>, version: ProtocolVersion) -> Result<Self, ErrorObject> {
        let invalid = |message: &'static str| ErrorObject::invalid_params(message);
        let target = CompletionTarget::read(params)
            .ok_or_else(|| invalid("`ref` must name a prompt or a resource template"))?;
        let argument = params.member("argument");
        let text = |key: &str| Some(argument?.text_of(key)?.into_owned());
        let (Some(name), Some(value)) = (text("name"), text("value")) else {
            return Err(invalid(
                "`argument` must have `name` and `value`, both strings",
            ));
        };
        let context = match params
            .optional("context")
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
    let Some(arguments) = context.optional("arguments") else {
        return Some(BTreeMap::new());
    };
    let text = |(name, value): (RawJson<'_>, RawJson<'_>)| {
        Some((name.as_str()?.into_owned(), value.as_str()?.into_owned()))
    };
    let arguments = Some(arguments).filter(|arguments| arguments.is_object());
    let members = arguments?.members();
    members
        .filter(|(_, value)| !value.is_null())
        .map(text)
        .collect()
}

/// The result: the first 100 candidates, and how many there are in all.
pub(super) fn to_value(candidates: &[String]) -> Value {
    let values = &candidates[..candidates.len().min(MAX_VALUES)];
    json!({"completion": {
        "values": values,
        "total": candidates.len(),
        "hasMore": candidates.len() > MAX_VALUES,
    }})
}

/// A handler with its types erased.
pub(super) type CompletionHandler = Arc<
    dyn Fn(Call, CompletionRequest) -> BoxFuture<Result<Vec<String>, HandlerError>> + Send + Sync,
>;

pub(super) fn completion_handler<F>(
    handler: impl Fn(Call, CompletionRequest) -> F + Send + Sync + 'static,
) -> CompletionHandler
where
    F: Future<Output = Result<Vec<String>, HandlerError>> + Send + 'static,
{
    Arc::new(move |call, completion| Box::pin(handler(call, completion)))
}
