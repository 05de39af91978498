//! The scopes that a registration needs.

use crate::protocol::challenge::is_askable;

/// What is wrong with the scopes of a registration, if anything (SPEC F-8, F-14).
pub(crate) fn scopes_fault(scopes: &[String]) -> Option<String> {
    let wrong = scopes.iter().find(|scope| !is_askable(scope))?;
    Some(format!(
        "{wrong:?} is not a scope that clients may be asked for"
    ))
}
