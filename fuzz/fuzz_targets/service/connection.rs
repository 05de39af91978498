//! A connection in memory, with hyper and the service at its other end.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use mcp_wire::McpService;
use mcp_wire_fuzz::http::{Piece, Reader};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

use mcp_wire_fuzz::allocator::as_server;

/// The minimum buffer that hyper has for a client that does not read.
const HELD: usize = 8 * 1024;

/// The sizes of pipes, by the digit of the operation that opens one.
const PIPES: [usize; 4] = [32 * 1024, 4096, 512, 64];

pub struct Connection {
    /// `None` after the client has left.
    client: Option<DuplexStream>,
    serving: JoinHandle<()>,
    /// The size of the pipe.
    pub pipe: usize,
    /// Bytes that do not fit into the pipe yet.
    unsent: Vec<u8>,
    /// The rest of a request that the client has begun to send.
    pub kept: Vec<u8>,
    reader: Reader,
    /// All bytes that were sent.
    sent: Vec<u8>,
    /// The exchanges, in the order of their requests.
    pub exchanges: Vec<usize>,
    /// The number of complete responses.
    pub answered: usize,
    /// How many requests the service was given.
    asked: Arc<AtomicUsize>,
    /// The number of responses that have begun.
    begun: usize,
    /// The bodies of responses, if the client cannot know which requests they answer.
    raw: Vec<u8>,
    /// The client does not read.
    pub is_stalled: bool,
    pub was_stalled: bool,
    /// A request was sent in parts. Its end may have come too late, or never.
    pub is_torn: bool,
    /// The server announced that it closes, or refused a request. If hyper has not read the whole body of a refused
    /// request, it closes without announcing it.
    may_close: bool,
    /// The client has left, or has shut down its writing side, which counts as leaving.
    pub has_left: bool,
    /// The server has closed it.
    pub is_closed: bool,
    /// The client has sent raw bytes, so that only the server knows which requests they form.
    pub is_raw: bool,
}

impl Connection {
    pub fn open(service: &McpService, digit: usize) -> Self {
        let pipe = PIPES[digit % PIPES.len()];
        let (client, server) = tokio::io::duplex(pipe);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let service = service.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            count.fetch_add(1, Ordering::SeqCst);
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.call(request).await) }
        });
        // The settings of `serve`, except for the last two.
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(10))
            .half_close(false)
            .max_buf_size(HELD)
            // With vectored writes, hyper 1.12 does not process a request that it read while the end of the previous
            // response waited for room, until something else happens on the connection.
            .writev(false)
            .serve_connection(TokioIo::new(server), service);
        let serving = as_server(|| tokio::spawn(async move { drop(serving.await) }));
        Self {
            client: Some(client),
            serving,
            pipe,
            unsent: Vec::new(),
            kept: Vec::new(),
            reader: Reader::default(),
            sent: Vec::new(),
            exchanges: Vec::new(),
            answered: 0,
            asked,
            begun: 0,
            raw: Vec::new(),
            is_stalled: false,
            was_stalled: false,
            is_torn: false,
            may_close: false,
            has_left: false,
            is_closed: false,
            is_raw: false,
        }
    }

    /// How many requests the service was given.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Whether the server has dropped the connection.
    pub fn is_over(&self) -> bool {
        self.serving.is_finished()
    }

    /// Whether the server may hold an incomplete request.
    pub fn is_within_request(&self) -> bool {
        self.is_raw || !self.kept.is_empty() || !self.unsent.is_empty()
    }

    /// Whether the client receives what the server sends.
    pub fn is_live(&self) -> bool {
        !self.has_left && !self.is_closed
    }

    /// Whether requests on the connection may be lost.
    pub fn is_lost(&self) -> bool {
        self.is_torn || (self.is_closed && (self.may_close || self.was_stalled))
    }

    /// The next piece of a response, if it is complete.
    pub fn piece(&mut self) -> Option<Piece> {
        // The response to a HEAD request, sent as raw bytes, announces a body that it does not have.
        if self.is_raw && self.sent.windows(4).any(|window| window == b"HEAD") {
            return None;
        }
        let piece = self.reader.piece().or_else(|| self.last_piece())?;
        if let Piece::Head(head) = &piece {
            self.begun += usize::from(head.status >= 200);
            self.may_close |= head.closes() || head.status >= 400;
        }
        Some(piece)
    }

    /// The piece that the end of the connection completes.
    fn last_piece(&mut self) -> Option<Piece> {
        if !self.is_closed || !self.reader.is_within() {
            return None;
        }
        let is_end = self.reader.is_of_rest();
        assert!(
            is_end || self.has_left || self.is_raw || self.is_torn,
            "a response is cut"
        );
        self.reader = Reader::default();
        is_end.then_some(Piece::End)
    }

    pub fn keep_raw(&mut self, piece: Piece) {
        if let Piece::Body(bytes) = piece {
            self.raw.extend_from_slice(&bytes);
        }
    }

    /// All bodies that the client could not assign.
    pub fn raw_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.raw)
    }

    /// No response without its request. hyper itself answers a malformed request, and closes.
    pub fn check_count(&self) {
        assert!(
            self.begun <= self.asked() + 1,
            "a response without its request"
        );
        assert!(self.is_raw || self.begun <= self.exchanges.len());
    }

    /// Whether a request may have to wait for an earlier one.
    pub fn is_busy(&self) -> bool {
        self.is_raw || self.is_torn || self.was_stalled || self.answered < self.exchanges.len()
    }

    /// Sends the rest of the last request, then these bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        let kept = std::mem::take(&mut self.kept);
        self.unsent.extend_from_slice(&kept);
        self.unsent.extend_from_slice(bytes);
        self.sent.extend_from_slice(bytes);
    }

    /// Sends the rest of the last request, then the first part of these bytes.
    pub fn begin(&mut self, bytes: &[u8], len: usize) {
        let (now, later) = bytes.split_at(len.min(bytes.len()));
        self.send(now);
        self.kept = later.to_vec();
        self.sent.extend_from_slice(later);
    }

    /// The client leaves.
    pub fn leave(&mut self) {
        self.client = None;
        self.has_left = true;
    }

    /// The client shuts down its writing side.
    pub async fn finish(&mut self) {
        if let Some(client) = &mut self.client {
            let _ = client.shutdown().await;
            self.has_left = true;
        }
    }

    /// Writes as much as fits. Returns the number of bytes.
    pub async fn write(&mut self) -> usize {
        let mut len = 0;
        let Some(client) = &mut self.client else {
            return len;
        };
        while !self.unsent.is_empty() {
            let written = poll_fn(|cx| {
                Poll::Ready(match Pin::new(&mut *client).poll_write(cx, &self.unsent) {
                    Poll::Ready(Ok(len)) => Some(len),
                    // The server has closed. What it sent can still be read.
                    Poll::Ready(Err(_)) => Some(self.unsent.len()),
                    Poll::Pending => None,
                })
            });
            let Some(written) = written.await else {
                // The rest may arrive too late.
                self.is_torn |= len == 0;
                break;
            };
            self.unsent.drain(..written);
            len += written;
        }
        len
    }

    /// Reads what has arrived, at most this much. Returns the number of bytes.
    pub async fn read(&mut self, most: usize) -> usize {
        let mut len = 0;
        while len < most {
            let Some(client) = self.client.as_mut().filter(|_| !self.is_closed) else {
                break;
            };
            let mut bytes = [0; 2048];
            let room = bytes.len().min(most - len);
            let mut buffer = ReadBuf::new(&mut bytes[..room]);
            let read = poll_fn(|cx| {
                Poll::Ready(match Pin::new(&mut *client).poll_read(cx, &mut buffer) {
                    Poll::Ready(read) => Some(read.is_ok()),
                    Poll::Pending => None,
                })
            });
            let Some(is_whole) = read.await else {
                break;
            };
            let read = buffer.filled();
            self.is_closed = !is_whole || read.is_empty();
            self.reader.feed(read);
            len += read.len();
        }
        len
    }
}
