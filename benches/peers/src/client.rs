//! A client of each revision, on raw sockets, that costs little: the processor is for the servers.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failed;
use crate::cases::{Case, Exchange};
use crate::requests::{self, SMALL, call, get, hello, initialized, modern, post};

/// One client, that makes one call at a time.
pub(crate) struct Caller {
    connection: Connection,
    request: Vec<u8>,
    /// Where the answers come, if it is not the connection.
    stream: Option<Connection>,
}

impl Caller {
    /// Connects, and opens a session where the revision has them.
    pub(crate) async fn open(address: SocketAddr, case: &Case) -> Result<Self, Failed> {
        match case.exchange {
            Exchange::Modern => Ok(Self {
                connection: Connection::open(address).await?,
                request: modern(SMALL),
                stream: None,
            }),
            Exchange::Session => {
                let (connection, lines) = session(address, case).await?;
                Ok(Self {
                    connection,
                    request: post(&call(SMALL), &lines, "/mcp"),
                    stream: None,
                })
            }
            Exchange::Sse => Self::over_sse(address, case).await,
        }
    }

    async fn over_sse(address: SocketAddr, case: &Case) -> Result<Self, Failed> {
        let (stream, path) = sse(address).await?;
        let mut caller = Self {
            connection: Connection::open(address).await?,
            request: post(&hello("2024-11-05"), "", &path),
            stream: Some(stream),
        };
        if case.is_greeted {
            caller.exchange().await?;
            let request = post(&initialized(), "", &path);
            caller.connection.answer(&request).await?;
        }
        caller.request = post(&call(SMALL), "", &path);
        Ok(caller)
    }

    /// Calls once, and looks at the answer.
    pub(crate) async fn call(&mut self) -> Result<(), Failed> {
        let answer = self.exchange().await?;
        match requests::is_echo(answer) {
            true => Ok(()),
            false => Err(answer.into()),
        }
    }

    async fn exchange(&mut self) -> Result<&str, Failed> {
        let answer = self.connection.answer(&self.request).await?;
        match &mut self.stream {
            Some(stream) => stream.event().await,
            None => Ok(answer),
        }
    }
}

/// A stream on which nothing happens, with the session that it belongs to.
pub(crate) async fn idle_stream(address: SocketAddr, case: &Case) -> Result<Connection, Failed> {
    if case.exchange == Exchange::Sse {
        return Ok(sse(address).await?.0);
    }
    let (mut connection, lines) = session(address, case).await?;
    connection.send(&get(&lines, "/mcp")).await?;
    let head = connection.head().await?;
    match head.starts_with("HTTP/1.1 200") {
        true => Ok(connection),
        false => Err(head.into()),
    }
}

/// Opens a session; gives what its requests say besides.
async fn session(address: SocketAddr, case: &Case) -> Result<(Connection, String), Failed> {
    let mut connection = Connection::open(address).await?;
    if !case.is_greeted {
        return Ok((connection, requests::session_lines("0")));
    }
    let answer = connection
        .answer(&post(&hello("2025-11-25"), "", "/mcp"))
        .await?;
    let lines = match behind(answer, "mcp-session-id: ") {
        Some(session) => requests::session_lines(session),
        None => requests::REVISION_LINE.to_owned(),
    };
    let request = post(&initialized(), &lines, "/mcp");
    connection.answer(&request).await?;
    Ok((connection, lines))
}

/// Opens a stream; gives the path for its messages.
async fn sse(address: SocketAddr) -> Result<(Connection, String), Failed> {
    let mut stream = Connection::open(address).await?;
    stream.send(&get("", "/sse")).await?;
    let endpoint = stream.event().await?;
    let path = behind(endpoint, "data: ").ok_or("an endpoint")?.to_owned();
    Ok((stream, path))
}

fn behind<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(start))
}

/// A connection with one exchange at a time, so that what comes ends where the answer ends.
pub(crate) struct Connection {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let read = Vec::with_capacity(1024);
        Ok(Self { socket, read })
    }

    async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.read.clear();
        self.socket.write_all(request).await
    }

    /// Sends a request, and reads the whole response.
    async fn answer(&mut self, request: &[u8]) -> Result<&str, Failed> {
        self.send(request).await?;
        self.until(is_whole).await
    }

    async fn head(&mut self) -> Result<&str, Failed> {
        self.until(|read| read.windows(4).any(|at| at == b"\r\n\r\n"))
            .await
    }

    /// The next event of a stream, with what came before it.
    async fn event(&mut self) -> Result<&str, Failed> {
        self.read.clear();
        // An event is a chunk. A comment is none.
        self.until(|read| read.ends_with(b"\n\n\r\n") && read.windows(6).any(|at| at == b"data: "))
            .await
    }

    async fn until(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> Result<&str, Failed> {
        while !is_enough(&self.read) {
            if self.socket.read_buf(&mut self.read).await? == 0 {
                return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
            }
        }
        Ok(str::from_utf8(&self.read)?)
    }
}

/// Whether this is a whole response, in one piece or in chunks.
fn is_whole(read: &[u8]) -> bool {
    let Some(end) = read.windows(4).position(|at| at == b"\r\n\r\n") else {
        return false;
    };
    let head = str::from_utf8(&read[..end]).unwrap_or_default();
    match behind(head, "content-length: ").and_then(|len| len.parse::<usize>().ok()) {
        Some(len) => read.len() >= end + 4 + len,
        None => read.ends_with(b"\r\n0\r\n\r\n"),
    }
}
