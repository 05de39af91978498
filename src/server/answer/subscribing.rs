//! Whether the caller may hear of a resource.

use crate::server::call::Call;
use crate::server::handler_error::HandlerError;
use crate::server::lookup::Readable;
use crate::server::metadata::scopes::check_scopes;
use crate::server::registry::Registry;

/// Checks that the caller may subscribe to a resource that exists: that it can be read (SPEC E-58, D-134), in each
/// of the ways that [`Registry::watchable`] found. The call must be one in which questions fail.
///
/// # Errors
///
/// What `resources/read` would be answered, or what the check of the embedder says, and the key of what was asked.
pub(super) async fn check_subscription<'r>(
    registry: &Registry,
    found: Vec<Readable<'r>>,
    call: &Call,
) -> Result<(), (&'r str, HandlerError)> {
    for readable in found {
        let key = readable.key;
        let checked = check(registry, readable, call.clone()).await;
        checked.map_err(|error| (key, error))?;
    }
    Ok(())
}

async fn check(registry: &Registry, found: Readable<'_>, call: Call) -> Result<(), HandlerError> {
    check_scopes(call.identity(), &found.scopes)?;
    match &registry.subscription_check {
        Some(check) => check(call, found.read.uri().to_owned()).await,
        None => (found.reader)(call, found.read).await.map(drop),
    }
}
