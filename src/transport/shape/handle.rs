//! [`SessionHandle`]: what both transports with sessions do with a session, apart from its requests.

use std::sync::Arc;

use bytes::Bytes;
use hyper::http::request::Parts;

use crate::protocol::rejection::{Reason, Rejection};
use crate::protocol::session::{Terms, Ticket};
use crate::transport::clock::now;
use crate::transport::dispatch::context::Context;
use crate::transport::dispatch::link::{Link, SessionLink};
use crate::transport::observe::events::{ServiceEvent, SessionEnd};
use crate::transport::panics::{Panicked, guarded};
use crate::transport::session::sessions::SessionRow;
use crate::transport::shared::Shared;
use crate::wire::jsonrpc::Response as Reply;
use crate::wire::message::{Notification, ParseError};
use crate::wire::method::Method;

/// A session and the service that it belongs to. Cheap to clone.
#[derive(Clone)]
pub(super) struct SessionHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) row: Arc<SessionRow>,
}

impl SessionHandle {
    pub(super) fn new(shared: &Arc<Shared>, row: Arc<SessionRow>) -> Self {
        Self {
            shared: Arc::clone(shared),
            row,
        }
    }

    /// The context of a message; `request` is `None` for a notification.
    pub(super) fn context(
        &self,
        head: Box<Parts>,
        meta: Bytes,
        terms: Terms,
        request: Option<Ticket>,
    ) -> Context {
        let link = SessionLink {
            table: Arc::clone(&self.shared.table),
            row: Arc::clone(&self.row),
            reply_timeouts: self.shared.config.timeouts.replies(),
            terms,
            request,
        };
        Context::new(Link::Session(link), head, meta)
    }

    /// Handles a notification.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handler.
    pub(super) async fn notify(
        &self,
        head: Box<Parts>,
        notification: Notification,
    ) -> Result<(), Reason> {
        if *notification.kind() == Method::Cancelled {
            // SPEC E-87, A-21: an id that is unknown, finished or malformed has no effect.
            let id = notification.params().and_then(|params| params.request_id());
            if let Some(id) = id {
                let remains = self.row.with(|session| session.cancel(&id, now()));
                for work in remains.work {
                    work.abort();
                }
            }
            return Ok(());
        }
        let limit = self.shared.config.limits.requests_per_session;
        let slot = NotificationSlot::take(self, limit)?;
        let terms = self.row.with(|session| session.terms());
        let cx = self.context(head, notification.meta_part(), terms, None);
        // The client's 202 waits for the handler. A notification has no other back-pressure.
        let handled = guarded(|| self.shared.dispatcher.notification(cx, notification)).await;
        drop(slot);
        if let Err(Panicked) = handled {
            let observer = &self.shared.observer;
            observer.tell(&ServiceEvent::NotificationPanicked);
        }
        Ok(())
    }

    /// Gives the answer of the client to the handler that waits for it.
    pub(super) fn deliver(&self, reply: Reply) {
        let waiting = reply
            .id()
            .and_then(|id| id.as_u64())
            .and_then(|number| self.row.with(|session| session.answered(number)));
        // SPEC C-22: an answer that no handler waits for is dropped.
        if let Some(waiting) = waiting {
            let _ = waiting.send(reply);
        }
    }

    /// Refuses a body that cannot be read, unless it is a notification of which only the params are
    /// wrong. Its client does not wait for an answer (SPEC A-21).
    pub(super) fn refuse_body(&self, error: ParseError) -> Result<(), Rejection> {
        match error.id() {
            _ if error.code() != -32602 => Err(error.into()),
            _ if error.is_notification() => Ok(()),
            // An error with the id of a running request would answer that request (PITFALLS R-13).
            Some(id) if self.row.with(|session| session.is_running(id)) => {
                Err(Reason::IdInUse.to(id))
            }
            _ => Err(error.into()),
        }
    }

    pub(super) fn end(&self, reason: SessionEnd) {
        self.shared.table.end(&self.row, reason);
    }

    /// Ends a session of HTTP+SSE because its stream has ended.
    pub(super) fn end_with_stream(&self) {
        self.shared.table.end_with_stream(&self.row);
    }
}

/// Counts a notification while a handler works on it.
struct NotificationSlot<'a>(&'a SessionHandle);

impl<'a> NotificationSlot<'a> {
    fn take(session: &'a SessionHandle, limit: usize) -> Result<Self, Reason> {
        if session
            .row
            .with(|session| session.begin_notification(limit))
        {
            Ok(Self(session))
        } else {
            Err(Reason::TooManyNotifications { limit })
        }
    }
}

impl Drop for NotificationSlot<'_> {
    fn drop(&mut self) {
        self.0.row.with(|session| session.end_notification());
    }
}
