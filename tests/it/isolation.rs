//! One client does not affect another: PITFALLS R-15, R-16, R-18, R-39, R-68.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::Response;
use mcp_wire::sse::Decoder;
use mcp_wire::{McpService, ResponseBody};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::direct::{direct, event, whole};
use crate::support::probe::{call, probe, probe_with};
use crate::support::{
    Client, POST_HEADERS, Session, envelope, hello, message, mirrored, request, text_of,
};

const V03: &str = "2025-03-26";
const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";
const JSON: &str = "Content-Type: application/json\r\n";

async fn open_session(mcp: &McpService) -> String {
    let body = message(1, "initialize", hello(V11, json!({})));
    let response = mcp.call(direct("POST /mcp", POST_HEADERS, body)).await;
    let id = response.headers()["mcp-session-id"].to_str().unwrap();
    format!("Mcp-Session-Id: {id}\r\n")
}

/// The stream of a new HTTP+SSE session, and where to POST to.
async fn open_sse(mcp: &McpService) -> (ResponseBody, String) {
    let response = mcp.call(direct("GET /sse", "", "")).await;
    let mut body = response.into_body();
    let endpoint = event(&mut body, &mut Decoder::new()).await.unwrap();
    (body, format!("POST {}", endpoint.data))
}

/// A call of a tool in 2026-07-28: its header lines, and its body.
fn modern_call(tool: &str, arguments: Value) -> (String, String) {
    let mut params = call(tool, arguments);
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params);
    (headers, message(7, "tools/call", params))
}

// --- clients that do not read

/// PITFALLS R-15, R-16, SPEC B-17, C-44, D-130: with unread, overfull streams of every kind, others
/// are answered at once, even in the same session, and the drops are counted.
#[tokio::test(start_paused = true)]
async fn an_unread_stream_does_not_delay_others() {
    let (server, seen) = probe();
    let builder = McpService::builder(server.clone()).limits(|limits| {
        limits.queue.bytes = 64 * 1024;
        limits.queue.events = 8;
    });
    let mcp = builder
        .timeouts(|timeouts| timeouts.stream_after = Duration::ZERO)
        .build()
        .unwrap();
    let session = open_session(&mcp).await;
    let headers = format!("{session}{POST_HEADERS}");
    let mut unread: Vec<Response<ResponseBody>> = Vec::new();

    let listens = format!("{session}Accept: text/event-stream\r\n");
    unread.push(mcp.call(direct("GET /mcp", &listens, "")).await);
    let subscribe = message("s", "resources/subscribe", json!({"uri": "test://a"}));
    let subscribed = mcp.call(direct("POST /mcp", &headers, subscribe)).await;
    assert_eq!(subscribed.status(), 200);

    let much = |tag: &str| json!({"tag": tag, "times": 1000, "pad": 4096});
    let talk = message("t", "tools/call", call("talk", much("session")));
    unread.push(mcp.call(direct("POST /mcp", &headers, talk)).await);
    let (sse, inbox) = open_sse(&mcp).await;
    let talk = message("t", "tools/call", call("talk", much("sse")));
    assert_eq!(mcp.call(direct(&inbox, JSON, talk)).await.status(), 202);
    let (modern, talk) = modern_call("talk", much("modern"));
    unread.push(mcp.call(direct("POST /mcp", &modern, talk)).await);
    let mut filter = json!({"notifications": {"resourceSubscriptions": ["test://a"]}});
    filter["_meta"] = envelope(json!({}));
    let headers_of_listen = mirrored("subscriptions/listen", &filter);
    let listen = message("l", "subscriptions/listen", filter);
    unread.push(
        mcp.call(direct("POST /mcp", &headers_of_listen, listen))
            .await,
    );

    for stream in &unread {
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
    }
    for tag in ["session", "sse", "modern"] {
        seen.allow(tag, 1001);
    }
    for _ in 0..1000 {
        server.resource_updated("test://a");
    }
    // PITFALLS R-18: the handlers do not wait for readers; the HTTP+SSE session has ended (SPEC
    // B-17).
    for tag in ["session", "sse", "modern"] {
        seen.happens("over", tag).await;
    }

    let began = Instant::now();
    let echo = || message("e", "tools/call", call("echo", json!({"message": "on"})));
    let (status, answer) = whole(mcp.call(direct("POST /mcp", &headers, echo())).await).await;
    assert_eq!((status.as_u16(), answer.contains("\"on\"")), (200, true));
    let (mut other, inbox) = open_sse(&mcp).await;
    assert_eq!(mcp.call(direct(&inbox, JSON, echo())).await.status(), 202);
    let answer = event(&mut other, &mut Decoder::new()).await.unwrap();
    assert!(answer.data.contains("\"on\""), "{}", answer.data);
    let (modern, body) = modern_call("echo", json!({"message": "on"}));
    let (status, answer) = whole(mcp.call(direct("POST /mcp", &modern, body)).await).await;
    assert_eq!((status.as_u16(), answer.contains("\"on\"")), (200, true));
    assert_eq!(began.elapsed(), Duration::ZERO);

    drop(sse);
    let snapshot = mcp.snapshot();
    assert_eq!(snapshot.sessions, 2, "the unread HTTP+SSE session is over");
    // The standalone stream, the call's, the HTTP+SSE stream, the listen.
    assert_eq!(snapshot.cuts, 4, "{snapshot:?}");
    let room = 5 * (64 * 1024 + 8 * 1024 + (1 << 20));
    assert!(snapshot.queued_bytes < room, "{snapshot:?}");
}

/// PITFALLS R-18, R-16: a handler that sends more than any queue holds finishes in one step: no
/// notification makes it wait, and a counter shows what was dropped.
#[tokio::test(start_paused = true)]
async fn a_notification_never_waits() {
    let (server, _) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let session = open_session(&mcp).await;
    let chat = json!({"times": 10_000, "bytes": 1});
    let (modern, body) = modern_call("chat", chat.clone());
    let of_session = message("c", "tools/call", call("chat", chat));
    for (headers, body) in [
        (format!("{session}{POST_HEADERS}"), of_session),
        (modern, body),
    ] {
        let mut answering = Box::pin(mcp.call(direct("POST /mcp", &headers, body)));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(response) = answering.as_mut().poll(&mut cx) else {
            panic!("it waits");
        };
        assert_eq!(response.status(), 200);
        assert_eq!(mcp.snapshot().running, 0, "its handler is through");
        let (_, text) = whole(response).await;
        assert!(text.contains("\"result\""), "and its answer is not lost");
    }
    let snapshot = mcp.snapshot();
    assert!(snapshot.dropped > 9_000, "in 2026-07-28: {snapshot:?}");
}

// --- ids

/// PITFALLS R-39, R-13, SPEC A-3 to A-6: an id comes back byte for byte, on every transport, and
/// `1` is not `"1"`; an invalid id is refused with no id in the answer.
#[tokio::test]
async fn ids_come_back_byte_for_byte() {
    let (running, _) = probe_with(|builder| builder).await;
    let mut sse = Client::open(running.address).await;
    let inbox = format!("POST {}", sse.endpoint);
    let session = Session::open(running.address, V06, json!({})).await;
    let of_session = format!("{}{POST_HEADERS}", session.headers());
    let modern = mirrored("ping/none", &json!({}));
    let body = |id: &str, is_modern: bool| {
        let method = if is_modern { "ping/none" } else { "ping" };
        let meta = match is_modern {
            true => envelope(json!({})).to_string(),
            false => "{}".to_owned(),
        };
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"_meta":{meta}}}}}"#)
    };
    let long = "9".repeat(200);
    for id in [
        "0",
        "1",
        "\"1\"",
        "-1",
        "9007199254740993",
        "18446744073709551616",
        &long,
        r#""""#,
        r#""\u0041""#,
        r#""A\/b\"\\""#,
        "\"\u{e9}\u{1f600}\"",
        r#""\ud83d\ude00""#,
    ] {
        let echoed = format!("\"id\":{id},");
        let answer = request(running.address, &inbox, JSON, body(id, false)).await;
        assert_eq!(answer.status, 202, "{id}");
        let told = sse.event().await.unwrap().data;
        assert!(told.contains(&echoed), "{told}");
        let answer = request(running.address, "POST /mcp", &of_session, body(id, false)).await;
        assert!(answer.body.contains(&echoed), "{}", answer.body);
        let answer = request(running.address, "POST /mcp", &modern, body(id, true)).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(answer.body.contains(&echoed), "{}", answer.body);
    }
    let long = "9".repeat(257);
    for id in [
        "null",
        "true",
        "{}",
        "[]",
        "1.0",
        "1.5",
        "1e2",
        "01",
        "+1",
        "\"\\ud800\"",
        &long,
    ] {
        for (line, headers, is_modern) in [
            (&*inbox, JSON, false),
            ("POST /mcp", &of_session, false),
            ("POST /mcp", &modern, true),
        ] {
            let answer = request(running.address, line, headers, body(id, is_modern)).await;
            assert_eq!(answer.status, 400, "{id}");
            let told = answer.json();
            let code = told["error"]["code"].as_i64().unwrap();
            assert!([-32600, -32700].contains(&code), "{told}");
            assert_eq!(told.get("id"), None, "{told}");
        }
    }
    let id = sse.begin("ping", json!({})).await;
    assert_eq!(sse.message().await.unwrap()["id"], id, "and nothing else");
    assert_eq!(text_of(&echo_in(&session).await), "on");
}

async fn echo_in(session: &Session) -> Value {
    let params = call("echo", json!({"message": "on"}));
    session.call("tools/call", params).await
}

// --- several transports

/// The headers and the text of an answer, with values that differ between runs replaced.
async fn plain(
    response: Response<ResponseBody>,
    session: &str,
) -> (BTreeMap<String, String>, String) {
    let headers: BTreeMap<String, String> = response
        .headers()
        .iter()
        .filter(|(name, _)| *name != "mcp-session-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let (status, text) = whole(response).await;
    let text = match session.trim().split_once(": ") {
        Some((_, id)) => text.replace(id, "<session>"),
        None => text,
    };
    (headers, format!("{status} {text}"))
}

/// PITFALLS R-68, R-34: switching HTTP+SSE on or off does not change any other answer by a byte;
/// when it is off, its endpoints do not exist.
#[tokio::test(start_paused = true)]
async fn http_sse_does_not_change_the_other_transports() {
    let mut runs = Vec::new();
    for has_sse in [true, false] {
        let (server, _) = probe();
        let builder = McpService::builder(server);
        let builder = if has_sse {
            builder
        } else {
            builder.sse_path(None)
        };
        let mcp = builder.build().unwrap();
        let mut answers = Vec::new();
        for version in [V03, V06, V11] {
            let hello = message(1, "initialize", hello(version, json!({})));
            let response = mcp.call(direct("POST /mcp", POST_HEADERS, hello)).await;
            let id = response.headers()["mcp-session-id"].to_str().unwrap();
            let session = format!("Mcp-Session-Id: {id}\r\n");
            answers.push(plain(response, &session).await);
            let posts = format!("{session}{POST_HEADERS}");
            let chat = json!({"times": 2, "bytes": 1});
            for body in [
                message(2, "ping", json!({})),
                message(2, "tools/list", json!({})),
                message(2, "none", json!({})),
                message(2, "tools/call", call("echo", json!({"message": "x"}))),
                json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
                json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]).to_string(),
                "{".to_owned(),
            ] {
                let response = mcp.call(direct("POST /mcp", &posts, body)).await;
                answers.push(plain(response, &session).await);
            }
            // Event ids differ between sessions, so only the head of a stream is compared.
            let talks = message(3, "tools/call", call("chat", chat));
            let mut response = mcp.call(direct("POST /mcp", &posts, talks)).await;
            *response.body_mut() = ended().await;
            answers.push(plain(response, &session).await);
            for line in ["DELETE /mcp", "DELETE /mcp", "GET /mcp"] {
                let response = mcp.call(direct(line, &session, "")).await;
                answers.push(plain(response, &session).await);
            }
        }
        let (modern, echo) = modern_call("echo", json!({"message": "x"}));
        for (line, headers, body) in [
            ("POST /mcp", &*modern, echo),
            ("POST /mcp", POST_HEADERS, message(1, "ping", json!({}))),
            ("GET /mcp", "", String::new()),
            ("HEAD /mcp", "", String::new()),
            ("PUT /mcp/", "", String::new()),
            ("OPTIONS /mcp", "", String::new()),
            ("GET /", "", String::new()),
        ] {
            let response = mcp.call(direct(line, headers, body)).await;
            answers.push(plain(response, "").await);
        }
        runs.push(answers);
        for (line, status) in [
            ("GET /sse", 200),
            ("POST /sse", 405),
            ("POST /messages/", 400),
        ] {
            let response = mcp.call(direct(line, "", "")).await;
            let expected = if has_sse { status } else { 404 };
            assert_eq!(response.status(), expected, "{line}");
        }
    }
    assert_eq!(runs[0], runs[1]);
}

/// An empty body.
async fn ended() -> ResponseBody {
    let mcp = McpService::builder(probe().0).build().unwrap();
    mcp.call(direct("OPTIONS /mcp", "", "")).await.into_body()
}
