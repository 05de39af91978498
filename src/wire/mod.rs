//! Bytes to values and back: no async, no I/O, no clock.

pub mod id;
pub mod jsonrpc;
pub mod sse;
pub mod version;
