//! 2026-07-28: every request stands for itself, and is cancelled when its client leaves (SPEC D).

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::body::{ResponseBody, Sender};
use super::dispatch::{BoxFuture, Context, ExchangeLink, Link};
use super::identity::Identity;
use super::lease::{Lease, end_of, leased};
use super::service::{Shared, json_response, stream_response};
use super::turn::{First, first};
use crate::protocol::envelope::Envelope;
use crate::protocol::exchange::Form;
use crate::protocol::rejection::{Rejection, modern_status};
use crate::protocol::stream::{Connection, frame_of};
use crate::wire::jsonrpc::{ErrorObject, Id, Json, Outgoing, Request};

/// What is told to a request that its identity did not outlive.
const OVER: &str = "the authorization ended before the answer";

type Outcome = Result<Json, ErrorObject>;

/// Answers a request: with JSON when there is nothing but the answer, else with a stream.
///
/// # Cancel safety
///
/// Dropping the future, or the body of its response, drops the dispatcher's: the client's leaving
/// cancels the request (SPEC D-84).
pub(super) async fn answer(
    shared: &Arc<Shared>,
    head: Parts,
    request: Request,
    envelope: Envelope,
    form: Form,
) -> Result<Response<ResponseBody>, Rejection> {
    if shared.is_draining() {
        return Err(Rejection::ShuttingDown);
    }
    // SPEC J-27: its answer is a stream or nothing.
    if request.method() == "subscriptions/listen" && form == Form::Json {
        return Err(Rejection::StreamNotAcceptable);
    }
    let config = &shared.config;
    let id = request.id();
    let sender = Sender::new(config.queue, &shared.observer);
    let calls = &shared.calls;
    let call = calls.begin(envelope.version, &request, &head.headers)?;
    let identity = Identity::of(&head).cloned();
    let end = end_of(identity.as_ref());
    let link = Link::Exchange(ExchangeLink {
        sender: (form != Form::Json).then(|| sender.clone()),
        envelope,
        id: id.clone(),
        listens: Arc::clone(&shared.listens),
        end,
        capabilities: OnceLock::new(),
    });
    let cx = Context::new(link, head, request.meta_part());
    let dispatcher = Arc::clone(&shared.dispatcher);
    let leases = Arc::clone(&shared.leases);
    let work = async move {
        let handled = call.run(|| dispatcher.request(cx, request));
        let lease = || match &identity {
            Some(identity) => Lease::until(end).listed(&leases, identity.owner()),
            None => Lease::until(None),
        };
        let outcome = leased(handled, lease).await;
        let outcome = outcome.unwrap_or_else(|| Err(ErrorObject::new(-32603, OVER)));
        outcome.map_err(ErrorObject::into_modern)
    };
    let mut work: BoxFuture<Outcome> = Box::pin(work);
    let patience = (form != Form::Json).then_some(config.silence);
    let rest = match first(work.as_mut(), &sender, patience).await {
        // An error is told with its status while it can be, whatever form the client wanted.
        First::Answer(outcome)
            if (form != Form::Stream || outcome.is_err()) && !sender.has_output() =>
        {
            // Whoever still holds the context has nobody to tell any more.
            sender.clone().finish();
            return Ok(json_answer(&id, &outcome));
        }
        First::Answer(outcome) => {
            conclude(&sender, &id, &outcome);
            None
        }
        First::Output | First::Silence => Some(run_out(work, sender.clone(), id)),
    };
    // A listening request that began while the server was told to end may have been overlooked.
    if shared.is_draining() {
        shared.end_listens();
    }
    let body = ResponseBody::working(&sender, config.keep_alive, rest);
    Ok(stream_response(body))
}

/// Runs a request whose answer is a stream to its end.
fn run_out(work: BoxFuture<Outcome>, sender: Sender, id: Id) -> BoxFuture<()> {
    Box::pin(async move {
        let outcome = work.await;
        conclude(&sender, &id, &outcome);
    })
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
    let body: Bytes = outgoing(id, outcome).to_bytes();
    json_response(status, body)
}
