//! SPEC, PITFALLS R-8: a panic of the embedder's code, wherever it happens, fails only
//! its own request; the connection, the session and the server go on.

use std::sync::Arc;
use std::time::Duration;

use mcp_wire::{Builder, McpService};
use serde_json::{Value, json};

use crate::support::acts::{Acts, PANICS, acts};
use crate::support::direct::{direct, whole};
use crate::support::probe::Seen;
use crate::support::{
    Client, Kept, POST_HEADERS, Running, Session, Stream, envelope, hello, message, mirrored,
    modern, soon, start, until,
};

const V03: &str = "2025-03-26";
const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";
const STREAMABLE: [&str; 3] = [V03, V06, V11];
const LONG: Duration = Duration::from_secs(3600);

async fn run(set: impl FnOnce(Builder<Acts>) -> Builder<Acts>) -> (Running, Arc<Seen>) {
    let (acts, seen) = acts();
    let mcp = set(McpService::builder(acts)).build().unwrap();
    (start(mcp).await, seen)
}

/// A POST for a connection that is kept.
fn kept_post(headers: &str, body: &str) -> String {
    let len = body.len();
    format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len}\r\n\r\n{body}")
}

/// The body of a modern request without other params, and its header lines.
fn modern_text(method: &str, name: Option<&str>) -> (String, String) {
    let mut params = json!({"_meta": envelope(json!({}))});
    if let Some(name) = name {
        params["name"] = name.into();
    }
    let headers = mirrored(method, &params);
    (headers, message(7, method, params))
}

#[track_caller]
fn check_panicked(answer: &Value) {
    let error = json!({"code": -32603, "message": "internal error"});
    assert_eq!(answer["error"], error, "it tells nothing");
}

/// Each way to panic, on each transport, next to a call that is not affected; the next request is
/// served on the same connection.
#[tokio::test]
async fn a_panic_is_the_answer_of_its_own_request() {
    let (running, seen) =
        run(|builder| builder.timeouts(|timeouts| timeouts.stream_after = LONG)).await;
    let mut sse = Client::open(running.address).await;
    let beside = sse.begin("act/wait", json!({"name": "sse"})).await;
    for act in PANICS {
        check_panicked(&sse.call(act, json!({})).await);
        assert_eq!(sse.result("act/answer", json!({})).await, json!({}));
    }
    seen.allow("sse", 1);
    assert_eq!(sse.answer(beside).await["result"], json!({}));

    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let (_, mut beside) = session.send("act/wait", json!({"name": version})).await;
        seen.happens("begun", version).await;
        let headers = format!("{}{POST_HEADERS}", session.headers());
        let mut kept = Kept::open(&running).await;
        for act in PANICS {
            kept.send(kept_post(&headers, &message(7, act, json!({}))))
                .await;
            let answer = kept.answer().await;
            assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(7)));
            check_panicked(&answer.json());
            kept.send(kept_post(&headers, &message(7, "act/answer", json!({}))))
                .await;
            assert_eq!(kept.answer().await.json()["result"], json!({}), "{act}");
        }
        seen.allow(version, 1);
        beside.read_head().await;
        assert_eq!(beside.json().await["result"], json!({}));
    }

    let mut kept = Kept::open(&running).await;
    for act in PANICS {
        let (headers, body) = modern_text(act, None);
        kept.send(kept_post(&headers, &body)).await;
        let answer = kept.answer().await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(7)));
        check_panicked(&answer.json());
        let (headers, body) = modern_text("act/answer", None);
        kept.send(kept_post(&headers, &body)).await;
        assert!(kept.answer().await.json()["result"].is_object(), "{act}");
    }
}

/// When the answer has become a stream, the error is its last message.
#[tokio::test]
async fn a_panic_ends_the_stream_of_its_own_request() {
    let (running, seen) =
        run(|builder| builder.timeouts(|timeouts| timeouts.stream_after = Duration::ZERO)).await;
    let streams = "Content-Type: application/json\r\nAccept: text/event-stream\r\n";
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        for act in PANICS {
            let headers = format!("{}{streams}", session.headers());
            let body = message(7, act, json!({}));
            let mut stream = Stream::open(running.address, "POST /mcp", &headers, body).await;
            assert!(stream.is_events());
            let messages = stream.messages().await;
            assert_eq!(messages.len(), 1, "{messages:?}");
            assert_eq!(messages[0]["id"], 7);
            check_panicked(&messages[0]);
            assert_eq!(
                session.call("act/answer", json!({})).await["result"],
                json!({})
            );
        }
    }
    let params = json!({"name": "x"});
    let mut stream = modern(running.address, 7, "act/wait/panic", params).await;
    assert!(stream.is_events());
    seen.allow("x", 1);
    let messages = stream.messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    check_panicked(&messages[0]);
}

/// The other requests of a batch go on.
#[tokio::test]
async fn a_panic_in_a_batch_is_one_of_its_answers() {
    let (running, _) = run(|builder| builder).await;
    let session = Session::open(running.address, V03, json!({})).await;
    let mut batch: Vec<Value> = PANICS
        .iter()
        .enumerate()
        .map(|(id, act)| json!({"jsonrpc": "2.0", "id": id, "method": act}))
        .collect();
    batch.push(json!({"jsonrpc": "2.0", "method": "act/panic/at_once"}));
    batch.push(json!({"jsonrpc": "2.0", "id": "good", "method": "act/answer"}));
    let mut stream = session.post(Value::from(batch).to_string()).await;
    let messages = stream.messages().await;
    assert_eq!(messages.len(), PANICS.len() + 1, "{messages:?}");
    for answer in messages {
        match &answer["id"] {
            Value::String(_) => assert_eq!(answer["result"], json!({})),
            _ => check_panicked(&answer),
        }
    }
}

/// A notification has no answer: its POST is accepted, and so is the next one.
#[tokio::test]
async fn a_panic_of_a_notification_is_not_answered() {
    let (running, _) = run(|builder| builder).await;
    let mut sse = Client::open(running.address).await;
    let session = Session::open(running.address, V11, json!({})).await;
    let headers = format!("{}{POST_HEADERS}", session.headers());
    let mut kept = Kept::open(&running).await;
    for act in PANICS {
        sse.notify(act, json!({})).await;
        let body = json!({"jsonrpc": "2.0", "method": act}).to_string();
        kept.send(kept_post(&headers, &body)).await;
        let answer = kept.answer().await;
        assert_eq!((answer.status, &*answer.body), (202, ""), "{act}");
    }
    let id = sse.begin("act/answer", json!({})).await;
    assert_eq!(sse.message().await.unwrap()["id"], id, "and nothing before");
    kept.send(kept_post(&headers, &message(1, "act/answer", json!({}))))
        .await;
    assert_eq!(kept.answer().await.json()["result"], json!({}));
}

/// The embedder's `Drop` runs when a request is cancelled or its session ends. A panic there
/// reaches neither the client that cancelled nor the client that waits.
#[tokio::test]
async fn a_panic_of_a_request_that_is_given_up_ends_nothing_else() {
    for silence in [LONG, Duration::ZERO] {
        let (running, seen) =
            run(|builder| builder.timeouts(|timeouts| timeouts.stream_after = silence)).await;
        for ends_session in [false, true] {
            let session = Session::open(running.address, V06, json!({})).await;
            let headers = format!("{}{POST_HEADERS}", session.headers());
            let mut kept = Kept::open(&running).await;
            let body = message(7, "act/wait/bomb", json!({"name": "x"}));
            kept.send(kept_post(&headers, &body)).await;
            seen.happens("begun", "x").await;
            let is_stream = silence.is_zero();
            if is_stream {
                kept.read_through("\r\n\r\n").await;
            }
            if ends_session {
                assert_eq!(session.delete().await, 200);
            } else {
                let cancel = json!({"requestId": 7});
                assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
            }
            seen.happens("over", "x").await;
            if is_stream {
                // The last chunk.
                kept.read_through("0\r\n\r\n").await;
            } else {
                let answer = kept.answer().await.json();
                assert_eq!(
                    (&answer["id"], &answer["error"]["code"]),
                    (&json!(7), &json!(-32603))
                );
            }
            let (headers, body) = modern_text("act/answer", None);
            kept.send(kept_post(&headers, &body)).await;
            assert_eq!(kept.answer().await.status, 200, "on the same connection");
        }
        let mut sse = Client::open(running.address).await;
        let id = sse.begin("act/wait/bomb", json!({"name": "x"})).await;
        seen.happens("begun", "x").await;
        sse.notify("notifications/cancelled", json!({"requestId": id}))
            .await;
        seen.happens("over", "x").await;
        assert_eq!(sse.result("act/answer", json!({})).await, json!({}));
        sse.begin("act/wait/bomb", json!({"name": "x"})).await;
        seen.happens("begun", "x").await;
        drop(sse);
        seen.happens("over", "x").await;
        until("its end", || running.mcp.sessions() == 1).await;
        running.mcp.close();
        soon("the end", running.stop()).await.unwrap().unwrap();
    }
}

/// When the client of a modern request leaves, dropping its response does not unwind into the
/// connection, which may carry other requests.
#[tokio::test]
async fn a_panic_of_a_modern_request_that_is_left_stays_where_it_is() {
    for silence in [LONG, Duration::ZERO] {
        let (acts, seen) = acts();
        let mcp = McpService::builder(acts)
            .timeouts(|timeouts| timeouts.stream_after = silence)
            .build()
            .unwrap();
        let (headers, body) = modern_text("act/wait/bomb", Some("x"));
        let mut call = Box::pin(mcp.call(direct("POST /mcp", &headers, body)));
        if silence == LONG {
            // Polled once, then dropped while it waits.
            let polled = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(call.as_mut().poll(cx).is_ready())
            });
            assert!(!polled.await);
            drop(call);
        } else {
            let response = call.await;
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            drop(response);
        }
        seen.happens("over", "x").await;
        let (headers, body) = modern_text("act/answer", None);
        let (status, _) = whole(mcp.call(direct("POST /mcp", &headers, body)).await).await;
        assert_eq!(status, 200);
    }
}

/// An `initialize` that panics opens no session, and the next one can.
#[tokio::test]
async fn a_panic_of_an_initialize_opens_nothing() {
    struct Once(std::sync::atomic::AtomicBool, Acts);
    impl mcp_wire::Dispatcher for Once {
        fn request(
            &self,
            cx: mcp_wire::Context,
            request: mcp_wire::jsonrpc::Request,
        ) -> mcp_wire::BoxFuture<Result<mcp_wire::jsonrpc::Json, mcp_wire::jsonrpc::ErrorObject>>
        {
            let panics = !self.0.swap(true, std::sync::atomic::Ordering::SeqCst);
            assert!(!panics, "a secret");
            self.1.request(cx, request)
        }
    }
    let acts = Once(false.into(), acts().0);
    let mcp = McpService::builder(acts).build().unwrap();
    let initialize = || {
        let body = message(1, "initialize", hello(V11, json!({})));
        direct("POST /mcp", POST_HEADERS, body)
    };
    let response = mcp.call(initialize()).await;
    assert_eq!(response.headers().get("mcp-session-id"), None);
    let (_, body) = whole(response).await;
    check_panicked(&serde_json::from_str(&body).unwrap());
    assert_eq!(mcp.sessions(), 0);
    assert_eq!(mcp.call(initialize()).await.status(), 200);
    assert_eq!(mcp.sessions(), 1);
}
