//! Batches, which only 2025-03-26 has (SPEC A.3).

use std::time::Duration;

use serde_json::{Value, json};

use super::{V03, V06, V11, V24, echo, initialize, notification, post, probe};
use crate::support::probe::{call, probe_with};
use crate::support::{Session, check_refused, message, request, text_of};

/// SPEC, J-17, PITFALLS R-41: a batch of 2025-03-26 gets one answer for
/// each request.
#[tokio::test]
async fn a_batch_is_answered() {
    let (running, _) = probe().await;
    let session = Session::open(running.address, V03, json!({})).await;
    let ping = |id: Value| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let told = json!({"jsonrpc": "2.0", "method": "notifications/foo"});
    let reply = json!({"jsonrpc": "2.0", "id": 7, "result": {}});
    for accepted in [
        json!([told, told]),
        json!([told]),
        json!([reply, reply]),
        json!([reply]),
    ] {
        let answer = post(&running, &session.headers(), accepted.to_string()).await;
        assert_eq!((answer.status, &*answer.body), (202, ""), "{accepted}");
    }
    for one in [json!([ping(json!("a"))]), json!([told, ping(json!("a"))])] {
        let answer = post(&running, &session.headers(), one.to_string()).await;
        assert_eq!(
            answer.json(),
            json!([{"jsonrpc": "2.0", "id": "a", "result": {}}])
        );
    }
    let wrong = json!([{"jsonrpc": "2.0", "id": "w", "method": "none"}]);
    let answer = post(&running, &session.headers(), wrong.to_string()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()[0]["error"]["code"], -32601);

    let three = json!([ping(json!(1)), told, ping(json!("1")), {"jsonrpc": "2.0", "id": 3, "method": "none"}]);
    let mut stream = session.post(three.to_string()).await;
    assert!(stream.is_events());
    let answers = stream.messages().await;
    let mut ids: Vec<_> = answers
        .iter()
        .map(|answer| answer["id"].to_string())
        .collect();
    ids.sort();
    assert_eq!(
        ids,
        ["\"1\"", "1", "3"],
        "each in its own event, then the end"
    );
    let json = format!(
        "{}Content-Type: application/json\r\nAccept: application/json\r\n",
        session.headers()
    );
    let answer = request(running.address, "POST /mcp", &json, three.to_string()).await;
    let answers = answer.json();
    assert_eq!(answers.as_array().map(Vec::len), Some(3), "{answers}");
}

/// SPEC, PITFALLS R-41: a faulty batch is refused as a whole, and nothing in it
/// is executed.
#[tokio::test]
async fn a_faulty_batch_is_refused_whole() {
    let (running, seen) =
        probe_with(|builder| builder.limits(|limits| limits.requests_per_session = 4)).await;
    let session = Session::open(running.address, V03, json!({})).await;
    let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let call = |id: u64| parsed(echo(id, "x"));
    let reply = json!({"jsonrpc": "2.0", "id": 7, "result": {}});
    let too_long: Vec<_> = (0..1000).map(call).collect();
    let too_many: Vec<_> = (0..5).map(call).collect();
    for (batch, status) in [
        (json!([]), 400),
        (json!([1, call(1)]), 400),
        (json!([call(1), null]), 400),
        (json!([call(1), [call(2)]]), 400),
        (
            json!([call(1), {"jsonrpc": "2.0", "id": null, "method": "ping"}]),
            400,
        ),
        (json!([reply, call(1)]), 400),
        (json!([call(1), reply]), 400),
        (json!([parsed(initialize(V03))]), 400),
        (json!([call(5), parsed(initialize(V03))]), 400),
        (json!([call(1), call(1)]), 400),
        (json!(too_long), 400),
        (json!(too_many), 503),
    ] {
        let answer = post(&running, &session.headers(), batch.to_string()).await;
        assert_eq!(answer.status, status, "{batch}: {}", answer.body);
    }
    let first = format!("[{},{}]", initialize(V03), echo(2, "x"));
    check_refused(&post(&running, "", first).await, 400, -32600, "");
    assert_eq!((seen.calls(), running.mcp.sessions()), (0, 1));
    let fits = json!([call(1), call(2), call(3), call(4)]);
    assert_eq!(
        session.post(fits.to_string()).await.messages().await.len(),
        4
    );
}

/// SPEC A-68, J-32, PITFALLS R-41: other revisions refuse every batch, even of one message.
#[tokio::test]
async fn other_revisions_have_no_batches() {
    let (running, seen) = probe().await;
    for version in [V24, V06, V11] {
        let session = Session::open(running.address, version, json!({})).await;
        for batch in [
            format!("[{}]", echo(1, "x")),
            format!("[{},{}]", echo(1, "x"), echo(2, "x")),
            format!("[{}]", notification("notifications/foo", json!({}))),
            "[]".to_owned(),
        ] {
            // The header of another revision makes no difference.
            let headers = format!(
                "Mcp-Session-Id: {}\r\nMCP-Protocol-Version: {V03}\r\n",
                session.id
            );
            let answer = post(&running, &headers, batch).await;
            check_refused(&answer, 400, -32600, "");
            assert!(answer.json().get("id").is_none());
        }
    }
    assert_eq!(seen.calls(), 0);
}

/// SPEC A-66, C-39, E-87: requests of a batch run concurrently, and can be cancelled one by one.
#[tokio::test]
async fn requests_of_a_batch_run_at_once() {
    let (running, seen) = probe().await;
    let session = Session::open(running.address, V03, json!({})).await;
    let wait = |id: u64, tag: &str| message(id, "tools/call", call("wait", json!({"tag": tag})));
    let batch = format!("[{},{},{}]", wait(1, "a"), wait(2, "b"), wait(3, "c"));
    let mut stream = session.post(batch).await;
    for tag in ["a", "b", "c"] {
        seen.happens("begun", tag).await;
    }
    let cancel = json!({"requestId": 2});
    assert_eq!(session.notify("notifications/cancelled", cancel).await, 202);
    seen.happens("over", "b").await;
    seen.allow("c", 1);
    assert_eq!(stream.message().await.unwrap()["id"], 3);
    seen.allow("a", 1);
    assert_eq!(stream.message().await.unwrap()["id"], 1);
    assert!(stream.message().await.is_none());
}

/// SPEC: a batch that cannot be served is refused before its notifications take effect.
#[tokio::test]
async fn a_refused_batch_cancels_nothing() {
    let (running, seen) = probe().await;
    let session = Session::open(running.address, V03, json!({})).await;
    let wait = call("wait", json!({"tag": "a"}));
    let (id, mut waiting) = session.send("tools/call", wait).await;
    seen.happens("begun", "a").await;
    let cancel = notification("notifications/cancelled", json!({"requestId": id}));
    let batch = format!("[{cancel},{},{}]", echo(id, "x"), echo(id + 1, "x"));
    let answer = post(&running, &session.headers(), batch).await;
    check_refused(&answer, 400, -32600, "running");
    seen.allow("a", 1);
    waiting.read_head().await;
    assert_eq!(text_of(&waiting.answer().await), "waited a");
}

/// SPEC C-23, PITFALLS R-9: an answer longer than the replay buffer reaches the client that waits
/// for it.
#[tokio::test]
async fn a_long_answer_of_a_batch_arrives() {
    let (running, _) = probe_with(|builder| {
        let age = Duration::from_secs(60);
        builder.limits(|limits| {
            limits.replay.bytes = 1000;
            limits.replay.events = 2;
            limits.replay.age = age;
        })
    })
    .await;
    let session = Session::open(running.address, V03, json!({})).await;
    let chat = |id: u64| message(id, "tools/call", call("chat", json!({"bytes": 5000})));
    for _ in 0..20 {
        let batch = format!("[{},{},{}]", chat(1), chat(2), chat(3));
        let answers = session.post(batch).await.messages().await;
        assert_eq!(answers.len(), 3);
        assert!(answers.iter().all(|answer| text_of(answer).len() == 5000));
    }
}
