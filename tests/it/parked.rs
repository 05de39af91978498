//! A quiet stream is parked without hyper, and neither its client nor its connection can tell.

use std::time::Duration;

use mcp_wire::{McpService, serve_connection};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::probe::{call, probe, probe_with};
use crate::support::{
    Client, Kept, Running, Session, envelope, message, mirrored, raw, soon, until,
};

const V11: &str = "2025-11-25";

/// A call of `echo` in 2026-07-28, which needs no session.
fn echo(text: &str) -> String {
    let mut params = call("echo", json!({"message": text}));
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params);
    let body = message(7, "tools/call", params);
    let len = body.len();
    format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len}\r\n\r\n{body}")
}

/// The request for the standalone stream of a session.
fn listening(session: &Session) -> String {
    let headers = session.headers();
    format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Accept: text/event-stream\r\n\r\n")
}

/// A connection whose stream is parked, and its session; these bytes were sent right after the
/// request.
async fn parked(running: &Running, behind: &str) -> (Kept, Session) {
    let session = Session::open(running.address, V11, json!({})).await;
    let mut kept = Kept::open(running).await;
    kept.send(listening(&session) + behind).await;
    let head = kept.read_through("\r\n\r\n").await;
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    // The priming event; a keep-alive follows when the stream is quiet.
    kept.read_through("\n\n\r\n").await;
    assert_eq!(
        kept.read_through("\r\n: ping\n\n\r\n").await,
        "8\r\n: ping\n\n\r\n"
    );
    (kept, session)
}

async fn running() -> Running {
    let set = |builder: mcp_wire::Builder<_>| {
        builder.timeouts(|timeouts| timeouts.keep_alive = Some(Duration::from_millis(100)))
    };
    probe_with(set).await.0
}

/// RFC 9112, 9.3: a connection goes on after its stream, and can carry another.
#[tokio::test]
async fn a_connection_goes_on_after_its_streams() {
    let running = running().await;
    let (mut kept, mut session) = parked(&running, "").await;
    for round in 0..3 {
        assert_eq!(session.delete().await, 200);
        kept.read_through("0\r\n\r\n").await;
        kept.send(echo("again")).await;
        let answer = kept.answer().await;
        assert!(answer.body.contains("again"), "{round} {answer:?}");
        session = Session::open(running.address, V11, json!({})).await;
        kept.send(listening(&session)).await;
        kept.read_through("\r\n: ping\n\n\r\n").await;
    }
    drop(kept);
    until("the stream ends", || running.mcp.snapshot().streams == 0).await;
}

/// RFC 9112, 9.3.2: requests that were sent ahead are answered in their turn, once.
#[tokio::test]
async fn a_request_that_comes_during_a_stream_is_answered_after_it() {
    let running = running().await;
    let [first, second, third] = ["first", "second", "third"].map(echo);
    let (mut kept, session) = parked(&running, &first).await;
    // It is longer than what the server reads while the stream goes on.
    kept.send(second + &third[..100]).await;
    kept.read_through(": ping\n\n\r\n").await;
    kept.send(&third[100..]).await;
    kept.read_through(": ping\n\n\r\n").await;
    assert_eq!(session.delete().await, 200);
    kept.read_through("0\r\n\r\n").await;
    for text in ["first", "second", "third"] {
        let answer = kept.answer().await;
        assert!(answer.body.contains(text), "{answer:?}");
    }
}

/// So are requests that arrive only while the stream is parked.
#[tokio::test]
async fn a_request_that_comes_while_a_stream_waits_is_answered_after_it() {
    let running = running().await;
    let (mut kept, session) = parked(&running, "").await;
    let request = echo("late");
    kept.send(&request[..100]).await;
    kept.read_through(": ping\n\n\r\n").await;
    kept.send(&request[100..]).await;
    assert_eq!(session.delete().await, 200);
    kept.read_through("0\r\n\r\n").await;
    assert!(kept.answer().await.body.contains("late"));
}

/// The body of a GET is not taken for a request, whether it arrives before or during the stream.
#[tokio::test]
async fn an_unread_body_is_not_taken_for_a_request() {
    let running = running().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let inner = echo("smuggled");
    let length = format!("\r\nContent-Length: {}\r\n\r\n", inner.len());
    let outer = listening(&session).replacen("\r\n\r\n", &length, 1);
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    socket.write_all(outer.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b": ping\n\n\r\n") {
        soon("a keep-alive", socket.read_buf(&mut said))
            .await
            .unwrap();
    }
    socket.write_all(inner.as_bytes()).await.unwrap();
    assert_eq!(session.delete().await, 200);
    soon("the end", socket.read_to_end(&mut said))
        .await
        .unwrap();
    assert!(said.ends_with(b"\r\n0\r\n\r\n"), "{said:?}");
}

/// RFC 9112, 6.3 and 9.6: for clients that ask for it, the stream ends with the connection.
#[tokio::test]
async fn a_stream_for_a_client_of_another_kind_ends_its_connection() {
    let running = running().await;
    let mcp = running.mcp.clone();
    let closing = tokio::spawn(async move {
        let sessions = async |number| {
            until("a session", || mcp.sessions() == number).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            mcp.close();
        };
        sessions(1).await;
    });
    let old = "GET /sse HTTP/1.0\r\nHost: localhost\r\n\r\n";
    let answer = raw(running.address, old).await;
    closing.await.unwrap();
    assert_eq!(answer.header("transfer-encoding"), None);
    assert!(answer.body.starts_with("event: endpoint\n"), "{answer:?}");
    assert!(answer.body.ends_with(": ping\n\n"), "{answer:?}");
}

/// Events of any length and number arrive.
#[tokio::test]
async fn long_events_and_many_events_arrive_whole() {
    let running = running().await;
    let mut client = Client::initialized(running.address, "2024-11-05", json!({})).await;
    for (times, bytes) in [(200, 10), (1, 3_000_000), (7, 1_000)] {
        client.comment().await;
        let id = client
            .begin(
                "tools/call",
                call("chat", json!({"tag": "x", "times": times, "bytes": bytes})),
            )
            .await;
        let answer = client.answer(id).await;
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(text.len(), bytes);
        for number in 0..times {
            let note = client.message().await.unwrap();
            assert_eq!(
                note["params"]["number"], number,
                "in order, and none is lost"
            );
        }
    }
}

/// A stream, its keep-alives, its end, and the end of an idle connection are the same over memory
/// as over TCP.
#[tokio::test(start_paused = true)]
async fn a_connection_from_another_accept_loop_is_served() {
    let mcp = McpService::builder(probe().0).build().unwrap();
    let (mut client, server) = tokio::io::duplex(1024);
    let serving = tokio::spawn(serve_connection(server, mcp.clone()));
    let began = Instant::now();
    let request = b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n8\r\n: ping\n\n\r\n") {
        client.read_buf(&mut said).await.unwrap();
    }
    assert_eq!((began.elapsed().as_secs(), mcp.sessions()), (15, 1));
    mcp.close();
    client.read_to_end(&mut said).await.unwrap();
    assert!(said.ends_with(b"\r\n0\r\n\r\n"));
    serving.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 15 + 75);
}

/// Requests that are sent ahead wait for the stream to end, however many bytes they are, and for
/// the next stream too.
#[tokio::test]
async fn what_was_sent_ahead_of_two_streams_is_answered() {
    let running = running().await;
    let one = Session::open(running.address, V11, json!({})).await;
    let two = Session::open(running.address, V11, json!({})).await;
    let mut kept = Kept::open(&running).await;
    // hyper reads more at once after a long request.
    kept.send(echo(&"x".repeat(200_000))).await;
    assert!(kept.answer().await.body.contains("xxx"));
    let long = "y".repeat(30_000);
    kept.send(listening(&one) + &listening(&two) + &echo(&long))
        .await;
    for session in [&one, &two] {
        kept.read_through("\r\n: ping\n\n\r\n").await;
        kept.read_through("\r\n: ping\n\n\r\n").await;
        assert_eq!(session.delete().await, 200);
        kept.read_through("0\r\n\r\n").await;
    }
    let answer = kept.answer().await;
    assert!(answer.body.contains(&long), "{}", answer.body.len());
}

/// RFC 9112, 9.6: any one of several `Connection` lines can say that the connection ends with the
/// stream.
#[tokio::test]
async fn a_stream_ends_with_a_connection_that_ends_with_it() {
    let running = running().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let lines = "\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n";
    let request = listening(&session).replacen("\r\n\r\n", lines, 1);
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n: ping\n\n\r\n") {
        soon("a keep-alive", socket.read_buf(&mut said))
            .await
            .unwrap();
    }
    assert_eq!(session.delete().await, 200);
    soon("the end", socket.read_to_end(&mut said))
        .await
        .unwrap();
    assert!(said.ends_with(b"0\r\n\r\n"));
}
