//! The three shapes that MCP has on HTTP.

pub(crate) mod handle;
pub(crate) mod http_sse;
mod lookup;
#[cfg(feature = "request-state")]
mod restore;
pub(crate) mod stateless;
pub(crate) mod streamable;
