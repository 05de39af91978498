//! What a browser may do (SPEC G, F-40 to F-42): `Host` and `Origin` on every request, and CORS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use mcp_wire::server::Server;
use mcp_wire::{Builder, McpService, ResponseBody, Serve, serve};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::probe::{call, probe, probe_with};
use crate::support::{
    Answer, Client, POST_HEADERS, Running, Session, Stream, check_refused, envelope, hello,
    message, mirrored, raw, request, start,
};

const APP: &str = "https://app.example.com";
const NO_SESSION: &str = "0123456789abcdef0123456789abcdef";

fn initialize() -> String {
    message(1, "initialize", hello("2025-11-25", json!({})))
}

/// A service that allows the pages of [`APP`].
async fn sharing() -> Running {
    probe_with(|builder| builder.cors().allowed_origins([APP]))
        .await
        .0
}

fn service(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> McpService {
    set(McpService::builder(probe().0)).build().unwrap()
}

/// A request that does not come through `serve`.
async fn ask(
    mcp: &McpService,
    version: Version,
    line: &str,
    headers: &[(&str, &str)],
) -> Response<ResponseBody> {
    let (method, uri) = line.split_once(' ').unwrap();
    let mut request = Request::builder().version(version).method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::from(initialize()));
    mcp.call(request.body(body).unwrap()).await
}

// --- the guard

/// SPEC G-1, G-4, PITFALLS R-26: every method on every path refuses foreign hosts and origins. The
/// answer says neither what was sent nor which setting would admit it.
#[tokio::test]
async fn strangers_are_refused_whatever_they_ask() {
    for cors in [false, true] {
        let (running, seen) = probe_with(|builder| match cors {
            true => builder.cors().allowed_origins([APP]),
            false => builder,
        })
        .await;
        let client = Client::open(running.address).await;
        let session = Session::open(running.address, "2025-11-25", json!({})).await;
        let paths = ["/mcp", "/mcp/", "/sse", &client.endpoint, "/nowhere"];
        let methods = [
            "GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH", "TRACE",
        ];
        let strangers = [
            "Host: localhost\r\nOrigin: https://evil.example\r\n",
            "Host: localhost\r\nOrigin: https://app.example.com.evil.example\r\n",
            "Host: evil.example\r\n",
            "Host: evil.example\r\nOrigin: https://app.example.com\r\n",
        ];
        for path in paths {
            for method in methods {
                for stranger in strangers {
                    let body = message(1, "tools/call", call("echo", json!({"message": "x"})));
                    let text = format!(
                        "{method} {path} HTTP/1.1\r\n{stranger}{}{POST_HEADERS}\
                         Access-Control-Request-Method: POST\r\nConnection: close\r\n\
                         Content-Length: {}\r\n\r\n{body}",
                        session.headers(),
                        body.len()
                    );
                    let answer = raw(running.address, text).await;
                    assert_eq!(answer.status, 403, "{method} {path} {stranger}");
                    if method != "HEAD" {
                        check_refused(&answer, 403, -32600, "does not accept");
                    }
                    let told = format!("{}{}", answer.head, answer.body);
                    assert!(!told.contains("example"), "{told}");
                    assert!(!told.contains("allow_") && !told.contains("allowed_"));
                    is_shared_with_nobody(&answer.head, answer.header("vary"), cors);
                }
            }
        }
        assert_eq!((seen.calls(), running.mcp.sessions()), (0, 2));
    }
}

/// SPEC G-2, G-3, PITFALLS R-26: what `Origin` may say on a loopback address, by default and with a
/// list.
#[tokio::test]
async fn an_origin_is_compared_as_a_value() {
    let (by_default, _) = probe_with(|builder| builder).await;
    let (listed, _) = probe_with(|builder| builder.allowed_origins([APP, "null"])).await;
    let (any, _) = probe_with(Builder::allow_any_origin).await;
    for (lines, default, with_list, with_any) in [
        ("", true, true, true),
        ("Origin: http://localhost\r\n", true, true, true),
        ("Origin: https://localhost:5173\r\n", true, true, true),
        ("Origin: http://[::1]:3000\r\n", true, true, true),
        ("Origin: https://app.example.com\r\n", false, true, true),
        ("Origin: https://APP.example.com:443\r\n", false, true, true),
        ("Origin: http://app.example.com\r\n", false, false, true),
        (
            "Origin: https://app.example.com:8443\r\n",
            false,
            false,
            true,
        ),
        ("Origin: https://x.app.example.com\r\n", false, false, true),
        ("Origin: null\r\n", false, true, true),
        ("Origin: http://localhost.evil.com\r\n", false, false, true),
        ("Origin: http://localhost:1@evil\r\n", false, false, true),
        ("Origin: garbage\r\n", false, false, true),
        ("Origin: \r\n", false, false, true),
        (
            "Origin: http://localhost\r\nOrigin: http://localhost\r\n",
            false,
            false,
            false,
        ),
    ] {
        for (running, passes) in [
            (&by_default, default),
            (&listed, with_list),
            (&any, with_any),
        ] {
            let headers = format!("{POST_HEADERS}{lines}");
            let answer = request(running.address, "POST /mcp", &headers, initialize()).await;
            let expected = if passes { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{lines}");
        }
    }
}

/// SPEC G-4: one `Host` in HTTP/1.1; HTTP/1.0 may lack it, as probes do and browsers never do.
#[tokio::test]
async fn a_host_is_named_once() {
    let (running, _) = probe_with(|builder| builder).await;
    let port = running.address.port();
    for (line, hosts, status) in [
        ("OPTIONS /mcp HTTP/1.1", "Host: localhost\r\n", 204),
        ("OPTIONS /mcp HTTP/1.1", "Host: [::1]:1\r\n", 204),
        (
            "OPTIONS /mcp HTTP/1.1",
            &format!("Host: 127.0.0.1:{port}\r\n"),
            204,
        ),
        ("OPTIONS /mcp HTTP/1.1", "", 400),
        ("OPTIONS /mcp HTTP/1.1", "Host: \r\n", 400),
        (
            "OPTIONS /mcp HTTP/1.1",
            "Host: localhost\r\nHost: localhost\r\n",
            400,
        ),
        (
            "OPTIONS /mcp HTTP/1.1",
            "Host: localhost, localhost\r\n",
            400,
        ),
        ("OPTIONS /mcp HTTP/1.1", "Host: localhost/\r\n", 400),
        ("OPTIONS /mcp HTTP/1.1", "Host: 192.0.2.1\r\n", 403),
        (
            "OPTIONS http://localhost/mcp HTTP/1.1",
            "Host: evil.example\r\n",
            204,
        ),
        (
            "OPTIONS http://evil.example/mcp HTTP/1.1",
            "Host: localhost\r\n",
            403,
        ),
        ("OPTIONS http://localhost/mcp HTTP/1.1", "", 400),
        ("OPTIONS /mcp HTTP/1.0", "", 204),
        ("OPTIONS /mcp HTTP/1.0", "Host: evil.example\r\n", 403),
        (
            "OPTIONS /mcp HTTP/1.0",
            "Origin: http://evil.example\r\n",
            403,
        ),
    ] {
        let text = format!("{line}\r\n{hosts}Connection: close\r\n\r\n");
        assert_eq!(
            raw(running.address, text).await.status,
            status,
            "{line} {hosts}"
        );
    }
}

/// SPEC G-4, PITFALLS R-27: `:authority`, which hyper puts into the URI, is the host; a refusal has
/// no header that HTTP/2 forbids. On other than loopback addresses any host passes until there is a
/// list.
#[tokio::test]
async fn an_authority_is_a_host() {
    let open = service(|builder| builder);
    let listed = service(|builder| builder.allowed_hosts(["mcp.example.com"]));
    let local: SocketAddr = "[::1]:443".parse().unwrap();
    let public: SocketAddr = "[2001:db8::1]:443".parse().unwrap();
    for (mcp, arrived, authority, origin, status) in [
        (&open, local, "localhost:8000", None, 200),
        (&open, local, "[::1]:8000", None, 200),
        (&open, local, "[::1]:8000", Some("http://[::1]:8000"), 200),
        (&open, local, "mcp.example.com", None, 403),
        (&open, local, "localhost@evil.example", None, 400),
        (&open, public, "mcp.example.com", None, 200),
        (
            &open,
            public,
            "mcp.example.com",
            Some("https://mcp.example.com"),
            200,
        ),
        (
            &open,
            public,
            "[2001:db8::1]",
            Some("https://[2001:db8::1]"),
            200,
        ),
        (
            &open,
            public,
            "mcp.example.com",
            Some("https://evil.example"),
            403,
        ),
        (
            &open,
            public,
            "mcp.example.com",
            Some("http://localhost"),
            403,
        ),
        (&listed, public, "mcp.example.com:8443", None, 200),
        (&listed, public, "evil.example", None, 403),
        (&listed, public, "localhost", None, 403),
        (&listed, local, "localhost", None, 200),
        (
            &listed,
            local,
            "mcp.example.com",
            Some("https://mcp.example.com"),
            200,
        ),
    ] {
        let line = format!("POST https://{authority}/mcp");
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let answer = ask(
            &mcp.with_local_addr(arrived),
            Version::HTTP_2,
            &line,
            &headers,
        )
        .await;
        assert_eq!(
            answer.status(),
            status,
            "{authority} {origin:?} on {arrived}"
        );
        assert!(!answer.headers().contains_key("connection"));
    }
}

/// SPEC G-5: a server that listens on every address still refuses foreign pages in this machine's
/// browser; the examples listen on loopback unless told otherwise.
#[tokio::test]
async fn an_open_listener_opens_nothing_on_loopback() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().unwrap().port()));
    tokio::spawn(serve(
        listener,
        service(|builder| builder),
        std::future::pending(),
    ));
    for (host, status) in [("localhost", 204), ("evil.example", 403)] {
        let text = format!("OPTIONS /mcp HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(raw(address, text).await.status, status, "{host}");
    }
    for example in [
        include_str!("../../examples/echo.rs"),
        include_str!("../../examples/custom_dispatcher.rs"),
        include_str!("../../examples/mounted.rs"),
    ] {
        assert!(example.contains("\"127.0.0.1:"));
        assert!(!example.contains("0.0.0.0") && !example.contains("[::]"));
    }
}

/// SPEC G-6, PITFALLS R-28; GHSA-89xv-2j6f-qhc8: what a page can send without a preflight is 415,
/// before the body is read.
#[tokio::test]
async fn a_form_is_not_a_message() {
    let (running, seen) = probe_with(|builder| builder).await;
    let client = Client::open(running.address).await;
    for line in ["POST /mcp", &format!("POST {}", client.endpoint)] {
        for kind in [
            "Content-Type: text/plain\r\n",
            "Content-Type: text/plain;charset=UTF-8\r\n",
            "Content-Type: text/plain; application/json\r\n",
            "Content-Type: application/x-www-form-urlencoded\r\n",
            "Content-Type: multipart/form-data; boundary=application/json\r\n",
            "",
        ] {
            for body in [
                message(1, "tools/call", call("echo", json!({"message": "x"}))),
                "not JSON".to_owned(),
            ] {
                let answer = request(running.address, line, kind, body).await;
                check_refused(&answer, 415, -32600, "application/json");
            }
        }
    }
    assert_eq!((seen.calls(), running.mcp.sessions()), (0, 1));
    let body = message(1, "ping", json!({}));
    let kind = "content-type: APPLICATION/json ; charset=utf-8\r\n";
    let line = format!("POST {}", client.endpoint);
    assert_eq!(
        request(running.address, &line, kind, body).await.status,
        202
    );
}

/// PITFALLS R-29: routes of the embedder are outside these checks.
#[tokio::test]
async fn routes_of_ones_own_are_outside_the_checks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = service_fn(async |_: Request<Incoming>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"healthy"))))
    });
    let mcp = service(Builder::cors);
    tokio::spawn(
        Serve::new(listener, mcp)
            .routes(routes)
            .run(std::future::pending()),
    );
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: 10.0.0.7:8080\r\n",
        "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://evil.example\r\n",
        "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n",
        "GET /healthz HTTP/1.0\r\n",
    ] {
        let answer = raw(address, format!("{request}Connection: close\r\n\r\n")).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (200, "healthy"),
            "{request}"
        );
        assert_eq!(answer.header("vary"), None, "nor is CORS ours to add");
    }
    let probe = "GET /mcp HTTP/1.1\r\nHost: 10.0.0.7:8080\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(address, probe).await.status, 403);
}

/// PITFALLS R-33: HEAD and OPTIONS are answered and create nothing, with and without CORS.
#[tokio::test]
async fn head_and_options_create_nothing() {
    for set in [Builder::cors, std::convert::identity::<Builder<Server>>] {
        let (running, seen) = probe_with(set).await;
        for (path, allow) in [
            ("/mcp", "POST, GET, DELETE, OPTIONS"),
            ("/sse", "GET, OPTIONS"),
            ("/messages/", "POST, OPTIONS"),
        ] {
            let line = format!("OPTIONS {path}");
            let answer = request(running.address, &line, "", "").await;
            assert_eq!((answer.status, answer.header("allow")), (204, Some(allow)));
            let line = format!("HEAD {path}");
            let headers = "Accept: text/event-stream\r\n";
            let answer = request(running.address, &line, headers, "").await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)));
            assert_eq!(answer.body, "");
        }
        assert_eq!((seen.calls(), running.mcp.sessions()), (0, 0));
    }
}

// --- CORS

#[track_caller]
fn is_shared_with_nobody(head: &str, vary: Option<&str>, cors: bool) {
    let head = head.to_lowercase();
    assert!(!head.contains("access-control-"), "{head}");
    assert_eq!(vary, cors.then_some("Origin"), "{head}");
}

#[track_caller]
fn is_shared_with(answer: &Stream, origin: &str) {
    let head = &answer.head;
    let named = answer.header("access-control-allow-origin");
    assert_eq!(named, Some(origin), "{head}");
    assert_eq!(answer.header("vary"), Some("Origin"), "{head}");
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for name in [
        "mcp-session-id",
        "mcp-protocol-version",
        "www-authenticate",
        "retry-after",
    ] {
        assert!(exposed.split(", ").any(|it| it == name), "{exposed}");
    }
    let head = head.to_lowercase();
    assert!(!head.contains("access-control-allow-credentials"), "{head}");
    assert_eq!(head.matches("access-control-allow-origin").count(), 1);
}

async fn preflight(running: &Running, path: &str, origin: &str, asks: &str) -> Answer {
    let headers = format!(
        "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: {asks}\r\n"
    );
    request(running.address, &format!("OPTIONS {path}"), &headers, "").await
}

/// SPEC F-40, F-42, PITFALLS R-49: a preflight says which origins may use which methods and
/// headers, on each endpoint.
#[tokio::test]
async fn a_preflight_is_answered_by_its_origin() {
    let (off, _) = probe_with(|builder| builder.allowed_origins([APP])).await;
    let (bare, _) = probe_with(Builder::cors).await;
    let listed = sharing().await;
    let (any, _) = probe_with(|builder| builder.cors().allow_any_origin()).await;
    let own = format!("http://{}", bare.address);
    // 200 stands for a preflight that succeeds, 204 for OPTIONS without CORS headers.
    for (origin, when_off, when_bare, when_listed, when_any) in [
        (APP, 204, 403, 200, 200),
        (&*own, 204, 200, 200, 200),
        ("http://localhost:5173", 204, 200, 200, 200),
        ("null", 403, 403, 403, 200),
        ("https://evil.example", 403, 403, 403, 200),
        ("http://app.example.com", 403, 403, 403, 200),
        ("chrome-extension://abcdef", 403, 403, 403, 200),
    ] {
        for path in ["/mcp", "/mcp/", "/sse", "/messages/", "/nowhere"] {
            for (running, expected) in [
                (&off, when_off),
                (&bare, when_bare),
                (&listed, when_listed),
                (&any, when_any),
            ] {
                let asks = "content-type,mcp-param-region";
                let answer = preflight(running, path, origin, asks).await;
                let what = format!("{path} from {origin}: {}", answer.head);
                if expected != 200 {
                    let is_path = path != "/nowhere" || expected == 403;
                    let expected = if is_path { expected } else { 404 };
                    assert_eq!(answer.status, expected, "{what}");
                    assert!(!what.to_lowercase().contains("access-control"), "{what}");
                    continue;
                }
                assert_eq!((answer.status, &*answer.body), (204, ""), "{what}");
                let allowed = |name: &str| {
                    let name = format!("access-control-allow-{name}");
                    answer.header(&name).map(ToOwned::to_owned)
                };
                assert_eq!(allowed("origin").as_deref(), Some(origin), "{what}");
                let methods = "POST, GET, DELETE, OPTIONS";
                assert_eq!(allowed("methods").as_deref(), Some(methods), "{what}");
                assert_eq!(
                    allowed("headers").as_deref(),
                    Some(
                        "content-type, accept, authorization, mcp-session-id, \
                         mcp-protocol-version, last-event-id, mcp-method, mcp-name, traceparent, \
                         tracestate, baggage, mcp-param-region"
                    )
                );
                assert_eq!(answer.header("access-control-max-age"), Some("7200"));
                assert_eq!(answer.header("vary"), Some("Origin"), "{what}");
                assert_eq!(allowed("credentials"), None, "{what}");
            }
        }
    }
    for running in [&off, &bare, &listed, &any] {
        assert_eq!(running.mcp.sessions(), 0);
    }
}

/// SPEC F-40: a preflight echoes the requested `Mcp-Param-*` names and no others.
#[tokio::test]
async fn a_preflight_echoes_the_names_of_parameters() {
    let running = sharing().await;
    for (asks, echoed) in [
        ("", ""),
        ("mcp-param-a,mcp-param-b", ", mcp-param-a, mcp-param-b"),
        ("mcp-param-a, x-api-key", ", mcp-param-a"),
        ("x-forwarded-prefix,cookie,*", ""),
        ("mcp-param-a b,mcp-param-,mcp-param-é,mcp-param-\"c\"", ""),
        (
            "mcp-param-a\r\nAccess-Control-Request-Headers: mcp-param-b",
            ", mcp-param-a, mcp-param-b",
        ),
    ] {
        let answer = preflight(&running, "/mcp", APP, asks).await;
        let allowed = answer.header("access-control-allow-headers").unwrap();
        let (_, more) = allowed.split_once("baggage").unwrap();
        assert_eq!(more, echoed, "{asks}");
    }
}

/// SPEC F-41, F-42, PITFALLS R-49: a page can read every answer, refusals and streams included; an
/// answer without an origin still has `Vary: Origin`.
#[tokio::test]
async fn every_answer_is_shared() {
    let (running, _) = probe_with(|builder| {
        let builder = builder.cors().allowed_origins([APP]);
        builder.limits(|limits| limits.body = 1000)
    })
    .await;
    let (ending, _) = probe_with(|builder| builder.cors().allowed_origins([APP])).await;
    ending.mcp.drain();
    let client = Client::open(running.address).await;
    let session = Session::open(running.address, "2025-11-25", json!({})).await;
    let session = session.headers();
    let post = POST_HEADERS;
    let chat = json!({"name": "chat", "arguments": {"times": 1}, "_meta": envelope(json!({}))});
    let stranger = format!("Mcp-Session-Id: {NO_SESSION}\r\n{post}");
    let cases = [
        // Answers.
        (
            "POST /mcp",
            format!("{session}{post}"),
            message(1, "ping", json!({})),
            200,
        ),
        (
            "POST /mcp",
            mirrored("tools/call", &chat),
            message(2, "tools/call", chat.clone()),
            200,
        ),
        (
            "GET /mcp",
            format!("{session}Accept: text/event-stream\r\n"),
            String::new(),
            200,
        ),
        ("OPTIONS /mcp", String::new(), String::new(), 204),
        (
            "POST /mcp",
            format!("{session}{post}"),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
            202,
        ),
        (
            "POST {endpoint}",
            post.to_owned(),
            message(1, "ping", json!({})),
            202,
        ),
        // Refusals.
        ("POST /mcp", format!("{session}{post}"), "{".to_owned(), 400),
        ("GET /mcp", String::new(), String::new(), 400),
        ("POST /messages/", post.to_owned(), "{}".to_owned(), 400),
        ("GET /nowhere", String::new(), String::new(), 404),
        (
            "POST /mcp",
            stranger.clone(),
            message(1, "ping", json!({})),
            404,
        ),
        ("DELETE /mcp", stranger, String::new(), 404),
        ("PUT /mcp", String::new(), String::new(), 405),
        ("POST /sse", post.to_owned(), initialize(), 405),
        (
            "GET /sse",
            "Accept: text/html\r\n".to_owned(),
            String::new(),
            406,
        ),
        ("POST /mcp", post.to_owned(), "x".repeat(1001), 413),
        (
            "POST /mcp",
            "Content-Type: text/plain\r\n".to_owned(),
            initialize(),
            415,
        ),
        ("POST /mcp", post.to_owned(), initialize(), 503),
        ("GET /sse", String::new(), String::new(), 503),
        // The end of a session, and a stream.
        ("DELETE /mcp", session.clone(), String::new(), 200),
        ("GET /sse", String::new(), String::new(), 200),
    ];
    for (line, headers, body, status) in cases {
        let line = line.replace("{endpoint}", &client.endpoint);
        let running = if status == 503 { &ending } else { &running };
        // What happens only once is requested by the page.
        let is_once = status == 200 && ["DELETE /mcp", "GET /sse"].contains(&&*line);
        if !is_once {
            let answer = Stream::open(running.address, &line, &headers, &body).await;
            assert_eq!(answer.status(), status, "{line}");
            is_shared_with_nobody(&answer.head, answer.header("vary"), true);
        }
        let headers = format!("Origin: {APP}\r\n{headers}");
        let answer = Stream::open(running.address, &line, &headers, &body).await;
        assert_eq!(answer.status(), status, "{line}");
        is_shared_with(&answer, APP);
    }
}

/// SPEC F-41, PITFALLS R-49: a page can also read the refusals of a body that does not arrive and
/// of a server that drains.
#[tokio::test]
async fn late_refusals_are_shared() {
    let (running, _) = probe_with(|builder| {
        let builder = builder.cors().allowed_origins([APP]);
        builder.timeouts(|timeouts| timeouts.body = Duration::from_millis(20))
    })
    .await;
    let headers = format!("Origin: {APP}\r\n{POST_HEADERS}Content-Length: 9\r\n");
    let answer = Stream::open(running.address, "POST /mcp", &headers, "").await;
    assert_eq!(answer.status(), 408);
    is_shared_with(&answer, APP);
    running.mcp.drain();
    let headers = [
        ("host", "localhost"),
        ("origin", APP),
        ("content-type", "application/json"),
    ];
    let answer = ask(&running.mcp, Version::HTTP_11, "POST /mcp", &headers).await;
    assert_eq!(answer.status(), 503);
    let header = |name| {
        answer
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(header("access-control-allow-origin"), Some(APP));
    assert_eq!(header("retry-after"), Some("1"));
    // The preflight still succeeds, or the browser could not read the 503.
    let headers = [
        ("host", "localhost"),
        ("origin", APP),
        ("access-control-request-method", "POST"),
    ];
    let answer = ask(&running.mcp, Version::HTTP_11, "OPTIONS /mcp", &headers).await;
    assert_eq!(answer.status(), 204);
}

/// SPEC F-40 to F-42: CORS is the same over HTTP/2.
#[tokio::test]
async fn cors_does_not_depend_on_the_version_of_http() {
    let mcp = service(|builder| builder.cors().allowed_origins([APP]));
    let page = ("origin", APP);
    let asks = ("access-control-request-method", "POST");
    let json = ("content-type", "application/json");
    for (line, headers, status) in [
        ("OPTIONS https://localhost/mcp", [page, asks], 204),
        ("POST https://localhost/mcp", [page, json], 200),
        ("POST https://localhost/mcp", [page, asks], 415),
        ("POST https://evil.example/mcp", [page, json], 403),
    ] {
        let answer = ask(&mcp, Version::HTTP_2, line, &headers).await;
        assert_eq!(answer.status(), status, "{line}");
        let named = |headers: &HeaderMap| headers.contains_key("access-control-allow-origin");
        assert_eq!(named(answer.headers()), status != 403, "{line}");
        assert_eq!(answer.headers()["vary"], "Origin");
    }
}

/// By default no answer has CORS headers, so that a proxy in front can add them.
#[tokio::test]
async fn without_the_choice_nothing_is_shared() {
    let (running, _) = probe_with(|builder| builder.allowed_origins([APP])).await;
    for (line, headers, body, status) in [
        ("POST /mcp", POST_HEADERS, initialize(), 200),
        ("GET /sse", "", String::new(), 200),
        ("GET /mcp", "", String::new(), 400),
        ("PUT /mcp", "", String::new(), 405),
    ] {
        let headers = format!("Origin: {APP}\r\n{headers}");
        let answer = Stream::open(running.address, line, &headers, body).await;
        assert_eq!(answer.status(), status, "{line}");
        is_shared_with_nobody(&answer.head, answer.header("vary"), false);
    }
}

/// SPEC F-40 to F-42: a page uses a session as a browser does: a preflight before each request,
/// whose answer must be readable.
#[tokio::test]
async fn a_page_has_a_session() {
    let running = start(service(|builder| builder.cors().allowed_origins([APP]))).await;
    let mut session = String::new();
    for (line, asks, body, status) in [
        ("POST /mcp", "content-type", initialize(), 200),
        (
            "POST /mcp",
            "content-type,mcp-protocol-version,mcp-session-id",
            message(2, "ping", json!({})),
            200,
        ),
        (
            "GET /mcp",
            "last-event-id,mcp-protocol-version,mcp-session-id",
            String::new(),
            200,
        ),
        (
            "DELETE /mcp",
            "mcp-protocol-version,mcp-session-id",
            String::new(),
            200,
        ),
    ] {
        let answer = preflight(&running, "/mcp", APP, asks).await;
        let allowed = answer.header("access-control-allow-headers").unwrap();
        for name in asks.split(',') {
            assert!(
                allowed.split(", ").any(|it| it == name),
                "{name} in {allowed}"
            );
        }
        let headers = format!("Origin: {APP}\r\n{POST_HEADERS}{session}");
        let answer = Stream::open(running.address, line, &headers, body).await;
        assert_eq!(answer.status(), status, "{line}");
        is_shared_with(&answer, APP);
        if let Some(id) = answer.header("mcp-session-id") {
            session = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
        }
    }
    assert_eq!(running.mcp.sessions(), 0);
}
