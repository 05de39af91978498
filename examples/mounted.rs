//! An accept loop of one's own: the MCP server below `/api/mcp`, on TCP and on a Unix socket at
//! once, with nothing but hyper.
//!
//! `cargo run --release --example mounted [-- SOCKET_PATH]`, then
//! `curl -N --unix-socket SOCKET_PATH http://localhost/api/mcp/sse` for HTTP+SSE; Streamable HTTP
//! and the stateless protocol are at `/api/mcp/mcp`.

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

/// Whatever the socket is, a connection is hyper's, and a request goes to the MCP server as it is.
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
        eprintln!("a connection failed: {error}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server =
        Server::new("Clock", "1.0.0").tool(Tool::new("now").description("What time it is"), now);
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
                // Without it an event waits some 40 ms for a delayed acknowledgement. A client that has left
                // already is noticed when its connection is read.
                let _ = socket.set_nodelay(true);
                // Authorizers and handlers learn whom the connection is from.
                let mut mcp = mcp.for_peer(peer);
                // The rule for the Host header depends on where it arrived.
                if let Ok(local) = socket.local_addr() {
                    mcp = mcp.on(local);
                }
                tokio::spawn(connection(socket, mcp));
            }
            (socket, _) = accepted(async || unix.accept().await) => {
                tokio::spawn(connection(socket, mcp.clone()));
            }
            () = &mut stop => break,
        }
    }
    // Nobody is accepted any more; those who are there finish.
    mcp.shutdown(Duration::from_secs(10)).await;
    std::fs::remove_file(&path)?;
    Ok(())
}

/// The next connection. One that cannot be accepted is no reason to end: its client has left, or there are no
/// open files left, and those who are served free some in time.
async fn accepted<T>(accept: impl AsyncFn() -> io::Result<T>) -> T {
    loop {
        match accept().await {
            Ok(connection) => return connection,
            Err(error) => {
                eprintln!("no connection could be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A socket that an earlier run left behind would be in the way.
fn remove_stale(path: &str) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
