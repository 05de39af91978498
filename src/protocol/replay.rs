//! The events sent on the streams of a session, kept for a client that resumes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::wire::id::StreamId;

/// How many events a session of Streamable HTTP keeps, for a client that resumes a stream with
/// `Last-Event-ID` (2025-11-25, Transports, Resumability and Redelivery).
///
/// When a limit is reached the oldest event is dropped, and events that belong to no request before those
/// that do. A client that resumes after an event that is no longer kept is answered 400. An event that is
/// larger than `bytes` is not kept, so its stream cannot be resumed across it; the events of other streams
/// stay.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReplayLimits {
    /// Bytes of heap in one session. An event counts as its text plus about 100 bytes of overhead. Zero keeps
    /// nothing.
    ///
    /// Default: 1 MiB.
    pub bytes: usize,
    /// Events of one session. Zero keeps nothing.
    ///
    /// Default: 256.
    pub events: usize,
    /// How long an event is kept.
    ///
    /// Default: 5 min.
    pub age: Duration,
}

impl ReplayLimits {
    const BYTES: usize = 1024 * 1024;
    const EVENTS: usize = 256;
    const AGE: Duration = Duration::from_secs(5 * 60);
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self {
            bytes: Self::BYTES,
            events: Self::EVENTS,
            age: Self::AGE,
        }
    }
}

/// The last events of all streams of a session, oldest first. Bounded in bytes of heap, in events and in age
/// (SPEC C-59). At a limit the oldest event is dropped, and events of no request before those of one: a
/// client can query a change again, but not an answer.
#[derive(Debug)]
pub(crate) struct Replay {
    events: VecDeque<Kept>,
    bytes: usize,
    limits: ReplayLimits,
}

#[derive(Debug)]
struct Kept {
    stream: StreamId,
    number: u64,
    frame: Bytes,
    since: Instant,
}

impl Kept {
    /// What an event costs in addition to its text: its entry, and what the allocator and the shared buffer
    /// add to its bytes.
    const OVERHEAD: usize = size_of::<Self>() + 32;

    fn charge(&self) -> usize {
        self.frame.len() + Self::OVERHEAD
    }
}

impl Replay {
    pub(crate) fn new(limits: ReplayLimits) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            limits,
        }
    }

    /// Keeps an event, and returns the streams that lost one for it. An event that is larger than the limit
    /// is not kept, and no other event is dropped for it: only its own stream cannot be resumed across it.
    pub(crate) fn push(
        &mut self,
        stream: StreamId,
        number: u64,
        frame: Bytes,
        now: Instant,
    ) -> Vec<StreamId> {
        let event = Kept {
            stream,
            number,
            frame,
            since: now,
        };
        let mut losers = Vec::new();
        if event.charge() > self.limits.bytes {
            return losers;
        }
        self.bytes += event.charge();
        self.events.push_back(event);
        while self.bytes > self.limits.bytes || self.events.len() > self.limits.events {
            let of_no_request = |event: &Kept| event.stream == StreamId::STANDALONE;
            let at = self.events.iter().position(of_no_request).unwrap_or(0);
            losers.extend(self.drop_at(at));
        }
        losers
    }

    /// The events of one stream after the given number, in order (SPEC C-54: of no other stream).
    pub(crate) fn after(&self, stream: StreamId, number: u64) -> impl Iterator<Item = &Bytes> {
        self.events
            .iter()
            .filter(move |event| event.stream == stream && event.number > number)
            .map(|event| &event.frame)
    }

    pub(crate) fn holds(&self, stream: StreamId) -> bool {
        self.events.iter().any(|event| event.stream == stream)
    }

    /// Drops expired events.
    pub(crate) fn expire(&mut self, now: Instant) {
        while self
            .events
            .front()
            .is_some_and(|oldest| now.duration_since(oldest.since) >= self.limits.age)
        {
            self.drop_at(0);
        }
    }

    /// Drops all events.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    fn drop_at(&mut self, at: usize) -> Option<StreamId> {
        let event = self.events.remove(at)?;
        self.bytes -= event.charge();
        if self.events.is_empty() {
            // An idle session keeps no buffer.
            self.events = VecDeque::new();
        }
        Some(event.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ReplayLimits = ReplayLimits {
        bytes: 10 + 3 * Kept::OVERHEAD,
        events: 3,
        age: Duration::from_secs(60),
    };

    fn stream(number: u64) -> StreamId {
        StreamId::nth(number)
    }

    fn after(replay: &Replay, of: u64, number: u64) -> Vec<&Bytes> {
        replay.after(stream(of), number).collect()
    }

    /// SPEC C-53, C-54: strictly after, of that stream only.
    #[test]
    fn a_replay_begins_after_the_given_event_and_keeps_to_its_stream() {
        let now = Instant::now();
        let mut replay = Replay::new(LIMITS);
        replay.push(stream(1), 1, "a".into(), now);
        replay.push(stream(2), 1, "b".into(), now);
        replay.push(stream(1), 2, "c".into(), now);
        assert_eq!(after(&replay, 1, 0), ["a", "c"]);
        assert_eq!(after(&replay, 1, 1), ["c"]);
        assert_eq!(after(&replay, 2, 0), ["b"]);
        assert!(after(&replay, 1, 2).is_empty() && after(&replay, 3, 0).is_empty());
    }

    /// SPEC C-28, C-59: events that a client can query again are dropped before those that it cannot.
    #[test]
    fn an_answer_outlasts_changes() {
        let now = Instant::now();
        let mut replay = Replay::new(LIMITS);
        replay.push(stream(1), 1, "a".into(), now);
        for number in 1..=5 {
            replay.push(StreamId::STANDALONE, number, "c".into(), now);
        }
        assert_eq!(after(&replay, 1, 0), ["a"]);
        assert_eq!(after(&replay, 0, 3).len(), 2);
        replay.push(stream(2), 1, "b".into(), now);
        replay.push(stream(2), 2, "b".into(), now);
        assert_eq!(after(&replay, 0, 0).len(), 0);
        assert_eq!(
            (after(&replay, 1, 0).len(), after(&replay, 2, 0).len()),
            (1, 2)
        );
    }

    /// SPEC C-59: the oldest event is dropped, by count, by bytes and by age.
    #[test]
    fn a_replay_is_bounded() {
        let now = Instant::now();
        let mut replay = Replay::new(LIMITS);
        for number in 1..=5 {
            replay.push(stream(1), number, "x".into(), now);
        }
        assert_eq!(after(&replay, 1, 0).len(), 3);
        let long = Bytes::from(vec![b'x'; 9 + Kept::OVERHEAD]);
        replay.push(stream(1), 6, long.clone(), now);
        assert_eq!(after(&replay, 1, 0), [&Bytes::from("x"), &long]);
        replay.expire(now + Duration::from_secs(59));
        assert!(replay.holds(stream(1)));
        replay.expire(now + Duration::from_secs(60));
        assert!(!replay.holds(stream(1)));
        assert_eq!((replay.bytes, replay.events.capacity()), (0, 0));
    }

    /// FIELD X-6: an event that cannot be kept displaces no others.
    #[test]
    fn an_event_larger_than_all_evicts_nothing() {
        let now = Instant::now();
        let mut replay = Replay::new(LIMITS);
        replay.push(stream(1), 1, "a".into(), now);
        let fits = LIMITS.bytes - Kept::OVERHEAD;
        let losers = replay.push(stream(2), 1, vec![b'x'; fits + 1].into(), now);
        assert!(losers.is_empty() && !replay.holds(stream(2)));
        assert_eq!(after(&replay, 1, 0), ["a"]);
        let losers = replay.push(stream(2), 2, vec![b'x'; fits].into(), now);
        assert_eq!(losers, [stream(1)]);
        assert_eq!(replay.bytes, LIMITS.bytes);
    }

    /// FIELD X-6: an event costs more than its text, so the limit of bytes also bounds many tiny events.
    #[test]
    fn tiny_events_are_charged_what_they_cost() {
        let now = Instant::now();
        let mut replay = Replay::new(ReplayLimits {
            events: usize::MAX,
            ..LIMITS
        });
        for number in 1..=100 {
            replay.push(stream(1), number, Bytes::new(), now);
        }
        assert_eq!(replay.events.len(), 3);
    }
}
