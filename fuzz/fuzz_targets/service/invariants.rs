//! Invariants of the gauges of the service, and what has to hold at the end.

use std::time::Duration;

use crate::connection::Connection;
use crate::exchange::{Call, Exchange, Kind, Origin, tokens};
use crate::world::{IDLE, MOST_CALLS, MOST_LISTENS, MOST_SESSIONS, REQUEST, World};
use mcp_wire_fuzz::request::Target;

/// How long the table may keep ended sessions, and how long tasks may take to notice an end.
const REAPING: Duration = Duration::from_secs(16);

impl World {
    pub fn check_gauges(&self) {
        let numbers = self.service.snapshot();
        let asked: usize = self.connections.iter().map(Connection::asked).sum();
        assert!(numbers.sessions <= MOST_SESSIONS, "PITFALLS R-2");
        let is_even = numbers.sessions_opened - numbers.sessions_ended == numbers.sessions as u64;
        assert!(is_even, "PITFALLS R-5: {numbers:?}");
        assert!(numbers.running <= 2 * MOST_CALLS && numbers.listens <= MOST_LISTENS);
        assert!(numbers.streams <= asked, "no stream without its request");
        assert!(
            self.handlers.count() <= numbers.running,
            "PITFALLS R-5: handlers of calls that have ended"
        );
        // Below zero, the counter wraps around to a large number.
        assert!(numbers.queued_bytes <= (numbers.streams + 64) << 20);
        for connection in &self.connections {
            connection.check_count();
        }
    }

    /// When nothing more can happen, every request has had its answer. After all clients have left, nothing remains.
    pub async fn conclude(mut self, choice: usize) {
        for connection in &mut self.connections {
            connection.is_stalled = false;
        }
        self.run_out().await;
        self.check_answers();
        match choice % 3 {
            0 => self.service.close(),
            1 => self.service.shutdown(Duration::from_secs(5)).await,
            _ => self.service.drain(),
        }
        self.settle().await;
        self.check_answers();
        self.check_ends();
        self.connections.clear();
        if choice % 3 > 0 {
            tokio::time::sleep(IDLE).await;
        }
        tokio::time::sleep(REAPING).await;
        self.check_nothing_is_left();
    }

    /// Waits until nothing runs: each call is answered or times out, and then the next request of its connection
    /// runs (SPEC C-31, PITFALLS R-10).
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

    /// Every client that is still connected has its responses.
    fn check_answers(&self) {
        let is_cut = self.service.snapshot().cuts > 0;
        for (index, exchange) in self.exchanges.iter().enumerate() {
            if exchange.is_whole {
                if exchange.is_events() && !self.is_wild(exchange) && !is_cut {
                    self.check_stream(index);
                }
            } else if let Some(connection) = self.connection_of(exchange) {
                let is_next = connection.exchanges.get(connection.answered) == Some(&index);
                let lasts = self.lasts(index);
                assert!(
                    !is_next || lasts || connection.is_lost(),
                    "no response to {index}"
                );
            }
        }
        for call in self.calls.iter().filter(|_| !is_cut) {
            self.check_inbox(call);
        }
    }

    /// The connection of an exchange, if its client stayed connected and can assign responses to requests.
    fn connection_of(&self, exchange: &Exchange) -> Option<&Connection> {
        let connection = &self.connections[exchange.connection?];
        (!connection.has_left && !connection.is_raw).then_some(connection)
    }

    /// Whether a response lasts until the service ends.
    fn lasts(&self, index: usize) -> bool {
        let exchange = &self.exchanges[index];
        let listens = || self.own_calls(index).any(|call| call.letter == b'q');
        exchange.is_events()
            && match exchange.kind {
                Kind::Sse | Kind::Standalone | Kind::Resumed(Origin::Standalone) => true,
                _ => listens() || exchange.is_wild,
            }
    }

    /// A stream that has ended carried all answers (PITFALLS R-9), unless they may arrive elsewhere.
    fn check_stream(&self, index: usize) {
        // The tool `release` closes the connection; the client resumes for the rest.
        let is_released = self.own_calls(index).any(|call| call.letter == b'l');
        let is_excused = is_released || self.exchanges[index].is_taken_over;
        for call in self.own_calls(index).filter(|_| !is_excused) {
            assert!(
                call.answers == 1 || self.is_cancelled(call),
                "PITFALLS R-9: {:?}",
                call.id
            );
        }
    }

    /// The same for calls whose answers arrive on the stream of their session: as many answers as accepted calls with
    /// this id.
    fn check_inbox(&self, call: &Call) {
        let Target::Session(at) = call.target else {
            return;
        };
        let session = &self.sessions[at];
        let stream = &self.exchanges[session.opened_by];
        let is_heard = self.connection_of(stream).is_some() && !self.is_wild(stream);
        if !session.is_bound || !is_heard {
            return;
        }
        let calls = self.calls.iter();
        let calls = calls.filter(|it| it.target == call.target && it.id == call.id);
        let (mut taken, mut unknown, mut answers) = (0, 0, 0);
        for call in calls {
            let exchange = &self.exchanges[call.exchange];
            match exchange.status() {
                Some(202) => taken += 1,
                // The client has not received the status.
                None => unknown += 1,
                Some(_) => continue,
            }
            answers += call.answers;
        }
        let unmarked = session.unmarked.iter().filter(|id| **id == call.id);
        answers += unmarked.count();
        // A cancellation may arrive too late.
        let is_due = answers >= taken || self.is_cancelled(call);
        let is_asked = answers <= taken + unknown;
        let id = &call.id;
        assert!(
            is_due && is_asked,
            "PITFALLS R-9: {answers} answers to {taken} calls with id {id}"
        );
    }

    fn is_cancelled(&self, call: &Call) -> bool {
        match call.target {
            Target::Session(at) => self.sessions[at].cancelled.contains(&call.id),
            Target::Modern | Target::UnknownSession => false,
        }
    }

    /// When the service ends, its streams do (PITFALLS R-5).
    fn check_ends(&self) {
        for (index, exchange) in self.exchanges.iter().enumerate() {
            let connection = self.connection_of(exchange);
            let is_open = connection.is_some_and(|connection| !connection.is_lost());
            assert!(
                !is_open || exchange.is_whole,
                "exchange {index} does not end"
            );
        }
        for (at, connection) in self.connections.iter().enumerate() {
            for call in tokens(&connection.raw_text()) {
                let is_wild = self.is_wild(&self.exchanges[self.calls[call].exchange]);
                let mut exchanges = connection.exchanges.iter();
                let may_receive = exchanges.any(|index| self.may_receive(*index, call));
                assert!(may_receive || is_wild, "received on connection {at}");
            }
        }
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
        assert_eq!(self.service.sessions() + self.service.listen_streams(), 0);
    }
}
