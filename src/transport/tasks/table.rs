//! [`Tasks`]: the tasks of a service.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use uuid::Uuid;

use super::handle::Task;
use super::local::{LocalTask, TaskLimits};
use super::node::{Heartbeat, Node};
use super::runner::{TaskPlace, TaskPlaces, TaskRun, run};
use super::store::{Answer, TaskStore, key_of, millis};
use crate::protocol::party::{Full, Party, Whose};
use crate::protocol::task::row::TaskRow;
use crate::transport::backplane::place::Backplane;
use crate::transport::backplane::rows::{Row, StoreError};
use crate::transport::clock::wall;
use crate::transport::future::BoxFuture;
use crate::transport::limits::Limits;
use crate::transport::observe::events::TaskEnd;
use crate::transport::observe::observer::Observer;
use crate::transport::panics::Contained;
use crate::transport::timeouts::Timeouts;
use crate::wire::jsonrpc::ErrorObject;

/// The tasks that this service runs, and the way to those that others run.
pub(crate) struct Tasks {
    places: Arc<TaskPlaces>,
    store: Arc<TaskStore>,
    heartbeat: OnceCell<Heartbeat>,
}

impl Tasks {
    pub(crate) fn new(
        backplane: &Backplane,
        limits: &Limits,
        timeouts: &Timeouts,
        observer: &Arc<Observer>,
    ) -> Self {
        let name = Uuid::new_v4().simple().to_string();
        Self {
            places: Arc::new(TaskPlaces::new(limits.task_caps())),
            store: Arc::new(TaskStore {
                rows: Arc::clone(&backplane.rows),
                observer: Arc::clone(observer),
                node: Arc::new(Node {
                    rows: Arc::clone(&backplane.rows),
                    name: name[..16].into(),
                }),
                limits: TaskLimits {
                    questions: limits.task_questions,
                    bytes: limits.task_bytes,
                },
                ttl: timeouts.task,
                poll: timeouts.task_poll,
            }),
            heartbeat: OnceCell::new(),
        }
    }

    pub(crate) fn store(&self) -> &Arc<TaskStore> {
        &self.store
    }

    pub(crate) fn len(&self) -> usize {
        self.places.table.len()
    }

    /// Begins a task of this party. It is in the store before its handler is made (TASKS C-4). Gives the members
    /// of the answer that tells of it.
    ///
    /// # Errors
    ///
    /// -32603 if there are too many tasks, or the store fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future begins no task.
    pub(crate) async fn begin(
        &self,
        method: &str,
        party: Option<&Party>,
        make: impl FnOnce(Task) -> BoxFuture<Answer>,
    ) -> Result<Vec<u8>, ErrorObject> {
        let place = self.places.table.open(LocalTask::default(), party);
        let place = TaskPlace {
            row: place.map_err(too_many)?,
            places: Arc::clone(&self.places),
        };
        let store = &self.store;
        let beating = self
            .heartbeat
            .get_or_try_init(|| store.node.begin(&store.observer));
        beating
            .await
            .map_err(|error| store.failed(method, &*error))?;
        let id: Arc<str> = format!("{}.{}", store.node.name, place.row.id()).into();
        let owner = party.and_then(Party::owner).cloned();
        let task = TaskRow::new(owner, millis(), store.times());
        let (until, end) = (Instant::now() + store.ttl, wall() + store.ttl);
        let row = Row {
            bytes: task.encode(),
            version: 1,
            end,
        };
        let mut creation = Creation {
            writing: Some(store.rows.set(&key_of(&id), None, row)),
            store: Arc::clone(store),
            id: Arc::clone(&id),
        };
        let written = poll_fn(|cx| creation.poll(cx)).await;
        drop(creation);
        if !written.map_err(|error| store.failed(method, &*error))? {
            return Err(store.failed(method, &*StoreError::from("the id of a new task is taken")));
        }
        let mut out = b"{".to_vec();
        task.put_task(&id, &mut out);
        let handle = Task::new(Arc::clone(&id), Arc::clone(&place.row), store.limits);
        let handler = Contained::new(|| make(handle));
        let run_of = TaskRun {
            store: Arc::clone(store),
            place,
            id,
            until,
        };
        tokio::spawn(run(run_of, handler));
        Ok(out)
    }

    /// Ends the tasks of a principal, of which nothing is left.
    pub(crate) fn revoke(&self, principal: &str) {
        for row in self.places.table.of(principal) {
            row.with(|task| task.end(TaskEnd::Revoked));
        }
    }

    /// Waits until nothing of a task is left in this process, as it is soon after [`close`](Self::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub(crate) async fn ended(&self) {
        self.places.empty().await;
    }

    /// Ends all tasks.
    pub(crate) fn close(&self) {
        for row in self.places.table.all() {
            row.with(|task| task.end(TaskEnd::Closed));
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.close();
    }
}

/// The first row of a task, while a store writes it. If the client leaves meanwhile, nobody has the id, and the row is
/// removed once it is written.
struct Creation {
    /// `None` once it is written.
    writing: Option<BoxFuture<Result<bool, StoreError>>>,
    store: Arc<TaskStore>,
    id: Arc<str>,
}

impl Creation {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, StoreError>> {
        // It is not polled again after its end.
        let Some(writing) = &mut self.writing else {
            return Poll::Ready(Ok(false));
        };
        let written = writing.as_mut().poll(cx);
        if written.is_ready() {
            self.writing = None;
        }
        written
    }
}

impl Drop for Creation {
    fn drop(&mut self) {
        // A runtime that is gone runs nothing more.
        let (Some(writing), Ok(runtime)) = (self.writing.take(), Handle::try_current()) else {
            return;
        };
        let (store, id) = (Arc::clone(&self.store), Arc::clone(&self.id));
        runtime.spawn(async move {
            // A write that failed may still have been carried out.
            let _ = writing.await;
            if let Err(error) = store.rows.remove(&key_of(&id)).await {
                store.failed("", &*error);
            }
        });
    }
}

fn too_many(full: Full) -> ErrorObject {
    let (many, limit) = match full {
        Full::All(limit) => (limit, "`Limits::tasks`"),
        Full::Each(limit, Whose::Principal) => (limit, "`Limits::tasks_per_principal`"),
        Full::Each(limit, Whose::Address) => (limit, "half of `Limits::tasks`"),
    };
    let message = format!("there are as many tasks as there may be: {many} (limit: {limit})");
    ErrorObject::new(-32603, message)
}
