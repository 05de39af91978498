//! The service to measure. Its tools wait, ask the client or send notifications, and keep nothing of their
//! arguments.

use std::future::pending;
use std::time::Duration;

use mcp_wire::McpService;
use mcp_wire::jsonrpc::Json;
use mcp_wire::server::{
    Arguments, Call, Elicitation, HandlerError, ReadRequest, ResourceTemplate, Server, Tool,
};
use serde_json::json;
use tokio::time::sleep;

/// The number of notifications of a tool, which is more than a session keeps.
const NOTIFICATIONS: usize = 300;
/// The least number of bytes of notifications, if the arguments are long.
const LEAST_BYTES: usize = 4 * 1024 * 1024;

pub(crate) fn service() -> Result<McpService, mcp_wire::Error> {
    let server = Server::new("Bench", "1.0.0").subscriptions().logging();
    let server = server
        .resource_template(
            ResourceTemplate::new("n:{+k}", "n"),
            async |_, read: ReadRequest| read.uri().to_owned(),
        )
        .tool(open("wait"), async |_: Call, arguments: Arguments| {
            drop(arguments);
            pending::<String>().await
        })
        .tool(open("ask"), ask)
        .tool(open("notify"), async |call: Call, arguments: Arguments| {
            tell(&call, arguments);
            "done"
        })
        .tool(
            open("notify_late"),
            async |call: Call, arguments: Arguments| {
                sleep(Duration::from_millis(100)).await;
                tell(&call, arguments);
                pending::<String>().await
            },
        );
    McpService::builder(server).build()
}

/// A tool that takes whatever arguments there are.
fn open(name: &str) -> Tool {
    Tool::new(name).input(json!({"type": "object"}))
}

async fn ask(call: Call, arguments: Arguments) -> Result<String, HandlerError> {
    drop(arguments);
    let schema = json!({"type": "object", "properties": {}});
    call.elicit(&Elicitation::form("Well?", schema)).await?;
    Ok("asked".to_owned())
}

/// Sends the arguments as a notification, many times.
fn tell(call: &Call, arguments: Arguments) {
    let arguments = arguments.into_value();
    let note = Json::try_from(&arguments).expect("an object");
    drop(arguments);
    let times = NOTIFICATIONS.min(1 + LEAST_BYTES / note.as_bytes().len());
    for _ in 0..times {
        // The client may have left.
        let _ = call.notify("notifications/note", Some(&note));
    }
}
