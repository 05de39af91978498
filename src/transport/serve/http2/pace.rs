//! [`Pace`] and [`PacedBody`]: whether the client of one stream takes what there is for it.
//!
//! A client can hold one stream back with its flow-control window while it reads others (RFC 9113, 5.2). The socket
//! does not show that. But hyper asks a body for a piece, keeps it until the stream has room, and only then asks for
//! the next one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::super::timers::{Timer, Wait};

/// The most that is given to hyper at once. As soon as the stream has room for a byte, hyper queues a whole piece
/// for it and asks for the next one. So with short pieces, what hyper holds of a stream is short too.
const PIECE: usize = 16 * 1024;

tokio::task_local! {
    /// The pace of the stream whose task this is. hyper creates a stream in two steps, which share nothing else.
    static PACE: Arc<Pace>;
}

/// What one stream waits for. Its task runs all of it, so the atomics need no order.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Whether hyper holds a piece that waits for the client.
    is_waiting: AtomicBool,
    /// How many times hyper has asked for more, modulo 2^32.
    asked: AtomicU32,
}

impl Pace {
    /// Runs a stream. What it answers is paced by this.
    pub(super) fn follow<F: Future>(
        pace: &Arc<Self>,
        stream: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        PACE.scope(Arc::clone(pace), stream)
    }

    /// What the stream waits for, if it waits for the client.
    pub(super) fn wait(&self) -> Option<Wait> {
        self.is_waiting.load(Relaxed).then(|| Wait {
            timer: Timer::Write,
            nth: self.asked.load(Relaxed),
        })
    }

    /// Notes that hyper has asked for more, and whether it got something that the client has to take.
    fn asked(&self, has_piece: bool) {
        let asked = self.asked.load(Relaxed);
        self.asked.store(asked.wrapping_add(1), Relaxed);
        self.is_waiting.store(has_piece, Relaxed);
    }
}

/// A body whose pieces are short, and whose [`Pace`] is noted.
pub(super) struct PacedBody<B> {
    body: Pin<Box<B>>,
    /// What is left of a long piece.
    rest: Bytes,
    pace: Arc<Pace>,
}

impl<B: Body<Data = Bytes>> PacedBody<B> {
    /// Has to be called in the task of the stream.
    pub(super) fn new(body: B) -> Self {
        Self {
            body: Box::pin(body),
            rest: Bytes::new(),
            pace: PACE.try_with(Arc::clone).unwrap_or_default(),
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            match self.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) => self.rest = piece,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return other,
            }
        }
        let len = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(len)))))
    }
}

impl<B: Body<Data = Bytes>> Body for PacedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let piece = self.poll_piece(cx);
        let has_piece = matches!(&piece, Poll::Ready(Some(Ok(_))));
        self.pace.asked(has_piece);
        piece
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let mut hint = self.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}
