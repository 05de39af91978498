//! `open`: sessions of 2024-11-05 that are opened and left at once.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::client::messages::Revision;
use crate::client::session::open_stream;
use crate::client::target::Place;
use crate::error::Failed;
use crate::measure::failures::Failures;
use crate::measure::latency::Latencies;
use crate::modes::turns::{Spent, turns};
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::Side;
use crate::sizes::Size;

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let rows = runtime()?.block_on(measure(bench))?;
    Ok(Section {
        mode: "open",
        about: format!(
            "{} clients connect, open a stream at /sse, read its endpoint and leave, for {:?}; \
             the time is that until the endpoint is there",
            bench.options.count(Size::Connections),
            bench.options.time(Size::Seconds),
        ),
        rows,
    })
}

struct Opened {
    side: Side,
    spent: Spent,
    latencies: Latencies,
    failures: Failures,
}

async fn measure(bench: &Bench) -> Result<Vec<Row>, Failed> {
    let mut servers = Vec::new();
    for contender in bench.contenders(Revision::Sse) {
        let side = bench.start(contender, bench.options.count(Size::Connections), &[])?;
        let first = open_stream(&side.place).await;
        if contender.unless_left_out(first)?.is_some() {
            servers.push(Opened {
                side,
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
                side,
                spent,
                latencies,
                failures,
            } = server;
            spent
                .turn(side, open_for(side, (clients, time), latencies, failures))
                .await;
            let (name, rate) = (&side.name, spent.each_second().unwrap_or_default());
            progress::tell(format_args!(
                "open, turn {turn} of {turns}: {name} {rate:.0}/s"
            ));
        }
    }
    Ok(servers.into_iter().map(row).collect())
}

fn row(server: Opened) -> Row {
    Row::new("sessions", server.side.name)
        .rate("sessions / CPU s", server.spent.each_cpu_second())
        .rate("sessions / s", server.spent.each_second())
        .latencies(server.latencies.percentiles())
        .failures(server.failures)
}

/// How many sessions so many clients opened in so long a time.
async fn open_for(
    side: &Side,
    (clients, time): (usize, Duration),
    latencies: &mut Latencies,
    failures: &mut Failures,
) -> usize {
    let end = Instant::now() + time;
    let place = &side.place;
    let opening = (0..clients).map(|_| open_until(place.clone(), end));
    let before = latencies.len();
    for (mut took, failed) in opening.collect::<JoinSet<_>>().join_all().await {
        latencies.append(&mut took);
        failures.append(failed);
    }
    latencies.len() - before
}

async fn open_until(place: Place, end: Instant) -> (Latencies, Failures) {
    let (mut latencies, mut failures) = (Latencies::default(), Failures::default());
    while Instant::now() < end {
        let begun = Instant::now();
        match open_stream(&place).await {
            Ok(_) => latencies.add(begun.elapsed()),
            Err(why) => failures.add(why),
        }
    }
    (latencies, failures)
}
