//! [`serve_connection`]: serves one connection with all limits, without an accept loop.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Response, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::conversation::{Ending, converse};
use super::parked::carry;
use super::routes::Routes;
use super::setup::{ConnectionSetup, HEADER_LIMIT, TIMEOUTS};
use super::socket::Socket;
use super::timers::Timers;
use crate::protocol::party::Net;
use crate::protocol::quota::Held;
use crate::protocol::rejection::Reason;
use crate::transport::intake::request_body::BoxError;
use crate::transport::service::McpService;
use crate::transport::stream::body::ResponseBody;

/// Serves one connection that you have accepted, over any transport: TLS, a Unix socket, memory.
///
/// The limits are the defaults of [`Serve`](crate::Serve). An idle stream costs as little memory as it
/// does there, which is a tenth of what it costs on a connection of hyper's own.
///
/// Before you call it, tell the service where the connection arrived and who the peer is, with
/// [`McpService::with_local_addr`] and [`McpService::with_peer_addr`], and set `TCP_NODELAY` on the socket below TLS.
///
/// The future ends when the client closes the connection, when the connection is idle for too long, or
/// when the client stops reading. The last is seen by flushes: a client that has not taken for 30 s what
/// the transport holds for it (64 KiB with rustls) is cut off. [`McpService::shutdown`] ends the streams
/// and the running requests of the connection. A failure of the connection concerns no one else, so
/// there is no error.
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
///
/// # Panics
///
/// When it is polled outside a Tokio runtime with enabled timers.
///
/// # Cancel safety
///
/// Dropping the future drops the connection and everything that belongs to it.
pub fn serve_connection<S>(io: S, mcp: McpService) -> impl Future<Output = ()> + Send + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let setup = ConnectionSetup {
        routes: mcp.clone(),
        mcp,
        header_limit: HEADER_LIMIT,
        timeouts: Arc::new(TIMEOUTS),
        stopped: None,
    };
    connection(setup, io, None)
}

/// Serves a connection that was accepted on TCP.
pub(super) fn tcp_connection<R, B>(
    mut setup: ConnectionSetup<R>,
    socket: TcpStream,
    held: Option<Held<Net>>,
) -> impl Future<Output = ()> + Send + use<R, B>
where
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Without it an event waits some 40 ms for a delayed acknowledgement. A socket on which these
    // calls fail is dead, and hyper will notice.
    let _ = socket.set_nodelay(true);
    if let Ok(local) = socket.local_addr() {
        setup.mcp = setup.mcp.with_local_addr(local);
    }
    if let Ok(peer) = socket.peer_addr() {
        setup.mcp = setup.mcp.with_peer_addr(peer);
    }
    connection(setup, socket, held)
}

/// Serves one connection to its end.
///
/// The parts that come and go are in boxes, and nothing is moved into the future twice: the task of an
/// idle stream is no larger than what waits in it.
fn connection<S, R, B>(
    setup: ConnectionSetup<R>,
    io: S,
    held: Option<Held<Net>>,
) -> impl Future<Output = ()> + Send + use<S, R, B>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut slot = Some(Socket::new(io, setup.header_limit, Arc::default()));
    let mut timers = Timers::new(Arc::clone(&setup.timeouts));
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
            let refused = |why: Box<Reason>| printed(&setup.mcp.refuse(*why, Version::HTTP_11));
            Box::pin(socket.close(refusal.map(refused), &mut timers)).await;
        }
        drop(held);
    }
}

/// Tells a client that its connection is not served.
pub(super) fn refuse<R>(
    setup: &ConnectionSetup<R>,
    socket: TcpStream,
    why: Reason,
) -> impl Future<Output = ()> + use<R> {
    let answer = printed(&setup.mcp.refuse(why, Version::HTTP_11));
    let socket = Socket::new(socket, setup.header_limit, Arc::default());
    let mut timers = Timers::new(Arc::clone(&setup.timeouts));
    async move { socket.close(Some(answer), &mut timers).await }
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
