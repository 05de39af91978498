//! The streams of a session: the events of each, and the connection that carries it, if any.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::replay::{Replay, ReplayLimits};
use crate::wire::id::{EventId, StreamId, Tag};
use crate::wire::jsonrpc::Outgoing;
use crate::wire::sse::{self, Event};

/// Carries the frames of a stream to its client.
pub(crate) trait Connection {
    /// Accepts a frame or refuses it for good; never waits.
    fn offer(&mut self, frame: Bytes) -> Result<(), Closed>;
    /// The same for a frame that says how the stream ends: it is accepted even after the identity of the
    /// client has expired.
    fn offer_last(&mut self, frame: Bytes) -> Result<(), Closed> {
        self.offer(frame)
    }
    /// Delivers what was accepted, then ends.
    fn finish(&mut self);
}

/// The connection accepts no more frames: the client left, or does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// How the streams of a session outlive their connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resumption {
    /// Marks the event ids; without a tag events have no ids, and no stream can be resumed.
    pub(crate) tag: Option<Tag>,
    pub(crate) limits: ReplayLimits,
    /// How long clients are asked to wait before they reconnect.
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
/// A stream is not a connection: while no client is connected, messages are kept, and the next client gets
/// them first. So each event reaches one connection, in order, and a client that lost its connection resumes
/// after the last event that it saw.
#[derive(Debug)]
pub(crate) struct Streams<C> {
    streams: Vec<Stream<C>>,
    /// `None` if the one stream is bound to its connection, as in HTTP+SSE. Boxed, to cost nothing there.
    resumable: Option<Box<Resumable>>,
    opened: u64,
    attached: u64,
}

#[derive(Debug)]
struct Resumable {
    resumption: Resumption,
    replay: Replay,
}

#[derive(Debug)]
struct Stream<C> {
    id: StreamId,
    connection: Option<(Attachment, C)>,
    /// How many events there are so far.
    sent: u64,
    /// How many of them a connection accepted.
    delivered: u64,
    begun: bool,
    ended: bool,
    /// The first connection is closed as soon as it has the kept events, and the stream goes on.
    paused: bool,
    /// Each later connection is closed as soon as it has the kept events: the server shuts down.
    drained: bool,
    /// Whether it begins with a priming event.
    primes: bool,
    /// Whether the client of a POST left before the first event: it has no id to resume from, so nothing is
    /// kept for it.
    is_lost: bool,
    /// What the request of a POST sent in its first step, before its client was connected. The connection
    /// gets all of it, however little is kept for a resumption.
    early: Option<Vec<Bytes>>,
}

/// One connection of one stream, distinguished from earlier and later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attachment(StreamId, u64);

impl<C: Connection> Streams<C> {
    /// One stream, bound to its connection (SPEC B-13: no ids, no resumption).
    pub(crate) fn bound(connection: C) -> Self {
        let mut stream = Stream::new(StreamId::STANDALONE, false);
        stream.connection = Some((Attachment(stream.id, 0), connection));
        Self {
            streams: vec![stream],
            resumable: None,
            opened: 0,
            attached: 0,
        }
    }

    /// Streams that outlive their connections.
    pub(crate) fn resumable(resumption: Resumption) -> Self {
        Self {
            streams: vec![Stream::new(StreamId::STANDALONE, false)],
            resumable: Some(Box::new(Resumable {
                resumption,
                replay: Replay::new(resumption.limits),
            })),
            opened: 0,
            attached: 0,
        }
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.resumable.is_none()
    }

    /// The connection of a bound stream.
    pub(crate) fn bound_connection(&mut self) -> Option<&mut C> {
        let stream = self
            .streams
            .first_mut()
            .filter(|_| self.resumable.is_none())?;
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

    /// Whether clients can resume them.
    pub(crate) fn are_resumable(&self) -> bool {
        self.tag().is_some()
    }

    fn tag(&self) -> Option<Tag> {
        self.resumable.as_ref()?.resumption.tag
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

    /// Connects a client to a stream: it gets the events that no client got yet, then new ones. `None` if the
    /// stream is gone.
    pub(crate) fn attach(
        &mut self,
        id: StreamId,
        connection: C,
        now: Instant,
    ) -> Option<Attachment> {
        let stream = self.find(id)?;
        let delivered = stream.delivered;
        let paused = std::mem::take(&mut stream.paused);
        let missed = match stream.early.take() {
            Some(early) => early,
            None => self.missed(id, delivered),
        };
        let attachment = self.connect(id, connection, missed);
        if paused {
            self.dismiss(id, now);
        }
        self.forget(id);
        attachment
    }

    /// Connects a client that resumes the stream of the last event that it saw: it gets all later events,
    /// without gaps or duplicates (SPEC C-53). `None` if that event is not one of this session, or if a later
    /// event is no longer kept (SPEC C-56, C-57), or if the stream is over and the client has all of it: after
    /// an empty response clients would come back for ever (SPEC C.2 row 10a).
    pub(crate) fn resume(&mut self, last: &EventId, connection: C) -> Option<Attachment> {
        let (id, number) = self.tag()?.read(last)?;
        let stream = self.find(id)?;
        let (sent, is_over) = (stream.sent, stream.is_over());
        // Events are numbered from 1.
        if !(1..=sent).contains(&number) {
            return None;
        }
        let kept = self.missed(id, number);
        let is_whole = kept.len() as u64 == sent - number;
        let has_all = is_over && number == sent;
        if is_whole && !has_all {
            self.connect(id, connection, kept)
        } else {
            None
        }
    }

    fn missed(&self, id: StreamId, after: u64) -> Vec<Bytes> {
        let replay = self.resumable.iter().map(|resumable| &resumable.replay);
        let missed = replay.flat_map(|replay| replay.after(id, after));
        missed.cloned().collect()
    }

    fn connect(
        &mut self,
        id: StreamId,
        mut connection: C,
        missed: Vec<Bytes>,
    ) -> Option<Attachment> {
        let stream = self.streams.iter_mut().find(|stream| stream.id == id)?;
        // SPEC C-40, C-58: the new connection replaces the old one, whatever its state.
        if let Some((_, mut old)) = stream.connection.take() {
            old.finish();
        }
        stream.is_lost = false;
        self.attached += 1;
        let attachment = Attachment(id, self.attached);
        let mut missed = missed.into_iter();
        let takes_all = missed.all(|frame| connection.offer(frame).is_ok());
        // A refused event and all after it wait for the next connection.
        let refused = missed.len() as u64 + u64::from(!takes_all);
        stream.delivered = stream.sent - refused;
        if takes_all && !stream.is_over() {
            stream.connection = Some((attachment, connection));
        } else {
            connection.finish();
        }
        Some(attachment)
    }

    /// The connection is gone; the stream continues without it.
    pub(crate) fn detach(&mut self, attachment: Attachment) {
        let Some(stream) = self.find(attachment.0) else {
            return;
        };
        let is_current = |(current, _): &mut (Attachment, C)| *current == attachment;
        if stream.connection.take_if(is_current).is_some() {
            stream.is_lost = stream.sent == 0 && stream.id != StreamId::STANDALONE;
        }
    }

    /// Whether the client of a POST left before the first event, and so cannot resume.
    pub(crate) fn is_lost(&self, id: StreamId) -> bool {
        let stream = self.streams.iter().find(|stream| stream.id == id);
        stream.is_some_and(|stream| stream.is_lost)
    }

    /// Whether any client is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.streams
            .iter()
            .any(|stream| stream.connection.is_some())
    }

    // --- events

    /// Whether there is an event that a client could resume from.
    pub(crate) fn has_sent(&self) -> bool {
        self.streams.iter().any(|stream| stream.sent > 0)
    }

    /// Whether anything was sent, or a response was begun as a stream.
    pub(crate) fn is_begun(&self, id: StreamId) -> bool {
        self.streams
            .iter()
            .any(|stream| stream.id == id && stream.begun)
    }

    /// Sends a message. It is kept if no client is connected, or if the connection is full.
    pub(crate) fn push(
        &mut self,
        id: StreamId,
        message: Outgoing<'_>,
        now: Instant,
    ) -> Result<(), Closed> {
        if self.resumable.is_none() {
            return self.offer_bound(frame_of(message));
        }
        self.begin(id, now)?;
        self.send(id, now, |id| frame_with(id, message))
    }

    /// Sends a message that says how the stream ends. On a stream that is bound to its connection it is sent
    /// even after the identity of the client has expired; any other client can resume.
    pub(crate) fn push_last(
        &mut self,
        id: StreamId,
        message: Outgoing<'_>,
        now: Instant,
    ) -> Result<(), Closed> {
        match self.bound_connection() {
            Some(connection) => connection.offer_last(frame_of(message)),
            None => self.push(id, message, now),
        }
    }

    /// Sends a frame that many sessions share; a stream with event ids sends `message` instead.
    pub(crate) fn push_shared(
        &mut self,
        id: StreamId,
        message: Outgoing<'_>,
        frame: Bytes,
        now: Instant,
    ) -> Result<(), Closed> {
        if self.resumable.is_none() {
            self.offer_bound(frame)
        } else {
            self.push(id, message, now)
        }
    }

    fn offer_bound(&mut self, frame: Bytes) -> Result<(), Closed> {
        self.bound_connection().ok_or(Closed)?.offer(frame)
    }

    /// Begins a stream, with a priming event if its revision has one (SPEC C-60), from which the client can
    /// resume.
    pub(crate) fn begin(&mut self, id: StreamId, now: Instant) -> Result<(), Closed> {
        let stream = self.find(id).filter(|stream| !stream.ended).ok_or(Closed)?;
        if std::mem::replace(&mut stream.begun, true) || !stream.primes {
            return Ok(());
        }
        self.send(id, now, priming_frame)
    }

    /// Sends a priming event on a stream that continues from an earlier connection (SPEC C-63).
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
        frame: impl FnOnce(Option<EventId>) -> Bytes,
    ) -> Result<(), Closed> {
        let resumption = self.resumable.as_ref().ok_or(Closed)?.resumption;
        let stream = self.find(id).filter(|stream| !stream.ended).ok_or(Closed)?;
        if stream.is_lost {
            return Ok(());
        }
        stream.sent += 1;
        let number = stream.sent;
        let frame = frame(resumption.tag.map(|tag| tag.event_id(id, number)));
        if let Some((_, connection)) = &mut stream.connection {
            match connection.offer(frame.clone()) {
                Ok(()) => stream.delivered = number,
                // SPEC C-44: a connection that is too slow is dropped; its client can resume.
                Err(Closed) => stream.connection = None,
            }
        } else if let Some(early) = &mut stream.early {
            early.push(frame.clone());
        }
        // Without event ids no client can resume.
        if let Some(resumable) = &mut self.resumable
            && resumption.tag.is_some()
        {
            for loser in resumable.replay.push(id, number, frame, now) {
                self.forget(loser);
            }
        }
        Ok(())
    }

    /// Closes the connection of a running stream, so that the client resumes it later (SPEC C-61, C-62).
    /// False if the revision does not allow this (SPEC C-64).
    pub(crate) fn pause(&mut self, id: StreamId, now: Instant) -> bool {
        if !self.find(id).is_some_and(|stream| stream.primes) || self.begin(id, now).is_err() {
            return false;
        }
        let Some(stream) = self.find(id) else {
            return false;
        };
        match stream.connection {
            Some(_) => self.dismiss(id, now),
            None => stream.paused = stream.delivered == 0,
        }
        true
    }

    /// Closes the connection of a stream that goes on. Its last event says how long the client waits before
    /// it comes back (SPEC C-62, C-63). Clients in use end a stream at any `retry` line, so what is kept of
    /// that event has none: a client that comes back may be there to stay.
    fn dismiss(&mut self, id: StreamId, now: Instant) {
        let connection = self.find(id).and_then(|stream| stream.connection.take());
        let Some((_, mut connection)) = connection else {
            return;
        };
        let retry = self.resumable.as_ref().map(|kept| kept.resumption.retry);
        if self.send(id, now, priming_frame).is_ok()
            && let (Some(tag), Some(retry)) = (self.tag(), retry)
            && let Some(stream) = self.find(id)
        {
            let event = Event::new("")
                .id(tag.event_id(id, stream.sent))
                .retry(retry);
            if connection.offer(event.encode()).is_ok() {
                stream.delivered = stream.sent;
            }
        }
        connection.finish();
    }

    /// Ends a stream (SPEC C-27). Its events are kept until they expire.
    pub(crate) fn end(&mut self, id: StreamId) {
        if let Some(stream) = self.find(id) {
            stream.ended = true;
            if let Some((_, mut connection)) = stream.connection.take() {
                connection.finish();
            }
        }
        self.forget(id);
    }

    /// Ends the connection of the standalone stream, and each later one when it has the kept events.
    /// `primes` says whether the revision has priming events.
    pub(crate) fn drain_standalone(&mut self, primes: bool, now: Instant) {
        if primes && self.tag().is_some() {
            self.dismiss(StreamId::STANDALONE, now);
        }
        if let Some(stream) = self.find(StreamId::STANDALONE) {
            stream.drained = true;
            if let Some((_, connection)) = &mut stream.connection {
                connection.finish();
            }
        }
    }

    /// Ends all connections for good. Nothing is kept, because no client may resume (PITFALLS R-5).
    pub(crate) fn finish(&mut self) {
        if let Some(resumable) = &mut self.resumable {
            resumable.replay.clear();
        }
        for stream in &mut self.streams {
            stream.ended = true;
            if let Some((_, connection)) = &mut stream.connection {
                connection.finish();
            }
        }
    }

    /// Drops expired events, and ended streams that have none left (SPEC C-59).
    pub(crate) fn expire(&mut self, now: Instant) {
        let Some(resumable) = &mut self.resumable else {
            return;
        };
        let replay = &mut resumable.replay;
        replay.expire(now);
        self.streams
            .retain(|stream| !stream.ended || stream.has_early() || replay.holds(stream.id));
    }

    /// Whether events of a stream are kept.
    fn keeps(&self, id: StreamId) -> bool {
        let resumable = self.resumable.as_ref();
        resumable.is_some_and(|resumable| resumable.replay.holds(id))
    }

    /// Drops a stream that has ended and has no kept events.
    fn forget(&mut self, id: StreamId) {
        if !self.keeps(id) {
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
            drained: false,
            primes,
            is_lost: false,
            early: None,
        }
    }

    /// Whether no client can wait for more of it.
    fn is_over(&self) -> bool {
        self.ended || self.drained
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
    let (len, verbatim) = (message.encoded_len(), message.verbatim_len());
    sse::message_frame(id.as_ref(), len, verbatim, |frame| message.put(frame))
}

/// An event without a message, from which a client can resume (SPEC H-11, H-12).
fn priming_frame(id: Option<EventId>) -> Bytes {
    let event = Event::new("");
    match id {
        Some(id) => event.id(id).encode(),
        None => event.encode(),
    }
}

#[cfg(test)]
mod tests;
