//! Questions that tasks ask.

use super::*;

/// TASKS U-1 to U-4, U-7, G-2: answers are taken one by one, at once, and never twice.
#[tokio::test(start_paused = true)]
async fn answers_are_taken_one_by_one() {
    let (client, _) = Client::new(|builder| builder);
    let id = client.begin("several", json!({})).await;
    let asks = client.reaches(&id, "input_required").await;
    let keys: Vec<_> = asks["inputRequests"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(keys, ["one-1", "other-2"]);
    assert_eq!(
        asks["inputRequests"]["one-1"]["method"],
        "elicitation/create"
    );
    assert_eq!(
        asks["inputRequests"]["one-1"]["params"]["requestedSchema"],
        form("name")
    );
    assert_eq!(
        client.get(&id).await["inputRequests"],
        asks["inputRequests"]
    );
    let mut acknowledged = client
        .update(&id, json!({"unknown": {"ignored": true}}))
        .await;
    acknowledged.as_object_mut().unwrap().remove("_meta");
    assert_eq!(acknowledged, json!({"resultType": "complete"}));
    assert_eq!(client.get(&id).await, asks);
    client.update(&id, json!({"other-2": accept("b")})).await;
    let left = client.get(&id).await;
    assert_eq!(left["status"], "input_required");
    assert!(
        left["inputRequests"].get("other-2").is_none()
            && left["inputRequests"].get("one-1").is_some()
    );
    client.update(&id, json!({"other-2": accept("x")})).await;
    client
        .update(&id, json!({"one-1": accept("a"), "other-2": accept("y")}))
        .await;
    assert_ne!(client.get(&id).await["status"], "input_required");
    let done = client.reaches(&id, "completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "a b");
    assert!(done.get("inputRequests").is_none());
}

/// TASKS U-5: an answer that does not fit refuses all that came with it, and consumes none.
#[tokio::test(start_paused = true)]
async fn an_answer_has_to_fit_its_question() {
    let (client, _) = Client::new(|builder| builder);
    let id = client.begin("several", json!({})).await;
    let asks = client.reaches(&id, "input_required").await;
    for bad in [
        json!({"one-1": {"action": "perhaps"}}),
        json!({"one-1": {"action": "accept", "content": {}}}),
        json!({"one-1": {"action": "accept", "content": {"name": 7}}, "other-2": accept("b")}),
        json!({"one-1": "a"}),
        json!([]),
        json!("x"),
        json!(null),
    ] {
        let params = json!({"taskId": id, "inputResponses": bad});
        let (_, error) = client.error("tasks/update", params).await;
        assert_eq!(error["code"], -32602, "{bad}");
        assert_eq!(client.get(&id).await, asks);
    }
    client
        .update(
            &id,
            json!({"one-1": {"action": "decline"}, "other-2": {"action": "cancel"}}),
        )
        .await;
    let done = client.reaches(&id, "completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "Declined Cancelled");
}

/// TASKS A-4: a client is asked only for what it declared with the request that began the task.
#[tokio::test(start_paused = true)]
async fn a_client_is_asked_for_what_it_declared() {
    let (client, _) = Client::new(|builder| builder);
    let bare = client.with(json!({"extensions": {EXTENSION: {}}}));
    let id = bare.begin("confirm", json!({})).await;
    let failed = client.reaches(&id, "failed").await;
    assert_eq!(failed["error"]["code"], -32021);
    let id = client.begin("confirm", json!({})).await;
    let asks = bare.reaches(&id, "input_required").await;
    assert!(asks["inputRequests"].get("who-1").is_some());
}

/// TASKS K-6: a task that is cancelled asks nothing more.
#[tokio::test(start_paused = true)]
async fn a_cancelled_task_asks_nothing() {
    let (client, _) = Client::new(|builder| builder);
    let id = client.begin("confirm", json!({})).await;
    client.reaches(&id, "input_required").await;
    client.cancel(&id).await;
    assert!(client.get(&id).await.get("inputRequests").is_none());
    client.reaches(&id, "cancelled").await;
}

/// TASKS C-9: a task has so many open questions, and no more.
#[tokio::test(start_paused = true)]
async fn open_questions_are_limited() {
    let (client, _) = Client::new(|builder| builder.limits(|limits| limits.task_questions = 1));
    let id = client.begin("several", json!({})).await;
    client.reaches(&id, "input_required").await;
    client.update(&id, json!({"one-1": accept("a")})).await;
    let done = client.reaches(&id, "completed").await;
    assert_eq!(done["result"]["isError"], true);
    let told = done["result"]["content"][0]["text"].as_str().unwrap();
    assert!(told.contains("`Limits::task_questions`"), "{told}");
}
