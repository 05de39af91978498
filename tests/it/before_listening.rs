//! What a `subscriptions/listen` may do before it is acknowledged, which is when the resources that it names are
//! read or checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use hyper::Response;
use mcp_wire::auth::Identity;
use mcp_wire::server::{Call, HandlerError, ReadRequest, ResourceTemplate, Server};
use mcp_wire::{Builder, LogLevel, McpService, ResponseBody, SubscriptionFilter};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::support::inside::{Asked, alone, piece, text};
use crate::support::until;

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `slow://{seconds}/{id}` takes so many seconds to read. Counts how many readers have begun.
fn slow(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> (McpService, Arc<AtomicUsize>) {
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let server = Server::new("Slow", "1").subscriptions().resource_template(
        ResourceTemplate::new("slow://{seconds}/{id}", "slow"),
        move |_: Call, read: ReadRequest| {
            count.fetch_add(1, SeqCst);
            let takes = read.variable("seconds").unwrap().parse().unwrap();
            async move {
                tokio::time::sleep(seconds(takes)).await;
                "read"
            }
        },
    );
    (service(server, set), begun)
}

/// Begins a stream at once, so that a response is there before the readers are done.
fn service(server: Server, set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> McpService {
    let builder = McpService::builder(server).timeouts(|timeouts| {
        timeouts.stream_after = Duration::ZERO;
        timeouts.keep_alive = None;
    });
    set(builder).build().unwrap()
}

/// Ada wants to hear of these resources.
fn listen(uris: &[&str]) -> Asked {
    let params = json!({"notifications": {"resourceSubscriptions": uris}});
    by_ada(alone("l", "subscriptions/listen", params))
}

fn by_ada(mut asked: Asked) -> Asked {
    asked.extensions_mut().insert(Identity::new("ada"));
    asked
}

/// The messages of events.
fn messages(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| !data.is_empty())
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The next message of a stream.
async fn next(response: &mut Response<ResponseBody>) -> Value {
    loop {
        let text = piece(response.body_mut()).await.expect("a message");
        if let Some(message) = messages(&text).pop() {
            return message;
        }
    }
}

/// FIELD X-10, SPEC D-130: a request to listen has its place among the listening before the first reader runs,
/// and while readers run it is a call too, of the server and of its principal. Once it listens, it is no call.
#[tokio::test(start_paused = true)]
async fn a_request_to_listen_counts_before_its_readers_run() {
    type Set = fn(&mut mcp_wire::Limits);
    let cases: [(Set, bool, u16, &str); 4] = [
        (
            |limits| limits.listen_streams = 1,
            true,
            503,
            "`Limits::listen_streams`",
        ),
        (
            |limits| limits.listen_streams_per_principal = Some(1),
            true,
            429,
            "`Limits::listen_streams_per_principal`",
        ),
        (|limits| limits.calls = 1, false, 503, "`Limits::calls`"),
        (
            |limits| limits.calls_per_principal = Some(1),
            false,
            429,
            "`Limits::calls_per_principal`",
        ),
    ];
    for (set, limits_listening, status, says) in cases {
        let (mcp, begun) = slow(|builder| builder.limits(set));
        let gauges = || {
            let now = mcp.snapshot();
            (now.listens, now.running)
        };
        let uris = ["slow://5/1", "slow://5/2"];
        let mut first = mcp.call(listen(&uris)).await;
        assert_eq!((first.status().as_u16(), gauges()), (200, (1, 1)), "{says}");
        for _ in 0..3 {
            let second = mcp.call(listen(&uris)).await;
            assert_eq!(second.status(), status, "{says}");
            assert!(text(second).await.contains(says), "{says}");
        }
        let list = || by_ada(alone(1, "resources/list", json!({})));
        let listed = mcp.call(list()).await.status().as_u16();
        assert_eq!(listed, if limits_listening { 200 } else { status });
        assert_eq!((begun.load(SeqCst), gauges()), (1, (1, 1)), "{says}");

        let start = Instant::now();
        assert_eq!(next(&mut first).await["method"], ACKNOWLEDGED);
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_eq!((begun.load(SeqCst), gauges()), (2, (1, 0)), "{says}");
        assert_eq!(mcp.call(list()).await.status(), 200, "{says}");
        let second = mcp.call(listen(&uris)).await.status().as_u16();
        assert_eq!(second, if limits_listening { status } else { 200 });
        drop(first);
        until("the place", || gauges() == (0, 0)).await;
        let mut third = mcp.call(listen(&uris)).await;
        assert_eq!(next(&mut third).await["method"], ACKNOWLEDGED, "{says}");
    }
}

/// FIELD X-10, PITFALLS R-10: `Timeouts::request` limits the time of all readers of a request together, and not
/// the time that it listens.
#[tokio::test(start_paused = true)]
async fn the_readers_of_a_request_have_the_time_of_a_call() {
    let limited = |builder: Builder<Server>| {
        builder.timeouts(|timeouts| timeouts.request = Some(seconds(30)))
    };
    let start = Instant::now();
    let (mcp, begun) = slow(limited);
    let response = mcp.call(listen(&["slow://20/1", "slow://20/2", "slow://20/3"]));
    let told = messages(&text(response.await).await);
    assert_eq!((told.len(), start.elapsed().as_secs()), (1, 30));
    assert_eq!(told[0]["error"]["code"], -32603);
    let why = told[0]["error"]["message"].as_str().unwrap();
    assert!(why.contains("`Timeouts::request`"), "{why}");
    assert_eq!(begun.load(SeqCst), 2);
    let now = mcp.snapshot();
    assert_eq!((now.listens, now.running, now.timeouts), (0, 0, 1));

    let (mcp, _) = slow(limited);
    let mut response = mcp.call(listen(&["slow://20/1", "slow://9/2"])).await;
    assert_eq!(next(&mut response).await["method"], ACKNOWLEDGED);
    let silence = timeout(seconds(100), next(&mut response)).await;
    assert!(silence.is_err(), "{silence:?}");
    mcp.drain();
    let result = &next(&mut response).await["result"];
    assert_eq!(result["resultType"], "complete");
}

/// SPEC D-127: a request whose readers are done during a drain is acknowledged and ended at once,
/// and does not hold up the shutdown.
#[tokio::test(start_paused = true)]
async fn no_request_listens_beyond_a_drain() {
    let (mcp, _) = slow(|builder| builder);
    let start = Instant::now();
    let response = mcp.call(listen(&["slow://2/1"])).await;
    let shutdown = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        mcp.shutdown(seconds(10)).await;
        start.elapsed().as_secs()
    };
    let (ended, told) = tokio::join!(shutdown, text(response));
    assert_eq!(ended, 2);
    let told = messages(&told);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["method"], ACKNOWLEDGED);
    assert_eq!(told[1]["result"]["resultType"], "complete");
    assert_eq!(mcp.call(listen(&[])).await.status(), 503);
    let now = mcp.snapshot();
    assert_eq!((now.listens, now.running, now.streams), (0, 0, 0));
}

/// Says all that a handler can say on the stream of its request.
fn speak(cx: &Call) {
    cx.progress(1.0, None, None);
    cx.log(LogLevel::Error, None, "loud");
    cx.notify("notifications/early", None).unwrap();
    let context: &mcp_wire::Context = cx;
    context.clone().notify("notifications/early", None).unwrap();
}

/// A check that speaks at once, and again when it is told to, and that would listen itself.
async fn loud(cx: Call, again: Arc<Notify>, said: Arc<Notify>) -> Result<(), HandlerError> {
    speak(&cx);
    let context = mcp_wire::Context::clone(&cx);
    let refused = context.listen(SubscriptionFilter::default()).await;
    assert_eq!(refused.unwrap_err().code(), -32603);
    tokio::spawn(async move {
        again.notified().await;
        speak(&cx);
        said.notify_one();
    });
    Ok(())
}

/// SPEC D-122, D-126: what checks whether a client may subscribe says nothing on its stream, neither before the
/// acknowledgement nor after it.
#[tokio::test(start_paused = true)]
async fn a_check_of_a_subscription_is_not_heard() {
    let (again, said) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let checks = || {
        let (again, said) = (Arc::clone(&again), Arc::clone(&said));
        move |cx: Call| loud(cx, Arc::clone(&again), Arc::clone(&said))
    };
    let (by_reading, by_hook) = (checks(), checks());
    let reading = Server::new("Loud", "1").subscriptions().resource_template(
        ResourceTemplate::new("loud://{id}", "loud"),
        move |cx: Call, _: ReadRequest| {
            let said = by_reading(cx);
            async move { said.await.map(|()| "read") }
        },
    );
    let hook = Server::new("Loud", "1")
        .authorize_subscriptions(move |cx: Call, _| by_hook(cx))
        .resource_template(
            ResourceTemplate::new("loud://{id}", "loud"),
            async |_, _| "read",
        );
    for server in [reading, hook] {
        let mcp = service(server.logging(), |builder| builder);
        let params = json!({
            "notifications": {"resourceSubscriptions": ["loud://1"]},
            "_meta": {"progressToken": 1, "io.modelcontextprotocol/logLevel": "debug"},
        });
        let asked = alone("l", "subscriptions/listen", params);
        let mut response = mcp.call(asked).await;
        let acknowledged = next(&mut response).await;
        assert_eq!(acknowledged["method"], ACKNOWLEDGED);
        assert_eq!(
            acknowledged["params"]["notifications"]["resourceSubscriptions"],
            json!(["loud://1"])
        );
        again.notify_one();
        said.notified().await;

        mcp.drain();
        assert_eq!(
            next(&mut response).await["result"]["resultType"],
            "complete"
        );
    }
}
