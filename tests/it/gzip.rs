//! The feature `gzip`: which answers are compressed, and for whom.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use mcp_wire::server::{Arguments, Call, HandlerError, Server, Tool};
use mcp_wire::{McpService, ResponseBody};
use serde_json::{Value, json};

use crate::support::*;

const MIN: usize = 16 * 1024;

async fn page(cx: Call, args: Arguments) -> Result<String, HandlerError> {
    if args.bool("stream").unwrap_or_default() {
        cx.progress(1.0, None, None);
    }
    Ok("<p>line</p>".repeat(usize::try_from(args.integer("lines")?).unwrap()))
}

fn service(set: bool) -> McpService {
    let server = Server::new("Pages", "1.0.0").tool(
        Tool::new("page").input(json!({"type": "object", "properties": {}})),
        page,
    );
    let builder = McpService::builder(server);
    let builder = if set { builder.gzip(MIN) } else { builder };
    builder.build().unwrap()
}

async fn call(mcp: &McpService, arguments: Value, accept: &str) -> hyper::Response<ResponseBody> {
    let mut meta = envelope(json!({}));
    meta["progressToken"] = json!("p");
    let params = json!({"name": "page", "arguments": arguments, "_meta": meta});
    let mut request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "page");
    if !accept.is_empty() {
        request = request.header("accept-encoding", accept);
    }
    let body = Full::new(Bytes::from(message(1, "tools/call", params)));
    mcp.call(request.body(body).unwrap()).await
}

/// FIELD P-14: a long JSON answer is compressed for a client that accepts it, and is the same message; a short
/// one, one for another client, and a stream never are.
#[tokio::test]
async fn long_answers_are_compressed_for_clients_that_accept_it() {
    let on = service(true);
    for (mcp, lines, stream, accept, coding, varies) in [
        (&on, 10_000, false, "gzip, br", Some("gzip"), true),
        (&on, 10_000, false, "br", None, true),
        (&on, 10_000, false, "", None, true),
        (&on, 10, false, "gzip", None, false),
        (&on, 10_000, true, "gzip", None, false),
        (&service(false), 10_000, false, "gzip", None, false),
    ] {
        let what = format!("{lines} {stream} {accept}");
        let answer = call(mcp, json!({"lines": lines, "stream": stream}), accept).await;
        let (head, body) = answer.into_parts();
        let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-encoding"), coding, "{what}");
        assert_eq!(
            header("vary"),
            varies.then_some("Accept-Encoding"),
            "{what}"
        );
        let body = body.collect().await.unwrap().to_bytes();
        let mut text = String::new();
        match coding {
            Some(_) => {
                assert!(body.len() < MIN, "{}", body.len());
                GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
            }
            None => text.push_str(std::str::from_utf8(&body).unwrap()),
        }
        let text = text
            .lines()
            .rfind(|line| line.contains("\"result\""))
            .unwrap();
        let message: Value = serde_json::from_str(text.trim_start_matches("data: ")).unwrap();
        let page = message["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(page.len(), lines * "<p>line</p>".len(), "{what}");
    }
}
