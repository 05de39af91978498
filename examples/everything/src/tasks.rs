//! Tools whose calls go on as tasks, for clients that have the extension; for others they answer the request.

use std::time::Duration;

use mcp_wire::RequestError;
use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{
    Arguments, Call, Elicitation, Elicited, HandlerError, Server, TaskUse, ToolResult,
};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::tools::{text_argument, tool};

/// How many seconds a call may compute.
const LONGEST: u64 = 600;

/// How long the jobs work that then fail.
const WORK: Duration = Duration::from_millis(500);

pub(crate) fn add(server: Server) -> Server {
    let name = text_argument("name", "Whom to greet");
    let greeting = tool("greet", "Greets, and is never a task").input(name);
    let slow = tool("slow_compute", "Computes for this many seconds").input(slow_schema());
    let failing = tool("failing_job", "Ends with an error for the model");
    let refused = tool("protocol_error_job", "Ends with a JSON-RPC error");
    let filename = text_argument("filename", "The file to delete");
    let deletion = tool(
        "confirm_delete",
        "Asks before it deletes, and deletes nothing",
    );
    let two = tool("multi_input", "Asks two things at once");
    let first = tool("test_tool_with_task", "Asks, and becomes a task after that");
    server
        .tool(greeting, greet)
        .tool(slow.task(TaskUse::Optional), compute)
        .tool(failing.task(TaskUse::Required), fail)
        .tool(refused.task(TaskUse::Optional), refuse)
        .tool(deletion.input(filename).task(TaskUse::Optional), delete)
        .tool(two.task(TaskUse::Optional), ask_twice)
        .tool(first.task(TaskUse::Required).asks_first(), ask_first)
}

fn slow_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "seconds": {
                "type": "integer", "minimum": 0, "maximum": LONGEST,
                "description": "How many seconds to compute",
            },
            "label": {"type": "string", "description": "A text to repeat in the answer"},
        },
        "required": ["seconds"],
    })
}

async fn greet(_cx: Call, args: Arguments) -> Result<String, HandlerError> {
    Ok(format!("Hello, {}!", args.str("name")?))
}

/// A cancellation drops it at its next await.
async fn compute(cx: Call, args: Arguments) -> Result<String, HandlerError> {
    let seconds = args.unsigned("seconds")?;
    if seconds > LONGEST {
        let message = format!("the argument `seconds` must not be more than {LONGEST}");
        return Err(HandlerError::new(message));
    }
    let label = args.opt_str("label")?.unwrap_or("nothing");
    let task = cx.task();
    for done in 0..seconds {
        if let Some(task) = &task {
            task.status(format!("{done} of {seconds} s"));
        }
        sleep(Duration::from_secs(1)).await;
    }
    Ok(format!("Computed {label} for {seconds} s"))
}

/// The task is completed: the call has a result, for the model.
async fn fail(_cx: Call, _args: Arguments) -> ToolResult {
    sleep(WORK).await;
    ToolResult::error("This job intentionally fails")
}

/// The task has failed: the call has no result.
async fn refuse(_cx: Call, _args: Arguments) -> Result<String, ErrorObject> {
    sleep(WORK).await;
    Err(ErrorObject::new(
        -32000,
        "This job intentionally ends with an error",
    ))
}

async fn delete(cx: Call, args: Arguments) -> Result<String, HandlerError> {
    let filename = args.str("filename")?;
    let message = format!("Delete {filename}?");
    let content = ask(&cx, "confirm", &message, "confirm", "boolean").await?;
    let is_confirmed = content.get("confirm") == Some(&true.into());
    Ok(if is_confirmed {
        format!("Deleted {filename}")
    } else {
        format!("Kept {filename}")
    })
}

async fn ask_twice(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let (name, confirmed) = tokio::try_join!(
        ask(&cx, "name", "What is your name?", "name", "string"),
        ask(&cx, "confirm", "Go on?", "confirm", "boolean"),
    )?;
    let (name, confirmed) = (Value::from(name), Value::from(confirmed));
    Ok(format!("The answers are {name} and {confirmed}"))
}

/// The question is asked in rounds of the request, before there is a task.
async fn ask_first(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let content = ask(&cx, "user_name", "What is your name?", "name", "string").await?;
    let name = content.get("name").and_then(Value::as_str);
    let name = name.unwrap_or("stranger");
    if let Some(task) = cx.detach().await {
        task.status("writing the greeting");
    }
    sleep(WORK).await;
    Ok(format!("Hello, {name}!"))
}

/// Asks with a form of one field. Who declines gives no content.
async fn ask(
    cx: &Call,
    key: &str,
    message: &str,
    field: &str,
    kind: &str,
) -> Result<Map<String, Value>, RequestError> {
    let schema = json!({
        "type": "object",
        "properties": {field: {"type": kind}},
        "required": [field],
    });
    let form = Elicitation::form(message, schema).key(key);
    Ok(match cx.elicit(&form).await? {
        Elicited::Accepted(content) => content,
        _ => Map::new(),
    })
}
