//! How a call becomes a task, and what its client gets in the end.

use std::sync::atomic::Ordering;

use super::*;

/// TASKS C-1 to C-4, C-7, S-3, S-5, G-1, G-5, G-6, G-8, L-3: a task is there when it is told of, and gives what the
/// call would have given.
#[tokio::test(start_paused = true)]
async fn a_call_goes_on_as_a_task() {
    let (client, seen) = Client::new(|builder| builder);
    let created = client.call("sleep", json!({"seconds": 2})).await;
    let mut members: Vec<_> = created
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    let expected = [
        "_meta",
        "createdAt",
        "lastUpdatedAt",
        "pollIntervalMs",
        "resultType",
        "status",
        "taskId",
        "ttlMs",
    ];
    assert_eq!(members, expected);
    assert_eq!(created["resultType"], "task");
    assert_eq!(created["status"], "working");
    assert_eq!(
        (&created["ttlMs"], &created["pollIntervalMs"]),
        (&json!(3_600_000), &json!(1000))
    );
    let id = created["taskId"].as_str().unwrap();
    assert_eq!(client.get(id).await["resultType"], "complete");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let working = client.get(id).await;
    assert_eq!(
        (&working["status"], &working["statusMessage"]),
        (&json!("working"), &json!("asleep"))
    );
    assert!(working["lastUpdatedAt"].as_str() > created["lastUpdatedAt"].as_str());
    assert_eq!(working["createdAt"], created["createdAt"]);
    assert_eq!(seen.alive.load(Ordering::SeqCst), 1);
    let done = client.reaches(id, "completed").await;
    assert!(done["lastUpdatedAt"].as_str() > working["lastUpdatedAt"].as_str());
    let mut sync = client
        .with(json!({}))
        .call("sleep", json!({"seconds": 0}))
        .await;
    assert_eq!(sync["resultType"], "complete");
    let plain = sync.as_object_mut().unwrap();
    plain.remove("resultType");
    plain["_meta"]
        .as_object_mut()
        .unwrap()
        .remove("io.modelcontextprotocol/serverInfo");
    let slept = client.begin("sleep", json!({"seconds": 0})).await;
    assert_eq!(client.reaches(&slept, "completed").await["result"], sync);
    assert_eq!(done["result"]["_meta"], json!({"com.example/a": 1}));
    for member in [
        "requestState",
        "inputRequests",
        "error",
        "cacheScope",
        "task",
    ] {
        assert!(
            done.get(member).is_none() && created.get(member).is_none(),
            "{member}"
        );
    }
    assert_eq!(client.mcp.snapshot().running, 0);
}

/// TASKS S-2, S-4: a tool that fails has completed; the error of a call is that of its task; a panic tells nothing.
#[tokio::test(start_paused = true)]
async fn each_end_of_a_handler_has_its_state() {
    let (client, _) = Client::new(|builder| builder);
    let id = client.begin("fail", json!({})).await;
    let task = client.reaches(&id, "completed").await;
    assert_eq!(task["result"]["isError"], true);
    assert_eq!(task["result"]["content"][0]["text"], "it does not work");
    let id = client.begin("refuse", json!({})).await;
    let task = client.reaches(&id, "failed").await;
    assert_eq!(
        task["error"],
        json!({"code": 7, "message": "refused", "data": {"a": 1}})
    );
    assert_eq!(task["statusMessage"], "refused");
    assert!(task.get("result").is_none());
    let id = client.begin("panic", json!({})).await;
    let task = client.reaches(&id, "failed").await;
    assert_eq!(
        task["error"],
        json!({"code": -32603, "message": "internal error"})
    );
    assert_eq!(client.mcp.snapshot().panics, 1);
}

/// TASKS C-5, G-3: what is asked before the task is asked in rounds, all of it; what is asked after it by the task.
#[tokio::test(start_paused = true)]
async fn questions_before_a_task_are_asked_in_rounds() {
    let (client, _) = Client::new(|builder| builder);
    let mut params = json!({"name": "first"});
    let mut answers = json!({});
    for key in ["user_name", "other_name"] {
        let round = client.result("tools/call", params.clone()).await;
        assert_eq!(round["resultType"], "input_required");
        assert!(round.get("taskId").is_none());
        assert!(round["inputRequests"].get(key).is_some(), "{round}");
        answers[key] = accept(key);
        params["inputResponses"] = answers.clone();
        if let Some(state) = round.get("requestState") {
            params["requestState"] = state.clone();
        }
    }
    let created = client.result("tools/call", params).await;
    assert_eq!(created["resultType"], "task");
    assert!(created.get("requestState").is_none() && created.get("inputRequests").is_none());
    let id = created["taskId"].as_str().unwrap();
    let asks = client.reaches(id, "input_required").await;
    assert!(asks["inputRequests"].get("user_name-1").is_some(), "{asks}");
    client
        .update(id, json!({"user_name-1": accept("third")}))
        .await;
    let done = client.reaches(id, "completed").await;
    assert_eq!(
        done["result"]["content"][0]["text"],
        "user_name other_name third true"
    );
}

/// TASKS C-8, K-4: nothing that happens to the request ends its task.
#[tokio::test(start_paused = true)]
async fn a_task_outlives_its_request() {
    let (client, _) = Client::new(|builder| {
        builder.timeouts(|timeouts| timeouts.request = Some(Duration::from_secs(1)))
    });
    let id = client.begin("sleep", json!({"seconds": 100})).await;
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params":
        {"requestId": 1, "_meta": envelope(capable())}});
    let mut request = client.request("tools/list", json!({}));
    *request.body_mut() = cancelled.to_string().into();
    request
        .headers_mut()
        .insert("mcp-method", "notifications/cancelled".parse().unwrap());
    let (status, _) = whole(client.mcp.call(request).await).await;
    assert_eq!(status.as_u16(), 202);
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(client.get(&id).await["status"], "working");
    client.reaches(&id, "completed").await;
}

/// TASKS K-1 to K-3, K-5, U-8: a cancellation drops the handler, or tells it if it wants that.
#[tokio::test(start_paused = true)]
async fn a_task_is_cancelled() {
    let (client, seen) = Client::new(|builder| builder);
    let id = client.begin("sleep", json!({"seconds": 60})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..2 {
        let mut acknowledged = client.cancel(&id).await;
        acknowledged.as_object_mut().unwrap().remove("_meta");
        assert_eq!(acknowledged, json!({"resultType": "complete"}));
        client.reaches(&id, "cancelled").await;
        assert_eq!(seen.alive.load(Ordering::SeqCst), 0);
    }
    client.update(&id, json!({"who-1": accept("a")})).await;
    assert_eq!(client.get(&id).await["status"], "cancelled");
    for (then, status) in [("fail", "cancelled"), ("end", "completed")] {
        let id = client.begin("heed", json!({"then": then})).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.cancel(&id).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(client.get(&id).await["status"], "working");
        client.reaches(&id, status).await;
    }
}

/// TASKS A-1, H-2, H-1: an id is random and needs no encoding in a header, which is compared.
#[tokio::test(start_paused = true)]
async fn an_id_is_random_and_mirrored() {
    let (client, _) = Client::new(|builder| builder);
    let (one, other) = (
        client.begin("sleep", json!({})).await,
        client.begin("sleep", json!({})).await,
    );
    let (node, random) = one.split_once('.').unwrap();
    assert!(node.len() == 16 && random.len() == 32, "{one}");
    assert!(
        one.bytes()
            .all(|byte| byte == b'.' || byte.is_ascii_hexdigit())
    );
    assert_eq!(other.split_once('.').unwrap().0, node);
    assert_ne!(one, other);
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": one, "inputResponses": {}});
        for (header, value) in [
            ("mcp-name", Some(&*other)),
            ("mcp-name", None),
            ("mcp-method", Some("tools/call")),
        ] {
            let mut request = client.request(method, params.clone());
            request.headers_mut().remove(header);
            if let Some(value) = value {
                request.headers_mut().insert(
                    header.parse::<hyper::header::HeaderName>().unwrap(),
                    value.parse().unwrap(),
                );
            }
            let (status, body) = whole(client.mcp.call(request).await).await;
            assert!(
                status == 400 && body.contains("-32020"),
                "{method} {header} {body}"
            );
        }
    }
}
