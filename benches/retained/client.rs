//! A client in memory that keeps hardly anything: it sends the given bytes, and stores only the beginning of the
//! response.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes};
use mcp_wire::{McpService, serve_connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How many bytes of the response a client stores: a head, and the first events.
const REMEMBERED: usize = 2048;
/// Longer than the silence after which a response becomes a stream, shorter than a keep-alive.
const A_WHILE: Duration = Duration::from_secs(2);

/// A client with its connection, which closes when it is dropped.
pub(crate) struct Client {
    end: Arc<Mutex<End>>,
    serving: JoinHandle<()>,
}

/// The state that the two ends of a connection share.
#[derive(Default)]
struct End {
    unsent: Bytes,
    /// The length of the bytes to send.
    given: usize,
    heard: Vec<u8>,
    has_left: bool,
    reader: Option<Waker>,
}

impl Client {
    /// Connects, sends a request, and reads for a while.
    pub(crate) async fn ask(mcp: &McpService, text: Bytes) -> Self {
        let client = Self::say(mcp, text);
        sleep(A_WHILE).await;
        client
    }

    /// Sends another request, and reads for a while.
    pub(crate) async fn ask_more(&self, text: Bytes) {
        self.update(|end| end.unsent = text);
        sleep(A_WHILE).await;
    }

    /// Connects, sends a request, and leaves at once, before an answer that takes time.
    pub(crate) async fn ask_and_leave(mcp: &McpService, text: Bytes) -> Self {
        let client = Self::say(mcp, text);
        sleep(Duration::from_millis(1)).await;
        client.leave();
        sleep(A_WHILE).await;
        client
    }

    fn say(mcp: &McpService, text: Bytes) -> Self {
        let end = Arc::new(Mutex::new(End {
            given: text.len(),
            unsent: text,
            ..End::default()
        }));
        let socket = Socket(Arc::clone(&end));
        let serving = tokio::spawn(serve_connection(socket, mcp.clone()));
        Self { end, serving }
    }

    fn leave(&self) {
        self.update(|end| end.has_left = true);
    }

    /// Changes the shared state, and wakes the server.
    fn update(&self, what: impl FnOnce(&mut End)) {
        let mut end = lock(&self.end);
        what(&mut end);
        if let Some(reader) = end.reader.take() {
            reader.wake();
        }
    }

    /// The bytes of heap that the client holds itself: the whole request, until the server has read all of it.
    pub(crate) fn holds(&self) -> usize {
        let end = lock(&self.end);
        if end.unsent.is_empty() { 0 } else { end.given }
    }

    /// Whether the server has closed the connection.
    pub(crate) fn is_over(&self) -> bool {
        self.serving.is_finished()
    }

    /// Takes the stored beginning of the response.
    pub(crate) fn heard(&self) -> String {
        let heard = std::mem::take(&mut lock(&self.end).heard);
        String::from_utf8_lossy(&heard).into_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The status of a response; 0 if there is none.
pub(crate) fn status(heard: &str) -> u16 {
    let status = heard.split(' ').nth(1);
    status.and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The rest of the first line that begins with `start`.
pub(crate) fn after<'a>(heard: &'a str, start: &str) -> Option<&'a str> {
    heard.lines().find_map(|line| line.strip_prefix(start))
}

fn lock(end: &Mutex<End>) -> MutexGuard<'_, End> {
    end.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of the server.
struct Socket(Arc<Mutex<End>>);

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut end = lock(&self.0);
        if end.unsent.is_empty() {
            // Frees the request after its last byte.
            end.unsent = Bytes::new();
            if end.has_left {
                return Poll::Ready(Ok(()));
            }
            end.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = end.unsent.len().min(buffer.remaining());
        buffer.put_slice(&end.unsent[..len]);
        end.unsent.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut end = lock(&self.0);
        if end.has_left {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = REMEMBERED.saturating_sub(end.heard.len());
        end.heard.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
