//! The server of the benches: one tool, which echoes its argument.

use mcp_wire::server::{Arguments, Call, HandlerError, Server, Text, Tool};
use serde_json::json;

/// The handler copies the argument into a `String`, as most handlers do.
pub(crate) fn server() -> Server {
    Server::new("Echo", "1.0.0").tool(tool(), echo)
}

/// The handler returns the argument without a copy.
pub(crate) fn passing_server() -> Server {
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

async fn echo(_: Call, args: Arguments) -> Result<String, HandlerError> {
    Ok(args.str("message")?.to_owned())
}

async fn give(_: Call, args: Arguments) -> Result<Text, HandlerError> {
    args.text("message")
}
