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
use hyper::http::Extensions;
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::accept::accept;
use super::connection::{after_handshake, connection, refuse};
use super::connection_quota::ConnectionQuota;
use super::listener::{Accepted, Listener, Opening};
use super::routes::Routes;
use super::settings::Settings;
use super::setup::ConnectionSetup;
use crate::error::Error;
use crate::protocol::party::Net;
use crate::protocol::quota::Held;
use crate::protocol::rejection::Reason;
use crate::transport::intake::request_body::BoxError;
use crate::transport::service::McpService;

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
    listener: impl Listener,
    mcp: McpService,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    Serve::new(listener, mcp).run(shutdown).await
}

/// An accept loop for HTTP/1.1, and with the feature `http2` for HTTP/2, on any [`Listener`]: TCP, a Unix socket, TLS, memory, several at once.
/// Everything that a client can draw out has a limit, on each of them.
///
/// These requests are answered 400, those to your own routes included: a request without exactly one
/// `Host`, and a request whose length could be read in two ways, because it states the length twice,
/// has a transfer coding other than `chunked`, or ends a line with LF alone.
///
/// With the feature `http2` a client that begins with the preface of HTTP/2 is served in HTTP/2, over TLS and
/// in cleartext, with the same limits and the same end: `GOAWAY`, and the open streams finish. A connection that
/// is one too many gets a `GOAWAY` whose debug data says why. No route can upgrade or open a tunnel there.
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
pub struct Serve<L = TcpListener, R = McpService> {
    listener: L,
    mcp: McpService,
    routes: R,
    settings: Settings,
}

impl<L: Listener> Serve<L> {
    /// Serves the endpoints of an MCP service on a listener. Other paths are answered 404.
    pub fn new(listener: L, mcp: McpService) -> Self {
        Self {
            listener,
            routes: mcp.clone(),
            mcp,
            settings: Settings::default(),
        }
    }
}

impl<L, R> Serve<L, R> {
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
    pub fn routes<S>(self, routes: S) -> Serve<L, S> {
        Serve {
            listener: self.listener,
            mcp: self.mcp,
            routes,
            settings: self.settings,
        }
    }

    /// How many connections there may be; one more is answered 503 and closed. Default 10,000.
    ///
    /// One address may have half of them; one more from that address is answered 429 and closed. This
    /// share does not apply to [`Builder::trusted_proxies`](crate::Builder::trusted_proxies), nor to
    /// connections without an address, such as those on a Unix socket.
    ///
    /// On HTTP/1.1 each open stream is one connection; on HTTP/2 a connection can have 100 of them. Each connection is one open file. Allow the process more
    /// open files than connections (`ulimit -n`). Otherwise it runs out of files first, and one address
    /// can take them all.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.max_connections = connections;
        self
    }

    /// How long the handshake of a connection may take, if it has one
    /// ([`WithHandshake`](crate::listener::WithHandshake)). After that the connection is closed. Default
    /// 10 s.
    pub fn handshake_timeout(mut self, time: Duration) -> Self {
        self.settings.timeouts.handshake = time;
        self
    }

    /// How long the head of a request may take from its first byte to its last. After that the request
    /// is answered 408. Default 10 s.
    ///
    /// On HTTP/2 this is the time of the preface. A head that stays incomplete there keeps everything else from
    /// its connection, so the next ping or the idle time ends it.
    pub fn header_timeout(mut self, time: Duration) -> Self {
        self.settings.timeouts.head = time;
        self
    }

    /// How many bytes the head of a request may have, including its first line. A longer head is
    /// answered 431, and so is one with more than 100 fields. A path of more than 65,534 bytes is
    /// answered 414 where the head may be that long. Default 64 KiB; at most 408 KiB, because hyper
    /// reads no more.
    ///
    /// On HTTP/2 it is the size of the header list, where each field counts 32 bytes more (RFC 9113, section
    /// 6.5.2). The number of fields has no other limit there.
    pub fn header_limit(mut self, bytes: usize) -> Self {
        self.settings.header_limit = bytes;
        self
    }

    /// How long a connection may be idle, before its first request and between two requests. After that
    /// it is closed. Default 75 s: longer than the 60 s of most load balancers, which have to be the first
    /// to close a connection that they reuse. Behind one that keeps connections for longer, set more.
    ///
    /// A connection with an open stream is not idle. But a client that sends more than
    /// [`header_limit`](Self::header_limit) while its request is being answered has only this time,
    /// because the server could no longer see it leave.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.settings.timeouts.idle = time;
        self
    }

    /// How long a client may take no byte of what is written to it. After that its connection is closed:
    /// a request of 2026-07-28 is cancelled, a session of HTTP+SSE ends, and a stream that can be resumed is
    /// detached. Default 30 s.
    ///
    /// On HTTP/2 it applies to each stream as well. If the client does not take 16 KiB of an answer in this time,
    /// because it keeps the window of that stream closed, the stream is reset and the connection goes on.
    pub fn write_stall(mut self, time: Duration) -> Self {
        self.settings.timeouts.write = time;
        self
    }

    /// How many streams the client of one HTTP/2 connection may have open at a time. Each request is one, until
    /// its answer has ended. The client is told the number, and one more is reset without being served. Default
    /// 100.
    ///
    /// An answer is in memory as a whole until its client has taken it. So a client that takes nothing keeps as
    /// many answers there as it may have streams, each for [`write_stall`](Self::write_stall): 100 times the
    /// longest answer of your handlers for each connection, and for event streams what may wait in
    /// [`Limits::queue`](crate::Limits::queue) besides. Lower it if answers are long. `Limits::calls` does not
    /// count them, because their handlers have ended.
    #[cfg(feature = "http2")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http2")))]
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.settings.http2.max_streams = streams;
        self
    }

    /// How often the client of an HTTP/2 connection that sends nothing is asked whether it is there (`PING`). It
    /// has [`write_stall`](Self::write_stall) for its answer; after that the connection is closed. So the
    /// streams of a client that has vanished end, however quiet they are. Default 30 s.
    #[cfg(feature = "http2")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http2")))]
    pub fn ping_interval(mut self, time: Duration) -> Self {
        self.settings.http2.ping_interval = time;
        self
    }

    /// How long running requests may go on once the shutdown has begun. Requests that run longer are
    /// cancelled and answered with an error. Default 10 s.
    pub fn drain_deadline(mut self, time: Duration) -> Self {
        self.settings.drain_deadline = time;
        self
    }

    /// Serves until `shutdown` is ready and everything that was running has ended.
    ///
    /// Once `shutdown` is ready, new connections and requests are answered 503, running requests finish,
    /// and streams end. At the deadline everything that is left is cancelled.
    ///
    /// # Errors
    ///
    /// A setting with which nothing could be served; the error names it. A failed accept is tried again, and
    /// a failed connection concerns no other.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the listener and all connections at once.
    pub async fn run<B>(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error>
    where
        L: Listener,
        R: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        R::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.settings.check()?;
        let (stop, stopped) = watch::channel(());
        let setup = ConnectionSetup {
            mcp: self.mcp.clone(),
            routes: self.routes,
            header_limit: self.settings.header_limit,
            timeouts: Arc::new(self.settings.timeouts),
            #[cfg(feature = "http2")]
            http2: self.settings.http2,
            extensions: Extensions::new(),
            stopped: Some(stopped),
        };
        let mut connections = JoinSet::new();
        let mut refused = JoinSet::new();
        let quota = ConnectionQuota::new(self.settings.max_connections);
        accept(&mut self.listener, pin!(shutdown), |cx, accepted| {
            remove_ended(cx, &mut connections);
            remove_ended(cx, &mut refused);
            let Some(accepted) = accepted else { return };
            let peer = accepted.peer.map(|peer| peer.ip());
            match quota.take(&setup.mcp, peer, connections.len()) {
                Ok(held) => begin(&mut connections, setup.clone(), accepted, held),
                Err(why) if refused.len() < REFUSALS => {
                    refused.spawn(refuse(&setup, accepted, why));
                }
                Err(_) => {}
            }
        })
        .await;
        drop(stop);
        let end = pin!(end(&self.mcp, self.settings.drain_deadline, connections));
        accept(&mut self.listener, end, |cx, accepted| {
            remove_ended(cx, &mut refused);
            let Some(accepted) = accepted else { return };
            if refused.len() < REFUSALS {
                refused.spawn(refuse(&setup, accepted, Reason::ShuttingDown));
            }
        })
        .await;
        Ok(())
    }
}

/// Serves a connection in a task of its own.
fn begin<S, R, B>(
    connections: &mut JoinSet<()>,
    mut setup: ConnectionSetup<R>,
    accepted: Accepted<S>,
    held: Option<Held<Net>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    setup.mcp = accepted.service(&setup.mcp);
    match accepted.io {
        Opening::Ready(opened) => {
            connections.spawn(connection(setup, opened, Arc::default(), held))
        }
        Opening::After(handshake) => connections.spawn(after_handshake(setup, handshake, held)),
    };
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

impl<L: fmt::Debug, R> fmt::Debug for Serve<L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("mcp", &self.mcp)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
