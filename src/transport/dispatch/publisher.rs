//! [`Publisher`]: tells clients about changes.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::protocol::change::{Change, KeyedChange};
use crate::protocol::stream::frame_of;
use crate::protocol::table::Row;
use crate::transport::clock::now;
use crate::transport::observe::events::ServiceEvent;
use crate::transport::observe::observer::Observer;
use crate::transport::session::listeners::{EncodedChange, ListenStream, ListenTable};
use crate::transport::session::sessions::{SessionRow, SessionTable};
#[cfg(feature = "server")]
use crate::transport::tasks::table::Tasks;
use crate::wire::jsonrpc::Outgoing;

/// Tells clients about changes, from anywhere. Cheap to clone. It does not keep the service alive.
#[derive(Clone)]
pub struct Publisher {
    sessions: Weak<SessionTable>,
    listens: Weak<ListenTable>,
    observer: Weak<Observer>,
    authorized: bool,
    #[cfg(feature = "server")]
    tasks: Weak<Tasks>,
}

impl Publisher {
    pub(crate) fn new(
        sessions: &Arc<SessionTable>,
        listens: &Arc<ListenTable>,
        observer: &Arc<Observer>,
        authorized: bool,
    ) -> Self {
        Self {
            sessions: Arc::downgrade(sessions),
            listens: Arc::downgrade(listens),
            observer: Arc::downgrade(observer),
            authorized,
            #[cfg(feature = "server")]
            tasks: Weak::new(),
        }
    }

    /// The publisher of a service that has these tasks.
    #[cfg(feature = "server")]
    pub(crate) fn with_tasks(self, tasks: &Arc<Tasks>) -> Self {
        let tasks = Arc::downgrade(tasks);
        Self { tasks, ..self }
    }

    /// The tasks of the service, as long as it exists.
    #[cfg(feature = "server")]
    pub(crate) fn tasks(&self) -> Option<Arc<Tasks>> {
        self.tasks.upgrade()
    }

    /// Whether the service has an authorizer. Without one no client has a scope.
    #[must_use]
    pub fn is_authorized(&self) -> bool {
        self.authorized
    }

    /// Tells the operator why a handler failed, if the peer must not know:
    /// [`ServiceEvent::HandlerFailed`] has the meaning of the arguments. Call it while no lock is held, because
    /// it runs the embedder's hook.
    pub fn report_failure(&self, method: &str, name: &str, reason: &str) {
        if let Some(observer) = self.observer.upgrade() {
            observer.tell(&ServiceEvent::HandlerFailed {
                method,
                name,
                reason,
            });
        }
    }

    /// Tells the operator that several skills have one name.
    #[cfg(feature = "skills")]
    pub(crate) fn report_repeated_skill(&self, name: &str, count: usize) {
        if let Some(observer) = self.observer.upgrade() {
            observer.tell(&ServiceEvent::SkillNameRepeated { name, count });
        }
    }

    /// Tells every client that wants to know: each session once, and each `subscriptions/listen` of
    /// 2026-07-28 once, each in its own form (*2026-07-28, Subscriptions*). Never waits: a client that
    /// does not read loses its stream.
    pub fn publish(&self, change: &Change) {
        if let Some(tables) = self.tables() {
            tell(
                change,
                &tables.sessions,
                tables.sessions.all(),
                &tables.listens.all(),
            );
        }
    }

    /// As [`publish`](Self::publish), but tells only the clients of one principal
    /// ([`Identity::principal`](crate::auth::Identity::principal)). Clients without an identity belong to none.
    pub fn publish_to(&self, principal: &str, change: &Change) {
        if let Some(tables) = self.tables() {
            let (sessions, listens) = (tables.sessions.of(principal), tables.listens.of(principal));
            tell(change, &tables.sessions, sessions, &listens);
        }
    }

    fn tables(&self) -> Option<Tables> {
        Some(Tables {
            sessions: self.sessions.upgrade()?,
            listens: self.listens.upgrade()?,
        })
    }
}

struct Tables {
    sessions: Arc<SessionTable>,
    listens: Arc<ListenTable>,
}

/// Tells these sessions, which are of the table, and these listeners.
fn tell(
    change: &Change,
    table: &SessionTable,
    sessions: Vec<Arc<SessionRow>>,
    listens: &[Arc<Row<ListenStream>>],
) {
    let change = KeyedChange::of(change);
    let params = change.change.params();
    let method = change.change.method();
    let message = Outgoing::Notification(method.as_str(), params.as_ref());
    let frame = frame_of(message);
    let now = now();
    for row in sessions {
        if row
            .with(|session| session.publish(&change, message, &frame, now))
            .is_err()
        {
            table.end_with_stream(&row);
        }
    }
    let encoded = EncodedChange::of(change);
    for row in listens {
        row.with(|listener| listener.publish(&encoded));
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("authorized", &self.authorized)
            .finish_non_exhaustive()
    }
}
