//! Who asks, and what only this server may have written.

pub(crate) mod authorizer;
pub(crate) mod identity;
pub(crate) mod peer;
#[cfg(feature = "request-state")]
pub(crate) mod seal;
pub(crate) mod static_tokens;
