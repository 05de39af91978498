//! How requests and sessions end: PITFALLS R-4, R-5, R-9, R-25.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Body, Frame};
use mcp_wire::jsonrpc::{ErrorObject, Json};
use mcp_wire::sse::Decoder;
use mcp_wire::{BoxFuture, Context, Dispatcher, McpService, RequestError};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::acts::{Acts, acts};
use crate::support::direct::{direct, event, whole};
use crate::support::probe::Seen;
use crate::support::{
    Client, POST_HEADERS, Running, Session, Stream, envelope, hello, message, mirrored, soon,
    start, until,
};

const V24: &str = "2024-11-05";
const V03: &str = "2025-03-26";
const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";
const STREAMABLE: [&str; 3] = [V03, V06, V11];
const LONG: Duration = Duration::from_secs(3600);

async fn run(silence: Duration) -> (Running, Acts, Arc<Seen>) {
    let (acts, seen) = acts();
    let builder =
        McpService::builder(acts.clone()).timeouts(|timeouts| timeouts.stream_after = silence);
    (start(builder.build().unwrap()).await, acts, seen)
}

// --- requests

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Result,
    Error,
    Panic,
    /// The client cancels.
    Cancel,
    /// The client ends the session.
    Delete,
    /// The server drains, and lets the request finish.
    Drain,
    /// The server closes at once.
    Close,
}

impl End {
    const ALL: [Self; 7] = [
        Self::Result,
        Self::Error,
        Self::Panic,
        Self::Cancel,
        Self::Delete,
        Self::Drain,
        Self::Close,
    ];

    /// The request that ends in this way.
    fn act(self) -> &'static str {
        match self {
            Self::Error => "act/fail",
            Self::Panic => "act/wait/panic",
            _ => "act/wait",
        }
    }

    /// The code of its error; `None` for a result.
    fn code(self) -> Option<i64> {
        match self {
            Self::Result | Self::Drain => None,
            Self::Error => Some(-32001),
            Self::Panic | Self::Cancel | Self::Delete | Self::Close => Some(-32603),
        }
    }

    /// Makes the server, the client or the handler end it.
    fn come(self, running: &Running, seen: &Seen) {
        match self {
            Self::Result | Self::Error | Self::Panic => seen.allow("x", 1),
            Self::Drain => {
                running.mcp.drain();
                seen.allow("x", 1);
            }
            Self::Close => running.mcp.close(),
            Self::Cancel | Self::Delete => {}
        }
    }

    #[track_caller]
    fn check(self, id: &Value, messages: &[Value], case: &str) {
        let [answer] = messages else {
            panic!("{case}: one answer, not {messages:?}");
        };
        assert_eq!(&answer["id"], id, "{case}");
        assert_eq!(answer["error"]["code"].as_i64(), self.code(), "{case}");
        assert_eq!(answer.get("result").is_some(), self.code().is_none());
    }
}

/// Everything that came on a response.
async fn messages(stream: &mut Stream) -> Vec<Value> {
    if stream.is_events() {
        stream.messages().await
    } else {
        vec![stream.json().await]
    }
}

/// PITFALLS R-9, SPEC A-7, E-88, J-24: each request has exactly one terminal message, as JSON or on
/// a stream; only the stream of a cancelled request ends without one.
#[tokio::test]
async fn a_request_of_a_session_has_one_terminal_message() {
    for version in STREAMABLE {
        for silence in [LONG, Duration::ZERO] {
            for end in End::ALL {
                let case = format!("{version} {silence:?} {end:?}");
                let (running, _, seen) = run(silence).await;
                let session = Session::open(running.address, version, json!({})).await;
                let (id, mut stream) = session.send(end.act(), json!({"name": "x"})).await;
                seen.happens("begun", "x").await;
                let is_stream = silence.is_zero();
                if is_stream {
                    stream.read_head().await;
                }
                end.come(&running, &seen);
                match end {
                    End::Cancel => {
                        let params = json!({"requestId": id});
                        let status = session.notify("notifications/cancelled", params).await;
                        assert_eq!(status, 202);
                    }
                    End::Delete => assert_eq!(session.delete().await, 200),
                    _ => {}
                }
                seen.happens("over", "x").await;
                if !is_stream {
                    stream.read_head().await;
                }
                assert_eq!(stream.is_events(), is_stream, "{case}");
                let messages = messages(&mut stream).await;
                if end == End::Cancel && is_stream {
                    assert!(messages.is_empty(), "{case}: {messages:?}");
                } else {
                    end.check(&id.into(), &messages, &case);
                }
            }
        }
    }
}

/// PITFALLS R-9, SPEC B-6, E-88: so it is on the stream of HTTP+SSE, and no message follows.
#[tokio::test]
async fn a_request_over_http_sse_has_one_terminal_message() {
    for end in End::ALL {
        if end == End::Delete {
            continue;
        }
        let (running, _, seen) = run(LONG).await;
        let mut client = Client::initialized(running.address, V24, json!({})).await;
        let id = client.begin(end.act(), json!({"name": "x"})).await;
        seen.happens("begun", "x").await;
        end.come(&running, &seen);
        if end == End::Cancel {
            let params = json!({"requestId": id});
            client.notify("notifications/cancelled", params).await;
        }
        seen.happens("over", "x").await;
        let mut messages = Vec::new();
        if matches!(end, End::Drain | End::Close) {
            while let Some(message) = client.message().await {
                messages.push(message);
            }
        } else {
            let last = client.begin("act/answer", json!({})).await;
            loop {
                let message = client.message().await.unwrap();
                if message["id"] == last {
                    break;
                }
                messages.push(message);
            }
        }
        if end == End::Cancel {
            assert!(messages.is_empty(), "{messages:?}");
        } else {
            end.check(&id.into(), &messages, &format!("{end:?}"));
        }
    }
}

/// PITFALLS R-9, SPEC D-82: so it is in 2026-07-28, where a client cancels by leaving and then gets
/// nothing.
#[tokio::test]
async fn a_modern_request_has_one_terminal_message() {
    for silence in [LONG, Duration::ZERO] {
        for end in [End::Result, End::Error, End::Panic, End::Drain, End::Close] {
            let (running, _, seen) = run(silence).await;
            let params = json!({"name": "x", "_meta": envelope(json!({}))});
            let headers = mirrored(end.act(), &params);
            let body = message(7, end.act(), params);
            let mut stream = Stream::send(running.address, "POST /mcp", &headers, body).await;
            seen.happens("begun", "x").await;
            let is_stream = silence.is_zero();
            if is_stream {
                stream.read_head().await;
            }
            end.come(&running, &seen);
            if !is_stream {
                stream.read_head().await;
            }
            assert_eq!(stream.is_events(), is_stream);
            let messages = messages(&mut stream).await;
            end.check(&json!(7), &messages, &format!("{silence:?} {end:?}"));
        }
    }
}

// --- an abandoned `initialize`

/// A body that comes byte by byte, with a pause before each.
struct Trickle {
    rest: VecDeque<u8>,
    pauses: bool,
}

impl Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pauses = !self.pauses;
        if self.pauses {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let byte = self.rest.pop_front();
        Poll::Ready(byte.map(|byte| Ok(Frame::data(Bytes::copy_from_slice(&[byte])))))
    }
}

/// Answers an `initialize` after some pauses.
struct Pausing(usize);

impl Dispatcher for Pausing {
    fn request(
        &self,
        _cx: Context,
        _request: mcp_wire::jsonrpc::Request,
    ) -> BoxFuture<Result<Json, ErrorObject>> {
        let pauses = self.0;
        Box::pin(async move {
            for _ in 0..pauses {
                tokio::task::yield_now().await;
            }
            Ok(Json::try_from(&json!({"protocolVersion": V11})).expect("an object"))
        })
    }
}

/// PITFALLS R-4: an `initialize` leaves no session when its client leaves at any await, from the
/// first byte of the body to the answer.
#[tokio::test(start_paused = true)]
async fn an_initialize_that_is_given_up_leaves_no_session() {
    let body = message(1, "initialize", hello(V11, json!({})));
    for accept in ["application/json", "application/json, text/event-stream"] {
        let mcp = McpService::builder(Pausing(5)).build().unwrap();
        let headers = format!("Content-Type: application/json\r\nAccept: {accept}\r\n");
        let mut polls = 0;
        loop {
            let (head, _) = direct("POST /mcp", &headers, "").into_parts();
            let trickle = Trickle {
                rest: body.bytes().collect(),
                pauses: false,
            };
            let mut call = Box::pin(mcp.call(Request::from_parts(head, trickle)));
            let mut cx = TaskContext::from_waker(Waker::noop());
            let is_pending = (0..polls).all(|_| call.as_mut().poll(&mut cx).is_pending());
            drop(call);
            if !is_pending {
                assert_eq!(mcp.sessions(), 1, "it was answered");
                break;
            }
            // The runtime drops an aborted task at its next turn.
            tokio::task::yield_now().await;
            assert_eq!(mcp.sessions(), 0, "given up after {polls} polls");
            polls += 1;
        }
        // One await before each byte and before the end, and some inside the dispatcher.
        assert!(polls > body.len() + 2, "{polls}");
    }
}

/// PITFALLS R-4, SPEC C-28: so it is when the answer has become a stream, unless the client has an
/// event to resume from; then the handshake completes.
#[tokio::test]
async fn a_stream_of_an_initialize_that_is_left_leaves_no_session() {
    for version in STREAMABLE {
        let (acts, seen) = acts();
        let builder =
            McpService::builder(acts).timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
        let mcp = builder.build().unwrap();
        let mut params = hello(version, json!({}));
        params["name"] = "x".into();
        let request = direct("POST /mcp", POST_HEADERS, message(1, "initialize", params));
        let response = mcp.call(request).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let id = response.headers()["mcp-session-id"].clone();
        let id = id.to_str().unwrap();
        assert_eq!(mcp.sessions(), 1, "while its client is there");
        if version != V11 {
            drop(response);
            seen.happens("over", "x").await;
            assert_eq!(mcp.sessions(), 0, "{version}");
            continue;
        }
        let mut body = response.into_body();
        let primed = event(&mut body, &mut Decoder::new()).await.unwrap();
        drop(body);
        assert_eq!(mcp.sessions(), 1);
        seen.allow("x", 1);
        seen.happens("over", "x").await;
        let headers = format!(
            "Mcp-Session-Id: {id}\r\nAccept: text/event-stream\r\nLast-Event-ID: {}\r\n",
            primed.id
        );
        let (status, rest) = whole(mcp.call(direct("GET /mcp", &headers, "")).await).await;
        assert_eq!(status, 200);
        assert!(rest.contains(r#""id":1,"result":{"#), "{rest}");
    }
}

// --- sessions

/// No message reaches the client of an ended session.
async fn check_over(acts: &Acts, case: &str) {
    let contexts = acts.contexts();
    assert!(!contexts.is_empty());
    for cx in contexts {
        assert_eq!(cx.session_id(), None, "{case}");
        assert_eq!(cx.notify("n", None), Err(RequestError::Closed), "{case}");
        let asked = cx.request("roots/list", None).await;
        assert_eq!(asked, Err(RequestError::Closed), "{case}");
        assert!(!cx.release_connection(), "{case}");
    }
}

/// Sessions, running requests, streams, and queued bytes.
fn gauges(mcp: &McpService) -> [usize; 4] {
    let now = mcp.snapshot();
    [now.sessions, now.running, now.streams, now.queued_bytes]
}

/// PITFALLS R-5: however a session ends, its streams end, its calls are cancelled, and all gauges
/// show it.
#[tokio::test]
async fn an_ended_session_lets_everything_go() {
    for silence in [LONG, Duration::ZERO] {
        for end in [End::Delete, End::Close] {
            let case = format!("{silence:?} {end:?}");
            let (running, acts, seen) = run(silence).await;
            let session = Session::open(running.address, V11, json!({"roots": {}})).await;
            let mut standalone = session.listen(None).await;
            let mut calls = Vec::new();
            for _ in 0..3 {
                let (_, stream) = session.send("act/wait", json!({"name": "x"})).await;
                seen.happens("begun", "x").await;
                calls.push(stream);
            }
            end.come(&running, &seen);
            if end == End::Delete {
                assert_eq!(session.delete().await, 200);
            }
            for stream in &mut calls {
                seen.happens("over", "x").await;
                stream.read_head().await;
                messages(stream).await;
            }
            assert!(standalone.message().await.is_none());
            assert_eq!(running.mcp.sessions(), 0, "{case}");
            until("quiet", || gauges(&running.mcp) == [0; 4]).await;
            check_over(&acts, &case).await;
        }
    }
    for leaves in [true, false] {
        let (running, acts, seen) = run(LONG).await;
        let mut client = Client::initialized(running.address, V24, json!({"roots": {}})).await;
        for _ in 0..3 {
            client.begin("act/wait", json!({"name": "x"})).await;
            seen.happens("begun", "x").await;
        }
        if leaves {
            drop(client);
        } else {
            running.mcp.close();
            while client.event().await.is_some() {}
        }
        for _ in 0..3 {
            seen.happens("over", "x").await;
        }
        until("quiet", || gauges(&running.mcp) == [0; 4]).await;
        check_over(&acts, "HTTP+SSE").await;
    }
}

// --- concurrent ends

/// PITFALLS R-25: a shutdown may be requested twice, and concurrently with ends of sessions,
/// streams and requests on several threads; nothing is left afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ends_may_come_twice_and_at_once() {
    const SESSIONS: usize = 6;
    for round in 0..40 {
        let (acts, seen) = acts();
        let silence = if round % 2 == 0 { LONG } else { Duration::ZERO };
        let mcp = McpService::builder(acts)
            .timeouts(|timeouts| timeouts.stream_after = silence)
            .build()
            .unwrap();
        let mut ends = JoinSet::new();
        for _ in 0..SESSIONS {
            let opened = direct(
                "POST /mcp",
                POST_HEADERS,
                message(1, "initialize", hello(V11, json!({}))),
            );
            let opened = mcp.call(opened).await;
            let id = opened.headers()["mcp-session-id"].to_str().unwrap();
            let headers = format!("Mcp-Session-Id: {id}\r\n");
            let wait = direct(
                "POST /mcp",
                &format!("{headers}{POST_HEADERS}"),
                message(2, "act/wait", json!({"name": "x"})),
            );
            let service = mcp.clone();
            // Its client reads the whole answer, whatever it is.
            ends.spawn(async move { drop(whole(service.call(wait).await).await) });
            seen.happens("begun", "x").await;
            let stream = mcp
                .call(direct(
                    "GET /mcp",
                    &format!("{headers}Accept: text/event-stream\r\n"),
                    "",
                ))
                .await;
            assert_eq!(stream.status(), 200);
            ends.spawn(async move { drop(stream.into_body().collect().await) });
            let service = mcp.clone();
            ends.spawn(async move {
                let status = service
                    .call(direct("DELETE /mcp", &headers, ""))
                    .await
                    .status();
                assert!([200, 404].contains(&status.as_u16()), "{status}");
            });
            let stream = mcp.call(direct("GET /sse", "", "")).await;
            assert_eq!(stream.status(), 200);
            if round % 3 == 0 {
                ends.spawn(async move { drop(stream) });
            } else {
                ends.spawn(async move { drop(stream.into_body().collect().await) });
            }
        }
        for end in [McpService::drain, McpService::close].repeat(2) {
            let service = mcp.clone();
            ends.spawn(async move { end(&service) });
        }
        soon("all ends", async {
            while let Some(end) = ends.join_next().await {
                end.unwrap();
            }
        })
        .await;
        for _ in 0..SESSIONS {
            seen.happens("over", "x").await;
        }
        until("the end of what was dropped", || gauges(&mcp) == [0; 4]).await;
        mcp.close();
        mcp.drain();
        assert_eq!(gauges(&mcp), [0; 4], "round {round}");
        let (status, _) = whole(mcp.call(direct("GET /sse", "", "")).await).await;
        assert_eq!(status, 503);
    }
}
