//! [`restore`]: a portable session that this process does not know (PITFALLS R-50).

use std::sync::Arc;

use hyper::http::request::Parts;

use crate::protocol::exchange::Claim;
use crate::protocol::party::Party;
use crate::protocol::rejection::Reason;
use crate::protocol::session::Session;
use crate::transport::access::peer::party_of;
use crate::transport::clock::now;
use crate::transport::session::portable::Portable;
use crate::transport::session::sessions::SessionRow;
use crate::transport::shared::Shared;
use crate::wire::id::Tag;

/// Restores a session that another process opened, or this one before a restart. Requests that come for
/// it at the same time find the same session.
pub(super) fn restore(
    shared: &Arc<Shared>,
    claim: &Claim,
    head: &Parts,
) -> Result<Arc<SessionRow>, Reason> {
    let portable = shared.config.portable.as_ref();
    let party = party_of(head);
    let party = party.as_ref();
    let owner = party.and_then(Party::owner);
    let read = |portable: &Portable| {
        let id = claim.session?;
        let (version, client) = portable.read(id, owner.map(|owner| &**owner), claim.sealed()?)?;
        Some((id, version, client))
    };
    let (id, version, client) = portable.and_then(read).ok_or(Reason::UnknownSession)?;
    if shared.is_draining() {
        return Err(Reason::ShuttingDown);
    }
    let resumption = shared.config.resumption(Some(Tag::random()));
    let session = Session::taken_up(resumption, version, client, now());
    let row = shared.table.restore(id, session, party)?;
    shared.reaper.start();
    row.ok_or(Reason::UnknownSession)
}
