//! A server behind each kind of listener, so that a test can run on all of them.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use mcp_wire::listener::{Accepted, Both, Listener, WithHandshake};
use mcp_wire::{Error, McpService, Serve};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

// Each crate of tests says which handshake there is.
use crate::handshake;

/// A kind of listener.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Tcp,
    Unix,
    Memory,
    /// TCP, and a handshake in front of HTTP (`crate::handshake`).
    Handshake,
    /// Two addresses of TCP.
    Several,
    /// TCP, Unix and memory, each for every third client.
    Mixed,
}

/// A setting of the accept loop.
#[derive(Clone, Copy)]
pub(crate) enum Setting {
    MaxConnections(usize),
    HandshakeTimeout(Duration),
    HeaderTimeout(Duration),
    HeaderLimit(usize),
    IdleTimeout(Duration),
    WriteStall(Duration),
    DrainDeadline(Duration),
}

impl Setting {
    fn apply<L, R>(self, serve: Serve<L, R>) -> Serve<L, R> {
        match self {
            Self::MaxConnections(count) => serve.max_connections(count),
            Self::HandshakeTimeout(time) => serve.handshake_timeout(time),
            Self::HeaderTimeout(time) => serve.header_timeout(time),
            Self::HeaderLimit(bytes) => serve.header_limit(bytes),
            Self::IdleTimeout(time) => serve.idle_timeout(time),
            Self::WriteStall(time) => serve.write_stall(time),
            Self::DrainDeadline(time) => serve.drain_deadline(time),
        }
    }
}

/// The client's end of a connection.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// How a client reaches the server.
enum Door {
    Tcp(std::net::SocketAddr),
    Unix(SocketPath),
    Memory(mpsc::Sender<Accepted<DuplexStream>>),
}

impl Door {
    async fn connect(&self) -> Box<dyn Io> {
        match self {
            Self::Tcp(address) => {
                let socket = TcpStream::connect(address).await.unwrap();
                socket.set_nodelay(true).unwrap();
                Box::new(socket)
            }
            Self::Unix(path) => Box::new(UnixStream::connect(&path.0).await.unwrap()),
            Self::Memory(connections) => {
                let (near, far) = tokio::io::duplex(64 * 1024);
                // A server that is over accepts nothing; the other end is dropped, as that of a socket.
                let _ = connections.send(Accepted::new(far)).await;
                Box::new(near)
            }
        }
    }
}

/// The path of a Unix socket, which is removed with this.
struct SocketPath(PathBuf);

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn tcp() -> (Door, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (Door::Tcp(listener.local_addr().unwrap()), listener)
}

fn unix() -> (Door, UnixListener) {
    static NTH: AtomicUsize = AtomicUsize::new(0);
    let name = format!(
        "mcp-wire-{}-{}.sock",
        std::process::id(),
        NTH.fetch_add(1, Relaxed)
    );
    let path = SocketPath(std::env::temp_dir().join(name));
    let listener = UnixListener::bind(&path.0).unwrap();
    (Door::Unix(path), listener)
}

fn memory() -> (Door, mpsc::Receiver<Accepted<DuplexStream>>) {
    let (connections, listener) = mpsc::channel(1);
    (Door::Memory(connections), listener)
}

/// The routes of the embedder.
async fn own(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = format!("own {}", request.uri().path());
    Ok(Response::new(Full::from(text)))
}

/// A server behind one kind of listener, beside routes of its own.
pub(crate) struct Open {
    kind: Kind,
    doors: Vec<Door>,
    next: AtomicUsize,
    pub(crate) mcp: McpService,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

/// Starts a server behind a listener of this kind.
pub(crate) async fn open(kind: Kind, mcp: McpService, settings: &[Setting]) -> Open {
    // Shown when the test fails.
    println!("{kind:?}");
    match kind {
        Kind::Tcp => {
            let (door, listener) = tcp().await;
            start(kind, vec![door], listener, mcp, settings)
        }
        Kind::Unix => {
            let (door, listener) = unix();
            start(kind, vec![door], listener, mcp, settings)
        }
        Kind::Memory => {
            let (door, listener) = memory();
            start(kind, vec![door], listener, mcp, settings)
        }
        Kind::Handshake => {
            let (door, listener) = tcp().await;
            let listener = WithHandshake::new(listener, handshake::accept);
            start(kind, vec![door], listener, mcp, settings)
        }
        Kind::Several => {
            let (doors, listeners) = [tcp().await, tcp().await].into_iter().unzip();
            let listeners: Vec<_> = listeners;
            start(kind, doors, listeners, mcp, settings)
        }
        Kind::Mixed => {
            let ((first, tcp), (second, unix), (third, memory)) = (tcp().await, unix(), memory());
            let listener = Both::new(tcp, Both::new(unix, memory));
            start(kind, vec![first, second, third], listener, mcp, settings)
        }
    }
}

fn start(
    kind: Kind,
    doors: Vec<Door>,
    listener: impl Listener + 'static,
    mcp: McpService,
    settings: &[Setting],
) -> Open {
    let (stop, stopped) = oneshot::channel();
    let serve = Serve::new(listener, mcp.clone()).routes(service_fn(own));
    let serve = settings
        .iter()
        .fold(serve, |serve, setting| setting.apply(serve));
    let task = tokio::spawn(serve.run(async { drop(stopped.await) }));
    Open {
        kind,
        doors,
        next: AtomicUsize::new(0),
        mcp,
        stop,
        task,
    }
}

impl Open {
    /// A connection on which the client can speak HTTP.
    pub(crate) async fn connect(&self) -> Box<dyn Io> {
        let io = self.connect_silently().await;
        match self.kind {
            Kind::Handshake => handshake::connect(io).await,
            _ => io,
        }
    }

    /// A connection whose client has said nothing, not even the handshake.
    pub(crate) async fn connect_silently(&self) -> Box<dyn Io> {
        let nth = self.next.fetch_add(1, Relaxed);
        self.doors[nth % self.doors.len()].connect().await
    }

    /// Begins to drain; await the handle for the end.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), Error>> {
        let _ = self.stop.send(());
        self.task
    }
}
