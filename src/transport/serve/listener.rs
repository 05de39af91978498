//! [`serve`] and [`Serve`]: an accept loop with limits and an orderly end (PITFALLS R-62).

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::accept::accept;
use super::connection::{refuse, tcp_connection};
use super::connection_quota::ConnectionQuota;
use super::setup::{ConnectionSetup, HEADER_LIMIT, TIMEOUTS};
use super::timers::ConnectionTimeouts;
use crate::error::Error;
use crate::protocol::rejection::Reason;
use crate::transport::intake::request_body::BoxError;
use crate::transport::service::McpService;

/// How many connections there may be. One more is answered 503.
const MAX_CONNECTIONS: usize = 10_000;
/// How long running requests have to finish once the shutdown has begun (PITFALLS R-24).
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// How long the last words of each connection may take when the deadline is over.
const GRACE: Duration = Duration::from_millis(25);
/// How many refused connections get an answer at a time. Any more are closed without one.
const REFUSALS: usize = 128;

/// Serves one MCP service, and nothing else, until `shutdown` is ready. The limits are the defaults
/// of [`Serve`], which can also serve routes of your own.
///
/// # Errors
///
/// As [`Serve::run`].
///
/// # Cancel safety
///
/// As [`Serve::run`].
pub async fn serve(
    listener: TcpListener,
    mcp: McpService,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    Serve::new(listener, mcp).run(shutdown).await
}

/// An accept loop for HTTP/1.1 on TCP. Everything that a client can draw out has a limit.
///
/// `TCP_NODELAY` is set on every connection.
///
/// These requests are answered 400, those to your own routes included: a request without exactly one
/// `Host`, and a request whose length could be read in two ways, because it states the length twice,
/// has a transfer coding other than `chunked`, or ends a line with LF alone.
///
/// A request that is refused before its body was read still gets its answer: for a moment the
/// connection reads what the client goes on sending, because closing it at once could destroy the
/// answer.
///
/// ```no_run
/// # use mcp_wire::{Dispatcher, McpService, Serve};
/// # use std::time::Duration;
/// # async fn example(dispatcher: impl Dispatcher) -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = McpService::builder(dispatcher).build()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// Serve::new(listener, mcp)
///     .max_connections(500)
///     .drain_deadline(Duration::from_secs(3))
///     .run(std::future::pending())
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is served until `run`"]
pub struct Serve<R = McpService> {
    listener: TcpListener,
    mcp: McpService,
    routes: R,
    max_connections: usize,
    header_limit: usize,
    timeouts: ConnectionTimeouts,
    drain_deadline: Duration,
}

impl Serve {
    /// Serves the endpoints of an MCP service on a listener. Other paths are answered 404.
    pub fn new(listener: TcpListener, mcp: McpService) -> Self {
        Self {
            listener,
            routes: mcp.clone(),
            mcp,
            max_connections: MAX_CONNECTIONS,
            header_limit: HEADER_LIMIT,
            timeouts: TIMEOUTS,
            drain_deadline: DRAIN_DEADLINE,
        }
    }
}

impl<R> Serve<R> {
    /// Serves routes of your own too. They get every request whose path is not one of the service's.
    /// They decide how long the body of such a request may be and how long it may take.
    ///
    /// Neither `Host` nor `Origin` is checked for your routes, and no authorizer is asked. A page of
    /// another web site can reach them, and can open a WebSocket where they upgrade. Check both in the
    /// route.
    ///
    /// A route may upgrade its connection to another protocol: it answers 101 and gets the connection
    /// from [`hyper::upgrade::on`]. The timeouts of this loop no longer apply to that connection. It
    /// counts as a connection until the route drops it. On shutdown it is cut when
    /// [`Serve::drain_deadline`] is over.
    pub fn routes<S>(self, routes: S) -> Serve<S> {
        Serve {
            listener: self.listener,
            mcp: self.mcp,
            routes,
            max_connections: self.max_connections,
            header_limit: self.header_limit,
            timeouts: self.timeouts,
            drain_deadline: self.drain_deadline,
        }
    }

    /// How many connections there may be; one more is answered 503 and closed. Default 10,000.
    ///
    /// One address may have half of them; one more from that address is answered 429 and closed. This
    /// share does not apply to [`Builder::trusted_proxies`](crate::Builder::trusted_proxies).
    ///
    /// Each open stream is one connection, and each connection is one open file. Allow the process more
    /// open files than connections (`ulimit -n`). Otherwise it runs out of files first, and one address
    /// can take them all.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long the head of a request may take from its first byte to its last. After that the request
    /// is answered 408. Default 10 s.
    pub fn header_timeout(mut self, time: Duration) -> Self {
        self.timeouts.head = time;
        self
    }

    /// How many bytes the head of a request may have, including its first line. A longer head is
    /// answered 431, and so is one with more than 100 fields. A path of more than 65,534 bytes is
    /// answered 414 where the head may be that long. Default 64 KiB; at most 408 KiB, because hyper
    /// reads no more.
    pub fn header_limit(mut self, bytes: usize) -> Self {
        self.header_limit = bytes;
        self
    }

    /// How long a connection may be idle, before its first request and between two requests. After that
    /// it is closed. Default 60 s.
    ///
    /// A connection with an open stream is not idle. But a client that sends more than
    /// [`header_limit`](Self::header_limit) while its request is being answered has only this time,
    /// because the server could no longer see it leave.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.timeouts.idle = time;
        self
    }

    /// How long a client may take no byte of what is written to it. After that its connection is closed:
    /// a request of 2026-07-28 is cancelled, a session of HTTP+SSE ends, and a stream that can be resumed is
    /// detached. Default 30 s.
    pub fn write_stall(mut self, time: Duration) -> Self {
        self.timeouts.write = time;
        self
    }

    /// How long running requests may go on once the shutdown has begun. Requests that run longer are
    /// cancelled and answered with an error. Default 10 s.
    pub fn drain_deadline(mut self, time: Duration) -> Self {
        self.drain_deadline = time;
        self
    }

    /// Serves until `shutdown` is ready and everything that was running has ended.
    ///
    /// Once `shutdown` is ready, new connections and requests are answered 503, running requests finish,
    /// and streams end. At the deadline everything that is left is cancelled.
    ///
    /// # Errors
    ///
    /// None at present: a failed accept is tried again, and a failed connection concerns no other.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the listener and all connections at once.
    pub async fn run<B>(self, shutdown: impl Future<Output = ()>) -> Result<(), Error>
    where
        R: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        R::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (stop, stopped) = watch::channel(());
        let setup = ConnectionSetup {
            mcp: self.mcp.clone(),
            routes: self.routes,
            header_limit: self.header_limit,
            timeouts: Arc::new(self.timeouts),
            stopped: Some(stopped),
        };
        let mut connections = JoinSet::new();
        let mut refused = JoinSet::new();
        let quota = ConnectionQuota::new(self.max_connections);
        accept(&self.listener, pin!(shutdown), |cx, socket| {
            remove_ended(cx, &mut connections);
            remove_ended(cx, &mut refused);
            let Some(socket) = socket else { return };
            match quota.take(&setup.mcp, &socket, connections.len()) {
                Ok(held) => drop(connections.spawn(tcp_connection(setup.clone(), socket, held))),
                Err(why) if refused.len() < REFUSALS => {
                    refused.spawn(refuse(&setup, socket, why));
                }
                Err(_) => {}
            }
        })
        .await;
        drop(stop);
        let end = pin!(end(&self.mcp, self.drain_deadline, connections));
        accept(&self.listener, end, |cx, socket| {
            remove_ended(cx, &mut refused);
            let Some(socket) = socket else { return };
            if refused.len() < REFUSALS {
                refused.spawn(refuse(&setup, socket, Reason::ShuttingDown));
            }
        })
        .await;
        Ok(())
    }
}

/// Removes the connections that have ended.
fn remove_ended(cx: &mut Context<'_>, connections: &mut JoinSet<()>) {
    while let Poll::Ready(Some(_)) = connections.poll_join_next(cx) {}
}

/// Ends the service first, then the connections, which write what they still have.
async fn end(mcp: &McpService, deadline: Duration, mut connections: JoinSet<()>) {
    let began = Instant::now();
    mcp.shutdown(deadline).await;
    let left = deadline.saturating_sub(began.elapsed()).max(GRACE);
    let all_gone = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(left, all_gone).await;
    connections.shutdown().await;
}

impl<R> fmt::Debug for Serve<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("mcp", &self.mcp)
            .field("max_connections", &self.max_connections)
            .field("header_limit", &self.header_limit)
            .field("timeouts", &self.timeouts)
            .field("drain_deadline", &self.drain_deadline)
            .finish_non_exhaustive()
    }
}
