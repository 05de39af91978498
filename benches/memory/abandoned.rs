//! Abandoned sessions expire and free all their memory (PITFALLS ).

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use mcp_wire::jsonrpc::{ErrorObject, Json, Request as Message};
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{BoxFuture, Context, Dispatcher, McpService};
use serde_json::json;
use tokio::runtime::Handle;

use crate::error::BoxError;
use crate::heap::HEAP;

/// The default idle time of a session, and a minute for the reaper.
const EXPIRY: Duration = Duration::from_secs(31 * 60);

/// How a client opens and abandons a session.
#[derive(Clone, Copy, Debug)]
enum Abandonment {
    /// The client initializes it, and sends nothing more.
    Silent,
    /// The client opens the standalone stream and disconnects.
    Listened,
    /// The client calls and disconnects, with 16 KB of events left to resume.
    Called,
    /// HTTP+SSE, where the session ends with its connection.
    Sse,
    /// The client disconnects before the answer to `initialize`.
    Early,
}

/// Never answers.
struct Mute;

impl Dispatcher for Mute {
    fn request(&self, _cx: Context, _request: Message) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(pending())
    }
}

fn talkative() -> Server {
    let talk = Tool::new("talk").input(json!({"type": "object"}));
    Server::new("Bench", "1.0.0").tool(talk, async |cx: Call, _: Arguments| {
        let note = Json::try_from(&json!({"pad": "x".repeat(1_000)})).expect("an object");
        for _ in 0..16 {
            let _ = cx.notify("notifications/note", Some(&note));
        }
        "done"
    })
}

type Posted = Request<Full<Bytes>>;

fn post(session: Option<&str>, message: &serde_json::Value) -> Posted {
    let mut request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    if let Some(id) = session {
        request = request.header("mcp-session-id", id);
    }
    let body = Full::new(message.to_string().into());
    request.body(body).expect("a request of constants")
}

fn get(path: &str, session: Option<&str>) -> Posted {
    let mut request = Request::get(path)
        .header("host", "localhost")
        .header("accept", "text/event-stream");
    if let Some(id) = session {
        request = request.header("mcp-session-id", id);
    }
    let body = Full::new(Bytes::new());
    request.body(body).expect("a request of constants")
}

fn initialize() -> Posted {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    });
    post(
        None,
        &json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}),
    )
}

async fn initialized(mcp: &McpService) -> String {
    let response = mcp.call(initialize()).await;
    let id = response.headers().get("mcp-session-id");
    let id = id.and_then(|id| id.to_str().ok());
    id.expect("an initialize that succeeds").to_owned()
}

impl Abandonment {
    const ALL: [Self; 5] = [
        Self::Silent,
        Self::Listened,
        Self::Called,
        Self::Sse,
        Self::Early,
    ];

    fn service(self, sessions: usize) -> Result<McpService, mcp_wire::Error> {
        match self {
            Self::Early => McpService::builder(Mute)
                .limits(|limits| limits.sessions = sessions)
                .build(),
            _ => McpService::builder(talkative())
                .limits(|limits| limits.sessions = sessions)
                .build(),
        }
    }

    /// Opens a session and abandons it.
    async fn abandon(self, mcp: &McpService) {
        match self {
            Self::Silent => drop(initialized(mcp).await),
            Self::Listened => {
                let id = initialized(mcp).await;
                let response = mcp.call(get("/mcp", Some(&id))).await;
                assert_eq!(response.status(), 200);
            }
            Self::Called => {
                let id = initialized(mcp).await;
                let params = json!({"name": "talk"});
                let call =
                    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
                let mut response = mcp.call(post(Some(&id), &call)).await;
                let first = response.body_mut().frame().await;
                assert!(first.is_some_and(|frame| frame.is_ok()), "a stream");
            }
            Self::Sse => {
                let mut response = mcp.call(get("/sse", None)).await;
                let first = response.body_mut().frame().await;
                assert!(first.is_some_and(|frame| frame.is_ok()), "a stream");
            }
            Self::Early => {
                let mut answer = pin!(mcp.call(initialize()));
                let is_pending =
                    poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx).is_pending())).await;
                assert!(
                    is_pending && mcp.sessions() > 0,
                    "`initialize` is still running"
                );
            }
        }
    }

    /// Whether the sessions outlive the connection of their client.
    fn outlive_connection(self) -> bool {
        !matches!(self, Self::Sse | Self::Early)
    }
}

pub(crate) async fn measure(sessions: usize) -> Result<(), BoxError> {
    println!("bytes of heap that {sessions} abandoned sessions still use after {EXPIRY:?}:");
    for abandonment in Abandonment::ALL {
        let mcp = abandonment.service(sessions)?;
        // The first session makes the allocations that happen once.
        abandonment.abandon(&mcp).await;
        tokio::time::sleep(EXPIRY).await;
        let before = HEAP.current_usage();
        for _ in 0..sessions {
            abandonment.abandon(&mcp).await;
        }
        let expected = if abandonment.outlive_connection() {
            sessions
        } else {
            0
        };
        assert_eq!(mcp.sessions(), expected, "{abandonment:?}");
        let each = (HEAP.current_usage() as i64 - before as i64) / sessions as i64;
        tokio::time::sleep(EXPIRY).await;
        let left = HEAP.current_usage() as i64 - before as i64;
        let tasks = Handle::current().metrics().num_alive_tasks();
        println!(
            "  {abandonment:?}: {left}, and {tasks} tasks ({each} bytes per session before it expired)"
        );
        assert_eq!(
            (left, tasks, mcp.sessions()),
            (0, 0, 0),
            "sessions that have expired still use memory"
        );
    }
    Ok(())
}
