//! [`ResponseBody`]: empty, a whole message, or a stream of events with its keep-alive.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::keep_alive::KeepAlive;
use super::lease::Lease;
use super::queue::Receiver;
use crate::transport::observe::events::ServiceEvent;
use crate::wire::pieces::Pieces;
use crate::wire::sse;

/// The body of every response of the service: empty, one message, or a stream of events.
///
/// A stream of events ends when its request, its session or the identity of its client ends. Dropping
/// the body tells the service that the client is gone. That ends a session of HTTP+SSE and cancels a
/// request of 2026-07-28 (*2026-07-28, Basic, Transports*); a stream of Streamable HTTP is only detached.
pub struct ResponseBody(Kind);

enum Kind {
    /// Empty, or already read.
    Empty,
    Full(Bytes),
    /// The unread rest of a long message. No piece is empty.
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

    /// The length of a message; `None` for a stream.
    #[cfg(feature = "gzip")]
    pub(crate) fn full_len(&self) -> Option<usize> {
        match &self.0 {
            Kind::Empty => Some(0),
            Kind::Full(bytes) => Some(bytes.len()),
            Kind::Pieces(pieces) => Some(pieces.as_slice().iter().map(Bytes::len).sum()),
            Kind::Events(_) => None,
        }
    }

    /// The unread bytes of a body that is not a stream.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match &self.0 {
            Kind::Full(bytes) => bytes.to_vec(),
            Kind::Pieces(pieces) => pieces.as_slice().concat(),
            Kind::Empty | Kind::Events(_) => Vec::new(),
        }
    }

    /// A stream of the frames in a queue. `held` is dropped with the body.
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

    /// The same stream under a lease. `on_end` is called when the lease ends, and must end the stream.
    pub(crate) fn leased(
        mut self,
        lease: Lease,
        on_end: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        if let Kind::Events(events) = &mut self.0
            && !lease.is_endless()
        {
            let on_end = Box::new(on_end);
            events.expiry = Some(Box::new(Expiry { lease, on_end }));
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
    /// Dropped with the body. So its owner learns that the client is gone.
    held: Option<Box<dyn Any + Send + Sync>>,
    /// When the stream ends with its lease. On the heap, because most streams have none.
    expiry: Option<Box<Expiry>>,
}

struct Expiry {
    lease: Lease,
    /// Ends the stream.
    on_end: Box<dyn FnOnce() + Send + Sync>,
}

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
        // The next keep-alive may now be due after the end of the lease.
        if polled.is_pending() && self.expire(cx) {
            return self.poll_queue(cx);
        }
        polled
    }

    /// Ends the stream if its lease has ended, and tells whether it did so now.
    fn expire(&mut self, cx: &mut Context<'_>) -> bool {
        let keep_alive = self.keep_alive.as_ref();
        let polled_again = keep_alive.map(KeepAlive::deadline);
        let has_ended = |expiry: &mut Box<Expiry>| {
            let end = expiry.lease.poll_end(cx, polled_again);
            end.is_ready()
        };
        if self.expiry.as_mut().is_some_and(has_ended)
            && let Some(expiry) = self.expiry.take()
        {
            (expiry.on_end)();
            return true;
        }
        false
    }

    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.receiver.poll(cx) {
            Poll::Ready(frame) => {
                self.has_begun = true;
                if let Some(keep_alive) = &mut self.keep_alive {
                    keep_alive.put_off();
                }
                Poll::Ready(frame)
            }
            // Some proxies hold the head of a response back until its first byte (PITFALLS R-19).
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
        // The cut happened under locks, where the hook must not be called.
        if self.receiver.was_cut() {
            observer.tell(&ServiceEvent::StreamCut);
        }
        // The owner of the stream has to learn that the client is gone before its writers do.
        self.held = None;
        self.receiver.close();
        observer.stream_ended();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use tokio::time::Instant;

    use super::*;
    use crate::protocol::stream::{Closed, Connection};
    use crate::transport::stream::lease::{Revocation, lease_table};
    use crate::transport::stream::queue::{QueueLimits, Sender, queue};

    const LIMITS: QueueLimits = QueueLimits {
        bytes: 10_000,
        events: 100,
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

    /// PITFALLS R-19: a stream that has nothing to say yet begins with a comment, with or without
    /// keep-alives.
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
    /// polled for a long time. Then it gives what was queued before the end, and nothing else.
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

    /// FIELD E-3: a revocation needs no reader either.
    #[tokio::test(start_paused = true)]
    async fn what_is_queued_after_a_revocation_is_never_sent() {
        let table = Arc::new(lease_table());
        let (mut sender, receiver) = ends();
        let mut connection = sender.clone();
        let lease = Lease::until(None).revocable(&table, &"ada".into(), &sender);
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

    /// SPEC F-52: on time, whether the end comes before the next keep-alive, after it, or after one that
    /// an event has moved.
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

    /// FIELD X-13: several pieces are one message of a known length.
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
