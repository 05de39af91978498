//! [`Session`]: one conversation of the legacy era. Its states are here; its requests, its questions to the
//! client and its subscriptions have a file each.

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
use super::change::Change;
use super::level::LogLevel;
use super::rejection::{Reason, Rejection};
use super::stream::{Attachment, Closed, Connection, Resumption, Streams};
use super::table::GivesWay;
use super::turnover::Rest;
use crate::wire::id::{EventId, StreamId};
use crate::wire::json::Json;
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::version::ProtocolVersion;

/// How long the client of an HTTP+SSE stream has to send its first message before the stream alone no
/// longer keeps its place. It sends it at once, as soon as it knows where to.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// A session: over one stream that is bound to its connection (HTTP+SSE), or over many that
/// outlive theirs (Streamable HTTP).
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
/// A `Fresh` HTTP+SSE session serves requests as 2024-11-05 without client capabilities, because some
/// clients reopen a cut stream by themselves and go on (GOTCHAS 8).
///
/// Generic over the connection, the handle of running work and the place that waits for a reply:
/// it is tested with plain values, and what it drops it hands back, to be ended outside the lock.
#[derive(Debug)]
pub(crate) struct Session<C, W, R> {
    phase: Phase,
    streams: Streams<C>,
    /// What the client declared, once it did: an `Option` of this would be twice as long.
    client: Capabilities,
    is_introduced: bool,
    version: ProtocolVersion,
    log_level: LogLevel,
    requests: Requests<W>,
    /// How many notifications handlers work on.
    notifications: usize,
    questions: Questions<R>,
    subscriptions: Subscriptions,
    draining: bool,
    /// Whether the client was heard of again, after the request that opened the session.
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

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    /// It is on its stream.
    Sent,
    /// Its stream was not begun: it is the body of the response.
    Kept,
    /// The request was cancelled, or its session ended.
    Gone,
}

/// Why a request to the client cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    Closed,
    /// There is no stream that the question could go on (SPEC C-25, E-112).
    NoStream,
}

/// What a request is answered under.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) version: ProtocolVersion,
    /// What the client declared in its `initialize`; `None` before that.
    pub(crate) client: Option<Capabilities>,
}

/// What a closed session leaves to be ended.
#[derive(Debug)]
pub(crate) struct Remains<W, R> {
    pub(crate) work: Vec<W>,
    pub(crate) awaited: Vec<(u64, R)>,
}

impl<C: Connection, W, R> Session<C, W, R> {
    /// A session over the one stream that this connection carries.
    pub(crate) fn bound(connection: C, now: Instant) -> Self {
        Self::over(Streams::bound(connection), now)
    }

    /// A session over streams that outlive their connections.
    pub(crate) fn resumable(resumption: Resumption, now: Instant) -> Self {
        Self::over(Streams::resumable(resumption), now)
    }

    /// What a request stands in that belongs to no session (SPEC C-83): open, of this revision,
    /// with a client of whom nothing is known.
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

    /// A session that another process opened, or this one before it was started anew: open on these
    /// terms, and nothing of before is kept.
    #[cfg(feature = "request-state")]
    pub(crate) fn taken_up(resumption: Resumption, terms: Terms, now: Instant) -> Self {
        Self {
            phase: Phase::Open,
            version: terms.version,
            is_introduced: terms.client.is_some(),
            client: terms.client.unwrap_or_else(Capabilities::none),
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

    /// The client asks for this revision, which it knows, whatever it is answered: the stream of its
    /// `initialize` is of it (SPEC J-20).
    pub(crate) fn expect(&mut self, version: ProtocolVersion) {
        if self.phase == Phase::Fresh {
            self.version = version;
        }
    }

    /// Whether its stream is bound to its connection: HTTP+SSE.
    pub(crate) fn is_bound(&self) -> bool {
        self.streams.is_bound()
    }

    /// Whether it was never initialized, and is not about to be.
    pub(crate) fn is_fresh(&self) -> bool {
        self.phase == Phase::Fresh
    }

    /// Whether its `initialize` runs for a client that left, with no event to come back from (PITFALLS R-4).
    pub(crate) fn is_given_up(&self) -> bool {
        self.phase == Phase::Opening && !self.streams.is_connected() && !self.streams.has_sent()
    }

    /// Whether the client can be told of what belongs to no request: not when each stands for itself.
    pub(crate) fn is_told(&self) -> bool {
        self.is_bound() || self.streams.are_resumable()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// The revision that is spoken, or was asked for.
    pub(crate) fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// What messages are taken under.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            version: self.version,
            client: self.is_introduced.then(|| self.client.clone()),
        }
    }

    // --- time

    /// The client was heard of.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.settle();
        self.last_used = now;
    }

    /// The client was heard of, where nobody asks when: its one stream shows that it is there.
    pub(crate) fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Whether nothing was heard for so long, nothing runs and nobody is connected (SPEC C-77).
    fn is_idle(&self, now: Instant, limit: Duration) -> bool {
        self.requests.is_empty()
            && !self.streams.is_connected()
            && now.duration_since(self.last_used) >= limit
    }

    /// As `is_idle`, and then nothing begins any more: whoever comes now learns that the session is
    /// gone, instead of being cut off when it goes.
    pub(crate) fn closes_idle(&mut self, now: Instant, limit: Duration) -> bool {
        let is_idle = self.is_idle(now, limit);
        if is_idle {
            self.phase = Phase::Closed;
        }
        is_idle
    }

    /// Lets go of events that are too old to be asked for.
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

    /// Connects the client of a POST to its stream; `None` when all is over already.
    pub(crate) fn attach(&mut self, stream: StreamId, connection: C) -> Option<Attachment> {
        self.streams.attach(stream, connection)
    }

    /// Connects a client to the standalone stream: what waited for it comes first (SPEC C-41), then
    /// a priming event where there is one.
    pub(crate) fn listen(&mut self, connection: C, now: Instant) -> Option<Attachment> {
        if self.phase == Phase::Closed {
            return None;
        }
        let attachment = self.streams.attach(StreamId::STANDALONE, connection);
        if self.version.has_priming_events() {
            // An overfull connection was let go; the client comes back.
            let _ = self.streams.prime(StreamId::STANDALONE, now);
        }
        if self.draining {
            self.streams.finish_standalone();
        }
        attachment
    }

    /// Connects a client that comes back to the stream that it lost.
    pub(crate) fn resume(&mut self, last: &EventId, connection: C) -> Option<Attachment> {
        let attachment = self.streams.resume(last, connection);
        self.end_if_drained();
        attachment
    }

    pub(crate) fn detach(&mut self, attachment: Attachment, now: Instant) {
        self.streams.detach(attachment);
        self.last_used = now;
    }

    /// Tells the client of a POST that its answer comes as a stream.
    pub(crate) fn begin_stream(&mut self, stream: StreamId, now: Instant) {
        // Of a stream that has ended there is nothing to tell.
        let _ = self.streams.begin(stream, now);
    }

    /// Ends the stream of a POST that nothing came of.
    pub(crate) fn end_stream(&mut self, stream: StreamId) {
        self.streams.end(stream);
    }

    /// Closes the connection of a running request's stream, so that the client comes back for the
    /// rest; false where the revision does not have it (SPEC C-61, C-64).
    pub(crate) fn pause(&mut self, ticket: Ticket, now: Instant) -> bool {
        match self.requests.route(ticket) {
            Some(Route::Stream(stream)) => self.streams.pause(stream, now),
            _ => false,
        }
    }

    // --- requests of the client

    /// Takes up a request. The id counts as in use until [`Session::finish`] or a cancel.
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

    /// Whether these requests could all begin now, when `limit` of them may run.
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
                return Err(Reason::ShuttingDown.into());
            }
            // SPEC A-12, PITFALLS R-13: a duplicate is refused, the first one never notices.
            if self.is_running(id) {
                return Err(Reason::IdInUse.to(id));
            }
            if running >= limit {
                return Err(Reason::TooManyRequests { limit }.to(id));
            }
        }
        Ok(())
    }

    /// Takes up a notification, unless `limit` of them are being worked on.
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

    /// Names the work of a running request, so that a cancel can end it. Gives the work back when
    /// the request was cancelled in the meantime.
    pub(crate) fn work(&mut self, ticket: Ticket, work: W) -> Result<(), W> {
        self.requests.store_work(ticket, work)
    }

    /// Gives up a request whose work is gone; nothing happens when it is over.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        if let Some(running) = self.requests.remove(ticket) {
            self.give_up(&running);
        }
    }

    /// A request is over without an answer.
    fn give_up(&mut self, running: &Running<W>) {
        self.reopen(running);
        self.after(running.route);
    }

    /// After its `initialize` failed, a session can be initialized again.
    fn reopen(&mut self, running: &Running<W>) {
        if running.kind == Kind::Initialize && self.phase == Phase::Opening {
            self.phase = Phase::Fresh;
        }
    }

    /// The one terminal message of a request (SPEC A-7, PITFALLS R-9): sent, or left to be the body of the
    /// response when no stream was begun for it.
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

    /// A request is over: its stream ends with the last one on it (SPEC C-27).
    fn after(&mut self, route: Route) {
        let (Route::Stream(stream) | Route::Answer(stream)) = route;
        if !self.is_bound() && !self.requests.use_route(route) {
            self.streams.end(stream);
        }
        self.end_if_drained();
    }

    /// What `initialize` settled, told before its answer is sent with [`Session::finish`].
    pub(crate) fn open(&mut self, version: ProtocolVersion, client: Capabilities) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Open;
            self.version = version;
            self.client = client;
            self.is_introduced = true;
        }
    }

    /// Gives up a running request at the client's wish, without an answer. `initialize` cannot be
    /// cancelled (SPEC E-8); an id that is not running has no effect (SPEC E-87, PITFALLS R-42).
    pub(crate) fn cancel(&mut self, id: &Id) -> Option<W> {
        let running = self.requests.remove_cancelled(id)?;
        // SPEC E-88: the stream ends without an answer.
        self.give_up(&running);
        running.work
    }

    // --- messages of the server

    /// Sends a message about a running request; refused once its answer is sent (SPEC E-85).
    pub(crate) fn tell(
        &mut self,
        ticket: Ticket,
        message: Outgoing<'_>,
        now: Instant,
    ) -> Result<(), Closed> {
        match self.requests.route(ticket).ok_or(Closed)? {
            Route::Stream(stream) => self.streams.push(stream, message, now),
            // The client said that it takes no such thing.
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

    /// Sends a request to the client and keeps the place that waits for the reply. Its ids count
    /// up through the life of the session and are a space of their own (SPEC A-14). It goes on the
    /// stream of the request that caused it (SPEC C-25, E-96).
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
        // SPEC E-112: without a session no answer would find its way back.
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
        self.questions.sent(reply);
        Ok(number)
    }

    /// Takes the place that waits for this reply; `None` for an answer that nobody waits for.
    pub(crate) fn answered(&mut self, number: u64) -> Option<R> {
        self.questions.answered(number)
    }

    // --- what the session asked to be told

    pub(crate) fn log_level(&self) -> LogLevel {
        self.log_level
    }

    pub(crate) fn set_log_level(&mut self, level: LogLevel) {
        self.log_level = level;
    }

    /// Subscribes to a resource; false when the session has no room for more, or no stream that it
    /// could be told on, and for an empty URI, which names nothing.
    pub(crate) fn subscribe(&mut self, uri: &str) -> bool {
        self.is_told() && self.subscriptions.add(uri)
    }

    pub(crate) fn unsubscribe(&mut self, uri: &str) {
        self.subscriptions.remove(uri);
    }

    /// Tells of a change: lists to every open session, a resource to its subscribers (SPEC E-59).
    /// `frame` is the message for streams without event ids, made once for all sessions.
    pub(crate) fn publish(
        &mut self,
        change: &Change,
        message: Outgoing<'_>,
        frame: &Bytes,
        now: Instant,
    ) -> Result<(), Closed> {
        let wanted = match change {
            Change::Resource(uri) => self.subscriptions.has(uri),
            Change::Tools | Change::Prompts | Change::Resources => self.phase == Phase::Open,
        };
        if !wanted {
            return Ok(());
        }
        let stream = StreamId::STANDALONE;
        self.streams
            .push_shared(stream, message, frame.clone(), now)
    }

    // --- the end

    /// Lets running requests finish and takes no new ones; then the stream ends.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
        self.end_if_drained();
    }

    fn end_if_drained(&mut self) {
        if self.draining && self.requests.is_empty() && self.phase != Phase::Closed {
            self.streams.finish_standalone();
        }
    }

    /// Ends the session. Running requests get `error` as their terminal message where their stream
    /// was begun; what they and the awaited replies held is handed back.
    pub(crate) fn close(&mut self, error: &ErrorObject, now: Instant) -> Remains<W, R> {
        let running = self.requests.remove_all();
        for running in &running {
            let Route::Stream(stream) = running.route else {
                continue;
            };
            if self.is_bound() || self.streams.is_begun(stream) {
                // A connection that is gone needs no error.
                let message = Outgoing::Error(Some(&running.id), error);
                let _ = self.streams.push_last(stream, message, now);
            }
        }
        self.phase = Phase::Closed;
        self.subscriptions = Subscriptions::default();
        self.streams.finish();
        Remains {
            work: running
                .into_iter()
                .filter_map(|running| running.work)
                .collect(),
            awaited: self.questions.remove_all(),
        }
    }
}

impl<C: Connection, W, R> GivesWay for Session<C, W, R> {
    /// It is busy while anything runs in it, or its client has a stream open. Who opened a stream of
    /// HTTP+SSE and says nothing more keeps its place for a while only.
    fn rest(&self, now: Instant) -> Option<Rest> {
        // Its `initialize` comes with it.
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
