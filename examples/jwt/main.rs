//! A server that takes signed tokens (JWTs) of an OAuth issuer, and an issuer on this machine to get them
//! from.
//!
//! The authorizer reads the issuer's keys from its JWKS document, checks the signature, the issuer, the
//! audience and the times of each token, and makes an identity of it. A client without a token learns
//! from the challenge, and from the document that it points to, which issuer to ask. A tool that needs
//! a scope answers 403 to a token without it.
//!
//! `cargo run --release --example jwt [-- --check]`: serves, and prints a token to try; with `--check` it
//! is its own client, and ends.

#[path = "../signals/mod.rs"]
mod signals;

mod authorizer;
mod check;
mod fallible;
mod http;
mod issuer;

use std::time::Duration;

use mcp_wire::auth::ProtectedResource;
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{McpService, serve};
use tokio::net::TcpListener;

use self::authorizer::JwtAuthorizer;
use self::fallible::Fallible;
use self::issuer::{Claims, Issuer};

async fn whoami(cx: Call, _: Arguments) -> String {
    // The authorizer lets nobody in without one.
    let Some(identity) = cx.identity() else {
        return String::new();
    };
    format!(
        "{} with {}",
        identity.principal(),
        identity.granted().join(" ")
    )
}

fn notes() -> Server {
    Server::new("Notes", "1.0.0")
        .tool(Tool::new("whoami").description("Who asks"), whoami)
        .tool(
            Tool::new("write")
                .description("Write a note")
                .scopes(["notes:read", "notes:write"]),
            async |_, _| "written",
        )
}

/// The service at an address; behind a proxy this would be the address that clients know, and `https`.
async fn service(origin: &str, issuer: &str) -> Fallible<McpService> {
    let audiences = [format!("{origin}/mcp"), format!("{origin}/sse")];
    let authorizer = JwtAuthorizer::new(issuer, audiences).await?;
    let resource = ProtectedResource::new(origin, [issuer])
        .scopes(["notes:read", "notes:write"])
        .initial_scopes(["notes:read"])
        .name("Notes");
    let service = McpService::builder(notes())
        .authorizer(authorizer)
        .protected_resource(resource);
    Ok(service.build()?)
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let issuer = Issuer::start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let mcp = service(&origin, issuer.url()).await?;
    if std::env::args().any(|argument| argument == "--check") {
        let serving = tokio::spawn(serve(listener, mcp, std::future::pending()));
        check::run(&origin, issuer).await?;
        serving.abort();
        println!("All as it should be.");
        return Ok(());
    }
    let token = issuer.token(&Claims::new(
        &format!("{origin}/mcp"),
        Duration::from_secs(3600),
    ))?;
    println!("{origin}/mcp takes tokens of {}, such as", issuer.url());
    println!("{token}");
    serve(listener, mcp, signals::stop()).await?;
    Ok(())
}
