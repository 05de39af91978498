//! Connections over TLS time out like others, although TLS buffers bytes that its client has not read.

use std::time::Duration;

use mcp_wire::McpService;
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire_tls::connected;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const LONG: usize = 500_000;

async fn long(_: Call, _: Arguments) -> String {
    "x".repeat(LONG)
}

fn service() -> McpService {
    let server = Server::new("Test", "1").tool(Tool::new("long"), long);
    McpService::builder(server).build().expect("a service")
}

/// A call of the tool `long` in 2026-07-28.
fn calling_long() -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let params = json!({"name": "long", "arguments": {}, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let body = body.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: long\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn end(serving: JoinHandle<()>) {
    let over = timeout(Duration::from_secs(1000), serving).await;
    over.expect("the connection is still open after 1000 s")
        .expect("the task does not panic");
}

/// FIELD E-1: a client sends half a head and never reads. The server answers after 10 s if there is room, and closes
/// soon.
#[tokio::test(start_paused = true)]
async fn a_connection_ends_although_its_client_never_reads() {
    for (pipe, seconds) in [(64 * 1024, 10 + 2), (300, 10 + 30)] {
        let (mut client, serving) = connected(service(), pipe).await;
        let began = Instant::now();
        client
            .write_all(b"POST /mcp HTTP/1.1\r\nHost: ")
            .await
            .unwrap();
        client.flush().await.unwrap();
        end(serving).await;
        assert_eq!(began.elapsed().as_secs(), seconds, "{pipe}");
    }
}

/// If the same client reads, it receives the answer and the `close_notify` of TLS.
#[tokio::test(start_paused = true)]
async fn the_last_words_arrive() {
    let (mut client, serving) = connected(service(), 700).await;
    client
        .write_all(b"POST /mcp HTTP/1.1\r\nHost: ")
        .await
        .unwrap();
    client.flush().await.unwrap();
    let mut said = String::new();
    client
        .read_to_string(&mut said)
        .await
        .expect("close_notify");
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    drop(client);
    end(serving).await;
}

/// FIELD E-2: the server cuts off a client that stops reading 30 s after the first keep-alive that does not reach it,
/// although TLS buffers the following ones.
#[tokio::test(start_paused = true)]
async fn keep_alives_in_a_buffer_are_no_progress() {
    for read in [0, 1, 200] {
        let mcp = service();
        let (mut client, serving) = connected(mcp.clone(), 1024).await;
        client
            .write_all(b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        client.flush().await.unwrap();
        let mut said = vec![0; read];
        client.read_exact(&mut said).await.unwrap();
        let began = Instant::now();
        end(serving).await;
        // The pipe holds at most some 30 keep-alives, which are 15 s apart.
        let seconds = began.elapsed().as_secs();
        let since = seconds - 30;
        assert_eq!(since % 15, 0, "{read}: cut after {seconds} s");
        assert!(since <= 450, "{read}: cut after {seconds} s");
        assert_eq!((mcp.sessions(), mcp.snapshot().streams), (0, 0));
    }
}

/// A client that reads the 64 KiB that TLS buffers in less than 30 s receives the whole of a long answer, although it
/// takes minutes.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_has_the_whole_answer() {
    let (client, serving) = connected(service(), 1024).await;
    let (mut reader, mut writer) = tokio::io::split(client);
    writer.write_all(calling_long().as_bytes()).await.unwrap();
    writer.flush().await.unwrap();
    let began = Instant::now();
    let mut said = Vec::new();
    while !said.ends_with(b"}") {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut some = [0; 4096];
        let len = reader.read(&mut some).await.unwrap();
        assert_ne!(len, 0, "cut after {} bytes", said.len());
        said.extend_from_slice(&some[..len]);
    }
    assert!(said.len() > LONG);
    assert!(began.elapsed().as_secs() > 100);
    drop((reader, writer));
    end(serving).await;
}
