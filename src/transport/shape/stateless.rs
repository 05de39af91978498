//! 2026-07-28: no request depends on another, and a request is cancelled when its client leaves (SPEC D).

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
use crate::protocol::rejection::{Reason, modern_status};
use crate::protocol::stream::frame_of;
use crate::transport::access::identity::Identity;
use crate::transport::answer::first::{First, first};
use crate::transport::answer::response::{json_response, stream_response};
use crate::transport::dispatch::calls::RunningCall;
use crate::transport::dispatch::context::{Context, OutletClaim};
use crate::transport::dispatch::dispatcher::Answer;
use crate::transport::dispatch::link::{ExchangeLink, Link};
use crate::transport::future::at_once;
use crate::transport::shared::Shared;
use crate::transport::stream::body::ResponseBody;
use crate::transport::stream::lease::{Lease, Leased};
use crate::transport::stream::outlet::Outlet;
use crate::transport::stream::queue::{Receiver, Sender};
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::message::Request;
use crate::wire::method::Method;

/// The error of a request whose identity ended before its answer.
const EXPIRED: &str = "the authorization ended before the answer";

/// A request whose handler exists and has not run yet.
pub(crate) struct PendingRequest<'s> {
    shared: &'s Shared,
    outlet: OutletClaim,
    id: Id,
    form: Form,
    /// The principal that it runs for, and when that identity ends.
    owner: Option<Owner>,
    end: Option<Instant>,
    work: Leased<RunningCall>,
}

/// Begins a request. It does not wait, so that its result is moved only once, to where it is awaited.
pub(crate) fn begin(
    shared: &Arc<Shared>,
    head: Box<Parts>,
    request: Request,
    envelope: Envelope,
    form: Form,
) -> Result<PendingRequest<'_>, Reason> {
    if shared.is_draining() {
        return Err(Reason::ShuttingDown);
    }
    let place = match request.kind() {
        // SPEC J-27: it can only be answered with a stream.
        Method::SubscriptionsListen if form == Form::Json => {
            return Err(Reason::StreamNotAcceptable);
        }
        Method::SubscriptionsListen => Some(shared.place_to_listen(&head)?),
        _ => None,
    };
    let listens = place.as_ref().map(|place| Arc::clone(place.row()));
    let id = request.id();
    let calls = &shared.calls;
    let call = calls
        .begin(envelope.version, &request, &head)?
        .listening(place);
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
        listens,
    });
    let cx = Context::new(link, head, request.meta_part());
    let outlet = OutletClaim::of(&cx);
    let work = Leased::new(call.run(|| shared.dispatcher.request(cx, request)));
    Ok(PendingRequest {
        shared,
        outlet,
        id,
        form,
        owner,
        end,
        work,
    })
}

impl PendingRequest<'_> {
    /// Answers the request: with JSON if the answer comes first, otherwise with a stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, or the body of the response, means that the client has left. It drops the
    /// future of the dispatcher, which cancels the request (SPEC D-84).
    pub(crate) async fn answer(self) -> Response<ResponseBody> {
        let Self {
            shared,
            outlet,
            id,
            form,
            owner,
            end,
            mut work,
        } = self;
        // Most answers are ready at once and need no stream.
        if let Some(answer) = at_once(Pin::new(&mut work)).await {
            let answer = modern(answer);
            let ends = match wants_stream(form, &answer) {
                true => outlet.take(),
                false => outlet.take_output(),
            };
            return response_with(shared, ends, &id, &answer);
        }
        let Some((sender, receiver)) = outlet.take() else {
            return json_answer(&id, &Err(ErrorObject::internal()));
        };
        // From here on only the handler keeps parts of the request.
        drop(outlet);
        if let Some(owner) = &owner {
            work.limit(Lease::until(end).revocable(&shared.leases, owner, &sender));
        }
        let silence = (form != Form::Json).then_some(shared.config.timeouts.stream_after);
        let task = match first(Pin::new(&mut work), &receiver, silence).await {
            First::Answer(answer) => {
                let answer = modern(answer);
                let is_stream = wants_stream(form, &answer) || receiver.has_output();
                let ends = is_stream.then_some((sender, receiver));
                return response_with(shared, ends, &id, &answer);
            }
            First::Output | First::Silence => spawn(work, sender, id),
        };
        stream_response(ResponseBody::events(
            receiver,
            shared.config.timeouts.keep_alive,
            task,
        ))
    }
}

/// Runs a request that is answered with a stream in a task of its own. In the body of the response it
/// would stand still while its client does not read (PITFALLS R-18). Dropping the result, which the body
/// holds, aborts the task.
fn spawn(
    work: impl Future<Output = Option<Answer>> + Send + 'static,
    sender: Sender,
    id: Id,
) -> AbortOnDrop {
    let task = tokio::spawn(async move {
        let answer = modern(work.await);
        conclude(&sender, &id, &answer);
    });
    AbortOnDrop(task.abort_handle())
}

/// Aborts a task when it is dropped.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The answer as 2026-07-28 has it; `None` means that the identity has ended.
fn modern(answer: Option<Answer>) -> Answer {
    answer
        .unwrap_or_else(|| Err(ErrorObject::new(-32603, EXPIRED)))
        .map_err(ErrorObject::into_modern)
}

/// Whether an answer that is ready goes onto a stream. An error does not, because JSON comes with its
/// status.
fn wants_stream(form: Form, answer: &Answer) -> bool {
    form == Form::Stream && answer.is_ok()
}

/// The response with an answer that is ready: on the stream, if there is one.
fn response_with(
    shared: &Shared,
    stream: Option<(Sender, Receiver)>,
    id: &Id,
    answer: &Answer,
) -> Response<ResponseBody> {
    match stream {
        Some((sender, receiver)) => {
            conclude(&sender, id, answer);
            let keep_alive = shared.config.timeouts.keep_alive;
            stream_response(ResponseBody::events(receiver, keep_alive, ()))
        }
        None => json_answer(id, answer),
    }
}

fn outgoing<'a>(id: &'a Id, answer: &'a Answer) -> Outgoing<'a> {
    match answer {
        Ok(result) => Outgoing::Result(id, result),
        Err(error) => Outgoing::Error(Some(id), error),
    }
}

/// Ends the stream with the answer (SPEC D-82), unless the stream was cut because its client does not read.
fn conclude(sender: &Sender, id: &Id, answer: &Answer) {
    sender.finish_with(frame_of(outgoing(id, answer)));
}

fn json_answer(id: &Id, answer: &Answer) -> Response<ResponseBody> {
    let status = match answer {
        Ok(_) => StatusCode::OK,
        Err(error) => modern_status(error),
    };
    json_response(status, outgoing(id, answer).to_pieces())
}
