//! [`Peer`]: where a request comes from, and [`party_of`]: whom it is counted for.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::http::request::Parts;

use super::identity::Identity;
use crate::protocol::party::{Net, Party};

/// Where a request comes from, in its extensions. Not there when the accept loop did not say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The other end of the connection.
    pub(crate) address: SocketAddr,
    /// Where the client is, as far as a trusted proxy says.
    pub(crate) client: Net,
}

/// Whom a request is counted for: its principal, else its address; `None` where neither is known.
pub(crate) fn party_of(head: &Parts) -> Option<Party> {
    if let Some(identity) = Identity::of(head) {
        return Some(Party::Principal(Arc::clone(identity.owner())));
    }
    let peer: Option<&Peer> = head.extensions.get();
    peer.map(|peer| Party::Address(peer.client))
}
