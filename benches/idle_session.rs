//! The cost of an idle session in bytes of heap and in tasks, compared with a stream on bare hyper. These are
//! counts, which are the same on every machine.
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
/// The limit on the bytes of an idle session, in addition to its hyper connection.
const BUDGET: usize = 832;
/// The limit on the bytes of an idle session on a connection of `Serve`, including the connection and its task.
/// `Serve` releases the buffers of hyper while a stream is quiet.
const SERVED_BUDGET: usize = 1_792;
/// The limit for a session with an identity: the name of a principal, its number of sessions, and the time at
/// which the identity expires.
const IDENTIFIED_BUDGET: usize = 1_024;
const REQUEST: &[u8] = b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The stream of bare hyper: one event, then nothing.
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
    // hyper keeps the buffer of the head, so the heads must have the same length.
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

/// Opens a connection with a stream and reads its first event. Returns the end of the client.
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

/// The same over a connection that `Serve` accepts. The end of the client leaves the runtime, so that it has no
/// heap.
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

/// The bytes and tasks of one stream, and the bytes that remain after all streams have ended.
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
        // The runtime frees sockets when it waits the next time.
        tokio::time::sleep(Duration::from_millis(10)).await;
        open
    };
    // The first round makes the allocations that happen once, such as the first slots of the timer.
    round().await;
    let before = heap();
    let (bytes, tasks) = round().await;
    Cost {
        bytes: bytes / SESSIONS,
        tasks: tasks / SESSIONS,
        left: heap().saturating_sub(before),
    }
}

/// Gives each request an identity of its own, with a client, a scope and an expiry.
struct UniqueIdentities(AtomicUsize);

impl Authorizer for UniqueIdentities {
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

/// Prints the cost of a session in addition to `floor`, and compares it with the budget.
fn check(what: &str, mcp: &McpService, cost: &Cost, floor: usize, budget: usize) {
    let extra = cost.bytes.saturating_sub(floor);
    println!(
        "{what}: {} bytes and {} task(s) per stream; {extra} bytes above {floor} (limit {budget})",
        cost.bytes, cost.tasks
    );
    println!(
        "  after {SESSIONS} sessions have ended: {} bytes and {} sessions remain",
        cost.left,
        mcp.sessions()
    );
    assert!(
        extra <= budget,
        "an idle session has more bytes than its limit"
    );
    assert_eq!(cost.tasks, 1, "an idle session has no task of its own");
    assert_eq!(
        (cost.left, mcp.sessions()),
        (0, 0),
        "sessions that have ended still use memory"
    );
}

/// Measures sessions on connections of `Serve`.
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
    // hyper reserves room for the future of the service. Boxed, it is as small as that of mcp-wire.
    let bare = || service_fn(|request| Box::pin(bare(request)));
    let hyper = measure(async || open(bare()).await).await;
    println!(
        "bare hyper: {} bytes and {} task(s) per stream",
        hyper.bytes, hyper.tasks
    );
    let builder = || McpService::builder(Server::new("Idle", "1.0.0"));
    let mcp = builder().build().expect("a service");
    let cost = measure(async || open(mcp.clone()).await).await;
    check("a session", &mcp, &cost, hyper.bytes, BUDGET);
    let gated = builder().authorizer(UniqueIdentities(AtomicUsize::new(0)));
    let gated = gated.build().expect("a service");
    let cost = measure(async || open(gated.clone()).await).await;
    let what = "a session with an identity that expires";
    check(what, &gated, &cost, hyper.bytes, IDENTIFIED_BUDGET);
    let mcp = builder().build().expect("a service");
    let cost = serve(mcp.clone()).await;
    check(
        "a session on a connection of `Serve`",
        &mcp,
        &cost,
        0,
        SERVED_BUDGET,
    );
}
