//! Streamable HTTP of 2025-03-26, 2025-06-18 and 2025-11-25 (SPEC C, A.3) on real sockets.
//! What outlives a connection is in `resumption.rs`, the server layer over `/mcp` in `features.rs`.
//!
//! C-4, C-71 and C-72 show in unit tests of ids and of the guard, C-31 is the embedder's, and there
//! are no principals yet for C-78 and C-101. C-102 over HTTP/2 needs `serve` to speak it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response};
use mcp_wire::{McpService, ResponseBody};
use serde_json::{Value, json};

use crate::support::probe::{call, eager_probe, notes, probe_with};
use crate::support::{
    Answer, Client, Kept, POST_HEADERS, Running, Session, Stream, check_refused, hello, message,
    raw, request, soon, text_of, until,
};

const V24: &str = "2024-11-05";
const V03: &str = "2025-03-26";
const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";
const STREAMABLE: [&str; 3] = [V03, V06, V11];
const NO_SESSION: &str = "0123456789abcdef0123456789abcdef";
const EVERY_METHOD: &str = "POST, GET, DELETE, OPTIONS";

async fn probe() -> (Running, std::sync::Arc<crate::support::probe::Seen>) {
    probe_with(|builder| builder).await
}

async fn post(running: &Running, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let headers = format!("{POST_HEADERS}{headers}");
    request(running.address, "POST /mcp", &headers, body).await
}

fn initialize(version: &str) -> String {
    message(1, "initialize", hello(version, json!({})))
}

fn echo(id: impl Into<Value>, text: &str) -> String {
    message(id, "tools/call", call("echo", json!({"message": text})))
}

fn notification(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

/// A session, and its standalone stream.
async fn listening(running: &Running, version: &str) -> (Session, Stream) {
    let session = Session::open(running.address, version, json!({})).await;
    let stream = session.listen(None).await;
    assert_eq!(stream.status(), 200, "{}", stream.head);
    (session, stream)
}

/// A call of a tool whose answer is not ready yet.
async fn begin(session: &Session, tool: &str, arguments: Value) -> Stream {
    let stream = session.begin("tools/call", call(tool, arguments)).await;
    assert!(stream.is_events(), "{}", stream.head);
    stream
}

// --- the path and its methods

/// SPEC C-1, C-35, C-100, C-105, B-20: one path, with or without a slash; nothing is redirected.
#[tokio::test]
async fn one_path_has_its_methods() {
    let (running, _) = probe().await;
    for (line, status) in [
        ("OPTIONS /mcp", 204),
        ("OPTIONS /mcp/", 204),
        ("HEAD /mcp", 405),
        ("PUT /mcp", 405),
        ("PATCH /mcp", 405),
        ("TRACE /mcp", 405),
        ("put /mcp", 405),
        ("GET /MCP", 404),
        ("POST /mcp//", 404),
        ("DELETE /mcp/x", 404),
    ] {
        let answer = request(running.address, line, "", "").await;
        assert_eq!(answer.status, status, "{line}");
        let allow = (status != 404).then_some(EVERY_METHOD);
        assert_eq!(answer.header("allow"), allow, "{line}");
    }
    for path in ["/mcp", "/mcp/", "/mcp?x=y"] {
        let line = format!("POST {path}");
        let answer = request(running.address, &line, POST_HEADERS, initialize(V06)).await;
        assert_eq!(answer.status, 200, "{path}");
        let session = format!(
            "Mcp-Session-Id: {}\r\n",
            answer.header("mcp-session-id").unwrap()
        );
        let stream = Stream::open(running.address, &format!("GET {path}"), &session, "").await;
        assert!(stream.is_events(), "{path}");
        let answer = request(running.address, &format!("DELETE {path}"), &session, "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

/// SPEC C-2, C-3, C.1 to C.3 row 1, J-25: strangers are refused before anything else, in every
/// revision.
#[tokio::test]
async fn strangers_are_refused() {
    let (running, seen) = probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        for line in ["POST /mcp", "GET /mcp", "DELETE /mcp", "OPTIONS /mcp"] {
            for stranger in [
                "Host: localhost\r\nOrigin: https://evil.example\r\n",
                "Host: localhost\r\nOrigin: null\r\n",
                "Host: evil.example\r\n",
            ] {
                let body = echo(1, "x");
                let text = format!(
                    "{line} HTTP/1.1\r\n{stranger}{}{POST_HEADERS}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    session.headers(),
                    body.len()
                );
                let answer = raw(running.address, text).await;
                check_refused(&answer, 403, -32600, "not allowed");
                assert!(answer.json().get("id").is_none());
            }
        }
    }
    assert_eq!((seen.calls(), running.mcp.sessions()), (0, 3));
    let own = format!("Origin: http://localhost:{}\r\n", running.address.port());
    assert_eq!(post(&running, &own, initialize(V11)).await.status, 200);
}

// --- what a POST must be

/// SPEC C-6, C-7, C.1 row 3: JSON in UTF-8, as it is.
#[tokio::test]
async fn a_body_is_plain_json() {
    let (running, _) = probe().await;
    let session = Session::open(running.address, V06, json!({})).await;
    for (headers, status) in [
        ("Content-Type: application/json\r\n", 200),
        ("content-type: Application/JSON; charset=utf-8\r\n", 200),
        (
            "Content-Type: application/json;charset=\"UTF-8\"; x=y\r\n",
            200,
        ),
        (
            "Content-Type: application/json\r\nContent-Encoding: identity\r\n",
            200,
        ),
        ("", 415),
        ("Content-Type: application/json; charset=latin1\r\n", 415),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("Content-Type: multipart/form-data; boundary=x\r\n", 415),
        ("Content-Type: application/jsonl\r\n", 415),
        ("Content-Type: text/plain; x=application/json\r\n", 415),
        (
            "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
            415,
        ),
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
            415,
        ),
        (
            "Content-Type: application/json\r\nContent-Encoding: identity, br\r\n",
            415,
        ),
    ] {
        let headers = format!("{}{headers}", session.headers());
        let answer = request(running.address, "POST /mcp", &headers, echo(1, "x")).await;
        assert_eq!(answer.status, status, "{headers}");
        if status == 415 {
            check_refused(&answer, 415, -32600, "");
            assert!(answer.json().get("id").is_none());
        }
    }
}

/// SPEC C-10 to C-12, C-14, C-23, J-13, as DESIGN decides them: whoever takes one form gets it, no
/// header takes any, and the strict switch asks for both, said.
#[tokio::test]
async fn an_answer_has_a_form_that_is_accepted() {
    let (lenient, _) = probe().await;
    let (strict, _) = probe_with(|builder| builder.strict_accept()).await;
    let (json, events) = ("application/json", "text/event-stream");
    for (accept, form, is_strict) in [
        ("", Some(json), false),
        (
            "Accept: application/json, text/event-stream\r\n",
            Some(json),
            true,
        ),
        (
            "accept: TEXT/Event-Stream,Application/JSON\r\n",
            Some(json),
            true,
        ),
        (
            "Accept: application/json\r\nAccept: text/event-stream\r\n",
            Some(json),
            true,
        ),
        (
            "Accept: application/json;q=0.1, text/event-stream;q=1\r\n",
            Some(json),
            true,
        ),
        (
            "Accept: application/json; x=y, text/event-stream; x=\",\"\r\n",
            Some(json),
            true,
        ),
        ("Accept: */*\r\n", Some(json), true),
        ("Accept: application/*, text/*\r\n", Some(json), true),
        ("Accept: text/html, */*;q=0.8\r\n", Some(json), true),
        ("Accept: application/json\r\n", Some(json), false),
        ("Accept: application/*\r\n", Some(json), false),
        ("Accept: */*, text/event-stream;q=0\r\n", Some(json), false),
        ("Accept: text/event-stream\r\n", Some(events), false),
        ("Accept: text/*\r\n", Some(events), false),
        (
            "Accept: text/event-stream, application/json;q=0\r\n",
            Some(events),
            false,
        ),
        ("Accept: text/html\r\n", None, false),
        (
            "Accept: application/json;q=0, text/event-stream;q=0.0\r\n",
            None,
            false,
        ),
        ("Accept: \r\n", None, false),
    ] {
        for (running, takes) in [(&lenient, form.is_some()), (&strict, is_strict)] {
            let session = Session::open(running.address, V06, json!({})).await;
            let headers = format!(
                "{}Content-Type: application/json\r\n{accept}",
                session.headers()
            );
            let answer = request(running.address, "POST /mcp", &headers, echo(1, "x")).await;
            if takes {
                assert_eq!(answer.status, 200, "{accept}");
                assert_eq!(answer.header("content-type"), form, "{accept}");
            } else {
                check_refused(&answer, 406, -32600, "Accept");
                assert!(answer.json().get("id").is_none());
            }
        }
    }
}

/// SPEC C-13: a stream is for those who take streams.
#[tokio::test]
async fn a_standalone_stream_must_be_accepted() {
    let (running, _) = probe().await;
    let session = Session::open(running.address, V06, json!({})).await;
    for (accept, status) in [
        ("", 200),
        ("Accept: text/event-stream\r\n", 200),
        ("Accept: application/json, text/event-stream\r\n", 200),
        ("Accept: */*\r\n", 200),
        ("Accept: application/json\r\n", 406),
        ("Accept: text/html\r\n", 406),
        ("Accept: text/event-stream;q=0, */*\r\n", 406),
    ] {
        let headers = format!("{}{accept}", session.headers());
        let stream = Stream::open(running.address, "GET /mcp", &headers, "").await;
        assert_eq!(stream.status(), status, "{accept}");
        assert_eq!(stream.is_events(), status == 200, "{accept}");
    }
}

/// SPEC C-5, C-21, C.1 rows 5 to 7, A-1 to A-4, A-9, A-11, A-23: what is no message is refused, and
/// nothing of it is carried out.
#[tokio::test]
async fn what_is_no_message_is_refused() {
    let (running, seen) = probe_with(|builder| builder.body_limit(1000)).await;
    let session = Session::open(running.address, V11, json!({})).await;
    let line = echo(1, "x");
    let null = echo(Value::Null, "x");
    let two_lines = format!("{line}\n{line}\n");
    let long = format!("{line}{}", " ".repeat(1000));
    let mut latin1 = line.clone().into_bytes();
    let at = latin1.iter().position(|byte| *byte == b'x').unwrap();
    latin1[at] = 0xFF;
    for (body, status, code, id) in [
        (long.as_bytes(), 413, -32600, None),
        (b"", 400, -32700, None),
        (b"{", 400, -32700, None),
        (two_lines.as_bytes(), 400, -32700, None),
        (&latin1, 400, -32700, None),
        ("\u{feff}{}".as_bytes(), 400, -32700, None),
        (b"1", 400, -32600, None),
        (b"{}", 400, -32600, None),
        (null.as_bytes(), 400, -32600, None),
        (
            br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            400,
            -32600,
            Some(1),
        ),
        (
            br#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#,
            400,
            -32600,
            None,
        ),
        (
            br#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            400,
            -32600,
            Some(1),
        ),
        (
            br#"{"jsonrpc":"2.0","id":1,"result":null}"#,
            400,
            -32600,
            None,
        ),
    ] {
        let answer = post(&running, &session.headers(), body).await;
        check_refused(&answer, status, code, "");
        let named = answer.json().get("id").cloned();
        assert_eq!(
            named,
            id.map(Value::from),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    assert_eq!(seen.calls(), 0);
}

/// SPEC A-11, A-17, A-19, A-22, A-27: errors of requests that were understood are 200, under their
/// id.
#[tokio::test]
async fn an_error_answers_its_request() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        for (method, params, code) in [
            ("foo/bar", json!({}), -32601),
            ("Tools/List", json!({}), -32601),
            ("rpc.discover", json!({}), -32601),
            ("prompts/list", json!({}), -32601),
            ("ping", json!([]), -32602),
            ("ping", json!({"_meta": 5}), -32602),
            ("tools/call", json!({"name": "none"}), -32602),
            ("resources/read", json!({"uri": "test://none"}), -32002),
            ("server/discover", json!({}), -32601),
        ] {
            let answer = post(&running, &session.headers(), message("x", method, params)).await;
            assert_eq!(
                (answer.status, &answer.json()["id"]),
                (200, &json!("x")),
                "{method}"
            );
            assert_eq!(answer.json()["error"]["code"], code, "{method}");
        }
    }
}

/// SPEC C-20, C-22, A-7, A-20, A-21: what needs no answer is 202, and empty.
#[tokio::test]
async fn what_needs_no_answer_is_accepted() {
    let (running, seen) = probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        for mut message in [
            json!({"method": "notifications/initialized"}),
            json!({"method": "notifications/foo"}),
            json!({"method": "notifications/foo", "params": []}),
            json!({"method": "notifications/foo", "params": {"_meta": 5}}),
            json!({"method": "notifications/cancelled"}),
            json!({"method": "notifications/cancelled", "params": {"requestId": 99}}),
            json!({"method": "tools/call", "params": {"name": "echo"}}),
            json!({"id": 1, "result": {}}),
            json!({"id": "x", "error": {"code": -1, "message": "no"}}),
            json!({"error": {"code": -1, "message": "no"}}),
        ] {
            message["jsonrpc"] = "2.0".into();
            let answer = post(&running, &session.headers(), message.to_string()).await;
            assert_eq!((answer.status, &*answer.body), (202, ""), "{message}");
            assert_eq!(answer.header("content-length"), Some("0"));
            assert_eq!(answer.header("content-type"), None);
            assert_eq!(
                answer.header("mcp-session-id"),
                Some(&*session.id),
                "SPEC C-82"
            );
        }
    }
    assert_eq!(seen.calls(), 0);
}

// --- sessions

/// SPEC C-70 to C-73, C-82, C-103, J-31: `initialize` opens a session, and every response of it
/// names it.
#[tokio::test]
async fn initialize_opens_a_session() {
    let (running, _) = probe().await;
    let mut ids = std::collections::HashSet::new();
    for version in STREAMABLE {
        for accept in ["application/json", "text/event-stream"] {
            let headers = format!("Content-Type: application/json\r\nAccept: {accept}\r\n");
            let body = initialize(version);
            let mut stream = Stream::open(running.address, "POST /mcp", &headers, body).await;
            assert_eq!(stream.header("content-type"), Some(accept));
            let id = stream.header("mcp-session-id").unwrap().to_owned();
            assert!(
                id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_graphic()),
                "{id}"
            );
            let answer = stream.answer().await;
            assert_eq!(answer["result"]["protocolVersion"], version);
            for name in [
                "mcp-session-id",
                "Mcp-Session-Id",
                "MCP-Session-Id",
                "MCP-SESSION-ID",
            ] {
                let header = format!("{name}: {id}\r\n");
                let answer = post(&running, &header, message(2, "tools/list", json!({}))).await;
                assert_eq!(
                    (answer.status, answer.header("mcp-session-id")),
                    (200, Some(&*id))
                );
                assert_eq!(answer.header("content-type"), Some("application/json"));
                assert_eq!(answer.header("cache-control"), Some("no-store"));
                let stream = Stream::open(running.address, "GET /mcp", &header, "").await;
                assert_eq!(stream.header("mcp-session-id"), Some(&*id));
            }
            assert!(ids.insert(id));
        }
    }
    assert_eq!(running.mcp.sessions(), ids.len());
}

/// SPEC C-70, E.1, R-4: an `initialize` that fails leaves no session, also when the id was out.
#[tokio::test]
async fn a_failed_initialize_opens_no_session() {
    let (running, _) = probe().await;
    let mut params = hello(V11, json!({}));
    params["clientInfo"] = json!("me");
    let wrong = message(1, "initialize", params);
    let answer = post(&running, "", &wrong).await;
    assert_eq!(
        (answer.status, answer.header("mcp-session-id")),
        (200, None)
    );
    assert_eq!(answer.json()["error"]["code"], -32602);
    let events = "Content-Type: application/json\r\nAccept: text/event-stream\r\n";
    let mut stream = Stream::open(running.address, "POST /mcp", events, &wrong).await;
    assert_eq!(stream.status(), 200);
    let named = stream.header("mcp-session-id").map(str::to_owned);
    assert_eq!(stream.answer().await["error"]["code"], -32602);
    assert_eq!(running.mcp.sessions(), 0);
    if let Some(id) = named {
        let header = format!("Mcp-Session-Id: {id}\r\n");
        let answer = post(&running, &header, message(2, "ping", json!({}))).await;
        check_refused(&answer, 404, -32600, "no such session");
    }
    assert_eq!(
        post(&running, "", initialize(V11)).await.status,
        200,
        "the next may succeed"
    );
}

/// SPEC A-11, C-74, C-75, C-79, C-80, C-91, E-4, J-34, J-35, J-40, and the order of the tables.
#[tokio::test]
async fn a_request_names_a_session_that_exists() {
    let (running, seen) = probe().await;
    let live = Session::open(running.address, V11, json!({})).await;
    let ended = Session::open(running.address, V11, json!({})).await;
    assert_eq!(ended.delete().await, 200);
    let name = |id: &str| format!("Mcp-Session-Id: {id}\r\n");
    let bad_version = "MCP-Protocol-Version: 1900-01-01\r\n";
    let twice = name(&live.id).repeat(2);
    let unknown_and_bad = format!("{}{bad_version}", name(NO_SESSION));
    let live_and_bad = format!("{}{bad_version}", name(&live.id));
    for (headers, status, says) in [
        (String::new(), 400, "missing"),
        (bad_version.into(), 400, "missing"),
        (name(""), 400, "visible"),
        (name("a b"), 400, "visible"),
        (name("\u{e9}"), 400, "visible"),
        (twice, 400, "visible"),
        (name(NO_SESSION), 404, "no such session"),
        (name("mine"), 404, "no such session"),
        (name(&ended.id), 404, "no such session"),
        (unknown_and_bad, 404, "no such session"),
        (live_and_bad, 400, "MCP-Protocol-Version"),
    ] {
        let answer = post(&running, &headers, echo(1, "x")).await;
        check_refused(&answer, status, -32600, says);
        assert_eq!(answer.json()["id"], 1, "SPEC A-11");
        let body = notification("notifications/initialized", json!({}));
        let answer = post(&running, &headers, body).await;
        check_refused(&answer, status, -32600, says);
        assert!(answer.json().get("id").is_none());
        for method in ["GET", "DELETE"] {
            let headers = format!("{headers}Accept: text/event-stream\r\n");
            let answer = request(running.address, &format!("{method} /mcp"), &headers, "").await;
            check_refused(&answer, status, -32600, says);
        }
    }
    for (id, status) in [(&*live.id, 400), (NO_SESSION, 404), (&ended.id, 404)] {
        let answer = post(&running, &name(id), initialize(V11)).await;
        check_refused(&answer, status, -32600, "");
    }
    assert_eq!((seen.calls(), running.mcp.sessions()), (0, 1));
    assert_eq!(live.call("ping", json!({})).await["result"], json!({}));
}

/// SPEC C-30, C-75, C-76, C.3 row 6, J-16: DELETE ends all of a session, once, and no other.
#[tokio::test]
async fn delete_ends_a_session() {
    let (running, seen) = eager_probe().await;
    for version in STREAMABLE {
        let (session, mut standalone) = listening(&running, version).await;
        let other = Session::open(running.address, version, json!({})).await;
        let mut running_call = begin(&session, "wait", json!({"tag": version})).await;
        let mut kept = Stream::open(running.address, "DELETE /mcp", &session.headers(), "").await;
        assert_eq!((kept.status(), &*kept.body().await), (200, ""));
        assert_eq!(kept.header("content-type"), None);
        seen.happens("over", version).await;
        let messages = running_call.messages().await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert_eq!(messages[0]["error"]["code"], -32603);
        assert!(standalone.message().await.is_none());
        assert_eq!(session.delete().await, 404);
        assert_eq!(
            session.notify("notifications/initialized", json!({})).await,
            404
        );
        assert_eq!(session.listen(None).await.status(), 404);
        assert_eq!(other.call("ping", json!({})).await["result"], json!({}));
        assert_eq!(other.delete().await, 200);
    }
    assert_eq!(running.mcp.sessions(), 0);
}

/// A request that never sees a socket, so that the clock can be moved.
async fn direct(
    mcp: &McpService,
    method: &str,
    session: &str,
    body: String,
) -> Response<ResponseBody> {
    let mut request = Request::builder().method(method).uri("/mcp");
    for (name, value) in [("host", "localhost"), ("content-type", "application/json")] {
        request = request.header(name, value);
    }
    if !session.is_empty() {
        request = request.header("mcp-session-id", session);
    }
    mcp.call(request.body(Full::new(Bytes::from(body))).unwrap())
        .await
}

/// SPEC C-77, C-75: a session that is not used ends; an open stream and a running call are use.
#[tokio::test(start_paused = true)]
async fn an_idle_session_ends() {
    const MINUTE: Duration = Duration::from_secs(60);
    let (server, seen) = crate::support::probe::probe();
    let mcp = McpService::builder(server).build().unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let answer = direct(&mcp, "POST", "", initialize(V06)).await;
        let id = answer.headers()["mcp-session-id"].to_str().unwrap();
        ids.push(id.to_owned());
    }
    let [connected, busy, idle] = ids.try_into().unwrap();
    let ping = || message(1, "ping", json!({}));
    let status = async |session: &str| direct(&mcp, "POST", session, ping()).await.status();
    let stream = direct(&mcp, "GET", &connected, String::new()).await;
    assert_eq!(stream.status(), 200);
    let wait = message(2, "tools/call", call("wait", json!({})));
    drop(direct(&mcp, "POST", &busy, wait).await);
    tokio::time::sleep(29 * MINUTE).await;
    assert_eq!(
        (status(&idle).await, mcp.sessions()),
        (200.try_into().unwrap(), 3)
    );
    tokio::time::sleep(29 * MINUTE).await;
    assert_eq!(mcp.sessions(), 3, "it was used");
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(
        (status(&idle).await, mcp.sessions()),
        (404.try_into().unwrap(), 2)
    );
    for session in [&connected, &busy] {
        assert_eq!(status(session).await, 200);
    }
    tokio::time::sleep(60 * MINUTE).await;
    assert_eq!(mcp.sessions(), 2);
    drop(stream);
    tokio::time::sleep(31 * MINUTE).await;
    assert_eq!(
        (status(&connected).await, mcp.sessions()),
        (404.try_into().unwrap(), 1)
    );
    seen.allow("", 1);
    seen.happens("over", "").await;
    tokio::time::sleep(31 * MINUTE).await;
    assert_eq!(
        (status(&busy).await, mcp.sessions()),
        (404.try_into().unwrap(), 0)
    );
    // The table is looked after again when there is something in it.
    direct(&mcp, "POST", "", initialize(V06)).await;
    tokio::time::sleep(31 * MINUTE).await;
    assert_eq!(mcp.sessions(), 0);
}

/// SPEC C-77, R-2: limits are 503 for now, on sessions and on what runs in one.
#[tokio::test]
async fn limits_are_answered_503() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.silence(Duration::ZERO);
        builder.max_sessions(2).max_requests(2)
    })
    .await;
    let session = Session::open(running.address, V11, json!({})).await;
    let sse = Client::open(running.address).await;
    let answer = post(&running, "", initialize(V11)).await;
    check_refused(&answer, 503, -32603, "2 sessions");
    assert_eq!(answer.json()["id"], 1, "SPEC A-11");
    assert_eq!(answer.header("mcp-session-id"), None);
    drop(sse);
    until("room", || running.mcp.sessions() == 1).await;
    let mut first = begin(&session, "wait", json!({})).await;
    let mut second = begin(&session, "wait", json!({})).await;
    let refused = post(&running, &session.headers(), echo(9, "x")).await;
    check_refused(&refused, 503, -32603, "2 requests");
    assert_eq!(refused.json()["id"], 9);
    let other = Session::open(running.address, V11, json!({})).await;
    assert_eq!(other.call("ping", json!({})).await["result"], json!({}));
    seen.allow("", 2);
    for stream in [&mut first, &mut second] {
        assert_eq!(text_of(&stream.answer().await), "waited ");
    }
    assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
    assert_eq!(other.delete().await, 200);
    assert_eq!(post(&running, "", initialize(V11)).await.status, 200);
}

/// SPEC C-81, E-4, E-5: once it has its result, a client is served.
#[tokio::test]
async fn a_session_serves_before_initialized() {
    let (running, _) = probe().await;
    let answer = post(&running, "", message(1, "ping", json!({}))).await;
    check_refused(&answer, 400, -32600, "initialize");
    let answer = post(&running, "", initialize(V06)).await;
    let header = format!(
        "Mcp-Session-Id: {}\r\n",
        answer.header("mcp-session-id").unwrap()
    );
    let answer = post(&running, &header, message(2, "tools/list", json!({}))).await;
    assert_eq!(answer.json()["result"]["tools"][0]["name"], "echo");
    // SPEC E-6: twice is harmless.
    for _ in 0..2 {
        let body = notification("notifications/initialized", json!({}));
        assert_eq!(post(&running, &header, body).await.status, 202);
    }
    let answer = post(
        &running,
        &header,
        message("again", "initialize", hello(V06, json!({}))),
    )
    .await;
    check_refused(&answer, 400, -32600, "initialized already");
    assert_eq!(answer.json()["id"], "again");
    assert_eq!(running.mcp.sessions(), 1);
}

/// SPEC A-12, A-13, R-13: an id that is in flight is not taken twice; another session may use it.
#[tokio::test]
async fn an_id_in_flight_is_not_taken_twice() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V06, json!({})).await;
    let other = Session::open(running.address, V06, json!({})).await;
    let wait = message(7, "tools/call", call("wait", json!({})));
    let mut first = session.post(&wait).await;
    seen.happens("begun", "").await;
    let broken = message(7, "ping", json!([]));
    for body in [&wait, &echo(7, "x"), &broken] {
        let answer = post(&running, &session.headers(), body).await;
        check_refused(&answer, 400, -32600, "still running");
        assert_eq!(answer.json()["id"], 7);
    }
    for (session, id) in [(&session, json!("7")), (&other, json!(7))] {
        let answer = session.post(echo(id.clone(), "free")).await.answer().await;
        assert_eq!((text_of(&answer), &answer["id"]), ("free", &id));
    }
    seen.allow("", 1);
    assert_eq!(first.answer().await["id"], 7);
    let again = session.post(echo(7, "again")).await.answer().await;
    assert_eq!(text_of(&again), "again");
}

// --- without sessions

/// SPEC C-83, C-35, C.2 and C.3 row 2, C-93, E-112: each POST stands for itself.
#[tokio::test]
async fn without_sessions_each_post_stands_for_itself() {
    let (running, _) = probe_with(|builder| {
        let builder = builder.silence(Duration::ZERO);
        builder
            .without_sessions()
            .reply_timeout(Duration::from_secs(1))
    })
    .await;
    for line in ["GET /mcp", "DELETE /mcp", "HEAD /mcp", "PUT /mcp"] {
        let headers = format!("Mcp-Session-Id: {NO_SESSION}\r\n");
        let answer = request(running.address, line, &headers, "").await;
        assert_eq!(answer.status, 405, "{line}");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"), "{line}");
    }
    for version in [V24, V03, V06, V11] {
        let version_header = format!("MCP-Protocol-Version: {version}\r\n");
        let named = format!("{version_header}Mcp-Session-Id: {NO_SESSION}\r\n");
        for headers in ["", "MCP-Protocol-Version: 1900-01-01\r\n", &version_header] {
            let answer = post(&running, headers, initialize(version)).await;
            assert_eq!(
                (answer.status, answer.header("mcp-session-id")),
                (200, None)
            );
            assert_eq!(answer.json()["result"]["protocolVersion"], version);
        }
        for headers in [&version_header, &named] {
            let body = notification("notifications/initialized", json!({}));
            assert_eq!(post(&running, headers, body).await.status, 202);
            let answer = post(&running, headers, echo(1, "alone")).await;
            assert_eq!(
                (answer.status, answer.header("mcp-session-id")),
                (200, None)
            );
            assert_eq!(text_of(&answer.json()), "alone");
            let body = message(2, "tools/call", call("version", json!({})));
            assert_eq!(
                text_of(&post(&running, headers, body).await.json()),
                version
            );
        }
        // What needs a client that answers is an error for the handler, at once.
        for (tool, says) in [
            ("ask", "no stream"),
            ("roots", "does not offer"),
            ("sample", ""),
        ] {
            let headers = format!("{POST_HEADERS}{version_header}");
            let body = message(3, "tools/call", call(tool, json!({})));
            let mut stream = Stream::open(running.address, "POST /mcp", &headers, body).await;
            let answer = stream.answer().await;
            assert!(
                text_of(&answer).contains(says),
                "{version} {tool}: {answer}"
            );
        }
    }
    assert_eq!(running.mcp.sessions(), 0);
}

/// SPEC C-83, C-28, C-51: a stream of a lone request has its messages but no event ids, for it is
/// resumed nowhere.
#[tokio::test]
async fn without_sessions_a_stream_is_not_resumed() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.silence(Duration::ZERO);
        builder.without_sessions()
    })
    .await;
    let headers = format!("{POST_HEADERS}MCP-Protocol-Version: {V11}\r\n");
    let talk = message(
        1,
        "tools/call",
        call("talk", json!({"tag": "a", "times": 1})),
    );
    let mut stream = Stream::open(running.address, "POST /mcp", &headers, talk).await;
    assert!(stream.is_events());
    seen.allow("a", 2);
    for _ in 0..2 {
        let event = stream.event().await.unwrap();
        assert_eq!(
            (event.data.is_empty(), &*event.id),
            (false, ""),
            "no priming either"
        );
    }
    assert!(stream.event().await.is_none());
}

/// SPEC C-92, A.3: the revision in force without a session is the header's, or 2025-03-26.
#[tokio::test]
async fn without_sessions_the_header_says_the_revision() {
    let (running, _) = probe_with(|builder| builder.without_sessions()).await;
    let batch = json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]).to_string();
    for (header, status) in [
        ("", 200),
        ("MCP-Protocol-Version: 2025-03-26\r\n", 200),
        ("MCP-Protocol-Version: 2024-11-05\r\n", 400),
        ("MCP-Protocol-Version: 2025-06-18\r\n", 400),
        ("MCP-Protocol-Version: 2025-11-25\r\n", 400),
        ("MCP-Protocol-Version: 2026-07-28\r\n", 400),
        ("MCP-Protocol-Version: 1900-01-01\r\n", 400),
        (
            "MCP-Protocol-Version: 2025-03-26\r\nMCP-Protocol-Version: 2025-03-26\r\n",
            400,
        ),
    ] {
        let answer = post(&running, header, &batch).await;
        assert_eq!(answer.status, status, "{header}: {}", answer.body);
        if status == 400 {
            check_refused(&answer, 400, -32600, "");
        }
    }
    let answer = post(&running, "", message(1, "tools/list", json!({}))).await;
    assert!(
        answer.json()["result"]["tools"][0].get("title").is_none(),
        "as of 2025-03-26"
    );
}

// --- the version header

/// SPEC C-90, C-91, C-94, C-96, J-19: every revision that is served may be named on every request,
/// the session's own rules.
#[tokio::test]
async fn the_session_knows_its_revision() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let opened = Session::open(running.address, version, json!({})).await;
        let session = format!("Mcp-Session-Id: {}\r\n", opened.id);
        for (named, fits) in [
            ("", true),
            ("MCP-Protocol-Version: 2024-11-05\r\n", true),
            ("MCP-Protocol-Version: 2025-03-26\r\n", true),
            ("mcp-protocol-version: 2025-06-18\r\n", true),
            ("MCP-Protocol-Version:   2025-11-25  \r\n", true),
            ("MCP-Protocol-Version: 1900-01-01\r\n", false),
            ("MCP-Protocol-Version: \r\n", false),
            ("MCP-Protocol-Version: 2025-11-25, 2025-11-25\r\n", false),
            ("MCP-Protocol-Version: 2025-6-18\r\n", false),
        ] {
            let headers = format!("{session}{named}");
            let body = message(1, "tools/call", call("version", json!({})));
            let answer = post(&running, &headers, body).await;
            if fits {
                assert_eq!(text_of(&answer.json()), version, "{named}");
            } else {
                check_refused(
                    &answer,
                    400,
                    -32600,
                    "2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25",
                );
            }
            let stream = Stream::open(running.address, "GET /mcp", &headers, "").await;
            assert_eq!(stream.status(), if fits { 200 } else { 400 }, "{named}");
        }
        let wrong = format!("{session}MCP-Protocol-Version: 1900-01-01\r\n");
        let answer = request(running.address, "DELETE /mcp", &wrong, "").await;
        check_refused(&answer, 400, -32600, "MCP-Protocol-Version");
        assert_eq!(opened.delete().await, 200, "it was not ended");
    }
}

/// SPEC C-93, E-2, E-3, J-1, J-32: `initialize` negotiates by its params, whatever the header says.
#[tokio::test]
async fn initialize_negotiates_by_its_params() {
    let (running, _) = probe().await;
    for (asked, agreed) in [
        (V24, V24),
        (V03, V03),
        (V06, V06),
        (V11, V11),
        ("2026-07-28", V11),
        ("1.0.0", V11),
        ("", V11),
    ] {
        for header in [
            "",
            "MCP-Protocol-Version: 2025-03-26\r\n",
            "MCP-Protocol-Version: 9\r\n",
        ] {
            let answer = post(&running, header, initialize(asked)).await;
            assert_eq!(
                answer.json()["result"]["protocolVersion"],
                agreed,
                "{asked} {header}"
            );
            let id = answer.header("mcp-session-id").unwrap();
            let session = format!("Mcp-Session-Id: {id}\r\n");
            let body = message(2, "tools/call", call("version", json!({})));
            assert_eq!(
                text_of(&post(&running, &session, body).await.json()),
                agreed
            );
        }
    }
}

/// SPEC C-95, D.1, J-1, J-35, A-45: the header of the modern era makes a request one of it.
#[tokio::test]
async fn a_modern_header_makes_a_modern_request() {
    let (running, seen) = probe().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let modern = "MCP-Protocol-Version: 2026-07-28\r\n";
    let in_session = format!("Mcp-Session-Id: {}\r\n{modern}", session.id);
    for headers in [modern, &in_session] {
        for body in [echo(1, "x"), initialize(V11)] {
            let answer = post(&running, headers, body).await;
            check_refused(&answer, 400, -32602, "_meta");
            assert_eq!(answer.json()["id"], 1);
        }
        let answer = request(running.address, "GET /mcp", headers, "").await;
        check_refused(&answer, 405, -32600, "");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    }
    assert_eq!((seen.calls(), running.mcp.sessions()), (0, 1));
}

/// SPEC C-97: headers of the modern era mean nothing in a session.
#[tokio::test]
async fn unknown_headers_are_ignored() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let headers = format!(
            "{}Mcp-Method: tools/list\r\nMcp-Name: other\r\nMcp-Name: twice\r\n\
             Mcp-Param-Message: =?base64?!!?=\r\nX-Unknown: 1\r\nLast-Event-ID: 1\r\n",
            session.headers()
        );
        let answer = post(&running, &headers, echo(1, "said")).await;
        assert_eq!(text_of(&answer.json()), "said");
    }
}

// --- batches

/// SPEC A-60, A-65 to A-67, A-70, J-17: a batch of 2025-03-26 has one answer a request.
#[tokio::test]
async fn a_batch_is_answered() {
    let (running, _) = probe().await;
    let session = Session::open(running.address, V03, json!({})).await;
    let ping = |id: Value| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let told = json!({"jsonrpc": "2.0", "method": "notifications/foo"});
    let reply = json!({"jsonrpc": "2.0", "id": 7, "result": {}});
    for accepted in [
        json!([told, told]),
        json!([told]),
        json!([reply, reply]),
        json!([reply]),
    ] {
        let answer = post(&running, &session.headers(), accepted.to_string()).await;
        assert_eq!((answer.status, &*answer.body), (202, ""), "{accepted}");
    }
    for one in [json!([ping(json!("a"))]), json!([told, ping(json!("a"))])] {
        let answer = post(&running, &session.headers(), one.to_string()).await;
        assert_eq!(
            answer.json(),
            json!([{"jsonrpc": "2.0", "id": "a", "result": {}}])
        );
    }
    let wrong = json!([{"jsonrpc": "2.0", "id": "w", "method": "none"}]);
    let answer = post(&running, &session.headers(), wrong.to_string()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()[0]["error"]["code"], -32601);

    let three = json!([ping(json!(1)), told, ping(json!("1")), {"jsonrpc": "2.0", "id": 3, "method": "none"}]);
    let mut stream = session.post(three.to_string()).await;
    assert!(stream.is_events());
    let answers = stream.messages().await;
    let mut ids: Vec<_> = answers
        .iter()
        .map(|answer| answer["id"].to_string())
        .collect();
    ids.sort();
    assert_eq!(
        ids,
        ["\"1\"", "1", "3"],
        "each in its own event, then the end"
    );
    let json = format!(
        "{}Content-Type: application/json\r\nAccept: application/json\r\n",
        session.headers()
    );
    let answer = request(running.address, "POST /mcp", &json, three.to_string()).await;
    let answers = answer.json();
    assert_eq!(answers.as_array().map(Vec::len), Some(3), "{answers}");
}

/// SPEC A-61 to A-64, A-69: what is no batch is refused whole, and nothing of it is carried out.
#[tokio::test]
async fn a_faulty_batch_is_refused_whole() {
    let (running, seen) = probe_with(|builder| builder.max_requests(4)).await;
    let session = Session::open(running.address, V03, json!({})).await;
    let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let call = |id: u64| parsed(echo(id, "x"));
    let reply = json!({"jsonrpc": "2.0", "id": 7, "result": {}});
    let too_long: Vec<_> = (0..1000).map(call).collect();
    let too_many: Vec<_> = (0..5).map(call).collect();
    for (batch, status) in [
        (json!([]), 400),
        (json!([1, call(1)]), 400),
        (json!([call(1), null]), 400),
        (json!([call(1), [call(2)]]), 400),
        (
            json!([call(1), {"jsonrpc": "2.0", "id": null, "method": "ping"}]),
            400,
        ),
        (json!([reply, call(1)]), 400),
        (json!([call(1), reply]), 400),
        (json!([parsed(initialize(V03))]), 400),
        (json!([call(5), parsed(initialize(V03))]), 400),
        (json!([call(1), call(1)]), 400),
        (json!(too_long), 400),
        (json!(too_many), 503),
    ] {
        let answer = post(&running, &session.headers(), batch.to_string()).await;
        assert_eq!(answer.status, status, "{batch}: {}", answer.body);
    }
    let first = format!("[{},{}]", initialize(V03), echo(2, "x"));
    check_refused(&post(&running, "", first).await, 400, -32600, "");
    assert_eq!((seen.calls(), running.mcp.sessions()), (0, 1));
    let fits = json!([call(1), call(2), call(3), call(4)]);
    assert_eq!(
        session.post(fits.to_string()).await.messages().await.len(),
        4
    );
}

/// SPEC A-68, J-32: other revisions have no batches, not even of one.
#[tokio::test]
async fn other_revisions_have_no_batches() {
    let (running, seen) = probe().await;
    for version in [V24, V06, V11] {
        let session = Session::open(running.address, version, json!({})).await;
        for batch in [
            format!("[{}]", echo(1, "x")),
            format!("[{},{}]", echo(1, "x"), echo(2, "x")),
            format!("[{}]", notification("notifications/foo", json!({}))),
            "[]".to_owned(),
        ] {
            // The header of another revision changes nothing.
            let headers = format!(
                "Mcp-Session-Id: {}\r\nMCP-Protocol-Version: {V03}\r\n",
                session.id
            );
            let answer = post(&running, &headers, batch).await;
            check_refused(&answer, 400, -32600, "");
            assert!(answer.json().get("id").is_none());
        }
    }
    assert_eq!(seen.calls(), 0);
}

/// SPEC A-66, C-39, E-87: requests of a batch run at once, and may be cancelled one by one.
#[tokio::test]
async fn requests_of_a_batch_run_at_once() {
    let (running, seen) = probe().await;
    let session = Session::open(running.address, V03, json!({})).await;
    let wait = |id: u64, tag: &str| message(id, "tools/call", call("wait", json!({"tag": tag})));
    let batch = format!("[{},{},{}]", wait(1, "a"), wait(2, "b"), wait(3, "c"));
    let mut stream = session.post(batch).await;
    for tag in ["a", "b", "c"] {
        seen.happens("begun", tag).await;
    }
    let cancel = json!({"requestId": 2});
    assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
    seen.happens("over", "b").await;
    seen.allow("c", 1);
    assert_eq!(stream.message().await.unwrap()["id"], 3);
    seen.allow("a", 1);
    assert_eq!(stream.message().await.unwrap()["id"], 1);
    assert!(stream.message().await.is_none());
}

/// SPEC C-23, R-9: an answer longer than all that is kept reaches the client that waits for it.
#[tokio::test]
async fn a_long_answer_of_a_batch_arrives() {
    let (running, _) = probe_with(|builder| {
        let age = Duration::from_secs(60);
        builder.replay(1000, 2, age)
    })
    .await;
    let session = Session::open(running.address, V03, json!({})).await;
    let chat = |id: u64| message(id, "tools/call", call("chat", json!({"bytes": 5000})));
    for _ in 0..20 {
        let batch = format!("[{},{},{}]", chat(1), chat(2), chat(3));
        let answers = session.post(batch).await.messages().await;
        assert_eq!(answers.len(), 3);
        assert!(answers.iter().all(|answer| text_of(answer).len() == 5000));
    }
}

// --- the form of an answer

/// SPEC C-23, C-24, C-27, C-102, C-103: JSON when there is nothing but the answer, else a stream
/// that ends with it.
#[tokio::test]
async fn the_first_output_decides_the_form() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let mut stream = session.begin("tools/call", call("chat", json!({}))).await;
        assert_eq!(stream.header("content-type"), Some("application/json"));
        assert_eq!(stream.header("cache-control"), Some("no-store"));
        assert_eq!(text_of(&stream.json().await), "");

        let told = json!({"tag": "t", "times": 3});
        let mut stream = session
            .begin("tools/call", call("chat", told.clone()))
            .await;
        for (name, value) in [
            ("content-type", Some("text/event-stream")),
            ("cache-control", Some("no-cache, no-transform")),
            ("x-accel-buffering", Some("no")),
            ("mcp-session-id", Some(&*session.id)),
            ("transfer-encoding", Some("chunked")),
            ("content-length", None),
            ("content-encoding", None),
        ] {
            assert_eq!(stream.header(name), value, "{name}");
        }
        let messages = stream.messages().await;
        assert_eq!(notes(&messages, "t"), [0, 1, 2]);
        assert_eq!(messages.len(), 4);
        assert_eq!(text_of(&messages[3]), "", "the answer is the last");

        // SPEC C-14: whoever takes JSON alone gets the answer alone.
        let headers = format!(
            "{}Content-Type: application/json\r\nAccept: application/json\r\n",
            session.headers()
        );
        for arguments in [told, json!({})] {
            let body = message(9, "tools/call", call("chat", arguments));
            let answer = request(running.address, "POST /mcp", &headers, body).await;
            assert_eq!((answer.status, text_of(&answer.json())), (200, ""));
        }
    }
}

/// SPEC C-23, R-9: an answer longer than all that is kept, behind a note, arrives whole.
#[tokio::test]
async fn a_long_answer_behind_a_note_arrives() {
    let (running, _) = probe_with(|builder| {
        let age = Duration::from_secs(60);
        builder.replay(1000, 2, age)
    })
    .await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let arguments = json!({"tag": "t", "times": 5, "bytes": 5000});
        let mut stream = session.begin("tools/call", call("chat", arguments)).await;
        let messages = stream.messages().await;
        assert_eq!(notes(&messages, "t"), [0, 1, 2, 3, 4], "{version}");
        assert_eq!(text_of(&messages[5]).len(), 5000);
    }
}

/// SPEC C-60, C-62, C-64, H-11, J-20: after a silence the answer is a stream, and at 2025-11-25 it
/// begins with an event to resume from.
#[tokio::test]
async fn a_silence_begins_a_stream() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.silence(Duration::from_millis(5));
        builder.retry(Duration::from_millis(1234))
    })
    .await;
    for version in [V24, V03, V06, V11] {
        let session = Session::open(running.address, version, json!({})).await;
        let mut stream = begin(&session, "wait", json!({"tag": "w"})).await;
        seen.happens("begun", "w").await;
        seen.allow("w", 1);
        let first = stream.event().await.unwrap();
        assert!(!first.id.is_empty(), "SPEC C-50");
        assert_eq!(first.data.is_empty(), version == V11, "{version}");
        let retry = (version == V11).then_some(1234);
        assert_eq!(stream.retry(), retry, "{version}");
        if version == V11 {
            let answer = stream.event().await.unwrap();
            assert!(answer.data.contains("waited w"), "{}", answer.data);
            assert_ne!(answer.id, first.id);
        }
        assert!(stream.event().await.is_none());
    }
}

/// SPEC C-60, C-14: a client that takes only streams gets one at once, primed as its revision is.
#[tokio::test]
async fn a_stream_may_be_all_that_is_taken() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let headers = format!(
            "{}Content-Type: application/json\r\nAccept: text/event-stream\r\n",
            session.headers()
        );
        let mut stream = Stream::open(running.address, "POST /mcp", &headers, echo(1, "x")).await;
        assert!(stream.is_events());
        let mut events = Vec::new();
        while let Some(event) = stream.event().await {
            events.push(event);
        }
        assert_eq!(
            events.len(),
            if version == V11 { 2 } else { 1 },
            "{version}"
        );
        let answer: Value = serde_json::from_str(&events.last().unwrap().data).unwrap();
        assert_eq!(text_of(&answer), "x");
        let unknown = message(2, "none", json!({}));
        let mut stream = Stream::open(running.address, "POST /mcp", &headers, unknown).await;
        assert_eq!((stream.status(), stream.is_events()), (200, true));
        assert_eq!(stream.answer().await["error"]["code"], -32601);
    }
}

// --- streams beside each other

/// SPEC C-36 to C-39, E-84: three calls and a standalone stream at once, and each message on
/// exactly one of them.
#[tokio::test]
async fn each_message_is_on_one_stream() {
    let (running, seen) = eager_probe().await;
    for version in STREAMABLE {
        let (session, mut standalone) = listening(&running, version).await;
        let tags = ["a", "b", "c"];
        let mut streams = Vec::new();
        for tag in tags {
            streams.push(begin(&session, "talk", json!({"tag": tag, "times": 3})).await);
        }
        for number in 0..3 {
            for (tag, stream) in tags.iter().zip(&mut streams) {
                seen.allow(tag, 1);
                let message = stream.message().await.unwrap();
                assert_eq!(notes(&[message], tag), [number], "while the others run");
            }
        }
        for tag in tags.iter().rev() {
            seen.allow(tag, 1);
        }
        for (tag, stream) in tags.iter().zip(&mut streams) {
            let messages = stream.messages().await;
            assert_eq!(messages.len(), 1, "SPEC C-27: {messages:?}");
            assert_eq!(text_of(&messages[0]), format!("talked {tag}"));
        }
        assert_eq!(session.delete().await, 200);
        let messages = standalone.messages().await;
        assert!(messages.is_empty(), "SPEC C-37: {messages:?}");
    }
}

/// SPEC C-25, E-96, C-20, C-22, A-14: a question is on the stream of the call that asks, and its
/// answer is POSTed; the answer of another session, or a late one, counts nothing.
#[tokio::test]
async fn a_question_is_on_the_stream_of_its_call() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let capabilities = json!({"roots": {}});
        let session = Session::open(running.address, version, capabilities.clone()).await;
        let other = Session::open(running.address, version, capabilities).await;
        let mut standalone = session.listen(None).await;
        let mut first = begin(&session, "ask", json!({})).await;
        let mut second = begin(&session, "roots", json!({})).await;
        let questions = [
            first.message().await.unwrap(),
            second.message().await.unwrap(),
        ];
        assert_ne!(questions[0]["id"], questions[1]["id"]);
        let answers = [
            json!({"roots": []}),
            json!({"roots": [{"uri": "file:///b"}]}),
        ];
        let answer = |at: usize| {
            assert_eq!(questions[at]["method"], "roots/list");
            json!({"jsonrpc": "2.0", "id": questions[at]["id"], "result": answers[at]}).to_string()
        };
        let wrong = json!({"jsonrpc": "2.0", "id": questions[0]["id"], "result": {"wrong": 1}});
        assert_eq!(other.post(wrong.to_string()).await.status(), 202);
        for at in [1, 0, 0] {
            assert_eq!(session.post(answer(at)).await.status(), 202);
        }
        assert_eq!(text_of(&first.answer().await), r#"{"roots":[]}"#);
        assert_eq!(text_of(&second.answer().await), "file:///b");
        assert_eq!(session.delete().await, 200);
        assert!(standalone.message().await.is_none());
    }
}

/// SPEC C-24, C-42, E-112: a client that takes JSON alone cannot be asked, and the handler learns it
/// at once, whether a standalone stream is open or not.
#[tokio::test]
async fn a_client_of_json_alone_is_not_asked() {
    let (running, _) = probe().await;
    let session = Session::open(running.address, V11, json!({"roots": {}})).await;
    let headers = format!(
        "{}Content-Type: application/json\r\nAccept: application/json\r\n",
        session.headers()
    );
    let mut standalone = session.listen(None).await;
    for tool in ["ask", "roots"] {
        let body = message(1, "tools/call", call(tool, json!({})));
        let answer = request(running.address, "POST /mcp", &headers, body).await;
        assert!(
            text_of(&answer.json()).contains("no stream"),
            "{}",
            answer.body
        );
    }
    assert_eq!(session.delete().await, 200);
    assert!(standalone.message().await.is_none());
}

/// SPEC C-40, C-41, J-14: the newest standalone stream is the one; with none, messages wait.
#[tokio::test]
async fn the_newest_standalone_stream_wins() {
    let (server, _) = crate::support::probe::probe();
    let mcp = McpService::builder(server.clone()).build().unwrap();
    let running = crate::support::start(mcp).await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let subscribe = json!({"uri": "test://a"});
        let answer = session.call("resources/subscribe", subscribe.clone()).await;
        assert_eq!(answer["result"], json!({}));
        server.resource_updated("test://a");
        server.resource_updated("test://a");
        let mut first = session.listen(None).await;
        for _ in 0..2 {
            let waited = first.message().await.unwrap();
            assert_eq!(waited["method"], "notifications/resources/updated");
            assert_eq!(waited["params"], subscribe);
        }
        let mut second = session.listen(None).await;
        assert!(first.message().await.is_none(), "the older one is closed");
        server.resource_updated("test://a");
        assert!(second.message().await.is_some());
        assert_eq!(session.delete().await, 200);
        assert!(second.message().await.is_none(), "and nothing came twice");
    }
}

/// SPEC C-43, H-10: comments come on quiet streams of either kind, between whole events.
#[tokio::test]
async fn quiet_streams_are_kept_alive() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.silence(Duration::ZERO);
        builder.keep_alive(Duration::from_millis(1))
    })
    .await;
    let (session, mut standalone) = listening(&running, V11).await;
    let mut stream = begin(&session, "talk", json!({"times": 2})).await;
    for number in 0..2 {
        stream.comment().await;
        standalone.comment().await;
        seen.allow("", 1);
        assert_eq!(stream.message().await.unwrap()["params"]["number"], number);
    }
    seen.allow("", 1);
    assert_eq!(text_of(&stream.answer().await), "talked ");
}

// --- cancelling

/// SPEC C-29, E-87, E-88, J-24: a cancelled call stops. Its stream ends without an answer; where
/// nothing was sent yet HTTP has an error.
#[tokio::test]
async fn a_cancelled_call_ends_its_exchange() {
    let (eager, seen_eager) = eager_probe().await;
    let (patient, seen_patient) = probe_with(|builder| {
        let patience = Duration::from_secs(3600);
        builder.silence(patience)
    })
    .await;
    for version in STREAMABLE {
        for (running, seen, is_stream) in [
            (&eager, &seen_eager, true),
            (&patient, &seen_patient, false),
        ] {
            let session = Session::open(running.address, version, json!({})).await;
            let (id, mut stream) = session.send("tools/call", call("wait", json!({}))).await;
            seen.happens("begun", "").await;
            if is_stream {
                stream.read_head().await;
            }
            let other = Session::open(running.address, version, json!({})).await;
            let cancel = json!({"requestId": id, "reason": "enough"});
            assert_eq!(
                other
                    .notify("notifications/cancelled", cancel.clone())
                    .await,
                202
            );
            let unlike = json!({"requestId": id.to_string()});
            assert_eq!(session.notify("notifications/cancelled", unlike).await, 202);
            assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
            seen.happens("over", "").await;
            if is_stream {
                assert!(stream.message().await.is_none(), "{version}");
            } else {
                stream.read_head().await;
                assert_eq!((stream.status(), stream.is_events()), (200, false));
                let error = json!({"code": -32603, "message": "Request cancelled"});
                assert_eq!(
                    stream.json().await,
                    json!({"jsonrpc": "2.0", "id": id, "error": error})
                );
            }
            let again = session.post(echo(id, "free")).await.answer().await;
            assert_eq!(text_of(&again), "free");
        }
    }
}

/// SPEC C-14, E-88: also for a client that takes JSON alone, however long it waited.
#[tokio::test]
async fn a_cancelled_call_of_json_alone_ends() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V06, json!({})).await;
    let headers = format!(
        "{}Content-Type: application/json\r\nAccept: application/json\r\n",
        session.headers()
    );
    let wait = message(5, "tools/call", call("wait", json!({})));
    let mut stream = Stream::send(running.address, "POST /mcp", &headers, wait).await;
    seen.happens("begun", "").await;
    let cancel = json!({"requestId": 5});
    assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
    seen.happens("over", "").await;
    stream.read_head().await;
    assert_eq!(stream.json().await["error"]["message"], "Request cancelled");
}

/// SPEC E-89: whoever wins the race, the exchange ends, with one answer or none.
#[tokio::test]
async fn cancel_and_answer_may_race() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V06, json!({})).await;
    for _ in 0..50 {
        let (id, mut stream) = session.send("tools/call", call("wait", json!({}))).await;
        seen.happens("begun", "").await;
        let cancel = async {
            let cancel = json!({"requestId": id});
            session.notify("notifications/cancelled", cancel).await
        };
        let answer = async {
            seen.allow("", 1);
            stream.read_head().await;
            if stream.is_events() {
                stream.messages().await
            } else {
                vec![stream.json().await]
            }
        };
        let (status, messages) = tokio::join!(cancel, answer);
        assert_eq!(status, 202);
        assert!(messages.len() <= 1, "{messages:?}");
        seen.happens("over", "").await;
        // A cancelled call leaves its permit.
        if messages
            .iter()
            .all(|message| message.get("result").is_none())
        {
            let mut next = begin(&session, "wait", json!({})).await;
            assert_eq!(text_of(&next.answer().await), "waited ");
            seen.happens("begun", "").await;
            seen.happens("over", "").await;
        }
    }
}

// --- HTTP

/// SPEC C-8, C-104: clients wait for leave to send, send in chunks, and do not wait for answers.
#[tokio::test]
async fn http_is_served_in_all_its_ways() {
    let (running, _) = probe().await;
    let session = Session::open(running.address, V06, json!({})).await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\n{POST_HEADERS}{}",
        session.headers()
    );
    let mut kept = Kept::open(&running).await;
    let body = echo(1, "waited for leave");
    kept.send(format!(
        "{head}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ))
    .await;
    let leave = kept.read_through("\r\n\r\n").await;
    assert_eq!(leave, "HTTP/1.1 100 Continue\r\n\r\n");
    kept.send(&body).await;
    assert_eq!(text_of(&kept.answer().await.json()), "waited for leave");

    let body = echo(2, "in pieces");
    let (first, second) = body.split_at(10);
    kept.send(format!(
        "{head}Transfer-Encoding: chunked\r\n\r\na\r\n{first}\r\n"
    ))
    .await;
    kept.send(format!("{:x}\r\n{second}\r\n0\r\n\r\n", second.len()))
        .await;
    assert_eq!(text_of(&kept.answer().await.json()), "in pieces");

    let pipelined = (3..8).map(|id| {
        let body = message(id, "ping", json!({}));
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
    });
    kept.send(pipelined.collect::<String>()).await;
    for id in 3..8 {
        assert_eq!(kept.answer().await.json()["id"], id, "in their order");
    }
}

/// SPEC C-104: what the head is refused for is told before the body is asked for.
#[tokio::test]
async fn a_head_is_refused_before_its_body_is_asked_for() {
    let (running, _) = probe_with(|builder| builder.body_limit(100)).await;
    let expect = "Connection: close\r\nExpect: 100-continue\r\n";
    let typed = "Content-Type: application/json\r\n";
    for (headers, status) in [
        (
            "Host: evil.example\r\nContent-Length: 9\r\n".to_owned(),
            403,
        ),
        (
            format!("Host: localhost\r\nOrigin: null\r\n{typed}Content-Length: 9\r\n"),
            403,
        ),
        ("Host: localhost\r\nContent-Length: 9\r\n".to_owned(), 415),
        (
            format!("Host: localhost\r\n{typed}Accept: text/html\r\nContent-Length: 9\r\n"),
            406,
        ),
        (
            format!("Host: localhost\r\n{typed}Content-Length: 101\r\n"),
            413,
        ),
    ] {
        let answer = raw(
            running.address,
            format!("POST /mcp HTTP/1.1\r\n{headers}{expect}\r\n"),
        )
        .await;
        check_refused(&answer, status, -32600, "");
    }
}

/// SPEC C.1 row 5, R-43 to R-45: a body has its length and its time; then the connection ends.
#[tokio::test]
async fn a_body_has_its_length_and_its_time() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.body_limit(100);
        builder.body_timeout(Duration::from_millis(5))
    })
    .await;
    let head = format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{POST_HEADERS}");
    let piece = format!("33\r\n{}\r\n", " ".repeat(51));
    for (rest, status) in [
        ("Content-Length: 101\r\n\r\n".to_owned(), 413),
        (
            format!("Transfer-Encoding: chunked\r\n\r\n{piece}{piece}"),
            413,
        ),
        ("Content-Length: 10\r\n\r\n{".to_owned(), 408),
    ] {
        let answer = raw(running.address, format!("{head}{rest}")).await;
        check_refused(&answer, status, -32600, "");
        assert_eq!(answer.header("connection"), Some("close"), "{rest}");
    }
    assert_eq!(seen.calls(), 0);
}

// --- the end

/// SPEC C-84, R-10, R-11: at the end running calls finish, streams end cleanly, new work is refused.
#[tokio::test]
async fn the_end_is_orderly() {
    let (running, seen) = eager_probe().await;
    let (busy, mut standalone) = listening(&running, V11).await;
    let mut stream = begin(&busy, "talk", json!({"times": 1})).await;
    seen.happens("begun", "").await;
    let (_idle, mut other) = listening(&running, V06).await;
    let mcp = running.mcp.clone();
    mcp.drain();
    assert!(other.message().await.is_none(), "an idle stream ends");
    let answer = post(&running, "", initialize(V11)).await;
    check_refused(&answer, 503, -32603, "shutting down");
    let answer = post(&running, &busy.headers(), echo(9, "x")).await;
    check_refused(&answer, 503, -32603, "shutting down");
    let start = std::time::Instant::now();
    let end = running.stop();
    seen.allow("", 2);
    let messages = stream.messages().await;
    assert_eq!(notes(&messages, ""), [0]);
    assert_eq!(text_of(&messages[1]), "talked ");
    assert!(standalone.message().await.is_none());
    soon("the end", end).await.unwrap().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "no deadline had to pass"
    );
}

/// `close` cancels what runs, and tells it: on its stream, or as its answer.
#[tokio::test]
async fn a_hard_end_answers_what_ran() {
    let (eager, seen) = eager_probe().await;
    let session = Session::open(eager.address, V06, json!({})).await;
    let mut stream = begin(&session, "wait", json!({})).await;
    seen.happens("begun", "").await;
    eager.mcp.close();
    seen.happens("over", "").await;
    assert_eq!(stream.answer().await["error"]["code"], -32603);
    soon("the end", eager.stop()).await.unwrap().unwrap();

    let (patient, seen) = probe().await;
    let session = Session::open(patient.address, V06, json!({})).await;
    let (id, mut stream) = session.send("tools/call", call("wait", json!({}))).await;
    seen.happens("begun", "").await;
    patient.mcp.close();
    stream.read_head().await;
    let answer = stream.json().await;
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!(id), &json!(-32603))
    );
    assert_eq!(patient.mcp.sessions(), 0);
}

// --- both transports

/// SPEC B-19, B-20: both transports are served beside each other, and neither knows the other's
/// sessions.
#[tokio::test]
async fn both_transports_are_beside_each_other() {
    let (server, _) = crate::support::probe::probe();
    let mcp = McpService::builder(server.clone()).build().unwrap();
    let running = crate::support::start(mcp).await;
    let mut sse = Client::initialized(running.address, V24, json!({})).await;
    let (session, mut standalone) = listening(&running, V11).await;
    let of_sse = sse.endpoint.split_once('=').unwrap().1.to_owned();
    let header = format!("Mcp-Session-Id: {of_sse}\r\n");
    let ping = message(1, "ping", json!({}));
    check_refused(
        &post(&running, &header, &ping).await,
        404,
        -32600,
        "no such session",
    );
    for line in ["GET /mcp", "DELETE /mcp"] {
        let answer = request(running.address, line, &header, "").await;
        check_refused(&answer, 404, -32600, "no such session");
    }
    let line = format!("POST /messages/?session_id={}", session.id);
    let answer = request(running.address, &line, POST_HEADERS, &ping).await;
    check_refused(&answer, 404, -32600, "no such session");

    assert_eq!(sse.result("ping", json!({})).await, json!({}));
    assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
    server
        .add_tool(mcp_wire::server::Tool::new("new"), async |_, _| "new")
        .unwrap();
    let change = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    assert_eq!(sse.message().await.unwrap(), change);
    assert_eq!(standalone.message().await.unwrap(), change);
    assert_eq!(running.mcp.sessions(), 2);
}
