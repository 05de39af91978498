//! [`BoxFuture`], and [`at_once`] for work that is ready when it is first polled.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A boxed future that a connection or a task can own.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The output of `work` if polling it once is enough.
pub(crate) async fn at_once<T>(
    mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>,
) -> Option<T> {
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
