//! [`find`]: the session of Streamable HTTP that a request belongs to.

use std::sync::Arc;

use hyper::http::request::Parts;

use super::handle::SessionHandle;
use crate::protocol::exchange::Claim;
use crate::protocol::rejection::Reason;
use crate::transport::access::identity::Identity;
use crate::transport::clock::now;
use crate::transport::observe::events::SessionEnd;
use crate::transport::session::sessions::SessionRow;
use crate::transport::shared::Shared;

/// The session that a request belongs to.
///
/// # Errors
///
/// The session does not exist, is idle for too long, even if it was not reaped yet (SPEC C-75), or belongs
/// to another principal (SPEC C-57, C-78).
pub(super) fn find(
    shared: &Arc<Shared>,
    claim: &Claim,
    head: &Parts,
) -> Result<SessionHandle, Reason> {
    let owner = Identity::of(head).map(Identity::principal);
    let known = known(shared, claim, owner).filter(|row| is_current(shared, row));
    let row = known.map_or_else(|| restore(shared, claim, head), Ok)?;
    Ok(SessionHandle::new(shared, row))
}

/// The session, if this process has it.
fn known(shared: &Shared, claim: &Claim, owner: Option<&str>) -> Option<Arc<SessionRow>> {
    // A seal after the id belongs to a portable session. It is not checked for a known session, whose id
    // is as hard to guess without it.
    let may_be_known = claim.sealed().is_none() || shared.has_portable_sessions();
    let id = claim.session.filter(|_| may_be_known)?;
    let row = shared.table.find(id, owner)?;
    // Sessions of HTTP+SSE are not valid at this endpoint.
    (!row.with(|session| session.is_bound())).then_some(row)
}

/// Whether a session goes on. One that has just ended counts as reaped: it is unknown, or it is restored if
/// its name is portable.
fn is_current(shared: &Shared, row: &SessionRow) -> bool {
    let now = now();
    let is_over = row.with(|session| {
        let is_over =
            session.is_closed() || session.closes_idle(now, shared.config.timeouts.session_idle);
        session.touch(now);
        is_over
    });
    if is_over {
        shared.table.end(row, SessionEnd::Idle);
    }
    !is_over
}

/// The session, if its name is portable.
fn restore(shared: &Arc<Shared>, claim: &Claim, head: &Parts) -> Result<Arc<SessionRow>, Reason> {
    #[cfg(feature = "request-state")]
    return super::restore::restore(shared, claim, head);
    #[cfg(not(feature = "request-state"))]
    {
        let _ = (shared, claim, head);
        Err(Reason::UnknownSession)
    }
}
