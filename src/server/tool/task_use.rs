//! [`TaskUse`]: whether calls of a tool go on as tasks.

/// Whether calls of a tool go on as tasks (extension `io.modelcontextprotocol/tasks` of 2026-07-28). The server
/// decides; a client only says, with each request, whether it can follow a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskUse {
    /// Never: each call is answered with its result.
    #[default]
    Never,
    /// Where the client can follow a task. Other calls are answered with their results.
    Optional,
    /// As `Optional`, but in 2026-07-28 a client that cannot follow a task is answered -32021. The earlier
    /// revisions do not have the extension, so their calls are answered with their results.
    Required,
}
