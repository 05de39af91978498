//! A server whose tasks outlive it: their rows are in SQLite.

pub mod rows;

use std::time::Duration;

use mcp_wire::backplane::Backplane;
use mcp_wire::server::{Arguments, Call, HandlerError, Server, TaskUse, Tool};
use mcp_wire::{Error, McpService};
use serde_json::json;

use crate::rows::SqliteRows;

/// The service over a database. Services over the same file, in this process or another, know each other's tasks.
///
/// # Errors
///
/// The server is not built as it must be.
pub fn service(rows: SqliteRows) -> Result<McpService, Error> {
    let count = Tool::new("count")
        .description("Count slowly to a number, one a second")
        .input(json!({
            "type": "object",
            "properties": {"to": {"type": "integer", "minimum": 0, "maximum": 3600}},
            "required": ["to"]
        }))
        .task(TaskUse::Optional);
    let server = Server::new("Durable", env!("CARGO_PKG_VERSION")).tool(count, count_to);
    McpService::builder(server)
        .backplane(Backplane::new(rows))
        .build()
}

async fn count_to(cx: Call, args: Arguments) -> Result<String, HandlerError> {
    let to = args.integer("to")?;
    for counted in 1..=to {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(task) = cx.task() {
            task.status(format!("at {counted} of {to}"));
        }
    }
    Ok(format!("counted to {to}"))
}
