//! The W3C trace context of a request, as handlers get it (SPEC A-32).

use mcp_wire::McpService;
use mcp_wire::server::{Call, Server, Tool};
use serde_json::{Value, json};

use crate::support::inside::{Asked, alone, in_session, open, open_sse, piece, post, text};
use crate::support::message;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER: &str = "00-11111111111111111111111111111111-2222222222222222-00";

/// Its tool answers with the trace context that it got.
fn server() -> Server {
    let tool = Tool::new("trace").input(json!({"type": "object"}));
    Server::new("Traced", "1").tool(tool, async |cx: Call, _| {
        let trace = cx.trace_context();
        let trace = trace.as_ref();
        let given = [
            trace.map(|trace| trace.traceparent().to_owned()),
            trace.and_then(|trace| trace.tracestate().map(str::to_owned)),
            cx.baggage(),
        ];
        given.map(|given| given.unwrap_or_default()).join("|")
    })
}

fn with_headers(mut asked: Asked, headers: &[(&'static str, &str)]) -> Asked {
    for (name, value) in headers {
        asked.headers_mut().append(*name, value.parse().unwrap());
    }
    asked
}

/// `_meta`, headers, and the expected context.
type Case<'a> = (Value, &'a [(&'static str, &'a str)], String);

/// SPEC A-32: the context comes from `_meta`, else from headers; a malformed one is ignored, and
/// the request succeeds, in every revision.
#[tokio::test]
async fn a_handler_is_given_the_trace_of_its_request() {
    let mcp = McpService::builder(server()).build().unwrap();
    let whole = json!({"traceparent": PARENT, "tracestate": "a=1 , b=2", "baggage": "k=v;p"});
    let all = &[
        ("traceparent", OTHER),
        ("tracestate", "c=3"),
        ("baggage", "h=1"),
    ][..];
    let none: &[(&str, &str)] = &[];
    let cases: [Case<'_>; 7] = [
        (json!({}), none, "||".into()),
        (whole.clone(), none, format!("{PARENT}|a=1,b=2|k=v;p")),
        (whole, all, format!("{PARENT}|a=1,b=2|k=v;p")),
        (json!({}), all, format!("{OTHER}|c=3|h=1")),
        (
            json!({"traceparent": PARENT, "tracestate": "BAD"}),
            all,
            format!("{PARENT}||h=1"),
        ),
        (
            json!({"traceparent": "bad", "tracestate": "a=1", "baggage": "bad"}),
            none,
            "||".into(),
        ),
        (
            json!({"traceparent": 1, "tracestate": {}, "baggage": [1]}),
            &[("traceparent", "x")],
            "||".into(),
        ),
    ];
    for version in ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        let session = match version {
            "2026-07-28" => String::new(),
            version => open(&mcp, version).await,
        };
        for (meta, headers, given) in &cases {
            let params = json!({"name": "trace", "arguments": {}, "_meta": meta});
            let asked = match &*session {
                "" => alone(1, "tools/call", params),
                session => in_session(session, 1, "tools/call", params),
            };
            let answer = mcp.call(with_headers(asked, headers)).await;
            assert_eq!(answer.status(), 200, "{version} {meta}");
            let answer: Value = serde_json::from_str(&text(answer).await).unwrap();
            let said = &answer["result"]["content"][0]["text"];
            assert_eq!(said, given, "{version} {meta}");
        }
    }
    let (mut stream, inbox) = open_sse(&mcp).await;
    for (meta, headers, given) in &cases {
        let params = json!({"name": "trace", "arguments": {}, "_meta": meta});
        let asked = post(&inbox, &[], &message(1, "tools/call", params));
        mcp.call(with_headers(asked, headers)).await;
        let answer = piece(&mut stream).await.unwrap();
        assert!(answer.contains(&format!(r#""text":"{given}""#)), "{answer}");
    }
}
