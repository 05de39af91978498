//! Streams of events, from the queue that feeds them to the body that a client reads.

pub(crate) mod body;
pub(crate) mod keep_alive;
pub(crate) mod lease;
pub(crate) mod outlet;
pub(crate) mod queue;
