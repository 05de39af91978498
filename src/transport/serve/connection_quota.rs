//! [`ConnectionQuota`]: how many connections there may be, in total and from one address.

use std::net::IpAddr;
use std::sync::Arc;

use crate::protocol::party::{Full, Net, Whose, half};
use crate::protocol::quota::{Held, Quota};
use crate::protocol::rejection::{Reason, Resource};
use crate::transport::service::McpService;

/// How many connections there may be, in total and from one address.
pub(super) struct ConnectionQuota {
    total: usize,
    per_address: usize,
    held: Arc<Quota<Net>>,
}

impl ConnectionQuota {
    pub(super) fn new(total: usize) -> Self {
        Self {
            total,
            per_address: half(total),
            held: Arc::default(),
        }
    }

    /// Admits a connection while `open` others exist. Gives `None` for a connection that counts for
    /// no address, such as one on a Unix socket.
    pub(super) fn take(
        &self,
        mcp: &McpService,
        peer: Option<IpAddr>,
        open: usize,
    ) -> Result<Option<Held<Net>>, Reason> {
        let limit = self.total;
        if open >= limit {
            return Err(Reason::Full(Resource::Connections, Full::All(limit)));
        }
        let limit = self.per_address;
        let counted = peer.filter(|peer| limit < self.total && !mcp.trusts_proxy(*peer));
        let Some(peer) = counted else {
            return Ok(None);
        };
        let held = self.held.take(Net::of(peer), limit);
        held.map(Some).ok_or(Reason::Full(
            Resource::Connections,
            Full::Each(limit, Whose::Address),
        ))
    }
}
