//! The feature `tracing`: spans of requests, and events of what happens.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use mcp_wire::listener::Accepted;
use mcp_wire::server::{Arguments, Call, HandlerError, Server, Tool};
use mcp_wire::{Builder, McpService};
use serde_json::json;
use tokio::io::DuplexStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::inside::{
    Asked, alone, in_session, open, open_sse, piece, post, request, text,
};
use crate::support::message;
use crate::support::probe::call;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const HOST: (&str, &str) = ("host", "localhost");
const LIMIT: Duration = Duration::from_secs(5);

type Fields = BTreeMap<&'static str, String>;

#[derive(Debug)]
struct Span {
    name: &'static str,
    parent: Option<u64>,
    fields: Fields,
}

#[derive(Debug)]
struct Told {
    target: &'static str,
    level: &'static str,
    fields: Fields,
    /// The span in which it was recorded.
    within: Option<u64>,
}

#[derive(Default)]
struct Records {
    /// By id, which is the index plus one.
    spans: Vec<Span>,
    entered: Vec<u64>,
    told: Vec<Told>,
}

/// Records everything that one thread emits.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Records>>);

struct Reader<'a>(&'a mut Fields);

impl Visit for Reader<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Recorder {
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Reader(&mut fields));
        let mut records = self.0.lock().unwrap();
        let parent = records.entered.last().copied();
        let name = span.metadata().name();
        records.spans.push(Span {
            name,
            parent,
            fields,
        });
        Id::from_u64(records.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut records = self.0.lock().unwrap();
        let span = &mut records.spans[span.into_u64() as usize - 1];
        values.record(&mut Reader(&mut span.fields));
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Reader(&mut fields));
        let mut records = self.0.lock().unwrap();
        let within = records.entered.last().copied();
        records.told.push(Told {
            target: event.metadata().target(),
            level: event.metadata().level().as_str(),
            fields,
            within,
        });
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let left = self.0.lock().unwrap().entered.pop();
        assert_eq!(left, Some(span.into_u64()), "spans are left in order");
    }
}

thread_local! {
    static LISTENER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Ends the recording when it is dropped.
struct Listening;

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENER.set(None);
    }
}

/// The subscriber of the whole process, which forwards to the recorder of the thread. With a
/// subscriber for each thread instead, `tracing` would sometimes cache a span as disabled, because
/// a thread without a subscriber reached it first.
struct Switchboard;

impl Switchboard {
    /// The id of spans that are not recorded.
    const UNHEARD: u64 = u64::MAX;

    fn heard<T>(tell: impl FnOnce(&Recorder) -> T) -> Option<T> {
        let recorder = LISTENER.with_borrow(Clone::clone);
        recorder.as_ref().map(tell)
    }

    fn of_span(span: &Id, tell: impl FnOnce(&Recorder)) {
        if span.into_u64() != Self::UNHEARD {
            Self::heard(tell);
        }
    }
}

impl Subscriber for Switchboard {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = Self::heard(|recorder| recorder.new_span(span));
        id.unwrap_or_else(|| Id::from_u64(Self::UNHEARD))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        Self::of_span(span, |recorder| recorder.record(span, values));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        Self::heard(|recorder| recorder.event(event));
    }

    fn enter(&self, span: &Id) {
        Self::of_span(span, |recorder| recorder.enter(span));
    }

    fn exit(&self, span: &Id) {
        Self::of_span(span, |recorder| recorder.exit(span));
    }
}

impl Recorder {
    /// Records what this thread emits, as long as the returned guard lives.
    fn listen() -> (Self, Listening) {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            tracing::subscriber::set_global_default(Switchboard).expect("there is no other");
        });
        let recorder = Self::default();
        LISTENER.set(Some(recorder.clone()));
        (recorder, Listening)
    }

    /// The messages on the target `app`, each with the fields of its request's span and the name of
    /// that span's parent.
    fn of_handlers(&self) -> Vec<(String, Option<Fields>, Option<&'static str>)> {
        let records = self.0.lock().unwrap();
        let span = |id: u64| &records.spans[id as usize - 1];
        let told = records.told.iter().filter(|told| told.target == "app");
        told.map(|told| {
            let within = told.within.map(span);
            let parent = within.and_then(|within| within.parent).map(span);
            let fields = within.map(|within| {
                assert_eq!(within.name, "mcp_request");
                within.fields.clone()
            });
            (
                told.fields["message"].clone(),
                fields,
                parent.map(|parent| parent.name),
            )
        })
        .collect()
    }

    /// What the crate emitted since the last call: the level, and the fields other than
    /// measurements.
    fn take(&self) -> Vec<String> {
        let told = std::mem::take(&mut self.0.lock().unwrap().told);
        let ours = told.into_iter().filter(|told| told.target == "mcp_wire");
        ours.map(|told| {
            let fields = told.fields.iter().filter(|(name, _)| **name != "elapsed");
            let fields: Vec<_> = fields
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("{} {}", told.level, fields.join(" "))
        })
        .collect()
    }
}

struct OnDrop;

impl Drop for OnDrop {
    fn drop(&mut self) {
        tracing::info!(target: "app", "dropped");
    }
}

/// `say` logs before and after an await that waits for a permit, and when it is dropped.
fn saying(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> (McpService, Arc<Semaphore>) {
    let leave = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&leave);
    let tool = |name: &str| Tool::new(name).input(json!({"type": "object"}));
    let server = Server::new("Saying", "1")
        .tool(tool("say"), move |_: Call, _: Arguments| {
            let gate = Arc::clone(&gate);
            async move {
                let _dropped = OnDrop;
                tracing::info!(target: "app", "before");
                gate.acquire().await.unwrap().forget();
                tracing::info!(target: "app", "behind");
                "said"
            }
        })
        .tool(
            tool("panic"),
            async |_: Call, _| -> Result<String, HandlerError> { panic!("on purpose") },
        )
        .tool(tool("chat"), async |cx: Call, _| {
            for _ in 0..9 {
                let _ = cx.notify("notifications/note", None);
            }
            "chatted"
        });
    (set(McpService::builder(server)).build().unwrap(), leave)
}

/// Sends a request inside a span of the embedder, as a router would have it.
async fn within(mcp: &McpService, asked: Asked) -> hyper::Response<mcp_wire::ResponseBody> {
    let routed = tracing::info_span!("routed");
    tracing::Instrument::instrument(mcp.call(asked), routed).await
}

#[track_caller]
fn check_said(recorder: &Recorder, version: &str) {
    let said = recorder.of_handlers();
    let messages: Vec<_> = said.iter().map(|(message, ..)| message.as_str()).collect();
    assert_eq!(
        messages,
        ["before", "outside", "behind", "dropped"],
        "{version}"
    );
    for (message, fields, parent) in said {
        let Some(fields) = fields else {
            assert_eq!(message, "outside");
            continue;
        };
        assert_ne!(message, "outside", "nothing else is in the span");
        assert_eq!(fields["method"], "tools/call");
        assert_eq!(fields["revision"], version);
        assert_eq!(fields["outcome"], "result");
        assert_eq!(fields["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(fields["parent_id"], "b7ad6b7169203331");
        assert_eq!(fields["sampled"], "true");
        assert_eq!(fields["tracestate"], "a=1");
        assert_eq!(parent, Some("routed"), "{version}");
    }
}

/// What a handler logs is in the span of its request, across awaits and wherever it runs: in place,
/// in the body of a response, or in a task.
#[tokio::test(start_paused = true)]
async fn what_a_handler_tells_is_in_the_span_of_its_request() {
    let params = || {
        let mut params = call("say", json!({}));
        params["_meta"] =
            json!({"traceparent": PARENT, "tracestate": "a=1", "baggage": "b=secret"});
        params
    };
    // Without a silence, legacy calls move to a task at once.
    for silence in [Duration::ZERO, Duration::from_secs(3600)] {
        for version in ["2025-06-18", "2026-07-28"] {
            let (mcp, leave) =
                saying(|builder| builder.timeouts(|timeouts| timeouts.stream_after = silence));
            let session = open(&mcp, "2025-06-18").await;
            let asked = match version {
                "2026-07-28" => alone(1, "tools/call", params()),
                _ => in_session(&session, 1, "tools/call", params()),
            };
            let (recorder, _listening) = Recorder::listen();
            let answering = async { text(within(&mcp, asked).await).await };
            let leaving = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                tracing::info!(target: "app", "outside");
                leave.add_permits(1);
            };
            let (answer, ()) = tokio::join!(answering, leaving);
            assert!(answer.contains("said"), "{answer}");
            check_said(&recorder, version);
        }
    }
    let (mcp, leave) = saying(|builder| builder);
    let (mut stream, inbox) = open_sse(&mcp).await;
    let (recorder, _listening) = Recorder::listen();
    within(&mcp, post(&inbox, &[], &message(1, "tools/call", params()))).await;
    tracing::info!(target: "app", "outside");
    leave.add_permits(1);
    let answer = piece(&mut stream).await.unwrap();
    assert!(answer.contains("said"), "{answer}");
    check_said(&recorder, "2024-11-05");
}

/// Each request of a batch has its own span.
#[tokio::test(start_paused = true)]
async fn requests_of_a_batch_have_a_span_each() {
    let (mcp, leave) = saying(|builder| builder);
    let session = open(&mcp, "2025-03-26").await;
    let (recorder, _listening) = Recorder::listen();
    let ask = |id| message(id, "tools/call", call("say", json!({})));
    let batch = format!("[{},{}]", ask(1), ask(2));
    leave.add_permits(2);
    let asked = post("/mcp", &[("mcp-session-id", &session)], &batch);
    text(within(&mcp, asked).await).await;
    let said = recorder.of_handlers();
    assert_eq!(said.len(), 6);
    assert!(
        said.iter()
            .all(|(_, fields, parent)| fields.is_some() && *parent == Some("routed"))
    );
    let records = recorder.0.lock().unwrap();
    let spans = records
        .spans
        .iter()
        .filter(|span| span.name == "mcp_request");
    assert_eq!(spans.count(), 2);
}

/// A handler that is dropped before its end is dropped in its span, which records that.
#[tokio::test(start_paused = true)]
async fn a_handler_is_dropped_in_its_span() {
    let (mcp, _leave) = saying(|builder| builder);
    let (recorder, _listening) = Recorder::listen();
    let asking = within(&mcp, alone(1, "tools/call", call("say", json!({}))));
    assert!(timeout(Duration::from_millis(1), asking).await.is_err());
    let said = recorder.of_handlers();
    let (message, fields, _) = said.last().unwrap();
    assert_eq!(message, "dropped");
    assert_eq!(fields.as_ref().unwrap()["outcome"], "cancelled");
    assert_eq!(
        recorder.take(),
        ["DEBUG message=finished outcome=cancelled"]
    );
}

/// SPEC A-32: the trace context comes from headers when `_meta` has none; a malformed one is
/// ignored.
#[tokio::test]
async fn the_trace_of_a_span_is_the_one_of_the_request() {
    let (mcp, _) = saying(|builder| builder);
    for (parent, trace_id) in [
        (PARENT, Some("0af7651916cd43dd8448eb211c80319c")),
        ("00-bad", None),
    ] {
        let (recorder, _listening) = Recorder::listen();
        let mut asked = alone(1, "tools/list", json!({"_meta": {"traceparent": 1}}));
        asked
            .headers_mut()
            .insert("traceparent", parent.parse().unwrap());
        assert_eq!(mcp.call(asked).await.status(), 200);
        let records = recorder.0.lock().unwrap();
        let found = records.spans[0].fields.get("trace_id");
        assert_eq!(found.map(String::as_str), trace_id);
    }
}

/// Every event of the hook reaches the subscriber, at its level.
#[tokio::test(start_paused = true)]
async fn events_reach_the_subscriber_at_their_level() {
    let (mcp, _leave) = saying(|builder| {
        let builder = builder
            .timeouts(|timeouts| timeouts.request = Some(LIMIT))
            .limits(|limits| limits.sessions = 2);
        builder.limits(|limits| {
            limits.queue.bytes = 1 << 20;
            limits.queue.events = 4;
        })
    });
    let (recorder, _listening) = Recorder::listen();
    let session = open(&mcp, "2025-06-18").await;
    let done = "DEBUG message=finished outcome=result";
    assert_eq!(recorder.take(), ["DEBUG message=session opened", done]);
    // A session with an open stream is not evicted.
    let headers = [
        HOST,
        ("accept", "text/event-stream"),
        ("mcp-session-id", &*session),
    ];
    let listening = mcp.call(request("GET", "/mcp", &headers, "")).await;
    let (stream, inbox) = open_sse(&mcp).await;
    recorder.take();
    let evil = ("host", "evil.example");
    let hello = message(
        1,
        "initialize",
        crate::support::hello("2025-06-18", json!({})),
    );
    for (asked, told) in [
        (
            request("PUT", "/mcp", &[HOST], ""),
            "DEBUG message=refused reason=method_not_allowed status=405",
        ),
        (
            request("GET", "/mcp", &[evil], ""),
            "INFO message=refused reason=host_not_allowed setting=allowed_hosts status=403 value=evil.example",
        ),
        (
            post("/mcp", &[], &hello),
            "INFO message=refused reason=too_many_sessions status=503",
        ),
        (alone(1, "tools/list", json!({})), done),
        (
            alone(1, "no/such", json!({})),
            "DEBUG code=-32601 message=finished outcome=error",
        ),
        (
            alone(1, "tools/call", call("panic", json!({}))),
            "ERROR message=finished outcome=panicked",
        ),
        (
            in_session(&session, 1, "tools/call", call("say", json!({}))),
            "WARN message=finished outcome=timed_out",
        ),
    ] {
        text(mcp.call(asked).await).await;
        assert_eq!(recorder.take(), [told]);
    }
    mcp.call(post(
        &inbox,
        &[],
        &message(1, "tools/call", call("chat", json!({}))),
    ))
    .await;
    drop(stream);
    let told = recorder.take();
    assert!(
        told.contains(
            &"WARN message=the stream was cut because its client does not read".to_owned()
        ),
        "{told:?}"
    );
    assert!(
        told.contains(&"DEBUG message=session ended reason=cut".to_owned()),
        "{told:?}"
    );
    drop(listening);
    open(&mcp, "2025-06-18").await;
    open(&mcp, "2025-06-18").await;
    let evicted = "INFO message=session ended reason=evicted";
    let opened = "DEBUG message=session opened";
    let told = recorder.take();
    assert_eq!(told, [opened, done, evicted, opened, done]);
    let failed = Accepted::after::<DuplexStream>(std::future::ready(Err(io::Error::other("bad"))));
    let (connections, listener) = mpsc::channel(1);
    let failed = failed.with_peer_addr(([192, 0, 2, 1], 4711).into());
    connections.send(failed).await.unwrap();
    let serve = mcp_wire::serve(listener, mcp.clone(), std::future::pending());
    let _ = timeout(LIMIT, serve).await;
    let failed = "INFO message=the handshake failed peer=192.0.2.1:4711 reason=bad";
    assert_eq!(recorder.take(), [failed]);
    mcp.close();
    let closed = "DEBUG message=session ended reason=closed";
    assert_eq!(recorder.take(), [closed, closed]);
}

/// SPEC G-13, F-53: spans and events hold no id, token, argument or baggage.
#[tokio::test(start_paused = true)]
async fn nothing_that_is_traced_is_secret() {
    let (mcp, _leave) =
        saying(|builder| builder.timeouts(|timeouts| timeouts.request = Some(LIMIT)));
    let (recorder, _listening) = Recorder::listen();
    let session = open(&mcp, "2025-06-18").await;
    let meta = json!({"traceparent": PARENT, "baggage": "b=secret", "secret-key": "secret"});
    for name in ["say", "panic", "chat", "secret-tool"] {
        let mut params = call(name, json!({"secret-name": "secret-value"}));
        params["_meta"] = meta.clone();
        for mut asked in [
            in_session(&session, "secret-id", "tools/call", params.clone()),
            alone("secret-id", "tools/call", params),
        ] {
            let token = "Bearer secret-token".parse().unwrap();
            asked.headers_mut().insert("authorization", token);
            text(mcp.call(asked).await).await;
        }
    }
    let refused = post("/mcp", &[("mcp-session-id", &session)], r#"{"secret"#);
    assert_eq!(mcp.call(refused).await.status(), 400);
    mcp.close();
    let records = recorder.0.lock().unwrap();
    assert_eq!(records.spans.len(), 9);
    let told = format!("{:?} {:?}", records.spans, records.told);
    for secret in ["secret", &session] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}
