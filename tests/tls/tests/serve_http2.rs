//! `Serve` on HTTP/2: both protocols on one listener, and the limits and the end of HTTP/1.1.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use mcp_wire::auth::{FromExtensions, Identity, ProtectedResource, StaticTokens};
use mcp_wire::listener::{Accepted, Negotiated, WithHandshake};
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{Error, McpService, Serve};
use mcp_wire_tls::both;
use mcp_wire_tls::frames::*;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls::pki_types::ServerName;

/// The most bytes in flight in each direction.
const PIPE: usize = 64 * 1024;
/// The parameters of settings (RFC 9113, 6.5.2).
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_HEADER_LIST_SIZE: u16 = 6;

async fn slow(_: Call, _: Arguments) -> &'static str {
    sleep(Duration::from_secs(5)).await;
    "done"
}

fn mcp() -> McpService {
    let server = Server::new("Test", "1").tool(Tool::new("slow"), slow);
    McpService::builder(server).build().expect("a service")
}

/// The routes of the embedder. `/long` has a body of 300,000 bytes.
async fn own(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = match request.uri().path() {
        "/long" => Bytes::from_static(&[b'x'; 300_000]),
        path => format!("own {path}").into(),
    };
    Ok(Response::new(Full::from(body)))
}

type Running = Serve<mpsc::Receiver<Accepted<DuplexStream>>>;

/// A server in memory, beside routes of its own.
struct Open {
    mcp: McpService,
    connections: mpsc::Sender<Accepted<DuplexStream>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

fn open(set: fn(Running) -> Running) -> Open {
    open_with(mcp(), set)
}

fn open_with(mcp: McpService, set: fn(Running) -> Running) -> Open {
    let (connections, listener) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel();
    let serve = set(Serve::new(listener, mcp.clone())).routes(service_fn(own));
    let task = tokio::spawn(serve.run(async { drop(stopped.await) }));
    Open {
        mcp,
        connections,
        stop,
        task,
    }
}

impl Open {
    async fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(PIPE);
        let sent = self.connections.send(Accepted::new(far)).await;
        sent.expect("it is served");
        near
    }

    /// Begins to drain; await the handle for the end.
    fn begin_to_stop(self) -> JoinHandle<Result<(), Error>> {
        let _ = self.stop.send(());
        self.task
    }

    async fn client(&self) -> Raw<DuplexStream> {
        Raw::open(self.connect().await, &[]).await
    }
}

/// The answer to a GET of this path: its status and its body.
async fn got<S>(client: &mut Raw<S>, stream: u32, path: &str) -> (u16, String)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    client.get(stream, path).await;
    let status = client.until(HEADERS).await.status();
    let mut body = Vec::new();
    loop {
        let data = client.until(DATA).await;
        body.extend(data.payload);
        if data.flags & END_STREAM != 0 {
            return (status, String::from_utf8(body).expect("text"));
        }
    }
}

/// Opens an endless stream.
async fn stream<S>(client: &mut Raw<S>, stream: u32)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let block = head("GET", "/sse", &[("accept", "text/event-stream")]);
    client
        .send(HEADERS, END_STREAM | END_HEADERS, stream, &block)
        .await;
    assert_eq!(client.until(HEADERS).await.status(), 200);
}

/// Calls the tool that takes five seconds, as a client of 2026-07-28.
async fn call_slow(client: &mut Raw<DuplexStream>, stream: u32) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "slow",
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }});
    let block = head(
        "POST",
        "/mcp",
        &[
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "slow"),
        ],
    );
    client.send(HEADERS, END_HEADERS, stream, &block).await;
    client
        .send(DATA, END_STREAM, stream, body.to_string().as_bytes())
        .await;
}

async fn within<T>(seconds: u64, work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(seconds), work)
        .await
        .expect("in time")
}

/// FIELD P-5: the first bytes of a client decide, however they arrive; own routes are served in both.
#[tokio::test(start_paused = true)]
async fn the_first_bytes_choose_the_protocol() {
    let running = open(|serve| serve);
    for piece in [1, 3, 24, 1000] {
        let mut io = running.connect().await;
        for bytes in [PREFACE, &frame(SETTINGS, 0, 0, &[])]
            .concat()
            .chunks(piece)
        {
            io.write_all(bytes).await.expect("it is read");
            tokio::task::yield_now().await;
        }
        let mut client = Raw { io };
        let own = got(&mut client, 1, "/own").await;
        assert_eq!(own, (200, "own /own".to_owned()));
        assert_eq!(got(&mut client, 3, "/mcp").await.0, 400);

        let mut io = running.connect().await;
        let request = b"GET /own HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        for bytes in request.chunks(piece) {
            io.write_all(bytes).await.expect("it is read");
            tokio::task::yield_now().await;
        }
        let mut answer = String::new();
        io.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("own /own"), "{answer}");
    }
}

/// FIELD P-5: whoever answers HEAD, the head comes alone and ends the stream (RFC 9110, 9.3.2).
#[tokio::test(start_paused = true)]
async fn a_head_has_no_body() {
    let server = Server::new("Test", "1");
    let protected = ProtectedResource::new("https://mcp.example.com", ["https://as.example.com"]);
    let guarded = McpService::builder(server)
        .authorizer(StaticTokens::new())
        .protected_resource(protected)
        .build()
        .expect("a service");
    for (mcp, path, status) in [
        (mcp(), "/mcp", 405),
        (mcp(), "/sse", 405),
        (mcp(), "/own", 200),
        (mcp(), "/long", 200),
        (guarded.clone(), "/mcp", 401),
        (guarded, "/.well-known/oauth-protected-resource/mcp", 200),
    ] {
        let running = open_with(mcp, |serve| serve);
        let mut client = running.client().await;
        let block = head("HEAD", path, &[]);
        client
            .send(HEADERS, END_STREAM | END_HEADERS, 1, &block)
            .await;
        let answer = client.until(HEADERS).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_ne!(answer.flags & END_STREAM, 0, "{path}");
        // The connection and the routes go on.
        assert_eq!(got(&mut client, 3, "/own").await.1, "own /own");
    }
}

/// FIELD P-5: what ALPN has settled is served, and nothing else; without ALPN the first bytes decide.
#[tokio::test]
async fn a_handshake_chooses_the_protocol() {
    let http1 = b"GET /own HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (offered, is_http2, is_served) in [
        (&["h2", "http/1.1"][..], true, true),
        (&["h2"], true, true),
        (&["h2"], false, false),
        (&["http/1.1"], false, true),
        (&["http/1.1"], true, false),
        (&[], true, true),
        (&[], false, true),
    ] {
        let (connector, acceptor) = both(offered);
        let (connections, listener) = mpsc::channel(1);
        let tls = WithHandshake::new(listener, move |io: DuplexStream| {
            let acceptor = acceptor.clone();
            async move {
                let tls = acceptor.accept(io).await?;
                Ok(Negotiated::new(tls, |tls| tls.get_ref().1.alpn_protocol()))
            }
        });
        let serve = Serve::new(tls, mcp()).routes(service_fn(own));
        let _serving = tokio::spawn(serve.run(std::future::pending()));
        let (near, far) = tokio::io::duplex(PIPE);
        connections.send(Accepted::new(far)).await.expect("served");
        let name = ServerName::try_from("localhost").expect("a name");
        let mut io = connector.connect(name, near).await.expect("a handshake");
        let mut said = Vec::new();
        if is_http2 && is_served {
            let mut client = Raw::open(io, &[]).await;
            let own = within(5, got(&mut client, 1, "/own")).await;
            assert_eq!(own, (200, "own /own".to_owned()));
            continue;
        }
        let request = if is_http2 { PREFACE } else { http1 };
        io.write_all(request).await.expect("it is read");
        let _ = within(5, io.read_to_end(&mut said)).await;
        let is_own = String::from_utf8_lossy(&said).ends_with("own /own");
        assert_eq!(is_own, is_served, "{offered:?}: {said:?}");
        // The error is one of the protocol that was negotiated.
        let is_error_of_http1 = said.starts_with(b"HTTP/1.1 400 ");
        assert_eq!(!is_served && is_http2, is_error_of_http1, "{said:?}");
    }
}

/// What a handshake has found out about the client is known to each request of its connection, in both protocols.
#[tokio::test(start_paused = true)]
async fn a_handshake_tells_who_the_client_is() {
    let whose = async |request: Request<Incoming>| -> Result<Response<String>, Infallible> {
        let identity = request.extensions().get::<Identity>();
        let principal = identity.map_or("nobody", Identity::principal);
        Ok(Response::new(principal.to_owned()))
    };
    let server = Server::new("Test", "1");
    let mcp = McpService::builder(server).authorizer(FromExtensions);
    let mcp = mcp.build().expect("a service");
    let (connections, listener) = mpsc::channel(1);
    let serve = Serve::new(listener, mcp).routes(service_fn(whose));
    let _serving = tokio::spawn(serve.run(std::future::pending()));
    for (who, status) in [(Some("ada"), 200), (Some("bob"), 200), (None, 401)] {
        for is_http2 in [true, false] {
            let (near, far) = tokio::io::duplex(PIPE);
            let far = Negotiated::new(far, |_| None);
            let far = match who {
                Some(who) => far.extension(Identity::new(who)),
                None => far,
            };
            connections.send(Accepted::new(far)).await.expect("served");
            let principal = who.unwrap_or("nobody");
            if is_http2 {
                let mut client = Raw::open(near, &[]).await;
                let own = got(&mut client, 1, "/own").await;
                assert_eq!(own, (200, principal.to_owned()));
                client.get(3, "/sse").await;
                assert_eq!(client.until(HEADERS).await.status(), status);
                continue;
            }
            let mut io = near;
            for (path, expected) in [
                ("/own", format!("\r\n\r\n{principal}")),
                ("/sse", format!("HTTP/1.1 {status} ")),
            ] {
                let line = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                io.write_all(line.as_bytes()).await.expect("it is read");
                let mut answer = [0; 1024];
                let len = io.read(&mut answer).await.expect("an answer");
                let answer = String::from_utf8_lossy(&answer[..len]);
                assert!(answer.contains(&expected), "{answer}");
            }
        }
    }
}

/// The limits that a client is told, and what it gets beyond them.
#[tokio::test(start_paused = true)]
async fn a_client_is_told_the_limits() {
    let running = open(|serve| serve.max_streams(3).header_limit(10_000));
    let mut client = running.client().await;
    let settings = client.until(SETTINGS).await.payload;
    let settings: Vec<(u16, u32)> = settings
        .chunks(6)
        .map(|pair| {
            let name = u16::from_be_bytes([pair[0], pair[1]]);
            let value = pair[2..].try_into().expect("four bytes");
            (name, u32::from_be_bytes(value))
        })
        .collect();
    for told in [
        (MAX_CONCURRENT_STREAMS, 3),
        (MAX_HEADER_LIST_SIZE, 10_000),
        (INITIAL_WINDOW_SIZE, 256 * 1024),
    ] {
        assert!(settings.contains(&told), "{settings:?}");
    }
    for nth in 0..3 {
        stream(&mut client, 1 + 2 * nth).await;
    }
    client.get(7, "/own").await;
    let refused = client.until(RST_STREAM).await;
    assert_eq!((refused.stream, refused.code()), (7, REFUSED_STREAM));
    client.send(RST_STREAM, 0, 1, &CANCEL.to_be_bytes()).await;
    assert_eq!(got(&mut client, 9, "/own").await.0, 200);

    let long = "x".repeat(10_000);
    let block = head("GET", "/own", &[("x-long", &long)]);
    let flags = END_STREAM | END_HEADERS;
    client.send(HEADERS, flags, 11, &block).await;
    assert_eq!(client.until(HEADERS).await.status(), 431);
    assert_eq!(got(&mut client, 13, "/own").await.0, 200);
}

/// A client may send requests before it has read how many streams it may have. Those that are too many are refused,
/// which lets the client send them again (RFC 9113, 8.7), and the connection goes on.
#[tokio::test(start_paused = true)]
async fn a_burst_before_the_settings_keeps_its_connection() {
    const BURST: u32 = 1000;
    for max_streams in [1, 100] {
        for has_body in [false, true] {
            let running = match max_streams {
                1 => open(|serve| serve.max_streams(1)),
                _ => open(|serve| serve.max_streams(100)),
            };
            let mut client = running.client().await;
            let mut burst = Vec::new();
            for nth in 0..BURST {
                let (stream, block) = (1 + 2 * nth, head("POST", "/own", &[]));
                let ends = if has_body { 0 } else { END_STREAM };
                burst.extend(frame(HEADERS, END_HEADERS | ends, stream, &block));
                if has_body {
                    burst.extend(frame(DATA, END_STREAM, stream, b"{}"));
                }
            }
            client.io.write_all(&burst).await.expect("it is read");
            let (mut answered, mut refused) = (BTreeSet::new(), BTreeSet::new());
            while answered.len() + refused.len() < BURST as usize {
                let told = client.next().await.expect("the connection goes on");
                match told.kind {
                    HEADERS => assert!(answered.insert(told.stream)),
                    // A body that comes after its refusal is of a stream that is closed.
                    RST_STREAM if !refused.insert(told.stream) => {
                        assert_eq!(told.code(), STREAM_CLOSED);
                    }
                    RST_STREAM => assert_eq!(told.code(), REFUSED_STREAM),
                    _ => {}
                }
            }
            assert!(answered.is_disjoint(&refused));
            assert!(answered.len() >= max_streams, "{}", answered.len());
            assert_eq!(got(&mut client, 1 + 2 * BURST, "/own").await.0, 200);
        }
    }
}

/// What floods the server ends the connection, and nobody else's.
#[tokio::test(start_paused = true)]
async fn floods_end_the_connection() {
    let resets = |at: u32| {
        let stream = 1 + 2 * at;
        let block = head("GET", "/sse", &[("accept", "text/event-stream")]);
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, stream, &block);
        [begin, frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
    };
    let continuations = |at: u32| match at {
        0 => frame(HEADERS, END_STREAM, 1, &head("GET", "/own", &[])),
        _ => frame(CONTINUATION, 0, 1, &block(&[("x", "y")])),
    };
    let long_continuations = |at: u32| match at {
        0 => frame(HEADERS, END_STREAM, 1, &head("GET", "/own", &[])),
        _ => frame(CONTINUATION, 0, 1, &block(&[("x", &"y".repeat(16_000))])),
    };
    // A malformed request is reset by the server, stream by stream.
    let faults = |at: u32| {
        let block = head("GET", "/own", &[("connection", "close")]);
        frame(HEADERS, END_STREAM | END_HEADERS, 1 + 2 * at, &block)
    };
    let long_frame = |_: u32| frame(DATA, 0, 1, &[0; 16 * 1024 + 1]);
    type Flood<'f> = &'f dyn Fn(u32) -> Vec<u8>;
    let cases: [(&str, Flood<'_>, u32); 5] = [
        ("rapid reset", &resets, ENHANCE_YOUR_CALM),
        ("continuation", &continuations, ENHANCE_YOUR_CALM),
        ("long continuation", &long_continuations, ENHANCE_YOUR_CALM),
        ("faults", &faults, ENHANCE_YOUR_CALM),
        ("a long frame", &long_frame, FRAME_SIZE_ERROR),
    ];
    for (what, flood, code) in cases {
        let running = open(|serve| serve);
        let mut bystander = running.client().await;
        let (mut reader, mut writer) = tokio::io::split(running.client().await.io);
        let reading = tokio::spawn(async move {
            let mut said = Vec::new();
            let _ = reader.read_to_end(&mut said).await;
            let told = frames(&said);
            let goaway = told.iter().find(|frame| frame.kind == GOAWAY);
            goaway.map(Frame::code)
        });
        let mut sent = 0;
        for at in 0..200_000 {
            let bytes = flood(at);
            sent += bytes.len();
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = writer.shutdown().await;
        let goaway = within(60, reading).await.expect("no panic");
        assert_eq!(goaway, Some(code), "{what}, after {sent} bytes");
        assert_eq!(got(&mut bystander, 1, "/own").await.0, 200, "{what}");
        assert_eq!(running.mcp.snapshot().sessions, 0, "{what}");
    }
}

/// A client that sends pings or settings and does not read the answers is no longer read, and is cut in time.
#[tokio::test(start_paused = true)]
async fn floods_that_ask_for_answers_wait_for_their_reader() {
    for flood in [
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, 0, 0, &[]),
        // Each answer is a whole header block.
        frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes()),
    ] {
        let running = open(|serve| serve);
        let mut client = running.client().await;
        if flood[3] == RST_STREAM {
            stream(&mut client, 1).await;
        }
        let began = Instant::now();
        let mut sent = 0;
        while client.io.write_all(&flood).await.is_ok() {
            sent += flood.len();
            if flood[3] == RST_STREAM && sent > 1_000_000 {
                // It needs no answer.
                break;
            }
        }
        // The two pipes, and what the server holds of either.
        assert!(sent < 1_100_000, "{sent} bytes were read");
        if flood[3] != RST_STREAM {
            assert!(sent < 6 * PIPE, "{sent} bytes were read");
            assert_eq!(began.elapsed().as_secs(), 30);
        }
        assert_eq!(running.mcp.snapshot().streams, 0);
    }
}

/// `Serve::write_stall`, of one stream: the client has closed its window, and reads others.
#[tokio::test(start_paused = true)]
async fn a_stream_whose_window_stays_closed_is_reset() {
    for window in [0, 1, 20_000, 280_000] {
        let running = open(|serve| serve.ping_interval(Duration::MAX));
        let io = running.connect().await;
        let settings = [(INITIAL_WINDOW_SIZE, window)];
        let mut client = Raw::open(io, &settings).await;
        client.get(1, "/long").await;
        assert_eq!(client.until(HEADERS).await.status(), 200);
        // The window of the connection is open, so others get what they ask for.
        let more = (300_000_u32).to_be_bytes();
        client.send(WINDOW_UPDATE, 0, 0, &more).await;
        for nth in 1..10 {
            let stream = 1 + 2 * nth;
            client.get(stream, "/own").await;
            client.send(WINDOW_UPDATE, 0, stream, &more).await;
            sleep(Duration::from_secs(2)).await;
        }
        // The time runs from when the last piece was taken, which may be now.
        let reset = within(31, client.until(RST_STREAM)).await;
        assert_eq!((reset.stream, reset.code()), (1, CANCEL), "{window}");
        client.get(101, "/own").await;
        assert_eq!(client.until(HEADERS).await.stream, 101);
    }
}

/// A slow client is not one that takes nothing.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_read_slowly_goes_on() {
    let running = open(|serve| serve);
    let io = running.connect().await;
    let mut client = Raw::open(io, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    client
        .send(WINDOW_UPDATE, 0, 0, &1_000_000_u32.to_be_bytes())
        .await;
    client.get(1, "/long").await;
    let mut read = 0;
    while read < 300_000 {
        client
            .send(WINDOW_UPDATE, 0, 1, &16_384_u32.to_be_bytes())
            .await;
        let mut taken = 0;
        while taken < 16_384.min(300_000 - read) {
            taken += client.until(DATA).await.payload.len();
        }
        read += taken;
        for _ in 0..25 {
            sleep(Duration::from_secs(1)).await;
            // An answer to the pings of the server.
            client.send(PING, 0, 0, &[1; 8]).await;
        }
    }
    assert_eq!(read, 300_000);
}

/// An event stream whose client has closed its window ends like any other that is not read, and its session with it.
#[tokio::test(start_paused = true)]
async fn an_event_stream_that_is_not_read_ends_its_session() {
    let running = open(|serve| serve);
    let io = running.connect().await;
    let mut client = Raw::open(io, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    let block = head("GET", "/sse", &[("accept", "text/event-stream")]);
    let flags = END_STREAM | END_HEADERS;
    client.send(HEADERS, flags, 1, &block).await;
    assert_eq!(client.until(HEADERS).await.status(), 200);
    assert_eq!(running.mcp.snapshot().sessions, 1);
    assert_eq!(within(61, client.until(RST_STREAM)).await.code(), CANCEL);
    assert_eq!(running.mcp.snapshot().sessions, 0);
}

/// The timers of a connection: its first byte, its preface, its next request, its pings.
#[tokio::test(start_paused = true)]
async fn every_wait_has_a_timer() {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let whole = [PREFACE, &settings].concat();
    let half_head = frame(HEADERS, END_STREAM, 1, &head("GET", "/own", &[]));
    for (what, sent, seconds, said) in [
        ("nothing", &b""[..], 75, &b""[..]),
        ("half a preface", &PREFACE[..20], 10, b"HTTP/1.1 408 "),
        // The ping of the server comes after 30 s, and its answer would be due at 60 s.
        ("a preface", PREFACE, 60, b""),
        ("no request", &whole, 60, b"\0\0"),
        (
            "half a frame",
            &[&whole, &half_head[..5]].concat(),
            60,
            b"\0\0",
        ),
        (
            "half a head",
            &[&whole[..], &half_head].concat(),
            60,
            b"\0\0",
        ),
    ] {
        let running = open(|serve| serve);
        let mut io = running.connect().await;
        io.write_all(sent).await.expect("it is read");
        let began = Instant::now();
        let mut told = Vec::new();
        let _ = io.read_to_end(&mut told).await;
        let took = began.elapsed().as_secs();
        assert!((seconds..seconds + 3).contains(&took), "{what}: {took} s");
        assert!(told.starts_with(said), "{what}: {told:?}");
    }
}

/// A connection that is idle after requests is told so, and its client may say goodbye.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_told_that_it_ends() {
    let running = open(|serve| serve.idle_timeout(Duration::from_secs(5)));
    let mut client = running.client().await;
    for nth in 0..3 {
        sleep(Duration::from_secs(4)).await;
        assert_eq!(got(&mut client, 1 + 2 * nth, "/own").await.0, 200);
    }
    let began = Instant::now();
    assert_eq!(client.until(GOAWAY).await.code(), NO_ERROR);
    assert_eq!(began.elapsed().as_secs(), 5);
    // The ping after it is acknowledged, and a second one names the last stream.
    let last = client.until(GOAWAY).await;
    assert_eq!(last.payload[..4], 5_u32.to_be_bytes());
    assert_eq!(client.rest().await, []);
    drop(client);
    let ended = within(1, running.begin_to_stop()).await;
    ended.expect("no panic").expect("an end");
}

/// `Serve::ping_interval`: a client that has vanished is noticed, however quiet its streams are. One that answers is
/// not disturbed.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_pings_is_gone() {
    let running = open(|serve| serve.ping_interval(Duration::from_secs(5)));
    let mut client = running.client().await;
    stream(&mut client, 1).await;
    let alive = async { while client.until(DATA).await.stream == 1 {} };
    assert!(timeout(Duration::from_secs(600), alive).await.is_err());
    assert_eq!(running.mcp.snapshot().sessions, 1);
    let began = Instant::now();
    within(60, client.rest()).await;
    let took = began.elapsed().as_secs();
    assert!((30..=37).contains(&took), "{took} s");
    assert_eq!(running.mcp.snapshot().sessions, 0);
}

/// PITFALLS R-62: GOAWAY, the streams that are open finish, then the connection ends.
#[tokio::test(start_paused = true)]
async fn the_end_waits_for_what_is_running() {
    for (deadline, status) in [(10, 200), (2, 503)] {
        let running = match deadline {
            10 => open(|serve| serve.drain_deadline(Duration::from_secs(10))),
            _ => open(|serve| serve.drain_deadline(Duration::from_secs(2))),
        };
        let mut client = running.client().await;
        let mut idle = running.client().await;
        assert_eq!(got(&mut idle, 1, "/own").await.0, 200);
        call_slow(&mut client, 1).await;
        sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        let task = running.begin_to_stop();
        assert_eq!(idle.until(GOAWAY).await.code(), NO_ERROR);
        idle.until(GOAWAY).await;
        assert_eq!(idle.rest().await, []);
        drop(idle);
        assert_eq!(client.until(GOAWAY).await.code(), NO_ERROR);
        // The answer has become a stream after a second, so its status is 200 whatever comes.
        assert_eq!(client.until(HEADERS).await.status(), 200);
        let mut answer = String::new();
        while !answer.contains("\n\n") || !answer.contains("jsonrpc") {
            let data = client.until(DATA).await.payload;
            answer += &String::from_utf8(data).expect("text");
        }
        assert_eq!(answer.contains("done"), status == 200, "{answer}");
        drop(client.rest().await);
        drop(client);
        within(5, task).await.expect("no panic").expect("an end");
        let took = began.elapsed().as_secs();
        assert!(
            (deadline.min(5) - 1..=deadline.min(5) + 2).contains(&took),
            "{took} s"
        );
    }
}

/// A client that is one too many, or comes too late, hears it in its protocol.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_refused_hears_why() {
    let running = open(|serve| serve.max_connections(1));
    let mut first = running.client().await;
    assert_eq!(got(&mut first, 1, "/own").await.0, 200);
    let mut second = running.client().await;
    let frames = second.rest().await;
    let kinds: Vec<u8> = frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [SETTINGS, GOAWAY]);
    assert_eq!(frames[1].code(), ENHANCE_YOUR_CALM);
    let why = String::from_utf8_lossy(&frames[1].payload[8..]);
    assert!(why.contains("already has 1 connections"), "{why}");
    for said in ["GET / HTTP/1.1\r\n", ""] {
        let mut io = running.connect().await;
        io.write_all(said.as_bytes()).await.expect("it is read");
        let mut answer = String::new();
        io.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    assert_eq!(got(&mut first, 3, "/own").await.0, 200);
}

/// RFC 9113, 8.3.1: on every path, and without a tunnel on any.
#[tokio::test(start_paused = true)]
async fn a_request_names_its_host_once() {
    let pseudo = |path, host: &'static [(&'static str, &'static str)]| {
        let line = [(":method", "GET"), (":scheme", "http"), (":path", path)];
        [&line[..], host].concat()
    };
    let running = open(|serve| serve);
    let mut client = running.client().await;
    let mut nth = 1;
    for (host, is_good) in [
        (&[(":authority", "localhost")][..], true),
        (&[("host", "localhost")], true),
        (&[(":authority", "localhost"), ("host", "localhost")], true),
        (&[], false),
        (&[(":authority", "localhost"), ("host", "other")], false),
        (&[("host", "localhost"), ("host", "localhost")], false),
    ] {
        for (path, good) in [("/own", 200), ("/mcp", 400), ("/long", 200)] {
            let block = block(&pseudo(path, host));
            let flags = END_STREAM | END_HEADERS;
            client.send(HEADERS, flags, nth, &block).await;
            let head = client.until(HEADERS).await;
            let status = if is_good { good } else { 400 };
            assert_eq!((head.stream, head.status()), (nth, status), "{host:?}");
            client.send(RST_STREAM, 0, nth, &CANCEL.to_be_bytes()).await;
            nth += 2;
        }
    }
}

/// The owner of a connection can tell it to end, as on HTTP/1.1.
#[tokio::test(start_paused = true)]
async fn a_connection_is_told_to_end() {
    let (near, far) = tokio::io::duplex(PIPE);
    let mut connection = mcp_wire::serve_connection(far, mcp());
    let (tell, told) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        tokio::select! {
            () = &mut connection => return,
            _ = told => connection.graceful_shutdown(),
        }
        connection.await;
    });
    let mut client = Raw::open(near, &[]).await;
    call_slow(&mut client, 1).await;
    sleep(Duration::from_millis(100)).await;
    tell.send(()).expect("it is served");
    assert_eq!(client.until(GOAWAY).await.code(), NO_ERROR);
    assert_eq!(client.until(HEADERS).await.status(), 200);
    while client.until(DATA).await.flags & END_STREAM == 0 {}
    drop(client);
    within(3, serving).await.expect("no panic");
}
