//! [`Socket`]: passes the bytes of a connection on. It follows where requests begin and end, notes what the
//! connection waits for, and ends the connection so that the last answer arrives.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::progress::Progress;
use super::timers::{Timer, Timers};
use super::tracked::TrackedIo;
use crate::protocol::framing::Framing;

/// How much is read and dropped of what a client still sends after its answer. The client may read the
/// answer only after it has sent everything. A socket that is closed with unread bytes resets the
/// connection, and the reset can destroy an answer that the client has not read yet (RFC 9112, 9.6).
pub(super) const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// A buffer with more room than this is a large one. hyper begins with 8 KiB. After a long request it has
/// some 512 KiB.
const WIDE: usize = 16 * 1024;

/// The socket of a connection, for hyper and for streams that are written without hyper.
pub(super) struct Socket<S> {
    io: TrackedIo<S>,
    framing: Framing,
    /// How many bytes are read at most of what follows a request.
    limit: usize,
    /// What has arrived after the request that is being answered; nearly always nothing.
    ahead: Option<Box<BytesMut>>,
    /// How much room was left in the buffer after the last read.
    room: usize,
    /// Ready when an upgraded connection has to end.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// `limit` is the longest head of a request, and how much is read of what follows a request.
    pub(super) fn new(io: S, limit: usize, progress: Arc<Progress>) -> Self {
        Self {
            io: TrackedIo::new(io, progress),
            framing: Framing::default(),
            limit,
            ahead: None,
            room: 0,
            end: None,
        }
    }

    pub(super) fn progress(&self) -> &Arc<Progress> {
        &self.io.progress
    }

    /// Notes that the client does not read, so that nothing more is sent to it.
    pub(super) fn abandon(&mut self) {
        self.io.is_gone = true;
    }

    /// Ready when the client has closed the connection. What it sends ahead is kept, up to the limit.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.ahead_len() < self.limit {
            if !ready!(self.poll_ahead(cx, self.limit)) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Reads ahead, until this much is kept at most. False when the client has closed the connection.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>, limit: usize) -> Poll<bool> {
        let mut bytes = [0; 1024];
        let most = bytes.len().min(limit - self.ahead_len());
        let mut buffer = ReadBuf::new(&mut bytes[..most]);
        let read = ready!(self.io.poll_read(cx, &mut buffer));
        let is_open = read.is_ok() && !buffer.filled().is_empty();
        if is_open {
            self.keep_ahead(buffer.filled());
        } else {
            self.io.is_gone = true;
        }
        Poll::Ready(is_open)
    }

    /// What is kept ahead.
    #[cfg(feature = "http2")]
    pub(super) fn ahead(&self) -> &[u8] {
        self.ahead.as_deref().map_or(&[], |ahead| &ahead[..])
    }

    /// The transport of a connection that is not of HTTP/1.1, and what is kept ahead.
    #[cfg(feature = "http2")]
    pub(super) fn into_parts(self) -> (TrackedIo<S>, Option<Box<BytesMut>>) {
        (self.io, self.ahead)
    }

    fn keep_ahead(&mut self, bytes: &[u8]) {
        self.ahead.get_or_insert_default().extend_from_slice(bytes);
        self.note_ahead();
    }

    pub(super) fn ahead_len(&self) -> usize {
        self.ahead.as_ref().map_or(0, |ahead| ahead.len())
    }

    fn note_ahead(&self) {
        let is_full = self.ahead_len() >= self.limit;
        self.io.progress.sent_ahead(self.ahead.is_some(), is_full);
    }

    /// Ends the connection after these last words. If the client is in the middle of a request, what it
    /// sends is read and dropped for a while.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket at once.
    pub(super) async fn close(mut self, last_words: Option<Vec<u8>>, timers: &mut Timers) {
        if self.io.is_gone {
            return;
        }
        let is_in_request = !self.framing.is_between() || self.ahead.is_some();
        let lingers = last_words.is_some() || is_in_request;
        if let Some(words) = last_words
            && timers.limit(Timer::Write, self.say(&words)).await != Some(true)
        {
            return;
        }
        let end = async {
            let shutdown = poll_fn(|cx| Pin::new(&mut self.io.io).poll_shutdown(cx));
            if shutdown.await.is_ok() && lingers {
                self.discard().await;
            }
        };
        timers.limit(Timer::Close, end).await;
    }

    /// Writes some bytes. False if that fails.
    async fn say(&mut self, mut words: &[u8]) -> bool {
        while !words.is_empty() {
            match poll_fn(|cx| Pin::new(&mut *self).poll_write(cx, words)).await {
                Ok(len) if len > 0 => words = &words[len..],
                _ => return false,
            }
        }
        poll_fn(|cx| Pin::new(&mut *self).poll_flush(cx))
            .await
            .is_ok()
    }

    async fn discard(&mut self) {
        // On the heap, because the task of every connection has room for what is held across an await.
        let mut bytes = vec![0; 16 * 1024];
        let mut total = 0;
        while total < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = poll_fn(|cx| self.io.poll_read(cx, &mut buffer));
            if read.await.is_err() || buffer.filled().is_empty() {
                return;
            }
            total += buffer.filled().len();
        }
    }

    /// Reads at most what is missing of the request, and as much as a head may have. The rest stays in the
    /// buffers of the system, and its sender waits (FIELD X-8).
    fn poll_io(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = self.framing.missing().saturating_add(self.limit as u64);
        if buffer.remaining() as u64 <= most {
            return self.io.poll_read(cx, buffer);
        }
        Pin::new(&mut (&mut self.io.io).take(most)).poll_read(cx, buffer)
    }

    /// Reads what was kept ahead, or what the client sends.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_upgraded = self.is_upgraded(cx)?;
        if !is_upgraded && self.io.progress.is_answering() && self.framing.is_between() {
            // hyper sees nothing after the request, so it always watches for the end of its client.
            return self.poll_end(cx).map(Ok);
        }
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(self.read_ahead(ahead, buffer));
        }
        if is_upgraded {
            return self.io.poll_read(cx, buffer);
        }
        if self.framing.is_broken() {
            return Poll::Ready(Err(broken()));
        }
        let before = buffer.filled().len();
        match ready!(self.poll_io(cx, buffer)) {
            Ok(()) => Poll::Ready(self.arrived(before, buffer)),
            Err(error) => {
                self.io.is_gone = true;
                Poll::Ready(Err(error))
            }
        }
    }

    /// Notes whether the buffer that is read into is a large one. If its room is not what was left, it is
    /// another buffer, or the same buffer whose bytes were moved to its front. These bytes are at most a part
    /// of a head, so the buffer is hardly longer than its room.
    fn look_at(&self, buffer: &ReadBuf<'_>) {
        let room = buffer.remaining();
        if room > WIDE {
            self.io.progress.reads(true);
        } else if room != self.room {
            self.io.progress.reads(false);
        }
    }

    /// Follows what has arrived in the buffer after the first `before` bytes. What follows the request is
    /// kept for later, and what must not be read is taken out of the buffer.
    fn arrived(&mut self, before: usize, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let bytes = &buffer.filled()[before..];
        self.io.is_gone |= bytes.is_empty();
        let good = self.follow(bytes);
        let is_cut = good < bytes.len();
        if is_cut {
            if !self.framing.is_broken() {
                self.keep_ahead(&bytes[good..]);
            }
            buffer.set_filled(before + good);
        }
        match is_cut && good == 0 {
            true => Err(broken()),
            false => Ok(()),
        }
    }

    /// How many of these bytes belong to the current request.
    fn follow(&mut self, bytes: &[u8]) -> usize {
        let good = self.framing.feed(bytes);
        let (is_in_head, fault) = (self.framing.is_in_head(), self.framing.fault());
        self.io.progress.arrived(is_in_head, fault);
        good
    }

    /// Reads what was sent ahead.
    fn read_ahead(&mut self, mut ahead: Box<BytesMut>, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let bytes = &ahead[..ahead.len().min(buffer.remaining())];
        let good = match self.io.progress.upgraded() {
            Some(_) => bytes.len(),
            None => self.follow(bytes),
        };
        buffer.put_slice(&bytes[..good]);
        ahead.advance(good);
        if !ahead.is_empty() && !self.framing.is_broken() {
            self.ahead = Some(ahead);
        }
        self.note_ahead();
        match self.framing.is_broken() && good == 0 {
            true => Err(broken()),
            false => Ok(()),
        }
    }

    /// Whether the connection was upgraded. Then no request is followed and no timer runs.
    ///
    /// # Errors
    ///
    /// The upgraded connection has to end.
    fn is_upgraded(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let Some(ends) = self.io.progress.upgraded() else {
            return Ok(false);
        };
        let end = self.end.get_or_insert_with(|| {
            let mut ends = ends.clone();
            Box::pin(async move { while ends.changed().await.is_ok() {} })
        });
        if end.as_mut().poll(cx).is_pending() {
            return Ok(true);
        }
        self.end = Some(Box::pin(poll_fn(|_| Poll::Ready(()))));
        // The client learns of the end even if the route keeps the connection.
        let _ = Pin::new(&mut self.io.io).poll_shutdown(cx);
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

/// The error for malformed chunks. hyper gives it to the reader of the body.
fn broken() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the chunks of the request body are malformed",
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.look_at(buffer);
        let read = self.poll_take(cx, buffer);
        self.room = buffer.remaining();
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_upgraded(cx)? {
            return Pin::new(&mut self.io.io).poll_write(cx, bytes);
        }
        self.io.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_upgraded(cx)? {
            return Pin::new(&mut self.io.io).poll_write_vectored(cx, pieces);
        }
        self.io.poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.is_upgraded(cx)? {
            true => Pin::new(&mut self.io.io).poll_flush(cx),
            false => self.io.poll_flush(cx),
        }
    }

    /// Does nothing before an upgrade: `close` shuts the connection down, after its last words.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.io.progress.upgraded() {
            Some(_) => Pin::new(&mut self.io.io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Compares the watcher with hyper, which is an independent reader of the same bytes (FIELD E-9).

    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::error::Error as _;
    use std::sync::Mutex;

    use bytes::Bytes;
    use http_body_util::{BodyExt, Empty};
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::protocol::framing::Fault;

    /// A client that sends these pieces and accepts everything that is written to it.
    struct Sent(VecDeque<Vec<u8>>);

    impl AsyncRead for Sent {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some(piece) = self.0.front_mut() {
                let len = piece.len().min(buffer.remaining());
                buffer.put_slice(&piece[..len]);
                piece.drain(..len);
                if piece.is_empty() {
                    self.0.pop_front();
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Sent {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn cut(text: &[u8], size: usize) -> VecDeque<Vec<u8>> {
        text.chunks(size).map(<[u8]>::to_vec).collect()
    }

    /// What tells a request from others, however its target is spelled.
    fn digits(target: &str) -> String {
        target.chars().filter(char::is_ascii_digit).collect()
    }

    /// The paths of the requests that hyper finds, how many of them it reads to their end, and whether it
    /// finds no fault.
    fn read_by_hyper(io: impl AsyncRead + AsyncWrite + Unpin) -> (Vec<String>, usize, bool) {
        let found = Mutex::new((Vec::new(), 0, true));
        let service = service_fn(async |request: Request<Incoming>| {
            found
                .lock()
                .unwrap()
                .0
                .push(digits(&request.uri().to_string()));
            let read = request.into_body().collect().await;
            let mut found = found.lock().unwrap();
            match read {
                Ok(_) => found.1 += 1,
                // hyper goes on after a trailer that it refuses.
                Err(error) => found.2 &= is_end(&error),
            }
            drop(found);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let serving = http1::Builder::new()
            .header_read_timeout(None)
            .half_close(true)
            .serve_connection(TokioIo::new(io), service);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let is_served = runtime.block_on(serving).is_ok();
        let (paths, complete, is_sound) = found.into_inner().unwrap();
        (paths, complete, is_served && is_sound)
    }

    /// Whether a body is only cut short.
    fn is_end(error: &hyper::Error) -> bool {
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::UnexpectedEof)
    }

    /// The paths of the requests that the watcher finds, and where it stands at the end.
    fn read_by_watcher(text: &[u8], size: usize) -> (Vec<String>, Framing) {
        let mut whole = Framing::default();
        for mut piece in text.chunks(size) {
            // One request after the other.
            while let len @ 1.. = whole.feed(piece) {
                piece = &piece[len..];
            }
        }
        let mut bytewise = Framing::default();
        let (mut paths, mut start) = (Vec::new(), 0);
        for (at, byte) in text.iter().enumerate() {
            let was_in_head = bytewise.is_in_head();
            bytewise.feed(&[*byte]);
            if !was_in_head {
                start = at;
            }
            if was_in_head && !bytewise.is_in_head() {
                let head = String::from_utf8_lossy(&text[start..]);
                paths.push(digits(head.split(' ').nth(1).unwrap_or_default()));
            }
        }
        assert_eq!(
            format!("{whole:?}"),
            format!("{bytewise:?}"),
            "however it is cut"
        );
        (paths, whole)
    }

    const LINES: &[&str] = &[
        "Host: a",
        "X: y",
        "Content-Length: 3",
        "content-length:3",
        "Content-Length: 0",
        "Content-Length: 16",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length : 3",
        " Content-Length: 3",
        "Content-Length: 18446744073709551615",
        "Content-Length: 18446744073709551619",
        "Transfer-Encoding: chunked",
        "transfer-encoding: CHUNKED ",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding:",
        "Connection: keep-alive",
        "Connection: close",
        "Expect: 100-continue",
    ];

    const BODIES: &[&str] = &[
        "",
        "abc",
        "0\r\n\r\n",
        "3\r\nabc\r\n0\r\n\r\n",
        "003 ;x=\"y\"\r\nabc\r\n00\r\nX: y\r\n\r\n",
        "A\r\n0123456789\r\n3\r\nabc\r\n0\r\nX: y\r\nZ:\r\n\r\n",
        "0\r\n\nX: y\r\n\r\n",
        "0\r\nabc\r\n\r\n",
        "0\r\nX: y\n\r\n\r\n",
        "3\nabc\n0\n\n",
        "ffffffffffffffff\r\nabc",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
    ];

    fn line_end() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            40 => Just("\r\n"),
            1 => Just("\n"),
            1 => Just("\r"),
            1 => Just("\r\n "),
            1 => Just(""),
        ]
    }

    fn request() -> impl Strategy<Value = String> {
        let lines = prop::collection::vec((select(LINES), line_end()), 0..4);
        let method = select(&["GET", "POST"][..]);
        (
            method,
            0..1000_u16,
            line_end(),
            lines,
            line_end(),
            select(BODIES),
        )
            .prop_map(|(method, path, end, lines, last, body)| {
                let lines: String = lines.iter().flat_map(|(line, end)| [*line, *end]).collect();
                format!("{method} /{path} HTTP/1.1{end}{lines}{last}{body}")
            })
    }

    /// A sequence of requests in which some bytes are changed, added or missing.
    fn text() -> impl Strategy<Value = String> {
        let faults = (
            any::<prop::sample::Index>(),
            select(&b"\r\n :;,0aA\t"[..]),
            0..3_u8,
        );
        let requests = prop::collection::vec(request(), 1..5);
        (requests, prop::collection::vec(faults, 0..3)).prop_map(|(requests, faults)| {
            let mut text = requests.concat();
            for (at, byte, kind) in faults {
                let at = at.index(text.len());
                match kind {
                    0 => text.replace_range(at..=at, &char::from(byte).to_string()),
                    1 => text.insert(at, byte.into()),
                    _ => drop(text.remove(at)),
                }
            }
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 1000,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// FIELD E-9: both find the same requests, up to the first one that either of them refuses.
        #[test]
        fn the_watcher_and_hyper_find_the_same_requests(text in text(), size in 1..80_usize) {
            let (found, framing) = read_by_watcher(text.as_bytes(), size);
            let (by_hyper, complete, is_sound) = read_by_hyper(Sent(cut(text.as_bytes(), size)));
            let refused = framing.fault().map_or(usize::MAX, |(nth, _)| nth as usize);
            let alike = by_hyper.len().min(refused.saturating_add(1));
            prop_assert_eq!(found.get(..alike), by_hyper.get(..alike));
            // If hyper reads everything without a fault, the watcher finds all requests too.
            let goes_on = !text.contains("close") && !text.contains("HTTP/1.0");
            if is_sound && goes_on && refused == usize::MAX {
                prop_assert_eq!(&found, &by_hyper);
                prop_assert_eq!(framing.is_between(), complete == by_hyper.len());
            }
        }

        /// hyper reads nothing after malformed chunks, because the watcher lets nothing through after them.
        #[test]
        fn nothing_gets_through_behind_broken_chunks(text in text(), size in 1..80_usize) {
            let (_, framing) = read_by_watcher(text.as_bytes(), size);
            let progress = Arc::<Progress>::default();
            let socket = Socket::new(Sent(cut(text.as_bytes(), size)), 16, progress);
            let (by_hyper, complete, _) = read_by_hyper(socket);
            if let Some((nth, Fault::Chunks)) = framing.fault() {
                prop_assert!(by_hyper.len() <= nth as usize + 1);
                prop_assert!(complete <= nth as usize);
            }
        }
    }
}
