//! Calls per second of the server's processor time, over sockets.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Failed;
use crate::cases::Case;
use crate::client::Caller;
use crate::process::Process;

const CONNECTIONS: usize = 32;
/// The servers take turns, so that all of them see the same machine.
const TURNS: usize = 8;
const TURN: Duration = Duration::from_millis(500);

/// Measures cases beside each other, in their order.
pub(crate) async fn measure(cases: &[&Case]) -> Result<Vec<f64>, Failed> {
    let mut loaded = Vec::new();
    for case in cases {
        let mut one = Loaded::start(case).await?;
        // What is done once, such as the first growth of the heap, is done now.
        one.turn().await?;
        (one.calls, one.time) = (0, Duration::ZERO);
        loaded.push(one);
    }
    for _ in 0..TURNS {
        for one in &mut loaded {
            one.turn().await?;
        }
    }
    let rate = |one: &Loaded| one.calls as f64 / one.time.as_secs_f64();
    Ok(loaded.iter().map(rate).collect())
}

/// A server with its clients.
struct Loaded {
    process: Process,
    callers: Vec<Caller>,
    calls: u64,
    time: Duration,
}

impl Loaded {
    async fn start(case: &Case) -> Result<Self, Failed> {
        let process = Process::start(case)?;
        let mut callers = Vec::new();
        for _ in 0..CONNECTIONS {
            callers.push(Caller::open(process.address, case).await?);
        }
        Ok(Self {
            process,
            callers,
            calls: 0,
            time: Duration::ZERO,
        })
    }

    async fn turn(&mut self) -> Result<(), Failed> {
        let before = self.process.time()?;
        let end = Instant::now() + TURN;
        let mut calling = JoinSet::new();
        for caller in self.callers.drain(..) {
            calling.spawn_local(call_until(caller, end));
        }
        while let Some(called) = calling.join_next().await {
            let (caller, calls) = called??;
            self.callers.push(caller);
            self.calls += calls;
        }
        self.time += self.process.time()? - before;
        Ok(())
    }
}

async fn call_until(mut caller: Caller, end: Instant) -> Result<(Caller, u64), Failed> {
    let mut calls = 0;
    while Instant::now() < end {
        caller.call().await?;
        calls += 1;
    }
    Ok((caller, calls))
}

/// A few calls.
pub(crate) async fn test(case: &Case) -> Result<(), Failed> {
    let process = Process::start(case)?;
    let mut caller = Caller::open(process.address, case).await?;
    for _ in 0..3 {
        caller.call().await?;
    }
    Ok(())
}
