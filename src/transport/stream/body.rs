//! Reads request bodies; response bodies: empty, a whole message, or a stream of events with its keep-alive.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::lease::Lease;
use super::queue::Receiver;
use crate::protocol::rejection::Rejection;
use crate::transport::answer::first::at_once;
use crate::transport::intake::buffers::Buffers;
use crate::transport::observe::observer::ServiceEvent;
use crate::wire::pieces::Pieces;
use crate::wire::sse;

/// The body of every response of the service.
///
/// A body of events ends when what it tells of ends. Dropping it tells that the client is gone,
/// which ends an HTTP+SSE session and cancels a request of 2026-07-28.
pub struct ResponseBody(Kind);

enum Kind {
    /// Empty, or given out.
    Empty,
    Full(Bytes),
    /// The rest of a long message. None of the pieces is empty.
    Pieces(vec::IntoIter<Bytes>),
    Events(Events),
}

impl ResponseBody {
    pub(crate) const fn empty() -> Self {
        Self(Kind::Empty)
    }

    pub(crate) fn full(message: impl Into<Pieces>) -> Self {
        Self(match message.into() {
            Pieces::One(bytes) if bytes.is_empty() => Kind::Empty,
            Pieces::One(bytes) => Kind::Full(bytes),
            Pieces::Several(pieces) => Kind::Pieces(pieces.into_iter()),
        })
    }

    /// The bytes that were not given out yet, of a body that is no stream.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match &self.0 {
            Kind::Full(bytes) => bytes.to_vec(),
            Kind::Pieces(pieces) => pieces.as_slice().concat(),
            Kind::Empty | Kind::Events(_) => Vec::new(),
        }
    }

    /// A stream of the frames in a queue; `held` is dropped with the body.
    pub(crate) fn events(
        receiver: Receiver,
        keep_alive: Option<Duration>,
        held: impl Any + Send + Sync,
    ) -> Self {
        Self(Kind::Events(Events::new(
            receiver,
            keep_alive,
            Box::new(held),
        )))
    }

    /// The same; `over` is called when the lease ends, and has to end the stream.
    pub(crate) fn leased(
        mut self,
        lease: Lease,
        over: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        if let Kind::Events(events) = &mut self.0
            && !lease.is_endless()
        {
            let over: Box<dyn FnOnce() + Send + Sync> = Box::new(over);
            events.expiry = Some(Box::new((lease, over)));
        }
        self
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut self.0 {
            Kind::Events(events) => ready!(events.poll(cx)),
            Kind::Empty => None,
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Some(bytes)
            }
            Kind::Pieces(pieces) => pieces.next(),
        };
        Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Pieces(pieces) => pieces.as_slice().is_empty(),
            Kind::Full(_) | Kind::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Pieces(pieces) => {
                let len: usize = pieces.as_slice().iter().map(Bytes::len).sum();
                SizeHint::with_exact(len as u64)
            }
            Kind::Events(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Empty => "ResponseBody(empty)",
            Kind::Full(_) | Kind::Pieces(_) => "ResponseBody(full)",
            Kind::Events(_) => "ResponseBody(events)",
        })
    }
}

struct Events {
    receiver: Receiver,
    has_begun: bool,
    keep_alive: Option<KeepAlive>,
    /// Dropped when the client is gone, which is how the owner learns of it.
    held: Option<Box<dyn Any + Send + Sync>>,
    /// How long the stream may last. On the heap, since most may last for ever.
    expiry: Option<Box<Expiry>>,
}

type Expiry = (Lease, Box<dyn FnOnce() + Send + Sync>);

impl Events {
    fn new(
        receiver: Receiver,
        keep_alive: Option<Duration>,
        held: Box<dyn Any + Send + Sync>,
    ) -> Self {
        receiver.observer().stream_opened();
        Self {
            receiver,
            has_begun: false,
            keep_alive: keep_alive.map(KeepAlive::new),
            held: Some(held),
            expiry: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.expire(cx);
        let polled = self.poll_queue(cx);
        // The next keep-alive may have moved behind the end of the lease.
        if polled.is_pending() && self.expire(cx) {
            return self.poll_queue(cx);
        }
        polled
    }

    /// Ends the stream when its lease is over, and says so then.
    fn expire(&mut self, cx: &mut Context<'_>) -> bool {
        let keep_alive = self.keep_alive.as_ref();
        let comes_back = keep_alive.map(|keep_alive| keep_alive.timer.deadline());
        let is_over = |expiry: &mut Box<Expiry>| expiry.0.poll_over(cx, comes_back).is_ready();
        if self.expiry.as_mut().is_some_and(is_over)
            && let Some(expiry) = self.expiry.take()
        {
            (expiry.1)();
            return true;
        }
        false
    }

    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.receiver.poll(cx) {
            Poll::Ready(frame) => {
                self.has_begun = true;
                if let Some(keep_alive) = &mut self.keep_alive {
                    keep_alive.quiet_since = Instant::now();
                }
                Poll::Ready(frame)
            }
            // There are proxies that hold the head of a response back until its first byte (PITFALLS R-19).
            Poll::Pending if !self.has_begun => {
                self.has_begun = true;
                Poll::Ready(Some(sse::KEEP_ALIVE))
            }
            Poll::Pending => match &mut self.keep_alive {
                Some(keep_alive) => {
                    let comment = ready!(keep_alive.poll(cx));
                    self.receiver.observer().kept_alive();
                    Poll::Ready(Some(comment))
                }
                None => Poll::Pending,
            },
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let observer = self.receiver.observer();
        // A cut happens under locks, where the hook must not be called.
        if self.receiver.was_cut() {
            observer.tell(&ServiceEvent::StreamCut);
        }
        // The owner of the stream learns first that its client is gone, then the writers.
        self.held = None;
        self.receiver.close();
        observer.stream_ended();
    }
}

/// Writes a comment when nothing else was written for a while (SPEC B-17, H-13, PITFALLS R-20).
struct KeepAlive {
    period: Duration,
    quiet_since: Instant,
    /// On the heap, so that bodies without a timer stay small.
    timer: Pin<Box<Sleep>>,
}

impl KeepAlive {
    fn new(period: Duration) -> Self {
        Self {
            period,
            quiet_since: Instant::now(),
            timer: Box::pin(tokio::time::sleep(period)),
        }
    }

    /// An event moves `quiet_since` and leaves the timer alone, so that a busy stream does not pay
    /// for one; a timer that fires too early is set again.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let is_due = now >= self.quiet_since + self.period;
            if is_due {
                self.quiet_since = now;
            }
            self.timer.as_mut().reset(self.quiet_since + self.period);
            if is_due {
                return Poll::Ready(sse::KEEP_ALIVE);
            }
        }
    }
}

/// Reads a request body up to `limit` bytes within `timeout`. A body that comes in one piece is not
/// copied; a longer one is copied into one buffer, whose size follows what has arrived.
///
/// # Errors
///
/// Too large, declared or seen (SPEC B.1, PITFALLS R-43), too slow (PITFALLS R-45), or cut short.
pub(crate) async fn read<B>(
    body: B,
    (limit, timeout): (usize, Duration),
    buffers: &Arc<Buffers>,
) -> Result<Bytes, Rejection>
where
    B: Body,
{
    let declared = body.size_hint().lower();
    if declared > limit as u64 {
        return Err(Rejection::BodyTooLarge { limit });
    }
    let mut reading = pin!(gather(body, declared as usize, limit, buffers));
    // Most bodies are there with their head, and need no timer.
    if let Some(body) = at_once(reading.as_mut()).await {
        return body;
    }
    tokio::time::timeout(timeout, reading)
        .await
        .unwrap_or(Err(Rejection::BodyTimeout { limit: timeout }))
}

async fn gather<B: Body>(
    body: B,
    declared: usize,
    limit: usize,
    buffers: &Arc<Buffers>,
) -> Result<Bytes, Rejection> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut buffer = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Rejection::BodyIncomplete)?;
        // Trailers say nothing about a message.
        let Ok(mut piece) = frame.into_data() else {
            continue;
        };
        if first.len() + buffer.len() + piece.remaining() > limit {
            return Err(Rejection::BodyTooLarge { limit });
        }
        // More is to come of a body that declares more. Its first piece is copied at once too, because
        // hyper can read into the buffer of a piece again as soon as the piece is dropped.
        let may_be_all = piece.remaining() >= declared;
        if may_be_all && first.is_empty() && buffer.is_empty() {
            first = piece.copy_to_bytes(piece.remaining());
            continue;
        }
        if buffer.capacity() == 0 {
            buffer = buffers.for_body(declared);
        }
        if !first.is_empty() {
            make_room(&mut buffer, first.len(), declared);
            buffer.extend_from_slice(&std::mem::take(&mut first));
        }
        make_room(&mut buffer, piece.remaining(), declared);
        while piece.has_remaining() {
            let chunk = piece.chunk();
            let len = chunk.len();
            buffer.extend_from_slice(chunk);
            piece.advance(len);
        }
    }
    Ok(if buffer.is_empty() {
        first
    } else {
        buffers.body(buffer)
    })
}

/// By how much a buffer grows at most when the client did not declare a length.
const GROWTH: usize = 256 * 1024;

/// How many times what has arrived a buffer may be when the client declared a length. hyper gives pieces
/// of some 400 KiB, so the buffer of a body of 1 MiB is allocated once, at its final size.
const AHEAD: usize = 3;

/// Makes room for a piece that has arrived. A client gets memory for bytes that it sent, not for a length
/// that it declared: the buffer is at most [`AHEAD`] times what has arrived. While the buffer moves
/// there are two of it, which are two bodies at most (PITFALLS R-44): it does not outgrow a declared length,
/// and grows in smaller steps when none is declared.
fn make_room(buffer: &mut Vec<u8>, piece: usize, declared: usize) {
    let needed = buffer.len() + piece;
    if needed <= buffer.capacity() {
        return;
    }
    let larger = match declared {
        declared if declared >= needed => declared.min(AHEAD * needed),
        // None is declared, or less than has come.
        _ => buffer.capacity() + buffer.capacity().min(GROWTH),
    };
    buffer.reserve_exact(needed.max(larger) - buffer.len());
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::sync::Mutex;

    use super::*;
    use crate::protocol::stream::{Closed, Connection};
    use crate::transport::stream::lease::{Revocation, lease_table};
    use crate::transport::stream::queue::{QueueLimits, Sender, queue};

    const LIMITS: QueueLimits = QueueLimits {
        bytes: 10_000,
        frames: 100,
    };

    fn ends() -> (Sender, Receiver) {
        queue(LIMITS, &Arc::default(), None)
    }

    fn frame(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    async fn next(body: &mut ResponseBody) -> Option<Bytes> {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        frame.unwrap().into_data().ok()
    }

    /// PITFALLS R-19: a stream that has nothing to say yet, with or without keep-alives, says a comment at once.
    #[tokio::test(start_paused = true)]
    async fn a_stream_with_nothing_to_say_begins_with_a_comment() {
        for keep_alive in [None, Some(Duration::from_secs(15))] {
            let (mut sender, receiver) = ends();
            let start = Instant::now();
            let mut body = ResponseBody::events(receiver, keep_alive, ());
            assert_eq!(next(&mut body).await.unwrap(), sse::KEEP_ALIVE);
            assert_eq!(start.elapsed(), Duration::ZERO);
            sender.offer(frame("x")).unwrap();
            assert_eq!(next(&mut body).await.unwrap(), "x", "and no other");
        }
    }

    /// SPEC B-17, H-10, PITFALLS R-20: a comment after every quiet period, and only then.
    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_is_kept_alive() {
        let (mut sender, receiver) = ends();
        let start = Instant::now();
        let mut body = ResponseBody::events(receiver, Some(Duration::from_secs(15)), ());
        sender.offer(frame("first")).unwrap();
        assert_eq!(next(&mut body).await.unwrap(), "first");
        assert_eq!(next(&mut body).await.unwrap(), sse::KEEP_ALIVE);
        assert_eq!(start.elapsed().as_secs(), 15);
        tokio::time::advance(Duration::from_secs(10)).await;
        sender.offer(frame("x")).unwrap();
        assert_eq!(next(&mut body).await.unwrap(), "x");
        assert_eq!(next(&mut body).await.unwrap(), sse::KEEP_ALIVE);
        assert_eq!(start.elapsed().as_secs(), 15 + 10 + 15);
    }

    /// FIELD E-3: the end of a lease needs no reader. Under the flow control of HTTP/2 a body may not be
    /// polled for long; it then has what was queued before, and ends.
    #[tokio::test(start_paused = true)]
    async fn what_is_queued_after_the_end_of_a_lease_is_never_sent() {
        let end = Some(Instant::now() + Duration::from_secs(1));
        let (mut sender, receiver) = queue(LIMITS, &Arc::default(), end);
        let mut connection = sender.clone();
        let mut body = ResponseBody::events(receiver, Some(Duration::from_secs(15)), ())
            .leased(Lease::until(end), move || connection.finish());
        sender.offer(frame("before")).unwrap();
        assert_eq!(next(&mut body).await.unwrap(), "before");
        sender.offer(frame("unread")).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..10 {
            assert_eq!(sender.offer(frame("after")), Err(Closed));
            assert_eq!(sender.offer_if_room(frame("after")), Err(Closed));
        }
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(next(&mut body).await.unwrap(), "unread");
        assert_eq!(next(&mut body).await, None);
    }

    /// FIELD E-3: a revocation neither.
    #[tokio::test(start_paused = true)]
    async fn what_is_queued_after_a_revocation_is_never_sent() {
        let table = Arc::new(lease_table());
        let (mut sender, receiver) = ends();
        let mut connection = sender.clone();
        let lease = Lease::until(None).listed(&table, &"ada".into(), &sender);
        let mut body =
            ResponseBody::events(receiver, None, ()).leased(lease, move || connection.finish());
        sender.offer(frame("before")).unwrap();
        for row in table.of("ada") {
            row.with(Revocation::revoke);
        }
        assert_eq!(sender.offer(frame("after")), Err(Closed));
        assert_eq!(next(&mut body).await.unwrap(), "before");
        assert_eq!(next(&mut body).await, None);
        drop(body);
        assert_eq!(table.len(), 0);
    }

    /// SPEC F-52: on time, whether its end is before the next keep-alive, behind it, or behind one that
    /// an event moves.
    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_its_lease() {
        for seconds in [7, 20, 100] {
            for is_quiet in [true, false] {
                let start = Instant::now();
                let end = Some(start + Duration::from_secs(seconds));
                let (mut sender, receiver) = queue(LIMITS, &Arc::default(), end);
                let mut connection = sender.clone();
                let lease = Lease::until(end);
                let mut body = ResponseBody::events(receiver, Some(Duration::from_secs(15)), ())
                    .leased(lease, move || connection.finish());
                sender.offer(frame("first")).unwrap();
                assert_eq!(next(&mut body).await.unwrap(), "first");
                if !is_quiet {
                    tokio::time::advance(Duration::from_secs(6)).await;
                    sender.offer(frame("x")).unwrap();
                }
                let mut pings = 0;
                while let Some(frame) = next(&mut body).await {
                    pings += usize::from(frame == sse::KEEP_ALIVE);
                }
                assert_eq!(start.elapsed().as_secs(), seconds);
                let quiet_since = if is_quiet { 0 } else { 6 };
                assert_eq!(pings, (seconds - quiet_since) as usize / 15);
            }
        }
    }

    /// PITFALLS R-44, SPEC G-43: memory follows what has arrived, and two buffers are never more than two bodies.
    #[test]
    fn a_buffer_grows_with_what_arrives() {
        const PIECE: usize = 10_000;
        for (declared, total) in [
            (4_000_000, 4_000_000),
            (1_050_000, 1_050_000),
            (0, 1_050_000),
            (0, 4_000_000),
            (0, 20_000),
        ] {
            let mut buffer = Vec::new();
            while buffer.len() < total {
                let before = buffer.capacity();
                let piece = PIECE.min(total - buffer.len());
                make_room(&mut buffer, piece, declared);
                buffer.resize(buffer.len() + piece, 0);
                let now = buffer.capacity();
                assert!(now <= AHEAD * buffer.len(), "{now} for {}", buffer.len());
                let alive = if now > before { before + now } else { now };
                assert!(alive <= 2 * total + GROWTH, "{alive} for a body of {total}");
            }
        }
    }

    /// FIELD X-13: what has several pieces is one message of a known length.
    #[tokio::test]
    async fn a_message_in_pieces_is_given_out_in_order_with_its_length() {
        let pieces = Pieces::Several(vec![frame("one"), frame("two"), frame("three")]);
        let mut body = ResponseBody::full(pieces);
        assert_eq!(body.bytes(), b"onetwothree");
        for (piece, left) in [("one", 11), ("two", 8), ("three", 5)] {
            assert_eq!(body.size_hint().exact(), Some(left));
            assert!(!body.is_end_stream());
            assert_eq!(next(&mut body).await.unwrap(), piece);
        }
        assert_eq!(body.size_hint().exact(), Some(0));
        assert!(body.is_end_stream() && next(&mut body).await.is_none());
        assert!(ResponseBody::full(Bytes::new()).is_end_stream());
    }

    /// A request body of pieces, as hyper reads them from a socket.
    struct Reading {
        pieces: VecDeque<Bytes>,
        declared: u64,
        /// The piece that was given out last.
        last: Option<Bytes>,
        /// How many pieces were still held when the next was asked for.
        held: Arc<Mutex<Vec<usize>>>,
    }

    impl Body for Reading {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if let Some(last) = self.last.take() {
                self.held
                    .lock()
                    .unwrap()
                    .push(usize::from(!last.is_unique()));
            }
            let piece = self.pieces.pop_front();
            self.last.clone_from(&piece);
            Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(self.declared);
            hint
        }
    }

    /// FIELD X-13: hyper reads into the buffer of a piece again as soon as nobody has the piece. PITFALLS R-44: a
    /// body that is shorter or longer than was declared is what arrived.
    #[tokio::test]
    async fn the_pieces_of_a_body_are_not_held() {
        const ALL: usize = 3 * 1000;
        for (declared, held) in [
            (ALL, [0, 0, 0]),
            (4 * ALL, [0, 0, 0]),
            (1001, [0, 0, 0]),
            // Only of these may the first be all.
            (1000, [1, 0, 0]),
            (0, [1, 0, 0]),
        ] {
            let told = Arc::default();
            let body = Reading {
                pieces: [b'a', b'b', b'c']
                    .map(|byte| vec![byte; 1000].into())
                    .into(),
                declared: declared as u64,
                last: None,
                held: Arc::clone(&told),
            };
            let limits = (4 * ALL, Duration::from_secs(1));
            let read = read(body, limits, &Arc::new(Buffers::new(0)))
                .await
                .unwrap();
            assert_eq!(read, [b'a', b'b', b'c'].map(|byte| [byte; 1000]).concat());
            assert_eq!(*told.lock().unwrap(), held, "{declared}");
        }
    }

    #[tokio::test]
    async fn a_dropped_body_lets_go_of_what_it_held() {
        let held = Arc::new(());
        let (_, receiver) = ends();
        let body = ResponseBody::events(receiver, None, Arc::clone(&held));
        assert_eq!(Arc::strong_count(&held), 2);
        drop(body);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
