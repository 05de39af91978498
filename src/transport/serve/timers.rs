//! [`Timers`]: everything that a connection waits for has a time limit.
//!
//! hyper has one limit for a head, which starts as soon as hyper waits for a head. It would cut a
//! connection that is idle between two requests as early as one that has sent half a head, and without
//! saying why. So the limits are kept here, outside hyper.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection can wait for. (How long a stream may go on is decided by the lease of its body.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// What comes before HTTP, such as the handshake of TLS.
    Handshake,
    /// The last byte of a head whose first byte has come.
    Head,
    /// The first byte of the first request, or of the next one.
    Idle,
    /// The transport: a flush that does not complete, or a write that is not taken.
    Write,
    /// The end of the connection, once everything is said.
    Close,
}

/// How long each timer runs.
#[derive(Clone, Debug)]
pub(super) struct ConnectionTimeouts {
    pub(super) handshake: Duration,
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
    pub(super) close: Duration,
}

impl ConnectionTimeouts {
    fn of(&self, timer: Timer) -> Duration {
        match timer {
            Timer::Handshake => self.handshake,
            Timer::Head => self.head,
            Timer::Idle => self.idle,
            Timer::Write => self.write,
            Timer::Close => self.close,
        }
    }
}

/// One wait. The same timer starts again for the next wait, which has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) timer: Timer,
    pub(super) nth: u32,
}

/// The timers of one connection. It waits for one thing at a time.
pub(super) struct Timers {
    timeouts: Arc<ConnectionTimeouts>,
    running: Option<(Wait, Instant)>,
    /// Set for one wait. When it goes off, it is set again for the current wait, so that a busy
    /// connection does not set it for each request. If there is no wait then, as on an open stream, it
    /// is dropped.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Timers {
    pub(super) fn new(timeouts: Arc<ConnectionTimeouts>) -> Self {
        Self {
            timeouts,
            running: None,
            alarm: None,
        }
    }

    /// Stops the wait and frees the alarm.
    pub(super) fn stop(&mut self) {
        self.running = None;
        self.alarm = None;
    }

    /// Ready when the time of `wait` is up. The time starts with the first call that names this wait.
    /// It ends with the first call that names another one, or none.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, wait: Option<Wait>) -> Poll<Timer> {
        let Some(wait) = wait else {
            self.running = None;
            self.alarm.take_if(|alarm| alarm.is_elapsed());
            return Poll::Pending;
        };
        let deadline = match self.running {
            Some((running, deadline)) if running == wait => deadline,
            _ => match Instant::now().checked_add(self.timeouts.of(wait.timer)) {
                Some(deadline) => deadline,
                // A deadline that the clock cannot represent never comes.
                None => return Poll::Pending,
            },
        };
        self.running = Some((wait, deadline));
        ready!(self.until(deadline, cx));
        self.stop();
        Poll::Ready(wait.timer)
    }

    fn until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let set = || Box::pin(sleep_until(deadline));
        let alarm = self.alarm.get_or_insert_with(set);
        if deadline < alarm.deadline() {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }

    /// The output of the work, or `None` when the time of this timer is up first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the work.
    pub(super) async fn limit<T>(
        &mut self,
        timer: Timer,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            self.poll(cx, Some(Wait { timer, nth: 0 })).map(|_| None)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::advance;

    use super::*;

    const TIMEOUTS: ConnectionTimeouts = ConnectionTimeouts {
        handshake: Duration::from_secs(10),
        head: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        write: Duration::from_secs(30),
        close: Duration::from_secs(2),
    };

    fn timers() -> Timers {
        Timers::new(Arc::new(TIMEOUTS))
    }

    async fn polled(timers: &mut Timers, wait: Option<(Timer, u32)>) -> Option<Timer> {
        let wait = wait.map(|(timer, nth)| Wait { timer, nth });
        poll_fn(|cx| {
            Poll::Ready(match timers.poll(cx, wait) {
                Poll::Ready(timer) => Some(timer),
                Poll::Pending => None,
            })
        })
        .await
    }

    /// FIELD E-1: every wait has a timer.
    #[tokio::test(start_paused = true)]
    async fn each_timer_has_its_time_and_wakes_by_itself() {
        for (timer, seconds) in [
            (Timer::Handshake, 10),
            (Timer::Head, 10),
            (Timer::Idle, 60),
            (Timer::Write, 30),
            (Timer::Close, 2),
        ] {
            let start = Instant::now();
            let mut timers = timers();
            assert_eq!(timers.limit(timer, pending::<()>()).await, None);
            assert_eq!(start.elapsed().as_secs(), seconds, "{timer:?}");
            assert_eq!(timers.limit(timer, async { 5 }).await, Some(5));
        }
    }

    /// The time of a wait runs on while the wait is the same and starts again with the next one. A
    /// shorter time is not late because a longer one ran before.
    #[tokio::test(start_paused = true)]
    async fn another_wait_has_a_time_of_its_own() {
        let mut timers = timers();
        for (wait, before, expected) in [
            (Some((Timer::Idle, 0)), 0, None),
            (Some((Timer::Idle, 0)), 59, None),
            (Some((Timer::Idle, 1)), 2, None),
            (Some((Timer::Head, 1)), 50, None),
            (Some((Timer::Head, 1)), 9, None),
            (Some((Timer::Head, 1)), 1, Some(Timer::Head)),
            (Some((Timer::Write, 0)), 0, None),
            (None, 29, None),
            (Some((Timer::Write, 0)), 5, None),
            (Some((Timer::Write, 0)), 29, None),
            (Some((Timer::Write, 0)), 1, Some(Timer::Write)),
        ] {
            advance(Duration::from_secs(before)).await;
            assert_eq!(polled(&mut timers, wait).await, expected, "{wait:?}");
        }
    }

    /// An answer that goes on for hours keeps no alarm after the alarm of an earlier wait has gone off.
    #[tokio::test(start_paused = true)]
    async fn no_alarm_is_kept_without_need() {
        let mut timers = timers();
        polled(&mut timers, Some((Timer::Idle, 0))).await;
        polled(&mut timers, None).await;
        assert!(timers.alarm.is_some(), "the next request may need it");
        advance(Duration::from_secs(61)).await;
        polled(&mut timers, None).await;
        assert!(timers.alarm.is_none());
    }

    /// A deadline that the clock cannot represent never comes.
    #[tokio::test(start_paused = true)]
    async fn an_endless_time_does_not_end() {
        let timeouts = ConnectionTimeouts {
            idle: Duration::MAX,
            ..TIMEOUTS
        };
        let mut timers = Timers::new(Arc::new(timeouts));
        assert_eq!(polled(&mut timers, Some((Timer::Idle, 0))).await, None);
        advance(Duration::from_secs(1_000_000)).await;
        assert_eq!(polled(&mut timers, Some((Timer::Idle, 0))).await, None);
    }
}
