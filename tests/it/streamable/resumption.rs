//! Streams of Streamable HTTP that outlive their connections (SPEC C-28, C-50 to C-64) on real
//! sockets.

use std::collections::HashSet;
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use mcp_wire::McpService;
use mcp_wire::sse::Received;
use serde_json::{Value, json};

use super::{STREAMABLE, V03, V06, V11, begin};
use crate::support::probe::{call, eager_probe, notes, probe, probe_with};
use crate::support::{POST_HEADERS, Session, Stream, message, soon, start, text_of};

/// The next event with a message, skipping priming events.
async fn told(stream: &mut Stream) -> Received {
    loop {
        let event = stream.event().await.expect("an event before the end");
        if !event.data.is_empty() {
            return event;
        }
    }
}

fn number(event: &Received) -> u64 {
    let message: Value = serde_json::from_str(&event.data).unwrap();
    let number = message["params"]["number"].as_u64();
    number.unwrap_or_else(|| panic!("no note: {message}"))
}

/// Comes back after the last event of a stream that is over (FIELD T-1).
async fn nothing_is_left(session: &Session, last: &str) {
    let mut stream = session.listen(Some(last)).await;
    assert_eq!(stream.status(), 400, "{last}");
    let body = stream.json().await;
    assert_eq!(body["error"]["code"], -32600, "{body}");
    assert!(body.get("id").is_none(), "{body}");
}

/// Resumes a stream after an event, which must exist.
async fn resume(session: &Session, last: &str) -> Stream {
    let stream = session.listen(Some(last)).await;
    assert_eq!(stream.status(), 200, "{last}: {}", stream.head);
    assert!(stream.is_events());
    stream
}

/// SPEC C-50 to C-52, H-8: each event has an id that is unique in the session.
#[tokio::test]
async fn every_event_has_an_id_of_its_own() {
    let (server, seen) = probe();
    let builder = McpService::builder(server.clone())
        .timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
    let running = start(builder.build().unwrap()).await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        session
            .call("resources/subscribe", json!({"uri": "test://a"}))
            .await;
        let mut streams = Vec::new();
        for tag in ["a", "b"] {
            seen.allow(tag, 4);
            streams.push(begin(&session, "talk", json!({"tag": tag, "times": 3})).await);
        }
        server.resource_updated("test://a");
        server.resource_updated("test://a");
        let mut standalone = session.listen(None).await;
        let mut ids = HashSet::new();
        let mut count = 0;
        let mut take = |event: Received| {
            assert!(event.id.bytes().all(|byte| byte.is_ascii_graphic()) && !event.id.is_empty());
            assert!(ids.insert(event.id.clone()), "{} came twice", event.id);
            count += 1;
        };
        for _ in 0..2 {
            take(told(&mut standalone).await);
        }
        for stream in &mut streams {
            while let Some(event) = stream.event().await {
                take(event);
            }
        }
        let primings = if version == V11 { 2 } else { 0 };
        assert_eq!(count, 2 + 2 * 4 + primings, "{version}");
        session.delete().await;
    }
}

/// SPEC C-53 to C-55, PITFALLS R-53: a client that resumes gets what it missed, then what follows,
/// of its own stream, without gap or duplicate.
#[tokio::test]
async fn a_stream_resumes_without_gap_or_duplicate() {
    let (running, seen) = eager_probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let (a, b) = (&*format!("a {version}"), &*format!("b {version}"));
        let mut lost = begin(&session, "talk", json!({"tag": a, "times": 9})).await;
        let mut other = begin(&session, "talk", json!({"tag": b, "times": 9})).await;
        let mut last = String::new();
        for expected in 0..2 {
            seen.allow(a, 1);
            let event = told(&mut lost).await;
            assert_eq!(number(&event), expected);
            last = event.id;
        }
        for (away, there) in [(2..4, 4..5), (5..7, 7..9)] {
            drop(lost);
            for _ in away.clone() {
                for tag in [a, b] {
                    seen.allow(tag, 1);
                    seen.happens("told", tag).await;
                }
            }
            lost = resume(&session, &last).await;
            for expected in away {
                let event = told(&mut lost).await;
                assert_eq!(number(&event), expected, "{version}");
            }
            for expected in there {
                seen.allow(a, 1);
                let event = told(&mut lost).await;
                assert_eq!(number(&event), expected, "{version}");
                last = event.id;
            }
        }
        seen.allow(a, 1);
        assert_eq!(
            text_of(&lost.message().await.unwrap()),
            format!("talked {a}")
        );
        assert!(lost.event().await.is_none());
        seen.allow(b, 6);
        let messages = other.messages().await;
        assert_eq!(notes(&messages, b), (0..9).collect::<Vec<_>>());
        assert_eq!(text_of(&messages[9]), format!("talked {b}"));
        session.delete().await;
    }
}

/// SPEC C-53: whichever event the client saw last, it gets what followed, as often as it asks.
#[tokio::test]
async fn a_stream_resumes_after_any_event() {
    let (running, _) = eager_probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let arguments = json!({"tag": "a", "times": 4});
        let mut stream = begin(&session, "chat", arguments).await;
        let mut events = Vec::new();
        while let Some(event) = stream.event().await {
            events.push(event);
        }
        let last = events.len() - 1;
        for (at, event) in events.iter().enumerate() {
            for _ in 0..2 {
                if at == last {
                    nothing_is_left(&session, &event.id).await;
                    continue;
                }
                let mut again = resume(&session, &event.id).await;
                for expected in &events[at + 1..] {
                    let event = again.event().await.unwrap();
                    assert_eq!((&event.id, &event.data), (&expected.id, &expected.data));
                }
                assert!(again.event().await.is_none(), "SPEC C.2 row 10");
            }
        }
    }
}

/// SPEC C-53: clients resume while events are sent, and each gets every event.
#[tokio::test]
async fn a_client_may_come_back_at_any_moment() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V11, json!({})).await;
    for _ in 0..10 {
        let mut stream = begin(&session, "talk", json!({"times": 100})).await;
        let mut last = stream.event().await.unwrap().id;
        seen.allow("", 101);
        let mut next = 0;
        while next < 100 {
            for _ in 0..7.min(100 - next) {
                let event = told(&mut stream).await;
                last = event.id.clone();
                assert_eq!(number(&event), next);
                next += 1;
            }
            drop(stream);
            stream = resume(&session, &last).await;
        }
        assert_eq!(text_of(&stream.answer().await), "talked ");
        seen.happens("over", "").await;
    }
}

/// SPEC C-26, C-28, C.2 row 10, PITFALLS R-53: an answer that was made while no client was
/// connected waits for it.
#[tokio::test]
async fn an_answer_waits_for_its_client() {
    let (running, seen) = eager_probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let mut stream = begin(&session, "talk", json!({"times": 1})).await;
        seen.allow("", 1);
        let last = told(&mut stream).await.id;
        drop(stream);
        seen.allow("", 1);
        seen.happens("over", "").await;
        // It can be fetched more than once, since the first delivery may have been lost.
        for _ in 0..2 {
            let mut stream = resume(&session, &last).await;
            let answer = told(&mut stream).await;
            assert!(answer.data.contains("talked"), "{}", answer.data);
            assert!(stream.event().await.is_none());
            nothing_is_left(&session, &answer.id).await;
        }
    }
}

/// SPEC C-28, C-60, PITFALLS R-55: at 2025-11-25 the priming event alone is enough to resume.
#[tokio::test]
async fn a_priming_event_is_enough_to_come_back() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let mut stream = begin(&session, "wait", json!({})).await;
    let first = stream.event().await.unwrap();
    assert_eq!(first.data, "");
    drop(stream);
    let mut stream = resume(&session, &first.id).await;
    seen.allow("", 1);
    assert_eq!(text_of(&stream.answer().await), "waited ");
}

/// SPEC C-28, C-29, J-21, PITFALLS R-59: a call whose client has gone runs on, whether or not its
/// response had begun.
#[tokio::test]
async fn a_call_runs_on_without_its_client() {
    for silence in [Duration::ZERO, Duration::from_secs(3600)] {
        let (running, seen) =
            probe_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = silence))
                .await;
        for version in STREAMABLE {
            let session = Session::open(running.address, version, json!({})).await;
            let mcp = running.mcp.clone();
            let body = message(1, "tools/call", call("talk", json!({"times": 1})));
            let headers = format!("{}{POST_HEADERS}", session.headers());
            let mut request = Request::post("/mcp").header("Host", "localhost");
            for line in headers.lines() {
                let (name, value) = line.split_once(": ").unwrap();
                request = request.header(name, value);
            }
            let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
            let client = tokio::spawn(async move { mcp.call(request).await });
            seen.happens("begun", "").await;
            if silence.is_zero() {
                drop(client.await.unwrap());
            } else {
                client.abort();
                assert!(client.await.unwrap_err().is_cancelled());
            }
            seen.allow("", 1);
            seen.happens("told", "").await;
            // Its id is in use until the call is answered.
            let again = session.post(message(1, "ping", json!({}))).await;
            assert_eq!(again.status(), 400, "{version}");
            seen.allow("", 1);
            seen.happens("over", "").await;
        }
    }
}

/// SPEC C-29, E-88, C.2 row 10a: a call that is cancelled while no client is connected leaves nothing to come
/// back for.
#[tokio::test]
async fn a_call_is_cancelled_while_its_client_is_away() {
    let (running, seen) = eager_probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let (id, mut stream) = session
            .send("tools/call", call("talk", json!({"times": 2})))
            .await;
        stream.read_head().await;
        seen.allow("", 1);
        let last = told(&mut stream).await.id;
        drop(stream);
        let cancel = json!({"requestId": id});
        assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
        seen.happens("over", "").await;
        nothing_is_left(&session, &last).await;
    }
}

/// SPEC C-25, C-53: a question that was sent while no client was connected waits for the client
/// that resumes.
#[tokio::test]
async fn a_question_waits_for_its_client() {
    let (running, _) = eager_probe().await;
    let session = Session::open(running.address, V11, json!({"roots": {}})).await;
    let mut stream = begin(&session, "roots", json!({})).await;
    let first = stream.event().await.unwrap();
    drop(stream);
    let mut stream = resume(&session, &first.id).await;
    let question = stream.message().await.unwrap();
    assert_eq!(question["method"], "roots/list");
    let answer = json!({"jsonrpc": "2.0", "id": question["id"],
        "result": {"roots": [{"uri": "file:///a"}]}});
    assert_eq!(session.post(answer.to_string()).await.status(), 202);
    assert_eq!(text_of(&stream.answer().await), "file:///a");
}

/// SPEC C-56, C-57, C.2 row 9, J-15, PITFALLS R-54: an event id that does not belong to the session
/// is 400, whatever its fault, and the session is not affected.
#[tokio::test]
async fn an_unknown_event_is_refused() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let other = Session::open(running.address, V11, json!({})).await;
    let mut stream = begin(&session, "talk", json!({"times": 1})).await;
    let ours = stream.event().await.unwrap().id;
    let mut foreign = begin(&other, "talk", json!({"times": 1})).await;
    let foreign = foreign.event().await.unwrap().id;
    assert_ne!(ours, foreign);
    let (place, _) = ours.rsplit_once('/').unwrap();
    let (tag, _) = ours.split_once('/').unwrap();
    for id in [
        "x",
        "0",
        "",
        "a b",
        "\u{e9}",
        &"9".repeat(5000),
        &foreign,
        place,
        &format!("{place}/7"),
        &format!("{place}/-1"),
        &format!("{place}/01"),
        &format!("{place}/18446744073709551616"),
        &format!("{tag}/77/1"),
        &format!("{ours}\r\nLast-Event-ID: {ours}"),
    ] {
        let mut stream = session.listen(Some(id)).await;
        assert_eq!(stream.status(), 400, "{id}");
        let body = stream.json().await;
        assert_eq!(body["error"]["code"], -32600, "{id}");
        assert!(body.get("id").is_none());
    }
    seen.allow("", 2);
    assert!(
        stream.message().await.is_some(),
        "nobody took the stream over"
    );
}

/// SPEC C-75, C.3 row 6: when its session ends, nothing can be resumed.
#[tokio::test]
async fn an_ended_session_keeps_nothing() {
    let (running, _) = eager_probe().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let mut stream = begin(&session, "wait", json!({})).await;
    let last = stream.event().await.unwrap().id;
    assert_eq!(session.delete().await, 200);
    assert_eq!(session.listen(Some(&last)).await.status(), 404);
}

/// SPEC C-58: a client that resumes takes over the stream, although its old connection looks open.
#[tokio::test]
async fn the_new_connection_takes_over() {
    let (running, seen) = eager_probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let mut old = begin(&session, "talk", json!({"times": 2})).await;
        seen.allow("", 1);
        let last = told(&mut old).await.id;
        let mut new = resume(&session, &last).await;
        assert!(old.event().await.is_none());
        seen.allow("", 2);
        let messages = new.messages().await;
        assert_eq!((notes(&messages, ""), messages.len()), (vec![1], 2));
    }
}

/// SPEC C-59, C-56, PITFALLS R-53: the replay buffer is bounded in events and in bytes; the oldest
/// event is dropped first, and no client resumes across a gap.
#[tokio::test]
async fn what_is_kept_is_bounded() {
    let minute = Duration::from_secs(60);
    for (bytes, events, pad, kept) in [(1 << 20, 3, 0, 3), (4000, 100, 1000, 4)] {
        let (running, _) = probe_with(|builder| {
            builder.limits(|limits| {
                limits.replay.bytes = bytes;
                limits.replay.events = events;
                limits.replay.age = minute;
            })
        })
        .await;
        let session = Session::open(running.address, V06, json!({})).await;
        let arguments = json!({"times": 8, "pad": pad});
        let mut stream = begin(&session, "chat", arguments).await;
        let mut ids = Vec::new();
        while let Some(event) = stream.event().await {
            ids.push(event.id);
        }
        assert_eq!(ids.len(), 9, "all of it reached the client that was there");
        for (at, id) in ids.iter().enumerate() {
            let mut stream = session.listen(Some(id)).await;
            let is_kept = (1..=kept).contains(&(ids.len() - at - 1));
            assert_eq!(stream.status(), if is_kept { 200 } else { 400 }, "{at}");
            if is_kept {
                assert_eq!(stream.messages().await.len(), ids.len() - at - 1);
            }
        }
    }
}

/// FIELD X-6: an answer too large to keep evicts no other event; its own stream cannot be resumed
/// before it, and nothing follows it.
#[tokio::test]
async fn an_answer_too_large_to_keep_costs_other_streams_nothing() {
    let (running, _) = eager_probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let all = async |arguments| {
            let mut stream = begin(&session, "chat", arguments).await;
            let mut events = Vec::new();
            while let Some(event) = stream.event().await {
                events.push(event);
            }
            events
        };
        let small = all(json!({"tag": "small", "times": 1})).await;
        let large = all(json!({"tag": "large", "times": 1, "bytes": 1_200_000})).await;
        assert!(large.last().unwrap().data.len() > 1_200_000);
        for event in &large {
            let resumed = session.listen(Some(&event.id)).await;
            assert_eq!(resumed.status(), 400, "{version} {}", event.id);
        }
        let mut again = resume(&session, &small[0].id).await;
        for expected in &small[1..] {
            let event = again.event().await.unwrap();
            assert_eq!((&event.id, &event.data), (&expected.id, &expected.data));
        }
        assert!(again.event().await.is_none());
    }
}

/// SPEC C-59: a finished stream is kept for a while, and unknown afterwards.
#[tokio::test]
async fn what_is_kept_is_kept_for_its_time() {
    let age = Duration::from_millis(20);
    let (running, _) = probe_with(|builder| {
        builder.limits(|limits| {
            limits.replay.bytes = 1 << 20;
            limits.replay.events = 100;
            limits.replay.age = age;
        })
    })
    .await;
    let session = Session::open(running.address, V11, json!({})).await;
    let mut stream = begin(&session, "chat", json!({"times": 1})).await;
    let first = stream.event().await.unwrap();
    soon("the end of its time", async {
        while session.listen(Some(&first.id)).await.status() == 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(session.listen(Some(&first.id)).await.status(), 400);
    assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
}

/// SPEC C-41, C-53: the standalone stream resumes too; without an id it delivers what was not yet
/// sent.
#[tokio::test]
async fn the_standalone_stream_goes_on() {
    let (server, _) = probe();
    let running = start(McpService::builder(server.clone()).build().unwrap()).await;
    let is_update = |event: &Received| event.data.contains("notifications/resources/updated");
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        session
            .call("resources/subscribe", json!({"uri": "test://a"}))
            .await;
        let mut stream = session.listen(None).await;
        server.resource_updated("test://a");
        let first = told(&mut stream).await;
        server.resource_updated("test://a");
        let second = told(&mut stream).await;
        drop(stream);
        server.resource_updated("test://a");
        for _ in 0..2 {
            let mut stream = resume(&session, &first.id).await;
            assert_eq!(told(&mut stream).await.id, second.id);
            let third = told(&mut stream).await;
            assert!(is_update(&third), "{}", third.data);
            server.resource_updated("test://a");
            let live = told(&mut stream).await;
            assert!(is_update(&live) && live.id != third.id);
        }
        server.resource_updated("test://none");
        session.delete().await;
    }
}

/// SPEC C-60, C-62, C-63, C.2 row 12: at 2025-11-25 the standalone stream begins with a priming
/// event.
#[tokio::test]
async fn a_standalone_stream_is_primed() {
    let (running, _) = probe_with(|builder| builder).await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let mut stream = session.listen(None).await;
        if version == V11 {
            let first = stream.event().await.unwrap();
            assert_eq!((&*first.data, stream.retry()), ("", None));
            let mut again = resume(&session, &first.id).await;
            assert!(stream.event().await.is_none());
            session.delete().await;
            assert!(again.event().await.is_none());
            assert_eq!((stream.retry(), again.retry()), (None, None));
        } else {
            session.delete().await;
            assert!(stream.event().await.is_none(), "{version}");
            assert_eq!(stream.retry(), None);
        }
    }
}

/// SPEC C-61, C-62, C-64: a long call releases its connection, and the client resumes for the rest,
/// in the one revision that allows it.
#[tokio::test]
async fn a_call_lets_its_connection_go() {
    let (running, seen) = probe_with(|builder| {
        builder.timeouts(|timeouts| timeouts.retry = Duration::from_millis(77))
    })
    .await;
    for times in [0, 2] {
        let session = Session::open(running.address, V11, json!({})).await;
        let mut stream = begin(&session, "release", json!({"times": times})).await;
        let first = stream.event().await.unwrap();
        assert_eq!(first.data, "");
        let mut last = first.id;
        for expected in 0..times {
            let event = stream.event().await.unwrap();
            assert_eq!(number(&event), expected);
            last = event.id;
        }
        let end = stream.event().await.unwrap();
        assert_eq!((&*end.data, stream.retry()), ("", Some(77)));
        assert!(
            stream.event().await.is_none(),
            "the connection ends, the call does not"
        );
        // A client that missed the last event gets no `retry` of a connection that it does not have.
        let mut missed = resume(&session, &last).await;
        let again = missed.event().await.unwrap();
        assert_eq!((&again.id, missed.retry()), (&end.id, None));
        last = end.id;
        seen.happens("begun", "").await;
        let mut stream = resume(&session, &last).await;
        seen.allow("", 1);
        let messages = stream.messages().await;
        assert_eq!((messages.len(), text_of(&messages[0])), (1, "true"));
    }
    for version in [V03, V06] {
        let session = Session::open(running.address, version, json!({})).await;
        let mut stream = begin(&session, "release", json!({"times": 1})).await;
        assert_eq!(number(&told(&mut stream).await), 0);
        seen.happens("begun", "").await;
        seen.allow("", 1);
        assert_eq!(
            text_of(&stream.message().await.unwrap()),
            "false",
            "{version}"
        );
        assert!(stream.event().await.is_none());
    }
    let session = Session::open(running.address, V11, json!({})).await;
    let headers = format!(
        "{}Content-Type: application/json\r\nAccept: application/json\r\n",
        session.headers()
    );
    let body = message(1, "tools/call", call("release", json!({})));
    seen.allow("", 1);
    let mut stream = Stream::open(running.address, "POST /mcp", &headers, body).await;
    assert_eq!(
        text_of(&stream.json().await),
        "false",
        "nobody would come back"
    );
}

/// SPEC A-66, C-55: the stream of a batch resumes like any other.
#[tokio::test]
async fn the_answers_of_a_batch_wait_for_their_client() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V03, json!({})).await;
    let wait = |id: u64, tag: &str| message(id, "tools/call", call("wait", json!({"tag": tag})));
    let batch = format!("[{},{},{}]", wait(1, "a"), wait(2, "b"), wait(3, "c"));
    let mut stream = session.post(batch).await;
    seen.allow("b", 1);
    let first = told(&mut stream).await;
    assert!(first.data.contains("waited b"));
    drop(stream);
    seen.allow("c", 1);
    seen.happens("over", "c").await;
    let mut stream = resume(&session, &first.id).await;
    assert_eq!(text_of(&stream.message().await.unwrap()), "waited c");
    seen.allow("a", 1);
    assert_eq!(text_of(&stream.message().await.unwrap()), "waited a");
    assert!(stream.message().await.is_none());
}

/// SPEC C-44, C-59: a client that does not read loses its connection and nothing else: the call
/// runs on, others are not affected, and the client can resume for the rest.
#[tokio::test]
async fn a_client_that_does_not_read_loses_its_connection() {
    const PAD: usize = 256 * 1024;
    const TIMES: usize = 64;
    let (running, seen) = probe_with(|builder| {
        let builder = builder
            .limits(|limits| {
                limits.queue.bytes = 1 << 20;
                limits.queue.events = 8;
            })
            .timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
        builder.limits(|limits| {
            limits.replay.bytes = TIMES * PAD * 2;
            limits.replay.events = 1000;
            limits.replay.age = Duration::from_secs(60);
        })
    })
    .await;
    let session = Session::open(running.address, V11, json!({})).await;
    let mut slow = begin(&session, "talk", json!({"times": TIMES, "pad": PAD})).await;
    seen.allow("", TIMES + 1);
    seen.happens("over", "").await;
    assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
    let mut last = None;
    let mut next = 0;
    while let Some(event) = slow.event().await {
        if !event.data.is_empty() {
            assert_eq!(number(&event), next);
            next += 1;
        }
        last = Some(event.id);
    }
    assert!(next < TIMES as u64, "the kernel's buffers hold less");
    let mut back = resume(&session, &last.unwrap()).await;
    let rest = back.messages().await;
    assert_eq!(notes(&rest, ""), (next..TIMES as u64).collect::<Vec<_>>());
    assert_eq!(text_of(rest.last().unwrap()), "talked ");
}
