//! The load: clients of each revision, on raw sockets.

pub(crate) mod caller;
pub(crate) mod connection;
pub(crate) mod messages;
pub(crate) mod session;
pub(crate) mod target;
pub(crate) mod workload;
