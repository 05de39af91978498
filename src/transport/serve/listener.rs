//! [`Listener`]: where the connections of a server come from.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::handshaken::{Handshaken, Opened};
use crate::transport::future::BoxFuture;
use crate::transport::service::McpService;

/// Where the connections of a [`Serve`](crate::Serve) come from.
///
/// These are listeners:
///
/// - [`TcpListener`]. It sets `TCP_NODELAY` on each connection.
/// - [`UnixListener`]. Its clients have no address: no limit by address
///   applies to them, and `Host` has to be `localhost` or one of
///   [`Builder::allowed_hosts`](crate::Builder::allowed_hosts).
/// - [`WithHandshake`](crate::listener::WithHandshake), which adds a handshake such as that of TLS.
/// - [`Both`](crate::listener::Both), two listeners of different kinds.
/// - `Vec<L>`, any number of listeners of one kind.
/// - [`mpsc::Receiver`] of [`Accepted`] connections, for connections that your own code accepts, and for
///   connections in memory. Once its senders are gone, it gives no more connections; those that it gave
///   continue.
///
/// ```
/// # use mcp_wire::{Dispatcher, McpService, Serve};
/// # async fn example(dispatcher: impl Dispatcher) -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_wire::listener::Accepted;
/// use tokio::sync::mpsc;
///
/// let mcp = McpService::builder(dispatcher).build()?;
/// let (connections, listener) = mpsc::channel(8);
/// tokio::spawn(Serve::new(listener, mcp).run(std::future::pending()));
/// let (client, server) = tokio::io::duplex(4096);
/// connections.send(Accepted::new(server)).await?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
pub trait Listener: Send {
    /// A connection, once it is ready for HTTP.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Gives the next connection.
    ///
    /// It must not wait for the peer of a connection, because all others would wait too: what needs the
    /// peer goes into [`Accepted::after`].
    ///
    /// # Errors
    ///
    /// No connection could be accepted. The server goes on: at once if the error is of one connection
    /// (refused, aborted, reset), and otherwise after 50 ms.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<Self::Io>>>;
}

/// A connection that a [`Listener`] gives, with the addresses of its ends if they are known.
pub struct Accepted<S> {
    pub(super) io: Opening<S>,
    pub(super) peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
}

/// The transport of a connection.
pub(super) enum Opening<S> {
    /// HTTP can begin.
    Ready(Opened<S>),
    /// HTTP begins after this.
    After(BoxFuture<io::Result<Opened<S>>>),
}

impl<S> Accepted<S> {
    /// A connection on which HTTP can begin.
    pub fn new(io: impl Handshaken<Io = S>) -> Self {
        Self::opening(Opening::Ready(Opened::of(io)))
    }

    /// A connection on which HTTP begins when `handshake` is ready. It runs in the task of the connection,
    /// so that others do not wait for it. An error ends the connection, and so does a handshake that takes
    /// longer than [`Serve::handshake_timeout`](crate::Serve::handshake_timeout).
    pub fn after<T: Handshaken<Io = S>>(
        handshake: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> Self {
        let opened = async { handshake.await.map(Opened::of) };
        Self::opening(Opening::After(Box::pin(opened)))
    }

    fn opening(io: Opening<S>) -> Self {
        Self {
            io,
            peer: None,
            local: None,
        }
    }

    /// Says where the connection comes from, as [`McpService::with_peer_addr`]. Default: not known.
    #[must_use]
    pub fn with_peer_addr(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Says where the connection arrived, as [`McpService::with_local_addr`]. Default: not known.
    #[must_use]
    pub fn with_local_addr(mut self, local: SocketAddr) -> Self {
        self.local = Some(local);
        self
    }

    /// The service for this connection.
    pub(super) fn service(&self, mcp: &McpService) -> McpService {
        let mcp = self
            .local
            .map_or_else(|| mcp.clone(), |local| mcp.with_local_addr(local));
        self.peer
            .map_or_else(|| mcp.clone(), |peer| mcp.with_peer_addr(peer))
    }

    /// The same connection over another transport, which is made of this one at once.
    pub(super) fn map<T>(self, make: impl FnOnce(S) -> T + Send + 'static) -> Accepted<T>
    where
        S: 'static,
    {
        self.over(|io| match io {
            Opening::Ready(io) => Opening::Ready(io.map(make)),
            Opening::After(io) => Opening::After(Box::pin(async { Ok(io.await?.map(make)) })),
        })
    }

    /// The same connection over another transport.
    pub(super) fn over<T>(self, change: impl FnOnce(Opening<S>) -> Opening<T>) -> Accepted<T> {
        Accepted {
            io: change(self.io),
            peer: self.peer,
            local: self.local,
        }
    }
}

impl<S> fmt::Debug for Accepted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("peer", &self.peer)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

impl Listener for TcpListener {
    type Io = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<TcpStream>>> {
        let (socket, peer) = ready!(Self::poll_accept(self, cx))?;
        // Without it an event waits some 40 ms for a delayed acknowledgement. A socket on which these
        // calls fail is dead, and hyper will notice.
        let _ = socket.set_nodelay(true);
        let local = socket.local_addr();
        let mut accepted = Accepted::new(socket).with_peer_addr(peer);
        accepted.local = local.ok();
        Poll::Ready(Ok(accepted))
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Io = UnixStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<UnixStream>>> {
        let (socket, _) = ready!(Self::poll_accept(self, cx))?;
        Poll::Ready(Ok(Accepted::new(socket)))
    }
}

impl<S> Listener for mpsc::Receiver<Accepted<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Io = S;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<S>>> {
        match ready!(self.poll_recv(cx)) {
            Some(accepted) => Poll::Ready(Ok(accepted)),
            None => Poll::Pending,
        }
    }
}

/// Asks the listeners in turn. The one that gave a connection is asked last for the next, so that none
/// waits for another that is always ready.
impl<L: Listener> Listener for Vec<L> {
    type Io = L::Io;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<L::Io>>> {
        for at in 0..self.len() {
            if let Poll::Ready(accepted) = self[at].poll_accept(cx) {
                self[..].rotate_left(at + 1);
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}
