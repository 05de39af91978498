//! Runs code of the embedder so that a panic ends it and nothing else (SPEC A-49, PITFALLS R-8).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use super::future::BoxFuture;

#[derive(Debug)]
pub(crate) struct Panicked;

/// Runs something that does not wait.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    // Unwind safety: as below.
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked)
}

/// Makes a future, runs it to its end and drops it.
///
/// # Cancel safety
///
/// Dropping this future drops the embedder's, whose panic on the way is swallowed.
pub(crate) async fn guarded<T>(make: impl FnOnce() -> BoxFuture<T>) -> Result<T, Panicked> {
    let mut contained = Contained::new(make);
    let outcome = poll_fn(|cx| contained.poll(cx)).await;
    // What it held is dropped by code of the embedder, too.
    contained.empty().and(outcome)
}

/// A future whose drop does not panic.
pub(crate) struct Contained<T>(Option<BoxFuture<T>>);

impl<T> Contained<T> {
    /// Makes the future.
    pub(crate) fn new(make: impl FnOnce() -> BoxFuture<T>) -> Self {
        // One that panics instead is found out when it is polled.
        Self(caught(make).ok())
    }

    /// Polls the future, up to its end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Panicked>> {
        match &mut self.0 {
            Some(future) => match caught(|| future.as_mut().poll(cx)) {
                Ok(poll) => poll.map(Ok),
                Err(panicked) => Poll::Ready(Err(panicked)),
            },
            None => Poll::Ready(Err(Panicked)),
        }
    }

    /// Drops the future.
    pub(crate) fn empty(&mut self) -> Result<(), Panicked> {
        let future = self.0.take();
        caught(|| drop(future))
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.empty();
    }
}
