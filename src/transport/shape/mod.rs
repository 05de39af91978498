//! The three shapes that MCP has on HTTP: HTTP+SSE, Streamable HTTP, and the stateless protocol.

mod batch;
mod handle;
pub(crate) mod http_sse;
mod json_shape;
mod lookup;
#[cfg(feature = "request-state")]
mod restore;
mod running;
mod session_request;
pub(crate) mod stateless;
mod stream_connection;
pub(crate) mod streamable;
