//! A client of the crate h2, at one end of a connection in memory.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{Connection, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use hyper::Request;
use mcp_wire::{McpService, serve_connection};
use mcp_wire_fuzz::allocator::as_server;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

/// The sizes of pipes, by the digit of the operation that opens one.
const PIPES: [usize; 4] = [32 * 1024, 4096, 512, 64];
/// The windows of streams, by the digit of an operation.
const WINDOWS: [u32; 4] = [65_535, 1000, 0, 1 << 20];

/// The far end of a connection, which the crate serves.
pub struct Served {
    serving: JoinHandle<()>,
    pub pipe: usize,
}

impl Served {
    pub fn open(service: &McpService, digit: usize) -> (DuplexStream, Self) {
        let pipe = PIPES[digit % PIPES.len()];
        let (client, server) = tokio::io::duplex(pipe);
        let serving = as_server(|| tokio::spawn(serve_connection(server, service.clone())));
        (client, Self { serving, pipe })
    }

    /// Whether the server has dropped the connection.
    pub fn is_over(&self) -> bool {
        self.serving.is_finished()
    }
}

/// What is polled once, if it is ready.
pub async fn once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    poll_fn(|cx| match poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

pub struct Client {
    /// `None` after the client has said that it opens no more streams.
    sender: Option<SendRequest<Bytes>>,
    /// `None` after the connection has ended.
    connection: Option<Connection<Counted, Bytes>>,
    /// The client neither reads nor writes.
    pub is_stalled: bool,
    /// The client has at some time not read, or had a window in which not every answer fits.
    pub was_slow: bool,
    /// The number of bytes that the connection has moved, in either direction.
    moved: Arc<AtomicUsize>,
}

impl Client {
    pub async fn open(io: DuplexStream, digit: usize) -> Self {
        let window = WINDOWS[digit / PIPES.len() % WINDOWS.len()];
        let mut builder = h2::client::Builder::new();
        let moved = Arc::<AtomicUsize>::default();
        let io = Counted {
            io,
            moved: Arc::clone(&moved),
        };
        let opened = builder.initial_window_size(window).handshake(io).await;
        let (sender, connection) = opened.expect("the server reads the preface");
        Self {
            sender: Some(sender),
            connection: Some(connection),
            is_stalled: false,
            was_slow: window < WINDOWS[0],
            moved,
        }
    }

    pub fn is_live(&self) -> bool {
        self.connection.is_some()
    }

    /// Begins a request, whose body follows on the stream.
    pub async fn send(
        &mut self,
        request: Request<()>,
    ) -> Option<(ResponseFuture, SendStream<Bytes>)> {
        let sender = self.sender.as_mut().filter(|_| self.connection.is_some())?;
        once(|cx| sender.poll_ready(cx)).await?.ok()?;
        sender.send_request(request, false).ok()
    }

    /// Lets the connection move bytes. Returns whether it did.
    pub async fn turn(&mut self) -> bool {
        let Some(connection) = self.connection.as_mut().filter(|_| !self.is_stalled) else {
            return false;
        };
        let before = self.moved.load(Relaxed);
        let ended = once(|cx| Pin::new(&mut *connection).poll(cx)).await;
        if ended.is_some() {
            self.connection = None;
        }
        ended.is_some() || self.moved.load(Relaxed) != before
    }

    pub fn leave(&mut self) {
        self.sender = None;
        self.connection = None;
    }

    /// Opens no more streams. The connection ends with the last one.
    pub fn go_away(&mut self) {
        self.sender = None;
    }

    /// Changes the window that each stream begins with, also of open streams.
    pub fn set_window(&mut self, digit: usize) {
        if let Some(connection) = &mut self.connection {
            let window = WINDOWS[digit % WINDOWS.len()];
            // Refused while the server has not confirmed the last change.
            let _ = connection.set_initial_window_size(window);
            self.was_slow = true;
        }
    }
}

/// A reset by the client.
pub fn reset(stream: &mut SendStream<Bytes>, digit: usize) {
    const REASONS: [Reason; 4] = [
        Reason::CANCEL,
        Reason::NO_ERROR,
        Reason::INTERNAL_ERROR,
        Reason::PROTOCOL_ERROR,
    ];
    stream.send_reset(REASONS[digit % REASONS.len()]);
}

/// A transport that counts the bytes that it moves.
struct Counted {
    io: DuplexStream,
    moved: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        self.moved
            .fetch_add(buffer.filled().len() - before, Relaxed);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(len)) = written {
            self.moved.fetch_add(len, Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
