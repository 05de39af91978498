//! What a handler can ask of the client: input from the person, a completion by the model, the
//! roots it may work in.

use serde_json::{Value, json};

use super::call::Call;
use super::question::elicitation::{Elicitation, Elicited};
use super::question::root::Root;
use super::question::sampled::Sampled;
use super::question::sampling::Sampling;
use super::round::Question;
use crate::transport::dispatch::request_error::RequestError;
use crate::wire::json::Json;
use crate::wire::method::Method;

/// One handler serves every era. In the legacy era a question goes to the client, and the handler
/// waits for the answer. In 2026-07-28 a question that has no answer yet ends the run: the client is
/// told what is asked, comes back with the answers, and the handler runs again from its beginning,
/// where the same questions now have answers. So ask first and act afterwards, ask the same in every
/// run, and ask together what does not depend on each other (`tokio::join!`): each run is a round
/// trip.
impl Call {
    /// Asks the person at the client, and waits.
    ///
    /// # Errors
    ///
    /// [`RequestError::NotOffered`] when the client did not declare it, [`RequestError::Faulty`]
    /// when it may not be asked of any client, [`RequestError::Malformed`] when the answer does not
    /// fit the form, and all that [`Context::request`] gives. In 2026-07-28 an answer that does not
    /// fit is refused with -32602 instead (SPEC D-112).
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
        self.ask(question, |answer| elicitation.read(&answer)).await
    }

    /// Asks the client's model, and waits.
    ///
    /// # Errors
    ///
    /// As [`Call::elicit`]; a person who says no is [`RequestError::Refused`] with code -1.
    pub async fn sample(&self, sampling: &Sampling) -> Result<Sampled, RequestError> {
        let declared = self.declared("sampling");
        let params = sampling.params(self.version(), &declared)?;
        let question = Question {
            key: sampling.key_or_default(),
            method: Method::SamplingCreateMessage,
            params: Some(params),
        };
        self.ask(question, Sampled::read).await
    }

    /// Asks the client for its roots, and waits. They are asked for each time, so they are never
    /// older than the answer. Their key in `inputRequests` is `client_roots`.
    ///
    /// # Errors
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
        self.ask(question, |answer| Root::read(&answer)).await
    }

    /// SPEC E-95, D-26: only what the client declared is asked of it; what it did not is `null`.
    fn declared(&self, capability: &str) -> Value {
        let all = self.client_capabilities();
        all.map_or(Value::Null, |all| all.value(capability))
    }

    async fn ask<T>(
        &self,
        question: Question<'_>,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, RequestError> {
        if let Some(round) = self.round() {
            return Ok(round.ask(question, read).await);
        }
        let params = question.params.as_ref().map(Json::try_from).transpose();
        let params = params.map_err(|fault| RequestError::Faulty(fault.to_string()))?;
        let method = question.method.as_str();
        let answer = self.request(method, params.as_ref()).await?;
        let answer = serde_json::from_slice(answer.as_bytes());
        answer.ok().and_then(read).ok_or(RequestError::Malformed)
    }
}
