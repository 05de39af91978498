//! `McpService` in a router of axum, with layers of tower.

use std::time::Duration;

use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use mcp_wire::server::{Arguments, Call, HandlerError, Server, Tool};
use mcp_wire::{Endpoint, McpService};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_http::limit::RequestBodyLimitLayer;

#[derive(Clone)]
struct Tenant(&'static str);

async fn echo(cx: Call, args: Arguments) -> Result<String, HandlerError> {
    let tenant: Option<&Tenant> = cx.head().extensions.get();
    let tenant = tenant.map_or("nobody", |tenant| tenant.0);
    Ok(format!("{tenant}: {}", args.str("text")?))
}

/// Waits for longer than a stream does, so that its answer comes as an event.
async fn slow(_: Call, args: Arguments) -> Result<String, HandlerError> {
    tokio::time::sleep(Duration::from_millis(30)).await;
    Ok(args.str("text")?.to_owned())
}

fn service(mount: &str) -> McpService {
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let server = Server::new("Framed", "1.0.0")
        .tool(Tool::new("echo").input(schema.clone()), echo)
        .tool(Tool::new("slow").input(schema), slow);
    McpService::builder(server)
        .mount(mount)
        .timeouts(|timeouts| timeouts.stream_after = Duration::from_millis(10))
        .build()
        .unwrap()
}

fn call(path: &str, tool: &str, text: &str) -> Request<Body> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": tool, "arguments": {"text": text}, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(Body::from(body.to_string()))
        .unwrap()
}

/// The text of a call's answer, whether it came as JSON or as an event.
async fn text_of<B: hyper::body::Body<Data = Bytes, Error: std::fmt::Debug>>(
    answer: Response<B>,
) -> String {
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body = std::str::from_utf8(&body).unwrap();
    let message = body.lines().find_map(|line| line.strip_prefix("data: {"));
    let message = message.map_or(body.to_owned(), |rest| format!("{{{rest}"));
    let message: Value = serde_json::from_str(&message).unwrap();
    message["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{message}"))
        .to_owned()
}

/// FIELD P-13: as a fallback, as routes, and below a prefix.
#[tokio::test]
async fn a_router_finds_the_service_however_it_is_mounted() {
    let fallback = Router::new()
        .route("/", get(async || "Hello"))
        .fallback_service(service(""));
    let routes = Router::new().route_service("/mcp", service(""));
    let mounted = service("/api");
    let nested = Router::new().nest(
        "/api",
        Router::new()
            .route_service("/mcp", mounted.with_endpoint(Endpoint::Mcp))
            .route_service("/sse", mounted.with_endpoint(Endpoint::Sse)),
    );
    for (app, path) in [
        (&fallback, "/mcp"),
        (&routes, "/mcp"),
        (&nested, "/api/mcp"),
    ] {
        let answer = app.clone().oneshot(call(path, "echo", "a")).await.unwrap();
        assert_eq!(text_of(answer).await, "nobody: a", "{path}");
    }
    let own = Request::get("/").body(Body::empty()).unwrap();
    let own = fallback
        .oneshot(own)
        .await
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap();
    assert_eq!(own.to_bytes(), "Hello");
    // Clients of HTTP+SSE are told the whole path.
    let open = Request::get("/api/sse")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    let mut stream = nested.oneshot(open).await.unwrap().into_body();
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    let first = std::str::from_utf8(&first).unwrap();
    assert!(
        first.contains("data: /api/messages/?session_id="),
        "{first}"
    );
}

#[tokio::test]
async fn handlers_see_what_layers_put_into_the_request() {
    let app = Router::new()
        .fallback_service(service(""))
        .layer(Extension(Tenant("seven")));
    let answer = app.oneshot(call("/mcp", "echo", "a")).await.unwrap();
    assert_eq!(text_of(answer).await, "seven: a");
}

/// Whether the layer reads the declared length or counts what arrives, and however deep its error is wrapped.
#[tokio::test]
async fn a_body_that_a_layer_finds_too_long_is_413() {
    let app = Router::new()
        .fallback_service(service(""))
        .layer(RequestBodyLimitLayer::new(1000));
    let app = app.layer(axum::middleware::map_request(
        async |request: Request<Body>| request.map(Body::new),
    ));
    for (length, status) in [(100, StatusCode::OK), (2000, StatusCode::PAYLOAD_TOO_LARGE)] {
        let request = call("/mcp", "echo", &"x".repeat(length));
        // A stream declares no length.
        let request = request.map(|body| Body::new(body.map_frame(|frame| frame).boxed_unsync()));
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{length}");
    }
}
