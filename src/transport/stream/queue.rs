//! [`queue`]: the frames that wait to be written on an event stream.
//!
//! Both ends are made together. When the reading end is dropped, because the client left or needs no stream,
//! the queue is emptied. It accepts nothing more, even if a writing end still exists.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use crate::protocol::stream::{Closed, Connection};
use crate::transport::observe::observer::Observer;

/// How much may wait on one stream for a client that reads slowly.
///
/// If a queue fills up, the client loses what the stream belongs to: its HTTP+SSE session, its connection to
/// a stream of Streamable HTTP, which it can resume, or its `subscriptions/listen`. The answer to a request
/// of 2026-07-28 is never lost; notifications about that request are dropped if there is no room for them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct QueueLimits {
    /// Bytes of heap. An event counts as its text plus 64 bytes of overhead; the last event may exceed the
    /// limit. Must be at least 1.
    ///
    /// Default: 1 MiB.
    pub bytes: usize,
    /// Events. Must be at least 1.
    ///
    /// Default: 256.
    pub events: usize,
}

/// What a frame costs in addition to its text: its entry in the queue, and what the allocator and the shared
/// buffer add to its bytes.
const OVERHEAD: usize = size_of::<Bytes>() + 32;

fn charge(frame: &Bytes) -> usize {
    frame.len() + OVERHEAD
}

impl QueueLimits {
    const BYTES: usize = 1024 * 1024;
    const EVENTS: usize = 256;

    /// The same limits with extra room for `frames` that exist before the first one is read, whose texts have
    /// `bytes` in total.
    pub(crate) fn with_room_for(self, (bytes, frames): (usize, usize)) -> Self {
        let bytes = bytes.saturating_add(frames.saturating_mul(OVERHEAD));
        Self {
            bytes: self.bytes.saturating_add(bytes),
            events: self.events.saturating_add(frames),
        }
    }
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            bytes: Self::BYTES,
            events: Self::EVENTS,
        }
    }
}

/// Makes both ends of a queue. `until` is when the identity of the client ends: from then on the queue
/// refuses frames, even if nothing reads it.
pub(crate) fn queue(
    limits: QueueLimits,
    observer: &Arc<Observer>,
    until: Option<Instant>,
) -> (Sender, Receiver) {
    ends(Queue::new(limits, OnCut::Discard, observer, until))
}

/// The same for a stream that outlives its connections: what was queued before a cut is delivered, and
/// the client resumes after it (SPEC C-44).
pub(crate) fn resumable_queue(
    limits: QueueLimits,
    observer: &Arc<Observer>,
    until: Option<Instant>,
) -> (Sender, Receiver) {
    ends(Queue::new(limits, OnCut::Deliver, observer, until))
}

fn ends(queue: Arc<Queue>) -> (Sender, Receiver) {
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

/// The writing end of a queue whose reading end is [claimed](Sender::claim) later.
pub(super) fn unclaimed_queue(
    limits: QueueLimits,
    observer: &Arc<Observer>,
    until: Option<Instant>,
) -> Sender {
    let queue = Queue::new(limits, OnCut::Discard, observer, until);
    queue.lock().is_unclaimed = true;
    Sender(queue)
}

/// The writing end of a queue: bounded in bytes and in frames.
///
/// If the queue fills up, the stream is cut: it ends (SPEC B-17). What was queued is dropped, unless the
/// client can resume.
#[derive(Clone)]
pub(crate) struct Sender(Arc<Queue>);

/// Why a queue accepts nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// Its client does not read.
    Cut,
    /// The identity of its client ended or was revoked.
    Expired,
    /// The server finished it, or its client left.
    Finished,
}

impl Sender {
    /// Offers a frame, and drops it if there is no room, where `offer` would cut the stream. Gives whether there was.
    pub(crate) fn offer_if_room(&self, frame: Bytes) -> Result<bool, Closed> {
        let mut state = self.0.lock();
        if self.0.is_closed(&state) {
            return Err(Closed);
        }
        let has_room = self.0.has_room(&state);
        if has_room {
            self.0.push(&mut state, frame);
            wake(state);
        } else {
            self.0.observer.dropped();
        }
        Ok(has_room)
    }

    /// Whether so much waits to be read that news should rather wait until they are old no more.
    #[cfg(feature = "server")]
    pub(crate) fn is_behind(&self) -> bool {
        const BEHIND: usize = 4;
        let state = self.0.lock();
        state.frames.len() >= BEHIND || state.bytes >= self.0.bytes / 2
    }

    /// Ends the stream with a frame, for which there is always room. The frame says how the stream ended,
    /// so it is taken even after the identity has ended.
    pub(crate) fn finish_with(&self, frame: Bytes) {
        let mut state = self.0.lock();
        if !state.finished {
            self.0.push(&mut state, frame);
            state.finished = true;
            wake(state);
        }
    }

    /// Closes the queue because the identity was revoked. What is queued is still delivered.
    pub(crate) fn expire(&self) {
        self.0.lock().expired = true;
    }

    /// Why the queue accepts nothing more; `None` while it is open.
    pub(crate) fn end(&self) -> Option<StreamEnd> {
        let state = self.0.lock();
        if state.was_cut {
            Some(StreamEnd::Cut)
        } else if self.0.is_expired(&state) {
            Some(StreamEnd::Expired)
        } else {
            state.finished.then_some(StreamEnd::Finished)
        }
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

    fn push_or_cut(
        &self,
        mut state: MutexGuard<'_, QueueState>,
        frame: Bytes,
    ) -> Result<(), Closed> {
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
        let state = self.0.lock();
        if self.0.is_closed(&state) {
            return Err(Closed);
        }
        self.push_or_cut(state, frame)
    }

    /// Accepted even after the identity has ended.
    fn offer_last(&mut self, frame: Bytes) -> Result<(), Closed> {
        let state = self.0.lock();
        if state.finished {
            return Err(Closed);
        }
        self.push_or_cut(state, frame)
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
                // An idle stream keeps no buffer.
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

    /// Whether the stream has ended with nothing left to read.
    pub(crate) fn is_empty_for_good(&self) -> bool {
        let state = self.0.lock();
        state.finished && state.frames.is_empty()
    }

    /// Whether the stream ended because its client does not read.
    pub(crate) fn was_cut(&self) -> bool {
        self.0.lock().was_cut
    }

    /// Empties and closes the queue, even while writing ends exist (PITFALLS R-5).
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        self.0.empty(&mut state);
        state.finished = true;
        // A waker can own the task of the reader, so it is dropped outside the lock.
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

/// Not a tokio channel, because its first block alone costs more than a whole idle session may, and because
/// it cannot be bounded in bytes.
struct Queue {
    bytes: usize,
    frames: u32,
    on_cut: OnCut,
    /// Counts what waits, what is dropped and what is cut.
    observer: Arc<Observer>,
    /// When the identity of the client ends.
    until: Option<Instant>,
    state: Mutex<QueueState>,
}

/// What happens to the queued frames when the stream is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnCut {
    Discard,
    Deliver,
}

#[derive(Default)]
struct QueueState {
    frames: VecDeque<Bytes>,
    /// The charged size of the frames.
    bytes: usize,
    finished: bool,
    was_cut: bool,
    /// Whether the identity was revoked.
    expired: bool,
    /// Whether the reading end is still to be claimed.
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
    fn new(
        limits: QueueLimits,
        on_cut: OnCut,
        observer: &Arc<Observer>,
        until: Option<Instant>,
    ) -> Arc<Self> {
        Arc::new(Self {
            bytes: limits.bytes,
            frames: limits.events.try_into().unwrap_or(u32::MAX),
            on_cut,
            observer: Arc::clone(observer),
            until,
            state: Mutex::default(),
        })
    }

    fn is_closed(&self, state: &QueueState) -> bool {
        state.finished || self.is_expired(state)
    }

    fn is_expired(&self, state: &QueueState) -> bool {
        let is_late = |until| Instant::now() >= until;
        state.expired || self.until.is_some_and(is_late)
    }

    /// A frame cannot be sent in pieces, so the last one may exceed the limit of bytes.
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
        if self.on_cut == OnCut::Discard {
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

    fn limits(bytes: usize, events: usize) -> QueueLimits {
        QueueLimits { bytes, events }
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
            assert_eq!(sender.end(), Some(StreamEnd::Cut));
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

    /// SPEC C-44: a client that resumes gets what was queued first.
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

    /// A message may be longer than the bound. It cannot be sent in pieces, and no answer may be lost
    /// because of what was sent before it.
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

    /// FIELD X-7, PITFALLS R-5: when the reading end is dropped, what waited is freed and nothing more is
    /// queued, even while writing ends exist.
    #[test]
    fn a_queue_without_its_reader_takes_nothing() {
        for make in [queue, resumable_queue] {
            let observer = Arc::default();
            let (mut sender, receiver) = make(limits(1000, 9), &observer, None);
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
        let (sender, receiver) = queue(limits(1000, 9), &Arc::default(), None);
        assert!(receiver.poll(&Context::from_waker(&waker)).is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&task), 2);
        drop(receiver);
        assert_eq!(Arc::strong_count(&task), 1);
        drop(sender);
    }

    /// FIELD E-3: after the identity has ended, only the final frame is accepted.
    #[tokio::test(start_paused = true)]
    async fn a_queue_closes_on_time_without_being_read() {
        let second = Duration::from_secs(1);
        let until = Some(Instant::now() + second);
        let (mut sender, receiver) = queue(limits(1000, 9), &Arc::default(), until);
        sender.offer(frame("a")).unwrap();
        tokio::time::advance(second - Duration::from_millis(1)).await;
        sender.offer(frame("b")).unwrap();
        assert_eq!(sender.end(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(sender.end(), Some(StreamEnd::Expired));
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
