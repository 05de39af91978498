//! Accepts the connections of a listener.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::sleep;

use super::listener::{Accepted, Listener};

/// How long to wait when no connection can be accepted because the process is out of open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `end` is ready. `take` gets each of them. It is also called with `None`
/// whenever the task wakes, for example because a connection has ended.
pub(super) async fn accept<L: Listener>(
    listener: &mut L,
    mut end: Pin<&mut impl Future<Output = ()>>,
    mut take: impl FnMut(&mut Context<'_>, Option<Accepted<L::Io>>),
) {
    loop {
        let accepted = poll_fn(|cx| {
            take(cx, None);
            if end.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            let accepted = std::task::ready!(listener.poll_accept(cx));
            Poll::Ready(Some(accepted.map(|accepted| take(cx, Some(accepted)))))
        });
        match accepted.await {
            None => return,
            Some(Ok(())) => {}
            Some(Err(error)) if is_of_one_connection(&error) => {}
            // Out of files or memory: open connections free some when they end.
            Some(Err(_)) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Whether `accept` only reports that a connection failed before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
