//! Shows a server that accepts signed access tokens (JWTs) of an OAuth issuer, with a small issuer for trying it.
//!
//! Run it with `cargo run -p jwt`, which serves and prints a token. With `-- --check` it tests itself as a
//! client, and ends.
//!
//! The authorizer reads the keys of the issuer from its JWKS document. It checks the signature, issuer, audience
//! and expiry of each token, and returns the identity. A client without a token learns from the challenge, and
//! from the metadata document that it names, which issuer to ask. A tool that requires a scope refuses tokens
//! without it with status 403.

#[path = "../../signals/mod.rs"]
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
    // The authorizer gives every request an identity.
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
        .tool(
            Tool::new("whoami").description("Returns the identity of the caller"),
            whoami,
        )
        .tool(
            Tool::new("write")
                .description("Write a note")
                .scopes(["notes:read", "notes:write"]),
            async |_, _| "written",
        )
}

/// The service for this origin. Behind a proxy, the origin is the public one, with `https`.
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
        println!("All checks passed.");
        return Ok(());
    }
    let token = issuer.token(&Claims::new(
        &format!("{origin}/mcp"),
        Duration::from_secs(3600),
    ))?;
    println!(
        "{origin}/mcp accepts tokens of {}, for example:",
        issuer.url()
    );
    println!("{token}");
    serve(listener, mcp, signals::stop()).await?;
    Ok(())
}
