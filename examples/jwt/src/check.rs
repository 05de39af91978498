//! The example as its own client: which tokens the server accepts, and which it refuses.

use std::time::Duration;

use hyper::Request;
use serde_json::{Value, json};

use crate::fallible::Fallible;
use crate::http;
use crate::issuer::{Claims, Issuer};

const HOUR: Duration = Duration::from_secs(3600);

/// Tries each kind of token and compares the status with the expected one.
///
/// # Errors
///
/// The first status that is not the expected one.
pub(crate) async fn run(origin: &str, issuer: Issuer) -> Fallible<()> {
    let mcp = format!("{origin}/mcp");
    let good = Claims::new(&mcp, HOUR);
    discover(&mcp, issuer.url()).await?;
    try_tokens(&mcp, &issuer, &good).await?;
    step_up(&mcp, &issuer, &good).await?;
    ask_for_unknown_key(&mcp, issuer, &good).await
}

async fn try_tokens(mcp: &str, issuer: &Issuer, good: &Claims) -> Fallible<()> {
    let with = |set: fn(&mut Claims)| {
        let mut claims = good.clone();
        set(&mut claims);
        issuer.token(&claims)
    };
    for (what, token, status) in [
        ("a good token", with(|_| {})?, 200),
        (
            "an audience that spells this server's URL differently",
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
        ("an expired token", with(|c| c.lifetime = -1)?, 401),
        ("an ID token", with(|c| c.typ = "JWT".into())?, 401),
        ("a forged token", issuer.forged_token(good)?, 401),
        ("text that is not a token", "abc.def.ghi".to_owned(), 401),
    ] {
        expect(what, &call(mcp, &token, "whoami").await?, status)?;
    }
    Ok(())
}

/// A tool refuses a token without its scope, and accepts one with the scopes of the challenge.
async fn step_up(mcp: &str, issuer: &Issuer, good: &Claims) -> Fallible<()> {
    let refused = call(mcp, &issuer.token(good)?, "write").await?;
    expect("a token without the scope of the tool", &refused, 403)?;
    let scope = parameter(&refused.challenge, "scope").ok_or("no scope in the challenge")?;
    let mut more = good.clone();
    more.scope = scope.to_owned();
    let accepted = call(mcp, &issuer.token(&more)?, "write").await?;
    expect("a token with the scopes of the challenge", &accepted, 200)
}

/// Keys that the issuer does not know are refused. When the issuer is down, the server cannot tell.
async fn ask_for_unknown_key(mcp: &str, issuer: Issuer, good: &Claims) -> Fallible<()> {
    let mut unknown = good.clone();
    unknown.key_name = "2".to_owned();
    let token = issuer.token(&unknown)?;
    let refused = call(mcp, &token, "whoami").await?;
    expect("a key that the issuer does not have", &refused, 401)?;
    let good_token = issuer.token(good)?;
    issuer.stop().await;
    // The authorizer asks the issuer at most once in 200 ms.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for what in [
        "an unknown key while the issuer is down",
        "the same key right afterwards",
    ] {
        expect(what, &call(mcp, &token, "whoami").await?, 503)?;
    }
    let accepted = call(mcp, &good_token, "whoami").await?;
    expect("a known key while the issuer is down", &accepted, 200)
}

/// Follows the challenge of a 401 to the issuer, as a client does.
async fn discover(mcp: &str, issuer: &str) -> Fallible<()> {
    let refused = http::get(mcp).await?;
    expect("a request without a token", &refused, 401)?;
    let url = parameter(&refused.challenge, "resource_metadata")
        .ok_or("no metadata URL in the challenge")?;
    let document = http::get(url).await?;
    expect("the document that the challenge names", &document, 200)?;
    let document: Value = serde_json::from_str(&document.body)?;
    if document["resource"] != mcp || document["authorization_servers"] != json!([issuer]) {
        return Err(format!("the document is wrong: {document}").into());
    }
    Ok(())
}

/// Calls a tool, as a client of 2026-07-28 does.
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
