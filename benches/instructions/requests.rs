//! The requests of clients of each revision: one call of the echo tool, and the handshake before it.

use serde_json::{Value, json};

pub(crate) const SMALL: &str = "hello, world";

pub(crate) fn message(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 17, "method": method, "params": params}).to_string()
}

/// A POST. `lines` are whole header lines.
pub(crate) fn post(body: &str, lines: &str, path: &str) -> Vec<u8> {
    let len = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: bench/1.0\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         {lines}Content-Length: {len}\r\n\r\n{body}"
    )
    .into()
}

pub(crate) fn modern(text: &str) -> Vec<u8> {
    let params = json!({
        "name": "echo",
        "arguments": {"message": text},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1.0"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    let lines = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n";
    post(&message("tools/call", params), lines, "/mcp")
}

/// The header line of a request after `initialize` if there are no sessions.
pub(crate) const REVISION_LINE: &str = "MCP-Protocol-Version: 2025-11-25\r\n";

pub(crate) fn session_lines(session: &str) -> String {
    format!("Mcp-Session-Id: {session}\r\n{REVISION_LINE}")
}

pub(crate) fn call(text: &str) -> String {
    message(
        "tools/call",
        json!({"name": "echo", "arguments": {"message": text}}),
    )
}

pub(crate) fn in_session(session: &str, text: &str) -> Vec<u8> {
    post(&call(text), &session_lines(session), "/mcp")
}

pub(crate) fn hello(revision: &str) -> String {
    message(
        "initialize",
        json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1.0"},
        }),
    )
}

/// The notification that ends the handshake.
pub(crate) fn initialized() -> String {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string()
}

/// A GET, which opens a stream.
pub(crate) fn get(lines: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAccept: text/event-stream\r\n{lines}\r\n"
    )
    .into()
}

/// Whether the text contains the answer to the call.
pub(crate) fn is_echo(text: &str) -> bool {
    text.contains(r#""id":17"#) && text.contains(&format!(r#""text":"{SMALL}""#))
}
