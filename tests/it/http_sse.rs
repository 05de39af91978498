//! HTTP+SSE (SPEC B) on real sockets, and what of JSON-RPC (SPEC A) shows on the wire.
//!
//! B-10 is the embedder's: `serve` takes a listener that is bound already. The example binds
//! loopback by default.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_wire::server::{Arguments, Call, Server, Tool, ToolError};
use mcp_wire::{Builder, McpService};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::{Answer, Client, Running, raw, request, soon, start};

const JSON: &str = "Content-Type: application/json\r\n";
const NO_SESSION: &str = "0123456789abcdef0123456789abcdef";

/// What the tools tell the tests, and what they wait for.
struct Seen {
    /// Calls that began.
    calls: AtomicUsize,
    /// One permit for each `wait` that began.
    waiting: Semaphore,
    /// Lets one `wait` finish for each permit.
    gate: Semaphore,
    /// One permit for each `wait` that is over, answered or dropped.
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
            async move { Ok::<_, ToolError>(args.str("message")?.to_owned()) }
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
    #[expect(clippy::diverging_sub_expression, reason = "it panics")]
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

fn text_of(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}

/// An error status carries a JSON-RPC error, clear and of the legacy era (SPEC A-45, A-46).
#[track_caller]
fn check_refused(answer: &Answer, status: u16, code: i64, says: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["jsonrpc"], "2.0", "{body}");
    assert_eq!(body["error"]["code"], code, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains(says), "{message}");
    assert_eq!(answer.header("retry-after").is_some(), status == 503);
}

/// A connection that is kept for several requests.
struct Kept {
    socket: TcpStream,
    pending: Vec<u8>,
}

impl Kept {
    async fn open(running: &Running) -> Self {
        Self {
            socket: TcpStream::connect(running.address).await.unwrap(),
            pending: Vec::new(),
        }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn read_through(&mut self, end: &str) -> String {
        loop {
            let found = self
                .pending
                .windows(end.len())
                .position(|at| at == end.as_bytes());
            if let Some(at) = found {
                let rest = self.pending.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.pending, rest)).unwrap();
            }
            let read = self.socket.read_buf(&mut self.pending);
            assert_ne!(soon(end, read).await.unwrap(), 0, "{end:?} before the end");
        }
    }

    /// The next answer, which has a `Content-Length`.
    async fn answer(&mut self) -> Answer {
        let head = self.read_through("\r\n\r\n").await;
        let mut answer = Answer {
            status: head[9..12].parse().unwrap(),
            head: head.trim_end().to_owned(),
            body: String::new(),
        };
        let len: usize = answer
            .header("content-length")
            .unwrap_or("0")
            .parse()
            .unwrap();
        while self.pending.len() < len {
            let read = self.socket.read_buf(&mut self.pending);
            assert_ne!(soon("a body", read).await.unwrap(), 0);
        }
        let rest = self.pending.split_off(len);
        answer.body = String::from_utf8(std::mem::replace(&mut self.pending, rest)).unwrap();
        answer
    }
}

fn post_text(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Bounded, and ends as soon as it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

// --- endpoints, methods, statuses

/// SPEC B-1, B-8, B-18, B-20, R-33: two endpoints, each with its method, and nothing else.
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
        ("GET /mcp", 404, None),
        ("POST /mcp", 404, None),
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
        } else {
            check_refused(&answer, status, -32600, "");
        }
    }
}

/// SPEC B-8 and the table of B.1: what a POST is refused for.
#[tokio::test]
async fn a_post_is_refused_with_its_status() {
    let (running, seen) = start_with(|builder| builder.body_limit(1000)).await;
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

/// SPEC A-23: a body that is not UTF-8 is no JSON.
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

/// SPEC B.1, R-43: a body above the limit is refused, whether its length was declared or not; one
/// of the limit is served.
#[tokio::test]
async fn a_body_is_limited() {
    let (running, _) = start_with(|builder| builder.body_limit(100)).await;
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

/// SPEC B.1: a stream is for those who take streams; no `Accept` is fine.
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

/// SPEC B.1, R-2: too many sessions and too many running requests are 503 for now.
#[tokio::test]
async fn limits_are_answered_503() {
    let (running, seen) = start_with(|builder| builder.max_sessions(1).max_requests(2)).await;
    let mut client = Client::open(running.address).await;
    let refused = request(running.address, "GET /sse", "", "").await;
    check_refused(&refused, 503, -32603, "1 sessions");
    client.send(call_of(1, "wait")).await;
    client.send(call_of(2, "wait")).await;
    let refused = client.post(call_of(3, "wait").to_string()).await;
    check_refused(&refused, 503, -32603, "2 requests");
    assert_eq!(refused.json()["id"], 3);
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

/// R-46: a trailing slash more or less is the same endpoint, without a redirect; a session id may
/// be written with dashes or in upper case.
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

/// GOTCHAS 26: clients wait for leave to send, send in chunks, and do not wait for answers.
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

/// R-44: half a message is no message.
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
