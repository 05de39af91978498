//! [`serve`]: an accept loop with limits and an orderly end, for those who have none.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Either;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use super::body::ResponseBody;
use super::service::McpService;
use crate::error::Error;

/// How long the head of a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes; a longer one is answered 431.
const HEADER_LIMIT: usize = 64 * 1024;
/// How long a client may take no byte of what is written to it.
const WRITE_STALL: Duration = Duration::from_secs(30);
/// How long running requests have to finish once the end has begun.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted, for want of open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves one MCP service, and nothing else, until `shutdown` is ready.
///
/// `TCP_NODELAY` is set on every connection. The head of a request must arrive within 10 s and
/// 64 KiB; a client that takes no byte for 30 s is cut. When `shutdown` is ready, no connection is
/// accepted any more, running requests finish, streams end; after 10 s the rest is cancelled.
///
/// # Errors
///
/// None at present: an accept that fails is tried again, and a connection that fails concerns
/// nobody else.
///
/// # Cancel safety
///
/// Dropping the future drops the listener and all connections at once.
pub async fn serve(
    listener: TcpListener,
    mcp: McpService,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    // The service answers 404 to what it does not own.
    let routes = mcp.clone();
    serve_with(listener, mcp, routes, shutdown).await
}

/// Serves an MCP service beside routes of your own: `routes` gets every request whose path is not
/// one of the service's. All else is as in [`serve`].
///
/// # Errors
///
/// As [`serve`].
///
/// # Cancel safety
///
/// As [`serve`].
pub async fn serve_with<R, B>(
    listener: TcpListener,
    mcp: McpService,
    routes: R,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error>
where
    R: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    R::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        match accept(&listener, shutdown.as_mut(), &mut connections).await {
            Event::Shutdown => break,
            Event::Accepted(Ok((socket, _))) => {
                let connection = connection(socket, mcp.clone(), routes.clone(), stopped.clone());
                connections.spawn(connection);
            }
            Event::Accepted(Err(error)) if is_of_one_connection(&error) => {}
            // Out of files or memory: those who are served free some in time.
            Event::Accepted(Err(_)) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    drop(stop);
    mcp.drain();
    let all_gone = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_DEADLINE, all_gone)
        .await
        .is_err()
    {
        mcp.close();
        let last_words = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(ACCEPT_PAUSE, last_words).await;
        connections.shutdown().await;
    }
    Ok(())
}

enum Event {
    Shutdown,
    Accepted(io::Result<(TcpStream, SocketAddr)>),
}

/// Waits for the next connection or for the end, and clears away connections that are over.
async fn accept(
    listener: &TcpListener,
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
    connections: &mut JoinSet<()>,
) -> Event {
    poll_fn(|cx| {
        while let Poll::Ready(Some(_)) = connections.poll_join_next(cx) {}
        if shutdown.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Event::Shutdown);
        }
        listener.poll_accept(cx).map(Event::Accepted)
    })
    .await
}

/// Errors that `accept` hands on from a connection that failed before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn connection<R, B>(
    socket: TcpStream,
    mcp: McpService,
    routes: R,
    mut stopped: watch::Receiver<()>,
) where
    R: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + Sync,
    R::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    // Without it an event waits some 40 ms for a delayed acknowledgement. A socket that refuses
    // either call is dead, and hyper will notice.
    let _ = socket.set_nodelay(true);
    let mcp = match socket.local_addr() {
        Ok(local) => mcp.on(local),
        Err(_) => mcp,
    };
    let mcp = match socket.peer_addr() {
        Ok(peer) => mcp.for_peer(peer),
        Err(_) => mcp,
    };
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(if mcp.owns(request.uri().path()) {
            mcp.call(request).await.map(Either::Left)
        } else {
            let Ok(response) = routes.call(request).await;
            response.map(Either::<ResponseBody, B>::Right)
        })
    });
    let io = TokioIo::new(StallGuard {
        socket,
        stall: None,
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(HEADER_LIMIT)
        // A client that is gone and one that only ends its writing side look the same until a write
        // fails, which on a quiet stream takes two keep-alives. A session ends with its client at
        // once (SPEC B-12) and so does a request of 2026-07-28 (SPEC D-84), so both count as gone,
        // though SPEC D-87 would have it otherwise.
        .half_close(false)
        .serve_connection(io, service);
    let mut serving = pin!(serving);
    let mut stop = pin!(async { stopped.changed().await.is_err() });
    let mut stopping = false;
    // What went wrong on one connection concerns nobody else.
    let _ = poll_fn(|cx| {
        if !stopping && stop.as_mut().poll(cx).is_ready() {
            stopping = true;
            serving.as_mut().graceful_shutdown();
        }
        serving.as_mut().poll(cx)
    })
    .await;
}

/// A socket that fails when the peer takes no byte for [`WRITE_STALL`].
struct StallGuard {
    socket: TcpStream,
    /// Runs while a write waits; none otherwise, so that a quiet connection costs no timer.
    stall: Option<Pin<Box<Sleep>>>,
}

impl StallGuard {
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| {
            Box::pin(tokio::time::sleep_until(Instant::now() + WRITE_STALL))
        });
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for StallGuard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for StallGuard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, pieces);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
