//! What a server knows about its client, and what it tells of itself beyond the protocol.

use mcp_wire::McpService;
use mcp_wire::server::{Call, Server, Tool};
use serde_json::{Value, json};

use crate::support::{Client, Session, Stream, message, modern, start, text_of};

const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const UI: &str = "io.modelcontextprotocol/ui";
const CHARTS: &str = "com.example/charts";

/// `who` answers with the client, and `has` with the settings of an extension.
fn server() -> Server {
    Server::new("Knowing", "1")
        .tool(Tool::new("who"), async |cx: Call, _| match cx.client() {
            Some(client) => {
                let (name, version) = (client.name(), client.version());
                format!("{name} {version} {:?}", client.title())
            }
            None => "somebody".to_owned(),
        })
        .tool(Tool::new("charts"), async |cx: Call, _| {
            format!("{:?}", cx.client_extension(CHARTS))
        })
        .tool(Tool::new("ui"), async |cx: Call, _| {
            format!("{:?}", cx.client_extension(UI))
        })
}

fn call(tool: &str) -> Value {
    json!({"name": tool})
}

/// Opens a session with an `initialize` that has these capabilities and this `clientInfo`.
async fn introduce(
    address: std::net::SocketAddr,
    version: &str,
    capabilities: Value,
    info: Value,
) -> Session {
    let params =
        json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": info});
    let headers = crate::support::POST_HEADERS;
    let hello = message(0, "initialize", params);
    let mut stream = Stream::open(address, "POST /mcp", headers, hello).await;
    assert!(stream.answer().await["result"].is_object());
    let id = stream.header("mcp-session-id").unwrap();
    Session::named(address, id, version)
}

/// FIELD S-17: name, version and title of the client, in every revision and over both transports.
#[tokio::test]
async fn a_handler_knows_its_client() {
    let running = start(McpService::builder(server()).build().unwrap()).await;
    let long = "x".repeat(5000);
    let infos = [
        (
            json!({"name": "a", "version": "1.0", "title": "A", "websiteUrl": "https://a.example"}),
            r#"a 1.0 Some("A")"#.to_owned(),
        ),
        (
            json!({"name": "a", "version": "1.0", "title": null}),
            "a 1.0 None".to_owned(),
        ),
        (
            json!({"name": "a", "version": long}),
            format!("a {} None", &long[..256]),
        ),
    ];
    for (info, says) in infos {
        for version in LEGACY {
            let session = introduce(running.address, version, json!({}), info.clone()).await;
            let answer = session.call("tools/call", call("who")).await;
            assert_eq!(text_of(&answer), says, "{version}");
            assert_eq!(session.delete().await, 200);
        }
        let meta = json!({"io.modelcontextprotocol/clientInfo": info});
        let params = json!({"name": "who", "_meta": meta});
        let answer = modern(running.address, 1, "tools/call", params).await;
        assert_eq!(text_of(&{ answer }.answer().await), says);
    }
    let mut client = Client::open(running.address).await;
    let answer = client.call("tools/call", call("who")).await;
    assert_eq!(text_of(&answer), "somebody", "before its `initialize`");
    let mut client = Client::initialized(running.address, LEGACY[0], json!({})).await;
    let answer = client.call("tools/call", call("who")).await;
    assert_eq!(text_of(&answer), "test 1 None");
    let alone = mcp_wire::test::call().name("alone").cx();
    assert_eq!(alone.client().unwrap().name(), "alone");
}

/// FIELD S-17: a request of 2026-07-28 need not say whose it is, and one without a session cannot before.
#[tokio::test]
async fn a_client_may_be_unknown() {
    let mcp = McpService::builder(server()).without_sessions();
    let running = start(mcp.build().unwrap()).await;
    let headers = format!(
        "{}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: who\r\n",
        crate::support::POST_HEADERS
    );
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = message(1, "tools/call", json!({"name": "who", "_meta": meta}));
    let mut stream = Stream::open(running.address, "POST /mcp", &headers, body).await;
    assert_eq!(text_of(&stream.answer().await), "somebody");
    for version in LEGACY {
        let headers = format!(
            "{}MCP-Protocol-Version: {version}\r\n",
            crate::support::POST_HEADERS
        );
        let body = message(1, "tools/call", call("who"));
        let mut stream = Stream::open(running.address, "POST /mcp", &headers, body).await;
        assert_eq!(text_of(&stream.answer().await), "somebody", "{version}");
    }
}

/// FIELD S-18, SPEC E-17, E-18, D-67: extensions and experimental capabilities are declared where the revision
/// has them, and not at all unless the server has any.
#[tokio::test]
async fn a_server_declares_its_extensions() {
    let ui = json!({"mimeTypes": ["text/html"]});
    let with = server()
        .extension(UI, ui.clone())
        .extension(CHARTS, json!({}))
        .experimental("soon", json!({"level": 2}));
    for (server, has_any) in [(with, true), (server(), false)] {
        let running = start(McpService::builder(server).build().unwrap()).await;
        let experimental = has_any.then(|| json!({"soon": {"level": 2}}));
        let experimental = experimental.unwrap_or_default();
        for version in LEGACY {
            let mut client = Client::open(running.address).await;
            let hello = crate::support::hello(version, json!({}));
            let result = client.result("initialize", hello).await;
            let capabilities = &result["capabilities"];
            let extensions = has_any.then(|| json!({ UI: ui }));
            assert_eq!(capabilities["extensions"], extensions.unwrap_or_default());
            assert_eq!(capabilities["experimental"], experimental, "{version}");
            let names = capabilities.as_object().unwrap().len();
            assert_eq!(names, if has_any { 3 } else { 1 }, "{capabilities}");
        }
        let mut stream = modern(running.address, 1, "server/discover", json!({})).await;
        let answer = stream.answer().await;
        let capabilities = &answer["result"]["capabilities"];
        let extensions = has_any.then(|| json!({UI: ui, CHARTS: {}}));
        assert_eq!(capabilities["extensions"], extensions.unwrap_or_default());
        assert_eq!(capabilities["experimental"], experimental);
    }
}

/// FIELD S-18: what cannot be declared fails the build, whichever comes first.
#[tokio::test]
async fn a_malformed_extension_fails_the_build() {
    let cases = [
        (server().extension("ui", json!({})), "\"ui\" is not the id"),
        (
            server().extension("com.example/a", json!(true)),
            "must be an object",
        ),
        (
            server()
                .extension(UI, json!({}))
                .extension(UI, json!({"a": 1})),
            "declared twice",
        ),
        (server().experimental("", json!({})), "needs a name"),
        (server().experimental("x", Value::Null), "must be an object"),
    ];
    for (server, says) in cases {
        let fault = McpService::builder(server).build().unwrap_err();
        assert!(
            fault.is_setup() && fault.to_string().contains(says),
            "{fault}"
        );
    }
}

/// FIELD S-18, SPEC E-18: a handler learns which extensions its client has, in the revisions that have them.
#[tokio::test]
async fn a_handler_knows_the_extensions_of_its_client() {
    let running = start(McpService::builder(server()).build().unwrap()).await;
    let settings = json!({"a": [1]});
    let some = format!("{:?}", Some(&settings));
    for (declared, is_declared) in [
        (
            json!({"extensions": {UI: settings, CHARTS: settings}}),
            true,
        ),
        (json!({"extensions": {UI: true, CHARTS: null}}), false),
        (json!({"extensions": {}}), false),
        (json!({"extensions": null}), false),
        (json!({"extensions": [UI, CHARTS]}), false),
        (json!({"experimental": {UI: {}, CHARTS: {}}}), false),
        (json!({}), false),
    ] {
        let found = if is_declared { &*some } else { "None" };
        for version in LEGACY {
            let info = json!({"name": "a", "version": "1"});
            let session = introduce(running.address, version, declared.clone(), info).await;
            for (tool, found) in [("ui", found), ("charts", "None")] {
                let answer = session.call("tools/call", call(tool)).await;
                assert_eq!(text_of(&answer), found, "{version} {tool} {declared}");
            }
        }
        let meta = json!({"io.modelcontextprotocol/clientCapabilities": declared});
        for tool in ["ui", "charts"] {
            let params = json!({"name": tool, "_meta": meta});
            let answer = modern(running.address, 1, "tools/call", params).await;
            assert_eq!(
                text_of(&{ answer }.answer().await),
                found,
                "{tool} {declared}"
            );
        }
    }
}
