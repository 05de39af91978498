//! Headers as clients and the proxies before them send them: twice, joined, or of another revision.

use serde_json::json;

use crate::support::probe::{call, probe_with};
use crate::support::{
    Answer, POST_HEADERS, Running, Session, Stream, envelope, hello, message, request,
};

const JSON: &str = "Content-Type: application/json\r\n";
const MODERN: &str = "MCP-Protocol-Version: 2026-07-28\r\n";

async fn post(running: &Running, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    request(running.address, "POST /mcp", headers, body).await
}

/// A header with these values, on lines of their own or joined.
fn copies(name: &str, values: &[&str], joined: bool) -> String {
    if joined {
        return format!("{name}: {}\r\n", values.join(", "));
    }
    let lines = values.iter().map(|value| format!("{name}: {value}\r\n"));
    lines.collect()
}

/// FIELD T-3, SPEC D-34: equal copies of a header count as one, on lines of their own or joined, in a session
/// and without one; different values are refused.
#[tokio::test]
async fn a_header_that_is_sent_twice_counts_once() {
    let (running, _) = probe_with(|builder| builder).await;
    let session = Session::open(running.address, "2025-11-25", json!({})).await;
    let legacy = message(1, "ping", json!({}));
    let mut params = call("echo", json!({"message": "x"}));
    params["_meta"] = envelope(json!({}));
    let modern = message(1, "tools/call", params);
    let id = format!("Mcp-Session-Id: {}\r\n", session.id);
    let version = "MCP-Protocol-Version: 2025-11-25\r\n";
    let (method, name) = ("Mcp-Method: tools/call\r\n", "Mcp-Name: echo\r\n");
    for (body, header, good, other, rest, code) in [
        (
            &legacy,
            "MCP-Protocol-Version",
            "2025-11-25",
            "2025-06-18",
            [JSON, &id].concat(),
            -32600,
        ),
        (
            &legacy,
            "Mcp-Session-Id",
            &*session.id,
            "some",
            [JSON, version].concat(),
            -32600,
        ),
        (
            &legacy,
            "Content-Type",
            "application/json",
            "text/plain",
            [&*id, version].concat(),
            -32600,
        ),
        (
            &modern,
            "MCP-Protocol-Version",
            "2026-07-28",
            "2025-11-25",
            [JSON, method, name].concat(),
            -32020,
        ),
        (
            &modern,
            "Mcp-Method",
            "tools/call",
            "tools/list",
            [JSON, MODERN, name].concat(),
            -32020,
        ),
        (
            &modern,
            "Mcp-Name",
            "echo",
            "wait",
            [JSON, MODERN, method].concat(),
            -32020,
        ),
        (
            &modern,
            "Mcp-Name",
            "=?base64?ZWNobw==?=",
            "echo",
            [JSON, MODERN, method].concat(),
            -32020,
        ),
    ] {
        for joined in [false, true] {
            let twice = copies(header, &[good, good], joined) + &rest;
            let served = post(&running, &twice, body).await;
            assert_eq!(served.status, 200, "{twice}: {}", served.body);
            assert!(served.json()["result"].is_object(), "{}", served.body);
            let thrice = copies(header, &[good, good, good], joined) + &rest;
            assert_eq!(post(&running, &thrice, body).await.status, 200, "{thrice}");
            for values in [[good, other], [other, good]] {
                let differ = copies(header, &values, joined) + &rest;
                let refused = post(&running, &differ, body).await;
                assert!(matches!(refused.status, 400 | 415), "{differ}");
                assert_eq!(refused.json()["error"]["code"], code, "{differ}");
            }
        }
    }
    // Streams are opened and sessions end with copies, too.
    for line in ["GET /mcp", "DELETE /mcp"] {
        let twice = [&*session.headers(), &session.headers()].concat();
        let answer = Stream::open(running.address, line, &twice, "").await;
        assert_eq!(answer.status(), 200, "{line}");
    }
}

/// SPEC D-34: what decides about access or about the length of a body is refused when it is there twice.
#[tokio::test]
async fn a_header_that_guards_is_there_once() {
    let (running, _) = probe_with(|builder| builder).await;
    let hello = message(1, "initialize", hello("2025-11-25", json!({})));
    let len = format!("Content-Length: {}\r\n", hello.len());
    let host = format!("Host: {}\r\n", running.address);
    for (twice, status) in [
        ("Origin: http://localhost\r\n", 403),
        (&*host, 400),
        (&*len, 400),
    ] {
        // `request` adds a host and a length.
        let headers = match status {
            403 => [POST_HEADERS, twice, twice].concat(),
            _ => [POST_HEADERS, twice].concat(),
        };
        let refused = post(&running, &headers, &hello).await;
        assert_eq!(refused.status, status, "{headers}");
    }
}

/// FIELD T-8, SPEC D-144: a client that sends its newest revision in the header of everything has its session,
/// whatever it sends. Only an envelope makes a message modern.
#[tokio::test]
async fn a_session_goes_on_whatever_the_version_header_says() {
    let (running, seen) = probe_with(|builder| builder).await;
    let modern_post = [POST_HEADERS, MODERN].concat();
    let opened = post(
        &running,
        &modern_post,
        message(1, "initialize", hello("2025-06-18", json!({"roots": {}}))),
    )
    .await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert_eq!(opened.json()["result"]["protocolVersion"], "2025-06-18");
    let session = opened.header("mcp-session-id").unwrap();
    let live = format!("{modern_post}Mcp-Session-Id: {session}\r\n");
    let lost = format!("{modern_post}Mcp-Session-Id: 0123456789abcdef0123456789abcdef\r\n");

    let request_of = |method: &str| message(7, method, json!({}));
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let reply = json!({"jsonrpc": "2.0", "id": 1, "result": {}}).to_string();
    let version = message(7, "tools/call", call("version", json!({})));
    let bad = json!({"jsonrpc": "2.0", "id": 7, "method": "ping", "params": []}).to_string();
    // In a live session, in a lost one, and without a session; with the code of an error.
    for (body, in_live, in_lost, without) in [
        (request_of("ping"), (200, None), 404, (400, Some(-32602))),
        (version, (200, None), 404, (400, Some(-32602))),
        (bad, (200, Some(-32602)), 404, (400, Some(-32602))),
        (
            request_of("server/discover"),
            (200, Some(-32601)),
            404,
            (400, Some(-32602)),
        ),
        (
            message(7, "initialize", hello("2025-11-25", json!({}))),
            (400, Some(-32600)),
            404,
            (200, None),
        ),
        (note, (202, None), 404, (202, None)),
        (reply, (202, None), 404, (400, Some(-32600))),
    ] {
        let code = |answer: &Answer| match answer.body.as_str() {
            "" => None,
            _ => answer.json()["error"]["code"].as_i64(),
        };
        let answer = post(&running, &live, &body).await;
        assert_eq!((answer.status, code(&answer)), in_live, "{body}");
        assert_eq!(post(&running, &lost, &body).await.status, in_lost, "{body}");
        let answer = post(&running, &modern_post, &body).await;
        assert_eq!((answer.status, code(&answer)), without, "{body}");
    }
    let answer = post(
        &running,
        &live,
        message(8, "tools/call", call("version", json!({}))),
    )
    .await;
    let text = answer.json()["result"]["content"][0]["text"].clone();
    assert_eq!(text, "2025-06-18", "its own revision");

    // An envelope takes precedence over the session.
    let mut params = call("version", json!({}));
    params["_meta"] = envelope(json!({}));
    let mirrored = "Mcp-Method: tools/call\r\nMcp-Name: version\r\n";
    let body = message(9, "tools/call", params);
    let answer = post(&running, &format!("{live}{mirrored}"), &body).await;
    let text = answer.json()["result"]["content"][0]["text"].clone();
    assert_eq!(text, "2026-07-28");

    for (line, in_live) in [("GET /mcp", 200), ("DELETE /mcp", 200)] {
        for (named, status) in [(&lost, 404), (&live, in_live)] {
            let answer = Stream::open(running.address, line, named, "").await;
            assert_eq!(answer.status(), status, "{line}");
        }
        let refused = request(running.address, line, MODERN, "").await;
        assert_eq!(refused.status, 405, "{line}");
        assert_eq!(refused.header("allow"), Some("POST, OPTIONS"), "{line}");
    }
    assert_eq!(seen.calls(), 0);
}
