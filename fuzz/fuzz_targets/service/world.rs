//! The clients, the service that they talk to, and what they make of what they hear.

use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::Server;
use mcp_wire::{Change, McpService};

use crate::allocator::{as_server, live};
use crate::connection::Connection;
use crate::exchange::{Call, Exchange, Kind, Session};
use crate::request::{Head, Place};
use crate::tools::{self, Handlers, SCOPE};

pub const IDLE: Duration = Duration::from_secs(100);
pub const REQUEST: Duration = Duration::from_secs(40);
const REPLY: Duration = Duration::from_secs(20);
/// How long events are kept.
const AGE: Duration = Duration::from_secs(60);
/// What the digit of a wait stands for, in milliseconds.
const WAITS: [u64; 10] = [
    10, 500, 1000, 2000, 5000, 11_000, 16_000, 31_000, 61_000, 101_000,
];

const MOST_CONNECTIONS: usize = 8;
pub const MOST_SESSIONS: usize = 4;
/// In a session; twice as many in all.
pub const MOST_CALLS: usize = 6;
pub const MOST_LISTENS: usize = 2;

/// The longest body. Much longer than what a connection takes that waits, so that a body which is
/// kept shows.
pub const BODY: usize = 256 * 1024;
/// How much a stream may hold for a client that does not read.
pub const QUEUE: usize = 16 * 1024;
/// How much of its events a session keeps, and how many.
pub const REPLAY: usize = 32 * 1024;
pub const EVENTS: usize = 48;

/// Those of two principals, of whom the first has the scope, and what does not let in.
pub const TOKENS: [&str; 4] = ["the-token-of-ada", "the-token-of-bob", "", "a-forged-token"];
/// How many of them let in.
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
    /// The connection and the place that requests go to.
    pub at: usize,
    pub place: Place,
    pub sessions: Vec<Session>,
    pub exchanges: Vec<Exchange>,
    pub calls: Vec<Call>,
    /// Which forms of an answer requests admit, and which revision they name.
    pub accept: usize,
    pub version: usize,
    /// Who sends them, by the place of the token in [`TOKENS`].
    pub who: usize,
    /// What the fuzzer writes of the next request.
    pub edits: Vec<(u8, Vec<u8>)>,
    /// How much of the next request is sent at once, in tenths.
    pub part: Option<usize>,
    /// The next POST goes to the endpoint of the other transport.
    pub crosses: bool,
    /// The service drains or is closed.
    pub is_ending: bool,
    /// The server's heap before it was asked anything.
    pub heap_before: isize,
}

impl World {
    /// With an authorizer, or open to everybody.
    pub fn new(is_guarded: bool) -> Self {
        let handlers = Handlers::default();
        let server = tools::server(&handlers, is_guarded);
        let mut builder = McpService::builder(server.clone());
        if is_guarded {
            builder = builder.authorizer(tokens());
        }
        let service = builder
            .max_sessions(MOST_SESSIONS)
            .max_requests(MOST_CALLS)
            .max_calls(2 * MOST_CALLS)
            .max_listens(MOST_LISTENS)
            // All may be one principal's: who is refused is not what is looked for here.
            .max_each(MOST_SESSIONS, MOST_LISTENS)
            .max_calls_each(2 * MOST_CALLS)
            .request_timeout(REQUEST)
            .reply_timeout(REPLY)
            .idle_time(IDLE)
            .body_limit(BODY)
            .stream_queue(QUEUE, 32)
            .replay(REPLAY, EVENTS, AGE)
            .build()
            .unwrap();
        Self {
            is_guarded,
            service,
            server,
            handlers,
            connections: Vec::new(),
            at: 0,
            place: Place::Nowhere,
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
            // What the next requests are like.
            b's' if rest == b"m" => self.place = Place::Modern,
            b's' if digit < self.sessions.len() => self.place = Place::Session(digit),
            b's' => self.place = Place::Nowhere,
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
                Place::Nowhere,
            ),
            b'!' => self.send_raw(rest),
            // What happens elsewhere.
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

    /// The current connection; a fresh one when that is gone, as long as there may be more.
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

    /// An HTTP+SSE session ends with its connection (SPEC B-12). Behind bytes that hyper has not
    /// looked at yet it does not see the end, and the next write that fails has to tell.
    fn has_left(&mut self, at: usize) {
        let connection = &self.connections[at];
        let has_more = connection.is_raw || connection.is_torn;
        let last = connection.exchanges.last().filter(|_| !has_more);
        for session in self.sessions.iter_mut().filter(|session| session.is_bound) {
            let is_open = self.exchanges[session.opened_by].head.is_some();
            session.is_gone |= is_open && last == Some(&session.opened_by);
        }
    }

    /// Lets everybody do what they can, until nobody can do more.
    pub async fn settle(&mut self) {
        loop {
            let mut is_quiet = true;
            for connection in &mut self.connections {
                is_quiet &= connection.write().await == 0;
            }
            // The clock stands still until all wait.
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
