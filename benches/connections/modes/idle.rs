//! `idle`: streams of 2024-11-05 that carry only keep-alives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::bench::{Bench, raised};
use crate::client::connection::Stream;
use crate::client::messages::Revision;
use crate::client::session::open_stream;
use crate::error::BoxError;
use crate::measure::failures::Failures;
use crate::modes::turns::Spent;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::MeasuredServer;
use crate::sizes::Size;

/// Each server is started this many times, and runs for a part of the time each time.
const TURNS: u32 = 2;
/// The most keep-alives per second that a client of one thread can read easily.
const MOST_PINGS: f64 = 10_000.0;
const SHORTEST_PERIOD: f64 = 0.1;

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let streams = bench.options.count(Size::Streams);
    let period = (streams as f64 / MOST_PINGS).max(SHORTEST_PERIOD);
    let rows = runtime()?.block_on(measure(bench, streams, period))?;
    Ok(Section {
        mode: "idle",
        about: format!(
            "{streams} streams are open at /sse, with a keep-alive every {period} s (the default is 15 s); \
             memory is what the process of the server uses in addition to what it used after its first stream{}",
            raised(streams).unwrap_or_default(),
        ),
        rows,
    })
}

#[derive(Default)]
struct Idle {
    opening: Duration,
    /// The growth of the memory in the first turn. An external server is not restarted for the second turn.
    opened: Option<u64>,
    pinged: Option<u64>,
    spent: Spent,
    failures: Failures,
}

async fn measure(bench: &Bench, streams: usize, period: f64) -> Result<Vec<Row>, BoxError> {
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
            let server = bench.start(*contender, streams, &options)?;
            progress::tell(format_args!(
                "idle, turn {turn} of {TURNS}: {}",
                server.name
            ));
            let had = idle.turn(&server, streams, time).await;
            if contender.or_skip(had)?.is_some() && turn == TURNS {
                rows.push(std::mem::take(idle).row(&server.name, streams));
            }
        }
    }
    Ok(rows)
}

impl Idle {
    async fn turn(
        &mut self,
        server: &MeasuredServer,
        streams: usize,
        time: Duration,
    ) -> Result<(), BoxError> {
        // Memory that a server allocates once does not count as memory of a stream.
        drop(open_stream(&server.target).await?);
        let before = server.resident();
        let pings = Arc::new(Pings::default());
        let mut reading = JoinSet::new();
        let begun = Instant::now();
        for open in 0..streams {
            let (stream, _) = open_stream(&server.target).await?;
            reading.spawn(read(stream, Arc::clone(&pings)));
            progress::some(
                open,
                format_args!("idle, {}: {open} streams are open", server.name),
            );
        }
        self.opening += begun.elapsed();
        let grown = || Some(server.resident()?.saturating_sub(before?));
        self.opened = self.opened.or_else(grown);
        self.spent
            .turn(server, async {
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
        // An external server has a keep-alive period of its own.
        if unread > 0 && !server.is_external() {
            self.failures
                .add(format!("{unread} streams received no keep-alive"));
        }
        Ok(())
    }

    fn row(self, server: &str, streams: usize) -> Row {
        let each = |bytes: Option<u64>| Some(bytes? as f64 / streams as f64);
        let opening = self.opening.as_secs_f64() / f64::from(TURNS);
        Row::new(format!("{streams} streams"), server)
            .cost("bytes / stream", each(self.opened))
            .cost("bytes / stream, later", each(self.pinged))
            .cost("CPU µs / keep-alive", self.spent.micros_each())
            .figure("keep-alives / s", self.spent.each_second())
            .figure("s to open", Some(opening))
            .failures(self.failures)
    }
}

/// The keep-alives that all streams have received.
#[derive(Default)]
struct Pings {
    all: AtomicUsize,
    /// The number of streams that received one.
    streams: AtomicUsize,
}

/// Reads a stream until it breaks. Returns the reason.
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
