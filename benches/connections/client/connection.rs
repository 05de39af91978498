//! A minimal HTTP/1.1 client on raw sockets, so that the load costs less than the server that it measures.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mcp_wire::sse::{Decoder, Received};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The minimum size of a read.
const ROOM: usize = 4 * 1024;

/// A connection that carries one exchange after another.
pub(crate) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// Where the unread bytes begin.
    at: usize,
    rest: Rest,
}

/// The rest of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    Length(usize),
    Chunks,
    /// Everything up to the end of the connection.
    End,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        // Closes with a reset: after a regular close the port stays unavailable for a minute, and ports run out.
        socket.set_zero_linger()?;
        Ok(Self {
            socket,
            buffer: Vec::new(),
            at: 0,
            rest: Rest::Nothing,
        })
    }

    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.socket.write_all(request).await
    }

    /// The head of the next answer. The caller has to read its body before the next head.
    pub(crate) async fn head(&mut self) -> io::Result<Head> {
        timeout(PATIENCE, self.next_head()).await?
    }

    async fn next_head(&mut self) -> io::Result<Head> {
        let len = loop {
            let found = self.buffer[self.at..]
                .windows(4)
                .position(|at| at == b"\r\n\r\n");
            match found {
                Some(end) => break end + 4,
                None => self.fill().await?,
            }
        };
        let head = Head::read(self.take(len))?;
        self.rest = head.rest()?;
        Ok(head)
    }

    /// The next piece of the body, or `None` at its end.
    ///
    /// Cancel safety: no bytes are lost when the future is dropped.
    pub(crate) async fn piece(&mut self) -> io::Result<Option<&[u8]>> {
        match self.rest {
            Rest::Nothing => Ok(None),
            Rest::Chunks => self.chunk().await,
            Rest::Length(len) => {
                self.fill_if_empty().await?;
                let len_here = len.min(self.buffer.len() - self.at);
                self.rest = match len - len_here {
                    0 => Rest::Nothing,
                    left => Rest::Length(left),
                };
                Ok(Some(self.take(len_here)))
            }
            Rest::End => match self.fill_if_empty().await {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
                Err(error) => Err(error),
                Ok(()) => Ok(Some(self.take(self.buffer.len() - self.at))),
            },
        }
    }

    /// Reads the whole body into `body`, and replaces its content.
    pub(crate) async fn body(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        body.clear();
        while let Some(piece) = self.piece().await? {
            body.extend_from_slice(piece);
        }
        Ok(())
    }

    async fn chunk(&mut self) -> io::Result<Option<&[u8]>> {
        let (line, size) = loop {
            if let Some((line, size)) = chunk_head(&self.buffer[self.at..])?
                && self.buffer.len() - self.at >= line + size + 2
            {
                break (line, size);
            }
            self.fill().await?;
        };
        if size == 0 {
            self.rest = Rest::Nothing;
        }
        let chunk = self.take(line + size + 2);
        Ok((size > 0).then(|| &chunk[line..line + size]))
    }

    fn take(&mut self, len: usize) -> &[u8] {
        let start = self.at;
        self.at += len;
        &self.buffer[start..self.at]
    }

    async fn fill_if_empty(&mut self) -> io::Result<()> {
        match self.at == self.buffer.len() {
            true => self.fill().await,
            false => Ok(()),
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.reserve(ROOM);
        match self.socket.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The length of the first line of a chunk, and the size in it; `None` while the line is incomplete.
fn chunk_head(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = bytes.windows(2).position(|at| at == b"\r\n") else {
        return Ok(None);
    };
    let size = std::str::from_utf8(&bytes[..end]).ok();
    let size = size.and_then(|size| usize::from_str_radix(size.split(';').next()?, 16).ok());
    Ok(Some((
        end + 2,
        size.ok_or_else(|| malformed("the size of a chunk"))?,
    )))
}

/// The head of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    lines: String,
}

impl Head {
    fn read(bytes: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("the head of the response"))?;
        let (first, lines) = text.split_once("\r\n").unwrap_or_default();
        let status = first.split(' ').nth(1).and_then(|text| text.parse().ok());
        Ok(Self {
            status: status.ok_or_else(|| malformed("the status line"))?,
            lines: lines.to_owned(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.lines.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn is_stream(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        kind.starts_with("text/event-stream")
    }

    fn rest(&self) -> io::Result<Rest> {
        if let Some(len) = self.header("content-length") {
            return match len.parse() {
                Ok(0) => Ok(Rest::Nothing),
                Ok(len) => Ok(Rest::Length(len)),
                Err(_) => Err(malformed("Content-Length")),
            };
        }
        Ok(match self.header("transfer-encoding") {
            Some(_) => Rest::Chunks,
            None if matches!(self.status, 204 | 304) => Rest::Nothing,
            None => Rest::End,
        })
    }
}

/// The events of an answer that is a stream.
pub(crate) struct Stream {
    connection: Connection,
    decoder: Decoder,
    /// Events that were read and not yet returned, in order.
    events: Vec<Received>,
}

impl Stream {
    /// Sends a request whose answer is a stream.
    pub(crate) async fn open(mut connection: Connection, request: &[u8]) -> io::Result<Self> {
        connection.send(request).await?;
        let head = connection.head().await?;
        match head.status == 200 && head.is_stream() {
            true => Ok(Self::of(connection)),
            false => Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("the answer with status {} is not a stream", head.status),
            )),
        }
    }

    fn of(connection: Connection) -> Self {
        Self {
            connection,
            decoder: Decoder::new(),
            events: Vec::new(),
        }
    }

    /// The event that answers the last request.
    pub(crate) async fn answer(&mut self) -> io::Result<Received> {
        timeout(PATIENCE, self.event()).await?
    }

    /// The next event, however long it takes.
    ///
    /// Cancel safety: no bytes are lost when the future is dropped.
    pub(crate) async fn event(&mut self) -> io::Result<Received> {
        while self.events.is_empty() {
            self.read().await?;
        }
        Ok(self.events.remove(0))
    }

    /// Reads once. The bytes may hold events, comments or part of one.
    pub(crate) async fn read(&mut self) -> io::Result<()> {
        let piece = self.connection.piece().await?;
        let piece = piece.ok_or(ErrorKind::UnexpectedEof)?;
        self.events.extend(self.decoder.feed(piece));
        Ok(())
    }

    /// The number of comments so far. A keep-alive is a comment.
    pub(crate) fn comments(&self) -> usize {
        self.decoder.comments()
    }
}

/// The last event of a body that is a stream. Some servers stream every answer.
pub(crate) fn last_event(body: &[u8]) -> Option<String> {
    let last = Decoder::new().feed(body).pop()?;
    Some(last.data)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{what} is malformed"))
}
