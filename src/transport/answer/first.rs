//! [`first`]: what a request comes up with first, an answer or a reason for a stream.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::transport::stream::queue::Receiver;

/// What came first.
pub(crate) enum First<T> {
    Answer(T),
    /// There is output on the stream, or it was ended from elsewhere.
    Output,
    /// Nothing came for so long that the client should see a sign of life.
    Silence,
}

/// Polls `work`, which was not ready [`at_once`](crate::transport::future::at_once), in place until it is ready, the stream has something to
/// read, or `patience` is at its end; without a patience the client takes no stream, and waits for the
/// answer.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped: `work` is only borrowed.
pub(crate) async fn first<T>(
    mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    receiver: &Receiver,
    patience: Option<Duration>,
) -> First<T> {
    let mut silence = pin!(async {
        match patience {
            Some(patience) => tokio::time::sleep(patience).await,
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
        silence.as_mut().poll(cx).map(|()| First::Silence)
    })
    .await
}
