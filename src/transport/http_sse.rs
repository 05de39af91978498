//! HTTP+SSE, the transport of 2024-11-05: a stream at `/sse`, an inbox at `/messages/` (SPEC B).

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use hyper::body::Body;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use serde_json::Value;

use super::body::{self, ResponseBody, Sender};
use super::dispatch::{BoxFuture, Context, SessionRow, SessionTable, end};
use super::service::{Shared, response};
use crate::protocol::header::{X_ACCEL_BUFFERING, is_json};
use crate::protocol::rejection::Rejection;
use crate::protocol::session::{Client, Closed, Connection, Refused, Session, Terms, Ticket};
use crate::wire::id::SessionId;
use crate::wire::jsonrpc::{
    self, ErrorObject, Id, Json, Message, Notification, Outgoing, ParseError, Payload, Request,
    Response as Reply,
};
use crate::wire::sse::{Event, EventName};
use crate::wire::version::ProtocolVersion;

/// The longest params of `initialize`, in bytes: a session keeps what its client said of itself.
const MAX_HELLO: usize = 64 * 1024;

/// Opens a stream, and a session that lives as long.
pub(super) fn open(shared: &Arc<Shared>) -> Result<Response<ResponseBody>, Rejection> {
    if shared.is_draining() {
        return Err(Rejection::ShuttingDown);
    }
    let config = &shared.config;
    let row = shared
        .table
        .open(Session::new(Sender::new(config.queue)))
        .map_err(|full| Rejection::TooManySessions { limit: full.limit })?;
    // SPEC B-2 to B-4: first the address to POST to, a path, so that it resolves against whatever
    // host the client used.
    let endpoint = format!("{}?session_id={}", config.announced_path, row.id());
    let endpoint = Event::new(&endpoint).name(EventName::Endpoint).encode();
    let sender = row.with(|session| {
        // An empty queue takes the first event.
        let _ = session.connection().offer(endpoint);
        session.connection().clone()
    });
    let guard = StreamGuard {
        table: Arc::clone(&shared.table),
        row,
    };
    let body = ResponseBody::events(&sender, config.keep_alive, guard);
    // A drain that began in between has not seen this session.
    if shared.is_draining() {
        return Err(Rejection::ShuttingDown);
    }
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    // SPEC C-102, H-1, R-21.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// Ends the session when its stream is dropped (SPEC B-12).
struct StreamGuard {
    table: Arc<SessionTable>,
    row: Arc<SessionRow>,
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        end(&self.table, &self.row);
    }
}

/// Takes a message for a session (SPEC B.1, in its order).
pub(super) async fn post<B>(
    shared: &Arc<Shared>,
    session: SessionId,
    head: Parts,
    body: B,
) -> Result<Response<ResponseBody>, Rejection>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let config = &shared.config;
    let row = shared
        .table
        .find(session)
        .ok_or(Rejection::UnknownSession)?;
    if !is_json(&head.headers) {
        return Err(Rejection::NotJson);
    }
    let body = body::read(body, config.body_limit, config.body_timeout).await?;
    match jsonrpc::parse(&body, &config.json) {
        Ok(Payload::Single(Message::Request(request))) => {
            take_request(shared, &row, head, request).await?;
        }
        Ok(Payload::Single(Message::Notification(notification))) => {
            take_notification(shared, &row, head, notification).await?;
        }
        Ok(Payload::Single(Message::Response(reply))) => take_reply(&row, reply),
        Ok(Payload::Batch(_)) => return Err(Rejection::BatchNotAllowed),
        Err(error) => refuse_message(shared, &row, error)?,
    }
    // SPEC B-7: the answer comes on the stream.
    let accepted = bytes::Bytes::from_static(b"Accepted");
    Ok(response(StatusCode::ACCEPTED, ResponseBody::full(accepted)))
}

/// An envelope that is broken is an HTTP error. Params that are broken are the answer to a request
/// that was understood, and answers travel on the stream (SPEC B-6); a notification has none
/// (SPEC A-21).
fn refuse_message(shared: &Shared, row: &SessionRow, error: ParseError) -> Result<(), Rejection> {
    let are_params = error.code() == -32602;
    match error.id() {
        // An error under the id of a running request would answer that one.
        Some(id) if are_params && row.with(|session| session.is_running(id)) => {
            Err(Rejection::IdInUse(id.clone()))
        }
        Some(id) if are_params => send_error(shared, row, id, &error.to_error_object()),
        None if are_params && error.is_notification() => Ok(()),
        _ => Err(Rejection::Invalid(error)),
    }
}

fn send_error(
    shared: &Shared,
    row: &SessionRow,
    id: &Id,
    error: &ErrorObject,
) -> Result<(), Rejection> {
    let sent = row.with(|session| session.send(Outgoing::Error(Some(id), error)));
    ended_if_closed(&shared.table, row, sent)
}

/// A stream that takes no more has ended, and its session ends with it: 404 (SPEC B.1, B-17).
fn ended_if_closed(
    table: &SessionTable,
    row: &SessionRow,
    sent: Result<(), Closed>,
) -> Result<(), Rejection> {
    sent.map_err(|Closed| {
        end(table, row);
        Rejection::UnknownSession
    })
}

fn take_reply(row: &SessionRow, reply: Reply) {
    let waiting = reply
        .id()
        .and_then(|id| id.as_u64())
        .and_then(|number| row.with(|session| session.answered(number)));
    // SPEC C-22: an answer that nobody waits for is dropped.
    if let Some(waiting) = waiting {
        let _ = waiting.send(reply);
    }
}

async fn take_notification(
    shared: &Arc<Shared>,
    row: &Arc<SessionRow>,
    head: Parts,
    notification: Notification,
) -> Result<(), Rejection> {
    if notification.method() == "notifications/cancelled" {
        // SPEC E-87, A-21: unknown, finished or malformed has no effect.
        let id = notification.params().and_then(|params| params.request_id());
        let work = id.and_then(|id| row.with(|session| session.cancel(&id)));
        if let Some(work) = work {
            work.abort();
        }
        return Ok(());
    }
    let terms = row.with(|session| session.terms());
    let cx = Context::new(shared.link(row), head, terms, None);
    // The client's 202 waits for it, which is all the back-pressure a notification can have.
    let _ = guarded(|| shared.dispatcher.notification(cx, notification)).await;
    Ok(())
}

/// Begins a request. It is polled once here; most answers are ready by then and need no task.
async fn take_request(
    shared: &Arc<Shared>,
    row: &Arc<SessionRow>,
    head: Parts,
    request: Request,
) -> Result<(), Rejection> {
    let id = request.id();
    let initializes = request.method() == "initialize";
    if initializes
        && request
            .params()
            .is_some_and(|params| params.as_bytes().len() > MAX_HELLO)
    {
        let message = format!("the params of `initialize` are longer than {MAX_HELLO} bytes");
        return send_error(shared, row, &id, &ErrorObject::invalid_params(message));
    }
    let limit = shared.config.max_requests;
    let begun = row.with(|session| session.begin(&id, initializes, limit));
    let (ticket, terms) = match begun {
        Ok(begun) => begun,
        Err(Refused::Closed) => return Err(Rejection::UnknownSession),
        Err(Refused::Draining) => return Err(Rejection::ShuttingDown),
        Err(Refused::IdInUse) => return Err(Rejection::IdInUse(id)),
        Err(Refused::TooMany) => return Err(Rejection::TooManyRequests { limit, id }),
        Err(Refused::Initialized) => {
            let error = ErrorObject::invalid_request("this session is initialized already");
            return send_error(shared, row, &id, &error);
        }
    };
    let call = answer(
        Arc::clone(shared),
        Arc::clone(row),
        head,
        (ticket, terms),
        request,
    );
    let mut call = Box::pin(call);
    if poll_once(call.as_mut()).await {
        return Ok(());
    }
    let task = tokio::spawn(call);
    let late = row
        .with(|session| session.attach(ticket, task.abort_handle()))
        .err();
    // Cancelled, or at its end, before the session knew of the task.
    if let Some(task) = late {
        task.abort();
    }
    Ok(())
}

/// Runs a request to its end and sends its answer.
async fn answer(
    shared: Arc<Shared>,
    row: Arc<SessionRow>,
    head: Parts,
    (ticket, terms): (Ticket, Terms),
    request: Request,
) {
    let id = request.id();
    let initializes = request.method() == "initialize";
    let cx = Context::new(shared.link(&row), head, terms, Some(ticket));
    let capabilities = initializes.then(|| client_of(&request));
    let dispatcher = Arc::clone(&shared.dispatcher);
    let outcome = guarded(move || dispatcher.request(cx, request)).await;
    // SPEC: a panic is an answer too, and tells nothing (SPEC A-48).
    let outcome = outcome.unwrap_or_else(|Panicked| Err(ErrorObject::internal()));
    let sent = row.with(|session| match &outcome {
        Ok(result) => {
            if let Some(client) = capabilities {
                session.open(agreed_version(result), client);
            }
            session.finish(ticket, Outgoing::Result(&id, result))
        }
        Err(error) => session.finish(ticket, Outgoing::Error(Some(&id), error)),
    });
    let _ = ended_if_closed(&shared.table, &row, sent);
}

/// What the client said of itself in its `initialize`.
fn client_of(request: &Request) -> Client {
    let params = request
        .params()
        .and_then(|params| params.as_raw().to_value().ok());
    let capabilities = match params {
        Some(Value::Object(mut params)) => params.remove("capabilities"),
        _ => None,
    };
    Client {
        capabilities: match capabilities {
            Some(Value::Object(capabilities)) => capabilities,
            _ => serde_json::Map::new(),
        },
    }
}

/// The revision that the result of `initialize` names; the dispatcher decided it.
fn agreed_version(result: &Json) -> ProtocolVersion {
    serde_json::from_slice::<Value>(result.as_bytes())
        .ok()
        .as_ref()
        .and_then(|result| result.get("protocolVersion")?.as_str())
        .and_then(ProtocolVersion::parse)
        .unwrap_or(ProtocolVersion::V2024_11_05)
}

/// Whether the future was ready at its first poll.
async fn poll_once(mut future: Pin<&mut impl Future<Output = ()>>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

struct Panicked;

/// Runs code of the embedder so that a panic ends it and nothing else.
async fn guarded<T>(make: impl FnOnce() -> BoxFuture<T>) -> Result<T, Panicked> {
    // Unwind safety: after a panic neither the closure nor the future is used again.
    let panicked = |_| Panicked;
    let mut future = catch_unwind(AssertUnwindSafe(make)).map_err(panicked)?;
    let outcome = poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        },
    )
    .await;
    // What it held is dropped by code of the embedder, too.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(future))).map_err(panicked);
    dropped.and(outcome)
}
