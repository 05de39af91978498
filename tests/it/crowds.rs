//! One client, however much it asks for, leaves room for others (PITFALLS, SPEC C-77,
//! D-130).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::HeaderValue;
use hyper::{HeaderMap, Response};
use mcp_wire::auth::Identity;
use mcp_wire::server::Server;
use mcp_wire::{Builder, McpService, ResponseBody, ServiceEvent};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::inside::{Asked, alone, in_session, piece, post, request, text};
use crate::support::probe::{Seen, call, probe};
use crate::support::{Running, hello, message, soon, start_with, until};

const V11: &str = "2025-11-25";
const HERE: &str = "192.0.2.1";
const THERE: &str = "198.51.100.1";

/// A probe that begins streams at once when an answer is not ready.
fn probing(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> (McpService, Arc<Seen>) {
    let (server, seen) = probe();
    let builder =
        McpService::builder(server).timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
    (set(builder).build().unwrap(), seen)
}

/// The service as it treats a client from this address.
fn at(mcp: &McpService, address: &str) -> McpService {
    mcp.with_peer_addr(SocketAddr::new(address.parse().unwrap(), 4711))
}

/// The same request, from a principal.
fn by(principal: &str, mut asked: Asked) -> Asked {
    asked.extensions_mut().insert(Identity::new(principal));
    asked
}

/// The same request, as a proxy forwards it.
fn forwarded(for_whom: &'static str, mut asked: Asked) -> Asked {
    let whom = HeaderValue::from_static(for_whom);
    asked.headers_mut().append("x-forwarded-for", whom);
    asked
}

fn initialize() -> Asked {
    post(
        "/mcp",
        &[],
        &message(1, "initialize", hello(V11, json!({}))),
    )
}

fn ping(session: &str) -> Asked {
    in_session(session, 7, "ping", json!({}))
}

fn initialized(session: &str) -> Asked {
    let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    post("/mcp", &[("mcp-session-id", session)], &body.to_string())
}

/// Opens the standalone stream of a session.
fn listen_in(session: &str) -> Asked {
    let accept = ("accept", "text/event-stream");
    let headers = [("host", "localhost"), accept, ("mcp-session-id", session)];
    request("GET", "/mcp", &headers, "")
}

fn sse() -> Asked {
    let headers = [("host", "localhost"), ("accept", "text/event-stream")];
    request("GET", "/sse", &headers, "")
}

/// A call of 2026-07-28 that waits.
fn slow() -> Asked {
    alone(9, "tools/call", call("wait", json!({"tag": "x"})))
}

/// The same in a session.
fn slow_in(session: &str, id: usize) -> Asked {
    in_session(session, id, "tools/call", call("wait", json!({"tag": "x"})))
}

fn listen() -> Asked {
    let params = json!({"notifications": {"toolsListChanged": true}});
    alone(8, "subscriptions/listen", params)
}

async fn status(mcp: &McpService, asked: Asked) -> u16 {
    mcp.call(asked).await.status().as_u16()
}

/// What the test expects of a stream or an answer.
async fn given(mcp: &McpService, asked: Asked) -> Response<ResponseBody> {
    let response = mcp.call(asked).await;
    assert_eq!(response.status(), 200);
    response
}

fn session_of(headers: &HeaderMap) -> String {
    headers["mcp-session-id"].to_str().unwrap().to_owned()
}

/// Opens a session with a bare `initialize`.
async fn opened(mcp: &McpService, asked: Asked) -> String {
    session_of(given(mcp, asked).await.headers())
}

/// Opens a session and completes the handshake.
async fn settled(mcp: &McpService) -> String {
    let session = opened(mcp, initialize()).await;
    assert_eq!(status(mcp, initialized(&session)).await, 202);
    session
}

/// Sends a request that must be refused with this status, `Retry-After`, and a message that names
/// the limit.
#[track_caller]
fn refused(
    response: Response<ResponseBody>,
    status: u16,
    says: &'static str,
) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        assert_eq!(response.status(), status, "{caller}");
        assert_eq!(response.headers()["retry-after"], "1", "{caller}");
        let body: Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(body["error"]["code"], -32603, "{caller}");
        let told = body["error"]["message"].as_str().unwrap();
        assert!(told.contains(says), "{told} {caller}");
    }
}

fn times_refused(mcp: &McpService, reason: &str) -> u64 {
    let refusals = mcp.snapshot().refusals;
    let found = refusals.iter().find(|(name, _)| *name == reason);
    found.map_or(0, |(_, times)| *times)
}

// --- sessions

/// FIELD X-9: 20,000 bare `initialize` of one client do not keep others out; busy sessions are not
/// affected, and an operator sees what happened.
#[tokio::test]
async fn a_flood_of_initialize_does_not_shut_others_out() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&ends);
    let (mcp, seen) = probing(|builder| {
        builder.on_event(move |event| {
            if let ServiceEvent::SessionEnded { reason } = event {
                told.lock().unwrap().push(reason.as_str());
            }
        })
    });
    let (working, listening) = (settled(&mcp).await, settled(&mcp).await);
    let answer = given(&mcp, slow_in(&working, 1)).await;
    let stream = given(&mcp, listen_in(&listening)).await;
    for _ in 0..20_000 {
        assert_eq!(status(&mcp, initialize()).await, 200);
    }
    let fresh = settled(&mcp).await;
    for session in [&working, &listening, &fresh] {
        assert_eq!(status(&mcp, ping(session)).await, 200);
    }
    seen.allow("x", 1);
    assert!(text(answer).await.contains("waited x"));
    drop(stream);
    let snapshot = mcp.snapshot();
    assert_eq!(
        (snapshot.sessions, snapshot.sessions_evicted),
        (10_000, 10_003)
    );
    assert_eq!(snapshot.sessions_ended, 10_003);
    let ends = ends.lock().unwrap();
    assert!(ends.len() == 10_003 && ends.iter().all(|end| *end == "evicted"));
}

/// FIELD X-9: sessions that never completed their handshake are evicted first, then the idlest; its
/// client is told to initialize again.
#[tokio::test(start_paused = true)]
async fn one_more_session_takes_the_place_of_the_idlest() {
    let (mcp, _) = probing(|builder| builder.limits(|limits| limits.sessions = 3));
    let pass = || tokio::time::sleep(Duration::from_secs(1));
    let older = settled(&mcp).await;
    pass().await;
    let newer = settled(&mcp).await;
    pass().await;
    let bare = opened(&mcp, initialize()).await;
    pass().await;
    // This use makes another session the idlest.
    assert_eq!(status(&mcp, ping(&older)).await, 200);
    for goes in [&bare, &newer, &older] {
        pass().await;
        settled(&mcp).await;
        assert_eq!(status(&mcp, ping(goes)).await, 404);
        assert_eq!(mcp.sessions(), 3);
    }
}

/// FIELD X-9: a refused `initialize` evicts no session.
#[tokio::test(start_paused = true)]
async fn a_refused_initialize_evicts_no_session() {
    let set = |builder: Builder<Server>| {
        let builder = builder.limits(|limits| {
            limits.sessions = 1;
            limits.calls = 2;
        });
        builder.limits(|limits| limits.capabilities = 100)
    };
    let (mcp, seen) = probing(set);
    let session = settled(&mcp).await;
    let long = json!({"experimental": {"x": "y".repeat(100)}});
    let body = message(1, "initialize", hello(V11, long));
    let answer = text(given(&mcp, post("/mcp", &[], &body)).await).await;
    assert!(answer.contains("Limits::capabilities"), "{answer}");
    assert_eq!(times_refused(&mcp, "capabilities_too_large"), 1);
    let running = [given(&mcp, slow()).await, given(&mcp, slow()).await];
    let says = "2 running requests (limit: `Limits::calls`)";
    refused(mcp.call(initialize()).await, 503, says).await;
    seen.allow("x", 2);
    for answer in running {
        text(answer).await;
    }
    assert_eq!(status(&mcp, ping(&session)).await, 200);
    assert_eq!(mcp.snapshot().sessions_evicted, 0);
    assert_eq!(mcp.snapshot().running, 0);
}

/// FIELD X-9, PITFALLS R-2: when all sessions are busy, a new one is refused until one of them is
/// idle.
#[tokio::test]
async fn a_session_is_refused_only_when_all_are_busy() {
    let (mcp, seen) = probing(|builder| builder.limits(|limits| limits.sessions = 2));
    let (working, listening) = (settled(&mcp).await, settled(&mcp).await);
    let answer = given(&mcp, slow_in(&working, 1)).await;
    let stream = given(&mcp, listen_in(&listening)).await;
    let says = "2 sessions that are all busy (limit: `Limits::sessions`)";
    for asked in [initialize(), sse()] {
        refused(mcp.call(asked).await, 503, says).await;
    }
    seen.allow("x", 1);
    text(answer).await;
    let third = opened(&mcp, initialize()).await;
    assert_eq!(status(&mcp, ping(&working)).await, 404);
    assert_eq!(status(&mcp, ping(&listening)).await, 200);
    drop(stream);
    given(&mcp, listen_in(&third)).await;
}

/// FIELD X-9, PITFALLS R-7: one address may hold half of the sessions and one principal its own
/// limit; at either limit only their own sessions give way.
#[tokio::test]
async fn a_party_at_its_limit_evicts_its_own_sessions() {
    for (address, principal, says) in [
        (Some(HERE), None, "this address already has 2 sessions"),
        (None, Some("ada"), "this principal already has 2 sessions"),
    ] {
        let (mcp, _) = probing(|builder| {
            builder.limits(|limits| {
                limits.sessions = 4;
                limits.sessions_per_principal = Some(2);
                limits.listen_streams_per_principal = Some(9);
            })
        });
        let other = opened(&mcp, by("bob", initialize())).await;
        let own = |asked| match principal {
            Some(principal) => by(principal, asked),
            None => asked,
        };
        let mcp = address.map_or_else(|| mcp.clone(), |address| at(&mcp, address));
        let first = opened(&mcp, own(initialize())).await;
        let mut streams = Vec::new();
        for _ in 0..2 {
            let session = opened(&mcp, own(initialize())).await;
            streams.push(given(&mcp, own(listen_in(&session))).await);
        }
        assert_eq!(status(&mcp, own(ping(&first))).await, 404);
        refused(mcp.call(own(initialize())).await, 429, says).await;
        refused(mcp.call(own(sse())).await, 429, says).await;
        assert_eq!(status(&mcp, by("bob", ping(&other))).await, 200);
        assert_eq!(times_refused(&mcp, "too_many_sessions_per_client"), 2);
        streams.pop();
        opened(&mcp, own(initialize())).await;
        assert_eq!((mcp.sessions(), mcp.snapshot().sessions_evicted), (3, 2));
    }
}

/// FIELD X-9: the HTTP+SSE streams of one client do not shut others out.
#[tokio::test]
async fn a_flood_of_sse_streams_does_not_shut_others_out() {
    let (mcp, _) = probing(|builder| builder.limits(|limits| limits.sessions = 100));
    let (here, there) = (at(&mcp, HERE), at(&mcp, THERE));
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(given(&here, sse()).await);
    }
    for _ in 0..50 {
        let says = "this address already has 50 sessions that are all busy, which is half of what the \
                    server allows, and as many as one address may have (limit: `Limits::sessions`";
        refused(here.call(sse()).await, 429, says).await;
    }
    streams.push(given(&there, sse()).await);
    settled(&there).await;
    settled(&mcp).await;
    assert_eq!((mcp.sessions(), mcp.snapshot().sessions_evicted), (53, 0));
}

/// FIELD X-9: an HTTP+SSE stream whose client sends nothing keeps its session only for a while,
/// from however many addresses such streams come.
#[tokio::test(start_paused = true)]
async fn a_silent_sse_stream_keeps_its_session_only_for_a_while() {
    let (mcp, _) = probing(|builder| {
        builder
            .limits(|limits| limits.sessions = 2)
            .timeouts(|timeouts| timeouts.keep_alive = None)
    });
    let mut silent = given(&mcp, sse()).await.into_body();
    piece(&mut silent).await.unwrap();
    let mut heard = given(&mcp, sse()).await.into_body();
    let endpoint = piece(&mut heard).await.unwrap();
    let (_, inbox) = endpoint.split_once("data: ").unwrap();
    let say = message(1, "ping", json!({}));
    assert_eq!(status(&mcp, post(inbox.trim(), &[], &say)).await, 202);
    piece(&mut heard).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(status(&mcp, sse()).await, 503);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let _third = given(&mcp, sse()).await;
    assert_eq!(piece(&mut silent).await, None, "it has ended");
    assert_eq!(status(&mcp, post(inbox.trim(), &[], &say)).await, 202);
    assert_eq!(status(&mcp, sse()).await, 503);
    assert_eq!(mcp.snapshot().sessions_evicted, 1);
}

// --- calls

/// FIELD X-10: the calls of one principal, over all its sessions and both eras, leave room for
/// another's `ping`.
#[tokio::test]
async fn one_principal_cannot_take_all_calls() {
    let (mcp, seen) = probing(|builder| {
        builder.limits(|limits| {
            limits.calls = 100;
            limits.calls_per_principal = Some(10);
            limits.requests_per_session = 4;
        })
    });
    // Once a request listens, it does not count as a call.
    let listening = given(&mcp, by("ada", listen())).await;
    let mut running = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let session = opened(&mcp, by("ada", initialize())).await;
        for id in 0..3 {
            let asked = by("ada", slow_in(&session, id));
            running.push(given(&mcp, asked).await);
        }
        sessions.push(session);
    }
    running.push(given(&mcp, by("ada", slow())).await);
    let says =
        "this principal already has 10 running requests (limit: `Limits::calls_per_principal`)";
    let in_session = by("ada", ping(&sessions[0]));
    for asked in [in_session, by("ada", slow()), by("ada", listen())] {
        refused(mcp.call(asked).await, 429, says).await;
    }
    assert_eq!(times_refused(&mcp, "too_many_calls_per_client"), 3);
    assert_eq!(mcp.listen_streams(), 1);
    drop(listening);
    // Other principals, and clients without an identity, are not affected.
    let bob = opened(&mcp, by("bob", initialize())).await;
    assert_eq!(status(&mcp, by("bob", ping(&bob))).await, 200);
    assert_eq!(status(&mcp, alone(1, "tools/list", json!({}))).await, 200);
    seen.allow("x", 10);
    for answer in running {
        assert!(text(answer).await.contains("waited x"));
    }
    assert_eq!(status(&mcp, by("ada", ping(&sessions[0]))).await, 200);
    assert_eq!(mcp.snapshot().running, 0);
}

/// FIELD X-10: without identities, one address may have half of the calls, in both eras; clients
/// without an address have no such limit.
#[tokio::test]
async fn one_address_has_half_of_the_calls() {
    let (mcp, seen) = probing(|builder| builder.limits(|limits| limits.calls = 6));
    let (here, there) = (at(&mcp, HERE), at(&mcp, THERE));
    let session = settled(&here).await;
    let mut running = vec![given(&here, slow_in(&session, 1)).await];
    running.push(given(&here, slow()).await);
    // The last slot: `initialize` and `ping` are calls too.
    assert_eq!(status(&here, initialize()).await, 200);
    running.push(given(&here, slow()).await);
    let says = "this address already has 3 running requests, which is half of what the server allows, \
                and as many as one address may have (limit: `Limits::calls`; behind a proxy, see `Builder::trusted_proxies`)";
    for asked in [slow(), ping(&session), initialize()] {
        refused(here.call(asked).await, 429, says).await;
    }
    running.push(given(&there, slow()).await);
    // Without an address: a Unix socket, memory.
    running.push(given(&mcp, slow()).await);
    running.push(given(&mcp, slow()).await);
    let says = "the server already has 6 running requests (limit: `Limits::calls`)";
    for mcp in [&mcp, &there] {
        refused(mcp.call(slow()).await, 503, says).await;
    }
    seen.allow("x", 6);
    for answer in running {
        assert!(text(answer).await.contains("waited x"));
    }
    assert_eq!(status(&here, ping(&session)).await, 200);
}

/// FIELD X-10: a call that has ended, was refused, or whose client has left keeps no slot.
#[tokio::test]
async fn places_of_calls_come_back() {
    let (mcp, seen) = probing(|builder| builder.limits(|limits| limits.calls = 2));
    let here = at(&mcp, HERE);
    for _ in 0..10 {
        let left = given(&here, slow()).await;
        assert_eq!(status(&here, slow()).await, 429);
        drop(left);
        seen.happens("over", "x").await;
        until("the place", || mcp.snapshot().running == 0).await;
        assert_eq!(status(&here, alone(1, "no/such", json!({}))).await, 404);
    }
    given(&here, slow()).await;
}

// --- listening requests

/// FIELD X-10, SPEC D-130: an address may have half of the listening requests, and a principal its
/// own limit.
#[tokio::test]
async fn listening_requests_leave_room_for_others() {
    let (mcp, _) = probing(|builder| {
        builder.limits(|limits| {
            limits.listen_streams = 4;
            limits.sessions_per_principal = Some(9);
            limits.listen_streams_per_principal = Some(1);
        })
    });
    let (here, there) = (at(&mcp, HERE), at(&mcp, THERE));
    let mut open = Vec::new();
    for mcp in [&here, &here, &there] {
        open.push(given(mcp, listen()).await);
    }
    let says = "this address already has 2 listening requests, which is half of what";
    refused(here.call(listen()).await, 429, says).await;
    open.push(given(&mcp, by("ada", listen())).await);
    let says = "this principal already has 1 listening requests (limit: `Limits::listen_streams_per_principal`)";
    refused(mcp.call(by("ada", listen())).await, 429, says).await;
    let says = "the server already has 4 listening requests (limit: `Limits::listen_streams`)";
    refused(there.call(listen()).await, 503, says).await;
    assert_eq!(times_refused(&mcp, "too_many_listen_streams"), 1);
    assert_eq!(times_refused(&mcp, "too_many_listen_streams_per_client"), 2);
    drop(open);
    until("room", || mcp.listen_streams() == 0).await;
    given(&here, listen()).await;
}

// --- addresses

/// FIELD X-10: the client's address comes from a forwarding header only when a trusted proxy sent
/// it.
#[tokio::test]
async fn a_trusted_proxy_names_the_client() {
    let (mcp, _) = probing(|builder| {
        let builder = builder.limits(|limits| limits.listen_streams = 2);
        builder.trusted_proxies(["10.0.0.0/8", "2001:db8:ff::1"])
    });
    let is_in = async |peer: &str, asked| {
        let response = at(&mcp, peer).call(asked).await;
        (response.status() == 200).then_some(response)
    };
    // The forwarding header, its sender and its client, and whether it counts as the address of the
    // client that is at its limit.
    for (peer, whom, is_the_same) in [
        ("10.1.2.3", HERE, true),
        ("10.9.9.9", "1.1.1.1, 192.0.2.1", true),
        ("2001:db8:ff::2", HERE, false),
        ("10.1.2.3", "192.0.2.1, 10.0.0.7", true),
        ("10.1.2.3", "198.51.100.1", false),
        ("::ffff:10.1.2.3", "::ffff:192.0.2.1", true),
        ("203.0.113.1", HERE, false),
        (HERE, "203.0.113.1", true),
    ] {
        let first = forwarded(HERE, listen());
        let first = is_in("10.1.2.3", first).await.unwrap();
        let second = is_in(peer, forwarded(whom, listen())).await;
        assert_eq!(second.is_none(), is_the_same, "{peer} {whom}");
        drop((first, second));
        until("room", || mcp.listen_streams() == 0).await;
    }
    // All addresses of one IPv6 network count as one host.
    let first = is_in("2001:db8::1", listen()).await;
    assert!(first.is_some());
    assert!(is_in("2001:db8::2:1", listen()).await.is_none());
    assert!(is_in("2001:db8:0:1::1", listen()).await.is_some());
}

#[test]
fn a_trusted_proxy_is_an_address_or_a_network() {
    for entry in ["proxy.example.com", "10.0.0.0/33", "127.0.0.1:80", ""] {
        let builder = McpService::builder(Server::new("Behind", "1"));
        let error = builder.trusted_proxies(["::1", entry]).build().unwrap_err();
        let told = error.to_string();
        assert!(
            error.is_setup() && told.contains(&format!("{entry:?} is not")),
            "{told}"
        );
    }
}

// --- connections

/// Opens a connection from an address of this machine, and returns whether a request on it was
/// answered.
async fn connected(running: &Running, from: [u8; 4]) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut socket = socket.connect(running.address).await.unwrap();
    let request = b"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n";
    // A refused connection may be closed before it has sent anything.
    let _ = socket.write_all(request).await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let read = soon("an answer", socket.read_buf(&mut answer)).await;
        assert_ne!(read.unwrap(), 0, "an answer before the end");
    }
    (socket, String::from_utf8(answer).unwrap())
}

const FIRST: [u8; 4] = [127, 0, 0, 1];
const SECOND: [u8; 4] = [127, 0, 0, 2];

/// FIELD X-10: one address may have half of the connections, and closed ones make room again.
#[cfg(not(target_os = "macos"))]
#[tokio::test]
async fn one_address_has_half_of_the_connections() {
    let (mcp, _) = probing(|builder| builder);
    let running = start_with(mcp, |serve| serve.max_connections(4)).await;
    let mut open = Vec::new();
    for from in [FIRST, FIRST, SECOND] {
        let (socket, answer) = connected(&running, from).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        open.push(socket);
    }
    let (_, answer) = connected(&running, FIRST).await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n") && answer.contains("connection: close\r\n"));
    let says = "this address already has 2 connections, which is half of what the server allows, \
                and as many as one address may have (limit: `Serve::max_connections`";
    assert!(answer.contains(says), "{answer}");
    assert_eq!(
        times_refused(&running.mcp, "too_many_connections_per_client"),
        1
    );
    let (socket, _) = connected(&running, SECOND).await;
    open.push(socket);
    let (_, answer) = connected(&running, [127, 0, 0, 3]).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop(open);
    let is_let_in = async {
        while !connected(&running, FIRST)
            .await
            .1
            .starts_with("HTTP/1.1 404 ")
        {}
    };
    soon("a free place", is_let_in).await;
}

/// FIELD X-10: a trusted proxy carries all clients, so it may have all connections.
#[tokio::test]
async fn a_trusted_proxy_may_have_all_connections() {
    let (mcp, _) = probing(|builder| builder.trusted_proxies(["127.0.0.1"]));
    let running = start_with(mcp, |serve| serve.max_connections(3)).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let (socket, answer) = connected(&running, FIRST).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        open.push(socket);
    }
    let (_, answer) = connected(&running, FIRST).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}
