//! 2026-07-28: every request stands for itself, and is cancelled when its client leaves (SPEC D).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::task::AbortHandle;

use super::body::{ResponseBody, Sender};
use super::dispatch::{Context, ExchangeLink, Link, Outlet};
use super::identity::Identity;
use super::lease::{Lease, Leased, end_of};
use super::service::{Shared, json_response, stream_response};
use super::turn::{First, at_once, first};
use crate::protocol::envelope::Envelope;
use crate::protocol::exchange::Form;
use crate::protocol::rejection::{Rejection, modern_status};
use crate::protocol::stream::frame_of;
use crate::wire::jsonrpc::{ErrorObject, Id, Json, Outgoing, Request};

/// What is told to a request that its identity did not outlive.
const OVER: &str = "the authorization ended before the answer";

type Outcome = Result<Json, ErrorObject>;

/// A request whose handler was made and has not run yet.
pub(super) struct Begun<'s, W> {
    shared: &'s Shared,
    cx: Context,
    id: Id,
    form: Form,
    work: W,
}

/// Takes up a request. Nothing waits here, so that what came of it is moved to where it stays at once.
pub(super) fn begin(
    shared: &Arc<Shared>,
    head: Box<Parts>,
    request: Request,
    envelope: Envelope,
    form: Form,
) -> Result<Begun<'_, impl Future<Output = Option<Outcome>> + Send + Unpin + use<>>, Rejection> {
    if shared.is_draining() {
        return Err(Rejection::ShuttingDown);
    }
    // SPEC J-27: its answer is a stream or nothing.
    if request.method() == "subscriptions/listen" && form == Form::Json {
        return Err(Rejection::StreamNotAcceptable);
    }
    let id = request.id();
    let calls = &shared.calls;
    let call = calls.begin(envelope.version, &request, &head.headers)?;
    let identity = Identity::of(&head).cloned();
    let end = end_of(identity.as_ref());
    let link = Link::Exchange(ExchangeLink {
        outlet: Outlet {
            limits: shared.config.queue,
            observer: Arc::clone(&shared.observer),
            sender: OnceLock::new(),
        },
        streams: form != Form::Json,
        envelope,
        id: id.clone(),
        listens: Arc::clone(&shared.listens),
        end,
        capabilities: OnceLock::new(),
    });
    let cx = Context::new(link, head, request.meta_part());
    let handling = call.run(|| shared.dispatcher.request(cx.clone(), request));
    let leases = Arc::clone(&shared.leases);
    let work = Leased::new(handling, move || match &identity {
        Some(identity) => Lease::until(end).listed(&leases, identity.owner()),
        None => Lease::until(None),
    });
    Ok(Begun {
        shared,
        cx,
        id,
        form,
        work,
    })
}

impl<W: Future<Output = Option<Outcome>> + Send + Unpin + 'static> Begun<'_, W> {
    /// Answers the request: with JSON when there is nothing but the answer, else with a stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, or the body of its response, drops the dispatcher's: the client's leaving
    /// cancels the request (SPEC D-84).
    pub(super) async fn answer(self) -> Response<ResponseBody> {
        let Self {
            shared,
            cx,
            id,
            form,
            mut work,
        } = self;
        let config = &shared.config;
        // Most answers are ready at once, and need no stream.
        if let Some(outcome) = at_once(Pin::new(&mut work)).await {
            return answer_of(&cx, &id, &told(outcome), form, config.keep_alive);
        }
        let Some(sender) = cx.sender().cloned() else {
            return json_answer(&id, &Err(ErrorObject::internal()));
        };
        let patience = (form != Form::Json).then_some(config.silence);
        let rest = match first(Pin::new(&mut work), &sender, patience).await {
            First::Answer(outcome) => {
                return answer_of(&cx, &id, &told(outcome), form, config.keep_alive);
            }
            First::Output | First::Silence => run_out(work, sender.clone(), id),
        };
        // A listening request that began while the server was told to end may have been overlooked.
        if shared.is_draining() {
            shared.end_listens();
        }
        let body = ResponseBody::events(&sender, config.keep_alive, rest);
        stream_response(body)
    }
}

/// Runs a request whose answer is a stream to its end, in a task of its own: in the body it would stand
/// still for as long as its client does not read. The task ends with what this gives, which goes
/// with the body.
fn run_out(
    work: impl Future<Output = Option<Outcome>> + Send + 'static,
    sender: Sender,
    id: Id,
) -> Attended {
    let task = tokio::spawn(async move {
        let outcome = told(work.await);
        conclude(&sender, &id, &outcome);
    });
    Attended(task.abort_handle())
}

/// A task that somebody waits for.
struct Attended(AbortHandle);

impl Drop for Attended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is told of how a request ended; `None` is the end of its identity.
fn told(outcome: Option<Outcome>) -> Outcome {
    outcome
        .unwrap_or_else(|| Err(ErrorObject::new(-32603, OVER)))
        .map_err(ErrorObject::into_modern)
}

/// The response to a request that is over. An error is told with its status while it can be, whatever
/// form the client wanted.
fn answer_of(
    cx: &Context,
    id: &Id,
    outcome: &Outcome,
    form: Form,
    keep_alive: Option<Duration>,
) -> Response<ResponseBody> {
    let is_json = (form != Form::Stream || outcome.is_err()) && !cx.has_output();
    let sender = if is_json { None } else { cx.sender() };
    match sender {
        Some(sender) => {
            conclude(sender, id, outcome);
            stream_response(ResponseBody::events(sender, keep_alive, ()))
        }
        None => {
            // Whoever still holds the context has nobody to tell any more.
            cx.hush();
            json_answer(id, outcome)
        }
    }
}

fn outgoing<'a>(id: &'a Id, outcome: &'a Outcome) -> Outgoing<'a> {
    match outcome {
        Ok(result) => Outgoing::Result(id, result),
        Err(error) => Outgoing::Error(Some(id), error),
    }
}

/// The answer ends the stream (SPEC D-82). One that was cut for its slow reader takes none.
fn conclude(sender: &Sender, id: &Id, outcome: &Outcome) {
    sender.finish_with(frame_of(outgoing(id, outcome)));
}

fn json_answer(id: &Id, outcome: &Outcome) -> Response<ResponseBody> {
    let status = match outcome {
        Ok(_) => StatusCode::OK,
        Err(error) => modern_status(error),
    };
    json_response(status, outgoing(id, outcome).to_pieces())
}
