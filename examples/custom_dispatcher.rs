//! A dispatcher of one's own, without the server layer: it answers every method itself, on the raw
//! bytes, in both eras, and tells the client what it saw of each call.
//!
//! `cargo run --release --example custom_dispatcher [-- ADDR]`

mod signals;

use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
use mcp_wire::{BoxFuture, Context, Dispatcher, Era, McpService, ProtocolVersion, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Answers `tools/call` with the arguments as they came.
struct Mirror;

impl Dispatcher for Mirror {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(async move { answer(&cx, &request) })
    }
}

/// Each era has its own way to begin; the tools are the same.
fn answer(cx: &Context, request: &Request) -> Result<Json, ErrorObject> {
    let era = cx.version().era();
    let result = match (era, request.method()) {
        (Era::Legacy, "initialize") => initialize(request),
        (Era::Legacy, "ping") => json!({}),
        (Era::Modern, "server/discover") => discover(),
        (_, "tools/list") => tools(),
        (_, "tools/call") => call(cx, request),
        (_, method) => return Err(ErrorObject::method_not_found(method)),
    };
    Ok(Json::from(&match era {
        Era::Modern => modern(result, request.method()),
        _ => result,
    }))
}

/// What results of 2026-07-28 have beside those of the revisions before.
fn modern(mut result: Value, method: &str) -> Value {
    result["resultType"] = "complete".into();
    result["_meta"] = json!({"io.modelcontextprotocol/serverInfo": info()});
    if method != "tools/call" {
        // Asked for again each time, and kept by nobody.
        result["ttlMs"] = 0.into();
        result["cacheScope"] = "private".into();
    }
    result
}

fn info() -> Value {
    json!({"name": "Mirror", "version": "1.0.0"})
}

fn initialize(request: &Request) -> Value {
    let asked = request
        .params()
        .and_then(|params| params.as_raw().to_value().ok());
    let asked = asked
        .as_ref()
        .and_then(|params| params.get("protocolVersion")?.as_str());
    json!({
        "protocolVersion": ProtocolVersion::negotiate(asked.unwrap_or("")).as_str(),
        "capabilities": {"tools": {}},
        "serverInfo": info(),
    })
}

fn discover() -> Value {
    json!({
        "supportedVersions": [ProtocolVersion::V2026_07_28.as_str()],
        "capabilities": {"tools": {}},
    })
}

fn tools() -> Value {
    json!({"tools": [{
        "name": "mirror",
        "description": "Gives back what it is given",
        "inputSchema": {"type": "object"},
    }]})
}

fn call(cx: &Context, request: &Request) -> Value {
    let arguments = request.params().and_then(|params| params.arguments());
    let text = arguments.map_or_else(
        || "{}".into(),
        |raw| String::from_utf8_lossy(raw.as_bytes()),
    );
    let agent = cx
        .headers()
        .get("user-agent")
        .and_then(|agent| agent.to_str().ok());
    json!({"content": [
        {"type": "text", "text": text},
        {"type": "text", "text": format!("asked by {}", agent.unwrap_or("nobody"))},
    ]})
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mcp = McpService::builder(Mirror).build()?;
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8000")).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("{url}/sse");
    println!("{url}/mcp");
    serve(listener, mcp, signals::stop()).await?;
    Ok(())
}
