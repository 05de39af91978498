//! The server of the benches: one tool, which says its argument again.

use mcp_wire::server::{Arguments, Call, Server, Text, Tool, ToolError};
use serde_json::json;

/// Its handler makes a `String` of its own, as most handlers do.
pub(crate) fn server() -> Server {
    Server::new("Echo", "1.0.0").tool(tool(), echo)
}

/// Its handler returns what it was given.
pub(crate) fn giving_server() -> Server {
    Server::new("Echo", "1.0.0").tool(tool(), give)
}

fn tool() -> Tool {
    let schema = json!({
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    });
    Tool::new("echo")
        .description("Echo a message")
        .input(schema)
}

async fn echo(_: Call, args: Arguments) -> Result<String, ToolError> {
    Ok(args.str("message")?.to_owned())
}

async fn give(_: Call, args: Arguments) -> Result<Text, ToolError> {
    args.text("message")
}
