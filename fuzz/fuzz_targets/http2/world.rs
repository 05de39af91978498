//! The clients and the service, and the operations on them.

use std::time::Duration;

use mcp_wire::server::Server;
use mcp_wire::{Change, McpService};
use mcp_wire_fuzz::allocator::{as_server, live};
use mcp_wire_fuzz::request::Target;
use mcp_wire_fuzz::tools::{self, Handlers};

use crate::client::{Client, Served, reset};
use crate::exchange::{Call, End, Exchange, Kind, Session};
use crate::raw::{Raw, unescape};

pub const IDLE: Duration = Duration::from_secs(100);
pub const REQUEST: Duration = Duration::from_secs(40);
const REPLY: Duration = Duration::from_secs(20);
/// The times that a wait may take, in milliseconds.
const WAITS: [u64; 10] = [
    10, 500, 1000, 2000, 5000, 11_000, 16_000, 31_000, 61_000, 101_000,
];

const MOST_CONNECTIONS: usize = 6;
pub const MOST_SESSIONS: usize = 4;
/// Per session; the limit of the service is twice as high.
pub const MOST_CALLS: usize = 6;
pub const MOST_LISTENS: usize = 2;
pub const BODY: usize = 256 * 1024;
pub const QUEUE: usize = 16 * 1024;
pub const REPLAY: usize = 32 * 1024;
pub const EVENTS: usize = 48;

/// A client.
pub enum Peer {
    Polite(Client),
    Raw(Raw),
}

impl Peer {
    pub fn is_stalled(&self) -> bool {
        match self {
            Self::Polite(client) => client.is_stalled,
            Self::Raw(raw) => raw.is_stalled,
        }
    }

    fn is_live(&self) -> bool {
        match self {
            Self::Polite(client) => client.is_live(),
            Self::Raw(raw) => raw.is_live(),
        }
    }

    fn leave(&mut self) {
        match self {
            Self::Polite(client) => client.leave(),
            Self::Raw(raw) => raw.leave(),
        }
    }

    async fn turn(&mut self) -> bool {
        match self {
            Self::Polite(client) => client.turn().await,
            Self::Raw(raw) => raw.turn().await,
        }
    }
}

pub struct World {
    pub service: McpService,
    pub server: Server,
    pub handlers: Handlers,
    /// The clients, and next to them what the server has of each.
    pub peers: Vec<Peer>,
    pub served: Vec<Served>,
    /// The client and the recipient of the next requests.
    pub at: usize,
    pub target: Target,
    pub sessions: Vec<Session>,
    pub exchanges: Vec<Exchange>,
    pub calls: Vec<Call>,
    /// Only half of the body of the next request is sent.
    pub is_half: bool,
    /// How many times the next raw operation is done.
    times: usize,
    /// A session was deleted, and its streams with it.
    pub has_deleted: bool,
    /// The service is draining or closed.
    pub is_ending: bool,
    /// The heap of the server before the first request.
    pub heap_before: isize,
}

impl World {
    pub fn new() -> Self {
        let handlers = Handlers::default();
        let server = tools::server(&handlers, false);
        let service = McpService::builder(server.clone())
            .limits(|limits| {
                limits.sessions = MOST_SESSIONS;
                limits.requests_per_session = MOST_CALLS;
                limits.calls = 2 * MOST_CALLS;
                limits.listen_streams = MOST_LISTENS;
                limits.sessions_per_principal = Some(MOST_SESSIONS);
                limits.listen_streams_per_principal = Some(MOST_LISTENS);
                limits.calls_per_principal = Some(2 * MOST_CALLS);
                limits.body = BODY;
                limits.queue.bytes = QUEUE;
                limits.queue.events = 32;
                limits.replay.bytes = REPLAY;
                limits.replay.events = EVENTS;
            })
            .timeouts(|timeouts| {
                timeouts.request = Some(REQUEST);
                timeouts.reply = REPLY;
                timeouts.session_idle = IDLE;
            })
            .build()
            .unwrap();
        Self {
            service,
            server,
            handlers,
            peers: Vec::new(),
            served: Vec::new(),
            at: 0,
            target: Target::Modern,
            sessions: Vec::new(),
            exchanges: Vec::new(),
            calls: Vec::new(),
            is_half: false,
            times: 1,
            has_deleted: false,
            is_ending: false,
            heap_before: live(),
        }
    }

    pub async fn apply(&mut self, op: u8, rest: &[u8]) {
        let digit_at = |at: usize| match rest.get(at) {
            Some(digit) => digit.wrapping_sub(b'0') % 10,
            None => 0,
        };
        let digit = usize::from(digit_at(0));
        match op {
            // Connections: of a client of h2, with its pipe and its window; and of raw frames.
            b'n' => self.connect(digit + 4 * usize::from(digit_at(1))).await,
            b'o' => self.connect_raw(digit),
            b'0'..=b'9' => self.at = usize::from(op - b'0'),
            b'z' => self.stall(),
            b'k' => self.leave(),
            b'g' => self.go_away(),
            b'v' => self.set_window(digit),
            // Streams, counted from the last one.
            b'x' => self.reset(digit, usize::from(digit_at(1))),
            b'f' => self.hold(digit),
            b'e' => self.end_body(digit),
            // Properties of the next requests.
            b's' if rest == b"m" => self.target = Target::Modern,
            b's' if digit < self.sessions.len() => self.target = Target::Session(digit),
            b's' => self.target = Target::UnknownSession,
            b'/' => self.is_half = true,
            // Requests.
            b'I' => self.initialize(digit).await,
            b'S' => self.open_sse().await,
            b'C' => self.post(rest, false).await,
            b'B' => self.post(rest, true).await,
            b'G' => self.in_session("GET", Kind::Standalone).await,
            b'D' => {
                self.in_session("DELETE", Kind::Delete).await;
                self.has_deleted = true;
            }
            // What a raw client says.
            b'*' => self.times = 4_usize.pow(u32::from(digit_at(0)) % 6),
            b'H' | b'X' | b'F' | b'!' => self.say_raw(op, rest, [0, 1, 2].map(digit_at)),
            // Events other than requests.
            b'w' => self.wait(Duration::from_millis(WAITS[digit])).await,
            b'p' if digit == 9 => as_server(|| self.server.publish(&Change::Tools)),
            b'p' => as_server(|| self.server.resource_updated(format!("n:{digit}"))),
            b'd' => {
                self.service.drain();
                self.is_ending = true;
            }
            b'q' => {
                self.service.close();
                self.is_ending = true;
            }
            _ => {}
        }
        self.settle().await;
        self.check_gauges();
        self.check_heap();
    }

    // --- connections

    async fn connect(&mut self, digit: usize) {
        if self.peers.len() < MOST_CONNECTIONS {
            let (io, served) = Served::open(&self.service, digit);
            let client = Client::open(io, digit).await;
            self.add(Peer::Polite(client), served);
        }
    }

    fn connect_raw(&mut self, digit: usize) {
        if self.peers.len() < MOST_CONNECTIONS {
            let (io, served) = Served::open(&self.service, digit % 4);
            self.add(Peer::Raw(Raw::open(io, digit < 8)), served);
        }
    }

    fn add(&mut self, peer: Peer, served: Served) {
        self.peers.push(peer);
        self.served.push(served);
        self.at = self.peers.len() - 1;
    }

    /// The client of the next request: the current one, or a new one if that has ended.
    pub async fn client(&mut self) -> usize {
        let current = self.peers.get(self.at);
        if !current.is_some_and(|peer| peer.is_live() && matches!(peer, Peer::Polite(_))) {
            self.connect(0).await;
        }
        self.at
    }

    fn stall(&mut self) {
        match self.peers.get_mut(self.at) {
            Some(Peer::Polite(client)) => {
                client.is_stalled = !client.is_stalled;
                client.was_slow = true;
            }
            Some(Peer::Raw(raw)) => raw.is_stalled = !raw.is_stalled,
            None => {}
        }
    }

    fn leave(&mut self) {
        if let Some(peer) = self.peers.get_mut(self.at) {
            peer.leave();
            for exchange in &mut self.exchanges {
                if exchange.client == self.at && exchange.end.is_none() {
                    exchange.end = Some(End::Reset);
                }
            }
        }
    }

    fn go_away(&mut self) {
        if let Some(Peer::Polite(client)) = self.peers.get_mut(self.at) {
            client.go_away();
        }
    }

    fn set_window(&mut self, digit: usize) {
        if let Some(Peer::Polite(client)) = self.peers.get_mut(self.at) {
            client.set_window(digit);
        }
    }

    // --- streams

    fn exchange(&mut self, nth: usize) -> Option<&mut Exchange> {
        let open = self.exchanges.iter_mut().rev();
        open.filter(|exchange| exchange.end.is_none()).nth(nth)
    }

    fn reset(&mut self, nth: usize, reason: usize) {
        if let Some(exchange) = self.exchange(nth) {
            reset(&mut exchange.request, reason);
            exchange.end = Some(End::Reset);
            exchange.response = None;
            exchange.body = None;
        }
    }

    fn hold(&mut self, nth: usize) {
        if let Some(exchange) = self.exchange(nth) {
            exchange.is_held = !exchange.is_held;
            exchange.was_slow = true;
        }
    }

    fn end_body(&mut self, nth: usize) {
        let open = self.exchanges.iter_mut().rev();
        let mut half = open.filter(|exchange| exchange.rest.is_some());
        if let Some(exchange) = half.nth(nth) {
            let rest = exchange.rest.take().unwrap_or_default();
            // The server may have reset the stream.
            let _ = exchange.request.send_data(rest, true);
        }
    }

    fn say_raw(&mut self, op: u8, rest: &[u8], digits: [u8; 3]) {
        let times = std::mem::replace(&mut self.times, 1);
        if !matches!(self.peers.get(self.at), Some(Peer::Raw(raw)) if raw.is_live()) {
            self.connect_raw(0);
        }
        let Some(Peer::Raw(raw)) = self.peers.get_mut(self.at) else {
            return;
        };
        let [first, second, third] = digits;
        let letter = |at: usize| rest.get(at).copied().unwrap_or(b'e');
        for _ in 0..times {
            match op {
                b'H' => raw.request(first, letter(1), letter(2)),
                b'X' => raw.reset_request(letter(0), letter(1)),
                b'F' => {
                    let payload = unescape(rest.get(3..).unwrap_or_default());
                    raw.any_frame(first, second, third, &payload);
                }
                _ => raw.say(&unescape(rest)),
            }
        }
    }

    /// Waits, while the clients go on answering pings.
    async fn wait(&mut self, time: Duration) {
        const STEP: Duration = Duration::from_secs(10);
        let mut left = time;
        while !left.is_zero() {
            tokio::time::sleep(left.min(STEP)).await;
            left = left.saturating_sub(STEP);
            self.settle().await;
        }
    }

    /// Lets clients and server run until nothing more happens.
    pub async fn settle(&mut self) {
        loop {
            let mut is_quiet = true;
            for peer in &mut self.peers {
                is_quiet &= !peer.turn().await;
            }
            // The paused clock advances only when every task waits.
            tokio::time::sleep(Duration::from_millis(1)).await;
            is_quiet &= !self.take().await;
            for peer in &mut self.peers {
                is_quiet &= !peer.turn().await;
            }
            if is_quiet {
                return;
            }
        }
    }
}
