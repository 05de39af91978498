//! PITFALLS: a handler of the embedder's own dispatcher gets the whole head of the HTTP
//! request that carried its message, with the extensions that the embedder added.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Response;
use mcp_wire::jsonrpc::{ErrorObject, Json, Notification, Request};
use mcp_wire::sse::Decoder;
use mcp_wire::{BoxFuture, Context, Dispatcher, McpService, ResponseBody};
use serde_json::{Value, json};

use crate::support::direct::{direct, event, whole};
use crate::support::{POST_HEADERS, envelope, hello, message, mirrored};

const V03: &str = "2025-03-26";
const V11: &str = "2025-11-25";

/// What an accept loop knows about a connection and puts into the extensions of its requests.
#[derive(Clone)]
struct Peer(&'static str);

/// Answers with what it knows of the head, `later` after a delay; records it for notifications.
#[derive(Clone, Default)]
struct Heads(Arc<Mutex<Vec<Value>>>);

fn known(cx: &Context) -> Value {
    let head = cx.head();
    let header = cx.headers().get("x-trace").map(|value| value.to_str());
    json!({
        "method": head.method.as_str(),
        "query": head.uri.query(),
        "peer": head.extensions.get::<Peer>().map(|peer| peer.0),
        "trace": header.transpose().unwrap(),
    })
}

impl Dispatcher for Heads {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(async move {
            if request.method() == "later" {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            let mut known = known(&cx);
            if request.method() == "initialize" {
                known["protocolVersion"] = V11.into();
            }
            Ok(Json::try_from(&known).expect("an object"))
        })
    }

    fn notification(&self, cx: Context, _: Notification) -> BoxFuture<()> {
        self.0.lock().unwrap().push(known(&cx));
        Box::pin(std::future::ready(()))
    }
}

/// Sends a request from this peer, with its own header.
async fn send(
    mcp: &McpService,
    line: &str,
    headers: &str,
    body: impl Into<bytes::Bytes>,
    peer: &'static str,
) -> Response<ResponseBody> {
    let headers = format!("{headers}X-Trace: of {peer}\r\n");
    let mut request = direct(line, &headers, body);
    request.extensions_mut().insert(Peer(peer));
    mcp.call(request).await
}

#[track_caller]
fn check(answer: &Value, peer: &str) {
    let known = answer.get("result").unwrap_or(answer);
    assert_eq!(known["peer"], peer, "{answer}");
    assert_eq!(known["trace"], format!("of {peer}"), "{answer}");
    assert_eq!(known["method"], "POST", "{answer}");
}

async fn answer(response: Response<ResponseBody>) -> Value {
    serde_json::from_str(&whole(response).await.1).unwrap()
}

/// Requests, notifications and batches on every transport get the head of their own POST, whichever
/// request opened the session or the stream.
#[tokio::test(start_paused = true)]
async fn a_handler_knows_the_head_of_its_message() {
    let heads = Heads::default();
    let mcp = McpService::builder(heads.clone()).build().unwrap();
    let note = json!({"jsonrpc": "2.0", "method": "notifications/x"}).to_string();

    let stream = send(&mcp, "GET /sse", "", "", "opener").await;
    let (mut stream, mut decoder) = (stream.into_body(), Decoder::new());
    let inbox = event(&mut stream, &mut decoder).await.unwrap().data;
    let line = format!("POST {inbox}");
    let json_type = "Content-Type: application/json\r\n";
    for (method, peer) in [("now", "a"), ("later", "b")] {
        let body = message(1, method, json!({}));
        let accepted = send(&mcp, &line, json_type, body, peer).await;
        assert_eq!(accepted.status(), 202);
        let told = event(&mut stream, &mut decoder).await.unwrap().data;
        let told: Value = serde_json::from_str(&told).unwrap();
        check(&told, peer);
        let query = inbox.split_once('?').unwrap().1;
        assert_eq!(told["result"]["query"], query);
    }
    send(&mcp, &line, json_type, note.clone(), "c").await;
    check(&heads.0.lock().unwrap().pop().unwrap(), "c");

    for version in [V03, V11] {
        let hello = message(1, "initialize", hello(version, json!({})));
        let opened = send(&mcp, "POST /mcp?x=1", POST_HEADERS, hello, "d").await;
        let id = opened.headers()["mcp-session-id"].to_str().unwrap();
        let posts = format!("Mcp-Session-Id: {id}\r\n{POST_HEADERS}");
        let opened = answer(opened).await;
        check(&opened, "d");
        assert_eq!(opened["result"]["query"], "x=1");
        let now = message(2, "now", json!({}));
        check(
            &answer(send(&mcp, "POST /mcp", &posts, now, "e").await).await,
            "e",
        );
        send(&mcp, "POST /mcp", &posts, note.clone(), "f").await;
        check(&heads.0.lock().unwrap().pop().unwrap(), "f");
    }
    let params = json!({"_meta": envelope(json!({}))});
    let modern = mirrored("now", &params);
    let body = message(3, "now", params);
    check(
        &answer(send(&mcp, "POST /mcp", &modern, body, "g").await).await,
        "g",
    );
}

/// Each message of a batch gets the head of their common POST.
#[tokio::test(start_paused = true)]
async fn the_handlers_of_a_batch_know_its_head() {
    struct Old(Heads);
    impl Dispatcher for Old {
        fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
            if request.method() != "initialize" {
                return self.0.request(cx, request);
            }
            let hello = Json::try_from(&json!({"protocolVersion": V03})).expect("an object");
            Box::pin(std::future::ready(Ok(hello)))
        }

        fn notification(&self, cx: Context, notification: Notification) -> BoxFuture<()> {
            self.0.notification(cx, notification)
        }
    }
    let heads = Heads::default();
    let mcp = McpService::builder(Old(heads.clone())).build().unwrap();
    let hello = message(1, "initialize", hello(V03, json!({})));
    let opened = send(&mcp, "POST /mcp", POST_HEADERS, hello, "a").await;
    let id = opened.headers()["mcp-session-id"].to_str().unwrap();
    let headers = format!(
        "Mcp-Session-Id: {id}\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
    );
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "now"},
        {"jsonrpc": "2.0", "id": 2, "method": "later"},
        {"jsonrpc": "2.0", "method": "notifications/x"},
    ]);
    let response = send(&mcp, "POST /mcp", &headers, batch.to_string(), "b").await;
    let answers = answer(response).await;
    assert_eq!(answers.as_array().unwrap().len(), 2);
    for answer in answers.as_array().unwrap() {
        check(answer, "b");
    }
    check(&heads.0.lock().unwrap().pop().unwrap(), "b");
}

/// A handler that runs on without its client keeps the head of its POST, not that of the GET that
/// resumed the stream.
#[tokio::test(start_paused = true)]
async fn a_resumed_handler_knows_the_head_of_its_message() {
    let mcp = McpService::builder(Heads::default()).build().unwrap();
    let hello = message(1, "initialize", hello(V11, json!({})));
    let opened = send(&mcp, "POST /mcp", POST_HEADERS, hello, "a").await;
    let id = opened.headers()["mcp-session-id"].to_str().unwrap();
    let session = format!("Mcp-Session-Id: {id}\r\n");
    let posts = format!("{session}{POST_HEADERS}");
    let later = message(2, "later", json!({}));
    let response = send(&mcp, "POST /mcp", &posts, later, "b").await;
    let mut body = response.into_body();
    let primed = event(&mut body, &mut Decoder::new()).await.unwrap();
    drop(body);
    let resumes = format!(
        "{session}Accept: text/event-stream\r\nLast-Event-ID: {}\r\n",
        primed.id
    );
    let response = send(&mcp, "GET /mcp", &resumes, "", "c").await;
    let mut body = response.into_body();
    let told = event(&mut body, &mut Decoder::new()).await.unwrap();
    check(&serde_json::from_str(&told.data).unwrap(), "b");
}
