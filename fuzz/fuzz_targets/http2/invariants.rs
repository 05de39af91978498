//! What holds at any time, and what has to hold at the end.

use std::time::Duration;

use mcp_wire_fuzz::allocator::live;

use crate::exchange::{End, Exchange, Kind};
use crate::world::{
    BODY, EVENTS, IDLE, MOST_CALLS, MOST_LISTENS, MOST_SESSIONS, Peer, QUEUE, REPLAY, REQUEST,
    World,
};

/// How long the table may keep ended sessions, and how long tasks may take to notice an end.
const REAPING: Duration = Duration::from_secs(16);

const KIB: usize = 1024;
/// The runtime, the empty tables, and buffers of long bodies that the service keeps for reuse.
const BASE: usize = 24 * KIB + BODY / 2;
/// The task of a connection, the buffers and tables of h2.
const CONNECTION: usize = 96 * KIB;
/// A stream: its task, its head, and what waits for the socket or for the window.
const STREAM: usize = 24 * KIB;
/// The longest head of a request.
const HEAD: usize = 64 * KIB;
/// The streams of a connection, and those whose resets were not looked at yet.
const STREAMS: usize = 100 + 20;
/// The bytes of bodies that may arrive before they are read.
const WINDOW: usize = 1024 * KIB;
/// A session: its row, its filters and its replay.
const SESSION: usize = 74 * KIB + REPLAY + EVENTS * 256;
const LISTEN: usize = 64 * KIB;
/// A running call: its row, its task, its handler.
const CALL: usize = 8 * KIB;
/// The longest message of the server.
const MESSAGE: usize = 8 * KIB;

impl World {
    pub fn check_gauges(&self) {
        let numbers = self.service.snapshot();
        assert!(numbers.sessions <= MOST_SESSIONS, "PITFALLS R-2");
        let is_even = numbers.sessions_opened - numbers.sessions_ended == numbers.sessions as u64;
        assert!(is_even, "PITFALLS R-5: {numbers:?}");
        assert!(numbers.running <= 2 * MOST_CALLS && numbers.listens <= MOST_LISTENS);
        assert!(
            self.handlers.count() <= numbers.running,
            "PITFALLS R-5: handlers of calls that have ended"
        );
        // Below zero, the counter wraps around to a large number.
        assert!(numbers.queued_bytes <= (numbers.streams + 64) << 20);
    }

    /// The heap is bounded by what is open, whatever the clients sent.
    pub fn check_heap(&self) {
        let numbers = self.service.snapshot();
        let connections: usize = (0..self.peers.len()).map(|at| self.may_hold(at)).sum();
        let bound = BASE
            + connections
            + numbers.sessions * SESSION
            + numbers.listens * LISTEN
            + numbers.streams * (QUEUE + MESSAGE)
            + numbers.running * CALL;
        let live = live() - self.heap_before;
        assert!(
            live <= bound as isize,
            "{live} bytes of heap, and {bound} at most: {numbers:?}"
        );
    }

    /// The heap that a connection may have.
    fn may_hold(&self, at: usize) -> usize {
        let served = &self.served[at];
        if served.is_over() {
            return 0;
        }
        let more = match &self.peers[at] {
            Peer::Polite(_) => {
                let is_open = |it: &&Exchange| it.client == at && it.end != Some(End::Whole);
                self.exchanges.iter().filter(is_open).count() * STREAM
            }
            Peer::Raw(raw) => {
                let streams = raw.heads.min(STREAMS);
                let bodies = (4 * raw.written).min(WINDOW + STREAMS * 2 * BODY);
                streams * (STREAM + HEAD) + bodies
            }
        };
        served.pipe + CONNECTION + more
    }

    /// When nothing more can happen, every request has had its answer. After all clients have left, nothing remains.
    pub async fn conclude(mut self, choice: usize) {
        for peer in &mut self.peers {
            match peer {
                Peer::Polite(client) => client.is_stalled = false,
                Peer::Raw(raw) => raw.is_stalled = false,
            }
        }
        for exchange in &mut self.exchanges {
            exchange.is_held = false;
        }
        self.run_out().await;
        self.check_answers();
        match choice % 4 {
            0 => self.service.close(),
            1 => self.service.shutdown(Duration::from_secs(5)).await,
            2 => self.service.drain(),
            // The clients leave while everything is open.
            _ => {}
        }
        self.is_ending = true;
        self.settle().await;
        self.peers.clear();
        self.exchanges.clear();
        tokio::time::sleep(IDLE + REQUEST + REAPING).await;
        self.check_nothing_is_left();
    }

    /// Waits until nothing runs: each call is answered or times out.
    async fn run_out(&mut self) {
        for _ in 0..=2 * (self.calls.len() + 1) {
            self.settle().await;
            self.check_gauges();
            if self.service.snapshot().running == 0 {
                return;
            }
            tokio::time::sleep(REQUEST / 2).await;
        }
        panic!("a call runs longer than its timeout");
    }

    /// Every request of a client that reads has its response, and none is cut.
    fn check_answers(&self) {
        for (index, exchange) in self.exchanges.iter().enumerate() {
            let Peer::Polite(client) = &self.peers[exchange.client] else {
                continue;
            };
            let is_lost = client.was_slow || exchange.was_slow || self.is_ending;
            if is_lost || exchange.end == Some(End::Reset) {
                continue;
            }
            assert_ne!(exchange.end, Some(End::Broken), "exchange {index} is cut");
            assert!(
                exchange.end == Some(End::Whole) || self.lasts(index, exchange),
                "no response to {index}"
            );
        }
    }

    /// Whether a response lasts until the service ends.
    fn lasts(&self, index: usize, exchange: &Exchange) -> bool {
        let mut calls = self.calls.iter().filter(|call| call.exchange == index);
        let listens = calls.any(|call| call.lasts);
        let is_stream = matches!(exchange.kind, Kind::Sse | Kind::Standalone);
        exchange.is_events && (is_stream || listens)
    }

    fn check_nothing_is_left(&self) {
        let numbers = self.service.snapshot();
        let left = [
            numbers.sessions,
            numbers.listens,
            numbers.streams,
            numbers.running,
        ];
        assert_eq!(left, [0; 4], "PITFALLS R-3, R-4, R-5");
        assert_eq!(numbers.queued_bytes, 0, "PITFALLS R-5");
        assert_eq!(self.handlers.count(), 0, "PITFALLS R-5");
        assert!(
            self.served.iter().all(|served| served.is_over()),
            "PITFALLS R-5"
        );
        self.check_heap();
    }
}
