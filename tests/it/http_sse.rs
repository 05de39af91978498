//! HTTP+SSE (SPEC B) on real sockets, and the parts of JSON-RPC (SPEC A) that show on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_wire::server::{Arguments, Call, HandlerError, Server, Tool};
use mcp_wire::{Builder, McpService};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::{
    Client, Kept, Running, check_method_refused, check_refused, raw, request, soon, start, text_of,
    until,
};

const JSON: &str = "Content-Type: application/json\r\n";
const NO_SESSION: &str = "0123456789abcdef0123456789abcdef";

/// What the tools report to the tests, and the gates they wait at.
struct Seen {
    /// Calls that began.
    calls: AtomicUsize,
    /// One permit for each `wait` that began.
    waiting: Semaphore,
    /// Lets one `wait` finish for each permit.
    gate: Semaphore,
    /// One permit for each `wait` that has ended, answered or dropped.
    over: Semaphore,
}

impl Seen {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn a_wait_begins(&self) {
        soon("the begin of a call", self.waiting.acquire())
            .await
            .unwrap()
            .forget();
    }

    async fn a_wait_is_over(&self) {
        soon("the end of a call", self.over.acquire())
            .await
            .unwrap()
            .forget();
    }
}

struct OnDrop(Arc<Seen>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.over.add_permits(1);
    }
}

fn server() -> (Server, Arc<Seen>) {
    let seen = Arc::new(Seen {
        calls: AtomicUsize::new(0),
        waiting: Semaphore::new(0),
        gate: Semaphore::new(0),
        over: Semaphore::new(0),
    });
    let any = || json!({"type": "object"});
    let echo = {
        let seen = Arc::clone(&seen);
        move |_: Call, args: Arguments| {
            seen.calls.fetch_add(1, Ordering::SeqCst);
            async move { Ok::<_, HandlerError>(args.str("message")?.to_owned()) }
        }
    };
    let wait = {
        let seen = Arc::clone(&seen);
        move |_: Call, _: Arguments| {
            seen.calls.fetch_add(1, Ordering::SeqCst);
            let seen = Arc::clone(&seen);
            async move {
                let _over = OnDrop(Arc::clone(&seen));
                seen.waiting.add_permits(1);
                seen.gate.acquire().await.unwrap().forget();
                "waited"
            }
        }
    };
    async fn ask(cx: Call, _: Arguments) -> String {
        match cx.request("roots/list", None).await {
            Ok(answer) => String::from_utf8(answer.as_bytes().to_vec()).unwrap(),
            Err(error) => error.to_string(),
        }
    }
    async fn panic_late(_: Call, _: Arguments) -> String {
        tokio::task::yield_now().await;
        panic!("secret /etc/path")
    }
    async fn panic_early(_: Call, _: Arguments) -> String {
        panic!("secret /etc/path")
    }
    let server = Server::new("Test", "1")
        .tool(Tool::new("echo").input(any()), echo)
        .tool(Tool::new("wait"), wait)
        .tool(Tool::new("ask"), ask)
        .tool(Tool::new("meta"), async |cx: Call, _| {
            Value::Object(cx.meta()).to_string()
        })
        .tool(Tool::new("nan"), async |_, _| json!({"nan": f64::NAN}))
        .tool(Tool::new("big"), async |_, _| "x".repeat(256 * 1024))
        .tool(
            Tool::new("panic_at_once"),
            |_, _| -> std::future::Ready<String> { panic!("secret /etc/path") },
        )
        .tool(Tool::new("panic_early"), panic_early)
        .tool(Tool::new("panic_late"), panic_late);
    (server, seen)
}

async fn start_with(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> (Running, Arc<Seen>) {
    let (server, seen) = server();
    let mcp = set(McpService::builder(server)).build().unwrap();
    (start(mcp).await, seen)
}

async fn start_default() -> (Running, Arc<Seen>) {
    start_with(|builder| builder).await
}

fn tool(name: &str) -> Value {
    json!({"name": name, "arguments": {}})
}

fn call_of(id: impl Into<Value>, name: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": tool(name)})
}

fn ping(id: impl Into<Value>) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "ping"}).to_string()
}

fn post_text(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

// --- endpoints, methods, statuses

/// SPEC B-1, B-8, B-18, B-20, PITFALLS R-33: there are two endpoints, each with one method.
#[tokio::test]
async fn each_endpoint_has_its_methods() {
    let (running, _) = start_default().await;
    let (sse, messages) = (Some("GET, OPTIONS"), Some("POST, OPTIONS"));
    for (line, status, allow) in [
        ("OPTIONS /sse", 204, sse),
        ("OPTIONS /messages/", 204, messages),
        ("POST /sse", 405, sse),
        ("PUT /sse", 405, sse),
        ("DELETE /sse", 405, sse),
        ("HEAD /sse", 405, sse),
        ("GET /messages/", 405, messages),
        ("GET /messages", 405, messages),
        ("HEAD /messages/", 405, messages),
        ("DELETE /messages/", 405, messages),
        ("GET /mcpx", 404, None),
        ("POST /mcp/x", 404, None),
        ("GET /", 404, None),
        ("GET //sse", 404, None),
        ("GET /SSE", 404, None),
        ("GET /sse/x", 404, None),
        ("POST /messages/x", 404, None),
    ] {
        let answer = request(running.address, line, "", "").await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("allow"), allow, "{line}");
        if status == 204 || line.starts_with("HEAD") {
            assert_eq!(answer.body, "", "{line}");
        } else if let Some(allow) = allow {
            check_method_refused(&answer, allow);
        } else {
            check_refused(&answer, status, -32600, "");
        }
    }
}

/// SPEC B-8, B.1: each fault of a POST has its status.
#[tokio::test]
async fn a_post_is_refused_with_its_status() {
    let (running, seen) = start_with(|builder| builder.limits(|limits| limits.body = 1000)).await;
    let client = Client::open(running.address).await;
    let here = client.endpoint.clone();
    let unknown = format!("/messages/?session_id={NO_SESSION}");
    let twice = format!("{here}&session_id={NO_SESSION}");
    let call = call_of(1, "echo").to_string();
    let long = format!("{call}{}", " ".repeat(1000));
    for (path, headers, body, status, code, says) in [
        (
            "/messages/",
            JSON,
            &*call,
            400,
            -32600,
            "session_id is missing",
        ),
        (
            "/messages/?session_id=",
            JSON,
            &call,
            400,
            -32600,
            "32 hex digits",
        ),
        (
            "/messages/?session_id=..%2F",
            JSON,
            &call,
            400,
            -32600,
            "32 hex digits",
        ),
        (&twice, JSON, &call, 400, -32600, "32 hex digits"),
        (&unknown, JSON, &call, 404, -32600, "no such session"),
        (&unknown, "", &call, 404, -32600, "no such session"),
        (&here, "", &call, 415, -32600, "application/json"),
        (
            &here,
            "Content-Type: text/plain\r\n",
            &call,
            415,
            -32600,
            "application/json",
        ),
        (
            &here,
            "Content-Type: application/jsonx\r\n",
            &call,
            415,
            -32600,
            "application/json",
        ),
        (&here, JSON, &long, 413, -32600, "1000 bytes"),
        (&here, JSON, "", 400, -32700, ""),
        (&here, JSON, "{", 400, -32700, ""),
        (&here, JSON, "\u{feff}{}", 400, -32700, ""),
        (&here, JSON, "1", 400, -32600, ""),
        (&here, JSON, "{}", 400, -32600, ""),
        (
            &here,
            JSON,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            400,
            -32600,
            "2.0",
        ),
    ] {
        let answer = request(running.address, &format!("POST {path}"), headers, body).await;
        check_refused(&answer, status, code, says);
        let named = answer.json().get("id").cloned();
        let read = body.contains("1.0").then_some(json!(1));
        assert_eq!(named, read, "SPEC A-9, A-11: the id, or none: {body}");
    }
    assert_eq!(seen.calls(), 0);
}

/// SPEC A-23: a body that is not UTF-8 is not JSON.
#[tokio::test]
async fn a_body_is_utf_8() {
    let (running, seen) = start_default().await;
    let client = Client::open(running.address).await;
    let mut body = call_of(1, "echo").to_string().into_bytes();
    let at = body.windows(4).position(|at| at == b"echo").unwrap();
    body[at] = 0xff;
    let answer = client.post(body).await;
    check_refused(&answer, 400, -32700, "");
    assert!(answer.json().get("id").is_none(), "SPEC A-9");
    assert_eq!(seen.calls(), 0);
}

/// SPEC B.1, PITFALLS R-43: a body above the limit is refused, whether its length was declared or
/// not; a body at the limit is served.
#[tokio::test]
async fn a_body_is_limited() {
    let (running, _) = start_with(|builder| builder.limits(|limits| limits.body = 100)).await;
    let mut client = Client::open(running.address).await;
    let here = client.endpoint.clone();
    let head = format!("POST {here} HTTP/1.1\r\nHost: localhost\r\n{JSON}");
    let declared = format!("{head}Content-Length: 101\r\n\r\n");
    check_refused(
        &raw(running.address, declared).await,
        413,
        -32600,
        "100 bytes",
    );
    let waits = format!("{head}Expect: 100-continue\r\nContent-Length: 101\r\n\r\n");
    check_refused(&raw(running.address, waits).await, 413, -32600, "100 bytes");
    let piece = format!("32\r\n{}\r\n", " ".repeat(50));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{piece}{piece}1\r\n \r\n");
    check_refused(
        &raw(running.address, chunked).await,
        413,
        -32600,
        "100 bytes",
    );
    let fits = format!("{:100}", ping(1));
    assert_eq!(client.post(fits).await.status, 202);
    assert_eq!(client.answer(1).await["result"], json!({}));
}

/// SPEC B.1: a stream needs an `Accept` that admits it, or none.
#[tokio::test]
async fn a_stream_needs_an_accept_that_admits_it() {
    let (running, _) = start_default().await;
    for accept in [
        "application/json",
        "text/event-stream;q=0",
        "text/html, image/*",
    ] {
        let header = format!("Accept: {accept}\r\n");
        let answer = request(running.address, "GET /sse", &header, "").await;
        check_refused(&answer, 406, -32600, "text/event-stream");
    }
    for header in [
        "",
        "Accept: text/event-stream\r\n",
        "Accept: application/json, text/event-stream\r\n",
        "Accept: text/*\r\n",
        "Accept: */*\r\n",
    ] {
        Client::open_at(running.address, "/sse", header).await;
    }
}

/// SPEC B-9, G-1 to G-4: `Origin` and `Host` are checked first, on both endpoints.
#[tokio::test]
async fn strangers_are_refused_on_both_endpoints() {
    let (running, seen) = start_default().await;
    let client = Client::open(running.address).await;
    let post = format!("POST {}", client.endpoint);
    for line in [
        "GET /sse",
        &post,
        "OPTIONS /sse",
        "POST /messages/",
        "GET /mcp",
    ] {
        for (headers, status, says) in [
            (
                "Host: localhost\r\nOrigin: https://evil.example\r\n",
                403,
                "Origin",
            ),
            ("Host: localhost\r\nOrigin: null\r\n", 403, "Origin"),
            ("Host: evil.example\r\n", 403, "Host"),
            ("Host: localhost.evil.example\r\n", 403, "Host"),
            ("Host: localhost\r\nHost: localhost\r\n", 400, "Host"),
            ("", 400, "Host"),
        ] {
            let call = call_of(1, "echo").to_string();
            let len = call.len();
            let text = format!(
                "{line} HTTP/1.1\r\n{headers}{JSON}Connection: close\r\nContent-Length: {len}\r\n\r\n{call}"
            );
            check_refused(&raw(running.address, text).await, status, -32600, says);
        }
    }
    assert_eq!(seen.calls(), 0);
    assert_eq!(running.mcp.sessions(), 1);
    let own = format!("Origin: http://localhost:{}\r\n", running.address.port());
    Client::open_at(running.address, "/sse", &own).await;
}

/// SPEC B.1, PITFALLS R-2: too many sessions are 503 with `Retry-After`; too many running requests are an
/// error on the stream.
#[tokio::test]
async fn limits_are_named() {
    let (running, seen) = start_with(|builder| {
        builder.limits(|limits| {
            limits.sessions = 1;
            limits.requests_per_session = 2;
        })
    })
    .await;
    let mut client = Client::open(running.address).await;
    let refused = request(running.address, "GET /sse", "", "").await;
    check_refused(&refused, 503, -32603, "1 sessions");
    client.send(call_of(1, "wait")).await;
    client.send(call_of(2, "wait")).await;
    client.send(call_of(3, "wait")).await;
    let refused = client.answer(3).await;
    assert_eq!(refused["error"]["code"], -32603);
    let says = refused["error"]["message"].as_str().unwrap();
    assert!(says.ends_with("2 running requests (limit: `Limits::requests_per_session`)"));
    assert_eq!(seen.calls(), 2);
    seen.gate.add_permits(2);
    client.answer(1).await;
    client.answer(2).await;
    client.send(call_of(3, "echo")).await;
    client.answer(3).await;
    drop(client);
    until("room for a session", || running.mcp.sessions() == 0).await;
    Client::open(running.address).await;
}

/// PITFALLS R-46: a trailing slash makes no difference and no redirect; a session id may have
/// dashes or upper case.
#[tokio::test]
async fn paths_and_ids_are_read_leniently() {
    let (running, _) = start_default().await;
    Client::open_at(running.address, "/sse/", "").await;
    Client::open_at(running.address, "/sse?x=y", "").await;
    let mut client = Client::open(running.address).await;
    let id = client
        .endpoint
        .strip_prefix("/messages/?session_id=")
        .unwrap()
        .to_owned();
    let dashed = format!(
        "{}-{}-{}-{}-{}",
        &id[..8],
        &id[8..12],
        &id[12..16],
        &id[16..20],
        &id[20..]
    );
    let upper = id.to_uppercase();
    for (number, path) in [
        format!("/messages?session_id={id}"),
        format!("/messages/?session_id={dashed}"),
        format!("/messages/?session_id={upper}"),
        format!("/messages/?a=b&session_id={id}"),
    ]
    .iter()
    .enumerate()
    {
        let answer = request(running.address, &format!("POST {path}"), JSON, ping(number)).await;
        assert_eq!(answer.status, 202, "{path}");
        client.answer(number as u64).await;
    }
}

// --- HTTP

/// GOTCHAS 26: clients may send `Expect: 100-continue`, chunked bodies, and pipelined requests.
#[tokio::test]
async fn http_is_served_in_all_its_ways() {
    let (running, _) = start_default().await;
    let mut client = Client::open(running.address).await;
    let here = client.endpoint.clone();
    let mut kept = Kept::open(&running).await;
    let body = ping(1);
    let text = post_text(&here, &body).replace("Host:", "Expect: 100-continue\r\nHost:");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    kept.send(format!("{head}\r\n\r\n")).await;
    assert_eq!(
        kept.read_through("\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    kept.send(body).await;
    assert_eq!(kept.answer().await.status, 202);
    client.answer(1).await;

    let body = ping(2);
    let (first, second) = body.split_at(10);
    let head = format!("POST {here} HTTP/1.1\r\nHost: localhost\r\n{JSON}");
    kept.send(format!(
        "{head}Transfer-Encoding: chunked\r\n\r\na\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        second.len()
    ))
    .await;
    assert_eq!(kept.answer().await.status, 202);
    client.answer(2).await;

    let pipelined: String = (3..=7).map(|id| post_text(&here, &ping(id))).collect();
    kept.send(pipelined).await;
    for id in 3..=7 {
        assert_eq!(kept.answer().await.status, 202);
        assert_eq!(client.message().await.unwrap()["id"], id, "in their order");
    }
}

/// A stream for HTTP/1.0 is not chunked and ends with its connection.
#[tokio::test]
async fn an_old_proxy_gets_a_stream_without_chunks() {
    let (running, _) = start_default().await;
    let mut kept = Kept::open(&running).await;
    kept.send("GET /sse HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .await;
    let head = kept.read_through("\r\n\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.0 200 "), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    let event = kept.read_through("\n\n").await;
    assert!(
        event.starts_with("event: endpoint\ndata: /messages/?session_id="),
        "{event}"
    );
}

/// PITFALLS R-44: a body that is cut short is not a message.
#[tokio::test]
async fn a_body_that_is_cut_short_executes_nothing() {
    let (running, seen) = start_default().await;
    let client = Client::open(running.address).await;
    let text = post_text(&client.endpoint, &call_of(1, "echo").to_string());
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    socket
        .write_all(&text.as_bytes()[..text.len() - 1])
        .await
        .unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    let read = socket.read_to_string(&mut answer);
    soon("the end", read).await.unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    assert_eq!(seen.calls(), 0);
}

/// PITFALLS R-45: a body that does not arrive in time is 408, and the connection ends.
#[tokio::test]
async fn a_body_is_limited_in_time() {
    let (running, seen) =
        start_with(|builder| builder.timeouts(|timeouts| timeouts.body = Duration::from_millis(1)))
            .await;
    let client = Client::open(running.address).await;
    let text = post_text(&client.endpoint, &call_of(1, "echo").to_string());
    let answer = raw(running.address, &text[..text.len() - 1]).await;
    check_refused(&answer, 408, -32600, "did not arrive within");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(seen.calls(), 0);
}

// --- sessions and their streams

/// SPEC B-2 to B-4, B-11, B-13, C-102, H-1, PITFALLS R-21, GOTCHAS 1 and 2: the first event, byte
/// for byte, and the headers before it.
#[tokio::test]
async fn a_stream_begins_with_the_address_to_post_to() {
    let (running, _) = start_default().await;
    let mut kept = Kept::open(&running).await;
    kept.send("GET /sse HTTP/1.0\r\nLast-Event-ID: 7\r\n\r\n")
        .await;
    let head = kept.read_through("\r\n\r\n").await.to_lowercase();
    for line in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-cache, no-transform\r\n",
        "x-accel-buffering: no\r\n",
    ] {
        assert!(head.contains(line), "{head}");
    }
    let event = kept.read_through("\n\n").await;
    let id = event
        .strip_prefix("event: endpoint\ndata: /messages/?session_id=")
        .and_then(|rest| rest.strip_suffix("\n\n"))
        .unwrap_or_else(|| panic!("{event}"));
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    assert!(id.len() == 32 && id.bytes().all(is_hex), "{id}");
}

/// SPEC B-3: behind a mount and a prefix that a proxy strips, the announced address still leads
/// here.
#[tokio::test]
async fn a_mounted_service_announces_where_it_is() {
    let (running, _) =
        start_with(|builder| builder.mount("/api/mcp").public_prefix("/public")).await;
    for (path, owned) in [
        ("/api/mcp/sse", true),
        ("/api/mcp/sse/", true),
        ("/api/mcp/messages", true),
        ("/api/mcp/messages/", true),
        ("/sse", false),
        ("/api/mcp", false),
        ("/api/mcp/", false),
        ("/public/api/mcp/sse", false),
    ] {
        assert_eq!(running.mcp.endpoint(path).is_some(), owned, "{path}");
    }
    assert_eq!(running.mcp.sse_path(), Some("/api/mcp/sse"));
    assert_eq!(running.mcp.mcp_path(), Some("/api/mcp/mcp"));
    assert_eq!(
        request(running.address, "GET /sse", "", "").await.status,
        404
    );
    let mut client = Client::open_at(running.address, "/api/mcp/sse", "").await;
    let here = client.endpoint.strip_prefix("/public").expect("the prefix");
    assert!(here.starts_with("/api/mcp/messages/?session_id="), "{here}");
    client.endpoint = here.to_owned();
    client.result("ping", json!({})).await;
}

/// SPEC B-5, B-6, B-13, GOTCHAS 4: every answer is a `message` event; the POST's own says only
/// `Accepted`.
#[tokio::test]
async fn answers_travel_on_the_stream() {
    let (running, _) = start_default().await;
    let mut client = Client::open(running.address).await;
    // `send` checks the body of the POST, `message` the name of the event.
    for (method, params) in [
        (
            "initialize",
            json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}),
        ),
        ("ping", json!({})),
        (
            "tools/call",
            json!({"name": "echo", "arguments": {"message": "a\nb\r\u{2028}"}}),
        ),
        ("tools/call", json!({"name": "none"})),
        ("foo/bar", json!({})),
    ] {
        let id = client.begin(method, params).await;
        let event = client.event().await.unwrap();
        assert_eq!((&*event.name, &*event.id), ("message", ""), "{method}");
        let message: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(message["id"], id);
        let has = |key: &str| message.get(key).is_some();
        assert!(has("result") != has("error"), "SPEC A-8: {message}");
    }
}

/// SPEC B-7: the 202 comes while the handler still runs.
#[tokio::test]
async fn a_post_does_not_wait_for_its_handler() {
    let (running, seen) = start_default().await;
    let mut client = Client::open(running.address).await;
    client.send(call_of(1, "wait")).await;
    seen.a_wait_begins().await;
    client.result("ping", json!({})).await;
    assert_eq!(seen.over.available_permits(), 0, "it still runs");
    seen.gate.add_permits(1);
    assert_eq!(text_of(&client.answer(1).await), "waited");
}

/// SPEC B-12, GOTCHAS 9: closing the stream ends the session and its running calls.
#[tokio::test]
async fn a_closed_stream_ends_its_session() {
    let (running, seen) = start_default().await;
    let client = Client::open(running.address).await;
    client.send(call_of(1, "wait")).await;
    seen.a_wait_begins().await;
    let line = format!("POST {}", client.endpoint);
    drop(client);
    seen.a_wait_is_over().await;
    let answer = request(running.address, &line, JSON, ping(2)).await;
    check_refused(&answer, 404, -32600, "no such session");
    assert_eq!(running.mcp.sessions(), 0);
}

/// SPEC B-13, B-21: there is no resumption: messages of one stream never appear on another.
#[tokio::test]
async fn a_new_stream_knows_nothing_of_an_old_one() {
    let (running, seen) = start_default().await;
    let old = Client::open(running.address).await;
    old.send(call_of(1, "wait")).await;
    seen.a_wait_begins().await;
    let mut new = Client::open_at(running.address, "/sse", "Last-Event-ID: 1\r\n").await;
    assert_ne!(new.endpoint, old.endpoint);
    drop(old);
    seen.a_wait_is_over().await;
    seen.gate.add_permits(1);
    new.send(json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
        .await;
    let first = new.message().await.unwrap();
    assert_eq!((&first["id"], &first["result"]), (&json!(1), &json!({})));
}

/// SPEC B-14, A-68: an array is refused, even of one message, and nothing in it is executed.
#[tokio::test]
async fn an_array_is_refused() {
    let (running, seen) = start_default().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18"] {
        let client = Client::initialized(running.address, version, json!({})).await;
        for array in [
            json!([]),
            json!([call_of(1, "echo")]),
            json!([call_of(1, "echo"), call_of(2, "echo")]),
            json!([{"jsonrpc": "2.0", "id": 1, "result": {}}]),
        ] {
            let answer = client.post(array.to_string()).await;
            check_refused(&answer, 400, -32600, "");
            assert!(answer.json().get("id").is_none());
        }
    }
    assert_eq!(seen.calls(), 0);
}

/// SPEC B-15, GOTCHAS 11: every legacy revision is accepted; for any other the server offers the
/// latest of them.
#[tokio::test]
async fn every_legacy_revision_may_be_negotiated() {
    let (running, _) = start_default().await;
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
        ("", "2025-11-25"),
    ] {
        let mut client = Client::open(running.address).await;
        let params = json!({
            "protocolVersion": asked,
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        });
        let result = client.result("initialize", params.clone()).await;
        assert_eq!(result["protocolVersion"], agreed, "{asked}");
        // SPEC E-6, A-46.
        assert_eq!(client.error_code("initialize", params).await, -32600);
    }
}

/// SPEC B-16, B-22, GOTCHAS 8 and 10: a probe for a modern server is answered at once with -32601;
/// a modern envelope is handled as a legacy request.
///
/// SPEC B-22, E-4: `tools/list` before `initialize` is served on purpose, for clients that
/// reopen a cut stream by themselves and go on.
#[tokio::test]
async fn a_session_serves_before_initialize() {
    let (running, _) = start_default().await;
    let mut client = Client::open(running.address).await;
    let meta = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    assert_eq!(
        client.error_code("server/discover", meta.clone()).await,
        -32601
    );
    assert_eq!(
        client
            .error_code("subscriptions/listen", meta.clone())
            .await,
        -32601
    );
    let result = client.result("tools/list", meta).await;
    assert_eq!(result["tools"][0]["name"], "echo");
    assert!(
        result.get("resultType").is_none(),
        "not the modern form: {result}"
    );
    client.result("tools/list", json!({})).await;
    client.result("ping", json!({})).await;
}

/// SPEC B-18, FIELD T-5: a client that first POSTs to the stream's URL can fall back to the stream.
#[tokio::test]
async fn a_probe_of_the_stream_falls_back() {
    let (running, _) = start_default().await;
    let probe =
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}).to_string();
    let headers = format!("{JSON}Accept: application/json, text/event-stream\r\n");
    let answer = request(running.address, "POST /sse", &headers, probe).await;
    check_method_refused(&answer, "GET, OPTIONS");
    Client::open(running.address).await;
}

/// SPEC B-17: a client that does not read loses its session; other sessions are not affected.
#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let (running, _) = start_with(|builder| {
        builder.limits(|limits| {
            limits.queue.bytes = 64 * 1024;
            limits.queue.events = 8;
        })
    })
    .await;
    let slow = Client::open(running.address).await;
    let mut other = Client::open(running.address).await;
    let mut status = 202;
    // The kernel's buffers hold a few MiB; this is 128 MiB.
    for id in 0..512 {
        status = slow.post(call_of(id, "big").to_string()).await.status;
        if status != 202 {
            break;
        }
    }
    assert_eq!(status, 404);
    assert_eq!(running.mcp.sessions(), 1);
    let big = other.call("tools/call", tool("big")).await;
    assert_eq!(text_of(&big).len(), 256 * 1024);
}

/// SPEC B-12: sessions that have ended leave nothing in memory.
#[tokio::test]
async fn a_thousand_sessions_leave_nothing() {
    let (running, _) = start_default().await;
    for _ in 0..10 {
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(Client::open(running.address).await);
        }
        assert_eq!(running.mcp.sessions(), 100);
        drop(clients);
        until("no session", || running.mcp.sessions() == 0).await;
    }
}

// --- JSON-RPC on the wire

/// SPEC A-4: `id: null` does not make a notification; nothing is executed.
#[tokio::test]
async fn a_null_id_executes_nothing() {
    let (running, seen) = start_default().await;
    let client = Client::open(running.address).await;
    let answer = client.post(call_of(Value::Null, "echo").to_string()).await;
    check_refused(&answer, 400, -32600, "");
    assert!(answer.json().get("id").is_none());
    assert_eq!(seen.calls(), 0);
}

/// SPEC A-7, A-20, A-21, C-22: notifications and responses, known or unknown, valid or not, are
/// accepted and never answered.
#[tokio::test]
async fn notifications_and_answers_are_not_answered() {
    let (running, seen) = start_default().await;
    let mut client = Client::open(running.address).await;
    for message in [
        json!({"method": "notifications/initialized"}),
        json!({"method": "notifications/foo"}),
        json!({"method": "notifications/foo", "params": []}),
        json!({"method": "notifications/foo", "params": {"_meta": 5}}),
        json!({"method": "notifications/cancelled"}),
        json!({"method": "notifications/cancelled", "params": {}}),
        json!({"method": "notifications/cancelled", "params": {"requestId": null}}),
        json!({"method": "notifications/cancelled", "params": {"requestId": 99}}),
        json!({"method": "tools/call", "params": {"name": "echo"}}),
        json!({"id": 1, "result": {}}),
        json!({"id": "x", "error": {"code": -1, "message": "no"}}),
    ] {
        let mut message = message;
        message["jsonrpc"] = "2.0".into();
        client.send(message).await;
    }
    let id = client.begin("ping", json!({})).await;
    assert_eq!(
        client.message().await.unwrap()["id"],
        id,
        "the first message"
    );
    assert_eq!(seen.calls(), 0);
}

/// SPEC A-11, A-17, A-19, A-22, A-27: an error answers its request, with its id.
#[tokio::test]
async fn an_error_answers_its_request() {
    let (running, seen) = start_default().await;
    let mut client = Client::open(running.address).await;
    for (id, (method, params, code)) in [
        ("foo/bar", json!({}), -32601),
        ("Tools/List", json!({}), -32601),
        ("tools/list ", json!({}), -32601),
        ("rpc.discover", json!({}), -32601),
        ("", json!({}), -32601),
        ("ping", json!([]), -32602),
        ("tools/call", json!(["echo"]), -32602),
        ("ping", json!({"_meta": 5}), -32602),
        ("tools/call", json!({"name": "none"}), -32602),
        ("tools/call", json!({}), -32602),
        (
            "tools/call",
            json!({"name": "echo", "arguments": []}),
            -32602,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        client
            .send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
        let answer = client.message().await.unwrap();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&json!(id), &json!(code)),
            "{method}"
        );
    }
    client
        .send(json!({"jsonrpc": "2.0", "id": 0, "method": "ping", "params": null}))
        .await;
    assert_eq!(
        client.answer(0).await["result"],
        json!({}),
        "SPEC A-17: null is absent"
    );
    assert_eq!(seen.calls(), 0);
}

/// SPEC A-12, PITFALLS R-13: a second request with an id in flight is refused, and the first is not
/// affected; `1` and `"1"` are two ids.
#[tokio::test]
async fn an_id_in_flight_is_refused() {
    let (running, seen) = start_default().await;
    let mut client = Client::open(running.address).await;
    client.send(call_of(1, "wait")).await;
    seen.a_wait_begins().await;
    let answer = client.post(call_of(1, "wait").to_string()).await;
    check_refused(&answer, 400, -32600, "id");
    assert_eq!(answer.json()["id"], 1);
    assert_eq!(seen.calls(), 1);
    client.send(call_of("1", "nan")).await;
    assert_eq!(client.message().await.unwrap()["id"], "1");
    seen.gate.add_permits(1);
    assert_eq!(text_of(&client.answer(1).await), "waited");
    client
        .send(json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
        .await;
    assert_eq!(client.answer(1).await["result"], json!({}), "free again");
}

/// SPEC A-13: sessions may use the same ids at the same time.
#[tokio::test]
async fn ids_are_of_their_session() {
    let (running, _) = start_default().await;
    let mut clients = [
        Client::open(running.address).await,
        Client::open(running.address).await,
    ];
    for (client, message) in clients.iter().zip(["a", "b"]) {
        let params = json!({"name": "echo", "arguments": {"message": message}});
        client
            .send(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
            .await;
    }
    for (client, message) in clients.iter_mut().zip(["a", "b"]) {
        assert_eq!(text_of(&client.answer(1).await), message);
    }
}

/// SPEC A-14: the server accepts an answer only from the session that it asked.
#[tokio::test]
async fn an_answer_of_another_session_is_ignored() {
    let (running, _) = start_default().await;
    let mut asked = Client::open(running.address).await;
    let mut other = Client::open(running.address).await;
    let call = asked.begin("tools/call", tool("ask")).await;
    let question = asked.message().await.unwrap();
    assert_eq!(question["method"], "roots/list");
    let answer =
        |text: &str| json!({"jsonrpc": "2.0", "id": question["id"], "result": {"from": text}});
    other.send(answer("another")).await;
    other.result("ping", json!({})).await;
    asked.send(answer("the asked")).await;
    let said = asked.answer(call).await;
    assert_eq!(text_of(&said), r#"{"from":"the asked"}"#);
    asked.begin("tools/call", tool("ask")).await;
    assert_ne!(
        asked.message().await.unwrap()["id"],
        question["id"],
        "never used twice"
    );
    asked.send(answer("late")).await;
}

/// SPEC A-28: unknown keys of `_meta` reach the handler unchanged.
#[tokio::test]
async fn unknown_meta_reaches_the_handler() {
    let (running, _) = start_default().await;
    let mut client = Client::open(running.address).await;
    let meta = json!({"com.example/x": {"y": [1, 2.5, null]}, "progressToken": 7});
    let params = json!({"name": "meta", "arguments": {}, "_meta": meta});
    let answer = client.call("tools/call", params).await;
    assert_eq!(
        serde_json::from_str::<Value>(text_of(&answer)).unwrap(),
        meta
    );
}

/// SPEC A-33: a number that JSON cannot express does not break the message (serde_json writes
/// null).
#[tokio::test]
async fn a_result_is_json_whatever_is_in_it() {
    let (running, _) = start_default().await;
    let mut client = Client::initialized(running.address, "2025-06-18", json!({})).await;
    let result = client.result("tools/call", tool("nan")).await;
    assert_eq!(result["structuredContent"], json!({"nan": null}));
}

/// SPEC A-48, A-49: a panic is -32603, for its caller alone and without detail.
#[tokio::test]
async fn a_panic_is_an_answer() {
    let (running, seen) = start_default().await;
    let mut client = Client::open(running.address).await;
    client.send(call_of(1, "wait")).await;
    seen.a_wait_begins().await;
    for name in ["panic_at_once", "panic_early", "panic_late"] {
        let answer = client.call("tools/call", tool(name)).await;
        assert_eq!(
            answer["error"],
            json!({"code": -32603, "message": "internal error"}),
            "{name}"
        );
    }
    seen.gate.add_permits(1);
    assert_eq!(text_of(&client.answer(1).await), "waited");
}

/// SPEC E-85, E-87: a cancelled call is dropped and not answered.
#[tokio::test]
async fn a_cancelled_call_is_dropped() {
    let (running, seen) = start_default().await;
    let mut client = Client::open(running.address).await;
    client.send(call_of(1, "wait")).await;
    seen.a_wait_begins().await;
    client
        .notify("notifications/cancelled", json!({"requestId": 1}))
        .await;
    seen.a_wait_is_over().await;
    seen.gate.add_permits(1);
    let id = client.begin("ping", json!({})).await;
    assert_eq!(
        client.message().await.unwrap()["id"],
        id,
        "and nothing before"
    );
}

// --- time, and the end

/// SPEC B-2, B-4, B-17, PITFALLS R-20, GOTCHAS 6: a comment is sent after 15 s of silence, not
/// earlier.
#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_kept_alive() {
    let (server, _) = server();
    let mcp = McpService::builder(server).build().unwrap();
    let (mut near, far) = tokio::io::duplex(4096);
    let io = hyper_util::rt::TokioIo::new(far);
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(io, mcp.clone());
    let serving = tokio::spawn(serving);
    near.write_all(b"GET /sse HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let start = tokio::time::Instant::now();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\n\n") {
        near.read_buf(&mut bytes).await.unwrap();
    }
    let text = String::from_utf8(bytes).unwrap();
    let (_, event) = text.split_once("\r\n\r\n").unwrap();
    assert!(
        event.starts_with("event: endpoint\ndata: /messages/?session_id="),
        "{event}"
    );
    assert_eq!(start.elapsed(), Duration::ZERO, "at once");
    for quiet in [15, 30, 45] {
        let mut comment = [0; 8];
        near.read_exact(&mut comment).await.unwrap();
        assert_eq!(&comment, b": ping\n\n");
        // Timers are exact to a millisecond.
        assert_eq!(start.elapsed().as_millis() / 10, quiet * 100);
    }
    drop(near);
    let _ = serving.await.unwrap();
    assert_eq!(mcp.sessions(), 0);
}

/// SPEC B-17, H-10: comments come between whole events and are no events.
#[tokio::test]
async fn comments_come_between_events() {
    let (running, _) = start_with(|builder| {
        builder.timeouts(|timeouts| timeouts.keep_alive = Some(Duration::from_millis(1)))
    })
    .await;
    let mut client = Client::open(running.address).await;
    for _ in 0..3 {
        client.comment().await;
        client.result("ping", json!({})).await;
    }
}

/// PITFALLS R-10, R-11, R-62: while the service drains, running calls finish, streams end cleanly,
/// and new requests are refused.
#[tokio::test]
async fn the_end_is_orderly() {
    let (running, seen) = start_default().await;
    let mut busy = Client::open(running.address).await;
    let mut idle = Client::open(running.address).await;
    busy.send(call_of(1, "wait")).await;
    seen.a_wait_begins().await;
    let mut kept = Kept::open(&running).await;
    kept.send(post_text(&busy.endpoint, &ping(2))).await;
    assert_eq!(kept.answer().await.status, 202);
    busy.answer(2).await;

    let mcp = running.mcp.clone();
    mcp.drain();
    mcp.drain();
    assert!(idle.event().await.is_none(), "an idle stream ends");
    kept.send(post_text(&busy.endpoint, &ping(3))).await;
    assert_eq!(kept.answer().await.status, 202);
    let refused = busy.answer(3).await;
    assert_eq!(refused["error"]["message"], "the server is shutting down");
    let refused = request(running.address, "GET /sse", "", "").await;
    check_refused(&refused, 503, -32603, "shutting down");

    let start = std::time::Instant::now();
    let end = running.stop();
    seen.gate.add_permits(1);
    assert_eq!(text_of(&busy.answer(1).await), "waited");
    assert!(busy.event().await.is_none(), "then its stream ends");
    // The client has not closed its connections.
    soon("the end", end).await.unwrap().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "no deadline had to pass"
    );
    assert_eq!(mcp.sessions(), 0);
    assert_eq!(seen.calls(), 1);
}

/// `close` cancels running calls and answers each with an error.
#[tokio::test]
async fn a_hard_end_answers_what_ran() {
    let (running, seen) = start_default().await;
    let mut client = Client::open(running.address).await;
    client.send(call_of(1, "wait")).await;
    seen.a_wait_begins().await;
    running.mcp.close();
    seen.a_wait_is_over().await;
    assert_eq!(client.answer(1).await["error"]["code"], -32603);
    assert!(client.event().await.is_none());
    assert_eq!(running.mcp.sessions(), 0);
    soon("the end", running.stop()).await.unwrap().unwrap();
}
