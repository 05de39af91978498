//! Who a request comes from, and seals that only this server can have made.

pub(crate) mod authorizer;
pub(crate) mod identity;
pub(crate) mod peer;
#[cfg(feature = "request-state")]
pub(crate) mod seal;
pub(crate) mod static_tokens;
