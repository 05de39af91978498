//! Servers that are called without a pause, in turns.

use std::time::Duration;

use crate::client::caller::{Callers, Calling};
use crate::client::messages::Revision;
use crate::error::Failed;
use crate::measure::failures::Failures;
use crate::measure::latency::Percentiles;
use crate::modes::turns::{Spent, turns};
use crate::progress;
use crate::server::measured::Side;

/// A server and those who call it.
pub(crate) struct Loaded {
    pub(crate) side: Side,
    callers: Callers,
    spent: Spent,
}

impl Loaded {
    /// Callers that are ready to call.
    pub(crate) async fn start(
        side: Side,
        revision: Revision,
        calling: Calling<'_>,
    ) -> Result<Self, Failed> {
        let callers = Callers::open(&side.place, revision, calling).await?;
        Ok(Self {
            side,
            callers,
            spent: Spent::default(),
        })
    }

    /// The callers call for so long a time.
    pub(crate) async fn turn(&mut self, time: Duration) {
        self.spent
            .turn(&self.side, self.callers.call_for(time))
            .await;
    }

    /// How long the calls took until now; those that follow are a matter of their own.
    pub(crate) fn so_far(&mut self) -> Percentiles {
        self.callers.so_far().percentiles()
    }

    /// What was spent, and how long the calls took.
    pub(crate) fn done(self) -> (Side, Spent, Percentiles, Failures) {
        let (latencies, failures) = self.callers.done();
        (self.side, self.spent, latencies.percentiles(), failures)
    }
}

/// Each server has its turns of the time.
pub(crate) async fn in_turns(servers: &mut [Loaded], time: Duration, doing: &str) {
    let (turns, time) = turns(time);
    for turn in 1..=turns {
        for server in &mut *servers {
            server.turn(time).await;
            let (name, rate) = (&server.side.name, server.spent.each_second());
            let rate = rate.unwrap_or_default();
            progress::tell(format_args!(
                "{doing}, turn {turn} of {turns}: {name} {rate:.0} calls/s"
            ));
        }
    }
}
