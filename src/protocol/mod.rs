//! Decisions over values: no async, no runtime, no clock. Where time matters, `now` is an argument.

pub mod change;
pub(crate) mod exchange;
pub(crate) mod guard;
pub(crate) mod header;
pub mod level;
pub(crate) mod rejection;
pub(crate) mod session;
pub(crate) mod table;
