//! A soak: thousands of clients of all revisions connect, call, stall, reset, resume and leave at
//! random. At the end every call has had exactly one answer with its own token, and sessions,
//! streams, tasks and heap are back where they started.
//!
//! One client in ten is hostile, and does from an address of its own what makes a server dear (see
//! `hostile`). What is asked of the server for the others stays the same, and so do their latencies.
//!
//! `cargo run --release --example soak [-- --seconds N --clients N --seed N]`
//!
//! The server and the clients are in this process, each on a runtime of its own, with loopback TCP
//! between them. A first round warms up what is made once, such as the runtime's slots; what is
//! compared is what is left after it and after the last. In the second round hostile clients stay away,
//! and in the third they come back: from these two are the latencies. The seed makes every client do
//! the same again, though not at the same time. The exit code tells whether all is well.

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

/// Counts the heap.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_secs(10);
/// How often it is looked at, and clients are told of a change.
const PULSE: Duration = Duration::from_secs(1);
/// How long the clients have to come to an end once the round is over.
const LAST_VISITS: Duration = Duration::from_secs(60);
/// How long the server has to be quiet once the clients are gone.
const SETTLING: Duration = Duration::from_secs(IDLE_TIME.as_secs() * 4);
/// How many clients may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// How many files a client may have open at once, at both ends of its connections, on average.
const FILES: u64 = 8;

type Failed = Box<dyn Error>;

struct Wish {
    seconds: u64,
    clients: u64,
    seed: u64,
}

impl Wish {
    fn read() -> Result<Self, Failed> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut wish = Self {
            seconds: 120,
            clients: 2_000,
            seed: now.as_secs(),
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let value = args.next().and_then(|value| value.parse().ok());
            let value: u64 = value.ok_or("usage: soak [--seconds N] [--clients N] [--seed N]")?;
            match &*name {
                "--seconds" => wish.seconds = value.max(2),
                "--clients" => wish.clients = value,
                "--seed" => wish.seed = value,
                _ => return Err(format!("there is no {name}").into()),
            }
        }
        Ok(wish)
    }

    /// What is needed of open files has to be there before it begins.
    fn check_files(&self) -> Result<(), Failed> {
        // Only Linux tells without unsafe code.
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
                "{} clients may open {needed} files, and the limit is {limit}: try `ulimit -n \
                 {needed}` first, or fewer `--clients`",
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

fn soak() -> Result<bool, Failed> {
    let wish = Wish::read()?;
    wish.check_files()?;
    println!(
        "{} clients, {} s, seed {}",
        wish.clients, wish.seconds, wish.seed
    );
    let handlers = Handlers::default();
    let soaked = Soaked::start(handlers.clone())?;
    let (warm_up, alone) = (wish.seconds / 6, wish.seconds / 3);
    let beside = wish.seconds - warm_up - alone;
    println!(
        "warming up for {warm_up} s, then {alone} s without and {beside} s with hostile clients"
    );
    let first = soaked.round(&wish, true, Duration::from_secs(warm_up))?;
    let start = soaked.settle()?;
    let second = soaked.round(&wish, false, Duration::from_secs(alone))?;
    soaked.settle()?;
    let third = soaked.round(&wish, true, Duration::from_secs(beside))?;
    let mut peak = second.peak.max(third.peak);
    peak.heap = third.peak.heap;
    let end = soaked.settle()?;

    let rounds = [&first, &second, &third];
    let mut is_well = print_calls(&rounds.map(|round| &round.ledger));
    is_well &= print_events(&soaked.mcp, &handlers);
    let files = rounds.map(|round| round.files).into_iter().max();
    println!("open files: {} at most", files.unwrap_or_default());
    is_well &= end.print(&start, &peak);
    is_well &= print_pace(&second.pace, &third.pace);
    let hostile = (0..wish.clients)
        .filter(|number| Hostile::is_one(*number))
        .count();
    is_well &= heap_is_bounded(&second.peak, &third.peak, hostile);
    for failure in rounds.iter().flat_map(|round| round.ledger.failures()) {
        println!("failure: {failure}");
    }
    let failed: u64 = rounds.iter().map(|round| round.ledger.failed()).sum();
    println!("{failed} failures, in all rounds");
    Ok(is_well && failed == 0)
}

/// The server, on a runtime of its own.
struct Soaked {
    runtime: Runtime,
    server: Server,
    mcp: McpService,
    address: SocketAddr,
    start: Figures,
}

/// What a round leaves when its clients are gone.
struct Over {
    ledger: Ledger,
    peak: Figures,
    files: usize,
    pace: Pace,
}

impl Soaked {
    fn start(handlers: Handlers) -> Result<Self, Failed> {
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

    /// Lets clients come and go for so long, the hostile ones too or without them, and waits until all
    /// are gone.
    fn round(&self, wish: &Wish, with_hostile: bool, length: Duration) -> Result<Over, Failed> {
        ALLOCATOR.reset_peak_usage();
        let begun = Instant::now();
        let round = Arc::new(Round {
            address: self.address,
            ledger: Ledger::default(),
            seed: wish.seed,
            until: begun + length,
        });
        // Dropped at the end, with all that is the clients'.
        let clients = Runtime::new()?;
        let (mut peak, files, pace) = clients.block_on(async {
            let mut living = JoinSet::new();
            for number in 0..wish.clients {
                let round = Arc::clone(&round);
                if !Hostile::is_one(number) {
                    living.spawn(visit_until_over(Client::new(round, number)));
                } else if with_hostile {
                    living.spawn(Hostile::new(round, number).live());
                }
            }
            let mut pacers = JoinSet::new();
            for number in 0..PACERS {
                pacers.spawn(keep_pace(Arc::clone(&round), wish.clients + number));
            }
            let (peak, files) = self.watch(&round, begun, &mut living).await?;
            let mut latencies = Vec::new();
            while let Some(pacer) = pacers.join_next().await {
                latencies.extend(pacer?);
            }
            Ok::<_, Failed>((peak, files, Pace::of(latencies)))
        })?;
        peak.heap = ALLOCATOR.peak_usage();
        drop(clients);
        let round = Arc::into_inner(round).ok_or("a client is still there")?;
        Ok(Over {
            ledger: round.ledger,
            peak,
            files,
            pace,
        })
    }

    /// Shows progress until the last client is gone.
    async fn watch(
        &self,
        round: &Round,
        begun: Instant,
        living: &mut JoinSet<()>,
    ) -> Result<(Figures, usize), Failed> {
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
                return Err(format!("{} clients do not come to an end", living.len()).into());
            }
        }
        Ok((peak, files))
    }

    /// Waits until the server has noticed that everybody is gone; fails when it does not.
    fn settle(&self) -> Result<Figures, Failed> {
        let begun = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.figures();
            if now.are_quiet(&self.start) {
                println!("quiet after {:.1} s", begun.elapsed().as_secs_f64());
                return Ok(now);
            }
            if begun.elapsed() > SETTLING {
                now.print(&self.start, &now);
                return Err("something stays when all clients are gone".into());
            }
        }
    }
}

/// As `TcpListener::bind`, with more room for clients that come at once: where it ends, the kernel
/// drops them, and they try again seconds later.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(BACKLOG)
}

/// How many files this process has open, where the system tells.
fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
