//! The advisories of other MCP servers, each tried on this one, over sockets and on every endpoint:
//! one test for each advisory, named after it. For an advisory on a client, the test is what a
//! server can do for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "shared with `it`, which uses the rest")]
#[path = "it/support/mod.rs"]
mod support;

use support::knock as handshake;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use mcp_wire::McpService;
use mcp_wire::server::{ResourceTemplate, Server};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use support::probe::{Seen, call, probe, probe_with};
use support::{
    Answer, Client, POST_HEADERS, Running, Session, Stream, check_refused, envelope, hello,
    message, mirrored, modern, raw, request, soon, start, text_of, until,
};

const V11: &str = "2025-11-25";
const ACCEPT: &str = "Accept: application/json, text/event-stream\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

/// A request that the server accepts, and its answer.
#[derive(Clone)]
struct Door {
    line: String,
    headers: String,
    body: String,
    status: u16,
}

/// A server with a client of each kind that it admits.
struct House {
    running: Running,
    seen: Arc<Seen>,
    sse: Client,
    session: Session,
}

impl House {
    async fn open(running: Running, seen: Arc<Seen>) -> Self {
        let sse = Client::open(running.address).await;
        let session = Session::open(running.address, V11, json!({})).await;
        Self {
            running,
            seen,
            sse,
            session,
        }
    }

    fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Every door: each endpoint with each of its methods, in every era, with and without the
    /// slash. A POST calls `echo`; the last door ends the session.
    fn doors(&self) -> Vec<Door> {
        let door = |line: String, headers: &str, body: String, status| Door {
            line,
            headers: format!("{ACCEPT}{headers}"),
            body,
            status,
        };
        let mut doors = Vec::new();
        let (inbox, key) = self.sse.endpoint.split_once('?').expect("a query");
        let inbox = inbox.trim_end_matches('/');
        let session = self.session.headers();
        let said = |headers: &str| format!("{JSON}{headers}");
        for slash in ["", "/"] {
            let echo = |id: &str| message(id, "tools/call", echo());
            let initialize = message(1, "initialize", hello(V11, json!({})));
            let mut params = echo_of("modern");
            params["_meta"] = envelope(json!({}));
            let headers = mirrored("tools/call", &params).replace(POST_HEADERS, JSON);
            doors.extend([
                door(format!("GET /sse{slash}"), "", String::new(), 200),
                door(
                    format!("POST {inbox}{slash}?{key}"),
                    JSON,
                    echo(&format!("sse{slash}")),
                    202,
                ),
                door(format!("POST /mcp{slash}"), JSON, initialize, 200),
                door(
                    format!("POST /mcp{slash}"),
                    &said(&session),
                    echo("mcp"),
                    200,
                ),
                door(
                    format!("POST /mcp{slash}"),
                    &headers,
                    message(1, "tools/call", params),
                    200,
                ),
                door(format!("GET /mcp{slash}"), &session, String::new(), 200),
            ]);
            for path in ["/sse", inbox, "/mcp"] {
                doors.push(door(
                    format!("OPTIONS {path}{slash}"),
                    "",
                    String::new(),
                    204,
                ));
            }
        }
        doors.push(door("DELETE /mcp".into(), &session, String::new(), 200));
        doors
    }

    /// The doors that take a message, one for each era.
    fn inboxes(&self) -> [Door; 3] {
        let session = self.session.headers();
        let door = |line: String, headers: String| Door {
            line,
            headers: format!("{ACCEPT}{headers}"),
            body: String::new(),
            status: 0,
        };
        let modern = mirrored("tools/call", &echo()).replace(POST_HEADERS, "");
        [
            door(format!("POST {}", self.sse.endpoint), String::new()),
            door("POST /mcp".into(), session),
            door("POST /mcp".into(), modern),
        ]
    }

    /// Checks that a well-behaved client is admitted at every door: so the others were refused for
    /// what they did, and did no harm.
    async fn is_open(&self) {
        let before = self.seen.calls();
        let doors = self.doors();
        for door in &doors {
            let Door { line, headers, .. } = door;
            let stream = Stream::open(self.address(), line, headers, &door.body).await;
            assert_eq!(stream.status(), door.status, "{line}");
        }
        let posts = doors.iter().filter(|door| door.body.contains("tools/call"));
        assert_eq!(self.seen.calls() - before, posts.count());
    }

    /// Checks that no request was served.
    fn is_untouched(&self) {
        assert_eq!((self.seen.calls(), self.running.mcp.sessions()), (0, 2));
    }
}

/// A server with its default settings.
async fn house() -> House {
    let (running, seen) = probe_with(|builder| builder).await;
    House::open(running, seen).await
}

fn echo() -> Value {
    echo_of("hello")
}

fn echo_of(text: &str) -> Value {
    call("echo", json!({"message": text}))
}

/// Sends a request as a stranger would: with this `Host`, and these lines in addition to the door's
/// own.
async fn knock(address: SocketAddr, door: &Door, host: &str, lines: &str) -> Answer {
    let Door {
        line,
        headers,
        body,
        ..
    } = door;
    let len = body.len();
    let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}{headers}");
    raw(
        address,
        format!("{head}Content-Length: {len}\r\n\r\n{body}"),
    )
    .await
}

/// GHSA-89vp-x53w-74fx (CVE-2026-42559, RUSTSEC-2026-0140, RUSTSEC-2026-0189), PITFALLS R-27: a
/// page whose name was rebound to a loopback address still sends its own name as `Host`, and is
/// refused.
#[tokio::test]
async fn ghsa_89vp_x53w_74fx_a_rebound_name_does_not_reach_a_local_server() {
    let house = house().await;
    let port = house.address().port();
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("localhost-evil.example:{port}"),
        format!("10.0.0.1:{port}"),
        format!("0.0.0.0:{port}"),
    ] {
        for door in house.doors() {
            let answer = knock(house.address(), &door, &host, "").await;
            check_refused(&answer, 403, -32600, "Host");
            // Not even with an allowed origin.
            let origin = format!("Origin: http://127.0.0.1:{port}\r\n");
            let answer = knock(house.address(), &door, &host, &origin).await;
            check_refused(&answer, 403, -32600, "Host");
        }
    }
    // The name may be in the request line, or appear twice.
    for door in house.doors() {
        let absolute = Door {
            line: door.line.replace(" /", " http://evil.example/"),
            ..door.clone()
        };
        let answer = knock(house.address(), &absolute, "localhost", "").await;
        check_refused(&answer, 403, -32600, "Host");
        let answer = knock(
            house.address(),
            &door,
            "localhost",
            "Host: evil.example\r\n",
        )
        .await;
        check_refused(&answer, 400, -32600, "Host");
    }
    house.is_untouched();
    house.is_open().await;
}

/// GHSA-9pj6-vhgr-3mwh, PITFALLS R-2, R-4: no stranger can fill the table of sessions: refused and
/// abandoned requests leave none, open sessions are bounded, and unused ones expire.
#[tokio::test]
async fn ghsa_9pj6_vhgr_3mwh_sessions_do_not_pile_up() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder
            .limits(|limits| limits.sessions = 5)
            .timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
        builder.timeouts(|timeouts| timeouts.session_idle = Duration::from_millis(50))
    })
    .await;
    let address = running.address;
    let malformed = message(1, "initialize", json!({"protocolVersion": 1}));
    let good = message(1, "initialize", hello(V11, json!({})));
    let cut = &good[..good.len() - 1];
    for _ in 0..20 {
        for (line, headers, body) in [
            ("POST /mcp", POST_HEADERS, &*malformed),
            ("POST /mcp", POST_HEADERS, cut),
            ("POST /mcp", JSON, "[]"),
            ("POST /mcp", "Content-Type: text/plain\r\n", &*good),
            ("GET /mcp", "Accept: text/event-stream\r\n", ""),
            ("GET /sse", "Accept: application/json\r\n", ""),
            ("DELETE /mcp", "", ""),
        ] {
            request(address, line, headers, body).await;
            assert_eq!(running.mcp.sessions(), 0, "{line} {body}");
        }
        // The client of a stream that it drops.
        drop(Client::open(address).await);
        until("no session", || running.mcp.sessions() == 0).await;
    }
    // Many at once: the cap holds, and admitted sessions are served.
    let mut crowd = Vec::new();
    for _ in 0..3 {
        crowd.push(Client::open(address).await);
    }
    for _ in 0..20 {
        let answer = request(address, "POST /mcp", POST_HEADERS, &good).await;
        check_refused(&answer, 429, -32603, "3 sessions");
        let answer = request(address, "GET /sse", "", "").await;
        check_refused(&answer, 429, -32603, "3 sessions");
    }
    for client in &mut crowd {
        assert_eq!(client.result("ping", json!({})).await, json!({}));
    }
    drop(crowd);
    until("room", || running.mcp.sessions() == 0).await;
    // Sessions whose clients never come back.
    for _ in 0..3 {
        let answer = request(address, "POST /mcp", POST_HEADERS, &good).await;
        assert_eq!(answer.status, 200);
    }
    until("room", || running.mcp.sessions() == 0).await;
    assert_eq!(seen.calls(), 0);
}

/// GHSA-33f5-2c5q-wgwj: clients follow addresses that a server names. No request can make this
/// server name another address, whatever forwarding headers say.
#[tokio::test]
async fn ghsa_33f5_2c5q_wgwj_no_answer_repeats_the_address_that_a_request_claims() {
    let (running, seen) = probe_with(|builder| builder.allow_any_host().allow_any_origin()).await;
    let house = House::open(running, seen).await;
    let lies = "Origin: http://evil.example\r\nReferer: http://evil.example/\r\n\
        Forwarded: host=evil.example;proto=http\r\nX-Forwarded-Host: evil.example\r\n\
        X-Forwarded-Prefix: /evil.example\r\nX-Original-URL: /evil.example\r\n\
        X-Forwarded-Proto: evil.example\r\n";
    let mut doors = house.doors();
    doors.push(Door {
        line: "GET /.well-known/oauth-protected-resource/mcp".into(),
        headers: String::new(),
        body: String::new(),
        status: 404,
    });
    for door in doors {
        let Door { line, headers, .. } = &door;
        let headers = format!("{lies}{headers}");
        let mut stream = Stream::open(house.address(), line, &headers, &door.body).await;
        assert_eq!(stream.status(), door.status, "{line}");
        let said = if line.starts_with("GET /sse") {
            stream.event().await.expect("an address").data
        } else if stream.is_events() {
            String::new()
        } else {
            stream.text().await
        };
        let exposed = stream
            .head
            .replace("access-control-allow-origin: http://evil.example", "");
        assert!(
            !exposed.contains("evil") && !said.contains("evil"),
            "{exposed} {said}"
        );
    }
}

/// GHSA-9g45-5xwm-f3wc, PITFALLS R-46: clients that follow a redirect send their headers along.
/// This server never redirects, however the path is written.
#[tokio::test]
async fn ghsa_9g45_5xwm_f3wc_there_are_no_redirects() {
    let house = house().await;
    for path in [
        "/",
        "/mcp",
        "/mcp/",
        "/mcp//",
        "//mcp",
        "/MCP",
        "/mcp/x",
        "/mcp/..",
        "/./mcp",
        "/mcp?x=1",
        "/%6dcp",
        "/sse",
        "/sse/",
        "//sse",
        "/messages",
        "/messages/",
        "/messages//",
        "/index.html",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
            for headers in ["", POST_HEADERS] {
                let line = format!("{method} {path}");
                let stream = Stream::open(house.address(), &line, headers, "").await;
                let status = stream.status();
                assert!(!(300..400).contains(&status), "{line}: {status}");
                assert_eq!(stream.header("location"), None, "{line}");
                assert_eq!(stream.header("refresh"), None, "{line}");
            }
        }
    }
    assert_eq!(house.seen.calls(), 0);
}

/// GHSA-w48q-cv73-mx4w, PITFALLS R-26, R-27: a service with default settings is protected.
#[tokio::test]
async fn ghsa_w48q_cv73_mx4w_protection_is_on_by_default() {
    let (server, seen) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    // The embedder's own accept loop, which tells the service nothing about its connections.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = mcp.clone();
    let accepting = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let http = hyper::server::conn::http1::Builder::new();
            connections.spawn(http.serve_connection(TokioIo::new(socket), service.clone()));
        }
    });
    let sse = Client::open(address).await;
    let session = Session::open(address, V11, json!({})).await;
    let house = House {
        running: start(mcp).await,
        seen,
        sse,
        session,
    };
    for door in house.doors() {
        let answer = knock(address, &door, "evil.example", "").await;
        check_refused(&answer, 403, -32600, "Host");
        let origin = "Origin: http://evil.example\r\n";
        let answer = knock(address, &door, "localhost", origin).await;
        check_refused(&answer, 403, -32600, "Origin");
    }
    house.is_untouched();
    accepting.abort();
}

/// GHSA-9h52-p55h-vw2f, PITFALLS R-26, R-27: empty lists admit nothing; only an explicit setting
/// switches the protection off.
#[tokio::test]
async fn ghsa_9h52_p55h_vw2f_an_empty_list_does_not_switch_the_protection_off() {
    let nothing: [&str; 0] = [];
    let (running, seen) =
        probe_with(|builder| builder.allowed_hosts(nothing).allowed_origins(nothing)).await;
    let house = House::open(running, seen).await;
    for door in house.doors() {
        let answer = knock(house.address(), &door, "evil.example", "").await;
        check_refused(&answer, 403, -32600, "Host");
        for origin in ["http://evil.example", "null"] {
            let origin = format!("Origin: {origin}\r\n");
            let answer = knock(house.address(), &door, "localhost", &origin).await;
            check_refused(&answer, 403, -32600, "Origin");
        }
    }
    house.is_untouched();
    house.is_open().await;
}

/// GHSA-8jxr-pr72-r468, PITFALLS R-26: a page of another origin is refused although it names the
/// right host.
#[tokio::test]
async fn ghsa_8jxr_pr72_r468_a_page_of_another_origin_is_refused() {
    let house = house().await;
    let port = house.address().port();
    let host = format!("localhost:{port}");
    for origin in [
        "http://evil.example".to_owned(),
        format!("http://evil.example:{port}"),
        format!("http://localhost.evil.example:{port}"),
        format!("http://localhost:{port}@evil.example"),
        format!("http://evil.example/localhost:{port}"),
        "null".into(),
        "file://".into(),
        "chrome-extension://abc".into(),
        String::new(),
    ] {
        for door in house.doors() {
            let origin = format!("Origin: {origin}\r\n");
            let answer = knock(house.address(), &door, &host, &origin).await;
            check_refused(&answer, 403, -32600, "Origin");
        }
    }
    for door in house.doors() {
        let two = format!("Origin: http://{host}\r\nOrigin: http://evil.example\r\n");
        let answer = knock(house.address(), &door, &host, &two).await;
        check_refused(&answer, 403, -32600, "Origin");
    }
    house.is_untouched();
    house.is_open().await;
}

/// GHSA-xw59-hvm2-8pj6 (CVE-2026-34742), PITFALLS R-26, R-27: one guard covers every endpoint. A
/// live HTTP+SSE session does not bypass it, wherever its endpoints are mounted.
#[tokio::test]
async fn ghsa_xw59_hvm2_8pj6_the_old_transport_is_guarded_as_the_new_one() {
    for moved in [false, true] {
        let (running, seen) = probe_with(|builder| match moved {
            false => builder,
            true => builder
                .mount("/a")
                .sse_path("/events")
                .messages_path("/inbox"),
        })
        .await;
        let stream = if moved { "/a/events" } else { "/sse" };
        let mut client = Client::open_at(running.address, stream, "").await;
        let live = client.endpoint.clone();
        let slashed = live.replacen('?', "/?", 1).replace("//?", "?");
        let lines = [
            format!("GET {stream}"),
            format!("GET {stream}/"),
            format!("HEAD {stream}"),
            format!("OPTIONS {stream}"),
            format!("POST {live}"),
            format!("POST {slashed}"),
            format!("OPTIONS {live}"),
        ];
        for line in lines {
            let door = Door {
                line,
                headers: JSON.into(),
                body: message(1, "tools/call", echo()),
                status: 0,
            };
            for (host, origin, says) in [
                ("evil.example", "", "Host"),
                ("localhost", "Origin: http://evil.example\r\n", "Origin"),
                ("localhost", "Origin: null\r\n", "Origin"),
            ] {
                let answer = knock(running.address, &door, host, origin).await;
                assert_eq!(answer.status, 403, "{}", door.line);
                if !door.line.starts_with("HEAD") {
                    check_refused(&answer, 403, -32600, says);
                }
            }
        }
        assert_eq!((seen.calls(), running.mcp.sessions()), (0, 1));
        // The first event for the session's client is the answer to its own call.
        let answer = client.call("tools/call", echo()).await;
        assert_eq!(text_of(&answer), "hello");
    }
}

/// GHSA-89xv-2j6f-qhc8 (CVE-2026-33252, GO-2026-4773), PITFALLS R-26, R-28: what a page may send
/// anywhere without a preflight, such as a form, runs no tool; it is refused with an origin and
/// without one.
#[tokio::test]
async fn ghsa_89xv_2j6f_qhc8_a_simple_request_of_a_page_runs_no_tool() {
    let house = house().await;
    let types = [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: text/plain;charset=UTF-8\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "Content-Type: text/plain; application/json\r\n",
        "Content-Type: text/plain, application/json\r\n",
        "Content-Type: application/jsonx\r\n",
        "Content-Type:\r\n",
        "Content-Type: text/plain\r\nContent-Type: application/json\r\n",
        "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
    ];
    for door in house.doors() {
        if door.body.is_empty() {
            continue;
        }
        for content_type in types {
            let door = Door {
                headers: door.headers.replace(JSON, content_type),
                ..door.clone()
            };
            let answer = knock(house.address(), &door, "localhost", "").await;
            check_refused(&answer, 415, -32600, "Content-Type");
            let origin = "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n";
            let answer = knock(house.address(), &door, "localhost", origin).await;
            check_refused(&answer, 403, -32600, "Origin");
        }
    }
    house.is_untouched();
    house.is_open().await;
}

/// The outcome of a body in every era: the status of the POST, and the error code or 0.
async fn outcomes(house: &mut House, body: &str) -> Vec<(u16, i64)> {
    let mut outcomes = Vec::new();
    for (at, door) in house.inboxes().into_iter().enumerate() {
        let headers = format!("{JSON}{}", door.headers);
        // Only a body with an envelope is modern.
        let body = match at {
            2 => {
                let meta = format!(r#""params":{{"_meta":{},"#, envelope(json!({})));
                body.replacen(r#""params":{"#, &meta, 1)
            }
            _ => body.to_owned(),
        };
        let answer = request(house.address(), &door.line, &headers, body).await;
        let told = match answer.status {
            202 => house.sse.message().await.expect("an answer"),
            _ => answer.json(),
        };
        outcomes.push((answer.status, told["error"]["code"].as_i64().unwrap_or(0)));
    }
    outcomes
}

/// GHSA-wvj2-96wp-fq3f (CVE-2026-27896, GO-2026-4569), PITFALLS R-38: names are case-sensitive, so
/// that an inspecting proxy and the server read a message in the same way.
#[tokio::test]
async fn ghsa_wvj2_96wp_fq3f_names_of_another_case_are_other_names() {
    let mut house = house().await;
    // For an exact reader of JSON none of these calls `echo` with its argument.
    let no_method = [(400, -32600); 3];
    let no_tool = [(202, -32602), (200, -32602), (400, -32020)];
    let no_argument = [(202, 0), (200, 0), (200, 0)];
    for (body, expected) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"Method":"tools/call","params":{"name":"echo","arguments":{"message":"x"}}}"#,
            no_method,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"echo","arguments":{"message":"x"}}}"#,
            no_method,
        ),
        (
            r#"{"JSONRPC":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"x"}}}"#,
            no_method,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"Name":"echo","arguments":{"message":"x"}}}"#,
            no_tool,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Arguments":{"message":"x"}}}"#,
            no_argument,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"Message":"x"}}}"#,
            no_argument,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","argument\u017f":{"message":"x"}}}"#,
            no_argument,
        ),
    ] {
        let came = outcomes(&mut house, body).await;
        assert_eq!(came, expected, "{body}");
    }
    // An id in another case makes the call a notification: nothing runs and nothing is answered.
    for door in house.inboxes() {
        let headers = format!("{JSON}{}", door.headers);
        let body = r#"{"jsonrpc":"2.0","ID":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"x"}}}"#;
        let answer = request(house.address(), &door.line, &headers, body).await;
        assert!([202, 400].contains(&answer.status), "{answer:?}");
    }
    // A name in another case next to the right one changes nothing.
    let both = r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"none","Name":"echo"}}"#;
    for door in &house.inboxes()[..2] {
        let headers = format!("{JSON}{}", door.headers);
        let answer = request(house.address(), &door.line, &headers, both).await;
        let told = match answer.status {
            202 => house.sse.message().await.expect("an answer"),
            _ => answer.json(),
        };
        assert_eq!(told["result"], json!({}), "{told}");
    }
}

/// GHSA-q382-vc8q-7jhj (GO-2026-4770), PITFALLS R-38: a duplicate name, however it is escaped, is
/// refused and neither value is used; a NUL after a name makes it another name.
#[tokio::test]
async fn ghsa_q382_vc8q_7jhj_duplicate_names_are_refused() {
    let mut house = house().await;
    let arguments = r#""arguments":{"message":"x"}"#;
    let call = |members: &str| format!(r#"{{"jsonrpc":"2.0",{members}}}"#);
    for members in [
        format!(
            r#""id":1,"method":"ping","method":"tools/call","params":{{"name":"echo",{arguments}}}"#
        ),
        format!(
            r#""id":1,"method":"tools/call","\u006dethod":"ping","params":{{"name":"echo",{arguments}}}"#
        ),
        format!(r#""id":1,"id":2,"method":"tools/call","params":{{"name":"echo",{arguments}}}"#),
        format!(
            r#""id":1,"i\u0064":1,"method":"tools/call","params":{{"name":"echo",{arguments}}}"#
        ),
        format!(
            r#""jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo",{arguments}}}"#
        ),
        format!(
            r#""id":1,"method":"tools/call","params":{{"name":"echo",{arguments}}},"params":{{}}"#
        ),
        format!(
            r#""id":1,"method":"tools/call","params":{{"name":"none","name":"echo",{arguments}}}"#
        ),
        format!(
            r#""id":1,"method":"tools/call","params":{{"name":"echo","n\u0061me":"none",{arguments}}}"#
        ),
        format!(
            r#""id":1,"method":"tools/call","params":{{"name":"echo",{arguments},{arguments}}}"#
        ),
        format!(
            r#""id":1,"method":"tools\u0000/call","params":{{"name":"echo",{arguments}}},"method":"tools/call""#
        ),
    ] {
        let body = call(&members);
        for (status, code) in outcomes(&mut house, &body).await {
            assert_eq!((status, code), (400, -32600), "{body}");
        }
    }
    for (members, codes) in [
        // Unknown members, so there is no method.
        (
            format!(r#""id":1,"method\u0000":"tools/call","params":{{"name":"echo",{arguments}}}"#),
            [-32600; 3],
        ),
        (
            format!(r#""id":1,"method":"tools/call\u0000","params":{{"name":"echo",{arguments}}}"#),
            [-32601, -32601, -32020],
        ),
        (
            format!(r#""id":1,"method":"tools/call","params":{{"name\u0000":"echo",{arguments}}}"#),
            [-32602, -32602, -32020],
        ),
        (
            format!(r#""id":1,"method":"tools/call","params":{{"name":"echo\u0000",{arguments}}}"#),
            [-32602, -32602, -32020],
        ),
    ] {
        let body = call(&members);
        let came: Vec<_> = outcomes(&mut house, &body)
            .await
            .into_iter()
            .map(|(_, code)| code)
            .collect();
        assert_eq!(came, codes, "{body}");
    }
    assert_eq!(house.seen.calls(), 0);
    // Next to the right names they are ignored.
    let body = call(&format!(
        r#""id":1,"method\u0000":"ping","method":"tools/call","params":{{"name\u0000":"none","name":"echo",{arguments}}}"#
    ));
    let came = outcomes(&mut house, &body).await;
    assert_eq!(came, [(202, 0), (200, 0), (200, 0)]);
    assert_eq!(house.seen.calls(), 3);
}

/// GHSA-345p-7cg4-v4c7 (CVE-2026-25536), PITFALLS R-12, R-13: many clients use the same ids at the
/// same time, and each gets its own answers, in whatever order they are ready.
#[tokio::test]
async fn ghsa_345p_7cg4_v4c7_equal_ids_of_several_clients_are_not_confused() {
    const CLIENTS: usize = 8;
    for silence in [Duration::ZERO, Duration::from_secs(3600)] {
        let (running, seen) =
            probe_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = silence))
                .await;
        let wait = |tag: &str| call("wait", json!({"tag": tag}));
        let (mut old, mut streams) = (Vec::new(), Vec::new());
        let mut sessions = Vec::new();
        for number in 0..CLIENTS {
            let tag = format!("sse {number}");
            let client = Client::open(running.address).await;
            let body = message(1, "tools/call", wait(&tag));
            assert_eq!(client.post(body).await.status, 202);
            seen.happens("begun", &tag).await;
            old.push((tag, client));

            let tag = format!("session {number}");
            let session = Session::open(running.address, V11, json!({})).await;
            let headers = format!("{}{POST_HEADERS}", session.headers());
            let body = message(1, "tools/call", wait(&tag));
            let stream = Stream::send(running.address, "POST /mcp", &headers, body).await;
            seen.happens("begun", &tag).await;
            streams.push((tag, stream));
            sessions.push(session);

            let tag = format!("modern {number}");
            let mut params = wait(&tag);
            params["_meta"] = envelope(json!({}));
            let headers = mirrored("tools/call", &params);
            let body = message(1, "tools/call", params);
            let stream = Stream::send(running.address, "POST /mcp", &headers, body).await;
            seen.happens("begun", &tag).await;
            streams.push((tag, stream));
        }
        // A second request with the id of a running one takes over nothing.
        let ping = message(1, "ping", json!({}));
        let mut refused = sessions[0].post(&ping).await;
        assert_eq!(refused.status(), 400);
        assert_eq!(refused.json().await["error"]["code"], -32600);
        check_refused(&old[0].1.post(&ping).await, 400, -32600, "id");
        let mut other = modern(running.address, 1, "tools/call", echo()).await;
        assert_eq!(text_of(&other.answer().await), "hello");

        for (tag, _) in streams.iter().rev() {
            seen.allow(tag, 1);
        }
        for (tag, _) in old.iter().rev() {
            seen.allow(tag, 1);
        }
        for (tag, stream) in &mut streams {
            stream.read_head().await;
            let messages = if stream.is_events() {
                stream.messages().await
            } else {
                vec![stream.json().await]
            };
            assert_eq!(messages.len(), 1, "{messages:?}");
            assert_eq!(messages[0]["id"], 1);
            assert_eq!(text_of(&messages[0]), format!("waited {tag}"));
        }
        for (tag, client) in &mut old {
            let answer = client.message().await.unwrap();
            assert_eq!(text_of(&answer), format!("waited {tag}"));
            let id = client.begin("ping", json!({})).await;
            assert_eq!(client.message().await.unwrap()["id"], id, "and no other");
        }
    }
}

/// GHSA-8r9q-7v3j-jr4g, PITFALLS R-40: no URI makes the server backtrack while matching a template.
/// A backtracking matcher would exceed the time limit by many powers of two.
#[tokio::test]
async fn ghsa_8r9q_7v3j_jr4g_no_uri_keeps_the_server_busy() {
    async fn read(_: mcp_wire::server::Call, _: mcp_wire::server::ReadRequest) -> &'static str {
        "read"
    }
    let mut server = Server::new("Templates", "1");
    for (name, template) in [
        ("pieces", "test://{a}x{b}x{c}x{d}x{e}x{f}x{g}x{h}x{i}x{j}!"),
        ("paths", "path://a/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}!"),
        ("lists", "list://{a},{b},{c},{d},{e},{f},{g},{h},{i},{j}!"),
        ("pairs", "pair://a{?b,c,d,e,f,g,h}"),
    ] {
        server = server.resource_template(ResourceTemplate::new(template, name), read);
    }
    let mcp = McpService::builder(server).build().unwrap();
    let running = start(mcp).await;
    let session = Session::open(running.address, V11, json!({})).await;
    let mut sse = Client::open(running.address).await;
    for (scheme, piece) in [
        ("test", "x"),
        ("test", "ax"),
        ("path", "/"),
        ("path", "a/"),
        ("list", ","),
        ("list", "a,"),
        ("pair", "?b=c&"),
        ("pair", "&f=g"),
    ] {
        let uri = format!("{scheme}://{}", piece.repeat(50_000));
        let params = json!({"uri": uri});
        let answer = soon("an answer", session.call("resources/read", params.clone())).await;
        assert_eq!(answer["error"]["code"], -32002, "{scheme} {piece}");
        let code = soon("an answer", sse.error_code("resources/read", params)).await;
        assert_eq!(code, -32002, "{scheme} {piece}");
    }
    // A header has less room.
    let params = json!({"uri": format!("list://{}", "a,".repeat(10_000))});
    let mut stream = soon(
        "an answer",
        modern(running.address, 1, "resources/read", params),
    )
    .await;
    assert_eq!(stream.answer().await["error"]["code"], -32602);
    let accept = "text/".repeat(5_000) + &";q=0".repeat(5_000);
    let accept = format!("Accept: {accept}\r\n");
    let answer = soon(
        "an answer",
        request(running.address, "GET /sse", &accept, ""),
    )
    .await;
    check_refused(&answer, 406, -32600, "Accept");
}

/// CVE-2025-53366, PITFALLS R-37: a malformed request is refused, and the server, the session and
/// the connection go on.
#[tokio::test]
async fn cve_2025_53366_a_malformed_request_takes_nothing_down() {
    let mut house = house().await;
    let deep = "[".repeat(100_000);
    let long_id = format!(
        r#"{{"jsonrpc":"2.0","id":{},"method":"ping"}}"#,
        "9".repeat(5_000)
    );
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"[]",
        b"[1]",
        deep.as_bytes(),
        long_id.as_bytes(),
        br#"{"jsonrpc":"2.0"}"#,
        br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
        br#"{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"#,
    ];
    for door in house.inboxes() {
        let headers = format!("{JSON}{}", door.headers);
        for body in bodies {
            let answer = request(house.address(), &door.line, &headers, body).await;
            assert_eq!(
                answer.status,
                400,
                "{} {answer:?}",
                String::from_utf8_lossy(body)
            );
            let code = answer.json()["error"]["code"].as_i64().unwrap();
            assert!([-32700, -32600].contains(&code), "{answer:?}");
        }
    }
    // Bytes that are not HTTP end their connection and nothing else.
    for bytes in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "POST /mcp HTTP/9\r\n\r\n",
    ] {
        let mut socket = TcpStream::connect(house.address()).await.unwrap();
        socket.write_all(bytes.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let mut end = socket;
        end.shutdown().await.unwrap();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut end, &mut rest);
        let _ = soon("the end", read).await;
    }
    assert_eq!(house.sse.result("ping", json!({})).await, json!({}));
    house.is_untouched();
    house.is_open().await;
}

/// Resets the connection instead of closing it.
async fn slam(socket: TcpStream) {
    socket.set_zero_linger().unwrap();
    drop(socket);
}

/// CVE-2025-53365, PITFALLS R-8: clients reset their connections at any point, and no other client
/// is affected.
#[tokio::test]
async fn cve_2025_53365_a_client_that_leaves_takes_nothing_down() {
    for silence in [Duration::ZERO, Duration::from_secs(3600)] {
        let (running, seen) =
            probe_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = silence))
                .await;
        let mut house = House::open(running, seen).await;
        for door in house.doors() {
            // This door ends the session of the others.
            if door.line.starts_with("DELETE") {
                continue;
            }
            let (address, len) = (house.address(), door.body.len());
            let text = format!(
                "{} HTTP/1.1\r\nHost: {address}\r\n{}Content-Length: {len}\r\n\r\n{}",
                door.line, door.headers, door.body
            );
            for sent in [1, text.len() / 2, text.len() - 1, text.len()] {
                let mut socket = TcpStream::connect(address).await.unwrap();
                socket.write_all(&text.as_bytes()[..sent]).await.unwrap();
                slam(socket).await;
            }
        }
        // Also in the middle of a call.
        let mut params = call("wait", json!({"tag": "left"}));
        let session = Session::open(house.address(), V11, json!({})).await;
        let headers = format!("{}{POST_HEADERS}", session.headers());
        let body = message("left", "tools/call", params.clone());
        let stream = Stream::send(house.address(), "POST /mcp", &headers, body).await;
        house.seen.happens("begun", "left").await;
        drop(stream);
        params["_meta"] = envelope(json!({}));
        let headers = mirrored("tools/call", &params);
        let body = message("left", "tools/call", params);
        let stream = Stream::send(house.address(), "POST /mcp", &headers, body).await;
        house.seen.happens("begun", "left").await;
        drop(stream);
        house.seen.happens("over", "left").await;
        assert_eq!(session.call("ping", json!({})).await["result"], json!({}));

        // Its stream has the answers to the clients that left.
        let answer = house.sse.call("tools/call", echo()).await;
        assert_eq!(text_of(&answer), "hello");
        let mut stream = modern(house.address(), 1, "tools/call", echo()).await;
        assert_eq!(text_of(&stream.answer().await), "hello");
        let answer = house.session.call("tools/call", echo()).await;
        assert_eq!(text_of(&answer), "hello");
    }
}
