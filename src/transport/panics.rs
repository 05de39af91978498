//! Runs code of the embedder. A panic ends that code and nothing else (SPEC A-49, PITFALLS R-8).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use super::future::BoxFuture;

#[derive(Debug)]
pub(crate) struct Panicked;

/// Runs a function and catches its panic.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    // Unwind safety: as below.
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked)
}

/// Makes a future, runs it to its end and drops it.
///
/// # Cancel safety
///
/// Dropping this future drops the embedder's future. A panic of that drop is ignored.
pub(crate) async fn guarded<T>(make: impl FnOnce() -> BoxFuture<T>) -> Result<T, Panicked> {
    let mut contained = Contained::new(make);
    let outcome = poll_fn(|cx| contained.poll(cx)).await;
    // Dropping the future also runs code of the embedder, which may panic.
    contained.empty().and(outcome)
}

/// A future that panics neither when it is polled nor when it is dropped.
pub(crate) struct Contained<T>(Option<BoxFuture<T>>);

impl<T> Contained<T> {
    /// Makes the future.
    pub(crate) fn new(make: impl FnOnce() -> BoxFuture<T>) -> Self {
        // If making it panics, `poll` says so.
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
        // The outcome is already decided.
        let _ = self.empty();
    }
}
