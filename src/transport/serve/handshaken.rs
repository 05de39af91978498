//! [`Handshaken`] and [`Negotiated`]: what a handshake gives, and the protocol that it negotiated.

use tokio::io::{AsyncRead, AsyncWrite};

/// What a handshake gives: any transport, or one with the protocol that was negotiated ([`Negotiated`]).
pub trait Handshaken: Send + 'static {
    /// The transport.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Whether HTTP/2 was negotiated; `None` if nothing was.
    fn is_http2(&self) -> Option<bool>;

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

/// A transport whose handshake negotiated the protocol, such as TLS with ALPN (RFC 7301).
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
}

impl<S> Negotiated<S> {
    /// A transport, and how to ask it for the name of the protocol: `h2`, `http/1.1`, or `None` if nothing
    /// was negotiated. Any other name counts as HTTP/1.1.
    pub fn new(io: S, alpn: impl FnOnce(&S) -> Option<&[u8]>) -> Self {
        let is_http2 = alpn(&io).map(|name| name == b"h2");
        Self { io, is_http2 }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Handshaken for Negotiated<S> {
    type Io = S;

    fn is_http2(&self) -> Option<bool> {
        self.is_http2
    }

    fn into_io(self) -> S {
        self.io
    }
}

/// A connection on which HTTP can begin.
pub(super) struct Opened<S> {
    pub(super) io: S,
    /// Whether HTTP/2 was negotiated; `None` if nothing was.
    #[cfg(feature = "http2")]
    pub(super) is_http2: Option<bool>,
}

impl<S> Opened<S> {
    pub(super) fn of(handshaken: impl Handshaken<Io = S>) -> Self {
        Self {
            #[cfg(feature = "http2")]
            is_http2: handshaken.is_http2(),
            io: handshaken.into_io(),
        }
    }

    /// The same connection over another transport, which is made of this one.
    pub(super) fn map<T>(self, make: impl FnOnce(S) -> T) -> Opened<T> {
        Opened {
            io: make(self.io),
            #[cfg(feature = "http2")]
            is_http2: self.is_http2,
        }
    }
}
