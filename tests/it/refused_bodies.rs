//! A request that is refused by its head alone, while its body is still on the way.

use mcp_wire::McpService;
use mcp_wire::server::Server;
use serde_json::json;

use crate::support::{Kept, hello, message, start};

const JSON: &str = "Content-Type: application/json\r\n";

/// Heads of POSTs whose bodies nobody reads, and the statuses of the answers.
fn refused() -> [(String, u16); 5] {
    [
        (
            "POST /mcp HTTP/1.1\r\nOrigin: https://evil.example\r\n",
            403,
        ),
        ("PUT /mcp HTTP/1.1\r\n", 405),
        ("POST /mcp HTTP/1.1\r\nContent-Type: text/html\r\n", 415),
        (
            "POST /messages/?session_id=0123456789abcdef0123456789abcdef HTTP/1.1\r\n",
            404,
        ),
        ("DELETE /mcp HTTP/1.1\r\n", 400),
    ]
    .map(|(head, status)| (format!("{head}Host: localhost\r\n{JSON}"), status))
}

fn service() -> McpService {
    McpService::builder(Server::new("s", "1")).build().unwrap()
}

fn with_body(head: &str) -> String {
    let body = message(1, "initialize", hello("2025-11-25", json!({})));
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// RFC 9112 section 9.6: a client that keeps its connections must not send its next request there.
#[tokio::test]
async fn the_answer_says_that_the_connection_ends_while_the_body_is_on_its_way() {
    let running = start(service()).await;
    for (head, status) in refused() {
        for framing in ["Content-Length: 7", "Transfer-Encoding: chunked"] {
            let mut client = Kept::open(&running).await;
            client.send(format!("{head}{framing}\r\n\r\n")).await;
            let answer = client.answer().await;
            assert_eq!(answer.status, status, "{head}");
            assert_eq!(answer.header("connection"), Some("close"), "{head}");
        }
    }
}

/// A body that is there is dropped, and the connection is used again.
#[tokio::test]
async fn a_body_that_has_arrived_does_not_cost_the_connection() {
    let running = start(service()).await;
    let mut client = Kept::open(&running).await;
    for (head, status) in refused() {
        client.send(with_body(&head)).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, status, "{head}");
        assert_eq!(answer.header("connection"), None, "{head}");
        let fine = format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{JSON}");
        client.send(with_body(&fine)).await;
        assert_eq!(client.answer().await.status, 200, "after {head}");
    }
}
