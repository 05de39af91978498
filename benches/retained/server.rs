//! The service that is measured: tools that wait, ask, tell, and keep nothing of what they were given.

use std::future::pending;
use std::time::Duration;

use mcp_wire::McpService;
use mcp_wire::jsonrpc::Json;
use mcp_wire::server::{
    Arguments, Call, Elicitation, Read, ResourceTemplate, Server, Tool, ToolError,
};
use serde_json::json;
use tokio::time::sleep;

/// How often a tool tells the same: more events than a session keeps.
const TIMES: usize = 300;
/// How much it tells at least of what it was given.
const TOLD: usize = 4 * 1024 * 1024;

pub(crate) fn service() -> Result<McpService, mcp_wire::Error> {
    let server = Server::new("Bench", "1.0.0").subscriptions().logging();
    let server = server
        .resource_template(
            ResourceTemplate::new("n:{+k}", "n"),
            async |_, read: Read| read.uri().to_owned(),
        )
        .tool(Tool::new("wait"), async |_: Call, arguments: Arguments| {
            drop(arguments);
            pending::<String>().await
        })
        .tool(Tool::new("ask"), ask)
        .tool(
            Tool::new("tell"),
            async |call: Call, arguments: Arguments| {
                tell(&call, arguments);
                "told"
            },
        )
        .tool(
            Tool::new("tell_late"),
            async |call: Call, arguments: Arguments| {
                sleep(Duration::from_millis(100)).await;
                tell(&call, arguments);
                pending::<String>().await
            },
        );
    McpService::builder(server).build()
}

async fn ask(call: Call, arguments: Arguments) -> Result<String, ToolError> {
    drop(arguments);
    let schema = json!({"type": "object", "properties": {}});
    call.elicit(&Elicitation::form("Well?", schema)).await?;
    Ok("asked".to_owned())
}

/// Tells what it was given, again and again.
fn tell(call: &Call, arguments: Arguments) {
    let arguments = arguments.into_value();
    let note = Json::from(&arguments);
    drop(arguments);
    let times = TIMES.min(1 + TOLD / note.as_bytes().len());
    for _ in 0..times {
        // A client that has left hears nothing more.
        let _ = call.notify("notifications/note", Some(&note));
    }
}
