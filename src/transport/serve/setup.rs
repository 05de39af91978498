//! [`ConnectionSetup`]: what all connections of one server share.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::http::Extensions;
use tokio::sync::watch;

use super::timers::ConnectionTimeouts;
use crate::transport::service::McpService;

/// The longest head of a request, in bytes. A longer one is answered 431.
pub(super) const HEADER_LIMIT: usize = 64 * 1024;

/// How long a connection may wait for each thing (PITFALLS ). It is idle longer than load balancers keep
/// their connections, 60 s: the side that closes first must be the one that sends requests, or one of them meets
/// a closed connection now and then.
pub(super) const TIMEOUTS: ConnectionTimeouts = ConnectionTimeouts {
    handshake: Duration::from_secs(10),
    head: Duration::from_secs(10),
    idle: Duration::from_secs(75),
    write: Duration::from_secs(30),
    close: Duration::from_secs(2),
};

/// What a connection of HTTP/2 has beside what any connection has.
#[cfg(feature = "http2")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Http2Settings {
    /// How many streams its client may have open at a time.
    pub(super) max_streams: u32,
    /// How often a silent client is asked whether it is there.
    pub(super) ping_interval: Duration,
}

#[cfg(feature = "http2")]
pub(super) const HTTP2: Http2Settings = Http2Settings {
    max_streams: 100,
    ping_interval: Duration::from_secs(30),
};

/// What all connections of one server share, and what the requests of one have in common.
#[derive(Clone)]
pub(super) struct ConnectionSetup<R> {
    pub(super) mcp: McpService,
    /// Answers each request whose path is not the service's.
    pub(super) routes: R,
    pub(super) header_limit: usize,
    pub(super) timeouts: Arc<ConnectionTimeouts>,
    #[cfg(feature = "http2")]
    pub(super) http2: Http2Settings,
    /// What the requests of this connection have in their extensions; nearly always nothing.
    pub(super) extensions: Extensions,
    /// Closed when the server begins to stop; `None` for a server that does not stop.
    pub(super) stopped: Option<watch::Receiver<()>>,
}

impl<R> ConnectionSetup<R> {
    /// Puts what the requests of this connection have in common into one of them.
    pub(super) fn mark<B>(&self, request: &mut Request<B>) {
        if !self.extensions.is_empty() {
            request.extensions_mut().extend(self.extensions.clone());
        }
    }

    /// Ready when the server begins to stop.
    pub(super) fn stop(&self) -> impl Future<Output = ()> + use<R> {
        let stopped = self.stopped.clone();
        async move {
            match stopped {
                Some(mut stopped) => drop(stopped.changed().await),
                None => pending().await,
            }
        }
    }
}
