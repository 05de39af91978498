//! The example as its own client: what is let in, and what is not.

use std::time::Duration;

use hyper::Request;
use serde_json::{Value, json};

use crate::issuer::{Claims, Issuer};
use crate::{Fallible, http};

const HOUR: Duration = Duration::from_secs(3600);

/// # Errors
///
/// Something is not as it should be.
pub(crate) async fn run(origin: &str, issuer: Issuer) -> Fallible<()> {
    let mcp = format!("{origin}/mcp");
    discovery(&mcp, issuer.url()).await?;
    let good = Claims::new(&mcp, HOUR);
    let with = |set: fn(&mut Claims)| {
        let mut claims = good.clone();
        set(&mut claims);
        issuer.token(&claims)
    };
    for (what, token, status) in [
        ("a good token", with(|_| {})?, 200),
        (
            "the same server in other letters",
            with(|c| c.audience = c.audience.replace("http", "HTTP") + "/")?,
            200,
        ),
        (
            "a token for another server",
            with(|c| c.audience = "https://other.example/mcp".into())?,
            401,
        ),
        (
            "a token for a longer path",
            with(|c| c.audience += "2")?,
            401,
        ),
        ("a token that is over", with(|c| c.lifetime = -1)?, 401),
        ("an ID token", with(|c| c.typ = "JWT".into())?, 401),
        ("a token of another key", issuer.forged_token(&good)?, 401),
        ("a token that is none", "abc.def.ghi".to_owned(), 401),
    ] {
        expect(what, &call(&mcp, &token, "whoami").await?, status)?;
    }
    let refused = call(&mcp, &issuer.token(&good)?, "write").await?;
    expect("a tool that needs another scope", &refused, 403)?;
    let scope = parameter(&refused.challenge, "scope").ok_or("no scope in the challenge")?;
    let mut more = good.clone();
    more.scope = scope.to_owned();
    let stepped_up = call(&mcp, &issuer.token(&more)?, "write").await?;
    expect(
        "the same with the scopes of the challenge",
        &stepped_up,
        200,
    )?;
    let mut unknown = good.clone();
    unknown.key_name = "2".to_owned();
    let token = issuer.token(&unknown)?;
    expect(
        "a key that the issuer does not have",
        &call(&mcp, &token, "whoami").await?,
        401,
    )?;
    let good_token = issuer.token(&good)?;
    issuer.stop().await;
    // Behind the pause in which keys are not asked for again.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for what in ["the same when the issuer is gone", "and at once again"] {
        expect(what, &call(&mcp, &token, "whoami").await?, 503)?;
    }
    let known = call(&mcp, &good_token, "whoami").await?;
    expect("a key that is known, when the issuer is gone", &known, 200)
}

/// From a 401 to the issuer, as a client finds it.
async fn discovery(mcp: &str, issuer: &str) -> Fallible<()> {
    let refused = http::get(mcp).await?;
    expect("no token", &refused, 401)?;
    let url = parameter(&refused.challenge, "resource_metadata").ok_or("no metadata")?;
    let document = http::get(url).await?;
    expect("the document that the challenge names", &document, 200)?;
    let document: Value = serde_json::from_str(&document.body)?;
    if document["resource"] != mcp || document["authorization_servers"] != json!([issuer]) {
        return Err(format!("the document is wrong: {document}").into());
    }
    Ok(())
}

/// Calls a tool in the form of 2026-07-28.
async fn call(mcp: &str, token: &str, tool: &str) -> Fallible<http::Answer> {
    let body = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let request = Request::post(mcp)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(body.to_string())?;
    http::send(request).await
}

fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = challenge.split_once(&format!("{name}=\""))?;
    value.split('"').next()
}

fn expect(what: &str, answer: &http::Answer, status: u16) -> Fallible<()> {
    println!("{what}: {} {}", answer.status, answer.challenge);
    if answer.status == status {
        return Ok(());
    }
    Err(format!(
        "{what}: expected {status}, got {}: {}",
        answer.status, answer.body
    )
    .into())
}
