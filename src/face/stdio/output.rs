//! [`Output`]: writes lines, one after the other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// Writes lines. Between two of them it can be seen whether the next one should wait.
pub(super) struct Output<W> {
    io: W,
    line: Bytes,
    /// Whether the end of the line is still to be written.
    is_open: bool,
    is_unflushed: bool,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    pub(super) fn new(io: W) -> Self {
        Self {
            io,
            line: Bytes::new(),
            is_open: false,
            is_unflushed: false,
        }
    }

    /// Ready when a next line can be put.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.is_open {
            let bytes = match self.line.is_empty() {
                true => b"\n",
                false => &*self.line,
            };
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            match self.line.is_empty() {
                true => self.is_open = false,
                false => self.line.advance(written),
            }
            self.is_unflushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Begins a line, without its end. Call it when the output is ready.
    pub(super) fn put(&mut self, line: Bytes) {
        self.line = line;
        self.is_open = true;
    }

    /// Ready when everything has left this process.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_ready(cx))?;
        if self.is_unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
