//! `fan-out`: one change, which the server sends to all clients that listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bench::{Bench, raised};
use crate::client::messages::Revision;
use crate::error::BoxError;
use crate::measure::failures::Failures;
use crate::measure::latency::Latencies;
use crate::modes::listener::Listener;
use crate::modes::turns::Spent;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::{Contender, MeasuredServer};
use crate::sizes::Size;

/// Each server is started this many times, and sends a part of the changes each time.
const TURNS: usize = 2;
/// The longest time until the last listener has the change.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let mut rows = Vec::new();
    for revision in Revision::ALL {
        rows.extend(runtime()?.block_on(measure(bench, revision))?);
    }
    Ok(Section {
        mode: "fan-out",
        about: format!(
            "{} clients listen, each on a stream of its revision, while the server announces {} times that its \
             tools have changed; the latency is the time until the last client has read the change. Bare hyper \
             writes the same bytes to all streams{}",
            bench.options.count(Size::Listeners),
            changes(bench) * TURNS,
            raised(bench.options.count(Size::Listeners)).unwrap_or_default(),
        ),
        rows,
    })
}

/// The number of changes in one turn.
fn changes(bench: &Bench) -> usize {
    bench.options.count(Size::Changes).div_ceil(TURNS)
}

async fn measure(bench: &Bench, revision: Revision) -> Result<Vec<Row>, BoxError> {
    let listeners = bench.options.count(Size::Listeners);
    let servers = Bench::own(revision).into_iter();
    let mut fan_out: Vec<_> = servers.map(|kind| (kind, FanOut::default())).collect();
    let mut rows = Vec::new();
    for turn in 1..=TURNS {
        for (kind, fan_out) in &mut fan_out {
            let name = kind.name();
            progress::tell(format_args!(
                "fan-out, {}, turn {turn} of {TURNS}: {name}",
                revision.name()
            ));
            let mut server = bench.start(Contender::BuiltIn(*kind), listeners, &[])?;
            fan_out
                .turn(&mut server, revision, (listeners, changes(bench)))
                .await?;
            if turn == TURNS {
                rows.push(std::mem::take(fan_out).row(&server.name, revision));
            }
        }
    }
    Ok(rows)
}

/// The cost of sending changes.
#[derive(Default)]
struct FanOut {
    spent: Spent,
    until_last: Latencies,
    failures: Failures,
}

impl FanOut {
    async fn turn(
        &mut self,
        server: &mut MeasuredServer,
        revision: Revision,
        (listeners, changes): (usize, usize),
    ) -> Result<(), BoxError> {
        let received = Arc::new(Received::default());
        let mut listening = JoinSet::new();
        for open in 0..listeners {
            let listener = Listener::open(&server.target, revision).await?;
            listening.spawn(listen(
                listener,
                changes,
                (Arc::clone(&received), listeners),
            ));
            progress::some(
                open,
                format_args!("fan-out, {}: {open} clients are listening", server.name),
            );
        }
        let (before, begun) = (server.cpu(), Instant::now());
        for _ in 0..changes {
            let begun = Instant::now();
            server.announce_change()?;
            if timeout(PATIENCE, received.by_all.notified()).await.is_err() {
                break;
            }
            self.until_last.add(begun.elapsed());
        }
        self.spent.add(
            (before, server.cpu()),
            begun.elapsed(),
            received.count.load(Ordering::Relaxed),
        );
        self.end(listening).await;
        Ok(())
    }

    /// Waits until each listener has received each change once.
    async fn end(&mut self, mut listening: JoinSet<Result<(), BoxError>>) {
        let all = async {
            while let Some(listened) = listening.join_next().await {
                match listened {
                    Ok(Ok(())) => {}
                    Ok(Err(why)) => self.failures.add(why),
                    Err(why) => self.failures.add(why),
                }
            }
        };
        if timeout(PATIENCE, all).await.is_err() {
            let left = listening.len();
            self.failures
                .add(format!("{left} listeners did not receive all changes"));
        }
    }

    fn row(self, server: &str, revision: Revision) -> Row {
        Row::new(revision.name(), server)
            .cost("CPU µs / listener", self.spent.micros_each())
            .figure("listeners / s", self.spent.each_second())
            .latencies(self.until_last.percentiles())
            .failures(self.failures)
    }
}

/// The changes that all listeners have received together.
#[derive(Default)]
struct Received {
    count: AtomicUsize,
    /// Notified each time all listeners have received the same change.
    by_all: Notify,
}

/// Receives each change once.
async fn listen(
    mut listener: Listener,
    changes: usize,
    (received, listeners): (Arc<Received>, usize),
) -> Result<(), BoxError> {
    for _ in 0..changes {
        listener.change().await?;
        let count = received.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count % listeners == 0 {
            received.by_all.notify_one();
        }
    }
    Ok(())
}
