//! Shows a tool whose arguments and result are types.
//!
//! Run it with `cargo run --features schemars --example typed`.

use mcp_wire::schemars::{self, JsonSchema};
use mcp_wire::server::{Call, Json, Server, Tool};
use mcp_wire::{McpService, serve};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: i64,
}

async fn add(_: Call, Add { a, b }: Add) -> Json<Sum> {
    Json(Sum { sum: a + b })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tool = Tool::new("add").description("Adds two integers");
    let server = Server::new("Calculator", "1.0.0").typed_tool(tool, add);
    let mcp = McpService::builder(server).build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    serve(listener, mcp, std::future::pending()).await?;
    Ok(())
}
