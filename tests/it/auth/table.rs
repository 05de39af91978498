//! The decision table of SPEC F.1, and the checks before and after it.

use super::*;
use crate::support::{check_refused, raw, text_of};

const ABOUT: &str = "https://mcp.example.com/.well-known/oauth-protected-resource";

/// Every endpoint with every method, in the form of its era.
fn exchanges() -> Vec<(&'static str, String, String, &'static str)> {
    let id = "0123456789abcdef0123456789abcdef";
    let post = POST_HEADERS.to_owned();
    let in_session = format!("Mcp-Session-Id: {id}\r\n{POST_HEADERS}");
    let mut modern = json!({});
    modern["_meta"] = envelope(json!({}));
    let legacy = message(1, "initialize", hello("2025-11-25", json!({})));
    vec![
        (
            "POST /mcp",
            mirrored("tools/list", &modern),
            message(1, "tools/list", modern),
            "/mcp",
        ),
        ("POST /mcp", post, legacy, "/mcp"),
        (
            "POST /mcp/",
            in_session.clone(),
            message(1, "ping", json!({})),
            "/mcp/",
        ),
        ("GET /mcp", in_session.clone(), String::new(), "/mcp"),
        ("DELETE /mcp", in_session, String::new(), "/mcp"),
        ("GET /sse", String::new(), String::new(), "/sse"),
        (
            "POST /messages/?session_id=0123456789abcdef0123456789abcdef",
            "Content-Type: application/json\r\n".to_owned(),
            message(1, "ping", json!({})),
            "/sse",
        ),
    ]
}

/// SPEC F.1, F-1 to F-4, F-8 to F-12, G-33, C-101, J-39, PITFALLS R-56: each row holds at each
/// endpoint, in each era.
#[tokio::test]
async fn each_row_of_the_table_at_each_endpoint() {
    let (running, _) = gated().await;
    let scope = "scope=\"notes:read\"";
    let twice = format!("{}{}", bearer("ada"), bearer("ada"));
    let invalid = "error=\"invalid_token\", error_description=";
    for (credentials, status, begins, has_scope) in [
        ("", 401, "", true),
        ("Authorization: Basic YTpi\r\n", 401, "", true),
        (&*twice, 400, "error=\"invalid_request\"", false),
        (
            "Authorization: Bearer\r\n",
            400,
            "error=\"invalid_request\"",
            false,
        ),
        (
            "Authorization: Bearer a b\r\n",
            400,
            "error=\"invalid_request\"",
            false,
        ),
        ("Authorization: Bearer unknown\r\n", 401, invalid, true),
        ("Authorization: Bearer stale\r\n", 401, invalid, true),
    ] {
        for (line, headers, body, about) in exchanges() {
            let headers = format!("{headers}{credentials}");
            let answer = request(running.address, line, &headers, &body).await;
            check_refused(&answer, status, -32600, "");
            let header = answer.header("www-authenticate").expect("a challenge");
            let at = format!("resource_metadata=\"{ABOUT}{about}\"");
            assert!(
                header.starts_with(&format!("Bearer {begins}")),
                "{line}: {header}"
            );
            assert_eq!(header.contains("error"), !begins.is_empty(), "{header}");
            assert!(header.contains(&at), "{line}: {header}");
            assert_eq!(header.contains(scope), has_scope, "{header}");
            assert!(!answer.body.contains("unknown") && !header.contains("unknown"));
        }
    }
    assert_eq!(running.mcp.sessions(), 0);
}

/// SPEC F.1 row 8: when the authorizer fails or panics, the answer is 503, never 401.
#[tokio::test]
async fn a_verifier_that_fails_is_unavailable() {
    let (running, _) = gated().await;
    for token in ["down", "panics", "panics-later"] {
        for (line, headers, body, _) in exchanges() {
            let headers = format!("{headers}{}", bearer(token));
            let answer = request(running.address, line, &headers, &body).await;
            check_refused(&answer, 503, -32603, "");
            assert_eq!(answer.header("www-authenticate"), None);
            assert!(
                !answer.body.contains("fault"),
                "nothing internal: {}",
                answer.body
            );
        }
    }
}

/// SPEC F.1 row 4, F-3: a token in the query is ignored, and together with a header it is a
/// malformed request.
#[tokio::test]
async fn a_token_in_the_query_is_never_used() {
    let (running, _) = gated().await;
    let anonymous = As {
        address: running.address,
        credentials: String::new(),
    };
    let ada = As::new(&running, "ada");
    for path in ["/sse?access_token=ada", "/mcp?a=b&access_token=ada"] {
        let line = format!("GET {path}");
        assert_eq!(anonymous.request(&line, "", "").await.status, 401);
        assert_eq!(ada.request(&line, "", "").await.status, 400);
    }
}

/// SPEC F.1 row 9, F-2: a valid token passes, with the scheme in any case.
#[tokio::test]
async fn a_valid_token_is_admitted() {
    let (running, _) = gated().await;
    let ada = As::new(&running, "ada");
    let listed = ada.modern("tools/list", json!({})).await;
    assert_eq!(listed.status(), 200);
    ada.session("2025-11-25").await;
    ada.sse().await;
    let unknown = exchanges().pop().unwrap();
    let answer = ada.request(unknown.0, &unknown.1, &unknown.2).await;
    check_refused(&answer, 404, -32600, "no such session");
    for scheme in ["bearer", "BEARER", "bEaReR  "] {
        let loud = As {
            credentials: format!("Authorization: {scheme} ada\r\n"),
            ..ada.clone()
        };
        assert_eq!(loud.modern("tools/list", json!({})).await.status(), 200);
    }
}

/// SPEC C.1, C.2, D.2, J-39: the path is checked before the token, and everything else after it; a
/// preflight needs no token.
#[tokio::test]
async fn a_token_comes_before_method_and_form() {
    let (running, _) = gated().await;
    let json = "Content-Type: application/json\r\n";
    for (line, headers, status) in [
        ("GET /unknown", "", 404),
        ("OPTIONS /mcp", "", 204),
        ("OPTIONS /sse", "", 204),
        ("OPTIONS /messages/", "", 204),
        ("PUT /mcp", "", 401),
        ("POST /sse", json, 401),
        ("POST /mcp", "Content-Type: text/plain\r\n", 401),
        (
            "POST /mcp",
            "Content-Type: application/json\r\nAccept: text/html\r\n",
            401,
        ),
        ("GET /mcp", "MCP-Protocol-Version: 2026-07-28\r\n", 401),
        ("GET /mcp", "Origin: https://evil.example\r\n", 403),
    ] {
        let answer = request(running.address, line, headers, "").await;
        assert_eq!(answer.status, status, "{line} {headers}");
    }
}

/// SPEC F-16, J-39: the server does not wait for the body of a request without a token.
#[tokio::test]
async fn a_stranger_is_answered_before_the_body() {
    let (running, _) = gated().await;
    for path in [
        "/mcp",
        "/messages/?session_id=0123456789abcdef0123456789abcdef",
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{POST_HEADERS}Content-Length: 4000000\r\n\r\n",
            running.address
        );
        assert_eq!(raw(running.address, head).await.status, 401);
    }
}

/// SPEC F-8, G-44: an authorizer's text cannot escape its quotes.
#[tokio::test]
async fn a_description_is_quoted() {
    let (running, _) = gated().await;
    let answer = As::new(&running, "evil").request("GET /sse", "", "").await;
    assert_eq!(answer.header("set-cookie"), None, "{}", answer.head);
    let header = answer.header("www-authenticate").unwrap();
    assert!(
        header.contains("error_description=\"???Set-Cookie: a=b\""),
        "{header}"
    );
}

/// SPEC F-53, PITFALLS R-69: handlers know the caller's identity and address, in each era.
#[tokio::test]
async fn handlers_know_the_caller() {
    let (running, _) = gated().await;
    let ada = As::new(&running, "ada");
    let expected = "ada Some(\"desktop\") [\"notes:read\"] Some(7) 127.0.0.1";
    let params = call("who", json!({}));
    let answer = ada
        .modern("tools/call", params.clone())
        .await
        .answer()
        .await;
    assert_eq!(text_of(&answer), expected);
    let session = ada.session("2025-11-25").await;
    let body = message(1, "tools/call", params);
    let answer = ada.post(&session, &body).await.answer().await;
    assert_eq!(text_of(&answer), expected);
    let (mut stream, path) = ada.sse().await;
    assert_eq!(ada.send(&path, &body).await.status, 202);
    assert_eq!(text_of(&stream.message().await.unwrap()), expected);
}

/// SPEC F-53, G-13: the `Debug` output of requests, of the service and of events holds no token and
/// no session id.
#[tokio::test]
async fn no_token_is_printed() {
    let told = Arc::new(std::sync::Mutex::new(String::new()));
    let log = Arc::clone(&told);
    let (running, _) = gated_with(|builder| {
        builder.on_event(move |event| log.lock().unwrap().push_str(&format!("{event:?}\n")))
    })
    .await;
    let ada = As::new(&running, "ada-fresh");
    let params = call("head", json!({}));
    let answer = ada.modern("tools/call", params).await.answer().await;
    let mut printed = text_of(&answer).to_owned();
    assert!(
        printed.contains("authorization") && printed.contains("principal"),
        "{printed}"
    );
    let session = ada.session("2025-11-25").await;
    let (stream, path) = ada.sse().await;
    drop(stream);
    let wrong = As::new(&running, "wrong-token");
    for (line, client) in [
        ("GET /sse?access_token=in-query", &ada),
        ("GET /sse", &wrong),
    ] {
        printed.push_str(&client.request(line, "", "").await.body);
    }
    let bob = As::new(&running, "bob");
    let ping = message(1, "ping", json!({}));
    printed.push_str(&bob.post(&session, &ping).await.body().await);
    printed.push_str(&bob.send(&path, &ping).await.body);
    printed.push_str(&format!("{:?} {:?}", running.mcp, Gate::new().0));
    printed.push_str(&told.lock().unwrap());
    assert!(printed.contains("Refused"), "events were told: {printed}");
    let sse_session = path.split('=').next_back().unwrap();
    for secret in [
        "ada-fresh",
        "wrong-token",
        "in-query",
        &*session,
        sse_session,
    ] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}
