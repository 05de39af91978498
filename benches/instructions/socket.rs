//! Connections in memory whose client costs hardly anything: it sends the same bytes repeatedly, each time after
//! the previous answer.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The requests and answers of a client, over one or two connections.
pub(crate) struct Client {
    /// Whether a write is an answer, or the end of one.
    is_answer: fn(&[u8]) -> bool,
    /// The number of answers to wait for before the next request.
    awaited: Cell<usize>,
    answers: Cell<u64>,
    waiting: Cell<Option<Waker>>,
    /// The first two answers, because a round trip has two.
    pub(crate) first: RefCell<Vec<u8>>,
}

/// Treats each write as one answer. A server that needs two writes for an answer makes the count wrong.
impl Default for Client {
    fn default() -> Self {
        Self::new(|_| true)
    }
}

impl Client {
    pub(crate) fn new(is_answer: fn(&[u8]) -> bool) -> Self {
        Self {
            is_answer,
            awaited: Cell::default(),
            answers: Cell::default(),
            waiting: Cell::default(),
            first: RefCell::default(),
        }
    }

    pub(crate) fn answers(&self) -> u64 {
        self.answers.get()
    }

    /// Resets the count.
    pub(crate) fn forget(&self) {
        self.answers.set(0);
        self.first.borrow_mut().clear();
    }

    fn written(&self, bytes: &[u8]) {
        if self.answers.get() < 2 {
            self.first.borrow_mut().extend_from_slice(bytes);
        }
        if (self.is_answer)(bytes) {
            self.answered();
        }
    }

    fn answered(&self) {
        self.answers.set(self.answers.get() + 1);
        self.awaited.set(self.awaited.get().saturating_sub(1));
        if self.awaited.get() == 0
            && let Some(waker) = self.waiting.take()
        {
            waker.wake();
        }
    }
}

/// The server's side of a connection.
pub(crate) struct Socket {
    client: Rc<Client>,
    request: Vec<u8>,
    /// How many bytes of the current request were read.
    at: usize,
    /// The number of requests left to send.
    left: u64,
    /// The number of answers to each request.
    answers: usize,
    /// Whether the connection stays open after the last request.
    stays: bool,
}

impl Socket {
    /// Sends `request` this many times, and each time waits for this many answers.
    pub(crate) fn new(client: &Rc<Client>, request: Vec<u8>, times: u64, answers: usize) -> Self {
        Self {
            client: Rc::clone(client),
            request,
            at: 0,
            left: times,
            answers,
            stays: false,
        }
    }

    /// Stays connected after the last request.
    pub(crate) fn stays(self) -> Self {
        Self {
            stays: true,
            ..self
        }
    }
}

thread_local! {
    static STORED: RefCell<Option<Socket>> = const { RefCell::new(None) };
}

impl Socket {
    /// Stores the socket in this thread, and returns a handle that is `Send`, which `serve_connection` requires.
    /// A thread holds one socket at a time.
    pub(crate) fn store_in_thread(self) -> InThread {
        STORED.with_borrow_mut(|stored| *stored = Some(self));
        InThread
    }
}

/// A handle of the socket that this thread stores.
pub(crate) struct InThread;

fn stored<T>(act: impl FnOnce(Pin<&mut Socket>) -> T) -> T {
    STORED.with_borrow_mut(|stored| act(Pin::new(stored.as_mut().expect("a socket"))))
}

impl AsyncRead for InThread {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        stored(|socket| socket.poll_read(cx, buffer))
    }
}

impl AsyncWrite for InThread {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        stored(|socket| socket.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        stored(|socket| socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        stored(|socket| socket.poll_shutdown(cx))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 && self.stays {
            return Poll::Pending;
        }
        if self.client.awaited.get() > 0 {
            self.client.waiting.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        if self.left == 0 {
            return Poll::Ready(Ok(()));
        }
        let rest = &self.request[self.at..];
        let len = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..len]);
        self.at += len;
        if self.at == self.request.len() {
            self.at = 0;
            self.left -= 1;
            self.client.awaited.set(self.answers);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.client.written(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
