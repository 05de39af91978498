//! What broken and hostile peers do on the socket (SPEC G-40, G-41, PITFALLS,
//! each connection ends in time, nothing faulty is executed, and no other client is
//! affected. Each test runs on every kind of listener, in `tests/tls` on that of TLS.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use mcp_wire::server::Server;
use mcp_wire::{Builder, McpService};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::handshake::KINDS;
use crate::support::doors::{Io, Kind, Open, Setting, open};
use crate::support::probe::{Seen, call, probe};
use crate::support::{Answer, check_refused, envelope, hello, message, mirrored, soon, text_of};

/// Short for a limit, but long enough on a machine that is busy with other tests.
const SHORT: Duration = Duration::from_millis(300);

async fn serving(kind: Kind, settings: &[Setting]) -> (Open, Arc<Seen>) {
    building(kind, |builder| builder, settings).await
}

async fn building(
    kind: Kind,
    build: impl FnOnce(Builder<Server>) -> Builder<Server>,
    settings: &[Setting],
) -> (Open, Arc<Seen>) {
    let (server, seen) = probe();
    let mcp = build(McpService::builder(server)).build().unwrap();
    (open(kind, mcp, settings).await, seen)
}

/// The body of a call of `echo`, and its header lines.
fn echo(text: &str) -> (String, String) {
    let mut params = call("echo", json!({"message": text}));
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params);
    (message(7, "tools/call", params), headers)
}

/// A whole request that calls `echo`.
fn whole(text: &str) -> Vec<u8> {
    let (body, headers) = echo(text);
    let len = body.len();
    format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len}\r\n\r\n{body}")
        .into()
}

/// As `whole`, and the connection ends with the answer.
fn last(text: &str) -> Vec<u8> {
    let mut request = whole(text);
    let line = b"POST /mcp HTTP/1.1\r\n".len();
    request.splice(line..line, *b"Connection: close\r\n");
    request
}

/// Checks that a new client is served.
async fn check_served(running: &Open) {
    let answer = raw(running, last("here")).await;
    assert_eq!(text_of(&answer.json()), "here");
}

async fn sent(running: &Open, bytes: impl AsRef<[u8]>) -> Box<dyn Io> {
    let mut socket = running.connect().await;
    socket.write_all(bytes.as_ref()).await.unwrap();
    socket
}

/// The answer to what is sent on a new connection, which ends with it.
async fn raw(running: &Open, bytes: impl AsRef<[u8]>) -> Answer {
    Answer::parse(&rest(&mut sent(running, bytes).await).await)
}

/// Everything that the server sends until the end. A reset after an answer is an end too, as is one that TLS is not
/// told of.
async fn rest(socket: &mut Box<dyn Io>) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = soon("the end of the connection", socket.read_to_end(&mut bytes)).await {
        let ends = [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof];
        assert!(ends.contains(&error.kind()), "{error}");
    }
    String::from_utf8(bytes).unwrap()
}

/// What the server sends, up to this text.
async fn until(socket: &mut Box<dyn Io>, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(soon(end, socket.read_u8()).await.unwrap().into());
    }
    text
}

/// One answer of known length, on a connection that stays open.
async fn answered(socket: &mut Box<dyn Io>) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let len = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= len.unwrap().parse().unwrap() {
                return text;
            }
        }
        let byte = soon("an answer", socket.read_u8()).await.unwrap();
        text.push(byte.into());
    }
}

/// SPEC G-41, PITFALLS R-45: half-sent requests do not affect others, and are answered and closed
/// when their time is up.
#[tokio::test]
async fn a_thousand_half_sent_requests_do_not_keep_anybody_waiting() {
    for kind in KINDS {
        let (running, seen) = serving(kind, &[Setting::HeaderTimeout(3 * SHORT)]).await;
        let time = async || {
            let began = Instant::now();
            check_served(&running).await;
            began.elapsed()
        };
        let alone = time().await;
        let mut halves = Vec::new();
        for at in 0..1000 {
            let half = &whole("half")[..40 + at % 100];
            halves.push(sent(&running, half).await);
        }
        let beside = time().await;
        println!("a fresh client is served in {beside:?}, without the half requests in {alone:?}");
        for mut half in halves {
            let told = rest(&mut half).await;
            assert!(told.starts_with("HTTP/1.1 408 "), "{told:?}");
        }
        assert_eq!(seen.calls(), 2, "nothing of them was carried out");
        check_served(&running).await;
    }
}

/// SPEC G-41: a connection without a request is closed, before the first and between two; an open
/// stream counts as a request.
#[tokio::test]
async fn a_connection_that_rests_is_closed_and_a_stream_does_not_rest() {
    for kind in KINDS {
        let (running, _) = serving(kind, &[Setting::IdleTimeout(SHORT)]).await;
        let mut stream = sent(&running, "GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let told = until(&mut stream, "session_id=").await;
        let (_, path) = told.split_once("data: ").unwrap();
        let session = until(&mut stream, "\n").await;
        let mut resting = sent(&running, whole("once")).await;
        answered(&mut resting).await;
        let mut silent = sent(&running, "").await;
        let began = Instant::now();
        assert_eq!(rest(&mut resting).await, "", "closed without a word");
        assert_eq!(rest(&mut silent).await, "");
        assert!(began.elapsed() > SHORT / 2, "it had its time");
        let body = message(1, "initialize", hello("2024-11-05", json!({})));
        let len = body.len();
        let request = format!(
            "POST {path}{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {len}\r\n\r\n{body}",
            session.trim_end()
        );
        assert_eq!(raw(&running, request).await.status, 202);
        until(&mut stream, "\"serverInfo\"").await;
    }
}

/// A connection that is used now and then is not closed as idle.
#[tokio::test]
async fn a_busy_connection_stays_beyond_the_time_of_an_idle_one() {
    for kind in KINDS {
        let (running, _) = serving(kind, &[Setting::IdleTimeout(SHORT)]).await;
        let mut busy = sent(&running, "").await;
        let began = Instant::now();
        while began.elapsed() < 3 * SHORT {
            busy.write_all(&whole("on")).await.unwrap();
            assert!(answered(&mut busy).await.contains("\"on\""));
        }
        assert_eq!(rest(&mut busy).await, "");
    }
}

/// SPEC G-40: a connection over the limit is refused at once; the others stay, and a free place can
/// be used.
#[tokio::test]
async fn past_the_number_of_connections_new_ones_are_refused() {
    for kind in KINDS {
        let (running, _) = building(
            kind,
            |builder| builder.trusted_proxies(["127.0.0.1"]),
            &[Setting::MaxConnections(2)],
        )
        .await;
        let mut first = sent(&running, whole("1")).await;
        answered(&mut first).await;
        let mut second = sent(&running, whole("2")).await;
        answered(&mut second).await;
        let refused = raw(&running, whole("3")).await;
        check_refused(&refused, 503, -32603, "2 connections");
        assert_eq!(refused.header("connection"), Some("close"));
        first.write_all(&whole("4")).await.unwrap();
        assert!(answered(&mut first).await.contains("\"4\""));
        drop(second);
        let is_let_in = async {
            loop {
                if raw(&running, last("5")).await.status == 200 {
                    break;
                }
            }
        };
        soon("a free place", is_let_in).await;
    }
}

/// PITFALLS: a client that stops in the middle of a request is told which limit it met.
#[tokio::test]
async fn a_body_that_does_not_arrive_is_answered_with_its_limit() {
    for kind in KINDS {
        let (running, seen) = building(
            kind,
            |builder| builder.timeouts(|timeouts| timeouts.body = SHORT),
            &[],
        )
        .await;
        let request = whole("slow");
        let answer = raw(&running, &request[..request.len() - 1]).await;
        check_refused(&answer, 408, -32600, "body did not arrive within 300ms");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(seen.calls(), 0);
    }
}

/// PITFALLS R-44: the answer arrives although the client is still sending, whether it declared a
/// length or not.
#[tokio::test]
async fn a_body_that_is_too_long_is_refused_and_the_refusal_arrives() {
    for kind in KINDS {
        let (running, seen) = building(
            kind,
            |builder| builder.limits(|limits| limits.body = 100_000),
            &[],
        )
        .await;
        let (_, headers) = echo("long");
        let head = format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}");
        let much = vec![b' '; 4 << 20];
        let declared = format!("{head}Content-Length: {}\r\n\r\n", much.len());
        let chunked = format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            much.len()
        );
        for head in [declared, chunked] {
            let mut socket = sent(&running, head).await;
            // As most clients do: write everything, then read the answer.
            soon("the writing", socket.write_all(&much)).await.unwrap();
            let answer = rest(&mut socket).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:?}");
            assert!(answer.contains("100000 bytes"), "{answer:?}");
        }
        assert_eq!(seen.calls(), 0);
    }
}

/// SPEC G-40: a head is limited in bytes and in lines.
#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    for kind in KINDS {
        let (running, _) = serving(kind, &[Setting::HeaderLimit(16 * 1024)]).await;
        for lines in [
            "X: y\r\n".repeat(200),
            format!("X: {}\r\n", "y".repeat(20_000)),
        ] {
            let request = format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
            let answer = raw(&running, request).await;
            assert_eq!(answer.status, 431);
        }
        check_served(&running).await;
    }
}

/// SPEC G-40, PITFALLS R-48, FIELD E-9: malformed HTTP is 400 or a closed connection, never a 5xx,
/// and nothing of it is executed, nor what follows on the connection.
#[tokio::test]
async fn broken_framing_is_refused_and_nothing_of_it_is_carried_out() {
    for kind in KINDS {
        let (running, seen) = serving(kind, &[Setting::HeaderTimeout(SHORT)]).await;
        let (body, headers) = echo("broken");
        let len = body.len();
        let chunk = format!("{len:x}\r\n{body}\r\n");
        let post = |lines: &str, body: &str| {
            format!("POST /mcp HTTP/1.1\r\n{headers}{lines}\r\n\r\n{body}")
        };
        let host = "Host: localhost";
        let chunked = format!("{host}\r\nTransfer-Encoding: chunked");
        let sized = format!("{host}\r\nContent-Length: {len}");
        let cases = [
            (
                "two lengths",
                post(&format!("{sized}\r\nContent-Length: {}", len + 1), &body),
            ),
            (
                "a signed length",
                post(&format!("{host}\r\nContent-Length: +{len}"), &body),
            ),
            (
                "a negative length",
                post(&format!("{host}\r\nContent-Length: -{len}"), &body),
            ),
            (
                "length, encoding",
                post(
                    &format!("{sized}\r\nTransfer-Encoding: chunked"),
                    &format!("{chunk}0\r\n\r\n"),
                ),
            ),
            (
                "encoding, length",
                post(
                    &format!("{chunked}\r\nContent-Length: {len}"),
                    &format!("{chunk}0\r\n\r\n"),
                ),
            ),
            (
                "another encoding",
                post(&format!("{host}\r\nTransfer-Encoding: gzip"), &body),
            ),
            (
                "chunked is not last",
                post(&format!("{chunked}, gzip"), &format!("{chunk}0\r\n\r\n")),
            ),
            (
                "no chunk size",
                post(&chunked, &format!("\r\n{body}\r\n0\r\n\r\n")),
            ),
            (
                "a broken chunk size",
                post(&chunked, &format!("0x{chunk}0\r\n\r\n")),
            ),
            (
                "a huge chunk size",
                post(&chunked, &format!("{}{chunk}0\r\n\r\n", "f".repeat(17))),
            ),
            (
                "a chunk that goes on",
                post(&chunked, &format!("{:x}\r\n{body}\r\n0\r\n\r\n", len - 1)),
            ),
            (
                "an endless extension",
                post(&chunked, &format!("{len:x};{}", "x".repeat(100_000))),
            ),
            (
                "a length that is said twice",
                post(&format!("{sized}\r\nContent-Length: {len}"), &body),
            ),
            (
                "a list of lengths",
                post(&format!("{host}\r\nContent-Length: {len}, {len}"), &body),
            ),
            (
                "a coding before chunked",
                post(
                    &format!("{host}\r\nTransfer-Encoding: gzip, chunked"),
                    &format!("{chunk}0\r\n\r\n"),
                ),
            ),
            (
                "chunked twice",
                post(
                    &format!("{chunked}\r\nTransfer-Encoding: chunked"),
                    &format!("{chunk}0\r\n\r\n"),
                ),
            ),
            (
                "a line feed alone in a head",
                post(&format!("X: y\n{sized}"), &body),
            ),
            (
                "a line feed alone behind a head",
                post(&sized, &body).replacen("\r\n\r\n", "\r\n\n", 1),
            ),
            (
                "a carriage return alone in a head",
                post(&format!("X: y\rz\r\n{sized}"), &body),
            ),
            (
                "a line that goes on",
                post(
                    &format!("{host}\r\nX: y\r\n z\r\nContent-Length: {len}"),
                    &body,
                ),
            ),
            (
                "a line feed alone behind a chunk size",
                post(&chunked, &format!("{len:x}\n{body}\r\n0\r\n\r\n")),
            ),
            (
                "a line feed alone behind a chunk",
                post(&chunked, &format!("{len:x}\r\n{body}\n0\r\n\r\n")),
            ),
            (
                "a line feed alone in an extension",
                post(&chunked, &format!("{len:x};x\n{body}\r\n0\r\n\r\n")),
            ),
            (
                "a line feed alone behind the last chunk, and behind it a request with two lengths",
                post(&chunked, &format!("{chunk}0\r\n\nX: y\r\n\r\n"))
                    + &post(&format!("{sized}\r\nTransfer-Encoding: chunked"), &chunk),
            ),
            (
                "a line feed alone in the trailers",
                post(&chunked, &format!("{chunk}0\r\nX: y\n\r\n")),
            ),
            (
                "a name with a space",
                post(&format!("Content-Length : {len}\r\n{host}"), &body),
            ),
            (
                "no such version",
                format!("POST /mcp HTTP/9.9\r\n{headers}{sized}\r\n\r\n{body}"),
            ),
        ];
        for (what, request) in cases {
            let mut socket = sent(&running, &request).await;
            let _ = socket.write_all(&whole("smuggled")).await;
            let answer = rest(&mut socket).await;
            let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
            assert!(is_refused, "{what}: {answer:?}");
            assert_eq!(
                answer.matches("HTTP/1.1").count(),
                usize::from(!answer.is_empty()),
                "{what}: {answer:?}"
            );
            assert_eq!(seen.calls(), 0, "{what}: {answer:?}");
        }
        check_served(&running).await;
    }
}

/// FIELD E-9: the answer names the fault, where hyper alone would have served the request.
#[tokio::test]
async fn an_ambiguous_request_is_answered_with_its_fault() {
    for kind in KINDS {
        let (running, seen) = serving(kind, &[]).await;
        let (body, headers) = echo("twice");
        let (len, host) = (body.len(), "Host: localhost\r\n");
        let chunks = format!("{len:x}\r\n{body}\r\n0\r\n");
        for (lines, body, says) in [
            (
                format!("Content-Length: {len}\r\nContent-Length: {len}\r\n"),
                body.clone(),
                "says its length once",
            ),
            (
                "Transfer-Encoding: gzip, chunked\r\n".to_owned(),
                format!("{chunks}\r\n"),
                "`chunked`, by itself",
            ),
            (format!("Content-Length: {len}\n"), body.clone(), "CR LF"),
            (
                "Transfer-Encoding: chunked\r\n".to_owned(),
                format!("{chunks}\nX: y\r\n\r\n"),
                "its chunks are malformed",
            ),
        ] {
            let request = format!("POST /mcp HTTP/1.1\r\n{host}{headers}{lines}\r\n{body}");
            let answer = raw(&running, request).await;
            check_refused(&answer, 400, -32600, says);
            assert_eq!(answer.header("connection"), Some("close"));
        }
        assert_eq!(seen.calls(), 0);
    }
}

/// SPEC G-4: a request has exactly one `Host`.
#[tokio::test]
async fn a_request_without_its_one_host_is_not_carried_out() {
    for kind in KINDS {
        let (running, seen) = serving(kind, &[]).await;
        let (body, headers) = echo("for whom");
        let len = body.len();
        for hosts in ["", "Host: localhost\r\nHost: localhost\r\n"] {
            let request = format!(
                "POST /mcp HTTP/1.1\r\n{hosts}{headers}Connection: close\r\nContent-Length: {len}\r\n\r\n{body}"
            );
            let answer = raw(&running, request).await;
            check_refused(&answer, 400, -32600, "Host");
        }
        assert_eq!(seen.calls(), 0);
    }
}

/// SPEC G-40: a request that is cut short is never executed, wherever it is cut and however it is
/// framed.
#[tokio::test]
async fn a_request_that_is_cut_short_is_not_carried_out() {
    for kind in KINDS {
        let (running, seen) = serving(kind, &[]).await;
        let (body, headers) = echo("cut");
        let chunked = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        );
        for request in [whole("cut"), chunked.into_bytes()] {
            for cut in (1..request.len()).step_by(7) {
                let mut socket = sent(&running, &request[..cut]).await;
                socket.shutdown().await.unwrap();
                let answer = rest(&mut socket).await;
                let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
                assert!(is_refused, "{cut}: {answer:?}");
            }
        }
        assert_eq!(seen.calls(), 0);
        check_served(&running).await;
    }
}

/// A slow request that arrives in time is served.
#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_served() {
    for kind in KINDS {
        let (running, _) = serving(kind, &[]).await;
        let mut socket = sent(&running, "").await;
        for byte in whole("bit by bit") {
            socket.write_u8(byte).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert!(answered(&mut socket).await.contains("bit by bit"));
    }
}

/// RFC 9112, 9.3.2: pipelined requests are answered in their order.
#[tokio::test]
async fn pipelined_requests_are_all_answered_in_order() {
    for kind in KINDS {
        let (running, _) = serving(kind, &[]).await;
        let requests: Vec<u8> = (0..50).flat_map(|at| whole(&format!("nr {at}."))).collect();
        let mut socket = sent(&running, requests).await;
        for at in 0..50 {
            let answer = answered(&mut socket).await;
            assert!(answer.contains(&format!("nr {at}.")), "{at}: {answer}");
        }
    }
}

/// PITFALLS R-17: a client that reads nothing loses its connection.
#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    for kind in KINDS {
        let (running, _) = serving(kind, &[Setting::WriteStall(SHORT)]).await;
        let request = whole(&"x".repeat(1 << 20));
        let mut socket = sent(&running, "").await;
        let is_cut = async {
            // The socket buffers of both sides are finite.
            for _ in 0..200 {
                if socket.write_all(&request).await.is_err() {
                    return;
                }
            }
            panic!("200 answers were kept for a client that takes none");
        };
        soon("the end of its connection", is_cut).await;
        check_served(&running).await;
    }
}

/// PITFALLS R-24: what still runs at the deadline gets its whole answer, and the end is not late.
#[tokio::test]
async fn a_thousand_streams_end_by_the_deadline() {
    for kind in KINDS {
        let at_once = |builder: Builder<Server>| {
            builder.timeouts(|timeouts| timeouts.stream_after = Duration::ZERO)
        };
        let (running, seen) = building(kind, at_once, &[Setting::DrainDeadline(SHORT)]).await;
        let mut params = call("wait", json!({"tag": "x"}));
        params["_meta"] = envelope(json!({}));
        let body = message(7, "tools/call", params.clone());
        let headers = mirrored("tools/call", &params).replace("application/json, ", "");
        let len = body.len();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len}\r\n\r\n{body}"
        );
        let mut sockets = Vec::new();
        for _ in 0..1000 {
            sockets.push(sent(&running, &request).await);
        }
        for _ in 0..1000 {
            seen.happens("begun", "x").await;
        }
        let mcp = running.mcp.clone();
        let began = Instant::now();
        soon("the end", running.stop()).await.unwrap().unwrap();
        let late = began.elapsed().saturating_sub(SHORT);
        println!("1,000 streams were at their end {late:?} after the deadline");
        // It takes some 100 ms alone; the gate compiles and fuzzes at the same time.
        assert!(late < Duration::from_secs(5), "{late:?}");
        for mut socket in sockets {
            let answer = rest(&mut socket).await;
            assert!(answer.contains("text/event-stream"), "{answer}");
            assert!(
                answer.contains("the server was closed before the request was answered"),
                "{answer}"
            );
            assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
        }
        assert_eq!((mcp.snapshot().running, mcp.snapshot().streams), (0, 0));
        // Again, with nothing left to end.
        mcp.shutdown(SHORT).await;
    }
}
