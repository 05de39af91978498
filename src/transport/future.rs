//! Futures: the boxed kind that traits of this crate return, and [`at_once`], what needs no waiting.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A future that a connection or a task can own.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The output of `work`, if one look at it is enough.
pub(crate) async fn at_once<T>(
    mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>,
) -> Option<T> {
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
