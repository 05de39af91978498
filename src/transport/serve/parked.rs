//! [`Loan`] and [`carry`]: a stream that waits is had back from hyper, which keeps two buffers of
//! 8 KiB for each connection, however long nothing is said on it.
//!
//! hyper reads the request and writes the head of the answer. The first time that the stream has
//! nothing to say, hyper's connection is taken apart, and what follows is written here, chunk by
//! chunk (RFC 9112, 7.1). When the stream has ended, a new one goes on with the socket.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};

use super::progress::Answering;
use super::socket::Socket;
use super::timers::Timers;
use crate::transport::stream::body::ResponseBody;

/// How many pieces are written at once.
const PIECES: usize = 30;
/// With how many bytes no more is taken.
const AT_ONCE: usize = 64 * 1024;
/// A frame up to this length is copied into its chunk, which costs less than to write three pieces.
const SHORT: usize = 1024;

/// What hyper has on loan from a connection: one body at a time.
#[derive(Default)]
pub(crate) struct Loan {
    is_waiting: AtomicBool,
    returned: Mutex<Option<Box<Stream>>>,
}

/// A body, the request that it answers, and what is still to be written of it.
pub(crate) struct Stream {
    body: ResponseBody,
    #[expect(dead_code, reason = "held for its drop")]
    answering: Option<Answering>,
    unsent: VecDeque<Bytes>,
    is_over: bool,
}

impl Loan {
    /// Lends a body, for good unless it can be carried on without hyper.
    pub(crate) fn lend(
        self: &Arc<Self>,
        body: ResponseBody,
        answering: Answering,
        can_be_carried: bool,
    ) -> Lent {
        Lent {
            body,
            answering: Some(answering),
            loan: can_be_carried.then(|| Arc::clone(self)),
        }
    }

    /// Whether the body is one that can be had back, and has nothing to say.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting.load(Relaxed)
    }

    /// What hyper was let go of while it waited.
    pub(crate) fn take(&self) -> Option<Box<Stream>> {
        self.returned().take()
    }

    fn returned(&self) -> MutexGuard<'_, Option<Box<Stream>>> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body in the hands of hyper.
pub(crate) struct Lent {
    body: ResponseBody,
    answering: Option<Answering>,
    loan: Option<Arc<Loan>>,
}

impl Body for Lent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(loan) = &self.loan {
            loan.is_waiting.store(frame.is_pending(), Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(loan) = self.loan.take()
            && loan.is_waiting()
        {
            *loan.returned() = Some(Box::new(Stream {
                body: mem::replace(&mut self.body, ResponseBody::empty()),
                answering: self.answering.take(),
                unsent: VecDeque::new(),
                is_over: false,
            }));
        }
    }
}

/// Carries a stream on to its end; false when its client has left before, or does not read.
///
/// # Cancel safety
///
/// Dropping the future drops the stream.
pub(crate) fn carry<'a, S>(
    mut stream: Box<Stream>,
    socket: &'a mut Socket<S>,
    timers: &'a mut Timers,
) -> impl Future<Output = bool> + use<'a, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    timers.stop();
    // No async function, which would have room for each argument twice.
    poll_fn(move |cx| {
        if let Poll::Ready(carried) = stream.poll(cx, socket) {
            return Poll::Ready(carried.is_ok());
        }
        timers.poll(cx, socket.progress().wait()).map(|_| {
            socket.abandon();
            false
        })
    })
}

impl Stream {
    fn poll<S>(&mut self, cx: &mut Context<'_>, socket: &mut Socket<S>) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if socket.poll_end(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        loop {
            // What a client does not read is left in the queue, which has its limit.
            let heard = match self.unsent.is_empty() {
                true => self.hear(cx),
                false => Poll::Ready(()),
            };
            ready!(self.write(cx, Pin::new(socket)))?;
            if self.is_over {
                return Poll::Ready(Ok(()));
            }
            ready!(heard);
        }
    }

    /// Takes what the stream says, as much as is written at once; pending when it has no more to say.
    fn hear(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = 0;
        while !self.is_over && self.unsent.len() < PIECES && bytes < AT_ONCE {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let Some(Ok(frame)) = frame else {
                self.is_over = true;
                // A chunk without bytes is the last.
                self.say(Bytes::new());
                break;
            };
            if let Ok(piece) = frame.into_data()
                && !piece.is_empty()
            {
                bytes += piece.len();
                self.say(piece);
            }
        }
        Poll::Ready(())
    }

    fn say(&mut self, piece: Bytes) {
        if piece.len() <= SHORT {
            self.unsent.push_back(chunk(&piece));
        } else {
            let head = chunk_size(piece.len(), 0);
            let pieces = [head.into(), piece, Bytes::from_static(b"\r\n")];
            self.unsent.extend(pieces);
        }
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        mut socket: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.unsent) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            let slices = &slices[..count];
            match ready!(socket.as_mut().poll_write_vectored(cx, slices))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent(written),
            }
        }
        // A quiet stream keeps no buffer.
        self.unsent = VecDeque::new();
        socket.poll_flush(cx)
    }

    fn sent(&mut self, mut bytes: usize) {
        while let Some(piece) = self.unsent.front_mut() {
            let len = bytes.min(piece.len());
            piece.advance(len);
            if piece.has_remaining() {
                return;
            }
            bytes -= len;
            self.unsent.pop_front();
        }
    }
}

/// A whole chunk.
fn chunk(piece: &[u8]) -> Bytes {
    let mut chunk = chunk_size(piece.len(), piece.len() + 2);
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk.into()
}

/// The line that a chunk begins with, and room for what follows. No more room: bytes that fill their
/// buffer are shared without another allocation.
fn chunk_size(len: usize, room: usize) -> Vec<u8> {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    let mut line = Vec::with_capacity(digits as usize + 2 + room);
    for digit in (0..digits).rev() {
        line.push(b"0123456789abcdef"[(len >> (4 * digit)) % 16]);
    }
    line.extend_from_slice(b"\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9112, 7.1, as the standard library prints numbers.
    #[test]
    fn a_chunk_begins_with_its_size() {
        for len in [0, 1, 15, 16, 255, 256, 0xabcdef, usize::MAX] {
            let line = chunk_size(len, 0);
            assert_eq!(line, format!("{len:x}\r\n").into_bytes());
            assert_eq!(line.len(), line.capacity());
        }
        assert_eq!(chunk(b": ping\n\n"), "8\r\n: ping\n\n\r\n");
        assert_eq!(chunk(b""), "0\r\n\r\n", "the last");
    }
}
