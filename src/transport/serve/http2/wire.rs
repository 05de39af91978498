//! [`Wire`]: the transport of a connection of HTTP/2, for hyper.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::socket::{LINGER_BYTES, Socket};
use super::super::tracked::TrackedIo;

/// How much is read before the streams run that have begun.
const AT_ONCE: usize = 64 * 1024;

/// How much hyper may still read before its streams run. It would go on for as long as there is something, and keep
/// the head of every request meanwhile, also of those that have been reset. A compressed head can be 70 times as
/// long on the heap as on the wire. One task uses it, so the atomic needs no order.
#[derive(Clone, Default)]
pub(super) struct ReadBudget(Arc<AtomicUsize>);

impl ReadBudget {
    /// Lets hyper read again. To be called each time before hyper is polled.
    pub(super) fn renew(&self) {
        self.0.store(AT_ONCE, Relaxed);
    }

    /// Ready when something may be read. If not, the task is woken at once.
    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if self.0.load(Relaxed) == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn spend(&self, bytes: usize) {
        let left = self.0.load(Relaxed);
        self.0.store(left.saturating_sub(bytes), Relaxed);
    }
}

/// Passes the bytes of a connection on: first those that told the protocol, then those that arrive.
pub(super) struct Wire<S> {
    io: TrackedIo<S>,
    /// What has arrived before hyper was there.
    ahead: Option<Box<BytesMut>>,
    budget: ReadBudget,
    is_shut: bool,
    /// How much was read and dropped after the end.
    discarded: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(socket: Socket<S>, budget: ReadBudget) -> Self {
        let (io, ahead) = socket.into_parts();
        Self {
            io,
            ahead,
            budget,
            is_shut: false,
            discarded: 0,
        }
    }

    /// Reads and drops what the client still sends, until it has read the last words and closes. A socket that
    /// is closed with unread bytes resets the connection, and the reset can destroy what the client has not
    /// read yet.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 1024];
        while self.discarded < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(self.io.poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            self.discarded += buffer.filled().len();
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut ahead) = self.ahead.take() else {
            ready!(self.budget.poll(cx));
            let before = buffer.filled().len();
            ready!(self.io.poll_read(cx, buffer))?;
            self.budget.spend(buffer.filled().len() - before);
            return Poll::Ready(Ok(()));
        };
        let len = ahead.len().min(buffer.remaining());
        buffer.put_slice(&ahead[..len]);
        ahead.advance(len);
        if !ahead.is_empty() {
            self.ahead = Some(ahead);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.progress.close();
        if !self.is_shut {
            ready!(Pin::new(&mut self.io.io).poll_shutdown(cx))?;
            self.is_shut = true;
        }
        self.poll_discard(cx).map(Ok)
    }
}
