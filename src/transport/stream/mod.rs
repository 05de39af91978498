//! Streams of events: the queue that feeds a stream, the body that the client reads, and the lease that
//! ends both with the identity of the client.

pub(crate) mod body;
pub(crate) mod keep_alive;
pub(crate) mod lease;
pub(crate) mod outlet;
pub(crate) mod queue;
