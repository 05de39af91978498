//! Messages of several megabytes, on real sockets: they arrive as they were sent (FIELD X-13).

use std::net::SocketAddr;

use mcp_wire::server::{
    Arguments, Call, Content, HandlerError, ReadRequest, Resource, ResourceContents, Server, Text,
    Tool, ToolResult,
};
use mcp_wire::{McpService, sse::Decoder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{
    Answer, Client, POST_HEADERS, Running, Session, envelope, message, mirrored, request, soon,
    start,
};

/// Longer than what hyper reads or writes at once, which is some 400 KiB.
const LONG: usize = 500_000;
const SEVERAL_MEGABYTES: usize = 3 << 20;

/// A long text of one kind.
fn text(kind: &str) -> String {
    text_of(kind, LONG)
}

/// `plain` needs no escapes in JSON, `lines` needs many.
fn text_of(kind: &str, len: usize) -> String {
    let unit = match kind {
        "plain" => "0123456789 é😀",
        "lines" => "a \"line\"\tof text\r\n\u{1}\\",
        other => panic!("{other}"),
    };
    unit.repeat(len / unit.len())
}

async fn make(_: Call, args: Arguments) -> Result<String, HandlerError> {
    Ok(text_of(args.str("kind")?, SEVERAL_MEGABYTES))
}

async fn echo(_: Call, args: Arguments) -> Result<Text, HandlerError> {
    args.text("message")
}

async fn blocks(_: Call, _: Arguments) -> Vec<Content> {
    let embedded = ResourceContents::text("test://e", text("lines"));
    vec![
        Content::text(text("plain")),
        Content::image(text("plain").as_bytes(), "image/png"),
        Content::embedded(embedded),
        Content::text("the end"),
    ]
}

async fn structured(_: Call, _: Arguments) -> ToolResult {
    ToolResult::structured(json!({"plain": text("plain"), "lines": text("lines")}))
}

async fn read(_: Call, read: ReadRequest) -> Vec<ResourceContents> {
    vec![
        ResourceContents::text(read.uri(), text("lines")),
        ResourceContents::blob(read.uri(), text("plain").as_bytes()),
    ]
}

async fn serving() -> Running {
    let input = json!({"type": "object"});
    let tool = |name: &str| Tool::new(name).input(input.clone());
    let server = Server::new("Large", "1")
        .tool(tool("make"), make)
        .tool(tool("echo"), echo)
        .tool(tool("blocks"), blocks)
        .tool(tool("structured"), structured)
        .resource(Resource::new("test://r", "r"), read);
    start(McpService::builder(server).build().unwrap()).await
}

/// POSTs a request of 2026-07-28 on its own connection, and reads to the end.
async fn post(address: SocketAddr, method: &str, mut params: Value) -> Answer {
    params["_meta"] = envelope(json!({}));
    let headers = mirrored(method, &params);
    let answer = request(address, "POST /mcp", &headers, message(1, method, params)).await;
    assert_eq!(answer.status, 200);
    answer
}

#[track_caller]
fn check_length(answer: &Answer) {
    let declared = answer.header("content-length").expect("a length");
    assert_eq!(declared, answer.body.len().to_string());
}

/// A long answer has the length that its head declares, in pieces or whole, escaped or not.
#[tokio::test]
async fn a_long_answer_arrives_as_it_was_made() {
    let running = serving().await;
    for kind in ["plain", "lines"] {
        let call = json!({"name": "make", "arguments": {"kind": kind}});
        let answer = post(running.address, "tools/call", call).await;
        check_length(&answer);
        let result = &answer.json()["result"];
        let made = text_of(kind, SEVERAL_MEGABYTES);
        assert!(result["content"] == json!([{"type": "text", "text": made}]));
        assert_eq!(result["resultType"], "complete");
        let call = json!({"name": "echo", "arguments": {"message": text(kind)}});
        let answer = post(running.address, "tools/call", call).await;
        check_length(&answer);
        assert!(answer.json()["result"]["content"][0]["text"] == text(kind));
    }
}

/// FIELD X-13: so do long images, embedded resources, structured values, and resources that are
/// read.
#[tokio::test]
async fn what_is_long_in_any_result_arrives() {
    let running = serving().await;
    let call = json!({"name": "blocks", "arguments": {}});
    let answer = post(running.address, "tools/call", call).await;
    check_length(&answer);
    let content = &answer.json()["result"]["content"];
    assert!(content[0] == json!({"type": "text", "text": text("plain")}));
    assert_eq!(content[1]["mimeType"], "image/png");
    assert_eq!(
        content[1]["data"].as_str().unwrap().len(),
        text("plain").len().div_ceil(3) * 4
    );
    assert!(content[2]["resource"] == json!({"uri": "test://e", "text": text("lines")}));
    assert_eq!(content[3]["text"], "the end");

    let call = json!({"name": "structured", "arguments": {}});
    let answer = post(running.address, "tools/call", call).await;
    check_length(&answer);
    let result = &answer.json()["result"];
    let expected = json!({"plain": text("plain"), "lines": text("lines")});
    assert!(result["structuredContent"] == expected);
    let told = result["content"][0]["text"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(told).unwrap() == expected);

    let answer = post(
        running.address,
        "resources/read",
        json!({"uri": "test://r"}),
    )
    .await;
    check_length(&answer);
    let contents = &answer.json()["result"]["contents"];
    assert!(contents[0] == json!({"uri": "test://r", "text": text("lines")}));
    assert_eq!(contents[1]["uri"], "test://r");
    assert!(contents[1]["blob"].as_str().unwrap().len() > LONG);
}

/// A long answer arrives in a session, as JSON or as a stream, and again on the same connection.
#[tokio::test]
async fn a_long_answer_arrives_in_a_session_in_both_forms() {
    let running = serving().await;
    let session = Session::open(running.address, "2025-11-25", json!({})).await;
    let streams = "Content-Type: application/json\r\nAccept: text/event-stream\r\n";
    for headers in [POST_HEADERS, streams] {
        for kind in ["plain", "lines"] {
            let headers = format!("{headers}Mcp-Session-Id: {}\r\n", session.id);
            let call = json!({"name": "echo", "arguments": {"message": text(kind)}});
            let body = message(7, "tools/call", call);
            let answer = request(running.address, "POST /mcp", &headers, body).await;
            assert_eq!(answer.status, 200);
            let message: Value = match answer.header("content-type").unwrap() {
                "application/json" => {
                    check_length(&answer);
                    answer.json()
                }
                _ => event_of(&answer),
            };
            assert_eq!(message["id"], 7);
            assert!(message["result"]["content"][0]["text"] == text(kind));
        }
    }
}

/// The message of a chunked stream with one message.
fn event_of(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let mut plain = Vec::new();
    let mut rest = answer.body.as_bytes();
    while let Some(line) = rest.windows(2).position(|at| at == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        plain.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
    }
    let events = Decoder::new().feed(&plain);
    let last = events.last().expect("an event");
    serde_json::from_str(&last.data).unwrap()
}

/// SPEC B: a long answer arrives on the stream of HTTP+SSE.
#[tokio::test]
async fn a_long_answer_arrives_on_the_stream_of_its_session() {
    let running = serving().await;
    let mut client = Client::initialized(running.address, "2024-11-05", json!({})).await;
    for kind in ["plain", "lines"] {
        let call = json!({"name": "echo", "arguments": {"message": text(kind)}});
        let answer = client.call("tools/call", call).await;
        assert!(answer["result"]["content"][0]["text"] == text(kind));
    }
}

/// A client of HTTP/1.0 gets the same bytes, and then the end of the connection.
#[tokio::test]
async fn a_long_answer_arrives_over_http_1_0() {
    let running = serving().await;
    let mut params = json!({"name": "echo", "arguments": {"message": text("plain")}});
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params);
    let body = message(1, "tools/call", params);
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.0\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = soon("the end", socket.read_to_end(&mut answer)).await;
    end.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
    let answer: Value = serde_json::from_str(body).unwrap();
    assert!(answer["result"]["content"][0]["text"] == text("plain"));
}
