//! One legacy session: its phase, its running requests, the requests it waits for.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::change::Change;
use super::level::LogLevel;
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::sse;
use crate::wire::version::ProtocolVersion;

/// How many bytes of resource URIs a session may be subscribed to.
const MAX_SUBSCRIPTION_BYTES: usize = 64 * 1024;

/// What carries the frames of a session to its client.
pub(crate) trait Connection {
    /// Takes a frame or refuses it for good; never waits.
    fn offer(&mut self, frame: Bytes) -> Result<(), Closed>;
    /// Lets the client have what was taken, then the end.
    fn finish(&mut self);
}

/// The connection takes no more: the client left, or it does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// What a client said of itself in `initialize`.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) capabilities: Map<String, Value>,
}

/// A session over one stream.
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
/// A `Fresh` session serves requests as 2024-11-05 without client capabilities, because some
/// clients reopen a cut stream by themselves and go on (GOTCHAS 8).
///
/// Generic over the connection, the handle of running work and the place that waits for a reply:
/// it is tested with plain values, and what it drops it hands back, to be ended outside the lock.
#[derive(Debug)]
pub(crate) struct Session<C, W, R> {
    phase: Phase,
    connection: C,
    client: Option<Arc<Client>>,
    version: ProtocolVersion,
    log_level: LogLevel,
    running: Vec<Running<W>>,
    awaited: Vec<(u64, R)>,
    requests_sent: u64,
    requests_begun: u64,
    subscriptions: Vec<Box<str>>,
    draining: bool,
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
    /// `None` until the work is known to outlast its first step.
    work: Option<W>,
    initializes: bool,
}

/// One request of a session, whatever its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

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
    pub(crate) fn new(connection: C) -> Self {
        Self {
            phase: Phase::Fresh,
            connection,
            client: None,
            version: ProtocolVersion::V2024_11_05,
            log_level: LogLevel::default(),
            running: Vec::new(),
            awaited: Vec::new(),
            requests_sent: 0,
            requests_begun: 0,
            subscriptions: Vec::new(),
            draining: false,
        }
    }

    /// What carries the frames to the client.
    pub(crate) fn connection(&mut self) -> &mut C {
        &mut self.connection
    }

    /// What messages are taken under.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            version: self.version,
            client: self.client.clone(),
        }
    }

    // --- requests of the client

    /// Takes up a request. The id counts as in use until [`Session::finish`] or a cancel.
    pub(crate) fn begin(
        &mut self,
        id: &Id,
        initializes: bool,
        limit: usize,
    ) -> Result<(Ticket, Terms), Refused> {
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
            work: None,
            initializes,
        });
        Ok((ticket, self.terms()))
    }

    /// Whether a request with this id waits for its answer.
    pub(crate) fn is_running(&self, id: &Id) -> bool {
        self.running.iter().any(|running| running.id == *id)
    }

    /// Names the work of a running request, so that a cancel can end it. Gives the work back when
    /// the request was cancelled in the meantime.
    pub(crate) fn attach(&mut self, ticket: Ticket, work: W) -> Result<(), W> {
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

    /// Sends the one terminal message of a request (SPEC A-7, R-9); nothing if it was cancelled.
    pub(crate) fn finish(&mut self, ticket: Ticket, answer: Outgoing<'_>) -> Result<(), Closed> {
        let Some(at) = self
            .running
            .iter()
            .position(|running| running.ticket == ticket)
        else {
            return Ok(());
        };
        let running = self.running.swap_remove(at);
        if running.initializes && self.phase == Phase::Opening {
            self.phase = Phase::Fresh;
        }
        self.give_back_memory();
        self.send(answer)?;
        self.end_if_drained();
        Ok(())
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
        let running = self.running.swap_remove(at);
        self.give_back_memory();
        self.end_if_drained();
        running.work
    }

    fn give_back_memory(&mut self) {
        if self.running.is_empty() {
            self.running = Vec::new();
        }
    }

    // --- messages of the server

    /// Sends a message about a running request; refused once its answer is sent (SPEC E-85).
    pub(crate) fn tell(&mut self, ticket: Ticket, message: Outgoing<'_>) -> Result<(), Closed> {
        if !self.running.iter().any(|running| running.ticket == ticket) {
            return Err(Closed);
        }
        self.send(message)
    }

    /// Sends a message that belongs to no request.
    pub(crate) fn send(&mut self, message: Outgoing<'_>) -> Result<(), Closed> {
        self.offer(frame_of(message))
    }

    fn offer(&mut self, frame: Bytes) -> Result<(), Closed> {
        if self.phase == Phase::Closed {
            Err(Closed)
        } else {
            self.connection.offer(frame)
        }
    }

    /// Sends a request to the client and keeps the place that waits for the reply. Its ids count
    /// up through the life of the session and are a space of their own (SPEC A-14).
    pub(crate) fn ask(
        &mut self,
        reply: R,
        message: impl FnOnce(&Id) -> Bytes,
    ) -> Result<u64, Closed> {
        let number = self.requests_sent + 1;
        self.offer(message(&Id::from(number)))?;
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

    /// Subscribes to a resource; false when the session has no room for more.
    pub(crate) fn subscribe(&mut self, uri: &str) -> bool {
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
    pub(crate) fn publish(&mut self, change: &Change, frame: Bytes) -> Result<(), Closed> {
        let wanted = match change {
            Change::Resource(uri) => self.is_subscribed(uri),
            Change::Tools | Change::Prompts | Change::Resources => self.phase == Phase::Open,
        };
        if wanted { self.offer(frame) } else { Ok(()) }
    }

    // --- the end

    /// Lets running requests finish and takes no new ones; then the stream ends.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
        self.end_if_drained();
    }

    fn end_if_drained(&mut self) {
        if self.draining && self.running.is_empty() && self.phase != Phase::Closed {
            self.connection.finish();
        }
    }

    /// Ends the session. Running requests get `error` as their terminal message, if the connection
    /// still takes it; what they and the awaited replies held is handed back.
    pub(crate) fn close(&mut self, error: &ErrorObject) -> Remains<W, R> {
        let running = std::mem::take(&mut self.running);
        for running in &running {
            // A connection that is gone needs no error.
            let _ = self.send(Outgoing::Error(Some(&running.id), error));
        }
        self.phase = Phase::Closed;
        self.subscriptions = Vec::new();
        self.connection.finish();
        Remains {
            work: running
                .into_iter()
                .filter_map(|running| running.work)
                .collect(),
            awaited: std::mem::take(&mut self.awaited),
        }
    }
}

/// The event that carries a message.
pub(crate) fn frame_of(message: Outgoing<'_>) -> Bytes {
    sse::message_frame(message.encoded_len(), |frame| message.put(frame))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::jsonrpc::Json;

    /// A connection that holds what it was offered, up to a number of frames.
    #[derive(Debug, Default)]
    struct Wire {
        frames: Vec<String>,
        capacity: usize,
        finished: bool,
    }

    impl Connection for Wire {
        fn offer(&mut self, frame: Bytes) -> Result<(), Closed> {
            if self.finished || self.frames.len() >= self.capacity {
                return Err(Closed);
            }
            self.frames.push(String::from_utf8(frame.to_vec()).unwrap());
            Ok(())
        }

        fn finish(&mut self) {
            self.finished = true;
        }
    }

    type TestSession = Session<Wire, &'static str, &'static str>;

    fn session() -> TestSession {
        Session::new(Wire {
            capacity: 100,
            ..Wire::default()
        })
    }

    fn open_session() -> TestSession {
        let mut session = session();
        session.begin(&0.into(), true, 64).unwrap();
        let capabilities = Map::new();
        session.open(ProtocolVersion::V2025_06_18, Client { capabilities });
        session
            .finish(
                ticket(&session, 0),
                Outgoing::Result(&0.into(), &Json::empty()),
            )
            .unwrap();
        session.connection.frames.clear();
        session
    }

    /// The ticket of a running request, or one that no request has.
    fn ticket(session: &TestSession, id: u64) -> Ticket {
        let id = Id::from(id);
        let running = session.running.iter().find(|running| running.id == id);
        running.map_or(Ticket(0), |running| running.ticket)
    }

    fn done(session: &mut TestSession, id: u64) {
        let ticket = ticket(session, id);
        session
            .finish(ticket, Outgoing::Result(&id.into(), &Json::empty()))
            .unwrap();
    }

    /// GOTCHAS 8, SPEC B-22: before `initialize` a session speaks 2024-11-05.
    #[test]
    fn a_fresh_session_serves_the_first_revision() {
        let mut session = session();
        let (_, terms) = session.begin(&1.into(), false, 64).unwrap();
        assert_eq!(terms.version, ProtocolVersion::V2024_11_05);
        assert!(terms.client.is_none());
    }

    /// SPEC E-6: `initialize` counts once, and a failed one may be tried again (R-4).
    #[test]
    fn a_session_is_initialized_once() {
        let mut session = session();
        session.begin(&1.into(), true, 64).unwrap();
        assert_eq!(
            session.begin(&2.into(), true, 64).unwrap_err(),
            Refused::Initialized
        );
        let error = ErrorObject::invalid_params("no");
        session
            .finish(
                ticket(&session, 1),
                Outgoing::Error(Some(&1.into()), &error),
            )
            .unwrap();
        session.begin(&3.into(), true, 64).unwrap();
        session.open(
            ProtocolVersion::V2025_03_26,
            Client {
                capabilities: Map::new(),
            },
        );
        done(&mut session, 3);
        assert_eq!(
            session.begin(&4.into(), true, 64).unwrap_err(),
            Refused::Initialized
        );
        let (_, terms) = session.begin(&5.into(), false, 64).unwrap();
        assert_eq!(terms.version, ProtocolVersion::V2025_03_26);
    }

    /// SPEC A-12, R-13: a running id is refused, `1` is not `"1"`, and a finished id is free.
    #[test]
    fn an_id_runs_once() {
        let mut session = session();
        session.begin(&1.into(), false, 64).unwrap();
        assert_eq!(
            session.begin(&1.into(), false, 64).unwrap_err(),
            Refused::IdInUse
        );
        session.begin(&"1".into(), false, 64).unwrap();
        done(&mut session, 1);
        session.begin(&1.into(), false, 64).unwrap();
    }

    #[test]
    fn running_requests_are_limited() {
        let mut session = session();
        session.begin(&1.into(), false, 2).unwrap();
        session.begin(&2.into(), false, 2).unwrap();
        assert_eq!(
            session.begin(&3.into(), false, 2).unwrap_err(),
            Refused::TooMany
        );
        done(&mut session, 1);
        session.begin(&3.into(), false, 2).unwrap();
    }

    /// SPEC A-7, E-87, E-89, R-9: exactly one terminal message, none after a cancel, in any order.
    #[test]
    fn a_cancelled_request_gets_no_answer() {
        let mut session = session();
        session.begin(&1.into(), false, 64).unwrap();
        session.attach(ticket(&session, 1), "work").unwrap();
        assert_eq!(session.cancel(&1.into()), Some("work"));
        assert_eq!(session.cancel(&1.into()), None);
        done(&mut session, 1);
        assert_eq!(session.connection.frames.len(), 0);
        // Cancelled before its work was named: the work comes back, to be ended.
        session.begin(&2.into(), false, 64).unwrap();
        assert_eq!(session.cancel(&2.into()), None);
        assert_eq!(session.attach(ticket(&session, 2), "late"), Err("late"));
        // Finished before the cancel: the answer stands.
        session.begin(&3.into(), false, 64).unwrap();
        done(&mut session, 3);
        assert_eq!(session.cancel(&3.into()), None);
        assert_eq!(session.connection.frames.len(), 1);
    }

    /// SPEC A-12: what is left of a cancelled request touches no later one with its id.
    #[test]
    fn a_cancelled_request_cannot_speak_for_its_successor() {
        let mut session = session();
        let (first, _) = session.begin(&1.into(), false, 64).unwrap();
        session.cancel(&1.into());
        let (second, _) = session.begin(&1.into(), false, 64).unwrap();
        session.attach(second, "second").unwrap();
        let answer = |session: &mut TestSession, ticket| {
            session.finish(ticket, Outgoing::Result(&1.into(), &Json::empty()))
        };
        assert_eq!(session.attach(first, "first"), Err("first"));
        let notification = Outgoing::Notification("n", None);
        assert_eq!(session.tell(first, notification), Err(Closed));
        answer(&mut session, first).unwrap();
        assert_eq!(session.connection.frames.len(), 0);
        answer(&mut session, second).unwrap();
        assert_eq!(session.connection.frames.len(), 1);
    }

    /// SPEC E-8: `initialize` cannot be cancelled.
    #[test]
    fn initialize_cannot_be_cancelled() {
        let mut session = session();
        session.begin(&1.into(), true, 64).unwrap();
        session.attach(ticket(&session, 1), "work").unwrap();
        assert_eq!(session.cancel(&1.into()), None);
        done(&mut session, 1);
        assert_eq!(session.connection.frames.len(), 1);
    }

    /// SPEC E-85: nothing about a request follows its answer.
    #[test]
    fn nothing_is_told_of_a_finished_request() {
        let mut session = session();
        session.begin(&1.into(), false, 64).unwrap();
        session
            .tell(ticket(&session, 1), Outgoing::Notification("n", None))
            .unwrap();
        done(&mut session, 1);
        assert_eq!(
            session.tell(ticket(&session, 1), Outgoing::Notification("n", None)),
            Err(Closed)
        );
    }

    /// SPEC A-14, G-22, C-22: ids of the server count up; an answer is taken once.
    #[test]
    fn replies_find_their_place_once() {
        let mut session = session();
        let ask = |id: &Id| frame_of(Outgoing::Request(id, "ping", None));
        assert_eq!(session.ask("a", ask).unwrap(), 1);
        assert_eq!(session.ask("b", ask).unwrap(), 2);
        assert_eq!(session.answered(1), Some("a"));
        assert_eq!(session.answered(1), None);
        assert_eq!(session.answered(9), None);
        assert_eq!(session.ask("c", ask).unwrap(), 3);
        assert!(session.connection.frames[2].contains("\"id\":3"));
    }

    /// SPEC E-43, E-59: lists to open sessions, resources to subscribers only.
    #[test]
    fn changes_reach_whoever_asked() {
        let frame = Bytes::from_static(b"x");
        let mut fresh = session();
        let mut open = open_session();
        let resource = Change::Resource("a://b".into());
        for session in [&mut fresh, &mut open] {
            session.publish(&Change::Tools, frame.clone()).unwrap();
            session.publish(&resource, frame.clone()).unwrap();
        }
        assert_eq!(fresh.connection.frames.len(), 0);
        assert_eq!(open.connection.frames.len(), 1);
        assert!(open.subscribe("a://b") && open.subscribe("a://b"));
        open.publish(&resource, frame.clone()).unwrap();
        assert_eq!(open.connection.frames.len(), 2);
        open.unsubscribe("a://b");
        open.publish(&resource, frame).unwrap();
        assert_eq!(open.connection.frames.len(), 2);
    }

    #[test]
    fn subscriptions_are_bounded_in_bytes() {
        let mut session = session();
        assert!(session.subscribe(&"x".repeat(MAX_SUBSCRIPTION_BYTES)));
        assert!(!session.subscribe("y"));
    }

    /// R-24: a drained session ends when its last request has its answer.
    #[test]
    fn a_drained_session_ends_after_its_last_answer() {
        let mut idle = session();
        idle.drain();
        assert!(idle.connection.finished);
        let mut busy = session();
        busy.begin(&1.into(), false, 64).unwrap();
        busy.drain();
        assert!(!busy.connection.finished);
        assert_eq!(
            busy.begin(&2.into(), false, 64).unwrap_err(),
            Refused::Draining
        );
        done(&mut busy, 1);
        assert!(busy.connection.finished);
        assert_eq!(busy.connection.frames.len(), 1);
    }

    /// R-5, R-9, R-25: a closed session hands back all it held, twice is harmless.
    #[test]
    fn closing_hands_everything_back() {
        let mut session = session();
        session.begin(&1.into(), false, 64).unwrap();
        session.attach(ticket(&session, 1), "work").unwrap();
        session
            .ask("reply", |id| frame_of(Outgoing::Request(id, "ping", None)))
            .unwrap();
        let remains = session.close(&ErrorObject::internal());
        assert_eq!(
            (remains.work, remains.awaited),
            (vec!["work"], vec![(1, "reply")])
        );
        assert!(session.connection.frames[1].contains("-32603"));
        assert!(session.connection.finished);
        let again = session.close(&ErrorObject::internal());
        assert!(again.work.is_empty() && again.awaited.is_empty());
        assert_eq!(
            session.begin(&2.into(), false, 64).unwrap_err(),
            Refused::Closed
        );
        assert_eq!(session.send(Outgoing::Notification("n", None)), Err(Closed));
    }

    /// SPEC B-17: a connection that takes no more says so to whoever sends.
    #[test]
    fn a_full_connection_is_noticed() {
        let mut session: TestSession = Session::new(Wire::default());
        session.begin(&1.into(), false, 64).unwrap();
        let params = Json::from(&json!({}));
        assert_eq!(
            session.send(Outgoing::Notification("n", Some(&params))),
            Err(Closed)
        );
    }
}
