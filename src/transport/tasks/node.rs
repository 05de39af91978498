//! Which processes that share a store of tasks are alive. Each keeps a row that ends soon, and writes it again
//! before that. When the row of a process is gone, its tasks will not go on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::AbortHandle;

use super::store::TaskStore;
use crate::transport::backplane::rows::{Row, StoreError};
use crate::transport::clock::wall;
use crate::transport::observe::events::ServiceEvent;

/// How long the row of a process lives, and how often it is written.
const LIFE: Duration = Duration::from_secs(30);
const BEAT: Duration = Duration::from_secs(10);

/// Keeps the row of this process, until it is dropped.
pub(crate) struct Heartbeat(AbortHandle);

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn key_of(node: &str) -> String {
    format!("node/{node}")
}

/// Writes the row of this process, and goes on to do so.
///
/// # Errors
///
/// The store fails.
pub(crate) async fn begin(store: &Arc<TaskStore>) -> Result<Heartbeat, StoreError> {
    beat(store).await?;
    let store = Arc::clone(store);
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(BEAT).await;
            if let Err(error) = beat(&store).await {
                store.observer.tell(&ServiceEvent::HandlerFailed {
                    method: "",
                    name: "",
                    reason: &error.to_string(),
                });
            }
        }
    });
    Ok(Heartbeat(task.abort_handle()))
}

async fn beat(store: &TaskStore) -> Result<(), StoreError> {
    let key = key_of(&store.node);
    loop {
        let known = store.rows.get(&key).await?;
        let seen = known.map(|row| row.version);
        let row = Row {
            bytes: Bytes::new(),
            version: seen.unwrap_or_default() + 1,
            end: wall() + LIFE,
        };
        if store.rows.set(&key, seen, row).await? {
            return Ok(());
        }
    }
}

/// Whether the process that runs this task is alive. The id of a task begins with the name of its process.
pub(crate) async fn lives(store: &TaskStore, id: &str) -> Result<bool, StoreError> {
    let node = id.split_once('.').map_or(id, |(node, _)| node);
    if *node == *store.node {
        return Ok(true);
    }
    let row = store.rows.get(&key_of(node)).await?;
    Ok(row.is_some_and(|row| row.end > wall()))
}
