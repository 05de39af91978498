//! What the server sends in a session beside answers: notifications, and questions that wait for a reply.

use std::time::Instant;

use serde_json::json;

use super::{Phase, Route, Session, Ticket, Unasked};
use crate::protocol::stream::{Closed, Connection};
use crate::wire::id::StreamId;
use crate::wire::json::Json;
use crate::wire::jsonrpc::{Id, Outgoing};
use crate::wire::method::Method;

impl<C: Connection, W, R> Session<C, W, R> {
    /// Sends a message about a running request; refused after its answer (SPEC E-85).
    pub(crate) fn tell(
        &mut self,
        ticket: Ticket,
        message: Outgoing<'_>,
        now: Instant,
    ) -> Result<(), Closed> {
        match self.requests.route(ticket).ok_or(Closed)? {
            Route::Stream(stream) => self.streams.push(stream, message, now),
            // The client does not accept a stream.
            Route::Answer(_) => Ok(()),
        }
    }

    /// Sends a message that belongs to no request.
    pub(crate) fn send(&mut self, message: Outgoing<'_>, now: Instant) -> Result<(), Closed> {
        if self.phase == Phase::Closed {
            return Err(Closed);
        }
        self.streams.push(StreamId::STANDALONE, message, now)
    }

    /// Sends a request to the client and keeps the slot that waits for the reply. Its ids count up during the
    /// session and are separate from those of the client (SPEC A-14). It is sent on the stream of the request
    /// that caused it (SPEC C-25, E-96).
    pub(crate) fn ask(
        &mut self,
        about: Option<Ticket>,
        reply: R,
        (method, params): (&str, Option<&Json>),
        now: Instant,
    ) -> Result<u64, Unasked> {
        if self.phase == Phase::Closed {
            return Err(Unasked::Closed);
        }
        // SPEC E-112: without a session the server could not match the reply.
        if !self.is_told() {
            return Err(Unasked::NoStream);
        }
        let stream = match about {
            Some(ticket) => match self.requests.route(ticket).ok_or(Unasked::Closed)? {
                Route::Stream(stream) => stream,
                Route::Answer(_) => return Err(Unasked::NoStream),
            },
            None if self.is_bound() => StreamId::STANDALONE,
            None => return Err(Unasked::NoStream),
        };
        if self.streams.is_lost(stream) {
            return Err(Unasked::Closed);
        }
        let number = self.questions.next_id();
        let id = Id::from(number);
        self.streams
            .push(stream, Outgoing::Request(&id, method, params), now)
            .map_err(|Closed| Unasked::Closed)?;
        self.questions.sent(about, reply);
        Ok(number)
    }

    /// Removes and returns the slot that waits for this reply; `None` for an unexpected reply.
    pub(crate) fn answered(&mut self, number: u64) -> Option<R> {
        Some(self.questions.remove(number)?.reply)
    }

    /// Gives a question up, and tells the client that its answer is no longer needed (SPEC E-10): on the
    /// stream of the request that asked, or after the end of that request on the standalone stream. Returns
    /// the slot that waited; `None` if the question was answered, or its request or session has ended.
    pub(crate) fn withdraw(
        &mut self,
        number: u64,
        why: &str,
        now: Instant,
    ) -> Result<Option<R>, Closed> {
        let Some(question) = self.questions.remove(number) else {
            return Ok(None);
        };
        let route = question
            .about
            .and_then(|ticket| self.requests.route(ticket));
        let route = route.unwrap_or(Route::Stream(StreamId::STANDALONE));
        self.tell_withdrawn(route, number, why, now)?;
        Ok(Some(question.reply))
    }

    pub(super) fn tell_withdrawn(
        &mut self,
        route: Route,
        number: u64,
        why: &str,
        now: Instant,
    ) -> Result<(), Closed> {
        // A question is only ever sent on a stream.
        let Route::Stream(stream) = route else {
            return Ok(());
        };
        let params = Json::try_from(&json!({ "reason": why, "requestId": number }));
        let params = params.expect("an object");
        let message = Outgoing::Notification(Method::Cancelled.as_str(), Some(&params));
        self.streams.push(stream, message, now)
    }
}
