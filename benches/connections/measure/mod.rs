//! Times, failures, and the cores that the processes run on.

pub(crate) mod cores;
pub(crate) mod failures;
pub(crate) mod latency;
