//! [`Context`]: what a handler gets together with its message.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use serde_json::Value;
use tokio::sync::oneshot;

use super::link::{Link, SessionLink};
use super::request_error::{Needed, RequestError};
use crate::protocol::capabilities::Capabilities;
use crate::protocol::client_info::ClientInfo;
use crate::protocol::filter::SubscriptionFilter;
use crate::protocol::level::LogLevel;
#[cfg(feature = "server")]
use crate::protocol::party::Party;
use crate::protocol::session::Unasked;
use crate::protocol::stream::{Closed, frame_of};
use crate::protocol::trace::{TraceContext, baggage};
use crate::transport::access::identity::Identity;
use crate::transport::access::peer::Peer;
#[cfg(feature = "server")]
use crate::transport::access::peer::party_of;
use crate::transport::clock::now;
#[cfg(feature = "server")]
use crate::transport::future::BoxFuture;
use crate::transport::session::listeners::{ListenRequest, ListenRow, ListenStream};
use crate::transport::stream::outlet::Outlet;
use crate::transport::stream::queue::{Receiver, Sender};
use crate::wire::id::SessionId;
use crate::wire::json::{Json, RawJson};
#[cfg(feature = "server")]
use crate::wire::jsonrpc::Id;
use crate::wire::jsonrpc::{ErrorObject, Outgoing, Response};
use crate::wire::version::ProtocolVersion;

/// What is known about a message, and the way back to the client that sent it. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
    /// Whether this handle neither sends notifications nor listens.
    is_mute: bool,
}

struct Inner {
    link: Link,
    head: Box<Parts>,
    /// `_meta` of the message, a part of its body; empty when there is none.
    meta: Bytes,
}

impl Context {
    /// `meta` is the message's `_meta`, or empty.
    pub(crate) fn new(link: Link, head: Box<Parts>, meta: Bytes) -> Self {
        Self {
            inner: Arc::new(Inner { link, head, meta }),
            is_mute: false,
        }
    }

    /// The same context for code that must not speak on the stream of the request, such as a check before a
    /// subscription is acknowledged (SPEC D-122).
    #[cfg(feature = "server")]
    pub(crate) fn muted(mut self) -> Self {
        self.is_mute = true;
        self
    }

    /// What goes on of a request of 2026-07-28 when it becomes a task: who asks, what the client declares, `_meta`,
    /// and the extensions of the head. It shares no memory with the request, which may be long over by then.
    #[cfg(feature = "server")]
    pub(crate) fn detached(&self) -> Option<Self> {
        let Link::Exchange(link) = &self.inner.link else {
            return None;
        };
        let mut head = hyper::Request::new(()).into_parts().0;
        head.extensions = self.inner.head.extensions.clone();
        let link = Link::Task(link.envelope.clone());
        let meta = Bytes::copy_from_slice(&self.inner.meta);
        Some(Self::new(link, Box::new(head), meta))
    }

    /// The party that the request counts for.
    #[cfg(feature = "server")]
    pub(crate) fn party(&self) -> Option<Party> {
        party_of(&self.inner.head)
    }

    /// The head of the HTTP request that carried the message: URI, headers, and the extensions that the
    /// embedder put there. It lives as long as the context. If the head or the body of the request has
    /// more than 4 KiB, the head is a copy that keeps no other part of the request in memory.
    ///
    /// In a task that began before its handler, the head has the extensions alone: neither headers nor a URI.
    ///
    /// A message on standard input ([`serve_stdio`](crate::serve_stdio)) has no head: this one has no
    /// headers.
    #[must_use]
    pub fn head(&self) -> &Parts {
        &self.inner.head
    }

    /// The headers of that request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.head.headers
    }

    /// Whether the message came with headers, which mirror parts of it.
    #[cfg(feature = "server")]
    pub(crate) fn has_headers(&self) -> bool {
        let mark: Option<&WithoutHeaders> = self.inner.head.extensions.get();
        mark.is_none()
    }

    /// Who sent the message: the identity that the authorizer found, or else the one that the embedder
    /// put into the extensions of the request. `None` if there is neither.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        Identity::of(&self.inner.head)
    }

    /// The address that the connection comes from, which may be that of a proxy. `None` if the accept
    /// loop did not tell it to the service ([`McpService::with_peer_addr`](crate::McpService::with_peer_addr)).
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        let peer: Option<&Peer> = self.inner.head.extensions.get();
        peer.map(|peer| peer.address)
    }

    /// The W3C trace context of the message, from its `_meta` or else from its HTTP headers. `None` if
    /// neither has a valid one. It is read when you ask for it, to continue the trace
    /// (*2026-07-28, Basic, `_meta`*).
    #[must_use]
    pub fn trace_context(&self) -> Option<TraceContext> {
        TraceContext::read(self.raw_meta(), self.headers())
    }

    /// The W3C `baggage` of the message, to be passed on, from the same places as
    /// [`trace_context`](Self::trace_context). The client wrote it, so do not trust it.
    #[must_use]
    pub fn baggage(&self) -> Option<String> {
        baggage(self.raw_meta(), self.headers())
    }

    /// The `_meta` of the message; `None` when there is none.
    pub(crate) fn raw_meta(&self) -> Option<RawJson<'_>> {
        let meta = &self.inner.meta;
        (!meta.is_empty()).then(|| RawJson::of(meta))
    }

    /// The protocol revision of the session, or of the request in 2026-07-28.
    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        match &self.inner.link {
            Link::Session(link) => link.terms.version,
            Link::Exchange(link) => link.envelope.version,
            #[cfg(feature = "server")]
            Link::Task(envelope) => envelope.version,
            Link::Alone(link) => link.version,
        }
    }

    /// The session that the message belongs to. `None` if it belongs to none, as in 2026-07-28, or if
    /// the session has ended.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        let link = self.session()?;
        let id = link.row.id();
        link.table.has(id).then_some(id)
    }

    fn outlet(&self) -> Option<&Outlet> {
        match &self.inner.link {
            Link::Exchange(link) => Some(&link.outlet),
            _ => None,
        }
    }

    fn session(&self) -> Option<&SessionLink> {
        match &self.inner.link {
            Link::Session(link) => Some(link),
            _ => None,
        }
    }

    /// Who the client says that it is: what it sent as `clientInfo` in its `initialize`, or in 2026-07-28 with
    /// this request. `None` if it did not say so, or before its `initialize`; if the service has no sessions
    /// ([`Builder::without_sessions`](crate::Builder::without_sessions)), then before 2026-07-28; and in a
    /// portable session that another process opened, if the client wrote more than some 120 bytes.
    #[must_use]
    pub fn client(&self) -> Option<ClientInfo> {
        match &self.inner.link {
            Link::Session(link) => link.row.with(|session| session.client_info()),
            Link::Alone(link) => link.client.clone(),
            #[cfg(feature = "server")]
            Link::Task(_) => ClientInfo::in_meta(self.raw_meta()?),
            Link::Exchange(_) => ClientInfo::in_meta(self.raw_meta()?),
        }
    }

    /// The capabilities that the client declared in its `initialize`, `None` before that; in 2026-07-28
    /// those that it declared in this request. They are kept as text. [`Capabilities::to_map`] parses it.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&Capabilities> {
        match &self.inner.link {
            Link::Session(link) => link.terms.client.as_ref(),
            Link::Exchange(link) => Some(&link.envelope.capabilities),
            #[cfg(feature = "server")]
            Link::Task(envelope) => Some(&envelope.capabilities),
            Link::Alone(link) => Some(&link.capabilities),
        }
    }

    /// Sends a notification about the request that is being answered, on the stream of that request.
    /// Never waits. Does nothing if the client accepts only JSON, or in a check for `subscriptions/listen`, whose
    /// client must hear nothing before the acknowledgement.
    ///
    /// In 2026-07-28 the notification is dropped if the queue of the stream is full
    /// ([`Limits::queue`](crate::Limits::queue)), so that the answer can still be sent.
    /// In earlier revisions a full queue cuts the connection of the client.
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`] if the client is gone or the request has been answered.
    pub fn notify(&self, method: &str, params: Option<&Json>) -> Result<(), RequestError> {
        if self.is_mute {
            return Ok(());
        }
        let message = Outgoing::Notification(method, params);
        match &self.inner.link {
            Link::Session(link) => link.notify(message),
            Link::Exchange(link) if link.streams => {
                let sender = link.outlet.sender();
                let offered = sender.and_then(|sender| sender.offer_if_room(frame_of(message)));
                offered.map(drop).map_err(|Closed| RequestError::Closed)
            }
            Link::Exchange(_) => Ok(()),
            #[cfg(feature = "server")]
            Link::Task(_) => Ok(()),
            Link::Alone(link) => {
                (link.notified)(method, params);
                Ok(())
            }
        }
    }

    /// Sends a request to the client and waits for the answer: for 10 minutes by default if a person
    /// answers it, which is `elicitation/create` ([`Timeouts::elicitation`](crate::Timeouts::elicitation)),
    /// otherwise for 60 s ([`Timeouts::reply`](crate::Timeouts::reply)).
    ///
    /// # Errors
    ///
    /// - [`RequestError::Refused`] and [`RequestError::Malformed`]: the client answered with an error, or
    ///   not with what the method demands.
    /// - [`RequestError::TimedOut`]: the client did not answer in time.
    /// - [`RequestError::Closed`]: the client is gone.
    /// - [`RequestError::NotOffered`]: no stream can carry the request, as always in 2026-07-28.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the wait. However the wait ends without an answer, the client is sent
    /// `notifications/cancelled`, so that a form does not stay open (*2025-11-25, Lifecycle, Timeouts*; *Cancellation*).
    /// An answer that comes later is ignored.
    pub async fn request(&self, method: &str, params: Option<&Json>) -> Result<Json, RequestError> {
        self.ask(method, params, None).await
    }

    /// As [`Context::request`], with a limit of its own for the wait. The call that asks ends in any case
    /// after [`Timeouts::request`](crate::Timeouts::request).
    ///
    /// # Errors
    ///
    /// As [`Context::request`].
    ///
    /// # Cancel safety
    ///
    /// As [`Context::request`].
    pub async fn request_within(
        &self,
        limit: Duration,
        method: &str,
        params: Option<&Json>,
    ) -> Result<Json, RequestError> {
        self.ask(method, params, Some(limit)).await
    }

    async fn ask(
        &self,
        method: &str,
        params: Option<&Json>,
        limit: Option<Duration>,
    ) -> Result<Json, RequestError> {
        let link = match &self.inner.link {
            Link::Session(link) => link,
            Link::Alone(link) => return link.ask(method, params, limit).await,
            #[cfg(feature = "server")]
            Link::Task(_) => return Err(RequestError::NotOffered(Needed::Stream)),
            Link::Exchange(_) => return Err(RequestError::NotOffered(Needed::Stream)),
        };
        let limit = limit.unwrap_or_else(|| link.reply_timeouts.of(method));
        let (reply, answer) = oneshot::channel();
        let number =
            link.send(|session| session.ask(link.request, reply, (method, params), now()))?;
        let mut awaited = Awaited {
            link,
            number,
            why: "the server stopped waiting",
        };
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(response)) => read_answer(&response),
            Ok(Err(_)) => Err(RequestError::Closed),
            Err(_) => {
                awaited.why = "timed out";
                Err(RequestError::TimedOut)
            }
        }
    }

    /// Closes the connection that waits for the answer, so that the client comes back later to get it
    /// ("polling"). Use it in calls that take long. Gives true if the connection was closed. Only
    /// 2025-11-25 has this (*2025-11-25, Transports, Sending Messages to the Server*); in other revisions
    /// nothing happens.
    pub fn release_connection(&self) -> bool {
        self.session().is_some_and(|link| {
            let ticket = link.request;
            ticket.is_some_and(|ticket| link.row.with(|session| session.pause(ticket, now())))
        })
    }

    /// The lowest severity of log messages that the client wants: for the session, or in 2026-07-28 for
    /// this request. `None` means that the client wants none (*2026-07-28, Logging*).
    #[must_use]
    pub fn log_level(&self) -> Option<LogLevel> {
        match &self.inner.link {
            Link::Session(link) => Some(link.row.with(|session| session.log_level())),
            Link::Exchange(link) => link.envelope.log_level,
            #[cfg(feature = "server")]
            Link::Task(_) => None,
            Link::Alone(link) => link.log_level,
        }
    }

    /// Sets the lowest severity of log messages that the session wants. Does nothing if there is no
    /// session.
    pub fn set_log_level(&self, level: LogLevel) {
        if let Some(link) = self.session() {
            link.row.with(|session| session.set_log_level(level));
        }
    }

    /// Whether changes can be published to the client, which capabilities tell it with `listChanged` and
    /// `subscribe`. They cannot be to a client of a legacy revision without a session
    /// ([`Builder::without_sessions`](crate::Builder::without_sessions)).
    #[must_use]
    pub fn can_receive_changes(&self) -> bool {
        self.session()
            .is_none_or(|link| link.row.with(|session| session.is_told()))
    }

    /// Subscribes the session to a resource. Gives false if there is no session, if the URI is empty, or
    /// if the subscriptions of the session would exceed 64 KiB. Each counts as its bytes and 64 more,
    /// and its normal form as the same again where it differs.
    #[must_use]
    pub fn subscribe(&self, uri: &str) -> bool {
        self.session()
            .is_some_and(|link| link.row.with(|session| session.subscribe(uri)))
    }

    /// Ends a subscription of the session, if it exists.
    pub fn unsubscribe(&self, uri: &str) {
        if let Some(link) = self.session() {
            link.row.with(|session| session.unsubscribe(uri));
        }
    }

    /// Serves a `subscriptions/listen` (*2026-07-28, Subscriptions*): acknowledges `filter`, then sends the
    /// changes that the filter asks for on the stream of this request. [`Publisher::publish`](crate::Publisher::publish)
    /// publishes them.
    ///
    /// Until you call this, the request is a call like any other: it counts in
    /// [`Limits::calls`](crate::Limits::calls), and [`Timeouts::request`](crate::Timeouts::request) limits its
    /// time. From then on it counts in [`Limits::listen_streams`](crate::Limits::listen_streams) alone, where it
    /// has had its place from the start, and has no time limit.
    ///
    /// The future is ready when the service shuts down or the client's identity ends. Then answer the
    /// request with a result whose `_meta` has `io.modelcontextprotocol/subscriptionId`, the id of the
    /// request.
    ///
    /// This method takes the context, so that only the id and the filter of the request stay in memory
    /// while the client listens. Drop the request before you await.
    ///
    /// # Errors
    ///
    /// -32603 if the request is no `subscriptions/listen` of 2026-07-28, or if it listens already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the subscription.
    pub async fn listen(self, mut filter: SubscriptionFilter) -> Result<(), ErrorObject> {
        // A dispatcher of one's own has no tasks.
        filter.tasks = Box::default();
        let (row, request) = self.listen_request(filter)?;
        drop(self);
        ListenStream::run(row, request).await
    }

    /// As [`listen`](Self::listen), and tells the client of tasks with the future that `follow` makes.
    #[cfg(feature = "server")]
    pub(crate) async fn listen_and(
        self,
        filter: SubscriptionFilter,
        follow: impl FnOnce(Sender, Id) -> BoxFuture<()>,
    ) -> Result<(), ErrorObject> {
        let (row, mut request) = self.listen_request(filter)?;
        drop(self);
        let follow = follow(request.stream.clone(), request.id.clone());
        request.follow = Some(follow);
        ListenStream::run(row, request).await
    }

    /// What listens, and where.
    fn listen_request(
        &self,
        filter: SubscriptionFilter,
    ) -> Result<(Arc<ListenRow>, ListenRequest), ErrorObject> {
        let (Link::Exchange(link), false) = (&self.inner.link, self.is_mute) else {
            return Err(ErrorObject::internal());
        };
        let row = link.listens.as_ref().ok_or_else(ErrorObject::internal)?;
        let stream = link.outlet.sender();
        let stream = stream.map_err(|Closed| ErrorObject::internal())?.clone();
        let request = ListenRequest {
            id: link.id.clone(),
            filter,
            stream,
            follow: None,
        };
        Ok((Arc::clone(row), request))
    }
}

/// Marks the head of a message that came without HTTP, so that no header can mirror a part of it.
#[derive(Clone)]
pub(crate) struct WithoutHeaders;

/// The claim of a response on the queue of its request, which is one of 2026-07-28. Dropping it closes
/// the queue, unless the response has taken the reading end.
pub(crate) struct OutletClaim(Context);

impl OutletClaim {
    pub(crate) fn of(cx: &Context) -> Self {
        Self(cx.clone())
    }

    /// Both ends of the queue, for the response.
    pub(crate) fn take(&self) -> Option<(Sender, Receiver)> {
        self.0.outlet()?.take()
    }

    /// Both ends of the queue, if something waits to be read.
    pub(crate) fn take_output(&self) -> Option<(Sender, Receiver)> {
        self.0.outlet()?.take_output()
    }
}

impl Drop for OutletClaim {
    fn drop(&mut self) {
        // Most handlers are gone by now. Then this is the last clone, and nothing more can be sent.
        if Arc::strong_count(&self.0.inner) > 1
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

/// A request to the client that waits for its answer. If it is dropped without one, the client is told
/// (SPEC E-10).
struct Awaited<'a> {
    link: &'a SessionLink,
    number: u64,
    /// Why the wait ended, if no answer came.
    why: &'static str,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        // A client that is gone does not need to know.
        let _ = self.link.send(|session| {
            let withdrawn = session.withdraw(self.number, self.why, now());
            withdrawn.map_err(|Closed| Unasked::Closed)
        });
    }
}

/// A malformed answer is an error of the client. The session goes on (SPEC E-111).
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
