//! [`KeepAlive`]: the comment on a quiet stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use crate::wire::sse;

/// Gives a comment when nothing else was written for a while (SPEC B-17, H-13, PITFALLS R-20).
pub(super) struct KeepAlive {
    period: Duration,
    quiet_since: Instant,
    /// On the heap, so that bodies without a timer stay small.
    timer: Pin<Box<Sleep>>,
}

impl KeepAlive {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            quiet_since: Instant::now(),
            timer: Box::pin(tokio::time::sleep(period)),
        }
    }

    /// When the timer goes off.
    pub(super) fn deadline(&self) -> Instant {
        self.timer.deadline()
    }

    /// Notes that something else was written.
    pub(super) fn put_off(&mut self) {
        self.quiet_since = Instant::now();
    }

    /// Ready with the comment when it is due. An event only moves `quiet_since`, so that a busy stream
    /// does not pay for the timer. A timer that goes off too early is set again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let is_due = now >= self.quiet_since + self.period;
            if is_due {
                self.quiet_since = now;
            }
            self.timer.as_mut().reset(self.quiet_since + self.period);
            if is_due {
                return Poll::Ready(sse::KEEP_ALIVE);
            }
        }
    }
}
