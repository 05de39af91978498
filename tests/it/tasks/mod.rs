//! Calls that go on as tasks (extension `io.modelcontextprotocol/tasks`), with the clock of the runtime in the hands
//! of the test.

mod calls;
mod faulty;
mod following;
mod lifetimes;
mod model;
mod negotiation;
mod questions;
mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_wire::auth::Identity;
use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{
    Call, Elicitation, Elicited, HandlerError, Server, TaskUse, Tool, ToolResult,
};
use mcp_wire::{Builder, McpService};
use serde_json::{Value, json};

use crate::support::direct::{direct, whole};
use crate::support::{envelope, mirrored};

const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// The capabilities of a client that has tasks, and can be asked everything.
fn capable() -> Value {
    json!({"extensions": {EXTENSION: {}}, "elicitation": {}, "sampling": {}, "roots": {}})
}

fn form(field: &str) -> Value {
    json!({"type": "object", "properties": {field: {"type": "string"}}, "required": [field]})
}

/// What the handlers of a test did.
#[derive(Default)]
struct Seen {
    runs: AtomicUsize,
    alive: AtomicUsize,
}

struct Alive(Arc<Seen>);

impl Alive {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.runs.fetch_add(1, Ordering::SeqCst);
        seen.alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(seen))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn name_of(cx: &Call, key: &str) -> Result<String, HandlerError> {
    let asked = cx
        .elicit(&Elicitation::form("?", form("name")).key(key))
        .await?;
    Ok(match asked {
        Elicited::Accepted(content) => content["name"].as_str().unwrap_or_default().to_owned(),
        other => format!("{other:?}"),
    })
}

fn server(seen: &Arc<Seen>) -> Server {
    let any = || json!({"type": "object"});
    let tool = |name: &str| Tool::new(name).input(any());
    let counted = [Arc::clone(seen), Arc::clone(seen), Arc::clone(seen)];
    let [for_sleep, for_fail, for_heed] = counted;
    Server::new("Tasks", "1")
        .logging()
        .tool(tool("greet"), async |_: Call, _| "Hello!")
        .tool(
            tool("sleep").task(TaskUse::Optional),
            move |cx: Call, args: mcp_wire::server::Arguments| {
                let alive = Alive::new(&for_sleep);
                async move {
                    let seconds = args.opt_unsigned("seconds")?.unwrap_or(1);
                    if let Some(task) = cx.task() {
                        task.status("asleep");
                    }
                    cx.progress(1.0, None, None);
                    cx.log(mcp_wire::LogLevel::Error, None, "asleep");
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    drop(alive);
                    Ok::<_, HandlerError>(
                        ToolResult::structured(json!({"slept": seconds}))
                            .meta("com.example/a", 1)
                            .meta(
                                "io.modelcontextprotocol/related-task",
                                json!({"taskId": "x"}),
                            ),
                    )
                }
            },
        )
        .tool(tool("fail").task(TaskUse::Required), move |_: Call, _| {
            let alive = Alive::new(&for_fail);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                drop(alive);
                Err::<(), _>(HandlerError::new("it does not work"))
            }
        })
        .tool(
            tool("refuse").task(TaskUse::Optional),
            async |_: Call, _| {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err::<(), _>(ErrorObject::new(7, "refused").with_data(json!({"a": 1})))
            },
        )
        .tool(tool("panic").task(TaskUse::Optional), async |_: Call, _| {
            if true {
                panic!("as the test wants");
            }
        })
        .tool(
            tool("confirm").task(TaskUse::Optional),
            async |cx: Call, _| name_of(&cx, "who").await,
        )
        .tool(
            tool("several").task(TaskUse::Optional),
            async |cx: Call, _| {
                let (one, other) = tokio::join!(name_of(&cx, "one"), name_of(&cx, "other"));
                Ok::<_, HandlerError>(format!("{} {}", one?, other?))
            },
        )
        .tool(
            tool("first").task(TaskUse::Required).asks_first(),
            async |cx: Call, _| {
                let name = name_of(&cx, "user_name").await?;
                let other = name_of(&cx, "other_name").await?;
                let is_task = cx.detach().await.is_some();
                tokio::time::sleep(Duration::from_secs(1)).await;
                let third = name_of(&cx, "user_name").await?;
                Ok::<_, HandlerError>(format!("{name} {other} {third} {is_task}"))
            },
        )
        .tool(
            tool("heed").task(TaskUse::Optional),
            move |cx: Call, args: mcp_wire::server::Arguments| {
                let alive = Alive::new(&for_heed);
                async move {
                    let task = cx.task().ok_or_else(|| HandlerError::new("no task"))?;
                    task.cancelled().await;
                    assert!(task.is_cancelled());
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    drop(alive);
                    match args.opt_str("then")? {
                        Some("fail") => Err(HandlerError::from(ErrorObject::internal())),
                        _ => Ok("in the end".to_owned()),
                    }
                }
            },
        )
}

/// A client of a service, without a socket.
#[derive(Clone)]
struct Client {
    mcp: McpService,
    capabilities: Value,
    identity: Option<Identity>,
}

impl Client {
    fn new(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> (Self, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        let builder = set(McpService::builder(server(&seen)));
        (Self::of(builder.build().unwrap()), seen)
    }

    fn of(mcp: McpService) -> Self {
        Self {
            mcp,
            capabilities: capable(),
            identity: None,
        }
    }

    fn with(&self, capabilities: Value) -> Self {
        Self {
            capabilities,
            ..self.clone()
        }
    }

    fn as_principal(&self, principal: &str) -> Self {
        Self {
            identity: Some(Identity::new(principal)),
            ..self.clone()
        }
    }

    fn request(
        &self,
        method: &str,
        mut params: Value,
    ) -> hyper::Request<http_body_util::Full<bytes::Bytes>> {
        params["_meta"] = envelope(self.capabilities.clone());
        params["_meta"]["progressToken"] = 1.into();
        params["_meta"]["io.modelcontextprotocol/logLevel"] = "debug".into();
        let headers = mirrored(method, &params);
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut request = direct("POST /mcp", &headers, body.to_string());
        if let Some(identity) = &self.identity {
            request.extensions_mut().insert(identity.clone());
        }
        request
    }

    /// The status and the message that a request is answered with.
    async fn ask(&self, method: &str, params: Value) -> (u16, Value) {
        let response = self.mcp.call(self.request(method, params)).await;
        let (status, body) = whole(response).await;
        let text = body.lines().rfind(|line| line.starts_with("data: {"));
        let text = text.map_or(&*body, |line| &line[6..]);
        (
            status.as_u16(),
            serde_json::from_str(text).unwrap_or_else(|_| panic!("{body}")),
        )
    }

    async fn result(&self, method: &str, params: Value) -> Value {
        let (_, mut answer) = self.ask(method, params).await;
        assert!(answer.get("result").is_some(), "{answer}");
        answer["result"].take()
    }

    async fn error(&self, method: &str, params: Value) -> (u16, Value) {
        let (status, mut answer) = self.ask(method, params).await;
        assert!(answer.get("error").is_some(), "{answer}");
        (status, answer["error"].take())
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({"name": tool, "arguments": arguments}))
            .await
    }

    /// The id of a task that begins with this call.
    async fn begin(&self, tool: &str, arguments: Value) -> String {
        let created = self.call(tool, arguments).await;
        assert_eq!(created["resultType"], "task", "{created}");
        created["taskId"].as_str().unwrap().to_owned()
    }

    async fn get(&self, id: &str) -> Value {
        self.result("tasks/get", json!({"taskId": id})).await
    }

    async fn update(&self, id: &str, answers: Value) -> Value {
        self.result(
            "tasks/update",
            json!({"taskId": id, "inputResponses": answers}),
        )
        .await
    }

    async fn cancel(&self, id: &str) -> Value {
        self.result("tasks/cancel", json!({"taskId": id})).await
    }

    async fn gone(&self, id: &str) -> bool {
        let (_, answer) = self.ask("tasks/get", json!({"taskId": id})).await;
        answer["error"]["code"] == -32602
    }

    /// The task, once it has this status.
    async fn reaches(&self, id: &str, status: &str) -> Value {
        for _ in 0..1000 {
            let task = self.get(id).await;
            if task["status"] == status {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the task is {}", self.get(id).await);
    }
}

fn accept(name: &str) -> Value {
    json!({"action": "accept", "content": {"name": name}})
}
