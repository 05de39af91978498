//! `idle`: streams of 2024-11-05 on which nothing happens, but for the keep-alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::bench::{Bench, raised};
use crate::client::connection::Stream;
use crate::client::messages::Revision;
use crate::client::session::open_stream;
use crate::error::Failed;
use crate::measure::failures::Failures;
use crate::modes::turns::Spent;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::Side;
use crate::sizes::Size;

/// Each server is started so often, and has its streams for a part of the time.
const TURNS: u32 = 2;
/// As many keep-alives a second as a client of one thread can read beside.
const MOST_PINGS: f64 = 10_000.0;
const SHORTEST_PERIOD: f64 = 0.1;

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let streams = bench.options.count(Size::Streams);
    let period = (streams as f64 / MOST_PINGS).max(SHORTEST_PERIOD);
    let rows = runtime()?.block_on(measure(bench, streams, period))?;
    Ok(Section {
        mode: "idle",
        about: format!(
            "{streams} streams are open at /sse, with a keep-alive each {period} s (15 s is the default); \
             memory is what the server's process has more than after its first stream{}",
            raised(streams).unwrap_or_default(),
        ),
        rows,
    })
}

#[derive(Default)]
struct Idle {
    opening: Duration,
    /// What the memory grew by in the first turn: another server is no new one in the second.
    opened: Option<u64>,
    pinged: Option<u64>,
    spent: Spent,
    failures: Failures,
}

async fn measure(bench: &Bench, streams: usize, period: f64) -> Result<Vec<Row>, Failed> {
    let time = bench.options.time(Size::Seconds) / TURNS;
    let time = time.max(Duration::from_secs_f64(2.0 * period));
    let options = ["--keep-alive".to_owned(), period.to_string()];
    let contenders = bench.contenders(Revision::Sse).into_iter();
    let mut idle: Vec<_> = contenders
        .map(|contender| (contender, Idle::default()))
        .collect();
    let mut rows = Vec::new();
    for turn in 1..=TURNS {
        for (contender, idle) in &mut idle {
            let side = bench.start(*contender, streams, &options)?;
            progress::tell(format_args!("idle, turn {turn} of {TURNS}: {}", side.name));
            let had = idle.turn(&side, streams, time).await;
            if contender.unless_left_out(had)?.is_some() && turn == TURNS {
                rows.push(std::mem::take(idle).row(&side.name, streams));
            }
        }
    }
    Ok(rows)
}

impl Idle {
    async fn turn(&mut self, side: &Side, streams: usize, time: Duration) -> Result<(), Failed> {
        // What a server sets up once is no stream's.
        drop(open_stream(&side.place).await?);
        let before = side.resident();
        let pings = Arc::new(Pings::default());
        let mut reading = JoinSet::new();
        let begun = Instant::now();
        for open in 0..streams {
            let (stream, _) = open_stream(&side.place).await?;
            reading.spawn(read(stream, Arc::clone(&pings)));
            progress::some(
                open,
                format_args!("idle, {}: {open} streams are open", side.name),
            );
        }
        self.opening += begun.elapsed();
        let grown = || Some(side.resident()?.saturating_sub(before?));
        self.opened = self.opened.or_else(grown);
        self.spent
            .turn(side, async {
                let before = pings.all.load(Ordering::Relaxed);
                sleep(time).await;
                pings.all.load(Ordering::Relaxed) - before
            })
            .await;
        self.pinged = self.pinged.or_else(grown);
        while let Some(Ok(why)) = reading.try_join_next() {
            self.failures.add(why);
        }
        let unread = streams - pings.streams.load(Ordering::Relaxed);
        // Another has a period of its own.
        if unread > 0 && !side.is_other() {
            self.failures
                .add(format!("{unread} streams had no keep-alive"));
        }
        Ok(())
    }

    fn row(self, side: &str, streams: usize) -> Row {
        let each = |bytes: Option<u64>| Some(bytes? as f64 / streams as f64);
        let opening = self.opening.as_secs_f64() / f64::from(TURNS);
        Row::new(format!("{streams} streams"), side)
            .cost("bytes / stream", each(self.opened))
            .cost("bytes / stream, pinged", each(self.pinged))
            .cost("CPU µs / ping", self.spent.micros_each())
            .figure("pings / s", self.spent.each_second())
            .figure("s to open", Some(opening))
            .failures(self.failures)
    }
}

/// What all streams have heard.
#[derive(Default)]
struct Pings {
    all: AtomicUsize,
    /// Streams that heard any.
    streams: AtomicUsize,
}

/// Reads a stream until it breaks, and gives the reason.
async fn read(mut stream: Stream, pings: Arc<Pings>) -> std::io::Error {
    let mut heard = stream.comments();
    let mut is_first = true;
    loop {
        if let Err(why) = stream.read().await {
            return why;
        }
        let comments = stream.comments();
        if comments > heard && std::mem::take(&mut is_first) {
            pings.streams.fetch_add(1, Ordering::Relaxed);
        }
        pings.all.fetch_add(comments - heard, Ordering::Relaxed);
        heard = comments;
    }
}
