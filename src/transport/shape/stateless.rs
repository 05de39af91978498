//! 2026-07-28: every request stands for itself, and is cancelled when its client leaves (SPEC D).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::protocol::envelope::Envelope;
use crate::protocol::exchange::Form;
use crate::protocol::party::Owner;
use crate::protocol::rejection::{Reason, Resource, modern_status};
use crate::protocol::stream::frame_of;
use crate::transport::access::identity::Identity;
use crate::transport::access::peer::party_of;
use crate::transport::answer::first::{First, first};
use crate::transport::answer::response::{json_response, stream_response};
use crate::transport::dispatch::calls::RunningCall;
use crate::transport::dispatch::context::{Context, OutletClaim};
use crate::transport::dispatch::link::{ExchangeLink, Link};
use crate::transport::future::at_once;
use crate::transport::shared::Shared;
use crate::transport::stream::body::ResponseBody;
use crate::transport::stream::lease::{Lease, Leased};
use crate::transport::stream::outlet::Outlet;
use crate::transport::stream::queue::{Receiver, Sender};
use crate::wire::json::Json;
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::message::Request;
use crate::wire::method::Method;

/// What is told to a request that its identity did not outlive.
const OVER: &str = "the authorization ended before the answer";

type Outcome = Result<Json, ErrorObject>;

/// A request whose handler was made and has not run yet.
pub(crate) struct Begun<'s> {
    shared: &'s Shared,
    reading: OutletClaim,
    id: Id,
    form: Form,
    /// Whose identity it runs under, and when that ends.
    owner: Option<Owner>,
    end: Option<Instant>,
    work: Leased<RunningCall>,
}

/// Takes up a request. Nothing waits here, so that what came of it is moved to where it stays at once.
pub(crate) fn begin(
    shared: &Arc<Shared>,
    head: Box<Parts>,
    request: Request,
    envelope: Envelope,
    form: Form,
) -> Result<Begun<'_>, Reason> {
    if shared.is_draining() {
        return Err(Reason::ShuttingDown);
    }
    // SPEC J-27: its answer is a stream or nothing.
    if *request.kind() == Method::SubscriptionsListen && form == Form::Json {
        return Err(Reason::StreamNotAcceptable);
    }
    // Those who find the last place taken by one who came at the same time are told in the answer.
    if *request.kind() == Method::SubscriptionsListen {
        let room = shared.listens.room(party_of(&head).as_ref());
        room.map_err(|full| Reason::Full(Resource::Listens, full))?;
    }
    let id = request.id();
    let calls = &shared.calls;
    let call = calls.begin(envelope.version, &request, &head)?;
    let identity = Identity::of(&head);
    let (owner, end) = (
        identity.map(Identity::owner).cloned(),
        identity.and_then(Identity::end),
    );
    let link = Link::Exchange(ExchangeLink {
        outlet: Outlet::new(shared.config.limits.queue, &shared.observer, end),
        streams: form != Form::Json,
        envelope,
        id: id.clone(),
        listens: Arc::clone(&shared.listens),
    });
    let cx = Context::new(link, head, request.meta_part());
    let reading = OutletClaim::of(&cx);
    let work = Leased::new(call.run(|| shared.dispatcher.request(cx, request)));
    Ok(Begun {
        shared,
        reading,
        id,
        form,
        owner,
        end,
        work,
    })
}

impl Begun<'_> {
    /// Answers the request: with JSON when there is nothing but the answer, else with a stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, or the body of its response, drops the dispatcher's: the client's leaving
    /// cancels the request (SPEC D-84).
    pub(crate) async fn answer(self) -> Response<ResponseBody> {
        let Self {
            shared,
            reading,
            id,
            form,
            owner,
            end,
            mut work,
        } = self;
        // Most answers are ready at once, and need no stream.
        if let Some(outcome) = at_once(Pin::new(&mut work)).await {
            let outcome = told(outcome);
            let ends = match wants_stream(form, &outcome) {
                true => reading.take(),
                false => reading.take_output(),
            };
            return answer_of(shared, ends, &id, &outcome);
        }
        let Some((sender, receiver)) = reading.take() else {
            return json_answer(&id, &Err(ErrorObject::internal()));
        };
        // From here on the handler alone decides what of the request is kept.
        drop(reading);
        if let Some(owner) = &owner {
            work.limit(Lease::until(end).listed(&shared.leases, owner, &sender));
        }
        let patience = (form != Form::Json).then_some(shared.config.timeouts.stream_after);
        let rest = match first(Pin::new(&mut work), &receiver, patience).await {
            First::Answer(outcome) => {
                let outcome = told(outcome);
                let is_stream = wants_stream(form, &outcome) || receiver.has_output();
                let ends = is_stream.then_some((sender, receiver));
                return answer_of(shared, ends, &id, &outcome);
            }
            First::Output | First::Silence => run_out(work, sender, id),
        };
        // A listening request that began while the server was told to end may have been overlooked.
        if shared.is_draining() {
            shared.end_listens();
        }
        stream_response(ResponseBody::events(
            receiver,
            shared.config.timeouts.keep_alive,
            rest,
        ))
    }
}

/// Runs a request whose answer is a stream to its end, in a task of its own: in the body it would stand
/// still for as long as its client does not read (PITFALLS R-18). The task ends with what this gives, which goes
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

/// An error is told with its status while it can be, whatever form the client wanted.
fn wants_stream(form: Form, outcome: &Outcome) -> bool {
    form == Form::Stream && outcome.is_ok()
}

/// The response to a request that is over: on the stream, if there is one.
fn answer_of(
    shared: &Shared,
    stream: Option<(Sender, Receiver)>,
    id: &Id,
    outcome: &Outcome,
) -> Response<ResponseBody> {
    match stream {
        Some((sender, receiver)) => {
            conclude(&sender, id, outcome);
            let keep_alive = shared.config.timeouts.keep_alive;
            stream_response(ResponseBody::events(receiver, keep_alive, ()))
        }
        None => json_answer(id, outcome),
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
