//! A client in memory that keeps next to nothing: it says what it was given to say, and of what it hears
//! it remembers the first words.

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

/// How much is remembered of what was heard: a head, and the first events.
const REMEMBERED: usize = 2048;
/// Longer than a client waits before it gets a stream, shorter than a keep-alive.
const A_WHILE: Duration = Duration::from_secs(2);

/// A client with its connection, which ends with it.
pub(crate) struct Client {
    end: Arc<Mutex<End>>,
    serving: JoinHandle<()>,
}

/// What the two ends of a connection share.
#[derive(Default)]
struct End {
    unsent: Bytes,
    /// How much it was given to say.
    given: usize,
    heard: Vec<u8>,
    has_left: bool,
    reader: Option<Waker>,
}

impl Client {
    /// Connects, says this, and listens for a while.
    pub(crate) async fn ask(mcp: &McpService, text: Bytes) -> Self {
        let client = Self::say(mcp, text);
        sleep(A_WHILE).await;
        client
    }

    /// Says this too, and listens for a while.
    pub(crate) async fn ask_more(&self, text: Bytes) {
        self.go_on(|end| end.unsent = text);
        sleep(A_WHILE).await;
    }

    /// Connects, says this, and leaves at once: before the first word of an answer that waits.
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
        self.go_on(|end| end.has_left = true);
    }

    /// Does this, and lets the server know.
    fn go_on(&self, what: impl FnOnce(&mut End)) {
        let mut end = lock(&self.end);
        what(&mut end);
        if let Some(reader) = end.reader.take() {
            reader.wake();
        }
    }

    /// How many bytes of heap it holds itself: all that it was given to say, until it has said it.
    pub(crate) fn holds(&self) -> usize {
        let end = lock(&self.end);
        if end.unsent.is_empty() { 0 } else { end.given }
    }

    /// Whether the server is done with its connection.
    pub(crate) fn is_over(&self) -> bool {
        self.serving.is_finished()
    }

    /// The first words that it heard, which it forgets.
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

/// The status of a response; 0 where there is none.
pub(crate) fn status(heard: &str) -> u16 {
    let status = heard.split(' ').nth(1);
    status.and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The rest of the line that begins with this.
pub(crate) fn after<'a>(heard: &'a str, start: &str) -> Option<&'a str> {
    heard.lines().find_map(|line| line.strip_prefix(start))
}

fn lock(end: &Mutex<End>) -> MutexGuard<'_, End> {
    end.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server's end.
struct Socket(Arc<Mutex<End>>);

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut end = lock(&self.0);
        if end.unsent.is_empty() {
            // What it was given to say is let go with its last byte.
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
