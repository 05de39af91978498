//! The embedder's routes can upgrade their connection to another protocol. A client that only
//! offers an upgrade has a connection like any other.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, UPGRADE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use mcp_wire::{McpService, Serve, serve_connection};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::support::probe::{Seen, call, probe};
use crate::support::{message, soon};

/// Short for a limit, but long enough on a machine that is busy with other tests.
const SHORT: Duration = Duration::from_millis(300);

/// Answers 101, or 200 to CONNECT, then echoes; reports when it ends.
async fn echo(
    mut request: Request<Incoming>,
    over: mpsc::UnboundedSender<()>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    let is_connect = request.method() == Method::CONNECT;
    if request.headers().get(UPGRADE).is_none() && !is_connect {
        return Ok(response);
    }
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgraded.await.unwrap());
        let mut bytes = [0; 64];
        while let Ok(len @ 1..) = io.read(&mut bytes).await {
            if io.write_all(&bytes[..len]).await.is_err() {
                break;
            }
        }
        let _ = over.send(());
    });
    if is_connect {
        return Ok(response);
    }
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, "echo".parse().unwrap());
    headers.insert(CONNECTION, "upgrade".parse().unwrap());
    Ok(response)
}

struct Echoing {
    client: TcpStream,
    over: mpsc::UnboundedReceiver<()>,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<(), mcp_wire::Error>>,
    address: std::net::SocketAddr,
}

/// A connection that echoes; `early` was sent together with its request.
async fn echoing(set: impl FnOnce(Serve) -> Serve, early: &str) -> Echoing {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mcp = McpService::builder(probe().0).build().unwrap();
    let (told, over) = mpsc::unbounded_channel();
    let routes = service_fn(move |request| echo(request, told.clone()));
    let (stop, stopped) = oneshot::channel();
    let run = set(Serve::new(listener, mcp))
        .routes(routes)
        .run(async { drop(stopped.await) });
    let run = tokio::spawn(run);
    let mut client = TcpStream::connect(address).await.unwrap();
    let request =
        "GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    client
        .write_all(format!("{request}{early}").as_bytes())
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon("the head", client.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
    Echoing {
        client,
        over,
        stop,
        run,
        address,
    }
}

impl Echoing {
    async fn hears(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        soon("the echo", self.client.read_exact(&mut heard))
            .await
            .unwrap();
        assert_eq!(heard, text.as_bytes());
    }
}

async fn is_cut(client: &mut TcpStream) {
    match soon("the end", client.read(&mut [0])).await {
        Ok(len) => assert_eq!(len, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

/// FIELD E-8: the route gets the connection, with the bytes that were sent early, even if they look
/// like HTTP, and without the time limits of HTTP.
#[tokio::test]
async fn a_route_that_answers_101_has_its_connection() {
    let short = |serve: Serve| serve.idle_timeout(SHORT).header_timeout(SHORT);
    let mut echoing = echoing(short, "early").await;
    echoing.hears("early").await;
    for text in [
        "half a head: GET / HT",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\n",
        "\0\r\n",
    ] {
        tokio::time::sleep(2 * SHORT).await;
        echoing.client.write_all(text.as_bytes()).await.unwrap();
        echoing.hears(text).await;
    }
    echoing.client.shutdown().await.unwrap();
    soon("the end", echoing.over.recv()).await.unwrap();
    is_cut(&mut echoing.client).await;
    echoing.stop.send(()).unwrap();
    soon("the end", echoing.run).await.unwrap().unwrap();
}

/// RFC 9110, 9.3.6: a route that answers CONNECT gets its connection too. An earlier offer that was
/// not accepted does not matter.
#[tokio::test]
async fn a_route_that_answers_connect_has_its_connection() {
    let mut echoing = echoing(|serve| serve, "").await;
    let mut client = TcpStream::connect(echoing.address).await.unwrap();
    let offer = format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{}\r\n", OFFERS[1]);
    let connect = "CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n";
    for (request, status) in [(&*offer, "400"), (connect, "200")] {
        client.write_all(request.as_bytes()).await.unwrap();
        let mut heard = String::new();
        while !heard.ends_with("\r\n\r\n") {
            let byte = soon("an answer", client.read_u8()).await.unwrap();
            heard.push(byte.into());
        }
        assert_eq!(&heard[9..12], status, "{heard}");
        if let Some((head, _)) = heard.split_once("\r\n\r\n")
            && let Some((_, len)) = head.split_once("content-length: ")
        {
            let len = len.lines().next().unwrap().parse().unwrap();
            client.read_exact(&mut vec![0; len]).await.unwrap();
        }
    }
    client.write_all(b"POST / HT").await.unwrap();
    let mut heard = [0; 9];
    soon("the echo", client.read_exact(&mut heard))
        .await
        .unwrap();
    assert_eq!(&heard, b"POST / HT");
    drop(client);
    soon("the end", echoing.over.recv()).await.unwrap();
    echoing.run.abort();
}

/// An upgraded connection counts as a connection as long as the route keeps it.
#[tokio::test]
async fn an_upgraded_connection_counts_as_a_connection() {
    let mut echoing = echoing(|serve| serve.max_connections(1), "").await;
    let status = async |address| {
        let mut other = TcpStream::connect(address).await.unwrap();
        let request = b"GET /plain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        other.write_all(request).await.unwrap();
        let mut said = String::new();
        let _ = soon("an answer", other.read_to_string(&mut said)).await;
        said[9..12].to_owned()
    };
    assert_eq!(status(echoing.address).await, "503");
    echoing.client.shutdown().await.unwrap();
    soon("the end", echoing.over.recv()).await.unwrap();
    let is_free = async { while status(echoing.address).await != "200" {} };
    soon("a free place", is_free).await;
    echoing.stop.send(()).unwrap();
    soon("the end", echoing.run).await.unwrap().unwrap();
}

/// PITFALLS R-24: an upgraded connection is cut at the deadline and not before, and both sides see
/// the end.
#[tokio::test]
async fn an_upgraded_connection_is_cut_when_the_server_is_at_its_end() {
    let mut echoing = echoing(|serve| serve.drain_deadline(SHORT), "").await;
    let began = tokio::time::Instant::now();
    echoing.stop.send(()).unwrap();
    echoing.client.write_all(b"still here").await.unwrap();
    let mut heard = [0; 10];
    soon("the echo", echoing.client.read_exact(&mut heard))
        .await
        .unwrap();
    assert_eq!(&heard, b"still here");
    soon("the end", echoing.over.recv()).await.unwrap();
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
    is_cut(&mut echoing.client).await;
    soon("the end", echoing.run).await.unwrap().unwrap();
}

/// The headers of clients that try HTTP/2 in clear text.
const OFFERS: [&str; 3] = [
    "",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n",
];

/// What a test sees of the server's side of a connection.
#[derive(Clone, Default)]
struct Watched {
    /// The size of the buffer in the last read.
    room: Arc<AtomicUsize>,
    is_gone: Arc<AtomicBool>,
}

/// The server's side.
struct Socket(DuplexStream, Watched);

impl Drop for Socket {
    fn drop(&mut self) {
        self.1.is_gone.store(true, Ordering::SeqCst);
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.room.store(buffer.remaining(), Ordering::SeqCst);
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
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

/// A client in memory, and its connection.
struct Connected {
    client: DuplexStream,
    serving: JoinHandle<()>,
    watched: Watched,
}

impl Connected {
    fn to(mcp: &McpService) -> Self {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let watched = Watched::default();
        let socket = Socket(server, watched.clone());
        Self {
            client,
            serving: tokio::spawn(serve_connection(socket, mcp.clone())),
            watched,
        }
    }

    /// POSTs a body, and returns what is received up to this text.
    async fn post(&mut self, headers: &str, body: &str, until: &str) -> String {
        self.send(&posting(headers, body.len()), body, until).await
    }

    async fn send(&mut self, head: &str, body: &str, until: &str) -> String {
        self.client.write_all(head.as_bytes()).await.unwrap();
        self.client.write_all(body.as_bytes()).await.unwrap();
        let mut heard = String::new();
        while !heard.contains(until) {
            let mut some = [0; 1024];
            let len = soon(until, self.client.read(&mut some)).await.unwrap();
            assert_ne!(len, 0, "{heard}");
            heard += std::str::from_utf8(&some[..len]).unwrap();
        }
        heard
    }

    /// Opens a session, and returns its headers.
    async fn open_session(&mut self, headers: &str) -> String {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "h2c", "version": "1"},
        });
        let hello = message(1, "initialize", params);
        let heard = self.post(headers, &hello, "\"serverInfo\"").await;
        let id = heard
            .lines()
            .find_map(|line| line.strip_prefix("mcp-session-id: "));
        format!("Mcp-Session-Id: {}\r\n", id.expect("a session"))
    }
}

fn posting(headers: &str, len: usize) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{headers}Content-Length: {len}\r\n\r\n"
    )
}

fn probed() -> (McpService, Arc<Seen>) {
    let (server, seen) = probe();
    (McpService::builder(server).build().unwrap(), seen)
}

/// Longer than the body limit.
const TOO_LONG: usize = 5_000_000;

/// A refusal is not lost: the server still reads what the client sends, whichever request made the
/// offer.
#[tokio::test(start_paused = true)]
async fn a_refusal_arrives_though_a_request_offered_an_upgrade() {
    let (mcp, _) = probed();
    for (first, second) in OFFERS.iter().flat_map(|offer| [(*offer, ""), ("", *offer)]) {
        let mut connected = Connected::to(&mcp);
        connected.open_session(first).await;
        let head = posting(second, TOO_LONG);
        let heard = connected.send(&head, "", "}").await;
        assert!(heard.starts_with("HTTP/1.1 413 "), "{heard}");
        // The whole answer, and then the end.
        let rest = vec![b' '; TOO_LONG];
        connected.client.write_all(&rest).await.unwrap();
        assert_eq!(connected.client.read(&mut [0]).await.unwrap(), 0);
        drop(connected.client);
        connected.serving.await.unwrap();
        assert!(connected.watched.is_gone.load(Ordering::SeqCst));
    }
}

/// Nothing of the socket outlives the connection, although the handler keeps the head of the
/// request.
#[tokio::test(start_paused = true)]
async fn a_handler_that_runs_on_does_not_keep_a_socket_whose_client_offered_an_upgrade() {
    let (mcp, seen) = probed();
    for (round, offer) in OFFERS.into_iter().enumerate() {
        let mut connected = Connected::to(&mcp);
        let session = connected.open_session("").await;
        let offer = match offer {
            "" => "Connection: close\r\n".to_owned(),
            offer => offer.replacen("\r\n", ", close\r\n", 1),
        };
        let tag = round.to_string();
        let release = message(7, "tools/call", call("release", json!({"tag": tag})));
        let headers = session + &offer;
        connected.post(&headers, &release, "0\r\n\r\n").await;
        soon("the end", connected.serving).await.unwrap();
        seen.happens("begun", &tag).await;
        assert_eq!(mcp.snapshot().running, round + 1, "{offer}");
        assert!(connected.watched.is_gone.load(Ordering::SeqCst), "{offer}");
    }
}

/// Such a stream costs no more than another, and its connection goes on after it.
#[tokio::test(start_paused = true)]
async fn a_stream_whose_client_offered_an_upgrade_is_parked() {
    let (mcp, _) = probed();
    for offer in OFFERS {
        let mut connected = Connected::to(&mcp);
        let session = connected.open_session(offer).await;
        let get = format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\n{session}{offer}Accept: text/event-stream\r\n\r\n"
        );
        connected.send(&get, "", "text/event-stream").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let room = connected.watched.room.load(Ordering::SeqCst);
        assert!(room < 8 * 1024, "{offer} {room}: hyper has it");
        // A stream ends with its session.
        let mut other = Connected::to(&mcp);
        let delete = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{session}\r\n");
        other.send(&delete, "", "HTTP/1.1 2").await;
        connected.send("", "", "0\r\n\r\n").await;
        connected.open_session(offer).await;
    }
}

/// Only an answer that upgrades hands over the connection.
#[tokio::test]
async fn a_route_that_asks_for_its_connection_and_does_not_upgrade_does_not_get_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, mut asked) = mpsc::unbounded_channel();
    let routes = service_fn(move |mut request: Request<Incoming>| {
        let told = told.clone();
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move { told.send(upgraded.await.is_ok()) });
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let serve = Serve::new(listener, probed().0).routes(routes);
    let run = tokio::spawn(serve.run(std::future::pending()));
    let mut client = TcpStream::connect(address).await.unwrap();
    let plain = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", OFFERS[1]);
    let sent = plain + &posting("", TOO_LONG) + &" ".repeat(TOO_LONG);
    client.write_all(sent.as_bytes()).await.unwrap();
    let mut heard = String::new();
    soon("the end", client.read_to_string(&mut heard))
        .await
        .unwrap();
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
    assert!(heard.contains("HTTP/1.1 413 "), "{heard}");
    assert_eq!(soon("the outcome", asked.recv()).await, Some(false));
    run.abort();
}
