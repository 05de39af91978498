//! Which processes that share a store of tasks are alive. Each keeps a row that ends soon, and writes it again
//! before that. When the row of a process is gone, its tasks will not go on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::AbortHandle;

use super::tries::Tries;
use crate::transport::backplane::rows::{Row, Rows, StoreError};
use crate::transport::clock::wall;
use crate::transport::observe::events::ServiceEvent;
use crate::transport::observe::observer::Observer;

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

/// A process among those that share rows.
pub(crate) struct Node {
    pub(crate) rows: Arc<dyn Rows>,
    pub(crate) name: Box<str>,
}

fn key_of(node: &str) -> String {
    format!("node/{node}")
}

impl Node {
    /// Writes the row of this process, and goes on to do so.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        observer: &Arc<Observer>,
    ) -> Result<Heartbeat, StoreError> {
        self.beat().await?;
        let (node, observer) = (Arc::clone(self), Arc::clone(observer));
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                if let Err(error) = node.beat().await {
                    observer.tell(&ServiceEvent::HandlerFailed {
                        method: "",
                        name: "",
                        reason: &error.to_string(),
                    });
                }
            }
        });
        Ok(Heartbeat(task.abort_handle()))
    }

    async fn beat(&self) -> Result<(), StoreError> {
        let key = key_of(&self.name);
        let mut tries = Tries::default();
        loop {
            let known = self.rows.get(&key).await?;
            let seen = known.map(|row| row.version);
            let row = Row {
                bytes: Bytes::new(),
                version: seen.unwrap_or_default() + 1,
                end: wall() + LIFE,
            };
            if self.rows.set(&key, seen, row).await? {
                return Ok(());
            }
            tries.wait_or_fail().await?;
        }
    }

    /// Whether the process that runs this task is alive. The id of a task begins with the name of its process.
    pub(crate) async fn runs(&self, id: &str) -> Result<bool, StoreError> {
        let name = id.split_once('.').map_or(id, |(name, _)| name);
        if *name == *self.name {
            return Ok(true);
        }
        let row = self.rows.get(&key_of(name)).await?;
        Ok(row.is_some_and(|row| row.end > wall()))
    }
}
