//! [`Reaper`]: ends the sessions that have been idle for too long (SPEC C-77).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::sessions::SessionTable;
use crate::transport::clock::now;

/// Ends idle sessions, in one task for the whole table. The task runs while sessions exist, so that a
/// service without sessions has none.
pub(crate) struct Reaper {
    sessions: Arc<SessionTable>,
    idle_time: Duration,
    period: Duration,
    is_running: AtomicBool,
}

impl Reaper {
    /// Ends sessions that are idle for `idle_time`, and drops events older than `replay_age`.
    pub(crate) fn new(
        sessions: Arc<SessionTable>,
        idle_time: Duration,
        replay_age: Duration,
    ) -> Self {
        let period = idle_time.min(replay_age) / 4;
        Self {
            sessions,
            idle_time,
            period: period.clamp(Duration::from_millis(10), Duration::from_secs(30)),
            is_running: AtomicBool::new(false),
        }
    }

    /// Makes sure that the task runs. Called after a session was opened.
    pub(crate) fn start(self: &Arc<Self>) {
        if self.claim() {
            tokio::spawn(run(RunGuard {
                reaper: Arc::downgrade(self),
                has_ended: false,
            }));
        }
    }

    /// Whether the caller is the one to run the task.
    fn claim(&self) -> bool {
        !self.is_running.swap(true, Ordering::SeqCst)
    }

    fn release(&self) {
        self.is_running.store(false, Ordering::SeqCst);
    }

    /// Whether the task may end because no sessions are left.
    fn may_end(&self) -> bool {
        if self.sessions.len() > 0 {
            return false;
        }
        self.release();
        // A session that was opened in between may have relied on this task.
        self.sessions.len() == 0 || !self.claim()
    }

    fn reap(&self) {
        let now = now();
        self.sessions.reap(|session| {
            session.expire(now);
            session.closes_idle(now, self.idle_time)
        });
    }
}

async fn run(mut guard: RunGuard) {
    loop {
        let Some(period) = guard.reaper.upgrade().map(|reaper| reaper.period) else {
            return;
        };
        tokio::time::sleep(period).await;
        let Some(reaper) = guard.reaper.upgrade() else {
            return;
        };
        reaper.reap();
        if reaper.may_end() {
            guard.has_ended = true;
            return;
        }
    }
}

/// Lets the next session start another task if this one ends early, with its runtime.
struct RunGuard {
    reaper: Weak<Reaper>,
    has_ended: bool,
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        if let Some(reaper) = self.reaper.upgrade().filter(|_| !self.has_ended) {
            reaper.release();
        }
    }
}
