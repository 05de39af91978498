//! [`TaskStore`]: reads and writes the rows of tasks.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::local::TaskLimits;
use super::node::Node;
use super::tries::Tries;
use crate::protocol::task::row::{TaskOutcome, TaskRow, Times};
use crate::transport::backplane::rows::{Row, Rows, StoreError};
use crate::transport::clock::wall;
use crate::transport::observe::events::ServiceEvent;
use crate::transport::observe::observer::Observer;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;

/// What the handler of a task gives.
pub(crate) type Answer = Result<Json, ErrorObject>;

/// What everything that has to do with the tasks of one service shares.
pub(crate) struct TaskStore {
    pub(crate) rows: Arc<dyn Rows>,
    pub(crate) observer: Arc<Observer>,
    /// This service among those that share the rows.
    pub(crate) node: Arc<Node>,
    pub(crate) limits: TaskLimits,
    pub(crate) ttl: Duration,
    pub(crate) poll: Duration,
}

/// A task as the store has it.
pub(crate) struct Found {
    pub(crate) task: TaskRow,
    pub(crate) version: i64,
    pub(crate) end: SystemTime,
}

/// Whether a store refused a row because it has no room.
pub(crate) fn is_full(error: &StoreError) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
}

/// The time as rows hold it: milliseconds since 1970.
pub(crate) fn millis() -> u64 {
    let since = wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}

fn whole_millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

pub(crate) fn key_of(id: &str) -> String {
    format!("task/{id}")
}

/// The answer for every task that the caller may not know of (TASKS G-4).
pub(crate) fn unknown() -> ErrorObject {
    ErrorObject::invalid_params("there is no task with this `taskId`")
}

impl TaskStore {
    /// Longer names are of no task.
    const ID_LEN: usize = 64;

    pub(crate) fn times(&self) -> Times {
        Times {
            ttl: whole_millis(self.ttl),
            poll: whole_millis(self.poll),
        }
    }

    /// The task with this id, whoever owns it, if it has not ended its time.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub(crate) async fn load(&self, id: &str) -> Result<Option<Found>, StoreError> {
        if id.len() > Self::ID_LEN {
            return Ok(None);
        }
        let row = self.rows.get(&key_of(id)).await?;
        let Some(row) = row.filter(|row| row.end > wall()) else {
            return Ok(None);
        };
        let task = TaskRow::decode(&row.bytes).ok_or("the row of a task cannot be read")?;
        let (version, end) = (row.version, row.end);
        Ok(Some(Found { task, version, end }))
    }

    /// Writes a task if its row has the version that was found.
    pub(crate) async fn save(&self, id: &str, found: &Found) -> Result<bool, StoreError> {
        let row = Row {
            bytes: found.task.encode(),
            version: found.version + 1,
            end: found.end,
        };
        self.rows.set(&key_of(id), Some(found.version), row).await
    }

    /// The task with this id, if this principal may know of it. One whose process is gone has failed.
    ///
    /// # Errors
    ///
    /// -32602 for any other, -32603 if the store fails.
    pub(crate) async fn find(
        &self,
        method: &str,
        id: &str,
        principal: Option<&str>,
    ) -> Result<Found, ErrorObject> {
        let mut tries = Tries::default();
        loop {
            let found = self.load(id).await;
            let found = found.map_err(|error| self.failed(method, &*error))?;
            let found = found.filter(|found| found.task.is_of(principal));
            let mut found = found.ok_or_else(unknown)?;
            if found.task.is_settled() {
                return Ok(found);
            }
            let runs = self.node.runs(id).await;
            if runs.map_err(|error| self.failed(method, &*error))? {
                return Ok(found);
            }
            let message = "the process that ran the task is gone";
            let error = ErrorObject::new(-32603, message);
            let outcome = TaskOutcome::Failed(error.to_text().into());
            found.task.settle(outcome, Some(message), millis());
            let saved = self.save(id, &found).await;
            if !saved.map_err(|error| self.failed(method, &*error))? {
                let waited = tries.wait_or_fail().await;
                waited.map_err(|error| self.failed(method, &*error))?;
            }
        }
    }

    /// Changes the task with this id, if this principal may know of it.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find), and what `change` refuses with.
    pub(crate) async fn change(
        &self,
        method: &str,
        id: &str,
        principal: Option<&str>,
        mut change: impl FnMut(&mut TaskRow) -> Result<bool, ErrorObject>,
    ) -> Result<(), ErrorObject> {
        let mut tries = Tries::default();
        loop {
            let mut found = self.find(method, id, principal).await?;
            if !change(&mut found.task)? {
                return Ok(());
            }
            let saved = self.save(id, &found).await;
            if saved.map_err(|error| self.failed(method, &*error))? {
                return Ok(());
            }
            let waited = tries.wait_or_fail().await;
            waited.map_err(|error| self.failed(method, &*error))?;
        }
    }

    /// Tells the operator why a store failed. The peer is told that something did.
    pub(crate) fn failed(
        &self,
        method: &str,
        error: &(dyn std::error::Error + 'static),
    ) -> ErrorObject {
        let reason = error.to_string();
        self.observer.tell(&ServiceEvent::HandlerFailed {
            method,
            name: "",
            reason: &reason,
        });
        ErrorObject::internal()
    }
}
