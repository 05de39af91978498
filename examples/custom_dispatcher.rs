//! Shows a dispatcher of your own in place of `Server`: it answers every method itself, in both eras, and reads
//! params from the raw JSON.
//!
//! Run it with `cargo run --no-default-features --example custom_dispatcher [-- ADDRESS]`.

mod signals;

use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
use mcp_wire::{BoxFuture, Context, Dispatcher, Era, McpService, ProtocolVersion, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Answers `tools/call` with the arguments, byte for byte.
struct Mirror;

impl Dispatcher for Mirror {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(async move { answer(&cx, &request) })
    }
}

/// The handshake differs between the eras; the tools are the same.
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
    let result = match era {
        Era::Modern => modern(result, request.method()),
        _ => result,
    };
    Ok(Json::try_from(&result)?)
}

/// Adds the members that results have since 2026-07-28.
fn modern(mut result: Value, method: &str) -> Value {
    result["resultType"] = "complete".into();
    result["_meta"] = json!({"io.modelcontextprotocol/serverInfo": info()});
    if method != "tools/call" {
        // Clients must not cache the result.
        result["ttlMs"] = 0.into();
        result["cacheScope"] = "private".into();
    }
    result
}

fn info() -> Value {
    json!({"name": "Mirror", "version": "1.0.0"})
}

fn initialize(request: &Request) -> Value {
    let requested = request
        .params()
        .and_then(|params| params.as_raw().member("protocolVersion")?.as_str())
        .unwrap_or_default();
    json!({
        "protocolVersion": ProtocolVersion::negotiate(&requested).as_str(),
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
        "description": "Returns its arguments",
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
        {"type": "text", "text": format!("user agent: {}", agent.unwrap_or("unknown"))},
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
