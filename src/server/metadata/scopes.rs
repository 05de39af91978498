//! The scopes that an item needs.

use crate::protocol::challenge::{Challenge, is_askable};
use crate::transport::access::identity::Identity;
use crate::wire::jsonrpc::ErrorObject;

/// Whether an identity has all of these scopes. Without one there are no scopes.
pub(crate) fn has_scopes(identity: Option<&Identity>, scopes: &[String]) -> bool {
    scopes.is_empty() || identity.is_some_and(|identity| identity.satisfies_all(scopes))
}

/// Refuses an identity that lacks one of these scopes, with the text of a 403 (SPEC F-15).
pub(crate) fn check_scopes(
    identity: Option<&Identity>,
    scopes: &[String],
) -> Result<(), ErrorObject> {
    if has_scopes(identity, scopes) {
        return Ok(());
    }
    let challenge = Challenge::insufficient_scope(scopes);
    Err(ErrorObject::new(-32600, challenge.message()))
}

/// Says which scope cannot be used, if any (SPEC F-8, F-14).
pub(crate) fn scopes_fault(scopes: &[String]) -> Option<String> {
    let wrong = scopes.iter().find(|scope| !is_askable(scope))?;
    Some(format!(
        "{wrong:?} is not a scope that clients may be asked for"
    ))
}
