//! [`Timers`]: whatever a connection waits for has its time.
//!
//! hyper has one time for a head, which runs as soon as it waits for one: it would cut a connection
//! that rests between two requests as early as one that sends half a head, and never says why. So the
//! times are kept here, beside hyper.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection can wait for. (How long a stream may go on is the lease of its body.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The last byte of a head whose first byte has come.
    Head,
    /// The first byte of the first request, or of the next one.
    Rest,
    /// That the transport hands on what it was given: a flush, or a write that it does not take.
    Write,
    /// That the transport ends, and that the client does.
    Close,
}

/// How long each may take.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    pub(crate) head: Duration,
    pub(crate) rest: Duration,
    pub(crate) write: Duration,
    pub(crate) close: Duration,
}

impl Patience {
    fn of(&self, timer: Timer) -> Duration {
        match timer {
            Timer::Head => self.head,
            Timer::Rest => self.rest,
            Timer::Write => self.write,
            Timer::Close => self.close,
        }
    }
}

/// One wait: the same timer runs anew for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) timer: Timer,
    pub(crate) nth: u32,
}

/// The timers of one connection. It waits for one thing at a time.
pub(crate) struct Timers {
    patience: Arc<Patience>,
    running: Option<(Wait, Instant)>,
    /// Set for one wait, and for a later one when it goes off: a connection that is busy does not set it for
    /// each request. A session, which is an answer that goes on, drops it when it goes off.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Timers {
    pub(crate) fn new(patience: Arc<Patience>) -> Self {
        Self {
            patience,
            running: None,
            alarm: None,
        }
    }

    /// Stops what runs, and keeps nothing.
    pub(crate) fn stop(&mut self) {
        self.running = None;
        self.alarm = None;
    }

    /// Ready when this is waited for and its time is up. Its time runs from the first call that names it
    /// to the first that names something else, or nothing.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, wait: Option<Wait>) -> Poll<Timer> {
        let Some(wait) = wait else {
            self.running = None;
            self.alarm.take_if(|alarm| alarm.is_elapsed());
            return Poll::Pending;
        };
        let deadline = match self.running {
            Some((running, deadline)) if running == wait => deadline,
            _ => match Instant::now().checked_add(self.patience.of(wait.timer)) {
                Some(deadline) => deadline,
                // An end beyond what the clock can tell is none.
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

    /// What the work comes to, or nothing when the time of this timer is up before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the work.
    pub(crate) async fn limit<T>(
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

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        rest: Duration::from_secs(60),
        write: Duration::from_secs(30),
        close: Duration::from_secs(2),
    };

    fn timers() -> Timers {
        Timers::new(Arc::new(PATIENCE))
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
            (Timer::Head, 10),
            (Timer::Rest, 60),
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

    /// The time of a wait runs on while it is the same, begins anew with the next one, and a shorter time
    /// is not late because a longer one ran before.
    #[tokio::test(start_paused = true)]
    async fn another_wait_has_a_time_of_its_own() {
        let mut timers = timers();
        for (wait, before, expected) in [
            (Some((Timer::Rest, 0)), 0, None),
            (Some((Timer::Rest, 0)), 59, None),
            (Some((Timer::Rest, 1)), 2, None),
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

    /// An answer that goes on for hours keeps no alarm, once the one of an earlier wait has gone off.
    #[tokio::test(start_paused = true)]
    async fn no_alarm_is_kept_without_need() {
        let mut timers = timers();
        polled(&mut timers, Some((Timer::Rest, 0))).await;
        polled(&mut timers, None).await;
        assert!(timers.alarm.is_some(), "the next request may need it");
        advance(Duration::from_secs(61)).await;
        polled(&mut timers, None).await;
        assert!(timers.alarm.is_none());
    }

    /// A time that the clock cannot tell is none.
    #[tokio::test(start_paused = true)]
    async fn an_endless_time_does_not_end() {
        let patience = Patience {
            rest: Duration::MAX,
            ..PATIENCE
        };
        let mut timers = Timers::new(Arc::new(patience));
        assert_eq!(polled(&mut timers, Some((Timer::Rest, 0))).await, None);
        advance(Duration::from_secs(1_000_000)).await;
        assert_eq!(polled(&mut timers, Some((Timer::Rest, 0))).await, None);
    }
}
