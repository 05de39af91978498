//! A stream ends with the token that opened it, or with a revocation (SPEC F-52, D-131, G-12).

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http_body_util::BodyExt;
use hyper::body::Body;
use mcp_wire::{Change, ResponseBody};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::support::direct::{direct, whole};
use crate::support::until;

const OVER: &str = "the authorization ended before the answer";

async fn all_messages(stream: &mut Stream) -> Vec<Value> {
    soon("the end of the stream", stream.messages()).await
}

/// SPEC F-52: an HTTP+SSE stream ends with its token, and so does its session; running calls are
/// answered.
#[tokio::test]
async fn an_http_sse_session_ends_with_its_token() {
    let (running, seen) = gated().await;
    let brief = As::new(&running, "brief");
    let (mut stream, path) = brief.sse().await;
    let body = message(1, "tools/call", call("wait", json!({})));
    assert_eq!(brief.send(&path, body).await.status, 202);
    seen.a_call_begins().await;
    let told = all_messages(&mut stream).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["id"], &told[0]["error"]["code"]),
        (&json!(1), &json!(-32603))
    );
    seen.a_call_is_dropped().await;
    until("the end of the session", || running.mcp.sessions() == 0).await;
}

/// SPEC F-51, F-52: connections of Streamable HTTP end with their token; the session stays, and a
/// fresh token resumes it.
#[tokio::test]
async fn a_streamable_session_outlives_the_token_of_its_streams() {
    let (running, seen) = gated().await;
    let (brief, ada) = (As::new(&running, "brief"), As::new(&running, "ada"));
    let session = ada.session("2025-11-25").await;
    let mut listens = brief.listen(&session, None).await;
    let body = message(1, "tools/call", call("wait", json!({})));
    let mut called = brief.post(&session, body).await;
    seen.a_call_begins().await;
    assert!(called.is_events() && listens.is_events());
    let last = called.event().await.expect("a priming event").id;
    assert_eq!(all_messages(&mut listens).await, [json!(null); 0]);
    assert_eq!(
        all_messages(&mut called).await,
        [json!(null); 0],
        "no answer yet"
    );
    assert_eq!(running.mcp.sessions(), 1);
    let mut resumed = ada.listen(&session, Some(&last)).await;
    assert_eq!(resumed.status(), 200, "{}", resumed.head);
    // The call ran on: it is answered when the session ends.
    let headers = format!("Mcp-Session-Id: {session}\r\n");
    ada.request("DELETE /mcp", &headers, "").await;
    let told = all_messages(&mut resumed).await;
    assert_eq!((told.len(), &told[0]["id"]), (1, &json!(1)));
}

/// SPEC F-52, D-131: when its token ends, a call of 2026-07-28 ends with an error, as JSON or on a
/// stream, and a listening request with its result.
#[tokio::test]
async fn modern_requests_end_with_their_token() {
    let (running, seen) = gated().await;
    let brief = As::new(&running, "brief");
    let mut streams = brief
        .modern("tools/call", call("wait", json!({"talks": 1})))
        .await;
    let told = all_messages(&mut streams).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1]["error"], json!({"code": -32603, "message": OVER}));
    seen.a_call_is_dropped().await;
    let mut params = call("wait", json!({}));
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params).replace(", text/event-stream", "");
    let body = message(1, "tools/call", params);
    let answer = brief.request("POST /mcp", &headers, body).await;
    assert_eq!(answer.json()["error"]["message"], OVER);
    seen.a_call_is_dropped().await;
    let filter = json!({"notifications": {"toolsListChanged": true}});
    let mut listens = brief.modern("subscriptions/listen", filter).await;
    let told = all_messages(&mut listens).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1]["result"]["resultType"], "complete");
    until("the end of the listening", || {
        running.mcp.listen_streams() == 0
    })
    .await;
}

/// SPEC F-52, G-12: a revocation ends everything of one principal at once, and nothing of others.
#[tokio::test]
async fn a_revocation_ends_all_of_one_principal() {
    let (running, seen) = gated().await;
    let (ada, bob) = (As::new(&running, "ada"), As::new(&running, "bob"));
    let body = message(1, "tools/call", call("wait", json!({"talks": 1})));
    let filter = || json!({"notifications": {"toolsListChanged": true}});
    let session = ada.session("2025-11-25").await;
    let mut called = ada.post(&session, &body).await;
    let mut listens = ada.listen(&session, None).await;
    let (mut sse, _) = ada.sse().await;
    let mut subscribed = ada.modern("subscriptions/listen", filter()).await;
    let mut modern = ada
        .modern("tools/call", call("wait", json!({"talks": 1})))
        .await;
    let others = bob.session("2025-11-25").await;
    let mut others_stream = bob.post(&others, &body).await;
    for _ in 0..3 {
        seen.a_call_begins().await;
    }
    until("the listening", || running.mcp.listen_streams() == 1).await;
    running.mcp.revoke("ada");
    assert_eq!(
        (running.mcp.sessions(), running.mcp.listen_streams() <= 1),
        (1, true)
    );
    let last = |told: Vec<Value>| told.last().cloned().unwrap_or_default();
    assert_eq!(
        last(all_messages(&mut called).await)["error"]["code"],
        -32603
    );
    assert_eq!(all_messages(&mut listens).await.len(), 0);
    assert_eq!(all_messages(&mut sse).await.len(), 0);
    assert_eq!(
        last(all_messages(&mut modern).await)["error"]["message"],
        OVER
    );
    let result = last(all_messages(&mut subscribed).await);
    assert_eq!(result["result"]["resultType"], "complete", "{result}");
    let ping = message(2, "ping", json!({}));
    assert_eq!(ada.post(&session, &ping).await.status(), 404);
    assert_eq!(bob.post(&others, &ping).await.status(), 200);
    running.mcp.revoke("bob");
    assert_eq!(
        last(all_messages(&mut others_stream).await)["error"]["code"],
        -32603
    );
    running.mcp.revoke("nobody");
}

/// SPEC F-52: without sessions, revocations and ends of tokens end the streams themselves.
#[tokio::test]
async fn streams_without_a_session_end_too() {
    let (running, seen) = gated_with(Builder::without_sessions).await;
    let headers = format!("MCP-Protocol-Version: 2025-06-18\r\n{POST_HEADERS}");
    let body = message(1, "tools/call", call("wait", json!({"talks": 1})));
    for token in ["ada", "brief"] {
        let mut called = As::new(&running, token)
            .open("POST /mcp", &headers, &body)
            .await;
        assert!(called.is_events(), "{}", called.head);
        seen.a_call_begins().await;
        if token == "ada" {
            running.mcp.revoke("ada");
        }
        assert_eq!(all_messages(&mut called).await.len(), 1, "the note");
    }
}

/// A service without a socket, so that the test decides when bodies are polled, and its tool
/// `give`, which hands its call to the test and never ends.
struct Unread {
    server: Server,
    mcp: McpService,
    given: UnboundedReceiver<Call>,
}

impl Unread {
    fn new(set: fn(Builder<Server>) -> Builder<Server>) -> Self {
        let (gives, given) = unbounded_channel();
        let tool = Tool::new("give").input(json!({"type": "object"}));
        let server = Server::new("Gated", "1").tool(tool, move |cx: Call, _| {
            let _ = cx.notify("notifications/note", None);
            gives.send(cx).unwrap();
            std::future::pending::<String>()
        });
        let builder = McpService::builder(server.clone()).authorizer(Gate::new());
        let mcp = set(builder.timeouts(|timeouts| timeouts.stream_after = Duration::ZERO))
            .build()
            .unwrap();
        Self {
            server,
            mcp: mcp.with_peer_addr("127.0.0.1:9".parse().unwrap()),
            given,
        }
    }

    async fn call(
        &self,
        token: &str,
        line: &str,
        headers: &str,
        body: String,
    ) -> hyper::Response<ResponseBody> {
        let headers = format!("{headers}{}", bearer(token));
        let response = self.mcp.call(direct(line, &headers, body)).await;
        assert!(
            response.status().is_success(),
            "{line} {}",
            response.status()
        );
        response
    }

    /// Opens a stream with a token, and reads its first events.
    async fn open(&self, kind: &str, token: &str) -> ResponseBody {
        let give = || call("give", json!({}));
        let modern = |method, mut params: Value| {
            params["_meta"] = envelope(json!({}));
            (mirrored(method, &params), message(1, method, params))
        };
        let filter = json!({"notifications": {"toolsListChanged": true}});
        let version = "MCP-Protocol-Version: 2025-06-18\r\n";
        let (line, headers, body) = match kind {
            "HTTP+SSE" => ("GET /sse", String::new(), String::new()),
            "GET" => {
                let accept = "Accept: text/event-stream\r\n";
                (
                    "GET /mcp",
                    format!("{}{accept}", self.session().await),
                    String::new(),
                )
            }
            "POST" => {
                let headers = format!("{}{POST_HEADERS}", self.session().await);
                ("POST /mcp", headers, message(1, "tools/call", give()))
            }
            "POST without sessions" => {
                let headers = format!("{version}{POST_HEADERS}");
                ("POST /mcp", headers, message(1, "tools/call", give()))
            }
            "listen" => {
                let (headers, body) = modern("subscriptions/listen", filter);
                ("POST /mcp", headers, body)
            }
            _ => {
                let (headers, body) = modern("tools/call", give());
                ("POST /mcp", headers, body)
            }
        };
        let mut body = self.call(token, line, &headers, body).await.into_body();
        let begun = read(&mut body);
        if let Some(path) = begun.lines().find_map(|line| line.strip_prefix("data: /")) {
            let hello = message(0, "initialize", hello("2024-11-05", json!({})));
            let line = format!("POST /{path}");
            let json = "Content-Type: application/json\r\n";
            self.call("ada", &line, json, hello).await;
            assert!(read(&mut body).contains("protocolVersion"));
        }
        body
    }

    async fn session(&self) -> String {
        let hello = message(0, "initialize", hello("2025-06-18", json!({})));
        let opened = self.call("ada", "POST /mcp", POST_HEADERS, hello).await;
        let id = opened.headers()["mcp-session-id"].to_str().unwrap();
        let session = format!("Mcp-Session-Id: {id}\r\n");
        whole(opened).await;
        session
    }
}

/// What a body has now.
fn read(body: &mut ResponseBody) -> String {
    let mut text = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut *body).poll_frame(&mut cx) {
        text.extend_from_slice(&frame.into_data().unwrap());
    }
    String::from_utf8(text).unwrap()
}

/// FIELD E-3: the end of an identity does not depend on a reader. Under HTTP/2 flow control a
/// client can keep a body from being polled; it must not get what is sent after the end of its
/// identity or a revocation.
#[tokio::test(start_paused = true)]
async fn what_comes_after_the_end_is_never_sent_to_a_stream_that_was_not_read() {
    let with: fn(Builder<Server>) -> Builder<Server> = |builder| builder;
    for (kind, set) in [
        ("HTTP+SSE", with),
        ("GET", with),
        ("POST", with),
        ("POST without sessions", Builder::without_sessions),
        ("listen", with),
        ("call", with),
    ] {
        for token in ["brief", "ada"] {
            let mut unread = Unread::new(set);
            let mut body = unread.open(kind, token).await;
            let given = unread.given.try_recv().ok();
            let tell = || {
                unread.server.publish(&Change::Tools);
                if let Some(cx) = &given {
                    let _ = cx.notify("notifications/note", None);
                }
            };
            tell();
            let begun = read(&mut body);
            assert!(
                begun.contains("list_changed") || begun.contains("note"),
                "{kind}: {begun}"
            );
            match token {
                "brief" => tokio::time::advance(SOON).await,
                _ => unread.mcp.revoke("ada"),
            }
            (0..10).for_each(|_| tell());
            let rest = body.collect().await.unwrap().to_bytes();
            let rest = String::from_utf8_lossy(&rest);
            assert!(!rest.contains("list_changed"), "{kind} {token}: {rest}");
            assert!(
                !rest.contains("notifications/note"),
                "{kind} {token}: {rest}"
            );
        }
    }
}

/// FIELD E-3: an HTTP+SSE session ends with its identity, even when its stream is not read, and
/// accepts no more messages.
#[tokio::test(start_paused = true)]
async fn an_unread_http_sse_session_takes_no_message_after_its_end() {
    let unread = Unread::new(|builder| builder);
    let mut stream = unread
        .call("brief", "GET /sse", "", String::new())
        .await
        .into_body();
    let begun = read(&mut stream);
    let path = begun
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    tokio::time::advance(SOON).await;
    let headers = format!("Content-Type: application/json\r\n{}", bearer("ada"));
    let ping = message(1, "ping", json!({}));
    let refused = unread
        .mcp
        .call(direct(&format!("POST {path}"), &headers, ping))
        .await;
    assert_eq!((refused.status().as_u16(), unread.mcp.sessions()), (404, 0));
    assert_eq!(read(&mut stream), "");
}
