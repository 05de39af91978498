//! Processes of servers and their cores, latencies and failures.

pub(crate) mod child;
pub(crate) mod cores;
pub(crate) mod failures;
pub(crate) mod latency;
