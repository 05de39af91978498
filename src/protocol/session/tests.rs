//! One session, with plain values for its connections, its work and its replies.

use serde_json::json;

use super::super::change::Change;
use super::super::line::{Line, resumption};
use super::super::replay::ReplayLimits;
use super::super::uris::Uris;
use super::*;
use crate::wire::json::Json;

type TestSession = Session<Line, &'static str, &'static str>;

const STANDALONE: Route = Route::Stream(StreamId::STANDALONE);
const MINUTE: Duration = Duration::from_secs(60);

/// An HTTP+SSE session, and its connection.
fn bound() -> (TestSession, Line) {
    let line = Line::new();
    (Session::bound(line.clone(), Instant::now()), line)
}

fn resumable() -> TestSession {
    Session::resumable(resumption(), Instant::now())
}

/// An open session of Streamable HTTP.
fn open(version: ProtocolVersion) -> TestSession {
    let mut session = resumable();
    let route = Route::Stream(session.open_stream());
    initialize(&mut session, route, version);
    session
}

fn introduction() -> Introduction {
    Introduction {
        capabilities: Capabilities::none(),
        info: None,
    }
}

fn initialize(session: &mut TestSession, route: Route, version: ProtocolVersion) {
    let id = Id::from("hello");
    let (ticket, _) = session.begin(&id, Kind::Initialize, route, 64).unwrap();
    session.open(version, introduction());
    let answer = Outgoing::Result(&id, &Json::empty());
    session.finish(ticket, answer, Instant::now()).unwrap();
}

#[track_caller]
fn begin(session: &mut TestSession, id: u64, route: Route) -> Ticket {
    session.begin(&id.into(), Kind::Other, route, 64).unwrap().0
}

/// A request on a stream of its own.
fn post(session: &mut TestSession, id: u64) -> (StreamId, Ticket) {
    let stream = session.open_stream();
    (stream, begin(session, id, Route::Stream(stream)))
}

/// Cancels a request. Returns its work.
fn cancel(session: &mut TestSession, id: u64) -> Option<&'static str> {
    let remains = session.cancel(&id.into(), Instant::now());
    assert!(remains.work.len() < 2 && remains.awaited.is_empty());
    remains.work.first().copied()
}

fn done(session: &mut TestSession, ticket: Ticket, id: u64) -> Result<Finished, Closed> {
    let answer = Json::empty();
    session.finish(
        ticket,
        Outgoing::Result(&id.into(), &answer),
        Instant::now(),
    )
}

fn tell(session: &mut TestSession, ticket: Ticket, method: &str) -> Result<(), Closed> {
    session.tell(ticket, Outgoing::Notification(method, None), Instant::now())
}

fn send(session: &mut TestSession, method: &str) -> Result<(), Closed> {
    session.send(Outgoing::Notification(method, None), Instant::now())
}

fn ask(
    session: &mut TestSession,
    about: Option<Ticket>,
    reply: &'static str,
) -> Result<u64, Unasked> {
    session.ask(about, reply, ("ping", None), Instant::now())
}

fn publish(session: &mut TestSession, change: &Change) -> Result<(), Closed> {
    let params = change.params();
    let method = change.method();
    let message = Outgoing::Notification(method.as_str(), params.as_ref());
    let frame = super::super::stream::frame_of(message);
    session.publish(&KeyedChange::of(change), message, &frame, Instant::now())
}

fn close(session: &mut TestSession) -> Remains<&'static str, &'static str> {
    session.close(&ErrorObject::internal(), Instant::now())
}

// --- requests of the client

/// GOTCHAS 8, SPEC B-22: before `initialize` a session serves 2024-11-05.
#[test]
fn a_fresh_session_serves_the_first_revision() {
    let (mut session, _) = bound();
    let (_, terms) = session
        .begin(&1.into(), Kind::Other, STANDALONE, 64)
        .unwrap();
    assert_eq!(terms.version, ProtocolVersion::V2024_11_05);
    assert!(terms.client.is_none());
}

/// SPEC C-83: a request of no session is served under the revision that it names.
#[test]
fn a_request_without_a_session_stands_in_an_open_one() {
    let version = ProtocolVersion::V2025_06_18;
    let mut session: TestSession = Session::of_one_request(resumption(), version, Instant::now());
    let refused = session.begin(&1.into(), Kind::Initialize, STANDALONE, 64);
    assert!(matches!(
        refused.unwrap_err().reason,
        Reason::InitializedAlready
    ));
    let (_, terms) = session
        .begin(&1.into(), Kind::Other, STANDALONE, 64)
        .unwrap();
    assert_eq!(terms.version, version);
    assert!(terms.client.is_none());
}

/// SPEC E-6: `initialize` succeeds once, and may be retried after a failure (PITFALLS R-4).
#[test]
fn a_session_is_initialized_once() {
    let (mut session, _) = bound();
    let (ticket, _) = session
        .begin(&1.into(), Kind::Initialize, STANDALONE, 64)
        .unwrap();
    let refused = session
        .begin(&2.into(), Kind::Initialize, STANDALONE, 64)
        .unwrap_err();
    assert!(matches!(refused.reason, Reason::InitializedAlready));
    let (id, error) = (1.into(), ErrorObject::invalid_params("no"));
    let answer = Outgoing::Error(Some(&id), &error);
    session.finish(ticket, answer, Instant::now()).unwrap();
    initialize(&mut session, STANDALONE, ProtocolVersion::V2025_03_26);
    let refused = session
        .begin(&4.into(), Kind::Initialize, STANDALONE, 64)
        .unwrap_err();
    assert!(matches!(refused.reason, Reason::InitializedAlready));
    let (_, terms) = session
        .begin(&5.into(), Kind::Other, STANDALONE, 64)
        .unwrap();
    assert_eq!(terms.version, ProtocolVersion::V2025_03_26);
    assert!(terms.client.is_some());
}

/// SPEC A-12, PITFALLS R-13: a running id is refused, `1` is not `"1"`, and a finished id is free.
#[test]
fn an_id_runs_once() {
    let (mut session, _) = bound();
    let ticket = begin(&mut session, 1, STANDALONE);
    let refused = session.begin(&1.into(), Kind::Other, STANDALONE, 64);
    assert!(matches!(refused.unwrap_err().reason, Reason::IdInUse));
    session
        .begin(&"1".into(), Kind::Other, STANDALONE, 64)
        .unwrap();
    assert!(session.is_running(&1.into()) && !session.is_running(&2.into()));
    done(&mut session, ticket, 1).unwrap();
    begin(&mut session, 1, STANDALONE);
}

#[test]
fn running_requests_are_limited() {
    let (mut session, _) = bound();
    let (first, _) = session
        .begin(&1.into(), Kind::Other, STANDALONE, 2)
        .unwrap();
    session
        .begin(&2.into(), Kind::Other, STANDALONE, 2)
        .unwrap();
    let refused = session.begin(&3.into(), Kind::Other, STANDALONE, 2);
    assert!(matches!(
        refused.unwrap_err().reason,
        Reason::TooManyRequests { .. }
    ));
    done(&mut session, first, 1).unwrap();
    session
        .begin(&3.into(), Kind::Other, STANDALONE, 2)
        .unwrap();
}

/// SPEC A-7, E-87, E-89, PITFALLS R-9: exactly one terminal message, none after a cancel, in any order.
#[test]
fn a_cancelled_request_gets_no_answer() {
    let (mut session, line) = bound();
    let ticket = begin(&mut session, 1, STANDALONE);
    session.work(ticket, "work").unwrap();
    assert_eq!(cancel(&mut session, 1), Some("work"));
    assert_eq!(cancel(&mut session, 1), None);
    assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Gone));
    assert_eq!(line.len(), 0);
    // Cancelled before its work was stored: the work is returned, to be ended.
    let ticket = begin(&mut session, 2, STANDALONE);
    assert_eq!(cancel(&mut session, 2), None);
    assert_eq!(session.work(ticket, "late"), Err("late"));
    // Finished before the cancel: the answer stands.
    let ticket = begin(&mut session, 3, STANDALONE);
    assert_eq!(done(&mut session, ticket, 3), Ok(Finished::Sent));
    assert_eq!(cancel(&mut session, 3), None);
    assert_eq!(line.len(), 1);
}

/// SPEC E-88: the stream of a cancelled request ends without an answer, after the messages before the cancel;
/// a stream that other requests share continues.
#[test]
fn cancelling_ends_the_stream_of_the_request() {
    let mut session = open(ProtocolVersion::V2025_03_26);
    let (stream, ticket) = post(&mut session, 1);
    let other = begin(&mut session, 2, Route::Stream(stream));
    let line = Line::new();
    session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    tell(&mut session, ticket, "said").unwrap();
    cancel(&mut session, 1);
    assert!(!line.is_over());
    session.work(other, "work").unwrap();
    assert_eq!(cancel(&mut session, 2), Some("work"));
    assert!(line.is_over());
    assert_eq!(line.data(), [r#"{"jsonrpc":"2.0","method":"said"}"#]);
    assert_eq!(done(&mut session, other, 2), Ok(Finished::Gone));
    // An HTTP+SSE stream does not belong to one request.
    let (mut session, line) = bound();
    begin(&mut session, 1, STANDALONE);
    cancel(&mut session, 1);
    assert!(!line.is_over());
}

/// SPEC A-12: what is left of a cancelled request does not affect a later one with its id.
#[test]
fn a_cancelled_request_cannot_speak_for_its_successor() {
    let (mut session, line) = bound();
    let first = begin(&mut session, 1, STANDALONE);
    cancel(&mut session, 1);
    let second = begin(&mut session, 1, STANDALONE);
    session.work(second, "second").unwrap();
    assert_eq!(session.work(first, "first"), Err("first"));
    assert_eq!(tell(&mut session, first, "n"), Err(Closed));
    assert_eq!(ask(&mut session, Some(first), "r"), Err(Unasked::Closed));
    assert_eq!(done(&mut session, first, 1), Ok(Finished::Gone));
    assert_eq!(line.len(), 0);
    assert_eq!(done(&mut session, second, 1), Ok(Finished::Sent));
    assert_eq!(line.len(), 1);
}

/// SPEC E-8: `initialize` cannot be cancelled.
#[test]
fn initialize_cannot_be_cancelled() {
    let (mut session, line) = bound();
    let (ticket, _) = session
        .begin(&1.into(), Kind::Initialize, STANDALONE, 64)
        .unwrap();
    session.work(ticket, "work").unwrap();
    assert_eq!(cancel(&mut session, 1), None);
    assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Sent));
    assert_eq!(line.len(), 1);
}

/// SPEC E-85: no message about a request follows its answer.
#[test]
fn nothing_is_told_of_a_finished_request() {
    let (mut session, line) = bound();
    let ticket = begin(&mut session, 1, STANDALONE);
    tell(&mut session, ticket, "n").unwrap();
    done(&mut session, ticket, 1).unwrap();
    assert_eq!(tell(&mut session, ticket, "n"), Err(Closed));
    assert_eq!(line.len(), 2);
}

// --- where answers go

/// SPEC C-23, C-27: an answer with nothing before it becomes the body of the response; after anything else it
/// is sent on the stream, and the stream ends with it.
#[test]
fn an_answer_goes_where_its_request_has_begun_to_be_answered() {
    let mut session = open(ProtocolVersion::V2025_11_25);
    let (stream, ticket) = post(&mut session, 1);
    assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Kept));
    assert!(
        session
            .attach(stream, Line::new(), Instant::now())
            .is_none()
    );

    let (stream, ticket) = post(&mut session, 2);
    let line = Line::new();
    session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    assert_eq!(done(&mut session, ticket, 2), Ok(Finished::Kept));
    assert_eq!((line.len(), line.is_over()), (0, true));

    let (stream, ticket) = post(&mut session, 3);
    session.begin_stream(stream, Instant::now());
    assert_eq!(done(&mut session, ticket, 3), Ok(Finished::Sent));
    let line = Line::new();
    session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    let answer = r#"{"jsonrpc":"2.0","id":3,"result":{}}"#;
    assert_eq!(line.data(), ["", answer]);
    assert!(line.is_over());

    let (stream, ticket) = post(&mut session, 4);
    tell(&mut session, ticket, "n").unwrap();
    assert_eq!(done(&mut session, ticket, 4), Ok(Finished::Sent));
    session.attach(stream, Line::new(), Instant::now()).unwrap();
}

/// SPEC C-14: a client that accepts only JSON gets no messages before the answer.
#[test]
fn a_request_without_a_stream_has_its_answer_kept() {
    let mut session = open(ProtocolVersion::V2025_11_25);
    let stream = session.open_stream();
    let ticket = begin(&mut session, 1, Route::Answer(stream));
    let line = Line::new();
    session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    tell(&mut session, ticket, "n").unwrap();
    assert!(!session.pause(ticket, Instant::now()));
    assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Kept));
    assert_eq!((line.len(), line.is_over()), (0, true));
}

/// SPEC A-66, C-27: the stream of a batch ends with the last answer.
#[test]
fn a_shared_stream_ends_with_its_last_request() {
    let mut session = open(ProtocolVersion::V2025_03_26);
    let (stream, first) = post(&mut session, 1);
    let second = begin(&mut session, 2, Route::Stream(stream));
    session.begin_stream(stream, Instant::now());
    let line = Line::new();
    session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    assert_eq!(done(&mut session, second, 2), Ok(Finished::Sent));
    assert!(!line.is_over());
    assert_eq!(done(&mut session, first, 1), Ok(Finished::Sent));
    assert_eq!((line.len(), line.is_over()), (2, true));
}

/// Even if nothing is kept for a resumption, a client that is connected after the first step of its request
/// gets all messages of that step, and its stream is gone at the end.
#[test]
fn a_first_step_is_delivered_whole() {
    let mut session: TestSession = Session::of_one_request(
        Resumption {
            limits: ReplayLimits {
                bytes: 0,
                events: 0,
                age: MINUTE,
            },
            ..resumption()
        },
        ProtocolVersion::V2025_11_25,
        Instant::now(),
    );
    for ends in [false, true] {
        let (stream, ticket) = post(&mut session, 1);
        tell(&mut session, ticket, "a").unwrap();
        tell(&mut session, ticket, "b").unwrap();
        if ends {
            done(&mut session, ticket, 1).unwrap();
        }
        let line = Line::new();
        session
            .attach(stream, line.clone(), Instant::now())
            .unwrap();
        assert_eq!((line.len(), line.is_over()), (3 + usize::from(ends), ends));
        if !ends {
            assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Sent));
            assert_eq!((line.len(), line.is_over()), (4, true));
        }
        assert!(
            session
                .attach(stream, Line::new(), Instant::now())
                .is_none()
        );
    }
}

/// SPEC J-20: the stream of an `initialize` uses the revision that the client asks for.
#[test]
fn the_first_stream_is_of_the_revision_that_is_asked_for() {
    for version in ProtocolVersion::LEGACY {
        let mut session = resumable();
        session.expect(version);
        let stream = session.open_stream();
        let id = Id::from(1);
        let route = Route::Stream(stream);
        session.begin(&id, Kind::Initialize, route, 64).unwrap();
        session.begin_stream(stream, Instant::now());
        let line = Line::new();
        session
            .attach(stream, line.clone(), Instant::now())
            .unwrap();
        assert_eq!(line.len() == 1, version.has_priming_events(), "{version}");
    }
}

/// PITFALLS R-4, SPEC C-28: an `initialize` is given up if its client left without an event to resume from;
/// not if the client is connected or has such an event.
#[test]
fn an_initialize_without_its_client_is_given_up() {
    for version in ProtocolVersion::LEGACY {
        let mut session = resumable();
        session.expect(version);
        let stream = session.open_stream();
        let route = Route::Stream(stream);
        let begun = session.begin(&1.into(), Kind::Initialize, route, 64);
        let (ticket, _) = begun.unwrap();
        let attachment = session.attach(stream, Line::new(), Instant::now()).unwrap();
        session.begin_stream(stream, Instant::now());
        assert!(!session.is_given_up(), "it is there");
        session.detach(attachment, Instant::now());
        let comes_back = version.has_priming_events();
        assert_eq!(session.is_given_up(), !comes_back, "{version}");
        session.open(version, introduction());
        done(&mut session, ticket, 1).unwrap();
        assert!(!session.is_given_up(), "it is open");
    }
}

/// A request that never ran leaves nothing.
#[test]
fn an_abandoned_request_is_forgotten() {
    let mut session = open(ProtocolVersion::V2025_11_25);
    let (stream, ticket) = post(&mut session, 1);
    session.abandon(ticket);
    session.end_stream(stream);
    assert!(
        session
            .attach(stream, Line::new(), Instant::now())
            .is_none()
    );
    assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Gone));
    begin(&mut session, 1, STANDALONE);
}

/// SPEC C-28: a request continues after its client has left, and its answer waits for the client.
#[test]
fn an_answer_waits_for_a_client_that_left() {
    let mut session = open(ProtocolVersion::V2025_06_18);
    let (stream, ticket) = post(&mut session, 1);
    let line = Line::new();
    let attachment = session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    tell(&mut session, ticket, "n").unwrap();
    session.detach(attachment, Instant::now());
    assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Sent));
    let back = Line::new();
    session.resume(&line.last_id(), back.clone()).unwrap();
    assert_eq!(back.data(), [r#"{"jsonrpc":"2.0","id":1,"result":{}}"#]);
    assert!(back.is_over());
}

/// FIELD X-7: a client that left before the first event cannot be reached, so it is not asked.
#[test]
fn a_client_that_cannot_come_back_is_not_asked() {
    for (is_told, expected) in [(false, Err(Unasked::Closed)), (true, Ok(1))] {
        let mut session = open(ProtocolVersion::V2025_06_18);
        let (stream, ticket) = post(&mut session, 1);
        let attachment = session.attach(stream, Line::new(), Instant::now()).unwrap();
        if is_told {
            tell(&mut session, ticket, "n").unwrap();
        }
        session.detach(attachment, Instant::now());
        let asked = session.ask(Some(ticket), "reply", ("ping", None), Instant::now());
        assert_eq!(asked, expected);
    }
}

/// SPEC C-61, C-62, C-64: only 2025-11-25 lets the server close the connection before the answer.
#[test]
fn a_request_lets_its_connection_go() {
    for (version, pauses) in [
        (ProtocolVersion::V2025_03_26, false),
        (ProtocolVersion::V2025_06_18, false),
        (ProtocolVersion::V2025_11_25, true),
    ] {
        let mut session = open(version);
        let (stream, ticket) = post(&mut session, 1);
        let line = Line::new();
        session
            .attach(stream, line.clone(), Instant::now())
            .unwrap();
        assert_eq!(session.pause(ticket, Instant::now()), pauses, "{version}");
        assert_eq!(line.is_over(), pauses, "{version}");
        // The priming event, and the one that says how long to wait.
        assert_eq!(line.len(), if pauses { 2 } else { 0 }, "{version}");
        assert_eq!(line.read().1, pauses.then_some(700), "{version}");
        done(&mut session, ticket, 1).unwrap();
        assert!(!session.pause(ticket, Instant::now()), "{version}");
        if pauses {
            let back = Line::new();
            session.resume(&line.last_id(), back.clone()).unwrap();
            assert_eq!((back.len(), back.is_over()), (1, true));
        }
    }
    let (mut session, line) = bound();
    let ticket = begin(&mut session, 1, STANDALONE);
    assert!(!session.pause(ticket, Instant::now()) && !line.is_over());
}

// --- messages of the server

/// SPEC C-36, C-37, C-38: a message of no request is sent on the standalone stream, once.
#[test]
fn a_message_of_no_request_goes_on_the_standalone_stream() {
    let mut session = open(ProtocolVersion::V2025_06_18);
    let (stream, ticket) = post(&mut session, 1);
    let (its, standalone) = (Line::new(), Line::new());
    session.attach(stream, its.clone(), Instant::now()).unwrap();
    session.listen(standalone.clone(), Instant::now()).unwrap();
    send(&mut session, "unrelated").unwrap();
    tell(&mut session, ticket, "related").unwrap();
    done(&mut session, ticket, 1).unwrap();
    assert_eq!(
        standalone.data(),
        [r#"{"jsonrpc":"2.0","method":"unrelated"}"#]
    );
    assert_eq!(its.data().len(), 2);
    assert!(its.data()[0].contains("\"related\""));
    assert!(!standalone.is_over());
}

/// SPEC C.2 row 12: first what waited, then a priming event if the revision has one.
#[test]
fn a_standalone_stream_begins_with_what_waited() {
    for (version, primes) in [
        (ProtocolVersion::V2025_06_18, false),
        (ProtocolVersion::V2025_11_25, true),
    ] {
        let mut session = open(version);
        send(&mut session, "waited").unwrap();
        let line = Line::new();
        session.listen(line.clone(), Instant::now()).unwrap();
        let data = line.data();
        assert_eq!(data.len(), 1 + usize::from(primes), "{version}");
        assert!(data[0].contains("waited"));
        assert_eq!(data.last().unwrap().is_empty(), primes, "{version}");
        assert_eq!(line.read().1, None, "FIELD T-2");
    }
}

/// SPEC A-14, G-22, C-22: the ids of the server count up; a reply is accepted once.
#[test]
fn replies_find_their_place_once() {
    let (mut session, line) = bound();
    assert_eq!(ask(&mut session, None, "a"), Ok(1));
    assert_eq!(ask(&mut session, None, "b"), Ok(2));
    assert_eq!(session.answered(1), Some("a"));
    assert_eq!(session.answered(1), None);
    assert_eq!(session.answered(9), None);
    assert_eq!(ask(&mut session, None, "c"), Ok(3));
    assert!(line.data()[2].contains("\"id\":3"));
}

/// SPEC C-25, E-96, E-112: a question is sent on the stream of the request that caused it, and nowhere else.
#[test]
fn a_question_goes_on_the_stream_of_its_request() {
    let mut session = open(ProtocolVersion::V2025_06_18);
    let standalone = Line::new();
    session.listen(standalone.clone(), Instant::now()).unwrap();
    let (stream, ticket) = post(&mut session, 1);
    let line = Line::new();
    session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    assert_eq!(ask(&mut session, Some(ticket), "a"), Ok(1));
    assert_eq!(line.data(), [r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#]);
    assert_eq!(ask(&mut session, None, "b"), Err(Unasked::NoStream));
    let stream = session.open_stream();
    let json = begin(&mut session, 2, Route::Answer(stream));
    assert_eq!(ask(&mut session, Some(json), "c"), Err(Unasked::NoStream));
    done(&mut session, ticket, 1).unwrap();
    assert_eq!(ask(&mut session, Some(ticket), "d"), Err(Unasked::Closed));
    assert_eq!(standalone.len(), 0);
    // A question that was not sent leaves no slot.
    assert_eq!(close(&mut session).awaited, ["a"]);
    assert_eq!(ask(&mut session, None, "e"), Err(Unasked::Closed));
}

/// FIELD E-4, SPEC E-10: the client is told that a question needs no answer, on the stream of its request, or
/// after the end of that request on the standalone stream; never if the question has its answer.
#[test]
fn a_withdrawn_question_is_told() {
    let mut session = open(ProtocolVersion::V2025_06_18);
    let standalone = Line::new();
    session.listen(standalone.clone(), Instant::now()).unwrap();
    let (stream, ticket) = post(&mut session, 1);
    let line = Line::new();
    session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    let withdraw =
        |session: &mut TestSession, number| session.withdraw(number, "why", Instant::now());
    for reply in ["a", "b", "c"] {
        ask(&mut session, Some(ticket), reply).unwrap();
    }
    assert_eq!(session.answered(1), Some("a"));
    line.clear();
    assert_eq!(withdraw(&mut session, 1), Ok(None));
    assert_eq!(withdraw(&mut session, 2), Ok(Some("b")));
    assert_eq!(withdraw(&mut session, 2), Ok(None));
    let told = |number: u64| {
        let params = format!(r#"{{"reason":"why","requestId":{number}}}"#);
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{params}}}"#)
    };
    assert_eq!(line.data(), [told(2)]);
    assert_eq!(standalone.len(), 0);
    done(&mut session, ticket, 1).unwrap();
    assert_eq!(withdraw(&mut session, 3), Ok(Some("c")));
    assert_eq!(standalone.data(), [told(3)]);
    assert_eq!(line.len(), 2);
}

/// FIELD E-4, SPEC E-10, E-88: a cancel withdraws the questions of its request, and no others, before the
/// stream of the request ends.
#[test]
fn a_cancel_withdraws_the_questions_of_its_request() {
    let mut session = open(ProtocolVersion::V2025_03_26);
    let (stream, first) = post(&mut session, 1);
    let (_, second) = post(&mut session, 2);
    let line = Line::new();
    session
        .attach(stream, line.clone(), Instant::now())
        .unwrap();
    for (ticket, reply) in [(first, "a"), (second, "b"), (first, "c")] {
        ask(&mut session, Some(ticket), reply).unwrap();
    }
    session.work(first, "work").unwrap();
    line.clear();
    let remains = session.cancel(&1.into(), Instant::now());
    assert_eq!(
        (remains.work, remains.awaited),
        (vec!["work"], vec!["a", "c"])
    );
    assert!(line.is_over());
    let told = line.data();
    assert!(told[0].contains(r#""requestId":1"#) && told[1].contains(r#""requestId":3"#));
    assert_eq!(told.len(), 2);
    assert_eq!(session.answered(2), Some("b"));
}

/// SPEC E-43, E-59: changes of lists go to open sessions, changes of resources only to subscribers.
#[test]
fn changes_reach_whoever_asked() {
    let (mut fresh, unopened) = bound();
    let (mut open, line) = bound();
    initialize(&mut open, STANDALONE, ProtocolVersion::V2025_06_18);
    line.clear();
    let resource = Change::Resource("a://b".into());
    for session in [&mut fresh, &mut open] {
        publish(session, &Change::Tools).unwrap();
        publish(session, &resource).unwrap();
    }
    assert_eq!((unopened.len(), line.len()), (0, 1));
    assert!(open.subscribe("a://b") && open.subscribe("a://b"));
    publish(&mut open, &resource).unwrap();
    assert_eq!(line.len(), 2);
    open.unsubscribe("a://b");
    publish(&mut open, &resource).unwrap();
    assert_eq!(line.len(), 2);
}

/// SPEC C-41, C-51: without a connected client a change waits, and is sent with an event id.
#[test]
fn changes_wait_for_a_client() {
    let mut session = open(ProtocolVersion::V2025_06_18);
    publish(&mut session, &Change::Tools).unwrap();
    publish(&mut session, &Change::Prompts).unwrap();
    let line = Line::new();
    session.listen(line.clone(), Instant::now()).unwrap();
    publish(&mut session, &Change::Resources).unwrap();
    let methods = ["tools", "prompts", "resources"];
    assert_eq!(line.len(), methods.len());
    for (data, method) in line.data().iter().zip(methods) {
        assert!(data.contains(&format!("{method}/list_changed")), "{data}");
    }
    assert_eq!(line.ids().len(), methods.len());
    // A message for one client is not sent to another.
    let other = Line::new();
    session.listen(other.clone(), Instant::now()).unwrap();
    assert_eq!(other.len(), 0);
}

/// FIELD X-2: each with its overhead; an empty URI names nothing, a repeated one costs nothing.
#[test]
fn subscriptions_are_bounded_in_bytes() {
    let (mut session, _) = bound();
    let longest = "x".repeat(Uris::LIMIT - Uris::ENTRY);
    assert!(session.subscribe(&longest) && session.subscribe(&longest));
    assert!(!session.subscribe("y"));
    session.unsubscribe(&longest);
    assert!(session.subscribe("y") && !session.subscribe(""));
}

// --- time

/// FIELD X-9, PITFALLS R-2: a session is busy during its `initialize`, while anything runs and while its
/// client has a stream open; it is settled once its client was active again.
#[test]
fn a_session_rests_when_nothing_runs_and_nobody_listens() {
    let version = ProtocolVersion::V2025_06_18;
    let mut session = resumable();
    let start = session.last_used;
    let rest = |session: &TestSession| session.rest(start + MINUTE);
    assert_eq!(rest(&session), None, "its `initialize` is about to begin");
    let stream = session.open_stream();
    initialize(&mut session, Route::Answer(stream), version);
    let bare = rest(&session).unwrap();
    assert!(!bare.is_settled && bare.since >= start);
    // The delivery of its own answer is not an action of the client.
    let attachment = session.attach(stream, Line::new(), Instant::now());
    attachment
        .into_iter()
        .for_each(|one| session.detach(one, start));
    assert!(!rest(&session).unwrap().is_settled);
    session.touch(start + MINUTE);
    let settled = Rest {
        is_settled: true,
        since: start + MINUTE,
    };
    assert_eq!(rest(&session), Some(settled));
    let (_, ticket) = post(&mut session, 1);
    assert_eq!(rest(&session), None);
    done(&mut session, ticket, 1).unwrap();
    assert!(session.begin_notification(1));
    assert_eq!(rest(&session), None);
    session.end_notification();
    let attachment = session.listen(Line::new(), start).unwrap();
    assert_eq!(rest(&session), None);
    session.detach(attachment, start + MINUTE);
    assert_eq!(rest(&session), Some(settled));
    session.give_way();
    let (id, stream) = (Id::from(2), session.open_stream());
    let refused = session.begin(&id, Kind::Other, Route::Stream(stream), 9);
    assert!(matches!(
        refused.unwrap_err().reason,
        Reason::UnknownSession
    ));
}

/// FIELD X-9: an open HTTP+SSE stream keeps its session for a while, or for good once its client speaks.
#[test]
fn a_silent_sse_session_rests_in_the_end() {
    let (mut session, _line) = bound();
    let start = session.last_used;
    let rest = |session: &TestSession, after| session.rest(start + after).is_some();
    let short = Duration::from_nanos(1);
    assert!(!rest(&session, FIRST_WORD - short));
    assert!(rest(&session, FIRST_WORD));
    begin(&mut session, 1, STANDALONE);
    assert!(!rest(&session, FIRST_WORD), "something runs");
    let (mut session, _line) = bound();
    session.settle();
    assert!(!rest(&session, 60 * MINUTE));
}

/// SPEC C-77: a request or an open stream is activity.
#[test]
fn a_session_is_idle_when_nobody_is_there_and_nothing_runs() {
    let start = Instant::now();
    let mut session: TestSession = Session::resumable(resumption(), start);
    let is_idle =
        |session: &TestSession, minutes| session.is_idle(start + minutes * MINUTE, MINUTE);
    assert!(!session.is_idle(start + MINUTE - Duration::from_nanos(1), MINUTE));
    assert!(is_idle(&session, 1));
    session.touch(start + MINUTE);
    assert!(!is_idle(&session, 1) && is_idle(&session, 2));

    let (_, ticket) = post(&mut session, 1);
    assert!(!is_idle(&session, 9), "a request runs");
    let (id, result) = (Id::from(1), Json::empty());
    let answer = Outgoing::Result(&id, &result);
    session.finish(ticket, answer, start + 9 * MINUTE).unwrap();
    assert!(!is_idle(&session, 9) && is_idle(&session, 10));

    let listening = session.listen(Line::new(), start + 10 * MINUTE).unwrap();
    assert!(!is_idle(&session, 20), "a client is connected");
    session.detach(listening, start + 20 * MINUTE);
    assert!(!is_idle(&session, 20) && is_idle(&session, 21));
    // The clock of another thread may be ahead.
    assert!(!is_idle(&session, 0));
}

/// SPEC C-75: once a session is found idle, nothing starts in it, so that no client is cut off when it is
/// removed.
#[test]
fn a_session_that_was_idle_for_too_long_takes_nothing_more() {
    let start = Instant::now();
    let mut session: TestSession = Session::resumable(resumption(), start);
    assert!(!session.closes_idle(start + MINUTE - Duration::from_nanos(1), MINUTE));
    assert!(!session.is_closed());
    assert!(session.closes_idle(start + MINUTE, MINUTE));
    assert!(session.is_closed());
    session.touch(start + MINUTE);
    let refused = session.begin(&1.into(), Kind::Other, STANDALONE, 64);
    assert!(matches!(
        refused.unwrap_err().reason,
        Reason::UnknownSession
    ));
    assert!(session.listen(Line::new(), start + MINUTE).is_none());
    let message = Outgoing::Notification("n", None);
    assert_eq!(session.send(message, start + MINUTE), Err(Closed));
}

// --- the end

/// PITFALLS R-24: a drained session ends when its last request has its answer.
#[test]
fn a_drained_session_ends_after_its_last_answer() {
    let (mut idle, line) = bound();
    idle.drain(Instant::now());
    assert!(line.is_over());
    let (mut busy, line) = bound();
    let ticket = begin(&mut busy, 1, STANDALONE);
    busy.drain(Instant::now());
    assert!(!line.is_over());
    let refused = busy.begin(&2.into(), Kind::Other, STANDALONE, 64);
    assert!(matches!(refused.unwrap_err().reason, Reason::ShuttingDown));
    done(&mut busy, ticket, 1).unwrap();
    assert_eq!((line.len(), line.is_over()), (1, true));
    // The last request may also be cancelled, or never run.
    for end in [
        (|session, _| assert_eq!(cancel(session, 1), None)) as fn(&mut TestSession, Ticket),
        |session, ticket| session.abandon(ticket),
    ] {
        let (mut session, line) = bound();
        let ticket = begin(&mut session, 1, STANDALONE);
        session.drain(Instant::now());
        end(&mut session, ticket);
        assert!(line.is_over());
    }
}

/// SPEC C-62, C-63, C-84, FIELD T-1: streams end cleanly, those of running requests after their answers. The
/// standalone stream tells its client when to come back, and then only gives what is left.
#[test]
fn a_drained_session_ends_its_streams() {
    for (version, retry) in [
        (ProtocolVersion::V2025_06_18, None),
        (ProtocolVersion::V2025_11_25, Some(700)),
    ] {
        let mut session = open(version);
        let (stream, ticket) = post(&mut session, 1);
        let (its, standalone) = (Line::new(), Line::new());
        session.attach(stream, its.clone(), Instant::now()).unwrap();
        session.listen(standalone.clone(), Instant::now()).unwrap();
        send(&mut session, "early").unwrap();
        session.begin_stream(stream, Instant::now());
        session.drain(Instant::now());
        assert!(!its.is_over() && !standalone.is_over());
        assert_eq!(done(&mut session, ticket, 1), Ok(Finished::Sent));
        assert!(its.is_over() && standalone.is_over());
        assert_eq!((its.read().1, standalone.read().1), (None, retry));
        let last = standalone.last_id();
        assert!(session.resume(&last, Line::new()).is_none(), "{version}");
        // A client that connects now gets what waited, and then the end.
        send(&mut session, "late").unwrap();
        for resumes in [true, false] {
            let late = Line::new();
            let attached = match resumes {
                true => session.resume(&last, late.clone()),
                false => session.listen(late.clone(), Instant::now()),
            };
            assert!(attached.is_some() && late.is_over(), "{version}");
            let waited = usize::from(resumes);
            let told = late.data().into_iter().filter(|data| !data.is_empty());
            assert_eq!(told.count(), waited, "{version}");
        }
    }
}

/// PITFALLS R-5, R-9, R-25: a closed session returns all it held; closing it twice is harmless.
#[test]
fn closing_hands_everything_back() {
    let (mut session, line) = bound();
    let ticket = begin(&mut session, 1, STANDALONE);
    session.work(ticket, "work").unwrap();
    ask(&mut session, None, "reply").unwrap();
    let remains = close(&mut session);
    assert_eq!(
        (remains.work, remains.awaited),
        (vec!["work"], vec!["reply"])
    );
    assert!(line.data()[1].contains("-32603"));
    assert!(line.is_over() && session.is_closed());
    let again = close(&mut session);
    assert!(again.work.is_empty() && again.awaited.is_empty());
    let refused = session.begin(&2.into(), Kind::Other, STANDALONE, 64);
    assert!(matches!(
        refused.unwrap_err().reason,
        Reason::UnknownSession
    ));
    assert_eq!(send(&mut session, "n"), Err(Closed));
}

/// SPEC C.3 row 6, C-30, C-75: all streams end, those that have begun with an error, and a later client finds
/// nothing of the session.
#[test]
fn closing_ends_every_stream() {
    let mut session = open(ProtocolVersion::V2025_11_25);
    let (begun, first) = post(&mut session, 1);
    let (silent, second) = post(&mut session, 2);
    let lines = [Line::new(), Line::new(), Line::new()];
    session
        .attach(begun, lines[0].clone(), Instant::now())
        .unwrap();
    session
        .attach(silent, lines[1].clone(), Instant::now())
        .unwrap();
    session.listen(lines[2].clone(), Instant::now()).unwrap();
    session.begin_stream(begun, Instant::now());
    session.subscribe("a://b");
    close(&mut session);
    assert!(lines.iter().all(Line::is_over));
    let data = lines[0].data();
    assert!(
        data[1].contains(r#""id":1,"error":{"code":-32603"#),
        "{data:?}"
    );
    assert_eq!(lines[1].len(), 0, "its answer is the body of the response");
    for (ticket, id) in [(first, 1), (second, 2)] {
        assert_eq!(done(&mut session, ticket, id), Ok(Finished::Gone));
        assert_eq!(tell(&mut session, ticket, "n"), Err(Closed));
    }
    assert!(session.listen(Line::new(), Instant::now()).is_none());
    let resource = Change::Resource("a://b".into());
    for change in [Change::Tools, resource] {
        assert_eq!(publish(&mut session, &change), Ok(()));
    }
    assert_eq!(lines[2].len(), 1, "the priming event");
}

/// SPEC B-17: a sender learns that a connection is full.
#[test]
fn a_full_connection_is_noticed() {
    let mut session: TestSession = Session::bound(Line::holding(0), Instant::now());
    let ticket = begin(&mut session, 1, STANDALONE);
    let params = Json::try_from(&json!({})).expect("an object");
    let message = Outgoing::Notification("n", Some(&params));
    assert_eq!(session.send(message, Instant::now()), Err(Closed));
    assert_eq!(done(&mut session, ticket, 1), Err(Closed));
}

/// At most `limit` notifications are handled at a time; one that has ended makes room.
#[test]
fn notifications_are_worked_on_up_to_a_limit() {
    let mut session = open(ProtocolVersion::V2025_11_25);
    assert!(session.begin_notification(2) && session.begin_notification(2));
    assert!(!session.begin_notification(2), "one too many");
    session.end_notification();
    assert!(session.begin_notification(2) && !session.begin_notification(2));
    assert!(!session.begin_notification(0));
}

/// What is sent before there is a connection waits for it, and is counted. This revision has no priming
/// events, so only messages wait.
#[test]
fn what_waits_for_the_client_of_a_post_is_counted() {
    let mut session = open(ProtocolVersion::V2025_06_18);
    let (stream, ticket) = post(&mut session, 1);
    let (other, _) = post(&mut session, 2);
    assert_eq!(session.early(stream), (0, 0));
    tell(&mut session, ticket, "n").unwrap();
    let (bytes, events) = session.early(stream);
    tell(&mut session, ticket, "n").unwrap();
    assert!(bytes > 0 && events > 0);
    assert_eq!(session.early(stream), (2 * bytes, 2 * events));
    assert_eq!(session.early(other), (0, 0), "another stream has its own");
}
