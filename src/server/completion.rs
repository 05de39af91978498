//! [`CompletionRequest`] and [`Completion`]: a request to complete an argument of a prompt or a variable of a resource template,
//! and the candidates for it.

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

/// Candidates, as a completion handler gives them (*2025-11-25, Completion, Completion Results*). Clients get at
/// most 100 of them, the first ones.
///
/// A `Vec<String>` converts to all candidates that there are. A handler that stops early says so:
///
/// ```
/// use mcp_wire::server::Completion;
///
/// let rows = ["amsterdam", "antwerp"]; // … LIMIT 2
/// let completion = Completion::new(rows).total(7_200);
/// let unknown_total = Completion::new(rows).has_more(true);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    values: Vec<String>,
    total: Option<u64>,
    has_more: Option<bool>,
}

impl Completion {
    /// These candidates, of which it is not known whether there are more.
    pub fn new<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        Self {
            values: values.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// How many candidates there are in all, these included. Default: clients are told nothing.
    #[must_use]
    pub fn total(mut self, total: u64) -> Self {
        self.total = Some(total);
        self
    }

    /// Whether there are candidates beyond these. Default: if the total is larger than their number. Clients are
    /// told that there are more in any case if there are more than 100 of these.
    #[must_use]
    pub fn has_more(mut self, has_more: bool) -> Self {
        self.has_more = Some(has_more);
        self
    }

    /// The result (SPEC E-71).
    pub(super) fn to_value(&self) -> Value {
        let sent = &self.values[..self.values.len().min(MAX_VALUES)];
        let is_cut = sent.len() < self.values.len();
        // A total below what is there would be a lie.
        let total = self.total.map(|total| total.max(self.values.len() as u64));
        let has_more = match self.has_more {
            Some(has_more) => has_more,
            None => total.is_some_and(|total| total > sent.len() as u64),
        };
        let mut completion = json!({"values": sent, "hasMore": has_more || is_cut});
        if let Some(total) = total {
            completion["total"] = total.into();
        }
        json!({ "completion": completion })
    }
}

/// All candidates that there are.
impl From<Vec<String>> for Completion {
    fn from(values: Vec<String>) -> Self {
        let total = values.len() as u64;
        Self::new(values).total(total)
    }
}

/// A handler with its types erased.
pub(super) type CompletionHandler = Arc<
    dyn Fn(Call, CompletionRequest) -> BoxFuture<Result<Completion, HandlerError>> + Send + Sync,
>;

pub(super) fn completion_handler<F, C>(
    handler: impl Fn(Call, CompletionRequest) -> F + Send + Sync + 'static,
) -> CompletionHandler
where
    F: Future<Output = Result<C, HandlerError>> + Send + 'static,
    C: Into<Completion>,
{
    Arc::new(move |call, wanted| {
        let completing = handler(call, wanted);
        Box::pin(async move { completing.await.map(Into::into) })
    })
}
