//! For tests: [`Line`], a connection that keeps what it was offered.

use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::replay::ReplayLimits;
use super::stream::{Closed, Connection, Resumption};
use crate::wire::id::{EventId, Tag};
use crate::wire::sse::{Decoder, Received};

/// A connection that takes frames up to a number. A clone is the same connection, so that a test
/// can look at one that it has given away.
#[derive(Clone, Debug)]
pub(crate) struct Line(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    frames: Vec<Bytes>,
    capacity: usize,
    is_over: bool,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self::holding(usize::MAX)
    }

    /// A connection whose client never reads, and which is full after so many frames.
    pub(crate) fn holding(capacity: usize) -> Self {
        Self(Rc::new(RefCell::new(State {
            frames: Vec::new(),
            capacity,
            is_over: false,
        })))
    }

    fn state(&self) -> Ref<'_, State> {
        self.0.borrow()
    }

    pub(crate) fn len(&self) -> usize {
        self.state().frames.len()
    }

    /// Whether nothing more comes: it was finished, or it let a frame go.
    pub(crate) fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Forgets what came so far.
    pub(crate) fn clear(&self) {
        self.0.borrow_mut().frames.clear();
    }

    /// The bytes that came.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.state().frames.concat()).unwrap()
    }

    /// What a client makes of them, and how long it was told to wait.
    pub(crate) fn read(&self) -> (Vec<Received>, Option<u64>) {
        let mut decoder = Decoder::new();
        let events = decoder.feed(&self.state().frames.concat());
        (events, decoder.retry())
    }

    /// The data of each event.
    pub(crate) fn data(&self) -> Vec<String> {
        self.read().0.into_iter().map(|event| event.data).collect()
    }

    /// The ids of the events.
    pub(crate) fn ids(&self) -> Vec<EventId> {
        let ids = self.read().0.into_iter();
        ids.map(|event| EventId::parse(&event.id).unwrap())
            .collect()
    }

    /// The id that a client comes back with.
    pub(crate) fn last_id(&self) -> EventId {
        self.ids().pop().unwrap()
    }
}

impl Connection for Line {
    fn offer(&mut self, frame: Bytes) -> Result<(), Closed> {
        let mut state = self.0.borrow_mut();
        if state.is_over || state.frames.len() >= state.capacity {
            state.is_over = true;
            return Err(Closed);
        }
        state.frames.push(frame);
        Ok(())
    }

    fn finish(&mut self) {
        self.0.borrow_mut().is_over = true;
    }
}

/// Streams with event ids, and room for all that a test sends.
pub(crate) fn resumption() -> Resumption {
    Resumption {
        tag: Some(Tag::random()),
        limits: ReplayLimits {
            bytes: 1 << 20,
            events: 1 << 10,
            age: Duration::from_secs(60),
        },
        retry: Duration::from_millis(700),
    }
}
