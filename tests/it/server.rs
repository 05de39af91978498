//! SPEC E over the wire: what a server answers in each revision.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
use mcp_wire::server::{
    Annotations, Arguments, Call, CompletionRequest, CompletionTarget, Content, Elicitation,
    HandlerError, Icon, Presence, Prompt, PromptArguments, PromptResult, ReadRequest, Resource,
    ResourceContents, ResourceTemplate, Role, Sampling, Server, Theme, Tool, ToolResult,
};
use mcp_wire::test::{self, Reply};
use mcp_wire::{
    BoxFuture, Change, Context, Dispatcher, LogLevel, McpService, ProtocolVersion, RequestError,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Client, Running, soon, start};

const V24: &str = "2024-11-05";
const V03: &str = "2025-03-26";
const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";
const LEGACY: [&str; 4] = [V24, V03, V06, V11];

/// The test's access to a running server.
#[derive(Clone, Default)]
struct Hands {
    /// Lets `wait` go on.
    go: Arc<Notify>,
    /// Notified when `wait` has begun.
    begun: Arc<Notify>,
    /// How many calls of `wait` were dropped or ended.
    ended: Arc<AtomicUsize>,
}

/// Panics in its `Drop`.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("secret detail");
    }
}

struct Ended(Arc<AtomicUsize>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn message_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
        "$defs": {"x": {"$anchor": "here"}},
        "x-unknown": [1, {"a": null}],
    })
}

async fn echo(_cx: Call, args: Arguments) -> Result<String, HandlerError> {
    Ok(format!("echo {}", args.str("message")?))
}

fn tools(server: Server, hands: &Hands) -> Server {
    let hands = hands.clone();
    let output = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    server
        .tool(
            Tool::new("echo")
                .title("Echo")
                .description("Says it again")
                .input(message_schema())
                .read_only(true)
                .open_world(false),
            echo,
        )
        .tool(Tool::new("plain"), async |_cx, _args| "plain")
        .tool(Tool::new("fails"), async |_cx, _args| {
            Err::<(), _>(HandlerError::new("no luck"))
        })
        .tool(Tool::new("refuses"), async |_cx, _args| {
            Err::<(), _>(HandlerError::from(ErrorObject::new(7, "refused")))
        })
        .tool(Tool::new("panics"), async |_cx, _args| -> String {
            panic!("secret detail")
        })
        .tool(Tool::new("panics_late"), async |_cx, _args| -> String {
            tokio::task::yield_now().await;
            panic!("secret detail")
        })
        .tool(Tool::new("panics_when_dropped"), async |_cx, _args| {
            let bomb = Bomb;
            tokio::task::yield_now().await;
            drop(bomb);
            "defused"
        })
        .tool(Tool::new("nothing"), async |_cx, _args| {})
        .tool(Tool::new("mixed"), async |_cx, _args| {
            vec![
                Content::text("t").annotations(Annotations::new().audience(Role::User)),
                Content::image(b"i", "image/png"),
                Content::audio(b"a", "audio/wav"),
                Content::embedded(ResourceContents::text("a://b", "c").mime_type("text/plain")),
                Content::link(Resource::new("a://b", "b")),
            ]
        })
        .tool(
            Tool::new("structured").output(output.clone()),
            async |_cx, _args| json!({"n": 1}),
        )
        .tool(Tool::new("list"), async |_cx, _args| json!([1, 2]))
        .tool(
            Tool::new("breaks_schema").output(output),
            async |_cx, _args| "no structure",
        )
        .tool(Tool::new("error_result"), async |_cx, _args| {
            ToolResult::error("told")
        })
        .tool(Tool::new("meta"), async |cx: Call, _args| {
            Value::Object(cx.meta()).to_string()
        })
        .tool(Tool::new("wait"), move |_cx, args: Arguments| {
            let hands = hands.clone();
            async move {
                let _ended = Ended(Arc::clone(&hands.ended));
                hands.begun.notify_one();
                hands.go.notified().await;
                args.value("tag").map_or_else(String::new, Value::to_string)
            }
        })
        .tool(Tool::new("progress"), async |cx: Call, _args| {
            for step in [1.0, 2.0, 2.0, f64::NAN, 1.5, 3.5] {
                cx.progress(step, 10.0, Some("working"));
            }
            "done"
        })
        .tool(Tool::new("late_progress"), async |cx: Call, _args| {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                cx.progress(1.0, None, None);
            });
            "done"
        })
        .tool(Tool::new("log"), async |cx: Call, _args| {
            for level in LogLevel::ALL {
                cx.log(level, Some("tests"), json!({"at": level.as_str()}));
            }
            "done"
        })
        .tool(Tool::new("elicit"), async |cx: Call, _args| {
            let schema = json!({"type": "object", "required": ["name"],
                "properties": {"name": {"type": "string"}}});
            let answer = cx.elicit(&Elicitation::form("who?", schema)).await?;
            Ok::<_, HandlerError>(format!("{answer:?}"))
        })
        .tool(Tool::new("visit"), async |cx: Call, _args| {
            let answer = cx
                .elicit(&Elicitation::url("go", "https://example.com/x"))
                .await?;
            Ok::<_, HandlerError>(format!("{answer:?}"))
        })
        .tool(Tool::new("sample"), async |cx: Call, _args| {
            let wish = Sampling::new(100)
                .message(Role::User, "hello")
                .system_prompt("be brief");
            let answer = cx.sample(&wish).await?;
            Ok::<_, HandlerError>(answer.text.unwrap_or_default())
        })
        .tool(Tool::new("roots"), async |cx: Call, _args| {
            let roots = cx.roots().await?;
            let uris: Vec<_> = roots.into_iter().map(|root| root.uri).collect();
            Ok::<_, HandlerError>(uris.join(" "))
        })
}

fn everything(hands: &Hands) -> Server {
    let hints = Annotations::new()
        .priority(0.5)
        .last_modified("2025-01-01T00:00:00Z");
    tools(Server::new("Everything", "1.2.3"), hands)
        .about(|about| {
            about.title = Some("All".into());
            about.description = Some("Has all".into());
            about.website_url = Some("https://example.com".into());
            about.instructions = Some("Use it".into());
        })
        .logging()
        .subscriptions()
        .resource(
            Resource::new("test://static", "static")
                .title("Static")
                .description("A text")
                .mime_type("text/markdown")
                .size(4)
                .annotations(hints),
            async |_cx, _read| "text",
        )
        .resource(
            Resource::new("test://item/0", "zero"),
            async |_cx, _read| "the static one",
        )
        .resource(Resource::new("test://blob", "blob"), async |_cx, _read| {
            bytes::Bytes::from_static(&[0, 255])
        })
        .resource(Resource::new("test://two", "two"), async |_cx, _read| {
            vec![
                ResourceContents::text("test://two/a", "a"),
                ResourceContents::blob("test://two/b", b"b"),
            ]
        })
        .resource(
            Resource::new("test://broken", "broken"),
            async |_cx, _read| Err::<String, _>(ErrorObject::internal()),
        )
        .resource_template(
            ResourceTemplate::new("test://item/{id}", "item")
                .title("Item")
                .mime_type("text/plain"),
            async |_cx, read: ReadRequest| match read.variable("id") {
                Some("missing") => Err(ErrorObject::resource_not_found(read.uri())),
                id => Ok(format!("item {}", id.unwrap_or_default())),
            },
        )
        .prompt(
            Prompt::new("greet")
                .title("Greeting")
                .description("Greets")
                .argument("name", Presence::Required)
                .argument("tone", Presence::Optional),
            async |_cx, args: PromptArguments| {
                Ok::<_, ErrorObject>(format!("hello {}", args.str("name")?))
            },
        )
        .prompt(Prompt::new("rich"), async |_cx, _args| {
            PromptResult::new()
                .message(Role::User, Content::image(b"i", "image/png"))
                .message(Role::Assistant, Content::audio(b"a", "audio/wav"))
                .message(Role::User, Content::link(Resource::new("a://b", "b")))
        })
        .prompt(Prompt::new("fails"), async |_cx, _args| {
            Err::<String, _>(ErrorObject::internal())
        })
        .completion(async |_cx, wanted: CompletionRequest| {
            Ok(match (wanted.target(), wanted.argument()) {
                (CompletionTarget::Template(_), _) => (0..150).map(|n| n.to_string()).collect(),
                _ => vec![format!(
                    "{}{}",
                    wanted.value(),
                    wanted.context("tone").unwrap_or("-")
                )],
            })
        })
}

async fn run(server: Server) -> Running {
    start(McpService::builder(server).build().unwrap()).await
}

async fn connect(version: &str) -> (Running, Client) {
    connect_as(version, json!({})).await
}

async fn connect_as(version: &str, capabilities: Value) -> (Running, Client) {
    let running = run(everything(&Hands::default())).await;
    let client = Client::initialized(running.address, version, capabilities).await;
    (running, client)
}

async fn call(client: &mut Client, tool: &str) -> Value {
    client.result("tools/call", json!({"name": tool})).await
}

fn named<'a>(items: &'a Value, name: &str) -> &'a Value {
    let mut items = items.as_array().unwrap().iter();
    items
        .find(|item| item["name"] == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

/// Checks that the next message on the stream is the answer to this.
async fn nothing_came(client: &mut Client) {
    let id = client.begin("ping", json!({})).await;
    let next = client.message().await.unwrap();
    assert_eq!(next["id"], id, "nothing else came");
}

fn has(value: &Value, key: &str) -> bool {
    value.get(key).is_some()
}

// --- E.1, E.2: lifecycle and capabilities

fn hello(version: impl Into<Value>) -> Value {
    json!({"protocolVersion": version.into(), "capabilities": {"foo": {"bar": 1}},
        "clientInfo": {"name": "c", "version": "1", "extra": true}})
}

/// SPEC E-1, E-2, E-3, E-9, E-15, E-17: the result of `initialize` in each revision.
#[tokio::test]
async fn initialize_tells_what_the_revision_knows() {
    let running = run(everything(&Hands::default())).await;
    for (requested, settled) in [
        (V24, V24),
        (V03, V03),
        (V06, V06),
        (V11, V11),
        ("2026-07-28", V11),
        ("1999-01-01", V11),
        ("1.0.0", V11),
    ] {
        let mut client = Client::open(running.address).await;
        let result = client.result("initialize", hello(requested)).await;
        assert_eq!(result["protocolVersion"], settled);
        let info = &result["serverInfo"];
        assert_eq!(
            (&info["name"], &info["version"]),
            (&json!("Everything"), &json!("1.2.3"))
        );
        assert_eq!(result["instructions"], "Use it");
        assert_eq!(has(info, "title"), settled >= V06, "{settled}");
        assert_eq!(has(info, "description"), settled >= V11, "{settled}");
        assert_eq!(has(info, "websiteUrl"), settled >= V11, "{settled}");
        let mut expected = json!({
            "tools": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
            "prompts": {"listChanged": true},
            "logging": {},
        });
        if settled >= V03 {
            expected["completions"] = json!({});
        }
        assert_eq!(result["capabilities"], expected, "{settled}");
    }
}

/// SPEC E.1, PITFALLS R-4: malformed params are -32602, and the client may try again.
#[tokio::test]
async fn a_malformed_initialize_opens_nothing() {
    let running = run(everything(&Hands::default())).await;
    let mut client = Client::open(running.address).await;
    for (key, value) in [
        ("protocolVersion", json!(1)),
        ("protocolVersion", Value::Null),
        ("capabilities", json!([])),
        ("clientInfo", json!("me")),
        ("clientInfo", json!({"name": "c"})),
    ] {
        let mut params = hello(V24);
        params[key] = value;
        assert_eq!(
            client.error_code("initialize", params).await,
            -32602,
            "{key}"
        );
    }
    for key in ["protocolVersion", "capabilities", "clientInfo"] {
        let mut params = hello(V24);
        params.as_object_mut().unwrap().remove(key);
        assert_eq!(
            client.error_code("initialize", params).await,
            -32602,
            "{key}"
        );
    }
    let mut long = hello(V24);
    long["capabilities"]["x"] = "x".repeat(64 * 1024).into();
    assert_eq!(
        client.error_code("initialize", long).await,
        -32602,
        "a session keeps it"
    );
    client.result("initialize", hello(V24)).await;
}

/// SPEC E-6: a second `initialize` is -32600; a second `initialized` is harmless.
#[tokio::test]
async fn a_session_is_initialized_once() {
    let (_running, mut client) = connect(V24).await;
    assert_eq!(client.error_code("initialize", hello(V24)).await, -32600);
    client.notify("notifications/initialized", json!({})).await;
    client.notify("notifications/initialized", json!({})).await;
    assert_eq!(client.result("ping", json!({})).await, json!({}));
}

/// SPEC E-4 and B-22, GOTCHAS 8: before `initialize` requests are served as 2024-11-05, without
/// client capabilities.
#[tokio::test]
async fn requests_before_initialize_are_served_as_the_first_revision() {
    let running = run(everything(&Hands::default())).await;
    let mut client = Client::open(running.address).await;
    assert_eq!(client.result("ping", json!({})).await, json!({}));
    let tools = client.result("tools/list", json!({})).await;
    assert!(!has(named(&tools["tools"], "echo"), "annotations"));
    assert_eq!(call(&mut client, "sample").await["isError"], true);
    assert_eq!(
        client.error_code("server/discover", json!({})).await,
        -32601
    );
}

/// SPEC E-5: before `notifications/initialized` the server sends only answers.
#[tokio::test]
async fn the_server_is_silent_until_it_is_asked() {
    let running = run(everything(&Hands::default())).await;
    let mut client = Client::open(running.address).await;
    client.begin("initialize", hello(V24)).await;
    assert!(has(&client.message().await.unwrap(), "result"));
    let id = client.begin("ping", json!({})).await;
    assert_eq!(client.message().await.unwrap()["id"], id);
}

/// SPEC E-8: `initialize` cannot be cancelled.
#[tokio::test]
async fn initialize_survives_its_cancel() {
    let running = run(everything(&Hands::default())).await;
    let mut client = Client::open(running.address).await;
    let id = client.begin("initialize", hello(V24)).await;
    client
        .notify("notifications/cancelled", json!({"requestId": id}))
        .await;
    assert!(has(&client.answer(id).await, "result"));
}

/// SPEC E-16, E-15: a method of an undeclared capability is not found.
#[tokio::test]
async fn a_bare_server_has_only_ping() {
    let running = run(Server::new("Bare", "1")).await;
    let mut client = Client::open(running.address).await;
    let result = client.result("initialize", hello(V24)).await;
    assert_eq!(result["capabilities"], json!({}));
    for method in [
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "Tools/List",
        "rpc.x",
    ] {
        assert_eq!(
            client.error_code(method, json!({})).await,
            -32601,
            "{method}"
        );
    }
}

/// SPEC E-1, E-15 to E-17, E-70: each feature declares its own capability and no other.
#[tokio::test]
async fn each_feature_declares_itself_alone() {
    let server = || Server::new("One", "1");
    let prompts = || server().prompt(Prompt::new("p"), async |_, _| "");
    let resources = || server().resource(Resource::new("a://b", "b"), async |_, _| "");
    let template = ResourceTemplate::new("a://{b}", "b");
    let listed = json!({"listChanged": true});
    let read_only = json!({"resources": {"subscribe": false, "listChanged": true}});
    for (server, declared, answered, refused) in [
        (
            server().tool(Tool::new("t"), async |_, _| ""),
            json!({"tools": listed}),
            "tools/list",
            &["prompts/list", "resources/list", "logging/setLevel"][..],
        ),
        (
            prompts(),
            json!({"prompts": listed}),
            "prompts/list",
            &["tools/list", "completion/complete"],
        ),
        (
            prompts().completion(async |_, _| Ok(Vec::new())),
            json!({"prompts": listed, "completions": {}}),
            "prompts/list",
            &["resources/templates/list"],
        ),
        (
            resources(),
            read_only.clone(),
            "resources/templates/list",
            &["resources/subscribe", "resources/unsubscribe", "tools/call"],
        ),
        (
            server().resource_template(template, async |_, _| ""),
            read_only,
            "resources/list",
            &["resources/subscribe"],
        ),
        (
            resources().subscriptions(),
            json!({"resources": {"subscribe": true, "listChanged": true}}),
            "resources/list",
            &["prompts/get"],
        ),
        (
            server().logging(),
            json!({"logging": {}}),
            "ping",
            &["tools/list"],
        ),
    ] {
        let running = run(server).await;
        for version in LEGACY {
            let mut client = Client::open(running.address).await;
            let result = client.result("initialize", hello(version)).await;
            let mut declared = declared.clone();
            if version == V24 {
                declared.as_object_mut().unwrap().remove("completions");
            }
            assert_eq!(result["capabilities"], declared, "{version}");
            assert!(!has(&result, "instructions"));
            client.result(answered, json!({})).await;
            for method in refused {
                let code = client.error_code(method, json!({})).await;
                assert_eq!(code, -32601, "{method} beside {declared}");
            }
        }
    }
}

/// Answers `initialize` when the test lets it.
struct SlowStart(Hands);

impl Dispatcher for SlowStart {
    fn request(&self, _cx: Context, _request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let hands = self.0.clone();
        Box::pin(async move {
            hands.begun.notify_one();
            hands.go.notified().await;
            Ok(Json::try_from(&json!({"protocolVersion": V24})).expect("an object"))
        })
    }
}

/// SPEC E-8: nor can it be cancelled while it runs.
#[tokio::test]
async fn a_running_initialize_is_not_cancelled() {
    let hands = Hands::default();
    let mcp = McpService::builder(SlowStart(hands.clone()));
    let running = start(mcp.build().unwrap()).await;
    let mut client = Client::open(running.address).await;
    let id = client.begin("initialize", hello(V24)).await;
    soon("initialize", hands.begun.notified()).await;
    client
        .notify("notifications/cancelled", json!({"requestId": id}))
        .await;
    hands.go.notify_one();
    assert!(has(&client.answer(id).await, "result"));
}

/// SPEC E-5, a known gap: a call before `notifications/initialized` may ask the client at once. The
/// client made that call, so the question does not surprise it.
#[tokio::test]
async fn a_call_before_initialized_may_ask_the_client() {
    let running = run(everything(&Hands::default())).await;
    let mut client = Client::open(running.address).await;
    let mut params = hello(V24);
    params["capabilities"] = json!({"roots": {}});
    client.result("initialize", params).await;
    let answer = json!({"result": {"roots": []}});
    let (asked, _) = ask(&mut client, "roots", answer).await;
    assert_eq!(asked["method"], "roots/list");
}

// --- E.3, E.4: ping and pages

/// SPEC E-20: `ping` is exactly `{}`, even while a handler is busy.
#[tokio::test]
async fn ping_is_answered_while_a_tool_runs() {
    let hands = Hands::default();
    let running = run(everything(&hands)).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    let slow = client.begin("tools/call", json!({"name": "wait"})).await;
    soon("the call", hands.begun.notified()).await;
    assert_eq!(client.result("ping", json!({})).await, json!({}));
    hands.go.notify_one();
    assert!(has(&client.answer(slow).await, "result"));
}

/// SPEC E-25 to E-28, E-30, D-13: pages in a stable order, on any connection.
#[tokio::test]
async fn long_lists_come_in_pages() {
    let add = |server: Server, n| server.tool(Tool::new(format!("t{n}")), async |_cx, _args| "");
    let running = run((0..250).fold(Server::new("Many", "1"), add)).await;
    let mut cursor = None;
    let mut names = Vec::new();
    for expected in [100, 100, 50] {
        // Each page on a connection of its own.
        let mut client = Client::initialized(running.address, V24, json!({})).await;
        let params = cursor.map_or_else(|| json!({}), |cursor: Value| json!({"cursor": cursor}));
        let page = client.result("tools/list", params).await;
        let tools = page["tools"].as_array().unwrap();
        assert_eq!(tools.len(), expected);
        names.extend(
            tools
                .iter()
                .map(|tool| tool["name"].as_str().unwrap().to_owned()),
        );
        cursor = page.get("nextCursor").cloned();
    }
    assert_eq!(cursor, None);
    assert_eq!(names, (0..250).map(|n| format!("t{n}")).collect::<Vec<_>>());
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    for cursor in [
        json!(""),
        json!("garbage"),
        json!("prompts:100"),
        json!(100),
    ] {
        assert_eq!(
            client
                .error_code("tools/list", json!({"cursor": cursor}))
                .await,
            -32602
        );
    }
    client
        .send(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))
        .await;
    assert_eq!(
        client.answer(1).await["result"]["tools"]
            .as_array()
            .unwrap()
            .len(),
        100
    );
}

/// SPEC E-25 to E-27: each list has its own pages, and refuses cursors of other lists.
#[tokio::test]
async fn every_list_comes_in_pages() {
    let add = |server: Server, n| {
        let uri = format!("a://{n}");
        server
            .tool(Tool::new(format!("{n}")), async |_, _| "")
            .prompt(Prompt::new(format!("{n}")), async |_, _| "")
            .resource(Resource::new(&uri, "r"), async |_, _| "")
            .resource_template(ResourceTemplate::new(uri + "/{x}", "t"), async |_, _| "")
    };
    let running = run((0..101).fold(Server::new("Many", "1"), add)).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    let lists = [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ];
    let mut cursors = Vec::new();
    for (at, (method, key)) in (1..).zip(lists) {
        client
            .send(json!({"jsonrpc": "2.0", "id": at, "method": method}))
            .await;
        let first = client.answer(at).await["result"].clone();
        assert_eq!(first[key].as_array().unwrap().len(), 100, "{method}");
        let cursor = first["nextCursor"].clone();
        assert!(cursor.is_string(), "{method}");
        let params = json!({"cursor": cursor});
        for _again in 0..2 {
            let last = client.result(method, params.clone()).await;
            assert_eq!(last[key].as_array().unwrap().len(), 1, "{method}");
            assert!(!has(&last, "nextCursor"), "{method}");
        }
        cursors.push((method, cursor));
    }
    for (method, _) in &cursors {
        for (_, cursor) in cursors.iter().filter(|(other, _)| other != method) {
            let params = json!({"cursor": cursor});
            assert_eq!(
                client.error_code(method, params).await,
                -32602,
                "{method} with {cursor}"
            );
        }
    }
}

// --- E.5: tools

/// SPEC E-30, E-31, E-32, E-47, K: each revision lists a tool in its own form, with the schema as
/// registered.
#[tokio::test]
async fn tools_are_listed_in_the_form_of_the_revision() {
    for version in LEGACY {
        let (_running, mut client) = connect(version).await;
        let list = client.result("tools/list", json!({})).await;
        let echo = named(&list["tools"], "echo");
        assert_eq!(echo["description"], "Says it again");
        assert_eq!(echo["inputSchema"], message_schema());
        assert_eq!(has(echo, "title"), version >= V06, "{version}");
        let mut hints = json!({"readOnlyHint": true, "openWorldHint": false});
        if version == V03 {
            hints["title"] = "Echo".into();
        }
        assert_eq!(
            echo.get("annotations"),
            (version >= V03).then_some(&hints),
            "{version}"
        );
        let plain = named(&list["tools"], "plain");
        let empty = json!({"type": "object", "properties": {}, "additionalProperties": false});
        assert_eq!(plain["inputSchema"], empty);
        assert!(!has(plain, "annotations"));
        let structured = named(&list["tools"], "structured");
        assert_eq!(has(structured, "outputSchema"), version >= V06, "{version}");
    }
}

/// SPEC E-33, E-34: a malformed call or an unknown tool is -32602; `arguments` may be absent.
#[tokio::test]
async fn a_malformed_call_is_an_error() {
    let (_running, mut client) = connect(V24).await;
    for params in [
        json!({"name": "nope"}),
        json!({}),
        json!({"name": 1}),
        json!({"name": "plain", "arguments": []}),
        json!({"name": "plain", "arguments": "x"}),
    ] {
        assert_eq!(
            client.error_code("tools/call", params.clone()).await,
            -32602,
            "{params}"
        );
    }
    let plain = json!({"content": [{"type": "text", "text": "plain"}]});
    assert_eq!(call(&mut client, "plain").await, plain);
    let params = json!({"name": "plain", "arguments": {}, "foo": 1});
    assert_eq!(client.result("tools/call", params).await, plain);
}

/// SPEC E-35, E-36: a failing tool gives a result that the model sees, and which says what was
/// expected.
#[tokio::test]
async fn a_failing_tool_answers_with_is_error() {
    let (_running, mut client) = connect(V24).await;
    for (name, arguments, says) in [
        ("fails", json!({}), "no luck"),
        ("error_result", json!({}), "told"),
        ("echo", json!({}), "message"),
        ("echo", json!({"message": 5}), "arguments.message: "),
    ] {
        let params = json!({"name": name, "arguments": arguments});
        let result = client.result("tools/call", params).await;
        assert_eq!(result["isError"], true);
        assert!(
            result["content"][0]["text"]
                .as_str()
                .unwrap()
                .contains(says),
            "{result}"
        );
    }
    let answer = client.call("tools/call", json!({"name": "refuses"})).await;
    assert_eq!(answer["error"], json!({"code": 7, "message": "refused"}));
}

/// SPEC A-48, A-49, PITFALLS R-8: a panic is -32603, for its caller alone and without detail.
#[tokio::test]
async fn a_panic_is_an_internal_error_of_its_caller() {
    let (_running, mut client) = connect(V24).await;
    for name in ["panics", "panics_late", "panics_when_dropped"] {
        let answer = client.call("tools/call", json!({"name": name})).await;
        assert_eq!(
            answer["error"],
            json!({"code": -32603, "message": "internal error"})
        );
        assert!(has(&call(&mut client, "plain").await, "content"));
    }
}

/// SPEC E-38, E-39, E-40, E-49: structured content comes with its text, in the revisions that have
/// it.
#[tokio::test]
async fn structured_content_goes_to_the_revisions_that_have_it() {
    for version in LEGACY {
        let (_running, mut client) = connect(version).await;
        let result = call(&mut client, "structured").await;
        assert_eq!(result["content"][0]["text"], r#"{"n":1}"#);
        let expected = (version >= V06).then(|| json!({"n": 1}));
        assert_eq!(
            result.get("structuredContent"),
            expected.as_ref(),
            "{version}"
        );
        let result = call(&mut client, "list").await;
        assert_eq!(result["content"][0]["text"], "[1,2]");
        assert!(!has(&result, "structuredContent"));
        assert_eq!(call(&mut client, "nothing").await, json!({"content": []}));
        let params = json!({"name": "breaks_schema"});
        assert_eq!(client.error_code("tools/call", params).await, -32603);
    }
}

/// SPEC E-41, E-42: content blocks are valid, and become text where the revision lacks them.
#[tokio::test]
async fn content_takes_the_form_of_the_revision() {
    for version in LEGACY {
        let (_running, mut client) = connect(version).await;
        let content = call(&mut client, "mixed").await["content"].clone();
        let audio = if version >= V03 { "audio" } else { "text" };
        let link = if version >= V06 {
            "resource_link"
        } else {
            "text"
        };
        let kinds: Vec<_> = (0..5)
            .map(|at| content[at]["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            ["text", "image", audio, "resource", link],
            "{version}"
        );
        assert_eq!(content[0]["annotations"], json!({"audience": ["user"]}));
        let image = json!({"type": "image", "data": "aQ==", "mimeType": "image/png"});
        assert_eq!(content[1], image);
        let resource = json!({"uri": "a://b", "mimeType": "text/plain", "text": "c"});
        assert_eq!(content[3]["resource"], resource);
    }
}

/// SPEC A-28: `_meta` reaches the handler unchanged.
#[tokio::test]
async fn meta_reaches_the_handler() {
    let (_running, mut client) = connect(V24).await;
    let params = json!({"name": "meta", "_meta": {"com.example/x": [1], "progressToken": "t"}});
    let result = client.result("tools/call", params).await;
    let seen: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(seen, json!({"com.example/x": [1], "progressToken": "t"}));
}

/// SPEC E-43, E-60, E-69: a change is told once to each open session.
#[tokio::test]
async fn changes_of_lists_are_told_once_to_each_session() {
    let server = everything(&Hands::default());
    let running = run(server.clone()).await;
    let mut one = Client::initialized(running.address, V24, json!({})).await;
    let mut two = Client::initialized(running.address, V11, json!({})).await;
    server
        .add_tool(Tool::new("new"), async |_cx, _args| "new")
        .unwrap();
    assert!(
        server
            .add_tool(Tool::new("new"), async |_cx, _args| "new")
            .unwrap_err()
            .is_setup()
    );
    assert!(server.remove_tool("new"));
    assert!(!server.remove_tool("new"));
    server.publish(&Change::Prompts);
    server.publish(&Change::Resources);
    for client in [&mut one, &mut two] {
        for method in [
            "notifications/tools/list_changed",
            "notifications/tools/list_changed",
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed",
        ] {
            let message = client.message().await.unwrap();
            assert_eq!(message, json!({"jsonrpc": "2.0", "method": method}));
        }
        let id = client.begin("ping", json!({})).await;
        assert_eq!(
            client.message().await.unwrap()["id"],
            id,
            "nothing else came"
        );
    }
}

/// SPEC E-43, E-60, E-69: each kind of item can be added and removed while the server runs: it is listed,
/// clients are told, and what a request of it does follows the list.
#[tokio::test]
async fn items_of_each_kind_come_and_go_while_the_server_runs() {
    let server = everything(&Hands::default());
    let running = run(server.clone()).await;
    let mut client = Client::initialized(running.address, V11, json!({})).await;
    let lists = [
        (
            "resources/list",
            "resources",
            "notifications/resources/list_changed",
        ),
        (
            "resources/templates/list",
            "resourceTemplates",
            "notifications/resources/list_changed",
        ),
        (
            "prompts/list",
            "prompts",
            "notifications/prompts/list_changed",
        ),
    ];
    let uses = [
        ("resources/read", json!({"uri": "new://a"})),
        ("resources/read", json!({"uri": "new-template://a"})),
        ("prompts/get", json!({"name": "new"})),
    ];
    for ((list, key, told), (method, params)) in lists.into_iter().zip(uses) {
        let add = || match key {
            "resources" => server.add_resource(Resource::new("new://a", "new"), async |_, _| "a"),
            "prompts" => server.add_prompt(Prompt::new("new"), async |_, _| "a"),
            _ => {
                let template = ResourceTemplate::new("new-template://{x}", "new");
                server.add_resource_template(template, async |_, _| "a")
            }
        };
        let remove = || match key {
            "resources" => server.remove_resource("new://a"),
            "prompts" => server.remove_prompt("new"),
            _ => server.remove_resource_template("new-template://{x}"),
        };
        let before = client.result(list, json!({})).await;
        assert!(client.call(method, params.clone()).await["error"].is_object());
        add().unwrap();
        assert!(add().unwrap_err().is_setup(), "{key}");
        assert_eq!(client.message().await.unwrap()["method"], told);
        let with = client.result(list, json!({})).await;
        let last = with[key].as_array().unwrap().last().unwrap();
        assert_eq!(last["name"], "new");
        client.result(method, params.clone()).await;
        assert!(remove() && !remove(), "{key}");
        assert_eq!(client.message().await.unwrap()["method"], told);
        assert_eq!(client.result(list, json!({})).await, before);
        assert!(client.call(method, params).await["error"].is_object());
    }
    let id = client.begin("ping", json!({})).await;
    assert_eq!(
        client.message().await.unwrap()["id"],
        id,
        "nothing else came"
    );
}

/// SPEC E-43: a list stays the same until a change, and shows the change from then on, in each
/// revision.
#[tokio::test]
async fn a_list_shows_the_last_change() {
    let server = everything(&Hands::default());
    let running = run(server.clone()).await;
    for version in [V24, V11] {
        let mut client = Client::initialized(running.address, version, json!({})).await;
        let before = client.result("tools/list", json!({})).await;
        assert_eq!(client.result("tools/list", json!({})).await, before);
        server
            .add_tool(Tool::new("new"), async |_cx, _args| "new")
            .unwrap();
        assert_eq!(client.message().await.unwrap()["id"], Value::Null);
        let with = client.result("tools/list", json!({})).await;
        assert_eq!(
            with["tools"].as_array().unwrap().last().unwrap()["name"],
            "new"
        );
        assert!(server.remove_tool("new"));
        assert_eq!(client.message().await.unwrap()["id"], Value::Null);
        assert_eq!(client.result("tools/list", json!({})).await, before);
        // An invalid cursor is refused, even when there is only one page.
        let cursor = json!({"cursor": 7});
        assert_eq!(client.error_code("tools/list", cursor).await, -32602);
    }
}

/// Registrations that cannot be served fail the build, with a reason (SPEC E-31, E-51, E-56).
#[tokio::test]
async fn a_wrong_registration_fails_the_build() {
    #[track_caller]
    fn check(server: Server, says: &str) {
        let error = McpService::builder(server).build().unwrap_err();
        assert!(error.is_setup());
        assert!(error.to_string().contains(says), "{error}");
    }
    let server = || Server::new("s", "1");
    let tool = |schema| server().tool(Tool::new("t").input(schema), echo);
    check(tool(json!({"type": "array"})), "input schema");
    check(tool(json!(true)), "input schema");
    check(server().tool(Tool::new(""), echo), "must not be empty");
    check(
        server()
            .tool(Tool::new("t"), echo)
            .tool(Tool::new("t"), echo),
        "twice",
    );
    check(
        server().resource(Resource::new("../x", "x"), async |_, _| ""),
        "must be absolute",
    );
    let template =
        |text: &str| server().resource_template(ResourceTemplate::new(text, "x"), async |_, _| "");
    check(template("a://{b"), "template");
    check(template("a://{b*}"), "template");
    let prompt = || Prompt::new("p");
    check(
        server()
            .prompt(prompt(), async |_, _| "")
            .prompt(prompt(), async |_, _| ""),
        "twice",
    );
    let shared = server();
    let _first = McpService::builder(shared.clone()).build().unwrap();
    check(shared, "one service");
}

/// SPEC A-29, A-30: icons and `_meta` keys that must not be sent fail the build.
#[tokio::test]
async fn a_wrong_icon_or_meta_key_fails_the_build() {
    #[track_caller]
    fn check(server: Server, says: &str) {
        let error = McpService::builder(server).build().unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let server = || Server::new("s", "1");
    let icon = || Icon::new("file:///i.png");
    check(server().about(|about| about.icons = vec![icon()]), "i.png");
    check(server().tool(Tool::new("t").icon(icon()), echo), "i.png");
    let resource = Resource::new("a://b", "b").meta("dev.mcp/x", 1);
    check(server().resource(resource, async |_, _| ""), "dev.mcp/x");
    let template = ResourceTemplate::new("a://{b}", "b").icon(icon());
    check(
        server().resource_template(template, async |_, _| ""),
        "i.png",
    );
    let prompt = Prompt::new("p").meta("a b", 1);
    check(server().prompt(prompt, async |_, _| ""), "a b");
    let added = server().add_tool(Tool::new("t").meta("-", 1), async |_, _| "");
    assert!(added.unwrap_err().is_setup());
}

/// SPEC E-1: the server's icons from 2025-11-25 on.
#[tokio::test]
async fn a_server_has_icons() {
    let server = Server::new("s", "1").about(|about| {
        let icon = Icon::new("https://example.com/i.svg").scalable();
        about.icons = vec![icon.theme(Theme::Dark)];
    });
    let running = run(server).await;
    for version in LEGACY {
        let mut client = Client::open(running.address).await;
        let result = client.result("initialize", hello(version)).await;
        let icons = json!([{"src": "https://example.com/i.svg", "sizes": ["any"],
            "theme": "dark"}]);
        let expected = (version >= V11).then_some(&icons);
        assert_eq!(result["serverInfo"].get("icons"), expected, "{version}");
    }
}

/// SPEC E-32: names are kept as they are, in either case, with every character that clients accept.
#[tokio::test]
async fn tool_names_pass_as_they_are() {
    let long = "n".repeat(128);
    let names = ["a", "A", "a.b", "a-b_c", "a/b", "7", &long];
    let add = |server: Server, name: &&str| {
        let name = (*name).to_owned();
        server.tool(Tool::new(&*name), move |_cx, _args| {
            let name = name.clone();
            async move { name }
        })
    };
    let running = run(names.iter().fold(Server::new("Names", "1"), add)).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    let list = client.result("tools/list", json!({})).await;
    for (at, name) in names.iter().enumerate() {
        assert_eq!(list["tools"][at]["name"], *name);
        let said = call(&mut client, name).await;
        assert_eq!(said["content"][0]["text"], *name);
    }
    let params = json!({"name": "B"});
    assert_eq!(client.error_code("tools/call", params).await, -32602);
}

/// SPEC E-38: a failed call needs no structured content.
#[tokio::test]
async fn an_output_schema_does_not_bind_a_failure() {
    let output = || json!({"type": "object", "required": ["n"]});
    let server = Server::new("s", "1")
        .tool(Tool::new("told").output(output()), async |_, _| {
            ToolResult::error("no")
        })
        .tool(Tool::new("failed").output(output()), async |_, _| {
            Err::<Value, _>(HandlerError::new("no"))
        });
    let running = run(server).await;
    for version in LEGACY {
        let mut client = Client::initialized(running.address, version, json!({})).await;
        for tool in ["told", "failed"] {
            let expected = json!({"content": [{"type": "text", "text": "no"}], "isError": true});
            assert_eq!(call(&mut client, tool).await, expected, "{version}");
        }
    }
}

/// SPEC E-41, E-42: annotations stay on every kind of block, and bytes are padded Base64.
#[tokio::test]
async fn hints_stay_on_every_block() {
    let server = Server::new("s", "1").tool(Tool::new("hinted"), async |_, _| {
        [
            Content::text("t"),
            Content::image(&[0xFB, 0xFF], "image/png"),
            Content::audio(b"a", "audio/wav"),
            Content::embedded(ResourceContents::blob("a://b", &[0xFB])),
            Content::link(Resource::new("a://b", "b")),
        ]
        .map(|block| block.annotations(Annotations::new().audience(Role::Assistant)))
        .to_vec()
    });
    let mcp = McpService::builder(server).build().unwrap();
    for version in ProtocolVersion::ALL {
        let client = test::Client::new(&mcp).version(version);
        let hinted = client.call("hinted", json!({})).await.unwrap();
        let content = hinted.content();
        assert_eq!(content.len(), 5);
        for block in content {
            let hints = &block["annotations"];
            assert_eq!(*hints, json!({"audience": ["assistant"]}), "{version}");
        }
        assert_eq!(content[1]["data"], "+/8=");
        assert_eq!(
            content[3]["resource"],
            json!({"uri": "a://b", "blob": "+w=="})
        );
    }
}

/// SPEC E-43, E-59, E-60, E-69, E-7: a change is not announced without the declared capability.
#[tokio::test]
async fn changes_of_undeclared_capabilities_are_not_announced() {
    let server = Server::new("s", "1").resource(Resource::new("a://b", "b"), async |_, _| "");
    let running = run(server.clone()).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    server.publish(&Change::Tools);
    server.publish(&Change::Prompts);
    server.resource_updated("a://b");
    nothing_came(&mut client).await;
    server.publish(&Change::Resources);
    let told = client.message().await.unwrap();
    assert_eq!(told["method"], "notifications/resources/list_changed");
}

/// SPEC E-43, E-15: a declared capability stays when its last tool is removed.
#[tokio::test]
async fn the_last_tool_leaves_an_empty_list() {
    for version in ProtocolVersion::ALL {
        let server = Server::new("s", "1").tool(Tool::new("only"), async |_, _| "");
        let mcp = McpService::builder(server.clone()).build().unwrap();
        let client = test::Client::new(&mcp).version(version);
        client
            .listen(json!({"toolsListChanged": true}))
            .await
            .unwrap();
        assert!(server.remove_tool("only"));
        let told = client.next_notification().await.unwrap();
        assert_eq!(told.method(), "notifications/tools/list_changed");
        assert_eq!(client.list_tools().await.unwrap(), Vec::<Value>::new());
        let unknown = client.call("only", json!({})).await.unwrap_err();
        assert_eq!(unknown.code(), Some(-32602));
    }
}

// --- E.6: resources

/// SPEC E-50, E-51, K: each revision lists resources and templates in its own form.
#[tokio::test]
async fn resources_are_listed_in_the_form_of_the_revision() {
    for version in LEGACY {
        let (_running, mut client) = connect(version).await;
        let list = client.result("resources/list", json!({})).await;
        let resource = named(&list["resources"], "static");
        assert_eq!(resource["uri"], "test://static");
        assert_eq!(resource["size"], 4);
        assert_eq!(resource["mimeType"], "text/markdown");
        assert_eq!(has(resource, "title"), version >= V06);
        assert_eq!(
            has(&resource["annotations"], "lastModified"),
            version >= V06
        );
        let list = client.result("resources/templates/list", json!({})).await;
        let template = named(&list["resourceTemplates"], "item");
        assert_eq!(template["uriTemplate"], "test://item/{id}");
        assert_eq!(has(template, "title"), version >= V06);
    }
}

/// SPEC E-52, E-53: text, bytes, several contents, templates; a static resource wins.
#[tokio::test]
async fn resources_are_read() {
    let (_running, mut client) = connect(V24).await;
    for (uri, contents) in [
        (
            "test://static",
            json!([{"mimeType": "text/markdown", "text": "text"}]),
        ),
        ("test://blob", json!([{"blob": "AP8="}])),
        (
            "test://item/0",
            json!([{"mimeType": "text/plain", "text": "the static one"}]),
        ),
        (
            "test://item/7",
            json!([{"mimeType": "text/plain", "text": "item 7"}]),
        ),
        (
            "test://item/a%2Fb",
            json!([{"mimeType": "text/plain", "text": "item a/b"}]),
        ),
        (
            "test://item/%2541",
            json!([{"mimeType": "text/plain", "text": "item %41"}]),
        ),
    ] {
        let mut contents = contents;
        contents[0]["uri"] = uri.into();
        let result = client.result("resources/read", json!({"uri": uri})).await;
        assert_eq!(result, json!({"contents": contents}));
    }
    let two = client
        .result("resources/read", json!({"uri": "test://two"}))
        .await;
    assert_eq!(two["contents"].as_array().unwrap().len(), 2);
}

/// SPEC E-54 to E-56, A-41: a missing resource is -32002 with its URI, a malformed URI is -32602.
#[tokio::test]
async fn what_cannot_be_read_is_an_error() {
    let (_running, mut client) = connect(V24).await;
    for uri in [
        "test://nothing",
        "test://item/missing",
        "test://item/..%2Fetc",
        "test://item/a/b",
    ] {
        let answer = client.call("resources/read", json!({"uri": uri})).await;
        assert_eq!(answer["error"]["code"], -32002, "{uri}");
        assert_eq!(answer["error"]["data"], json!({"uri": uri}));
    }
    for uri in [
        json!("../../etc/passwd"),
        json!("relative"),
        json!("a b:c"),
        json!(1),
    ] {
        assert_eq!(
            client
                .error_code("resources/read", json!({"uri": uri}))
                .await,
            -32602,
            "{uri}"
        );
    }
    assert_eq!(client.error_code("resources/read", json!({})).await, -32602);
    assert_eq!(
        client
            .error_code("resources/read", json!({"uri": "test://broken"}))
            .await,
        -32603
    );
}

/// SPEC E-57 to E-59: only a subscribed session gets updates, until it unsubscribes.
#[tokio::test]
async fn updates_reach_subscribers_only() {
    let server = everything(&Hands::default());
    let running = run(server.clone()).await;
    let mut one = Client::initialized(running.address, V24, json!({})).await;
    let mut two = Client::initialized(running.address, V24, json!({})).await;
    let uri = json!({"uri": "test://item/5"});
    assert_eq!(
        one.result("resources/subscribe", uri.clone()).await,
        json!({})
    );
    let unreadable = json!({"uri": "test://nothing"});
    assert_eq!(
        one.error_code("resources/subscribe", unreadable.clone())
            .await,
        -32002
    );
    assert_eq!(
        one.result("resources/unsubscribe", unreadable).await,
        json!({})
    );
    server.resource_updated("test://item/5");
    server.resource_updated("test://static");
    let told = one.message().await.unwrap();
    assert_eq!(
        told,
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated",
        "params": uri})
    );
    assert_eq!(one.result("resources/unsubscribe", uri).await, json!({}));
    server.resource_updated("test://item/5");
    for client in [&mut one, &mut two] {
        let id = client.begin("ping", json!({})).await;
        assert_eq!(
            client.message().await.unwrap()["id"],
            id,
            "nothing else came"
        );
    }
}

/// SPEC E-53, E-56: a variable is decoded once and cannot escape its place in the template.
#[tokio::test]
async fn template_variables_stay_in_their_place() {
    let template = ResourceTemplate::new("file:///srv/{+path}", "file");
    let server = Server::new("s", "1").resource_template(template, async |_, read: ReadRequest| {
        read.variable("path").unwrap_or("nothing").to_owned()
    });
    let mcp = McpService::builder(server).build().unwrap();
    let client = test::Client::new(&mcp);
    for (uri, text) in [
        ("file:///srv/a/b.txt", "a/b.txt"),
        ("file:///srv/a%20b", "a b"),
        ("file:///srv/%252e%252e/x", "%2e%2e/x"),
        ("file:///srv/a..b", "a..b"),
    ] {
        assert_eq!(client.read(uri).await.unwrap().text(), text, "{uri}");
    }
    for uri in [
        "file:///srv/../x",
        "file:///srv/a/../../x",
        "file:///srv/%2e%2e/x",
        "file:///srv/.%2E/x",
        "file:///srv/..%2fx",
        "file:///srv/..%5Cx",
        "file:///srv/a%00",
    ] {
        let refused = client.read(uri).await.unwrap_err();
        assert_eq!(refused.code(), Some(-32002), "{uri}");
    }
}

/// SPEC E-56, E-57: subscribing twice counts once, and one unsubscribe ends it.
#[tokio::test]
async fn a_subscription_counts_once() {
    let server = everything(&Hands::default());
    let running = run(server.clone()).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        for params in [json!({}), json!({"uri": 1}), json!({"uri": "../x"})] {
            let code = client.error_code(method, params.clone()).await;
            assert_eq!(code, -32602, "{method} {params}");
        }
    }
    let uri = json!({"uri": "test://static"});
    for _ in 0..2 {
        let answer = client.result("resources/subscribe", uri.clone()).await;
        assert_eq!(answer, json!({}));
    }
    server.resource_updated("test://static");
    assert_eq!(client.message().await.unwrap()["params"], uri);
    for _ in 0..2 {
        let answer = client.result("resources/unsubscribe", uri.clone()).await;
        assert_eq!(answer, json!({}));
    }
    server.resource_updated("test://static");
    nothing_came(&mut client).await;
}

// --- E.7: prompts and completion

/// SPEC E-65, E-66, K: each revision lists prompts in its own form.
#[tokio::test]
async fn prompts_are_listed_and_got() {
    for version in LEGACY {
        let (_running, mut client) = connect(version).await;
        let list = client.result("prompts/list", json!({})).await;
        let greet = named(&list["prompts"], "greet");
        let arguments = json!([{"name": "name", "required": true}, {"name": "tone"}]);
        assert_eq!(greet["arguments"], arguments);
        assert_eq!(has(greet, "title"), version >= V06);
        assert!(!has(named(&list["prompts"], "rich"), "arguments"));
        let params = json!({"name": "greet", "arguments": {"name": "Ada"}});
        let got = client.result("prompts/get", params).await;
        assert_eq!(
            got,
            json!({"description": "Greets", "messages": [
            {"role": "user", "content": {"type": "text", "text": "hello Ada"}}]})
        );
    }
}

/// SPEC E-68: each message of a prompt has one block, in the form of the revision.
#[tokio::test]
async fn prompt_content_takes_the_form_of_the_revision() {
    let server = everything(&Hands::default());
    let mcp = McpService::builder(server).build().unwrap();
    for version in ProtocolVersion::ALL {
        let client = test::Client::new(&mcp).version(version);
        let got = client.prompt("rich", Value::Null).await.unwrap();
        let kinds = got
            .messages()
            .iter()
            .map(|message| message["content"]["type"].as_str());
        let kinds: Vec<&str> = kinds.flatten().collect();
        let expected = match version {
            ProtocolVersion::V2024_11_05 => ["image", "text", "text"],
            ProtocolVersion::V2025_03_26 => ["image", "audio", "text"],
            _ => ["image", "audio", "resource_link"],
        };
        assert_eq!(kinds, expected, "{version}");
        assert_eq!(got.messages()[1]["role"], "assistant");
    }
}

/// SPEC E-66, E-67: unknown prompts and wrong arguments are -32602, internal failures -32603.
#[tokio::test]
async fn a_prompt_that_cannot_be_got_is_an_error() {
    let (_running, mut client) = connect(V24).await;
    for (params, code) in [
        (json!({"name": "nope"}), -32602),
        (json!({}), -32602),
        (json!({"name": "greet"}), -32602),
        (json!({"name": "greet", "arguments": {"tone": "x"}}), -32602),
        (json!({"name": "greet", "arguments": {"name": 1}}), -32602),
        (json!({"name": "greet", "arguments": []}), -32602),
        (json!({"name": "fails"}), -32603),
    ] {
        assert_eq!(
            client.error_code("prompts/get", params.clone()).await,
            code,
            "{params}"
        );
    }
}

/// SPEC E-70 to E-72: candidates, at most 100, for arguments that exist.
#[tokio::test]
async fn arguments_are_completed() {
    for version in LEGACY {
        let (_running, mut client) = connect(version).await;
        let ask = |reference: Value, argument: &str| {
            json!({"ref": reference, "argument": {"name": argument, "value": "v"},
                "context": {"arguments": {"tone": "T"}}})
        };
        let prompt = json!({"type": "ref/prompt", "name": "greet"});
        let template = json!({"type": "ref/resource", "uri": "test://item/{id}"});
        let got = client
            .result("completion/complete", ask(prompt.clone(), "name"))
            .await;
        let expected = if version >= V06 { "vT" } else { "v-" };
        assert_eq!(got["completion"]["values"], json!([expected]), "{version}");
        let got = client
            .result("completion/complete", ask(template.clone(), "id"))
            .await;
        assert_eq!(got["completion"]["values"].as_array().unwrap().len(), 100);
        assert_eq!(got["completion"]["total"], 150);
        assert_eq!(got["completion"]["hasMore"], true);
        for params in [
            ask(prompt, "nope"),
            ask(template, "nope"),
            ask(json!({"type": "ref/prompt", "name": "nope"}), "name"),
            ask(json!({"type": "ref/other"}), "name"),
            json!({}),
        ] {
            assert_eq!(
                client.error_code("completion/complete", params).await,
                -32602
            );
        }
    }
}

/// SPEC E-71, E-72: completions for prompts and templates, and requests that are refused.
#[tokio::test]
async fn a_completion_must_be_asked_properly() {
    for version in LEGACY {
        let (_running, mut client) = connect(version).await;
        let good = json!({"ref": {"type": "ref/prompt", "name": "greet"},
            "argument": {"name": "name", "value": ""}});
        let got = client.result("completion/complete", good.clone()).await;
        let all = json!({"completion": {"values": ["-"], "total": 1, "hasMore": false}});
        assert_eq!(got, all);
        for (key, wrong) in [
            ("argument", json!({"name": "name", "value": 1})),
            ("argument", json!({"name": "name"})),
            ("argument", Value::Null),
            ("ref", json!("greet")),
            (
                "ref",
                json!({"type": "ref/resource", "uri": "test://static"}),
            ),
        ] {
            let mut params = good.clone();
            params[key] = wrong;
            let code = client.error_code("completion/complete", params).await;
            assert_eq!(code, -32602, "{key}");
        }
        let mut params = good;
        params["context"] = json!({"arguments": {"tone": 5}});
        let answer = client.call("completion/complete", params).await;
        let code = (version >= V06).then_some(-32602);
        assert_eq!(answer["error"]["code"].as_i64(), code, "{version}");
    }
}

// --- E.8: logging, progress, cancellation

async fn logged(client: &mut Client) -> Vec<String> {
    let id = client.begin("tools/call", json!({"name": "log"})).await;
    let mut levels = Vec::new();
    loop {
        let message = client.message().await.unwrap();
        if message["id"] == id {
            return levels;
        }
        assert_eq!(message["method"], "notifications/message");
        let params = &message["params"];
        assert_eq!(params["logger"], "tests");
        assert_eq!(params["data"]["at"], params["level"]);
        levels.push(params["level"].as_str().unwrap().to_owned());
    }
}

/// SPEC E-81 to E-84: logs from `info` on are sent until the session sets a level, before the
/// answer of the call.
#[tokio::test]
async fn a_session_sets_its_log_level() {
    let (running, mut client) = connect(V24).await;
    let all = LogLevel::ALL.map(LogLevel::as_str);
    assert_eq!(logged(&mut client).await, all[1..]);
    for (at, level) in all.iter().enumerate() {
        let set = client
            .result("logging/setLevel", json!({"level": level}))
            .await;
        assert_eq!(set, json!({}));
        assert_eq!(logged(&mut client).await, all[at..]);
    }
    for level in [json!("verbose"), json!("INFO"), json!(1), Value::Null] {
        assert_eq!(
            client
                .error_code("logging/setLevel", json!({"level": level}))
                .await,
            -32602
        );
    }
    let mut other = Client::initialized(running.address, V24, json!({})).await;
    assert_eq!(
        logged(&mut other).await,
        all[1..],
        "the level is of one session"
    );
}

/// SPEC E-80: a server that does not declare logging does not log.
#[tokio::test]
async fn without_the_capability_nothing_is_logged() {
    let running = run(tools(Server::new("s", "1"), &Hands::default())).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    assert_eq!(logged(&mut client).await, [""; 0]);
}

/// SPEC E-85, E-86, A-31, PITFALLS R-11: progress needs a token, keeps its type, strictly
/// increases, and precedes the answer.
#[tokio::test]
async fn progress_is_sent_for_a_token() {
    for version in LEGACY {
        let (_running, mut client) = connect(version).await;
        for token in [json!("t"), json!(7), json!(0)] {
            let params = json!({"name": "progress", "_meta": {"progressToken": token}});
            let id = client.begin("tools/call", params).await;
            for step in [json!(1), json!(2), json!(3.5)] {
                let told = client.message().await.unwrap();
                assert_eq!(told["method"], "notifications/progress");
                assert_eq!(told["params"]["progressToken"], token);
                assert_eq!(told["params"]["progress"], step);
                assert_eq!(told["params"]["total"], 10);
                assert_eq!(has(&told["params"], "message"), version >= V03);
            }
            assert_eq!(client.message().await.unwrap()["id"], id);
        }
        let id = client
            .begin("tools/call", json!({"name": "progress"}))
            .await;
        assert_eq!(client.message().await.unwrap()["id"], id, "nobody asked");
    }
}

/// SPEC A-5, A-31: a token beyond 64 bits comes back unchanged.
#[tokio::test]
async fn a_long_progress_token_keeps_its_digits() {
    let (_running, mut client) = connect(V24).await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"progress",
        "_meta":{"progressToken":123456789012345678901234567890}}}"#;
    assert_eq!(client.post(body).await.status, 202);
    let event = client.event().await.unwrap();
    assert!(
        event
            .data
            .contains(r#""progressToken":123456789012345678901234567890,"#)
    );
}

/// FIELD S-9: a number that serde_json cannot hold does not make the rest of `_meta` disappear, and its
/// digits are still to be had.
#[tokio::test]
async fn an_unreadable_number_in_meta_hides_nothing() {
    let (_running, mut client) = connect(V24).await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"meta",
        "_meta":{"a":"x","b":1e400,"c":{"d":[-1e400]},"e":2}}}"#;
    assert_eq!(client.post(body).await.status, 202);
    let answer = client.answer(1).await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    let meta: Value = serde_json::from_str(text).unwrap();
    let expected = json!({"a": "x", "b": "1e400", "c": r#"{"d":[-1e400]}"#, "e": 2});
    assert_eq!(meta, expected);
}

/// SPEC E-85: nothing about a call comes after its answer.
#[tokio::test]
async fn no_progress_follows_the_answer() {
    let (_running, mut client) = connect(V24).await;
    let params = json!({"name": "late_progress", "_meta": {"progressToken": 1}});
    let id = client.begin("tools/call", params).await;
    assert_eq!(client.message().await.unwrap()["id"], id);
    for _ in 0..3 {
        let id = client.begin("ping", json!({})).await;
        assert_eq!(client.message().await.unwrap()["id"], id);
    }
}

/// SPEC E-87, E-88, A-7: a cancelled call stops, is freed and gets no answer; others go on.
#[tokio::test]
async fn a_cancelled_call_ends_without_an_answer() {
    let hands = Hands::default();
    let running = run(everything(&hands)).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    let slow = client.begin("tools/call", json!({"name": "wait"})).await;
    soon("the call", hands.begun.notified()).await;
    let unknown = [
        json!({"requestId": 999_999}),
        json!({"requestId": slow.to_string()}),
        json!({}),
    ];
    for params in unknown {
        client.notify("notifications/cancelled", params).await;
    }
    assert_eq!(
        hands.ended.load(Ordering::SeqCst),
        0,
        "SPEC E-87, A-21: no effect"
    );
    let reason = json!({"requestId": slow, "reason": "enough"});
    client.notify("notifications/cancelled", reason).await;
    let ended = async {
        while hands.ended.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the drop of the handler", ended).await;
    let id = client.begin("ping", json!({})).await;
    assert_eq!(
        client.message().await.unwrap()["id"],
        id,
        "no answer to the cancelled call"
    );
}

/// SPEC A-12, PITFALLS R-13: a request with broken params does not answer a running call with the
/// same id.
#[tokio::test]
async fn broken_params_do_not_answer_a_running_call() {
    let hands = Hands::default();
    let running = run(everything(&hands)).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    let slow = client.begin("tools/call", json!({"name": "wait"})).await;
    soon("the call", hands.begun.notified()).await;
    let same = json!({"jsonrpc": "2.0", "id": slow, "method": "ping", "params": []});
    let refused = client.post(same.to_string()).await;
    assert_eq!((refused.status, &refused.json()["id"]), (400, &json!(slow)));
    hands.go.notify_one();
    assert!(
        has(&client.message().await.unwrap(), "result"),
        "its own answer, and only that"
    );
}

/// SPEC E-89, E-87: however a cancellation and its call race, there is one answer or none, and the
/// session goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_and_answer_may_race() {
    let hands = Hands::default();
    let running = run(everything(&hands)).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    for round in 0..200 {
        let slow = client.begin("tools/call", json!({"name": "wait"})).await;
        soon("the call", hands.begun.notified()).await;
        hands.go.notify_one();
        client
            .notify("notifications/cancelled", json!({"requestId": slow}))
            .await;
        let id = client.begin("ping", json!({})).await;
        let mut answers = 0;
        loop {
            let message = client.message().await.unwrap();
            if message["id"] == id {
                break;
            }
            assert_eq!(message["id"], slow);
            answers += 1;
        }
        assert!(answers <= 1, "round {round}");
        // A permit left over from the cancelled call would let the next one through.
        let _ = tokio::time::timeout(Duration::ZERO, hands.go.notified()).await;
    }
}

/// SPEC E-83: any JSON may be logged, with a logger or without.
#[tokio::test]
async fn any_json_is_logged() {
    let logged = [
        json!("text"),
        json!(1.5),
        Value::Null,
        json!([1, {"a": []}]),
    ];
    let to_log = logged.clone();
    let server = Server::new("s", "1")
        .logging()
        .tool(Tool::new("log"), move |cx: Call, _args| {
            for data in to_log.clone() {
                cx.log(LogLevel::Error, None, data);
            }
            async {}
        });
    let running = run(server).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    client.begin("tools/call", json!({"name": "log"})).await;
    for data in logged {
        let told = client.message().await.unwrap();
        assert_eq!(told["params"], json!({"level": "error", "data": data}));
    }
}

/// SPEC E-85, A-31: a token of another type makes the call fail.
#[tokio::test]
async fn a_progress_token_is_a_string_or_an_integer() {
    let (_running, mut client) = connect(V24).await;
    for token in [json!(1.5), json!(true), json!([1]), json!({})] {
        let params = json!({"name": "progress", "_meta": {"progressToken": token}});
        let code = client.error_code("tools/call", params).await;
        assert_eq!(code, -32602, "{token}");
    }
    nothing_came(&mut client).await;
}

/// SPEC E-86: two calls may use one token; each counts its own progress.
#[tokio::test]
async fn two_calls_may_share_a_progress_token() {
    let turns: [Arc<Notify>; 2] = Default::default();
    let taken = turns.clone();
    let server = Server::new("s", "1").tool(
        Tool::new("steps").input(json!({"type": "object"})),
        move |cx: Call, args: Arguments| {
            let at = usize::try_from(args.integer("at").unwrap()).unwrap();
            let turn = Arc::clone(&taken[at]);
            async move {
                for step in [1.0, 2.0] {
                    turn.notified().await;
                    cx.progress(step, at as f64, None);
                }
            }
        },
    );
    let running = run(server).await;
    let mut client = Client::initialized(running.address, V24, json!({})).await;
    let mut ids = Vec::new();
    for at in 0..2 {
        let params = json!({"name": "steps", "arguments": {"at": at},
            "_meta": {"progressToken": "same"}});
        ids.push(client.begin("tools/call", params).await);
    }
    for step in [1, 2] {
        for at in [1, 0] {
            turns[at].notify_one();
            let told = client.message().await.unwrap();
            let expected = json!({"progressToken": "same", "progress": step, "total": at});
            assert_eq!(told["params"], expected);
            if step == 2 {
                assert_eq!(client.message().await.unwrap()["id"], ids[at]);
            }
        }
    }
}

/// SPEC E-87, G-22: a cancel acts in its own session only.
#[tokio::test]
async fn another_session_cannot_cancel() {
    let hands = Hands::default();
    let running = run(everything(&hands)).await;
    let mut one = Client::initialized(running.address, V24, json!({})).await;
    let mut two = Client::initialized(running.address, V24, json!({})).await;
    let id = one.begin("tools/call", json!({"name": "wait"})).await;
    soon("the call", hands.begun.notified()).await;
    two.notify("notifications/cancelled", json!({"requestId": id}))
        .await;
    nothing_came(&mut two).await;
    hands.go.notify_one();
    assert!(has(&one.answer(id).await, "result"));
}

// --- E.9: asking the client

/// Answers the server's next request, and returns it.
async fn reply(client: &mut Client, answer: Value) -> Value {
    let asked = client.message().await.unwrap();
    let mut message = json!({"jsonrpc": "2.0", "id": asked["id"]});
    message
        .as_object_mut()
        .unwrap()
        .extend(answer.as_object().unwrap().clone());
    client.send(message).await;
    asked
}

/// Calls a tool that asks the client, and answers with `answer`; returns the question and the text.
async fn ask(client: &mut Client, tool: &str, answer: Value) -> (Value, String) {
    let id = client.begin("tools/call", json!({"name": tool})).await;
    let asked = reply(client, answer).await;
    let result = client.answer(id).await["result"].clone();
    (
        asked,
        result["content"][0]["text"].as_str().unwrap().to_owned(),
    )
}

/// SPEC E-95, E-7: the server does not ask for what the client did not declare or its revision
/// lacks.
#[tokio::test]
async fn only_what_was_declared_is_asked() {
    let all = json!({"sampling": {}, "roots": {}, "elicitation": {"url": {}, "form": {}}});
    for (version, capabilities, refused) in [
        (V24, json!({}), &["sample", "roots", "elicit", "visit"][..]),
        (V24, all.clone(), &["elicit", "visit"][..]),
        (V03, all.clone(), &["elicit", "visit"][..]),
        (V11, json!({"elicitation": {"url": {}}}), &["elicit"][..]),
        (V06, all, &["visit"][..]),
        (V11, json!({"elicitation": {}}), &["visit", "sample"][..]),
    ] {
        let (_running, mut client) = connect_as(version, capabilities).await;
        for tool in refused {
            let result = call(&mut client, tool).await;
            assert_eq!(result["isError"], true, "{tool} in {version}");
            assert!(
                result["content"][0]["text"]
                    .as_str()
                    .unwrap()
                    .contains("did not declare")
            );
        }
        nothing_came(&mut client).await;
    }
}

/// SPEC E-96, E-97, E-100, A-14: sampling travels on the session's stream and is answered by POST.
#[tokio::test]
async fn a_tool_samples() {
    let (_running, mut client) = connect_as(V24, json!({"sampling": {}})).await;
    let answer = json!({"result": {"role": "assistant", "model": "m",
        "content": {"type": "text", "text": "hi"}}});
    let (asked, text) = ask(&mut client, "sample", answer).await;
    assert_eq!(text, "hi");
    assert_eq!(asked["method"], "sampling/createMessage");
    assert_eq!(
        asked["params"],
        json!({"maxTokens": 100, "systemPrompt": "be brief",
        "messages": [{"role": "user", "content": {"type": "text", "text": "hello"}}]})
    );
    let refusal = json!({"error": {"code": -1, "message": "User rejected sampling request"}});
    let (_, text) = ask(&mut client, "sample", refusal).await;
    assert!(text.contains("User rejected"), "{text}");
    let (second, _) = ask(&mut client, "sample", json!({"result": {"role": "user"}})).await;
    assert_ne!(asked["id"], second["id"], "SPEC A-14");
    assert_eq!(
        client.result("ping", json!({})).await,
        json!({}),
        "SPEC E-111"
    );
}

/// SPEC E-101, E-103, E-109: a form has its schema, from 2025-11-25 on its mode, and three possible
/// actions.
#[tokio::test]
async fn a_tool_elicits() {
    for (version, declared) in [(V06, json!({})), (V11, json!({"form": {}, "url": {}}))] {
        let (_running, mut client) = connect_as(version, json!({"elicitation": declared})).await;
        for (answer, text) in [
            (
                json!({"action": "accept", "content": {"name": "Ada"}}),
                "Accepted",
            ),
            (json!({"action": "decline"}), "Declined"),
            (json!({"action": "cancel"}), "Cancelled"),
            (
                json!({"action": "accept", "content": {"name": 5}}),
                "malformed",
            ),
        ] {
            let (asked, said) = ask(&mut client, "elicit", json!({"result": answer})).await;
            assert!(said.contains(text), "{said}");
            assert_eq!(asked["params"]["message"], "who?");
            assert_eq!(
                asked["params"]["requestedSchema"]["required"],
                json!(["name"])
            );
            assert_eq!(has(&asked["params"], "mode"), version == V11);
        }
        if version == V11 {
            let answer = json!({"result": {"action": "accept"}});
            let (asked, said) = ask(&mut client, "visit", answer).await;
            assert_eq!(asked["params"]["url"], "https://example.com/x");
            assert!(asked["params"]["elicitationId"].is_string());
            assert!(said.contains("Accepted"), "{said}");
        }
    }
}

/// SPEC E-97, E-100, E-41: a sampling request has every member, in the form of the revision.
#[tokio::test]
async fn a_sampling_request_holds_what_was_set() {
    let server = Server::new("s", "1").tool(Tool::new("sample"), async |cx: Call, _args| {
        let wish = Sampling::new(7)
            .message(Role::User, Content::image(b"i", "image/png"))
            .message(Role::Assistant, Content::audio(b"a", "audio/wav"))
            .temperature(0.5)
            .stop_sequences(&["END"])
            .model_preferences(json!({"hints": [{"name": "m"}], "costPriority": 1}))
            .metadata(json!({"k": "v"}));
        Ok::<_, HandlerError>(format!("{:?}", cx.sample(&wish).await?))
    });
    let running = run(server).await;
    for version in LEGACY {
        let sampling = json!({"sampling": {}});
        let mut client = Client::initialized(running.address, version, sampling).await;
        let answer = json!({"result": {"role": "assistant", "model": "m", "stopReason": "endTurn",
            "content": {"type": "image", "data": "aQ==", "mimeType": "image/png"}}});
        let (asked, said) = ask(&mut client, "sample", answer).await;
        assert!(
            said.contains(r#"text: None, stop_reason: Some("endTurn")"#),
            "{said}"
        );
        let params = &asked["params"];
        let audio = if version >= V03 { "audio" } else { "text" };
        assert_eq!(params["messages"][0]["content"]["type"], "image");
        assert_eq!(params["messages"][1]["content"]["type"], audio, "{version}");
        let mut rest = params.clone();
        rest.as_object_mut().unwrap().remove("messages");
        assert_eq!(
            rest,
            json!({"maxTokens": 7, "temperature": 0.5, "stopSequences": ["END"],
                "modelPreferences": {"hints": [{"name": "m"}], "costPriority": 1},
                "metadata": {"k": "v"}})
        );
    }
}

/// SPEC E-98, E-99: a model uses tools in turns, and only where the client declared it.
#[tokio::test]
async fn a_model_uses_tools_in_turns() {
    let server = Server::new("s", "1").tool(Tool::new("sample"), async |cx: Call, _args| {
        let wish = Sampling::new(7)
            .message(Role::User, "sum?")
            .tool(Tool::new("sum"));
        let sampled = cx.sample(&wish).await?;
        let used = &sampled.tool_uses[0];
        let gave = (used.id.clone(), ToolResult::content([Content::text("3")]));
        let sampled = cx.sample(&wish.tool_turn(&sampled, [gave])).await?;
        Ok::<_, HandlerError>(sampled.text.unwrap_or_default())
    });
    let mcp = McpService::builder(server).build().unwrap();
    let client = test::Client::new(&mcp);
    let plain = client.clone().capabilities(json!({"sampling": {}}));
    let refused = plain.call("sample", json!({})).await.unwrap();
    assert!(refused.is_error(), "SPEC E-98");

    let used = json!([{"type": "tool_use", "id": "u1", "name": "sum", "input": {},
        "_meta": {"com.example/kept": 1}}]);
    let uses = json!({"role": "assistant", "model": "m", "content": used});
    let client = client.on_sample(move |question| {
        let params = question.params();
        assert_eq!(params["tools"][0]["name"], "sum");
        let messages = params["messages"].as_array().unwrap();
        if messages.len() == 1 {
            return Reply::result(uses.clone());
        }
        assert_eq!(messages[1], json!({"role": "assistant", "content": used}));
        let result = json!({"type": "tool_result", "toolUseId": "u1",
            "content": [{"type": "text", "text": "3"}]});
        assert_eq!(
            messages[2..],
            [json!({"role": "user", "content": [result]})]
        );
        Reply::sampled("three")
    });
    let said = client.call("sample", json!({})).await.unwrap();
    assert_eq!(said.text(), "three");
}

/// SPEC E-103, E-106: a question that no client may be asked is not sent, and the handler gets the
/// reason.
#[tokio::test]
async fn a_faulty_elicitation_is_not_sent() {
    let server = Server::new("s", "1")
        .tool(Tool::new("secret"), async |cx: Call, _args| {
            let schema = json!({"type": "object", "properties": {"apiKey": {"type": "string"}}});
            format!("{:?}", cx.elicit(&Elicitation::form("?", schema)).await)
        })
        .tool(Tool::new("nowhere"), async |cx: Call, _args| {
            format!("{:?}", cx.elicit(&Elicitation::url("?", "/x")).await)
        });
    let running = run(server).await;
    let all = json!({"elicitation": {"form": {}, "url": {}}});
    let mut client = Client::initialized(running.address, V11, all).await;
    for (tool, says) in [("secret", "apiKey"), ("nowhere", "URL")] {
        let result = call(&mut client, tool).await;
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("Faulty") && text.contains(says), "{text}");
    }
    nothing_came(&mut client).await;
}

/// SPEC E-100, E-111: an answer that is not a sampling result fails only its call.
#[tokio::test]
async fn a_sampling_result_is_validated() {
    let (_running, mut client) = connect_as(V24, json!({"sampling": {}})).await;
    let good = json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "x"}});
    for (key, wrong) in [
        ("role", json!("robot")),
        ("role", Value::Null),
        ("model", json!(1)),
        ("content", json!("text")),
        ("content", json!(5)),
        ("content", json!({"text": "no type"})),
        ("content", json!({"type": "text"})),
    ] {
        let mut result = good.clone();
        result[key] = wrong;
        let shown = result.to_string();
        let (_, said) = ask(&mut client, "sample", json!({"result": result})).await;
        assert!(said.contains("malformed"), "{shown}: {said}");
    }
    let (_, said) = ask(&mut client, "sample", json!({"result": good})).await;
    assert_eq!(said, "x", "the session lives on");
}

/// SPEC E-111, A-8: an answer that is not a JSON-RPC message is refused in its POST; the handler
/// still waits, so the client may answer again.
#[tokio::test]
async fn a_broken_answer_may_be_mended() {
    let (_running, mut client) = connect_as(V24, json!({"roots": {}})).await;
    let id = client.begin("tools/call", json!({"name": "roots"})).await;
    let asked = client.message().await.unwrap();
    for broken in [
        json!({"result": []}),
        json!({"result": "x"}),
        json!({"result": null}),
        json!({"result": {}, "error": {"code": 1, "message": "both"}}),
    ] {
        let mut message = json!({"jsonrpc": "2.0", "id": asked["id"]});
        let members = message.as_object_mut().unwrap();
        members.extend(broken.as_object().unwrap().clone());
        assert_eq!(
            client.post(message.to_string()).await.status,
            400,
            "{broken}"
        );
    }
    nothing_came(&mut client).await;
    let good = json!({"roots": [{"uri": "file:///a"}]});
    client
        .send(json!({"jsonrpc": "2.0", "id": asked["id"], "result": good}))
        .await;
    let answer = client.answer(id).await;
    assert_eq!(answer["result"]["content"][0]["text"], "file:///a");
}

/// SPEC E-100: a handler gets the client's error.
#[tokio::test]
async fn a_refusal_reaches_the_handler() {
    let server = Server::new("s", "1").tool(Tool::new("sample"), async |cx: Call, _args| {
        format!("{:?}", cx.sample(&Sampling::new(1)).await)
    });
    let running = run(server).await;
    let mut client = Client::initialized(running.address, V24, json!({"sampling": {}})).await;
    let error = ErrorObject::new(-1, "User rejected");
    let expected = Err::<(), _>(RequestError::Refused(error.with_data(json!({"by": "me"}))));
    let answer = json!({"error": {"code": -1, "message": "User rejected", "data": {"by": "me"}}});
    let (_, said) = ask(&mut client, "sample", answer).await;
    assert_eq!(said, format!("{expected:?}"));
}

/// SPEC E-110, E-111: the server asks for roots, and a malformed answer fails only its call.
#[tokio::test]
async fn a_tool_asks_for_roots() {
    let (_running, mut client) = connect_as(V24, json!({"roots": {"listChanged": true}})).await;
    let answer = json!({"result": {"roots": [{"uri": "file:///a", "name": "A"}]}});
    let (asked, text) = ask(&mut client, "roots", answer).await;
    assert_eq!(asked["method"], "roots/list");
    assert_eq!(text, "file:///a");
    client
        .notify("notifications/roots/list_changed", json!({}))
        .await;
    let answer = json!({"result": {"roots": [{"uri": "file:///b"}]}});
    assert_eq!(ask(&mut client, "roots", answer).await.1, "file:///b");
    for wrong in [
        json!({"result": {"roots": 5}}),
        json!({"error": {"code": "x"}}),
    ] {
        assert!(
            ask(&mut client, "roots", wrong)
                .await
                .1
                .contains("malformed")
        );
    }
}

/// SPEC E-10: when no answer comes, the question times out and the server cancels it at the client.
#[tokio::test]
async fn a_request_to_the_client_times_out() {
    let server = everything(&Hands::default());
    let mcp =
        McpService::builder(server).timeouts(|timeouts| timeouts.reply = Duration::from_millis(50));
    let running = start(mcp.build().unwrap()).await;
    let mut client = Client::initialized(running.address, V24, json!({"roots": {}})).await;
    let id = client.begin("tools/call", json!({"name": "roots"})).await;
    let asked = client.message().await.unwrap();
    let told = client.message().await.unwrap();
    assert_eq!(told["method"], "notifications/cancelled");
    assert_eq!(told["params"]["requestId"], asked["id"]);
    assert_eq!(client.answer(id).await["result"]["isError"], true);
    let late = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}});
    client.send(late).await;
    assert_eq!(
        client.result("ping", json!({})).await,
        json!({}),
        "SPEC C-22: a late answer"
    );
}

/// SPEC A-14, G-22: an answer counts only in the session that was asked.
#[tokio::test]
async fn another_session_cannot_answer() {
    let running = run(everything(&Hands::default())).await;
    let mut one = Client::initialized(running.address, V24, json!({"roots": {}})).await;
    let two = Client::initialized(running.address, V24, json!({"roots": {}})).await;
    let id = one.begin("tools/call", json!({"name": "roots"})).await;
    let asked = one.message().await.unwrap();
    let answer = |uri: &str| json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": [{"uri": uri}]}});
    two.send(answer("file:///evil")).await;
    one.send(answer("file:///good")).await;
    assert_eq!(
        one.answer(id).await["result"]["content"][0]["text"],
        "file:///good"
    );
}

/// SPEC A-14: the server's ids are separate from the client's, and an answer must have exactly the
/// id.
#[tokio::test]
async fn both_sides_may_use_one_id() {
    let (_running, mut client) = connect_as(V24, json!({"roots": {}})).await;
    let roots = |uri: &str| json!({"roots": [{"uri": uri}]});
    let (first, _) = ask(&mut client, "roots", json!({"result": roots("file:///a")})).await;
    let next = first["id"].as_u64().unwrap() + 1;
    client
        .send(json!({"jsonrpc": "2.0", "id": next, "method": "tools/call",
            "params": {"name": "roots"}}))
        .await;
    let asked = client.message().await.unwrap();
    assert_eq!(
        (&asked["id"], &asked["method"]),
        (&json!(next), &json!("roots/list"))
    );
    let text = next.to_string();
    for (id, uri) in [(json!(text), "file:///text"), (json!(next), "file:///b")] {
        client
            .send(json!({"jsonrpc": "2.0", "id": id, "result": roots(uri)}))
            .await;
    }
    let answer = client.answer(next).await;
    assert_eq!(answer["result"]["content"][0]["text"], "file:///b");
}

/// SPEC E-10, E-87, C-22: a call that is cancelled while it asks takes its question back, and ignores a late
/// answer.
#[tokio::test]
async fn a_call_may_be_cancelled_while_it_asks() {
    let (_running, mut client) = connect_as(V24, json!({"roots": {}})).await;
    let id = client.begin("tools/call", json!({"name": "roots"})).await;
    let asked = client.message().await.unwrap();
    client
        .notify("notifications/cancelled", json!({"requestId": id}))
        .await;
    let told = client.message().await.unwrap();
    assert_eq!(told["method"], "notifications/cancelled");
    assert_eq!(told["params"]["requestId"], asked["id"]);
    client
        .send(json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}}))
        .await;
    nothing_came(&mut client).await;
}

/// SPEC H-7, H-13, H-16, H-17, GOTCHAS 24 and 25: a stream has two event names, headers before any
/// message, no compression even when the client offers it, and one complete JSON-RPC object in
/// every message.
#[tokio::test]
async fn a_stream_is_plain_events_of_whole_messages() {
    let running = run(everything(&Hands::default())).await;
    let headers = "Accept-Encoding: gzip, deflate\r\n";
    // `open_at` returns once the head and the first event are there, before any request.
    let mut client = Client::open_at(running.address, "/sse", headers).await;
    assert!(
        !client
            .head
            .to_ascii_lowercase()
            .contains("content-encoding"),
        "{}",
        client.head
    );
    client.begin("initialize", hello(V24)).await;
    client.begin("tools/call", json!({"name": "log"})).await;
    client.begin("tools/call", json!({"name": "mixed"})).await;
    let last = client.begin("nope", json!({})).await;
    loop {
        let event = client.event().await.unwrap();
        assert_eq!(event.name, "message");
        assert!(!event.data.contains('\n'), "one data line: {}", event.data);
        let message: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(message["jsonrpc"], "2.0");
        if message["id"] == last {
            break;
        }
    }
}
