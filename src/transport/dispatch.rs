//! [`Dispatcher`]: who answers messages, and [`Context`]: what it is given.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::body::Sender;
use crate::error::Error;
use crate::protocol::change::Change;
use crate::protocol::level::LogLevel;
use crate::protocol::session::{Client, Closed, Session, Terms, Ticket, frame_of};
use crate::protocol::table::{Row, Table};
use crate::wire::id::SessionId;
use crate::wire::jsonrpc::{ErrorObject, Id, Json, Notification, Outgoing, Request, Response};
use crate::wire::version::ProtocolVersion;

/// A future that a connection or a task can own.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Answers the messages of clients. [`Server`](crate::server::Server) is one; a gateway brings its
/// own.
///
/// The trait is object-safe and takes `&self`; futures are boxed and own what they need (clone an
/// `Arc` into them), because the transport decides where they run.
///
/// # Cancel safety
///
/// The future of a request is dropped at any await when the request is cancelled or its session ends. A panic
/// becomes -32603 for its caller alone.
///
/// ```
/// use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
/// use mcp_wire::{BoxFuture, Context, Dispatcher};
///
/// struct Pong;
///
/// impl Dispatcher for Pong {
///     fn request(&self, _cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
///         let answer = match request.method() {
///             "ping" => Ok(Json::empty()),
///             method => Err(ErrorObject::method_not_found(method)),
///         };
///         Box::pin(std::future::ready(answer))
///     }
/// }
/// ```
pub trait Dispatcher: Send + Sync + 'static {
    /// Answers a request. The result of `initialize` must have `protocolVersion`: from then on the
    /// session speaks it.
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>>;

    /// Hears of a notification. `notifications/cancelled` is not among them: the transport drops the
    /// request's future by itself. The POST that brought the notification is answered when the
    /// future is ready; the future is dropped when that POST's client leaves. The default does
    /// nothing.
    fn notification(&self, cx: Context, notification: Notification) -> BoxFuture<()> {
        let _ = (cx, notification);
        Box::pin(std::future::ready(()))
    }

    /// Is told once, when a service is built, how to reach the clients. The default does nothing.
    ///
    /// # Errors
    ///
    /// A dispatcher that was put together wrongly says so here, and the service is not built.
    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        let _ = publisher;
        Ok(())
    }
}

pub(super) type LiveSession = Session<Sender, AbortHandle, oneshot::Sender<Response>>;
pub(super) type SessionRow = Row<LiveSession>;
pub(super) type SessionTable = Table<LiveSession>;

/// Ends a session: it is unknown from now on, and all that it owned ends with it (R-5).
pub(super) fn end(table: &SessionTable, row: &SessionRow) {
    table.close(row.id());
    let error = ErrorObject::new(-32603, "the session ended before the answer");
    let remains = row.with(|session| session.close(&error));
    // Outside the lock: what is dropped here may run code of handlers.
    for work in remains.work {
        work.abort();
    }
    drop(remains.awaited);
}

/// The way back to the client of a session.
pub(super) struct Link {
    pub(super) table: Arc<SessionTable>,
    pub(super) row: Arc<SessionRow>,
    pub(super) reply_timeout: Duration,
}

impl Link {
    /// Does something to the session that sends. When the stream takes no more, because the client
    /// left or does not read, the session ends (SPEC B-17).
    fn send<T>(
        &self,
        send: impl FnOnce(&mut LiveSession) -> Result<T, Closed>,
    ) -> Result<T, RequestError> {
        self.row.with(send).map_err(|Closed| {
            if self.row.with(|session| session.connection().is_closed()) {
                end(&self.table, &self.row);
            }
            RequestError::Closed
        })
    }
}

/// What is known of a message beside its text, and the way back to its sender. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    link: Link,
    head: Parts,
    terms: Terms,
    /// The request that is answered; `None` for a notification.
    request: Option<Ticket>,
}

impl Context {
    pub(super) fn new(link: Link, head: Parts, terms: Terms, request: Option<Ticket>) -> Self {
        Self(Arc::new(Inner {
            link,
            head,
            terms,
            request,
        }))
    }

    /// The head of the HTTP request that carried the message: URI, headers, and the extensions
    /// that the embedder put there.
    #[must_use]
    pub fn head(&self) -> &Parts {
        &self.0.head
    }

    /// The headers of that request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.head.headers
    }

    /// The revision in force.
    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        self.0.terms.version
    }

    /// The session that the message belongs to.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.0.link.row.id()
    }

    /// The capabilities that the client declared, `None` before `initialize`.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&Map<String, Value>> {
        self.0
            .terms
            .client
            .as_deref()
            .map(|client: &Client| &client.capabilities)
    }

    /// Sends a notification about the request that is answered, on its stream. Never waits.
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`] when the client is gone or the request has its answer.
    pub fn notify(&self, method: &str, params: Option<&Json>) -> Result<(), RequestError> {
        let message = Outgoing::Notification(method, params);
        self.0.link.send(|session| match self.0.request {
            Some(ticket) => session.tell(ticket, message),
            None => session.send(message),
        })
    }

    /// Sends a request to the client and waits for its answer, 60 s by default
    /// ([`Builder::reply_timeout`](crate::Builder::reply_timeout)).
    ///
    /// # Errors
    ///
    /// The client refuses, does not answer in time (it is told, SPEC E-10), or is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; an answer that comes later is ignored.
    pub async fn request(&self, method: &str, params: Option<&Json>) -> Result<Json, RequestError> {
        let (reply, answer) = oneshot::channel();
        let ask = |id: &Id| frame_of(Outgoing::Request(id, method, params));
        let number = self.0.link.send(|session| session.ask(reply, ask))?;
        let awaited = Awaited {
            link: &self.0.link,
            number,
        };
        match tokio::time::timeout(self.0.link.reply_timeout, answer).await {
            Ok(Ok(response)) => read_answer(&response),
            Ok(Err(_)) => Err(RequestError::Closed),
            Err(_) => {
                awaited.give_up();
                Err(RequestError::TimedOut)
            }
        }
    }

    /// The least grave level of log messages that the session wants.
    #[must_use]
    pub fn log_level(&self) -> LogLevel {
        self.0.link.row.with(|session| session.log_level())
    }

    /// Sets the least grave level of log messages that the session wants.
    pub fn set_log_level(&self, level: LogLevel) {
        self.0.link.row.with(|session| session.set_log_level(level));
    }

    /// Subscribes the session to a resource; false when it has 64 KiB of subscriptions already.
    #[must_use]
    pub fn subscribe(&self, uri: &str) -> bool {
        self.0.link.row.with(|session| session.subscribe(uri))
    }

    /// Ends a subscription, if there is one.
    pub fn unsubscribe(&self, uri: &str) {
        self.0.link.row.with(|session| session.unsubscribe(uri));
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
    link: &'a Link,
    number: u64,
}

impl Awaited<'_> {
    /// SPEC E-10: on timeout tell the client and stop waiting.
    fn give_up(&self) {
        let params = Json::from(&json!({ "requestId": self.number, "reason": "timed out" }));
        let message = Outgoing::Notification("notifications/cancelled", Some(&params));
        // A client that is gone needs no telling.
        let _ = self.link.send(|session| session.send(message));
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

/// Why a message to the client came to nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// The client is gone, or the request that was answered is over.
    Closed,
    /// No answer in time.
    TimedOut,
    /// The client answered with an error.
    Refused(ErrorObject),
    /// The client's answer does not have the shape that its method demands.
    Malformed,
    /// The client did not declare the capability, or its revision does not have it (SPEC E-95).
    NotOffered,
    /// The message may not be sent to any client, for this reason; so it was not.
    Faulty(String),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the client is gone"),
            Self::TimedOut => f.write_str("the client did not answer in time"),
            Self::Refused(error) => write!(f, "the client refused: {}", error.message()),
            Self::Malformed => f.write_str("the client's answer is malformed"),
            Self::NotOffered => f.write_str("the client does not offer this"),
            Self::Faulty(why) => write!(f, "the request to the client is wrong: {why}"),
        }
    }
}

impl std::error::Error for RequestError {}

/// Tells clients of changes, from anywhere. Cheap to clone; does not keep the service alive.
#[derive(Clone, Debug)]
pub struct Publisher {
    table: Weak<SessionTable>,
}

impl Publisher {
    pub(super) fn new(table: &Arc<SessionTable>) -> Self {
        Self {
            table: Arc::downgrade(table),
        }
    }

    /// Tells every session that wants to know. Never waits; a client that does not read loses its
    /// session, not this one its time.
    pub fn publish(&self, change: &Change) {
        let Some(table) = self.table.upgrade() else {
            return;
        };
        let params = change.params();
        let frame = frame_of(Outgoing::Notification(change.method(), params.as_ref()));
        for row in table.all() {
            if row
                .with(|session| session.publish(change, frame.clone()))
                .is_err()
            {
                end(&table, &row);
            }
        }
    }
}
