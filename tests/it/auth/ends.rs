//! Streams end with what opened them: with the token, or with a revocation (SPEC F-52, D-131, G-12).

use super::*;
use crate::support::until;

const OVER: &str = "the authorization ended before the answer";

async fn all_messages(stream: &mut Stream) -> Vec<Value> {
    soon("the end of the stream", stream.messages()).await
}

/// SPEC F-52: an HTTP+SSE stream ends with its token, and its session with it; what ran is answered.
#[tokio::test]
async fn an_http_sse_session_ends_with_its_token() {
    let (running, seen) = gated().await;
    let brief = As::new(&running, "brief");
    let (mut stream, path) = brief.sse().await;
    let body = message(1, "tools/call", call("wait", json!({})));
    assert_eq!(brief.send(&path, body).await.status, 202);
    seen.a_call_begins().await;
    let told = all_messages(&mut stream).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["id"], &told[0]["error"]["code"]),
        (&json!(1), &json!(-32603))
    );
    seen.a_call_is_dropped().await;
    until("the end of the session", || running.mcp.sessions() == 0).await;
}

/// SPEC F-51, F-52: connections of Streamable HTTP end with their token; the session stays, and a
/// fresh token goes on where the other stopped.
#[tokio::test]
async fn a_streamable_session_outlives_the_token_of_its_streams() {
    let (running, seen) = gated().await;
    let (brief, ada) = (As::new(&running, "brief"), As::new(&running, "ada"));
    let session = ada.session("2025-11-25").await;
    let mut listens = brief.listen(&session, None).await;
    let body = message(1, "tools/call", call("wait", json!({})));
    let mut called = brief.post(&session, body).await;
    seen.a_call_begins().await;
    assert!(called.is_events() && listens.is_events());
    let last = called.event().await.expect("a priming event").id;
    assert_eq!(all_messages(&mut listens).await, [json!(null); 0]);
    assert_eq!(
        all_messages(&mut called).await,
        [json!(null); 0],
        "no answer yet"
    );
    assert_eq!(running.mcp.sessions(), 1);
    let mut resumed = ada.listen(&session, Some(&last)).await;
    assert_eq!(resumed.status(), 200, "{}", resumed.head);
    // The call went on: it is answered when the session ends.
    let headers = format!("Mcp-Session-Id: {session}\r\n");
    ada.request("DELETE /mcp", &headers, "").await;
    let told = all_messages(&mut resumed).await;
    assert_eq!((told.len(), &told[0]["id"]), (1, &json!(1)));
}

/// SPEC F-52, D-131: a call of 2026-07-28 ends with an error, in whatever form, and a listening
/// request with its result.
#[tokio::test]
async fn modern_requests_end_with_their_token() {
    let (running, seen) = gated().await;
    let brief = As::new(&running, "brief");
    let mut streams = brief
        .modern("tools/call", call("wait", json!({"talks": 1})))
        .await;
    let told = all_messages(&mut streams).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1]["error"], json!({"code": -32603, "message": OVER}));
    seen.a_call_is_dropped().await;
    let mut params = call("wait", json!({}));
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params).replace(", text/event-stream", "");
    let body = message(1, "tools/call", params);
    let answer = brief.request("POST /mcp", &headers, body).await;
    assert_eq!(answer.json()["error"]["message"], OVER);
    seen.a_call_is_dropped().await;
    let filter = json!({"notifications": {"toolsListChanged": true}});
    let mut listens = brief.modern("subscriptions/listen", filter).await;
    let told = all_messages(&mut listens).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1]["result"]["resultType"], "complete");
    until("the end of the listening", || running.mcp.listens() == 0).await;
}

/// SPEC F-52, G-12: a revocation ends all that a principal has, at once, and nothing of others.
#[tokio::test]
async fn a_revocation_ends_all_of_one_principal() {
    let (running, seen) = gated().await;
    let (ada, bob) = (As::new(&running, "ada"), As::new(&running, "bob"));
    let body = message(1, "tools/call", call("wait", json!({"talks": 1})));
    let filter = || json!({"notifications": {"toolsListChanged": true}});
    let session = ada.session("2025-11-25").await;
    let mut called = ada.post(&session, &body).await;
    let mut listens = ada.listen(&session, None).await;
    let (mut sse, _) = ada.sse().await;
    let mut subscribed = ada.modern("subscriptions/listen", filter()).await;
    let mut modern = ada
        .modern("tools/call", call("wait", json!({"talks": 1})))
        .await;
    let others = bob.session("2025-11-25").await;
    let mut others_stream = bob.post(&others, &body).await;
    for _ in 0..3 {
        seen.a_call_begins().await;
    }
    until("the listening", || running.mcp.listens() == 1).await;
    running.mcp.revoke("ada");
    assert_eq!(
        (running.mcp.sessions(), running.mcp.listens() <= 1),
        (1, true)
    );
    let last = |told: Vec<Value>| told.last().cloned().unwrap_or_default();
    assert_eq!(
        last(all_messages(&mut called).await)["error"]["code"],
        -32603
    );
    assert_eq!(all_messages(&mut listens).await.len(), 0);
    assert_eq!(all_messages(&mut sse).await.len(), 0);
    assert_eq!(
        last(all_messages(&mut modern).await)["error"]["message"],
        OVER
    );
    let result = last(all_messages(&mut subscribed).await);
    assert_eq!(result["result"]["resultType"], "complete", "{result}");
    let ping = message(2, "ping", json!({}));
    assert_eq!(ada.post(&session, &ping).await.status(), 404);
    assert_eq!(bob.post(&others, &ping).await.status(), 200);
    running.mcp.revoke("bob");
    assert_eq!(
        last(all_messages(&mut others_stream).await)["error"]["code"],
        -32603
    );
    running.mcp.revoke("nobody");
}

/// SPEC F-52: where there are no sessions a revocation and an end reach the streams themselves.
#[tokio::test]
async fn streams_without_a_session_end_too() {
    let (running, seen) = gated_with(Builder::without_sessions).await;
    let headers = format!("MCP-Protocol-Version: 2025-06-18\r\n{POST_HEADERS}");
    let body = message(1, "tools/call", call("wait", json!({"talks": 1})));
    for token in ["ada", "brief"] {
        let mut called = As::new(&running, token)
            .open("POST /mcp", &headers, &body)
            .await;
        assert!(called.is_events(), "{}", called.head);
        seen.a_call_begins().await;
        if token == "ada" {
            running.mcp.revoke("ada");
        }
        assert_eq!(all_messages(&mut called).await.len(), 1, "the note");
    }
}
