//! [`Publisher`]: tells clients of changes.

use std::sync::{Arc, Weak};

use crate::protocol::change::Change;
use crate::protocol::stream::frame_of;
use crate::transport::session::listeners::{ListenTable, News};
use crate::transport::session::sessions::{SessionTable, now};
use crate::wire::jsonrpc::Outgoing;

/// Tells clients of changes, from anywhere. Cheap to clone; does not keep the service alive.
#[derive(Clone, Debug)]
pub struct Publisher {
    sessions: Weak<SessionTable>,
    listens: Weak<ListenTable>,
    authorized: bool,
}

impl Publisher {
    pub(crate) fn new(
        sessions: &Arc<SessionTable>,
        listens: &Arc<ListenTable>,
        authorized: bool,
    ) -> Self {
        Self {
            sessions: Arc::downgrade(sessions),
            listens: Arc::downgrade(listens),
            authorized,
        }
    }

    /// Whether the service has an authorizer: without one nobody has a scope.
    #[must_use]
    pub fn is_authorized(&self) -> bool {
        self.authorized
    }

    /// Tells every client that wants to know: each session once, each listening request of
    /// 2026-07-28 once, in its own form (SPEC D-132). Never waits; a client that does not read loses
    /// its stream, not this one its time.
    pub fn publish(&self, change: &Change) {
        let (Some(sessions), Some(listens)) = (self.sessions.upgrade(), self.listens.upgrade())
        else {
            return;
        };
        let params = change.params();
        let message = Outgoing::Notification(change.method(), params.as_ref());
        let frame = frame_of(message);
        let now = now();
        for row in sessions.all() {
            if row
                .with(|session| session.publish(change, message, &frame, now))
                .is_err()
            {
                sessions.end_with_stream(&row);
            }
        }
        let news = News::of(change);
        for row in listens.all() {
            row.with(|listener| listener.tell(&news));
        }
    }
}
