//! A task is there when the process that began it is not.

use bytes::Bytes;
use durable::rows::SqliteRows;
use durable::service;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use mcp_wire::McpService;
use serde_json::{Value, json};

/// Asks as a client of 2026-07-28 that has tasks, and gives the whole answer.
async fn ask(mcp: &McpService, method: &str, name: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":
            {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    });
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let request = Request::post("/mcp")
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name)
        .body(Full::new(Bytes::from(body.to_string())));
    let response = mcp.call(request.unwrap()).await;
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&answer).unwrap()
}

async fn begin(mcp: &McpService, to: u64) -> String {
    let params = json!({"name": "count", "arguments": {"to": to}});
    let answer = ask(mcp, "tools/call", "count", params).await;
    assert_eq!(answer["result"]["resultType"], "task", "{answer}");
    answer["result"]["taskId"].as_str().unwrap().to_owned()
}

async fn get(mcp: &McpService, id: &str) -> Value {
    ask(mcp, "tasks/get", id, json!({"taskId": id})).await["result"].take()
}

/// Asks until the task has ended.
async fn ended(mcp: &McpService, id: &str) -> Value {
    loop {
        let task = get(mcp, id).await;
        if task["status"] != "working" {
            return task;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_result_outlives_the_process_and_is_given_by_any_other() {
    let file = std::env::temp_dir().join(format!("durable-restart-{}.db", std::process::id()));
    let rows = || SqliteRows::open(&file).unwrap();
    let first = service(rows()).unwrap();
    let (short, long) = (begin(&first, 0).await, begin(&first, 3600).await);

    // Another process, beside the first.
    let second = service(rows()).unwrap();
    let result = json!([{"type": "text", "text": "counted to 0"}]);
    let task = ended(&second, &short).await;
    assert_eq!(task["status"], "completed", "{task}");
    assert_eq!(task["result"]["content"], result);
    assert_eq!(get(&second, &long).await["status"], "working");
    // A cancel reaches the process that counts.
    let cancelled = ask(&second, "tasks/cancel", &long, json!({"taskId": &*long})).await;
    assert_eq!(cancelled["result"]["resultType"], "complete", "{cancelled}");
    assert_eq!(ended(&first, &long).await["status"], "cancelled");

    // After a restart of both.
    drop((first, second));
    let third = service(rows()).unwrap();
    assert_eq!(get(&third, &short).await["result"]["content"], result);
    assert_eq!(get(&third, &long).await["status"], "cancelled");
    drop(third);
    for end in ["", "-wal", "-shm"] {
        let mut path = file.clone().into_os_string();
        path.push(end);
        let _ = std::fs::remove_file(path);
    }
}
