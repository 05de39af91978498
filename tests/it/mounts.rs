//! Where the service is mounted: paths with and without a slash, prefixes that proxies strip, and
//! the embedder's own routes (PITFALLS ).

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode};
use mcp_wire::server::Server;
use mcp_wire::{Builder, Endpoint, McpService};
use serde_json::json;

use crate::support::probe::{probe, probe_with};
use crate::support::{Client, POST_HEADERS, Stream, check_refused, hello, message, request};

fn initialize() -> String {
    message(1, "initialize", hello("2025-11-25", json!({})))
}

/// PITFALLS R-46, GOTCHAS 5: a trailing slash makes no difference to any method, and there is no
/// redirect, which would lose the body, the scheme behind a proxy, or the `Authorization`.
#[tokio::test]
async fn a_slash_makes_no_difference_and_no_redirect() {
    let (running, _) = probe_with(|builder| builder.mount("/api")).await;
    for path in [
        "/api/mcp",
        "/api/sse",
        "/api/messages",
        "/api",
        "/nowhere",
        "/",
    ] {
        for method in ["GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT"] {
            let bare = path.trim_end_matches('/');
            let mut statuses = Vec::new();
            for path in [bare, &format!("{bare}/")] {
                if path.is_empty() {
                    continue;
                }
                let line = format!("{method} {path}");
                let body = initialize();
                let answer = Stream::open(running.address, &line, POST_HEADERS, body).await;
                assert!(!(300..400).contains(&answer.status()), "{line}");
                assert_eq!(answer.header("location"), None, "{line}");
                statuses.push(answer.status());
            }
            statuses.dedup();
            assert_eq!(statuses.len(), 1, "{method} {path}: {statuses:?}");
        }
    }
}

/// PITFALLS R-47: the endpoint event has the configured prefix.
#[tokio::test]
async fn the_endpoint_event_has_the_prefix_that_was_chosen() {
    type Set = fn(Builder<Server>) -> Builder<Server>;
    let settings: [(Set, &str, &str); 4] = [
        (|builder| builder, "", "/messages/"),
        (|builder| builder.mount("/api"), "/api", "/api/messages/"),
        (
            |builder| builder.public_prefix("/pub"),
            "",
            "/pub/messages/",
        ),
        (
            |builder| builder.mount("/api/").public_prefix("/pub/"),
            "/api",
            "/pub/api/messages/",
        ),
    ];
    for (set, mount, configured) in settings {
        let (ignoring, _) = probe_with(set).await;
        let (trusting, _) = probe_with(|builder| set(builder).trust_forwarded_prefix()).await;
        for (header, prefix) in [
            ("", None),
            ("X-Forwarded-Prefix: /tools\r\n", Some("/tools")),
            ("x-forwarded-prefix: /a/b-1/\r\n", Some("/a/b-1")),
            ("X-Forwarded-Prefix: /\r\n", Some("")),
            ("X-Forwarded-Prefix: \r\n", Some("")),
        ] {
            let path = format!("{mount}/sse");
            let client = Client::open_at(ignoring.address, &path, header).await;
            let (told, _) = client.endpoint.split_once('?').unwrap();
            assert_eq!(told, configured, "the header counts only by choice");

            let mut client = Client::open_at(trusting.address, &path, header).await;
            let (told, _) = client.endpoint.split_once('?').unwrap();
            let Some(prefix) = prefix else {
                assert_eq!(told, configured);
                continue;
            };
            assert_eq!(told, format!("{prefix}{mount}/messages/"));
            // The path without the proxy's prefix leads here.
            client.endpoint = client.endpoint[prefix.len()..].to_owned();
            client.result("ping", json!({})).await;
        }
    }
}

/// PITFALLS R-47: a forwarded prefix that could lead elsewhere, or that no client could follow, is
/// refused before a session opens. Only this answer uses it, so other requests ignore it.
#[tokio::test]
async fn a_faulty_forwarded_prefix_is_refused() {
    let (running, _) = probe_with(Builder::trust_forwarded_prefix).await;
    for value in [
        "tools",
        "//evil.example",
        "https://evil.example/",
        "/../admin",
        "/a,/b",
        "/a?b=c",
        "/a#b",
        "/%2e%2e",
        "/a b",
        "/é",
        "/a\r\nX-Forwarded-Prefix: /a",
        &format!("/{}", "a".repeat(256)),
    ] {
        let header = format!("X-Forwarded-Prefix: {value}\r\n");
        let answer = request(running.address, "GET /sse", &header, "").await;
        check_refused(&answer, 400, -32600, "X-Forwarded-Prefix");
        assert!(!answer.body.contains("evil"), "{}", answer.body);
        assert_eq!(running.mcp.sessions(), 0, "{value}");
        let answer = request(running.address, "OPTIONS /sse", &header, "").await;
        assert_eq!(answer.status, 204, "{value}");
    }
}

/// PITFALLS: a request that the embedder has routed is served, whatever its path.
#[tokio::test]
async fn a_routed_request_is_served_whatever_its_path() {
    let build = |set: fn(Builder<Server>) -> Builder<Server>| {
        set(McpService::builder(probe().0)).build().unwrap()
    };
    let all = build(|builder| builder);
    let only_mcp = build(|builder| builder.sse_path(None));
    let only_sse = build(|builder| builder.mcp_path(None));
    for (mcp, endpoint, method, status) in [
        (&all, Endpoint::Mcp, "POST", 200),
        (&all, Endpoint::Mcp, "PUT", 405),
        (&all, Endpoint::Sse, "GET", 200),
        (&all, Endpoint::Sse, "POST", 405),
        // No session is named.
        (&all, Endpoint::Messages, "POST", 400),
        (&only_mcp, Endpoint::Mcp, "POST", 200),
        (&only_mcp, Endpoint::Sse, "GET", 404),
        (&only_mcp, Endpoint::Messages, "POST", 404),
        (&only_sse, Endpoint::Sse, "GET", 200),
        (&only_sse, Endpoint::Mcp, "POST", 404),
        (&only_sse, Endpoint::Mcp, "OPTIONS", 404),
    ] {
        for path in ["/tenants/7/x", "/sse", "/mcp", "/"] {
            let request = |host: &str| {
                let request = Request::builder().method(method).uri(path);
                let request = request.header("host", host);
                let request = request.header("content-type", "application/json");
                request.body(Full::new(Bytes::from(initialize()))).unwrap()
            };
            let answer = mcp.with_endpoint(endpoint).call(request("localhost")).await;
            assert_eq!(answer.status(), status, "{method} {path} at {endpoint:?}");
            let answer = mcp
                .with_endpoint(endpoint)
                .call(request("evil.example"))
                .await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "the guard stays");
        }
    }
}
