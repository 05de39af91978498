//! The scopes that an item needs.

use crate::protocol::challenge::is_askable;

/// Says which scope cannot be used, if any (SPEC F-8, F-14).
pub(crate) fn scopes_fault(scopes: &[String]) -> Option<String> {
    let wrong = scopes.iter().find(|scope| !is_askable(scope))?;
    Some(format!(
        "{wrong:?} is not a scope that clients may be asked for"
    ))
}
