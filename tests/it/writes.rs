//! PITFALLS R-70: a prompt answer leaves in one write, with its head: a second write would wait
//! some 40 ms for an acknowledgement on a socket without `TCP_NODELAY`.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mcp_wire::McpService;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::probe::{call, probe};
use crate::support::{POST_HEADERS, envelope, hello, message, mirrored};

/// A client that has sent one request and keeps its writing side open, and what is written to it,
/// write by write.
struct Socket {
    request: io::Cursor<Vec<u8>>,
    writes: Arc<Mutex<Vec<String>>>,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let at = self.request.position() as usize;
        let rest = &self.request.get_ref()[at..];
        if rest.is_empty() {
            return Poll::Pending;
        }
        let len = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..len]);
        self.request.set_position((at + len) as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.writes.lock().unwrap().push(text);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
        self.poll_write(cx, &pieces.concat())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is written in answer to a POST until nothing more happens.
async fn written(mcp: &McpService, headers: &str, body: &str) -> Vec<String> {
    let len = body.len();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len}\r\n\r\n{body}"
    );
    let writes = Arc::default();
    let socket = Socket {
        request: io::Cursor::new(request.into()),
        writes: Arc::clone(&writes),
    };
    let service =
        service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(mcp.call(request).await));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    // The paused clock advances only when everything waits.
    let second = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(second, serving).await.is_err());
    writes.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_prompt_answer_is_one_write() {
    let (server, _) = probe();
    let mcp = McpService::builder(server).build().unwrap();
    let hello = message(0, "initialize", hello("2025-11-25", json!({})));
    let opened = written(&mcp, POST_HEADERS, &hello).await;
    assert_eq!(opened.len(), 1, "{opened:?}");
    let session = opened[0]
        .lines()
        .find_map(|line| line.strip_prefix("mcp-session-id: "));
    let session = format!("Mcp-Session-Id: {}\r\n{POST_HEADERS}", session.unwrap());
    let params = call("echo", json!({"message": "said"}));
    let in_session = message(1, "tools/call", params.clone());
    let mut modern = params;
    modern["_meta"] = envelope(json!({}));
    let modern_headers = mirrored("tools/call", &modern);
    let modern = message(1, "tools/call", modern);
    for (headers, body) in [(session, in_session), (modern_headers, modern)] {
        let stream = headers.replace("application/json, text", "text");
        let json = headers.replace(", text/event-stream", "");
        for headers in [&headers, &stream, &json] {
            let writes = written(&mcp, headers, &body).await;
            let is_stream = writes[0].contains("text/event-stream");
            assert_eq!(is_stream, headers == &stream, "{writes:?}");
            assert!(writes[0].contains("said"), "{writes:?}");
            assert_eq!(writes.len(), 1, "{writes:?}");
            assert!(
                !is_stream || writes[0].ends_with("\r\n0\r\n\r\n"),
                "{writes:?}"
            );
        }
    }
}
