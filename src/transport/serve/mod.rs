//! Connections: accepting them, serving them with limits, and ending them in order.

pub(crate) mod listener;
pub(crate) mod parked;
pub(crate) mod progress;
pub(crate) mod socket;
pub(crate) mod timers;
