//! [`Link`]: the way from a handler back to its client.

use std::sync::Arc;
use std::time::Duration;

use super::request_error::{Needed, RequestError};
use crate::protocol::capabilities::Capabilities;
use crate::protocol::client_info::ClientInfo;
use crate::protocol::envelope::Envelope;
use crate::protocol::level::LogLevel;
use crate::protocol::session::{Terms, Ticket, Unasked};
use crate::protocol::stream::Closed;
use crate::transport::clock::now;
use crate::transport::session::listeners::ListenRow;
use crate::transport::session::sessions::{LiveSession, SessionRow, SessionTable};
use crate::transport::stream::outlet::Outlet;
use crate::transport::timeouts::{ReplyTimeouts, Timeouts};
use crate::wire::json::Json;
use crate::wire::jsonrpc::{Id, Outgoing};
use crate::wire::version::ProtocolVersion;

/// The way back to the client.
pub(crate) enum Link {
    /// Over the streams of a session.
    Session(SessionLink),
    /// Over the response to this one request, which belongs to no session.
    Exchange(ExchangeLink),
    /// Nowhere: what was a request of 2026-07-28 goes on as a task.
    #[cfg(feature = "server")]
    Task(Envelope),
    /// Into the hands of a test, which has neither a service nor a client.
    Alone(Box<AloneLink>),
}

pub(crate) struct SessionLink {
    pub(crate) table: Arc<SessionTable>,
    pub(crate) row: Arc<SessionRow>,
    pub(crate) reply_timeouts: ReplyTimeouts,
    pub(crate) terms: Terms,
    /// The request that is being answered; `None` for a notification.
    pub(crate) request: Option<Ticket>,
}

pub(crate) struct ExchangeLink {
    pub(crate) outlet: Outlet,
    /// Whether the client accepts a stream.
    pub(crate) streams: bool,
    pub(crate) envelope: Envelope,
    pub(crate) id: Id,
    /// Where the request listens, if it is to do that.
    pub(crate) listens: Option<Arc<ListenRow>>,
}

/// A client made of values.
pub(crate) struct AloneLink {
    pub(crate) version: ProtocolVersion,
    pub(crate) client: Option<ClientInfo>,
    pub(crate) capabilities: Capabilities,
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) notified: Notified,
    pub(crate) asked: Asked,
}

/// Takes the method and the params of a notification.
pub(crate) type Notified = Box<dyn Fn(&str, Option<&Json>) + Send + Sync>;

/// Answers a request to the client. `None` means that no answer ever comes.
pub(crate) type Asked = Box<dyn Fn(&str, Option<&Json>) -> Option<Reply> + Send + Sync>;

/// What a client answers to a request.
type Reply = Result<Json, RequestError>;

impl AloneLink {
    /// Asks the test. Without an answer it waits as long as it would for a client.
    pub(crate) async fn ask(
        &self,
        method: &str,
        params: Option<&Json>,
        limit: Option<Duration>,
    ) -> Result<Json, RequestError> {
        match (self.asked)(method, params) {
            Some(reply) => reply,
            None => {
                let limit = limit.unwrap_or_else(|| Timeouts::default().replies().of(method));
                tokio::time::sleep(limit).await;
                Err(RequestError::TimedOut)
            }
        }
    }
}

impl SessionLink {
    /// Sends something with the session. If its stream is closed, because the client left or does not
    /// read, a session of HTTP+SSE ends (SPEC B-17).
    pub(crate) fn send<T>(
        &self,
        send: impl FnOnce(&mut LiveSession) -> Result<T, Unasked>,
    ) -> Result<T, RequestError> {
        self.row.with(send).map_err(|why| match why {
            Unasked::NoStream => RequestError::NotOffered(Needed::Stream),
            Unasked::Closed => {
                let is_over = |session: &mut LiveSession| {
                    session
                        .connection()
                        .is_some_and(|stream| stream.end().is_some())
                };
                if self.row.with(is_over) {
                    self.table.end_with_stream(&self.row);
                }
                RequestError::Closed
            }
        })
    }

    pub(crate) fn notify(&self, message: Outgoing<'_>) -> Result<(), RequestError> {
        self.send(|session| {
            match self.request {
                Some(ticket) => session.tell(ticket, message, now()),
                None => session.send(message, now()),
            }
            .map_err(|Closed| Unasked::Closed)
        })
    }
}
