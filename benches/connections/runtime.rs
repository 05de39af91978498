//! The runtime of the load and of each server.

use tokio::runtime::{Builder, Runtime};

use crate::error::Failed;

/// A runtime of one thread, with sockets and timers.
pub(crate) fn runtime() -> Result<Runtime, Failed> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
