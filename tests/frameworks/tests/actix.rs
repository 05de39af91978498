//! `McpService` as a route of actix-web, by the adapter of the page.

use actix_web::{App, test, web};
use mcp_wire::McpService;
use mcp_wire::server::{Arguments, Call, HandlerError, Server, Tool};
use serde_json::{Value, json};

async fn echo(_: Call, args: Arguments) -> Result<String, HandlerError> {
    Ok(args.str("text")?.to_owned())
}

#[actix_web::test]
async fn a_route_of_actix_answers_and_streams() {
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let server = Server::new("Framed", "1.0.0").tool(Tool::new("echo").input(schema), echo);
    let mcp = McpService::builder(server).build().unwrap();
    let app = App::new()
        .app_data(web::Data::new(mcp))
        .default_service(web::to(frameworks::actix::mcp));
    let app = test::init_service(app).await;

    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}});
    let post = |method: &str, params: Value| {
        test::TestRequest::post()
            .uri("/mcp")
            .insert_header(("host", "localhost"))
            .insert_header(("accept", "application/json, text/event-stream"))
            .set_json(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    };
    let opened = test::call_service(&app, post("initialize", hello).to_request()).await;
    assert_eq!(opened.status(), 200);
    let session = opened
        .headers()
        .get("mcp-session-id")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let call = post(
        "tools/call",
        json!({"name": "echo", "arguments": {"text": "é"}}),
    )
    .insert_header(("mcp-session-id", session));
    let answer: Value = test::call_and_read_body_json(&app, call.to_request()).await;
    assert_eq!(answer["result"]["content"][0]["text"], "é");

    let open = test::TestRequest::get()
        .uri("/sse")
        .insert_header(("host", "localhost"));
    let stream = test::call_service(&app, open.to_request()).await;
    let kind = stream.headers().get("content-type").unwrap();
    assert_eq!(kind, "text/event-stream");
    let mut body = Box::pin(stream.into_body());
    let first =
        std::future::poll_fn(|cx| actix_web::body::MessageBody::poll_next(body.as_mut(), cx));
    let first = first.await.unwrap().unwrap_or_else(|_| panic!("a frame"));
    assert!(
        first.starts_with(b"event: endpoint\ndata: /messages/?session_id="),
        "{first:?}"
    );
}
