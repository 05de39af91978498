//! One session: requests that begin and end, streams that break and are resumed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};

use crate::protocol::capabilities::Capabilities;
use crate::protocol::change::{Change, KeyedChange};
use crate::protocol::client_info::Introduction;
use crate::protocol::replay::ReplayLimits;
use crate::protocol::session::{Kind, Route, Session, Ticket};
use crate::protocol::stream::{Closed, Connection, Resumption, frame_of};
use crate::wire::id::{EventId, StreamId, Tag};
use crate::wire::json::Json;
use crate::wire::jsonrpc::{ErrorObject, Id, MessageLimits, Outgoing};
use crate::wire::version::ProtocolVersion;

pub(crate) fn session(c: &mut Criterion) {
    lifetime(c);
    calls(c);
    misses(c);
    resuming(c);
    changes(c);
}

type Measured = Session<Reader, (), ()>;

/// A connection that accepts every frame.
struct Reader;

impl Connection for Reader {
    fn offer(&mut self, frame: Bytes) -> Result<(), Closed> {
        black_box(frame);
        Ok(())
    }

    fn finish(&mut self) {}
}

/// The default limits on running requests and on kept events.
const RUNNING: usize = 64;
const KEPT: usize = 256;

fn lifetime(c: &mut Criterion) {
    let mut group = c.benchmark_group("session/lifetime");
    let now = Instant::now();
    let error = ErrorObject::internal();
    group.bench_function("HTTP+SSE", |b| {
        b.iter(|| bound(now).close(&error, now).work.len());
    });
    group.bench_function("Streamable HTTP", |b| {
        b.iter(|| resumable(Tag::random(), now).close(&error, now).work.len());
    });
    group.finish();
}

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("session/call");
    let now = Instant::now();
    let small =
        Json::try_from(&serde_json::json!({"content": [{"type": "text", "text": "hello"}]}))
            .expect("an object");
    let large =
        Json::try_from(&serde_json::json!({"text": "x".repeat(64 << 10)})).expect("an object");

    call(
        &mut group,
        "answered by JSON",
        resumable(Tag::random(), now),
        |session, id| {
            kept(session, id, &small, now);
        },
    );
    let mut busy = resumable(Tag::random(), now);
    run_all_but_one(&mut busy);
    call(&mut group, "beside 63 others", busy, |session, id| {
        kept(session, id, &small, now)
    });
    call(
        &mut group,
        "answered on the one stream",
        bound(now),
        |session, id| {
            sent(session, id, &small, now);
        },
    );
    call(
        &mut group,
        "answered with 64 KiB",
        bound(now),
        |session, id| {
            sent(session, id, &large, now);
        },
    );
    // The replay holds only events of running requests, so it searches for one to drop and finds none.
    call(
        &mut group,
        "streamed, and kept",
        resumable(Tag::random(), now),
        |session, id| {
            streamed(session, id, &small, now);
        },
    );
    group.finish();
}

/// Calls that the session refuses, and cancellations that find nothing.
fn misses(c: &mut Criterion) {
    let mut group = c.benchmark_group("session/call");
    let now = Instant::now();
    let mut busy = resumable(Tag::random(), now);
    run_all_but_one(&mut busy);
    let (known, unknown) = (long_id(RUNNING - 1), long_id(RUNNING));
    call(
        &mut group,
        "refused, its id is in use",
        busy,
        |session, _| {
            let is_refused = session.admits([black_box(&known)], RUNNING).is_err();
            assert!(is_refused, "the id is in use");
        },
    );
    let mut busy = resumable(Tag::random(), now);
    run_all_but_one(&mut busy);
    call(
        &mut group,
        "cancelled, though it does not run",
        busy,
        |session, _| {
            assert!(
                session.cancel(black_box(&unknown), now).work.is_empty(),
                "nothing runs under this id"
            );
        },
    );
    group.finish();
}

fn call(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut session: Measured,
    act: impl Fn(&mut Measured, &Id),
) {
    let id = Id::from(17);
    group.bench_function(name, |b| b.iter(|| act(&mut session, black_box(&id))));
}

/// A request whose answer is the body of the response.
fn kept(session: &mut Measured, id: &Id, answer: &Json, now: Instant) {
    let stream = session.open_stream();
    let ticket = begin(session, id, stream);
    finish(session, ticket, id, answer, now);
}

/// A request whose answer goes to the stream of the session.
fn sent(session: &mut Measured, id: &Id, answer: &Json, now: Instant) {
    let ticket = begin(session, id, StreamId::STANDALONE);
    finish(session, ticket, id, answer, now);
}

/// A request whose answer goes to its own stream.
fn streamed(session: &mut Measured, id: &Id, answer: &Json, now: Instant) {
    let stream = session.open_stream();
    let ticket = begin(session, id, stream);
    session.begin_stream(stream, now);
    session.attach(stream, Reader, now);
    finish(session, ticket, id, answer, now);
}

fn begin(session: &mut Measured, id: &Id, stream: StreamId) -> Ticket {
    let begun = session.begin(id, Kind::Other, Route::Stream(stream), RUNNING);
    begun.expect("a request").0
}

fn finish(session: &mut Measured, ticket: Ticket, id: &Id, answer: &Json, now: Instant) {
    let finished = session.finish(ticket, Outgoing::Result(id, answer), now);
    finished.expect("an answer");
}

/// Starts requests with ids of the maximum length that differ only at the end, so that comparing them is slow.
fn run_all_but_one(session: &mut Measured) {
    for number in 1..RUNNING {
        let stream = session.open_stream();
        begin(session, &long_id(number), stream);
    }
}

fn long_id(number: usize) -> Id {
    Id::from(format!("\n{}{number:02}", "x".repeat(MessageLimits::MAX_ID_LEN - 6)).as_str())
}

fn resuming(c: &mut Criterion) {
    let mut group = c.benchmark_group("session/resume");
    let now = Instant::now();
    let (tag, foreign) = (Tag::random(), Tag::random());
    let mut session = resumable(tag, now);
    for _ in 0..KEPT {
        let sent = session.send(Outgoing::Notification("notifications/note", None), now);
        sent.expect("an event");
    }
    let last = KEPT as u64;
    let stream = StreamId::STANDALONE;
    for (name, id, is_known) in [
        ("after the last event", tag.event_id(stream, last), true),
        ("after the first of 256", tag.event_id(stream, 1), true),
        ("of another session", foreign.event_id(stream, 1), false),
        (
            "of no stream",
            tag.event_id(StreamId::nth(u64::MAX), 1),
            false,
        ),
        ("of no event", tag.event_id(stream, u64::MAX), false),
        ("text of 128 bytes", long_event_id(), false),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let resumed = session.resume(black_box(&id), Reader);
                assert_eq!(resumed.is_some(), is_known, "{id:?}");
            });
        });
    }
    group.finish();
}

fn long_event_id() -> EventId {
    EventId::parse(&"/".repeat(EventId::MAX_LEN)).expect("visible ASCII")
}

fn changes(c: &mut Criterion) {
    let mut group = c.benchmark_group("session/change");
    let now = Instant::now();
    let tools = Change::Tools;
    let resource = Change::Resource("file:///unknown".into());
    let mut subscribed = subscribed(now);
    publish(
        &mut group,
        "of the tools, HTTP+SSE",
        &mut bound(now),
        &tools,
    );
    publish(
        &mut group,
        "of the tools, with event ids",
        &mut listening(now),
        &tools,
    );
    publish(
        &mut group,
        "of a resource among 10,000",
        &mut subscribed,
        &resource,
    );
    group.bench_function("one resource too many", |b| {
        b.iter(|| {
            assert!(
                !subscribed.subscribe(black_box(&"x".repeat(100))),
                "no room"
            )
        });
    });
    group.finish();
}

fn publish(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    session: &mut Measured,
    change: &Change,
) {
    let now = Instant::now();
    let params = change.params();
    let method = change.method();
    let message = Outgoing::Notification(method.as_str(), params.as_ref());
    let frame = frame_of(message);
    let change = &KeyedChange::of(change);
    group.bench_function(name, |b| {
        b.iter(|| session.publish(black_box(change), message, &frame, now));
    });
}

fn bound(now: Instant) -> Measured {
    opened(Session::bound(Reader, now), StreamId::STANDALONE, now)
}

fn resumable(tag: Tag, now: Instant) -> Measured {
    let resumption = Resumption {
        tag: Some(tag),
        limits: ReplayLimits {
            bytes: 1 << 20,
            events: KEPT,
            age: Duration::from_secs(300),
        },
        retry: Duration::from_secs(1),
    };
    let mut session = Session::resumable(resumption, now);
    let stream = session.open_stream();
    opened(session, stream, now)
}

/// Initializes a session.
fn opened(mut session: Measured, stream: StreamId, now: Instant) -> Measured {
    let id = Id::from(0);
    let begun = session.begin(&id, Kind::Initialize, Route::Stream(stream), RUNNING);
    let (ticket, _) = begun.expect("a request");
    let client = Introduction {
        capabilities: Capabilities::none(),
        info: None,
    };
    session.open(ProtocolVersion::V2025_11_25, client);
    finish(&mut session, ticket, &id, &Json::empty(), now);
    session
}

fn listening(now: Instant) -> Measured {
    let mut session = resumable(Tag::random(), now);
    session.listen(Reader, now);
    session
}

/// A session with as many subscriptions as the limit allows.
fn subscribed(now: Instant) -> Measured {
    let mut session = listening(now);
    let mut number = 10_000;
    while session.subscribe(&format!("r:{number}")) {
        number += 1;
    }
    session
}
