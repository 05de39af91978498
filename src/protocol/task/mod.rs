//! Tasks: calls that go on after their request has been answered (extension `io.modelcontextprotocol/tasks`).

/// The name of the extension.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";

pub(crate) mod date;
pub(crate) mod row;
