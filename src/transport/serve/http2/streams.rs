//! [`Streams`]: the tasks of one connection's streams.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::Executor;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::timers::{ConnectionTimeouts, Timers};
use super::pace::Pace;
use crate::transport::future::BoxFuture;

/// The streams of one connection, each in a task of its own. Dropping it ends them all.
pub(super) struct Streams {
    /// What hyper has begun. A channel, because the streams have clones of the executor: they would keep each
    /// other alive in a set that it shares.
    begun: mpsc::UnboundedReceiver<BoxFuture<()>>,
    running: JoinSet<()>,
    /// How many have begun, modulo 2^32.
    count: u32,
}

impl Streams {
    pub(super) fn new(timeouts: &Arc<ConnectionTimeouts>) -> (Self, StreamExecutor) {
        let (sender, begun) = mpsc::unbounded_channel();
        let streams = Self {
            begun,
            running: JoinSet::new(),
            count: 0,
        };
        let executor = StreamExecutor {
            begun: sender,
            timeouts: Arc::clone(timeouts),
        };
        (streams, executor)
    }

    /// Starts what hyper has begun, and removes what has ended. Wakes for either.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(stream)) = self.begun.poll_recv(cx) {
            self.count = self.count.wrapping_add(1);
            self.running.spawn(stream);
        }
        while let Poll::Ready(Some(_)) = self.running.poll_join_next(cx) {}
    }

    /// Whether no stream is open.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// How many streams have begun, modulo 2^32.
    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

/// Takes the streams that hyper begins.
#[derive(Clone)]
pub(super) struct StreamExecutor {
    begun: mpsc::UnboundedSender<BoxFuture<()>>,
    timeouts: Arc<ConnectionTimeouts>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        let timers = Timers::new(Arc::clone(&self.timeouts));
        // The connection may just have ended.
        let _ = self.begun.send(Box::pin(paced(stream, timers)));
    }
}

/// Runs a stream until it ends, or until its client does not take what is there for it. Dropping hyper's future
/// resets the stream.
async fn paced(stream: impl Future<Output = ()>, mut timers: Timers) {
    let pace = Arc::<Pace>::default();
    let mut stream = Box::pin(Pace::follow(&pace, stream));
    poll_fn(|cx| match Pin::new(&mut stream).poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => timers.poll(cx, pace.wait()).map(drop),
    })
    .await;
}
