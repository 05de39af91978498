//! HTTP/2 has flow control: while the window of a client is closed, hyper does not poll the body.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use http::Request;
use http_body_util::Full;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{Change, McpService};
use serde_json::json;
use tokio::io::DuplexStream;
use tokio::time::{sleep, timeout};

async fn tool(_: Call, _: Arguments) -> String {
    "done".to_owned()
}

fn server() -> Server {
    Server::new("Test", "1").tool(Tool::new("tool"), tool)
}

/// A listening request for changes of the tools.
fn listening() -> (Request<()>, Bytes) {
    let params = json!({
        "notifications": {"toolsListChanged": true},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        },
    });
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params});
    let request = Request::post("http://localhost/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen")
        .header("authorization", "Bearer brief")
        .body(());
    (request.expect("a request"), body.to_string().into())
}

fn serve(io: DuplexStream, mcp: McpService) {
    let service = service_fn(move |request| {
        let mcp = mcp.clone();
        async move { Ok::<_, Infallible>(mcp.call(request).await) }
    });
    let serving =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service);
    tokio::spawn(async move { drop(serving.await) });
}

/// Opens the flow-control window of all streams after this time.
async fn opening(mut connection: Connection<DuplexStream>, after: Duration) {
    if timeout(after, &mut connection).await.is_err() {
        let opened = connection.set_initial_window_size(64 * 1024);
        opened.expect("a window");
        drop(connection.await);
    }
}

/// An HTTP/2 connection whose windows are closed for 4 s, to a server where the identity of ada expires after 1 s.
async fn connect_closed() -> (Server, McpService, SendRequest<Bytes>) {
    let ends = SystemTime::now() + Duration::from_secs(1);
    let tokens = StaticTokens::new().token("brief", Identity::new("ada").expires_at(ends));
    let server = server();
    let mcp = McpService::builder(server.clone()).authorizer(tokens);
    let mcp = mcp.build().expect("a service");
    let (near, far) = tokio::io::duplex(64 * 1024);
    serve(far, mcp.clone());
    let (client, connection) = h2::client::Builder::new()
        .initial_window_size(0)
        .handshake::<_, Bytes>(near)
        .await
        .expect("a handshake");
    tokio::spawn(opening(connection, Duration::from_secs(4)));
    (server, mcp, client)
}

/// Opens a stream, and announces ten changes after 2 s. Returns everything that the stream carried.
async fn read_stream(
    server: &Server,
    client: &mut SendRequest<Bytes>,
    (request, body): (Request<()>, Bytes),
) -> String {
    let (response, mut sender) = client.send_request(request, false).expect("a stream");
    sender.send_data(body, true).expect("a body");
    let response = response.await.expect("a head");
    assert_eq!(response.status(), 200);
    sleep(Duration::from_secs(2)).await;
    for _ in 0..10 {
        server.publish(&Change::Tools);
    }
    let mut body = response.into_body();
    let mut said = Vec::new();
    let all = async {
        while let Some(data) = body.data().await {
            let data = data.expect("data");
            said.extend_from_slice(&data);
            let flow = body.flow_control();
            flow.release_capacity(data.len()).expect("a window");
        }
    };
    let limit = Duration::from_secs(1000);
    timeout(limit, all).await.expect("it ends");
    String::from_utf8(said).expect("text")
}

/// FIELD E-3: the window is 0, the identity expires at 1 s, the server announces changes at 2 s, and the window opens
/// at 4 s. No change arrives, although hyper did not poll the body in between.
#[tokio::test(start_paused = true)]
async fn a_listening_request_sends_nothing_after_its_identity_expired() {
    let (server, mcp, mut client) = connect_closed().await;
    let said = read_stream(&server, &mut client, listening()).await;
    assert!(said.contains("subscriptions/acknowledged"), "{said}");
    assert!(!said.contains("list_changed"), "{said}");
    assert!(said.contains("\"resultType\":\"complete\""), "{said}");
    assert_eq!(mcp.listen_streams(), 0);
}

/// FIELD E-3: the same for the stream of a session.
#[tokio::test(start_paused = true)]
async fn the_stream_of_a_session_sends_nothing_after_its_identity_expired() {
    let (server, mcp, mut client) = connect_closed().await;
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }});
    let hello = Request::post("http://localhost/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("authorization", "Bearer brief")
        .body(Full::new(Bytes::from(hello.to_string())));
    let opened = mcp.call(hello.expect("a request")).await;
    let session = &opened.headers()["mcp-session-id"];
    let request = Request::get("http://localhost/mcp")
        .header("accept", "text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .header("mcp-session-id", session)
        .header("authorization", "Bearer brief")
        .body(());
    let said = read_stream(
        &server,
        &mut client,
        (request.expect("a request"), Bytes::new()),
    )
    .await;
    assert!(!said.contains("list_changed"), "{said}");
}
