//! [`first`]: what comes first from a request, its answer or a reason to begin a stream.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::transport::stream::queue::Receiver;

/// What came first.
pub(crate) enum First<T> {
    Answer(T),
    /// The stream has something to read, or it was ended from elsewhere.
    Output,
    /// Nothing came for so long that the client should get a stream with its keep-alives.
    Silence,
}

/// Polls `work` in place until it is ready, the stream has something to read, or `silence` is over. Without
/// a `silence` the client accepts no stream and waits for the answer. `work` was polled before, with
/// [`at_once`](crate::transport::future::at_once).
///
/// # Cancel safety
///
/// Dropping the future loses nothing, because `work` is only borrowed.
pub(crate) async fn first<T>(
    mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    receiver: &Receiver,
    silence: Option<Duration>,
) -> First<T> {
    let mut silent = pin!(async {
        match silence {
            Some(silence) => tokio::time::sleep(silence).await,
            None => std::future::pending().await,
        }
    });
    poll_fn(|cx| {
        if let Poll::Ready(answer) = work.as_mut().poll(cx) {
            return Poll::Ready(First::Answer(answer));
        }
        if receiver.poll_output(cx).is_ready() {
            return Poll::Ready(First::Output);
        }
        silent.as_mut().poll(cx).map(|()| First::Silence)
    })
    .await
}
