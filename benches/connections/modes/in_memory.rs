//! Connections in memory whose clients need hardly any memory: each opens a stream, and reads everything on
//! it at once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const REQUEST: &[u8] = b"GET /sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";
const KEEP_ALIVE: &[u8] = b"8\r\n: ping\n\n\r\n";

/// What all clients have received.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) opened: AtomicUsize,
    pub(crate) pings: AtomicUsize,
    /// Streams that received a keep-alive.
    pub(crate) pinged: AtomicUsize,
    /// Writes that the clients did not expect.
    pub(crate) wrong: AtomicUsize,
}

fn count(number: &AtomicUsize) {
    number.fetch_add(1, Relaxed);
}

/// The server's end of a connection.
pub(crate) struct Socket {
    seen: Arc<Seen>,
    client: Client,
}

/// The state of a client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    Asks,
    Waits,
    Listens,
    WasPinged,
}

impl Socket {
    pub(crate) fn new(seen: Arc<Seen>) -> Self {
        Self {
            seen,
            client: Client::Asks,
        }
    }

    /// The head and the first event arrive in one write, and so does each keep-alive.
    fn hears(&mut self, bytes: &[u8]) {
        let is_opening = |bytes: &[u8]| {
            bytes.starts_with(b"HTTP/1.1 200 ")
                && bytes.windows(17).any(|at| at == b"\nevent: endpoint\n")
        };
        match self.client {
            Client::Waits if is_opening(bytes) => {
                count(&self.seen.opened);
                self.client = Client::Listens;
            }
            Client::Listens | Client::WasPinged if bytes == KEEP_ALIVE => {
                count(&self.seen.pings);
                if self.client == Client::Listens {
                    count(&self.seen.pinged);
                    self.client = Client::WasPinged;
                }
            }
            _ => count(&self.seen.wrong),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.client != Client::Asks {
            return Poll::Pending;
        }
        self.client = Client::Waits;
        buffer.put_slice(REQUEST);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.hears(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Like TCP, treats the slices as one write.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
        self.poll_write(cx, &pieces.concat())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
