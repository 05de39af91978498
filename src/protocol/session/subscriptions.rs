//! [`Subscriptions`]: the resources that the client of a session subscribed to.

use super::super::uris::Uris;

/// The subscriptions of one session, bounded in bytes of heap.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Uris);

impl Subscriptions {
    /// False if there is no room for more, or if the URI is empty and so names nothing.
    pub(super) fn add(&mut self, uri: &str) -> bool {
        !uri.is_empty() && self.0.insert(uri).is_ok()
    }

    pub(super) fn remove(&mut self, uri: &str) {
        self.0.remove(uri);
    }

    /// Whether there is one to a URI of this normal form.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}
