//! `open`: sessions of 2024-11-05 that a client opens and abandons.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::client::messages::Revision;
use crate::client::session::open_stream;
use crate::client::target::Target;
use crate::error::BoxError;
use crate::measure::failures::Failures;
use crate::measure::latency::Latencies;
use crate::modes::turns::{Spent, turns};
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::MeasuredServer;
use crate::sizes::Size;

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let rows = runtime()?.block_on(measure(bench))?;
    Ok(Section {
        mode: "open",
        about: format!(
            "{} clients repeatedly connect, open a stream at /sse, read the endpoint event and disconnect, for \
             {:?}; the latency is the time until the endpoint event",
            bench.options.count(Size::Connections),
            bench.options.time(Size::Seconds),
        ),
        rows,
    })
}

struct Opened {
    server: MeasuredServer,
    spent: Spent,
    latencies: Latencies,
    failures: Failures,
}

async fn measure(bench: &Bench) -> Result<Vec<Row>, BoxError> {
    let mut servers = Vec::new();
    for contender in bench.contenders(Revision::Sse) {
        let server = bench.start(contender, bench.options.count(Size::Connections), &[])?;
        let first = open_stream(&server.target).await;
        if contender.or_skip(first)?.is_some() {
            servers.push(Opened {
                server,
                spent: Spent::default(),
                latencies: Latencies::default(),
                failures: Failures::default(),
            });
        }
    }
    let clients = bench.options.count(Size::Connections);
    let (turns, time) = turns(bench.options.time(Size::Seconds));
    for turn in 1..=turns {
        for server in &mut servers {
            let Opened {
                server,
                spent,
                latencies,
                failures,
            } = server;
            spent
                .turn(
                    server,
                    open_for(server, (clients, time), latencies, failures),
                )
                .await;
            let (name, rate) = (&server.name, spent.each_second().unwrap_or_default());
            progress::tell(format_args!(
                "open, turn {turn} of {turns}: {name} {rate:.0}/s"
            ));
        }
    }
    Ok(servers.into_iter().map(row).collect())
}

fn row(server: Opened) -> Row {
    Row::new("sessions", server.server.name)
        .rate("sessions / CPU s", server.spent.each_cpu_second())
        .rate("sessions / s", server.spent.each_second())
        .latencies(server.latencies.percentiles())
        .failures(server.failures)
}

/// Opens sessions with this many clients for this long. Returns the number of sessions.
async fn open_for(
    server: &MeasuredServer,
    (clients, time): (usize, Duration),
    latencies: &mut Latencies,
    failures: &mut Failures,
) -> usize {
    let end = Instant::now() + time;
    let target = &server.target;
    let opening = (0..clients).map(|_| open_until(target.clone(), end));
    let before = latencies.len();
    for (mut took, failed) in opening.collect::<JoinSet<_>>().join_all().await {
        latencies.append(&mut took);
        failures.append(failed);
    }
    latencies.len() - before
}

async fn open_until(target: Target, end: Instant) -> (Latencies, Failures) {
    let (mut latencies, mut failures) = (Latencies::default(), Failures::default());
    while Instant::now() < end {
        let begun = Instant::now();
        match open_stream(&target).await {
            Ok(_) => latencies.add(begun.elapsed()),
            Err(why) => failures.add(why),
        }
    }
    (latencies, failures)
}
