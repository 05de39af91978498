//! How long tasks live, how many there may be, and who may ask for them.

use std::sync::atomic::Ordering;

use super::*;

/// TASKS S-7, S-8, G-4, U-2, K-2, A-2: a task lives for its time. Unknown, expired and foreign tasks are the same.
#[tokio::test(start_paused = true)]
async fn a_task_lives_for_its_time() {
    let (client, seen) = Client::new(|builder| {
        builder.timeouts(|timeouts| timeouts.task = Duration::from_millis(90_500))
    });
    let (ada, eve) = (client.as_principal("ada"), client.as_principal("eve"));
    let created = ada.call("sleep", json!({"seconds": 1})).await;
    assert_eq!(created["ttlMs"], 90_500);
    let done = created["taskId"].as_str().unwrap().to_owned();
    let runs = ada.begin("sleep", json!({"seconds": 1000})).await;
    let open = client.begin("sleep", json!({"seconds": 1})).await;
    tokio::time::sleep(Duration::from_millis(90_400)).await;
    assert_eq!(ada.get(&done).await["status"], "completed");
    assert_eq!(ada.get(&runs).await["status"], "working");
    assert_eq!(client.get(&open).await["status"], "completed");
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let ask = async |client: &Client, id: &str| {
            client
                .ask(method, json!({"taskId": id, "inputResponses": {}}))
                .await
        };
        let unknown = ask(&ada, "none").await;
        assert_eq!(unknown.1["error"]["code"], -32602);
        for (client, id) in [
            (&eve, &done),
            (&client, &done),
            (&ada, &open),
            (&ada, &"x".repeat(3000)),
        ] {
            assert_eq!(ask(client, id).await, unknown);
        }
        let (_, error) = ada.error(method, json!({"taskId": 7})).await;
        assert_eq!(error["code"], -32602);
    }
    assert_eq!(ada.get(&runs).await["status"], "working");
    tokio::time::sleep(Duration::from_millis(200)).await;
    for id in [&done, &runs] {
        let (gone, unknown) = (
            ada.ask("tasks/get", json!({"taskId": id})).await,
            ada.ask("tasks/get", json!({"taskId": "none"})).await,
        );
        assert_eq!(gone, unknown);
    }
    assert_eq!(seen.alive.load(Ordering::SeqCst), 0);
    assert_eq!(client.mcp.snapshot().tasks, 0);
}

/// TASKS C-9: there are so many tasks, and a result is so long; what is refused leaves nothing.
#[tokio::test(start_paused = true)]
async fn tasks_are_limited() {
    let (client, seen) = Client::new(|builder| {
        builder.limits(|limits| {
            limits.tasks = 3;
            limits.tasks_per_principal = Some(1);
            limits.task_bytes = 60;
        })
    });
    let ada = client.as_principal("ada");
    let long = ada.begin("sleep", json!({"seconds": 5})).await;
    let call = json!({"name": "sleep", "arguments": {"seconds": 1}});
    let (_, error) = ada.error("tools/call", call.clone()).await;
    assert_eq!(error["code"], -32603);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("`Limits::tasks_per_principal`")
    );
    for _ in 0..2 {
        client.begin("confirm", json!({})).await;
    }
    let (_, error) = client.error("tools/call", call).await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("(limit: `Limits::tasks`)")
    );
    assert_eq!(client.mcp.snapshot().tasks, 3);
    let failed = ada.reaches(&long, "failed").await;
    assert!(
        failed["error"]["message"]
            .as_str()
            .unwrap()
            .contains("`Limits::task_bytes`")
    );
    assert_eq!(seen.runs.load(Ordering::SeqCst), 1);
    assert_eq!(
        ada.with(json!({}))
            .call("sleep", json!({"seconds": 0}))
            .await["resultType"],
        "complete"
    );
}

/// TASKS A-3: nothing is left of the tasks of a principal that is revoked.
#[tokio::test(start_paused = true)]
async fn the_tasks_of_a_revoked_principal_end() {
    let (client, seen) = Client::new(|builder| builder);
    let (ada, eve) = (client.as_principal("ada"), client.as_principal("eve"));
    let done = ada.begin("sleep", json!({"seconds": 1})).await;
    ada.reaches(&done, "completed").await;
    let runs = ada.begin("sleep", json!({"seconds": 100})).await;
    let other = eve.begin("sleep", json!({"seconds": 100})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.mcp.revoke("ada");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(ada.gone(&done).await && ada.gone(&runs).await);
    assert_eq!(eve.get(&other).await["status"], "working");
    assert_eq!(seen.alive.load(Ordering::SeqCst), 1);
    assert_eq!(client.mcp.snapshot().tasks, 1);
}

/// The operator hears how each task ended.
#[tokio::test(start_paused = true)]
async fn the_operator_hears_how_tasks_end() {
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let (client, _) = Client::new(|builder| {
        builder
            .timeouts(|timeouts| timeouts.task = Duration::from_secs(30))
            .on_event(move |event| {
                if let mcp_wire::ServiceEvent::TaskEnded { end, .. } = event {
                    log.lock().unwrap().push(end.as_str());
                }
            })
    });
    for (tool, end) in [
        ("fail", "completed"),
        ("refuse", "failed"),
        ("panic", "panicked"),
        ("confirm", "expired"),
    ] {
        client.begin(tool, json!({})).await;
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(heard.lock().unwrap().pop(), Some(end));
    }
    let id = client.begin("confirm", json!({})).await;
    client.cancel(&id).await;
    client.reaches(&id, "cancelled").await;
    client.begin("confirm", json!({})).await;
    client.mcp.close();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*heard.lock().unwrap(), ["cancelled", "closed"]);
}
