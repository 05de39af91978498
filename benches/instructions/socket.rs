//! Connections in memory whose client costs next to nothing: it sends the same bytes again and again, each
//! time when it has its answer.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client has sent and has been answered, over one connection or over two.
pub(crate) struct Client {
    /// Whether what was written is an answer, or the end of one.
    is_answer: fn(&[u8]) -> bool,
    /// Answers that are still to come before the next request.
    awaited: Cell<usize>,
    answers: Cell<u64>,
    waiting: Cell<Option<Waker>>,
    /// The first two of the answers, as many as a round trip has.
    pub(crate) first: RefCell<Vec<u8>>,
}

/// One write is one answer, whole: a server that takes two is found out by their number.
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

    /// Begins to count anew.
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
    /// How much of a request was read.
    at: usize,
    /// How many requests are left.
    left: u64,
    /// How many answers each of them has.
    answers: usize,
    /// Whether the connection stays when nothing is left to be sent.
    stays: bool,
}

impl Socket {
    /// Sends `request` so many times, and each time waits for so many answers.
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

    /// The same, and stays connected.
    pub(crate) fn stays(self) -> Self {
        Self {
            stays: true,
            ..self
        }
    }
}

thread_local! {
    static HERE: RefCell<Option<Socket>> = const { RefCell::new(None) };
}

impl Socket {
    /// Leaves the socket with this thread. What it gives stands for it, and can be sent, as
    /// `serve_connection` asks; there is one at a time.
    pub(crate) fn parked_here(self) -> Here {
        HERE.with_borrow_mut(|here| *here = Some(self));
        Here
    }
}

/// The socket that was left with this thread.
pub(crate) struct Here;

fn here<T>(act: impl FnOnce(Pin<&mut Socket>) -> T) -> T {
    HERE.with_borrow_mut(|here| act(Pin::new(here.as_mut().expect("a socket"))))
}

impl AsyncRead for Here {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        here(|socket| socket.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Here {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        here(|socket| socket.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        here(|socket| socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        here(|socket| socket.poll_shutdown(cx))
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
