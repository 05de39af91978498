//! Streamable HTTP of 2025-03-26, 2025-06-18 and 2025-11-25 (SPEC C, A.3) on real sockets: the
//! path, what a POST must hold, HTTP, and shutdown. The server layer over `/mcp` is in
//! `features.rs`.

mod batches;
mod resumption;
mod sessions;
mod streams;

use std::time::Duration;

use mcp_wire::McpService;
use serde_json::{Value, json};

use crate::support::probe::{call, eager_probe, notes, probe_with};
use crate::support::{
    Answer, Client, Kept, POST_HEADERS, Running, Session, Stream, check_refused, hello, message,
    raw, request, soon, text_of,
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

/// A call of a tool that does not answer at once.
async fn begin(session: &Session, tool: &str, arguments: Value) -> Stream {
    let stream = session.begin("tools/call", call(tool, arguments)).await;
    assert!(stream.is_events(), "{}", stream.head);
    stream
}

// --- the path and its methods

/// SPEC C-1, C-35, C-100, C-105, B-20, PITFALLS R-30: there is one path, with or without a slash,
/// and no redirect.
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

/// SPEC C-2, C-3, C.1 to C.3 row 1, J-25: a foreign `Origin` or `Host` is refused before anything
/// else, in every revision.
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
                check_refused(&answer, 403, -32600, "does not accept");
                assert!(answer.json().get("id").is_none());
            }
        }
    }
    assert_eq!((seen.calls(), running.mcp.sessions()), (0, 3));
    let own = format!("Origin: http://localhost:{}\r\n", running.address.port());
    assert_eq!(post(&running, &own, initialize(V11)).await.status, 200);
}

// --- what a POST must hold

/// SPEC C-6, C-7, C.1 row 3: a body is JSON in UTF-8, without a content encoding.
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

/// SPEC C-10 to C-12, C-14, C-23, J-13, GOTCHAS 21: a client that accepts one form gets that form,
/// a missing header accepts any, and the strict switch demands both.
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

/// SPEC C-13: a standalone stream needs an `Accept` that admits it.
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

/// SPEC C-5, C-21, C.1 rows 5 to 7, A-1 to A-4, A-9, A-11, A-23, J-18, GOTCHAS 28: a body that is
/// not a message is refused, and nothing in it is executed.
#[tokio::test]
async fn a_body_that_is_not_a_message_is_refused() {
    let (running, seen) = probe_with(|builder| builder.limits(|limits| limits.body = 1000)).await;
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

/// SPEC A-11, A-17, A-19, A-22, A-27: errors of well-formed requests are 200, with their id.
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

/// SPEC C-20, C-22, A-7, A-20, A-21, PITFALLS R-32, R-42, GOTCHAS 12: a body that needs no answer
/// is 202 with an empty body.
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

// --- HTTP

/// SPEC C-8, C-104: clients may send `Expect: 100-continue`, chunked bodies, and pipelined
/// requests.
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

/// SPEC C-104: a faulty head is refused before the server asks for the body.
#[tokio::test]
async fn a_head_is_refused_before_its_body_is_asked_for() {
    let (running, _) = probe_with(|builder| builder.limits(|limits| limits.body = 100)).await;
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

/// SPEC C.1 row 5, PITFALLS R-43 to R-45: a body is limited in length and time; past the limit the
/// connection ends.
#[tokio::test]
async fn a_body_is_limited_in_length_and_time() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.limits(|limits| limits.body = 100);
        builder.timeouts(|timeouts| timeouts.body = Duration::from_millis(200))
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

/// GOTCHAS 27: the limit is 4 MiB unless the embedder sets another.
#[tokio::test]
async fn a_body_may_have_4_mib_by_default() {
    let (running, _) = probe().await;
    let head = format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{POST_HEADERS}");
    let much = format!("{head}Content-Length: {}\r\n\r\n", (4 << 20) + 1);
    check_refused(&raw(running.address, much).await, 413, -32600, "4194304");
    let mut hello = initialize(V11);
    hello.push_str(&" ".repeat((4 << 20) - hello.len()));
    let fits = Stream::open(running.address, "POST /mcp", POST_HEADERS, hello).await;
    assert_eq!(fits.status(), 200);
}

// --- the end

/// SPEC C-84, PITFALLS R-10, R-11: while the service drains, running calls finish, streams end
/// cleanly, and new requests are refused.
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

/// `close` cancels running calls and answers each with an error, on its stream or as JSON.
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

/// SPEC B-19, B-20: both transports are served together, and neither knows the other's sessions.
#[tokio::test]
async fn both_transports_are_served_together() {
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
