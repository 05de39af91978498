//! Sessions of Streamable HTTP, their ends and revisions, and service without them (SPEC C-70 to
//! C-97).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response};
use mcp_wire::{McpService, ResponseBody};
use serde_json::json;

use super::{
    NO_SESSION, STREAMABLE, V03, V06, V11, V24, begin, echo, initialize, listening, notification,
    post, probe,
};
use crate::support::probe::{call, eager_probe, probe_with};
use crate::support::{
    Client, POST_HEADERS, Session, Stream, check_method_refused, check_refused, hello, message,
    request, text_of, until,
};

// --- sessions

/// SPEC C-70 to C-73, C-82, C-103, J-31, GOTCHAS 19: `initialize` opens a session, which does not
/// depend on the connection, and every response of it names it.
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

/// SPEC C-70, E.1, PITFALLS R-4: an `initialize` that fails leaves no session, even when its id was
/// already sent.
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
    let long = hello(V11, json!({"x": "y".repeat(64 * 1024)}));
    let answer = post(&running, "", message(3, "initialize", long)).await;
    assert_eq!(answer.header("mcp-session-id"), None);
    assert_eq!(answer.json()["error"]["code"], -32602);
    assert_eq!(running.mcp.sessions(), 0);
    assert_eq!(
        post(&running, "", initialize(V11)).await.status,
        200,
        "the next may succeed"
    );
}

/// SPEC A-11, C-74, C-75, C-79, C-80, C-91, E-4, J-34, J-35, J-40, PITFALLS R-31, GOTCHAS 18: a
/// request names an existing session; of several faults, the answer is for the first in the order
/// of the tables.
#[tokio::test]
async fn a_request_names_a_session_that_exists() {
    let (running, seen) = probe().await;
    let live = Session::open(running.address, V11, json!({})).await;
    let ended = Session::open(running.address, V11, json!({})).await;
    assert_eq!(ended.delete().await, 200);
    let name = |id: &str| format!("Mcp-Session-Id: {id}\r\n");
    let bad_version = "MCP-Protocol-Version: 1900-01-01\r\n";
    let twice = name(&live.id) + &name(NO_SESSION);
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
        // SPEC A-11; FIELD T-9 for the session.
        let id = (status != 404).then_some(1);
        assert_eq!(
            answer.json().get("id"),
            id.map(serde_json::Value::from).as_ref()
        );
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

/// SPEC C-30, C-75, C-76, C.3 row 6, J-16, GOTCHAS 17: DELETE ends everything of one session, once,
/// and nothing of others.
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

/// A request without a socket, so that the clock can be paused.
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

/// SPEC C-77, C-75, PITFALLS R-1: an unused session expires; an open stream or a running call keeps
/// it alive.
#[tokio::test(start_paused = true)]
async fn an_idle_session_ends() {
    const MINUTE: Duration = Duration::from_secs(60);
    let (server, seen) = crate::support::probe::probe();
    // Only the running call may keep its session alive.
    let builder = McpService::builder(server).timeouts(|timeouts| timeouts.request = None);
    let mcp = builder.build().unwrap();
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
    // The reaper runs again once the table has a session.
    direct(&mcp, "POST", "", initialize(V06)).await;
    tokio::time::sleep(31 * MINUTE).await;
    assert_eq!(mcp.sessions(), 0);
}

/// SPEC C-77, PITFALLS R-2: limits are 503 with `Retry-After`: on sessions when all are busy, and
/// on calls in one session.
#[tokio::test]
async fn limits_are_answered_503() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
        builder.limits(|limits| {
            limits.sessions = 1;
            limits.requests_per_session = 2;
        })
    })
    .await;
    let sse = Client::open(running.address).await;
    let answer = post(&running, "", initialize(V11)).await;
    check_refused(&answer, 503, -32603, "1 sessions");
    assert_eq!(answer.json()["id"], 1, "SPEC A-11");
    assert_eq!(answer.header("mcp-session-id"), None);
    drop(sse);
    until("room", || running.mcp.sessions() == 0).await;
    let session = Session::open(running.address, V11, json!({})).await;
    let mut first = begin(&session, "wait", json!({})).await;
    let mut second = begin(&session, "wait", json!({})).await;
    let refused = post(&running, &session.headers(), echo(9, "x")).await;
    check_refused(
        &refused,
        503,
        -32603,
        "2 running requests (limit: `Limits::requests_per_session`)",
    );
    assert_eq!(refused.json()["id"], 9);
    let answer = post(&running, "", initialize(V11)).await;
    check_refused(&answer, 503, -32603, "1 sessions");
    seen.allow("", 2);
    for stream in [&mut first, &mut second] {
        assert_eq!(text_of(&stream.answer().await), "waited ");
    }
    assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
    assert_eq!(session.delete().await, 200);
    assert_eq!(post(&running, "", initialize(V11)).await.status, 200);
}

/// SPEC C-81, E-4, E-5, PITFALLS R-58: a client is served as soon as it has its result, before
/// `initialized`.
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
    // SPEC E-6: a second one is harmless.
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
    check_refused(&answer, 400, -32600, "already initialized");
    assert_eq!(answer.json()["id"], "again");
    assert_eq!(running.mcp.sessions(), 1);
}

/// SPEC, PITFALLS R-13: a second request with an id in flight is refused; another
/// session may use the id.
#[tokio::test]
async fn an_id_in_flight_is_refused() {
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

/// SPEC C-83, C-35, C.2 and C.3 row 2, C-93, E-112, PITFALLS R-51, GOTCHAS 13: without sessions
/// each POST stands for itself.
#[tokio::test]
async fn without_sessions_each_post_stands_for_itself() {
    let (running, _) = probe_with(|builder| {
        let builder = builder.timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
        builder
            .without_sessions()
            .timeouts(|timeouts| timeouts.reply = Duration::from_secs(1))
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
        // A question to the client fails at once, since it cannot answer.
        for (tool, says) in [
            ("ask", "no stream"),
            ("roots", "did not declare"),
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

/// SPEC C-83, C-28, C-51: without sessions a stream has no event ids, since it cannot be resumed.
#[tokio::test]
async fn without_sessions_a_stream_is_not_resumed() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
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

/// SPEC C-92, A.3: without a session the header names the revision; without a header it is
/// 2025-03-26.
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
            200,
        ),
        (
            "MCP-Protocol-Version: 2025-03-26\r\nMCP-Protocol-Version: 2025-06-18\r\n",
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

/// SPEC C-90, C-91, C-94, C-96, J-19, GOTCHAS 20: a request may name any served revision; the
/// session's own revision applies.
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
            ("MCP-Protocol-Version: 2025-11-25, 2025-11-25\r\n", true),
            ("MCP-Protocol-Version: 2026-07-28\r\n", true),
            ("MCP-Protocol-Version: 2025-11-25, 2025-06-18\r\n", false),
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

/// SPEC C-95, D.1, D-144, J-1, J-35, A-45: a modern version header without a session makes a request a
/// modern one, but for `initialize`.
#[tokio::test]
async fn a_modern_header_makes_a_modern_request() {
    let (running, seen) = probe().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let modern = "MCP-Protocol-Version: 2026-07-28\r\n";
    let in_session = format!("Mcp-Session-Id: {}\r\n{modern}", session.id);
    let answer = post(&running, modern, echo(1, "x")).await;
    check_refused(&answer, 400, -32602, "_meta");
    assert_eq!(answer.json()["id"], 1);
    for line in ["GET /mcp", "DELETE /mcp"] {
        let answer = request(running.address, line, modern, "").await;
        check_method_refused(&answer, "POST, OPTIONS");
    }
    assert_eq!((seen.calls(), running.mcp.sessions()), (0, 1));
    assert_eq!(post(&running, modern, initialize(V11)).await.status, 200);
    let answer = post(&running, &in_session, echo(1, "x")).await;
    assert_eq!(text_of(&answer.json()), "x");
    assert_eq!((seen.calls(), running.mcp.sessions()), (1, 2));
}

/// SPEC C-97: modern headers are ignored in a session.
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
