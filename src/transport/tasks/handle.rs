//! [`Task`]: a call that goes on as a task, for its handler.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use super::local::{LocalTask, TaskLimits, Unasked};
use crate::protocol::table::Row;

/// A call that goes on as a task (extension `io.modelcontextprotocol/tasks` of 2026-07-28), for its handler.
/// Cheap to clone.
#[derive(Clone)]
pub struct Task {
    id: Arc<str>,
    row: Arc<Row<LocalTask>>,
    limits: TaskLimits,
}

impl Task {
    /// How much of a status text clients are told.
    const STATUS_LEN: usize = 4096;

    pub(crate) fn new(id: Arc<str>, row: Arc<Row<LocalTask>>, limits: TaskLimits) -> Self {
        Self { id, row, limits }
    }

    /// The id. Whoever has it may ask for the task if the service has no authorizer, so keep it out of logs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says what the task is doing, for the person at the client: its `statusMessage`. At most 4 KiB are told.
    /// Never waits. Texts that follow each other quickly may be left out, but not the last one.
    pub fn status(&self, message: impl Into<String>) {
        let mut message: String = message.into();
        let end = (0..=message.len().min(Self::STATUS_LEN)).rev();
        let end = end.into_iter().find(|end| message.is_char_boundary(*end));
        message.truncate(end.unwrap_or_default());
        self.row.with(|task| task.tell(message));
    }

    /// Whether its client has cancelled it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.row.with(|task| task.is_cancelled())
    }

    /// Waits until the client cancels the task.
    ///
    /// Without it, a cancellation drops the handler at its next await. From the first poll of this future on it
    /// does not: the handler comes to its end by itself. If it then returns an error, the task is `cancelled`; if it
    /// returns a result, that still counts. Questions fail from then on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; the handler is still not dropped.
    pub async fn cancelled(&self) {
        poll_fn(|cx| self.row.with(|task| task.poll_cancelled(cx))).await;
    }

    /// Asks the client, and waits for the JSON text of the answer. `text` is that of the question.
    pub(crate) async fn ask(
        &self,
        name: &str,
        text: String,
        limit: Option<Duration>,
    ) -> Result<String, Unasked> {
        let key = self.row.with(|task| task.ask(name, text, self.limits));
        let asking = Asking {
            key: key?,
            task: self,
        };
        let answer = poll_fn(|cx| self.row.with(|task| task.poll_answer(&asking.key, cx)));
        let answer = match limit {
            Some(limit) => tokio::time::timeout(limit, answer).await,
            None => Ok(answer.await),
        };
        let answer = answer.map_err(|_| Unasked::TimedOut)?;
        answer.ok_or(Unasked::Over)
    }
}

/// A question. Dropping it gives it up.
struct Asking<'a> {
    task: &'a Task,
    key: String,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.task.row.with(|task| task.forget(&self.key));
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
