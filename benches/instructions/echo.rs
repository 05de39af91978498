//! The server of the benches: one tool, which says its argument again.

use mcp_wire::server::{Arguments, Call, Server, Tool, ToolError};
use serde_json::json;

pub(crate) fn server() -> Server {
    let schema = json!({
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    });
    let tool = Tool::new("echo")
        .description("Echo a message")
        .input(schema);
    Server::new("Echo", "1.0.0").tool(tool, echo)
}

async fn echo(_: Call, args: Arguments) -> Result<String, ToolError> {
    Ok(args.str("message")?.to_owned())
}
