//! The three shapes that MCP has on HTTP: HTTP+SSE, Streamable HTTP, and the stateless protocol. And what is
//! left of them without HTTP, where each message is a line.

mod batch;
mod handle;
pub(crate) mod http_sse;
mod json_shape;
pub(crate) mod line_client;
mod lookup;
pub(crate) mod message_lines;
#[cfg(feature = "request-state")]
mod restore;
mod running;
mod session_request;
pub(crate) mod stateless;
mod stream_connection;
pub(crate) mod streamable;
