//! Documents about the authorization (SPEC F-20 to F-31, J-22).

use super::*;
use crate::support::{check_method_refused, check_refused};

const PREFIX: &str = "/.well-known/oauth-protected-resource";

async fn get(running: &Running, path: &str, headers: &str) -> Answer {
    request(running.address, &format!("GET {path}"), headers, "").await
}

/// SPEC F-20 to F-23, F-26: the document of each endpoint is where its challenge says, names its
/// resource, and needs no token.
#[tokio::test]
async fn a_client_finds_its_way_to_the_document() {
    let (running, _) = gated().await;
    for (line, resource) in [
        ("GET /mcp", "https://mcp.example.com/mcp"),
        ("GET /mcp/", "https://mcp.example.com/mcp/"),
        ("GET /sse", "https://mcp.example.com/sse"),
        ("POST /messages/", "https://mcp.example.com/sse"),
    ] {
        let refused = request(running.address, line, "", "").await;
        let header = refused.header("www-authenticate").unwrap();
        let (_, url) = header.split_once("resource_metadata=\"").unwrap();
        let url = url.split('"').next().unwrap();
        let path = url.strip_prefix("https://mcp.example.com").unwrap();
        // SPEC F-21: a client builds the same URL from the identifier.
        let built = resource.replace(".com/", &format!(".com{PREFIX}/"));
        assert_eq!(url, built);
        let document = get(&running, path, "").await;
        assert_eq!(document.status, 200);
        assert_eq!(document.header("content-type"), Some("application/json"));
        assert_eq!(document.header("access-control-allow-origin"), Some("*"));
        assert!(
            document
                .header("cache-control")
                .unwrap()
                .contains("max-age=")
        );
        assert_eq!(
            document.json(),
            json!({
                "resource": resource,
                "authorization_servers": ["https://as.example.com"],
                "scopes_supported": ["notes:read", "notes:write"],
                "bearer_methods_supported": ["header"],
            })
        );
        assert!(running.mcp.endpoint(path).is_some());
    }
}

/// SPEC F-27, F-28: pages may read the document, HEAD and OPTIONS work, and unknown documents are
/// 404.
#[tokio::test]
async fn documents_are_for_everybody() {
    let (running, _) = gated().await;
    let path = format!("{PREFIX}/mcp");
    let page = "Origin: https://page.example\r\n";
    let document = get(&running, &path, page).await;
    assert_eq!(document.status, 200);
    let head = request(running.address, &format!("HEAD {path}"), page, "").await;
    assert_eq!((head.status, &*head.body), (200, ""));
    let len = document.body.len().to_string();
    assert_eq!(head.header("content-length"), Some(&*len));
    assert_eq!(head.header("content-type"), Some("application/json"));
    let asked = "Origin: https://page.example\r\nAccess-Control-Request-Method: GET\r\n";
    let options = request(running.address, &format!("OPTIONS {path}"), asked, "").await;
    assert_eq!(options.status, 204);
    assert_eq!(options.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        options.header("access-control-allow-methods"),
        Some("GET, HEAD, OPTIONS")
    );
    let posted = request(running.address, &format!("POST {path}"), page, "").await;
    check_method_refused(&posted, "GET, HEAD, OPTIONS");
    for path in ["", "/", "/other", "/mcp/other", "/messages/"] {
        let path = format!("{PREFIX}{path}");
        check_refused(&get(&running, &path, "").await, 404, -32600, "");
        assert!(running.mcp.endpoint(&path).is_some());
    }
    assert!(
        running
            .mcp
            .endpoint("/.well-known/oauth-authorization-server")
            .is_none()
    );
    assert!(
        running
            .mcp
            .endpoint("/.well-known/oauth-protected-resources")
            .is_none()
    );
    // A page whose name was rebound to this machine is refused.
    let line = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!(crate::support::raw(running.address, line).await.status, 403);
}

/// SPEC F-23, J-22: the root document exists only where it can be correct.
#[tokio::test]
async fn the_root_document_names_what_tokens_are_for() {
    let root = async |set: fn(Builder<Server>) -> Builder<Server>| {
        let (running, _) = gated_with(set).await;
        let answer = get(&running, PREFIX, "").await;
        (answer.status == 200).then(|| answer.json()["resource"].clone())
    };
    assert_eq!(root(|builder| builder).await, None);
    let only = root(|builder| builder.sse_path(None)).await;
    assert_eq!(only, Some(json!("https://mcp.example.com/mcp")));
    let origin = root(|builder| builder.protected_resource(protected().takes_origin())).await;
    assert_eq!(origin, Some(json!("https://mcp.example.com")));
}

/// SPEC F-17: only the configured URL counts, including a prefix that a proxy strips.
#[tokio::test]
async fn the_address_is_the_configured_one() {
    let (running, _) = gated_with(|builder| builder.mount("/api").public_prefix("/edge")).await;
    let spoofed = "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n\
        Forwarded: host=evil.example\r\n";
    let refused = request(running.address, "GET /api/mcp", spoofed, "").await;
    let url = format!("https://mcp.example.com{PREFIX}/edge/api/mcp");
    let header = refused.header("www-authenticate").unwrap();
    assert!(
        header.contains(&format!("resource_metadata=\"{url}\"")),
        "{header}"
    );
    let document = get(&running, &format!("{PREFIX}/edge/api/mcp"), spoofed).await;
    assert_eq!(
        document.json()["resource"],
        "https://mcp.example.com/edge/api/mcp"
    );
    assert_eq!(
        get(&running, &format!("{PREFIX}/api/mcp"), "").await.status,
        404
    );
}

/// SPEC F-30, F-31: after a 401, clients of 2025-03-26 find the authorization server's metadata at
/// the root.
#[tokio::test]
async fn old_clients_find_the_authorization_server() {
    let metadata =
        json!({"issuer": "https://as.example.com", "token_endpoint": "https://as.example.com/t"});
    let resource = protected().authorization_server_metadata(metadata.clone());
    let (running, _) = gated_with(|builder| builder.protected_resource(resource)).await;
    let path = "/.well-known/oauth-authorization-server";
    let hello = message(1, "initialize", hello("2025-03-26", json!({})));
    let refused = request(running.address, "POST /mcp", POST_HEADERS, hello).await;
    assert_eq!(refused.status, 401);
    let document = get(&running, path, "").await;
    assert_eq!((document.status, document.json()), (200, metadata));
    assert!(running.mcp.endpoint(path).is_some());
}
