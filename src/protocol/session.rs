//! One legacy session: its phase, its running requests, the requests it waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::change::Change;
use super::level::LogLevel;
use super::stream::{Attachment, Closed, Connection, Resumption, Streams};
use crate::wire::id::{EventId, StreamId};
use crate::wire::jsonrpc::{ErrorObject, Id, Json, Outgoing};
use crate::wire::version::ProtocolVersion;

/// How many bytes of resource URIs a session may be subscribed to.
const MAX_SUBSCRIPTION_BYTES: usize = 64 * 1024;

/// What a client said of itself in `initialize`.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) capabilities: Map<String, Value>,
}

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
    client: Option<Arc<Client>>,
    version: ProtocolVersion,
    log_level: LogLevel,
    running: Vec<Running<W>>,
    awaited: Vec<(u64, R)>,
    requests_sent: u64,
    requests_begun: u64,
    subscriptions: Vec<Box<str>>,
    draining: bool,
    last_used: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Opening,
    Open,
    Closed,
}

/// A request whose answer is still to come.
#[derive(Debug)]
struct Running<W> {
    /// Tells this request from a later one with the same id, which a client may send as soon as it
    /// has cancelled the first.
    ticket: Ticket,
    id: Id,
    route: Route,
    /// `None` until the work is known to outlast its first step.
    work: Option<W>,
    initializes: bool,
}

/// One request of a session, whatever its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// Where the messages about a request go, its answer among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The stream of the POST that brought it, or the one stream of an HTTP+SSE session.
    Stream(StreamId),
    /// Nowhere but the answer: the client takes no stream (SPEC C-14). The stream is only there to
    /// tell of the end.
    Answer(StreamId),
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

/// Why a request cannot begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    IdInUse,
    TooMany,
    /// A second `initialize` (SPEC E-6).
    Initialized,
    Draining,
}

/// What a request is answered under.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) version: ProtocolVersion,
    pub(crate) client: Option<Arc<Client>>,
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

    fn over(streams: Streams<C>, now: Instant) -> Self {
        Self {
            phase: Phase::Fresh,
            streams,
            client: None,
            version: ProtocolVersion::V2024_11_05,
            log_level: LogLevel::default(),
            running: Vec::new(),
            awaited: Vec::new(),
            requests_sent: 0,
            requests_begun: 0,
            subscriptions: Vec::new(),
            draining: false,
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

    /// Whether the client can be told of what belongs to no request: not when each stands for itself.
    pub(crate) fn is_told(&self) -> bool {
        self.is_bound() || self.streams.are_resumable()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// What messages are taken under.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            version: self.version,
            client: self.client.clone(),
        }
    }

    // --- time

    /// The client was heard of.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.last_used = now;
    }

    /// Whether nothing was heard for so long, nothing runs and nobody is connected (SPEC C-77).
    fn is_idle(&self, now: Instant, limit: Duration) -> bool {
        self.running.is_empty()
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
        self.touch(now);
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
        match self.route(ticket) {
            Some(Route::Stream(stream)) => self.streams.pause(stream, now),
            _ => false,
        }
    }

    // --- requests of the client

    /// Takes up a request. The id counts as in use until [`Session::finish`] or a cancel.
    pub(crate) fn begin(
        &mut self,
        id: &Id,
        initializes: bool,
        route: Route,
        limit: usize,
    ) -> Result<(Ticket, Terms), Refused> {
        self.admits(id, limit)?;
        if initializes {
            if self.phase != Phase::Fresh {
                return Err(Refused::Initialized);
            }
            self.phase = Phase::Opening;
        }
        self.requests_begun += 1;
        let ticket = Ticket(self.requests_begun);
        self.running.push(Running {
            ticket,
            id: id.detached(),
            route,
            work: None,
            initializes,
        });
        Ok((ticket, self.terms()))
    }

    /// Whether a request could begin now, `limit` being how many may run.
    pub(crate) fn admits(&self, id: &Id, limit: usize) -> Result<(), Refused> {
        if self.phase == Phase::Closed {
            return Err(Refused::Closed);
        }
        if self.draining {
            return Err(Refused::Draining);
        }
        // SPEC A-12, R-13: a duplicate is refused, the first one never notices.
        if self.is_running(id) {
            return Err(Refused::IdInUse);
        }
        if self.running.len() >= limit {
            return Err(Refused::TooMany);
        }
        Ok(())
    }

    /// Whether a request with this id waits for its answer.
    pub(crate) fn is_running(&self, id: &Id) -> bool {
        self.running.iter().any(|running| running.id == *id)
    }

    /// Names the work of a running request, so that a cancel can end it. Gives the work back when
    /// the request was cancelled in the meantime.
    pub(crate) fn work(&mut self, ticket: Ticket, work: W) -> Result<(), W> {
        match self
            .running
            .iter_mut()
            .find(|running| running.ticket == ticket)
        {
            Some(running) => {
                running.work = Some(work);
                Ok(())
            }
            None => Err(work),
        }
    }

    /// Gives up a request whose work is gone; nothing happens when it is over.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        let is_it = |running: &Running<W>| running.ticket == ticket;
        if let Some(at) = self.running.iter().position(is_it) {
            self.take_out(at);
        }
    }

    /// Takes a request out that is over.
    fn take_out(&mut self, at: usize) -> Running<W> {
        let running = self.running.swap_remove(at);
        if running.initializes && self.phase == Phase::Opening {
            self.phase = Phase::Fresh;
        }
        self.after(running.route);
        running
    }

    fn route(&self, ticket: Ticket) -> Option<Route> {
        let running = self.running.iter().find(|running| running.ticket == ticket);
        running.map(|running| running.route)
    }

    /// The one terminal message of a request (SPEC A-7, R-9): sent, or left to be the body of the
    /// response when no stream was begun for it.
    pub(crate) fn finish(
        &mut self,
        ticket: Ticket,
        answer: Outgoing<'_>,
        now: Instant,
    ) -> Result<Finished, Closed> {
        let Some(at) = self
            .running
            .iter()
            .position(|running| running.ticket == ticket)
        else {
            return Ok(Finished::Gone);
        };
        let running = self.running.swap_remove(at);
        if running.initializes && self.phase == Phase::Opening {
            self.phase = Phase::Fresh;
        }
        self.touch(now);
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
        if self.running.is_empty() {
            self.running = Vec::new();
        }
        let (Route::Stream(stream) | Route::Answer(stream)) = route;
        if !self.is_bound() && !self.running.iter().any(|running| running.route == route) {
            self.streams.end(stream);
        }
        self.end_if_drained();
    }

    /// What `initialize` settled, told before its answer is sent with [`Session::finish`].
    pub(crate) fn open(&mut self, version: ProtocolVersion, client: Client) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Open;
            self.version = version;
            self.client = Some(Arc::new(client));
        }
    }

    /// Gives up a running request at the client's wish, without an answer. `initialize` cannot be
    /// cancelled (SPEC E-8); an id that is not running has no effect (SPEC E-87, R-42).
    pub(crate) fn cancel(&mut self, id: &Id) -> Option<W> {
        let at = self.running.iter().position(|running| running.id == *id)?;
        if self.running[at].initializes {
            return None;
        }
        // SPEC E-88: the stream ends without an answer.
        self.take_out(at).work
    }

    // --- messages of the server

    /// Sends a message about a running request; refused once its answer is sent (SPEC E-85).
    pub(crate) fn tell(
        &mut self,
        ticket: Ticket,
        message: Outgoing<'_>,
        now: Instant,
    ) -> Result<(), Closed> {
        match self.route(ticket).ok_or(Closed)? {
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
            Some(ticket) => match self.route(ticket).ok_or(Unasked::Closed)? {
                Route::Stream(stream) => stream,
                Route::Answer(_) => return Err(Unasked::NoStream),
            },
            None if self.is_bound() => StreamId::STANDALONE,
            None => return Err(Unasked::NoStream),
        };
        let number = self.requests_sent + 1;
        let id = Id::from(number);
        self.streams
            .push(stream, Outgoing::Request(&id, method, params), now)
            .map_err(|Closed| Unasked::Closed)?;
        self.requests_sent = number;
        self.awaited.push((number, reply));
        Ok(number)
    }

    /// Takes the place that waits for this reply; `None` for an answer that nobody waits for.
    pub(crate) fn answered(&mut self, number: u64) -> Option<R> {
        let at = self
            .awaited
            .iter()
            .position(|(awaited, _)| *awaited == number)?;
        Some(self.awaited.swap_remove(at).1)
    }

    // --- what the session asked to be told

    pub(crate) fn log_level(&self) -> LogLevel {
        self.log_level
    }

    pub(crate) fn set_log_level(&mut self, level: LogLevel) {
        self.log_level = level;
    }

    /// Subscribes to a resource; false when the session has no room for more, or no stream that it
    /// could be told on.
    pub(crate) fn subscribe(&mut self, uri: &str) -> bool {
        if !self.is_told() {
            return false;
        }
        if self.is_subscribed(uri) {
            return true;
        }
        let bytes: usize = self.subscriptions.iter().map(|uri| uri.len()).sum();
        if bytes + uri.len() > MAX_SUBSCRIPTION_BYTES {
            return false;
        }
        self.subscriptions.push(uri.into());
        true
    }

    pub(crate) fn unsubscribe(&mut self, uri: &str) {
        self.subscriptions.retain(|subscribed| &**subscribed != uri);
    }

    fn is_subscribed(&self, uri: &str) -> bool {
        self.subscriptions
            .iter()
            .any(|subscribed| &**subscribed == uri)
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
            Change::Resource(uri) => self.is_subscribed(uri),
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
        if self.draining && self.running.is_empty() && self.phase != Phase::Closed {
            self.streams.finish_standalone();
        }
    }

    /// Ends the session. Running requests get `error` as their terminal message where their stream
    /// was begun; what they and the awaited replies held is handed back.
    pub(crate) fn close(&mut self, error: &ErrorObject, now: Instant) -> Remains<W, R> {
        let running = std::mem::take(&mut self.running);
        for running in &running {
            let Route::Stream(stream) = running.route else {
                continue;
            };
            if self.is_bound() || self.streams.is_begun(stream) {
                // A connection that is gone needs no error.
                let message = Outgoing::Error(Some(&running.id), error);
                let _ = self.streams.push(stream, message, now);
            }
        }
        self.phase = Phase::Closed;
        self.subscriptions = Vec::new();
        self.streams.finish();
        Remains {
            work: running
                .into_iter()
                .filter_map(|running| running.work)
                .collect(),
            awaited: std::mem::take(&mut self.awaited),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::line::{Line, resumption};
    use super::super::replay::ReplayLimits;
    use super::*;

    type TestSession = Session<Line, &'static str, &'static str>;

    const STANDALONE: Route = Route::Stream(StreamId::STANDALONE);
    const MINUTE: Duration = Duration::from_secs(60);

    /// An HTTP+SSE session, and its connection.
    fn bound() -> (TestSession, Line) {
        let line = Line::new();
        (Session::bound(line.clone(), Instant::now()), line)
    }

    fn resumable() -> TestSession {
        Session::resumable(resumption(), Instant::now())
    }

    /// An open session of Streamable HTTP.
    fn open(version: ProtocolVersion) -> TestSession {
        let mut session = resumable();
        let route = Route::Stream(session.open_stream());
        initialize(&mut session, route, version);
        session
    }

    fn initialize(session: &mut TestSession, route: Route, version: ProtocolVersion) {
        let id = Id::from("hello");
        let (ticket, _) = session.begin(&id, true, route, 64).unwrap();
        let capabilities = Map::new();
        session.open(version, Client { capabilities });
        let answer = Outgoing::Result(&id, &Json::empty());
        session.finish(ticket, answer, Instant::now()).unwrap();
    }

    #[track_caller]
    fn begin(session: &mut TestSession, id: u64, route: Route) -> Ticket {
        session.begin(&id.into(), false, route, 64).unwrap().0
    }

    /// A request on a stream of its own.
    fn post(session: &mut TestSession, id: u64) -> (StreamId, Ticket) {
        let stream = session.open_stream();
        (stream, begin(session, id, Route::Stream(stream)))
    }

    fn done(session: &mut TestSession, ticket: Ticket, id: u64) -> Result<Finished, Closed> {
        let answer = Json::empty();
        session.finish(
            ticket,
            Outgoing::Result(&id.into(), &answer),
            Instant::now(),
        )
    }

    fn tell(session: &mut TestSession, ticket: Ticket, method: &str) -> Result<(), Closed> {
        session.tell(ticket, Outgoing::Notification(method, None), Instant::now())
    }

    fn send(session: &mut TestSession, method: &str) -> Result<(), Closed> {
        session.send(Outgoing::Notification(method, None), Instant::now())
    }

    fn ask(
        session: &mut TestSession,
        about: Option<Ticket>,
        reply: &'static str,
    ) -> Result<u64, Unasked> {
        session.ask(about, reply, ("ping", None), Instant::now())
    }

    fn publish(session: &mut TestSession, change: &Change) -> Result<(), Closed> {
        let params = change.params();
        let message = Outgoing::Notification(change.method(), params.as_ref());
        let frame = super::super::stream::frame_of(message);
        session.publish(change, message, &frame, Instant::now())
    }

    fn close(session: &mut TestSession) -> Remains<&'static str, &'static str> {
        session.close(&ErrorObject::internal(), Instant::now())
    }

    // --- requests of the client

    /// GOTCHAS 8, SPEC B-22: before `initialize` a session speaks 2024-11-05.
    #[test]
    fn a_fresh_session_serves_the_first_revision() {
        let (mut session, _) = bound();
        let (_, terms) = session.begin(&1.into(), false, STANDALONE, 64).unwrap();
        assert_eq!(terms.version, ProtocolVersion::V2024_11_05);
        assert!(terms.client.is_none());
    }

    /// SPEC C-83: what belongs to no session is served under the revision that it names.
    #[test]
    fn a_request_without_a_session_stands_in_an_open_one() {
        let version = ProtocolVersion::V2025_06_18;
        let mut session: TestSession =
            Session::of_one_request(resumption(), version, Instant::now());
        let refused = session.begin(&1.into(), true, STANDALONE, 64);
        assert_eq!(refused.unwrap_err(), Refused::Initialized);
        let (_, terms) = session.begin(&1.into(), false, STANDALONE, 64).unwrap();
        assert_eq!(terms.version, version);
        assert!(terms.client.is_none());
    }

    /// SPEC E-6: `initialize` counts once, and a failed one may be tried again (R-4).
    #[test]
    fn a_session_is_initialized_once() {
        let (mut session, _) = bound();
        let (ticket, _) = session.begin(&1.into(), true, STANDALONE, 64).unwrap();
        let refused = session.begin(&2.into(), true, STANDALONE, 64).unwrap_err();
        assert_eq!(refused, Refused::Initialized);
        let (id, error) = (1.into(), ErrorObject::invalid_params("no"));
        let answer = Outgoing::Error(Some(&id), &error);
        session.finish(ticket, answer, Instant::now()).unwrap();
        initialize(&mut session, STANDALONE, ProtocolVersion::V2025_03_26);
        let refused = session.begin(&4.into(), true, STANDALONE, 64).unwrap_err();
        assert_eq!(refused, Refused::Initialized);
        let (_, terms) = session.begin(&5.into(), false, STANDALONE, 64).unwrap();
        assert_eq!(terms.version, ProtocolVersion::V2025_03_26);
        assert!(terms.client.is_some());
    }

    /// SPEC A-12, R-13: a running id is refused, `1` is not `"1"`, and a finished id is free.
    #[test]
    fn an_id_runs_once() {
        let (mut session, _) = bound();
        let ticket = begin(&mut session, 1, STANDALONE);
        let refused = session.begin(&1.into(), false, STANDALONE, 64);
        assert_eq!(refused.unwrap_err(), Refused::IdInUse);
        session.begin(&"1".into(), false, STANDALONE, 64).unwrap();
        assert!(session.is_running(&1.into()) && !session.is_running(&2.into()));
        done(&mut session, ticket, 1).unwrap();
        begin(&mut session, 1, STANDALONE);
    }

    #[test]
    fn running_requests_are_limited() {
        let (mut session, _) = bound();
        let (first, _) = session.begin(&1.into(), false, STANDALONE, 2).unwrap();
        session.begin(&2.into(), false, STANDALONE, 2).unwrap();
        let refused = session.begin(&3.into(), false, STANDALONE, 2);
        assert_eq!(refused.unwrap_err(), Refused::TooMany);
        done(&mut session, first, 1).unwrap();
        session.begin(&3.into(), false, STANDALONE, 2).unwrap();
    }

    /// SPEC A-7, E-87, E-89, R-9: exactly one terminal message, none after a cancel, in any order.
    #[test]
    fn a_cancelled_request_gets_no_answer() {
        let (mut session, line) = bound();
        let ticket = begin(&mut session, 1, STANDALONE);
        session.work(ticket, "work").unwrap();
        assert_eq!(session.cancel(&1.into()), Some("work"));
        assert_eq!(session.cancel(&1.into()), None);
        assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Gone));
        assert_eq!(line.len(), 0);
        // Cancelled before its work was named: the work comes back, to be ended.
        let ticket = begin(&mut session, 2, STANDALONE);
        assert_eq!(session.cancel(&2.into()), None);
        assert_eq!(session.work(ticket, "late"), Err("late"));
        // Finished before the cancel: the answer stands.
        let ticket = begin(&mut session, 3, STANDALONE);
        assert_eq!(done(&mut session, ticket, 3), Ok(Finished::Sent));
        assert_eq!(session.cancel(&3.into()), None);
        assert_eq!(line.len(), 1);
    }

    /// SPEC E-88: the stream of a cancelled request ends without an answer, and with what came
    /// before; a stream that others are answered on goes on.
    #[test]
    fn cancelling_ends_the_stream_of_the_request() {
        let mut session = open(ProtocolVersion::V2025_03_26);
        let (stream, ticket) = post(&mut session, 1);
        let other = begin(&mut session, 2, Route::Stream(stream));
        let line = Line::new();
        session.attach(stream, line.clone()).unwrap();
        tell(&mut session, ticket, "said").unwrap();
        session.cancel(&1.into());
        assert!(!line.is_over());
        session.work(other, "work").unwrap();
        assert_eq!(session.cancel(&2.into()), Some("work"));
        assert!(line.is_over());
        assert_eq!(line.data(), [r#"{"jsonrpc":"2.0","method":"said"}"#]);
        assert_eq!(done(&mut session, other, 2), Ok(Finished::Gone));
        // An HTTP+SSE stream is not the request's own.
        let (mut session, line) = bound();
        begin(&mut session, 1, STANDALONE);
        session.cancel(&1.into());
        assert!(!line.is_over());
    }

    /// SPEC A-12: what is left of a cancelled request touches no later one with its id.
    #[test]
    fn a_cancelled_request_cannot_speak_for_its_successor() {
        let (mut session, line) = bound();
        let first = begin(&mut session, 1, STANDALONE);
        session.cancel(&1.into());
        let second = begin(&mut session, 1, STANDALONE);
        session.work(second, "second").unwrap();
        assert_eq!(session.work(first, "first"), Err("first"));
        assert_eq!(tell(&mut session, first, "n"), Err(Closed));
        assert_eq!(ask(&mut session, Some(first), "r"), Err(Unasked::Closed));
        assert_eq!(done(&mut session, first, 1), Ok(Finished::Gone));
        assert_eq!(line.len(), 0);
        assert_eq!(done(&mut session, second, 1), Ok(Finished::Sent));
        assert_eq!(line.len(), 1);
    }

    /// SPEC E-8: `initialize` cannot be cancelled.
    #[test]
    fn initialize_cannot_be_cancelled() {
        let (mut session, line) = bound();
        let (ticket, _) = session.begin(&1.into(), true, STANDALONE, 64).unwrap();
        session.work(ticket, "work").unwrap();
        assert_eq!(session.cancel(&1.into()), None);
        assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Sent));
        assert_eq!(line.len(), 1);
    }

    /// SPEC E-85: nothing about a request follows its answer.
    #[test]
    fn nothing_is_told_of_a_finished_request() {
        let (mut session, line) = bound();
        let ticket = begin(&mut session, 1, STANDALONE);
        tell(&mut session, ticket, "n").unwrap();
        done(&mut session, ticket, 1).unwrap();
        assert_eq!(tell(&mut session, ticket, "n"), Err(Closed));
        assert_eq!(line.len(), 2);
    }

    // --- where answers go

    /// SPEC C-23, C-27: an answer with nothing before it is left to be the body of the response;
    /// behind anything else it is on the stream, and the stream ends with it.
    #[test]
    fn an_answer_goes_where_its_request_has_begun_to_be_answered() {
        let mut session = open(ProtocolVersion::V2025_11_25);
        let (stream, ticket) = post(&mut session, 1);
        assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Kept));
        assert!(session.attach(stream, Line::new()).is_none());

        let (stream, ticket) = post(&mut session, 2);
        let line = Line::new();
        session.attach(stream, line.clone()).unwrap();
        assert_eq!(done(&mut session, ticket, 2), Ok(Finished::Kept));
        assert_eq!((line.len(), line.is_over()), (0, true));

        let (stream, ticket) = post(&mut session, 3);
        session.begin_stream(stream, Instant::now());
        assert_eq!(done(&mut session, ticket, 3), Ok(Finished::Sent));
        let line = Line::new();
        session.attach(stream, line.clone()).unwrap();
        let answer = r#"{"jsonrpc":"2.0","id":3,"result":{}}"#;
        assert_eq!(line.data(), ["", answer]);
        assert!(line.is_over());

        let (stream, ticket) = post(&mut session, 4);
        tell(&mut session, ticket, "n").unwrap();
        assert_eq!(done(&mut session, ticket, 4), Ok(Finished::Sent));
        session.attach(stream, Line::new()).unwrap();
    }

    /// SPEC C-14: a client that takes JSON alone is told nothing on the way.
    #[test]
    fn a_request_without_a_stream_has_its_answer_kept() {
        let mut session = open(ProtocolVersion::V2025_11_25);
        let stream = session.open_stream();
        let ticket = begin(&mut session, 1, Route::Answer(stream));
        let line = Line::new();
        session.attach(stream, line.clone()).unwrap();
        tell(&mut session, ticket, "n").unwrap();
        assert!(!session.pause(ticket, Instant::now()));
        assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Kept));
        assert_eq!((line.len(), line.is_over()), (0, true));
    }

    /// SPEC A-66, C-27: the stream of a batch ends with the last answer.
    #[test]
    fn a_shared_stream_ends_with_its_last_request() {
        let mut session = open(ProtocolVersion::V2025_03_26);
        let (stream, first) = post(&mut session, 1);
        let second = begin(&mut session, 2, Route::Stream(stream));
        session.begin_stream(stream, Instant::now());
        let line = Line::new();
        session.attach(stream, line.clone()).unwrap();
        assert_eq!(done(&mut session, second, 2), Ok(Finished::Sent));
        assert!(!line.is_over());
        assert_eq!(done(&mut session, first, 1), Ok(Finished::Sent));
        assert_eq!((line.len(), line.is_over()), (2, true));
    }

    /// However little is kept for later, a client that is connected after the first step of its
    /// request has all of that, and its stream is gone when it has ended.
    #[test]
    fn a_first_step_is_delivered_whole() {
        let mut session: TestSession = Session::of_one_request(
            Resumption {
                limits: ReplayLimits {
                    bytes: 0,
                    events: 0,
                    age: MINUTE,
                },
                ..resumption()
            },
            ProtocolVersion::V2025_11_25,
            Instant::now(),
        );
        for ends in [false, true] {
            let (stream, ticket) = post(&mut session, 1);
            tell(&mut session, ticket, "a").unwrap();
            tell(&mut session, ticket, "b").unwrap();
            if ends {
                done(&mut session, ticket, 1).unwrap();
            }
            let line = Line::new();
            session.attach(stream, line.clone()).unwrap();
            assert_eq!((line.len(), line.is_over()), (3 + usize::from(ends), ends));
            if !ends {
                assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Sent));
                assert_eq!((line.len(), line.is_over()), (4, true));
            }
            assert!(session.attach(stream, Line::new()).is_none());
        }
    }

    /// SPEC J-20: the stream of an `initialize` is of the revision that the client asks for.
    #[test]
    fn the_first_stream_is_of_the_revision_that_is_asked_for() {
        for version in ProtocolVersion::LEGACY {
            let mut session = resumable();
            session.expect(version);
            let stream = session.open_stream();
            let id = Id::from(1);
            let route = Route::Stream(stream);
            session.begin(&id, true, route, 64).unwrap();
            session.begin_stream(stream, Instant::now());
            let line = Line::new();
            session.attach(stream, line.clone()).unwrap();
            assert_eq!(line.len() == 1, version.has_priming_events(), "{version}");
        }
    }

    /// A request that never ran leaves no trace.
    #[test]
    fn an_abandoned_request_is_forgotten() {
        let mut session = open(ProtocolVersion::V2025_11_25);
        let (stream, ticket) = post(&mut session, 1);
        session.abandon(ticket);
        session.end_stream(stream);
        assert!(session.attach(stream, Line::new()).is_none());
        assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Gone));
        begin(&mut session, 1, STANDALONE);
    }

    /// SPEC C-28: with its client gone a request runs on, and its answer waits for the client.
    #[test]
    fn an_answer_waits_for_a_client_that_left() {
        let mut session = open(ProtocolVersion::V2025_06_18);
        let (stream, ticket) = post(&mut session, 1);
        let line = Line::new();
        let attachment = session.attach(stream, line.clone()).unwrap();
        tell(&mut session, ticket, "n").unwrap();
        session.detach(attachment, Instant::now());
        assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Sent));
        let back = Line::new();
        session.resume(&line.last_id(), back.clone()).unwrap();
        assert_eq!(back.data(), [r#"{"jsonrpc":"2.0","id":1,"result":{}}"#]);
        assert!(back.is_over());
    }

    /// SPEC C-61, C-62, C-64: only 2025-11-25 has the client come back for the rest.
    #[test]
    fn a_request_lets_its_connection_go() {
        for (version, pauses) in [
            (ProtocolVersion::V2025_03_26, false),
            (ProtocolVersion::V2025_06_18, false),
            (ProtocolVersion::V2025_11_25, true),
        ] {
            let mut session = open(version);
            let (stream, ticket) = post(&mut session, 1);
            let line = Line::new();
            session.attach(stream, line.clone()).unwrap();
            assert_eq!(session.pause(ticket, Instant::now()), pauses, "{version}");
            assert_eq!(line.is_over(), pauses, "{version}");
            assert_eq!(line.len(), usize::from(pauses), "{version}");
            done(&mut session, ticket, 1).unwrap();
            assert!(!session.pause(ticket, Instant::now()), "{version}");
            if pauses {
                let back = Line::new();
                session.resume(&line.last_id(), back.clone()).unwrap();
                assert_eq!((back.len(), back.is_over()), (1, true));
            }
        }
        let (mut session, line) = bound();
        let ticket = begin(&mut session, 1, STANDALONE);
        assert!(!session.pause(ticket, Instant::now()) && !line.is_over());
    }

    // --- messages of the server

    /// SPEC C-36, C-37, C-38: what belongs to no request goes on the standalone stream, once.
    #[test]
    fn a_message_of_no_request_goes_on_the_standalone_stream() {
        let mut session = open(ProtocolVersion::V2025_06_18);
        let (stream, ticket) = post(&mut session, 1);
        let (its, standalone) = (Line::new(), Line::new());
        session.attach(stream, its.clone()).unwrap();
        session.listen(standalone.clone(), Instant::now()).unwrap();
        send(&mut session, "unrelated").unwrap();
        tell(&mut session, ticket, "related").unwrap();
        done(&mut session, ticket, 1).unwrap();
        assert_eq!(
            standalone.data(),
            [r#"{"jsonrpc":"2.0","method":"unrelated"}"#]
        );
        assert_eq!(its.data().len(), 2);
        assert!(its.data()[0].contains("\"related\""));
        assert!(!standalone.is_over());
    }

    /// SPEC C.2 row 12: what waited, then a priming event where the revision has it.
    #[test]
    fn a_standalone_stream_begins_with_what_waited() {
        for (version, primes) in [
            (ProtocolVersion::V2025_06_18, false),
            (ProtocolVersion::V2025_11_25, true),
        ] {
            let mut session = open(version);
            send(&mut session, "waited").unwrap();
            let line = Line::new();
            session.listen(line.clone(), Instant::now()).unwrap();
            let data = line.data();
            assert_eq!(data.len(), 1 + usize::from(primes), "{version}");
            assert!(data[0].contains("waited"));
            assert_eq!(data.last().unwrap().is_empty(), primes, "{version}");
            assert_eq!(line.read().1, primes.then_some(700), "SPEC C-62");
        }
    }

    /// SPEC A-14, G-22, C-22: ids of the server count up; an answer is taken once.
    #[test]
    fn replies_find_their_place_once() {
        let (mut session, line) = bound();
        assert_eq!(ask(&mut session, None, "a"), Ok(1));
        assert_eq!(ask(&mut session, None, "b"), Ok(2));
        assert_eq!(session.answered(1), Some("a"));
        assert_eq!(session.answered(1), None);
        assert_eq!(session.answered(9), None);
        assert_eq!(ask(&mut session, None, "c"), Ok(3));
        assert!(line.data()[2].contains("\"id\":3"));
    }

    /// SPEC C-25, E-96, E-112: a question goes on the stream of the request that caused it, and
    /// nowhere else.
    #[test]
    fn a_question_goes_on_the_stream_of_its_request() {
        let mut session = open(ProtocolVersion::V2025_06_18);
        let standalone = Line::new();
        session.listen(standalone.clone(), Instant::now()).unwrap();
        let (stream, ticket) = post(&mut session, 1);
        let line = Line::new();
        session.attach(stream, line.clone()).unwrap();
        assert_eq!(ask(&mut session, Some(ticket), "a"), Ok(1));
        assert_eq!(line.data(), [r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#]);
        assert_eq!(ask(&mut session, None, "b"), Err(Unasked::NoStream));
        let stream = session.open_stream();
        let json = begin(&mut session, 2, Route::Answer(stream));
        assert_eq!(ask(&mut session, Some(json), "c"), Err(Unasked::NoStream));
        done(&mut session, ticket, 1).unwrap();
        assert_eq!(ask(&mut session, Some(ticket), "d"), Err(Unasked::Closed));
        assert_eq!(standalone.len(), 0);
        // None of those that were not asked holds a place.
        assert_eq!(close(&mut session).awaited, [(1, "a")]);
        assert_eq!(ask(&mut session, None, "e"), Err(Unasked::Closed));
    }

    /// SPEC E-43, E-59: lists to open sessions, resources to subscribers only.
    #[test]
    fn changes_reach_whoever_asked() {
        let (mut fresh, unopened) = bound();
        let (mut open, line) = bound();
        initialize(&mut open, STANDALONE, ProtocolVersion::V2025_06_18);
        line.clear();
        let resource = Change::Resource("a://b".into());
        for session in [&mut fresh, &mut open] {
            publish(session, &Change::Tools).unwrap();
            publish(session, &resource).unwrap();
        }
        assert_eq!((unopened.len(), line.len()), (0, 1));
        assert!(open.subscribe("a://b") && open.subscribe("a://b"));
        publish(&mut open, &resource).unwrap();
        assert_eq!(line.len(), 2);
        open.unsubscribe("a://b");
        publish(&mut open, &resource).unwrap();
        assert_eq!(line.len(), 2);
    }

    /// SPEC C-41, C-51: with nobody connected a change waits, and comes with an event id.
    #[test]
    fn changes_wait_for_a_client() {
        let mut session = open(ProtocolVersion::V2025_06_18);
        publish(&mut session, &Change::Tools).unwrap();
        publish(&mut session, &Change::Prompts).unwrap();
        let line = Line::new();
        session.listen(line.clone(), Instant::now()).unwrap();
        publish(&mut session, &Change::Resources).unwrap();
        let methods = ["tools", "prompts", "resources"];
        assert_eq!(line.len(), methods.len());
        for (data, method) in line.data().iter().zip(methods) {
            assert!(data.contains(&format!("{method}/list_changed")), "{data}");
        }
        assert_eq!(line.ids().len(), methods.len());
        // What one client has is no other's.
        let other = Line::new();
        session.listen(other.clone(), Instant::now()).unwrap();
        assert_eq!(other.len(), 0);
    }

    #[test]
    fn subscriptions_are_bounded_in_bytes() {
        let (mut session, _) = bound();
        assert!(session.subscribe(&"x".repeat(MAX_SUBSCRIPTION_BYTES)));
        assert!(!session.subscribe("y"));
    }

    // --- time

    /// SPEC C-77: any request or open stream is activity.
    #[test]
    fn a_session_is_idle_when_nobody_is_there_and_nothing_runs() {
        let start = Instant::now();
        let mut session: TestSession = Session::resumable(resumption(), start);
        let is_idle =
            |session: &TestSession, minutes| session.is_idle(start + minutes * MINUTE, MINUTE);
        assert!(!session.is_idle(start + MINUTE - Duration::from_nanos(1), MINUTE));
        assert!(is_idle(&session, 1));
        session.touch(start + MINUTE);
        assert!(!is_idle(&session, 1) && is_idle(&session, 2));

        let (_, ticket) = post(&mut session, 1);
        assert!(!is_idle(&session, 9), "a request runs");
        let (id, result) = (Id::from(1), Json::empty());
        let answer = Outgoing::Result(&id, &result);
        session.finish(ticket, answer, start + 9 * MINUTE).unwrap();
        assert!(!is_idle(&session, 9) && is_idle(&session, 10));

        let listening = session.listen(Line::new(), start + 10 * MINUTE).unwrap();
        assert!(!is_idle(&session, 20), "a client is connected");
        session.detach(listening, start + 20 * MINUTE);
        assert!(!is_idle(&session, 20) && is_idle(&session, 21));
        // The clock of another thread may be ahead.
        assert!(!is_idle(&session, 0));
    }

    // --- the end

    /// R-24: a drained session ends when its last request has its answer.
    #[test]
    fn a_drained_session_ends_after_its_last_answer() {
        let (mut idle, line) = bound();
        idle.drain();
        assert!(line.is_over());
        let (mut busy, line) = bound();
        let ticket = begin(&mut busy, 1, STANDALONE);
        busy.drain();
        assert!(!line.is_over());
        let refused = busy.begin(&2.into(), false, STANDALONE, 64);
        assert_eq!(refused.unwrap_err(), Refused::Draining);
        done(&mut busy, ticket, 1).unwrap();
        assert_eq!((line.len(), line.is_over()), (1, true));
        // The last one may also be cancelled, or never run.
        for end in [
            (|session, _| assert_eq!(session.cancel(&1.into()), None))
                as fn(&mut TestSession, Ticket),
            |session, ticket| session.abandon(ticket),
        ] {
            let (mut session, line) = bound();
            let ticket = begin(&mut session, 1, STANDALONE);
            session.drain();
            end(&mut session, ticket);
            assert!(line.is_over());
        }
    }

    /// SPEC C-84: streams end cleanly, those of running requests with their answers.
    #[test]
    fn a_drained_session_ends_its_streams() {
        let mut session = open(ProtocolVersion::V2025_06_18);
        let (stream, ticket) = post(&mut session, 1);
        let (its, standalone) = (Line::new(), Line::new());
        session.attach(stream, its.clone()).unwrap();
        session.listen(standalone.clone(), Instant::now()).unwrap();
        session.begin_stream(stream, Instant::now());
        session.drain();
        assert!(!its.is_over() && !standalone.is_over());
        assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Sent));
        assert!(its.is_over() && standalone.is_over());
        // Whoever comes now has what waited, and then the end.
        send(&mut session, "late").unwrap();
        let late = Line::new();
        session.listen(late.clone(), Instant::now()).unwrap();
        assert_eq!((late.len(), late.is_over()), (1, true));
    }

    /// R-5, R-9, R-25: a closed session hands back all it held, twice is harmless.
    #[test]
    fn closing_hands_everything_back() {
        let (mut session, line) = bound();
        let ticket = begin(&mut session, 1, STANDALONE);
        session.work(ticket, "work").unwrap();
        ask(&mut session, None, "reply").unwrap();
        let remains = close(&mut session);
        assert_eq!(
            (remains.work, remains.awaited),
            (vec!["work"], vec![(1, "reply")])
        );
        assert!(line.data()[1].contains("-32603"));
        assert!(line.is_over() && session.is_closed());
        let again = close(&mut session);
        assert!(again.work.is_empty() && again.awaited.is_empty());
        let refused = session.begin(&2.into(), false, STANDALONE, 64);
        assert_eq!(refused.unwrap_err(), Refused::Closed);
        assert_eq!(send(&mut session, "n"), Err(Closed));
    }

    /// SPEC C.3 row 6, C-30, C-75: all streams end, those that have begun with an error, and
    /// nothing of the session is there for whoever comes later.
    #[test]
    fn closing_ends_every_stream() {
        let mut session = open(ProtocolVersion::V2025_11_25);
        let (begun, first) = post(&mut session, 1);
        let (silent, second) = post(&mut session, 2);
        let lines = [Line::new(), Line::new(), Line::new()];
        session.attach(begun, lines[0].clone()).unwrap();
        session.attach(silent, lines[1].clone()).unwrap();
        session.listen(lines[2].clone(), Instant::now()).unwrap();
        session.begin_stream(begun, Instant::now());
        session.subscribe("a://b");
        close(&mut session);
        assert!(lines.iter().all(Line::is_over));
        let data = lines[0].data();
        assert!(
            data[1].contains(r#""id":1,"error":{"code":-32603"#),
            "{data:?}"
        );
        assert_eq!(lines[1].len(), 0, "its answer is the body of the response");
        for (ticket, id) in [(first, 1), (second, 2)] {
            assert_eq!(done(&mut session, ticket, id), Ok(Finished::Gone));
            assert_eq!(tell(&mut session, ticket, "n"), Err(Closed));
        }
        assert!(session.listen(Line::new(), Instant::now()).is_none());
        let resource = Change::Resource("a://b".into());
        for change in [Change::Tools, resource] {
            assert_eq!(publish(&mut session, &change), Ok(()));
        }
        assert_eq!(lines[2].len(), 1, "the priming event");
    }

    /// SPEC B-17: a connection that takes no more says so to whoever sends.
    #[test]
    fn a_full_connection_is_noticed() {
        let mut session: TestSession = Session::bound(Line::holding(0), Instant::now());
        let ticket = begin(&mut session, 1, STANDALONE);
        let params = Json::from(&json!({}));
        let message = Outgoing::Notification("n", Some(&params));
        assert_eq!(session.send(message, Instant::now()), Err(Closed));
        assert_eq!(done(&mut session, ticket, 1), Err(Closed));
    }
}
