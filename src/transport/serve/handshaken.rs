//! [`Handshaken`] and [`Negotiated`]: what a handshake gives, and what it has settled.

use hyper::http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a handshake gives: any transport, or one with what the handshake has settled ([`Negotiated`]).
pub trait Handshaken: Send + 'static {
    /// The transport.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Whether HTTP/2 was negotiated; `None` if nothing was.
    fn is_http2(&self) -> Option<bool>;

    /// What every request of the connection has in its extensions. The default is nothing.
    fn extensions(&self) -> Extensions {
        Extensions::new()
    }

    /// The transport.
    fn into_io(self) -> Self::Io;
}

/// A transport about which nothing was negotiated.
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Handshaken for S {
    type Io = S;

    fn is_http2(&self) -> Option<bool> {
        None
    }

    fn into_io(self) -> S {
        self
    }
}

/// A transport with what its handshake has settled: the protocol, such as by ALPN of TLS (RFC 7301), and who the
/// client is, such as by its certificate.
///
/// With the feature `http2` a connection is served in the protocol that was negotiated, and nothing else is
/// tried. Where nothing was negotiated, the first bytes of the client decide. Without that feature every
/// connection is served in HTTP/1.1, so do not offer `h2` then.
///
/// With `tokio-rustls` it is `Negotiated::new(tls, |tls| tls.get_ref().1.alpn_protocol())`.
#[derive(Clone, Debug)]
pub struct Negotiated<S> {
    io: S,
    is_http2: Option<bool>,
    extensions: Extensions,
}

impl<S> Negotiated<S> {
    /// A transport, and how to ask it for the name of the protocol: `h2`, `http/1.1`, or `None` if nothing
    /// was negotiated. Any other name counts as HTTP/1.1.
    pub fn new(io: S, alpn: impl FnOnce(&S) -> Option<&[u8]>) -> Self {
        let is_http2 = alpn(&io).map(|name| name == b"h2");
        Self {
            io,
            is_http2,
            extensions: Extensions::new(),
        }
    }

    /// Puts a value into the extensions of every request of the connection, those to your own routes included.
    ///
    /// If it is an [`Identity`](crate::auth::Identity), the requests are those of this principal:
    /// [`auth::FromExtensions`](crate::auth::FromExtensions) takes it, and refuses clients without one. Default:
    /// none.
    #[must_use]
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Handshaken for Negotiated<S> {
    type Io = S;

    fn is_http2(&self) -> Option<bool> {
        self.is_http2
    }

    fn extensions(&self) -> Extensions {
        self.extensions.clone()
    }

    fn into_io(self) -> S {
        self.io
    }
}

/// A connection on which HTTP can begin.
pub(super) struct Opened<S> {
    pub(super) io: S,
    pub(super) extensions: Extensions,
    /// Whether HTTP/2 was negotiated; `None` if nothing was.
    #[cfg(feature = "http2")]
    pub(super) is_http2: Option<bool>,
}

impl<S> Opened<S> {
    pub(super) fn of(handshaken: impl Handshaken<Io = S>) -> Self {
        Self {
            #[cfg(feature = "http2")]
            is_http2: handshaken.is_http2(),
            extensions: handshaken.extensions(),
            io: handshaken.into_io(),
        }
    }

    /// The same connection over another transport, which is made of this one.
    pub(super) fn map<T>(self, make: impl FnOnce(S) -> T) -> Opened<T> {
        Opened {
            io: make(self.io),
            extensions: self.extensions,
            #[cfg(feature = "http2")]
            is_http2: self.is_http2,
        }
    }
}
