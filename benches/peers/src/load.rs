//! Calls per second of processor time, over sockets.

use std::time::Duration;

use crate::cases::Case;
use crate::client::caller::{CallPlan, Callers};
use crate::error::BoxError;
use crate::measure::cores::Cores;
use crate::server_process::ServerProcess;

/// The number of connections that make short calls.
pub(crate) const CONNECTIONS: usize = 32;
/// The servers take turns, so that other work of the machine affects all of them alike.
const TURNS: usize = 8;
const TURN: Duration = Duration::from_millis(500);

/// Short calls.
pub(crate) fn short(clients: usize) -> CallPlan<'static> {
    CallPlan::new(clients, "hello, world ")
}

/// Measures cases in turns. Returns the rates in the order of the cases.
pub(crate) async fn measure(
    cases: &[&Case],
    plan: CallPlan<'_>,
    cores: Option<&Cores>,
) -> Result<Vec<f64>, BoxError> {
    let mut loaded = Vec::new();
    for case in cases {
        let mut one = Loaded::start(case, plan, cores).await?;
        // The first turn does one-time work, such as the first growth of the heap, and does not count.
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

/// Makes a few calls.
pub(crate) async fn test(case: &Case, plan: CallPlan<'_>) -> Result<(), BoxError> {
    let mut loaded = Loaded::start(case, plan, None).await?;
    loaded.turn(Duration::from_millis(20)).await?;
    loaded.rate().map(drop)
}

/// A server with its callers.
struct Loaded {
    server_process: ServerProcess,
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
        let server_process = ServerProcess::start(case, cores)?;
        Ok(Self {
            callers: Callers::open(&server_process.target, case.revision, plan).await?,
            server_process,
            calls: 0,
            cpu: Duration::ZERO,
        })
    }

    async fn turn(&mut self, time: Duration) -> Result<(), BoxError> {
        let before = self.server_process.cpu()?;
        self.calls += self.callers.call_for(time).await;
        self.cpu += self.server_process.cpu()? - before;
        Ok(())
    }

    /// Calls per second of processor time; an error if a call failed.
    fn rate(self) -> Result<f64, BoxError> {
        let (_, failures) = self.callers.done();
        match failures.first {
            Some(why) => Err(why.into()),
            None => Ok(self.calls as f64 / self.cpu.as_secs_f64()),
        }
    }
}
