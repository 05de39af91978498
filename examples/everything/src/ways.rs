//! The ways to reach the server: TCP, TLS, a Unix socket, standard input and output.

use std::fmt::Display;
use std::future::ready;
use std::io;

use mcp_wire::listener::{Listener, Negotiated, WithHandshake};
use mcp_wire::{McpService, serve, serve_stdio};
use serde_json::json;
use tokio::net::TcpListener;

use crate::options::{Http, Options, Way};
use crate::signals;
#[cfg(feature = "tls")]
use crate::tls::Tls;
#[cfg(unix)]
use crate::unix::Socket;

/// Why the process ends with a failure.
pub(crate) enum Failure {
    /// What the command line or the environment asks for cannot be done.
    Wrong(String),
    /// Something failed later.
    Failed(String),
}

/// Serves until the process is told to stop; on standard input and output until the input ends, too.
pub(crate) async fn run(options: &Options, mcp: McpService) -> Result<(), Failure> {
    match &options.way {
        Way::Stdio => {
            return tokio::select! {
                served = serve_stdio(mcp) => served.map_err(failed),
                () = signals::stop() => Ok(()),
            };
        }
        Way::Tcp => {
            let tcp = bind(&options.listen).await?;
            announce("http", &tcp)?;
            until_stopped(speaking(options.http, tcp), mcp).await?;
        }
        #[cfg(feature = "tls")]
        Way::Tls(files) => {
            let tcp = bind(&options.listen).await?;
            let local = tcp.local_addr().map_err(failed)?.ip();
            let tls = Tls::new(files.as_ref(), local, options.http).map_err(Failure::Wrong)?;
            announce("https", &tcp)?;
            if let Some(path) = tls.authority() {
                println!("Clients have to trust:    {}", path.display());
            }
            until_stopped(tls.listener(tcp), mcp).await?;
        }
        #[cfg(unix)]
        Way::Unix(path) => {
            // It lives until the end of the block.
            let (_socket, listener) = Socket::bind(path).map_err(Failure::Wrong)?;
            println!("MCP on the Unix socket {}:", path.display());
            println!("MCP over Streamable HTTP: http://localhost/mcp");
            println!("MCP over HTTP+SSE:        http://localhost/sse");
            until_stopped(speaking(options.http, listener), mcp).await?;
        }
    }
    println!("Stopped.");
    Ok(())
}

async fn bind(address: &str) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::Wrong(format!("--listen {address}: {error}")))
}

/// Serves HTTP/1.1 alone, or lets the first bytes of each client decide. Without this, the feature `http2` of the
/// library would decide.
fn speaking<L: Listener>(http: Http, listener: L) -> impl Listener {
    WithHandshake::new(listener, move |io| {
        ready(Ok::<_, io::Error>(Negotiated::new(io, |_| http.only())))
    })
}

async fn until_stopped(listener: impl Listener, mcp: McpService) -> Result<(), Failure> {
    serve(listener, mcp, signals::stop()).await.map_err(failed)
}

/// Prints where clients find the server.
fn announce(scheme: &str, listener: &TcpListener) -> Result<(), Failure> {
    let url = format!("{scheme}://{}", listener.local_addr().map_err(failed)?);
    println!("MCP over Streamable HTTP: {url}/mcp");
    println!("MCP over HTTP+SSE:        {url}/sse");
    println!("Client configuration:");
    println!(
        "{}",
        json!({"mcpServers": {
            "everything": {"url": format!("{url}/mcp")},
            "everything-sse": {"url": format!("{url}/sse")},
        }})
    );
    Ok(())
}

fn failed(error: impl Display) -> Failure {
    Failure::Failed(error.to_string())
}
