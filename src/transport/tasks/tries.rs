//! [`Tries`]: waits before a row that somebody else has written is read and written again.

use std::time::Duration;

use crate::transport::backplane::rows::StoreError;

/// How often a row was written by somebody else between reading and writing it.
#[derive(Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Beyond this a store is not as it should be: it may read from a copy that lags behind.
    const MOST: u32 = 12;

    /// Lets others go on, the longer the more tries there were: at most 64 ms.
    pub(super) async fn wait(&mut self) {
        self.0 += 1;
        match self.0 {
            1..=3 => tokio::task::yield_now().await,
            tries => tokio::time::sleep(Duration::from_millis(1 << (tries - 4).min(6))).await,
        }
    }

    /// As [`wait`](Self::wait), for what does not wait for ever.
    pub(super) async fn wait_or_fail(&mut self) -> Result<(), StoreError> {
        self.wait().await;
        match self.0 < Self::MOST {
            true => Ok(()),
            false => Err("the row of a task is never as it was read".into()),
        }
    }
}
