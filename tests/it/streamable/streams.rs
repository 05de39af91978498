//! Answers as JSON and as streams, several at once, and their ends (SPEC C-23 to C-44).

use std::time::Duration;

use mcp_wire::McpService;
use serde_json::{Value, json};

use super::{STREAMABLE, V03, V06, V11, V24, begin, echo, listening, probe};
use crate::support::probe::{call, eager_probe, notes, probe_with};
use crate::support::{POST_HEADERS, Session, Stream, hello, message, modern, request, text_of};

// --- the form of an answer

/// SPEC C-23, C-24, C-27, C-102, C-103, PITFALLS R-70, GOTCHAS 15: an answer alone is JSON; after
/// other output it ends a stream.
#[tokio::test]
async fn the_first_output_decides_the_form() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let mut stream = session.begin("tools/call", call("chat", json!({}))).await;
        assert_eq!(stream.header("content-type"), Some("application/json"));
        assert_eq!(stream.header("cache-control"), Some("no-store"));
        assert_eq!(text_of(&stream.json().await), "");

        let told = json!({"tag": "t", "times": 3});
        let mut stream = session
            .begin("tools/call", call("chat", told.clone()))
            .await;
        for (name, value) in [
            ("content-type", Some("text/event-stream")),
            ("cache-control", Some("no-cache, no-transform")),
            ("x-accel-buffering", Some("no")),
            ("mcp-session-id", Some(&*session.id)),
            ("transfer-encoding", Some("chunked")),
            ("content-length", None),
            ("content-encoding", None),
        ] {
            assert_eq!(stream.header(name), value, "{name}");
        }
        let messages = stream.messages().await;
        assert_eq!(notes(&messages, "t"), [0, 1, 2]);
        assert_eq!(messages.len(), 4);
        assert_eq!(text_of(&messages[3]), "", "the answer is the last");

        // SPEC C-14: a client that accepts only JSON gets only the answer.
        let headers = format!(
            "{}Content-Type: application/json\r\nAccept: application/json\r\n",
            session.headers()
        );
        for arguments in [told, json!({})] {
            let body = message(9, "tools/call", call("chat", arguments));
            let answer = request(running.address, "POST /mcp", &headers, body).await;
            assert_eq!((answer.status, text_of(&answer.json())), (200, ""));
        }
    }
}

/// SPEC C-23, PITFALLS R-9: an answer longer than the replay buffer, after a notification, arrives
/// whole.
#[tokio::test]
async fn a_long_answer_after_a_notification_arrives() {
    let (running, _) = probe_with(|builder| {
        let age = Duration::from_secs(60);
        builder.limits(|limits| {
            limits.replay.bytes = 1000;
            limits.replay.events = 2;
            limits.replay.age = age;
        })
    })
    .await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let arguments = json!({"tag": "t", "times": 5, "bytes": 5000});
        let mut stream = session.begin("tools/call", call("chat", arguments)).await;
        let messages = stream.messages().await;
        assert_eq!(notes(&messages, "t"), [0, 1, 2, 3, 4], "{version}");
        assert_eq!(text_of(&messages[5]).len(), 5000);
    }
}

/// SPEC C-23: a handler that sends more in its first step than a queue may hold has all of it
/// delivered, since its client could not read yet; also without sessions.
#[tokio::test]
async fn a_burst_before_the_first_read_arrives() {
    let (running, _) = probe_with(|builder| {
        builder.limits(|limits| {
            limits.queue.bytes = 10_000;
            limits.queue.events = 4;
        })
    })
    .await;
    let (alone, _) = probe_with(|builder| {
        let builder = builder.limits(|limits| {
            limits.queue.bytes = 10_000;
            limits.queue.events = 4;
        });
        builder.without_sessions()
    })
    .await;
    let arguments = json!({"tag": "t", "times": 300, "bytes": 20_000});
    let body = message(1, "tools/call", call("chat", arguments));
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let headers = format!("{POST_HEADERS}MCP-Protocol-Version: {version}\r\n");
        for mut stream in [
            session.post(&body).await,
            Stream::open(alone.address, "POST /mcp", &headers, &body).await,
        ] {
            assert!(stream.is_events(), "{version}: {}", stream.head);
            let messages = stream.messages().await;
            assert_eq!(notes(&messages, "t"), (0..300).collect::<Vec<_>>());
            assert_eq!(text_of(&messages[300]).len(), 20_000);
        }
    }
}

/// SPEC C-60, C-62, C-64, H-11, J-20, GOTCHAS 14: after a silence the answer is a stream, and at
/// 2025-11-25 it begins with an event to resume from.
#[tokio::test]
async fn a_silence_begins_a_stream() {
    let (running, seen) = probe_with(|builder| {
        builder.timeouts(|timeouts| timeouts.stream_after = Duration::from_millis(5))
    })
    .await;
    for version in [V24, V03, V06, V11] {
        let session = Session::open(running.address, version, json!({})).await;
        let mut stream = begin(&session, "wait", json!({"tag": "w"})).await;
        seen.happens("begun", "w").await;
        seen.allow("w", 1);
        let first = stream.event().await.unwrap();
        assert!(!first.id.is_empty(), "SPEC C-50");
        assert_eq!(first.data.is_empty(), version == V11, "{version}");
        assert_eq!(stream.retry(), None, "{version}");
        if version == V11 {
            let answer = stream.event().await.unwrap();
            assert!(answer.data.contains("waited w"), "{}", answer.data);
            assert_ne!(answer.id, first.id);
        }
        assert!(stream.event().await.is_none());
    }
}

/// PITFALLS R-19: a stream without output yet sends its first byte at once, with or without
/// keep-alives: a priming event where the revision has it, else a comment.
#[tokio::test]
async fn a_quiet_stream_begins_with_a_byte() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.timeouts(|timeouts| timeouts.stream_after = Duration::from_millis(5));
        builder.timeouts(|timeouts| timeouts.keep_alive = None)
    })
    .await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let standalone = session.listen(None).await;
        let silent = begin(&session, "wait", json!({"tag": version})).await;
        for mut stream in [standalone, silent] {
            if version == V11 {
                let primed = stream.event().await.unwrap();
                assert!(primed.data.is_empty(), "{primed:?}");
            } else {
                stream.comment().await;
            }
        }
        seen.allow(version, 1);
    }
}

/// SPEC C-60, C-14: a client that accepts only streams gets one at once, primed if its revision has
/// that.
#[tokio::test]
async fn a_client_that_accepts_only_streams_gets_one() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let headers = format!(
            "{}Content-Type: application/json\r\nAccept: text/event-stream\r\n",
            session.headers()
        );
        let mut stream = Stream::open(running.address, "POST /mcp", &headers, echo(1, "x")).await;
        assert!(stream.is_events());
        let mut events = Vec::new();
        while let Some(event) = stream.event().await {
            events.push(event);
        }
        assert_eq!(
            events.len(),
            if version == V11 { 2 } else { 1 },
            "{version}"
        );
        let answer: Value = serde_json::from_str(&events.last().unwrap().data).unwrap();
        assert_eq!(text_of(&answer), "x");
        let hello = message(1, "initialize", hello(version, json!({})));
        let taken = "Content-Type: application/json\r\nAccept: text/event-stream\r\n";
        let mut stream = Stream::open(running.address, "POST /mcp", taken, hello).await;
        let first = stream.event().await.unwrap();
        assert_eq!(
            first.data.is_empty(),
            version == V11,
            "the first answer, too"
        );
        assert_eq!(stream.messages().await.len(), usize::from(version == V11));
        let unknown = message(2, "none", json!({}));
        let mut stream = Stream::open(running.address, "POST /mcp", &headers, unknown).await;
        assert_eq!((stream.status(), stream.is_events()), (200, true));
        assert_eq!(stream.answer().await["error"]["code"], -32601);
    }
}

// --- concurrent streams

/// SPEC C-36 to C-39, E-84: with three calls and a standalone stream, each message is on exactly
/// one stream.
#[tokio::test]
async fn each_message_is_on_one_stream() {
    let (running, seen) = eager_probe().await;
    for version in STREAMABLE {
        let (session, mut standalone) = listening(&running, version).await;
        let tags = ["a", "b", "c"];
        let mut streams = Vec::new();
        for tag in tags {
            streams.push(begin(&session, "talk", json!({"tag": tag, "times": 3})).await);
        }
        for number in 0..3 {
            for (tag, stream) in tags.iter().zip(&mut streams) {
                seen.allow(tag, 1);
                let message = stream.message().await.unwrap();
                assert_eq!(notes(&[message], tag), [number], "while the others run");
            }
        }
        for tag in tags.iter().rev() {
            seen.allow(tag, 1);
        }
        for (tag, stream) in tags.iter().zip(&mut streams) {
            let messages = stream.messages().await;
            assert_eq!(messages.len(), 1, "SPEC C-27: {messages:?}");
            assert_eq!(text_of(&messages[0]), format!("talked {tag}"));
        }
        assert_eq!(session.delete().await, 200);
        let messages = standalone.messages().await;
        assert!(messages.is_empty(), "SPEC C-37: {messages:?}");
    }
}

/// SPEC C-25, E-96, C-20, C-22, A-14: a question is on the stream of the call that asks, and its
/// answer is POSTed; an answer from another session, or a late one, is ignored.
#[tokio::test]
async fn a_question_is_on_the_stream_of_its_call() {
    let (running, _) = probe().await;
    for version in STREAMABLE {
        let capabilities = json!({"roots": {}});
        let session = Session::open(running.address, version, capabilities.clone()).await;
        let other = Session::open(running.address, version, capabilities).await;
        let mut standalone = session.listen(None).await;
        let mut first = begin(&session, "ask", json!({})).await;
        let mut second = begin(&session, "roots", json!({})).await;
        let questions = [
            first.message().await.unwrap(),
            second.message().await.unwrap(),
        ];
        assert_ne!(questions[0]["id"], questions[1]["id"]);
        let answers = [
            json!({"roots": []}),
            json!({"roots": [{"uri": "file:///b"}]}),
        ];
        let answer = |at: usize| {
            assert_eq!(questions[at]["method"], "roots/list");
            json!({"jsonrpc": "2.0", "id": questions[at]["id"], "result": answers[at]}).to_string()
        };
        let wrong = json!({"jsonrpc": "2.0", "id": questions[0]["id"], "result": {"wrong": 1}});
        assert_eq!(other.post(wrong.to_string()).await.status(), 202);
        for at in [1, 0, 0] {
            assert_eq!(session.post(answer(at)).await.status(), 202);
        }
        assert_eq!(text_of(&first.answer().await), r#"{"roots":[]}"#);
        assert_eq!(text_of(&second.answer().await), "file:///b");
        assert_eq!(session.delete().await, 200);
        assert!(standalone.message().await.is_none());
    }
}

/// SPEC C-24, C-42, E-112: a client that accepts only JSON cannot be asked, and the handler learns
/// it at once, with or without a standalone stream.
#[tokio::test]
async fn a_client_of_json_alone_is_not_asked() {
    let (running, _) = probe().await;
    let session = Session::open(running.address, V11, json!({"roots": {}})).await;
    let headers = format!(
        "{}Content-Type: application/json\r\nAccept: application/json\r\n",
        session.headers()
    );
    let mut standalone = session.listen(None).await;
    for tool in ["ask", "roots"] {
        let body = message(1, "tools/call", call(tool, json!({})));
        let answer = request(running.address, "POST /mcp", &headers, body).await;
        assert!(
            text_of(&answer.json()).contains("no stream"),
            "{}",
            answer.body
        );
    }
    assert_eq!(session.delete().await, 200);
    assert!(standalone.message().await.is_none());
}

/// SPEC C-40, C-41, J-14, PITFALLS R-23: the newest standalone stream gets the messages; with none,
/// they wait.
#[tokio::test]
async fn the_newest_standalone_stream_wins() {
    let (server, _) = crate::support::probe::probe();
    let mcp = McpService::builder(server.clone()).build().unwrap();
    let running = crate::support::start(mcp).await;
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let subscribe = json!({"uri": "test://a"});
        let answer = session.call("resources/subscribe", subscribe.clone()).await;
        assert_eq!(answer["result"], json!({}));
        server.resource_updated("test://a");
        server.resource_updated("test://a");
        let mut first = session.listen(None).await;
        for _ in 0..2 {
            let waited = first.message().await.unwrap();
            assert_eq!(waited["method"], "notifications/resources/updated");
            assert_eq!(waited["params"], subscribe);
        }
        let mut second = session.listen(None).await;
        assert!(first.message().await.is_none(), "the older one is closed");
        server.resource_updated("test://a");
        assert!(second.message().await.is_some());
        assert_eq!(session.delete().await, 200);
        assert!(second.message().await.is_none(), "and nothing came twice");
    }
}

/// SPEC C-43, H-10: quiet streams of both kinds get comments, between whole events.
#[tokio::test]
async fn quiet_streams_are_kept_alive() {
    let (running, seen) = probe_with(|builder| {
        let builder = builder.timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
        builder.timeouts(|timeouts| timeouts.keep_alive = Some(Duration::from_millis(1)))
    })
    .await;
    let (session, mut standalone) = listening(&running, V11).await;
    let mut stream = begin(&session, "talk", json!({"times": 2})).await;
    for number in 0..2 {
        stream.comment().await;
        standalone.comment().await;
        seen.allow("", 1);
        assert_eq!(stream.message().await.unwrap()["params"]["number"], number);
    }
    seen.allow("", 1);
    assert_eq!(text_of(&stream.answer().await), "talked ");
}

// --- cancelling

/// SPEC C-29, E-87, E-88, J-24, PITFALLS R-60, GOTCHAS 16: a cancelled call stops. Its stream ends
/// without an answer; if nothing was sent yet, the answer is an error.
#[tokio::test]
async fn a_cancelled_call_ends_its_exchange() {
    let (eager, seen_eager) = eager_probe().await;
    let (patient, seen_patient) = probe_with(|builder| {
        let patience = Duration::from_secs(3600);
        builder.timeouts(|timeouts| timeouts.stream_after = patience)
    })
    .await;
    for version in STREAMABLE {
        for (running, seen, is_stream) in [
            (&eager, &seen_eager, true),
            (&patient, &seen_patient, false),
        ] {
            let session = Session::open(running.address, version, json!({})).await;
            let (id, mut stream) = session.send("tools/call", call("wait", json!({}))).await;
            seen.happens("begun", "").await;
            if is_stream {
                stream.read_head().await;
            }
            let other = Session::open(running.address, version, json!({})).await;
            let cancel = json!({"requestId": id, "reason": "enough"});
            assert_eq!(
                other
                    .notify("notifications/cancelled", cancel.clone())
                    .await,
                202
            );
            let unlike = json!({"requestId": id.to_string()});
            assert_eq!(session.notify("notifications/cancelled", unlike).await, 202);
            assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
            seen.happens("over", "").await;
            if is_stream {
                assert!(stream.message().await.is_none(), "{version}");
            } else {
                stream.read_head().await;
                assert_eq!((stream.status(), stream.is_events()), (200, false));
                let error = json!({"code": -32603, "message": "Request cancelled"});
                assert_eq!(
                    stream.json().await,
                    json!({"jsonrpc": "2.0", "id": id, "error": error})
                );
            }
            let again = session.post(echo(id, "free")).await.answer().await;
            assert_eq!(text_of(&again), "free");
        }
    }
}

/// SPEC C-14, E-88: so it is for a client that accepts only JSON, however long it waited.
#[tokio::test]
async fn a_cancelled_call_of_json_alone_ends() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V06, json!({})).await;
    let headers = format!(
        "{}Content-Type: application/json\r\nAccept: application/json\r\n",
        session.headers()
    );
    let wait = message(5, "tools/call", call("wait", json!({})));
    let mut stream = Stream::send(running.address, "POST /mcp", &headers, wait).await;
    seen.happens("begun", "").await;
    let cancel = json!({"requestId": 5});
    assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
    seen.happens("over", "").await;
    stream.read_head().await;
    assert_eq!(stream.json().await["error"]["message"], "Request cancelled");
}

/// SPEC E-89: however a cancellation and its call race, the exchange ends, with one answer or none.
#[tokio::test]
async fn cancel_and_answer_may_race() {
    let (running, seen) = eager_probe().await;
    let session = Session::open(running.address, V06, json!({})).await;
    for _ in 0..50 {
        let (id, mut stream) = session.send("tools/call", call("wait", json!({}))).await;
        seen.happens("begun", "").await;
        let cancel = async {
            let cancel = json!({"requestId": id});
            session.notify("notifications/cancelled", cancel).await
        };
        let answer = async {
            seen.allow("", 1);
            stream.read_head().await;
            if stream.is_events() {
                stream.messages().await
            } else {
                vec![stream.json().await]
            }
        };
        let (status, messages) = tokio::join!(cancel, answer);
        assert_eq!(status, 202);
        assert!(messages.len() <= 1, "{messages:?}");
        seen.happens("over", "").await;
        // A cancelled call leaves its permit unused.
        if messages
            .iter()
            .all(|message| message.get("result").is_none())
        {
            let mut next = begin(&session, "wait", json!({})).await;
            assert_eq!(text_of(&next.answer().await), "waited ");
            seen.happens("begun", "").await;
            seen.happens("over", "").await;
        }
    }
}

/// SPEC A-7, C-26, D-82, PITFALLS R-9: an answer is not lost, however long it is and however many
/// notifications precede it; and its id is free again.
#[tokio::test]
async fn no_answer_is_lost_for_what_went_before_it() {
    let (running, _) = probe().await;
    for (times, bytes) in [(1, 1_100_000), (300, 1)] {
        for later in [0, 1, 3] {
            let arguments = json!({"times": times, "bytes": bytes, "later": later});
            let what = arguments.to_string();
            for version in [V06, V11] {
                let session = Session::open(running.address, version, json!({})).await;
                let body = message(7, "tools/call", call("chat", arguments.clone()));
                let mut stream = session.post(body).await;
                let mut last = None;
                let mut answer = None;
                while answer.is_none() {
                    match stream.event().await {
                        Some(event) if event.data.contains("\"result\"") => {
                            answer = Some(event.data)
                        }
                        Some(event) => last = Some(event.id),
                        // More than the queue holds, so the client resumes for the rest.
                        None => stream = session.listen(last.as_deref()).await,
                    }
                }
                let answer = serde_json::from_str(&answer.unwrap()).unwrap();
                assert_eq!(text_of(&answer).len(), bytes, "{version} {what}");
                let again = session.post(message(7, "ping", json!({}))).await;
                assert_eq!(again.status(), 200, "{version} {what}");
            }
            let params = call("chat", arguments);
            let answer = modern(running.address, 7, "tools/call", params)
                .await
                .answer()
                .await;
            assert_eq!(text_of(&answer).len(), bytes, "2026-07-28 {what}");
        }
    }
}
