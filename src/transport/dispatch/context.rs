//! [`Context`]: what a handler is given beside its message.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::link::{Link, SessionLink};
use super::request_error::{Needed, RequestError};
use crate::protocol::capabilities::Capabilities;
use crate::protocol::filter::SubscriptionFilter;
use crate::protocol::level::LogLevel;
use crate::protocol::stream::{Closed, frame_of};
use crate::protocol::trace::{TraceContext, baggage};
use crate::transport::access::identity::Identity;
use crate::transport::access::peer::{Peer, party_of};
use crate::transport::session::listeners::Listener;
use crate::transport::session::sessions::now;
use crate::transport::stream::outlet::Outlet;
use crate::transport::stream::queue::{Receiver, Sender};
use crate::wire::id::SessionId;
use crate::wire::jsonrpc::{ErrorObject, Json, Outgoing, RawJson, Response};
use crate::wire::version::ProtocolVersion;

/// What is known of a message beside its text, and the way back to its sender. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    link: Link,
    head: Box<Parts>,
    /// `_meta` of the message, a part of its body; empty when there is none.
    meta: Bytes,
}

impl Context {
    /// `meta` is the message's `_meta`, or empty.
    pub(crate) fn new(link: Link, head: Box<Parts>, meta: Bytes) -> Self {
        Self(Arc::new(Inner { link, head, meta }))
    }

    /// The head of the HTTP request that carried the message: URI, headers, and the extensions
    /// that the embedder put there. It lives as long as the context: a head of more than 4 KiB, or one
    /// that came with a longer body, as a copy that keeps nothing else of the request.
    #[must_use]
    pub fn head(&self) -> &Parts {
        &self.0.head
    }

    /// The headers of that request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.head.headers
    }

    /// Who sent the message: what the authorizer found, or else what the embedder's own stack put into
    /// the extensions of the request. `None` where nobody asked who it is.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        Identity::of(&self.0.head)
    }

    /// The address that the message came from, a proxy's if there is one; `None` where the accept loop
    /// did not say ([`McpService::for_peer`](crate::McpService::for_peer)).
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        let peer: Option<&Peer> = self.0.head.extensions.get();
        peer.map(|peer| peer.address)
    }

    /// Where the message stands in a distributed trace, as its `_meta` says, or else its HTTP
    /// headers (SPEC A-32); `None` when neither says so well. For embedders that go on with the
    /// trace: read when asked for.
    #[must_use]
    pub fn trace_context(&self) -> Option<TraceContext> {
        TraceContext::read(self.raw_meta(), self.headers())
    }

    /// The W3C `baggage` of the message, from where [`trace_context`](Self::trace_context) looks,
    /// to be passed on. It is the client's word, like all of the message.
    #[must_use]
    pub fn baggage(&self) -> Option<String> {
        baggage(self.raw_meta(), self.headers())
    }

    /// The `_meta` of the message; `None` when there is none.
    pub(crate) fn raw_meta(&self) -> Option<RawJson<'_>> {
        let meta = &self.0.meta;
        (!meta.is_empty()).then(|| RawJson::of(meta))
    }

    /// The revision in force.
    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        match &self.0.link {
            Link::Session(link) => link.terms.version,
            Link::Exchange(link) => link.envelope.version,
        }
    }

    /// The session that the message belongs to; `None` where there are none, as in 2026-07-28.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        let link = self.session()?;
        let id = link.row.id();
        link.table.has(id).then_some(id)
    }

    fn outlet(&self) -> Option<&Outlet> {
        match &self.0.link {
            Link::Session(_) => None,
            Link::Exchange(link) => Some(&link.outlet),
        }
    }

    fn session(&self) -> Option<&SessionLink> {
        match &self.0.link {
            Link::Session(link) => Some(link),
            Link::Exchange(_) => None,
        }
    }

    /// The capabilities that the client declared: in its `initialize`, `None` before it; in
    /// 2026-07-28 with this request. They are kept as text; [`Capabilities::to_map`] reads it.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&Capabilities> {
        match &self.0.link {
            Link::Session(link) => link.terms.client.as_ref(),
            Link::Exchange(link) => Some(&link.envelope.capabilities),
        }
    }

    /// Sends a notification about the request that is answered, on its stream. Never waits. A client
    /// that takes JSON alone is sent nothing. In 2026-07-28 a notification is left out when more of
    /// them wait to be read than a stream may hold
    /// ([`Builder::stream_queue`](crate::Builder::stream_queue)), so that the answer still has a
    /// stream to come on.
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`] when the client is gone or the request has its answer.
    pub fn notify(&self, method: &str, params: Option<&Json>) -> Result<(), RequestError> {
        let message = Outgoing::Notification(method, params);
        match &self.0.link {
            Link::Session(link) => link.notify(message),
            Link::Exchange(link) if link.streams => {
                let sender = link.outlet.sender();
                let offered = sender.and_then(|sender| sender.offer_if_room(frame_of(message)));
                offered.map_err(|Closed| RequestError::Closed)
            }
            Link::Exchange(_) => Ok(()),
        }
    }

    /// Sends a request to the client and waits for its answer, 60 s by default
    /// ([`Builder::reply_timeout`](crate::Builder::reply_timeout)).
    ///
    /// # Errors
    ///
    /// The client refuses, does not answer in time (it is told, SPEC E-10), or is gone; or there is
    /// no stream that the request could go on, as always in 2026-07-28 (SPEC D-81).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; an answer that comes later is ignored.
    pub async fn request(&self, method: &str, params: Option<&Json>) -> Result<Json, RequestError> {
        let link = self
            .session()
            .ok_or(RequestError::NotOffered(Needed::Stream))?;
        let (reply, answer) = oneshot::channel();
        let number =
            link.send(|session| session.ask(link.request, reply, (method, params), now()))?;
        let awaited = Awaited { link, number };
        match tokio::time::timeout(link.reply_timeout, answer).await {
            Ok(Ok(response)) => read_answer(&response),
            Ok(Err(_)) => Err(RequestError::Closed),
            Err(_) => {
                awaited.give_up();
                Err(RequestError::TimedOut)
            }
        }
    }

    /// Closes the connection that waits for the answer, so that the client comes back for it later
    /// ("polling"): for calls that take long. True if the client was told to; only 2025-11-25 has
    /// this (SPEC C-61, C-64), and elsewhere nothing happens.
    pub fn release_connection(&self) -> bool {
        self.session().is_some_and(|link| {
            let ticket = link.request;
            ticket.is_some_and(|ticket| link.row.with(|session| session.pause(ticket, now())))
        })
    }

    /// The least grave level of log messages that the client wants: of the session, or in
    /// 2026-07-28 of this request, which gets none without a level (SPEC D-89).
    #[must_use]
    pub fn log_level(&self) -> Option<LogLevel> {
        match &self.0.link {
            Link::Session(link) => Some(link.row.with(|session| session.log_level())),
            Link::Exchange(link) => link.envelope.log_level,
        }
    }

    /// Sets the least grave level of log messages that the session wants; nothing happens where
    /// there is none.
    pub fn set_log_level(&self, level: LogLevel) {
        if let Some(link) = self.session() {
            link.row.with(|session| session.set_log_level(level));
        }
    }

    /// Whether the client can be told of changes, as capabilities say with `listChanged` and `subscribe`.
    /// It cannot where each legacy request stands for itself
    /// ([`Builder::without_sessions`](crate::Builder::without_sessions)).
    #[must_use]
    pub fn hears_of_changes(&self) -> bool {
        self.session()
            .is_none_or(|link| link.row.with(|session| session.is_told()))
    }

    /// Subscribes the session to a resource; false when it has 64 KiB of subscriptions already, each
    /// counted as its bytes and 48 more, for an empty URI, and where there is no session.
    #[must_use]
    pub fn subscribe(&self, uri: &str) -> bool {
        self.session()
            .is_some_and(|link| link.row.with(|session| session.subscribe(uri)))
    }

    /// Ends a subscription, if there is one.
    pub fn unsubscribe(&self, uri: &str) {
        if let Some(link) = self.session() {
            link.row.with(|session| session.unsubscribe(uri));
        }
    }

    /// Serves a `subscriptions/listen` (2026-07-28, Subscriptions): acknowledges `filter`, then sends what
    /// [`Publisher::publish`] tells of and the filter asks for, on the stream of this request.
    ///
    /// The future is ready when the service shuts down or the client's identity ends. Answer the request
    /// then: its result has the member `_meta` with
    /// `io.modelcontextprotocol/subscriptionId`, the id of the request. This method takes the context
    /// so that nothing of the request but its id and the filter stays in memory while the client listens:
    /// drop the request before you await.
    ///
    /// # Errors
    ///
    /// -32603 when as many clients listen as may
    /// ([`Builder::max_listens`](crate::Builder::max_listens)), and when the request is not of
    /// 2026-07-28 or its client does not take a stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the subscription.
    pub async fn listen(self, filter: SubscriptionFilter) -> Result<(), ErrorObject> {
        let listening = self.start_listening(filter)?;
        drop(self);
        listening.await
    }

    fn start_listening(
        &self,
        filter: SubscriptionFilter,
    ) -> Result<impl Future<Output = Result<(), ErrorObject>> + use<>, ErrorObject> {
        let link = match &self.0.link {
            Link::Exchange(link) if link.streams => link,
            _ => return Err(ErrorObject::internal()),
        };
        let sender = link.outlet.sender();
        let sender = sender.map_err(|Closed| ErrorObject::internal())?.clone();
        Ok(Listener::run(
            Arc::clone(&link.listens),
            party_of(&self.0.head),
            (sender, link.id.clone()),
            (filter, link.outlet.until),
        ))
    }
}

/// The reading end of a request that stands for itself, until its response begins. Dropping it closes
/// the request's queue, unless the response took it.
pub(crate) struct Reading(Context);

impl Reading {
    pub(crate) fn of(cx: &Context) -> Self {
        Self(cx.clone())
    }

    /// Both ends of the queue, for the response.
    pub(crate) fn take(&self) -> Option<(Sender, Receiver)> {
        self.0.outlet()?.take()
    }

    /// The same, if something waits to be read.
    pub(crate) fn take_output(&self) -> Option<(Sender, Receiver)> {
        self.0.outlet()?.take_output()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Most handlers are gone by now: nobody is left who could send anything.
        if Arc::strong_count(&self.0.0) > 1
            && let Some(outlet) = self.0.outlet()
        {
            outlet.close();
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

/// Frees the place of a request to the client, however the waiting ends.
struct Awaited<'a> {
    link: &'a SessionLink,
    number: u64,
}

impl Awaited<'_> {
    /// SPEC E-10: on timeout tell the client and stop waiting.
    fn give_up(&self) {
        let params = Json::from(&json!({ "requestId": self.number, "reason": "timed out" }));
        let message = Outgoing::Notification("notifications/cancelled", Some(&params));
        // A client that is gone needs no telling.
        let _ = self.link.notify(message);
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        drop(self.link.row.with(|session| session.answered(self.number)));
    }
}

/// A malformed answer is an error of the client, and the session lives on (SPEC E-111).
fn read_answer(response: &Response) -> Result<Json, RequestError> {
    let refused = |error: &[u8]| {
        let error: Value = serde_json::from_slice(error).ok()?;
        let message = error.get("message")?.as_str()?.to_owned();
        let refusal = ErrorObject::new(error.get("code")?.as_i64()?, message);
        Some(match error.get("data") {
            Some(data) => refusal.with_data(data.clone()),
            None => refusal,
        })
    };
    match response.outcome() {
        Ok(result) => {
            let text = result.as_bytes().to_vec();
            Json::parse(text).map_err(|_| RequestError::Malformed)
        }
        Err(error) => {
            Err(refused(error.as_bytes()).map_or(RequestError::Malformed, RequestError::Refused))
        }
    }
}
