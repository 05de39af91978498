//! Limits on how much runs, and for how long (SPEC G-40, G-41).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use mcp_wire::jsonrpc::{ErrorObject, Json, Notification, Request as Message};
use mcp_wire::{BoxFuture, Context, Dispatcher, McpService};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::probe::{call, probe, probe_with};
use crate::support::{
    Client, Session, check_refused, envelope, hello, message, modern, raw, request, soon, start,
    until,
};

const LIMIT: Duration = Duration::from_secs(5);

/// SPEC C-31, G-41, PITFALLS R-10: a handler that takes too long is dropped, and its caller gets an
/// error, in every era and not before the time limit.
#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_ended_with_an_answer() {
    let (server, seen) = probe();
    let builder = McpService::builder(server).timeouts(|timeouts| timeouts.request = Some(LIMIT));
    let mcp = builder.build().unwrap();
    let began = tokio::time::Instant::now();
    let session = opened(&mcp).await;
    for session in ["", &session] {
        let answer = ask(&mcp, session, call("wait", json!({"tag": "x"}))).await;
        assert_eq!(answer["error"]["code"], -32603, "{answer}");
        let text = answer["error"]["message"].as_str().unwrap();
        assert!(text.contains("5s"), "the limit is named: {text}");
        seen.happens("over", "x").await;
    }
    assert_eq!(began.elapsed().as_secs(), 2 * LIMIT.as_secs());
    let snapshot = mcp.snapshot();
    assert_eq!((snapshot.timeouts, snapshot.running), (2, 0));
    let echo = ask(&mcp, &session, call("echo", json!({"message": "on"}))).await;
    assert_eq!(
        echo["result"]["content"][0]["text"], "on",
        "the session lives"
    );
}

/// SPEC C-31: a call whose client has left does not keep its session alive for ever.
#[tokio::test(start_paused = true)]
async fn an_abandoned_call_lets_its_session_go_in_the_end() {
    let (server, _) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let session = opened(&mcp).await;
    let request = posted(&session, call("wait", json!({"tag": "x"})));
    abandon(&mcp, request).await;
    tokio::time::sleep(Duration::from_secs(59 * 60)).await;
    assert_eq!((mcp.sessions(), mcp.snapshot().running), (1, 1));
    tokio::time::sleep(Duration::from_secs(32 * 60)).await;
    assert_eq!((mcp.sessions(), mcp.snapshot().running), (0, 0));
}

/// SPEC G-40: a call past the limit is refused with the limit's name, and not queued; the others go
/// on, and a free slot can be used again.
#[tokio::test]
async fn a_flood_of_slow_calls_is_refused_past_a_number() {
    let (running, seen) = probe_with(|builder| builder.limits(|limits| limits.calls = 5)).await;
    let session = Session::open(running.address, "2025-11-25", json!({})).await;
    let mut sse = Client::initialized(running.address, "2024-11-05", json!({})).await;
    let slow = || call("wait", json!({"tag": "x"}));
    let (_, first) = session.send("tools/call", slow()).await;
    let second = sse.begin("tools/call", slow()).await;
    let third = tokio::spawn(async move {
        modern(running.address, 3, "tools/call", slow())
            .await
            .answer()
            .await
    });
    for _ in 0..3 {
        seen.happens("begun", "x").await;
    }
    let says = "this address already has 3 running requests, which is half of what the server allows, \
                and as many as one address may have (limit: `Limits::calls`; behind a proxy, see `Builder::trusted_proxies`)";
    let mut refused = modern(running.address, 4, "tools/call", slow()).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let refused = refused.json().await;
    assert_eq!(refused["error"]["message"], says);
    assert_eq!(refused["id"], 4);
    let mut refused = session.begin("tools/call", slow()).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.json().await["error"]["message"], says);
    let refused = sse.call("tools/call", slow()).await;
    assert_eq!(refused["error"]["message"], says);
    seen.allow("x", 3);
    let mut first = first;
    first.read_head().await;
    for answer in [
        first.answer().await,
        sse.answer(second).await,
        third.await.unwrap(),
    ] {
        assert_eq!(answer["result"]["content"][0]["text"], "waited x");
    }
    assert_eq!(seen.calls(), 3);
    let echo = session.call("tools/call", call("echo", json!({"message": "again"})));
    assert_eq!(echo.await["result"]["content"][0]["text"], "again");
}

/// SPEC G-40, PITFALLS R-18: running notifications are limited too; a listening request does not
/// count as a call.
#[tokio::test]
async fn a_flood_of_slow_notifications_is_refused_past_a_number() {
    let begun = Arc::new(Semaphore::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let hears = SlowToHear {
        begun: Arc::clone(&begun),
        gate: Arc::clone(&gate),
    };
    let mcp = McpService::builder(hears)
        .limits(|limits| limits.requests_per_session = 2)
        .build()
        .unwrap();
    let running = start(mcp).await;
    let hello = message(1, "initialize", hello("2025-06-18", json!({})));
    let post = |session: &str, body: &str| {
        let len = body.len();
        format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len}\r\n{session}\r\n{body}"
        )
    };
    let opened = raw(running.address, post("", &hello)).await;
    let session = format!(
        "Mcp-Session-Id: {}\r\n",
        opened.header("mcp-session-id").unwrap()
    );
    let note = post(&session, r#"{"jsonrpc":"2.0","method":"notifications/x"}"#);
    let address = running.address;
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let note = note.clone();
            tokio::spawn(async move { raw(address, note).await })
        })
        .collect();
    let says = "2 running notifications (limit: `Limits::requests_per_session`)";
    soon("both begin", begun.acquire_many(2))
        .await
        .unwrap()
        .forget();
    check_refused(&raw(address, &note).await, 503, -32603, says);
    gate.add_permits(100);
    for answer in slow {
        assert_eq!(answer.await.unwrap().status, 202);
    }
    assert_eq!(raw(address, &note).await.status, 202);
}

/// FIELD T-7: on HTTP+SSE, where clients take an HTTP error for the end of the session, a notification past
/// the limit is accepted and dropped, and the operator learns of it.
#[tokio::test]
async fn a_notification_past_the_number_costs_no_session() {
    let begun = Arc::new(Semaphore::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let hears = SlowToHear {
        begun: Arc::clone(&begun),
        gate: Arc::clone(&gate),
    };
    let mcp = McpService::builder(hears).limits(|limits| limits.requests_per_session = 1);
    let running = start(mcp.build().unwrap()).await;
    let mut client = Client::open(running.address).await;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let (address, line) = (running.address, format!("POST {}", client.endpoint));
    let post = move || {
        let line = line.clone();
        async move { request(address, &line, "Content-Type: application/json\r\n", note).await }
    };
    let slow = tokio::spawn(post());
    soon("it begins", begun.acquire()).await.unwrap().forget();
    assert_eq!(post().await.status, 202);
    assert_eq!(begun.available_permits(), 0, "it was dropped");
    let refusals = running.mcp.snapshot().refusals;
    assert!(
        refusals.contains(&("too_many_notifications", 1)),
        "{refusals:?}"
    );
    gate.add_permits(1);
    assert_eq!(slow.await.unwrap().status, 202);
    assert!(client.call("ping", json!({})).await["result"].is_object());
}

/// Reports that it began, and then waits for a permit.
struct SlowToHear {
    begun: Arc<Semaphore>,
    gate: Arc<Semaphore>,
}

impl Dispatcher for SlowToHear {
    fn request(&self, _: Context, _: Message) -> BoxFuture<Result<Json, ErrorObject>> {
        let result = json!({"protocolVersion": "2025-06-18", "capabilities": {}});
        Box::pin(std::future::ready(Ok(
            Json::try_from(&result).expect("an object")
        )))
    }

    fn notification(&self, _: Context, _: Notification) -> BoxFuture<()> {
        let gate = Arc::clone(&self.gate);
        self.begun.add_permits(1);
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
        })
    }
}

/// PITFALLS R-9, R-24, R-25: by its deadline a shutdown has answered all running calls, in every
/// era, and ended listens with their result; a second shutdown is harmless.
#[tokio::test]
async fn a_shutdown_answers_everything_by_its_deadline() {
    let (running, seen) =
        probe_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = Duration::ZERO))
            .await;
    let address = running.address;
    let session = Session::open(address, "2025-06-18", json!({})).await;
    let mut sse = Client::initialized(address, "2024-11-05", json!({})).await;
    let slow = || call("wait", json!({"tag": "x"}));
    let mut in_session = session.begin("tools/call", slow()).await;
    let over_sse = sse.begin("tools/call", slow()).await;
    let mut alone = modern(address, "alone", "tools/call", slow()).await;
    let filter = json!({"notifications": {"toolsListChanged": true}});
    let mut listening = modern(address, "ears", "subscriptions/listen", filter).await;
    let mut idle = session.listen(None).await;
    for _ in 0..3 {
        seen.happens("begun", "x").await;
    }
    let mcp = running.mcp.clone();
    until("streams", || mcp.snapshot().streams == 5).await;
    let again = mcp.clone();
    let both = async {
        tokio::join!(
            mcp.shutdown(Duration::from_millis(200)),
            again.shutdown(Duration::from_millis(200)),
        );
    };
    let answers = async {
        assert!(idle.message().await.is_none(), "an idle stream just ends");
        let acknowledged = listening.message().await.unwrap();
        assert_eq!(
            acknowledged["method"],
            "notifications/subscriptions/acknowledged"
        );
        assert!(listening.answer().await["result"].is_object());
        for answer in [
            in_session.answer().await,
            alone.answer().await,
            sse.answer(over_sse).await,
        ] {
            assert_eq!(answer["error"]["code"], -32603, "{answer}");
        }
    };
    tokio::join!(both, answers);
    for _ in 0..3 {
        seen.happens("over", "x").await;
    }
    mcp.shutdown(Duration::ZERO).await;
    let snapshot = mcp.snapshot();
    let gauges = [snapshot.sessions, snapshot.listens, snapshot.running];
    assert_eq!(gauges, [0; 3], "{snapshot:?}");
    let mut refused = modern(address, 1, "tools/list", json!({})).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("connection"), Some("close"));
    assert_eq!(refused.json().await["error"]["code"], -32603);
}

/// PITFALLS R-24: a shutdown waits for running handlers, even those whose clients have left, and no
/// longer.
#[tokio::test(start_paused = true)]
async fn a_shutdown_is_over_when_the_last_handler_is() {
    let (server, seen) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let session = opened(&mcp).await;
    let request = posted(&session, call("wait", json!({"tag": "x"})));
    abandon(&mcp, request).await;
    let began = tokio::time::Instant::now();
    let shutdown = mcp.shutdown(Duration::from_secs(60));
    let leave = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        seen.allow("x", 1);
    };
    tokio::join!(shutdown, leave);
    assert_eq!(began.elapsed().as_secs(), 7);
}

/// A request of a session, or of 2026-07-28 without one.
fn posted(session: &str, mut params: Value) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method("POST")
        .uri("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json");
    if session.is_empty() {
        params["_meta"] = envelope(json!({}));
        request = request
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", params["name"].as_str().unwrap());
    } else {
        request = request.header("mcp-session-id", session);
    }
    let body = message(7, "tools/call", params);
    request.body(Full::new(Bytes::from(body))).unwrap()
}

async fn ask(mcp: &McpService, session: &str, params: Value) -> Value {
    let response = mcp.call(posted(session, params)).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// The client leaves before there is anything to read.
async fn abandon(mcp: &McpService, request: Request<Full<Bytes>>) {
    let answer = tokio::time::timeout(Duration::from_millis(1), mcp.call(request));
    assert!(answer.await.is_err());
}

async fn opened(mcp: &McpService) -> String {
    let body = message(1, "initialize", hello("2025-06-18", json!({})));
    let request = Request::builder()
        .method("POST")
        .uri("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let response = mcp.call(request).await;
    response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned()
}
