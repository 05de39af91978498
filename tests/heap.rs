//! What remains on the heap, and its peak (PITFALLS R-3, R-5, R-44), in bytes, which are the same
//! on every machine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "shared with `it`, which uses the rest")]
#[path = "it/support/mod.rs"]
mod support;
#[path = "heap/tasks.rs"]
mod tasks;

use support::knock as handshake;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request as HttpRequest;
use hyper::body::{Body, Frame};
use hyper::header::HeaderValue;
use mcp_wire::jsonrpc::{self, ErrorObject, Id, Json, MessageLimits, Request};
use mcp_wire::server::{Arguments, Call, Resource, Server, Tool};
#[cfg(not(feature = "validation"))]
use mcp_wire::server::{HandlerError, Text};
use mcp_wire::{BoxFuture, Context, Dispatcher, McpService};
use serde_json::{Value, json};

use support::direct::{direct, whole};
use support::probe::probe;
use support::{POST_HEADERS, envelope, hello, message, mirrored};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const MIB: usize = 1024 * 1024;
/// What the test runner and the runtime may allocate meanwhile.
const NOISE: usize = 64 * 1024;
const V11: &str = "2025-11-25";

/// A test that runs alone.
struct Alone(#[expect(dead_code, reason = "held for its Drop")] MutexGuard<'static, ()>);

impl Alone {
    fn begin() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        Self(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts to count.
    fn count(&self) -> Counting {
        let profiler = dhat::Profiler::builder().testing();
        Counting(profiler.trim_backtraces(Some(1)).build())
    }
}

struct Counting(dhat::Profiler);

impl Counting {
    fn live(&self) -> usize {
        dhat::HeapStats::get().curr_bytes
    }

    fn peak(&self) -> usize {
        dhat::HeapStats::get().max_bytes
    }
}

async fn open_session(mcp: &McpService) -> String {
    let body = message(1, "initialize", hello(V11, json!({})));
    let response = mcp.call(direct("POST /mcp", POST_HEADERS, body)).await;
    let id = response.headers()["mcp-session-id"].to_str().unwrap();
    format!("Mcp-Session-Id: {id}\r\n")
}

/// PITFALLS R-3: refused requests leave nothing, whatever the reason.
#[tokio::test(start_paused = true)]
async fn refused_requests_leave_nothing() {
    let alone = Alone::begin();
    const TIMES: usize = 100_000;
    let mcp = McpService::builder(probe().0);
    let mcp = mcp
        .limits(|limits| {
            limits.sessions = 1;
            limits.body = 1000;
        })
        .build()
        .unwrap();
    let session = open_session(&mcp).await;
    // So that the refused ones do not evict it.
    let accept = format!("{session}Accept: text/event-stream\r\n");
    let _stream = mcp.call(direct("GET /mcp", &accept, "")).await;
    let in_session = format!("{session}{POST_HEADERS}");
    let unknown = format!("Mcp-Session-Id: {}\r\n{POST_HEADERS}", "0".repeat(32));
    let stranger = format!("Origin: http://evil.example\r\n{POST_HEADERS}");
    let modern = mirrored("none", &json!({}));
    let ping = message(1, "ping", json!({}));
    let initialize = message(1, "initialize", hello(V11, json!({})));
    let none = message(1, "none", json!({"_meta": envelope(json!({}))}));
    let long = " ".repeat(1001);
    let nowhere = format!("POST /messages/?session_id={}", "0".repeat(32));
    let json_type = "Content-Type: application/json\r\n";
    let refused = [
        ("GET /mcp", "", "", 400),
        ("GET /mcp", "Accept: application/json\r\n", "", 406),
        ("GET /sse", "Accept: application/json\r\n", "", 406),
        ("GET /sse", "", "", 503),
        ("PUT /mcp", "", "", 405),
        ("GET /none", "", "", 404),
        ("POST /mcp", "Content-Type: text/plain\r\n", &*ping, 415),
        ("POST /mcp", &stranger, &ping, 403),
        ("POST /mcp", &unknown, &ping, 404),
        ("POST /mcp", POST_HEADERS, &ping, 400),
        ("POST /mcp", POST_HEADERS, &initialize, 503),
        ("POST /mcp", &in_session, "{", 400),
        ("POST /mcp", &in_session, &long, 413),
        ("POST /mcp", &modern, &none, 404),
        (&nowhere, json_type, &ping, 404),
        ("POST /messages/", json_type, &ping, 400),
    ];
    let refuse = async |times: usize| {
        for (line, headers, body, status) in refused.iter().cycle().take(times) {
            let request = direct(line, headers, (*body).to_owned());
            let response = mcp.call(request).await;
            assert_eq!(response.status(), *status, "{line} {body}");
        }
    };
    refuse(refused.len()).await;
    let counting = alone.count();
    refuse(TIMES).await;
    let left = counting.live();
    assert!(left < NOISE, "{left} bytes are left of {TIMES} requests");
    assert_eq!(mcp.sessions(), 1);
}

/// Answers `keep` with a MiB on its stream and keeps its context, `give` with a MiB, and anything
/// else with nothing.
#[derive(Clone, Default)]
struct Large(Arc<Mutex<Vec<Context>>>);

impl Dispatcher for Large {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let answer = match request.method() {
            "initialize" => Json::try_from(&json!({"protocolVersion": V11})).expect("an object"),
            "give" => long_json(),
            "keep" => {
                cx.notify("n", Some(&long_json())).unwrap();
                self.0.lock().unwrap().push(cx);
                Json::empty()
            }
            _ => Json::empty(),
        };
        Box::pin(std::future::ready(Ok(answer)))
    }
}

fn long_json() -> Json {
    let mut text = Vec::with_capacity(MIB);
    text.extend_from_slice(br#"{"text":""#);
    text.resize(MIB - 2, b'x');
    text.extend_from_slice(br#""}"#);
    Json::parse(text).unwrap()
}

/// PITFALLS R-5: what a session kept for its client is freed with it, although handlers may still
/// hold their contexts.
#[tokio::test(start_paused = true)]
async fn an_ended_session_keeps_no_events() {
    let alone = Alone::begin();
    let large = Large::default();
    let mcp = McpService::builder(large.clone());
    let mcp = mcp.limits(|limits| {
        limits.replay.bytes = 64 * MIB;
        limits.replay.events = 1000;
        limits.replay.age = Duration::from_secs(60);
    });
    let mcp = mcp
        .limits(|limits| {
            limits.queue.bytes = 64 * MIB;
            limits.queue.events = 1000;
        })
        .build()
        .unwrap();
    let session = open_session(&mcp).await;
    let headers = format!("{session}{POST_HEADERS}");
    let counting = alone.count();
    for id in 0..8 {
        let keep = direct("POST /mcp", &headers, message(id, "keep", json!({})));
        drop(mcp.call(keep).await);
    }
    assert!(counting.live() > 8 * MIB, "{}", counting.live());
    let deleted = mcp.call(direct("DELETE /mcp", &session, "")).await;
    assert_eq!(deleted.status(), 200);
    assert_eq!(large.0.lock().unwrap().len(), 8, "they are still held");
    assert!(counting.live() < NOISE, "{}", counting.live());
}

/// Answers no request but `initialize`, and keeps the context of each.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<Vec<Context>>>);

impl Dispatcher for Waiting {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        if request.method() == "initialize" {
            let result = Json::try_from(&json!({"protocolVersion": V11})).expect("an object");
            return Box::pin(std::future::ready(Ok(result)));
        }
        self.0.lock().unwrap().push(cx);
        Box::pin(std::future::pending())
    }
}

/// FIELD X-7: notifications of a call whose client has left are not queued, whether the client left
/// before or after the first event, and whatever form it accepts. A resumable stream keeps them up
/// to the limit of the replay buffer.
#[tokio::test(start_paused = true)]
async fn notifications_after_the_client_left_are_not_queued() {
    let alone = Alone::begin();
    let json_only = "Content-Type: application/json\r\nAccept: application/json\r\n";
    let envelope = envelope(json!({}));
    let in_2026 = mirrored("wait", &json!({}));
    let json_in_2026 = in_2026.replace(", text/event-stream", "");
    for (name, has_sessions, headers, meta, begins) in [
        ("a session", true, POST_HEADERS, json!({}), true),
        ("a session, JSON alone", true, json_only, json!({}), false),
        ("no session", false, POST_HEADERS, json!({}), true),
        ("no session, JSON alone", false, json_only, json!({}), false),
        ("2026-07-28", false, &*in_2026, envelope.clone(), true),
        (
            "2026-07-28, JSON alone",
            false,
            &*json_in_2026,
            envelope,
            false,
        ),
    ] {
        for leaves_late in [false, true] {
            if leaves_late && !begins {
                continue;
            }
            let waiting = Waiting::default();
            let mcp = McpService::builder(waiting.clone());
            let mcp = mcp.limits(|limits| {
                limits.replay.bytes = 1024;
                limits.replay.events = 8;
                limits.replay.age = Duration::from_secs(60);
            });
            let (mcp, session) = if has_sessions {
                let mcp = mcp.build().unwrap();
                let session = open_session(&mcp).await;
                (mcp, session)
            } else {
                (mcp.without_sessions().build().unwrap(), String::new())
            };
            let headers = format!("{session}{headers}");
            let counting = alone.count();
            for id in 0..2 {
                let body = message(id, "wait", json!({"_meta": meta}));
                let mut call = Box::pin(mcp.call(direct("POST /mcp", &headers, body)));
                if leaves_late {
                    assert_eq!(call.as_mut().await.status(), 200, "{name}");
                } else {
                    let polled = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
                    assert!(polled.is_pending(), "{name}");
                }
            }
            let contexts = waiting.0.lock().unwrap();
            assert_eq!(contexts.len(), 2);
            let note = json!({"text": "x".repeat(64 * 1024)});
            let note = Json::try_from(&note).expect("an object");
            for _ in 0..8 {
                for cx in &*contexts {
                    let _ = cx.notify("n", Some(&note));
                }
            }
            drop(note);
            let left = counting.live();
            assert!(
                left < 2 * NOISE,
                "{left} bytes, {name}, late: {leaves_late}"
            );
            assert_eq!(mcp.snapshot().queued_bytes, 0);
        }
    }
}

/// A request whose header values share one buffer of a MiB, as hyper may have read them.
fn with_large_head(mut request: HttpRequest<Full<Bytes>>) -> HttpRequest<Full<Bytes>> {
    let text: String = request
        .headers()
        .values()
        .map(|v| v.to_str().unwrap())
        .collect();
    let mut buffer = Vec::with_capacity(MIB);
    buffer.extend_from_slice(text.as_bytes());
    buffer.resize(MIB, b'x');
    let buffer = Bytes::from(buffer);
    let mut at = 0;
    for value in request.headers_mut().values_mut() {
        let slice = buffer.slice(at..at + value.len());
        at += value.len();
        *value = HeaderValue::from_maybe_shared(slice).unwrap();
    }
    let long = HeaderValue::from_maybe_shared(buffer.slice(at..at + 60_000)).unwrap();
    request.headers_mut().insert("x-long", long);
    request
}

/// FIELD X-3: a waiting call keeps its params, and a listening request less; neither keeps its body
/// or the buffer of its head.
#[tokio::test(start_paused = true)]
async fn what_waits_keeps_no_body_and_no_buffer() {
    const TIMES: usize = 4;
    let alone = Alone::begin();
    let (server, seen) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let session = open_session(&mcp).await;
    let in_session = format!("{session}{POST_HEADERS}");
    let call = json!({"name": "wait", "arguments": {"tag": "t"}});
    let listen = json!({"notifications": {"toolsListChanged": true}});
    for (method, params, is_modern, of_head) in [
        ("tools/call", &call, false, 60_000),
        ("tools/call", &call, true, 60_000),
        ("subscriptions/listen", &listen, true, 0),
    ] {
        for (is_long_head, padding) in [(false, MIB), (true, 0)] {
            let mut params = params.clone();
            if is_modern {
                params["_meta"] = envelope(json!({}));
            }
            let headers = match is_modern {
                true => mirrored(method, &params),
                false => in_session.clone(),
            };
            let mut waiting = Vec::with_capacity(TIMES);
            let counting = alone.count();
            for id in 0..TIMES {
                params["padding"] = "x".repeat(padding).into();
                let body = message(id, method, params.clone());
                params["padding"] = json!(null);
                let mut request = direct("POST /mcp", &headers, body.into_bytes());
                if is_long_head {
                    request = with_large_head(request);
                }
                let response = mcp.call(request).await;
                assert_eq!(response.headers()["content-type"], "text/event-stream");
                waiting.push(response);
            }
            let kept = if is_long_head { of_head } else { 0 } + NOISE / TIMES;
            let left = counting.live();
            let what = format!("{method}, modern: {is_modern}, head: {is_long_head}");
            assert!(left < TIMES * kept, "{left} bytes of {what}");
            if method == "tools/call" {
                seen.allow("t", TIMES);
            }
            for response in waiting.drain(..).filter(|_| method == "tools/call") {
                let (_, text) = whole(response).await;
                assert!(text.contains("waited t"), "{text}");
            }
        }
    }
}

/// FIELD X-3: the arguments belong to the handler: in a session nothing else keeps them while it
/// runs.
#[tokio::test(start_paused = true)]
async fn arguments_that_a_handler_drops_are_gone() {
    let alone = Alone::begin();
    let waits = async |_: Call, arguments: Arguments| {
        drop(arguments);
        std::future::pending::<String>().await
    };
    let server =
        Server::new("Heap", "1").tool(Tool::new("wait").input(json!({"type": "object"})), waits);
    let mcp = McpService::builder(server).build().unwrap();
    let session = open_session(&mcp).await;
    let headers = format!("{session}{POST_HEADERS}");
    let text = "x".repeat(MIB / 2);
    for padding in ["", &"p".repeat(6000)] {
        let params = json!({
            "name": "wait", "arguments": {"text": text}, "padding": padding,
        });
        let body = message(padding.len(), "tools/call", params);
        let counting = alone.count();
        let response = mcp
            .call(direct("POST /mcp", &headers, body.into_bytes()))
            .await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let left = counting.live();
        assert!(
            left < NOISE,
            "{left} bytes beside {} of padding",
            padding.len()
        );
        drop(response);
    }
}

/// A body that is made while it is read, in pieces like those of a connection.
struct Pieces(VecDeque<u8>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let len = self.0.len().min(16 * 1024);
        let piece: Vec<u8> = self.0.drain(..len).collect();
        Poll::Ready((len > 0).then(|| Ok(Frame::data(piece.into()))))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.0.len() as u64)
    }
}

/// A body that is shorter than its declared length.
struct Promised {
    pieces: VecDeque<Bytes>,
    declared: u64,
}

impl Body for Promised {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.declared)
    }
}

/// PITFALLS R-44, FIELD X-13: the server allocates for what clients send, not for what they
/// declare, however many they are.
#[tokio::test(start_paused = true)]
async fn a_declared_length_is_not_allocated_before_it_arrives() {
    const SENT: usize = 100_000;
    let alone = Alone::begin();
    let mcp = McpService::builder(Large::default()).build().unwrap();
    let counting = alone.count();
    let waiting = (0..20).map(|_| {
        let (head, _) = direct("POST /mcp", POST_HEADERS, "").into_parts();
        let body = Promised {
            pieces: [Bytes::from_static(&[b' '; SENT])].into(),
            declared: 4 * MIB as u64,
        };
        let mcp = mcp.clone();
        tokio::spawn(async move { mcp.call(HttpRequest::from_parts(head, body)).await.status() })
    });
    let waiting: Vec<_> = waiting.collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let live = counting.live();
    assert!(live > waiting.len() * SENT, "{live}");
    assert!(live < waiting.len() * 3 * SENT + 2 * NOISE, "{live}");
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), 408);
    }
    assert!(counting.live() < NOISE, "{}", counting.live());
}

/// FIELD X-13: a text from the request is sent on without a copy, and so is the handler's own text,
/// unless it needs escapes.
// Validation needs a tree of the arguments.
#[cfg(not(feature = "validation"))]
#[tokio::test(start_paused = true)]
async fn a_long_text_is_not_copied_on_its_way_out() {
    let alone = Alone::begin();
    let schema = || Tool::new("x").input(json!({"type": "object"}));
    let server = |handler: fn(&Arguments) -> Result<Text, HandlerError>| {
        let server = Server::new("Large", "1").tool(schema(), move |_: Call, args: Arguments| {
            std::future::ready(handler(&args))
        });
        McpService::builder(server).build().unwrap()
    };
    let given = server(|args| args.text("text"));
    let own = server(|args| Ok(args.str("text")?.to_owned().into()));
    let lines = server(|args| Ok(args.str("text")?.replace('x', "\n").into()));
    for (mcp, copies) in [(given, 0), (own, 1), (lines, 3)] {
        let params = json!({
            "name": "x",
            "arguments": {"text": "x".repeat(MIB)},
            "_meta": envelope(json!({})),
        });
        let headers = mirrored("tools/call", &params);
        let request = direct("POST /mcp", &headers, message(1, "tools/call", params));
        let counting = alone.count();
        let response = mcp.call(request).await;
        assert_eq!(response.status(), 200);
        let peak = counting.peak();
        assert!(peak < copies * MIB + NOISE, "{peak} for {copies}");
        drop(response);
    }
}

/// PITFALLS R-44: there are never more than two copies of a long request or answer at a time, one
/// of them the client's or the handler's own.
#[tokio::test(start_paused = true)]
async fn a_long_message_has_at_most_two_copies() {
    let alone = Alone::begin();
    let mcp = McpService::builder(Large::default()).build().unwrap();
    let session = open_session(&mcp).await;
    let streams = "Content-Type: application/json\r\nAccept: text/event-stream\r\n";
    let envelope = envelope(json!({}));
    for (headers, meta) in [
        (format!("{session}{POST_HEADERS}"), json!({})),
        (format!("{session}{streams}"), json!({})),
        (mirrored("take", &json!({})), envelope.clone()),
    ] {
        let text = "x".repeat(MIB);
        let body = message(1, "take", json!({"_meta": meta, "text": text}));
        drop(text);
        let body = Pieces(body.into_bytes().into());
        let (head, _) = direct("POST /mcp", &headers, "").into_parts();
        let counting = alone.count();
        let (status, _) = whole(mcp.call(HttpRequest::from_parts(head, body)).await).await;
        assert_eq!(status, 200);
        // The client's copy existed before the count began.
        let peak = counting.peak();
        assert!(peak < MIB + 2 * NOISE, "{peak}");
    }
    for (headers, meta) in [
        (format!("{session}{POST_HEADERS}"), json!({})),
        (format!("{session}{streams}"), json!({})),
        (mirrored("give", &json!({})), envelope),
    ] {
        let body = message(1, "give", json!({"_meta": meta}));
        let request = direct("POST /mcp", &headers, body);
        let counting = alone.count();
        let response = mcp.call(request).await;
        assert_eq!(response.status(), 200);
        let peak = counting.peak();
        assert!(peak < 2 * MIB + NOISE, "{peak} {headers}");
        drop(response);
    }
}

/// Elements of an array that are short as text and large as a tree, this many bytes of them.
fn dear(piece: &str, bytes: usize) -> String {
    let mut text = piece.repeat(bytes / piece.len());
    text.truncate(text.trim_end_matches(',').len());
    text
}

/// FIELD X-1, X-2, X-4: what a request leaves behind and what it takes while it is answered are
/// bounded, whatever its text looks like. The bench `retained` measures many more.
#[tokio::test(start_paused = true)]
async fn what_a_request_leaves_is_bounded_whatever_its_text_looks_like() {
    let alone = Alone::begin();
    // The limits of capabilities and of a filter, each with the rest of a session or a listener.
    const SESSION: usize = 8 * 1024 + 2 * 1024;
    const LISTENER: usize = 64 * 1024 + 6 * 1024;
    const TREE: usize = 32 * MIB;
    let deep = format!("{}{{}}{},", "{\"\":".repeat(50), "}".repeat(50));
    let pieces = ["0,", "1e1,", "\"\",", "{},", "{\"\":0},", "\"\\n\",", &deep];
    let modern = |method| mirrored(method, &json!({}));
    for piece in pieces {
        let meta = envelope(json!({}));
        let small = dear(piece, 60_000);
        let hello = format!(
            r#"{{"protocolVersion":"{V11}","capabilities":{{"experimental":{{"x":[{small}]}}}},"clientInfo":{{"name":"c","version":"1"}}}}"#
        );
        let filter = format!(
            r#"{{"notifications":{{"resourceSubscriptions":[{}]}},"_meta":{meta}}}"#,
            dear(piece, MIB)
        );
        let cursor = format!(r#"{{"cursor":[{}],"_meta":{meta}}}"#, dear(piece, MIB));
        for (method, headers, params, limit) in [
            ("initialize", POST_HEADERS, hello, SESSION),
            (
                "subscriptions/listen",
                &modern("subscriptions/listen"),
                filter,
                LISTENER,
            ),
            ("tools/list", &modern("tools/list"), cursor, 0),
        ] {
            let mcp = McpService::builder(Server::new("Heap", "1"))
                .build()
                .unwrap();
            // What is allocated once does not belong to a request.
            drop(open_session(&mcp).await);
            let body =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            let sent = body.len();
            let text = Bytes::from(body);
            let counting = alone.count();
            let response = mcp.call(direct("POST /mcp", headers, text.clone())).await;
            let (left, peak) = (counting.live(), counting.peak());
            let what = format!("{method}, {} of {piece:.20}", response.status());
            assert!(left < 2 * limit + NOISE, "{what}: {left} bytes are left");
            assert!(peak < 3 * sent + TREE, "{what}: {peak} bytes at the peak");
        }
    }
}

/// What serde_json keeps for a text, in bytes of heap.
fn kept_of(counting: &Counting, text: &str) -> usize {
    let before = counting.live();
    let tree: Value = serde_json::from_str(text).unwrap();
    let kept = counting.live() - before;
    drop(tree);
    kept
}

/// Names in an order that leaves nodes of a B-tree as empty as insertion can: each node of eleven
/// is split in its middle, and only the right half grows.
fn sparse_names(len: u64) -> Vec<u64> {
    let mut names: Vec<u64> = (0..11).map(|n| n * 1000).collect();
    let mut last = names.clone();
    while names.len() < len as usize {
        let middle = (last[5] + last[6]) / 2;
        names.push(middle);
        last.splice(..6, [middle]);
        while last.len() < 11 {
            let next = last[last.len() - 1] + 1000;
            last.push(next);
            names.push(next);
        }
    }
    names
}

fn object_of(names: impl IntoIterator<Item = u64>) -> String {
    let members: Vec<_> = names.into_iter().map(|n| format!("\"{n:09}\":0")).collect();
    format!("{{{}}}", members.join(","))
}

/// How many times its price a tree takes where maps keep the order of their members, which the feature `schemars`
/// turns on.
const ORDERED: usize = if cfg!(feature = "schemars") { 3 } else { 1 };

/// FIELD X-4: the parser's estimate for a tree is never below what the tree takes, and not far
/// above it for values of real messages.
#[test]
fn the_price_of_a_tree_is_never_below_what_it_keeps() {
    let alone = Alone::begin();
    let counting = alone.count();
    let list = |part: &str, len: usize| {
        let parts = vec![part; len];
        format!("[{}]", parts.join(","))
    };
    let mut values = vec![
        "{}".to_owned(),
        format!("{}{}", "[".repeat(60), "]".repeat(60)),
        format!("{}0{}", "[".repeat(60), "]".repeat(60)),
        format!("{}0{}", r#"{"":"#.repeat(60), "}".repeat(60)),
        format!("\"{}\"", "x".repeat(1000)),
        format!("\"{}\"", r"\u00e9".repeat(1000)),
        format!("{{\"{}\":0}}", r"\ud83e\udd80".repeat(100)),
        list("-0.123e5", 100_000),
    ];
    for part in [
        "0",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[0]",
        "[\"\"]",
        r#"{"":0}"#,
        r#"{"a":[{}]}"#,
    ] {
        let lens = (1..70).chain([127, 128, 129, 1000, 4096, 4097]);
        values.extend(lens.map(|len| list(part, len)));
    }
    for len in (1..90).chain([500, 1000, 5000]) {
        values.push(object_of(0..len));
        values.push(object_of((0..len).rev()));
        values.push(object_of((0..len).map(|n| n * 7919 % 10_007)));
        values.push(object_of(sparse_names(len)));
    }
    for value in values {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"x":{value}}}}}"#);
        let kept = kept_of(&counting, &body);
        let body = Bytes::from(body);
        let parsed = |tree: usize| {
            let mut limits = MessageLimits::default();
            limits.tree = tree;
            limits.members = 10_000;
            jsonrpc::parse(&body, &limits)
        };
        let beginning = &body[..body.len().min(100)];
        let beginning = String::from_utf8_lossy(beginning);
        assert!(
            parsed(kept / ORDERED - 1).is_err(),
            "{kept} bytes: {beginning}"
        );
        // Empty and short texts take fewer or smaller heap blocks than the estimate.
        assert!(parsed(4 * kept).is_ok(), "{kept} bytes: {beginning}");
    }
}

/// FIELD X-5: a limited number of names is kept, each once, and none after a duplicate.
#[test]
fn names_take_no_more_than_the_body() {
    let alone = Alone::begin();
    let dear: Vec<(String, usize)> = vec![
        (r#""\na":0,"#.repeat(500_000), 4 * NOISE),
        (
            (0..400_000).map(|n| format!("\"\\n{n}\":0,")).collect(),
            4 * NOISE,
        ),
        (
            (0..900)
                .map(|n| format!("\"\\n{n}{}\":0,", "x".repeat(4000)))
                .collect(),
            4 * MIB,
        ),
    ];
    for (names, most) in dear {
        for body in [
            format!(r#"{{{names}"jsonrpc":"2.0","id":1,"method":"m"}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{{names}"x":0}}}}"#),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"_meta":{{{names}"x":0}}}}}}"#
            ),
        ] {
            let body = Bytes::from(body);
            let counting = alone.count();
            let _ = jsonrpc::parse(&body, &MessageLimits::default());
            assert!(
                counting.peak() < most,
                "{} of {}",
                counting.peak(),
                body.len()
            );
        }
    }
}

/// Keeps the id of each request, and nothing else of it.
#[derive(Clone, Default)]
struct KeepsIds(Arc<Mutex<Vec<Id>>>);

impl Dispatcher for KeepsIds {
    fn request(&self, _: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        self.0.lock().unwrap().push(request.id());
        Box::pin(std::future::ready(Ok(Json::empty())))
    }
}

/// FIELD X-3: a kept id does not keep its message.
#[tokio::test(start_paused = true)]
async fn a_kept_id_keeps_no_body() {
    let alone = Alone::begin();
    let keeps = KeepsIds::default();
    let mcp = McpService::builder(keeps.clone()).build().unwrap();
    let headers = mirrored("take", &json!({}));
    let params = json!({"_meta": envelope(json!({})), "text": "x".repeat(MIB)});
    let bodies = [
        json!(1),
        "5a3c7a0e-8f6b-4a55-9c43-0d6c5e1a2b3f".into(),
        "i".repeat(250).into(),
    ];
    let bodies = bodies.map(|id| message(id, "take", params.clone()));
    let counting = alone.count();
    for body in bodies {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = mcp.call(direct("POST /mcp", &headers, body)).await;
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(keeps.0.lock().unwrap().len(), 3);
    assert!(counting.live() < NOISE, "{}", counting.live());
}

/// FIELD X-1: a session keeps declared capabilities as text, however large their tree would be.
#[tokio::test(start_paused = true)]
async fn sessions_keep_capabilities_as_text() {
    const SESSIONS: usize = 100;
    let alone = Alone::begin();
    let mcp = McpService::builder(probe().0).build().unwrap();
    let deep = format!("{}1{}", r#"{"":"#.repeat(50), "}".repeat(50));
    let few = |part: &str, len: usize| {
        let parts = vec![part; len];
        format!(r#"{{"experimental":{{"x":[{}]}}}}"#, parts.join(","))
    };
    open_session(&mcp).await;
    for capabilities in [few(r#"{"":{"":1}}"#, 600), few(&deep, 25), few("{}", 2600)] {
        let capabilities: Value = serde_json::from_str(&capabilities).unwrap();
        let body = message(1, "initialize", hello(V11, capabilities));
        let counting = alone.count();
        for _ in 0..SESSIONS {
            let answer = mcp
                .call(direct("POST /mcp", POST_HEADERS, body.clone()))
                .await;
            assert!(answer.headers().contains_key("mcp-session-id"));
        }
        let each = counting.live() / SESSIONS;
        assert!(each < 10 * 1024, "{each} bytes for each session");
    }
    let long = few("{}", 3000);
    let long: Value = serde_json::from_str(&long).unwrap();
    let body = message(1, "initialize", hello(V11, long));
    let counting = alone.count();
    for _ in 0..SESSIONS {
        let answer = mcp
            .call(direct("POST /mcp", POST_HEADERS, body.clone()))
            .await;
        assert!(!answer.headers().contains_key("mcp-session-id"));
    }
    assert!(counting.live() < NOISE, "{}", counting.live());
}

/// FIELD X-2: what a listener keeps of its filter is bounded, with the overhead of each URI; on a
/// server without resources nothing is kept.
#[tokio::test(start_paused = true)]
async fn listeners_keep_a_bounded_filter() {
    const LISTENERS: usize = 40;
    let alone = Alone::begin();
    let plain = || Server::new("Ears", "1").tool(Tool::new("t"), async |_, _| "");
    let known = || {
        let resource = Resource::new("a://b", "b");
        plain().resource(resource, async |_, _| "").subscriptions()
    };
    let distinct: Vec<String> = (0..800).map(|n| format!("a://{n:08}")).collect();
    for (server, uris) in [
        (plain(), vec![String::new(); 20_000]),
        (plain(), distinct.clone()),
        (known(), vec!["a://b".to_owned(); 8000]),
        (known(), distinct),
    ] {
        let mcp = McpService::builder(server).build().unwrap();
        let params = json!({
            "notifications": {"resourceSubscriptions": uris}, "_meta": envelope(json!({})),
        });
        let headers = mirrored("subscriptions/listen", &params);
        let body = Bytes::from(message(1, "subscriptions/listen", params));
        let counting = alone.count();
        let mut open = Vec::new();
        for _ in 0..LISTENERS {
            // The body's bytes are shared, so that only what is kept of them counts.
            let answer = mcp.call(direct("POST /mcp", &headers, body.clone())).await;
            assert_eq!(answer.status(), 200);
            open.push(answer);
        }
        assert_eq!(mcp.listen_streams(), LISTENERS);
        let each = counting.live() / LISTENERS;
        assert!(each < 8 * 1024, "{each} bytes for each listener");
    }
}

/// FIELD X-4: a list reads its cursor from the text, and builds no tree.
#[tokio::test(start_paused = true)]
async fn a_long_cursor_is_refused_from_its_text() {
    let alone = Alone::begin();
    let server = Server::new("Lists", "1").tool(Tool::new("t"), async |_, _| "");
    let mcp = McpService::builder(server).build().unwrap();
    let numbers = format!("[{}1e1]", "1234567.5,".repeat(350_000));
    let meta = envelope(json!({}));
    for (method, member) in [
        ("tools/list", "cursor"),
        ("subscriptions/listen", "notifications"),
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"{member}":{numbers},"_meta":{meta}}}}}"#
        );
        let headers = mirrored(method, &json!({}));
        let request = direct("POST /mcp", &headers, body);
        let counting = alone.count();
        let (status, answer) = whole(mcp.call(request).await).await;
        assert!(
            status == 200 && answer.contains("-32602"),
            "{status} {answer}"
        );
        assert!(counting.peak() < 2 * NOISE, "{}", counting.peak());
    }
}

/// FIELD X-4: a tree is built at most once, and takes no more than the tree limit plus three times
/// the body, with or without an exponent.
// Validation needs a tree of the arguments.
#[cfg(not(feature = "validation"))]
#[tokio::test(start_paused = true)]
async fn arguments_take_one_tree_within_its_limit() {
    let alone = Alone::begin();
    let count = async |_, arguments: Arguments| {
        let list = arguments.value("list").and_then(Value::as_array);
        list.map_or(0, Vec::len).to_string()
    };
    let server =
        Server::new("Counts", "1").tool(Tool::new("count").input(json!({"type": "object"})), count);
    let mcp = McpService::builder(server).build().unwrap();
    let meta = envelope(json!({}));
    for (part, len) in [
        ("0,", 450_000),
        ("-0.0123456,", 350_000),
        (r#"{"":1},"#, 42_000),
        ("1e1,", 450_000),
        (r#""text","#, 300_000),
    ] {
        let list = part.repeat(len);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"count","arguments":{{"list":[{list}0]}},"_meta":{meta}}}}}"#
        );
        let most = 3 * body.len() + MessageLimits::MAX_TREE;
        let headers = mirrored("tools/call", &json!({"name": "count"}));
        let request = direct("POST /mcp", &headers, body);
        let counting = alone.count();
        let (status, answer) = whole(mcp.call(request).await).await;
        assert_eq!(status, 200, "{part}");
        assert!(answer.contains(&(len + 1).to_string()), "{part}: {answer}");
        assert!(counting.peak() < most, "{part}: {}", counting.peak());
    }
}
