//! [`Socket`]: what a connection waits for has its time, and it ends so that the last answer
//! arrives.
//!
//! hyper has one time for a head, which runs as soon as it waits for one: it would cut a connection
//! that rests between two requests as early as one that sends half a head, and never says why. So the
//! times are kept here, where the bytes pass.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use crate::protocol::framing::Framing;
use crate::protocol::rejection::Rejection;

/// For how long what a client still sends is read and thrown away, once it has its answer. A socket
/// that is closed with bytes unread resets the connection, and the reset takes the answer away from a
/// client that has not read it yet (RFC 9112, 9.6).
const LINGER: Duration = Duration::from_secs(2);
/// How much of it: what a client sends that looks for its answer only when it has sent all.
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// How long a connection may take for what it does (SPEC G-41).
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// From the first byte of a head to its last.
    pub(super) head: Duration,
    /// Until the first byte of the first request, or of the next one.
    pub(super) idle: Duration,
    /// Until a byte is taken of what is written.
    pub(super) write: Duration,
}

/// What the socket and the service of one connection know of each other. Both run in one task, so
/// nothing has to be ordered.
#[derive(Debug)]
pub(super) struct Progress {
    /// How many requests have come to the service.
    begun: AtomicU64,
    /// Whether one of them is being answered: then its handler has its own time.
    is_answering: AtomicBool,
    /// Whether the time of what is waited for runs.
    is_timed: AtomicBool,
    /// Whether a write waits for the client.
    is_stuck: AtomicBool,
    /// Whether the server ends.
    is_stopping: AtomicBool,
    /// The request that says its length twice.
    ambiguous: AtomicU64,
}

impl Progress {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: AtomicU64::new(0),
            is_answering: AtomicBool::new(false),
            is_timed: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            ambiguous: AtomicU64::new(u64::MAX),
        })
    }

    /// A request has come; it is being answered until what this gives is dropped.
    ///
    /// # Errors
    ///
    /// The request says its length twice.
    pub(super) fn begin(self: &Arc<Self>) -> (Answering, Result<(), Rejection>) {
        let nth = self.begun.fetch_add(1, Relaxed);
        self.is_answering.store(true, Relaxed);
        self.is_timed.store(false, Relaxed);
        let verdict = if nth == self.ambiguous.load(Relaxed) {
            Err(Rejection::AmbiguousLength)
        } else {
            Ok(())
        };
        (Answering(Arc::clone(self)), verdict)
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Relaxed);
    }

    /// Whether all that was to be written is with the system: hyper leaves nothing unwritten unless a
    /// write waits.
    pub(super) fn is_written(&self) -> bool {
        !self.is_stuck.load(Relaxed)
    }

    /// Whether a request is waited for without end: hyper does not look at the socket again after it
    /// has written an answer, and has to be polled once more for the time to run.
    pub(super) fn is_untimed(&self) -> bool {
        !self.is_answering.load(Relaxed) && !self.is_timed.load(Relaxed)
    }
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Progress>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.is_answering.store(false, Relaxed);
    }
}

/// A socket whose client has its times.
pub(super) struct Socket<S> {
    io: S,
    patience: Arc<Patience>,
    progress: Arc<Progress>,
    framing: Framing,
    /// What is waited for, and since when; nothing while a request is answered.
    wait: Option<(Wait, Instant)>,
    /// Set for one of the waits, and for a later one when it is up: a connection that is busy does not
    /// set it for each request. A session, which is an answer that goes on, drops it when it is up.
    timer: Option<Pin<Box<Sleep>>>,
    /// Runs while a write waits.
    stall: Option<Pin<Box<Sleep>>>,
    /// What has arrived and is still to be read.
    ahead: Bytes,
    /// Why the connection was ended, if its client is to be told.
    refusal: Option<Rejection>,
    /// Whether the client has left or does not read: nothing more can be told it.
    is_gone: bool,
}

/// What is waited for. Its time runs for as long as it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The beginning of this request.
    Idle(u64),
    /// The end of the head of this request.
    Head(u64),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(io: S, patience: Arc<Patience>, progress: Arc<Progress>) -> Self {
        Self {
            io,
            patience,
            progress,
            framing: Framing::default(),
            wait: None,
            timer: None,
            stall: None,
            ahead: Bytes::new(),
            refusal: None,
            is_gone: false,
        }
    }

    /// What hyper left to be told to the client, because no request came of it.
    pub(super) fn refusal(&mut self) -> Option<Rejection> {
        self.refusal.take()
    }

    /// Takes back what was read too early, before what is ahead still; a copy, since the buffer that it came
    /// in is a large one.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.ahead = [bytes, &self.ahead].concat().into();
        }
    }

    /// Gives up the timer, which is not needed while a request is answered.
    pub(super) fn stop_timer(&mut self) {
        self.timer = None;
    }

    /// Ready when the client has ended. What it says meanwhile is kept, and then it is no longer
    /// listened to.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.ahead.is_empty() {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut *self).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
            self.put_back(buffer.filled());
        }
        Poll::Pending
    }

    /// Ends the connection, with these last words. A client that is in the middle of a request is
    /// listened to for a while, and what it says is thrown away.
    pub(super) async fn close(mut self, last_words: Option<Vec<u8>>) {
        if self.is_gone {
            return;
        }
        let is_listened_to = last_words.is_some() || !self.framing.is_between();
        if let Some(words) = last_words
            && !self.say(&words).await
        {
            return;
        }
        let shutdown = poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx));
        if shutdown.await.is_ok() && is_listened_to {
            let _ = timeout(LINGER, self.discard()).await;
        }
    }

    /// Whether all of it could be written.
    async fn say(&mut self, mut words: &[u8]) -> bool {
        while !words.is_empty() {
            let wrote = poll_fn(|cx| Pin::new(&mut *self).poll_write(cx, words)).await;
            match wrote {
                Ok(len) if len > 0 => words = &words[len..],
                _ => return false,
            }
        }
        true
    }

    async fn discard(&mut self) {
        // On the heap: the task of every connection has room for what is held across an await.
        let mut bytes = vec![0; 16 * 1024];
        let mut total = 0;
        while total < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = poll_fn(|cx| Pin::new(&mut self.io).poll_read(cx, &mut buffer));
            if read.await.is_err() || buffer.filled().is_empty() {
                return;
            }
            total += buffer.filled().len();
        }
    }

    fn arrived(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.is_gone = true;
        }
        self.framing.feed(bytes);
        if let Some(nth) = self.framing.ambiguous() {
            self.progress.ambiguous.store(nth, Relaxed);
        }
    }

    /// Nothing has arrived. Ready when nothing more is waited for: hyper is told that the client has
    /// ended, and lets go of the connection.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.progress.is_answering.load(Relaxed) {
            self.wait = None;
            self.timer.take_if(|timer| timer.is_elapsed());
            return Poll::Pending;
        }
        let is_in_head = self.framing.is_in_head();
        if is_in_head && self.progress.is_stopping.load(Relaxed) {
            // what has not begun is not waited for.
            return self.end(Rejection::ShuttingDown);
        }
        let nth = self.framing.heads();
        let (wait, limit) = if is_in_head {
            (Wait::Head(nth), self.patience.head)
        } else {
            (Wait::Idle(nth), self.patience.idle)
        };
        self.progress.is_timed.store(true, Relaxed);
        let since = match self.wait {
            Some((one, since)) if one == wait => since,
            _ => Instant::now(),
        };
        self.wait = Some((wait, since));
        // An end beyond what the clock can tell is none.
        let Some(deadline) = since.checked_add(limit) else {
            return Poll::Pending;
        };
        ready!(self.until(deadline, cx));
        if is_in_head {
            return self.end(Rejection::HeadTimeout { limit });
        }
        Poll::Ready(())
    }

    fn until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= deadline {
                self.timer = None;
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }

    fn end(&mut self, why: Rejection) -> Poll<()> {
        // Behind half of an earlier answer nothing can be said.
        if self.stall.is_none() {
            self.refusal = Some(why);
        }
        Poll::Ready(())
    }

    /// Fails when the client takes no byte for its time.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.progress.is_stuck.store(written.is_pending(), Relaxed);
        if let Poll::Ready(result) = &written {
            self.stall = None;
            self.is_gone |= result.is_err();
            return written;
        }
        let limit = self.patience.write;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stall.as_mut().poll(cx));
        self.is_gone = true;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let len = buffer.remaining().min(self.ahead.len());
            buffer.put_slice(&self.ahead.split_to(len));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                self.arrived(&buffer.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.is_gone = true;
                Poll::Ready(Err(error))
            }
            Poll::Pending => self.wait(cx).map(Ok),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS takes bytes that its client does not take, and then the flush waits.
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.watch(cx, flushed)
    }

    /// Left to `close`, which may have something to say first.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
