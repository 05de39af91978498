//! Runs code of the embedder so that a panic ends it and nothing else (SPEC ).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use super::dispatch::BoxFuture;

pub(super) struct Panicked;

/// Runs something that does not wait.
pub(super) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    // Unwind safety: as below.
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked)
}

/// Makes a future, runs it to its end and drops it.
pub(super) async fn guarded<T>(make: impl FnOnce() -> BoxFuture<T>) -> Result<T, Panicked> {
    // Unwind safety: after a panic neither the closure nor the future is used again.
    let panicked = |_| Panicked;
    let mut future = catch_unwind(AssertUnwindSafe(make)).map_err(panicked)?;
    let outcome = poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        },
    )
    .await;
    // What it held is dropped by code of the embedder, too.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(future))).map_err(panicked);
    dropped.and(outcome)
}
