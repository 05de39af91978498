//! Bytes to values and back: no async, no I/O, no clock.

pub(crate) mod base64;
mod codes;
pub mod header_value;
pub(crate) mod id;
pub(crate) mod json;
pub(crate) mod jsonrpc;
pub(crate) mod message;
pub(crate) mod method;
pub(crate) mod params;
pub(crate) mod pieces;
pub mod sse;
pub(crate) mod version;
