//! `fan-out`: one change, of which all clients are told that listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bench::{Bench, raised};
use crate::client::messages::Revision;
use crate::error::Failed;
use crate::measure::failures::Failures;
use crate::measure::latency::Latencies;
use crate::modes::listener::Listener;
use crate::modes::turns::Spent;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::{Contender, Side};
use crate::sizes::Size;

/// Each server is started so often, and tells of a part of the changes.
const TURNS: usize = 2;
/// How long the last listener may wait.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let mut rows = Vec::new();
    for revision in Revision::ALL {
        rows.extend(runtime()?.block_on(measure(bench, revision))?);
    }
    Ok(Section {
        mode: "fan-out",
        about: format!(
            "{} clients listen, on the stream that the revision has for it, and the server tells {} times that its \
             tools have changed; the time is that until the last client has read it. A floor puts the same bytes on \
             all streams{}",
            bench.options.count(Size::Listeners),
            changes(bench) * TURNS,
            raised(bench.options.count(Size::Listeners)).unwrap_or_default(),
        ),
        rows,
    })
}

/// How many changes a turn has.
fn changes(bench: &Bench) -> usize {
    bench.options.count(Size::Changes).div_ceil(TURNS)
}

async fn measure(bench: &Bench, revision: Revision) -> Result<Vec<Row>, Failed> {
    let listeners = bench.options.count(Size::Listeners);
    let servers = Bench::own(revision).into_iter();
    let mut told: Vec<_> = servers.map(|what| (what, Told::default())).collect();
    let mut rows = Vec::new();
    for turn in 1..=TURNS {
        for (what, told) in &mut told {
            let name = what.name();
            progress::tell(format_args!(
                "fan-out, {}, turn {turn} of {TURNS}: {name}",
                revision.name()
            ));
            let mut side = bench.start(Contender::Own(*what), listeners, &[])?;
            told.turn(&mut side, revision, (listeners, changes(bench)))
                .await?;
            if turn == TURNS {
                rows.push(std::mem::take(told).row(&side.name, revision));
            }
        }
    }
    Ok(rows)
}

/// What it took to tell of changes.
#[derive(Default)]
struct Told {
    spent: Spent,
    till_last: Latencies,
    failures: Failures,
}

impl Told {
    async fn turn(
        &mut self,
        side: &mut Side,
        revision: Revision,
        (listeners, changes): (usize, usize),
    ) -> Result<(), Failed> {
        let heard = Arc::new(Heard::default());
        let mut listening = JoinSet::new();
        for open in 0..listeners {
            let listener = Listener::open(&side.place, revision).await?;
            listening.spawn(listen(listener, changes, (Arc::clone(&heard), listeners)));
            progress::some(
                open,
                format_args!("fan-out, {}: {open} clients listen", side.name),
            );
        }
        let (before, begun) = (side.cpu(), Instant::now());
        for _ in 0..changes {
            let begun = Instant::now();
            side.tell_of_change()?;
            if timeout(PATIENCE, heard.by_all.notified()).await.is_err() {
                break;
            }
            self.till_last.add(begun.elapsed());
        }
        self.spent.add(
            (before, side.cpu()),
            begun.elapsed(),
            heard.count.load(Ordering::Relaxed),
        );
        self.end(listening).await;
        Ok(())
    }

    /// Each listener has heard of each change once, or something went wrong.
    async fn end(&mut self, mut listening: JoinSet<Result<(), Failed>>) {
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
                .add(format!("{left} listeners were not told of all"));
        }
    }

    fn row(self, side: &str, revision: Revision) -> Row {
        Row::new(revision.name(), side)
            .cost("CPU µs / listener", self.spent.micros_each())
            .figure("listeners / s", self.spent.each_second())
            .latencies(self.till_last.percentiles())
            .failures(self.failures)
    }
}

/// How often any listener has heard of a change.
#[derive(Default)]
struct Heard {
    count: AtomicUsize,
    /// Whenever as many have heard as there are.
    by_all: Notify,
}

/// Hears of each change once.
async fn listen(
    mut listener: Listener,
    changes: usize,
    (heard, listeners): (Arc<Heard>, usize),
) -> Result<(), Failed> {
    for _ in 0..changes {
        listener.change().await?;
        let count = heard.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count % listeners == 0 {
            heard.by_all.notify_one();
        }
    }
    Ok(())
}
