//! Streams against a model of them: lists that only grow, one client for each stream, and no
//! buffer, cursor or frame. Whatever the two go through, the client has each event once and in
//! order.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::line::{Line, resumption};
use super::stream::{Attachment, Streams};
use crate::wire::id::{EventId, StreamId};
use crate::wire::jsonrpc::Outgoing;

/// The standalone stream and three of POSTs.
const STREAMS: usize = 4;

/// What happens to a stream, a number below [`STREAMS`].
#[derive(Clone, Copy, Debug)]
enum Op {
    Begin(usize),
    Push(usize),
    Prime(usize),
    Pause(usize),
    End(usize),
    /// A client that knows nothing connects; it takes so many events, if it does not read.
    Attach(usize, usize),
    /// The client comes back with the id of an event it has seen: the last, or so many before.
    Resume(usize, usize, usize),
    /// The connection breaks. What was not read is lost.
    Detach(usize),
    /// It is noticed that connections are gone whose place others have taken.
    Notice,
    /// The client reads up to so many events.
    Read(usize, usize),
    /// So many seconds pass.
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let stream = || 0..STREAMS;
    let capacity = || prop_oneof![0..6_usize, Just(usize::MAX)];
    prop_oneof![
        1 => stream().prop_map(Op::Begin),
        8 => stream().prop_map(Op::Push),
        1 => stream().prop_map(Op::Prime),
        1 => stream().prop_map(Op::Pause),
        1 => stream().prop_map(Op::End),
        2 => (stream(), capacity()).prop_map(|(stream, capacity)| Op::Attach(stream, capacity)),
        4 => (stream(), prop_oneof![3 => Just(0), 1 => 0..4_usize], capacity())
            .prop_map(|(stream, back, capacity)| Op::Resume(stream, back, capacity)),
        2 => stream().prop_map(Op::Detach),
        1 => Just(Op::Notice),
        6 => (stream(), 0..4_usize).prop_map(|(stream, events)| Op::Read(stream, events)),
        1 => (0..40_u64).prop_map(Op::Wait),
    ]
}

/// One stream as it ought to be.
struct Plain {
    id: StreamId,
    primes: bool,
    begun: bool,
    ended: bool,
    /// Every event that was ever sent.
    log: Vec<String>,
    /// How many of them some connection took.
    taken: usize,
    /// The first connection is closed again.
    pausing: bool,
    /// Nobody was connected yet to the stream of a POST, whose client is on its way.
    early: bool,
    /// The client of a POST left before the first event.
    lost: bool,
    client: Client,
}

/// The client of a stream. It has no connection as long as `line` is over.
struct Client {
    line: Line,
    attachment: Option<Attachment>,
    is_connected: bool,
    /// How many more events the connection takes.
    room: usize,
    /// How many events went before the first one of this connection.
    start: usize,
    /// How many of this connection's events were read.
    read: usize,
    /// How many events went before the first one that this client can know of.
    skipped: usize,
    /// All that it has read, over all its connections, and the ids.
    seen: Vec<(String, EventId)>,
}

impl Client {
    fn new() -> Self {
        Self {
            line: Line::new(),
            attachment: None,
            is_connected: false,
            room: 0,
            start: 0,
            read: 0,
            skipped: 0,
            seen: Vec::new(),
        }
    }

    fn read(&mut self, most: usize) {
        let events = self.line.data().into_iter().zip(self.line.ids());
        let fresh: Vec<_> = events.skip(self.read).take(most).collect();
        self.read += fresh.len();
        self.seen.extend(fresh);
    }
}

/// The streams, and what they ought to be.
struct World {
    streams: Streams<Line>,
    plain: Vec<Plain>,
    /// The events that can be had again: stream, number from 1, time.
    kept: Vec<(usize, usize, Instant)>,
    most_kept: usize,
    age: Duration,
    now: Instant,
    /// Every event id that was seen, and the event that it names.
    names: HashMap<EventId, (usize, usize)>,
    said: usize,
    replaced: Vec<Attachment>,
}

impl World {
    fn new(primes: [bool; STREAMS], most_kept: usize) -> Self {
        let mut resumption = resumption();
        resumption.limits.events = most_kept;
        let mut streams = Streams::resumable(resumption);
        let plain = primes.into_iter().enumerate().map(|(index, primes)| Plain {
            id: match index {
                0 => StreamId::STANDALONE,
                _ => streams.open(primes),
            },
            primes: primes && index > 0,
            begun: false,
            ended: false,
            log: Vec::new(),
            taken: 0,
            pausing: false,
            early: index > 0,
            lost: false,
            client: Client::new(),
        });
        Self {
            plain: plain.collect(),
            streams,
            kept: Vec::new(),
            most_kept,
            age: resumption.limits.age,
            now: Instant::now(),
            names: HashMap::new(),
            said: 0,
            replaced: Vec::new(),
        }
    }

    /// How many events behind this one can be had again.
    fn kept_after(&self, index: usize, number: usize) -> usize {
        let is_meant = |kept: &&(usize, usize, Instant)| kept.0 == index && kept.1 > number;
        self.kept.iter().filter(is_meant).count()
    }

    fn exists(&self, index: usize) -> bool {
        let plain = &self.plain[index];
        let waits = plain.early && !plain.log.is_empty();
        !plain.ended || waits || self.kept_after(index, 0) > 0
    }

    fn sent(&mut self, index: usize, event: String) {
        let plain = &mut self.plain[index];
        if plain.lost {
            return;
        }
        plain.log.push(event);
        self.kept.push((index, plain.log.len(), self.now));
        while self.kept.len() > self.most_kept {
            // What belongs to no request goes first.
            let first = self.kept.iter().position(|kept| kept.0 == 0);
            self.kept.remove(first.unwrap_or(0));
        }
        let client = &mut plain.client;
        if client.is_connected && client.room > 0 {
            client.room -= 1;
            plain.taken += 1;
        } else {
            client.is_connected = false;
        }
    }

    fn begin(&mut self, index: usize) {
        let plain = &mut self.plain[index];
        if !std::mem::replace(&mut plain.begun, true) && plain.primes {
            self.sent(index, String::new());
        }
    }

    /// A connection takes the place of the one there was.
    fn connected(
        &mut self,
        index: usize,
        after: usize,
        line: Line,
        capacity: usize,
        attachment: Attachment,
    ) {
        let kept = self.kept_after(index, after);
        let plain = &mut self.plain[index];
        // The first one has it all, however little is kept.
        let missed = if std::mem::take(&mut plain.early) {
            plain.log.len()
        } else {
            kept
        };
        let at_once = missed.min(capacity);
        let old = &plain.client;
        assert!(old.attachment.is_none() || old.line.is_over(), "SPEC C-40");
        self.replaced.extend(old.attachment);
        plain.client = Client {
            line,
            attachment: Some(attachment),
            is_connected: missed <= capacity && !plain.ended,
            room: capacity - at_once,
            start: plain.log.len() - missed,
            read: 0,
            ..std::mem::replace(&mut plain.client, Client::new())
        };
        plain.taken = plain.client.start + at_once;
        plain.lost = false;
    }

    /// The connection gets one more event, which says when to come back, and is closed (SPEC C-62).
    fn dismissed(&mut self, index: usize) {
        self.sent(index, String::new());
        self.plain[index].client.is_connected = false;
    }

    fn apply(&mut self, op: Op) {
        let now = self.now;
        match op {
            Op::Begin(index) => {
                let begun = self.streams.begin(self.plain[index].id, now);
                assert_eq!(begun.is_ok(), !self.plain[index].ended);
                if begun.is_ok() {
                    self.begin(index);
                }
            }
            Op::Push(index) => {
                self.said += 1;
                let word = format!("{}", self.said);
                let message = Outgoing::Notification(&word, None);
                let pushed = self.streams.push(self.plain[index].id, message, now);
                assert_eq!(pushed.is_ok(), !self.plain[index].ended);
                if pushed.is_ok() {
                    self.begin(index);
                    self.sent(index, format!(r#"{{"jsonrpc":"2.0","method":"{word}"}}"#));
                }
            }
            Op::Prime(index) => {
                let primed = self.streams.prime(self.plain[index].id, now);
                assert_eq!(primed.is_ok(), !self.plain[index].ended);
                if primed.is_ok() {
                    self.sent(index, String::new());
                }
            }
            Op::Pause(index) => {
                let can_pause = self.plain[index].primes && !self.plain[index].ended;
                assert_eq!(self.streams.pause(self.plain[index].id, now), can_pause);
                if can_pause {
                    self.begin(index);
                    let plain = &mut self.plain[index];
                    if plain.client.is_connected {
                        self.dismissed(index);
                    } else {
                        plain.pausing = plain.taken == 0;
                    }
                }
            }
            // The standalone stream has no end.
            Op::End(0) => {}
            Op::End(index) => {
                self.streams.end(self.plain[index].id);
                self.plain[index].ended = true;
                self.plain[index].client.is_connected = false;
            }
            Op::Attach(index, capacity) => {
                let line = Line::holding(capacity);
                let id = self.plain[index].id;
                let attached = self.streams.attach(id, line.clone(), now);
                assert_eq!(attached.is_some(), self.exists(index));
                if let Some(attachment) = attached {
                    let taken = self.plain[index].taken;
                    self.connected(index, taken, line, capacity, attachment);
                    let pausing = std::mem::take(&mut self.plain[index].pausing);
                    if pausing && self.plain[index].client.is_connected {
                        self.dismissed(index);
                    }
                    let client = &mut self.plain[index].client;
                    client.seen.clear();
                    client.skipped = client.start;
                }
            }
            Op::Resume(index, back, capacity) => self.resume(index, back, capacity),
            Op::Detach(index) => {
                let plain = &mut self.plain[index];
                let client = &mut plain.client;
                if let Some(attachment) = client.attachment {
                    self.streams.detach(attachment);
                    plain.lost |= index > 0 && client.is_connected && plain.log.is_empty();
                    client.is_connected = false;
                    client.line.clear();
                    client.attachment = None;
                }
            }
            Op::Notice => {
                for attachment in self.replaced.drain(..) {
                    self.streams.detach(attachment);
                }
            }
            Op::Read(index, most) => self.plain[index].client.read(most),
            Op::Wait(seconds) => {
                self.now += Duration::from_secs(seconds);
                self.streams.expire(self.now);
                let oldest = self.now - self.age;
                self.kept.retain(|kept| kept.2 > oldest);
            }
        }
    }

    fn resume(&mut self, index: usize, back: usize, capacity: usize) {
        let seen = &self.plain[index].client.seen;
        let Some(at) = seen.len().checked_sub(back + 1) else {
            return;
        };
        let number = self.plain[index].client.skipped + at + 1;
        let line = Line::holding(capacity);
        let resumed = self.streams.resume(&seen[at].1, line.clone());
        let missed = self.plain[index].log.len() - number;
        let is_whole = self.kept_after(index, number) == missed;
        let has_all = self.plain[index].ended && missed == 0;
        assert_eq!(
            resumed.is_some(),
            self.exists(index) && is_whole && !has_all,
            "SPEC C.2 row 10a"
        );
        if let Some(attachment) = resumed {
            self.connected(index, number, line, capacity, attachment);
            assert_eq!(self.plain[index].client.start, number, "SPEC C-53");
            self.plain[index].client.seen.truncate(at + 1);
        } else {
            assert_eq!(line.len(), 0);
        }
    }

    /// What holds at any time.
    fn check(&mut self) {
        for (index, plain) in self.plain.iter().enumerate() {
            let client = &plain.client;
            if client.attachment.is_some() {
                // What the connection was given is what it should be, up to where it should be.
                let given = &plain.log[client.start..plain.taken];
                assert_eq!(client.line.data(), given, "stream {index}");
                assert_eq!(
                    client.line.is_over(),
                    !client.is_connected,
                    "stream {index}"
                );
            }
            if client.is_connected {
                assert_eq!(plain.taken, plain.log.len(), "stream {index} is up to date");
            }
            let seen = client.seen.iter().map(|(data, _)| data);
            let log = plain.log.iter().skip(client.skipped);
            let in_order = seen.zip(log).all(|(seen, sent)| seen == sent);
            assert!(in_order, "stream {index}: each once and in order");
            // SPEC C-51.
            let number = client.skipped + 1;
            for (number, (_, id)) in (number..).zip(&client.seen) {
                let event = (index, number);
                assert_eq!(*self.names.entry(id.clone()).or_insert(event), event);
            }
        }
        let anyone = self.plain.iter().any(|plain| plain.client.is_connected);
        assert_eq!(self.streams.is_connected(), anyone);
    }

    /// Whoever comes back at last has all that there is.
    fn conclude(&mut self) {
        for index in 0..STREAMS {
            self.apply(Op::Read(index, usize::MAX));
            let last = self.plain[index].client.seen.len();
            if last > 0 {
                self.resume(index, 0, usize::MAX);
            } else {
                self.apply(Op::Attach(index, usize::MAX));
            }
            self.apply(Op::Read(index, usize::MAX));
            let plain = &self.plain[index];
            let Client { seen, skipped, .. } = &plain.client;
            let missed = plain.log.len() - skipped - seen.len();
            let number = skipped + seen.len();
            if self.exists(index) && self.kept_after(index, number) == missed {
                let seen: Vec<_> = seen.iter().map(|(data, _)| data).collect();
                let sent: Vec<_> = plain.log.iter().skip(*skipped).collect();
                assert_eq!(seen, sent, "stream {index} at last");
            }
        }
    }
}

proptest! {
    /// SPEC C-38, C-41, C-51, C-53, C-54, C-59: a client that resumes behind the last event it saw
    /// has every event of its stream once and in order, as long as they are kept.
    #[test]
    fn every_event_comes_once_and_in_order(
        primes in any::<[bool; STREAMS]>(),
        most_kept in prop_oneof![Just(1_000_usize), 0..12_usize],
        ops in prop::collection::vec(op(), 0..80),
    ) {
        let mut world = World::new(primes, most_kept);
        for op in ops {
            world.apply(op);
            world.check();
        }
        world.conclude();
    }
}
