//! [`SessionTable`]: the sessions of a service. It reports each session that opens or ends.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::protocol::party::{Caps, Full, Party};
use crate::protocol::rejection::{Reason, Resource};
use crate::protocol::session::Session;
use crate::protocol::table::{Opened, Row, Table};
use crate::transport::clock::now;
use crate::transport::observe::events::{ServiceEvent, SessionEnd};
use crate::transport::observe::observer::Observer;
use crate::transport::stream::queue::{Sender, StreamEnd};
#[cfg(feature = "request-state")]
use crate::wire::id::SessionId;
use crate::wire::jsonrpc::{ErrorObject, Response};

pub(crate) type LiveSession = Session<Sender, AbortHandle, oneshot::Sender<Response>>;
pub(crate) type SessionRow = Row<LiveSession>;

/// The error of a request whose session ended before its answer.
pub(crate) const ENDED: &str = "the session ended before the answer";

/// The sessions by id.
pub(crate) struct SessionTable {
    rows: Table<LiveSession>,
    observer: Arc<Observer>,
}

impl SessionTable {
    pub(crate) fn new(caps: Caps, observer: Arc<Observer>) -> Self {
        Self {
            rows: Table::new(caps),
            observer,
        }
    }

    /// Adds a session with a new name, as [`Table::open_in_turn`].
    pub(crate) fn open(
        &self,
        session: LiveSession,
        party: Option<&Party>,
    ) -> Result<Arc<SessionRow>, Reason> {
        let opened = self.rows.open_in_turn(session, party, now());
        let opened = opened.map_err(full)?;
        Ok(self.report(opened, &ServiceEvent::SessionOpened))
    }

    /// Adds a session with the name that it has, as [`Table::restore`].
    #[cfg(feature = "request-state")]
    pub(crate) fn restore(
        &self,
        id: SessionId,
        session: LiveSession,
        party: Option<&Party>,
    ) -> Result<Option<Arc<SessionRow>>, Reason> {
        let restored = self.rows.restore(id, session, party, now());
        let restored = restored.map_err(full)?;
        Ok(restored.map(|opened| self.report(opened, &ServiceEvent::SessionTakenUp)))
    }

    /// Reports a session that was added, and ends the one that it replaced.
    fn report(&self, opened: Opened<LiveSession>, event: &ServiceEvent<'_>) -> Arc<SessionRow> {
        if let Some(evicted) = opened.evicted {
            self.close(&evicted, Some(SessionEnd::Evicted));
        }
        if opened.is_new {
            self.observer.tell(event);
        }
        opened.row
    }

    /// Ends a session. It is unknown from now on, and everything that it owns ends with it (PITFALLS R-5).
    /// A session that has ended before, or is in no table, only loses what it owns.
    pub(crate) fn end(&self, row: &SessionRow, reason: SessionEnd) {
        let was_known = self.rows.close(row);
        self.close(row, was_known.then_some(reason));
    }

    /// Ends a session of HTTP+SSE because its one stream has ended. The queue of the stream knows why;
    /// if it is open, its client has left.
    pub(crate) fn end_with_stream(&self, row: &SessionRow) {
        let end = row.with(|session| session.connection().and_then(|stream| stream.end()));
        self.end(
            row,
            match end {
                Some(StreamEnd::Cut) => SessionEnd::Cut,
                Some(StreamEnd::Expired) => SessionEnd::Expired,
                // The server finished it while it drained.
                Some(StreamEnd::Finished) => SessionEnd::Closed,
                None => SessionEnd::Left,
            },
        );
    }

    /// Ends all sessions for which `is_idle` is true.
    pub(crate) fn reap(&self, is_idle: impl FnMut(&mut LiveSession) -> bool) {
        for row in self.rows.reap(is_idle) {
            self.close(&row, Some(SessionEnd::Idle));
        }
    }

    fn close(&self, row: &SessionRow, reason: Option<SessionEnd>) {
        let error = ErrorObject::new(-32603, ENDED);
        let remains = row.with(|session| session.close(&error, now()));
        // Outside the lock, because dropping these may run code of handlers.
        for work in remains.work {
            work.abort();
        }
        drop(remains.awaited);
        if let Some(reason) = reason {
            self.observer.tell(&ServiceEvent::SessionEnded { reason });
        }
    }
}

fn full(full: Full) -> Reason {
    Reason::Full(Resource::Sessions, full)
}

impl Deref for SessionTable {
    type Target = Table<LiveSession>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}
