//! Shows a server in a private network, where every machine that can reach the server may use it.
//!
//! The authorizer identifies each machine by its address, so that each has its own sessions and limits. It refuses
//! addresses outside of private networks, in case the port is exposed by mistake. Without an authorizer, sessions
//! have no owner, and one address may use up to half of each limit.
//!
//! Run it with `cargo run --example private_network [-- ADDRESS]`; by default it listens on loopback only. The
//! server lists the host names under which clients reach it, which protects against DNS rebinding.

mod signals;

use std::future::ready;
use std::net::{IpAddr, SocketAddr};

use hyper::http::request::Parts;
use mcp_wire::auth::{Authorizer, Challenge, Identity};
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{BoxFuture, McpService, serve};
use tokio::net::TcpListener;

struct PrivateNetwork;

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
    }
}

impl Authorizer for PrivateNetwork {
    fn authorize(
        &self,
        _: &Parts,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        let verdict = match peer {
            Some(peer) if is_private(peer.ip()) => Ok(Identity::new(peer.ip().to_string())),
            _ => Err(Challenge::missing()),
        };
        Box::pin(ready(verdict))
    }
}

async fn whoami(cx: Call, _: Arguments) -> String {
    let identity = cx.identity().map(Identity::principal);
    format!("Your address is {}.", identity.unwrap_or("unknown"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let server = Server::new("Private", "1.0.0").tool(Tool::new("whoami"), whoami);
    let mcp = McpService::builder(server)
        .authorizer(PrivateNetwork)
        .allowed_hosts(["mcp.internal"])
        .build()?;
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    serve(listener, mcp, signals::stop()).await?;
    Ok(())
}
