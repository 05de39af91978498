//! `mcp_wire::test`: clients in memory, of each revision, and handlers alone.

use std::sync::Arc;
use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
use mcp_wire::server::{
    Arguments, Call, CompletionRequest, Elicitation, Elicited, HandlerError, Presence, Prompt,
    PromptArguments, ReadRequest, Resource, ResourceTemplate, Role, Sampling, Server, Tool,
    with_state,
};
use mcp_wire::test::{self, Client, Question, Reply};
use mcp_wire::{
    BoxFuture, Change, Context, Dispatcher, Era, LogLevel, McpService, ProtocolVersion,
};
use serde_json::{Value, json};

use crate::support::probe::{OnDrop, Seen};
use crate::support::{soon, until};

/// More than a page.
const RESOURCES: usize = 130;

fn name_form() -> Elicitation {
    let form = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    Elicitation::form("What is your name?", form)
}

async fn greet(cx: Call, _: Arguments) -> Result<String, HandlerError> {
    Ok(match cx.elicit(&name_form()).await? {
        Elicited::Accepted(answer) => format!("Hello, {}!", answer["name"].as_str().unwrap()),
        Elicited::Declined => "Hello, stranger!".to_owned(),
        _ => "Never mind.".to_owned(),
    })
}

async fn think(cx: Call, _: Arguments) -> Result<String, HandlerError> {
    let question = Sampling::new(10).message(Role::User, "The capital of France?");
    Ok(cx.sample(&question).await?.text.unwrap_or_default())
}

async fn roots(cx: Call, _: Arguments) -> Result<String, HandlerError> {
    let roots = cx.roots().await?.into_iter().map(|root| root.uri);
    Ok(roots.collect::<Vec<_>>().join(" "))
}

async fn whoami(cx: Call, _: Arguments) -> String {
    let identity = cx.identity().map(Identity::principal);
    identity.unwrap_or("nobody").to_owned()
}

async fn import(cx: Call, _: Arguments) -> &'static str {
    for line in 1..=3 {
        cx.progress(f64::from(line), 3.0, Some("reading"));
    }
    cx.log(LogLevel::Notice, Some("import"), "done");
    "imported"
}

/// Waits for a permit after its first progress.
async fn wait(seen: Arc<Seen>, cx: Call, _: Arguments) -> &'static str {
    let _over = OnDrop::new(&seen, "wait");
    cx.progress(1.0, None, None);
    seen.tell("begun", "wait");
    seen.leave("wait").await;
    "waited"
}

async fn note(_: Call, request: ReadRequest) -> Result<String, HandlerError> {
    match request.variable("id") {
        Some("0") => Err(HandlerError::new("there is no note 0")),
        id => Ok(format!("note {}", id.unwrap_or_default())),
    }
}

async fn write(_: Call, arguments: PromptArguments) -> String {
    let about = arguments.get("about").unwrap_or("nothing");
    format!("Write a note about {about}.")
}

async fn complete(_: Call, request: CompletionRequest) -> Result<Vec<String>, HandlerError> {
    let all = ["bread", "butter", "milk"].into_iter();
    let fits = all.filter(|value| value.starts_with(request.value()));
    Ok(fits.map(str::to_owned).collect())
}

fn server() -> (Server, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let sum = json!({"type": "object", "properties": {"sum": {"type": "integer"}}});
    let server = Server::new("Notes", "1.0.0")
        .logging()
        .subscriptions()
        .tool(Tool::new("greet"), greet)
        .tool(Tool::new("think"), think)
        .tool(Tool::new("roots"), roots)
        .tool(Tool::new("whoami"), whoami)
        .tool(Tool::new("import"), import)
        .tool(Tool::new("wait"), with_state(&seen, wait))
        .tool(Tool::new("add").output(sum), async |_, _| json!({"sum": 3}))
        .tool(Tool::new("fail"), async |_, _| {
            Err::<(), _>(HandlerError::new("no luck"))
        })
        .resource_template(ResourceTemplate::new("notes://{id}", "note"), note)
        .prompt(
            Prompt::new("write").argument("about", Presence::Optional),
            write,
        )
        .completion(complete);
    let resources = (0..RESOURCES).map(|at| Resource::new(format!("list://{at}"), "listed"));
    let server = resources.fold(server, |server, resource| {
        server.resource(resource, async |_, _| "listed")
    });
    (server, seen)
}

fn service() -> (McpService, Server, Arc<Seen>) {
    let (server, seen) = server();
    let mcp = McpService::builder(server.clone()).build().unwrap();
    (mcp, server, seen)
}

/// A client of each revision, of one service.
fn of_each_revision(mcp: &McpService) -> [Client; 5] {
    ProtocolVersion::ALL.map(|version| Client::new(mcp).version(version))
}

/// FIELD P-3: calls, reads, lists and completions, in every revision.
#[tokio::test]
async fn a_client_uses_what_the_server_has() {
    let (mcp, ..) = service();
    for version in ProtocolVersion::ALL {
        let client = Client::new(&mcp).version(version);
        let server = client.server().await.unwrap();
        assert!(server["capabilities"]["tools"].is_object(), "{server}");

        let result = client.call("add", json!({})).await.unwrap();
        assert_eq!(result.text(), r#"{"sum":3}"#);
        assert_eq!(result.content()[0]["type"], "text");
        assert!(!result.is_error());
        let expected = match version < ProtocolVersion::V2025_06_18 {
            true => Value::Null,
            false => json!({"sum": 3}),
        };
        assert_eq!(*result.structured(), expected, "{version}");
        let failed = client.call("fail", Value::Null).await.unwrap();
        assert_eq!((failed.text(), failed.is_error()), ("no luck", true));

        assert_eq!(client.list_tools().await.unwrap().len(), 8);
        assert_eq!(client.list_prompts().await.unwrap()[0]["name"], "write");
        assert_eq!(client.list_resources().await.unwrap().len(), RESOURCES);
        let templates = client.list_resource_templates().await.unwrap();
        assert_eq!(templates[0]["uriTemplate"], "notes://{id}");

        let read = client.read("notes://7").await.unwrap();
        assert_eq!(read.text(), "note 7");
        assert_eq!(read.contents()[0]["uri"], "notes://7");
        let prompt = client.prompt("write", json!({"about": "tea"})).await;
        let prompt = prompt.unwrap();
        assert_eq!(prompt.text(), "Write a note about tea.");
        assert_eq!(prompt.messages()[0]["role"], "user");
        let completed = client.complete_prompt("write", "about", "b").await.unwrap();
        assert_eq!(completed.values, ["bread", "butter"]);
        assert!(!completed.has_more);
        let completed = client.complete_template("notes://{id}", "id", "m").await;
        assert_eq!(completed.unwrap().values, ["milk"]);
    }
}

/// FIELD P-3: an answer that is an error, and a request that the service does not let pass.
#[tokio::test]
async fn an_error_says_what_came_instead() {
    let tokens = StaticTokens::new().token("secret-of-ada", Identity::new("ada").scopes(["read"]));
    let scoped = Tool::new("drop").scopes(["admin"]);
    let server = server().0.tool(scoped, async |_, _| "dropped");
    let mcp = McpService::builder(server)
        .authorizer(tokens)
        .build()
        .unwrap();
    for version in ProtocolVersion::ALL {
        let stranger = Client::new(&mcp).version(version);
        let refused = stranger.call("whoami", json!({})).await.unwrap_err();
        assert_eq!(refused.status(), Some(401), "{refused}");
        assert!(refused.header("www-authenticate").is_some());
        let said = refused.to_string();
        assert!(said.contains("401 Unauthorized"), "{said}");

        let ada = stranger.token("secret-of-ada");
        assert_eq!(ada.call("whoami", json!({})).await.unwrap().text(), "ada");
        let unknown = ada.read("notes://0").await.unwrap_err();
        assert_eq!(
            (unknown.code(), unknown.message()),
            (Some(-32603), "there is no note 0")
        );
        let said = unknown.to_string();
        let expected = r#"`resources/read` of "notes://0" was answered with the error -32603"#;
        assert!(said.starts_with(expected), "{said}");
        let unknown = ada.request("no/such", Value::Null).await.unwrap_err();
        assert_eq!(unknown.code(), Some(-32601), "{unknown}");
        let scoped = ada.call("drop", json!({})).await.unwrap_err();
        assert!(scoped.message().contains("scope"), "{scoped}");
    }
}

/// FIELD P-3: two people at one service, by the extension of their requests.
#[tokio::test]
async fn a_client_can_be_somebody() {
    let (mcp, ..) = service();
    for client in of_each_revision(&mcp) {
        let [ada, bob] = ["ada", "bob"].map(|name| client.clone().identity(Identity::new(name)));
        for (client, name) in [(&ada, "ada"), (&bob, "bob"), (&client, "nobody")] {
            assert_eq!(client.call("whoami", json!({})).await.unwrap().text(), name);
        }
    }
}

/// FIELD P-3: a question in both eras, with what a person, a model and a machine may answer.
#[tokio::test]
async fn a_client_answers_questions() {
    let (mcp, ..) = service();
    for version in ProtocolVersion::ALL {
        let client = Client::new(&mcp).version(version);
        let thinks = client.clone().on_sample(|question: Question| {
            assert_eq!(question.method(), "sampling/createMessage");
            assert_eq!(question.params()["maxTokens"], 10);
            Reply::sampled("Paris")
        });
        assert_eq!(
            thinks.call("think", json!({})).await.unwrap().text(),
            "Paris"
        );
        let rooted = client
            .clone()
            .on_roots(|_| Reply::roots(["file:///a", "file:///b"]));
        let roots = rooted.call("roots", json!({})).await.unwrap();
        assert_eq!(roots.text(), "file:///a file:///b");
        if version < ProtocolVersion::V2025_06_18 {
            continue;
        }
        for (reply, said) in [
            (Reply::accept(json!({"name": "Ada"})), "Hello, Ada!"),
            (Reply::decline(), "Hello, stranger!"),
            (Reply::cancel(), "Never mind."),
        ] {
            let asked = client.clone().on_elicit(move |question| {
                assert_eq!(question.message(), "What is your name?");
                reply.clone()
            });
            assert_eq!(asked.call("greet", json!({})).await.unwrap().text(), said);
        }
    }
}

/// FIELD P-3: a question that the test has no answer to, one that it refuses, and one that it lets wait.
#[tokio::test]
async fn a_question_without_an_answer_is_named() {
    let (mcp, ..) = service();
    let declared = json!({"elicitation": {"form": {}}});
    for version in [ProtocolVersion::V2025_11_25, ProtocolVersion::V2026_07_28] {
        let is_modern = version.era() == Era::Modern;
        let client = Client::new(&mcp).version(version);
        let nothing = client.call("greet", json!({})).await;
        match is_modern {
            true => assert_eq!(nothing.unwrap_err().code(), Some(-32021)),
            false => assert!(nothing.unwrap().is_error(), "not declared, not asked"),
        }
        let mute = client.clone().capabilities(declared.clone());
        let asked = mute.call("greet", json!({})).await;
        match is_modern {
            true => {
                let said = asked.unwrap_err().to_string();
                assert!(said.contains("What is your name?"), "{said}");
                assert!(said.contains("`Client::on_elicit`"), "{said}");
            }
            false => assert!(asked.unwrap().text().contains("elicitation/create")),
        }
        let refuses = client.clone().on_elicit(|_| Reply::error(-1, "not today"));
        let refused = refuses.call("greet", json!({})).await;
        let said = refused.map_or_else(|error| error.to_string(), |told| told.text().to_owned());
        assert!(said.contains("not today"), "{said}");
        let waits = client.on_elicit(|_| Reply::never());
        let waits = waits.patience(Duration::from_millis(50));
        let waited = waits.call("greet", json!({})).await.unwrap_err();
        assert!(waited.is_timeout(), "{waited}");
    }
}

/// FIELD P-3: progress with the result, and while the call runs; log messages at the level that was asked for.
#[tokio::test]
async fn a_client_sees_progress_and_log_messages() {
    let (mcp, _server, seen) = service();
    for client in of_each_revision(&mcp) {
        let client = client.log_level(LogLevel::Notice);
        let imported = client.call("import", json!({})).await.unwrap();
        let told: Vec<f64> = imported
            .progress()
            .iter()
            .map(|told| told.progress)
            .collect();
        assert_eq!((told, imported.text()), (vec![1.0, 2.0, 3.0], "imported"));
        assert_eq!(imported.progress()[2].total, Some(3.0));
        let heard = client.notifications();
        assert_eq!(heard.len(), 4, "{heard:?}");
        assert_eq!(heard[3].method(), "notifications/message");
        assert_eq!(heard[3].params()["data"], "done");
        assert!(client.notifications().is_empty(), "they were taken");

        let running = tokio::spawn({
            let client = client.clone();
            async move { client.call("wait", json!({})).await }
        });
        let told = client.next_notification().await.unwrap();
        assert_eq!(told.params()["progress"], 1);
        seen.allow("wait", 1);
        assert_eq!(running.await.unwrap().unwrap().text(), "waited");
    }
}

/// FIELD P-3: dropping the future of a call cancels it in the form of the revision, and its client goes on.
#[tokio::test]
async fn a_dropped_call_is_cancelled() {
    let (mcp, _server, seen) = service();
    for client in of_each_revision(&mcp) {
        let call = client.call("wait", json!({}));
        let begun = tokio::time::timeout(Duration::MAX, seen.happens("begun", "wait"));
        tokio::select! {
            result = call => panic!("{result:?}"),
            begun = begun => begun.unwrap(),
        }
        seen.happens("over", "wait").await;
        assert_eq!(mcp.snapshot().running, 0);
        assert_eq!(
            client.call("whoami", json!({})).await.unwrap().text(),
            "nobody"
        );
        let impatient = client.patience(Duration::from_millis(20));
        let late = impatient.call("wait", json!({})).await.unwrap_err();
        assert!(late.is_timeout());
        let said = r#"`tools/call` of "wait" was not answered within 20ms"#;
        assert_eq!(late.to_string(), said);
        seen.happens("over", "wait").await;
        seen.happens("begun", "wait").await;
    }
}

/// FIELD P-3: two calls of one client at the same time, each with its own answer.
#[tokio::test]
async fn a_client_calls_at_the_same_time() {
    let (mcp, _server, seen) = service();
    for client in of_each_revision(&mcp) {
        let both = async {
            tokio::join!(
                client.call("wait", json!({})),
                client.call("add", json!({}))
            )
        };
        seen.allow("wait", 1);
        let (waited, added) = both.await;
        assert_eq!(waited.unwrap().text(), "waited");
        assert_eq!(added.unwrap().text(), r#"{"sum":3}"#);
    }
}

/// FIELD P-3: changes of a resource and of a list, until the client wants no more.
#[tokio::test]
async fn a_client_hears_of_changes() {
    let (mcp, server, _seen) = service();
    for client in of_each_revision(&mcp) {
        client.subscribe("notes://1").await.unwrap();
        server.resource_updated("notes://2");
        server.resource_updated("notes://1");
        let told = client.next_notification().await.unwrap();
        assert_eq!(told.method(), "notifications/resources/updated");
        assert_eq!(told.uri(), Some("notes://1"), "and not the other");
        client.unsubscribe("notes://1").await.unwrap();

        let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["notes://3"]});
        assert_eq!(client.listen(filter.clone()).await.unwrap(), filter);
        server.resource_updated("notes://1");
        server.publish(&Change::Tools);
        server.resource_updated("notes://3");
        let told = client.wait_for(|told| told.uri().is_none()).await.unwrap();
        assert_eq!(told.method(), "notifications/tools/list_changed");
        assert_eq!(
            client.next_notification().await.unwrap().uri(),
            Some("notes://3")
        );
        client.leave().await.unwrap();
    }
}

/// FIELD P-3: a subscription that the server does not honour is an error in every revision.
#[tokio::test]
async fn a_subscription_that_is_not_honoured_is_an_error() {
    let (mcp, ..) = service();
    for client in of_each_revision(&mcp) {
        let refused = client.subscribe("nothing://here").await.unwrap_err();
        let said = refused.to_string();
        assert!(
            said.starts_with(r#"the subscription to "nothing://here" "#),
            "{said}"
        );
    }
}

/// FIELD P-3: leaving ends the session and the streams; so does the drop of the last clone, where the server
/// can notice.
#[tokio::test]
async fn leaving_ends_the_session() {
    let (mcp, ..) = service();
    for version in ProtocolVersion::ALL {
        let client = Client::new(&mcp).version(version);
        let is_modern = version.era() == Era::Modern;
        client.clone().leave().await.unwrap();
        client.subscribe("notes://1").await.unwrap();
        let open = (mcp.sessions(), mcp.listen_streams());
        assert_eq!(open, if is_modern { (0, 1) } else { (1, 0) });
        let clone = client.clone();
        client.leave().await.unwrap();
        until("the end", || {
            (mcp.sessions(), mcp.listen_streams()) == (0, 0)
        })
        .await;
        if !is_modern {
            let gone = clone.call("whoami", json!({})).await;
            assert!(gone.is_err(), "the session has ended");
        }
    }
    let sse = Client::new(&mcp).version(ProtocolVersion::V2024_11_05);
    sse.call("whoami", json!({})).await.unwrap();
    assert_eq!(mcp.sessions(), 1);
    drop(sse);
    until("the end", || mcp.sessions() == 0).await;
}

/// FIELD P-3: the end of the service ends the waits of its clients.
#[tokio::test]
async fn a_client_notices_that_the_service_ends() {
    let (mcp, _server, seen) = service();
    let clients = of_each_revision(&mcp).map(|client| {
        tokio::spawn(async move {
            client.subscribe("notes://1").await.unwrap();
            let waiting = client.call("wait", json!({})).await.unwrap_err();
            let quiet = loop {
                match client.next_notification().await {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            (waiting.to_string(), quiet.to_string())
        })
    });
    for _ in &clients {
        seen.happens("begun", "wait").await;
    }
    mcp.close();
    for client in clients {
        let (waiting, quiet) = soon("the end", client).await.unwrap();
        assert!(
            waiting.contains("end") || waiting.contains("close"),
            "{waiting}"
        );
        assert_eq!(
            quiet,
            "the stream ended before the wait for a notification was answered"
        );
    }
}

/// FIELD P-3: headers of the test replace those of the client; a wrong one is named.
#[tokio::test]
async fn a_client_sends_headers() {
    let (server, _) = server();
    let mcp = McpService::builder(server)
        .allowed_hosts(["api.example.com"])
        .build()
        .unwrap();
    for client in of_each_revision(&mcp) {
        let there = client.clone().header("Host", "api.example.com");
        there.call("whoami", json!({})).await.unwrap();
        let elsewhere = client.clone().header("host", "evil.example.com");
        let refused = elsewhere.call("whoami", json!({})).await.unwrap_err();
        assert_eq!(refused.status(), Some(403), "{refused}");
        let wrong = client
            .header("a b", "c")
            .call("whoami", json!({}))
            .await
            .unwrap_err();
        assert!(
            wrong
                .to_string()
                .contains(r#""a b" is no name of a header"#),
            "{wrong}"
        );
    }
}

/// FIELD P-3: arguments that a call repeats in headers are found in the schema of the tool.
#[tokio::test]
async fn annotated_arguments_are_mirrored() {
    let schema = json!({"type": "object", "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
        "sure": {"type": "boolean", "x-mcp-header": "Sure"},
    }});
    let tool = Tool::new("route").input(schema);
    let server = Server::new("s", "1").tool(tool, async |cx: Call, _| {
        let header = |name: &str| cx.headers().get(name).map(|value| value.to_str().unwrap());
        json!([
            header("mcp-param-region"),
            header("mcp-param-n"),
            header("mcp-param-sure")
        ])
        .to_string()
    });
    let mcp = McpService::builder(server).build().unwrap();
    let client = Client::new(&mcp).version(ProtocolVersion::V2026_07_28);
    let arguments = json!({"region": "Zürich", "deep": {"n": 7}});
    let sent = client.call("route", arguments).await.unwrap();
    assert_eq!(sent.text(), r#"["=?base64?WsO8cmljaA==?=","7",null]"#);
}

/// FIELD P-3: a dispatcher without a server, which answers what it likes.
#[tokio::test]
async fn a_client_works_with_any_dispatcher() {
    struct Gateway;

    impl Dispatcher for Gateway {
        fn request(&self, _: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
            let answer = match request.method() {
                "initialize" => {
                    json!({"protocolVersion": "2025-03-26", "capabilities": {},
                    "serverInfo": {"name": "g", "version": "1"}})
                }
                "tools/list" => json!({"tools": [], "nextCursor": "again"}),
                "tools/call" => json!({"resultType": "input_required", "inputRequests": {}}),
                _ => json!({"seen": request.method()}),
            };
            Box::pin(std::future::ready(Ok(Json::try_from(&answer).unwrap())))
        }
    }

    let mcp = McpService::builder(Gateway).build().unwrap();
    let client = Client::new(&mcp).version(ProtocolVersion::V2026_07_28);
    let seen = client.request("x/y", json!({"a": 1})).await.unwrap();
    assert_eq!(seen["seen"], "x/y");
    client.notify("notifications/x", Value::Null).await.unwrap();
    let list = client.list_tools().await.unwrap_err();
    assert!(list.to_string().contains("that page again"), "{list}");
    let resources = client.list_resources().await.unwrap_err();
    assert!(
        resources.to_string().contains("no list `resources`"),
        "{resources}"
    );
    let rounds = client.call("x", json!({})).await.unwrap_err();
    assert!(
        rounds.to_string().contains("asked for more after"),
        "{rounds}"
    );
    let other = Client::new(&mcp).server().await.unwrap_err().to_string();
    let expected =
        "the handshake failed: the server answered to 2025-11-25 with the revision \"2025-03-26\"";
    assert_eq!(other, expected);
}

/// FIELD P-3: a server without sessions has no stream of its own, and no session to end. A transport that is
/// switched off is named.
#[tokio::test]
async fn a_client_meets_a_server_with_fewer_transports() {
    let builder = McpService::builder(server().0).without_sessions();
    let mcp = builder.sse_path(None).build().unwrap();
    let client = Client::new(&mcp);
    let added = client.call("add", json!({})).await.unwrap();
    assert_eq!(added.structured()["sum"], 3);
    client.leave().await.unwrap();
    let sse = Client::new(&mcp).version(ProtocolVersion::V2024_11_05);
    let off = sse.call("add", json!({})).await.unwrap_err().to_string();
    let expected =
        "the handshake failed: this revision needs HTTP+SSE, which the service has switched off";
    assert_eq!(off, expected);
}

/// FIELD P-3: a connection that the server gives up is resumed.
#[tokio::test(start_paused = true)]
async fn a_released_connection_is_resumed() {
    let server = Server::new("s", "1").tool(Tool::new("long"), async |cx: Call, _| {
        cx.progress(1.0, None, None);
        let was_released = cx.release_connection();
        tokio::time::sleep(Duration::from_secs(5)).await;
        was_released.to_string()
    });
    let mcp = McpService::builder(server).build().unwrap();
    let client = Client::new(&mcp);
    assert_eq!(client.call("long", json!({})).await.unwrap().text(), "true");
}

/// FIELD P-3: a handler alone, with its caller made of values, in every revision.
#[tokio::test]
async fn a_handler_runs_alone() {
    for version in ProtocolVersion::ALL {
        let caller = test::call()
            .version(version)
            .identity(Identity::new("ada"))
            .header("x-tenant", "7")
            .meta("com.example/a", 1)
            .on_elicit(|_| Reply::accept(json!({"name": "Ada"})))
            .on_sample(|question| {
                assert_eq!(question.params()["maxTokens"], 10);
                Reply::sampled("Paris")
            })
            .on_roots(|_| Reply::roots(["file:///a"]));
        let cx = caller.cx();
        assert_eq!(cx.version(), version);
        assert_eq!(
            (
                &cx.headers()["x-tenant"],
                cx.meta()["com.example/a"].as_i64()
            ),
            (&"7".parse().unwrap(), Some(1))
        );
        assert_eq!(whoami(cx.clone(), Arguments::default()).await, "ada");
        assert_eq!(
            think(cx.clone(), Arguments::default()).await.unwrap(),
            "Paris"
        );
        assert_eq!(
            roots(cx.clone(), Arguments::default()).await.unwrap(),
            "file:///a"
        );
        let greeted = greet(cx, test::arguments(json!({}))).await;
        match version < ProtocolVersion::V2025_06_18 {
            true => assert!(greeted.is_err()),
            false => assert_eq!(greeted.unwrap(), "Hello, Ada!"),
        }
        import(caller.cx(), Arguments::default()).await;
        let told: Vec<f64> = caller.progress().iter().map(|told| told.progress).collect();
        assert_eq!(told, [1.0, 2.0, 3.0]);
        let heard = caller.notifications();
        assert_eq!(
            (heard.len(), heard[3].params()["data"].as_str()),
            (4, Some("done"))
        );
        let cx = caller.cx();
        cx.resource_updated("notes://1");
        cx.publish_to("ada", &Change::Resources);
        let changes = [
            (Change::Resource("notes://1".to_owned()), None),
            (Change::Resources, Some("ada".to_owned())),
        ];
        assert_eq!(caller.changes(), changes);
        assert!(caller.context().session_id().is_none());
    }
}

/// FIELD P-3: what a handler alone asks a client that says nothing, refuses or never answers.
#[tokio::test(start_paused = true)]
async fn a_handler_alone_meets_every_kind_of_client() {
    let undeclared = greet(test::call().cx(), Arguments::default()).await;
    assert!(undeclared.unwrap_err().to_string().contains("capability"));
    let refuses = test::call().on_elicit(|_| Reply::error(-1, "not today"));
    let refused = greet(refuses.cx(), Arguments::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the client refused: not today");
    let malformed = test::call().on_elicit(|_| Reply::result(json!({"action": 1})));
    let refused = greet(malformed.cx(), Arguments::default())
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "the client's answer is malformed");
    let declared = test::call().capabilities(json!({"elicitation": {"form": {}}}));
    assert!(greet(declared.cx(), Arguments::default()).await.is_err());
    let never = test::call().on_elicit(|_| Reply::never());
    let begun = tokio::time::Instant::now();
    let waited = greet(never.cx(), Arguments::default()).await.unwrap_err();
    assert_eq!(waited.to_string(), "the client did not answer in time");
    assert_eq!(begun.elapsed().as_secs(), 600, "as long as for a client");
    let quiet = test::call().log_level(LogLevel::Error);
    import(quiet.cx(), Arguments::default()).await;
    assert_eq!(quiet.notifications().len(), 3, "no log message");
}
