//! Shows a server behind a proxy that authenticates users and names them in a header, such as
//! `X-Forwarded-User: ada`.
//!
//! The server trusts the header only if the request comes from the address of the proxy, because any client can
//! send it. The proxy has to remove the header from incoming requests.
//!
//! Run it with `cargo run --example trusted_header [-- PROXY_ADDRESS...]`; by default the proxy is on this machine.

mod signals;

use std::future::ready;
use std::net::{IpAddr, SocketAddr};

use hyper::http::request::Parts;
use mcp_wire::auth::{Authorizer, Challenge, Identity};
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{BoxFuture, McpService, serve};
use tokio::net::TcpListener;

const USER: &str = "x-forwarded-user";

struct TrustedHeader {
    proxies: Vec<IpAddr>,
}

impl TrustedHeader {
    fn identity(&self, head: &Parts, peer: Option<SocketAddr>) -> Result<Identity, Challenge> {
        let is_proxy = peer.is_some_and(|peer| self.proxies.contains(&peer.ip().to_canonical()));
        if !is_proxy {
            return Err(Challenge::missing());
        }
        let mut lines = head.headers.get_all(USER).iter();
        // With two lines, one of them is not from the proxy.
        match (lines.next().map(|line| line.to_str()), lines.next()) {
            (Some(Ok(user)), None) if !user.is_empty() => Ok(Identity::new(user)),
            (None, _) => Err(Challenge::missing()),
            _ => Err(Challenge::invalid_request(
                "the header x-forwarded-user must occur once and hold a user name in visible ASCII",
            )),
        }
    }
}

impl Authorizer for TrustedHeader {
    fn authorize(
        &self,
        head: &Parts,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        Box::pin(ready(self.identity(head, peer)))
    }
}

async fn whoami(cx: Call, _: Arguments) -> String {
    let identity = cx.identity().map(Identity::principal);
    format!("You are {}.", identity.unwrap_or("unknown"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proxies: Result<Vec<IpAddr>, _> = std::env::args().skip(1).map(|at| at.parse()).collect();
    let mut proxies = proxies?;
    if proxies.is_empty() {
        proxies.push(IpAddr::from([127, 0, 0, 1]));
    }
    let server = Server::new("Behind a proxy", "1.0.0").tool(Tool::new("whoami"), whoami);
    let mcp = McpService::builder(server)
        .authorizer(TrustedHeader { proxies })
        .build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!(
        "http://{}/mcp requires the header {USER}",
        listener.local_addr()?
    );
    serve(listener, mcp, signals::stop()).await?;
    Ok(())
}
