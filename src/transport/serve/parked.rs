//! [`ReclaimableBody`], [`take_back`] and [`carry`]: a quiet stream is taken back from hyper, which keeps two buffers
//! of 8 KiB for each connection, however quiet the stream is.
//!
//! hyper reads the request and writes the head of the response. The first time that the stream has
//! nothing to say, hyper's connection is taken apart. From then on this file writes the stream, chunk by
//! chunk (RFC 9112, 7.1). When the stream has ended, a new hyper connection continues with the socket.

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
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::progress::AnswerGuard;
use super::socket::Socket;
use super::timers::Timers;
use crate::transport::stream::body::ResponseBody;

/// How many pieces are written at once.
const PIECES: usize = 30;
/// A batch of pieces is complete when it has this many bytes.
const AT_ONCE: usize = 64 * 1024;
/// A frame of up to this length is copied into its chunk. That costs less than writing three pieces.
const SHORT: usize = 1024;

/// Where a connection finds the body that hyper drops while the body is quiet.
#[derive(Default)]
pub(super) struct ReclaimSlot {
    is_quiet: AtomicBool,
    reclaimed: Mutex<Option<Box<ParkedStream>>>,
}

impl ReclaimSlot {
    /// Whether hyper has a reclaimable body that has nothing to say.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_quiet.load(Relaxed)
    }

    /// The body that hyper dropped while the body was quiet.
    fn take(&self) -> Option<Box<ParkedStream>> {
        self.reclaimed().take()
    }

    fn reclaimed(&self) -> MutexGuard<'_, Option<Box<ParkedStream>>> {
        self.reclaimed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body in the hands of hyper.
pub(super) struct ReclaimableBody {
    body: ResponseBody,
    guard: Option<AnswerGuard>,
    /// `None` if the body stays with hyper to its end.
    slot: Option<Arc<ReclaimSlot>>,
}

impl ReclaimableBody {
    pub(super) fn new(
        body: ResponseBody,
        guard: AnswerGuard,
        slot: Option<Arc<ReclaimSlot>>,
    ) -> Self {
        Self {
            body,
            guard: Some(guard),
            slot,
        }
    }
}

impl Body for ReclaimableBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(slot) = &self.slot {
            slot.is_quiet.store(frame.is_pending(), Relaxed);
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

impl Drop for ReclaimableBody {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take()
            && slot.is_quiet()
        {
            *slot.reclaimed() = Some(Box::new(ParkedStream {
                body: mem::replace(&mut self.body, ResponseBody::empty()),
                guard: self.guard.take(),
                unsent: VecDeque::new(),
                is_over: false,
            }));
        }
    }
}

/// A stream that is written without hyper: its body, and what is still to be written of it.
pub(super) struct ParkedStream {
    body: ResponseBody,
    #[expect(dead_code, reason = "the request is in progress until this is dropped")]
    guard: Option<AnswerGuard>,
    unsent: VecDeque<Bytes>,
    is_over: bool,
}

/// Takes a quiet stream and its socket back from hyper, whose connection has been taken apart. `None` if hyper keeps
/// something back; then the socket is closed.
///
/// This relies on hyper for three things, which its documentation does not promise. `cargo xtask hyper-range` tests
/// them with the oldest and the newest hyper that `Cargo.toml` allows.
///
/// 1. A connection that is taken apart drops the body that it sends, and what belongs to the request.
/// 2. It has read nothing of a next request, because [`Socket`] gives it one request at a time.
/// 3. It has written all that it had of the response, because the socket was flushed and the body was pending since.
pub(super) fn take_back<S, V>(
    parts: http1::Parts<TokioIo<Socket<S>>, V>,
    slot: &ReclaimSlot,
) -> Option<(Socket<S>, Box<ParkedStream>)> {
    let stream = slot.take()?;
    parts
        .read_buf
        .is_empty()
        .then(|| (parts.io.into_inner(), stream))
}

/// Writes a stream to its end. Gives false if the client leaves before the end, or does not read.
///
/// # Cancel safety
///
/// Dropping the future drops the stream.
pub(crate) fn carry<'a, S>(
    mut stream: Box<ParkedStream>,
    socket: &'a mut Socket<S>,
    timers: &'a mut Timers,
) -> impl Future<Output = bool> + use<'a, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    timers.stop();
    // Not an async function, which would have room for each argument twice.
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

impl ParkedStream {
    fn poll<S>(&mut self, cx: &mut Context<'_>, socket: &mut Socket<S>) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if socket.poll_end(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        loop {
            // What the client has not read yet stays in the queue, which has a limit.
            let filled = match self.unsent.is_empty() {
                true => self.fill(cx),
                false => Poll::Ready(()),
            };
            ready!(self.write(cx, Pin::new(socket)))?;
            if self.is_over {
                return Poll::Ready(Ok(()));
            }
            ready!(filled);
        }
    }

    /// Takes frames from the body, as many as are written at once. Pending when the body has no more.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = 0;
        while !self.is_over && self.unsent.len() < PIECES && bytes < AT_ONCE {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let Some(Ok(frame)) = frame else {
                self.is_over = true;
                // A chunk without bytes is the last.
                self.push(Bytes::new());
                break;
            };
            if let Ok(piece) = frame.into_data()
                && !piece.is_empty()
            {
                bytes += piece.len();
                self.push(piece);
            }
        }
        Poll::Ready(())
    }

    fn push(&mut self, piece: Bytes) {
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

/// The line that a chunk begins with, with room for what follows and no more: a buffer that is full
/// becomes `Bytes` without another allocation.
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
    use std::cell::RefCell;
    use std::sync::mpsc;

    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::protocol::stream::Connection;
    use crate::transport::serve::progress::Progress;
    use crate::transport::stream::queue::{QueueLimits, queue};

    const REQUEST: &[u8] = b"POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
    const NEXT: &[u8] = b"GET /2 HTTP/1.1\r\nhost: a\r\n\r\n";

    /// What [`take_back`] relies on hyper for.
    #[tokio::test]
    async fn hyper_gives_back_a_quiet_stream_and_keeps_nothing() {
        for ahead in [&b""[..], NEXT, &NEXT[..9]] {
            let (mut client, far) = tokio::io::duplex(4096);
            client.write_all(&[REQUEST, ahead].concat()).await.unwrap();
            let progress = Arc::<Progress>::default();
            let slot = Arc::<ReclaimSlot>::default();
            let limits = QueueLimits {
                bytes: 10_000,
                events: 100,
            };
            let (mut sender, receiver) = queue(limits, &Arc::default(), None);
            let body = RefCell::new(Some(ResponseBody::events(receiver, None, ())));
            let (held, holder) = mpsc::channel::<()>();
            let service = service_fn(|request: Request<Incoming>| {
                let (guard, _) = progress.begin();
                let body = body.take().expect("one request");
                let body = ReclaimableBody::new(body, guard, Some(Arc::clone(&slot)));
                let held = held.clone();
                async move {
                    let read = http_body_util::BodyExt::collect(request.into_body()).await;
                    assert_eq!(read.unwrap().to_bytes(), "body");
                    // Dropped with the response.
                    let mut response = Response::new(body);
                    response.extensions_mut().insert(held);
                    Ok::<_, Infallible>(response)
                }
            });
            let socket = Socket::new(far, 1024, Arc::clone(&progress));
            let mut serving = http1::Builder::new()
                .half_close(false)
                .serve_connection(TokioIo::new(socket), service);
            poll_fn(|cx| {
                assert!(Pin::new(&mut serving).poll(cx).is_pending());
                match slot.is_quiet() && progress.is_written() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            let (mut socket, mut stream) = take_back(serving.into_parts(), &slot).unwrap();
            drop(held);
            let is_dropped = holder.try_recv() == Err(mpsc::TryRecvError::Disconnected);
            assert!(is_dropped, "hyper keeps a part of the response");
            sender.offer(Bytes::from_static(b"event")).unwrap();
            let ahead_len = poll_fn(|cx| {
                assert!(stream.poll(cx, &mut socket).is_pending());
                Poll::Ready(socket.ahead_len())
            });
            assert_eq!(
                ahead_len.await,
                ahead.len(),
                "what the client has sent ahead"
            );
            drop((socket, stream));
            let mut said = String::new();
            client.read_to_string(&mut said).await.unwrap();
            let (head, body) = said.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert!(head.contains("transfer-encoding: chunked"), "{head}");
            // A comment, with which a stream begins that has nothing to say.
            assert_eq!(body, "8\r\n: ping\n\n\r\n5\r\nevent\r\n");
        }
    }

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
