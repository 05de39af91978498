//! Authorization (SPEC F, G-11, G-20, G-45, G-46, PITFALLS) on real sockets.

mod binding;
mod deployments;
mod documents;
mod ends;
mod hearing;
mod scopes;
mod table;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::http::request::Parts;
use mcp_wire::auth::{
    Authorizer, Challenge, Identity, ProtectedResource, StaticTokens, bearer_token,
};
use mcp_wire::server::{
    Arguments, CacheScope, Call, CompletionRequest, Presence, Prompt, PromptArguments,
    PromptResult, ReadRequest, Resource, ResourceTemplate, Role, Server, Tool,
};
use mcp_wire::{BoxFuture, Builder, McpService};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{
    Answer, POST_HEADERS, Running, Stream, envelope, hello, message, mirrored, request, soon, start,
};

/// How long the short-lived tokens last.
const SOON: Duration = Duration::from_secs(1);

/// `ada` and `ada-fresh` are one principal, `bob` is another; `root` may all that the scopes of the
/// others cover; `brief` is ada for a short time. Of the rest each meets one row of SPEC F.1.
struct Gate(StaticTokens);

impl Gate {
    fn new() -> Self {
        let notes = |name: &str| Identity::new(name).scopes(["notes:read"]);
        let ends = |time: SystemTime| Identity::new("ada").scopes(["notes:read"]).expires_at(time);
        let covers = |granted: &str, needed: &str| {
            needed
                .strip_prefix(granted)
                .is_some_and(|rest| rest.starts_with(':'))
        };
        Self(
            StaticTokens::new()
                .token("ada", notes("ada").client("desktop").attach(7_u32))
                .token(
                    "ada-fresh",
                    notes("ada").scopes(["notes:read", "notes:write"]),
                )
                .token("bob", notes("bob"))
                .token(
                    "root",
                    Identity::new("root").scopes(["notes"]).covering(covers),
                )
                .token("stale", ends(SystemTime::UNIX_EPOCH)),
        )
    }
}

impl Authorizer for Gate {
    fn authorize(
        &self,
        head: &Parts,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        assert!(peer.is_some_and(|peer| peer.ip().is_loopback()));
        match bearer_token(&head.headers, &head.uri) {
            Ok("down") => Box::pin(async { Err(Challenge::unavailable()) }),
            Ok("panics") => panic!("a fault of the authorizer"),
            Ok("panics-later") => Box::pin(async { panic!("a fault of the authorizer") }),
            Ok("evil") => Box::pin(async {
                Err(Challenge::invalid_token().describe("\"\r\nSet-Cookie: a=b"))
            }),
            Ok("brief") => {
                let ends = SystemTime::now() + SOON;
                let ada = Identity::new("ada").scopes(["notes:read"]).expires_at(ends);
                Box::pin(async { Ok(ada) })
            }
            _ => self.0.authorize(head, peer),
        }
    }
}

/// What the tools report to the tests.
struct Seen {
    calls: Semaphore,
    dropped: Semaphore,
}

struct OnDrop(Arc<Seen>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.dropped.add_permits(1);
    }
}

async fn who(cx: Call, _: Arguments) -> String {
    let identity = cx.identity().expect("an identity");
    let peer = cx.peer().expect("a peer");
    format!(
        "{} {:?} {:?} {:?} {}",
        identity.principal(),
        identity.client_id(),
        identity.granted(),
        identity.attached::<u32>(),
        peer.ip()
    )
}

/// `who` tells who asks, `head` prints what a log might, `wait` never ends, `talk` sends a note and
/// never ends, `ask` asks the client; `write` and the secret things need scopes.
fn server() -> (Server, Arc<Seen>) {
    let seen = Arc::new(Seen {
        calls: Semaphore::new(0),
        dropped: Semaphore::new(0),
    });
    let tool = |name: &str| Tool::new(name).input(json!({"type": "object"}));
    let waits = {
        let seen = Arc::clone(&seen);
        move |cx: Call, args: Arguments| {
            let seen = Arc::clone(&seen);
            async move {
                let _dropped = OnDrop(Arc::clone(&seen));
                seen.calls.add_permits(1);
                if args.value("talks").is_some() {
                    let _ = cx.notify("notifications/note", None);
                }
                std::future::pending::<String>().await
            }
        }
    };
    let writes = {
        let seen = Arc::clone(&seen);
        move |_: Call, _: Arguments| {
            seen.calls.add_permits(1);
            async { "written" }
        }
    };
    let server = Server::new("Gated", "1")
        .subscriptions()
        .cache_lists(Duration::from_secs(9), CacheScope::Public)
        .tool(tool("who"), who)
        .tool(tool("head"), async |cx: Call, _| {
            format!("{:?} {:?} {cx:?}", cx.head(), cx.identity())
        })
        .tool(tool("wait"), waits)
        .tool(tool("write").scopes(["notes:read", "notes:write"]), writes)
        .tool(tool("ask"), async |cx: Call, _| {
            let roots = cx.roots().await.map(|roots| roots.len());
            format!("{roots:?}")
        })
        .resource(
            Resource::new("test://open", "open").cache(SOON, CacheScope::Public),
            async |_, _| "open",
        )
        .resource(
            Resource::new("test://secret", "secret").scopes(["notes:secret"]),
            async |_, _| "secret",
        )
        .resource_template(
            ResourceTemplate::new("vault://{name}", "vault").scopes(["notes:secret"]),
            async |_, read: ReadRequest| read.uri().to_owned(),
        )
        .prompt(
            Prompt::new("secret")
                .argument("name", Presence::Optional)
                .scopes(["notes:secret"]),
            async |_, _: PromptArguments| PromptResult::new().message(Role::User, "secret"),
        )
        .completion(async |_, _: CompletionRequest| Ok(Vec::new()));
    (server, seen)
}

fn protected() -> ProtectedResource {
    ProtectedResource::new("https://mcp.example.com", ["https://as.example.com"])
        .scopes(["notes:read", "notes:write"])
        .initial_scopes(["notes:read"])
}

async fn gated_with(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> (Running, Arc<Seen>) {
    let (server, seen) = server();
    let builder = McpService::builder(server)
        .authorizer(Gate::new())
        .protected_resource(protected())
        .timeouts(|timeouts| timeouts.stream_after = Duration::ZERO);
    (start(set(builder).build().unwrap()).await, seen)
}

async fn gated() -> (Running, Arc<Seen>) {
    gated_with(|builder| builder).await
}

impl Seen {
    async fn a_call_begins(&self) {
        soon("a call", self.calls.acquire()).await.unwrap().forget();
    }

    async fn a_call_is_dropped(&self) {
        let dropped = soon("the end of a call", self.dropped.acquire());
        dropped.await.unwrap().forget();
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A client with a token.
#[derive(Clone)]
struct As {
    address: SocketAddr,
    credentials: String,
}

/// A session at `/mcp`.
type Id = String;

impl As {
    fn new(running: &Running, token: &str) -> Self {
        Self {
            address: running.address,
            credentials: bearer(token),
        }
    }

    async fn request(&self, line: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        let headers = format!("{headers}{}", self.credentials);
        request(self.address, line, &headers, body).await
    }

    async fn open(&self, line: &str, headers: &str, body: impl AsRef<[u8]>) -> Stream {
        let headers = format!("{headers}{}", self.credentials);
        Stream::open(self.address, line, &headers, body).await
    }

    /// Sends a request of 2026-07-28.
    async fn modern(&self, method: &str, mut params: Value) -> Stream {
        params["_meta"] = envelope(json!({"roots": {}}));
        let headers = mirrored(method, &params);
        self.open("POST /mcp", &headers, message(1, method, params))
            .await
    }

    /// Opens a session of 2025-03-26, which has batches, or of another revision.
    async fn session(&self, version: &str) -> Id {
        let body = message("hello", "initialize", hello(version, json!({"roots": {}})));
        let mut stream = self.open("POST /mcp", POST_HEADERS, body).await;
        assert_eq!(stream.status(), 200, "{}", stream.head);
        let answer = stream.answer().await;
        assert!(answer["result"].is_object(), "{answer}");
        stream.header("mcp-session-id").expect("an id").to_owned()
    }

    /// Sends a body in a session.
    async fn post(&self, session: &str, body: impl AsRef<[u8]>) -> Stream {
        let headers = format!("Mcp-Session-Id: {session}\r\n{POST_HEADERS}");
        self.open("POST /mcp", &headers, body).await
    }

    async fn listen(&self, session: &str, last: Option<&str>) -> Stream {
        let mut headers = format!("Mcp-Session-Id: {session}\r\nAccept: text/event-stream\r\n");
        if let Some(last) = last {
            headers.push_str(&format!("Last-Event-ID: {last}\r\n"));
        }
        self.open("GET /mcp", &headers, "").await
    }

    /// Opens a stream at `/sse`; returns it and the path to POST to.
    async fn sse(&self) -> (Stream, String) {
        let mut stream = self.open("GET /sse", "", "").await;
        assert_eq!(stream.status(), 200, "{}", stream.head);
        let path = stream.event().await.expect("an endpoint").data;
        (stream, path)
    }

    async fn send(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let headers = "Content-Type: application/json\r\n";
        self.request(&format!("POST {path}"), headers, body).await
    }
}

fn call(name: &str, arguments: Value) -> Value {
    json!({"name": name, "arguments": arguments})
}
