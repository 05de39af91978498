//! [`WithHandshake`]: a listener whose connections begin with a handshake.

use std::fmt;
use std::future::Future;
use std::io;
use std::task::{Context, Poll};

use super::handshaken::{Handshaken, Opened};
use super::listener::{Accepted, Listener, Opening};

/// A [`Listener`] whose connections begin with a handshake, such as that of TLS.
///
/// The handshake of each connection runs in the task of that connection. A peer that stalls delays no
/// other, and is cut after [`Serve::handshake_timeout`](crate::Serve::handshake_timeout). An error of the
/// handshake ends its connection alone, and is reported as
/// [`ServiceEvent::HandshakeFailed`](crate::ServiceEvent::HandshakeFailed).
///
/// With `tokio-rustls` the handshake is `move |socket| acceptor.accept(socket)`. It is called for each
/// connection, so it may choose another acceptor each time, for example after a certificate was renewed.
///
/// A handshake that negotiated a protocol (ALPN) can say which, with [`Negotiated`](crate::listener::Negotiated).
///
/// ```no_run
/// # use mcp_wire::McpService;
/// # use std::io;
/// # use tokio::net::{TcpListener, TcpStream};
/// # #[derive(Clone)]
/// # struct TlsAcceptor;
/// # impl TlsAcceptor {
/// #     async fn accept(&self, socket: TcpStream) -> io::Result<TcpStream> { Ok(socket) }
/// # }
/// # async fn example(acceptor: TlsAcceptor, mcp: McpService) -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_wire::listener::WithHandshake;
///
/// let tcp = TcpListener::bind("0.0.0.0:8443").await?;
/// let tls = WithHandshake::new(tcp, move |socket| {
///     let acceptor = acceptor.clone();
///     async move { acceptor.accept(socket).await }
/// });
/// mcp_wire::serve(tls, mcp, std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WithHandshake<L, F> {
    listener: L,
    handshake: F,
}

impl<L, F> WithHandshake<L, F> {
    /// Adds a handshake to the connections of a listener.
    pub fn new(listener: L, handshake: F) -> Self {
        Self {
            listener,
            handshake,
        }
    }
}

impl<L, F, H, T> Listener for WithHandshake<L, F>
where
    L: Listener,
    F: FnMut(L::Io) -> H + Clone + Send + 'static,
    H: Future<Output = io::Result<T>> + Send + 'static,
    T: Handshaken,
{
    type Io = T::Io;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<T::Io>>> {
        let handshake = &mut self.handshake;
        self.listener.poll_accept(cx).map_ok(|accepted| {
            accepted.over(|io| match io {
                Opening::Ready(opened) => {
                    let handshake = handshake(opened.io);
                    Opening::After(Box::pin(async { handshake.await.map(Opened::of) }))
                }
                Opening::After(opened) => {
                    let mut handshake = handshake.clone();
                    Opening::After(Box::pin(async move {
                        handshake(opened.await?.io).await.map(Opened::of)
                    }))
                }
            })
        })
    }
}

impl<L: fmt::Debug, F> fmt::Debug for WithHandshake<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithHandshake")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}
