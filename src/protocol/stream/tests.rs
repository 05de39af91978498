//! Streams, and what their clients see on lines that tests can inspect.

use std::collections::HashSet;

use super::super::line::{Line, resumption};
use super::*;

fn streams() -> Streams<Line> {
    Streams::resumable(resumption())
}

/// A stream of a revision without priming events.
fn opened(streams: &mut Streams<Line>) -> StreamId {
    streams.open(false)
}

fn push(streams: &mut Streams<Line>, id: StreamId, method: &str) -> Result<(), Closed> {
    push_at(streams, id, method, Instant::now())
}

fn push_at(
    streams: &mut Streams<Line>,
    id: StreamId,
    method: &str,
    now: Instant,
) -> Result<(), Closed> {
    streams.push(id, Outgoing::Notification(method, None), now)
}

#[track_caller]
fn attach(streams: &mut Streams<Line>, id: StreamId) -> Line {
    let line = Line::new();
    streams.attach(id, line.clone(), Instant::now()).unwrap();
    line
}

fn resume(streams: &mut Streams<Line>, last: &EventId) -> Option<Line> {
    let line = Line::new();
    streams.resume(last, line.clone()).map(|_| line)
}

/// The methods of the notifications that arrived, and "" for a priming event.
fn methods(line: &Line) -> Vec<String> {
    let method = |data: String| match data.as_str() {
        "" => String::new(),
        data => {
            let message: serde_json::Value = serde_json::from_str(data).unwrap();
            message["method"].as_str().unwrap().to_owned()
        }
    };
    line.data().into_iter().map(method).collect()
}

// --- events

/// SPEC C-50: all events of a stream have an id, or none has.
#[test]
fn events_have_ids_where_a_stream_is_resumed() {
    let mut streams = streams();
    let id = streams.open(true);
    let line = attach(&mut streams, id);
    streams.begin(id, Instant::now()).unwrap();
    push(&mut streams, id, "a").unwrap();
    assert_eq!(line.ids().len(), 2);

    let untagged = Resumption {
        tag: None,
        ..resumption()
    };
    let mut streams = Streams::resumable(untagged);
    let id = streams.open(true);
    let line = attach(&mut streams, id);
    streams.begin(id, Instant::now()).unwrap();
    streams.prime(id, Instant::now()).unwrap();
    push(&mut streams, id, "a").unwrap();
    assert_eq!(
        line.text(),
        "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n\n"
    );
    assert!(!streams.pause(id, Instant::now()) && !line.is_over());
}

/// SPEC B-13: HTTP+SSE has no ids, and what its only connection refuses is lost.
#[test]
fn a_bound_stream_is_its_connection() {
    let line = Line::holding(1);
    let mut streams = Streams::bound(line.clone());
    push(&mut streams, StreamId::STANDALONE, "a").unwrap();
    assert_eq!(
        push(&mut streams, StreamId::STANDALONE, "b"),
        Err(Closed),
        "SPEC B-17"
    );
    assert_eq!(
        line.text(),
        "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n\n"
    );
    let last = Tag::random().event_id(StreamId::STANDALONE, 1);
    assert!(resume(&mut streams, &last).is_none());
    assert!(!streams.pause(StreamId::STANDALONE, Instant::now()));
}

/// SPEC C-51: "unique across all streams within that session".
#[test]
fn event_ids_are_unique_over_streams_and_connections() {
    let mut streams = streams();
    let ids = [
        StreamId::STANDALONE,
        streams.open(true),
        streams.open(false),
        streams.open(true),
    ];
    let mut seen = Vec::new();
    for _ in 0..2 {
        let lines = ids.map(|id| attach(&mut streams, id));
        for id in ids.into_iter().cycle().take(12) {
            push(&mut streams, id, "n").unwrap();
        }
        streams.prime(StreamId::STANDALONE, Instant::now()).unwrap();
        seen.extend(lines.iter().flat_map(Line::ids));
    }
    // Two streams begin with a priming event, and the standalone stream had two.
    assert_eq!(seen.len(), 2 * 12 + 2 + 2);
    let unique: HashSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len());
}

/// SPEC C-60, C-64, J-20: first, once, and only if the revision has it.
#[test]
fn a_stream_begins_with_a_priming_event_where_it_has_one() {
    for primes in [true, false] {
        let mut streams = streams();
        let id = streams.open(primes);
        let line = attach(&mut streams, id);
        assert!(!streams.is_begun(id));
        for _ in 0..2 {
            streams.begin(id, Instant::now()).unwrap();
        }
        assert!(streams.is_begun(id));
        push(&mut streams, id, "a").unwrap();
        let expected: &[&str] = if primes { &["", "a"] } else { &["a"] };
        assert_eq!(methods(&line), expected);

        let id = streams.open(primes);
        push(&mut streams, id, "a").unwrap();
        assert!(streams.is_begun(id));
        assert_eq!(methods(&attach(&mut streams, id)), expected);
    }
}

/// SPEC H-11, FIELD T-2: a priming event has no `retry`, since the stream goes on.
#[test]
fn a_priming_event_is_an_id_and_no_more() {
    let mut streams = streams();
    let id = streams.open(true);
    let line = attach(&mut streams, id);
    streams.begin(id, Instant::now()).unwrap();
    push(&mut streams, id, "a").unwrap();
    let ids = line.ids();
    let message = r#"{"jsonrpc":"2.0","method":"a"}"#;
    assert_eq!(
        line.text(),
        format!(
            "id: {}\ndata: \n\nevent: message\nid: {}\ndata: {message}\n\n",
            ids[0], ids[1]
        )
    );
}

/// SPEC C-62, C-63, H-9, H-11, FIELD T-2: "the server SHOULD send an SSE event with a standard `retry` field
/// before closing the connection": that event is the last of its connection, and later ones get it without
/// the field.
#[test]
fn the_last_event_of_a_connection_tells_how_long_to_wait() {
    let pause = |streams: &mut Streams<Line>, id| assert!(streams.pause(id, Instant::now()));
    let drain = |streams: &mut Streams<Line>, _| streams.drain_standalone(true, Instant::now());
    for (is_standalone, close) in [
        (false, pause as fn(&mut Streams<Line>, StreamId)),
        (true, drain),
    ] {
        let mut streams = streams();
        let id = match is_standalone {
            true => StreamId::STANDALONE,
            false => streams.open(true),
        };
        push(&mut streams, id, "a").unwrap();
        let line = attach(&mut streams, id);
        close(&mut streams, id);
        close(&mut streams, id);
        let last = line.last_id();
        let (rest, end) = (line.text(), format!("id: {last}\nretry: 700\ndata: \n\n"));
        assert!(line.is_over() && rest.ends_with(&end), "{rest}");
        assert_eq!(rest.matches("retry").count(), 1);
        // A client that missed it resumes before it.
        let before = line.ids().into_iter().rev().nth(1).unwrap();
        let back = resume(&mut streams, &before).unwrap();
        assert_eq!(back.text(), format!("id: {last}\ndata: \n\n"));
        assert_eq!(back.is_over(), is_standalone);
        // A client that got it resumes after it, unless the server shuts down.
        let back = resume(&mut streams, &last);
        assert_eq!(back.is_some(), !is_standalone);
    }
}

/// SPEC C-63: a stream that continues from an earlier connection is primed again.
#[test]
fn a_later_connection_can_be_primed_too() {
    let mut streams = streams();
    push(&mut streams, StreamId::STANDALONE, "a").unwrap();
    let line = attach(&mut streams, StreamId::STANDALONE);
    streams.prime(StreamId::STANDALONE, Instant::now()).unwrap();
    assert_eq!(methods(&line), ["a", ""]);
    assert_eq!(line.read().1, None);
}

// --- connections

/// SPEC C-41: events that no client got wait for the next one, in order, and are sent once.
#[test]
fn attaching_gives_what_nobody_took() {
    let mut streams = streams();
    let id = opened(&mut streams);
    push(&mut streams, id, "a").unwrap();
    push(&mut streams, id, "b").unwrap();
    let line = Line::new();
    let attachment = streams.attach(id, line.clone(), Instant::now()).unwrap();
    push(&mut streams, id, "c").unwrap();
    assert_eq!(methods(&line), ["a", "b", "c"]);
    streams.detach(attachment);
    assert!(!streams.is_connected());
    push(&mut streams, id, "d").unwrap();
    let next = attach(&mut streams, id);
    assert!(streams.is_connected());
    push(&mut streams, id, "e").unwrap();
    assert_eq!(methods(&next), ["d", "e"]);
    assert_eq!(line.len(), 3);
}

/// FIELD X-7: a client that left before the first event has no id to resume from, so nothing is kept for it;
/// a client that saw an event has one.
#[test]
fn nothing_is_kept_for_a_client_that_saw_no_event() {
    let mut streams = streams();
    for (seen, kept) in [(&[][..], false), (&["a"], true)] {
        let id = opened(&mut streams);
        let attachment = streams.attach(id, Line::new(), Instant::now()).unwrap();
        for method in seen {
            push(&mut streams, id, method).unwrap();
        }
        streams.detach(attachment);
        push(&mut streams, id, "b").unwrap();
        assert_eq!(streams.keeps(id), kept);
    }
}

/// SPEC C-53, C-54: "replay messages that would have been sent after the last event ID, on the
/// stream that was disconnected, and to resume the stream from that point"; none of another.
#[test]
fn resuming_gives_what_followed_on_that_stream() {
    let mut streams = streams();
    let (one, two) = (opened(&mut streams), opened(&mut streams));
    let line = attach(&mut streams, one);
    for method in ["a", "b", "c"] {
        push(&mut streams, one, method).unwrap();
        push(&mut streams, two, "other").unwrap();
    }
    for (seen, followed) in line.ids().iter().zip([3, 2, 1]) {
        let back = resume(&mut streams, seen).unwrap();
        push(&mut streams, one, "live").unwrap();
        push(&mut streams, two, "other").unwrap();
        assert!(!back.is_over());
        let expected = ["b", "c", "live", "live", "live"];
        // Each turn of this loop has added one event that was live and that the next turn missed.
        let from = 3 - followed;
        assert_eq!(methods(&back), expected[from..3 + from], "{seen}");
    }
    assert_eq!(methods(&attach(&mut streams, two)), ["other"; 6]);
}

/// SPEC C-56, C-57: unknown, forged and foreign ids name nothing, and affect no client.
#[test]
fn an_event_that_was_not_of_this_session_is_refused() {
    let (mut streams, mut others) = (streams(), streams());
    let id = opened(&mut streams);
    let line = attach(&mut streams, id);
    push(&mut streams, id, "a").unwrap();
    let own = line.last_id();
    let foreign = {
        let id = opened(&mut others);
        let line = attach(&mut others, id);
        push(&mut others, id, "a").unwrap();
        line.last_id()
    };
    assert_ne!(own, foreign);
    let tag = streams.tag().unwrap();
    for last in [
        foreign,
        EventId::parse("1").unwrap(),
        EventId::parse(&own.as_str().to_uppercase().replace("/1", "/01")).unwrap(),
        // Before the first, after the last, and on a stream that never existed.
        tag.event_id(id, 0),
        tag.event_id(id, 2),
        tag.event_id(id, u64::MAX),
        tag.event_id(StreamId::nth(2), 1),
        tag.event_id(StreamId::STANDALONE, 0),
    ] {
        assert!(resume(&mut streams, &last).is_none(), "{last}");
    }
    assert!(!line.is_over(), "its client is still connected");
    push(&mut streams, id, "b").unwrap();
    assert_eq!(methods(&line), ["a", "b"]);
}

/// SPEC C-56, C-59: no client resumes over a gap.
#[test]
fn an_event_whose_successors_were_let_go_is_refused() {
    let mut small = resumption();
    small.limits.events = 2;
    let mut streams = Streams::resumable(small);
    let id = opened(&mut streams);
    let line = attach(&mut streams, id);
    for method in ["a", "b", "c", "d"] {
        push(&mut streams, id, method).unwrap();
    }
    let ids = line.ids();
    assert!(resume(&mut streams, &ids[0]).is_none());
    // The event itself is dropped, the later ones are kept.
    let back = resume(&mut streams, &ids[1]).unwrap();
    assert_eq!(methods(&back), ["c", "d"]);
    let back = resume(&mut streams, &ids[3]).unwrap();
    assert_eq!(back.len(), 0);
    push(&mut streams, id, "e").unwrap();
    assert_eq!(methods(&back), ["e"]);
}

/// SPEC C-40, C-58: the newest connection replaces the old one, whatever its state.
#[test]
fn the_newest_connection_wins() {
    let mut streams = streams();
    let (old, new) = (Line::new(), Line::new());
    let first = streams
        .attach(StreamId::STANDALONE, old.clone(), Instant::now())
        .unwrap();
    push(&mut streams, StreamId::STANDALONE, "a").unwrap();
    streams
        .attach(StreamId::STANDALONE, new.clone(), Instant::now())
        .unwrap();
    assert!(old.is_over() && !new.is_over());
    // The end of the old connection is noticed late.
    streams.detach(first);
    push(&mut streams, StreamId::STANDALONE, "b").unwrap();
    let newer = resume(&mut streams, &new.last_id()).unwrap();
    assert!(new.is_over());
    push(&mut streams, StreamId::STANDALONE, "c").unwrap();
    assert_eq!(
        [&old, &new, &newer].map(methods),
        [["a"], ["b"], ["c"]],
        "SPEC C-38"
    );
}

/// SPEC C-44: "a slow reader cannot grow memory"; its connection is dropped, and it has lost nothing when it
/// resumes.
#[test]
fn a_slow_connection_is_let_go_and_can_resume() {
    let mut streams = streams();
    let id = opened(&mut streams);
    let slow = Line::holding(2);
    streams.attach(id, slow.clone(), Instant::now()).unwrap();
    for method in ["a", "b", "c", "d"] {
        push(&mut streams, id, method).unwrap();
    }
    assert!(slow.is_over() && !streams.is_connected());
    // Too slow again, for the events that it missed.
    let still = Line::holding(1);
    streams.resume(&slow.ids()[0], still.clone()).unwrap();
    assert!(still.is_over() && !streams.is_connected());
    assert_eq!(methods(&still), ["b"]);
    let back = resume(&mut streams, &still.last_id()).unwrap();
    assert_eq!(methods(&back), ["c", "d"]);
    assert!(!back.is_over());
}

/// SPEC C-41: what a full connection refused goes to the next one.
#[test]
fn what_was_refused_waits_for_the_next_connection() {
    let mut streams = streams();
    for method in ["a", "b", "c"] {
        push(&mut streams, StreamId::STANDALONE, method).unwrap();
    }
    let full = Line::holding(1);
    streams
        .attach(StreamId::STANDALONE, full.clone(), Instant::now())
        .unwrap();
    let next = Line::holding(3);
    streams
        .attach(StreamId::STANDALONE, next.clone(), Instant::now())
        .unwrap();
    push(&mut streams, StreamId::STANDALONE, "d").unwrap();
    push(&mut streams, StreamId::STANDALONE, "e").unwrap();
    let last = attach(&mut streams, StreamId::STANDALONE);
    assert_eq!(methods(&full), ["a"]);
    assert_eq!(methods(&next), ["b", "c", "d"]);
    assert_eq!(methods(&last), ["e"]);
}

/// SPEC C-61: "the server MAY close the connection (without terminating the SSE stream)", after
/// an event id.
#[test]
fn a_paused_stream_goes_on_when_its_client_comes_back() {
    let mut streams = streams();
    let id = streams.open(true);
    let line = attach(&mut streams, id);
    assert!(streams.pause(id, Instant::now()));
    assert!(line.is_over());
    assert_eq!(methods(&line), ["", ""]);
    push(&mut streams, id, "a").unwrap();
    let back = resume(&mut streams, &line.last_id()).unwrap();
    assert!(!back.is_over());
    push(&mut streams, id, "b").unwrap();
    // A repeated pause is harmless, even without a client.
    assert!(streams.pause(id, Instant::now()));
    assert!(streams.pause(id, Instant::now()));
    assert!(back.is_over());
    assert_eq!(methods(&back), ["a", "b", ""]);
    let again = resume(&mut streams, &back.last_id()).unwrap();
    assert!(!again.is_over());
    streams.end(id);
    assert!(!streams.pause(id, Instant::now()));
}

/// SPEC C-61: a pause before the response has begun still gives the client an event id.
#[test]
fn a_stream_that_is_paused_before_it_is_attached_gives_an_event_id() {
    let mut streams = streams();
    let id = streams.open(true);
    assert!(streams.pause(id, Instant::now()));
    push(&mut streams, id, "a").unwrap();
    let line = attach(&mut streams, id);
    assert_eq!(methods(&line), ["", "a", ""]);
    assert_eq!((line.is_over(), line.read().1), (true, Some(700)));
    push(&mut streams, id, "b").unwrap();
    let back = resume(&mut streams, &line.last_id()).unwrap();
    assert_eq!(methods(&back), ["b"]);
    assert!(!back.is_over());
}

/// SPEC C-64: earlier revisions have no pause.
#[test]
fn a_stream_without_priming_is_not_paused() {
    let mut streams = streams();
    let id = opened(&mut streams);
    let line = attach(&mut streams, id);
    assert!(!streams.pause(id, Instant::now()));
    assert!(!streams.pause(StreamId::STANDALONE, Instant::now()));
    assert!(!streams.pause(StreamId::nth(9), Instant::now()));
    assert!(!line.is_over() && !streams.is_begun(id));
}

// --- the end

/// SPEC C-27: nothing follows the end. SPEC C.2 rows 10 and 10a, FIELD T-1: a client that resumes gets the
/// rest, and is refused when it has everything.
#[test]
fn an_ended_stream_takes_nothing_and_keeps_what_it_has() {
    let mut streams = streams();
    let id = opened(&mut streams);
    let line = attach(&mut streams, id);
    push(&mut streams, id, "a").unwrap();
    push(&mut streams, id, "b").unwrap();
    streams.end(id);
    assert!(line.is_over() && !streams.is_connected());
    assert_eq!(push(&mut streams, id, "c"), Err(Closed));
    assert_eq!(streams.begin(id, Instant::now()), Err(Closed));
    let ids = line.ids();
    let back = resume(&mut streams, &ids[0]).unwrap();
    assert_eq!(methods(&back), ["b"]);
    assert!(back.is_over());
    assert!(resume(&mut streams, &ids[1]).is_none());
    assert!(!streams.is_connected());
}

/// SPEC C-59: "finished streams evicted after a grace period".
#[test]
fn an_ended_stream_is_forgotten_when_its_time_is_up() {
    let start = Instant::now();
    let age = resumption().limits.age;
    let mut streams = streams();
    let (ended, live) = (opened(&mut streams), opened(&mut streams));
    let lines = [ended, live].map(|id| {
        let line = attach(&mut streams, id);
        push_at(&mut streams, id, "a", start).unwrap();
        push_at(&mut streams, id, "b", start).unwrap();
        line
    });
    streams.end(ended);
    let first = lines[0].ids().swap_remove(0);
    streams.expire(start + age - Duration::from_nanos(1));
    assert!(resume(&mut streams, &first).is_some());
    streams.expire(start + age);
    assert!(resume(&mut streams, &first).is_none());
    assert!(streams.attach(ended, Line::new(), Instant::now()).is_none());
    // A running stream is kept, and so is the standalone one.
    assert!(resume(&mut streams, &lines[1].last_id()).is_some());
    assert_eq!(streams.streams.len(), 2);
}

/// SPEC C-59: a stream does not outlive its last event, whichever stream displaced that.
#[test]
fn an_ended_stream_is_forgotten_when_nothing_is_kept_of_it() {
    let mut small = resumption();
    small.limits.events = 2;
    let mut streams = Streams::resumable(small);
    let (id, other) = (opened(&mut streams), opened(&mut streams));
    push(&mut streams, id, "a").unwrap();
    streams.end(id);
    for _ in 0..2 {
        assert!(streams.attach(id, Line::new(), Instant::now()).is_some());
        push(&mut streams, other, "n").unwrap();
    }
    assert!(streams.attach(id, Line::new(), Instant::now()).is_none());
    assert_eq!(streams.streams.len(), 2);
    // A stream that has sent nothing leaves nothing.
    let id = opened(&mut streams);
    streams.end(id);
    assert_eq!(streams.streams.len(), 2);
    // A stream whose only event was larger than the limit.
    let mut none = resumption();
    none.limits.bytes = 0;
    let mut streams = Streams::resumable(none);
    let id = opened(&mut streams);
    let line = attach(&mut streams, id);
    push(&mut streams, id, "a").unwrap();
    streams.end(id);
    assert_eq!((line.len(), line.is_over()), (1, true));
    assert_eq!(streams.streams.len(), 1);
}

/// SPEC C-84, C.3, PITFALLS R-5: all connections end, no stream accepts more, and nothing is kept.
#[test]
fn finishing_ends_all() {
    let mut streams = streams();
    let id = opened(&mut streams);
    let lines = [
        attach(&mut streams, id),
        attach(&mut streams, StreamId::STANDALONE),
    ];
    streams.drain_standalone(true, Instant::now());
    assert_eq!(lines.each_ref().map(Line::is_over), [false, true]);
    assert_eq!(push(&mut streams, StreamId::STANDALONE, "a"), Ok(()));
    let late = attach(&mut streams, StreamId::STANDALONE);
    assert_eq!(methods(&late), ["a"]);
    assert!(late.is_over());
    assert!(streams.keeps(StreamId::STANDALONE));
    streams.finish();
    assert!(!streams.keeps(StreamId::STANDALONE));
    assert!(lines[0].is_over());
    for id in [id, StreamId::STANDALONE] {
        assert_eq!(push(&mut streams, id, "b"), Err(Closed));
    }
}
