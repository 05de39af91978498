//! The clients and the service, and the operations on them.

use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::Server;
use mcp_wire::{Change, McpService};

use crate::connection::Connection;
use crate::exchange::{Call, Exchange, Kind, Session};
use mcp_wire_fuzz::allocator::{as_server, live};
use mcp_wire_fuzz::request::{Head, Target};
use mcp_wire_fuzz::tools::{self, Handlers, SCOPE};

pub const IDLE: Duration = Duration::from_secs(100);
pub const REQUEST: Duration = Duration::from_secs(40);
const REPLY: Duration = Duration::from_secs(20);
/// How long a session keeps events.
const AGE: Duration = Duration::from_secs(60);
/// The times that a wait may take, in milliseconds.
const WAITS: [u64; 10] = [
    10, 500, 1000, 2000, 5000, 11_000, 16_000, 31_000, 61_000, 101_000,
];

const MOST_CONNECTIONS: usize = 8;
pub const MOST_SESSIONS: usize = 4;
/// Per session; the limit of the service is twice as high.
pub const MOST_CALLS: usize = 6;
pub const MOST_LISTENS: usize = 2;

/// The limit on a body. It is much larger than an idle connection, so that a leaked body is noticed.
pub const BODY: usize = 256 * 1024;
/// The limit on the queue of a stream.
pub const QUEUE: usize = 16 * 1024;
/// The limits on the events that a session keeps, in bytes and in number.
pub const REPLAY: usize = 32 * 1024;
pub const EVENTS: usize = 48;

/// The tokens of two principals, of whom only the first has the scope; an absent token, and an invalid one.
pub const TOKENS: [&str; 4] = ["the-token-of-ada", "the-token-of-bob", "", "a-forged-token"];
/// The number of valid tokens.
pub const PRINCIPALS: usize = 2;

fn tokens() -> StaticTokens {
    let ada = Identity::new("ada").scopes([SCOPE]);
    let tokens = StaticTokens::new().token(TOKENS[0], ada);
    tokens.token(TOKENS[1], Identity::new("bob"))
}

pub struct World {
    pub is_guarded: bool,
    pub service: McpService,
    pub server: Server,
    pub handlers: Handlers,
    pub connections: Vec<Connection>,
    /// The connection and the recipient of the next requests.
    pub at: usize,
    pub target: Target,
    pub sessions: Vec<Session>,
    pub exchanges: Vec<Exchange>,
    pub calls: Vec<Call>,
    /// Numbers that select the headers `Accept` and `MCP-Protocol-Version`.
    pub accept: usize,
    pub version: usize,
    /// The sender: the index of the token in [`TOKENS`].
    pub who: usize,
    /// The parts of the next request that the fuzzer replaces.
    pub edits: Vec<(u8, Vec<u8>)>,
    /// How many tenths of the next request are sent at once.
    pub part: Option<usize>,
    /// Whether the next POST goes to the endpoint of the other transport.
    pub crosses: bool,
    /// Whether the service is draining or closed.
    pub is_ending: bool,
    /// The heap of the server before the first request.
    pub heap_before: isize,
}

impl World {
    /// A service with or without an authorizer.
    pub fn new(is_guarded: bool) -> Self {
        let handlers = Handlers::default();
        let server = tools::server(&handlers, is_guarded);
        let mut builder = McpService::builder(server.clone());
        if is_guarded {
            builder = builder.authorizer(tokens());
        }
        let service = builder
            .limits(|limits| {
                limits.sessions = MOST_SESSIONS;
                limits.requests_per_session = MOST_CALLS;
                limits.calls = 2 * MOST_CALLS;
                limits.listen_streams = MOST_LISTENS;
                // One principal may use everything: this target does not test limits per principal.
                limits.sessions_per_principal = Some(MOST_SESSIONS);
                limits.listen_streams_per_principal = Some(MOST_LISTENS);
                limits.calls_per_principal = Some(2 * MOST_CALLS);
                limits.body = BODY;
                limits.queue.bytes = QUEUE;
                limits.queue.events = 32;
                limits.replay.bytes = REPLAY;
                limits.replay.events = EVENTS;
                limits.replay.age = AGE;
            })
            .timeouts(|timeouts| {
                timeouts.request = Some(REQUEST);
                timeouts.reply = REPLY;
                timeouts.session_idle = IDLE;
            })
            .build()
            .unwrap();
        Self {
            is_guarded,
            service,
            server,
            handlers,
            connections: Vec::new(),
            at: 0,
            target: Target::UnknownSession,
            sessions: Vec::new(),
            exchanges: Vec::new(),
            calls: Vec::new(),
            accept: 0,
            version: 0,
            who: 0,
            edits: Vec::new(),
            part: None,
            crosses: false,
            is_ending: false,
            heap_before: live(),
        }
    }

    pub async fn apply(&mut self, op: u8, rest: &[u8]) {
        let digit = match rest {
            [digit, ..] => usize::from(digit.wrapping_sub(b'0') % 10),
            [] => 0,
        };
        match op {
            // Connections.
            b'n' => self.connect(digit),
            b'0'..=b'9' => self.at = usize::from(op - b'0'),
            b'z' => self.stall(),
            b'r' => self.read_some(digit).await,
            b'k' => self.leave(),
            b'h' => self.end_writing().await,
            // Properties of the next requests.
            b's' if rest == b"m" => self.target = Target::Modern,
            b's' if digit < self.sessions.len() => self.target = Target::Session(digit),
            b's' => self.target = Target::UnknownSession,
            b'a' => self.accept = digit,
            b'v' => self.version = digit,
            b't' => self.who = digit % TOKENS.len(),
            b'=' => self.edit(rest),
            b'/' => self.part = Some(digit),
            b'+' => self.crosses = true,
            // Requests.
            b'I' => self.initialize(digit),
            b'S' => self.open_sse(),
            b'C' => self.post(rest, false),
            b'B' => self.post(rest, true),
            b'G' => self.listen(),
            b'R' => self.resume(digit),
            b'D' => self.in_session("DELETE", Kind::Delete, None),
            b'O' => self.send(
                Head::new("OPTIONS", "/mcp"),
                b"",
                Kind::Options,
                Target::UnknownSession,
            ),
            b'!' => self.send_raw(rest),
            // Events other than requests.
            b'w' => tokio::time::sleep(Duration::from_millis(WAITS[digit])).await,
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

    fn connect(&mut self, digit: usize) {
        if self.connections.len() < MOST_CONNECTIONS {
            let connection = Connection::open(&self.service, digit);
            self.connections.push(connection);
            self.at = self.connections.len() - 1;
        }
    }

    /// The current connection, or a new one if it is closed and the limit allows it.
    pub fn connection(&mut self) -> Option<&mut Connection> {
        if !self
            .connections
            .get(self.at)
            .is_some_and(Connection::is_live)
        {
            self.connect(0);
        }
        let connection = self.connections.get_mut(self.at);
        connection.filter(|connection| connection.is_live())
    }

    fn stall(&mut self) {
        if let Some(connection) = self.connections.get_mut(self.at) {
            connection.is_stalled = !connection.is_stalled;
            connection.was_stalled = true;
        }
    }

    async fn read_some(&mut self, digit: usize) {
        if let Some(connection) = self.connections.get_mut(self.at) {
            connection.read(64 << digit).await;
        }
        self.take_pieces(self.at);
    }

    fn leave(&mut self) {
        if let Some(connection) = self.connections.get_mut(self.at) {
            connection.leave();
            self.has_left(self.at);
        }
    }

    async fn end_writing(&mut self) {
        if let Some(connection) = self.connections.get_mut(self.at) {
            connection.finish().await;
            self.has_left(self.at);
        }
    }

    /// An HTTP+SSE session ends with its connection (SPEC B-12). While hyper has unread bytes it does not notice the
    /// end, until a write fails.
    fn has_left(&mut self, at: usize) {
        let connection = &self.connections[at];
        let has_more = connection.is_raw || connection.is_torn;
        let last = connection.exchanges.last().filter(|_| !has_more);
        for session in self.sessions.iter_mut().filter(|session| session.is_bound) {
            let is_open = self.exchanges[session.opened_by].head.is_some();
            session.is_gone |= is_open && last == Some(&session.opened_by);
        }
    }

    /// Lets clients and server run until nothing more happens.
    pub async fn settle(&mut self) {
        loop {
            let mut is_quiet = true;
            for connection in &mut self.connections {
                is_quiet &= connection.write().await == 0;
            }
            // The paused clock advances only when every task waits.
            tokio::time::sleep(Duration::from_millis(1)).await;
            for at in 0..self.connections.len() {
                let connection = &mut self.connections[at];
                if !connection.is_stalled {
                    is_quiet &= connection.read(usize::MAX).await == 0;
                    self.take_pieces(at);
                }
            }
            if is_quiet {
                return;
            }
        }
    }
}
