//! A minimal HTTP/1.1 client on raw sockets. It can stop reading and disconnect at any byte, and shares no code
//! with the server.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};

use mcp_wire::sse::{Decoder, Received};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A connection that carries one exchange after another.
pub(crate) struct Connection {
    socket: TcpStream,
    address: SocketAddr,
    /// Bytes that were read and not yet parsed.
    pending: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpSocket::new_v4()?, address).await
    }

    /// Connects from this address.
    pub(crate) async fn open_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((source, 0)))?;
        Self::over(socket, address).await
    }

    /// Connects with a small receive buffer, so that the server notices soon when the client does not read.
    pub(crate) async fn narrow(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(16 * 1024)?;
        Self::over(socket, address).await
    }

    async fn over(socket: TcpSocket, address: SocketAddr) -> io::Result<Self> {
        let socket = socket.connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            address,
            pending: Vec::new(),
        })
    }

    /// Sends a request without waiting for the response. `headers` are whole lines.
    pub(crate) async fn send(&mut self, line: &str, headers: &str, body: &str) -> io::Result<()> {
        let address = self.address;
        let len = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {len}\r\n\r\n{body}"
        );
        self.socket.write_all(request.as_bytes()).await
    }

    /// Reads the head of the response.
    pub(crate) async fn response(mut self) -> io::Result<Response> {
        loop {
            let end = self.pending.windows(4).position(|at| at == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<u8> = self.pending.drain(..end + 4).collect();
                let head =
                    String::from_utf8(head).map_err(|_| malformed("the head of the response"))?;
                return Response::read(self, head);
            }
            self.read_some().await?;
        }
    }

    async fn read_some(&mut self) -> io::Result<()> {
        match self.socket.read_buf(&mut self.pending).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Closes the connection with a reset.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.socket.set_zero_linger()
    }
}

/// A response whose body is read as it arrives.
pub(crate) struct Response {
    connection: Connection,
    head: String,
    pub(crate) status: u16,
    decoder: Decoder,
    events: VecDeque<Received>,
    /// The id of the last event, to resume after it.
    pub(crate) last_event_id: Option<String>,
    ended: bool,
}

impl Response {
    fn read(connection: Connection, head: String) -> io::Result<Self> {
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        Ok(Self {
            status: status.ok_or_else(|| malformed("the status line"))?,
            connection,
            head,
            decoder: Decoder::new(),
            events: VecDeque::new(),
            last_event_id: None,
            ended: false,
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.header("content-type") == Some("text/event-stream")
    }

    /// Reads the body of a response that is not a stream. Returns it with the connection for the next exchange.
    pub(crate) async fn body(mut self) -> io::Result<(String, Connection)> {
        let len = self.header("content-length").unwrap_or("0");
        let len: usize = len.parse().map_err(|_| malformed("Content-Length"))?;
        while self.connection.pending.len() < len {
            self.connection.read_some().await?;
        }
        let body = self.connection.pending.drain(..len).collect();
        let body = String::from_utf8(body).map_err(|_| malformed("the body"))?;
        Ok((body, self.connection))
    }

    /// The next event of a stream; `None` at the end of the stream.
    ///
    /// # Cancel safety
    ///
    /// No bytes are lost when the future is dropped.
    pub(crate) async fn event(&mut self) -> io::Result<Option<Received>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                if !event.id.is_empty() {
                    self.last_event_id = Some(event.id.clone());
                }
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            match self.chunk()? {
                Some(chunk) => self.events.extend(self.decoder.feed(&chunk)),
                None => self.connection.read_some().await?,
            }
        }
    }

    /// The next chunk of the body, if it is complete; the last one is empty.
    fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let pending = &mut self.connection.pending;
        let Some(line) = pending.windows(2).position(|at| at == b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&pending[..line]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or_else(|| malformed("the size of a chunk"))?;
        let (start, end) = (line + 2, line + 2 + size);
        if pending.len() < end + 2 {
            return Ok(None);
        }
        let chunk = pending[start..end].to_vec();
        pending.drain(..end + 2);
        self.ended = size == 0;
        Ok(Some(chunk))
    }

    /// Closes the connection with a reset.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.connection.reset()
    }

    /// The connection of a stream that has ended.
    pub(crate) fn into_connection(self) -> Connection {
        self.connection
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{what} is malformed"))
}
