//! What an idle session costs, in bytes of heap and in tasks, beside a bare hyper connection that
//! streams as well. Counts, not times: the same on every machine.
//!
//! `cargo bench --bench idle_session`

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use mcp_wire::McpService;
use mcp_wire::server::Server;
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const SESSIONS: usize = 1_000;
/// What an idle session may cost above its hyper connection.
const BUDGET: usize = 1_024;
const REQUEST: &[u8] = b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A stream that hyper alone would serve: one event, then silence.
struct Silent(Option<Bytes>);

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(event) => Poll::Ready(Some(Ok(Frame::data(event)))),
            None => Poll::Pending,
        }
    }
}

async fn bare(_: Request<hyper::body::Incoming>) -> Result<Response<Silent>, Infallible> {
    let event = format!(
        "event: endpoint\ndata: /messages/?session_id={}\n\n",
        "0".repeat(32)
    );
    let mut response = Response::new(Silent(Some(event.into())));
    // hyper keeps the buffer that it wrote the head from, so the heads must be alike.
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        response
            .headers_mut()
            .insert(name, value.parse().expect("a header value"));
    }
    Ok(response)
}

/// Opens a connection with a stream on it and reads its first event; gives the client's end.
async fn open<S, B>(service: S) -> DuplexStream
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let (mut client, server) = tokio::io::duplex(1024);
    tokio::spawn(async move {
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(server), service)
            .await;
    });
    client.write_all(REQUEST).await.expect("the server reads");
    let mut seen = Vec::with_capacity(512);
    while !seen.ends_with(b"\n\n\r\n") {
        client.read_buf(&mut seen).await.expect("the server writes");
    }
    client
}

struct Cost {
    bytes: usize,
    tasks: usize,
    left: usize,
}

/// Bytes and tasks of one stream, and the bytes that stay when all streams are gone.
async fn measure<S, B>(service: impl Fn() -> S) -> Cost
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let heap = || ALLOCATOR.current_usage();
    let mut clients = Vec::with_capacity(SESSIONS);
    // What is set up once, such as the first slots of the timer, is not a session's.
    drop(open(service()).await);
    while tasks() > 0 {
        tokio::task::yield_now().await;
    }
    let before = heap();
    for _ in 0..SESSIONS {
        clients.push(open(service()).await);
    }
    let open_bytes = heap() - before;
    let open_tasks = tasks();
    clients.clear();
    while tasks() > 0 {
        tokio::task::yield_now().await;
    }
    Cost {
        bytes: open_bytes / SESSIONS,
        tasks: open_tasks / SESSIONS,
        left: heap().saturating_sub(before),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mcp = McpService::builder(Server::new("Idle", "1.0.0"))
        .build()
        .expect("a service");
    // hyper keeps room for the service's future; boxed, it is as small as ours.
    let hyper = measure(|| service_fn(|request| Box::pin(bare(request)))).await;
    let ours = measure(|| mcp.clone()).await;
    let extra = ours.bytes.saturating_sub(hyper.bytes);
    println!(
        "hyper alone: {} bytes, {} task(s) a stream",
        hyper.bytes, hyper.tasks
    );
    println!(
        "a session:   {} bytes, {} task(s) a stream",
        ours.bytes, ours.tasks
    );
    println!("above hyper: {extra} bytes (budget {BUDGET})");
    println!(
        "left after {SESSIONS} sessions: {} bytes, {} sessions",
        ours.left,
        mcp.sessions()
    );
    assert!(extra <= BUDGET, "an idle session costs too much");
    assert_eq!(
        ours.tasks, hyper.tasks,
        "an idle session has no task of its own"
    );
    assert_eq!(
        (ours.left, mcp.sessions()),
        (0, 0),
        "something stays of sessions that are gone"
    );
}
