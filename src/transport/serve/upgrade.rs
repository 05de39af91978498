//! [`Upgrade`]: a route of the embedder takes a connection for another protocol.

use std::sync::OnceLock;

use tokio::sync::{Notify, watch};

/// The upgrade of one connection.
///
/// hyper gives the socket to whichever request asked for an upgrade last, whatever its response was.
/// So hyper may do that only after a route has upgraded.
#[derive(Default)]
pub(super) struct Upgrade {
    /// Exists from when a route wants the connection. Dropping it cuts the connection.
    end: OnceLock<watch::Sender<()>>,
    /// Notified when hyper may give the connection away.
    allowed: Notify,
}

impl Upgrade {
    /// Asks for the connection. Ready when the response of the route may be written. The receiver
    /// tells when the upgraded connection has to end.
    pub(super) async fn begin(&self) -> watch::Receiver<()> {
        let (end, ends) = watch::channel(());
        let _ = self.end.set(end);
        self.allowed.notified().await;
        ends
    }

    /// Whether a route wants the connection.
    pub(super) fn is_wanted(&self) -> bool {
        self.end.get().is_some()
    }

    /// Lets the route have the connection.
    pub(super) fn allow(&self) {
        self.allowed.notify_one();
    }

    /// Ready when the route has dropped the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts the connection.
    pub(super) async fn end(self) {
        if let Some(end) = self.end.into_inner() {
            end.closed().await;
        }
    }
}
