//! Whether the caller may hear of a resource.

use crate::server::call::Call;
use crate::server::handler_error::HandlerError;
use crate::server::lookup::Readable;
use crate::server::registry::Registry;

/// Checks that the caller may subscribe to a resource that exists: that it can be read (SPEC E-58, D-134). The
/// call must be one in which questions fail.
///
/// # Errors
///
/// What `resources/read` would be answered, or what the check of the embedder says.
pub(super) async fn check_subscription(
    registry: &Registry,
    found: Readable<'_>,
    call: Call,
    uri: &str,
) -> Result<(), HandlerError> {
    match &registry.subscription_check {
        Some(check) => check(call, uri.to_owned()).await,
        None => (found.reader)(call, found.read).await.map(drop),
    }
}
