//! [`run`]: runs the handler of a task to its end, and keeps what came of it until the task has had its time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::local::{Draft, LocalTask};
use super::store::{Answer, Found, TaskStore, is_full, key_of, millis};
use super::tries::Tries;
use crate::protocol::party::Caps;
use crate::protocol::table::{Row, Table};
use crate::protocol::task::row::{TaskOutcome, TaskRow};
use crate::transport::backplane::rows::StoreError;
use crate::transport::observe::events::{ServiceEvent, TaskEnd};
use crate::transport::panics::{Contained, Panicked};
use crate::wire::jsonrpc::ErrorObject;

/// How long to wait before a store that has failed is used again.
const AGAIN: Duration = Duration::from_secs(1);

/// The places of the tasks of a service.
pub(crate) struct TaskPlaces {
    pub(crate) table: Table<LocalTask>,
    /// Told when the last place is given back.
    emptied: Notify,
}

impl TaskPlaces {
    pub(crate) fn new(caps: Caps) -> Self {
        Self {
            table: Table::new(caps),
            emptied: Notify::new(),
        }
    }

    /// Waits until there is no task.
    pub(crate) async fn empty(&self) {
        loop {
            let mut emptied = pin!(self.emptied.notified());
            // From here on no notification is missed.
            emptied.as_mut().enable();
            if self.table.len() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// The place of a task among those of its service, given back when it is dropped.
pub(crate) struct TaskPlace {
    pub(crate) places: Arc<TaskPlaces>,
    pub(crate) row: Arc<Row<LocalTask>>,
}

impl Drop for TaskPlace {
    fn drop(&mut self) {
        self.places.table.close(&self.row);
        if self.places.table.len() == 0 {
            self.places.emptied.notify_waiters();
        }
    }
}

/// How the run of a handler ended.
enum Ended {
    ByItself(Result<Answer, Panicked>),
    /// Something else ended it.
    By(TaskEnd),
}

/// What came of a change of the row.
enum Written {
    Done(TaskRow),
    /// The task ended so before it could be written.
    Never(TaskEnd),
    /// The store has no room for it.
    NoRoom,
}

/// A task that has begun.
pub(crate) struct TaskRun {
    pub(crate) store: Arc<TaskStore>,
    pub(crate) place: TaskPlace,
    pub(crate) id: Arc<str>,
    pub(crate) until: Instant,
}

/// Runs a task. What most tasks do not come to is in boxes, because thousands of them may wait.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` would keep its arguments twice"
)]
pub(crate) fn run(
    task: TaskRun,
    mut handler: Contained<Answer>,
) -> impl Future<Output = ()> + Send {
    async move {
        let began = Instant::now();
        let ended = {
            let mut attended = pin!(task.attend());
            let mut late = pin!(tokio::time::sleep_until(task.until));
            poll_fn(|cx| {
                // First, whatever the store is doing.
                if let Poll::Ready(end) = task.place.row.with(|task| task.poll_end(cx)) {
                    return Poll::Ready(Ended::By(end));
                }
                if late.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ended::By(TaskEnd::Expired));
                }
                if let Poll::Ready(outcome) = handler.poll(cx) {
                    return Poll::Ready(Ended::ByItself(outcome));
                }
                attended.as_mut().poll(cx).map(Ended::By)
            })
            .await
        };
        // Dropping the future also runs code of the embedder, which may panic.
        let dropped = handler.empty();
        let end = match ended {
            Ended::ByItself(outcome) => Box::pin(task.settle(dropped.and(outcome))).await,
            Ended::By(end) => Box::pin(task.stop(end)).await,
        };
        task.store.observer.tell(&ServiceEvent::TaskEnded {
            end,
            elapsed: began.elapsed(),
        });
        drop(task.place.row.with(LocalTask::finish));
        let is_over = matches!(end, TaskEnd::Revoked | TaskEnd::Expired);
        if is_over || task.keep().await {
            Box::pin(task.remove()).await;
        }
    }
}

impl TaskRun {
    /// Writes into the row what the handler wants, and tells the handler what the row has for it, until the row
    /// says that the task ends.
    async fn attend(&self) -> TaskEnd {
        loop {
            let draft = self.place.row.with(LocalTask::take_draft);
            match Box::pin(self.exchange(draft)).await {
                Ok(version) => self.wait(version).await,
                Err(end) => return end,
            }
        }
    }

    /// Exchanges news with the row, and gives its version.
    async fn exchange(&self, draft: Draft) -> Result<i64, TaskEnd> {
        let mut tries = Tries::default();
        loop {
            match self.try_exchange(&draft).await {
                Ok(Some(version)) => return version,
                Ok(None) => tries.wait().await,
                Err(error) => self.fail(&error).await,
            }
        }
    }

    async fn try_exchange(
        &self,
        draft: &Draft,
    ) -> Result<Option<Result<i64, TaskEnd>>, StoreError> {
        let Some(mut found) = self.store.load(&self.id).await? else {
            return Ok(Some(Err(TaskEnd::Expired)));
        };
        let local = &self.place.row;
        if local.with(|task| task.deliver(&found.task, draft)) {
            return Ok(Some(Err(TaskEnd::Cancelled)));
        }
        if !draft.apply(&mut found.task, millis()) {
            return Ok(Some(Ok(found.version)));
        }
        let is_saved = self.store.save(&self.id, &found).await?;
        Ok(is_saved.then_some(Ok(found.version + 1)))
    }

    /// Waits for news of the handler or of the row.
    async fn wait(&self, version: i64) {
        let mut changed = self.store.rows.changed(&key_of(&self.id), version);
        // `run` is woken for both.
        let woken = poll_fn(|cx| match self.place.row.with(|task| task.has_news()) {
            true => Poll::Ready(Ok(())),
            false => changed.as_mut().poll(cx),
        });
        if let Err(error) = woken.await {
            Box::pin(self.fail(&error)).await;
        }
    }

    /// Tells the operator that the store has failed, and waits before it is used again.
    async fn fail(&self, error: &StoreError) {
        self.store.failed("", &**error);
        tokio::time::sleep(AGAIN).await;
    }

    /// Writes down how the handler ended. After a cancellation an error is the end that the client asked for.
    async fn settle(&self, outcome: Result<Answer, Panicked>) -> TaskEnd {
        let (outcome, message, end) = match outcome {
            Ok(Ok(result)) => {
                let text = Bytes::copy_from_slice(result.as_bytes());
                let limit = self.store.limits.bytes;
                match text.len() > limit {
                    false => (TaskOutcome::Completed(text), None, TaskEnd::Completed),
                    true => failure(&ErrorObject::new(
                        -32603,
                        format!(
                            "the result has more than {limit} bytes (limit: `Limits::task_bytes`)"
                        ),
                    )),
                }
            }
            Ok(Err(error)) => failure(&error.into_modern()),
            Err(Panicked) => {
                let (outcome, message, _) = failure(&ErrorObject::internal());
                (outcome, message, TaskEnd::Panicked)
            }
        };
        if let Some(end) = self.settle_as(outcome, message, end).await {
            return end;
        }
        // The result is not held back until there is room: others would do the same.
        let message = "there is no room for the result of the task";
        let (outcome, message, end) = failure(&ErrorObject::new(-32603, message));
        let settled = self.settle_as(outcome, message, end).await;
        settled.unwrap_or(end)
    }

    /// Gives how the task has ended; `None` if the store has no room for this outcome.
    async fn settle_as(
        &self,
        outcome: TaskOutcome,
        message: Option<String>,
        end: TaskEnd,
    ) -> Option<TaskEnd> {
        let heeds = |task: &TaskRow| task.is_cancelled() && end != TaskEnd::Completed;
        let written = self.write(|task| match heeds(task) {
            true => task.settle(TaskOutcome::Cancelled, None, millis()),
            false => task.settle(outcome.clone(), message.as_deref(), millis()),
        });
        match written.await {
            Written::Done(task) if heeds(&task) => Some(TaskEnd::Cancelled),
            Written::Done(_) => Some(end),
            Written::Never(end) => Some(end),
            Written::NoRoom => None,
        }
    }

    /// Writes down that something else ended the task, for those who still may ask for it.
    async fn stop(&self, end: TaskEnd) -> TaskEnd {
        match end {
            TaskEnd::Cancelled => {
                self.write(|task| task.settle(TaskOutcome::Cancelled, None, millis()))
                    .await;
            }
            TaskEnd::Closed => {
                let message = "the server was closed before the task ended";
                let (outcome, message, _) = failure(&ErrorObject::new(-32603, message));
                self.write(|task| task.settle(outcome.clone(), message.as_deref(), millis()))
                    .await;
            }
            _ => {}
        }
        end
    }

    /// Changes the row, however often that takes, until something ends the task: then there is nobody to read it,
    /// or, when the service is closed, only a moment is left.
    async fn write(&self, change: impl Fn(&mut TaskRow) -> bool) -> Written {
        let mut writing = pin!(self.write_again(&change));
        let mut late = pin!(tokio::time::sleep_until(self.until));
        let mut closing = None;
        poll_fn(|cx| {
            if let Poll::Ready(written) = writing.as_mut().poll(cx) {
                return Poll::Ready(written);
            }
            match self.place.row.with(|task| task.poll_end(cx)) {
                Poll::Ready(end @ (TaskEnd::Revoked | TaskEnd::Expired)) => {
                    return Poll::Ready(Written::Never(end));
                }
                Poll::Ready(end) => {
                    let closing =
                        closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(AGAIN)));
                    if closing.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Written::Never(end));
                    }
                }
                Poll::Pending => {}
            }
            let expired = Written::Never(TaskEnd::Expired);
            late.as_mut().poll(cx).map(|()| expired)
        })
        .await
    }

    async fn write_again(&self, change: &impl Fn(&mut TaskRow) -> bool) -> Written {
        let mut tries = Tries::default();
        loop {
            match self.try_write(change).await {
                Ok(Some(Some(task))) => return Written::Done(task),
                Ok(Some(None)) => return Written::Never(TaskEnd::Expired),
                Ok(None) => tries.wait().await,
                Err(error) if is_full(&error) => {
                    self.store.failed("", &*error);
                    return Written::NoRoom;
                }
                Err(error) => self.fail(&error).await,
            }
        }
    }

    async fn try_write(
        &self,
        change: &impl Fn(&mut TaskRow) -> bool,
    ) -> Result<Option<Option<TaskRow>>, StoreError> {
        let Some(mut found) = self.store.load(&self.id).await? else {
            return Ok(Some(None));
        };
        if !change(&mut found.task) {
            return Ok(Some(Some(found.task)));
        }
        let is_saved = self.store.save(&self.id, &found).await?;
        let Found { task, .. } = found;
        Ok(is_saved.then_some(Some(task)))
    }

    /// Keeps the place of the task until it has had its time. Gives whether its row goes with it: what a store has
    /// kept stays there when the service is closed.
    async fn keep(&self) -> bool {
        let mut late = pin!(tokio::time::sleep_until(self.until));
        poll_fn(|cx| match self.place.row.with(|task| task.poll_end(cx)) {
            Poll::Ready(end) => Poll::Ready(end != TaskEnd::Closed),
            Poll::Pending => late.as_mut().poll(cx).map(|()| true),
        })
        .await
    }

    async fn remove(&self) {
        if let Err(error) = self.store.rows.remove(&key_of(&self.id)).await {
            self.store.failed("", &*error);
        }
    }
}

/// A failure with this error, its message, and the end that it is.
fn failure(error: &ErrorObject) -> (TaskOutcome, Option<String>, TaskEnd) {
    let outcome = TaskOutcome::Failed(error.to_text().into());
    let message = error.message().to_owned();
    (outcome, Some(message), TaskEnd::Failed(error.code()))
}
