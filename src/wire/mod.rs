//! Bytes to values and back: no async, no I/O, no clock.

pub(crate) mod base64;
pub mod header_value;
pub(crate) mod id;
pub mod jsonrpc;
pub(crate) mod method;
pub(crate) mod pieces;
pub mod sse;
pub(crate) mod version;
