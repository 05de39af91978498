//! [`Peer`]: the address that a request comes from, and [`party_of`]: the party that it counts for.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::http::request::Parts;

use super::identity::Identity;
use crate::protocol::party::{Net, Party};

/// Where a request comes from. It is in the extensions of the request if the accept loop told it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The other end of the connection.
    pub(crate) address: SocketAddr,
    /// The client, which is behind the other end if that is a trusted proxy.
    pub(crate) client: Net,
}

/// The party that a request counts for in limits: its principal, or else its address. `None` if neither
/// is known.
pub(crate) fn party_of(head: &Parts) -> Option<Party> {
    if let Some(identity) = Identity::of(head) {
        return Some(Party::Principal(Arc::clone(identity.owner())));
    }
    let peer: Option<&Peer> = head.extensions.get();
    peer.map(|peer| Party::Address(peer.client))
}
