//! [`follow`]: tells a listening client of its tasks.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::store::{TaskStore, key_of};
use crate::protocol::filter::task_params;
use crate::protocol::stream::{Closed, frame_of};
use crate::transport::future::BoxFuture;
use crate::transport::stream::queue::Sender;
use crate::wire::jsonrpc::{Id, Outgoing};
use crate::wire::method::Method;

/// How long to wait before a client that reads slowly is told more.
const SLOWLY: Duration = Duration::from_millis(100);

/// How long to wait before a store that has failed is used again.
const AGAIN: Duration = Duration::from_secs(1);

/// How often a task is looked at that does not change: its process may be gone.
const LOOK: Duration = Duration::from_secs(15);

/// A client that listens to tasks.
pub(crate) struct Listener {
    pub(crate) store: Arc<TaskStore>,
    pub(crate) principal: Option<Box<str>>,
    /// The id of its request.
    pub(crate) id: Id,
    pub(crate) stream: Sender,
}

/// Tells a client of each of these tasks: its state now, and each later one, until it has ended (TASKS L-2, L-4).
///
/// # Cancel safety
///
/// Dropping the future leaves nothing behind.
pub(crate) async fn follow(listener: Listener, tasks: Box<[Box<str>]>) {
    let listener = Arc::new(listener);
    let mut following: Vec<BoxFuture<()>> = tasks
        .into_iter()
        .map(|task| Box::pin(follow_one(Arc::clone(&listener), task)) as BoxFuture<()>)
        .collect();
    poll_fn(|cx| {
        following.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        match following.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

async fn follow_one(listener: Arc<Listener>, task: Box<str>) {
    let method = Method::SubscriptionsListen;
    let principal = listener.principal.as_deref();
    let mut told = None;
    loop {
        // What a slow client has not read yet would be old by then, so it is told the last state later (TASKS L-6).
        while listener.stream.is_behind() {
            tokio::time::sleep(SLOWLY).await;
        }
        let found = listener.store.find(method.as_str(), &task, principal).await;
        let found = match found {
            Ok(found) => found,
            // The store has failed, which the operator was told, and may be back soon.
            Err(error) if error.code() == -32603 => {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            Err(_) => return,
        };
        if told != Some(found.task.updated()) {
            let params = task_params(&found.task, &task, &listener.id);
            let changed = Method::TaskChanged;
            let message = Outgoing::Notification(changed.as_str(), Some(&params));
            match listener.stream.offer_if_room(frame_of(message)) {
                Ok(true) => told = Some(found.task.updated()),
                // Others have filled the queue meanwhile.
                Ok(false) => {
                    tokio::time::sleep(SLOWLY).await;
                    continue;
                }
                Err(Closed) => return,
            }
        }
        if found.task.is_settled() {
            return;
        }
        let mut changed = listener.store.rows.changed(&key_of(&task), found.version);
        let mut look = pin!(tokio::time::sleep(LOOK));
        let waited = poll_fn(|cx| match look.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => changed.as_mut().poll(cx),
        });
        if let Err(error) = waited.await {
            listener.store.failed(method.as_str(), &*error);
            tokio::time::sleep(AGAIN).await;
        }
    }
}
