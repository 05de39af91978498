//! [`Inbox`]: what a client heard, and the streams that it listens to meanwhile.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::notification::{Notification, Progress};

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Tells those who wait that something has changed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// All notifications from the beginning, because a call looks for its progress here.
    heard: Vec<Notification>,
    /// How many of them the test has taken.
    taken: usize,
    /// The requests whose answers come on a stream of the session, by id.
    awaited: HashMap<u64, oneshot::Sender<Value>>,
    readers: Vec<Reader>,
    /// How many readers are at work.
    reading: usize,
}

/// A task that reads a stream.
struct Reader {
    /// The resource that the stream is about, if it is about one.
    uri: Option<String>,
    task: JoinHandle<()>,
}

impl Inbox {
    pub(super) fn hear(&self, notification: Notification) {
        self.lock().heard.push(notification);
        self.changed.notify_waiters();
    }

    /// The notifications that the test has not taken yet.
    pub(super) fn take(&self) -> Vec<Notification> {
        let mut state = self.lock();
        let fresh = state.heard[state.taken..].to_vec();
        state.taken = state.heard.len();
        fresh
    }

    /// The next notification. `None` if it cannot come any more, because every stream has ended.
    ///
    /// Cancel safety: what arrives later stays for the next caller.
    pub(super) async fn next(&self) -> Option<Notification> {
        loop {
            // Made before the look, so that nothing is missed in between.
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if let Some(next) = state.heard.get(state.taken).cloned() {
                    state.taken += 1;
                    return Some(next);
                }
                if state.reading == 0 && !state.readers.is_empty() {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// What was told about the call with this token.
    pub(super) fn progress_of(&self, token: &Value) -> Vec<Progress> {
        let state = self.lock();
        let told = state.heard.iter().filter_map(Notification::progress);
        told.filter(|(of, _)| *of == token)
            .map(|(_, progress)| progress)
            .collect()
    }

    /// Waits for the answer to a request, which comes on a stream of the session.
    pub(super) fn expect(&self, id: u64) -> oneshot::Receiver<Value> {
        let (sender, receiver) = oneshot::channel();
        self.lock().awaited.insert(id, sender);
        receiver
    }

    /// Hands an answer over. One that nobody waits for is ignored.
    pub(super) fn answer(&self, id: u64, answer: Value) {
        let waiting = self.lock().awaited.remove(&id);
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }

    pub(super) fn forget(&self, id: u64) {
        self.lock().awaited.remove(&id);
    }

    /// Reads a stream in a task of its own.
    pub(super) fn listen(
        self: &Arc<Self>,
        uri: Option<&str>,
        read: impl Future<Output = ()> + Send + 'static,
    ) {
        let reading = Reading::new(self);
        let task = tokio::spawn(async move {
            let _reading = reading;
            read.await;
        });
        let uri = uri.map(str::to_owned);
        self.lock().readers.push(Reader { uri, task });
    }

    /// Stops reading the streams that are about this resource.
    pub(super) fn ignore(&self, uri: &str) {
        for reader in &self.lock().readers {
            if reader.uri.as_deref() == Some(uri) {
                reader.task.abort();
            }
        }
    }

    /// Stops reading.
    pub(super) fn hang_up(&self) -> Vec<JoinHandle<()>> {
        let readers = std::mem::take(&mut self.lock().readers);
        let tasks: Vec<_> = readers.into_iter().map(|reader| reader.task).collect();
        tasks.iter().for_each(JoinHandle::abort);
        tasks
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs something that a destructor cannot wait for. Without a runtime there is no server to tell either.
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(work);
    }
}

/// Counts a reader until its task ends, however that comes.
struct Reading(Arc<Inbox>);

impl Reading {
    fn new(inbox: &Arc<Inbox>) -> Self {
        inbox.lock().reading += 1;
        Self(Arc::clone(inbox))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.reading -= 1;
        if state.reading == 0 {
            // No answer can come any more.
            state.awaited.clear();
        }
        drop(state);
        self.0.changed.notify_waiters();
    }
}
