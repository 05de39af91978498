//! What belongs to one principal does not exist for another (SPEC F-50, F-51, G-20, C-57, C-78,
//! PITFALLS R-57).

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use mcp_wire::auth::FromExtensions;

use super::*;
use crate::support::check_refused;

const UNKNOWN: &str = "ffffffffffffffffffffffffffffffff";

/// A foreign session and an unknown one get the same answer, byte for byte.
#[tokio::test]
async fn a_foreign_session_is_an_unknown_one() {
    let (running, _) = gated().await;
    let (ada, bob) = (As::new(&running, "ada"), As::new(&running, "bob"));
    let session = ada.session("2025-11-25").await;
    let (_stream, path) = ada.sse().await;
    let sse_session = path.split('=').next_back().unwrap();
    let ping = message(1, "ping", json!({}));
    let in_session = |id: &str| format!("Mcp-Session-Id: {id}\r\n{POST_HEADERS}");
    for line in ["POST /mcp", "GET /mcp", "DELETE /mcp"] {
        let body = if line.starts_with("POST") { &*ping } else { "" };
        let foreign = bob.request(line, &in_session(&session), body).await;
        let unknown = bob.request(line, &in_session(UNKNOWN), body).await;
        check_refused(&foreign, 404, -32600, "no such session");
        let without_date = |answer: &Answer| {
            let lines = answer.head.lines();
            let rest = lines.filter(|line| !line.to_lowercase().starts_with("date:"));
            (
                rest.map(ToOwned::to_owned).collect::<Vec<_>>(),
                answer.body.clone(),
            )
        };
        assert_eq!(without_date(&foreign), without_date(&unknown), "{line}");
    }
    let foreign = bob.send(&path, &ping).await;
    let unknown = bob.send(&path.replace(sse_session, UNKNOWN), &ping).await;
    check_refused(&foreign, 404, -32600, "no such session");
    assert_eq!(foreign.body, unknown.body);
    // SPEC G-11: the id alone opens nothing.
    let anonymous = As {
        credentials: String::new(),
        ..ada.clone()
    };
    assert_eq!(anonymous.post(&session, &ping).await.status(), 401);
    assert_eq!(anonymous.send(&path, &ping).await.status, 401);
    // SPEC F-51: another token of the same principal continues the session.
    let fresh = As::new(&running, "ada-fresh");
    assert_eq!(fresh.post(&session, &ping).await.status(), 200);
    assert_eq!(fresh.send(&path, &ping).await.status, 202);
    let deleted = fresh
        .request("DELETE /mcp", &in_session(&session), "")
        .await;
    assert_eq!(deleted.status, 200);
}

/// SPEC F-50, PITFALLS R-57: an event of another principal's session counts as unknown.
#[tokio::test]
async fn a_foreign_event_is_an_unknown_one() {
    let (running, _) = gated().await;
    let (ada, bob) = (As::new(&running, "ada"), As::new(&running, "bob"));
    let session = ada.session("2025-11-25").await;
    let event = ada.listen(&session, None).await.event().await.unwrap();
    let event = event.id;
    let own = bob.session("2025-11-25").await;
    let mut foreign = bob.listen(&own, Some(&event)).await;
    let mut unknown = bob.listen(&own, Some("nothing")).await;
    assert_eq!((foreign.status(), unknown.status()), (400, 400));
    assert_eq!(foreign.body().await, unknown.body().await);
    assert_eq!(bob.listen(&session, Some(&event)).await.status(), 404);
    assert_eq!(ada.listen(&session, Some(&event)).await.status(), 200);
}

/// SPEC C-77, PITFALLS R-7: a principal at its limit evicts its own idlest session, and is refused
/// when all of them are busy; others are not affected.
#[tokio::test]
async fn a_principal_has_a_cap_of_its_own() {
    let (running, _) = gated_with(|builder| {
        builder.limits(|limits| {
            limits.sessions_per_principal = Some(2);
            limits.listen_streams_per_principal = Some(1);
        })
    })
    .await;
    let (ada, bob) = (As::new(&running, "ada"), As::new(&running, "bob"));
    let first = ada.session("2025-11-25").await;
    let _second = ada.sse().await;
    let third = ada.session("2025-11-25").await;
    assert_eq!(ada.listen(&first, None).await.status(), 404);
    let stream = ada.listen(&third, None).await;
    let body = message(1, "initialize", hello("2025-11-25", json!({})));
    let refused = ada.request("POST /mcp", POST_HEADERS, &body).await;
    check_refused(&refused, 429, -32603, "2 sessions");
    check_refused(
        &ada.request("GET /sse", "", "").await,
        429,
        -32603,
        "2 sessions",
    );
    bob.session("2025-11-25").await;
    bob.sse().await;
    drop(stream);
    let headers = format!("Mcp-Session-Id: {third}\r\n");
    ada.request("DELETE /mcp", &headers, "").await;
    ada.session("2025-11-25").await;
    // SPEC D-130.
    let filter = || json!({"notifications": {"toolsListChanged": true}});
    let mut listens = ada.modern("subscriptions/listen", filter()).await;
    listens.message().await.expect("an acknowledgement");
    let mut refused = ada.modern("subscriptions/listen", filter()).await;
    assert_eq!(refused.status(), 429);
    let refused = refused.answer().await;
    assert_eq!(refused["error"]["code"], -32603, "{refused}");
    let mut others = bob.modern("subscriptions/listen", filter()).await;
    assert!(others.message().await.unwrap()["method"].is_string());
}

/// SPEC D-108, D-107: another principal's state is refused like a forged one.
#[cfg(feature = "request-state")]
#[tokio::test]
async fn a_state_belongs_to_its_principal() {
    let (running, _) = gated().await;
    let ada = As::new(&running, "ada");
    let answer = ada
        .modern("tools/call", call("ask", json!({})))
        .await
        .answer()
        .await;
    let state = answer["result"]["requestState"].as_str().expect("a state");
    let retry = |state: &str| {
        let mut params = call("ask", json!({}));
        let key = answer["result"]["inputRequests"]
            .as_object()
            .unwrap()
            .keys()
            .next()
            .unwrap();
        params["requestState"] = state.into();
        params["inputResponses"] = json!({key: {"roots": []}});
        params
    };
    let bob = As::new(&running, "bob");
    let foreign = bob.modern("tools/call", retry(state)).await.answer().await;
    let forged = bob
        .modern("tools/call", retry("Zm9yZ2Vk"))
        .await
        .answer()
        .await;
    assert_eq!(foreign["error"]["code"], -32602, "{foreign}");
    assert_eq!(foreign, forged);
    let fresh = As::new(&running, "ada-fresh");
    let answer = fresh
        .modern("tools/call", retry(state))
        .await
        .answer()
        .await;
    assert_eq!(answer["result"]["content"][0]["text"], "Ok(0)", "{answer}");
}

/// SPEC D-73, G-46: an answer to an identity is never for a shared cache, whatever hints are set.
#[tokio::test]
async fn what_an_identity_is_answered_is_private() {
    let (running, _) = gated().await;
    let ada = As::new(&running, "ada");
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("resources/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/read", json!({"uri": "test://open"})),
    ] {
        let mut stream = ada.modern(method, params).await;
        assert_eq!(stream.header("cache-control"), Some("no-store"));
        let answer = stream.answer().await;
        assert_eq!(
            answer["result"]["cacheScope"], "private",
            "{method}: {answer}"
        );
        assert_ne!(
            answer["result"]["ttlMs"], 0,
            "{method}: its own cache may keep it"
        );
    }
}

fn embedded(method: &str, path: &str, identity: Option<&str>) -> Request<Full<Bytes>> {
    let body = message(1, "initialize", hello("2025-11-25", json!({})));
    let body = if method == "POST" {
        body
    } else {
        String::new()
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap();
    if let Some(name) = identity {
        request.extensions_mut().insert(Identity::new(name));
    }
    request
}

/// SPEC F-50: an embedder that authenticates by itself supplies the identity, with or without an
/// authorizer; a session with an identity is closed to requests without one.
#[tokio::test]
async fn an_identity_of_the_embedder_binds_as_well() {
    for insists in [false, true] {
        let mut builder = McpService::builder(Server::new("Embedded", "1"));
        if insists {
            builder = builder.authorizer(FromExtensions);
        }
        let mcp = builder.build().unwrap();
        let opened = mcp.call(embedded("POST", "/mcp", Some("ada"))).await;
        assert_eq!(opened.status(), 200);
        let id = opened.headers()["mcp-session-id"].clone();
        for (identity, status) in [
            (Some("bob"), 404),
            (None, if insists { 401 } else { 404 }),
            (Some("ada"), 200),
        ] {
            let mut request = embedded("DELETE", "/mcp", identity);
            request.headers_mut().insert("mcp-session-id", id.clone());
            let response = mcp.call(request).await;
            assert_eq!(response.status(), status, "{identity:?}");
            let challenge = response.headers().get("www-authenticate").cloned();
            assert_eq!(challenge.is_some(), status == 401);
            response.into_body().collect().await.unwrap();
        }
    }
}
