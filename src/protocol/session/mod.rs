//! [`Session`]: one conversation of the legacy era. This file has its states; its requests, its questions to
//! the client and its subscriptions have their own files.

mod messages;
mod questions;
mod requests;
mod subscriptions;

use std::time::{Duration, Instant};

use bytes::Bytes;

use self::questions::Questions;
pub(crate) use self::requests::{Kind, Route, Ticket};
use self::requests::{Requests, Running};
use self::subscriptions::Subscriptions;
use super::capabilities::Capabilities;
use super::change::KeyedChange;
use super::client_info::{ClientInfo, Introduction};
use super::level::LogLevel;
use super::rejection::{Reason, Rejection};
use super::stream::{Attachment, Closed, Connection, Resumption, Streams};
use super::table::GivesWay;
use super::turnover::Rest;
use crate::wire::id::{EventId, StreamId};
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::version::ProtocolVersion;

/// How long an open HTTP+SSE stream alone protects its session from eviction. A client sends its first
/// message as soon as it knows the endpoint.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// A session: over one stream that is bound to its connection (HTTP+SSE), or over many that outlive their
/// connections (Streamable HTTP).
///
/// ```text
///              initialize           it succeeds
///   +-------+ -----------> +---------+ -----> +------+
///   | Fresh |              | Opening |        | Open |
///   +-------+ <----------- +---------+        +------+
///       |        it fails       |                |
///       +-----------------------+----------------+--- close ---> Closed
/// ```
///
/// A `Fresh` HTTP+SSE session serves requests as 2024-11-05 without client capabilities, because some clients
/// reopen a cut stream and continue without `initialize` (GOTCHAS 8).
///
/// Generic over the connection, the handle of running work and the slot that waits for a reply, so that tests
/// can use plain values. It returns what it drops, to be ended outside the lock.
#[derive(Debug)]
pub(crate) struct Session<C, W, R> {
    phase: Phase,
    streams: Streams<C>,
    /// What the client declared; valid if `is_introduced`. An `Option` would be twice as long.
    client: Capabilities,
    is_introduced: bool,
    info: Option<ClientInfo>,
    version: ProtocolVersion,
    log_level: LogLevel,
    requests: Requests<W>,
    /// How many notifications are being handled.
    notifications: usize,
    questions: Questions<R>,
    subscriptions: Subscriptions,
    draining: bool,
    /// Whether the client was active after the request that opened the session.
    is_settled: bool,
    last_used: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Opening,
    Open,
    Closed,
}

/// What happened to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    /// It was sent on its stream.
    Sent,
    /// Its stream had not begun: it becomes the body of the response.
    Kept,
    /// The request was cancelled, or its session ended.
    Gone,
}

/// Why a request to the client cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    Closed,
    /// No stream can carry the question (SPEC C-25, E-112).
    NoStream,
}

/// What the answer to a request depends on.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) version: ProtocolVersion,
    /// What the client declared in its `initialize`; `None` before that.
    pub(crate) client: Option<Capabilities>,
}

/// What the caller has to end, outside the lock, after a request is cancelled or a session is closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remains<W, R> {
    pub(crate) work: Vec<W>,
    /// The slots of questions that will not be answered.
    pub(crate) awaited: Vec<R>,
}

impl<C: Connection, W, R> Session<C, W, R> {
    /// A session over one stream that this connection carries.
    pub(crate) fn bound(connection: C, now: Instant) -> Self {
        Self::over(Streams::bound(connection), now)
    }

    /// A session over streams that outlive their connections.
    pub(crate) fn resumable(resumption: Resumption, now: Instant) -> Self {
        Self::over(Streams::resumable(resumption), now)
    }

    /// The stand-in session of a request that belongs to none (SPEC C-83): open, of this revision, without
    /// knowledge of the client.
    pub(crate) fn of_one_request(
        resumption: Resumption,
        version: ProtocolVersion,
        now: Instant,
    ) -> Self {
        Self {
            phase: Phase::Open,
            version,
            ..Self::resumable(resumption, now)
        }
    }

    /// A session that another process opened, or this one before a restart: open on these terms, without any
    /// earlier state.
    #[cfg(feature = "request-state")]
    pub(crate) fn taken_up(
        resumption: Resumption,
        version: ProtocolVersion,
        client: Introduction,
        now: Instant,
    ) -> Self {
        Self {
            phase: Phase::Open,
            version,
            client: client.capabilities,
            info: client.info,
            is_introduced: true,
            is_settled: true,
            ..Self::resumable(resumption, now)
        }
    }

    fn over(streams: Streams<C>, now: Instant) -> Self {
        Self {
            phase: Phase::Fresh,
            streams,
            client: Capabilities::none(),
            is_introduced: false,
            info: None,
            version: ProtocolVersion::V2024_11_05,
            log_level: LogLevel::default(),
            requests: Requests::new(),
            notifications: 0,
            questions: Questions::new(),
            subscriptions: Subscriptions::default(),
            draining: false,
            is_settled: false,
            last_used: now,
        }
    }

    /// Notes the revision that the client asked for; the stream of its `initialize` uses it, whatever is
    /// negotiated (SPEC J-20).
    pub(crate) fn expect(&mut self, version: ProtocolVersion) {
        if self.phase == Phase::Fresh {
            self.version = version;
        }
    }

    /// Whether its stream is bound to its connection: HTTP+SSE.
    pub(crate) fn is_bound(&self) -> bool {
        self.streams.is_bound()
    }

    /// Whether it is not initialized and no `initialize` is running.
    pub(crate) fn is_fresh(&self) -> bool {
        self.phase == Phase::Fresh
    }

    /// Whether its `initialize` runs for a client that left without an event to resume from (PITFALLS R-4).
    pub(crate) fn is_given_up(&self) -> bool {
        self.phase == Phase::Opening && !self.streams.is_connected() && !self.streams.has_sent()
    }

    /// Whether messages of no request can reach the client: not if each request stands alone.
    pub(crate) fn is_told(&self) -> bool {
        self.is_bound() || self.streams.are_resumable()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// The revision that was negotiated, or requested before that.
    pub(crate) fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// What the processing of a message depends on.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            version: self.version,
            client: self.is_introduced.then(|| self.client.clone()),
        }
    }

    /// What the client said of itself in its `initialize`; `None` before that.
    #[cfg(feature = "request-state")]
    pub(crate) fn introduction(&self) -> Option<Introduction> {
        self.is_introduced.then(|| Introduction {
            capabilities: self.client.clone(),
            info: self.info.clone(),
        })
    }

    /// Who the client is, if it said so in its `initialize`.
    pub(crate) fn client_info(&self) -> Option<ClientInfo> {
        self.info.clone()
    }

    // --- time

    /// Notes a sign of life of the client.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.settle();
        self.last_used = now;
    }

    /// Notes a sign of life without its time; the open stream shows that the client is there.
    pub(crate) fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Whether the client was silent for `limit`, nothing runs and no client is connected (SPEC C-77).
    fn is_idle(&self, now: Instant, limit: Duration) -> bool {
        self.requests.is_empty()
            && !self.streams.is_connected()
            && now.duration_since(self.last_used) >= limit
    }

    /// Like `is_idle`, and closes an idle session. A later request is answered that the session is gone,
    /// instead of being cut off when it is removed.
    pub(crate) fn closes_idle(&mut self, now: Instant, limit: Duration) -> bool {
        let is_idle = self.is_idle(now, limit);
        if is_idle {
            self.phase = Phase::Closed;
        }
        is_idle
    }

    /// Drops events that have expired.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.streams.expire(now);
    }

    // --- streams and their connections

    /// The connection of the one stream of an HTTP+SSE session.
    pub(crate) fn connection(&mut self) -> Option<&mut C> {
        self.streams.bound_connection()
    }

    /// Opens the stream of a POST.
    pub(crate) fn open_stream(&mut self) -> StreamId {
        self.streams.open(self.version.has_priming_events())
    }

    /// How many bytes and events wait for the client of a POST.
    pub(crate) fn early(&self, stream: StreamId) -> (usize, usize) {
        self.streams.early(stream)
    }

    /// Connects the client of a POST to its stream; `None` if the stream is gone.
    pub(crate) fn attach(
        &mut self,
        stream: StreamId,
        connection: C,
        now: Instant,
    ) -> Option<Attachment> {
        self.streams.attach(stream, connection, now)
    }

    /// Connects a client to the standalone stream: first the messages that waited (SPEC C-41), then a priming
    /// event if the revision has one.
    pub(crate) fn listen(&mut self, connection: C, now: Instant) -> Option<Attachment> {
        if self.phase == Phase::Closed {
            return None;
        }
        let attachment = self.streams.attach(StreamId::STANDALONE, connection, now);
        if self.version.has_priming_events() {
            // If the connection is full, it was dropped; the client resumes.
            let _ = self.streams.prime(StreamId::STANDALONE, now);
        }
        if self.draining {
            self.streams
                .drain_standalone(self.version.has_priming_events(), now);
        }
        attachment
    }

    /// Connects a client that resumes a stream; `None` if there is nothing to resume.
    pub(crate) fn resume(&mut self, last: &EventId, connection: C) -> Option<Attachment> {
        self.streams.resume(last, connection)
    }

    pub(crate) fn detach(&mut self, attachment: Attachment, now: Instant) {
        self.streams.detach(attachment);
        self.last_used = now;
    }

    /// Tells the client of a POST that its answer comes as a stream.
    pub(crate) fn begin_stream(&mut self, stream: StreamId, now: Instant) {
        // If the stream has ended, there is nothing to tell.
        let _ = self.streams.begin(stream, now);
    }

    /// Ends the stream of a POST whose request was refused.
    pub(crate) fn end_stream(&mut self, stream: StreamId) {
        self.streams.end(stream);
    }

    /// Closes the connection of a running request's stream, so that the client resumes it later; false if the
    /// revision does not allow this (SPEC C-61, C-64).
    pub(crate) fn pause(&mut self, ticket: Ticket, now: Instant) -> bool {
        match self.requests.route(ticket) {
            Some(Route::Stream(stream)) => self.streams.pause(stream, now),
            _ => false,
        }
    }

    // --- requests of the client

    /// Starts a request. Its id is in use until [`Session::finish`] or a cancel.
    pub(crate) fn begin(
        &mut self,
        id: &Id,
        kind: Kind,
        route: Route,
        limit: usize,
    ) -> Result<(Ticket, Terms), Rejection> {
        self.admits([id], limit)?;
        if kind == Kind::Initialize {
            if self.phase != Phase::Fresh {
                return Err(Reason::InitializedAlready.to(id));
            }
            self.phase = Phase::Opening;
        }
        let ticket = self.requests.add(id, kind, route);
        Ok((ticket, self.terms()))
    }

    /// Whether these requests can all start now, if `limit` requests may run.
    pub(crate) fn admits<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i Id>,
        limit: usize,
    ) -> Result<(), Rejection> {
        for (running, id) in (self.requests.len()..).zip(ids) {
            if self.phase == Phase::Closed {
                return Err(Reason::UnknownSession.into());
            }
            if self.draining {
                return Err(Reason::ShuttingDown.to(id));
            }
            // SPEC A-12, PITFALLS R-13: a duplicate is refused without effect on the first request.
            if self.is_running(id) {
                return Err(Reason::IdInUse.to(id));
            }
            if running >= limit {
                return Err(Reason::TooManyRequests { limit }.to(id));
            }
        }
        Ok(())
    }

    /// Starts a notification, unless `limit` of them are being handled.
    pub(crate) fn begin_notification(&mut self, limit: usize) -> bool {
        let has_room = self.notifications < limit;
        self.notifications += usize::from(has_room);
        has_room
    }

    pub(crate) fn end_notification(&mut self) {
        self.notifications -= 1;
    }

    /// Whether a request with this id waits for its answer.
    pub(crate) fn is_running(&self, id: &Id) -> bool {
        self.requests.has(id)
    }

    /// Stores the work of a running request, so that a cancel can end it. Returns the work if the request has
    /// been cancelled in the meantime.
    pub(crate) fn work(&mut self, ticket: Ticket, work: W) -> Result<(), W> {
        self.requests.store_work(ticket, work)
    }

    /// Ends a request whose work is gone; does nothing if it has ended already.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        if let Some(running) = self.requests.remove(ticket) {
            self.give_up(&running);
        }
    }

    /// Ends a request without an answer.
    fn give_up(&mut self, running: &Running<W>) {
        self.reopen(running);
        self.after(running.route);
    }

    /// After a failed `initialize`, a session can be initialized again.
    fn reopen(&mut self, running: &Running<W>) {
        if running.kind == Kind::Initialize && self.phase == Phase::Opening {
            self.phase = Phase::Fresh;
        }
    }

    /// The one terminal message of a request (SPEC A-7, PITFALLS R-9): it is sent, or becomes the body of the
    /// response if no stream has begun.
    pub(crate) fn finish(
        &mut self,
        ticket: Ticket,
        answer: Outgoing<'_>,
        now: Instant,
    ) -> Result<Finished, Closed> {
        let Some(running) = self.requests.remove(ticket) else {
            return Ok(Finished::Gone);
        };
        self.reopen(&running);
        self.last_used = now;
        let finished = match running.route {
            Route::Stream(stream) if self.is_bound() || self.streams.is_begun(stream) => {
                self.streams.push(stream, answer, now)?;
                Finished::Sent
            }
            _ => Finished::Kept,
        };
        self.after(running.route);
        Ok(finished)
    }

    /// Cleans up after a request: its stream ends with the last request on it (SPEC C-27).
    fn after(&mut self, route: Route) {
        let (Route::Stream(stream) | Route::Answer(stream)) = route;
        if !self.is_bound() && !self.requests.use_route(route) {
            self.streams.end(stream);
        }
        self.end_if_drained();
    }

    /// Stores what `initialize` negotiated; called before its answer is sent with [`Session::finish`].
    pub(crate) fn open(&mut self, version: ProtocolVersion, client: Introduction) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Open;
            self.version = version;
            self.client = client.capabilities;
            self.info = client.info;
            self.is_introduced = true;
        }
    }

    /// Cancels a running request for the client, without an answer. `initialize` cannot be cancelled (SPEC
    /// E-8); an id that is not running has no effect (SPEC E-87, PITFALLS R-42).
    pub(crate) fn cancel(&mut self, id: &Id, now: Instant) -> Remains<W, R> {
        let Some(running) = self.requests.remove_cancelled(id) else {
            return Remains {
                work: Vec::new(),
                awaited: Vec::new(),
            };
        };
        let questions = self.questions.remove_about(running.ticket);
        for question in &questions {
            // A client that is gone has nothing on its screen.
            let why = "the request that asked was cancelled";
            let _ = self.tell_withdrawn(running.route, question.number, why, now);
        }
        // SPEC E-88: the stream ends without an answer.
        self.give_up(&running);
        Remains {
            work: running.work.into_iter().collect(),
            awaited: questions.into_iter().map(|open| open.reply).collect(),
        }
    }

    // --- what the client subscribed to

    pub(crate) fn log_level(&self) -> LogLevel {
        self.log_level
    }

    pub(crate) fn set_log_level(&mut self, level: LogLevel) {
        self.log_level = level;
    }

    /// Subscribes to a resource. False if the session has no room for more, or no stream for notifications,
    /// or if the URI is empty and so names nothing.
    pub(crate) fn subscribe(&mut self, uri: &str) -> bool {
        self.is_told() && self.subscriptions.add(uri)
    }

    pub(crate) fn unsubscribe(&mut self, uri: &str) {
        self.subscriptions.remove(uri);
    }

    /// Notifies the client of a change: of a list in every open session, of a resource if it is subscribed
    /// (SPEC E-59). `frame` is the message for streams without event ids, made once for all sessions.
    pub(crate) fn publish(
        &mut self,
        change: &KeyedChange<'_>,
        message: Outgoing<'_>,
        frame: &Bytes,
        now: Instant,
    ) -> Result<(), Closed> {
        let wanted = match change.resource() {
            Some(key) => self.subscriptions.has(key),
            None => self.phase == Phase::Open,
        };
        if !wanted {
            return Ok(());
        }
        let stream = StreamId::STANDALONE;
        self.streams
            .push_shared(stream, message, frame.clone(), now)
    }

    // --- the end

    /// Lets running requests finish; then the streams end.
    pub(crate) fn drain(&mut self, now: Instant) {
        self.draining = true;
        // The time of the last event, if it is sent when the last request ends.
        self.last_used = now;
        self.end_if_drained();
    }

    fn end_if_drained(&mut self) {
        if self.draining && self.requests.is_empty() && self.phase != Phase::Closed {
            self.streams
                .drain_standalone(self.version.has_priming_events(), self.last_used);
        }
    }

    /// Ends the session. A running request gets `error` as its terminal message if its stream has begun.
    /// Returns the work and the slots that still wait.
    pub(crate) fn close(&mut self, error: &ErrorObject, now: Instant) -> Remains<W, R> {
        let running = self.requests.remove_all();
        for running in &running {
            let Route::Stream(stream) = running.route else {
                continue;
            };
            if self.is_bound() || self.streams.is_begun(stream) {
                // If the connection is gone, the error is not needed.
                let message = Outgoing::Error(Some(&running.id), error);
                let _ = self.streams.push_last(stream, message, now);
            }
        }
        self.phase = Phase::Closed;
        self.subscriptions = Subscriptions::default();
        self.streams.finish();
        let questions = self.questions.remove_all();
        Remains {
            work: running
                .into_iter()
                .filter_map(|running| running.work)
                .collect(),
            awaited: questions.into_iter().map(|open| open.reply).collect(),
        }
    }
}

impl<C: Connection, W, R> GivesWay for Session<C, W, R> {
    /// A session is busy while anything runs in it, or its client has a stream open. A client that opens an
    /// HTTP+SSE stream and then stays silent keeps its session only for a while.
    fn rest(&self, now: Instant) -> Option<Rest> {
        // Its `initialize` is about to start.
        let is_new = self.phase == Phase::Fresh && !self.is_bound();
        let says_nothing = self.is_bound()
            && !self.is_settled
            && now.saturating_duration_since(self.last_used) >= FIRST_WORD;
        let is_busy = is_new
            || !self.requests.is_empty()
            || self.notifications > 0
            || (self.streams.is_connected() && !says_nothing);
        (!is_busy).then_some(Rest {
            is_settled: self.is_settled,
            since: self.last_used,
        })
    }

    fn give_way(&mut self) {
        self.phase = Phase::Closed;
    }
}

#[cfg(test)]
mod tests;
