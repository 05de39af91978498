//! mcp-wire: every limit and check is on, as by default.

use mcp_wire::McpService;
use mcp_wire::server::{Arguments, Call, Server, Tool, ToolError};
use serde_json::json;

pub(crate) fn service() -> McpService {
    let schema = json!({
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    });
    let tool = Tool::new("echo")
        .description("Echo a message")
        .input(schema);
    let server = Server::new("Echo", "1.0.0").tool(tool, echo);
    McpService::builder(server).build().expect("a service")
}

async fn echo(_: Call, args: Arguments) -> Result<String, ToolError> {
    Ok(args.str("message")?.to_owned())
}
