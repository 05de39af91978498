//! [`TrackedIo`]: a transport that notes whether the client takes what is written to it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::progress::Progress;

/// A transport that notes whether the client takes what is written to it. Only a completed flush is progress:
/// TLS accepts bytes that the client does not take (FIELD E-2).
pub(super) struct TrackedIo<S> {
    pub(super) io: S,
    pub(super) progress: Arc<Progress>,
    /// Whether something was written since the last flush.
    is_unflushed: bool,
    /// Whether the client has left or does not read, so that nothing more can be sent to it.
    pub(super) is_gone: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TrackedIo<S> {
    pub(super) fn new(io: S, progress: Arc<Progress>) -> Self {
        Self {
            io,
            progress,
            is_unflushed: false,
            is_gone: false,
        }
    }

    /// Reads from the transport, untracked.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }

    /// Writes, once everything before has been passed on. So a client that reads slowly but steadily makes
    /// progress, however much is to be written.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(written)
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.written(written)
    }

    /// Ready when the transport has passed on everything that was written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_unflushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        match &flushed {
            Poll::Pending => self.progress.stick(),
            Poll::Ready(Ok(())) => {
                self.is_unflushed = false;
                self.progress.flush();
            }
            Poll::Ready(Err(_)) => self.is_gone = true,
        }
        flushed
    }

    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.progress.stick(),
            Poll::Ready(Ok(_)) => self.is_unflushed = true,
            Poll::Ready(Err(_)) => self.is_gone = true,
        }
        written
    }
}
