//! What clients conclude from a refusal: which transport a server has, whether a session is lost, which methods
//! there are, and from where a page may call.

use std::time::Duration;

use mcp_wire::Builder;
use mcp_wire::server::Server;
use serde_json::json;

use super::readers::{Chosen, Posted, choose_transport, read_by_id};
use crate::support::probe::{call, probe_with};
use crate::support::{
    POST_HEADERS, Session, check_method_refused, check_refused, hello, message, raw, request, until,
};

const NO_SESSION: &str = "0123456789abcdef0123456789abcdef";

/// FIELD T-5: a client that takes every JSON-RPC body for Streamable HTTP finds the transport of each URL, with
/// and without sessions, and whether or not the server shuts down.
#[tokio::test]
async fn a_client_finds_the_transport_of_a_url() {
    for sessions in [true, false] {
        let (running, _) = probe_with(|builder| match sessions {
            true => builder,
            false => builder.without_sessions(),
        })
        .await;
        for (path, chosen) in [
            ("/sse", Chosen::HttpSse),
            ("/sse/", Chosen::HttpSse),
            ("/mcp", Chosen::Streamable),
        ] {
            let found = choose_transport(running.address, path).await;
            assert_eq!(found, chosen, "{path}");
        }
        let body = message(1, "initialize", hello("2025-06-18", json!({})));
        for headers in [
            POST_HEADERS,
            "",
            "Content-Type: application/json\r\nMCP-Protocol-Version: 2026-07-28\r\n",
        ] {
            let answer = request(running.address, "POST /sse", headers, &body).await;
            check_method_refused(&answer, "GET, OPTIONS");
        }
    }
}

/// FIELD T-9: a client that matches answers by their ids learns that its session is lost, however it was lost. An
/// error that is about the call keeps its id.
#[tokio::test]
async fn a_client_learns_that_its_session_is_lost() {
    let (running, _) = probe_with(|builder| {
        builder.timeouts(|timeouts| timeouts.session_idle = Duration::from_millis(500))
    })
    .await;
    for version in super::STREAMABLE {
        let deleted = Session::open(running.address, version, json!({})).await;
        deleted.delete().await;
        let idle = Session::open(running.address, version, json!({})).await;
        until("the end of its time", || running.mcp.sessions() == 0).await;
        for id in [NO_SESSION, "some", &deleted.id, &idle.id] {
            let headers = format!("{POST_HEADERS}Mcp-Session-Id: {id}\r\n");
            for body in [
                message(7, "ping", json!({})),
                message(7, "tools/call", call("echo", json!({"message": "x"}))),
                message(7, "initialize", hello(version, json!({}))),
                message(7, "ping", json!([])),
            ] {
                let answer = request(running.address, "POST /mcp", &headers, &body).await;
                assert_eq!(read_by_id(&answer, 7), Posted::Lost, "{id} {body}");
                check_refused(&answer, 404, -32600, "there is no such session");
            }
        }
    }
    let line = format!("POST /messages/?session_id={NO_SESSION}");
    let lost = request(
        running.address,
        &line,
        POST_HEADERS,
        message(7, "ping", json!({})),
    )
    .await;
    assert_eq!(read_by_id(&lost, 7), Posted::Lost);
    // The one error of 2026-07-28 with this status.
    let modern = crate::support::modern(running.address, 7, "foo/bar", json!({}));
    let mut modern = modern.await;
    assert_eq!(modern.status(), 404);
    assert_eq!(modern.json().await["id"], 7);
}

type Set = fn(Builder<Server>) -> Builder<Server>;

/// FIELD T-11, SPEC C-100: `Allow` lists exactly the methods that are served here, in the era of the request: with
/// these a request is not answered 405, with all others it is.
#[tokio::test]
async fn allow_lists_what_is_served() {
    let settings: [Set; 2] = [|builder| builder, Builder::without_sessions];
    for set in settings {
        let (running, _) = probe_with(set).await;
        for path in ["/mcp", "/sse", "/messages/"] {
            for version in [
                "",
                "MCP-Protocol-Version: 2025-11-25\r\n",
                "MCP-Protocol-Version: 2026-07-28\r\n",
            ] {
                let options = format!("OPTIONS {path}");
                let told = request(running.address, &options, version, "").await;
                let allow = told.header("allow").unwrap().to_owned();
                let served: Vec<_> = allow.split(", ").collect();
                for method in [
                    "GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "TRACE", "get",
                ] {
                    // No stream opens for a client that takes none.
                    let headers = format!("{version}Accept: text/html\r\n");
                    let line = format!("{method} {path}");
                    let answer = request(running.address, &line, &headers, "").await;
                    if served.contains(&method) {
                        assert_ne!(answer.status, 405, "{line} {version}");
                    } else if method == "HEAD" {
                        assert_eq!(answer.header("allow"), Some(&*allow), "{line} {version}");
                    } else {
                        check_method_refused(&answer, &allow);
                    }
                }
            }
        }
    }
}

/// FIELD T-10: pages and apps of this machine, which may have names below `localhost`, reach a server on a
/// loopback address, also at such a name. FIELD T-11: every form that a host can have is read; a user in it makes
/// it none.
#[tokio::test]
async fn a_page_of_this_machine_is_let_in() {
    let (running, _) = probe_with(|builder| builder).await;
    let port = running.address.port();
    for (host, origin, status) in [
        (format!("localhost:{port}"), "http://tauri.localhost", 200),
        (
            format!("localhost:{port}"),
            "https://a.b.localhost:5173",
            200,
        ),
        (format!("127.0.0.1:{port}"), "http://localhost.", 200),
        (format!("[::1]:{port}"), "http://127.0.0.1:", 200),
        (format!("app.localhost:{port}"), "http://app.localhost", 200),
        (format!("localhost.:{port}"), "", 200),
        ("localhost:".to_owned(), "", 200),
        ("[::1]".to_owned(), "", 200),
        ("127.0.0.1.".to_owned(), "", 200),
        ("localhost".to_owned(), "http://evil-localhost", 403),
        ("localhost".to_owned(), "http://localhost.evil.example", 403),
        ("localhost".to_owned(), "http://user@localhost", 403),
        ("localhost".to_owned(), "tauri://tauri.localhost", 403),
        ("tauri.localhost.evil.example".to_owned(), "", 403),
        ("evil.example.:80".to_owned(), "", 403),
        ("user@localhost".to_owned(), "", 400),
        ("localhost:port".to_owned(), "", 400),
        ("[::1".to_owned(), "", 400),
        (":80".to_owned(), "", 400),
    ] {
        let body = message(1, "initialize", hello("2025-11-25", json!({})));
        let origin_line = match origin {
            "" => String::new(),
            origin => format!("Origin: {origin}\r\n"),
        };
        let head = |target: &str| {
            let len = body.len();
            format!(
                "POST {target} HTTP/1.1\r\nHost: {host}\r\n{origin_line}{POST_HEADERS}\
                 Connection: close\r\nContent-Length: {len}\r\n\r\n{body}"
            )
        };
        let answer = raw(running.address, head("/mcp")).await;
        assert_eq!(answer.status, status, "{host} {origin}: {}", answer.body);
        if status == 200 {
            // The host of an absolute target takes precedence.
            let user = raw(running.address, head("http://user@localhost/mcp")).await;
            assert_eq!(user.status, 400, "{}", user.body);
        }
    }
}
