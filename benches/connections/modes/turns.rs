//! The servers have the load in turns, a second each, so that noise hits all of them.

use std::time::{Duration, Instant};

use crate::server::measured::Side;

/// How many turns each has, and how long each is.
pub(crate) fn turns(time: Duration) -> (usize, Duration) {
    let turns = (time.as_secs_f64().ceil() as u32).max(2);
    (turns as usize, time / turns)
}

/// What a server spent in its turns.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// `None` when the system does not tell.
    pub(crate) cpu: Option<Duration>,
    pub(crate) count: usize,
}

impl Spent {
    /// Runs one turn, which gives how much it did.
    pub(crate) async fn turn(&mut self, side: &Side, turn: impl Future<Output = usize>) {
        let (before, begun) = (side.cpu(), Instant::now());
        let count = turn.await;
        self.add((before, side.cpu()), begun.elapsed(), count);
    }

    /// Adds what the server had computed before and after, the time between, and how much was done.
    pub(crate) fn add(
        &mut self,
        (before, after): (Option<Duration>, Option<Duration>),
        wall: Duration,
        count: usize,
    ) {
        self.wall += wall;
        self.count += count;
        if let (Some(before), Some(after)) = (before, after) {
            *self.cpu.get_or_insert_default() += after.saturating_sub(before);
        }
    }

    pub(crate) fn each_second(&self) -> Option<f64> {
        rate(self.count, self.wall)
    }

    /// How many for each second that the server computed.
    pub(crate) fn each_cpu_second(&self) -> Option<f64> {
        rate(self.count, self.cpu?)
    }

    /// The time that the server computed for each, in microseconds.
    pub(crate) fn micros_each(&self) -> Option<f64> {
        Some(1e6 / self.each_cpu_second()?)
    }
}

fn rate(count: usize, time: Duration) -> Option<f64> {
    (count > 0 && !time.is_zero()).then(|| count as f64 / time.as_secs_f64())
}
