//! Runs handlers that may ask the client, and ends the rounds that questions end.

use std::future::Future;

use serde_json::json;

use super::open_request::{Answer, OpenRequest, params_of};
use crate::server::call::Call;
use crate::server::handler_error::HandlerError;
use crate::server::metadata::meta::Meta;
use crate::server::result::closing::Closing;
use crate::server::round::{Carried, Purpose, Questions, Round, read_answers};
use crate::server::shared::Shared;
#[cfg(feature = "request-state")]
use crate::server::state::binding;
use crate::transport::access::identity::Identity;
use crate::transport::dispatch::context::Context;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::pieces::PieceWriter;
use crate::wire::version::Era;

/// How a handler that may ask the client ended.
pub(super) enum Run<T> {
    Complete(Completed<T>),
    /// With questions, which this result asks.
    InputRequired(Json),
}

pub(super) struct Completed<T> {
    pub(super) output: T,
    /// Whether answers of the client went into it.
    pub(super) is_retry: bool,
}

/// A request whose handler can be run.
pub(super) struct Prepared {
    pub(super) is_retry: bool,
    /// What the state of the request is bound to, if its text is gone.
    pub(super) binding: Option<Binding>,
}

type Binding = Result<String, ErrorObject>;

impl OpenRequest<'_> {
    /// Runs a handler. A long request stays in memory meanwhile only if a question may have to be bound to
    /// it and it has little beside what it asks for.
    pub(super) async fn run<T, F>(
        &mut self,
        handler: impl FnOnce(Call) -> F,
    ) -> Result<Run<T>, HandlerError>
    where
        F: Future<Output = Result<T, HandlerError>>,
    {
        let Prepared { is_retry, binding } = self.prepare()?;
        let call = &self.call;
        // The handler is dropped before the questions of its round are read.
        let outcome = call.run(handler(call.clone())).await?;
        match (outcome, call.round()) {
            (Some(output), _) => Ok(Run::Complete(Completed { output, is_retry })),
            (None, Some(round)) => Ok(Run::InputRequired(self.ask_all(round, binding)?)),
            // Only a round ends without a result.
            (None, None) => Err(ErrorObject::internal().into()),
        }
    }

    /// Makes the request ready for a run of its handler.
    pub(super) fn prepare(&mut self) -> Result<Prepared, ErrorObject> {
        let is_retry = self.is_retry();
        let call = &self.call;
        if let Some(round) = call.round().filter(|_| is_retry) {
            round.bring(self.carried()?);
        }
        let is_padded = call.round().is_some() && self.request.is_padded();
        let binding = is_padded.then(|| self.binding());
        if call.round().is_none() || is_padded {
            self.request.trim();
        }
        Ok(Prepared { is_retry, binding })
    }

    /// The result that asks the questions of a round.
    pub(super) fn ask_all(&self, round: &Round, binding: Option<Binding>) -> Answer {
        let binding = binding.unwrap_or_else(|| self.binding())?;
        input_required(self.server, round, &binding, self.closing)
    }

    /// Whether the client comes back with answers, as it does in the modern era alone.
    fn is_retry(&self) -> bool {
        let params = self.request.params();
        self.version.era() == Era::Modern && params.is_some_and(|params| params.is_retry())
    }

    /// What the state of this request is bound to.
    fn binding(&self) -> Binding {
        binding(&purpose(&self.call, self.request))
    }

    /// What a retry brings.
    fn carried(&self) -> Result<Carried, ErrorObject> {
        let purpose = purpose(&self.call, self.request);
        let mut carried = carried(self.server, &purpose)?;
        carried.answers.extend(read_answers(purpose.params)?);
        Ok(carried)
    }
}

/// What the state of a request is for.
fn purpose<'a>(cx: &'a Context, request: &'a Request) -> Purpose<'a> {
    Purpose {
        principal: cx.identity().map(Identity::principal),
        method: request.method(),
        params: params_of(request),
    }
}

/// The result of a round that ends with questions (SPEC D-101).
fn input_required(server: &Shared, round: &Round, binding: &str, closing: Closing<'_>) -> Answer {
    let state = sealed(server, round, binding)?;
    let questions = match state {
        Some(_) => Questions::Open,
        None => Questions::All,
    };
    let mut result = json!({"inputRequests": round.questions(questions)});
    if let Some(state) = state {
        result["requestState"] = state.into();
    }
    let mut out = result.to_string().into_bytes();
    out.pop();
    let mut out = PieceWriter::from(out);
    closing.end(&mut out, "input_required", &Meta::default());
    Ok(Json::from_encoder(out.finish()))
}

#[cfg(feature = "request-state")]
fn carried(server: &Shared, purpose: &Purpose<'_>) -> Result<Carried, ErrorObject> {
    server.state_keys().open_state(purpose)
}

#[cfg(feature = "request-state")]
fn sealed(server: &Shared, round: &Round, binding: &str) -> Result<Option<String>, ErrorObject> {
    server.state_keys().seal_state(&round.carry(), binding)
}

/// A server without keys never gave a state out, so any that comes is not its own (SPEC D-107).
#[cfg(not(feature = "request-state"))]
fn carried(_: &Shared, purpose: &Purpose<'_>) -> Result<Carried, ErrorObject> {
    if purpose.state().is_some() {
        let message = "`requestState` is not of this server: begin again without it";
        return Err(ErrorObject::invalid_params(message));
    }
    Ok(Carried::default())
}

#[cfg(not(feature = "request-state"))]
fn sealed(_: &Shared, _: &Round, _: &str) -> Result<Option<String>, ErrorObject> {
    Ok(None)
}

/// A server without keys gives no state out, so there is nothing to bind.
#[cfg(not(feature = "request-state"))]
fn binding(_: &Purpose<'_>) -> Result<String, ErrorObject> {
    Ok(String::new())
}
