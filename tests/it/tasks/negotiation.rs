//! Who is told of tasks, and who can have them.

use std::sync::atomic::Ordering;

use super::*;
use crate::support::Session;

fn needed() -> Value {
    json!({"requiredCapabilities": {"extensions": {EXTENSION: {}}}})
}

/// TASKS N-1: the extension is declared by a server that can have tasks, and by no other.
#[tokio::test(start_paused = true)]
async fn a_server_with_tasks_says_so() {
    let (client, _) = Client::new(|builder| builder);
    let told = client.result("server/discover", json!({})).await;
    assert_eq!(told["capabilities"]["extensions"], json!({EXTENSION: {}}));
    assert!(told["capabilities"].get("tasks").is_none());
    let plain = Server::new("Plain", "1").tool(Tool::new("a"), async |_: Call, _| ());
    let client = Client::of(McpService::builder(plain).build().unwrap());
    let told = client.result("server/discover", json!({})).await;
    assert!(told["capabilities"].get("extensions").is_none());
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let (status, error) = client.error(method, json!({"taskId": "a"})).await;
        assert_eq!((status, &error["code"]), (404, &json!(-32601)));
    }
}

/// TASKS N-3 to N-6, N-11: each request speaks for itself, and a client that did not say that it has tasks can have
/// none and learns of none.
#[tokio::test(start_paused = true)]
async fn each_request_says_whether_its_client_has_tasks() {
    let (client, seen) = Client::new(|builder| builder);
    let known = client.begin("sleep", json!({"seconds": 9})).await;
    for settings in [
        None,
        Some(json!(true)),
        Some(json!(null)),
        Some(json!([])),
        Some(json!("x")),
    ] {
        let capabilities = match settings {
            None => json!({}),
            Some(settings) => json!({"extensions": {EXTENSION: settings}}),
        };
        let plain = client.with(capabilities.clone());
        let slept = plain.call("sleep", json!({"seconds": 0})).await;
        assert_eq!(slept["resultType"], "complete", "{capabilities}");
        assert!(slept.get("taskId").is_none() && slept.get("content").is_some());
        let runs = seen.runs.load(Ordering::SeqCst);
        let (status, error) = plain.error("tools/call", json!({"name": "fail"})).await;
        assert_eq!(
            (status, &error["code"], &error["data"]),
            (400, &json!(-32021), &needed())
        );
        assert_eq!(seen.runs.load(Ordering::SeqCst), runs);
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let mut answers = Vec::new();
            for id in [&*known, "none"] {
                let params = json!({"taskId": id, "inputResponses": {}});
                answers.push(plain.ask(method, params).await);
            }
            assert_eq!(answers[0], answers[1]);
            assert_eq!(
                (answers[0].0, &answers[0].1["error"]["data"]),
                (400, &needed())
            );
        }
        let listen = json!({"notifications": {"taskIds": [known]}});
        let (status, error) = plain.error("subscriptions/listen", listen).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32021)), "TASKS N-7");
        assert_eq!(client.mcp.listen_streams(), 0);
    }
}

/// TASKS N-8, N-10, C-6: a client neither asks for tasks nor has the methods of earlier drafts.
#[tokio::test(start_paused = true)]
async fn the_server_alone_decides() {
    let (client, _) = Client::new(|builder| builder);
    let hinted = json!({"name": "greet", "task": {"ttl": 1000, "pollInterval": 10}});
    let greeted = client.result("tools/call", hinted).await;
    assert_eq!(
        (&greeted["resultType"], &greeted["content"][0]["text"]),
        (&json!("complete"), &json!("Hello!"))
    );
    for capabilities in [capable(), json!({})] {
        for method in ["tasks/result", "tasks/list"] {
            let client = client.with(capabilities.clone());
            let (status, error) = client.error(method, json!({"taskId": "a"})).await;
            assert_eq!((status, &error["code"]), (404, &json!(-32601)));
        }
    }
}

/// TASKS N-2: the revisions with a handshake have no tasks.
#[tokio::test]
async fn earlier_revisions_have_no_tasks() {
    let (client, _) = Client::new(|builder| builder);
    let running = crate::support::start(client.mcp.clone()).await;
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = Session::open(running.address, version, capable()).await;
        let failed = session.call("tools/call", json!({"name": "fail"})).await;
        assert_eq!(failed["result"]["isError"], true, "{failed}");
        let slept = session
            .call(
                "tools/call",
                json!({"name": "sleep", "arguments": {"seconds": 0}}),
            )
            .await;
        assert!(slept["result"].get("taskId").is_none());
        let gotten = session.call("tasks/get", json!({"taskId": "a"})).await;
        assert_eq!(gotten["error"]["code"], -32601);
    }
    let told = crate::support::request(
        running.address,
        "POST /mcp",
        crate::support::POST_HEADERS,
        crate::support::hello("2025-11-25", capable())
            .to_string()
            .as_str(),
    )
    .await;
    assert!(!told.body.contains(EXTENSION), "{told:?}");
    drop(running.stop());
}
