//! What an idle stream costs on HTTP/2, beside one of HTTP/1.1. The client is made of frames and costs next to nothing.
//!
//! `cargo test --manifest-path tests/tls/Cargo.toml --release --test idle_streams -- --nocapture` prints the figures.

use mcp_wire::listener::Accepted;
use mcp_wire::server::Server;
use mcp_wire::{McpService, Serve};
use mcp_wire_tls::frames::{END_HEADERS, END_STREAM, HEADERS, Raw, head};
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const STREAMS: usize = 800;
/// Small, because the pipes are heap too.
const PIPE: usize = 1024;

async fn connect(connections: &mpsc::Sender<Accepted<DuplexStream>>) -> DuplexStream {
    let (near, far) = tokio::io::duplex(PIPE);
    connections.send(Accepted::new(far)).await.expect("served");
    near
}

/// Bytes of heap for each stream, where each connection has this many, and the clients, which keep them open.
async fn cost_on_http2(
    connections: &mpsc::Sender<Accepted<DuplexStream>>,
    each: usize,
) -> (usize, Vec<Raw<DuplexStream>>) {
    let before = HEAP.current_usage();
    let mut clients = Vec::with_capacity(STREAMS / each);
    for _ in 0..STREAMS / each {
        let mut client = Raw::open(connect(connections).await, &[]).await;
        for nth in 0..each {
            let block = head("GET", "/sse", &[("accept", "text/event-stream")]);
            let stream = u32::try_from(1 + 2 * nth).expect("few streams");
            let flags = END_STREAM | END_HEADERS;
            client.send(HEADERS, flags, stream, &block).await;
            assert_eq!(client.until(HEADERS).await.status(), 200);
        }
        clients.push(client);
    }
    tokio::task::yield_now().await;
    ((HEAP.current_usage() - before) / STREAMS, clients)
}

async fn cost_on_http1(
    connections: &mpsc::Sender<Accepted<DuplexStream>>,
) -> (usize, Vec<DuplexStream>) {
    let before = HEAP.current_usage();
    let mut clients = Vec::with_capacity(STREAMS);
    for _ in 0..STREAMS {
        let mut io = connect(connections).await;
        let request = b"GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
        io.write_all(request).await.expect("it is read");
        let mut first = [0; 12];
        io.read_exact(&mut first).await.expect("an answer");
        assert_eq!(&first, b"HTTP/1.1 200");
        clients.push(io);
    }
    tokio::task::yield_now().await;
    ((HEAP.current_usage() - before) / STREAMS, clients)
}

#[tokio::test]
async fn an_idle_stream_stays_cheap() {
    let server = Server::new("Test", "1");
    let mcp = McpService::builder(server).build().expect("a service");
    let (connections, listener) = mpsc::channel(1);
    tokio::spawn(Serve::new(listener, mcp).run(std::future::pending()));
    // What is there once.
    let _first = cost_on_http2(&connections, 1).await;
    let (http1, _clients) = cost_on_http1(&connections).await;
    let (alone, _alone) = cost_on_http2(&connections, 1).await;
    let (ten, _tens) = cost_on_http2(&connections, 10).await;
    let (many, _hundreds) = cost_on_http2(&connections, 100).await;
    println!("HTTP/1.1: {http1} bytes a stream, with its pipes");
    println!("HTTP/2: {alone} alone on its connection, {ten} with 10, {many} with 100");
    assert!(many < 3_000, "{many}");
    assert!(alone < 48_000, "{alone}");
}
