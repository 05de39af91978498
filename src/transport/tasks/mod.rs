//! Tasks: calls that go on after their request has been answered (extension `io.modelcontextprotocol/tasks`).

pub(crate) mod follow;
pub(crate) mod handle;
pub(crate) mod local;
pub(crate) mod node;
pub(crate) mod runner;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod tries;
