//! A dispatcher of one's own, without the server layer: it answers every method itself, on the raw
//! bytes, and tells the client what it saw of each call.
//!
//! `cargo run --release --example custom_dispatcher [-- ADDR]`

use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
use mcp_wire::{BoxFuture, Context, Dispatcher, McpService, ProtocolVersion, serve};
use serde_json::json;
use tokio::net::TcpListener;

/// Answers `tools/call` with the arguments as they came.
struct Mirror;

impl Dispatcher for Mirror {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(async move { answer(&cx, &request) })
    }
}

fn answer(cx: &Context, request: &Request) -> Result<Json, ErrorObject> {
    match request.method() {
        "initialize" => {
            let asked = request
                .params()
                .and_then(|params| params.as_raw().to_value().ok());
            let asked = asked
                .as_ref()
                .and_then(|params| params.get("protocolVersion")?.as_str());
            Ok(Json::from(&json!({
                "protocolVersion": ProtocolVersion::negotiate(asked.unwrap_or("")).as_str(),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "Mirror", "version": "1.0.0"},
            })))
        }
        "ping" => Ok(Json::empty()),
        "tools/list" => Ok(Json::from(&json!({"tools": [
            {"name": "mirror", "description": "Gives back what it is given",
             "inputSchema": {"type": "object"}},
        ]}))),
        "tools/call" => {
            let arguments = request.params().and_then(|params| params.arguments());
            let text = arguments.map_or_else(
                || "{}".into(),
                |raw| String::from_utf8_lossy(raw.as_bytes()),
            );
            let agent = cx
                .headers()
                .get("user-agent")
                .and_then(|agent| agent.to_str().ok());
            Ok(Json::from(&json!({"content": [
                {"type": "text", "text": text},
                {"type": "text", "text": format!("asked by {}", agent.unwrap_or("nobody"))},
            ]})))
        }
        method => Err(ErrorObject::method_not_found(method)),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mcp = McpService::builder(Mirror).build()?;
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8000")).await?;
    println!("http://{}/sse", listener.local_addr()?);
    serve(listener, mcp, async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}
