//! The streams of a session: what each has sent, and the connection that carries it, if any.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::replay::{Replay, ReplayLimits};
use crate::wire::id::{EventId, StreamId, Tag};
use crate::wire::jsonrpc::Outgoing;
use crate::wire::sse::{self, Event};

/// What carries the frames of a stream to its client.
pub(crate) trait Connection {
    /// Takes a frame or refuses it for good; never waits.
    fn offer(&mut self, frame: Bytes) -> Result<(), Closed>;
    /// Lets the client have what was taken, then the end.
    fn finish(&mut self);
}

/// The connection takes no more: the client left, or it does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// How the streams of a session outlive their connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resumption {
    /// Marks the event ids; without one events have no ids, and no stream is resumed.
    pub(crate) tag: Option<Tag>,
    pub(crate) limits: ReplayLimits,
    /// How long clients are asked to wait before they come back.
    pub(crate) retry: Duration,
}

/// The streams of one session.
///
/// ```text
///             push, begin                   end
///   +-------+ ----------> +-------+ -----------------> +-------+
///   | fresh |             | begun | <--+               | ended | --- nothing kept of it ---> gone
///   +-------+             +-------+    | detach, pause, +-------+
///       |                     |        | attach, resume
///       |                     +--------+
///       +---- end: nothing was sent ----> gone
/// ```
///
/// A stream is not a connection: while nobody is connected, what is sent is kept, and whoever
/// attaches gets it first. So each event reaches one connection, in order, and a client that lost
/// one resumes behind the last event that it saw.
#[derive(Debug)]
pub(crate) struct Streams<C> {
    streams: Vec<Stream<C>>,
    /// `None` when the one stream is bound to its connection, as in HTTP+SSE.
    resumption: Option<Resumption>,
    replay: Replay,
    opened: u64,
    attached: u64,
}

#[derive(Debug)]
struct Stream<C> {
    id: StreamId,
    connection: Option<(Attachment, C)>,
    /// Events so far.
    sent: u64,
    /// Those of them that a connection took.
    delivered: u64,
    begun: bool,
    ended: bool,
    /// The next connection is closed again as soon as it has what is kept.
    paused: bool,
    /// Whether it begins with a priming event.
    primes: bool,
    /// What the request of a POST sent in its first step, before its client was connected: the
    /// connection takes that whole, however little is kept for later.
    early: Option<Vec<Bytes>>,
}

/// One connection of one stream, to be told from those before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attachment(StreamId, u64);

impl<C: Connection> Streams<C> {
    /// One stream, bound to its connection (SPEC B-13: no ids, no resumption).
    pub(crate) fn bound(connection: C) -> Self {
        let nothing = ReplayLimits {
            bytes: 0,
            events: 0,
            age: Duration::ZERO,
        };
        let mut stream = Stream::new(StreamId::STANDALONE, false);
        stream.connection = Some((Attachment(stream.id, 0), connection));
        Self {
            streams: vec![stream],
            resumption: None,
            replay: Replay::new(nothing),
            opened: 0,
            attached: 0,
        }
    }

    /// Streams that outlive their connections.
    pub(crate) fn resumable(resumption: Resumption) -> Self {
        Self {
            streams: vec![Stream::new(StreamId::STANDALONE, false)],
            resumption: Some(resumption),
            replay: Replay::new(resumption.limits),
            opened: 0,
            attached: 0,
        }
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.resumption.is_none()
    }

    /// The connection of a bound stream.
    pub(crate) fn bound_connection(&mut self) -> Option<&mut C> {
        let stream = self
            .streams
            .first_mut()
            .filter(|_| self.resumption.is_none())?;
        stream.connection.as_mut().map(|(_, connection)| connection)
    }

    /// Opens the stream of a POST.
    pub(crate) fn open(&mut self, primes: bool) -> StreamId {
        self.opened += 1;
        let id = StreamId::nth(self.opened);
        let primes = primes && self.tag().is_some();
        self.streams.push(Stream {
            early: Some(Vec::new()),
            ..Stream::new(id, primes)
        });
        id
    }

    /// Whether clients can come back to them.
    pub(crate) fn are_resumable(&self) -> bool {
        self.tag().is_some()
    }

    fn tag(&self) -> Option<Tag> {
        self.resumption?.tag
    }

    fn find(&mut self, id: StreamId) -> Option<&mut Stream<C>> {
        self.streams.iter_mut().find(|stream| stream.id == id)
    }

    // --- connections

    /// How many bytes and events wait for the first client of a stream.
    pub(crate) fn early(&self, id: StreamId) -> (usize, usize) {
        let stream = self.streams.iter().find(|stream| stream.id == id);
        let early = stream.and_then(|stream| stream.early.as_deref());
        let early = early.unwrap_or_default();
        (early.iter().map(Bytes::len).sum(), early.len())
    }

    /// Connects a client to a stream: it gets what nobody took yet, then what comes. `None` for a
    /// stream that is gone.
    pub(crate) fn attach(&mut self, id: StreamId, connection: C) -> Option<Attachment> {
        let stream = self.find(id)?;
        let delivered = stream.delivered;
        let missed = match stream.early.take() {
            Some(early) => early,
            None => self.missed(id, delivered),
        };
        let attachment = self.connect(id, connection, missed);
        self.forget(id);
        attachment
    }

    /// Connects a client that comes back to the stream of the last event it saw: it gets what
    /// followed, then what comes, without gap or double (SPEC C-53). `None` when that event is not
    /// one of this session's, or what followed is no longer kept whole (SPEC C-56, C-57).
    pub(crate) fn resume(&mut self, last: &EventId, connection: C) -> Option<Attachment> {
        let (id, number) = self.tag()?.read(last)?;
        let sent = self.find(id)?.sent;
        // Events are numbered from 1.
        let was_sent = (1..=sent).contains(&number);
        let kept = self.missed(id, number);
        if was_sent && kept.len() as u64 == sent - number {
            self.connect(id, connection, kept)
        } else {
            None
        }
    }

    fn missed(&self, id: StreamId, after: u64) -> Vec<Bytes> {
        self.replay.after(id, after).cloned().collect()
    }

    fn connect(
        &mut self,
        id: StreamId,
        mut connection: C,
        missed: Vec<Bytes>,
    ) -> Option<Attachment> {
        let stream = self.streams.iter_mut().find(|stream| stream.id == id)?;
        // SPEC C-40, C-58: the new connection takes over, whatever became of the old one.
        if let Some((_, mut old)) = stream.connection.take() {
            old.finish();
        }
        self.attached += 1;
        let attachment = Attachment(id, self.attached);
        let mut missed = missed.into_iter();
        let takes_all = missed.all(|frame| connection.offer(frame).is_ok());
        // What is refused waits for the next connection, with all behind it.
        let refused = missed.len() as u64 + u64::from(!takes_all);
        stream.delivered = stream.sent - refused;
        let stays = takes_all && !stream.ended && !std::mem::take(&mut stream.paused);
        if stays {
            stream.connection = Some((attachment, connection));
        } else {
            connection.finish();
        }
        Some(attachment)
    }

    /// The connection is gone; the stream goes on without one.
    pub(crate) fn detach(&mut self, attachment: Attachment) {
        if let Some(stream) = self.find(attachment.0) {
            stream
                .connection
                .take_if(|(current, _)| *current == attachment);
        }
    }

    /// Whether any client is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.streams
            .iter()
            .any(|stream| stream.connection.is_some())
    }

    // --- events

    /// Whether anything was sent, or the client told that something will be.
    pub(crate) fn is_begun(&self, id: StreamId) -> bool {
        self.streams
            .iter()
            .any(|stream| stream.id == id && stream.begun)
    }

    /// Sends a message. With nobody connected, or a connection that takes no more, it is kept.
    pub(crate) fn push(
        &mut self,
        id: StreamId,
        message: Outgoing<'_>,
        now: Instant,
    ) -> Result<(), Closed> {
        if self.resumption.is_none() {
            return self.offer_bound(frame_of(message));
        }
        self.begin(id, now)?;
        self.send(id, now, |id, _| frame_with(id, message))
    }

    /// Sends a frame that many sessions share, as it is when the stream has no event ids.
    pub(crate) fn push_shared(
        &mut self,
        id: StreamId,
        message: Outgoing<'_>,
        frame: Bytes,
        now: Instant,
    ) -> Result<(), Closed> {
        if self.resumption.is_none() {
            self.offer_bound(frame)
        } else {
            self.push(id, message, now)
        }
    }

    fn offer_bound(&mut self, frame: Bytes) -> Result<(), Closed> {
        self.bound_connection().ok_or(Closed)?.offer(frame)
    }

    /// Begins a stream, with a priming event if its revision has one (SPEC C-60): from then on the
    /// client can resume.
    pub(crate) fn begin(&mut self, id: StreamId, now: Instant) -> Result<(), Closed> {
        let stream = self.find(id).filter(|stream| !stream.ended).ok_or(Closed)?;
        if std::mem::replace(&mut stream.begun, true) || !stream.primes {
            return Ok(());
        }
        self.send(id, now, priming_frame)
    }

    /// Sends a priming event on a stream that goes on from an earlier connection (SPEC C-63).
    pub(crate) fn prime(&mut self, id: StreamId, now: Instant) -> Result<(), Closed> {
        if self.tag().is_some() {
            self.send(id, now, priming_frame)
        } else {
            Ok(())
        }
    }

    fn send(
        &mut self,
        id: StreamId,
        now: Instant,
        frame: impl FnOnce(Option<EventId>, Duration) -> Bytes,
    ) -> Result<(), Closed> {
        let resumption = self.resumption.ok_or(Closed)?;
        let stream = self.find(id).filter(|stream| !stream.ended).ok_or(Closed)?;
        stream.sent += 1;
        let number = stream.sent;
        let event_id = resumption.tag.map(|tag| tag.event_id(id, number));
        let frame = frame(event_id, resumption.retry);
        if let Some((_, connection)) = &mut stream.connection {
            match connection.offer(frame.clone()) {
                Ok(()) => stream.delivered = number,
                // SPEC C-44: a reader that is too slow is let go; it can resume.
                Err(Closed) => stream.connection = None,
            }
        } else if let Some(early) = &mut stream.early {
            early.push(frame.clone());
        }
        for loser in self.replay.push(id, number, frame, now) {
            self.forget(loser);
        }
        Ok(())
    }

    /// Closes the connection of a stream that goes on, so that the client comes back for the rest
    /// (SPEC C-61, C-62). Only where the revision has it (SPEC C-64); false elsewhere.
    pub(crate) fn pause(&mut self, id: StreamId, now: Instant) -> bool {
        if !self.find(id).is_some_and(|stream| stream.primes) || self.begin(id, now).is_err() {
            return false;
        }
        let Some(stream) = self.find(id) else {
            return false;
        };
        match stream.connection.take() {
            Some((_, mut connection)) => connection.finish(),
            None => stream.paused = stream.delivered == 0,
        }
        true
    }

    /// Nothing follows (SPEC C-27). What was sent is kept until its time is up.
    pub(crate) fn end(&mut self, id: StreamId) {
        if let Some(stream) = self.find(id) {
            stream.ended = true;
            if let Some((_, mut connection)) = stream.connection.take() {
                connection.finish();
            }
        }
        self.forget(id);
    }

    /// Ends the connection of the standalone stream, which then waits for the next.
    pub(crate) fn finish_standalone(&mut self) {
        if let Some(stream) = self.find(StreamId::STANDALONE)
            && let Some((_, connection)) = &mut stream.connection
        {
            connection.finish();
        }
    }

    /// Ends all connections.
    pub(crate) fn finish(&mut self) {
        for stream in &mut self.streams {
            stream.ended = true;
            if let Some((_, connection)) = &mut stream.connection {
                connection.finish();
            }
        }
    }

    /// Lets go of events that are too old, and of ended streams that have none left (SPEC C-59).
    pub(crate) fn expire(&mut self, now: Instant) {
        self.replay.expire(now);
        self.streams
            .retain(|stream| !stream.ended || stream.has_early() || self.replay.holds(stream.id));
    }

    /// Lets go of a stream that has ended and of which nothing is kept.
    fn forget(&mut self, id: StreamId) {
        if !self.replay.holds(id) {
            self.streams
                .retain(|stream| stream.id != id || !stream.ended || stream.has_early());
        }
    }
}

impl<C> Stream<C> {
    fn new(id: StreamId, primes: bool) -> Self {
        Self {
            id,
            connection: None,
            sent: 0,
            delivered: 0,
            begun: false,
            ended: false,
            paused: false,
            primes,
            early: None,
        }
    }

    fn has_early(&self) -> bool {
        self.early.as_ref().is_some_and(|early| !early.is_empty())
    }
}

/// The event that carries a message.
pub(crate) fn frame_of(message: Outgoing<'_>) -> Bytes {
    frame_with(None, message)
}

fn frame_with(id: Option<EventId>, message: Outgoing<'_>) -> Bytes {
    sse::message_frame(id.as_ref(), message.encoded_len(), |frame| {
        message.put(frame)
    })
}

/// An event without a message, from which a client can resume (SPEC H-11, H-12).
fn priming_frame(id: Option<EventId>, retry: Duration) -> Bytes {
    let event = Event::new("").retry(retry);
    match id {
        Some(id) => event.id(id).encode(),
        None => event.encode(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::line::{Line, resumption};
    use super::*;

    fn streams() -> Streams<Line> {
        Streams::resumable(resumption())
    }

    /// A stream of a revision without priming events.
    fn opened(streams: &mut Streams<Line>) -> StreamId {
        streams.open(false)
    }

    fn push(streams: &mut Streams<Line>, id: StreamId, method: &str) -> Result<(), Closed> {
        push_at(streams, id, method, Instant::now())
    }

    fn push_at(
        streams: &mut Streams<Line>,
        id: StreamId,
        method: &str,
        now: Instant,
    ) -> Result<(), Closed> {
        streams.push(id, Outgoing::Notification(method, None), now)
    }

    #[track_caller]
    fn attach(streams: &mut Streams<Line>, id: StreamId) -> Line {
        let line = Line::new();
        streams.attach(id, line.clone()).unwrap();
        line
    }

    fn resume(streams: &mut Streams<Line>, last: &EventId) -> Option<Line> {
        let line = Line::new();
        streams.resume(last, line.clone()).map(|_| line)
    }

    /// The methods of the notifications that came, and "" for a priming event.
    fn methods(line: &Line) -> Vec<String> {
        let method = |data: String| match data.as_str() {
            "" => String::new(),
            data => {
                let message: serde_json::Value = serde_json::from_str(data).unwrap();
                message["method"].as_str().unwrap().to_owned()
            }
        };
        line.data().into_iter().map(method).collect()
    }

    // --- events

    /// SPEC C-50: every event of a stream has an id, or none has.
    #[test]
    fn events_have_ids_where_a_stream_is_resumed() {
        let mut streams = streams();
        let id = streams.open(true);
        let line = attach(&mut streams, id);
        streams.begin(id, Instant::now()).unwrap();
        push(&mut streams, id, "a").unwrap();
        assert_eq!(line.ids().len(), 2);

        let untagged = Resumption {
            tag: None,
            ..resumption()
        };
        let mut streams = Streams::resumable(untagged);
        let id = streams.open(true);
        let line = attach(&mut streams, id);
        streams.begin(id, Instant::now()).unwrap();
        streams.prime(id, Instant::now()).unwrap();
        push(&mut streams, id, "a").unwrap();
        assert_eq!(
            line.text(),
            "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n\n"
        );
        assert!(!streams.pause(id, Instant::now()) && !line.is_over());
    }

    /// SPEC B-13: HTTP+SSE has no ids, and what its one connection does not take is lost.
    #[test]
    fn a_bound_stream_is_its_connection() {
        let line = Line::holding(1);
        let mut streams = Streams::bound(line.clone());
        push(&mut streams, StreamId::STANDALONE, "a").unwrap();
        assert_eq!(
            push(&mut streams, StreamId::STANDALONE, "b"),
            Err(Closed),
            "SPEC B-17"
        );
        assert_eq!(
            line.text(),
            "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n\n"
        );
        let last = Tag::random().event_id(StreamId::STANDALONE, 1);
        assert!(resume(&mut streams, &last).is_none());
        assert!(!streams.pause(StreamId::STANDALONE, Instant::now()));
    }

    /// SPEC C-51: "unique across all streams within that session".
    #[test]
    fn event_ids_are_unique_over_streams_and_connections() {
        let mut streams = streams();
        let ids = [
            StreamId::STANDALONE,
            streams.open(true),
            streams.open(false),
            streams.open(true),
        ];
        let mut seen = Vec::new();
        for _ in 0..2 {
            let lines = ids.map(|id| attach(&mut streams, id));
            for id in ids.into_iter().cycle().take(12) {
                push(&mut streams, id, "n").unwrap();
            }
            streams.prime(StreamId::STANDALONE, Instant::now()).unwrap();
            seen.extend(lines.iter().flat_map(Line::ids));
        }
        // Two streams begin with a priming event, and two were sent on the standalone one.
        assert_eq!(seen.len(), 2 * 12 + 2 + 2);
        let unique: HashSet<_> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len());
    }

    /// SPEC C-60, C-64, J-20: first, once, and only where the revision has it.
    #[test]
    fn a_stream_begins_with_a_priming_event_where_it_has_one() {
        for primes in [true, false] {
            let mut streams = streams();
            let id = streams.open(primes);
            let line = attach(&mut streams, id);
            assert!(!streams.is_begun(id));
            for _ in 0..2 {
                streams.begin(id, Instant::now()).unwrap();
            }
            assert!(streams.is_begun(id));
            push(&mut streams, id, "a").unwrap();
            let expected: &[&str] = if primes { &["", "a"] } else { &["a"] };
            assert_eq!(methods(&line), expected);

            let id = streams.open(primes);
            push(&mut streams, id, "a").unwrap();
            assert!(streams.is_begun(id));
            assert_eq!(methods(&attach(&mut streams, id)), expected);
        }
    }

    /// SPEC C-62, H-9, H-11: "the server SHOULD send an SSE event with a standard `retry` field
    /// before closing the connection".
    #[test]
    fn a_priming_event_tells_how_long_to_wait() {
        let mut streams = streams();
        let id = streams.open(true);
        let line = attach(&mut streams, id);
        streams.begin(id, Instant::now()).unwrap();
        let event_id = line.last_id();
        assert_eq!(
            line.text(),
            format!("id: {event_id}\nretry: 700\ndata: \n\n")
        );
        assert_eq!(line.read().1, Some(700));
        push(&mut streams, id, "a").unwrap();
        assert_eq!(line.text().matches("retry").count(), 1);
    }

    /// SPEC C-63: also on a stream that goes on from an earlier connection.
    #[test]
    fn a_later_connection_can_be_primed_too() {
        let mut streams = streams();
        push(&mut streams, StreamId::STANDALONE, "a").unwrap();
        let line = attach(&mut streams, StreamId::STANDALONE);
        streams.prime(StreamId::STANDALONE, Instant::now()).unwrap();
        assert_eq!(methods(&line), ["a", ""]);
        assert_eq!(line.read().1, Some(700));
    }

    // --- connections

    /// SPEC C-41: what nobody took is there for the next, in order, and once.
    #[test]
    fn attaching_gives_what_nobody_took() {
        let mut streams = streams();
        let id = opened(&mut streams);
        push(&mut streams, id, "a").unwrap();
        push(&mut streams, id, "b").unwrap();
        let line = Line::new();
        let attachment = streams.attach(id, line.clone()).unwrap();
        push(&mut streams, id, "c").unwrap();
        assert_eq!(methods(&line), ["a", "b", "c"]);
        streams.detach(attachment);
        assert!(!streams.is_connected());
        push(&mut streams, id, "d").unwrap();
        let next = attach(&mut streams, id);
        assert!(streams.is_connected());
        push(&mut streams, id, "e").unwrap();
        assert_eq!(methods(&next), ["d", "e"]);
        assert_eq!(line.len(), 3);
    }

    /// SPEC C-53, C-54: "replay messages that would have been sent after the last event ID, on the
    /// stream that was disconnected, and to resume the stream from that point"; none of another.
    #[test]
    fn resuming_gives_what_followed_on_that_stream() {
        let mut streams = streams();
        let (one, two) = (opened(&mut streams), opened(&mut streams));
        let line = attach(&mut streams, one);
        for method in ["a", "b", "c"] {
            push(&mut streams, one, method).unwrap();
            push(&mut streams, two, "other").unwrap();
        }
        for (seen, followed) in line.ids().iter().zip([3, 2, 1]) {
            let back = resume(&mut streams, seen).unwrap();
            push(&mut streams, one, "live").unwrap();
            push(&mut streams, two, "other").unwrap();
            assert!(!back.is_over());
            let expected = ["b", "c", "live", "live", "live"];
            // Each turn of this loop has added one more that was live, and is missed by the next.
            let from = 3 - followed;
            assert_eq!(methods(&back), expected[from..3 + from], "{seen}");
        }
        assert_eq!(methods(&attach(&mut streams, two)), ["other"; 6]);
    }

    /// SPEC C-56, C-57: unknown, forged and foreign ids name nothing, and disturb nobody.
    #[test]
    fn an_event_that_was_not_of_this_session_is_refused() {
        let (mut streams, mut others) = (streams(), streams());
        let id = opened(&mut streams);
        let line = attach(&mut streams, id);
        push(&mut streams, id, "a").unwrap();
        let own = line.last_id();
        let foreign = {
            let id = opened(&mut others);
            let line = attach(&mut others, id);
            push(&mut others, id, "a").unwrap();
            line.last_id()
        };
        assert_ne!(own, foreign);
        let tag = streams.tag().unwrap();
        for last in [
            foreign,
            EventId::parse("1").unwrap(),
            EventId::parse(&own.as_str().to_uppercase().replace("/1", "/01")).unwrap(),
            // Before the first, after the last, on a stream that never was.
            tag.event_id(id, 0),
            tag.event_id(id, 2),
            tag.event_id(id, u64::MAX),
            tag.event_id(StreamId::nth(2), 1),
            tag.event_id(StreamId::STANDALONE, 0),
        ] {
            assert!(resume(&mut streams, &last).is_none(), "{last}");
        }
        assert!(!line.is_over(), "its client is still connected");
        push(&mut streams, id, "b").unwrap();
        assert_eq!(methods(&line), ["a", "b"]);
    }

    /// SPEC C-56, C-59: nobody resumes over a gap.
    #[test]
    fn an_event_whose_successors_were_let_go_is_refused() {
        let mut small = resumption();
        small.limits.events = 2;
        let mut streams = Streams::resumable(small);
        let id = opened(&mut streams);
        let line = attach(&mut streams, id);
        for method in ["a", "b", "c", "d"] {
            push(&mut streams, id, method).unwrap();
        }
        let ids = line.ids();
        assert!(resume(&mut streams, &ids[0]).is_none());
        // The event itself is gone, what followed is not.
        let back = resume(&mut streams, &ids[1]).unwrap();
        assert_eq!(methods(&back), ["c", "d"]);
        let back = resume(&mut streams, &ids[3]).unwrap();
        assert_eq!(back.len(), 0);
        push(&mut streams, id, "e").unwrap();
        assert_eq!(methods(&back), ["e"]);
    }

    /// SPEC C-40, C-58: the newest connection takes over, whatever became of the old one.
    #[test]
    fn the_newest_connection_wins() {
        let mut streams = streams();
        let (old, new) = (Line::new(), Line::new());
        let first = streams.attach(StreamId::STANDALONE, old.clone()).unwrap();
        push(&mut streams, StreamId::STANDALONE, "a").unwrap();
        streams.attach(StreamId::STANDALONE, new.clone()).unwrap();
        assert!(old.is_over() && !new.is_over());
        // The end of the old one is noticed late.
        streams.detach(first);
        push(&mut streams, StreamId::STANDALONE, "b").unwrap();
        let newer = resume(&mut streams, &new.last_id()).unwrap();
        assert!(new.is_over());
        push(&mut streams, StreamId::STANDALONE, "c").unwrap();
        assert_eq!(
            [&old, &new, &newer].map(methods),
            [["a"], ["b"], ["c"]],
            "SPEC C-38"
        );
    }

    /// SPEC C-44: "a slow reader cannot grow memory"; it is let go, and has lost nothing when it
    /// comes back.
    #[test]
    fn a_slow_connection_is_let_go_and_can_resume() {
        let mut streams = streams();
        let id = opened(&mut streams);
        let slow = Line::holding(2);
        streams.attach(id, slow.clone()).unwrap();
        for method in ["a", "b", "c", "d"] {
            push(&mut streams, id, method).unwrap();
        }
        assert!(slow.is_over() && !streams.is_connected());
        // Too slow again, in what it missed.
        let still = Line::holding(1);
        streams.resume(&slow.ids()[0], still.clone()).unwrap();
        assert!(still.is_over() && !streams.is_connected());
        assert_eq!(methods(&still), ["b"]);
        let back = resume(&mut streams, &still.last_id()).unwrap();
        assert_eq!(methods(&back), ["c", "d"]);
        assert!(!back.is_over());
    }

    /// SPEC C-41: what a full connection refused goes to the next one.
    #[test]
    fn what_was_refused_waits_for_the_next_connection() {
        let mut streams = streams();
        for method in ["a", "b", "c"] {
            push(&mut streams, StreamId::STANDALONE, method).unwrap();
        }
        let full = Line::holding(1);
        streams.attach(StreamId::STANDALONE, full.clone()).unwrap();
        let next = Line::holding(3);
        streams.attach(StreamId::STANDALONE, next.clone()).unwrap();
        push(&mut streams, StreamId::STANDALONE, "d").unwrap();
        push(&mut streams, StreamId::STANDALONE, "e").unwrap();
        let last = attach(&mut streams, StreamId::STANDALONE);
        assert_eq!(methods(&full), ["a"]);
        assert_eq!(methods(&next), ["b", "c", "d"]);
        assert_eq!(methods(&last), ["e"]);
    }

    /// SPEC C-61: "the server MAY close the connection (without terminating the SSE stream)", after
    /// an event id.
    #[test]
    fn a_paused_stream_goes_on_when_its_client_comes_back() {
        let mut streams = streams();
        let id = streams.open(true);
        let line = attach(&mut streams, id);
        assert!(streams.pause(id, Instant::now()));
        assert!(line.is_over());
        assert_eq!(methods(&line), [""]);
        push(&mut streams, id, "a").unwrap();
        let back = resume(&mut streams, &line.last_id()).unwrap();
        assert!(!back.is_over());
        push(&mut streams, id, "b").unwrap();
        // Twice is as good as once, also when nobody is there any more.
        assert!(streams.pause(id, Instant::now()));
        assert!(streams.pause(id, Instant::now()));
        assert!(back.is_over());
        assert_eq!(methods(&back), ["a", "b"]);
        let again = resume(&mut streams, &back.last_id()).unwrap();
        assert!(!again.is_over());
        streams.end(id);
        assert!(!streams.pause(id, Instant::now()));
    }

    /// SPEC C-61: a pause before the response has begun lets the client have an event id first.
    #[test]
    fn a_stream_that_is_paused_before_it_is_attached_gives_an_event_id() {
        let mut streams = streams();
        let id = streams.open(true);
        assert!(streams.pause(id, Instant::now()));
        let line = attach(&mut streams, id);
        assert_eq!(methods(&line), [""]);
        assert!(line.is_over());
        push(&mut streams, id, "a").unwrap();
        let back = resume(&mut streams, &line.last_id()).unwrap();
        assert_eq!(methods(&back), ["a"]);
        assert!(!back.is_over());
    }

    /// SPEC C-64: earlier revisions do not come back for the rest.
    #[test]
    fn a_stream_without_priming_is_not_paused() {
        let mut streams = streams();
        let id = opened(&mut streams);
        let line = attach(&mut streams, id);
        assert!(!streams.pause(id, Instant::now()));
        assert!(!streams.pause(StreamId::STANDALONE, Instant::now()));
        assert!(!streams.pause(StreamId::nth(9), Instant::now()));
        assert!(!line.is_over() && !streams.is_begun(id));
    }

    // --- the end

    /// SPEC C-27: nothing follows the end. SPEC C.2 row 10: whoever comes back has the rest of it.
    #[test]
    fn an_ended_stream_takes_nothing_and_keeps_what_it_has() {
        let mut streams = streams();
        let id = opened(&mut streams);
        let line = attach(&mut streams, id);
        push(&mut streams, id, "a").unwrap();
        push(&mut streams, id, "b").unwrap();
        streams.end(id);
        assert!(line.is_over() && !streams.is_connected());
        assert_eq!(push(&mut streams, id, "c"), Err(Closed));
        assert_eq!(streams.begin(id, Instant::now()), Err(Closed));
        for (seen, rest) in line.ids().iter().zip([&["b"] as &[&str], &[]]) {
            let back = resume(&mut streams, seen).unwrap();
            assert_eq!(methods(&back), rest);
            assert!(back.is_over());
        }
        assert!(!streams.is_connected());
    }

    /// SPEC C-59: "finished streams evicted after a grace period".
    #[test]
    fn an_ended_stream_is_forgotten_when_its_time_is_up() {
        let start = Instant::now();
        let age = resumption().limits.age;
        let mut streams = streams();
        let (ended, live) = (opened(&mut streams), opened(&mut streams));
        let lines = [ended, live].map(|id| {
            let line = attach(&mut streams, id);
            push_at(&mut streams, id, "a", start).unwrap();
            line
        });
        streams.end(ended);
        streams.expire(start + age - Duration::from_nanos(1));
        assert!(resume(&mut streams, &lines[0].last_id()).is_some());
        streams.expire(start + age);
        assert!(resume(&mut streams, &lines[0].last_id()).is_none());
        assert!(streams.attach(ended, Line::new()).is_none());
        // A stream that goes on goes on; the one of the session too.
        assert!(resume(&mut streams, &lines[1].last_id()).is_some());
        assert_eq!(streams.streams.len(), 2);
    }

    /// SPEC C-59: a stream does not outlive the last of its events, whoever pushed that out.
    #[test]
    fn an_ended_stream_is_forgotten_when_nothing_is_kept_of_it() {
        let mut small = resumption();
        small.limits.events = 2;
        let mut streams = Streams::resumable(small);
        let (id, other) = (opened(&mut streams), opened(&mut streams));
        push(&mut streams, id, "a").unwrap();
        streams.end(id);
        for _ in 0..2 {
            assert!(streams.attach(id, Line::new()).is_some());
            push(&mut streams, other, "n").unwrap();
        }
        assert!(streams.attach(id, Line::new()).is_none());
        assert_eq!(streams.streams.len(), 2);
        // One that has sent nothing leaves nothing.
        let id = opened(&mut streams);
        streams.end(id);
        assert_eq!(streams.streams.len(), 2);
        // One whose only event was longer than all that may be kept.
        let mut none = resumption();
        none.limits.bytes = 0;
        let mut streams = Streams::resumable(none);
        let id = opened(&mut streams);
        let line = attach(&mut streams, id);
        push(&mut streams, id, "a").unwrap();
        streams.end(id);
        assert_eq!((line.len(), line.is_over()), (1, true));
        assert_eq!(streams.streams.len(), 1);
    }

    /// SPEC C-84, C.3: all connections end, and no stream takes more.
    #[test]
    fn finishing_ends_all() {
        let mut streams = streams();
        let id = opened(&mut streams);
        let lines = [
            attach(&mut streams, id),
            attach(&mut streams, StreamId::STANDALONE),
        ];
        streams.finish_standalone();
        assert_eq!(lines.each_ref().map(Line::is_over), [false, true]);
        assert_eq!(push(&mut streams, StreamId::STANDALONE, "a"), Ok(()));
        assert_eq!(methods(&attach(&mut streams, StreamId::STANDALONE)), ["a"]);
        streams.finish();
        assert!(lines[0].is_over());
        for id in [id, StreamId::STANDALONE] {
            assert_eq!(push(&mut streams, id, "b"), Err(Closed));
        }
    }
}
