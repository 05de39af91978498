//! Turns of about a second, so that other work of the machine affects all servers alike.

use std::time::{Duration, Instant};

use crate::server::measured::MeasuredServer;

/// The number of turns of each server, and the length of a turn.
pub(crate) fn turns(time: Duration) -> (usize, Duration) {
    let turns = (time.as_secs_f64().ceil() as u32).max(2);
    (turns as usize, time / turns)
}

/// What a server used in its turns.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// `None` if the system does not report it.
    pub(crate) cpu: Option<Duration>,
    pub(crate) count: usize,
}

impl Spent {
    /// Runs one turn, which returns how many operations it completed.
    pub(crate) async fn turn(
        &mut self,
        server: &MeasuredServer,
        turn: impl Future<Output = usize>,
    ) {
        let (before, begun) = (server.cpu(), Instant::now());
        let count = turn.await;
        self.add((before, server.cpu()), begun.elapsed(), count);
    }

    /// Adds the processor time before and after a turn, its duration, and the number of operations.
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

    /// Operations per second of processor time.
    pub(crate) fn each_cpu_second(&self) -> Option<f64> {
        rate(self.count, self.cpu?)
    }

    /// Processor time per operation, in microseconds.
    pub(crate) fn micros_each(&self) -> Option<f64> {
        Some(1e6 / self.each_cpu_second()?)
    }
}

fn rate(count: usize, time: Duration) -> Option<f64> {
    (count > 0 && !time.is_zero()).then(|| count as f64 / time.as_secs_f64())
}
