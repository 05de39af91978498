//! The figures of the server, and the tables that print them.

use std::time::Duration;

use mcp_wire::{McpService, ProtocolVersion};
use peak_alloc::PeakAlloc;
use tokio::runtime::Handle;

use crate::ledger::Ledger;
use crate::pace::Pace;
use crate::server::Handlers;

/// The deviation of the heap from its start that the test tolerates, in percent.
const TOLERANCE: f64 = 2.0;

/// How much slower calls may be beside hostile clients, which keep the machine busy.
const MEDIAN_SLACK: Duration = Duration::from_millis(100);
const SLOWEST_SLACK: Duration = Duration::from_secs(2);

/// The heap of a hostile client: its request, in its own memory and in that of the server, a full stream, a full
/// session, and the sessions that it abandoned.
const HOSTILE_HEAP: usize = 6 << 20;
/// The limit on the tree of one message, which each thread of the server may build (`MessageLimits::tree`).
const TREE: usize = 32 << 20;

/// The state of the server at one moment. The heap is that of the whole process, so it describes the server only
/// after the clients have left.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) sessions: usize,
    pub(crate) listens: usize,
    pub(crate) streams: usize,
    pub(crate) running: usize,
    pub(crate) queued_bytes: usize,
    pub(crate) tasks: usize,
    pub(crate) heap: usize,
}

impl Figures {
    /// `server` is the runtime of the server alone.
    pub(crate) fn of(mcp: &McpService, server: &Handle) -> Self {
        let now = mcp.snapshot();
        let (sessions, listens, streams) = (now.sessions, now.listens, now.streams);
        let (running, queued_bytes) = (now.running, now.queued_bytes);
        drop(now);
        Self {
            sessions,
            listens,
            streams,
            running,
            queued_bytes,
            tasks: server.metrics().num_alive_tasks(),
            heap: PeakAlloc.current_usage(),
        }
    }

    fn rows(&self) -> [(&'static str, usize); 7] {
        [
            ("sessions", self.sessions),
            ("listens", self.listens),
            ("streams", self.streams),
            ("running calls", self.running),
            ("queued bytes", self.queued_bytes),
            ("tasks", self.tasks),
            ("heap, bytes", self.heap),
        ]
    }

    /// Whether the server holds nothing of any client.
    pub(crate) fn are_idle(&self, start: &Self) -> bool {
        let counts = [
            self.sessions,
            self.listens,
            self.streams,
            self.running,
            self.queued_bytes,
        ];
        counts.iter().all(|count| *count == 0) && self.tasks == start.tasks
    }

    /// The deviation of the heap from its start, in percent.
    fn drift(&self, start: &Self) -> f64 {
        (self.heap as f64 / start.heap as f64 - 1.0) * 100.0
    }

    /// Prints the figures at the start, at the peak and at the end. True if the end equals the start.
    pub(crate) fn print(&self, start: &Self, peak: &Self) -> bool {
        println!(
            "\n{:<16}{:>14}{:>14}{:>14}",
            "the server", "start", "peak", "end"
        );
        let rows = start.rows().into_iter().zip(peak.rows()).zip(self.rows());
        for (((name, before), (_, most)), (_, after)) in rows {
            println!("{name:<16}{before:>14}{most:>14}{after:>14}");
        }
        let drift = self.drift(start);
        println!("heap: {drift:+.2} % (limit: {TOLERANCE} %)");
        self.are_idle(start) && drift.abs() <= TOLERANCE
    }

    /// The maximum of each figure.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            sessions: self.sessions.max(other.sessions),
            listens: self.listens.max(other.listens),
            streams: self.streams.max(other.streams),
            running: self.running.max(other.running),
            queued_bytes: self.queued_bytes.max(other.queued_bytes),
            tasks: self.tasks.max(other.tasks),
            heap: self.heap.max(other.heap),
        }
    }
}

pub(crate) fn print_progress(elapsed: Duration, now: &Figures, ledger: &Ledger) {
    let (_, calls, [answered, resumed, left, cancelled]) = ledger.sum();
    println!(
        "{:>4} s: {} sessions, {} streams, {} running, {} tasks, {:.1} MB; \
         {calls} calls: {answered} answered, {resumed} resumed, {left} abandoned, {cancelled} cancelled; \
         {} failures",
        elapsed.as_secs(),
        now.sessions,
        now.streams,
        now.running,
        now.tasks,
        now.heap as f64 / 1e6,
        ledger.failed(),
    );
}

/// Prints the calls of all rounds by revision. True if each call has an outcome.
pub(crate) fn print_calls(ledgers: &[&Ledger]) -> bool {
    println!(
        "\n{:<12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>11}",
        "revision", "visits", "calls", "answered", "resumed", "abandoned", "cancelled"
    );
    let mut all_settled = true;
    for revision in ProtocolVersion::ALL {
        let (visits, calls, settled) = total(ledgers, revision);
        let [answered, resumed, left, cancelled] = settled;
        println!(
            "{:<12}{visits:>10}{calls:>10}{answered:>10}{resumed:>10}{left:>10}{cancelled:>11}",
            revision.as_str()
        );
        all_settled &= settled.iter().sum::<u64>() == calls;
    }
    all_settled
}

fn total(ledgers: &[&Ledger], revision: ProtocolVersion) -> (u64, u64, [u64; 4]) {
    let mut total = (0, 0, [0; 4]);
    for ledger in ledgers {
        let (visits, calls, settled) = ledger.totals(revision);
        total.0 += visits;
        total.1 += calls;
        for (all, one) in total.2.iter_mut().zip(settled) {
            *all += one;
        }
    }
    total
}

/// Prints the latencies without and with hostile clients. True if they are similar enough.
///
/// Other work of the machine makes some calls slow. So the median counts, and the slowest calls only have to show
/// that no client waited for another one.
pub(crate) fn print_pace(alone: &Pace, beside: &Pace) -> bool {
    println!(
        "\n{:<24}{:>10}{:>12}{:>12}",
        "short calls", "calls", "p50, ms", "p99, ms"
    );
    for (name, pace) in [
        ("without hostile clients", alone),
        ("with hostile clients", beside),
    ] {
        println!(
            "{name:<24}{:>10}{:>12.2}{:>12.2}",
            pace.calls,
            millis(pace.median),
            millis(pace.slowest),
        );
    }
    beside.calls > 0
        && beside.median <= alone.median * 4 + MEDIAN_SLACK
        && beside.slowest <= alone.slowest * 4 + SLOWEST_SLACK
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Prints the peak of the heap without and with hostile clients. True if it is within the bound for what they may
/// have open, including their own memory, which is in this process too.
pub(crate) fn heap_is_bounded(alone: &Figures, beside: &Figures, hostile: usize) -> bool {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let bound = alone.heap * 3 / 2 + hostile * HOSTILE_HEAP + threads * TREE;
    println!(
        "peak of the heap: {:.1} MB without, {:.1} MB with {hostile} hostile clients (limit: {:.1} MB)",
        alone.heap as f64 / 1e6,
        beside.heap as f64 / 1e6,
        bound as f64 / 1e6,
    );
    beside.heap <= bound
}

/// Prints the counters of the server. True if all handlers and sessions have ended.
pub(crate) fn print_events(mcp: &McpService, handlers: &Handlers) -> bool {
    let now = mcp.snapshot();
    println!(
        "\nhandlers: {} started, {} finished, {} dropped",
        handlers.begun(),
        handlers.finished(),
        handlers.dropped()
    );
    println!(
        "server: {} sessions opened, {} ended; {} streams cut, {} notifications dropped, {} \
         keep-alives, {} panics",
        now.sessions_opened, now.sessions_ended, now.cuts, now.dropped, now.keep_alives, now.panics
    );
    let refusals = now
        .refusals
        .iter()
        .map(|(why, times)| format!("{why} {times}"));
    println!("refused: {}", refusals.collect::<Vec<_>>().join(", "));
    handlers.begun() == handlers.finished() + handlers.dropped()
        && now.sessions_opened == now.sessions_ended
}
