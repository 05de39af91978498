//! Shows an accept loop of your own: an MCP server mounted at `/api/mcp`, on TCP and on a Unix socket, with
//! nothing but hyper.
//!
//! Run it with `cargo run --example mounted [-- SOCKET_PATH]`. HTTP+SSE is at `/api/mcp/sse`, try
//! `curl -N --unix-socket mcp.sock http://localhost/api/mcp/sse`; all later revisions are at `/api/mcp/mcp`.

mod signals;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{McpService, ResponseBody};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

async fn now(_cx: Call, _args: Arguments) -> String {
    format!("{:?}", std::time::SystemTime::now())
}

/// Serves one connection of any kind: hyper reads the requests, and the MCP service answers them.
async fn connection(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, mcp: McpService) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mcp = mcp.clone();
        async move { Ok::<Response<ResponseBody>, Infallible>(mcp.call(request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(io), service)
        .await;
    if let Err(error) = served {
        eprintln!("connection failed: {error}");
    }
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
    let mut stop = std::pin::pin!(signals::stop());
    loop {
        tokio::select! {
            (socket, peer) = accepted(async || tcp.accept().await) => {
                // Otherwise an event can wait some 40 ms for a delayed acknowledgement. If the client has
                // left already, reading the connection fails later.
                let _ = socket.set_nodelay(true);
                // Authorizers and handlers see the address of the client.
                let mut mcp = mcp.with_peer_addr(peer);
                // The check of the Host header depends on the local address.
                if let Ok(local) = socket.local_addr() {
                    mcp = mcp.with_local_addr(local);
                }
                tokio::spawn(connection(socket, mcp));
            }
            (socket, _) = accepted(async || unix.accept().await) => {
                tokio::spawn(connection(socket, mcp.clone()));
            }
            () = &mut stop => break,
        }
    }
    // The loop accepts no more connections. Running requests may finish.
    mcp.shutdown(Duration::from_secs(10)).await;
    std::fs::remove_file(&path)?;
    Ok(())
}

/// The next connection. Errors do not end the loop: either the client has left already, or the process has no file
/// descriptors left, until other connections close.
async fn accepted<T>(accept: impl AsyncFn() -> io::Result<T>) -> T {
    loop {
        match accept().await {
            Ok(connection) => return connection,
            Err(error) => {
                eprintln!("accepting a connection failed: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Removes the socket of an earlier run, which would prevent binding.
fn remove_stale(path: &str) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
