//! [`serve_connection`]: serves one connection with all limits, without an accept loop.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Body;
use hyper::http::Extensions;
use hyper::{Response, Version};
use tokio::io::{AsyncRead, AsyncWrite};

use super::conversation::{Ending, converse};
use super::handshaken::{Handshaken, Opened};
#[cfg(feature = "http2")]
use super::http2::{self, preface::speaks_http2};
use super::listener::{Accepted, Opening};
use super::parked::carry;
use super::progress::Progress;
use super::routes::Routes;
#[cfg(feature = "http2")]
use super::setup::HTTP2;
use super::setup::{ConnectionSetup, HEADER_LIMIT, TIMEOUTS};
use super::socket::Socket;
use super::timers::{ConnectionTimeouts, Timer, Timers};
use crate::protocol::operator_text::with_sources;
use crate::protocol::party::Net;
use crate::protocol::quota::Held;
use crate::protocol::rejection::Reason;
use crate::transport::future::BoxFuture;
use crate::transport::intake::request_body::BoxError;
use crate::transport::service::McpService;
use crate::transport::stream::body::ResponseBody;

/// Serves one connection that you have accepted, over any transport: TLS, a Unix socket, memory.
///
/// The limits are the defaults of [`Serve`](crate::Serve), which also accepts connections from sources of
/// any kind ([`Listener`](crate::listener::Listener)). An idle stream costs as little memory as it does
/// there, which is a tenth of what it costs on a connection of hyper's own.
///
/// With the feature `http2` a client that begins with the preface of HTTP/2 is served in HTTP/2.
///
/// Before you call it, tell the service where the connection arrived and who the peer is, with
/// [`McpService::with_local_addr`] and [`McpService::with_peer_addr`], and set `TCP_NODELAY` on the socket below TLS.
///
/// ```
/// # use mcp_wire::{Dispatcher, McpService, serve_connection};
/// # async fn example(dispatcher: impl Dispatcher) -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = McpService::builder(dispatcher).build()?;
/// let (client, server) = tokio::io::duplex(4096);
/// tokio::spawn(serve_connection(server, mcp.clone()));
/// # drop(client);
/// # Ok(())
/// # }
/// ```
pub fn serve_connection(io: impl Handshaken, mcp: McpService) -> Connection {
    let setup = ConnectionSetup {
        routes: mcp.clone(),
        mcp,
        header_limit: HEADER_LIMIT,
        timeouts: Arc::new(TIMEOUTS),
        #[cfg(feature = "http2")]
        http2: HTTP2,
        extensions: Extensions::new(),
        stopped: None,
    };
    let progress = Arc::default();
    Connection {
        serving: Box::pin(connection(
            setup,
            Opened::of(io),
            Arc::clone(&progress),
            None,
        )),
        progress,
    }
}

/// A connection that is served as long as this future is polled. Made by [`serve_connection`].
///
/// It is ready when the client closes the connection, when the connection is idle for too long, or when the
/// client stops reading. The last is seen by flushes: a client that has not taken for 30 s what the
/// transport holds for it (64 KiB with rustls) is cut off. [`McpService::shutdown`] ends the streams and the
/// running requests of the connection. A failure of the connection concerns no one else, so there is no
/// error.
///
/// # Panics
///
/// When it is polled outside a Tokio runtime with enabled timers.
///
/// # Cancel safety
///
/// Dropping the future drops the connection and everything that belongs to it.
#[must_use = "nothing is served unless it is polled"]
pub struct Connection {
    serving: BoxFuture<()>,
    progress: Arc<Progress>,
}

impl Connection {
    /// Lets the connection end: the request that is being answered is the last. A connection without one
    /// ends at once, and if half a head has arrived, the client is answered 503. On HTTP/2 the client gets a
    /// `GOAWAY`, and the requests that it has begun are answered. Go on polling until the future is ready.
    ///
    /// A stream is an answer too, and can be open for hours. [`McpService::shutdown`] ends all streams of a
    /// service.
    pub fn graceful_shutdown(&mut self) {
        self.progress.end();
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.serving.as_mut().poll(cx)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Serves one connection to its end.
pub(super) fn connection<S, R, B>(
    mut setup: ConnectionSetup<R>,
    opened: Opened<S>,
    progress: Arc<Progress>,
    held: Option<Held<Net>>,
) -> impl Future<Output = ()> + Send + use<S, R, B>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    setup.extensions = opened.extensions;
    let timers = Timers::new(Arc::clone(&setup.timeouts));
    let socket = Socket::new(opened.io, setup.header_limit, progress);
    #[cfg(not(feature = "http2"))]
    return http1(setup, socket, timers, held);
    #[cfg(feature = "http2")]
    http1_or_http2(setup, opened.is_http2, socket, timers, held)
}

/// Serves a connection in the protocol that its client speaks.
#[cfg(feature = "http2")]
async fn http1_or_http2<S, R, B>(
    setup: ConnectionSetup<R>,
    negotiated: Option<bool>,
    mut socket: Socket<S>,
    mut timers: Timers,
    held: Option<Held<Net>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let said = Box::pin(speaks_http2(&setup, negotiated, &mut socket, &mut timers)).await;
    match said {
        Ok(true) => {
            Box::pin(http2::conversation::converse(setup, socket, timers)).await;
            drop(held);
        }
        Ok(false) => Box::pin(http1(setup, socket, timers, held)).await,
        Err(why) => Box::pin(close(&setup, socket, why, &mut timers)).await,
    }
}

/// Serves a connection of HTTP/1.1.
///
/// The parts that come and go are in boxes, and nothing is moved into the future twice: the task of an
/// idle stream is no larger than what waits in it.
fn http1<S, R, B>(
    setup: ConnectionSetup<R>,
    socket: Socket<S>,
    mut timers: Timers,
    held: Option<Held<Net>>,
) -> impl Future<Output = ()> + Send + use<S, R, B>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut slot = Some(socket);
    async move {
        let refusal = loop {
            match Box::pin(converse(&setup, &mut slot, &mut timers)).await {
                Ending::Over => break None,
                Ending::Refused(why) => break Some(why),
                Ending::Parked(stream) => {
                    let Some(socket) = &mut slot else { break None };
                    if !carry(stream, socket, &mut timers).await {
                        break None;
                    }
                }
            }
        };
        if let Some(socket) = slot {
            Box::pin(close(&setup, socket, refusal, &mut timers)).await;
        }
        drop(held);
    }
}

/// Closes a connection of HTTP/1.1, with a refusal if there is one.
fn close<S, R>(
    setup: &ConnectionSetup<R>,
    socket: Socket<S>,
    refusal: Option<Box<Reason>>,
    timers: &mut Timers,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let refused = |why: Box<Reason>| printed(&setup.mcp.refuse(*why, Version::HTTP_11));
    socket.close(refusal.map(refused), timers)
}

/// Serves a connection that begins with a handshake. The parts of the handshake are gone when HTTP begins.
///
/// # Cancel safety
///
/// As [`connection`].
pub(super) async fn after_handshake<S, R, B>(
    setup: ConnectionSetup<R>,
    handshake: BoxFuture<io::Result<Opened<S>>>,
    held: Option<Held<Net>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let ready = Box::pin(before_stop(&setup, handshake)).await;
    if let Some(io) = ready {
        Box::pin(connection(setup, io, Arc::default(), held)).await;
    }
}

/// The transport after its handshake; `None` if the handshake fails, takes too long, or has not finished
/// when the server begins to stop. The last is no failure.
async fn before_stop<S, R>(
    setup: &ConnectionSetup<R>,
    handshake: BoxFuture<io::Result<Opened<S>>>,
) -> Option<Opened<S>> {
    let mut stop = pin!(setup.stop());
    let mut ready = pin!(within_time(&setup.mcp, &setup.timeouts, handshake));
    poll_fn(|cx| match stop.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => ready.as_mut().poll(cx),
    })
    .await
}

/// The transport after its handshake; `None` if the handshake fails or takes too long, which the operator is told.
async fn within_time<S>(
    mcp: &McpService,
    timeouts: &Arc<ConnectionTimeouts>,
    handshake: BoxFuture<io::Result<Opened<S>>>,
) -> Option<Opened<S>> {
    let mut timers = Timers::new(Arc::clone(timeouts));
    match timers.limit(Timer::Handshake, handshake).await {
        Some(Ok(opened)) => Some(opened),
        Some(Err(error)) => {
            mcp.handshake_failed(&with_sources(&error));
            None
        }
        None => {
            let limit = timeouts.handshake;
            mcp.handshake_failed(&format!(
                "it took longer than {limit:?} (limit: `Serve::handshake_timeout`)"
            ));
            None
        }
    }
}

/// Tells a client that its connection is not served.
pub(super) fn refuse<S, R>(
    setup: &ConnectionSetup<R>,
    accepted: Accepted<S>,
    why: Reason,
) -> impl Future<Output = ()> + use<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mcp = accepted.service(&setup.mcp);
    let answer = mcp.refuse(why, Version::HTTP_11);
    let limit = setup.header_limit;
    let timeouts = Arc::clone(&setup.timeouts);
    async move {
        let opened = match accepted.io {
            Opening::Ready(opened) => opened,
            Opening::After(handshake) => match within_time(&mcp, &timeouts, handshake).await {
                Some(opened) => opened,
                None => return,
            },
        };
        #[cfg_attr(not(feature = "http2"), expect(unused_mut))]
        let mut socket = Socket::new(opened.io, limit, Arc::default());
        #[cfg(feature = "http2")]
        let words = match http2::refusal::hears_http2(opened.is_http2, &mut socket).await {
            true => http2::refusal::refusal(&answer.body().bytes()),
            false => printed(&answer),
        };
        #[cfg(not(feature = "http2"))]
        let words = printed(&answer);
        socket.close(Some(words), &mut Timers::new(timeouts)).await;
    }
}

/// A response as its bytes on the wire, for a connection that hyper has let go.
fn printed(response: &Response<ResponseBody>) -> Vec<u8> {
    let body = response.body().bytes();
    let mut wire = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    wire.extend_from_slice(&body);
    wire
}
