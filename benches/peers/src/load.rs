//! Calls per second of the server's processor time, over sockets.

use std::time::Duration;

use crate::cases::Case;
use crate::client::caller::{CallPlan, Callers};
use crate::error::BoxError;
use crate::measure::cores::Cores;
use crate::side::Side;

/// Of short calls.
pub(crate) const CONNECTIONS: usize = 32;
/// The servers take turns, so that all of them see the same machine.
const TURNS: usize = 8;
const TURN: Duration = Duration::from_millis(500);

/// Short calls.
pub(crate) fn short(clients: usize) -> CallPlan<'static> {
    CallPlan::new(clients, "hello, world ")
}

/// Measures cases beside each other, in their order.
pub(crate) async fn measure(
    cases: &[&Case],
    plan: CallPlan<'_>,
    cores: Option<&Cores>,
) -> Result<Vec<f64>, BoxError> {
    let mut loaded = Vec::new();
    for case in cases {
        let mut one = Loaded::start(case, plan, cores).await?;
        // What is done once, such as the first growth of the heap, is done now.
        one.turn(TURN).await?;
        (one.calls, one.cpu) = (0, Duration::ZERO);
        loaded.push(one);
    }
    for _ in 0..TURNS {
        for one in &mut loaded {
            one.turn(TURN).await?;
        }
    }
    loaded.into_iter().map(Loaded::rate).collect()
}

/// A few calls.
pub(crate) async fn test(case: &Case, plan: CallPlan<'_>) -> Result<(), BoxError> {
    let mut loaded = Loaded::start(case, plan, None).await?;
    loaded.turn(Duration::from_millis(20)).await?;
    loaded.rate().map(drop)
}

/// A server with its clients.
struct Loaded {
    side: Side,
    callers: Callers,
    calls: usize,
    cpu: Duration,
}

impl Loaded {
    async fn start(
        case: &Case,
        plan: CallPlan<'_>,
        cores: Option<&Cores>,
    ) -> Result<Self, BoxError> {
        let side = Side::start(case, cores)?;
        Ok(Self {
            callers: Callers::open(&side.target, case.revision, plan).await?,
            side,
            calls: 0,
            cpu: Duration::ZERO,
        })
    }

    async fn turn(&mut self, time: Duration) -> Result<(), BoxError> {
        let before = self.side.cpu()?;
        self.calls += self.callers.call_for(time).await;
        self.cpu += self.side.cpu()? - before;
        Ok(())
    }

    /// Calls per second of processor time, if all were answered well.
    fn rate(self) -> Result<f64, BoxError> {
        let (_, failures) = self.callers.done();
        match failures.first {
            Some(why) => Err(why.into()),
            None => Ok(self.calls as f64 / self.cpu.as_secs_f64()),
        }
    }
}
