//! A soak test: thousands of clients of all revisions connect, call, stall, reset, resume and disconnect at
//! random. At the end every call must have had exactly one answer, with its own token, and the sessions, streams,
//! tasks and heap of the server must be back where they started.
//!
//! Run it with `cargo run --release --example soak [-- --seconds N --clients N --seed N]`.
//!
//! One client in ten is hostile. From an address of its own it does what is expensive for a server (see
//! `hostile`). The other clients must not notice: the same checks and latencies hold for them.
//!
//! The server and the clients run in this process, each on its own runtime, and talk over loopback TCP. The first
//! round warms up. The test compares the figures after this round with those after the last one. In the second
//! round the hostile clients stay away, and in the third they return; the test compares the latencies of these two
//! rounds. With the same seed every client repeats its actions, though not at the same times. The exit code is 0
//! if the test passed.

mod client;
mod figures;
mod hostile;
mod http;
mod http_sse;
mod ledger;
mod pace;
mod random;
mod server;
mod stateless;
mod streamable;
mod visits;

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mcp_wire::server::Server;
use mcp_wire::{Change, McpService, Serve};
use peak_alloc::PeakAlloc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::client::{Client, Round};
use crate::figures::{
    Figures, heap_is_bounded, print_calls, print_events, print_pace, print_progress,
};
use crate::hostile::Hostile;
use crate::ledger::Ledger;
use crate::pace::{PACERS, Pace, keep_pace};
use crate::server::{Handlers, IDLE_TIME, MOST, server, service};
use crate::visits::visit_until_over;

/// Counts the bytes on the heap.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);
/// The time between two samples of the figures. Each time the server also announces a change.
const PULSE: Duration = Duration::from_secs(1);
/// The time that the clients have to finish after the end of a round.
const LAST_VISITS: Duration = Duration::from_secs(60);
/// The time that the server has to become idle after the last client has left.
const SETTLING: Duration = Duration::from_secs(IDLE_TIME.as_secs() * 4);
/// The length of the accept queue.
const BACKLOG: u32 = 4_096;
/// The average number of files that a client may have open, counting both ends of its connections.
const FILES: u64 = 8;

type BoxError = Box<dyn Error>;

struct Options {
    seconds: u64,
    clients: u64,
    seed: u64,
}

impl Options {
    fn read() -> Result<Self, BoxError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut options = Self {
            seconds: 120,
            clients: 2_000,
            seed: now.as_secs(),
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let value = args.next().and_then(|value| value.parse().ok());
            let value: u64 = value.ok_or("usage: soak [--seconds N] [--clients N] [--seed N]")?;
            match &*name {
                "--seconds" => options.seconds = value.max(2),
                "--clients" => options.clients = value,
                "--seed" => options.seed = value,
                _ => return Err(format!("there is no option {name}").into()),
            }
        }
        Ok(options)
    }

    /// Fails before the start if the limit on open files is too low.
    fn check_files(&self) -> Result<(), BoxError> {
        // Only Linux reports the limit without unsafe code.
        let Ok(limits) = fs::read_to_string("/proc/self/limits") else {
            return Ok(());
        };
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let limit = line.and_then(|line| line.split_whitespace().nth(3));
        let limit = limit.and_then(|limit| limit.parse::<u64>().ok());
        let needed = self.clients * FILES + 64;
        match limit {
            Some(limit) if limit < needed => Err(format!(
                "{} clients may open {needed} files, but the limit is {limit}: run `ulimit -n \
                 {needed}` first, or use fewer `--clients`",
                self.clients
            )
            .into()),
            _ => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    match soak() {
        Ok(true) => {
            println!("\npassed");
            ExitCode::SUCCESS
        }
        Ok(false) => {
            println!("\nFAILED");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn soak() -> Result<bool, BoxError> {
    let options = Options::read()?;
    options.check_files()?;
    println!(
        "{} clients, {} s, seed {}",
        options.clients, options.seconds, options.seed
    );
    let handlers = Handlers::default();
    let server = ServerUnderTest::start(handlers.clone())?;
    let (warm_up, alone) = (options.seconds / 6, options.seconds / 3);
    let beside = options.seconds - warm_up - alone;
    println!("{warm_up} s of warm-up, then {alone} s without and {beside} s with hostile clients");
    let first = server.round(
        &options,
        HostileClients::Present,
        Duration::from_secs(warm_up),
    )?;
    let start = server.settle()?;
    let second = server.round(&options, HostileClients::Absent, Duration::from_secs(alone))?;
    server.settle()?;
    let third = server.round(
        &options,
        HostileClients::Present,
        Duration::from_secs(beside),
    )?;
    let mut peak = second.peak.max(third.peak);
    peak.heap = third.peak.heap;
    let end = server.settle()?;

    let rounds = [&first, &second, &third];
    let mut is_well = print_calls(&rounds.map(|round| &round.ledger));
    is_well &= print_events(&server.mcp, &handlers);
    let files = rounds.map(|round| round.files).into_iter().max();
    println!("most open files: {}", files.unwrap_or_default());
    is_well &= end.print(&start, &peak);
    is_well &= print_pace(&second.pace, &third.pace);
    let hostile = (0..options.clients)
        .filter(|number| Hostile::is_one(*number))
        .count();
    is_well &= heap_is_bounded(&second.peak, &third.peak, hostile);
    for failure in rounds.iter().flat_map(|round| round.ledger.failures()) {
        println!("failure: {failure}");
    }
    let failed: u64 = rounds.iter().map(|round| round.ledger.failed()).sum();
    println!("{failed} failures in all rounds");
    Ok(is_well && failed == 0)
}

/// Whether hostile clients take part in a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HostileClients {
    Present,
    Absent,
}

/// The server, on a runtime of its own.
struct ServerUnderTest {
    runtime: Runtime,
    server: Server,
    mcp: McpService,
    address: SocketAddr,
    start: Figures,
}

/// The results of a round.
struct RoundResult {
    ledger: Ledger,
    peak: Figures,
    files: usize,
    pace: Pace,
}

impl ServerUnderTest {
    fn start(handlers: Handlers) -> Result<Self, BoxError> {
        let runtime = Runtime::new()?;
        let server = server(handlers);
        let mcp = service(server.clone())?;
        let listener = runtime.block_on(async { listen() })?;
        let address = listener.local_addr()?;
        let serve = Serve::new(listener, mcp.clone()).max_connections(MOST);
        runtime.spawn(serve.run(std::future::pending()));
        Ok(Self {
            start: Figures::of(&mcp, runtime.handle()),
            runtime,
            server,
            mcp,
            address,
        })
    }

    fn figures(&self) -> Figures {
        Figures::of(&self.mcp, self.runtime.handle())
    }

    /// Runs the clients for this long, and waits until all of them have left.
    fn round(
        &self,
        options: &Options,
        hostile: HostileClients,
        length: Duration,
    ) -> Result<RoundResult, BoxError> {
        ALLOCATOR.reset_peak_usage();
        let begun = Instant::now();
        let round = Arc::new(Round {
            address: self.address,
            ledger: Ledger::default(),
            seed: options.seed,
            until: begun + length,
        });
        // Dropping this runtime frees everything of the clients.
        let clients = Runtime::new()?;
        let (mut peak, files, pace) = clients.block_on(async {
            let mut living = JoinSet::new();
            for number in 0..options.clients {
                let round = Arc::clone(&round);
                if !Hostile::is_one(number) {
                    living.spawn(visit_until_over(Client::new(round, number)));
                } else if hostile == HostileClients::Present {
                    living.spawn(Hostile::new(round, number).run());
                }
            }
            let mut pacers = JoinSet::new();
            for number in 0..PACERS {
                pacers.spawn(keep_pace(Arc::clone(&round), options.clients + number));
            }
            let (peak, files) = self.watch(&round, begun, &mut living).await?;
            let mut latencies = Vec::new();
            while let Some(pacer) = pacers.join_next().await {
                latencies.extend(pacer?);
            }
            Ok::<_, BoxError>((peak, files, Pace::of(latencies)))
        })?;
        peak.heap = ALLOCATOR.peak_usage();
        drop(clients);
        let round = Arc::into_inner(round).ok_or("a client is still running")?;
        Ok(RoundResult {
            ledger: round.ledger,
            peak,
            files,
            pace,
        })
    }

    /// Samples the figures and prints progress until the last client has left.
    async fn watch(
        &self,
        round: &Round,
        begun: Instant,
        living: &mut JoinSet<()>,
    ) -> Result<(Figures, usize), BoxError> {
        let deadline = round.until + LAST_VISITS;
        let (mut peak, mut files) = (self.figures(), 0);
        let mut shown = begun;
        while !living.is_empty() {
            tokio::time::sleep(PULSE).await;
            self.server.publish(&Change::Tools);
            while let Some(ended) = living.try_join_next() {
                ended?;
            }
            let now = self.figures();
            peak = peak.max(now);
            files = files.max(open_files());
            if shown.elapsed() >= PROGRESS {
                shown = Instant::now();
                print_progress(begun.elapsed(), &now, &round.ledger);
            }
            if Instant::now() > deadline {
                return Err(format!("{} clients did not finish in time", living.len()).into());
            }
        }
        Ok((peak, files))
    }

    /// Waits until the server is idle; fails if it does not become idle in time.
    fn settle(&self) -> Result<Figures, BoxError> {
        let begun = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.figures();
            if now.are_idle(&self.start) {
                println!("idle after {:.1} s", begun.elapsed().as_secs_f64());
                return Ok(now);
            }
            if begun.elapsed() > SETTLING {
                now.print(&self.start, &now);
                return Err("the server still holds something after all clients have left".into());
            }
        }
    }
}

/// Like `TcpListener::bind`, with a longer accept queue. If the queue is full, the kernel drops clients, which try
/// again seconds later.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(BACKLOG)
}

/// The number of open files of this process; 0 if the system does not report it.
fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
