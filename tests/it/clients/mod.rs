//! What clients in use need beyond the specification, or read in their own way: the rows of FIELD, part 3.

mod fallback;
mod headers;
mod readers;
mod sse;

use mcp_wire::McpService;
use serde_json::json;

use self::readers::{come_back, read_split_lines, read_up_to_retry};
use crate::support::probe::{Seen, call, eager_probe, notes, probe};
use crate::support::{Session, Stream, message, modern, request, start, text_of};

const STREAMABLE: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

/// The id of the last event that a client read of a stream, which it reads to the end.
async fn last_id(stream: &mut Stream) -> String {
    let mut last = String::new();
    while let Some(event) = stream.event().await {
        last = event.id;
    }
    last
}

/// A call that has sent one event, with its id and the id of the event.
async fn begun_call(session: &Session, seen: &Seen) -> (u64, Stream, String) {
    let params = call("talk", json!({"times": 1}));
    let (id, mut stream) = session.send("tools/call", params).await;
    stream.read_head().await;
    seen.allow("", 1);
    seen.happens("told", "").await;
    loop {
        let event = stream.event().await.unwrap();
        if !event.data.is_empty() {
            return (id, stream, event.id);
        }
    }
}

/// FIELD T-1: whichever way a call ended, a client that comes back after its last event is refused, because
/// after an empty response clients come back for ever.
#[tokio::test]
async fn nobody_comes_back_for_ever_to_a_call_that_is_over() {
    type End =
        for<'a> fn(&'a Session, &'a Seen) -> std::pin::Pin<Box<dyn Future<Output = String> + 'a>>;
    let ends: [(&str, End); 5] = [
        ("cancelled", |session, seen| {
            Box::pin(async {
                let (id, mut stream, last) = begun_call(session, seen).await;
                let cancel = json!({"requestId": id});
                assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
                assert!(stream.event().await.is_none(), "no answer");
                last
            })
        }),
        ("cancelled after its client left", |session, seen| {
            Box::pin(async {
                let (id, stream, last) = begun_call(session, seen).await;
                drop(stream);
                let cancel = json!({"requestId": id});
                assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
                last
            })
        }),
        ("cancelled after a client came back", |session, seen| {
            Box::pin(async {
                let (id, _, last) = begun_call(session, seen).await;
                let mut back = session.listen(Some(&last)).await;
                assert_eq!(back.status(), 200);
                let cancel = json!({"requestId": id});
                assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
                assert!(back.event().await.is_none());
                last
            })
        }),
        ("answered", |session, seen| {
            Box::pin(async {
                let (_, mut stream, _) = begun_call(session, seen).await;
                seen.allow("", 1);
                last_id(&mut stream).await
            })
        }),
        ("failed", |session, _| {
            Box::pin(async {
                let headers = format!(
                    "{}Content-Type: application/json\r\nAccept: text/event-stream\r\n",
                    session.headers()
                );
                let body = message("failed", "tools/call", call("none", json!({})));
                let mut stream = session.post_with(&headers, body).await;
                assert!(stream.is_events(), "an error on a stream");
                last_id(&mut stream).await
            })
        }),
    ];
    for version in STREAMABLE {
        for (how, end) in &ends {
            let (running, seen) = eager_probe().await;
            let session = Session::open(running.address, version, json!({})).await;
            let last = end(&session, &seen).await;
            assert_eq!(come_back(&session, &last).await, 2, "{how} in {version}");
            let mut refused = session.listen(Some(&last)).await;
            assert_eq!(refused.status(), 400, "{how} in {version}");
            let body = refused.json().await;
            assert_eq!(
                (&body["error"]["code"], body.get("id")),
                (&json!(-32600), None)
            );
        }
    }
}

/// FIELD T-1: the same for the standalone stream, when the server shuts down or the session has ended.
#[tokio::test]
async fn nobody_comes_back_for_ever_to_a_server_that_leaves() {
    let leave: [fn(&McpService); 2] = [McpService::drain, McpService::close];
    for version in STREAMABLE {
        for leave in leave {
            let (server, _) = probe();
            let running = start(McpService::builder(server.clone()).build().unwrap()).await;
            let session = Session::open(running.address, version, json!({})).await;
            let subscribe = json!({"uri": "test://a"});
            session.call("resources/subscribe", subscribe).await;
            let mut stream = session.listen(None).await;
            server.resource_updated("test://a");
            leave(&running.mcp);
            let last = last_id(&mut stream).await;
            assert_eq!(come_back(&session, &last).await, 2, "{version}");
        }
    }
}

/// FIELD T-2: a client that ends a stream at `retry` misses nothing: neither on the stream of a call nor on the
/// standalone one, whether opened or resumed. Only a connection that the server closes on purpose has it, last.
#[tokio::test]
async fn only_a_connection_that_the_server_closes_says_when_to_come_back() {
    for version in STREAMABLE {
        let (server, seen) = probe();
        let builder = McpService::builder(server.clone())
            .timeouts(|timeouts| timeouts.stream_after = std::time::Duration::ZERO);
        let running = start(builder.build().unwrap()).await;
        let session = Session::open(running.address, version, json!({})).await;
        let subscribe = json!({"uri": "test://a"});
        session.call("resources/subscribe", subscribe).await;

        let chat = call("chat", json!({"tag": "c", "times": 2, "later": 1}));
        let mut stream = session.begin("tools/call", chat).await;
        let text = stream.text().await;
        assert!(!text.contains("retry"), "{version}: {text}");
        let messages = read_up_to_retry(&text);
        assert_eq!((notes(&messages, "c"), messages.len()), (vec![0, 1], 3));

        let first = {
            let mut stream = session.listen(None).await;
            server.resource_updated("test://a");
            stream.event().await.unwrap().id
        };
        let mut resumed = session.listen(Some(&first)).await;
        server.resource_updated("test://a");
        session.delete().await;
        let text = resumed.text().await;
        assert!(!text.contains("retry"), "{version}: {text}");
        assert!(!read_up_to_retry(&text).is_empty(), "{version}");

        let session = Session::open(running.address, version, json!({})).await;
        let release = call("release", json!({"tag": version, "times": 2}));
        let mut stream = session.begin("tools/call", release).await;
        seen.happens("begun", version).await;
        seen.allow(version, 1);
        let text = stream.text().await;
        let notes_read = notes(&read_up_to_retry(&text), version);
        assert_eq!(notes_read, [0, 1], "{version}: {text}");
        let ends = text.ends_with("\nretry: 1000\ndata: \n\n");
        assert_eq!(ends, version == "2025-11-25", "{text}");
        assert_eq!(text.matches("retry").count(), usize::from(ends));
    }
}

/// FIELD T-4: text with the line breaks of Unicode arrives at a client that ends lines there, on every kind of
/// stream. In JSON, and in the id of a request, they are sent as they came.
#[tokio::test]
async fn line_breaks_of_unicode_break_no_event() {
    let text = "a\u{2028}b\u{85}c\u{2029}d é🦀";
    let (server, _) = probe();
    let running = start(McpService::builder(server).build().unwrap()).await;
    let echo = || call("echo", json!({"message": text}));
    let answered = |messages: Vec<serde_json::Value>, on: &str| {
        let answer = messages.last().unwrap_or_else(|| panic!("no answer {on}"));
        assert_eq!(text_of(answer), text, "{on}");
    };
    for version in STREAMABLE {
        let session = Session::open(running.address, version, json!({})).await;
        let headers = format!(
            "{}Content-Type: application/json\r\nAccept: text/event-stream\r\n",
            session.headers()
        );
        let body = message(1, "tools/call", echo());
        let stream = session.post_with(&headers, body).await.text().await;
        answered(read_split_lines(&stream), version);
        let first = stream.split("id: ").nth(1).unwrap().lines().next().unwrap();
        if version == "2025-11-25" {
            let resumed = session.listen(Some(first)).await.text().await;
            answered(read_split_lines(&resumed), "resumed");
        }

        let chat = call("chat", json!({"tag": text, "times": 1, "later": 1}));
        let stream = session.begin("tools/call", chat).await.text().await;
        assert_eq!(notes(&read_split_lines(&stream), text), [0], "{version}");
    }

    // JSON has no lines, and an id is sent back as it came.
    let session = Session::open(running.address, "2025-11-25", json!({})).await;
    let id = "\u{2028}\u{85}";
    let body = message(id, "tools/call", echo());
    let plain = session.post(&body).await.body().await;
    assert!(
        plain.contains(&format!("\"id\":\"{id}\"")) && plain.contains(text),
        "{plain}"
    );
    let mut modern = modern(running.address, id, "tools/call", {
        json!({"name": "chat", "arguments": {"tag": text, "times": 1}})
    })
    .await;
    assert!(modern.is_events());
    let stream = modern.text().await;
    assert_eq!(notes(&read_split_lines(&stream), text), [0]);
    assert!(stream.contains(&format!("\"id\":\"{id}\"")), "{stream}");

    let mut sse = Stream::open(running.address, "GET /sse", "", "").await;
    let line = format!("POST {}", sse.event().await.unwrap().data);
    let json = "Content-Type: application/json\r\n";
    let body = message(1, "tools/call", echo());
    assert_eq!(
        request(running.address, &line, json, body).await.status,
        202
    );
    running.mcp.drain();
    answered(read_split_lines(&sse.text().await), "over HTTP+SSE");
}
