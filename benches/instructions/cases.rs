//! The exchanges that are counted. Limits, guard and keep-alive have their defaults, so all are on.

use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mcp_wire::server::Server;
use mcp_wire::{McpService, serve_connection};
use serde_json::json;

use super::echo;
use super::floors::{self, Answer, MODERN, Stream};
use super::requests::{SMALL, call, get, hello, in_session, message, modern, post, session_lines};
use super::socket::{Client, Socket};

/// One kind of exchange, with one server.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The floors to compare with.
    pub(crate) lean: Option<&'static str>,
    pub(crate) tree: Option<&'static str>,
    /// The number of calls in each of the two runs.
    pub(crate) calls: (u64, u64),
    pub(crate) run: fn(&Self, u64),
}

const MANY: (u64, u64) = (100, 1100);
const FEW: (u64, u64) = (2, 6);

const fn floor(name: &'static str, calls: (u64, u64), run: fn(&Case, u64)) -> Case {
    Case {
        name,
        lean: None,
        tree: None,
        calls,
        run,
    }
}

const fn ours(
    name: &'static str,
    (lean, tree): (&'static str, Option<&'static str>),
    calls: (u64, u64),
    run: fn(&Case, u64),
) -> Case {
    Case {
        name,
        lean: Some(lean),
        tree,
        calls,
        run,
    }
}

pub(crate) const CASES: &[Case] = &[
    floor("lean-2026", MANY, |_, calls| {
        post_floor(floors::lean, modern(SMALL), calls, MODERN)
    }),
    floor("tree-2026", MANY, |_, calls| {
        post_floor(floors::tree, modern(SMALL), calls, MODERN)
    }),
    ours(
        "call-2026",
        ("lean-2026", Some("tree-2026")),
        MANY,
        |_, calls| {
            serve(calls, SMALL, |_| modern(SMALL));
        },
    ),
    floor("lean-2025", MANY, |_, calls| {
        post_floor(floors::lean, in_session("0", SMALL), calls, "")
    }),
    floor("tree-2025", MANY, |_, calls| {
        post_floor(floors::tree, in_session("0", SMALL), calls, "")
    }),
    ours(
        "call-2025",
        ("lean-2025", Some("tree-2025")),
        MANY,
        |_, calls| {
            serve(calls, SMALL, |session| in_session(session, SMALL));
        },
    ),
    ours(
        "serve-2026",
        ("lean-2026", Some("tree-2026")),
        MANY,
        |_, calls| serve_whole(calls, SMALL, |_| modern(SMALL)),
    ),
    ours(
        "serve-2025",
        ("lean-2025", Some("tree-2025")),
        MANY,
        |_, calls| serve_whole(calls, SMALL, |session| in_session(session, SMALL)),
    ),
    ours("ping-2025", ("lean-2025", None), MANY, |_, calls| {
        serve(calls, r#""result":{}"#, |session| {
            post(&message("ping", json!({})), &session_lines(session), "/mcp")
        });
    }),
    ours("list-2025", ("lean-2025", None), MANY, |_, calls| {
        serve(calls, "inputSchema", |session| {
            post(
                &message("tools/list", json!({})),
                &session_lines(session),
                "/mcp",
            )
        });
    }),
    floor("lean-2024", MANY, |_, calls| sse_floor(floors::lean, calls)),
    floor("tree-2024", MANY, |_, calls| sse_floor(floors::tree, calls)),
    ours(
        "round-trip-2024",
        ("lean-2024", Some("tree-2024")),
        MANY,
        |_, calls| sse(calls),
    ),
    floor("lean-1MiB", FEW, |_, calls| {
        post_floor(floors::lean, modern(&mebibyte()), calls, MODERN)
    }),
    ours("call-1MiB", ("lean-1MiB", None), FEW, |_, calls| {
        serve_long(echo::server(), calls);
    }),
    ours("given-1MiB", ("lean-1MiB", None), FEW, |_, calls| {
        serve_long(echo::passing_server(), calls);
    }),
];

fn mebibyte() -> String {
    "x".repeat(1 << 20)
}

fn service(server: Server) -> McpService {
    McpService::builder(server).build().expect("a service")
}

/// Runs a future on one thread, without a network.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

async fn connection<B>(socket: Socket, answer: impl AsyncFn(Request<Incoming>) -> Response<B>)
where
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(request).await));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    serving.await.expect("a connection without faults");
}

/// Checks that each call was answered once, in one write.
fn check(client: &Client, answers: u64, says: &str) {
    let first = client.first.borrow();
    let first = String::from_utf8_lossy(&first);
    assert!(first.contains(says), "{first}");
    assert_eq!(client.answers(), answers, "{first}");
}

fn post_floor(answer: Answer, request: Vec<u8>, calls: u64, suffix: &'static str) {
    let client = Rc::new(Client::default());
    let socket = Socket::new(&client, request, calls, 1);
    block_on(connection(socket, async |request| {
        floors::post(request, answer, suffix).await
    }));
    check(&client, calls, "\"id\":17");
}

/// Calls mcp-wire. `request` makes the request from the id of a session.
fn serve(calls: u64, says: &str, request: impl Fn(&str) -> Vec<u8>) {
    serve_to(Client::default(), echo::server(), calls, (says, request));
}

/// Calls a server with a long text. hyper writes the beginning of a long answer before it polls for the rest,
/// so such an answer may take several writes.
fn serve_long(server: Server, calls: u64) {
    let client = Client::new(|bytes| bytes.ends_with(b"}"));
    serve_to(client, server, calls, ("xxxx", |_| modern(&mebibyte())));
}

fn serve_to(
    client: Client,
    server: Server,
    calls: u64,
    (says, request): (&str, impl Fn(&str) -> Vec<u8>),
) {
    let mcp = service(server);
    let answer = async |request| mcp.call(request).await;
    block_on(async {
        let opener = Rc::new(Client::default());
        let opening = Socket::new(&opener, post(&hello("2025-11-25"), "", "/mcp"), 1, 1);
        connection(opening, answer).await;
        let session = line_of(&opener, "mcp-session-id: ");
        let client = Rc::new(client);
        connection(Socket::new(&client, request(&session), calls, 1), answer).await;
        check(&client, calls, says);
    });
}

/// The same through `serve_connection`, which adds the timers of a connection.
fn serve_whole(calls: u64, says: &str, request: impl Fn(&str) -> Vec<u8>) {
    let mcp = service(echo::server());
    block_on(async {
        let opener = Rc::new(Client::default());
        let opening = Socket::new(&opener, post(&hello("2025-11-25"), "", "/mcp"), 1, 1);
        serve_connection(opening.store_in_thread(), mcp.clone()).await;
        let session = line_of(&opener, "mcp-session-id: ");
        let client = Rc::new(Client::default());
        let socket = Socket::new(&client, request(&session), calls, 1);
        serve_connection(socket.store_in_thread(), mcp).await;
        check(&client, calls, says);
    });
}

fn line_of(client: &Client, start: &str) -> String {
    let first = client.first.borrow();
    let text = String::from_utf8_lossy(&first);
    let found = text.lines().find_map(|line| line.strip_prefix(start));
    found.expect(start).to_owned()
}

/// Each call has two answers: the 202, and the event on the stream.
async fn round_trips<B>(calls: u64, answer: impl AsyncFn(Request<Incoming>) -> Response<B>)
where
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let client = Rc::new(Client::default());
    let stream = connection(Socket::new(&client, get("", "/sse"), 1, 1).stays(), &answer);
    let posts = async {
        while client.answers() == 0 {
            tokio::task::yield_now().await;
        }
        let path = line_of(&client, "data: ");
        let request = post(&call(SMALL), "", &path);
        connection(Socket::new(&client, request, calls, 2), &answer).await;
    };
    tokio::select! {
        biased;
        () = posts => {}
        () = stream => panic!("the stream ended"),
    }
    check(&client, 2 * calls + 1, "event: endpoint");
}

fn sse_floor(answer: Answer, calls: u64) {
    let stream = Stream::default();
    block_on(round_trips(calls, async |request| {
        floors::sse(request, stream.clone(), answer).await
    }));
}

fn sse(calls: u64) {
    let mcp = service(echo::server());
    block_on(round_trips(calls, async |request| mcp.call(request).await));
}
