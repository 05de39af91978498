//! The runtime that the load and each server run on.

use tokio::runtime::{Builder, Runtime};

use crate::error::BoxError;

/// A runtime of one thread, with sockets and timers.
pub(crate) fn runtime() -> Result<Runtime, BoxError> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
