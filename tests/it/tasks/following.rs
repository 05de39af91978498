//! `subscriptions/listen` with `taskIds`.

use mcp_wire::ResponseBody;
use mcp_wire::sse::Decoder;

use super::*;
use crate::support::direct::event;

pub(super) struct Listening {
    body: ResponseBody,
    decoder: Decoder,
}

impl Listening {
    pub(super) async fn open(client: &Client, filter: Value) -> Self {
        let request = client.request("subscriptions/listen", json!({"notifications": filter}));
        let body = client.mcp.call(request).await.into_body();
        Self {
            body,
            decoder: Decoder::default(),
        }
    }

    /// The next message; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let event = event(&mut self.body, &mut self.decoder).await?;
            if let Ok(message) = serde_json::from_str(&event.data) {
                return Some(message);
            }
        }
    }

    pub(super) async fn acknowledged(&mut self) -> Value {
        let mut message = self.next().await.unwrap();
        assert_eq!(
            message["method"],
            "notifications/subscriptions/acknowledged"
        );
        message["params"]["notifications"].take()
    }

    /// The next state of a task.
    async fn task(&mut self) -> Value {
        let mut message = self.next().await.unwrap();
        assert_eq!(message["method"], "notifications/tasks", "{message}");
        let id = message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].take();
        assert_eq!(id, 1);
        message["params"].as_object_mut().unwrap().remove("_meta");
        message["params"].take()
    }
}

/// A task as `tasks/get` gives it, without the members of every answer.
async fn got(client: &Client, id: &str) -> Value {
    let mut task = client.get(id).await;
    let members = task.as_object_mut().unwrap();
    members.remove("_meta");
    members.remove("resultType");
    task
}

/// TASKS L-1 to L-5: a client that listens gets the state of its tasks, each later one, and then the end.
#[tokio::test(start_paused = true)]
async fn a_client_follows_its_tasks() {
    let (client, _) = Client::new(|builder| builder);
    let (ada, eve) = (client.as_principal("ada"), client.as_principal("eve"));
    let foreign = eve.begin("sleep", json!({"seconds": 1})).await;
    let id = ada.begin("confirm", json!({})).await;
    let mut listening = Listening::open(&ada, json!({"taskIds": [id, "none", foreign, id]})).await;
    assert_eq!(listening.acknowledged().await, json!({"taskIds": [id]}));
    let mut task = listening.task().await;
    if task["status"] == "working" {
        task = listening.task().await;
    }
    assert_eq!(task["status"], "input_required");
    assert_eq!(task, got(&ada, &id).await);
    ada.update(&id, json!({"who-1": accept("a")})).await;
    loop {
        let task = listening.task().await;
        if task["status"] != "working" {
            assert_eq!(task["status"], "completed");
            assert_eq!(task, got(&ada, &id).await);
            break;
        }
    }
    let end = listening.next().await.unwrap();
    assert_eq!(end["result"]["resultType"], "complete");
    assert_eq!(listening.next().await, None);
}

/// TASKS L-1, L-5: where there is nothing to follow, the request is acknowledged and ends; one that also waits for
/// other changes goes on.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_followed_ends_at_once() {
    let (client, _) = Client::new(|builder| builder);
    let mut listening = Listening::open(&client, json!({"taskIds": ["none"]})).await;
    assert_eq!(listening.acknowledged().await, json!({}));
    assert_eq!(
        listening.next().await.unwrap()["result"]["resultType"],
        "complete"
    );
    let mut listening = Listening::open(
        &client,
        json!({"taskIds": ["none"], "toolsListChanged": true}),
    )
    .await;
    assert_eq!(
        listening.acknowledged().await,
        json!({"toolsListChanged": true})
    );
    let more = tokio::time::timeout(Duration::from_secs(60), listening.next()).await;
    assert!(more.is_err(), "{more:?}");
    for bad in [
        json!("a"),
        json!([1]),
        json!({"0": "a"}),
        json!([null]),
        json!(vec!["x".repeat(100); 700]),
    ] {
        let bad = match bad.as_array().filter(|ids| ids.len() > 1) {
            Some(ids) => ids
                .iter()
                .enumerate()
                .map(|(at, id)| json!(format!("{at}{id}")))
                .collect(),
            None => bad,
        };
        let params = json!({"notifications": {"taskIds": bad}});
        let (_, error) = client.error("subscriptions/listen", params).await;
        assert_eq!(error["code"], -32602);
    }
}

/// TASKS L-6: a client that does not read for a while gets few states and the last one last.
#[tokio::test(start_paused = true)]
async fn a_slow_client_gets_the_last_state_last() {
    let server = Server::new("Busy", "1").tool(
        Tool::new("busy").task(TaskUse::Required),
        async |cx: Call, _| {
            for step in 0..1000 {
                if let Some(task) = cx.task() {
                    task.status(format!("step {step}"));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        },
    );
    let client = Client::of(McpService::builder(server).build().unwrap());
    let id = client.begin("busy", json!({})).await;
    let mut listening = Listening::open(&client, json!({"taskIds": [id]})).await;
    listening.acknowledged().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut states = Vec::new();
    loop {
        states.push(listening.task().await);
        if states.last().unwrap()["status"] == "completed" {
            break;
        }
    }
    assert!(states.len() < 10, "{}", states.len());
    let times: Vec<_> = states
        .iter()
        .map(|task| task["lastUpdatedAt"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted());
}
