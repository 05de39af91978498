//! Servers that are called without a pause, in turns.

use std::time::Duration;

use crate::bench::Bench;
use crate::client::caller::{CallPlan, Callers};
use crate::client::messages::Revision;
use crate::error::BoxError;
use crate::measure::failures::Failures;
use crate::measure::latency::Percentiles;
use crate::modes::turns::{Spent, turns};
use crate::progress;
use crate::report::section::Row;
use crate::server::measured::MeasuredServer;
use crate::sizes::Size;

/// A server and its callers.
pub(crate) struct LoadedServer {
    pub(crate) server: MeasuredServer,
    callers: Callers,
    spent: Spent,
}

impl LoadedServer {
    /// Opens the callers.
    pub(crate) async fn start(
        server: MeasuredServer,
        revision: Revision,
        plan: CallPlan<'_>,
    ) -> Result<Self, BoxError> {
        let callers = Callers::open(&server.target, revision, plan).await?;
        Ok(Self {
            server,
            callers,
            spent: Spent::default(),
        })
    }

    /// Calls the server for this long.
    pub(crate) async fn turn(&mut self, time: Duration) {
        self.spent
            .turn(&self.server, self.callers.call_for(time))
            .await;
    }

    /// Takes the latencies up to now. Later ones count separately.
    pub(crate) fn so_far(&mut self) -> Percentiles {
        self.callers.so_far().percentiles()
    }

    /// The row of a mode that compares how many calls a server answers.
    pub(crate) fn rates(self, case: &str) -> Row {
        let (server, spent, latencies, failures) = self.done();
        Row::new(case, server.name)
            .rate("calls / CPU s", spent.each_cpu_second())
            .rate("calls / s", spent.each_second())
            .latencies(latencies)
            .failures(failures)
    }

    /// The cost and the latencies of the calls.
    pub(crate) fn done(self) -> (MeasuredServer, Spent, Percentiles, Failures) {
        let (latencies, failures) = self.callers.done();
        (self.server, self.spent, latencies.percentiles(), failures)
    }
}

/// Starts all servers and calls them in turns. Servers that do not support the revision are skipped.
pub(crate) async fn measure(
    bench: &Bench,
    revision: Revision,
    plan: CallPlan<'_>,
    doing: &str,
) -> Result<Vec<LoadedServer>, BoxError> {
    let mut servers = Vec::new();
    for contender in bench.contenders(revision) {
        let server = bench.start(contender, plan.clients * 2, &[])?;
        let loaded = LoadedServer::start(server, revision, plan).await;
        servers.extend(contender.or_skip(loaded)?);
    }
    in_turns(&mut servers, bench.options.time(Size::Seconds), doing).await;
    Ok(servers)
}

/// Calls the servers in turns, each for this long in all.
pub(crate) async fn in_turns(servers: &mut [LoadedServer], time: Duration, doing: &str) {
    let (turns, time) = turns(time);
    for turn in 1..=turns {
        for server in &mut *servers {
            server.turn(time).await;
            let (name, rate) = (&server.server.name, server.spent.each_second());
            let rate = rate.unwrap_or_default();
            progress::tell(format_args!(
                "{doing}, turn {turn} of {turns}: {name} {rate:.0} calls/s"
            ));
        }
    }
}
