//! Refused requests leave nothing on the heap (PITFALLS R-3).

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use mcp_wire::McpService;
use mcp_wire::server::Server;

use crate::error::BoxError;
use crate::heap::HEAP;

const BODY_LIMIT: usize = 64 * 1024;
static LONG: [u8; BODY_LIMIT + 1] = [b' '; BODY_LIMIT + 1];

const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const INITIALIZE: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const MODERN: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"nothing","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}}}"#;

/// A request, and the status of its refusal.
struct Refused {
    what: &'static str,
    status: u16,
    line: (&'static str, &'static str),
    /// An additional header, or a replacement of one of a valid POST.
    header: Option<(&'static str, &'static str)>,
    body: &'static [u8],
}

const fn refused(
    status: u16,
    what: &'static str,
    line: (&'static str, &'static str),
    header: Option<(&'static str, &'static str)>,
    body: &'static [u8],
) -> Refused {
    Refused {
        what,
        status,
        line,
        header,
        body,
    }
}

const POST: (&str, &str) = ("POST", "/mcp");
const UNKNOWN_SESSION: &str = "0123456789abcdef0123456789abcdef";

const ALL: [Refused; 18] = [
    refused(400, "invalid JSON", POST, None, b"{"),
    refused(400, "no session id", POST, None, CALL),
    refused(
        400,
        "an unknown revision",
        POST,
        Some(("mcp-protocol-version", "2020-01-01")),
        CALL,
    ),
    refused(
        400,
        "a header that differs from the body",
        POST,
        Some(("mcp-method", "other")),
        MODERN,
    ),
    refused(
        400,
        "a message without a session",
        ("POST", "/messages/"),
        None,
        CALL,
    ),
    refused(
        403,
        "a foreign host",
        POST,
        Some(("host", "example.com")),
        CALL,
    ),
    refused(
        403,
        "a foreign origin",
        POST,
        Some(("origin", "https://example.com")),
        CALL,
    ),
    refused(404, "an unknown path", ("POST", "/nowhere"), None, CALL),
    refused(
        404,
        "an unknown session",
        POST,
        Some(("mcp-session-id", UNKNOWN_SESSION)),
        CALL,
    ),
    refused(
        404,
        "an unknown method",
        POST,
        Some(("mcp-method", "nothing")),
        MODERN,
    ),
    refused(
        404,
        "a message for an unknown session",
        (
            "POST",
            "/messages/?session_id=0123456789abcdef0123456789abcdef",
        ),
        None,
        CALL,
    ),
    refused(405, "PUT", ("PUT", "/mcp"), None, CALL),
    refused(405, "POST to the stream", ("POST", "/sse"), None, CALL),
    refused(
        406,
        "a client that accepts only plain text",
        POST,
        Some(("accept", "text/plain")),
        CALL,
    ),
    refused(413, "a body that is too long", POST, None, &LONG),
    refused(
        415,
        "a request in plain text",
        POST,
        Some(("content-type", "text/plain")),
        CALL,
    ),
    refused(
        200,
        "an initialize that fails",
        POST,
        None,
        br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#,
    ),
    refused(503, "a session above the cap", POST, None, INITIALIZE),
];

impl Refused {
    fn request(&self) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let (method, path) = self.line;
        let mut request = Request::builder().method(method).uri(path);
        let mut headers = vec![
            ("host", "localhost"),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        if self.body == MODERN {
            headers.push(("mcp-protocol-version", "2026-07-28"));
        }
        headers.retain(|(name, _)| self.header.is_none_or(|(own, _)| own != *name));
        for (name, value) in headers.into_iter().chain(self.header) {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::from_static(self.body)))
    }

    async fn repeat(&self, mcp: &McpService, times: usize) -> Result<(), BoxError> {
        for _ in 0..times {
            let response = mcp.call(self.request()?).await;
            assert_eq!(response.status(), self.status, "{}", self.what);
        }
        Ok(())
    }
}

pub(crate) async fn measure(times: usize) -> Result<(), BoxError> {
    println!("bytes of heap that {times} refused requests of each kind leave:");
    for refused in &ALL {
        // Only the request that exceeds the limit needs a low one.
        let sessions = if refused.status == 503 { 1 } else { 10 };
        let mcp = McpService::builder(Server::new("Bench", "1.0.0"))
            .limits(|limits| {
                limits.body = BODY_LIMIT;
                limits.sessions = sessions;
            })
            .build()?;
        // An open stream keeps its session, so that the limit leaves no room for another one.
        let stream = match refused.status {
            503 => Some(mcp.call(open_stream()?).await),
            _ => None,
        };
        let open = mcp.sessions();
        assert_eq!(open, usize::from(stream.is_some()));
        // The first requests make the allocations that happen once, such as counters.
        refused.repeat(&mcp, 10).await?;
        let before = HEAP.current_usage();
        refused.repeat(&mcp, times).await?;
        let left = HEAP.current_usage() as i64 - before as i64;
        println!("  {} {}: {left}", refused.status, refused.what);
        assert_eq!(left, 0, "refused requests leave something on the heap");
        assert_eq!(
            mcp.sessions(),
            open,
            "refused requests leave a session (PITFALLS R-4)"
        );
        drop(stream);
    }
    Ok(())
}

/// A request that opens a session of HTTP+SSE.
fn open_stream() -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    Request::get("/sse")
        .header("host", "localhost")
        .body(Full::new(Bytes::new()))
}
