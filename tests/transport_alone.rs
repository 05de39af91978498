//! The transport without the server layer, as a gateway builds it: a dispatcher of its own, and whole
//! exchanges with it on real sockets. It runs with and without the feature `server`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "shared with `it`, which uses the rest")]
#[path = "it/support/mod.rs"]
mod support;

#[cfg(feature = "server")]
use support::knock as handshake;

use std::sync::{Arc, OnceLock};

use mcp_wire::jsonrpc::{self, ErrorObject, Json, Message, MessageLimits, Payload, Request};
use mcp_wire::{
    BoxFuture, Change, Context, Dispatcher, Era, Error, McpService, ProtocolVersion, Publisher,
    SubscriptionFilter, test,
};
use serde_json::{Value, json};

use support::{
    Client, POST_HEADERS, Running, Session, Stream, check_refused, hello, message, modern, request,
    start, until,
};

/// Echoes the params of `tools/call`, counts on the stream of `test/count`, asks the client for its roots
/// in `test/roots`, and tells of changes.
#[derive(Clone, Default)]
struct Gateway {
    publisher: Arc<OnceLock<Publisher>>,
}

impl Dispatcher for Gateway {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(async move {
            let params = request.params().map(|params| params.as_raw());
            let is_modern = cx.version().era() == Era::Modern;
            match request.method() {
                "initialize" if !is_modern => Ok(initialize(params.unwrap().to_value().unwrap())),
                "tools/call" if is_modern => echo(&request, json!({"resultType": "complete"})),
                "tools/call" => echo(&request, json!({})),
                "test/count" => {
                    for number in 1..=3 {
                        let params =
                            Json::try_from(&json!({ "number": number })).expect("an object");
                        cx.notify("notifications/number", Some(&params))?;
                    }
                    Ok(Json::try_from(&json!({"counted": 3})).expect("an object"))
                }
                "test/roots" => Ok(cx.request("roots/list", None).await?),
                "subscriptions/listen" if is_modern => listen(cx, request).await,
                method => Err(ErrorObject::method_not_found(method)),
            }
        })
    }

    fn scopes(&self, request: &Request) -> Vec<String> {
        match request.method() {
            "test/admin" => vec!["admin".into()],
            _ => Vec::new(),
        }
    }

    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        assert!(self.publisher.set(publisher).is_ok(), "it is attached once");
        Ok(())
    }
}

fn initialize(params: Value) -> Json {
    let asked = params["protocolVersion"].as_str().unwrap_or_default();
    Json::try_from(&json!({
        "protocolVersion": ProtocolVersion::negotiate(asked).as_str(),
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "Gateway", "version": "1"},
    }))
    .expect("an object")
}

fn echo(request: &Request, mut result: Value) -> Result<Json, ErrorObject> {
    let arguments = request.params().and_then(|params| params.arguments());
    let arguments = arguments.ok_or_else(|| ErrorObject::invalid_params("no arguments"))?;
    let text = String::from_utf8(arguments.as_bytes().to_vec()).unwrap();
    result["content"] = json!([{"type": "text", "text": text}]);
    Ok(Json::try_from(&result).expect("an object"))
}

/// Tells of everything but resources whose URI is a secret.
async fn listen(cx: Context, request: Request) -> Result<Json, ErrorObject> {
    let mut filter = SubscriptionFilter::read(request.params())?;
    filter.prompts = false;
    filter.retain_resources(|uri| uri != "test://secret");
    let id = request.id();
    drop(request);
    cx.listen(filter).await?;
    let id: Value = serde_json::from_slice(id.as_bytes()).unwrap();
    Ok(Json::try_from(&json!({
        "resultType": "complete",
        "_meta": {"io.modelcontextprotocol/subscriptionId": id},
    }))
    .expect("an object"))
}

async fn gateway() -> (Running, Gateway) {
    let gateway = Gateway::default();
    let mcp = McpService::builder(gateway.clone()).build().unwrap();
    (start(mcp).await, gateway)
}

fn text(answer: &Value) -> &Value {
    &answer["result"]["content"][0]["text"]
}

/// The arguments arrive byte for byte, in a session and without one.
#[tokio::test]
async fn a_call_is_answered_in_both_eras() {
    let (running, _) = gateway().await;
    let arguments = r#"{"b":  1.0, "a":"\u0041"}"#;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"x","arguments":{arguments}}}}}"#
    );
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = Session::open(running.address, version, json!({})).await;
        let answer = session.post(&body).await.json().await;
        assert_eq!(text(&answer), arguments, "{version}");
        assert_eq!(answer["id"], 7);
        assert_eq!(session.delete().await, 200);
        assert_eq!(session.post(&body).await.status(), 404, "it is over");
    }
    let params = json!({"name": "x", "arguments": {"a": 1}});
    let mut answer = modern(running.address, "one", "tools/call", params).await;
    let answer = answer.json().await;
    assert_eq!(text(&answer), r#"{"a":1}"#);
    assert_eq!(answer["result"]["resultType"], "complete");
}

#[tokio::test]
async fn notifications_turn_the_answer_into_a_stream() {
    let (running, _) = gateway().await;
    let numbers = |messages: &[Value]| -> Vec<Value> {
        let numbers = messages
            .iter()
            .map(|message| message["params"]["number"].clone());
        numbers.collect()
    };
    let session = Session::open(running.address, "2025-11-25", json!({})).await;
    let mut in_session = session.begin("test/count", json!({})).await;
    let mut alone = modern(running.address, 1, "test/count", json!({})).await;
    for stream in [&mut in_session, &mut alone] {
        assert!(stream.is_events(), "{}", stream.head);
        let mut messages = stream.messages().await;
        let answer = messages.pop().unwrap();
        assert_eq!(answer["result"]["counted"], 3);
        assert_eq!(numbers(&messages), [1, 2, 3]);
    }
}

/// The question goes out on the stream of the call, and the answer comes with a POST.
#[tokio::test]
async fn the_dispatcher_can_ask_the_client() {
    let (running, _) = gateway().await;
    let session = Session::open(running.address, "2025-11-25", json!({"roots": {}})).await;
    let mut call = session.begin("test/roots", json!({})).await;
    let question = call.message().await.unwrap();
    assert_eq!(question["method"], "roots/list");
    let roots = json!({"roots": [{"uri": "file:///a"}]});
    let reply = json!({"jsonrpc": "2.0", "id": question["id"], "result": roots});
    assert_eq!(session.post(reply.to_string()).await.status(), 202);
    assert_eq!(call.answer().await["result"], roots);
}

#[tokio::test]
async fn http_sse_is_served() {
    let (running, _) = gateway().await;
    let mut client = Client::initialized(running.address, "2024-11-05", json!({})).await;
    let params = json!({"name": "x", "arguments": {}});
    let result = client.result("tools/call", params).await;
    assert_eq!(result["content"][0]["text"], "{}");
    assert_eq!(client.error_code("test/none", json!({})).await, -32601);
    let id = client.begin("test/count", json!({})).await;
    for number in 1..=3 {
        let message = client.message().await.unwrap();
        assert_eq!(message["params"]["number"], number);
    }
    assert_eq!(client.answer(id).await["result"]["counted"], 3);
}

/// Both eras hear of a change, each in its own form; what the filter no longer has is not told.
#[tokio::test]
async fn changes_are_told() {
    let (running, gateway) = gateway().await;
    let session = Session::open(running.address, "2025-11-25", json!({})).await;
    let mut standalone = session.listen(None).await;
    let wanted = json!({"toolsListChanged": true, "promptsListChanged": true,
        "resourceSubscriptions": ["test://a", "test://secret"]});
    let params = json!({ "notifications": wanted });
    let mut listening = modern(running.address, "l", "subscriptions/listen", params).await;
    let acknowledged = listening.message().await.unwrap();
    assert_eq!(
        acknowledged["params"]["notifications"],
        json!({"toolsListChanged": true, "resourceSubscriptions": ["test://a"]})
    );
    let publisher = gateway.publisher.get().unwrap();
    assert!(!publisher.is_authorized());
    for change in [
        Change::Prompts,
        Change::Resource("test://secret".into()),
        Change::Resource("test://a".into()),
        Change::Tools,
    ] {
        publisher.publish(&change);
    }
    let told = listening.message().await.unwrap();
    assert_eq!(told["method"], "notifications/resources/updated");
    assert_eq!(told["params"]["uri"], "test://a");
    let told = listening.message().await.unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
    let subscription = &told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
    assert_eq!(subscription, "l");
    for method in ["prompts", "tools"] {
        let told = standalone.message().await.unwrap();
        assert_eq!(
            told["method"],
            format!("notifications/{method}/list_changed")
        );
    }
    let stopped = running.stop();
    let ended = listening.message().await.unwrap();
    assert_eq!(ended["id"], "l");
    assert_eq!(ended["result"]["resultType"], "complete");
    assert_eq!(listening.message().await, None);
    drop(standalone);
    stopped.await.unwrap().unwrap();
}

/// The client that leaves ends its call in 2026-07-28; the dispatcher's future is dropped.
#[tokio::test]
async fn a_listener_that_leaves_is_gone() {
    let (running, _) = gateway().await;
    let params = json!({"notifications": {"toolsListChanged": true}});
    let mut listening = modern(running.address, 1, "subscriptions/listen", params).await;
    listening.message().await.unwrap();
    assert_eq!(running.mcp.snapshot().listens, 1);
    drop(listening);
    until("the end of the listener", || {
        running.mcp.snapshot().listens == 0
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_the_dispatcher() {
    let (running, _) = gateway().await;
    let address = running.address;
    let body = message(1, "initialize", hello("2025-11-25", json!({})));
    let evil = format!("Origin: https://evil.example\r\n{POST_HEADERS}");
    let answer = request(address, "POST /mcp", &evil, &body).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let answer = request(address, "POST /mcp", POST_HEADERS, "{").await;
    check_refused(&answer, 400, -32700, "");
    let unknown = format!("Mcp-Session-Id: {}\r\n{POST_HEADERS}", "0".repeat(32));
    let answer = request(
        address,
        "POST /mcp",
        &unknown,
        message(1, "ping", json!({})),
    )
    .await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let answer = request(address, "GET /elsewhere", "", "").await;
    assert_eq!(answer.status, 404, "{answer:?}");
    // The scopes are the dispatcher's: without an authorizer nobody has any.
    let session = Session::open(address, "2025-11-25", json!({})).await;
    let refused = session.begin("test/admin", json!({})).await;
    assert_eq!(refused.status(), 401, "{}", refused.head);
    let mut mismatch = Stream::open(
        address,
        "POST /mcp",
        &format!("{POST_HEADERS}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: other\r\n"),
        message(
            1,
            "test/count",
            json!({"_meta": support::envelope(json!({}))}),
        ),
    )
    .await;
    assert_eq!(mismatch.status(), 400);
    assert_eq!(mismatch.json().await["error"]["code"], -32020);
}

/// FIELD P-3: the clients for tests work with any dispatcher, in each revision.
#[tokio::test]
async fn a_client_in_memory_works_without_the_server_layer() {
    let gateway = Gateway::default();
    let mcp = McpService::builder(gateway.clone()).build().unwrap();
    for version in ProtocolVersion::ALL {
        let client = test::Client::new(&mcp).version(version);
        let echoed = client.call("x", json!({"a": 1})).await.unwrap();
        assert_eq!(echoed.text(), r#"{"a":1}"#);
        let counted = client.request("test/count", Value::Null).await.unwrap();
        assert_eq!(counted["counted"], 3);
        let told = client.notifications();
        assert_eq!((told.len(), &told[2].params()["number"]), (3, &json!(3)));
        client
            .listen(json!({"toolsListChanged": true}))
            .await
            .unwrap();
        gateway.publisher.get().unwrap().publish(&Change::Tools);
        let told = client.next_notification().await.unwrap();
        assert_eq!(told.method(), "notifications/tools/list_changed");
        if version.era() == Era::Legacy {
            let client = client.on_roots(|_| test::Reply::roots(["file:///a"]));
            let roots = client.request("test/roots", Value::Null).await.unwrap();
            assert_eq!(roots["roots"][0]["uri"], "file:///a");
        }
    }
}

/// FIELD P-3: a dispatcher is asked without a service.
#[tokio::test]
async fn a_dispatcher_runs_alone() {
    let caller = test::call().on_roots(|_| test::Reply::roots(["file:///a"]));
    for (method, answer) in [
        ("test/roots", json!({"roots": [{"uri": "file:///a"}]})),
        ("test/count", json!({"counted": 3})),
    ] {
        let body = message(1, method, json!({})).into();
        let Ok(Payload::Single(Message::Request(request))) =
            jsonrpc::parse(&body, &MessageLimits::default())
        else {
            panic!("a request");
        };
        let answered = Gateway::default().request(caller.context(), request).await;
        let answered: Value = serde_json::from_slice(answered.unwrap().as_bytes()).unwrap();
        assert_eq!(answered, answer);
    }
    assert_eq!(caller.notifications().len(), 3);
}
