//! The event hook and the snapshot of a service (PITFALLS R-16, R-63, SPEC G-13, F-53).

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use mcp_wire::jsonrpc::{ErrorObject, Json, Notification, Request};
use mcp_wire::server::{Call, HandlerError, Resource, Server, Tool};
use mcp_wire::{
    BoxFuture, Builder, Context, Dispatcher, McpService, ProtocolVersion, RequestError,
    ServiceEvent, Snapshot,
};
use serde_json::json;

use crate::support::inside::{
    Asked, alone, in_session, open, open_sse, piece, post, request, text,
};
use crate::support::probe::{Seen, call, probe};
use crate::support::{envelope, hello, message, until};

const HOST: (&str, &str) = ("host", "localhost");
const JSON: (&str, &str) = ("content-type", "application/json");
const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
const LIMIT: Duration = Duration::from_secs(5);

/// What the hook received, one line for each event.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, String)>>>);

impl Heard {
    fn hear(&self, event: &ServiceEvent<'_>) {
        let line = match event {
            ServiceEvent::Refused { reason, status, .. } => format!("refused {reason} {status}"),
            ServiceEvent::Finished {
                version,
                method,
                outcome,
                ..
            } => format!("finished {method} {version} {}", outcome.as_str()),
            ServiceEvent::SessionOpened => "opened".to_owned(),
            ServiceEvent::SessionEnded { reason } => format!("ended {}", reason.as_str()),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push((line, format!("{event:?}")));
    }

    /// The lines since they were last taken.
    fn take(&self) -> Vec<String> {
        let heard = std::mem::take(&mut *self.0.lock().unwrap());
        heard.into_iter().map(|(line, _)| line).collect()
    }

    fn has(&self, wanted: &str) -> bool {
        let heard = self.0.lock().unwrap();
        heard.iter().any(|(line, _)| line == wanted)
    }

    fn debug(&self) -> String {
        let heard = self.0.lock().unwrap();
        heard.iter().map(|(_, debug)| debug.as_str()).collect()
    }
}

/// A probe that can also panic and has a secret, and what its hook receives.
fn observed(
    set: impl FnOnce(Builder<Server>) -> Builder<Server>,
) -> (McpService, Heard, Arc<Seen>) {
    let (server, seen) = probe();
    let panics = Tool::new("panic").input(json!({"type": "object"}));
    let server = server.tool(
        panics,
        async |_: Call, args| -> Result<String, HandlerError> {
            panic!("with {:?}", args.value("tag"))
        },
    );
    let secret = Resource::new("test://secret-uri", "secret-name");
    let server = server.resource(secret, async |_, _| "secret-content");
    let heard = Heard::default();
    let hears = heard.clone();
    let builder = McpService::builder(server).on_event(move |event| hears.hear(event));
    (set(builder).build().unwrap(), heard, seen)
}

fn times(snapshot: &Snapshot, reason: &str) -> u64 {
    let found = snapshot.refusals.iter().find(|(name, _)| *name == reason);
    found.map_or(0, |(_, times)| *times)
}

/// SPEC G-42: each refusal is one event and one count, with its reason and status, and nothing else
/// is.
#[tokio::test(start_paused = true)]
async fn every_refusal_is_an_event_with_its_reason() {
    let (mcp, heard, _) = observed(|builder| builder.limits(|limits| limits.body = 2000));
    let session = open(&mcp, "2025-06-18").await;
    let (_stream, inbox) = open_sse(&mcp).await;
    let in_session_is = ("mcp-session-id", &*session);
    let ping = message(1, "ping", json!({}));
    let hello = message(1, "initialize", hello("2025-06-18", json!({})));
    let enveloped = message(1, "ping", json!({"_meta": envelope(json!({}))}));
    let mut unknown = envelope(json!({}));
    unknown["io.modelcontextprotocol/protocolVersion"] = json!("v999");
    let unknown = message(1, "ping", json!({"_meta": unknown}));
    let crooked = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#;
    let reply = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let nobody = "0".repeat(32);
    let long = "x".repeat(2001);
    let cases = [
        ("bad_host", 400, request("POST", "/mcp", &[JSON], &ping)),
        (
            "host_not_allowed",
            403,
            request("POST", "/mcp", &[("host", "evil.example"), JSON], &ping),
        ),
        (
            "origin_not_allowed",
            403,
            post("/mcp", &[("origin", "http://evil.example")], &ping),
        ),
        ("unknown_path", 404, post("/nowhere", &[], &ping)),
        (
            "method_not_allowed",
            405,
            request("PUT", "/mcp", &[HOST, JSON], &ping),
        ),
        (
            "not_acceptable",
            406,
            post("/mcp", &[("accept", "text/html")], &ping),
        ),
        (
            "not_acceptable",
            406,
            request(
                "GET",
                "/mcp",
                &[HOST, ("accept", "text/html"), in_session_is],
                "",
            ),
        ),
        (
            "session_id_missing",
            400,
            request("GET", "/mcp", &[HOST], ""),
        ),
        ("session_id_missing", 400, post("/messages/", &[], &ping)),
        (
            "session_id_malformed",
            400,
            post("/messages/?session_id=x", &[], &ping),
        ),
        (
            "unknown_session",
            404,
            in_session(&nobody, 1, "ping", json!({})),
        ),
        (
            "unknown_session",
            404,
            post(&format!("/messages/?session_id={nobody}"), &[], &ping),
        ),
        (
            "unsupported_version",
            400,
            post(
                "/mcp",
                &[in_session_is, ("mcp-protocol-version", "1999-01-01")],
                &ping,
            ),
        ),
        (
            "unsupported_version",
            400,
            post(
                "/mcp",
                &[("mcp-protocol-version", "v999"), ("mcp-method", "ping")],
                &unknown,
            ),
        ),
        (
            "unknown_event",
            400,
            request(
                "GET",
                "/mcp",
                &[HOST, in_session_is, ("last-event-id", "nonsense")],
                "",
            ),
        ),
        (
            "already_initialized",
            400,
            post("/mcp", &[in_session_is], &hello),
        ),
        (
            "not_json",
            415,
            request(
                "POST",
                "/mcp",
                &[HOST, ("content-type", "text/plain")],
                &ping,
            ),
        ),
        ("body_too_large", 413, post("/mcp", &[], &long)),
        ("invalid_message", 400, post("/mcp", &[], "{")),
        (
            "invalid_message",
            200,
            post("/mcp", &[in_session_is], crooked),
        ),
        ("invalid_message", 202, post(&inbox, &[], crooked)),
        (
            "batch_not_allowed",
            400,
            post("/mcp", &[in_session_is], &format!("[{ping}]")),
        ),
        ("response_not_allowed", 400, post("/mcp", &[MODERN], reply)),
        (
            "bad_envelope",
            400,
            post("/mcp", &[MODERN, ("mcp-method", "ping")], &ping),
        ),
        (
            "header_mismatch",
            400,
            post("/mcp", &[MODERN, ("mcp-method", "pong")], &enveloped),
        ),
    ];
    heard.take();
    for (at, (reason, status, asked)) in cases.into_iter().enumerate() {
        let before = mcp.snapshot();
        let answer = mcp.call(asked).await;
        assert_eq!(answer.status(), status, "{at} {reason}");
        assert_eq!(heard.take(), [format!("refused {reason} {status}")], "{at}");
        let mut after = mcp.snapshot();
        assert_eq!(
            times(&after, reason),
            times(&before, reason) + 1,
            "{reason}"
        );
        after.refusals.clone_from(&before.refusals);
        // A refusal of HTTP+SSE may wait on the stream as well.
        after.queued_bytes = before.queued_bytes;
        assert_eq!(format!("{after:?}"), format!("{before:?}"), "{reason}");
    }
}

/// A body that fails, or never comes.
struct Lost {
    fails: bool,
}

impl Body for Lost {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if self.fails {
            Poll::Ready(Some(Err("gone")))
        } else {
            Poll::Pending
        }
    }
}

/// The refusals that need an earlier fault or a limit in use.
#[tokio::test(start_paused = true)]
async fn refusals_of_late_and_long_bodies_can_be_read_too() {
    let (mcp, heard, seen) = observed(|builder| {
        builder
            .limits(|limits| {
                limits.sessions = 1;
                limits.calls = 2;
                limits.requests_per_session = 1;
            })
            .timeouts(|timeouts| timeouts.stream_after = Duration::ZERO)
    });
    let session = open(&mcp, "2025-06-18").await;
    // So that it is not evicted for the next one.
    let stream = ("accept", "text/event-stream");
    let named = ("mcp-session-id", &*session);
    let stream = request("GET", "/mcp", &[HOST, stream, named], "");
    let _stream = mcp.call(stream).await;
    heard.take();
    for (fails, told) in [
        (true, "refused body_incomplete 400"),
        (false, "refused body_timeout 408"),
    ] {
        let lost = post("/mcp", &[], "").map(|_| Lost { fails });
        mcp.call(lost).await;
        assert_eq!(heard.take(), [told]);
    }
    mcp.call(post(
        "/mcp",
        &[],
        &message(1, "initialize", hello("2025-06-18", json!({}))),
    ))
    .await;
    assert_eq!(heard.take(), ["refused too_many_sessions 503"]);
    let slow = || call("wait", json!({"tag": "x"}));
    let first = mcp
        .call(in_session(&session, 1, "tools/call", slow()))
        .await;
    let asked = [
        (
            in_session(&session, 1, "ping", json!({})),
            "refused id_in_use 400",
        ),
        (
            in_session(&session, 2, "ping", json!({})),
            "refused too_many_requests 503",
        ),
    ];
    for (asked, told) in asked {
        mcp.call(asked).await;
        assert_eq!(heard.take(), [told]);
    }
    let second = mcp.call(alone(1, "tools/call", slow())).await;
    mcp.call(alone(2, "tools/call", slow())).await;
    assert_eq!(heard.take(), ["refused too_many_calls 503"]);
    seen.allow("x", 2);
    text(first).await;
    text(second).await;
    assert_eq!(heard.take().len(), 2, "both finish");
    mcp.drain();
    mcp.call(alone(3, "tools/list", json!({}))).await;
    assert_eq!(heard.take(), ["refused shutting_down 503"]);
    let refused: u64 = mcp.snapshot().refusals.iter().map(|(_, times)| times).sum();
    assert_eq!(refused, 7);
}

/// The outcome of a request is one event, when it happens, in every era.
#[tokio::test(start_paused = true)]
async fn every_request_is_an_event_with_its_outcome() {
    let (mcp, heard, seen) =
        observed(|builder| builder.timeouts(|timeouts| timeouts.request = Some(LIMIT)));
    let session = open(&mcp, "2025-06-18").await;
    assert_eq!(
        heard.take(),
        ["opened", "finished initialize 2025-06-18 result"]
    );
    for version in ["2025-06-18", "2026-07-28"] {
        let ask = |method: &str, params| match version {
            "2026-07-28" => alone(7, method, params),
            _ => in_session(&session, 7, method, params),
        };
        for (method, params, outcome) in [
            (
                "tools/call",
                call("echo", json!({"message": "x"})),
                "result",
            ),
            ("tools/call", call("nothing", json!({})), "error"),
            ("no/such", json!({}), "error"),
            ("tools/call", call("panic", json!({})), "panicked"),
            ("tools/call", call("wait", json!({"tag": "x"})), "timed_out"),
        ] {
            let before = mcp.snapshot();
            text(mcp.call(ask(method, params)).await).await;
            assert_eq!(
                heard.take(),
                [format!("finished {method} {version} {outcome}")]
            );
            let after = mcp.snapshot();
            let more = |count: fn(&Snapshot) -> u64| count(&after) - count(&before);
            let is = |wanted: &str| u64::from(outcome == wanted);
            assert_eq!(more(|now| now.panics), is("panicked"));
            assert_eq!(more(|now| now.timeouts), is("timed_out"));
            assert_eq!(more(|now| now.cancelled), 0);
            let version = ProtocolVersion::parse(version).unwrap();
            let requests = |now: &Snapshot| {
                let mut all = now.requests.iter();
                all.find(|(other, _)| *other == version).unwrap().1
            };
            assert_eq!(requests(&after) - requests(&before), 1);
            assert_eq!(after.running, 0);
        }
        // The client cancels, by a notification or by leaving.
        let slow = ask("tools/call", call("wait", json!({"tag": "gone"})));
        let service = mcp.clone();
        let asking = tokio::spawn(async move { text(service.call(slow).await).await });
        seen.happens("begun", "gone").await;
        assert_eq!(mcp.snapshot().running, 1);
        if version == "2026-07-28" {
            asking.abort();
            assert!(asking.await.is_err());
        } else {
            let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
            mcp.call(post(
                "/mcp",
                &[("mcp-session-id", &session)],
                &cancel.to_string(),
            ))
            .await;
            asking.await.unwrap();
        }
        until("the end", || mcp.snapshot().running == 0).await;
        assert_eq!(
            heard.take(),
            [format!("finished tools/call {version} cancelled")]
        );
    }
    assert_eq!(mcp.snapshot().cancelled, 2);
    let slow = alone(8, "tools/call", call("wait", json!({"tag": "last"})));
    let service = mcp.clone();
    let asking = tokio::spawn(async move { text(service.call(slow).await).await });
    seen.happens("begun", "last").await;
    mcp.close();
    asking.await.unwrap();
    assert!(heard.has("finished tools/call 2026-07-28 closed"));
}

/// The duration in an event is that of the request.
#[tokio::test(start_paused = true)]
async fn an_event_has_the_duration_of_its_request() {
    let took = Arc::new(Mutex::new(Vec::new()));
    let (server, seen) = probe();
    let told = Arc::clone(&took);
    let builder = McpService::builder(server).on_event(move |event| {
        if let ServiceEvent::Finished { elapsed, .. } = event {
            told.lock().unwrap().push(*elapsed);
        }
    });
    let mcp = builder.build().unwrap();
    let slow = alone(1, "tools/call", call("wait", json!({"tag": "x"})));
    let leave = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        seen.allow("x", 1);
    };
    let asking = async { text(mcp.call(slow).await).await };
    tokio::join!(asking, leave);
    assert_eq!(*took.lock().unwrap(), [Duration::from_secs(3)]);
}

/// Answers `initialize` or fails it; panics on a notification.
struct Odd {
    opens: bool,
}

impl Dispatcher for Odd {
    fn request(&self, _: Context, _: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let result = json!({"protocolVersion": "2025-06-18", "capabilities": {}});
        Box::pin(std::future::ready(if self.opens {
            Ok(Json::try_from(&result).expect("an object"))
        } else {
            Err(ErrorObject::internal())
        }))
    }

    fn notification(&self, _: Context, _: Notification) -> BoxFuture<()> {
        panic!("on purpose")
    }
}

fn odd(opens: bool) -> (McpService, Heard) {
    let heard = Heard::default();
    let hears = heard.clone();
    let builder = McpService::builder(Odd { opens }).on_event(move |event| hears.hear(event));
    (builder.build().unwrap(), heard)
}

#[tokio::test]
async fn a_notification_that_panics_is_an_event() {
    let (mcp, heard) = odd(true);
    let session = open(&mcp, "2025-06-18").await;
    heard.take();
    let note = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let answer = mcp
        .call(post("/mcp", &[("mcp-session-id", &session)], note))
        .await;
    assert_eq!(answer.status(), 202);
    assert_eq!(heard.take(), ["NotificationPanicked"]);
    assert_eq!(mcp.snapshot().panics, 1);
}

/// A session gives one event when it opens, and one when it ends, with the reason.
#[tokio::test(start_paused = true)]
async fn every_session_is_an_event_with_its_end() {
    #[track_caller]
    fn ended(mcp: &McpService, heard: &Heard, reason: &str) {
        let told: Vec<_> = heard
            .take()
            .into_iter()
            .filter(|line| line.starts_with("ended"))
            .collect();
        assert_eq!(told, [format!("ended {reason}")]);
        let now = mcp.snapshot();
        assert_eq!((now.sessions, now.sessions_opened), (0, now.sessions_ended));
    }
    let (mcp, heard, _) = observed(|builder| {
        builder.limits(|limits| {
            limits.queue.bytes = 1 << 20;
            limits.queue.events = 4;
        })
    });
    let session = open(&mcp, "2025-06-18").await;
    assert_eq!(
        (mcp.snapshot().sessions, mcp.snapshot().sessions_opened),
        (1, 1)
    );
    let deleted = request("DELETE", "/mcp", &[HOST, ("mcp-session-id", &session)], "");
    mcp.call(deleted).await;
    ended(&mcp, &heard, "deleted");
    open(&mcp, "2025-06-18").await;
    tokio::time::sleep(Duration::from_secs(32 * 60)).await;
    ended(&mcp, &heard, "idle");
    drop(open_sse(&mcp).await);
    ended(&mcp, &heard, "left");
    // A client that does not read.
    let (stream, inbox) = open_sse(&mcp).await;
    let much = message(1, "tools/call", call("chat", json!({"times": 9})));
    mcp.call(post(&inbox, &[], &much)).await;
    drop(stream);
    let told = heard.take();
    assert!(told.contains(&"ended cut".to_owned()), "{told:?}");
    assert!(told.contains(&"StreamCut".to_owned()), "{told:?}");
    assert!(!told.contains(&"ended left".to_owned()), "{told:?}");
    assert_eq!(mcp.snapshot().cuts, 1);
    // The server ends.
    let (mut stream, _) = open_sse(&mcp).await;
    mcp.drain();
    assert_eq!(piece(&mut stream).await, None);
    drop(stream);
    ended(&mcp, &heard, "closed");
    let (mcp, heard, _) = observed(|builder| builder);
    open(&mcp, "2025-06-18").await;
    mcp.close();
    ended(&mcp, &heard, "closed");
    let (mcp, heard) = odd(false);
    let hello = message(1, "initialize", hello("2025-06-18", json!({})));
    mcp.call(post("/mcp", &[], &hello)).await;
    ended(&mcp, &heard, "not_initialized");
}

/// PITFALLS R-16: an unread stream of a session is cut, which is an event; an unread call of
/// 2026-07-28 loses notifications, which are counted.
#[tokio::test(start_paused = true)]
async fn what_a_slow_reader_loses_is_seen() {
    let (mcp, heard, _) = observed(|builder| {
        builder.limits(|limits| {
            limits.queue.bytes = 1 << 20;
            limits.queue.events = 4;
        })
    });
    let session = open(&mcp, "2025-06-18").await;
    let much = call("chat", json!({"times": 9, "later": 2}));
    let asked = in_session(&session, 1, "tools/call", much.clone());
    let stream = mcp.call(asked).await;
    assert_eq!(mcp.snapshot().cuts, 1);
    assert!(!heard.has("StreamCut"), "told when the connection is gone");
    drop(stream);

    assert!(heard.has("StreamCut"));
    let answer = text(mcp.call(alone(1, "tools/call", much)).await).await;
    assert_eq!(answer.matches("notifications/note").count(), 4, "{answer}");
    let now = mcp.snapshot();
    assert_eq!(
        (now.dropped, now.cuts, now.streams, now.queued_bytes),
        (5, 1, 0, 0)
    );
}

/// The gauge of queued bytes counts what waits for a reader, and drops when it is read or its
/// stream ends.
#[tokio::test(start_paused = true)]
async fn gauges_go_up_with_a_stalled_reader_and_back() {
    let (mcp, _, _) = observed(|builder| builder);
    let gauges = || (mcp.snapshot().streams, mcp.snapshot().queued_bytes);
    assert_eq!(gauges(), (0, 0));
    let (mut stream, inbox) = open_sse(&mcp).await;
    assert_eq!(gauges(), (1, 0), "the first event was read");
    let echo = message(
        1,
        "tools/call",
        call("echo", json!({"message": "x".repeat(1000)})),
    );
    mcp.call(post(&inbox, &[], &echo)).await;
    let waiting = mcp.snapshot().queued_bytes;
    let read = piece(&mut stream).await.unwrap();
    assert_eq!(gauges(), (1, 0));
    let overhead = waiting - read.len();
    assert!(
        read.len() > 1000 && (1..=100).contains(&overhead),
        "{overhead}"
    );
    mcp.call(post(&inbox, &[], &echo)).await;
    assert_eq!(gauges(), (1, waiting));
    drop(stream);
    assert_eq!(gauges(), (0, 0));
}

/// A context that outlives its client reports that it can no longer reach it.
#[tokio::test(start_paused = true)]
async fn nothing_waits_for_a_client_that_left() {
    let (gives, mut given) = tokio::sync::mpsc::unbounded_channel();
    let tool = Tool::new("give").input(json!({"type": "object"}));
    let server = Server::new("Giver", "1").tool(tool, move |cx: Call, _| {
        let gives = gives.clone();
        async move {
            cx.notify("notifications/note", None).unwrap();
            cx.notify("notifications/note", None).unwrap();
            gives.send(cx).unwrap();
            std::future::pending::<&str>().await
        }
    });
    let mcp = McpService::builder(server).build().unwrap();
    let response = mcp
        .call(alone(1, "tools/call", call("give", json!({}))))
        .await;
    let cx = given.recv().await.unwrap();
    assert!(mcp.snapshot().queued_bytes > 0);
    drop(response);
    assert_eq!(
        cx.notify("notifications/note", None),
        Err(RequestError::Closed)
    );
    until("the end of the call", || mcp.snapshot().running == 0).await;
    let now = mcp.snapshot();
    assert_eq!((now.queued_bytes, now.streams, now.cancelled), (0, 0, 1));
}

/// PITFALLS R-20: each comment that keeps a stream alive is counted.
#[tokio::test(start_paused = true)]
async fn keep_alives_are_counted() {
    let (mcp, _, _) = observed(|builder| builder);
    let (mut stream, _) = open_sse(&mcp).await;
    let began = tokio::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(piece(&mut stream).await.unwrap(), ": ping\n\n");
    }
    assert_eq!(began.elapsed().as_secs(), 45);
    assert_eq!(mcp.snapshot().keep_alives, 3);
}

#[tokio::test]
async fn listens_are_a_gauge_of_their_own() {
    let (mcp, heard, _) = observed(|builder| builder);
    let filter = json!({"notifications": {"toolsListChanged": true}});
    let response = mcp.call(alone(1, "subscriptions/listen", filter)).await;
    let now = mcp.snapshot();
    assert_eq!((now.listens, now.streams, now.running), (1, 1, 0));
    drop(response);
    until("the end of the listen", || mcp.snapshot().listens == 0).await;
    let now = mcp.snapshot();
    assert_eq!((now.streams, now.running), (0, 0));
    assert_eq!(
        heard.take(),
        ["finished subscriptions/listen 2026-07-28 cancelled"]
    );
}

/// PITFALLS R-63: a hook that panics at every event does no harm; nor does one that takes a
/// snapshot.
#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_does_no_harm() {
    let (server, seen) = probe();
    let service: Arc<OnceLock<McpService>> = Arc::default();
    let asks = Arc::clone(&service);
    let builder = McpService::builder(server).on_event(move |event| {
        let now = asks.get().unwrap().snapshot();
        panic!("at {event:?} with {now:?}");
    });
    let mcp = builder
        .timeouts(|timeouts| timeouts.request = Some(LIMIT))
        .build()
        .unwrap();
    service.set(mcp.clone()).unwrap();
    let session = open(&mcp, "2025-06-18").await;
    let echo = call("echo", json!({"message": "on"}));
    let late = call("wait", json!({"tag": "late"}));
    for (params, says) in [(echo, "on"), (late, "-32603")] {
        for asked in [
            in_session(&session, 1, "tools/call", params.clone()),
            alone(1, "tools/call", params.clone()),
        ] {
            let answer = text(mcp.call(asked).await).await;
            assert!(answer.contains(says), "{answer}");
        }
    }
    let refused = mcp.call(request("PUT", "/mcp", &[HOST], "")).await;
    assert_eq!(refused.status(), 405);
    let slow = alone(1, "tools/call", call("wait", json!({"tag": "left"})));
    let service = mcp.clone();
    let asking = tokio::spawn(async move { text(service.call(slow).await).await });
    seen.happens("begun", "left").await;
    asking.abort();
    assert!(
        asking.await.unwrap_err().is_cancelled(),
        "and did not panic"
    );
    mcp.close();
    let now = mcp.snapshot();
    assert_eq!(
        (now.sessions, now.sessions_opened, now.sessions_ended),
        (0, 1, 1)
    );
    assert_eq!(
        (now.timeouts, now.cancelled, now.panics, now.running),
        (2, 1, 0, 0)
    );
    assert_eq!(times(&now, "method_not_allowed"), 1);
}

/// SPEC G-13, F-53: events hold no id, token, argument or content.
#[tokio::test(start_paused = true)]
async fn events_hold_no_secret() {
    let (mcp, heard, seen) = observed(|builder| {
        builder.limits(|limits| {
            limits.queue.bytes = 1 << 20;
            limits.queue.events = 4;
        })
    });
    let session = open(&mcp, "2025-06-18").await;
    let token = ("authorization", "Bearer secret-token");
    let with_token = |mut asked: Asked| {
        asked
            .headers_mut()
            .insert("authorization", token.1.parse().unwrap());
        asked
    };
    let argument = json!({"message": "secret-argument", "tag": "secret-tag"});
    let calls = ["echo", "panic", "nothing", "chat"].map(|name| call(name, argument.clone()));
    for params in calls {
        for asked in [
            in_session(&session, "secret-id", "tools/call", params.clone()),
            alone("secret-id", "tools/call", params),
        ] {
            text(mcp.call(with_token(asked)).await).await;
        }
    }
    let uri = json!({"uri": "test://secret-uri"});
    let read = in_session(&session, "secret-id", "resources/read", uri);
    let answer = text(mcp.call(with_token(read)).await).await;
    assert!(answer.contains("secret-content"), "{answer}");
    let refused = [
        in_session("secret-session", "secret-id", "ping", json!({})),
        post(
            "/mcp",
            &[("mcp-session-id", &session), token],
            "{\"secret-body\"",
        ),
        post(
            "/mcp?secret-query=1",
            // The one value that the operator is shown (PITFALLS R-27).
            &[("origin", "http://evil.example"), token],
            "{}",
        ),
        post("/secret-path", &[token], "{}"),
        post(
            "/mcp",
            &[MODERN, ("mcp-method", "secret-header"), token],
            "{}",
        ),
        request(
            "GET",
            "/mcp",
            &[
                HOST,
                ("mcp-session-id", &session),
                ("last-event-id", "secret-event"),
            ],
            "",
        ),
    ];
    for asked in refused {
        assert!(mcp.call(asked).await.status().is_client_error());
    }
    let (stream, inbox) = open_sse(&mcp).await;
    let much = message("secret-id", "tools/call", call("chat", json!({"times": 9})));
    mcp.call(post(&inbox, &[token], &much)).await;
    drop(stream);
    let slow = in_session(&session, "secret-id", "tools/call", call("wait", argument));
    let service = mcp.clone();
    let asking = tokio::spawn(async move { text(service.call(slow).await).await });
    seen.happens("begun", "secret-tag").await;
    mcp.close();
    asking.await.unwrap();
    let told = heard.debug();
    let lines = heard.take();
    assert!(lines.len() > 20, "{lines:?}");
    assert!(told.contains("http://evil.example") && told.contains("allowed_origins"));
    let sse_session = inbox.rsplit('=').next().unwrap();
    for secret in ["secret", &session, sse_session] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    let shown = format!("{:?}", mcp.snapshot());
    assert!(!shown.contains("secret") && !shown.contains(&session));
}

/// Without a hook the numbers are the same.
#[tokio::test]
async fn numbers_need_no_hook() {
    let (server, _) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let hears = Arc::new(Mutex::new(0));
    let told = Arc::clone(&hears);
    let (server, _) = probe();
    let hook = move |_: &ServiceEvent<'_>| *told.lock().unwrap() += 1;
    let with_hook = McpService::builder(server).on_event(hook).build().unwrap();
    for mcp in [&mcp, &with_hook] {
        open(mcp, "2025-06-18").await;
        text(mcp.call(alone(1, "tools/list", json!({}))).await).await;
        mcp.call(request("PUT", "/mcp", &[HOST], "")).await;
        drop(open_sse(mcp).await);
    }
    let (plain, heard) = (mcp.snapshot(), with_hook.snapshot());
    assert_eq!(format!("{plain:?}"), format!("{heard:?}"));
    assert_eq!(
        *hears.lock().unwrap(),
        6,
        "two openings, two answers, a refusal, an end"
    );
}
