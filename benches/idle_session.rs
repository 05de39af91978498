//! What an idle session costs, in bytes of heap and in tasks, beside a bare hyper connection that
//! streams as well. Counts, not times: the same on every machine.
//!
//! `cargo bench --bench idle_session`

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use mcp_wire::auth::{Authorizer, Challenge, Identity};
use mcp_wire::server::Server;
use mcp_wire::{BoxFuture, McpService};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SESSIONS: usize = 1_000;
/// What an idle session may cost above its hyper connection.
const BUDGET: usize = 832;
/// What an idle session may cost behind `Serve`, its connection and its task included: a stream that
/// waits is carried on without hyper.
const SERVED_BUDGET: usize = 1_792;
/// The same with an identity: the name of a principal, how many sessions it has, and the time at which
/// the stream ends with it.
const IDENTIFIED_BUDGET: usize = 1_024;
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
    begin(&mut client).await;
    client
}

/// The same with a connection that `Serve` has accepted. The client's end is outside the runtime, where
/// it has no heap.
async fn connect(address: SocketAddr) -> std::net::TcpStream {
    let mut client = TcpStream::connect(address).await.expect("a connection");
    begin(&mut client).await;
    client.into_std().expect("a socket")
}

async fn begin(client: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    client.write_all(REQUEST).await.expect("the server reads");
    let mut seen = Vec::with_capacity(512);
    while !seen.ends_with(b"\n\n\r\n") {
        client.read_buf(&mut seen).await.expect("the server writes");
    }
}

struct Cost {
    bytes: usize,
    tasks: usize,
    left: usize,
}

/// Bytes and tasks of one stream, and the bytes that stay when all streams are gone.
async fn measure<C>(open: impl AsyncFn() -> C) -> Cost {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let heap = || dhat::HeapStats::get().curr_bytes;
    let mut clients = Vec::with_capacity(SESSIONS);
    let others = tasks();
    let mut round = async || {
        let before = heap();
        for _ in 0..SESSIONS {
            clients.push(open().await);
        }
        let open = (heap() - before, tasks() - others);
        clients.clear();
        while tasks() > others {
            tokio::task::yield_now().await;
        }
        // The runtime lets go of sockets when it next waits.
        tokio::time::sleep(Duration::from_millis(10)).await;
        open
    };
    // What is set up once, such as the first slots of the timer, is not a session's.
    round().await;
    let before = heap();
    let (bytes, tasks) = round().await;
    Cost {
        bytes: bytes / SESSIONS,
        tasks: tasks / SESSIONS,
        left: heap().saturating_sub(before),
    }
}

/// Gives everybody an identity, each of its own, with a client, a scope and an end.
struct Everybody(AtomicUsize);

impl Authorizer for Everybody {
    fn authorize(
        &self,
        _: &Parts,
        _: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let ends = SystemTime::now() + Duration::from_secs(3600);
        let identity = Identity::new(format!("https://login.example.com {number:08}"))
            .client("client")
            .scopes(["read"])
            .expires_at(ends);
        Box::pin(std::future::ready(Ok(identity)))
    }
}

/// Prints what a session costs above `floor`, and holds it to the budget.
fn check(what: &str, mcp: &McpService, cost: &Cost, floor: usize, budget: usize) {
    let extra = cost.bytes.saturating_sub(floor);
    println!(
        "{what}: {} bytes, {} task(s) a stream; above {floor}: {extra} bytes (budget {budget})",
        cost.bytes, cost.tasks
    );
    println!(
        "  left after {SESSIONS} sessions: {} bytes, {} sessions",
        cost.left,
        mcp.sessions()
    );
    assert!(extra <= budget, "an idle session costs too much");
    assert_eq!(cost.tasks, 1, "an idle session has no task of its own");
    assert_eq!(
        (cost.left, mcp.sessions()),
        (0, 0),
        "something stays of sessions that are gone"
    );
}

/// Sessions whose connections `Serve` accepts.
async fn serve(mcp: McpService) -> Cost {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(mcp_wire::serve(listener, mcp, pending()));
    let cost = measure(async || connect(address).await).await;
    serving.abort();
    cost
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    // hyper keeps room for the service's future; boxed, it is as small as ours.
    let bare = || service_fn(|request| Box::pin(bare(request)));
    let hyper = measure(async || open(bare()).await).await;
    println!(
        "hyper alone: {} bytes, {} task(s) a stream",
        hyper.bytes, hyper.tasks
    );
    let builder = || McpService::builder(Server::new("Idle", "1.0.0"));
    let mcp = builder().build().expect("a service");
    let cost = measure(async || open(mcp.clone()).await).await;
    check("a session", &mcp, &cost, hyper.bytes, BUDGET);
    let gated = builder().authorizer(Everybody(AtomicUsize::new(0)));
    let gated = gated.build().expect("a service");
    let cost = measure(async || open(gated.clone()).await).await;
    let what = "a session with an identity of its own that ends";
    check(what, &gated, &cost, hyper.bytes, IDENTIFIED_BUDGET);
    let mcp = builder().build().expect("a service");
    let cost = serve(mcp.clone()).await;
    check("a session behind `Serve`", &mcp, &cost, 0, SERVED_BUDGET);
}
