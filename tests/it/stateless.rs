//! 2026-07-28 (SPEC D, and what it changes of A, E and J) on real sockets: each request stands for
//! itself. Questions to the client are tested in `rounds`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{
    Arguments, CacheScope, Call, CompletionRequest, CompletionTarget, Content, Elicitation,
    HandlerError, Icon, Presence, Prompt, PromptArguments, PromptResult, ReadRequest, Resource,
    ResourceContents, ResourceTemplate, Role, Sampling, Server, Tool,
};
use mcp_wire::{Builder, Capabilities, Change, LogLevel, McpService};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::{
    Answer, Client, POST_HEADERS, Running, Session, Stream, envelope, message, mirrored, modern,
    raw, request, soon, start,
};

const V24: &str = "2024-11-05";
const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";
const V26: &str = "2026-07-28";

const PV: &str = "io.modelcontextprotocol/protocolVersion";
const CC: &str = "io.modelcontextprotocol/clientCapabilities";
const CI: &str = "io.modelcontextprotocol/clientInfo";
const LL: &str = "io.modelcontextprotocol/logLevel";
const SI: &str = "io.modelcontextprotocol/serverInfo";
const SUB: &str = "io.modelcontextprotocol/subscriptionId";

/// Long enough for an answer to stay one JSON object.
const LONG: Duration = Duration::from_secs(60);
/// Short enough for an answer to become a stream.
const SHORT: Duration = Duration::from_millis(1);

// --- The server

/// What the tools report to the tests, and the gates they wait at.
struct Seen {
    /// Calls of `echo` and `wait` that began.
    calls: AtomicUsize,
    /// One permit for each `wait` that began.
    waiting: Semaphore,
    /// Lets one `wait` finish for each permit.
    gate: Semaphore,
    /// One permit for each `wait` that has ended, answered or dropped.
    over: Semaphore,
    /// What `wait` did after its gate.
    acted: AtomicUsize,
}

impl Seen {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn a_wait_begins(&self) {
        soon("the begin of a call", self.waiting.acquire())
            .await
            .unwrap()
            .forget();
    }

    async fn a_wait_is_over(&self) {
        soon("the end of a call", self.over.acquire())
            .await
            .unwrap()
            .forget();
    }
}

struct OnDrop(Arc<Seen>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.over.add_permits(1);
    }
}

fn mirroring_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "count": {"type": "integer", "x-mcp-header": "Count"},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
            "where": {"type": "object", "properties": {
                "zone": {"type": "string", "x-mcp-header": "Zone"},
            }},
            "free": {"type": "string"},
        },
    })
}

fn tools(server: Server, seen: &Arc<Seen>) -> Server {
    let echo = {
        let seen = Arc::clone(seen);
        move |_: Call, args: Arguments| {
            seen.calls.fetch_add(1, Ordering::SeqCst);
            async move { Ok::<_, HandlerError>(args.str("message")?.to_owned()) }
        }
    };
    let wait = {
        let seen = Arc::clone(seen);
        move |cx: Call, args: Arguments| {
            seen.calls.fetch_add(1, Ordering::SeqCst);
            let seen = Arc::clone(&seen);
            async move {
                let _over = OnDrop(Arc::clone(&seen));
                if args.value("tells").is_some() {
                    cx.progress(1.0, None, None);
                }
                seen.waiting.add_permits(1);
                seen.gate.acquire().await.unwrap().forget();
                seen.acted.fetch_add(1, Ordering::SeqCst);
                args.value("tag").map_or_else(String::new, Value::to_string)
            }
        }
    };
    let any = || json!({"type": "object"});
    let output = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    server
        .tool(Tool::new("echo").title("Echo").input(any()), echo)
        .tool(
            Tool::new("plain").icon(Icon::new("data:,x")),
            async |_, _| "plain",
        )
        .tool(Tool::new("wait").input(any()), wait)
        .tool(Tool::new("meta"), async |cx: Call, _| {
            Value::Object(cx.meta()).to_string()
        })
        .tool(Tool::new("version"), async |cx: Call, _| {
            format!("{} {:?}", cx.version(), cx.session_id().is_some())
        })
        .tool(Tool::new("capabilities"), async |cx: Call, _| {
            json!(cx.client_capabilities().map(Capabilities::to_map)).to_string()
        })
        .tool(Tool::new("progress"), async |cx: Call, _| {
            for step in [1.0, 2.0, 2.0, f64::NAN, 1.5, 3.5] {
                cx.progress(step, 10.0, Some("working"));
            }
            "done"
        })
        .tool(Tool::new("late_progress"), async |cx: Call, _| {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                cx.progress(1.0, None, None);
            });
            "done"
        })
        .tool(Tool::new("log"), async |cx: Call, _| {
            for level in LogLevel::ALL {
                cx.log(level, Some("tests"), json!({"at": level.as_str()}));
            }
            "done"
        })
        .tool(
            Tool::new("raise").input(any()),
            async |_, args: Arguments| {
                let code = args.integer("code")?;
                Err::<(), _>(HandlerError::from(
                    ErrorObject::new(code, "raised").with_data(json!({"detail": 1})),
                ))
            },
        )
        .tool(Tool::new("fails"), async |_, _| {
            Err::<(), _>(HandlerError::new("no luck"))
        })
        .tool(Tool::new("panics"), async |_, _| -> String {
            tokio::task::yield_now().await;
            panic!("secret /etc/path")
        })
        .tool(Tool::new("nan"), async |_, _| json!({"nan": f64::NAN}))
        .tool(Tool::new("nothing"), async |_, _| {})
        .tool(
            Tool::new("structured").output(output.clone()),
            async |_, _| json!({"n": 1}),
        )
        .tool(
            Tool::new("list").output(json!({"type": "array"})),
            async |_, _| json!([1, 2]),
        )
        .tool(
            Tool::new("breaks_schema").output(output),
            async |_, _| "no structure",
        )
        .tool(Tool::new("mixed"), async |_, _| {
            vec![
                Content::image(b"i", "image/png"),
                Content::audio(b"a", "audio/wav"),
                Content::link(Resource::new("a://b", "b")),
                Content::embedded(ResourceContents::text("a://b", "c")),
            ]
        })
        .tool(
            Tool::new("mirrors").input(mirroring_schema()),
            async |_, args: Arguments| args.into_value().to_string(),
        )
        .tool(Tool::new("samples"), async |cx: Call, _| {
            cx.sample(&Sampling::new(1)).await?;
            Ok::<_, HandlerError>("sampled")
        })
        .tool(Tool::new("samples_late"), async |cx: Call, _| {
            cx.progress(1.0, None, None);
            tokio::task::yield_now().await;
            cx.sample(&Sampling::new(1)).await?;
            Ok::<_, HandlerError>("sampled")
        })
        .tool(Tool::new("visits"), async |cx: Call, _| {
            let page = Elicitation::url("go", "https://example.com/x");
            cx.elicit(&page).await?;
            Ok::<_, HandlerError>("visited")
        })
        .tool(Tool::new("fills"), async |cx: Call, _| {
            let form = Elicitation::form("who?", json!({"type": "object"}));
            cx.elicit(&form).await?;
            Ok::<_, HandlerError>("filled")
        })
        .tool(Tool::new("samples_tools"), async |cx: Call, _| {
            cx.sample(&Sampling::new(1).tool(Tool::new("t"))).await?;
            Ok::<_, HandlerError>("sampled")
        })
        .tool(Tool::new("roots"), async |cx: Call, _| {
            Ok::<_, HandlerError>(format!("{}", cx.roots().await?.len()))
        })
        .tool(Tool::new("requests"), async |cx: Call, _| {
            match cx.request("roots/list", None).await {
                Ok(_) => "answered".to_owned(),
                Err(error) => error.to_string(),
            }
        })
}

fn everything() -> (Server, Arc<Seen>) {
    let seen = Arc::new(Seen {
        calls: AtomicUsize::new(0),
        waiting: Semaphore::new(0),
        gate: Semaphore::new(0),
        over: Semaphore::new(0),
        acted: AtomicUsize::new(0),
    });
    let server = tools(Server::new("Everything", "1.2.3"), &seen)
        .about(|about| {
            about.title = Some("All".into());
            about.instructions = Some("Use it".into());
        })
        .logging()
        .subscriptions()
        .resource(
            Resource::new("test://static", "static").mime_type("text/markdown"),
            async |_, _| "text",
        )
        .resource(Resource::new("test://blob", "blob"), async |_, _| {
            bytes::Bytes::from_static(&[0, 255])
        })
        .resource(Resource::new("test://broken", "broken"), async |_, _| {
            Err::<String, _>(ErrorObject::internal())
        })
        .resource_template(
            ResourceTemplate::new("test://item/{id}", "item"),
            async |_, read: ReadRequest| match read.variable("id") {
                Some("missing") => Err(ErrorObject::resource_not_found(read.uri())),
                id => Ok(format!("item {}", id.unwrap_or_default())),
            },
        )
        .prompt(
            Prompt::new("greet").argument("name", Presence::Required),
            async |_, args: PromptArguments| {
                Ok::<_, ErrorObject>(format!("hello {}", args.str("name")?))
            },
        )
        .prompt(Prompt::new("rich"), async |_, _| {
            PromptResult::new().message(Role::Assistant, Content::audio(b"a", "audio/wav"))
        })
        .completion(async |_, wanted: CompletionRequest| {
            Ok(match wanted.target() {
                CompletionTarget::Template(_) => (0..150).map(|n| n.to_string()).collect(),
                _ => vec![format!(
                    "{}{}",
                    wanted.value(),
                    wanted.context("tone").unwrap_or("-")
                )],
            })
        });
    (server, seen)
}

async fn run_with(set: impl FnOnce(Builder<Server>) -> Builder<Server>) -> (Running, Arc<Seen>) {
    let (server, seen) = everything();
    let mcp = set(McpService::builder(server)).build().unwrap();
    (start(mcp).await, seen)
}

async fn run_default() -> (Running, Arc<Seen>) {
    run_with(|builder| builder).await
}

async fn run(server: Server) -> Running {
    start(McpService::builder(server).build().unwrap()).await
}

// --- The client

/// A well-formed request, which tests then break.
#[derive(Clone)]
struct Ask {
    line: &'static str,
    /// Names and values, sent in this order.
    headers: Vec<(String, Vec<u8>)>,
    body: Value,
    /// Sent instead of `body`.
    text: Option<String>,
}

impl Ask {
    fn new(method: &str, mut params: Value) -> Self {
        params["_meta"] = envelope(json!({}));
        let headers = mirrored(method, &params);
        let headers = headers.lines().map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.as_bytes().to_vec())
        });
        Self {
            line: "POST /mcp",
            headers: headers.collect(),
            body: json!({"jsonrpc": "2.0", "id": "the id", "method": method, "params": params}),
            text: None,
        }
    }

    fn call(tool: &str, arguments: Value) -> Self {
        Self::new("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Without the lines of a header.
    fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self
    }

    /// With one more line.
    fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With this line in place of those with its name.
    fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).and(name, value)
    }

    /// With a value in the body, set by its JSON pointer; the parent must exist.
    fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let (holder, key) = pointer.rsplit_once('/').unwrap();
        self.body.pointer_mut(holder).unwrap()[key] = value.into();
        self
    }

    fn unset(mut self, pointer: &str) -> Self {
        let (holder, key) = pointer.rsplit_once('/').unwrap();
        let holder = self.body.pointer_mut(holder).unwrap();
        holder.as_object_mut().unwrap().remove(key).expect(key);
        self
    }

    fn meta(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.body["params"]["_meta"][key] = value.into();
        self
    }

    fn without_meta(mut self, key: &str) -> Self {
        let meta = self.body["params"]["_meta"].as_object_mut().unwrap();
        meta.remove(key).expect(key);
        self
    }

    fn to_bytes(&self, address: SocketAddr, last: bool) -> Vec<u8> {
        let mut bytes = format!("{} HTTP/1.1\r\nHost: {address}\r\n", self.line).into_bytes();
        if last {
            bytes.extend_from_slice(b"Connection: close\r\n");
        }
        for (name, value) in &self.headers {
            let parts = [name.as_bytes(), b": ", value, b"\r\n"];
            bytes.extend_from_slice(&parts.concat());
        }
        let body = self.text.clone().unwrap_or_else(|| self.body.to_string());
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        bytes
    }

    async fn send(&self, address: SocketAddr) -> Answer {
        raw(address, self.to_bytes(address, true)).await
    }

    /// Checks that the answer has this status, this error code unless that is 0, and the request's
    /// id.
    async fn check(&self, address: SocketAddr, status: u16, code: i64, case: &str) -> Value {
        let answer = self.send(address).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json();
        let found = body["error"]["code"].as_i64().unwrap_or_default();
        assert_eq!(found, code, "{case}: {body}");
        assert_eq!(body["id"], "the id", "{case}: {body}");
        assert_eq!(body["jsonrpc"], "2.0");
        body
    }

    /// Checks that the answer is a result, and returns it.
    async fn result(&self, address: SocketAddr) -> Value {
        self.check(address, 200, 0, "").await["result"].clone()
    }
}

/// A kept connection, for one request after another.
struct Kept {
    address: SocketAddr,
    socket: TcpStream,
}

impl Kept {
    async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        Self { address, socket }
    }

    /// Sends bytes and reads an answer that declares its length.
    async fn exchange(&mut self, bytes: &[u8]) -> Answer {
        self.socket.write_all(bytes).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("a head", self.socket.read_u8()).await.unwrap());
        }
        let mut answer = Answer {
            status: 0,
            head: String::from_utf8(head).unwrap(),
            body: String::new(),
        };
        answer.status = answer.head.split(' ').nth(1).unwrap().parse().unwrap();
        let len = answer.header("content-length").unwrap_or("0");
        let mut body = vec![0; len.parse().unwrap()];
        soon("a body", self.socket.read_exact(&mut body))
            .await
            .unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    async fn ask(&mut self, ask: &Ask) -> Answer {
        self.exchange(&ask.to_bytes(self.address, false)).await
    }

    /// A POST of a legacy revision.
    async fn post(&mut self, headers: &str, body: &str) -> Answer {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {}\r\n{POST_HEADERS}{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.exchange((head + body).as_bytes()).await
    }
}

/// Waits until the condition holds, within a bound.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn has(value: &Value, key: &str) -> bool {
    value.get(key).is_some()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().expect("a text")
}

async fn call(address: SocketAddr, tool: &str, meta: Value) -> Stream {
    modern(
        address,
        1,
        "tools/call",
        json!({"name": tool, "_meta": meta}),
    )
    .await
}

async fn listen(address: SocketAddr, id: impl Into<Value>, notifications: Value) -> Stream {
    let params = json!({"notifications": notifications});
    modern(address, id, "subscriptions/listen", params).await
}

/// Checks that the next message acknowledges exactly this filter.
async fn acknowledged(stream: &mut Stream, id: impl Into<Value>, honoured: Value) {
    assert_eq!(stream.status(), 200, "{}", stream.head);
    let first = stream.message().await.unwrap();
    let params = json!({"_meta": {SUB: id.into()}, "notifications": honoured});
    let method = "notifications/subscriptions/acknowledged";
    let expected = json!({"jsonrpc": "2.0", "method": method, "params": params});
    assert_eq!(first, expected);
}

/// A request of each method that returns a result without a question to the client.
fn answered() -> Vec<(&'static str, Value)> {
    let completion = json!({"ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "name", "value": "a"}});
    vec![
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("tools/call", json!({"name": "plain"})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({"uri": "test://static"})),
        ("prompts/list", json!({})),
        (
            "prompts/get",
            json!({"name": "greet", "arguments": {"name": "x"}}),
        ),
        ("completion/complete", completion),
    ]
}

const CACHEABLE: [&str; 6] = [
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
];

// --- The endpoint

/// SPEC D-1, D-8, D-82, D-83, D-4: a result alone is JSON; a result after notifications is the last
/// event of a stream, which cannot be resumed.
#[tokio::test]
async fn an_answer_is_one_object_or_the_end_of_a_stream() {
    let (running, _) =
        run_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = LONG)).await;
    let answer = Ask::call("plain", json!({})).send(running.address).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(text(&answer.json()["result"]), "plain");

    let params = json!({"name": "progress", "_meta": {"progressToken": "p"}});
    let mut stream = modern(running.address, "x", "tools/call", params).await;
    assert_eq!(stream.status(), 200);
    assert!(stream.is_events());
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    let mut events = Vec::new();
    while let Some(event) = stream.event().await {
        assert_eq!((&*event.name, &*event.id), ("message", ""));
        events.push(serde_json::from_str::<Value>(&event.data).unwrap());
    }
    assert_eq!(stream.retry(), None);
    let last = events.pop().unwrap();
    assert_eq!((&last["id"], text(&last["result"])), (&json!("x"), "done"));
    assert!(events.iter().all(|event| !has(event, "id")), "{events:?}");
}

/// SPEC D-4, PITFALLS R-55: a `Last-Event-ID` is ignored, even one that a session would refuse.
#[tokio::test]
async fn there_is_nothing_to_resume() {
    let (running, _) = run_default().await;
    let plain = Ask::call("plain", json!({})).send(running.address).await;
    for id in ["0-1", "garbage", ""] {
        let ask = Ask::call("plain", json!({})).and("Last-Event-ID", id);
        let answer = ask.send(running.address).await;
        assert_eq!((answer.status, &answer.body), (200, &plain.body), "{id}");
    }
}

/// SPEC D-8, J-13, J-27: the answer has the form that the client accepts; a client that accepts
/// only JSON gets no notifications and cannot listen.
#[tokio::test]
async fn the_client_chooses_the_form() {
    let (running, _) =
        run_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = SHORT)).await;
    let ask = Ask::call("progress", json!({})).meta("progressToken", 1);
    let only = |media: &str| ask.clone().with("Accept", media);
    for json in ["application/json", "*/*;q=0, application/*"] {
        let answer = only(json).send(running.address).await;
        assert_eq!(text(&answer.json()["result"]), "done", "{json}");
    }
    for events in ["text/event-stream", "text/*"] {
        let ask = Ask::call("plain", json!({})).with("Accept", events);
        let answer = ask.send(running.address).await;
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    }
    assert_eq!(only("text/html").send(running.address).await.status, 406);
    let answer = ask.clone().without("Accept").send(running.address).await;
    assert_eq!(
        answer.status, 200,
        "SPEC C-12: a missing header means anything"
    );

    let params = json!({"notifications": {}});
    let listen = Ask::new("subscriptions/listen", params).with("Accept", "application/json");
    assert_eq!(listen.send(running.address).await.status, 406);
    assert_eq!(running.mcp.listen_streams(), 0);
}

/// SPEC C-10, J-13: the strict switch demands both forms in this revision too.
#[tokio::test]
async fn a_strict_server_wants_both_forms() {
    let (running, _) = run_with(Builder::strict_accept).await;
    let ask = Ask::call("plain", json!({}));
    ask.result(running.address).await;
    let any = ask.clone().with("Accept", "*/*");
    any.result(running.address).await;
    for odd in [
        ask.clone().without("Accept"),
        ask.clone().with("Accept", "application/json"),
        ask.with("Accept", "text/event-stream"),
    ] {
        assert_eq!(odd.send(running.address).await.status, 406);
    }
}

/// SPEC D-8: a client that accepts only JSON waits as long as the answer takes.
#[tokio::test]
async fn a_client_of_json_gets_no_stream_for_waiting() {
    let (running, seen) =
        run_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = SHORT)).await;
    let ask = Ask::call("wait", json!({"tells": 1})).meta("progressToken", 1);
    let ask = ask.with("Accept", "application/json");
    let sent = tokio::spawn(async move { ask.send(running.address).await });
    seen.a_wait_begins().await;
    seen.gate.add_permits(1);
    let answer = sent.await.unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(has(&answer.json(), "result"));
}

/// SPEC D-83, H-13: an answer that takes long becomes a stream, with keep-alive comments.
#[tokio::test]
async fn a_slow_answer_becomes_a_stream_with_signs_of_life() {
    let set = |builder: Builder<Server>| {
        builder.timeouts(|timeouts| {
            timeouts.stream_after = SHORT;
            timeouts.keep_alive = Some(SHORT);
        })
    };
    let (running, seen) = run_with(set).await;
    let mut stream = call(running.address, "wait", json!({})).await;
    assert!(stream.is_events());
    stream.comment().await;
    stream.comment().await;
    seen.gate.add_permits(1);
    let messages = stream.messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(has(&messages[0], "result"));
}

/// PITFALLS R-19: a stream that begins after a silence sends its first byte at once, with or
/// without keep-alives.
#[tokio::test]
async fn a_slow_answer_begins_with_a_comment() {
    let set = |builder: Builder<Server>| {
        builder.timeouts(|timeouts| {
            timeouts.stream_after = SHORT;
            timeouts.keep_alive = None;
        })
    };
    let (running, seen) = run_with(set).await;
    let mut stream = call(running.address, "wait", json!({})).await;
    stream.comment().await;
    seen.gate.add_permits(1);
    assert_eq!(stream.messages().await.len(), 1);
}

/// SPEC D-2, D-144, J-35, D.4, GOTCHAS 29: a GET or DELETE of this revision is 405, unless it names a session,
/// and `Allow` lists the methods that this revision has.
#[tokio::test]
async fn only_post_is_of_this_revision() {
    let (running, _) = run_default().await;
    let (alone, _) = run_with(Builder::without_sessions).await;
    let session = Session::open(running.address, V11, json!({})).await;
    let modern = format!("MCP-Protocol-Version: {V26}\r\n");
    let in_session = format!("{modern}Mcp-Session-Id: {}\r\n", session.id);
    for method in ["GET", "DELETE", "PUT", "PATCH", "HEAD"] {
        let line = format!("{method} /mcp");
        for running in [&running, &alone] {
            let answer = request(running.address, &line, &modern, "").await;
            assert_eq!(answer.status, 405, "{line}");
            assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
            assert_eq!(answer.header("mcp-session-id"), None);
        }
    }
    assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
    let stream = Stream::open(running.address, "GET /mcp", &in_session, "").await;
    assert_eq!(stream.status(), 200);
    let deleted = request(running.address, "DELETE /mcp", &in_session, "").await;
    assert_eq!(deleted.status, 200);
}

/// SPEC D-3, GOTCHAS 30: whatever session a request names, the answer is the same, and no session
/// is created.
#[tokio::test]
async fn no_session_is_used_or_made() {
    let (running, _) = run_default().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let gone = Session::open(running.address, V11, json!({})).await;
    assert_eq!(gone.delete().await, 200);
    let foreign = "0".repeat(32);
    let ask = Ask::call("version", json!({}));
    let expected = ask.send(running.address).await;
    assert_eq!(text(&expected.json()["result"]), "2026-07-28 false");
    for id in [&*session.id, &gone.id, &foreign, "not one of ours", "é", ""] {
        let answer = ask
            .clone()
            .and("Mcp-Session-Id", id)
            .send(running.address)
            .await;
        assert_eq!((answer.status, &answer.body), (200, &expected.body), "{id}");
        assert_eq!(answer.header("mcp-session-id"), None, "{id}");
    }
    let ask = Ask::new("server/discover", json!({})).and("Mcp-Session-Id", &foreign);
    assert!(has(&ask.result(running.address).await, "capabilities"));
    assert_eq!(running.mcp.sessions(), 1);
}

/// SPEC D-5, A-68, D.1 rows 1 and 7: a body is one request or one notification; an array or a
/// response is refused, and nothing in it is executed.
#[tokio::test]
async fn a_body_is_one_request_or_one_notification() {
    let (running, seen) = run_default().await;
    let good = Ask::call("echo", json!({"message": "a"}));
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "m"}});
    let array = json!([good.body]);
    for body in [response, error, array.clone(), json!([])] {
        let mut ask = good.clone();
        ask.body = body;
        let answer = ask.send(running.address).await;
        assert_eq!(answer.status, 400, "{}", ask.body);
        assert_eq!(answer.json()["error"]["code"], -32600, "{}", ask.body);
        assert!(!has(&answer.json(), "id"), "SPEC A-9");
    }
    // The envelope alone makes the request modern.
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let mut ask = good.without("MCP-Protocol-Version");
    ask.body = json!([ping, array[0]]);
    let answer = ask.send(running.address).await;
    assert_eq!(answer.json()["error"]["code"], -32600);
    assert_eq!(seen.calls(), 0);
}

/// SPEC D-6, D.2 step 8, J-6, A-20, A-21: a notification is answered 202 with an empty body, unless
/// `Mcp-Method` names another method.
#[tokio::test]
async fn a_notification_is_accepted_and_dropped() {
    let (running, _) = run_default().await;
    for method in [
        "notifications/foo",
        "notifications/initialized",
        "notifications/cancelled",
        "tools/call",
    ] {
        let ask = Ask::new(method, json!({})).unset("/id");
        for ask in [
            ask.clone(),
            ask.clone().without("Mcp-Method"),
            // The envelope or the header alone makes it modern.
            ask.clone().without("MCP-Protocol-Version"),
            ask.clone().unset("/params/_meta"),
            ask.clone().unset("/params"),
            ask.clone().and("Mcp-Method", method),
        ] {
            let answer = ask.send(running.address).await;
            assert_eq!((answer.status, &*answer.body), (202, ""), "{}", ask.body);
            assert_eq!(answer.header("mcp-session-id"), None);
        }
        for ask in [
            ask.clone().with("Mcp-Method", "notifications/bar"),
            ask.clone().and("Mcp-Method", "notifications/bar"),
        ] {
            let answer = ask.send(running.address).await;
            assert_eq!(answer.status, 400, "{method}");
            let body = answer.json();
            assert_eq!(body["error"]["code"], -32020);
            assert!(!has(&body, "id"));
        }
    }
}

/// SPEC D-7, J-36, PITFALLS R-42: a notification cancels nothing, since different clients use the
/// same ids.
#[tokio::test]
async fn a_notification_cancels_nothing() {
    let (running, seen) =
        run_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = SHORT)).await;
    let mut stream = call(running.address, "wait", json!({})).await;
    seen.a_wait_begins().await;
    let ask = Ask::new("notifications/cancelled", json!({"requestId": 1})).unset("/id");
    assert_eq!(ask.send(running.address).await.status, 202);
    seen.gate.add_permits(1);
    assert!(has(&stream.answer().await, "result"));
    assert_eq!(seen.acted.load(Ordering::SeqCst), 1);
}

// --- The ladder

/// SPEC D.2, D-9, D-38, D-39, A-11, GOTCHAS 32: the checks run in their order. The test breaks the
/// request at one step after another, from the last to the first; each time the answer names the
/// newest fault.
#[tokio::test]
async fn each_check_comes_before_the_next() {
    let (running, seen) = run_with(|builder| builder.limits(|limits| limits.body = 2000)).await;
    let mut ask = Ask::call("mirrors", json!({"region": "eu"}));
    type Spoil = fn(Ask) -> Ask;
    let steps: [(Spoil, u16, i64, &str); 14] = [
        (|ask| ask, 400, -32020, "mcp-param-region"),
        (
            |ask| ask.set("/params/name", "nope").with("Mcp-Name", "nope"),
            200,
            -32602,
            "unknown tool",
        ),
        (|ask| ask.with("Mcp-Name", "echo"), 400, -32020, "mcp-name"),
        (|ask| ask.without("Mcp-Method"), 400, -32020, "mcp-method"),
        (
            |ask| ask.meta(PV, "v9").with("MCP-Protocol-Version", "v9"),
            400,
            -32022,
            "v9",
        ),
        (
            |ask| ask.with("MCP-Protocol-Version", V26),
            400,
            -32020,
            "mcp-protocol-version",
        ),
        (|ask| ask.without_meta(CC), 400, -32602, CC),
        (|ask| ask.set("/jsonrpc", "1.0"), 400, -32600, "jsonrpc"),
        (
            |ask| Ask {
                text: Some("{".into()),
                ..ask
            },
            400,
            -32700,
            "",
        ),
        (
            |ask| Ask {
                text: Some("{".repeat(2001)),
                ..ask
            },
            413,
            -32600,
            "2000",
        ),
        (|ask| ask.with("Accept", "text/html"), 406, -32600, "Accept"),
        (
            |ask| ask.with("Content-Type", "text/plain"),
            415,
            -32600,
            "Content-Type",
        ),
        (
            |ask| Ask {
                line: "PUT /mcp",
                ..ask
            },
            405,
            0,
            "POST",
        ),
        (
            |ask| ask.with("Origin", "https://evil.example"),
            403,
            -32600,
            "Origin",
        ),
    ];
    for (at, (spoil, status, code, says)) in steps.into_iter().enumerate() {
        ask = spoil(ask);
        let answer = ask.send(running.address).await;
        let body = match status {
            // Plain text.
            405 => json!({"error": {"code": 0, "message": answer.body}}),
            _ => answer.json(),
        };
        let error = &body["error"];
        assert_eq!(
            (answer.status, error["code"].as_i64()),
            (status, Some(code)),
            "{at}: {body}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(says), "{at}: {message}");
        assert_eq!(has(&body, "id"), at < 8, "{at}: {body}");
        if at < 8 {
            assert_eq!(body["id"], "the id");
        }
    }
    assert_eq!(seen.calls(), 0);
}

/// SPEC D.2 steps 12 to 14, D-39: headers are checked before a method is looked up.
#[tokio::test]
async fn headers_are_checked_before_the_method_is_looked_up() {
    let running = run(Server::new("Bare", "1")).await;
    let ask = Ask::new("prompts/get", json!({"name": "x"}));
    ask.check(running.address, 404, -32601, "").await;
    let wrong = ask.clone().with("Mcp-Name", "y");
    wrong.check(running.address, 400, -32020, "name").await;
    let wrong = ask.with("Mcp-Method", "prompts/list");
    wrong.check(running.address, 400, -32020, "method").await;
}

/// SPEC D-9, dns-rebinding-protection: a page from another host is refused.
#[tokio::test]
async fn strangers_pages_are_refused() {
    let (running, seen) = run_default().await;
    let ask = Ask::call("echo", json!({"message": "a"}));
    let own = format!("http://{}", running.address);
    let answer = ask.clone().and("Origin", own).send(running.address).await;
    assert_eq!(answer.status, 200);
    for origin in ["https://evil.example.com", "null", "http://127.0.0.1.evil"] {
        let ask = ask.clone().and("Origin", origin);
        assert_eq!(ask.send(running.address).await.status, 403, "{origin}");
    }
    let body = ask.body.to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\n{}\
         Content-Length: {}\r\n\r\n",
        mirrored("tools/call", &ask.body["params"]),
        body.len()
    );
    assert_eq!(raw(running.address, head + &body).await.status, 403);
    assert_eq!(seen.calls(), 1);
}

/// SPEC D-20 to D-23, A-27, D-89: what the envelope must hold, and what it may hold.
#[tokio::test]
async fn the_envelope_is_checked() {
    let (running, seen) = run_default().await;
    let ask = || Ask::call("echo", json!({"message": "a"}));
    let check = async |case: &str, ask: Ask, is_good: bool| {
        if is_good {
            ask.result(running.address).await;
        } else {
            ask.check(running.address, 400, -32602, case).await;
        }
    };
    check("no params", ask().unset("/params"), false).await;
    check("no _meta", ask().unset("/params/_meta"), false).await;
    check("no version", ask().without_meta(PV), false).await;
    check("no capabilities", ask().without_meta(CC), false).await;
    check("no client", ask().without_meta(CI), true).await;
    for odd in [json!(5), json!([]), json!("x")] {
        check("_meta", ask().set("/params/_meta", odd), false).await;
    }
    for odd in [json!(1), Value::Null, json!({}), json!([V26]), json!(true)] {
        check("version", ask().meta(PV, odd), false).await;
    }
    for odd in [json!(1), Value::Null, json!([]), json!("x"), json!(true)] {
        check("capabilities", ask().meta(CC, odd), false).await;
    }
    for odd in [json!("me"), json!({}), json!({"name": "c"})] {
        check("client", ask().meta(CI, odd), false).await;
    }
    for odd in [json!("verbose"), json!("Info"), json!(1), json!({})] {
        check("level", ask().meta(LL, odd), false).await;
    }
    for level in LogLevel::ALL {
        check("level", ask().meta(LL, level.as_str()), true).await;
    }
    let open = json!({"roots": {"listChanged": true}, "foo": 1, "sampling": {"bar": []}});
    check("open capabilities", ask().meta(CC, open), true).await;
    let open = json!({"name": "c", "version": "1", "extra": [1]});
    check("open client", ask().meta(CI, open), true).await;
    assert_eq!(seen.calls(), 11, "those with a good envelope");
}

/// SPEC D-24, D-25, J-2: a request in a revision that is not served statelessly gets the same list
/// of revisions as `discover` gives.
#[tokio::test]
async fn an_unserved_revision_is_answered_with_the_served_ones() {
    let (running, _) = run_default().await;
    let discovered = Ask::new("server/discover", json!({}))
        .result(running.address)
        .await;
    for version in ["v999.0.0", V11, V24, "", "2026-07-28 ", "2026-7-28"] {
        let encoded = version.trim_end();
        let ask = Ask::call("plain", json!({})).meta(PV, encoded);
        let ask = ask.with("MCP-Protocol-Version", encoded);
        if encoded == V26 {
            continue;
        }
        let body = ask.check(running.address, 400, -32022, version).await;
        let data = &body["error"]["data"];
        assert_eq!(data["requested"], encoded);
        assert_eq!(data["supported"], discovered["supportedVersions"]);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("initialize"), "SPEC J-2: {message}");
    }
    // The server trims the header, but not the value in the body.
    let ask = Ask::call("plain", json!({})).meta(PV, "2026-07-28 ");
    ask.check(running.address, 400, -32020, "a space").await;
}

/// SPEC D-30, D-31, D-33, D-34, D-36, D-38, J-7: the headers mirror the envelope and the method.
#[tokio::test]
async fn mirrored_headers_are_equal_to_the_body() {
    let (running, _) = run_default().await;
    for (name, value, other) in [
        ("MCP-Protocol-Version", V26, V11),
        ("Mcp-Method", "tools/list", "Tools/list"),
    ] {
        let ask = Ask::new("tools/list", json!({}));
        let padded = format!("  \t{value} \t ");
        for good in [
            ask.clone().without(name).and(&name.to_lowercase(), value),
            ask.clone().without(name).and(&name.to_uppercase(), value),
            ask.clone().with(name, &padded),
            ask.clone().and(name, value),
            ask.clone().with(name, format!("{value}, {value}")),
        ] {
            good.result(running.address).await;
        }
        let joined = format!("{value}, {other}");
        let encoded = format!("=?base64?{value}?=");
        for (case, bad, says) in [
            ("missing", ask.clone().without(name), "is missing"),
            ("different", ask.clone().with(name, other), "differs"),
            ("unknown", ask.clone().with(name, "foo"), "differs"),
            ("empty", ask.clone().with(name, ""), "differs"),
            ("capitals", ask.clone().with(name, "TOOLS/LIST"), "differs"),
            ("two", ask.clone().and(name, other), "more than once"),
            ("joined", ask.clone().with(name, &joined), "differs"),
            ("encoded", ask.clone().with(name, &encoded), "differs"),
            ("obs-text", ask.clone().with(name, b"\xE9"), "malformed"),
        ] {
            let body = bad.check(running.address, 400, -32020, case).await;
            let message = body["error"]["message"].as_str().unwrap();
            assert!(message.contains(&name.to_lowercase()), "{case}: {message}");
            assert!(message.contains(says), "{case}: {message}");
        }
    }
}

/// SPEC D-32, D-33, D-34, D-36, D-38, D.2: `Mcp-Name` is checked on the three methods that need it.
#[tokio::test]
async fn mcp_name_mirrors_what_is_asked_for() {
    let (running, _) = run_default().await;
    for (method, params, key) in [
        ("tools/call", json!({"name": "plain"}), "/params/name"),
        ("prompts/get", json!({"name": "rich"}), "/params/name"),
        (
            "resources/read",
            json!({"uri": "test://static"}),
            "/params/uri",
        ),
    ] {
        let ask = Ask::new(method, params);
        let name = ask.body.pointer(key).unwrap().as_str().unwrap().to_owned();
        ask.result(running.address).await;
        for good in [
            ask.clone().with("mcp-NAME", format!(" \t {name}  ")),
            ask.clone().with("Mcp-Name", base64_form(name.as_bytes())),
            ask.clone().and("Mcp-Name", &name),
            ask.clone().with("Mcp-Name", format!("{name},{name}")),
        ] {
            good.result(running.address).await;
        }
        for (case, bad, says) in [
            ("missing", ask.clone().without("Mcp-Name"), "is missing"),
            ("different", ask.clone().with("Mcp-Name", "x"), "differs"),
            (
                "capitals",
                ask.clone().with("Mcp-Name", name.to_uppercase()),
                "differs",
            ),
            ("two", ask.clone().and("Mcp-Name", "x"), "more than"),
            (
                "joined",
                ask.clone().with("Mcp-Name", format!("{name},x")),
                "differs",
            ),
            (
                "obs-text",
                ask.clone().with("Mcp-Name", b"caf\xE9"),
                "malformed",
            ),
            (
                "nothing in the body",
                ask.clone().unset(key),
                "has no value",
            ),
            ("not a string", ask.clone().set(key, 1), "has no value"),
        ] {
            let body = bad.check(running.address, 400, -32020, case).await;
            let message = body["error"]["message"].as_str().unwrap();
            assert!(message.contains("mcp-name"), "{case}: {message}");
            assert!(message.contains(says), "{case}: {message}");
        }
        // Neither in the header nor in the body.
        for params in [ask.clone().unset(key), ask.clone().set(key, 1)] {
            let ask = params.without("Mcp-Name");
            ask.check(running.address, 200, -32602, method).await;
        }
    }
}

/// The Base64 form of a text, for what a header cannot carry.
fn base64_form(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..4 {
            out.push(if place <= chunk.len() {
                ALPHABET[(bits >> (18 - 6 * place)) as usize & 63].into()
            } else {
                '='
            });
        }
    }
    format!("=?base64?{out}?=")
}

/// SPEC D-37, D.3, J-10: the Base64 form is decoded, and what only resembles it is literal text.
/// Names that match belong to no prompt, hence -32602.
#[tokio::test]
async fn the_base64_form_is_read_to_the_letter() {
    let (running, _) = run_default().await;
    for (name, header, matches) in [
        ("a", "=?base64?YQ==?=", true),
        ("é", "=?base64?w6k=?=", true),
        (" a ", "=?base64?IGEg?=", true),
        ("a\nb", "=?base64?YQpi?=", true),
        ("", "=?base64??=", true),
        ("", "", true),
        ("", "=?base64?=", false),
        ("=?base64?=", "=?base64?=", true),
        ("a", "=?base64?YQ?=", false),
        ("a", "=?base64?YQ=?=", false),
        ("a", "=?base64?Y!==?=", false),
        ("a", "=?base64?YQ==YQ==?=", false),
        ("\u{fffd}", "=?base64?/w==?=", false),
        ("=?BASE64?YQ==?=", "=?BASE64?YQ==?=", true),
        ("a", "=?BASE64?YQ==?=", false),
        ("=?base64?YQ==", "=?base64?YQ==", true),
        ("YQ==?=", "YQ==?=", true),
        ("a", "=?base64?YQ==", false),
        ("=?base64?YQ==?=", "=?base64?YQ==?=", false),
        ("null", "null", true),
        ("a b", "a%20b", false),
    ] {
        let ask = Ask::new("prompts/get", json!({"name": "x"})).set("/params/name", name);
        let ask = ask.with("Mcp-Name", header);
        let (status, code) = if matches {
            (200, -32602)
        } else {
            (400, -32020)
        };
        ask.check(running.address, status, code, header).await;
    }
}

/// SPEC D-35: on methods without a mirrored name, the header is ignored.
#[tokio::test]
async fn mcp_name_is_ignored_elsewhere() {
    let (running, _) = run_default().await;
    for value in [&b"x"[..], b"=?base64?!?=", b"\xE9"] {
        let ask = Ask::new("tools/list", json!({"name": "y"}));
        let ask = ask.with("Mcp-Name", value).and("Mcp-Name", "z");
        ask.result(running.address).await;
    }
}

// --- `x-mcp-header`

/// SPEC D-45, D-48 to D-51, D-53, D.3, J-8 to J-10: the headers of a call must match its arguments.
#[tokio::test]
async fn annotated_arguments_are_mirrored() {
    let (running, _) = run_default().await;
    let check = async |arguments: Value, headers: &[(&str, &str)], outcome: &str| {
        let mut ask = Ask::call("mirrors", arguments.clone());
        for (name, value) in headers {
            ask = ask.and(&format!("Mcp-Param-{name}"), value);
        }
        let case = format!("{arguments} with {headers:?}");
        match outcome {
            // The schema has no `null`, and the feature holds calls to it.
            "runs" if cfg!(feature = "validation") && case.contains("null") => {}
            "runs" => {
                let body = ask.check(running.address, 200, 0, &case).await;
                let given: Value = serde_json::from_str(text(&body["result"])).unwrap();
                assert_eq!(given, arguments);
            }
            "is no argument" => {
                ask.check(running.address, 200, -32602, &case).await;
            }
            says => {
                let body = ask.check(running.address, 400, -32020, &case).await;
                let message = body["error"]["message"].as_str().unwrap();
                assert!(message.contains("mcp-param-"), "{case}: {message}");
                assert!(message.contains(says), "{case}: {message}");
            }
        }
    };
    let region = |value: &str| json!({"region": value});
    check(json!({}), &[], "runs").await;
    check(json!({"region": null}), &[], "runs").await;
    check(region("eu"), &[("Region", "eu")], "runs").await;
    check(region("eu"), &[("REGION", " \teu ")], "runs").await;
    check(region("eu"), &[("Region", "=?base64?ZXU=?=")], "runs").await;
    check(region("eu"), &[], "is missing").await;
    check(region("eu"), &[("Region", "us")], "differs").await;
    check(region("eu"), &[("Region", "EU")], "differs").await;
    check(region("eu"), &[("Region", "=?base64?ZXU?=")], "malformed").await;
    check(region("eu"), &[("Region", "eu"), ("Region", "eu")], "more").await;
    check(region("é"), &[("Region", "=?base64?w6k=?=")], "runs").await;
    check(region("é"), &[("Region", "é")], "malformed").await;
    check(region(""), &[("Region", "")], "runs").await;
    check(region(""), &[("Region", "=?base64??=")], "runs").await;
    check(region(""), &[], "is missing").await;
    check(json!({}), &[("Region", "eu")], "has no value").await;
    check(json!({}), &[("Region", "")], "has no value").await;
    check(json!({"region": null}), &[("Region", "null")], "has no").await;
    check(json!({"region": 1}), &[("Region", "1")], "is no argument").await;
    // Nested in objects.
    let zone = json!({"where": {"zone": "b"}});
    check(zone.clone(), &[("Zone", "b")], "runs").await;
    check(zone.clone(), &[("Zone", "c")], "differs").await;
    check(zone, &[], "is missing").await;
    check(json!({"where": {}}), &[], "runs").await;
    check(json!({"where": null}), &[("Zone", "b")], "has no").await;
    check(json!({"where": {"zone": null}}), &[], "runs").await;
    check(json!({"zone": "b"}), &[], "runs").await;
    // Integers.
    let count = |value: i64| json!({"count": value});
    for same in ["42", "42.0", "4.2e1", "420E-1", "=?base64?NDI=?="] {
        check(count(42), &[("Count", same)], "runs").await;
    }
    for other in ["+42", "0x2a", "042", "", "42.5", "4 2", "fortytwo", "NaN"] {
        check(count(42), &[("Count", other)], "differs").await;
    }
    check(count(-42), &[("Count", "-42")], "runs").await;
    check(count(0), &[("Count", "-0")], "runs").await;
    let most = 9_007_199_254_740_991;
    check(count(most), &[("Count", "9007199254740991")], "runs").await;
    check(count(most), &[("Count", "9007199254740990")], "differs").await;
    check(count(most), &[("Count", "9007199254740992")], "differs").await;
    check(count(-most), &[("Count", "-9007199254740991")], "runs").await;
    let beyond = ("Count", "9007199254740992");
    check(count(most + 1), &[beyond], "is no argument").await;
    check(json!({"count": "42"}), &[("Count", "42")], "is no argument").await;
    check(json!({"count": 4.5}), &[("Count", "4.5")], "is no argument").await;
    // Booleans.
    check(json!({"dry": true}), &[("Dry", "true")], "runs").await;
    check(json!({"dry": false}), &[("Dry", "false")], "runs").await;
    for other in ["True", "1", "false", ""] {
        check(json!({"dry": true}), &[("Dry", other)], "differs").await;
    }
    check(json!({"dry": "true"}), &[("Dry", "true")], "is no argument").await;
    // Headers that no annotation names.
    check(
        json!({"free": "a"}),
        &[("Free", "b"), ("Other", "c")],
        "runs",
    )
    .await;
}

/// SPEC D-54: annotations are listed unchanged in both eras, and are enforced only in calls of this
/// revision.
#[tokio::test]
async fn only_calls_of_this_revision_are_held_to_annotations() {
    let (running, _) = run_default().await;
    let list = Ask::new("tools/list", json!({}));
    let schema = |list: &Value| {
        let tools = list["tools"].as_array().unwrap().iter();
        let mut tools = tools.filter(|tool| tool["name"] == "mirrors");
        tools.next().unwrap()["inputSchema"].clone()
    };
    assert_eq!(
        schema(&list.result(running.address).await),
        mirroring_schema()
    );
    let session = Session::open(running.address, V11, json!({})).await;
    let listed = session.call("tools/list", json!({})).await;
    assert_eq!(schema(&listed["result"]), mirroring_schema());
    let params = json!({"name": "mirrors", "arguments": {"region": "eu"}});
    let body = message(1, "tools/call", params);
    let headers = format!(
        "{}{POST_HEADERS}Mcp-Param-Region: us\r\n",
        session.headers()
    );
    let mut answer = Stream::open(running.address, "POST /mcp", &headers, body).await;
    assert!(has(&answer.answer().await, "result"));
    let ask = Ask::new("prompts/get", json!({"name": "rich"}));
    ask.and("Mcp-Param-Region", b"\xE9")
        .result(running.address)
        .await;
}

/// SPEC D-46, D-47: a tool whose annotation would make clients drop it fails the build.
#[tokio::test]
async fn a_badly_annotated_tool_is_not_served() {
    let items = json!({"type": "array", "items": {"type": "string", "x-mcp-header": "A"}});
    for property in [
        json!({"type": "string", "x-mcp-header": ""}),
        json!({"type": "string", "x-mcp-header": "a b"}),
        json!({"type": "number", "x-mcp-header": "A"}),
        json!({"type": ["string", "null"], "x-mcp-header": "A"}),
        items,
    ] {
        let schema = json!({"type": "object", "properties": {"a": property}});
        let tool = Tool::new("t").input(schema.clone());
        let server = Server::new("Bad", "1").tool(tool, async |_, _| "");
        let error = McpService::builder(server).build().unwrap_err();
        assert!(error.is_setup(), "{schema}");
        assert!(error.to_string().contains("x-mcp-header"), "{error}");
    }
}

// --- Methods

/// SPEC D-60, A-19, A-22, E-151, D-29, J-1: a method that this revision does not have is 404
/// -32601.
#[tokio::test]
async fn removed_and_unknown_methods_are_not_found() {
    let (running, _) = run_default().await;
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "tasks/result",
        "roots/list",
        "sampling/createMessage",
        "elicitation/create",
        "notifications/cancelled",
        "notifications/initialized",
        "foo/bar",
        "Tools/List",
        "rpc.discover",
        "",
    ] {
        let params = json!({"protocolVersion": V26, "capabilities": {}, "uri": "test://static",
            "clientInfo": {"name": "c", "version": "1"}, "level": "info"});
        let ask = Ask::new(method, params);
        let body = ask.check(running.address, 404, -32601, method).await;
        assert!(!has(&body, "result"));
    }
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let ask = Ask::new(method, json!({"taskId": "t"}));
        let ask = ask.and("Mcp-Name", "t");
        ask.check(running.address, 404, -32601, method).await;
    }
    assert_eq!(running.mcp.sessions(), 0);
}

/// SPEC A-19, J-3: the same unknown method is 200 in a session.
#[tokio::test]
async fn an_unknown_method_is_a_200_in_a_session() {
    let (running, _) = run_default().await;
    let session = Session::open(running.address, V06, json!({})).await;
    let mut stream = session.begin("foo/bar", json!({})).await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.json().await["error"]["code"], -32601);
}

/// SPEC D-61, D-129, E-16: a method of an undeclared capability is not found; `server/discover`
/// always is.
#[tokio::test]
async fn undeclared_methods_are_not_found() {
    let running = run(Server::new("Bare", "1")).await;
    let listen = ("subscriptions/listen", json!({"notifications": {}}));
    for (method, params) in answered().into_iter().chain([listen]) {
        let ask = Ask::new(method, params);
        if method == "server/discover" {
            let result = ask.result(running.address).await;
            assert_eq!(result["capabilities"], json!({}));
            assert!(!has(&result, "instructions"));
        } else {
            ask.check(running.address, 404, -32601, method).await;
        }
    }
    assert_eq!(running.mcp.listen_streams(), 0);
}

/// SPEC D-62, D-63, D-67, D-70, E-15, E-17, E-70, E-140, J-2, J-37, GOTCHAS 31: the result of
/// `server/discover`.
#[tokio::test]
async fn discover_tells_what_the_server_has() {
    let (running, _) = run_default().await;
    let result = Ask::new("server/discover", json!({}))
        .result(running.address)
        .await;
    let expected = json!({
        "resultType": "complete",
        "supportedVersions": [V26],
        "capabilities": {
            "tools": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
            "prompts": {"listChanged": true},
            "logging": {},
            "completions": {},
        },
        "instructions": "Use it",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {SI: {"name": "Everything", "version": "1.2.3", "title": "All"}},
    });
    assert_eq!(result, expected);
}

/// SPEC D-67, E-15, E-16: each capability is declared exactly when its methods are served.
#[tokio::test]
async fn each_capability_stands_for_its_methods() {
    let server = || Server::new("One", "1");
    let listed = json!({"listChanged": true});
    for (server, declared, family) in [
        (
            server().tool(Tool::new("plain"), async |_, _| ""),
            json!({"tools": listed}),
            "tools/",
        ),
        (
            server().prompt(Prompt::new("greet"), async |_, _| ""),
            json!({"prompts": listed}),
            "prompts/",
        ),
        (
            server().resource(Resource::new("test://static", "s"), async |_, _| ""),
            json!({"resources": {"subscribe": false, "listChanged": true}}),
            "resources/",
        ),
        (server().logging(), json!({"logging": {}}), "logging/"),
    ] {
        let running = run(server).await;
        for (method, params) in answered() {
            let ask = Ask::new(method, params);
            if method == "server/discover" {
                let result = ask.result(running.address).await;
                assert_eq!(result["capabilities"], declared);
            } else if method.starts_with(family) {
                ask.check(running.address, 200, 0, method).await;
            } else {
                ask.check(running.address, 404, -32601, method).await;
            }
        }
    }
}

// --- Results

/// SPEC D-64, D-65, D-70, D-73, D.5: each result has its type, its server and its caching hints.
#[tokio::test]
async fn every_result_says_what_it_is() {
    let (running, _) = run_default().await;
    for (method, params) in answered() {
        let result = Ask::new(method, params).result(running.address).await;
        assert_eq!(result["resultType"], "complete", "{method}");
        let info = &result["_meta"][SI];
        assert_eq!(info["name"], "Everything", "{method}");
        assert_eq!(info["version"], "1.2.3", "{method}");
        let kept = CACHEABLE.contains(&method);
        assert_eq!(has(&result, "ttlMs"), kept, "{method}");
        assert_eq!(has(&result, "cacheScope"), kept, "{method}");
        if kept {
            assert_eq!(result["ttlMs"], 0, "{method}");
            assert_eq!(result["cacheScope"], "private", "{method}");
        }
    }
    let failed = Ask::call("fails", json!({})).result(running.address).await;
    assert_eq!(failed["isError"], true);
    assert_eq!(failed["resultType"], "complete");
    assert!(has(&failed["_meta"], SI));
}

/// SPEC D-64: errors and notifications do not name the server.
#[tokio::test]
async fn only_results_name_the_server() {
    let (running, _) = run_default().await;
    let ask = Ask::call("raise", json!({"code": 7}));
    let body = ask.check(running.address, 200, 7, "").await;
    assert!(!body.to_string().contains(SI), "{body}");
    let mut stream = call(running.address, "log", json!({LL: "debug"})).await;
    let mut messages = stream.messages().await;
    assert!(messages.pop().unwrap().to_string().contains(SI));
    assert!(!messages.is_empty());
    assert!(messages.iter().all(|one| !one.to_string().contains(SI)));
}

/// SPEC D-66, D-142, C-103: in a session the same handlers return results without these members,
/// and an empty result is exactly `{}`.
#[tokio::test]
async fn legacy_results_have_nothing_of_this_revision() {
    let (running, _) = run_default().await;
    let uri = json!({"uri": "test://static"});
    for version in [V24, "2025-03-26", V06, V11] {
        let session = Session::open(running.address, version, json!({})).await;
        let mut sse = Client::initialized(running.address, version, json!({})).await;
        for (method, params) in answered() {
            if method == "server/discover" {
                continue;
            }
            let over_http = session.call(method, params.clone()).await["result"].clone();
            let over_sse = sse.result(method, params).await;
            assert_eq!(over_http, over_sse, "{version} {method}");
            for member in ["resultType", "ttlMs", "cacheScope", "_meta"] {
                assert!(!has(&over_http, member), "{version} {method}: {over_http}");
            }
        }
        for (method, params) in [
            ("ping", json!({})),
            ("logging/setLevel", json!({"level": "info"})),
            ("resources/subscribe", uri.clone()),
            ("resources/unsubscribe", uri.clone()),
        ] {
            let answer = session.call(method, params).await;
            assert_eq!(answer["result"], json!({}), "{version} {method}");
        }
    }
}

/// SPEC D-70, D-72, D-73, D-13, E-25, E-26, E-28, E-48: pages come in a stable order, valid on any
/// connection, with the hints that were set.
#[tokio::test]
async fn pages_stand_for_themselves() {
    let add = |server: Server, n| server.tool(Tool::new(format!("t{n}")), async |_, _| "");
    let hints = (Duration::from_secs(60), CacheScope::Public);
    let server = (0..250).fold(Server::new("Many", "1"), add);
    let running = run(server.cache_lists(hints.0, hints.1)).await;
    let mut params = json!({});
    let mut names = Vec::new();
    for expected in [100, 100, 50] {
        let ask = Ask::new("tools/list", params.clone());
        let page = ask.result(running.address).await;
        assert_eq!(page, ask.result(running.address).await, "the same again");
        assert_eq!(page["ttlMs"], 60_000);
        assert_eq!(page["cacheScope"], "public");
        let tools = page["tools"].as_array().unwrap();
        assert_eq!(tools.len(), expected);
        let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
        names.extend(tools.iter().map(name));
        assert_eq!(has(&page, "nextCursor"), expected == 100);
        params = json!({"cursor": page["nextCursor"]});
    }
    assert_eq!(names, (0..250).map(|n| format!("t{n}")).collect::<Vec<_>>());
    for cursor in [json!(""), json!("garbage"), json!(100)] {
        let ask = Ask::new("tools/list", json!({"cursor": cursor}));
        ask.check(running.address, 200, -32602, "a cursor").await;
    }
}

/// SPEC D-70, D-73: a resource has its own hints; `discover` has those of the lists.
#[tokio::test]
async fn hints_are_those_that_were_set() {
    let ttl = Duration::from_millis(1500);
    let kept = Resource::new("test://kept", "kept").cache(ttl, CacheScope::Public);
    let template = ResourceTemplate::new("test://t/{x}", "t").cache(ttl, CacheScope::Private);
    let server = Server::new("Cached", "1")
        .cache_lists(Duration::from_secs(2), CacheScope::Public)
        .resource(kept, async |_, _| "")
        .resource(Resource::new("test://other", "other"), async |_, _| "")
        .resource_template(template, async |_, _| "");
    let running = run(server).await;
    let read = |uri: &str| ("resources/read", json!({"uri": uri}));
    for ((method, params), ttl, scope) in [
        (read("test://kept"), 1500, "public"),
        (read("test://t/1"), 1500, "private"),
        (read("test://other"), 0, "private"),
        (("server/discover", json!({})), 2000, "public"),
        (("resources/list", json!({})), 2000, "public"),
        (("resources/templates/list", json!({})), 2000, "public"),
    ] {
        let result = Ask::new(method, params).result(running.address).await;
        assert_eq!(result["ttlMs"], ttl, "{result}");
        assert_eq!(result["cacheScope"], scope, "{result}");
    }
}

// --- What is known about a client

/// SPEC D-10, D-26: on one connection, each request has only the capabilities that it declares
/// itself.
#[tokio::test]
async fn nothing_is_remembered_of_a_connection() {
    let (running, _) = run_default().await;
    let mut kept = Kept::open(running.address).await;
    let sampling = json!({"sampling": {}});
    let samples = Ask::call("samples", json!({}));
    for (declared, status) in [
        (sampling.clone(), 200),
        (json!({}), 400),
        (sampling, 200),
        (json!({"roots": {}}), 400),
    ] {
        let answer = kept.ask(&samples.clone().meta(CC, declared.clone())).await;
        assert_eq!(answer.status, status, "{declared}");
        let seen = Ask::call("capabilities", json!({})).meta(CC, declared.clone());
        let seen = kept.ask(&seen).await.json();
        let seen: Value = serde_json::from_str(text(&seen["result"])).unwrap();
        assert_eq!(seen, declared);
    }
    // Nor for one request after another request set a level.
    let log = Ask::call("log", json!({})).with("Accept", "application/json");
    kept.ask(&log.clone().meta(LL, "debug")).await;
    let answer = kept.ask(&log.with("Accept", "*/*")).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

/// SPEC D-12, D-13: lists do not depend on the connection or on earlier calls.
#[tokio::test]
async fn lists_are_the_same_for_everybody() {
    let (running, _) = run_default().await;
    let mut kept = Kept::open(running.address).await;
    for method in ["tools/list", "prompts/list", "resources/list"] {
        let list = Ask::new(method, json!({}));
        let first = kept.ask(&list).await.body;
        kept.ask(&Ask::call("plain", json!({}))).await;
        kept.ask(&Ask::call("raise", json!({"code": 1}))).await;
        assert_eq!(kept.ask(&list).await.body, first);
        assert_eq!(list.send(running.address).await.body, first);
        let other = list.meta(CC, json!({"sampling": {}}));
        assert_eq!(other.send(running.address).await.body, first);
    }
}

/// SPEC D-14, D-22: the name that a client gives itself changes nothing.
#[tokio::test]
async fn the_name_of_a_client_changes_nothing() {
    let (running, _) = run_default().await;
    let ask = Ask::call("plain", json!({}));
    let expected = ask.send(running.address).await.body;
    for name in ["admin", "", "\u{202e}<script>", &"x".repeat(10_000)] {
        let odd = json!({"name": name, "version": "", "title": 1});
        let odd = ask.clone().meta(CI, odd).send(running.address).await;
        assert_eq!(odd.body, expected);
    }
    let none = ask.without_meta(CI).send(running.address).await;
    assert_eq!(none.body, expected);
}

/// SPEC D-26, D-27, D-103: a call that needs an undeclared capability is 400 -32021, and lists
/// exactly what is missing.
#[tokio::test]
async fn a_missing_capability_is_named() {
    let (running, _) = run_default().await;
    for (tool, declared, required) in [
        ("samples", json!({}), json!({"sampling": {}})),
        (
            "samples",
            json!({"sampling": true}),
            json!({"sampling": {}}),
        ),
        (
            "samples",
            json!({"elicitation": {}, "roots": {}}),
            json!({"sampling": {}}),
        ),
        (
            "samples_tools",
            json!({}),
            json!({"sampling": {"tools": {}}}),
        ),
        (
            "samples_tools",
            json!({"sampling": {"context": {}}}),
            json!({"sampling": {"tools": {}}}),
        ),
        ("roots", json!({"sampling": {}}), json!({"roots": {}})),
        ("fills", json!({}), json!({"elicitation": {}})),
        (
            "fills",
            json!({"elicitation": {"url": {}}}),
            json!({"elicitation": {"form": {}}}),
        ),
        ("visits", json!({}), json!({"elicitation": {"url": {}}})),
        (
            "visits",
            json!({"elicitation": {}}),
            json!({"elicitation": {"url": {}}}),
        ),
        (
            "visits",
            json!({"elicitation": {"form": {}}}),
            json!({"elicitation": {"url": {}}}),
        ),
    ] {
        let ask = Ask::call(tool, json!({})).meta(CC, declared.clone());
        let case = format!("{tool} {declared}");
        let body = ask.check(running.address, 400, -32021, &case).await;
        let data = json!({"requiredCapabilities": required});
        assert_eq!(body["error"]["data"], data, "{case}");
    }
}

/// SPEC D-28, J-28: once the stream has begun, it is too late for the status: the error is its last
/// message.
#[tokio::test]
async fn a_missing_capability_may_be_found_late() {
    let (running, _) = run_default().await;
    let mut stream = call(
        running.address,
        "samples_late",
        json!({"progressToken": "p"}),
    )
    .await;
    assert_eq!(stream.status(), 200);
    assert!(stream.is_events());
    let messages = stream.messages().await;
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(messages[0]["method"], "notifications/progress");
    assert_eq!(messages[1]["id"], 1);
    let error = &messages[1]["error"];
    assert_eq!(error["code"], -32021);
    let required = json!({"requiredCapabilities": {"sampling": {}}});
    assert_eq!(error["data"], required);
    // A client that takes no stream still gets the status.
    let body = Ask::call("samples_late", json!({}))
        .check(running.address, 400, -32021, "no token")
        .await;
    assert_eq!(body["error"]["data"], required);
}

/// SPEC D-66, A-45, D-143: in a session the same lack is a tool error for the model, without a
/// modern code.
#[tokio::test]
async fn a_missing_capability_is_a_tool_error_in_a_session() {
    let (running, _) = run_default().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let params = json!({"name": "samples"});
    let answer = session.call("tools/call", params).await;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
}

/// SPEC D-81, A-15: the server sends no request, even when the handler asks the client.
#[tokio::test]
async fn no_request_is_sent_to_the_client() {
    let (running, _) =
        run_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = SHORT)).await;
    let every = json!({"sampling": {}, "roots": {}, "elicitation": {"form": {}, "url": {}}});
    for tool in ["requests", "samples", "visits", "samples_late"] {
        let meta = json!({CC: every, "progressToken": 1, LL: "debug"});
        let mut stream = call(running.address, tool, meta).await;
        let messages = match stream.is_events() {
            true => stream.messages().await,
            false => vec![stream.json().await],
        };
        let is_request = |one: &Value| has(one, "method") && has(one, "id");
        assert!(!messages.iter().any(is_request), "{tool}: {messages:?}");
        assert!(has(messages.last().unwrap(), "result"), "{messages:?}");
    }
}

// --- JSON-RPC

/// SPEC A-13, D-10, D-80: two clients that use the same id and token at the same time get messages
/// only of their own call.
#[tokio::test]
async fn the_same_id_of_two_clients_is_two_requests() {
    let (running, seen) = run_default().await;
    let begin = async |tag: &str, token: Value| {
        let params = json!({"name": "wait", "arguments": {"tag": tag, "tells": true},
            "_meta": {"progressToken": token}});
        let stream = modern(running.address, 1, "tools/call", params).await;
        seen.a_wait_begins().await;
        stream
    };
    let mut calls = Vec::new();
    for (tag, token) in [("a", json!(1)), ("b", json!(1)), ("c", json!("1"))] {
        calls.push((tag, token.clone(), begin(tag, token).await));
    }
    seen.gate.add_permits(3);
    for (tag, token, mut stream) in calls {
        let messages = stream.messages().await;
        assert_eq!(messages.len(), 2, "{tag}");
        assert_eq!(messages[0]["params"]["progressToken"], token, "{tag}");
        assert_eq!(messages[1]["id"], 1, "{tag}");
        assert_eq!(text(&messages[1]["result"]), format!("\"{tag}\""));
    }
}

/// SPEC A-3, A-5, A-6, A-11: ids come back unchanged; a value that is not an id is refused, with no
/// id in the answer.
#[tokio::test]
async fn ids_come_back_as_they_were() {
    let (running, seen) = run_default().await;
    let ask = Ask::call("echo", json!({"message": "a"}));
    let with_id = |id: &str| {
        let mut ask = ask.clone();
        let body = ask.body.to_string();
        ask.text = Some(body.replace("\"the id\"", id));
        ask
    };
    for id in ["1", "\"1\"", "0", "-7", "\"\"", "18446744073709551615"] {
        let answer = with_id(id).send(running.address).await;
        assert_eq!(answer.status, 200, "{id}");
        assert!(answer.body.contains(&format!("\"id\":{id},")), "{id}");
    }
    assert_eq!(seen.calls(), 6);
    for id in ["null", "1.0", "1e0", "true", "[]", "{}"] {
        let answer = with_id(id).send(running.address).await;
        assert_eq!(answer.status, 400, "{id}");
        assert_eq!(answer.json()["error"]["code"], -32600, "{id}");
        assert!(!has(&answer.json(), "id"), "{id}");
    }
    assert_eq!(seen.calls(), 6, "SPEC A-4");
}

/// SPEC A-16, A-17, A-18, A-25, A-31: params are an object that may have unknown members, and no
/// member is duplicated.
#[tokio::test]
async fn params_are_an_open_object() {
    let (running, _) = run_default().await;
    let ask = Ask::call("plain", json!({}));
    let open = ask.clone().set("/foo", 1).set("/params/foo", json!([]));
    open.result(running.address).await;
    for (params, code) in [
        (json!("x"), -32600),
        (json!([]), -32602),
        (Value::Null, -32602),
    ] {
        let ask = ask.clone().set("/params", params.clone());
        let case = params.to_string();
        ask.check(running.address, 400, code, &case).await;
    }
    for (once, twice) in [
        (r#""name":"plain""#, r#""name":"echo","name":"plain""#),
        (r#""_meta":{"#, r#""_meta":{},"_meta":{"#),
        (r#""jsonrpc":"#, r#""jsonrpc":"2.0","jsonrpc":"#),
        (r#""_meta":{"#, r#""_meta":{"a":1,"a":1,"#),
    ] {
        let mut ask = ask.clone();
        let body = ask.body.to_string();
        ask.text = Some(body.replacen(once, twice, 1));
        assert_ne!(ask.text, Some(body));
        assert_eq!(ask.send(running.address).await.status, 400, "{twice}");
    }
    for token in [json!(1.5), json!({}), json!(true)] {
        let ask = ask.clone().meta("progressToken", token);
        ask.check(running.address, 400, -32602, "a token").await;
    }
}

/// SPEC A-28, A-32: `_meta` reaches the handler unchanged, and a malformed trace context does not
/// fail a request.
#[tokio::test]
async fn metadata_reaches_the_handler() {
    let (running, _) = run_default().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for odd in [json!(trace), json!("not a trace"), json!(5), Value::Null] {
        let ask = Ask::call("meta", json!({}))
            .meta("traceparent", odd.clone())
            .meta("tracestate", "=,=")
            .meta("baggage", odd.clone())
            .meta("com.example/x", json!({"a": [1]}));
        let result = ask.result(running.address).await;
        let seen: Value = serde_json::from_str(text(&result)).unwrap();
        assert_eq!(seen, ask.body["params"]["_meta"], "{odd}");
    }
}

/// SPEC A-40, A-42, A-43, A-44, A-47, J-3, J-5: errors of handlers are 200, and codes that this
/// revision lacks are mapped.
#[tokio::test]
async fn errors_of_handlers_have_codes_of_this_revision() {
    let (running, _) = run_default().await;
    for (raised, told) in [
        (7, 7),
        (-1, -1),
        (-31_999, -31_999),
        (-32_700, -32_700),
        (-32_603, -32_603),
        (-32_602, -32_602),
        (-32_600, -32_600),
        (-32_002, -32_602),
        (-32_042, -32_603),
        (-32_023, -32_603),
        (-32_050, -32_603),
        (-32_099, -32_603),
        // Handlers should not use these (SPEC A-43); they are passed on, since older peers do.
        (-32_000, -32_000),
        (-32_019, -32_019),
    ] {
        let ask = Ask::call("raise", json!({"code": raised}));
        let case = raised.to_string();
        ask.check(running.address, 200, told, &case).await;
    }
}

/// SPEC A-42, D-27, J-3: when a handler raises a code that the server uses itself, the answer has
/// the status of that code.
#[tokio::test]
async fn codes_with_a_status_keep_it() {
    let (running, _) = run_default().await;
    for (raised, status) in [
        (-32_601, 404),
        (-32_020, 400),
        (-32_021, 400),
        (-32_022, 400),
    ] {
        let ask = Ask::call("raise", json!({"code": raised}));
        let case = raised.to_string();
        ask.check(running.address, status, raised, &case).await;
    }
}

/// SPEC A-40, E-54, J-3, sep-2164: a resource that cannot be read is -32602 with its URI; in a
/// session -32002.
#[tokio::test]
async fn a_missing_resource_is_a_wrong_param() {
    let (running, _) = run_default().await;
    let session = Session::open(running.address, V06, json!({})).await;
    for uri in ["test://nowhere", "test://item/missing"] {
        let ask = Ask::new("resources/read", json!({"uri": uri}));
        let body = ask.check(running.address, 200, -32602, uri).await;
        assert_eq!(body["error"]["data"]["uri"], uri);
        let answer = session.call("resources/read", json!({"uri": uri})).await;
        assert_eq!(answer["error"]["code"], -32002);
        assert_eq!(answer["error"]["data"]["uri"], uri);
    }
}

/// SPEC A-48, A-49: a panic is answered with one -32603, without detail.
#[tokio::test]
async fn a_panic_is_an_error_without_detail() {
    let (running, _) = run_default().await;
    let ask = Ask::call("panics", json!({}));
    let body = ask.check(running.address, 200, -32603, "").await;
    assert!(!body.to_string().contains("secret"), "{body}");
}

// --- Notifications of a call

/// SPEC D-80, D-88, E-85, A-31, GOTCHAS 23: progress keeps the type of its token, increases, and
/// ends with the call.
#[tokio::test]
async fn progress_is_sent_for_a_token() {
    let (running, _) = run_default().await;
    for token in [json!("p"), json!(7), json!(0), json!("")] {
        let meta = json!({"progressToken": token});
        let mut stream = call(running.address, "progress", meta).await;
        let mut messages = stream.messages().await;
        assert_eq!(text(&messages.pop().unwrap()["result"]), "done");
        let told = [json!(1), json!(2), json!(3.5)].map(|step| {
            let params = json!({"progressToken": token, "progress": step, "total": 10,
                "message": "working"});
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        });
        assert_eq!(messages, told);
    }
    // Without a token there is no progress.
    Ask::call("progress", json!({}))
        .result(running.address)
        .await;
    let late = Ask::call("late_progress", json!({})).meta("progressToken", 1);
    late.result(running.address).await;
}

/// SPEC D-89, E-80, E-83: a request that sets a level gets log messages from that level on; others
/// get none.
#[tokio::test]
async fn logs_are_sent_from_the_requested_level_on() {
    let (running, _) = run_default().await;
    for (at, level) in LogLevel::ALL.into_iter().enumerate() {
        let meta = json!({LL: level.as_str()});
        let mut stream = call(running.address, "log", meta).await;
        let mut messages = stream.messages().await;
        assert!(has(&messages.pop().unwrap(), "result"));
        let told = LogLevel::ALL[at..].iter().map(|level| {
            let level = level.as_str();
            let params = json!({"level": level, "logger": "tests", "data": {"at": level}});
            json!({"jsonrpc": "2.0", "method": "notifications/message", "params": params})
        });
        assert_eq!(messages, told.collect::<Vec<_>>(), "{level}");
    }
    Ask::call("log", json!({})).result(running.address).await;

    let mute = Server::new("Mute", "1").tool(Tool::new("log"), async |cx: Call, _| {
        cx.log(LogLevel::Emergency, None, "help");
    });
    let running = run(mute).await;
    let ask = Ask::call("log", json!({})).meta(LL, "debug");
    ask.result(running.address).await;
}

/// SPEC D-82, D-85: a handler that sends a burst of notifications loses no answer.
#[tokio::test]
async fn a_talkative_handler_is_answered() {
    let talks = Tool::new("talks");
    let server = Server::new("Talks", "1")
        .logging()
        .tool(talks, async |cx: Call, _| {
            for n in 0..1000 {
                cx.log(LogLevel::Info, None, n);
            }
            "done"
        });
    let running = run(server).await;
    let mut stream = call(running.address, "talks", json!({LL: "debug"})).await;
    let messages = stream.messages().await;
    assert!(
        has(messages.last().unwrap(), "result"),
        "{}",
        messages.len()
    );
}

/// SPEC D-15, D-89: the level of a session does not apply to modern requests, nor the reverse.
#[tokio::test]
async fn levels_of_sessions_and_requests_are_apart() {
    let (running, _) = run_default().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let level = json!({"level": "alert"});
    session.call("logging/setLevel", level).await;
    Ask::call("log", json!({})).result(running.address).await;
    let mut stream = call(running.address, "log", json!({LL: "debug"})).await;
    assert_eq!(stream.messages().await.len(), 9);
    let mut stream = session.begin("tools/call", json!({"name": "log"})).await;
    assert_eq!(stream.messages().await.len(), 3, "alert, emergency, answer");
}

// --- Clients that leave

/// SPEC D-84, D-85, D-86, D-105, J-21, PITFALLS R-59: a client that leaves cancels its call,
/// whether the answer is still JSON or already a stream; the handler does not run on.
#[tokio::test]
async fn leaving_cancels() {
    for silence in [LONG, SHORT] {
        let (running, seen) = run_with(|builder| {
            builder.timeouts(|timeouts| {
                timeouts.stream_after = silence;
                timeouts.keep_alive = None;
            })
        })
        .await;
        let params = json!({"name": "wait", "_meta": envelope(json!({}))});
        let headers = mirrored("tools/call", &params);
        let body = message(1, "tools/call", params);
        let mut stream = Stream::send(running.address, "POST /mcp", &headers, body).await;
        seen.a_wait_begins().await;
        if silence == SHORT {
            stream.read_head().await;
            assert!(stream.is_events());
        }
        drop(stream);
        seen.a_wait_is_over().await;
        seen.gate.add_permits(1);
        Ask::call("plain", json!({})).result(running.address).await;
        assert_eq!(seen.acted.load(Ordering::SeqCst), 0, "{silence:?}");
        assert_eq!(seen.gate.available_permits(), 1);
    }
}

/// SPEC D-84, D-85, PITFALLS R-60: a client that leaves after the first event ends its own call and
/// no other.
#[tokio::test]
async fn leaving_a_stream_cancels_that_call_alone() {
    let (running, seen) = run_default().await;
    let begin = async || {
        let params = json!({"name": "wait", "arguments": {"tells": 1},
            "_meta": {"progressToken": 1}});
        let mut stream = modern(running.address, 1, "tools/call", params).await;
        seen.a_wait_begins().await;
        let told = stream.message().await.unwrap();
        assert_eq!(told["method"], "notifications/progress");
        stream
    };
    let (left, mut stays) = (begin().await, begin().await);
    drop(left);
    seen.a_wait_is_over().await;
    seen.gate.add_permits(1);
    assert!(has(&stays.answer().await, "result"));
    assert_eq!(seen.acted.load(Ordering::SeqCst), 1);
}

/// SPEC D-87, a known gap: a client that shuts down its writing side counts as gone, since over
/// HTTP/1.1 it looks like a client that left (SPEC D-84).
#[tokio::test]
async fn a_half_closed_connection_counts_as_left() {
    let (running, seen) =
        run_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = LONG)).await;
    let ask = Ask::call("wait", json!({}));
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    let bytes = ask.to_bytes(running.address, true);
    socket.write_all(&bytes).await.unwrap();
    seen.a_wait_begins().await;
    socket.shutdown().await.unwrap();
    seen.a_wait_is_over().await;
    let mut rest = Vec::new();
    let read = soon("the end", socket.read_to_end(&mut rest)).await;
    assert_eq!(read.unwrap_or_default(), 0);
}

/// SPEC J-21, D-141: on the same endpoint, a client that leaves a request of a session cancels
/// nothing.
#[tokio::test]
async fn leaving_a_request_of_a_session_cancels_nothing() {
    let (running, seen) = run_default().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let (_, stream) = session.send("tools/call", json!({"name": "wait"})).await;
    seen.a_wait_begins().await;
    drop(stream);
    assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
    seen.gate.add_permits(1);
    seen.a_wait_is_over().await;
    assert_eq!(seen.acted.load(Ordering::SeqCst), 1);
}

/// SPEC D-84 while the service drains: running calls finish, new requests are 503.
#[tokio::test]
async fn draining_lets_requests_finish() {
    let (running, seen) =
        run_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = SHORT)).await;
    let mut stream = call(running.address, "wait", json!({})).await;
    seen.a_wait_begins().await;
    running.mcp.drain();
    let ask = Ask::call("plain", json!({}));
    let answer = ask.send(running.address).await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    let ended = running.stop();
    seen.gate.add_permits(1);
    assert!(has(&stream.answer().await, "result"));
    soon("the end", ended).await.unwrap().unwrap();
}

// --- `subscriptions/listen`

/// Every kind of change, as the filter asks for it.
fn everything_asked() -> Value {
    json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["test://static"]})
}

/// SPEC D-120: the filter is an object of booleans and a list of URIs.
#[tokio::test]
async fn a_filter_is_checked() {
    let (running, _) = run_default().await;
    let ask = |params| Ask::new("subscriptions/listen", params);
    ask(json!({}))
        .check(running.address, 200, -32602, "none")
        .await;
    for odd in [
        json!(null),
        json!([]),
        json!("tools"),
        json!({"toolsListChanged": 1}),
        json!({"promptsListChanged": "true"}),
        json!({"resourcesListChanged": {}}),
        json!({"resourceSubscriptions": "test://static"}),
        json!({"resourceSubscriptions": [1]}),
    ] {
        let case = odd.to_string();
        let ask = ask(json!({"notifications": odd}));
        ask.check(running.address, 200, -32602, &case).await;
    }
    assert_eq!(running.mcp.listen_streams(), 0);
    let open = json!({"toolsListChanged": false, "foo": 1});
    let mut stream = listen(running.address, 1, open).await;
    acknowledged(&mut stream, 1, json!({})).await;
}

/// SPEC D-121, D-123, D-127, J-4, J-26, J-27: a stream begins with the filter that is honoured,
/// then has changes, each with the id of the request, and ends with the result.
#[tokio::test]
async fn a_listen_gets_changes_until_the_server_ends() {
    let (running, _) = run_default().await;
    for id in [json!(1), json!("1"), json!(-5), json!("")] {
        let mcp = running.mcp.clone();
        let mut stream = listen(running.address, id.clone(), everything_asked()).await;
        assert!(stream.is_events());
        assert_eq!(stream.header("mcp-session-id"), None);
        acknowledged(&mut stream, id.clone(), everything_asked()).await;
        drop(stream);
        until("the end of the listen", || mcp.listen_streams() == 0).await;
    }
    // Compared as bytes, since the test's JSON reader would round the id.
    let params = json!({"notifications": {}});
    let mut ask = Ask::new("subscriptions/listen", params);
    let long = "123456789012345678901234567890";
    ask.text = Some(ask.body.to_string().replace("\"the id\"", long));
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    let bytes = ask.to_bytes(running.address, true);
    socket.write_all(&bytes).await.unwrap();
    until("a listen", || running.mcp.listen_streams() == 1).await;
    running.mcp.drain();
    let mut all = String::new();
    soon("the end", socket.read_to_string(&mut all))
        .await
        .unwrap();
    assert_eq!(all.matches(&format!("\"{SUB}\":{long}")).count(), 2);
    assert_eq!(all.matches(&format!("\"id\":{long}")).count(), 1);
    assert!(
        !all.contains("\nid:") && !all.contains("retry:"),
        "SPEC D-4"
    );
}

/// SPEC D-122, D-125, D-127, D-132: each listen gets what it asked for, nothing else, and each
/// change once.
#[tokio::test]
async fn each_listen_gets_what_it_asked_for() {
    let (server, _) = everything();
    let running = run(server.clone()).await;
    let uri = "test://static";
    let mut listens = Vec::new();
    for (id, (asked, heard)) in (0..).zip([
        (json!({}), vec![]),
        (json!({"toolsListChanged": true}), vec!["tools"]),
        (
            json!({"promptsListChanged": true, "toolsListChanged": false}),
            vec!["prompts"],
        ),
        (json!({"resourcesListChanged": true}), vec!["resources"]),
        (json!({"resourceSubscriptions": [uri]}), vec![uri]),
        (
            json!({"resourceSubscriptions": ["test://blob", "test://item/2"]}),
            vec!["test://item/2"],
        ),
        (
            everything_asked(),
            vec!["tools", "prompts", "resources", uri],
        ),
        (
            everything_asked(),
            vec!["tools", "prompts", "resources", uri],
        ),
    ]) {
        let mut stream = listen(running.address, id, asked.clone()).await;
        let mut honoured = asked;
        honoured
            .as_object_mut()
            .unwrap()
            .retain(|_, wanted| *wanted != json!(false));
        acknowledged(&mut stream, id, honoured).await;
        listens.push((id, heard, stream));
    }
    assert_eq!(running.mcp.listen_streams(), 8);
    server.publish(&Change::Tools);
    server.publish(&Change::Prompts);
    server.publish(&Change::Resources);
    server.resource_updated(uri);
    server.resource_updated("test://item/1");
    server.resource_updated("test://item/2");
    running.mcp.drain();
    for (id, heard, mut stream) in listens {
        let mut messages = stream.messages().await;
        let last = messages.pop().unwrap();
        let info = json!({"name": "Everything", "version": "1.2.3", "title": "All"});
        let result = json!({"resultType": "complete", "_meta": {SUB: id, SI: info}});
        assert_eq!(last, json!({"jsonrpc": "2.0", "id": id, "result": result}));
        let told = heard.iter().map(|what| {
            let meta = json!({SUB: id});
            if what.contains("://") {
                let method = "notifications/resources/updated";
                json!({"jsonrpc": "2.0", "method": method, "params": {"_meta": meta, "uri": what}})
            } else {
                let method = format!("notifications/{what}/list_changed");
                json!({"jsonrpc": "2.0", "method": method, "params": {"_meta": meta}})
            }
        });
        assert_eq!(messages, told.collect::<Vec<_>>(), "listen {id}");
    }
    until("the end of the listens", || {
        running.mcp.listen_streams() == 0
    })
    .await;
}

/// SPEC E-43, D-122: listeners are told about tools that are added and removed while the server
/// runs.
#[tokio::test]
async fn listens_get_changes_of_tools() {
    let (server, _) = everything();
    let running = run(server.clone()).await;
    let asked = json!({"toolsListChanged": true});
    let mut stream = listen(running.address, 1, asked.clone()).await;
    acknowledged(&mut stream, 1, asked).await;
    let list = Ask::new("tools/list", json!({}));
    let before = list.result(running.address).await;
    server.add_tool(Tool::new("new"), async |_, _| "").unwrap();
    let method = "notifications/tools/list_changed";
    assert_eq!(stream.message().await.unwrap()["method"], method);
    let after = list.result(running.address).await;
    assert_ne!(before["tools"], after["tools"]);
    assert!(server.remove_tool("new"));
    assert_eq!(stream.message().await.unwrap()["method"], method);
    assert_eq!(list.result(running.address).await, before);
}

/// SPEC D-124, D-129, D-133, D-134: what is not declared or cannot be read is left out of the
/// acknowledgement, and its changes are not sent.
#[tokio::test]
async fn what_is_not_offered_is_not_honoured() {
    let server = || Server::new("One", "1");
    let mut asked = everything_asked();
    asked["resourceSubscriptions"] = json!(["test://static", "test://nowhere", "not a uri"]);
    let resource = || Resource::new("test://static", "static");
    for (server, honoured) in [
        (
            server().tool(Tool::new("t"), async |_, _| ""),
            json!({"toolsListChanged": true}),
        ),
        (
            server().prompt(Prompt::new("p"), async |_, _| ""),
            json!({"promptsListChanged": true}),
        ),
        (
            server().resource(resource(), async |_, _| ""),
            json!({"resourcesListChanged": true}),
        ),
        (
            server()
                .resource(resource(), async |_, _| "")
                .subscriptions(),
            json!({"resourcesListChanged": true, "resourceSubscriptions": ["test://static"]}),
        ),
    ] {
        let running = run(server.clone()).await;
        let mut stream = listen(running.address, 1, asked.clone()).await;
        acknowledged(&mut stream, 1, honoured.clone()).await;
        server.publish(&Change::Tools);
        server.publish(&Change::Prompts);
        server.publish(&Change::Resources);
        server.resource_updated("test://static");
        server.resource_updated("test://nowhere");
        running.mcp.drain();
        let told = stream.messages().await.len() - 1;
        assert_eq!(told, honoured.as_object().unwrap().len(), "{honoured}");
    }
    // The server has something to listen to, but the filter asks for none of it.
    let running = run(server().tool(Tool::new("t"), async |_, _| "")).await;
    let mut stream = listen(running.address, 1, json!({})).await;
    acknowledged(&mut stream, 1, json!({})).await;
}

/// SPEC D-126: no message of another request goes to a listen, not even of one with the same id and
/// token.
#[tokio::test]
async fn a_listen_gets_no_messages_of_calls() {
    let (running, _) = run_default().await;
    let meta = json!({LL: "debug", "progressToken": 1});
    let params = json!({"notifications": everything_asked(), "_meta": meta});
    let mut stream = modern(running.address, 1, "subscriptions/listen", params).await;
    acknowledged(&mut stream, 1, everything_asked()).await;
    for tool in ["log", "progress", "plain"] {
        let mut call = call(running.address, tool, meta.clone()).await;
        assert!(has(&call.answer().await, "result"));
    }
    running.mcp.drain();
    assert_eq!(stream.messages().await.len(), 1, "the result of the listen");
}

/// SPEC D-128, D-105, GOTCHAS 33: a listen ends at once when its client leaves.
#[tokio::test]
async fn a_listen_ends_with_its_client() {
    let (server, _) = everything();
    let running = run(server.clone()).await;
    let mut stays = listen(running.address, 1, everything_asked()).await;
    acknowledged(&mut stays, 1, everything_asked()).await;
    for _ in 0..20 {
        let mut stream = listen(running.address, 1, everything_asked()).await;
        acknowledged(&mut stream, 1, everything_asked()).await;
        assert_eq!(running.mcp.listen_streams(), 2);
        drop(stream);
        until("one listen less", || running.mcp.listen_streams() == 1).await;
    }
    server.publish(&Change::Tools);
    assert!(stays.message().await.is_some());
}

/// SPEC D-130: the number of listens is limited; when one ends, another may begin.
#[tokio::test]
async fn listens_are_bounded() {
    let (running, _) = run_with(|builder| builder.limits(|limits| limits.listen_streams = 1)).await;
    let mut first = listen(running.address, 1, json!({})).await;
    acknowledged(&mut first, 1, json!({})).await;
    let params = json!({"notifications": {}});
    let ask = Ask::new("subscriptions/listen", params);
    ask.check(running.address, 503, -32603, "full").await;
    Ask::call("plain", json!({})).result(running.address).await;
    drop(first);
    until("room", || running.mcp.listen_streams() == 0).await;
    let mut second = listen(running.address, 2, json!({})).await;
    acknowledged(&mut second, 2, json!({})).await;
}

/// SPEC D-130: a listen whose queue overflows is closed, and the others go on.
#[tokio::test]
async fn a_listen_that_is_too_slow_is_cut() {
    let (server, _) = everything();
    let mcp = McpService::builder(server.clone()).limits(|limits| {
        limits.queue.bytes = 1024 * 1024;
        limits.queue.events = 3;
    });
    let running = start(mcp.build().unwrap()).await;
    let asked = json!({"toolsListChanged": true});
    let mut slow = listen(running.address, 1, asked.clone()).await;
    acknowledged(&mut slow, 1, asked).await;
    let asked = json!({"promptsListChanged": true});
    let mut other = listen(running.address, 2, asked.clone()).await;
    acknowledged(&mut other, 2, asked).await;
    // No await here, so nothing is written in between.
    for _ in 0..10 {
        server.publish(&Change::Tools);
    }
    server.publish(&Change::Prompts);
    assert!(other.message().await.is_some());
    let rest = slow.messages().await;
    assert!(!rest.iter().any(|one| has(one, "result")), "{rest:?}");
    until("the end of the slow one", || {
        running.mcp.listen_streams() == 1
    })
    .await;
}

/// SPEC D-83, D-128, H-13: a quiet listen gets keep-alive comments.
#[tokio::test]
async fn a_quiet_listen_is_kept_alive() {
    let (running, _) =
        run_with(|builder| builder.timeouts(|timeouts| timeouts.keep_alive = Some(SHORT))).await;
    let mut stream = listen(running.address, 1, json!({})).await;
    acknowledged(&mut stream, 1, json!({})).await;
    stream.comment().await;
    stream.comment().await;
}

/// SPEC D-132, D-15, D-80: each client gets a change once, in the form of its era; messages of a
/// session and of a listen do not mix.
#[tokio::test]
async fn each_era_gets_a_change_in_its_form() {
    let (server, _) = everything();
    let running = run(server.clone()).await;
    let uri = json!({"uri": "test://static"});
    let session = Session::open(running.address, V11, json!({})).await;
    session.call("resources/subscribe", uri.clone()).await;
    let mut standalone = session.listen(None).await;
    let mut sse = Client::initialized(running.address, V24, json!({})).await;
    sse.result("resources/subscribe", uri.clone()).await;
    let asked = json!({"resourceSubscriptions": ["test://static"]});
    let mut modern = listen(running.address, "l", asked.clone()).await;
    acknowledged(&mut modern, "l", asked).await;

    server.resource_updated("test://static");
    server.publish(&Change::Tools);
    let updated = json!({"jsonrpc": "2.0", "method": "notifications/resources/updated",
        "params": uri});
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    for told in [&updated, &changed] {
        assert_eq!(&standalone.message().await.unwrap(), told);
        assert_eq!(&sse.message().await.unwrap(), told);
    }
    let mut tagged = updated.clone();
    tagged["params"]["_meta"] = json!({SUB: "l"});
    assert_eq!(modern.message().await.unwrap(), tagged);

    // A subscription of one era does not count in the other.
    session.call("resources/unsubscribe", uri.clone()).await;
    server.resource_updated("test://static");
    assert_eq!(modern.message().await.unwrap(), tagged);
    drop(modern);
    until("no listen", || running.mcp.listen_streams() == 0).await;
    server.resource_updated("test://static");
    server.publish(&Change::Tools);
    assert_eq!(
        standalone.message().await.unwrap(),
        changed,
        "nothing before"
    );
    for told in [&updated, &updated, &changed] {
        assert_eq!(&sse.message().await.unwrap(), told);
    }
}

// --- Both eras

/// SPEC D-15, D-66, D-140, D-141: both eras take turns on one connection, each with its own state.
#[tokio::test]
async fn both_eras_take_turns_on_one_connection() {
    let (running, _) = run_default().await;
    let mut kept = Kept::open(running.address).await;
    let hello = message(
        0,
        "initialize",
        crate::support::hello(V06, json!({"sampling": {}})),
    );
    let opened = kept.post("", &hello).await;
    assert_eq!(opened.json()["result"]["protocolVersion"], V06);
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let headers = format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {V06}\r\n");
    let version = json!({"name": "version"});
    let ask = Ask::call("version", json!({}));
    for round in 1..4 {
        let body = message(round, "tools/call", version.clone());
        let legacy = kept.post(&headers, &body).await;
        assert_eq!(legacy.header("mcp-session-id"), Some(&*session));
        let legacy = &legacy.json()["result"];
        let content = json!([{"type": "text", "text": "2025-06-18 true"}]);
        assert_eq!(legacy, &json!({"content": content}));

        let modern = kept.ask(&ask).await;
        assert_eq!(modern.header("mcp-session-id"), None);
        let modern = &modern.json()["result"];
        assert_eq!(text(modern), "2026-07-28 false");
        assert_eq!(modern["resultType"], "complete");

        // The session's capabilities do not apply to this request.
        let answer = kept.ask(&Ask::call("samples", json!({}))).await;
        assert_eq!(answer.status, 400);
        let ping = kept
            .post(&headers, &message(round, "ping", json!({})))
            .await;
        assert_eq!(ping.json()["result"], json!({}));
        let ping = kept.ask(&Ask::new("ping", json!({}))).await;
        assert_eq!(ping.status, 404);
    }
    assert_eq!(running.mcp.sessions(), 1);
}

/// SPEC D.1, J-1, J-29, D-141: what makes a request a request of this revision.
#[tokio::test]
async fn the_envelope_or_the_header_make_the_era() {
    let (running, _) = run_default().await;
    let hello = crate::support::hello(V26, json!({}));
    let good = Ask::new("initialize", hello.clone());
    for (case, ask, status, code) in [
        ("row 3", good.clone(), 404, -32601),
        (
            "row 3, SPEC J-29",
            good.clone().without("MCP-Protocol-Version"),
            400,
            -32020,
        ),
        (
            "row 3, any type",
            good.clone().without("MCP-Protocol-Version").meta(PV, 5),
            400,
            -32602,
        ),
    ] {
        ask.check(running.address, status, code, case).await;
    }
    // Row 5: methods that exist only in this revision.
    for method in ["server/discover", "subscriptions/listen"] {
        let ask = Ask::new(method, json!({"notifications": {}}));
        let ask = ask.without("MCP-Protocol-Version").unset("/params/_meta");
        ask.check(running.address, 400, -32602, method).await;
    }
    assert_eq!(running.mcp.sessions(), 0);
    let row_4 = Ask::new("ping", json!({})).unset("/params/_meta");
    row_4.check(running.address, 400, -32602, "row 4").await;
    // Row 6, SPEC D-144: `initialize` without an envelope negotiates, whatever the header says.
    let ask = good.unset("/params/_meta");
    for (sessions, ask) in [(1, ask.clone()), (2, ask.without("MCP-Protocol-Version"))] {
        let answer = ask.send(running.address).await;
        assert_eq!(answer.json()["result"]["protocolVersion"], V11);
        assert!(answer.header("mcp-session-id").is_some());
        assert_eq!(running.mcp.sessions(), sessions);
    }
}

/// SPEC D-40, C-83, C-92: without sessions, a body with neither envelope nor version header counts
/// as 2025-03-26.
#[tokio::test]
async fn a_missing_header_is_an_old_revision_for_old_bodies_only() {
    let (running, _) = run_with(Builder::without_sessions).await;
    let ask = Ask::call("version", json!({}));
    assert_eq!(text(&ask.result(running.address).await), "2026-07-28 false");
    let ask = ask.without("MCP-Protocol-Version");
    ask.check(running.address, 400, -32020, "SPEC J-29").await;
    let ask = ask.unset("/params/_meta");
    let answer = ask.send(running.address).await.json();
    assert_eq!(text(&answer["result"]), "2025-03-26 false");
    assert!(!has(&answer["result"], "resultType"));
}

/// SPEC D.1 rows 4, 7 and 8, D-144: in a session, only an envelope makes a request one of this revision. A header
/// alone does not.
#[tokio::test]
async fn a_modern_header_does_not_touch_a_session() {
    let (running, seen) = run_default().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let good = Ask::call("echo", json!({"message": "a"}));
    let in_session = good.and("Mcp-Session-Id", &session.id);
    let ask = in_session.clone().unset("/params/_meta");
    let answer = ask.send(running.address).await;
    assert_eq!(text(&answer.json()["result"]), "a", "no envelope");
    let notification = ask.without("Mcp-Method").unset("/id");
    let notification = notification.set("/method", "notifications/cancelled");
    assert_eq!(notification.send(running.address).await.status, 202);
    let mut response = in_session;
    response.body = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    assert_eq!(response.send(running.address).await.status, 202);
    assert_eq!(seen.calls(), 1);
    let params = json!({"name": "echo", "arguments": {"message": "a"}});
    let answer = session.call("tools/call", params).await;
    assert_eq!(text(&answer["result"]), "a");
}

/// SPEC D-143, J-33, A-45: no legacy refusal has a code of this revision; each modern refusal has
/// its own code.
#[tokio::test]
async fn a_probe_learns_the_era_from_the_code() {
    let (running, _) = run_default().await;
    let session = Session::open(running.address, V11, json!({})).await;
    let ping = message(1, "ping", json!({}));
    let own = session.headers();
    for (headers, body, status) in [
        (String::new(), ping.clone(), 400),
        (
            "MCP-Protocol-Version: 2027-01-01\r\n".into(),
            ping.clone(),
            400,
        ),
        (
            format!("Mcp-Session-Id: {}\r\n", "0".repeat(32)),
            ping.clone(),
            404,
        ),
        (
            format!(
                "Mcp-Session-Id: {}\r\nMCP-Protocol-Version: x\r\n",
                session.id
            ),
            ping,
            400,
        ),
        (own.clone(), "{".into(), 400),
        (own.clone(), "[]".into(), 400),
        (
            own.clone(),
            message(
                1,
                "tools/call",
                json!({"name": "raise", "arguments": {"code": -32020}}),
            ),
            200,
        ),
        (
            own,
            message(
                1,
                "tools/call",
                json!({"name": "raise", "arguments": {"code": -32022}}),
            ),
            200,
        ),
    ] {
        let headers = format!("{POST_HEADERS}{headers}");
        let mut answer = Stream::open(running.address, "POST /mcp", &headers, body).await;
        assert_eq!(answer.status(), status, "{headers}");
        let body = answer.json().await;
        let code = body["error"]["code"].as_i64().unwrap();
        assert!(!(-32022..=-32020).contains(&code), "{headers}: {body}");
        assert!(!has(&body, "id") || body["id"] == 1);
    }
}

// --- SPEC E in this revision

/// SPEC E-33 to E-36, E-53, E-56, E-66, E-67, E-71, E-72, J-3, J-11: faults after the header checks
/// are 200.
#[tokio::test]
async fn wrong_params_are_answered_with_200() {
    let (running, _) = run_default().await;
    let get = |arguments: Value| {
        let params = json!({"name": "greet", "arguments": arguments});
        Ask::new("prompts/get", params)
    };
    let read = |uri: &str| Ask::new("resources/read", json!({"uri": uri}));
    let complete = |reference: Value, name: &str| {
        let argument = json!({"name": name, "value": ""});
        let params = json!({"ref": reference, "argument": argument});
        Ask::new("completion/complete", params)
    };
    let greet = json!({"type": "ref/prompt", "name": "greet"});
    for (case, ask) in [
        ("unknown tool", Ask::call("nope", json!({}))),
        ("arguments", Ask::call("plain", json!([]))),
        ("arguments", Ask::call("plain", json!("x"))),
        (
            "unknown prompt",
            Ask::new("prompts/get", json!({"name": "nope"})),
        ),
        ("no argument", get(json!({}))),
        ("not a string", get(json!({"name": 1}))),
        ("relative", read("static")),
        ("path", read("../../etc/passwd")),
        ("unknown", read("test://nowhere")),
        (
            "unknown ref",
            complete(json!({"type": "ref/prompt", "name": "no"}), "name"),
        ),
        ("odd ref", complete(json!({"type": "ref/tool"}), "name")),
        ("unknown argument", complete(greet, "nope")),
        (
            "no argument",
            Ask::new("completion/complete", json!({"ref": {}})),
        ),
    ] {
        ask.check(running.address, 200, -32602, case).await;
    }
    let broken = read("test://broken");
    broken
        .check(running.address, 200, -32603, "SPEC E-55")
        .await;
    let breaks = Ask::call("breaks_schema", json!({}));
    breaks
        .check(running.address, 200, -32603, "SPEC E-38")
        .await;
    // SPEC E-35, E-36: faults that the model can fix are results for the model.
    for ask in [
        Ask::call("fails", json!({})),
        Ask::call("echo", json!({"message": 1})),
        Ask::call("echo", json!({})),
    ] {
        assert_eq!(ask.result(running.address).await["isError"], true);
    }
    // SPEC E-34: `arguments` may be absent.
    let params = json!({"name": "plain"});
    Ask::new("tools/call", params).result(running.address).await;
}

/// SPEC E-38 to E-42, E-49, E-68, A-33: content has the form of this revision.
#[tokio::test]
async fn content_takes_the_form_of_this_revision() {
    let (running, _) = run_default().await;
    let result = async |tool: &str| Ask::call(tool, json!({})).result(running.address).await;
    let kinds = |content: &Value| -> Vec<String> {
        let blocks = content.as_array().unwrap().iter();
        let kinds = blocks.map(|block| block["type"].as_str().unwrap().to_owned());
        kinds.collect()
    };
    let mixed = result("mixed").await;
    assert_eq!(
        kinds(&mixed["content"]),
        ["image", "audio", "resource_link", "resource"]
    );
    assert_eq!(mixed["content"][0]["data"], "aQ==");
    assert_eq!(result("nothing").await["content"], json!([]));
    let structured = result("structured").await;
    assert_eq!(structured["structuredContent"], json!({"n": 1}));
    assert_eq!(text(&structured), r#"{"n":1}"#);
    let list = result("list").await;
    assert_eq!(list["structuredContent"], json!([1, 2]));
    assert_eq!(text(&list), "[1,2]");
    assert_eq!(
        result("nan").await["structuredContent"]["nan"],
        Value::Null,
        "SPEC A-33"
    );
    let rich = Ask::new("prompts/get", json!({"name": "rich"}));
    let rich = rich.result(running.address).await;
    assert_eq!(rich["messages"][0]["content"]["type"], "audio");
}

/// SPEC E-30, E-31, E-40, E-50 to E-53, E-65, K: lists and reads have the form of this revision.
#[tokio::test]
async fn lists_take_the_form_of_this_revision() {
    let (running, _) = run_default().await;
    let ask = async |method: &str, params| Ask::new(method, params).result(running.address).await;
    let named = |items: &Value, name: &str| -> Value {
        let mut items = items.as_array().unwrap().iter();
        items.find(|item| item["name"] == name).unwrap().clone()
    };
    let tools = ask("tools/list", json!({})).await["tools"].clone();
    assert_eq!(named(&tools, "echo")["title"], "Echo");
    let icons = json!([{"src": "data:,x"}]);
    assert_eq!(named(&tools, "plain")["icons"], icons);
    let array = json!({"type": "array"});
    assert_eq!(named(&tools, "list")["outputSchema"], array);
    let is_object = |tool: &Value| tool["inputSchema"]["type"] == "object";
    assert!(tools.as_array().unwrap().iter().all(is_object));
    assert!(
        tools
            .as_array()
            .unwrap()
            .iter()
            .all(|tool| !has(tool, "execution"))
    );

    let resources = ask("resources/list", json!({})).await["resources"].clone();
    let expected = json!({"uri": "test://static", "name": "static", "mimeType": "text/markdown"});
    assert_eq!(named(&resources, "static"), expected);
    let templates = ask("resources/templates/list", json!({})).await;
    let expected = json!([{"uriTemplate": "test://item/{id}", "name": "item"}]);
    assert_eq!(templates["resourceTemplates"], expected);
    let prompts = ask("prompts/list", json!({})).await["prompts"].clone();
    let arguments = json!([{"name": "name", "required": true}]);
    assert_eq!(named(&prompts, "greet")["arguments"], arguments);

    let read =
        async |uri: &str| ask("resources/read", json!({"uri": uri})).await["contents"].clone();
    let expected = json!([{"uri": "test://static", "mimeType": "text/markdown", "text": "text"}]);
    assert_eq!(read("test://static").await, expected);
    let expected = json!([{"uri": "test://blob", "blob": "AP8="}]);
    assert_eq!(read("test://blob").await, expected);
    assert_eq!(read("test://item/a%2Fb").await[0]["text"], "item a/b");
}

/// SPEC E-71, E-72, D-100: completions have at most 100 values and get the context of this
/// revision.
#[tokio::test]
async fn completions_are_those_of_this_revision() {
    let (running, _) = run_default().await;
    let complete = async |reference: Value, argument: &str| {
        let params = json!({"ref": reference, "argument": {"name": argument, "value": "v"},
            "context": {"arguments": {"tone": "kind"}}});
        let ask = Ask::new("completion/complete", params);
        ask.result(running.address).await["completion"].clone()
    };
    let greet = json!({"type": "ref/prompt", "name": "greet"});
    assert_eq!(complete(greet, "name").await["values"], json!(["vkind"]));
    let item = json!({"type": "ref/resource", "uri": "test://item/{id}"});
    let many = complete(item, "id").await;
    assert_eq!(many["values"].as_array().unwrap().len(), 100);
    assert_eq!(many["hasMore"], true);
}

/// SPEC E-18, E-120, E-142: extensions and tasks that a client declares are ignored, since the
/// server has none.
#[tokio::test]
async fn extensions_of_the_client_change_nothing() {
    let (running, _) = run_default().await;
    let tasks = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}, "tasks": {}});
    let ask = Ask::call("plain", json!({}));
    let expected = ask.send(running.address).await.body;
    let ask = ask
        .meta(CC, tasks)
        .set("/params/task", json!({"ttl": 60_000}));
    assert_eq!(ask.send(running.address).await.body, expected);
}

/// SPEC D-115: members that belong to rounds are ignored on methods without rounds.
#[tokio::test]
async fn answers_are_ignored_on_methods_without_questions() {
    let (running, _) = run_default().await;
    for (method, params) in answered() {
        if matches!(method, "tools/call" | "prompts/get" | "resources/read") {
            continue;
        }
        let ask = Ask::new(method, params);
        let expected = ask.send(running.address).await.body;
        for odd in [json!(null), json!({"a": 1}), json!(5)] {
            let ask = ask.clone().set("/params/inputResponses", odd);
            let ask = ask.set("/params/requestState", "not a state");
            assert_eq!(ask.send(running.address).await.body, expected, "{method}");
        }
    }
}
