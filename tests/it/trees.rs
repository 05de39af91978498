//! Messages that are small as text and large as a tree are bounded (FIELD X-1, X-2, X-4, X-5), in
//! both eras, with the same bytes in the answer.

use mcp_wire::jsonrpc::MessageLimits;
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{Builder, McpService};
use serde_json::{Value, json};

use crate::support::{
    Answer, Client, POST_HEADERS, Running, Session, check_refused, envelope, hello, message,
    mirrored, request, start,
};

const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";

async fn running(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> Running {
    let server = Server::new("Trees", "1")
        .subscriptions()
        .resource_template(
            mcp_wire::server::ResourceTemplate::new("t://{name}", "t"),
            async |_, _| "",
        )
        .tool(Tool::new("declared"), async |cx: Call, _| {
            match cx.client_capabilities() {
                Some(declared) => declared.to_string(),
                None => "nothing".to_owned(),
            }
        })
        .tool(
            Tool::new("count").input(json!({"type": "object"})),
            async |_, arguments: Arguments| {
                let list = arguments.value("list").and_then(Value::as_array);
                list.map_or(0, Vec::len).to_string()
            },
        );
    start(set(McpService::builder(server)).build().unwrap()).await
}

/// A request of 2026-07-28, with params as text apart from `_meta`.
async fn alone(running: &Running, method: &str, params: &str) -> Answer {
    let params = params.strip_suffix('}').unwrap();
    let comma = if params.ends_with('{') { "" } else { "," };
    let meta = envelope(json!({}));
    let params = format!("{params}{comma}\"_meta\":{meta}}}");
    let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
    let headers = mirrored(method, &json!({}));
    request(running.address, "POST /mcp", &headers, body).await
}

/// The same request in a session.
async fn in_session(session: &Session, running: &Running, method: &str, params: &str) -> Answer {
    let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
    let headers = format!("{}{POST_HEADERS}", session.headers());
    request(running.address, "POST /mcp", &headers, body).await
}

/// Checks that an answer says that the message is larger than the server reads.
#[track_caller]
fn check_told(answer: &Value, says: &str) {
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(says), "{message}");
}

/// FIELD X-4: a list whose `cursor` is a mass of small objects is refused before a tree is built,
/// and so are such arguments of any tool. The session goes on.
#[tokio::test]
async fn values_that_would_be_a_huge_tree_are_refused() {
    let running = running(|builder| builder).await;
    let session = Session::open(running.address, V11, json!({})).await;
    let objects = format!("[{}0]", r#"{"":1},"#.repeat(500_000));
    let says = format!(
        "more than {} bytes of memory (limit: `Limits::message.tree`)",
        MessageLimits::MAX_TREE
    );
    for (method, params) in [
        ("tools/list", format!(r#"{{"cursor":{objects}}}"#)),
        ("ping", format!(r#"{{"x":{objects}}}"#)),
    ] {
        let answer = alone(&running, method, &params).await;
        check_refused(&answer, 400, -32600, &says);
        assert_eq!(answer.json()["id"], 7);
        let answer = in_session(&session, &running, method, &params).await;
        check_refused(&answer, 400, -32600, &says);
        assert_eq!(answer.json()["id"], 7);
    }
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{{"cursor":{objects}}}}}"#
    );
    let mut client = Client::initialized(running.address, "2024-11-05", json!({})).await;
    assert_eq!(client.post(body).await.status, 202);
    check_told(&client.answer(8).await, &says);
    assert!(session.call("tools/list", json!({})).await["result"].is_object());
}

/// FIELD X-4: hundreds of thousands of numbers are accepted, and so is an exponent.
#[tokio::test]
async fn long_arrays_of_numbers_pass() {
    let running = running(|builder| builder).await;
    let session = Session::open(running.address, V06, json!({})).await;
    let list = format!("[{}1e1]", "-0.0123456,".repeat(350_000));
    let params = format!(r#"{{"name":"count","arguments":{{"list":{list}}}}}"#);
    let answer = in_session(&session, &running, "tools/call", &params).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["result"]["content"][0]["text"], "350001");
}

/// FIELD X-4, X-5: each refusal names the limit and its setting.
#[tokio::test]
async fn a_limit_of_a_message_is_named_with_its_setting() {
    let running = running(|builder| {
        builder.limits(|limits| {
            limits.message.tree = 9000;
            limits.message.members = 12;
            limits.message.depth = 8;
        })
    })
    .await;
    let names: Vec<_> = (0..13).map(|n| format!(r#""\n{n}":0"#)).collect();
    let names = names.join(",");
    for (params, code, says) in [
        (
            format!(r#"{{"x":[{}0]}}"#, "[0],".repeat(60)),
            -32600,
            "9000 bytes of memory (limit: `Limits::message.tree`)",
        ),
        (
            format!("{{{names}}}"),
            -32600,
            "`params` has more than 12 members (limit: `Limits::message.members`)",
        ),
        (
            "{\"x\":[[[[[[[[0]]]]]]]]}".to_owned(),
            -32700,
            "deeper than 8 levels (limit: `Limits::message.depth`)",
        ),
        (r#"{"x":1,"x":2}"#.to_owned(), -32600, "is duplicated"),
    ] {
        let answer = alone(&running, "ping", &params).await;
        check_refused(&answer, 400, code, says);
        let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{params}}}"#);
        let mut client = Client::open(running.address).await;
        let answer = client.post(body).await;
        // FIELD T-7: a valid message is refused on the stream.
        if code == -32600 && says.contains("limit") {
            assert_eq!(answer.status, 202, "{says}");
            check_told(&client.answer(7).await, says);
        } else {
            check_refused(&answer, 400, code, says);
        }
    }
}

/// FIELD X-1: declared capabilities are kept as the client wrote them, up to a limit, in a session
/// and in a request of 2026-07-28.
#[tokio::test]
async fn capabilities_are_the_text_that_the_client_sent() {
    let running = running(|builder| builder).await;
    let declared = r#"{ "sampling":{"x":1.50,"\u0061":[ ]},"experimental":{"y":1e999} }"#;
    let hello = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{V11}","capabilities":{declared},"clientInfo":{{"name":"c","version":"1"}}}}}}"#
    );
    let opened = request(running.address, "POST /mcp", POST_HEADERS, hello).await;
    let name = opened.header("mcp-session-id").unwrap();
    let call = json!({"name": "declared", "arguments": {}});
    let headers = format!("Mcp-Session-Id: {name}\r\n{POST_HEADERS}");
    let body = message(2, "tools/call", call.clone());
    let told = request(running.address, "POST /mcp", &headers, body).await;
    assert_eq!(told.json()["result"]["content"][0]["text"], declared);

    let meta = envelope(json!({})).to_string();
    let meta = meta.replace(
        r#"Capabilities":{}"#,
        &format!(r#"Capabilities":{declared}"#),
    );
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"declared","_meta":{meta}}}}}"#
    );
    let headers = mirrored("tools/call", &call);
    let answer = request(running.address, "POST /mcp", &headers, body).await;
    assert_eq!(answer.json()["result"]["content"][0]["text"], declared);
}

/// FIELD X-1: longer capabilities are refused with the limit and its setting: with 200 and no
/// session, over HTTP+SSE on the stream, and with 400 in 2026-07-28.
#[tokio::test]
async fn capabilities_that_are_too_long_are_refused() {
    let default = "the capabilities of the client are longer than 8192 bytes (limit: \
                   `Limits::capabilities`)";
    let of_len = |len: usize| json!({"x": "y".repeat(len - 8)});
    for (set, limit, says) in [
        (None, 8192, default.to_owned()),
        (Some(100), 100, default.replace("8192", "100")),
    ] {
        let running = running(|builder| match set {
            Some(limit) => builder.limits(|limits| limits.capabilities = limit),
            None => builder,
        })
        .await;
        let post = async |headers: &str, body: String| {
            request(running.address, "POST /mcp", headers, body).await
        };
        let initialize = |len| message(1, "initialize", hello(V11, of_len(len)));
        let refused = post(POST_HEADERS, initialize(limit + 1)).await;
        assert_eq!(
            (refused.status, refused.header("mcp-session-id")),
            (200, None)
        );
        let error = &refused.json()["error"];
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!(-32602), &json!(says))
        );
        assert_eq!(running.mcp.sessions(), 0);
        let opened = post(POST_HEADERS, initialize(limit)).await;
        assert!(opened.json()["result"].is_object() && running.mcp.sessions() == 1);

        let mut sse = Client::open(running.address).await;
        let refused = sse.call("initialize", hello(V06, of_len(limit + 1))).await;
        assert_eq!(refused["error"]["message"], json!(says));
        sse.result("initialize", hello(V06, of_len(limit))).await;

        let ping = |len| message(7, "tools/list", json!({"_meta": envelope(of_len(len))}));
        let headers = mirrored("tools/list", &json!({}));
        let refused = post(&headers, ping(limit + 1)).await;
        check_refused(&refused, 400, -32602, &says);
        assert_eq!(refused.json()["id"], 7);
        assert_eq!(post(&headers, ping(limit)).await.status, 200);
    }
}

/// FIELD X-2: a filter is charged with the overhead of each URI; empty and repeated URIs are
/// dropped.
#[tokio::test]
async fn subscriptions_are_charged_for_each_entry() {
    let running = running(|builder| builder).await;
    let filter = |uris: &str| {
        let comma = uris.trim_end_matches(',');
        format!(r#"{{"notifications":{{"resourceSubscriptions":[{comma}]}}}}"#)
    };
    let many: String = (0..3000).map(|n| format!("\"t://{n}\",")).collect();
    let refused = alone(&running, "subscriptions/listen", &filter(&many)).await;
    assert_eq!(refused.status, 200);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], -32602);
    let text = error["message"].as_str().unwrap();
    assert!(text.contains("more than 65536 bytes"), "{text}");

    let session = Session::open(running.address, V11, json!({})).await;
    let mut refusal = Value::Null;
    for n in 0..3000 {
        let answer = session
            .call("resources/subscribe", json!({"uri": format!("t://{n}")}))
            .await;
        if answer["error"].is_object() {
            refusal = answer;
            break;
        }
    }
    assert_eq!(refusal["error"]["code"], -32602);
    let text = refusal["error"]["message"].as_str().unwrap();
    assert!(text.contains("65536"), "{text}");
}
