//! What a handler can ask the client for: input from the person, a completion by the model, its roots.

use std::time::Duration;

use serde_json::{Value, json};

use super::call::Call;
use super::question::elicitation::{Elicitation, Elicited};
use super::question::root::Root;
use super::question::sampled::Sampled;
use super::question::sampling::Sampling;
use super::resource::ui::UiResource;
use super::round::Question;
use crate::transport::dispatch::request_error::{Needed, RequestError};
use crate::transport::tasks::local::Unasked;
use crate::wire::json::Json;
use crate::wire::method::Method;

/// Questions to the client. The same handler works in both eras.
///
/// In the legacy era, a question is sent to the client, and the handler waits for the answer. In 2026-07-28
/// (Multi Round-Trip Requests), a question without an answer ends the run of the handler: the result asks the
/// question, the client sends the request again with the answer, and the handler runs again from its
/// beginning, where the question now has its answer. So act only after the last question, ask the same questions in
/// every run, and ask questions that do not depend on each other at the same time (`tokio::join!`), because
/// each run costs a round trip.
///
/// In a task ([`Tool::task`](super::Tool::task)) a question is asked with `tasks/get`, and the handler waits for the
/// answer, for as long as the task lives if the question has no limit of its own.
impl Call {
    /// Asks the person at the client, and waits for the answer (*2025-11-25, Elicitation*).
    ///
    /// # Errors
    ///
    /// - [`RequestError::NotOffered`] if the client did not declare the capability;
    /// - [`RequestError::Faulty`] if the question is one that no client may be asked;
    /// - [`RequestError::Malformed`] if the answer does not fit the form: in 2026-07-28 the client is answered
    ///   -32602 instead, and the handler is dropped;
    /// - every error of [`Context::request`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the question up: the client is told that it needs no answer, and one that
    /// comes later is ignored.
    ///
    /// [`Context::request`]: crate::Context::request
    pub async fn elicit(&self, elicitation: &Elicitation) -> Result<Elicited, RequestError> {
        let declared = self.declared("elicitation");
        let params = elicitation.params(self.version(), &declared)?;
        let question = Question {
            key: elicitation.key_or_default(),
            method: Method::ElicitationCreate,
            params: Some(params),
        };
        let limit = elicitation.limit();
        self.put(question, limit, |answer| elicitation.read(answer))
            .await
    }

    /// Asks the client's model, and waits for its answer (*2025-11-25, Sampling*).
    ///
    /// # Errors
    ///
    /// As [`Call::elicit`]. When the person at the client says no, the error is [`RequestError::Refused`] with the
    /// code -1.
    ///
    /// # Cancel safety
    ///
    /// As [`Call::elicit`].
    pub async fn sample(&self, sampling: &Sampling) -> Result<Sampled, RequestError> {
        let declared = self.declared("sampling");
        let params = sampling.params(self.version(), &declared)?;
        let question = Question {
            key: sampling.key_or_default(),
            method: Method::SamplingCreateMessage,
            params: Some(params),
        };
        let limit = sampling.limit();
        self.put(question, limit, Sampled::read).await
    }

    /// Asks the client for its roots, and waits for them (*2025-11-25, Roots*). Each call asks again, so the
    /// roots are never out of date. In 2026-07-28 their key in `inputRequests` is `client_roots`.
    ///
    /// # Errors
    ///
    /// As [`Call::elicit`].
    ///
    /// # Cancel safety
    ///
    /// As [`Call::elicit`].
    pub async fn roots(&self) -> Result<Vec<Root>, RequestError> {
        if !self.declared("roots").is_object() {
            return Err(RequestError::not_offered(json!({"roots": {}})));
        }
        let question = Question {
            key: "client_roots",
            method: Method::RootsList,
            params: None,
        };
        self.put(question, None, |answer| Root::read(&answer)).await
    }

    /// The settings with which the client declared an extension: in its `initialize`, or in 2026-07-28 with
    /// this request (*2026-07-28, Lifecycle, Capabilities*). `None` if it did not declare it, or if the
    /// revision does not have it: those before 2026-07-28 have only `io.modelcontextprotocol/ui`.
    #[must_use]
    pub fn client_extension(&self, id: &str) -> Option<Value> {
        if !self.version().has_extension(id) {
            return None;
        }
        let mut declared = self.declared("extensions");
        let settings = declared.get_mut(id).map(Value::take);
        settings.filter(Value::is_object)
    }

    /// Whether the client shows pages: whether it declared MCP Apps for
    /// [`UiResource::MIME_TYPE`] (*MCP Apps 2026-01-26, Client\<\>Server Capability Negotiation*). A handler can
    /// then say less in the content of a result, which still needs some.
    #[must_use]
    pub fn client_shows_ui(&self) -> bool {
        let settings = self.client_extension(UiResource::EXTENSION);
        let types = settings
            .as_ref()
            .and_then(|settings| settings.get("mimeTypes"));
        let types = types
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        types.iter().any(|one| one == UiResource::MIME_TYPE)
    }

    /// What the client declared of a capability, or `null`. A client is only asked for what it declared (SPEC
    /// E-95, D-26).
    fn declared(&self, capability: &str) -> Value {
        let all = self.client_capabilities();
        all.map_or(Value::Null, |all| all.value(capability))
    }

    async fn put<T>(
        &self,
        question: Question<'_>,
        limit: Option<Duration>,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, RequestError> {
        if limit.is_some_and(|limit| limit.is_zero()) {
            let fault = "the timeout of a question must be longer than zero";
            return Err(RequestError::Faulty(fault.to_owned()));
        }
        if !self.may_ask() {
            return Err(RequestError::NotOffered(Needed::Stream));
        }
        if let Some(task) = self.task() {
            let text = question.to_text();
            let answer = task.ask(question.key, text, limit).await;
            let answer = serde_json::from_str(&answer.map_err(unanswered)?);
            return answer.ok().and_then(read).ok_or(RequestError::Malformed);
        }
        if let Some(round) = self.round() {
            return Ok(round.ask(question, read).await);
        }
        let params = question.params.as_ref().map(Json::try_from).transpose();
        let params = params.map_err(|fault| RequestError::Faulty(fault.to_string()))?;
        let method = question.method.as_str();
        let params = params.as_ref();
        let answer = match limit {
            Some(limit) => self.request_within(limit, method, params).await?,
            None => self.request(method, params).await?,
        };
        let answer = serde_json::from_slice(answer.as_bytes());
        answer.ok().and_then(read).ok_or(RequestError::Malformed)
    }
}

/// Why the question of a task has no answer, as its handler learns it.
fn unanswered(why: Unasked) -> RequestError {
    match why {
        Unasked::Over => RequestError::Closed,
        Unasked::TimedOut => RequestError::TimedOut,
        Unasked::TooMany(limit) => RequestError::Faulty(format!(
            "the task has {limit} open questions already (limit: `Limits::task_questions`)"
        )),
        Unasked::TooLong(limit) => RequestError::Faulty(format!(
            "the open questions of the task have more than {limit} bytes (limit: `Limits::task_bytes`)"
        )),
    }
}
