//! HTTP+SSE, the transport of 2024-11-05: a stream at `/sse` and an inbox at `/messages/` (SPEC B).

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::handle::SessionHandle;
use super::running::RunningRequest;
use crate::protocol::era::Read;
use crate::protocol::exchange::Endpoint;
use crate::protocol::forwarded_prefix::forwarded_prefix;
use crate::protocol::rejection::{Reason, Rejection};
use crate::protocol::session::{Route, Session};
use crate::protocol::stream::{Closed, Connection};
use crate::transport::access::identity::Identity;
use crate::transport::access::peer::party_of;
use crate::transport::answer::response::{response, stream_response};
use crate::transport::clock::now;
use crate::transport::future::at_once;
use crate::transport::intake::detach;
use crate::transport::intake::request_body::{self, BoxError};
use crate::transport::intake::unread::Unread;
use crate::transport::paths::SsePaths;
use crate::transport::session::sessions::LiveSession;
use crate::transport::shared::Shared;
use crate::transport::stream::body::ResponseBody;
use crate::transport::stream::lease::Lease;
use crate::transport::stream::queue::{StreamEnd, queue};
use crate::wire::id::{SessionId, StreamId};
use crate::wire::jsonrpc::Outgoing;
use crate::wire::message::{self, Message, Payload, Request};
use crate::wire::sse::{Event, EventName};

/// Opens a stream, and a session that lives as long as the stream.
pub(crate) fn open(
    shared: &Arc<Shared>,
    paths: &SsePaths,
    head: &Parts,
) -> Result<Response<ResponseBody>, Reason> {
    if shared.is_draining() {
        return Err(Reason::ShuttingDown);
    }
    let prefix = forwarded_prefix_of(paths, &head.headers)?;
    let identity = Identity::of(head);
    let config = &shared.config;
    // SPEC F-52.
    let end = identity.and_then(Identity::end);
    let (mut sender, receiver) = queue(config.limits.queue, &shared.observer, end);
    let row = shared.table.open(
        Session::bound(sender.clone(), now()),
        party_of(head).as_ref(),
    )?;
    // SPEC B-2 to B-4: the first event is the address to POST to. It is a path, which resolves against
    // the host that the client used. Nothing can be on the stream before it, because the name of the
    // session is not known yet.
    let (prefix, path) = match prefix {
        Some(prefix) => (prefix, &paths.messages),
        None => ("", &paths.announced),
    };
    let endpoint = format!("{prefix}{path}?session_id={}", row.id());
    let endpoint = Event::new(&endpoint).name(EventName::Endpoint).encode();
    // An empty queue takes the first event.
    let _ = sender.offer(endpoint);
    let session = SessionHandle::new(shared, row);
    let is_draining = shared.is_draining();
    // A revocation finds the session in the table, so the lease only needs the time.
    let lease = Lease::until(end);
    let ended = session.clone();
    let body = ResponseBody::events(receiver, config.timeouts.keep_alive, StreamGuard(session))
        .leased(lease, move || ended.end_with_stream());
    // A drain that began in between has not ended this session.
    if is_draining {
        return Err(Reason::ShuttingDown);
    }
    Ok(stream_response(body))
}

/// The prefix that a trusted proxy says that it has removed from the path (PITFALLS R-47).
fn forwarded_prefix_of<'h>(
    paths: &SsePaths,
    headers: &'h HeaderMap,
) -> Result<Option<&'h str>, Reason> {
    if !paths.trusts_forwarded_prefix {
        return Ok(None);
    }
    forwarded_prefix(headers).map_err(|()| Reason::BadForwardedPrefix)
}

/// Ends the session when its stream is dropped (SPEC B-12).
struct StreamGuard(SessionHandle);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.end_with_stream();
    }
}

/// A POST to the inbox of a session.
pub(crate) struct InboxPost {
    pub(crate) session: SessionId,
    /// Whether the body is declared as JSON.
    pub(crate) is_json: bool,
}

/// Takes a message for a session. The checks are in the order of SPEC B.1.
///
/// # Cancel safety
///
/// Dropping the future means that the client of the POST has left. A request runs on; the handler of a
/// notification is dropped.
pub(crate) async fn post<B>(
    shared: &Arc<Shared>,
    post: InboxPost,
    mut head: Box<Parts>,
    body: &mut Unread<B>,
) -> Result<Response<ResponseBody>, Rejection>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let config = &shared.config;
    let row = shared
        .table
        .find(post.session, Identity::of(&head).map(Identity::principal))
        .ok_or(Reason::UnknownSession)?;
    let session = SessionHandle::new(shared, row);
    session.check_stream()?;
    if !post.is_json {
        return Err(Reason::NotJson.into());
    }
    let mut body = request_body::read(body, config.body_limits(), &shared.buffers).await?;
    if detach::is_long(&head, &body) {
        detach::detach(&mut head, &mut body);
    }
    let read = message::parse(&body, &config.limits.message);
    // Everything that waits from here on has its own copy of what it needs.
    drop(body);
    let taken = take(&session, head, read).await;
    taken.or_else(|why| session.refuse_on_stream(why))?;
    // SPEC B-7: the answer comes on the stream.
    let accepted = Bytes::from_static(b"Accepted");
    Ok(response(StatusCode::ACCEPTED, ResponseBody::full(accepted)))
}

/// Takes what was in a body.
///
/// # Errors
///
/// The whole body is refused.
async fn take(session: &SessionHandle, head: Box<Parts>, read: Read) -> Result<(), Rejection> {
    session.shared.permit(Endpoint::Messages, &head, &read)?;
    match read {
        Ok(Payload::Single(Message::Request(request))) => {
            take_request(session, head, request).await
        }
        Ok(Payload::Single(Message::Notification(notification))) => {
            if let Err(why) = session.notify(head, notification).await {
                session.report_accepted(&why);
            }
            Ok(())
        }
        Ok(Payload::Single(Message::Response(reply))) => {
            session.deliver(reply);
            Ok(())
        }
        Ok(Payload::Batch(_)) => Err(Reason::BatchNotAllowed.into()),
        Err(error) => session.refuse_body(error),
    }
}

impl SessionHandle {
    /// Checks that the session is one of HTTP+SSE with a live stream, and notes that its client is active.
    /// If the identity that opened the stream has ended, or the stream was cut, the session is unknown, even
    /// if the connection of the stream has not noticed yet.
    fn check_stream(&self) -> Result<(), Reason> {
        let is_over = |session: &mut LiveSession| {
            let end = session.connection()?.end();
            session.settle();
            Some(matches!(end, Some(StreamEnd::Expired | StreamEnd::Cut)))
        };
        match self.row.with(is_over) {
            Some(false) => return Ok(()),
            Some(true) => self.end_with_stream(),
            None => {}
        }
        Err(Reason::UnknownSession)
    }

    /// Sends a refusal on the stream if it answers a request that was understood (SPEC B-6). Any other
    /// refusal is an HTTP error. If the stream is closed, its session ends, and the POST is answered 404
    /// (SPEC B.1, B-17).
    fn refuse_on_stream(&self, why: Rejection) -> Result<(), Rejection> {
        let (reason, id) = match why {
            Rejection {
                reason,
                id: Some(id),
            } if reason.is_answer_on_stream() => (reason, id),
            why => return Err(why),
        };
        let error = reason.refusal().error;
        let message = Outgoing::Error(Some(&id), &error);
        let sent = self.row.with(|session| {
            // An error with the id of a running request would answer that request (PITFALLS R-13).
            let is_free = !session.is_running(&id);
            is_free.then(|| session.send(message, now()))
        });
        match sent {
            Some(Ok(())) => {
                self.report_accepted(&reason);
                Ok(())
            }
            Some(Err(Closed)) => {
                self.end_with_stream();
                Err(Reason::UnknownSession.into())
            }
            None => Err(Reason::IdInUse.to(&id)),
        }
    }

    /// Tells the operator what was refused although its POST was accepted. A notification gets no other
    /// answer: its client would take an HTTP error for the end of the session.
    fn report_accepted(&self, reason: &Reason) {
        let status = StatusCode::ACCEPTED.as_u16();
        let name = reason.refusal().name;
        self.shared.observer.refused(reason, name, status);
    }
}

/// Begins a request and polls it once. Most answers are ready by then and need no task.
pub(super) async fn take_request(
    session: &SessionHandle,
    head: Box<Parts>,
    request: Request,
) -> Result<(), Rejection> {
    let route = Route::Stream(StreamId::STANDALONE);
    let mut running = RunningRequest::begin(session, head, request, route)?;
    let is_ready = at_once(running.answer.as_mut()).await.is_some();
    if !is_ready {
        running.hand_over(session);
    }
    Ok(())
}
