//! [`Wire`]: the transport of a connection of HTTP/2, for hyper.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::socket::{LINGER_BYTES, Socket};
use super::super::tracked::TrackedIo;

/// Passes the bytes of a connection on: first those that told the protocol, then those that arrive.
pub(super) struct Wire<S> {
    io: TrackedIo<S>,
    /// What has arrived before hyper was there.
    ahead: Option<Box<BytesMut>>,
    is_shut: bool,
    /// How much was read and dropped after the end.
    discarded: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(socket: Socket<S>) -> Self {
        let (io, ahead) = socket.into_parts();
        Self {
            io,
            ahead,
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
            return self.io.poll_read(cx, buffer);
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
