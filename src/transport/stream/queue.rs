//! [`queue`]: what waits to be written on a stream of events.
//!
//! Both ends are made together. When the reading end goes, because the client left or does not want
//! a stream, the queue is emptied and takes nothing more, whoever still holds a writing end.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use crate::protocol::stream::{Closed, Connection};
use crate::transport::observe::observer::Observer;

/// What a stream's queue may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// Of heap: each frame is charged [`OVERHEAD`] beside its text.
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
}

/// What a frame costs beside its text: its place in the queue, and what the allocator and the shared
/// buffer add to its bytes.
const OVERHEAD: usize = size_of::<Bytes>() + 32;

fn charge(frame: &Bytes) -> usize {
    frame.len() + OVERHEAD
}

impl QueueLimits {
    /// The same, with room for frames that are there before the first is read.
    pub(crate) fn beside(self, (bytes, frames): (usize, usize)) -> Self {
        let bytes = bytes.saturating_add(frames.saturating_mul(OVERHEAD));
        Self {
            bytes: self.bytes.saturating_add(bytes),
            frames: self.frames.saturating_add(frames),
        }
    }
}

/// Makes both ends of a queue. What is offered at `until` or later is refused, whether or not
/// anybody reads: it is when the identity of the client ends.
pub(crate) fn queue(
    limits: QueueLimits,
    observer: &Arc<Observer>,
    until: Option<Instant>,
) -> (Sender, Receiver) {
    Queue::ends(limits, false, observer, until)
}

/// The same for a stream that outlives its connections: what was queued when it was cut is
/// delivered, and the client resumes after it (SPEC C-44).
pub(crate) fn resumable_queue(
    limits: QueueLimits,
    observer: &Arc<Observer>,
    until: Option<Instant>,
) -> (Sender, Receiver) {
    Queue::ends(limits, true, observer, until)
}

/// The writing end of a queue whose reading end can be claimed later.
pub(super) fn unclaimed_queue(
    limits: QueueLimits,
    observer: &Arc<Observer>,
    until: Option<Instant>,
) -> Sender {
    let queue = Queue::new(limits, false, observer, until);
    queue.lock().is_unclaimed = true;
    Sender(queue)
}

/// The writing end of a queue: bounded in bytes and in frames.
///
/// A client that lets the queue fill up is cut: its stream ends (SPEC B-17). What was queued is
/// dropped, unless the client can come back for the rest.
#[derive(Clone)]
pub(crate) struct Sender(Arc<Queue>);

impl Sender {
    /// Offers a frame that is left out when there is no room for it, where `offer` would cut the
    /// stream.
    pub(crate) fn offer_if_room(&self, frame: Bytes) -> Result<(), Closed> {
        let mut state = self.0.lock();
        if self.0.is_closed(&state) {
            return Err(Closed);
        }
        if self.0.has_room(&state) {
            self.0.push(&mut state, frame);
            wake(state);
        } else {
            self.0.observer.dropped();
        }
        Ok(())
    }

    /// Ends the stream with a frame, for which there is always room. It tells how the stream ended,
    /// so it is taken after the end of the identity, too.
    pub(crate) fn finish_with(&self, frame: Bytes) {
        let mut state = self.0.lock();
        if !state.finished {
            self.0.push(&mut state, frame);
            state.finished = true;
            wake(state);
        }
    }

    /// Takes nothing more, as after the end of the identity. What is queued is still delivered.
    pub(crate) fn expire(&self) {
        self.0.lock().expired = true;
    }

    /// Whether nothing more is taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed(&self.0.lock())
    }

    /// Whether the time of the client is over.
    pub(crate) fn is_late(&self) -> bool {
        self.0.is_late()
    }

    /// Whether nothing more is taken because the identity of the client ended, or was revoked.
    pub(crate) fn is_expired(&self) -> bool {
        let state = self.0.lock();
        !state.was_cut && self.0.is_expired(&state)
    }

    /// The reading end of an [`unclaimed_queue`], the first time.
    pub(super) fn claim(&self) -> Option<Receiver> {
        let is_unclaimed = mem::take(&mut self.0.lock().is_unclaimed);
        is_unclaimed.then(|| Receiver(Arc::clone(&self.0)))
    }

    /// Whether there is something to read.
    pub(super) fn has_output(&self) -> bool {
        !self.0.lock().frames.is_empty()
    }

    fn offer_unless(&self, is_refused: bool, frame: Bytes) -> Result<(), Closed> {
        let mut state = self.0.lock();
        if state.finished || is_refused && self.0.is_expired(&state) {
            return Err(Closed);
        }
        let has_room = self.0.has_room(&state);
        if has_room {
            self.0.push(&mut state, frame);
        } else {
            self.0.cut(&mut state);
        }
        wake(state);
        if has_room { Ok(()) } else { Err(Closed) }
    }
}

impl Connection for Sender {
    fn offer(&mut self, frame: Bytes) -> Result<(), Closed> {
        self.offer_unless(true, frame)
    }

    fn offer_last(&mut self, frame: Bytes) -> Result<(), Closed> {
        self.offer_unless(false, frame)
    }

    fn finish(&mut self) {
        let mut state = self.0.lock();
        state.finished = true;
        wake(state);
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The reading end of a queue. Dropping it empties and closes the queue.
pub(crate) struct Receiver(Arc<Queue>);

impl Receiver {
    /// The next frame; `None` at the end.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.0.lock();
        if let Some(frame) = state.frames.pop_front() {
            let charge = charge(&frame);
            state.bytes -= charge;
            self.0.observer.unqueued(charge);
            if state.frames.is_empty() {
                // A quiet stream keeps no buffer.
                state.frames = VecDeque::new();
            }
            return Poll::Ready(Some(frame));
        }
        if state.finished {
            return Poll::Ready(None);
        }
        state.wait(cx);
        Poll::Pending
    }

    /// Ready when there is something to read, or the stream is over.
    pub(crate) fn poll_output(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if !state.frames.is_empty() || state.finished {
            return Poll::Ready(());
        }
        state.wait(cx);
        Poll::Pending
    }

    /// Whether there is something to read.
    pub(crate) fn has_output(&self) -> bool {
        !self.0.lock().frames.is_empty()
    }

    /// Whether the stream ended before anything was put onto it.
    pub(crate) fn is_empty_for_good(&self) -> bool {
        let state = self.0.lock();
        state.finished && state.frames.is_empty()
    }

    /// Whether the stream ended because its client does not read.
    pub(crate) fn was_cut(&self) -> bool {
        self.0.lock().was_cut
    }

    /// Empties the queue; nothing more is queued, whoever still holds the other end (PITFALLS R-5).
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        self.0.empty(&mut state);
        state.finished = true;
        // It keeps the task of the reader, and is dropped outside the lock.
        let reader = state.reader.take();
        drop(state);
        drop(reader);
    }

    pub(crate) fn observer(&self) -> &Observer {
        &self.0.observer
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.close();
    }
}

/// Why not a channel of tokio's: its first block alone is more than a whole idle session may cost,
/// and it does not count bytes.
struct Queue {
    bytes: usize,
    frames: u32,
    /// Whether what was queued outlasts the cut.
    keeps: bool,
    /// Counts what waits, what is dropped and what is cut.
    observer: Arc<Observer>,
    until: Option<Instant>,
    state: Mutex<QueueState>,
}

#[derive(Default)]
struct QueueState {
    frames: VecDeque<Bytes>,
    /// What the frames are charged.
    bytes: usize,
    finished: bool,
    was_cut: bool,
    /// Whether the identity was revoked.
    expired: bool,
    /// Whether the reading end waits for a response to take it.
    is_unclaimed: bool,
    reader: Option<Waker>,
}

impl QueueState {
    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

/// Wakes the reader, outside the lock.
fn wake(mut state: MutexGuard<'_, QueueState>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Queue {
    fn ends(
        limits: QueueLimits,
        keeps: bool,
        observer: &Arc<Observer>,
        until: Option<Instant>,
    ) -> (Sender, Receiver) {
        let queue = Self::new(limits, keeps, observer, until);
        (Sender(Arc::clone(&queue)), Receiver(queue))
    }

    fn new(
        limits: QueueLimits,
        keeps: bool,
        observer: &Arc<Observer>,
        until: Option<Instant>,
    ) -> Arc<Self> {
        Arc::new(Self {
            bytes: limits.bytes,
            frames: limits.frames.try_into().unwrap_or(u32::MAX),
            keeps,
            observer: Arc::clone(observer),
            until,
            state: Mutex::default(),
        })
    }

    fn is_closed(&self, state: &QueueState) -> bool {
        state.finished || self.is_expired(state)
    }

    fn is_expired(&self, state: &QueueState) -> bool {
        state.expired || self.is_late()
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// A frame cannot be sent in pieces, so the last one may go over the limit of bytes.
    fn has_room(&self, state: &QueueState) -> bool {
        state.bytes < self.bytes && state.frames.len() < self.frames as usize
    }

    fn push(&self, state: &mut QueueState, frame: Bytes) {
        let charge = charge(&frame);
        state.bytes += charge;
        self.observer.queued(charge);
        state.frames.push_back(frame);
    }

    fn cut(&self, state: &mut QueueState) {
        if !self.keeps {
            self.empty(state);
        }
        self.observer.cut();
        state.was_cut = true;
        state.finished = true;
    }

    fn empty(&self, state: &mut QueueState) {
        self.observer.unqueued(state.bytes);
        state.frames = VecDeque::new();
        state.bytes = 0;
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Wake;
    use std::time::Duration;

    use super::*;

    fn limits(bytes: usize, frames: usize) -> QueueLimits {
        QueueLimits { bytes, frames }
    }

    fn frame(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    async fn next(receiver: &Receiver) -> Option<Bytes> {
        poll_fn(|cx| receiver.poll(cx)).await
    }

    /// SPEC B-17: a client that does not read is cut, whichever bound it meets first.
    #[tokio::test]
    async fn a_full_queue_cuts_the_stream() {
        for (bytes, frames, text, fit) in [
            (10_000, 3, "x", 3),
            (2 * (5 + OVERHEAD), 9, "12345", 2),
            (2 * (5 + OVERHEAD), 9, "1234", 3),
            (1, 9, "1234567", 1),
        ] {
            let (mut sender, receiver) = queue(limits(bytes, frames), &Arc::default(), None);
            for _ in 0..fit {
                sender.offer(frame(text)).unwrap();
            }
            assert_eq!(sender.offer(frame(text)), Err(Closed), "{text}");
            assert_eq!(sender.offer(frame("")), Err(Closed));
            assert!(receiver.was_cut() && receiver.is_empty_for_good());
            assert_eq!(next(&receiver).await, None, "what was queued is dropped");
        }
    }

    /// FIELD X-6: a frame costs more than its text, so that many tiny ones are bounded by the bytes.
    #[test]
    fn tiny_frames_are_charged_what_they_cost() {
        let observer = Arc::default();
        let (mut sender, _receiver) = queue(limits(1 << 20, usize::MAX), &observer, None);
        let mut taken = 0;
        while sender.offer(frame("")).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, (1 << 20) / OVERHEAD);
        assert_eq!(observer.snapshot().cuts, 1);
    }

    /// SPEC C-44: a client that resumes has what was queued first.
    #[tokio::test]
    async fn a_full_queue_of_a_resumable_stream_is_delivered() {
        let (mut sender, receiver) = resumable_queue(limits(10_000, 3), &Arc::default(), None);
        for text in ["a", "b", "c"] {
            sender.offer(frame(text)).unwrap();
        }
        assert_eq!(sender.offer(frame("d")), Err(Closed));
        for text in ["a", "b", "c"] {
            assert_eq!(next(&receiver).await.unwrap(), text);
        }
        assert_eq!(next(&receiver).await, None);
    }

    /// A message may be longer than the bound: it cannot be sent in pieces, and no answer is lost for
    /// what was sent before it.
    #[tokio::test]
    async fn a_long_frame_fits_where_there_is_any_room() {
        let small = limits(10 + OVERHEAD, 9);
        let (mut sender, _receiver) = queue(small, &Arc::default(), None);
        sender.offer(frame("short")).unwrap();
        sender.offer(frame("longer than ten bytes")).unwrap();
        assert_eq!(sender.offer(frame("")), Err(Closed), "that was all");
        let (mut sender, receiver) = queue(small, &Arc::default(), None);
        sender.offer(frame("longer than ten bytes")).unwrap();
        assert_eq!(next(&receiver).await.unwrap(), "longer than ten bytes");
    }

    /// SPEC H-14, PITFALLS R-11: what was sent before the end arrives, then the stream ends.
    #[tokio::test]
    async fn a_finished_stream_delivers_what_it_has() {
        let (mut sender, receiver) = queue(limits(1000, 9), &Arc::default(), None);
        sender.offer(frame("a")).unwrap();
        sender.finish();
        assert_eq!(sender.offer(frame("b")), Err(Closed));
        assert_eq!(sender.offer_last(frame("c")), Err(Closed));
        assert_eq!(next(&receiver).await.unwrap(), "a");
        assert_eq!(next(&receiver).await, None);
    }

    /// FIELD X-7, PITFALLS R-5: when the reading end goes, what waited is freed and nothing more is queued,
    /// though writing ends are still held.
    #[test]
    fn a_queue_without_its_reader_takes_nothing() {
        for keeps in [false, true] {
            let observer = Arc::default();
            let (mut sender, receiver) = Queue::ends(limits(1000, 9), keeps, &observer, None);
            sender.offer(frame("a")).unwrap();
            assert_eq!(observer.snapshot().queued_bytes, 1 + OVERHEAD);
            drop(receiver);
            assert_eq!(observer.snapshot().queued_bytes, 0);
            assert_eq!(sender.offer(frame("b")), Err(Closed));
            assert_eq!(sender.offer_if_room(frame("b")), Err(Closed));
            sender.finish_with(frame("b"));
            assert_eq!(observer.snapshot().queued_bytes, 0);
            assert_eq!(observer.snapshot().cuts, 0, "its client was not slow");
        }
    }

    /// FIELD X-7: a writing end that outlives the reading end does not keep the task that read.
    #[test]
    fn a_closed_queue_keeps_no_reader() {
        struct Task;
        impl Wake for Task {
            fn wake(self: Arc<Self>) {}
        }
        let task = Arc::new(Task);
        let waker = Waker::from(Arc::clone(&task));
        let (sender, receiver) = Queue::ends(limits(1000, 9), false, &Arc::default(), None);
        assert!(receiver.poll(&Context::from_waker(&waker)).is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&task), 2);
        drop(receiver);
        assert_eq!(Arc::strong_count(&task), 1);
        drop(sender);
    }

    /// FIELD E-3: after the end of the identity only the last words are taken.
    #[tokio::test(start_paused = true)]
    async fn a_queue_closes_on_time_without_being_read() {
        let second = Duration::from_secs(1);
        let until = Some(Instant::now() + second);
        let (mut sender, receiver) = queue(limits(1000, 9), &Arc::default(), until);
        sender.offer(frame("a")).unwrap();
        tokio::time::advance(second - Duration::from_millis(1)).await;
        sender.offer(frame("b")).unwrap();
        assert!(!sender.is_closed());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(sender.is_closed() && sender.is_expired());
        assert_eq!(sender.offer(frame("c")), Err(Closed));
        assert_eq!(sender.offer_if_room(frame("c")), Err(Closed));
        sender.offer_last(frame("x")).unwrap();
        sender.finish_with(frame("y"));
        for text in ["a", "b", "x", "y"] {
            assert_eq!(next(&receiver).await.unwrap(), text);
        }
        assert_eq!(next(&receiver).await, None);
    }
}
