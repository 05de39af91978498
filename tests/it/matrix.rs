//! The README's table of revisions and features is checked cell by cell.

use mcp_wire::server::{
    Arguments, Call, Content, Elicitation, HandlerError, Icon, Resource, Server, Tool, ToolResult,
};
use mcp_wire::test::{self, Reply};
use mcp_wire::{McpService, ProtocolVersion};
use serde_json::{Value, json};

use crate::support::{
    Client, POST_HEADERS, Running, Session, Stream, envelope, message, mirrored, modern, request,
    start,
};

const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

fn declared() -> Value {
    json!({"elicitation": {"form": {}}})
}

async fn run() -> Running {
    let all = Tool::new("all")
        .title("All")
        .read_only(true)
        .icon(Icon::new("https://example.com/a.png"));
    let blocks = async |_: Call, _: Arguments| {
        [
            Content::audio(b"RIFF", "audio/wav"),
            Content::link(Resource::new("a://b", "b")),
        ]
        .to_vec()
    };
    let told = async |cx: Call, _: Arguments| {
        let _ = cx.notify("notifications/note", None);
        "told"
    };
    async fn asks(cx: Call, _: Arguments) -> Result<String, HandlerError> {
        let form = json!({"type": "object", "properties": {}});
        cx.elicit(&Elicitation::form("?", form)).await?;
        Ok("asked".to_owned())
    }
    let server = Server::new("Matrix", "1")
        .tool(all, blocks)
        .tool(Tool::new("structured"), async |_, _| {
            ToolResult::structured(json!({"a": 1}))
        })
        .tool(Tool::new("told"), told)
        .tool(Tool::new("asks"), asks);
    start(McpService::builder(server).build().unwrap()).await
}

/// The result of a request in a revision, over the transport of that revision.
async fn result(running: &Running, revision: &str, method: &str, params: Value) -> Value {
    let result = in_memory(running, revision).request(method, params).await;
    result.unwrap_or_default()
}

/// A client that declares nothing.
fn in_memory(running: &Running, revision: &str) -> test::Client {
    let version = ProtocolVersion::parse(revision).unwrap();
    test::Client::new(&running.mcp).version(version)
}

async fn first_tool(running: &Running, revision: &str) -> Value {
    result(running, revision, "tools/list", json!({})).await["tools"][0].clone()
}

async fn called(running: &Running, revision: &str, tool: &str) -> Value {
    result(running, revision, "tools/call", json!({"name": tool})).await
}

async fn takes_initialize(running: &Running, revision: &str) -> bool {
    match revision {
        "2026-07-28" => {
            let params = json!({"protocolVersion": revision});
            modern(running.address, 1, "initialize", params)
                .await
                .status()
                == 200
        }
        // A session opens with no other method.
        _ => !result(running, revision, "ping", json!({})).await.is_null(),
    }
}

async fn takes_batches(running: &Running, revision: &str) -> bool {
    let batch = format!("[{}]", message(1, "ping", json!({})));
    let address = running.address;
    let status = match revision {
        "2024-11-05" => {
            let client = Client::initialized(address, revision, declared()).await;
            client.post(batch).await.status
        }
        "2026-07-28" => {
            let headers = mirrored("ping", &json!({}));
            request(address, "POST /mcp", &headers, batch).await.status
        }
        _ => {
            let session = Session::open(address, revision, declared()).await;
            session.post(batch).await.status()
        }
    };
    assert!([200, 202, 400].contains(&status), "{status}");
    status != 400
}

/// Whether a stream can be resumed after one of its events.
async fn resumes(running: &Running, revision: &str) -> bool {
    let address = running.address;
    let told = json!({"name": "told"});
    match revision {
        "2024-11-05" => {
            let mut client = Client::initialized(address, revision, declared()).await;
            client.begin("tools/call", told).await;
            !client.event().await.unwrap().id.is_empty()
        }
        "2026-07-28" => {
            let mut stream = modern(address, 1, "tools/call", told).await;
            assert!(stream.is_events());
            !stream.event().await.unwrap().id.is_empty()
        }
        _ => {
            let session = Session::open(address, revision, declared()).await;
            let mut stream = session.begin("tools/call", told).await;
            let event = stream.event().await.unwrap();
            session.listen(Some(&event.id)).await.status() == 200
        }
    }
}

/// Whether a header that differs from the body is refused.
async fn mirrors(running: &Running, revision: &str) -> bool {
    let address = running.address;
    let mut params = json!({"name": "told"});
    let wrong = "Mcp-Method: tools/call\r\nMcp-Name: other\r\n";
    let headers = match revision {
        "2024-11-05" => return false,
        "2026-07-28" => {
            params["_meta"] = envelope(json!({}));
            format!("MCP-Protocol-Version: {revision}\r\n")
        }
        _ => Session::open(address, revision, declared()).await.headers(),
    };
    let headers = format!("{headers}{wrong}{POST_HEADERS}");
    let body = message(1, "tools/call", params);
    let stream = Stream::open(address, "POST /mcp", &headers, body).await;
    stream.status() == 400
}

/// Whether an elicitation reaches the client.
async fn elicits(running: &Running, revision: &str) -> bool {
    let client = in_memory(running, revision).on_elicit(|_| Reply::accept(json!({})));
    let asked = client.call("asks", json!({})).await.unwrap();
    assert_eq!(asked.is_error(), asked.text() != "asked");
    !asked.is_error()
}

/// What the README's table says about a feature, for each revision.
fn cells(feature: &str) -> Vec<bool> {
    let readme = include_str!("../../README.md");
    let row = format!("| {feature} |");
    let line = readme.lines().find(|line| line.starts_with(&row));
    let line = line.unwrap_or_else(|| panic!("no row {feature:?} in the README"));
    let cells = line.trim_matches('|').split('|').skip(1);
    cells.map(|cell| !cell.trim().starts_with('-')).collect()
}

/// SPEC E and K: each feature exists in the revisions that the README names, and in no other.
#[tokio::test]
async fn the_readme_is_right_about_every_revision() {
    let running = run().await;
    for (at, revision) in REVISIONS.into_iter().enumerate() {
        let tool = first_tool(&running, revision).await;
        let list = result(&running, revision, "tools/list", json!({})).await;
        let blocks = called(&running, revision, "all").await["content"].clone();
        let structured = called(&running, revision, "structured").await;
        let has = |value: &Value, key: &str| value.get(key).is_some();
        let seen = [
            ("`initialize`", takes_initialize(&running, revision).await),
            ("batches", takes_batches(&running, revision).await),
            ("resuming a stream", resumes(&running, revision).await),
            (
                "mirrored headers, `x-mcp-header`",
                mirrors(&running, revision).await,
            ),
            ("asking by elicitation", elicits(&running, revision).await),
            ("tool annotations, audio", has(&tool, "annotations")),
            ("tool annotations, audio", blocks[0]["type"] == "audio"),
            ("titles, structured content, links", has(&tool, "title")),
            (
                "titles, structured content, links",
                has(&structured, "structuredContent"),
            ),
            (
                "titles, structured content, links",
                blocks[1]["type"] == "resource_link",
            ),
            ("icons, sampling with tools", has(&tool, "icons")),
            (
                "`ttlMs`, `cacheScope`",
                has(&list, "ttlMs") && has(&list, "cacheScope"),
            ),
        ];
        for (feature, is_there) in seen {
            assert_eq!(is_there, cells(feature)[at], "{feature} in {revision}");
        }
    }
}
