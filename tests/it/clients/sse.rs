//! HTTP+SSE as clients read it: an HTTP error to a POST is the end of the session, with all that waits in it
//! (Python 1.x and 2.x).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hyper::http::request::Parts;
use mcp_wire::auth::{Authorizer, Challenge, Identity};
use mcp_wire::server::Tool;
use mcp_wire::{BoxFuture, McpService, ServiceEvent};
use serde_json::{Value, json};

use crate::support::probe::{Seen, call, probe};
use crate::support::{Client, Running, hello, message, request, start, text_of};

/// Everybody is the same principal, without scopes.
struct Anyone;

impl Authorizer for Anyone {
    fn authorize(
        &self,
        _: &Parts,
        _: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        Box::pin(std::future::ready(Ok(Identity::new("anyone"))))
    }
}

type Refusals = Arc<Mutex<Vec<(&'static str, u16)>>>;

/// A server with a tool that needs a scope and with limits that are soon met, and what its operator hears.
async fn strict_server() -> (Running, Arc<Seen>, Refusals) {
    let (server, seen) = probe();
    let scoped = Tool::new("scoped").scopes(["notes:write"]);
    let refusals = Refusals::default();
    let heard = Arc::clone(&refusals);
    let builder = McpService::builder(server.tool(scoped, async |_, _| "never"))
        .authorizer(Anyone)
        .limits(|limits| {
            limits.body = 10_000;
            limits.capabilities = 30;
            limits.calls_per_principal = Some(2);
            limits.message.tree = 20_000;
        })
        .on_event(move |event| {
            if let ServiceEvent::Refused { reason, status, .. } = event {
                heard.lock().unwrap().push((reason, *status));
            }
        });
    (start(builder.build().unwrap()).await, seen, refusals)
}

fn scoped(id: impl Into<Value>) -> String {
    message(id, "tools/call", call("scoped", json!({})))
}

fn waits(tag: &str) -> Value {
    call("wait", json!({"tag": tag}))
}

/// FIELD T-7: a valid message of a live session is accepted, and its refusal comes on the stream. What waits in
/// the session goes on.
#[tokio::test]
async fn a_refusal_comes_on_the_stream() {
    let (running, seen, refusals) = strict_server().await;
    let mut client = Client::initialized(running.address, "2024-11-05", json!({})).await;
    let first = client.begin("tools/call", waits("a")).await;
    let second = client.begin("tools/call", waits("b")).await;
    let long = json!({"experimental": {"x": "x".repeat(50)}});
    let many = vec![json!({}); 400];
    for (body, code, says, reason) in [
        (
            scoped("x"),
            -32600,
            "this request needs more scopes: notes:write",
            "insufficient_scope",
        ),
        (
            message("x", "tools/call", waits("c")),
            -32603,
            "2 running requests (limit: `Limits::calls_per_principal`)",
            "too_many_calls_per_client",
        ),
        (
            message("x", "tools/call", call("echo", json!({"many": many}))),
            -32600,
            "(limit: `Limits::message.tree`)",
            "invalid_message",
        ),
        (
            message("x", "tools/call", json!([])),
            -32602,
            "`params` must be an object",
            "invalid_message",
        ),
        (
            message("x", "initialize", hello("2024-11-05", json!({}))),
            -32600,
            "already initialized",
            "already_initialized",
        ),
        (
            message("x", "initialize", hello("2024-11-05", long)),
            -32602,
            "(limit: `Limits::capabilities`)",
            "capabilities_too_large",
        ),
    ] {
        let accepted = client.post(&body).await;
        assert_eq!(
            (accepted.status, &*accepted.body),
            (202, "Accepted"),
            "{body}"
        );
        let refused = client.message().await.unwrap();
        assert_eq!(refused["id"], "x", "{refused}");
        assert_eq!(refused["error"]["code"], code, "{refused}");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
        assert_eq!(refusals.lock().unwrap().pop(), Some((reason, 202)));
    }
    running.mcp.drain();
    let refused = client.call("ping", json!({})).await;
    assert_eq!(refused["error"]["message"], "the server is shutting down");
    for (id, tag) in [(first, "a"), (second, "b")] {
        seen.allow(tag, 1);
        assert_eq!(text_of(&client.answer(id).await), format!("waited {tag}"));
    }
}

/// FIELD T-7: what is no valid message of a live session stays an HTTP error, and so does an id that is in
/// flight, whose request it would answer. Nothing comes on the stream.
#[tokio::test]
async fn what_is_no_message_of_the_session_is_an_http_error() {
    let (running, seen, _) = strict_server().await;
    let mut client = Client::initialized(running.address, "2024-11-05", json!({})).await;
    let running_id = client.begin("tools/call", waits("a")).await;
    let json = "Content-Type: application/json\r\n";
    let long = format!("{}{}", scoped("x"), " ".repeat(10_000));
    let many = json!({"many": vec![json!({}); 400]});
    let batch = format!("[{}]", scoped("x"));
    let pings = format!("[{}]", message("x", "ping", json!({})));
    let unknown = "/messages/?session_id=0123456789abcdef0123456789abcdef".to_owned();
    let here = client.endpoint.clone();
    for (path, headers, body, status) in [
        (&here, json, message(running_id, "ping", json!({})), 400),
        (&here, json, scoped(running_id), 400),
        (&here, json, message(running_id, "ping", json!([])), 400),
        (&here, json, message(running_id, "ping", many), 400),
        (&here, json, r#"{"id":"x","method":"ping"}"#.to_owned(), 400),
        (&here, json, message(Value::Null, "ping", json!({})), 400),
        (&here, json, "{".to_owned(), 400),
        (&here, json, pings, 400),
        (&here, json, batch, 403),
        (&here, json, long, 413),
        (&here, "", scoped("x"), 415),
        (&unknown, json, scoped("x"), 404),
    ] {
        let line = format!("POST {path}");
        let refused = request(running.address, &line, headers, &body).await;
        assert_eq!(refused.status, status, "{body}");
    }
    let ping = client.begin("ping", json!({})).await;
    let next = client.message().await.unwrap();
    assert_eq!(next["id"], ping, "nothing came before: {next}");
    seen.allow("a", 1);
    assert_eq!(text_of(&client.answer(running_id).await), "waited a");
}
