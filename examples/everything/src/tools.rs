//! Tools that do not ask the client for anything.

use std::future::ready;
use std::time::Duration;

use mcp_wire::server::{
    Arguments, Call, Content, HandlerError, ResourceContents, Server, Tool, ToolResult,
};
use mcp_wire::{Change, LogLevel};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::media::{PNG, WAV};
use crate::peers::Peers;

/// The time between two notifications of a tool.
const STEP: Duration = Duration::from_millis(50);

pub(crate) fn add(server: Server, peers: &Peers) -> Server {
    let server = FIXED
        .iter()
        .fold(server, |server, &(name, about, content)| {
            server.tool(tool(name, about), move |_, _| ready(content()))
        });
    let server = CHANGES
        .iter()
        .fold(server, |server, (name, about, change)| {
            let peers = peers.clone();
            server.tool(tool(name, about), move |cx: Call, _| {
                peers.publish(&cx, change);
                ready("The listening clients were notified.")
            })
        });
    let message = text_argument("message", "The text to repeat");
    let echoing = tool("echo_tool", "Echo a message as a tool").input(message);
    server
        .tool(echoing, echo)
        .tool(
            tool("test_error_handling", "Fails with an error for the model"),
            error,
        )
        .tool(
            tool("test_tool_with_logging", "Logs three times while it runs"),
            logging,
        )
        .tool(
            tool("test_logging_tool", "Logs, if the request asks for logs"),
            log_once,
        )
        .tool(
            tool("test_tool_with_progress", "Reports its progress"),
            progress,
        )
        .tool(
            tool(
                "test_reconnection",
                "Closes the connection, so that the client resumes",
            ),
            reconnection,
        )
        .tool(
            tool(
                "test_custom_header",
                "Has an argument that a header repeats",
            )
            .input(header_schema()),
            custom_header,
        )
        .tool(
            tool(
                "json_schema_2020_12_tool",
                "Has a schema with many keywords",
            )
            .input(wide_schema()),
            async |_, args: Arguments| args.into_value().to_string(),
        )
}

pub(crate) fn tool(name: &str, about: &str) -> Tool {
    Tool::new(name).description(about)
}

/// A schema with one string argument.
pub(crate) fn text_argument(name: &str, about: &str) -> Value {
    let argument = json!({"type": "string", "description": about});
    json!({"type": "object", "properties": {name: argument}, "required": [name]})
}

type Fixed = (&'static str, &'static str, fn() -> Vec<Content>);

/// Tools with a constant answer.
const FIXED: &[Fixed] = &[
    ("test_simple_text", "Answers with text", || {
        vec![Content::text("This is a simple text response for testing.")]
    }),
    ("test_image_content", "Answers with an image", || {
        vec![Content::image(PNG, "image/png")]
    }),
    ("test_audio_content", "Answers with sound", || {
        vec![Content::audio(WAV, "audio/wav")]
    }),
    ("test_embedded_resource", "Answers with a resource", || {
        let text = "This is an embedded resource content.";
        vec![embedded("test://embedded-resource", "text/plain", text)]
    }),
    (
        "test_multiple_content_types",
        "Answers with blocks of three kinds",
        || {
            let data = r#"{"test":"data","value":123}"#;
            vec![
                Content::text("Multiple content types test:"),
                Content::image(PNG, "image/png"),
                embedded("test://mixed-content-resource", "application/json", data),
            ]
        },
    ),
];

/// Tools that announce a change.
const CHANGES: &[(&str, &str, Change)] = &[
    (
        "test_trigger_tool_change",
        "Announces a change of the tools",
        Change::Tools,
    ),
    (
        "test_trigger_prompt_change",
        "Announces a change of the prompts",
        Change::Prompts,
    ),
];

fn embedded(uri: &str, mime_type: &str, text: &str) -> Content {
    Content::embedded(ResourceContents::text(uri, text).mime_type(mime_type))
}

async fn echo(_cx: Call, args: Arguments) -> Result<String, HandlerError> {
    Ok(format!("Tool echo: {}", args.str("message")?))
}

async fn error(_cx: Call, _args: Arguments) -> ToolResult {
    ToolResult::error("This tool intentionally returns an error for testing")
}

async fn logging(cx: Call, _args: Arguments) -> &'static str {
    cx.log(LogLevel::Info, None, "Tool execution started");
    sleep(STEP).await;
    cx.log(LogLevel::Info, None, "Tool processing data");
    sleep(STEP).await;
    cx.log(LogLevel::Info, None, "Tool execution completed");
    "Tool with logging executed successfully"
}

async fn log_once(cx: Call, _args: Arguments) -> &'static str {
    cx.log(LogLevel::Info, Some("everything"), "The logging tool runs");
    "Logged, if logs were asked for."
}

async fn progress(cx: Call, _args: Arguments) -> &'static str {
    cx.progress(0.0, 100.0, Some("Completed step 0 of 100"));
    sleep(STEP).await;
    cx.progress(50.0, 100.0, Some("Completed step 50 of 100"));
    sleep(STEP).await;
    cx.progress(100.0, 100.0, Some("Completed step 100 of 100"));
    // The TypeScript client drops its progress handler as soon as it has the answer, even if it has not handled
    // progress that arrived in the same read.
    sleep(STEP).await;
    "Tool with progress executed successfully"
}

/// The client receives the answer after it resumes the stream.
async fn reconnection(cx: Call, _args: Arguments) -> &'static str {
    cx.release_connection();
    sleep(2 * STEP).await;
    "Reconnection test completed: the answer came after the connection was closed."
}

async fn custom_header(_cx: Call, args: Arguments) -> Result<String, HandlerError> {
    Ok(format!("Custom header value: {}", args.str("value")?))
}

/// The client repeats `value` in the header `Mcp-Param-Value`.
fn header_schema() -> Value {
    json!({
        "type": "object",
        "properties": {"value": {
            "type": "string", "x-mcp-header": "Value",
            "description": "What the client repeats in the header",
        }},
        "required": ["value"],
    })
}

/// A schema that the server has to pass on unchanged.
fn wide_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            },
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"type": "object", "$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {
            "properties": {"contactMethod": {"const": "phone"}},
            "required": ["contactMethod"],
        },
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}
