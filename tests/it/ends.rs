//! Every wait of a connection has a time limit, on every kind of transport, and what a client sends
//! ahead is bounded.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mcp_wire::{McpService, serve_connection};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::Instant;

use crate::support::probe::{call, probe};
use crate::support::{envelope, message, mirrored};

/// A transport that buffers what is written, as TLS does, and sends it when it is flushed.
struct Buffering {
    io: DuplexStream,
    buffer: Vec<u8>,
    /// The size of the buffer.
    size: usize,
    /// Whether its shutdown ever completes.
    ends: bool,
    /// Since when it could not send what it holds.
    stuck: Arc<Mutex<Option<Instant>>>,
}

/// The client's side, the server's side, and since when the server's side is stuck.
fn buffering(pipe: usize, size: usize) -> (DuplexStream, Buffering, Arc<Mutex<Option<Instant>>>) {
    let (client, io) = tokio::io::duplex(pipe);
    let stuck = Arc::<Mutex<Option<Instant>>>::default();
    let server = Buffering {
        io,
        buffer: Vec::new(),
        size,
        ends: true,
        stuck: Arc::clone(&stuck),
    };
    (client, server, stuck)
}

impl Buffering {
    fn poll_hand_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let wrote = Pin::new(&mut self.io).poll_write(cx, &self.buffer);
            if wrote.is_pending() {
                let mut stuck = self.stuck.lock().unwrap();
                stuck.get_or_insert_with(Instant::now);
            }
            self.buffer.drain(..ready!(wrote)?);
        }
        *self.stuck.lock().unwrap() = None;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Buffering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Buffering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = self.size.saturating_sub(self.buffer.len());
        if room == 0 {
            ready!(self.poll_hand_on(cx))?;
        }
        let len = bytes.len().min(self.size - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_hand_on(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_hand_on(cx))?;
        match self.ends {
            true => Pin::new(&mut self.io).poll_shutdown(cx),
            false => Poll::Pending,
        }
    }
}

fn service() -> McpService {
    McpService::builder(probe().0).build().unwrap()
}

/// A call of a tool in 2026-07-28.
fn calling(tool: &str, arguments: serde_json::Value) -> String {
    let mut params = call(tool, arguments);
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params);
    let body = message(7, "tools/call", params);
    let len = body.len();
    format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len}\r\n\r\n{body}")
}

const HALF_A_HEAD: &str = "POST /mcp HTTP/1.1\r\nHost: ";

/// FIELD E-1: a client that reads nothing cannot keep an ending connection open, neither because
/// its last bytes find no room nor because the transport does not shut down.
#[tokio::test(start_paused = true)]
async fn a_connection_ends_though_its_client_reads_nothing() {
    for (what, pipe, ends, sent, seconds) in [
        ("no room for the last words", 16, true, HALF_A_HEAD, 10 + 30),
        (
            "the transport does not end",
            4096,
            false,
            HALF_A_HEAD,
            10 + 2,
        ),
        ("it rests", 16, true, "", 75),
        (
            "it rests, and its transport does not end",
            16,
            false,
            "",
            75 + 2,
        ),
    ] {
        let (mut client, mut server, _) = buffering(pipe, 16 * 1024);
        server.ends = ends;
        let began = Instant::now();
        let serving = tokio::spawn(serve_connection(server, service()));
        client.write_all(sent.as_bytes()).await.unwrap();
        let limit = Duration::from_secs(1000);
        tokio::time::timeout(limit, serving)
            .await
            .unwrap_or_else(|_| panic!("{what}: it is open after 1000 s"))
            .unwrap();
        assert_eq!(began.elapsed().as_secs(), seconds, "{what}");
    }
}

/// FIELD T-6: a balancer that closes idle connections after 60 s never meets a closed one, and the connection is
/// closed at last.
#[tokio::test(start_paused = true)]
async fn a_connection_rests_longer_than_balancers_let_it() {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(serve_connection(server, service()));
    let request = calling("echo", json!({"message": "x"}));
    let mut answered = Instant::now();
    for rest in [0, 59, 60, 74] {
        tokio::time::sleep(Duration::from_secs(rest)).await;
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 15];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK", "after {rest} s");
        answered = Instant::now();
        let mut rest_of_it = String::new();
        while !rest_of_it.contains("\r\n\r\n{") || !rest_of_it.ends_with('}') {
            let mut bytes = [0; 4096];
            let len = client.read(&mut bytes).await.unwrap();
            rest_of_it.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
        }
    }
    let mut nothing = Vec::new();
    client.read_to_end(&mut nothing).await.unwrap();
    assert_eq!((nothing.len(), answered.elapsed().as_secs()), (0, 75));
    serving.await.unwrap();
}

/// A client that reads late still gets the last bytes.
#[tokio::test(start_paused = true)]
async fn the_last_bytes_arrive_late_but_whole() {
    let (mut client, server, _) = buffering(16, 16 * 1024);
    let serving = tokio::spawn(serve_connection(server, service()));
    client.write_all(HALF_A_HEAD.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10 + 29)).await;
    let mut said = Vec::new();
    client.read_to_end(&mut said).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(said.ends_with('}'), "{said}");
    drop(client);
    serving.await.unwrap();
}

/// FIELD E-2: a keep-alive that only fills a buffer is not progress. The stream is cut 30 s after
/// its client took the last byte, wherever it is stuck.
#[tokio::test(start_paused = true)]
async fn a_buffer_that_takes_keep_alives_does_not_keep_a_client_that_reads_nothing() {
    for pipe in [256, 300, 350, 1000] {
        let mcp = service();
        let (mut client, server, stuck) = buffering(pipe, 16 * 1024);
        let serving = tokio::spawn(serve_connection(server, mcp.clone()));
        let request = b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.write_all(request).await.unwrap();
        tokio::time::timeout(Duration::from_secs(2000), serving)
            .await
            .unwrap_or_else(|_| panic!("{pipe}: it is open after 2000 s"))
            .unwrap();
        let since = stuck.lock().unwrap().expect("it was stuck");
        assert_eq!(since.elapsed().as_secs(), 30, "{pipe}");
        assert_eq!((mcp.sessions(), mcp.snapshot().streams), (0, 0));
    }
}

/// A client that reads a little now and then is not cut, however long the whole takes.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_but_steadily_has_all_of_a_long_answer() {
    let text = "x".repeat(4000);
    for size in [64, 100_000] {
        let (mut client, server, _) = buffering(64, size);
        let serving = tokio::spawn(serve_connection(server, service()));
        let request = calling("echo", json!({"message": text}));
        let reading = async {
            let (mut reader, mut writer) = tokio::io::split(&mut client);
            writer.write_all(request.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            while !said.ends_with(b"}") {
                // The client needs at most 25 s for what one flush sends.
                let pause = 25_000 * 32 / size.min(4300 + 32) as u64;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let mut some = [0; 32];
                let len = reader.read(&mut some).await.unwrap();
                assert_ne!(len, 0, "cut behind {} bytes", said.len());
                said.extend_from_slice(&some[..len]);
            }
            String::from_utf8(said).unwrap()
        };
        let said = reading.await;
        assert!(said.contains(&text), "{size}: {}", said.len());
        drop(client);
        serving.await.unwrap();
    }
}

/// Counts the bytes that are read.
struct Counting(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buffer))?;
        let len = buffer.filled().len() - before;
        self.1.fetch_add(len, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// FIELD X-8: of what a client sends ahead during a quiet stream, the server reads at most the size
/// of a head; the rest stays in the socket, and is answered in its turn.
#[tokio::test(start_paused = true)]
async fn no_more_is_read_ahead_than_a_head_may_have() {
    let (server, seen) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let (mut client, server) = tokio::io::duplex(2 << 20);
    let read = Arc::<AtomicUsize>::default();
    tokio::spawn(serve_connection(
        Counting(server, Arc::clone(&read)),
        mcp.clone(),
    ));
    // After a long request hyper reads much at once.
    let long = calling("echo", json!({"message": "x".repeat(1 << 20)}));
    client.write_all(long.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"}") {
        client.read_buf(&mut said).await.unwrap();
    }
    let before = read.load(Ordering::SeqCst);
    let waits = calling("wait", json!({"tag": "x"})).replace("application/json, ", "");
    let ahead = calling("echo", json!({"message": "y".repeat(1000)}));
    let times = 420_000 / ahead.len();
    let sent = waits.clone() + &ahead.repeat(times);
    client.write_all(sent.as_bytes()).await.unwrap();
    seen.happens("begun", "x").await;
    // Less than the idle time, which limits a client that keeps sending.
    tokio::time::sleep(Duration::from_secs(50)).await;
    let ahead = read.load(Ordering::SeqCst) - before - waits.len();
    assert!(ahead <= 64 * 1024, "{ahead} bytes were read ahead");
    seen.allow("x", 1);
    let mut said = Vec::new();
    while said.windows(9).filter(|at| at == b"HTTP/1.1 ").count() <= times {
        let len = client.read_buf(&mut said).await.unwrap();
        assert_ne!(len, 0, "all of them are answered");
    }
}

/// FIELD X-8: what a client sends ahead does not hide that it has left, whether hyper waits for its
/// JSON answer or its stream is parked without hyper.
#[tokio::test(start_paused = true)]
async fn a_client_that_sent_ahead_is_seen_to_leave() {
    let (server, seen) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let next = calling("echo", json!({"message": "next"}));
    let mut tag = 0;
    for form in ["application/json", "text/event-stream"] {
        for ahead in ["P", &next, &next.repeat(3)] {
            tag += 1;
            let tag = format!("{tag}");
            let (mut client, server) = tokio::io::duplex(1 << 20);
            let serving = tokio::spawn(serve_connection(server, mcp.clone()));
            let waits = calling("wait", json!({"tag": tag}))
                .replace("application/json, text/event-stream", form);
            client.write_all((waits + ahead).as_bytes()).await.unwrap();
            seen.happens("begun", &tag).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(mcp.snapshot().running, 1, "{form} {ahead}");
            drop(client);
            let left = Instant::now();
            serving.await.unwrap();
            assert!(
                left.elapsed() < Duration::from_millis(100),
                "{form} {ahead}"
            );
            assert_eq!(mcp.snapshot().running, 0, "{form} {ahead}");
        }
    }
}

/// FIELD X-8: when a client has sent ahead as much as is read, the server cannot see whether it has
/// left, so its connection has the idle time as a limit.
#[tokio::test(start_paused = true)]
async fn a_client_that_sends_ahead_without_end_is_cut() {
    let (server, seen) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(serve_connection(server, mcp.clone()));
    let waits = calling("wait", json!({"tag": "x"}));
    let waits = waits.replace("application/json, text/event-stream", "application/json");
    let sent = waits + &"x".repeat(100_000);
    client.write_all(sent.as_bytes()).await.unwrap();
    seen.happens("begun", "x").await;
    let begun = Instant::now();
    drop(client);
    serving.await.unwrap();
    let seconds = begun.elapsed().as_secs();
    assert!((74..=78).contains(&seconds), "{seconds} s");
    assert_eq!(mcp.snapshot().running, 0);
}

/// RFC 9112, 9.3.2: the next request is read as soon as there is room again.
#[tokio::test(start_paused = true)]
async fn a_request_that_comes_while_an_answer_waits_for_room_is_answered() {
    let json = calling("echo", json!({"message": "x".repeat(4000)}));
    let events = calling("chat", json!({"tag": "x", "times": 20, "bytes": 2000}));
    let next = calling("echo", json!({"message": "next"}));
    for (first, pipe) in [&json, &events]
        .into_iter()
        .flat_map(|first| [64, 400, 1000, 3000].map(|pipe| (first, pipe)))
    {
        let (mut client, server) = tokio::io::duplex(pipe);
        let serving = tokio::spawn(serve_connection(server, service()));
        let began = Instant::now();
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        writer.write_all(first.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let write = async {
            writer.write_all(next.as_bytes()).await.unwrap();
        };
        let read = async {
            let mut said = Vec::new();
            tokio::time::sleep(Duration::from_secs(1)).await;
            while !said.windows(4).any(|at| at == b"next") {
                assert_ne!(reader.read_buf(&mut said).await.unwrap(), 0, "{pipe}");
            }
        };
        tokio::join!(write, read);
        assert_eq!(began.elapsed().as_secs(), 2, "{pipe}");
        drop(client);
        serving.await.unwrap();
    }
}

/// The connection of `serve_connection` can be told to end: the request that is being answered is the last,
/// and one that has not arrived as a whole is refused.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_told_to_end_answers_what_it_has_begun() {
    let waits = calling("wait", json!({"tag": "x"}));
    let as_json = waits.replace("application/json, text/event-stream", "application/json");
    let as_events = waits.replace("application/json, ", "");
    let next = calling("echo", json!({"message": "next"}));
    for (what, sent, begins, contains) in [
        ("nothing has come", "", "", ""),
        (
            "half a head has come",
            HALF_A_HEAD,
            "HTTP/1.1 503 ",
            "shutting down",
        ),
        (
            "a request is answered",
            &as_json,
            "HTTP/1.1 200 ",
            "\"result\"",
        ),
        (
            "a stream is open",
            &as_events,
            "HTTP/1.1 200 ",
            "\"result\"",
        ),
        (
            "a next request is there",
            &(as_json.clone() + &next),
            "HTTP/1.1 200 ",
            "\"result\"",
        ),
    ] {
        let (server, seen) = probe();
        let mcp = McpService::builder(server).build().unwrap();
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let mut connection = serve_connection(server, mcp.clone());
        client.write_all(sent.as_bytes()).await.unwrap();
        let pause = Duration::from_secs(5);
        let early = tokio::time::timeout(pause, &mut connection).await;
        assert!(early.is_err(), "{what}: it ends when it is told to");
        connection.graceful_shutdown();
        let serving = tokio::spawn(connection);
        if sent.contains("tools/call") {
            tokio::time::sleep(pause).await;
            assert_eq!(mcp.snapshot().running, 1, "{what}: it goes on");
            seen.allow("x", 1);
        }
        let began = Instant::now();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1), "{what}");
        assert!(said.starts_with(begins), "{what}: {said}");
        assert!(said.contains(contains), "{what}: {said}");
        assert_eq!(
            said.matches("HTTP/1.1").count(),
            usize::from(!sent.is_empty()),
            "{what}: {said}"
        );
        drop(client);
        serving.await.unwrap();
    }
}
