//! Shows several listeners at once: an MCP server mounted at `/api/mcp`, on TCP and on a Unix socket, with the same
//! limits and the same orderly end on both.
//!
//! Run it with `cargo run --example mounted [-- SOCKET_PATH]`. HTTP+SSE is at `/api/mcp/sse`, try
//! `curl -N --unix-socket mcp.sock http://localhost/api/mcp/sse`; all later revisions are at `/api/mcp/mcp`.

mod signals;

use std::io;

use mcp_wire::McpService;
use mcp_wire::listener::Both;
use mcp_wire::server::{Arguments, Call, Server, Tool};
use tokio::net::{TcpListener, UnixListener};

async fn now(_cx: Call, _args: Arguments) -> String {
    format!("{:?}", std::time::SystemTime::now())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new("Clock", "1.0.0").tool(
        Tool::new("now").description("Returns the current time"),
        now,
    );
    let mcp = McpService::builder(server).mount("/api/mcp").build()?;

    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "mcp.sock".to_owned());
    remove_stale(&path)?;
    let unix = UnixListener::bind(&path)?;
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/api/mcp", tcp.local_addr()?);
    println!("{url}/sse");
    println!("{url}/mcp");
    println!("{path}: http://localhost/api/mcp/sse and http://localhost/api/mcp/mcp");
    mcp_wire::serve(Both::new(tcp, unix), mcp, signals::stop()).await?;
    std::fs::remove_file(&path)?;
    Ok(())
}

/// Removes the socket of an earlier run, which would prevent binding.
fn remove_stale(path: &str) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
