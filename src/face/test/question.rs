//! What a server asks a client, and what the test answers.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::wire::jsonrpc::ErrorObject;
use crate::wire::method::Method;

/// A question of the server to the client: `elicitation/create`, `sampling/createMessage` or `roots/list`.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    method: String,
    params: Value,
}

impl Question {
    pub(super) fn new(method: impl Into<String>, params: Value) -> Self {
        Self {
            method: method.into(),
            params,
        }
    }

    /// The method, such as `elicitation/create`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// What a person is asked: the `message` of an elicitation. Empty for other questions.
    #[must_use]
    pub fn message(&self) -> &str {
        self.params["message"].as_str().unwrap_or_default()
    }

    /// The params as they came. `null` if there are none.
    #[must_use]
    pub fn params(&self) -> &Value {
        &self.params
    }
}

/// Printed in errors: the method, and the text that a person would read.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.method)?;
        match self.message() {
            "" => Ok(()),
            message => write!(f, " ({message:?})"),
        }
    }
}

/// What a client answers to a [`Question`].
///
/// ```
/// use mcp_wire::test::Reply;
/// use serde_json::json;
///
/// let replies = [
///     Reply::accept(json!({"name": "Ada"})),
///     Reply::accept(None), // a page was opened
///     Reply::decline(),
///     Reply::sampled("Paris"),
///     Reply::roots(["file:///home/ada/project"]),
///     Reply::error(-1, "the person said no"),
/// ];
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Reply(pub(super) Answer);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Result(Value),
    Error(ErrorObject),
    Never,
}

impl Reply {
    /// The person agrees, and fills in this content: an object, or `None` for a page to open.
    pub fn accept(content: impl Into<Option<Value>>) -> Self {
        let mut result = json!({"action": "accept"});
        if let Some(content) = content.into() {
            result["content"] = content;
        }
        Self::result(result)
    }

    /// The person says no.
    #[must_use]
    pub fn decline() -> Self {
        Self::result(json!({"action": "decline"}))
    }

    /// The person closes the question without a choice.
    #[must_use]
    pub fn cancel() -> Self {
        Self::result(json!({"action": "cancel"}))
    }

    /// The model says this text.
    pub fn sampled(text: impl Into<String>) -> Self {
        let content = json!({"type": "text", "text": text.into()});
        Self::result(
            json!({"role": "assistant", "model": "test", "stopReason": "endTurn", "content": content}),
        )
    }

    /// The roots of the client: `file://` URIs.
    pub fn roots<T: Into<String>>(uris: impl IntoIterator<Item = T>) -> Self {
        let root = |uri: T| json!({"uri": uri.into()});
        let roots: Vec<Value> = uris.into_iter().map(root).collect();
        Self::result(json!({"roots": roots}))
    }

    /// This result as it is, however malformed.
    pub fn result(result: impl Into<Value>) -> Self {
        Self(Answer::Result(result.into()))
    }

    /// A JSON-RPC error. Clients of 2026-07-28 cannot answer with one: their call fails then.
    pub fn error(code: i64, message: impl Into<String>) -> Self {
        Self(Answer::Error(ErrorObject::new(code, message.into())))
    }

    /// No answer: the handler waits until it gives up, or is cancelled.
    #[must_use]
    pub fn never() -> Self {
        Self(Answer::Never)
    }
}

type OnQuestion = Arc<dyn Fn(Question) -> Reply + Send + Sync>;

/// The closures that answer, by the method of their question.
#[derive(Clone, Default)]
pub(super) struct Replies(Vec<(Method, OnQuestion)>);

impl Replies {
    pub(super) fn set(
        &mut self,
        method: Method,
        reply: impl Fn(Question) -> Reply + Send + Sync + 'static,
    ) {
        self.0.retain(|(other, _)| *other != method);
        self.0.push((method, Arc::new(reply)));
    }

    /// The answer of the test; `None` if it has none.
    pub(super) fn to(&self, question: &Question) -> Option<Answer> {
        let is_for = |(method, _): &&(Method, OnQuestion)| method.as_str() == question.method;
        let (_, reply) = self.0.iter().find(is_for)?;
        Some(reply(question.clone()).0)
    }

    /// What a client declares that answers these questions.
    pub(super) fn capabilities(&self) -> Value {
        let capability = |(method, _): &(Method, OnQuestion)| {
            let (name, settings) = match method {
                Method::ElicitationCreate => ("elicitation", json!({"form": {}, "url": {}})),
                Method::SamplingCreateMessage => ("sampling", json!({"context": {}, "tools": {}})),
                _ => ("roots", json!({"listChanged": true})),
            };
            (name.to_owned(), settings)
        };
        self.0.iter().map(capability).collect::<Map<_, _>>().into()
    }
}
