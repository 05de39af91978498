//! Questions to the client (SPEC D-100 to D-116, D-142, E-95 to E-103, E-109 to E-111): one handler
//! for every revision, which asks on the stream of a session and in rounds in 2026-07-28.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{
    CacheScope, Call, Elicitation, Elicited, HandlerError, IncludedContext, Presence, Prompt,
    ReadRequest, Resource, ResourceTemplate, Role, Sampling, Server, Tool,
};
use mcp_wire::{McpService, RequestError};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{Running, Session, Stream, modern, soon, start};

const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";

const SI: &str = "io.modelcontextprotocol/serverInfo";
const CC: &str = "io.modelcontextprotocol/clientCapabilities";

// --- The server

fn name_schema() -> Value {
    json!({"type": "object", "required": ["name"],
        "properties": {"name": {"type": "string", "minLength": 1}}})
}

fn who() -> Elicitation {
    Elicitation::form("What is your name?", name_schema()).key("user_name")
}

fn agree(key: &str) -> Elicitation {
    let properties = json!({"ok": {"type": "boolean"}});
    let schema = json!({"type": "object", "properties": properties});
    Elicitation::form(format!("{key}?"), schema).key(key)
}

fn capital() -> Sampling {
    Sampling::new(100)
        .message(Role::User, "What is the capital of France?")
        .key("capital_question")
}

fn name_of(elicited: &Elicited) -> String {
    match elicited {
        Elicited::Accepted(content) => content["name"].as_str().unwrap_or_default().to_owned(),
        other => format!("{other:?}"),
    }
}

async fn greet(cx: Call) -> Result<String, ErrorObject> {
    Ok(format!("Hello, {}!", name_of(&cx.elicit(&who()).await?)))
}

async fn steps(cx: Call) -> Result<String, HandlerError> {
    let mut given = Vec::new();
    for key in ["step1", "step2", "step3"] {
        given.push(format!("{:?}", cx.elicit(&agree(key)).await?));
    }
    Ok(given.join(" "))
}

/// The test's access to a running server.
#[derive(Default)]
struct Seen {
    /// How many handlers of `greet` began.
    runs: AtomicUsize,
    /// How many of them are alive.
    alive: Arc<AtomicUsize>,
}

struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn server() -> (Server, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let counted = Arc::clone(&seen);
    let any = || json!({"type": "object"});
    let hour = Duration::from_secs(3600);
    let server = Server::new("Asks", "1")
        .tool(Tool::new("greet").input(any()), move |cx, _| {
            counted.runs.fetch_add(1, Ordering::SeqCst);
            let alive = Alive::new(&counted.alive);
            async move {
                let greeting = greet(cx).await;
                drop(alive);
                greeting.map_err(HandlerError::from)
            }
        })
        .tool(Tool::new("capital").input(any()), async |cx: Call, _| {
            let sampled = cx.sample(&capital()).await?;
            Ok::<_, HandlerError>(sampled.text.unwrap_or_default())
        })
        .tool(Tool::new("roots").input(any()), async |cx: Call, _| {
            let roots = cx.roots().await?;
            let uris: Vec<_> = roots.into_iter().map(|root| root.uri).collect();
            Ok::<_, HandlerError>(uris.join(" "))
        })
        .tool(Tool::new("all").input(any()), async |cx: Call, _| {
            let (who, capital) = (who(), capital());
            let (name, text, roots) =
                tokio::join!(cx.elicit(&who), cx.sample(&capital), cx.roots());
            let (name, text) = (name_of(&name?), text?.text.unwrap_or_default());
            Ok::<_, HandlerError>(format!("{name} {text} {}", roots?.len()))
        })
        .tool(Tool::new("steps").input(any()), async |cx: Call, _| {
            steps(cx).await
        })
        .tool(Tool::new("same_key").input(any()), async |cx: Call, _| {
            let schema = || json!({"type": "object"});
            let one = Elicitation::form("one?", schema());
            let other = Elicitation::form("other?", schema());
            let (one, other) = tokio::join!(cx.elicit(&one), cx.elicit(&other));
            Ok::<_, HandlerError>(format!("{:?} {:?}", one?, other?))
        })
        .tool(Tool::new("spawned"), async |cx: Call, _| {
            let asking = tokio::spawn(async move { greet(cx).await });
            asking.await.unwrap().map_err(HandlerError::from)
        })
        .tool(Tool::new("visit"), async |cx: Call, _| {
            let page = Elicitation::url("go", "https://example.com/x").key("page");
            Ok::<_, HandlerError>(format!("{:?}", cx.elicit(&page).await?))
        })
        .tool(Tool::new("either").input(any()), async |cx: Call, _| {
            // Asks for what the client supports.
            match cx.elicit(&who()).await {
                Ok(elicited) => Ok(name_of(&elicited)),
                Err(RequestError::NotOffered(_)) => {
                    Ok(cx.sample(&capital()).await?.text.unwrap_or_default())
                }
                Err(error) => Err(HandlerError::from(error)),
            }
        })
        .tool(Tool::new("with_tools"), async |cx: Call, _| {
            let sampling = capital().tool(Tool::new("t"));
            Ok::<_, HandlerError>(cx.sample(&sampling).await?.text.unwrap_or_default())
        })
        .tool(Tool::new("with_context"), async |cx: Call, _| {
            let sampling = capital().include_context(IncludedContext::ThisServer);
            Ok::<_, HandlerError>(cx.sample(&sampling).await?.text.unwrap_or_default())
        })
        .tool(Tool::new("secret"), async |cx: Call, _| {
            let schema = json!({"type": "object", "properties": {"password": {"type": "string"}}});
            let form = Elicitation::form("?", schema);
            Ok::<_, HandlerError>(format!("{:?}", cx.elicit(&form).await?))
        })
        .tool(Tool::new("tells").input(any()), async |cx: Call, _| {
            cx.progress(1.0, None, None);
            greet(cx).await.map_err(HandlerError::from)
        })
        .prompt(
            Prompt::new("greet").argument("tone", Presence::Optional),
            async |cx: Call, _| greet(cx).await,
        )
        .resource(
            Resource::new("test://greeting", "greeting").cache(hour, CacheScope::Public),
            async |cx: Call, _| greet(cx).await,
        )
        .resource_template(
            ResourceTemplate::new("test://greeting/{tone}", "toned"),
            async |cx: Call, read: ReadRequest| {
                let tone = read.variable("tone").unwrap_or_default().to_owned();
                Ok::<_, ErrorObject>(format!("{tone}: {}", greet(cx).await?))
            },
        )
        .completion(async |cx: Call, _| match greet(cx).await {
            Ok(greeting) => Ok(vec![greeting]),
            Err(error) => Err(error.into()),
        });
    (server, seen)
}

async fn run() -> (Running, Arc<Seen>) {
    let (server, seen) = server();
    let mcp = McpService::builder(server).build().unwrap();
    (start(mcp).await, seen)
}

// --- The client

/// Declares every client capability.
fn every() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}, "context": {}},
        "roots": {}})
}

fn accept(content: Value) -> Value {
    json!({"action": "accept", "content": content})
}

fn named(name: &str) -> Value {
    accept(json!({"name": name}))
}

fn sampled(text: &str) -> Value {
    json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": text}})
}

/// A request of 2026-07-28 that may be sent again.
#[derive(Clone)]
struct Asking {
    address: SocketAddr,
    method: &'static str,
    params: Value,
}

impl Asking {
    fn new(address: SocketAddr, method: &'static str, mut params: Value) -> Self {
        params["_meta"] = json!({CC: every()});
        Self {
            address,
            method,
            params,
        }
    }

    fn call(address: SocketAddr, tool: &str) -> Self {
        Self::new(address, "tools/call", json!({"name": tool}))
    }

    fn declaring(mut self, capabilities: Value) -> Self {
        self.params["_meta"][CC] = capabilities;
        self
    }

    /// With a member of the params.
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.params[key] = value.into();
        self
    }

    /// At another server.
    #[cfg(feature = "request-state")]
    fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The request again, with answers and with the state that the result carried.
    fn retry(&self, result: &Value, answers: Value) -> Self {
        let mut retry = self.clone();
        let params = retry.params.as_object_mut().unwrap();
        params.remove("requestState");
        params.insert("inputResponses".to_owned(), answers);
        if let Some(state) = result.get("requestState") {
            params.insert("requestState".to_owned(), state.clone());
        }
        retry
    }

    async fn open(&self) -> Stream {
        static ID: AtomicUsize = AtomicUsize::new(1);
        let id = ID.fetch_add(1, Ordering::SeqCst);
        modern(self.address, id, self.method, self.params.clone()).await
    }

    async fn answer(&self) -> Value {
        self.open().await.answer().await
    }

    async fn result(&self) -> Value {
        let answer = self.answer().await;
        let result = answer.get("result");
        result.unwrap_or_else(|| panic!("{answer}")).clone()
    }

    /// Checks that the round ends with these questions, by their keys.
    async fn asked(&self, keys: &[&str]) -> Value {
        let result = self.result().await;
        assert_eq!(result["resultType"], "input_required", "{result}");
        let requests = result["inputRequests"].as_object().unwrap();
        let mut asked: Vec<_> = requests.keys().collect();
        asked.sort();
        assert_eq!(asked, keys, "{result}");
        result
    }

    /// Checks that this is the last round, with this text.
    async fn text(&self) -> String {
        let result = self.result().await;
        assert_eq!(result["resultType"], "complete", "{result}");
        assert!(result.get("inputRequests").is_none(), "{result}");
        assert!(result.get("requestState").is_none(), "{result}");
        text(&result)
    }

    /// Checks that it is refused with this code and status.
    async fn refused(&self, status: u16, code: i64) -> Value {
        let mut stream = self.open().await;
        assert_eq!(stream.status(), status, "{}", self.params);
        let answer = stream.answer().await;
        assert_eq!(answer["error"]["code"], code, "{} {answer}", self.params);
        answer["error"].clone()
    }
}

fn text(result: &Value) -> String {
    for place in [
        "/content/0/text",
        "/messages/0/content/text",
        "/contents/0/text",
    ] {
        if let Some(text) = result.pointer(place) {
            return text.as_str().unwrap().to_owned();
        }
    }
    panic!("no text in {result}")
}

/// Calls a tool in a session and answers what the server asks; returns its questions.
async fn in_session(
    session: &Session,
    (method, params): (&str, Value),
    mut answers: Vec<(&str, Value)>,
) -> (Vec<Value>, Value) {
    let mut stream = session.begin(method, params).await;
    let mut asked = Vec::new();
    loop {
        let message = if stream.is_events() {
            stream.message().await.expect("an answer")
        } else {
            stream.json().await
        };
        let Some(wanted) = message.get("method") else {
            return (asked, message);
        };
        assert_eq!(message["jsonrpc"], "2.0");
        let at = answers.iter().position(|(method, _)| wanted == method);
        let (_, result) = answers.remove(at.expect("an answer"));
        let reply = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
        assert_eq!(session.post(reply.to_string()).await.status(), 202);
        asked.push(message);
    }
}

// --- One handler

/// SPEC D-142, D-101 to D-104, D-106, D.5: in 2026-07-28 a question is part of a result, and the
/// answers come with a repeated request, from any connection.
#[tokio::test]
async fn a_question_ends_the_round_and_its_answer_begins_the_next() {
    let (running, seen) = run().await;
    let asking = Asking::call(running.address, "greet");
    let mut stream = asking.open().await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.header("content-type"), Some("application/json"));
    let result = stream.json().await["result"].clone();
    let params = json!({"mode": "form", "message": "What is your name?",
        "requestedSchema": name_schema()});
    let mut expected = json!({
        "resultType": "input_required",
        "inputRequests": {"user_name": {"method": "elicitation/create", "params": params}},
        "_meta": {SI: {"name": "Asks", "version": "1"}},
    });
    if cfg!(feature = "request-state") {
        let state = result["requestState"].as_str().unwrap();
        assert!(!state.is_empty());
        expected["requestState"] = state.into();
    }
    assert_eq!(result, expected, "SPEC D-71: no hints either");
    let retry = asking.retry(&result, json!({"user_name": named("Ada")}));
    assert_eq!(retry.text().await, "Hello, Ada!");
    assert_eq!(seen.runs.load(Ordering::SeqCst), 2);
}

/// SPEC D-142, E-96, E-101, J-30: the same handlers ask and wait in a session, on the stream of the
/// request.
#[tokio::test]
async fn the_same_handlers_ask_and_wait_in_a_session() {
    let (running, seen) = run().await;
    for version in [V06, V11] {
        let session = Session::open(running.address, version, every()).await;
        for (method, params, said) in [
            ("tools/call", json!({"name": "greet"}), "Hello, Ada!"),
            ("prompts/get", json!({"name": "greet"}), "Hello, Ada!"),
            (
                "resources/read",
                json!({"uri": "test://greeting"}),
                "Hello, Ada!",
            ),
            (
                "resources/read",
                json!({"uri": "test://greeting/soft"}),
                "soft: Hello, Ada!",
            ),
        ] {
            let answers = vec![("elicitation/create", named("Ada"))];
            let (asked, answer) = in_session(&session, (method, params), answers).await;
            let result = &answer["result"];
            assert_eq!(text(result), said);
            for member in ["resultType", "ttlMs", "requestState", "inputRequests"] {
                assert!(result.get(member).is_none(), "{version}: {result}");
            }
            let asked = &asked[0]["params"];
            assert_eq!(asked["requestedSchema"], name_schema());
            assert_eq!(asked.get("mode").is_some(), version == V11);
        }
    }
    assert_eq!(seen.runs.load(Ordering::SeqCst), 2, "once a call");
}

/// SPEC D-102, D-142, E-97, E-110: each kind of question works in both eras.
#[tokio::test]
async fn each_kind_of_question_has_its_key() {
    let (running, _) = run().await;
    let session = Session::open(running.address, V11, every()).await;
    let roots = json!({"roots": [{"uri": "file:///a"}, {"uri": "file:///b", "name": "B"}]});
    for (tool, key, method, answer, said) in [
        (
            "greet",
            "user_name",
            "elicitation/create",
            named("Ada"),
            "Hello, Ada!",
        ),
        (
            "capital",
            "capital_question",
            "sampling/createMessage",
            sampled("Paris"),
            "Paris",
        ),
        (
            "roots",
            "client_roots",
            "roots/list",
            roots,
            "file:///a file:///b",
        ),
    ] {
        let asking = Asking::call(running.address, tool);
        let result = asking.asked(&[key]).await;
        let request = &result["inputRequests"][key];
        assert_eq!(request["method"], method);
        assert!(request.get("id").is_none() && request.get("jsonrpc").is_none());
        let retry = asking.retry(&result, json!({key: answer}));
        assert_eq!(retry.text().await, said);

        let params = json!({"name": tool});
        let answers = vec![(method, answer)];
        let (asked, answer) = in_session(&session, ("tools/call", params), answers).await;
        assert_eq!(text(&answer["result"]), said);
        assert_eq!(asked[0].get("params"), request.get("params"), "{tool}");
    }
}

/// SPEC D-102, D-106: independent questions are asked together, in both eras.
#[tokio::test]
async fn several_questions_are_asked_at_once() {
    let (running, _) = run().await;
    let asking = Asking::call(running.address, "all");
    let keys = ["capital_question", "client_roots", "user_name"];
    let result = asking.asked(&keys).await;
    let roots = json!({"roots": [{"uri": "file:///a"}]});
    let answers = json!({"user_name": named("Ada"), "client_roots": roots,
        "capital_question": sampled("Paris")});
    let retry = asking.retry(&result, answers);
    assert_eq!(retry.text().await, "Ada Paris 1");

    let session = Session::open(running.address, V11, every()).await;
    let answers = vec![
        ("elicitation/create", named("Ada")),
        ("sampling/createMessage", sampled("Paris")),
        ("roots/list", roots),
    ];
    let params = json!({"name": "all"});
    let (asked, answer) = in_session(&session, ("tools/call", params), answers).await;
    assert_eq!(asked.len(), 3);
    assert_eq!(text(&answer["result"]), "Ada Paris 1");
}

/// SPEC D-102: keys are unique: a repeated key gets a number, which is the same in each round.
#[tokio::test]
async fn keys_are_unique() {
    let (running, _) = run().await;
    let asking = Asking::call(running.address, "same_key");
    let result = asking.asked(&["elicitation", "elicitation-2"]).await;
    let message = |key: &str| result["inputRequests"][key]["params"]["message"].clone();
    assert_eq!(message("elicitation"), "one?");
    assert_eq!(message("elicitation-2"), "other?");
    let no = json!({"action": "decline"});
    let gone = json!({"action": "cancel"});
    let answers = json!({"elicitation": no, "elicitation-2": gone});
    let retry = asking.retry(&result, answers);
    assert_eq!(retry.text().await, "Declined Cancelled");
}

/// SPEC D-104: a question from a task that the handler spawned ends the round as well, without
/// waiting for the task.
#[tokio::test]
async fn a_task_of_the_handler_may_ask() {
    let (running, _) = run().await;
    let asking = Asking::call(running.address, "spawned");
    let result = asking.asked(&["user_name"]).await;
    let retry = asking.retry(&result, json!({"user_name": named("Ada")}));
    assert_eq!(retry.text().await, "Hello, Ada!");
}

/// SPEC D-104, D-105: after the question nothing of the round remains, whether the client retries
/// or not.
#[tokio::test]
async fn nothing_waits_for_a_client_that_does_not_come_back() {
    let (running, seen) = run().await;
    let asking = Asking::call(running.address, "greet");
    for _ in 0..20 {
        asking.asked(&["user_name"]).await;
        assert_eq!(seen.alive.load(Ordering::SeqCst), 0);
    }
    assert_eq!(running.mcp.sessions(), 0);
}

/// SPEC D-104, D-81, D-82: a question after progress is the last message of its stream, and is not
/// a request.
#[tokio::test]
async fn a_question_is_the_end_of_its_stream() {
    let (running, _) = run().await;
    let mut asking = Asking::call(running.address, "tells");
    asking.params["_meta"]["progressToken"] = 1.into();
    let mut stream = asking.open().await;
    assert!(stream.is_events());
    let messages = stream.messages().await;
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(messages[0]["method"], "notifications/progress");
    assert!(messages[1].get("method").is_none());
    let result = &messages[1]["result"];
    assert_eq!(result["resultType"], "input_required");
    let retry = asking.retry(result, json!({"user_name": named("Ada")}));
    let last = retry.open().await.messages().await.pop().unwrap();
    assert_eq!(text(&last["result"]), "Hello, Ada!");
}

// --- Answers

/// SPEC D-114, E-109: each of the three actions reaches the handler, in both eras.
#[tokio::test]
async fn a_person_may_say_no_or_nothing() {
    let (running, _) = run().await;
    let session = Session::open(running.address, V11, every()).await;
    let asking = Asking::call(running.address, "greet");
    let result = asking.asked(&["user_name"]).await;
    for (answer, said) in [
        (named("Ada"), "Hello, Ada!"),
        (json!({"action": "decline"}), "Hello, Declined!"),
        (json!({"action": "cancel"}), "Hello, Cancelled!"),
    ] {
        let retry = asking.retry(&result, json!({"user_name": answer}));
        assert_eq!(retry.text().await, said);
        let params = json!({"name": "greet"});
        let answers = vec![("elicitation/create", answer)];
        let (_, answer) = in_session(&session, ("tools/call", params), answers).await;
        assert_eq!(text(&answer["result"]), said);
    }
}

/// SPEC D-110, D-111: answers to questions that were not asked are ignored, and missing answers are
/// asked for again.
#[tokio::test]
async fn what_is_missing_is_asked_again() {
    let (running, _) = run().await;
    let asking = Asking::call(running.address, "greet");
    let first = asking.asked(&["user_name"]).await;
    let extra = json!({"user_name": named("Ada"), "extra": named("Eve"), "more": {"a": 1}});
    let retry = asking.retry(&first, extra);
    assert_eq!(retry.text().await, "Hello, Ada!");
    for wrong in [json!({}), json!({"User_Name": named("Ada")})] {
        let again = asking.retry(&first, wrong);
        let second = again.asked(&["user_name"]).await;
        let retry = again.retry(&second, json!({"user_name": named("Ada")}));
        assert_eq!(retry.text().await, "Hello, Ada!");
    }
    // Answers without a state, as if nothing had been asked: the server remembers nothing (SPEC
    // D-106).
    let guess = asking.clone();
    let guess = guess.with("inputResponses", json!({"user_name": named("Ada")}));
    assert_eq!(guess.text().await, "Hello, Ada!");
}

/// SPEC D-111: of several questions, the missing ones are asked again.
#[tokio::test]
async fn a_part_of_the_answers_is_a_start() {
    let (running, _) = run().await;
    let asking = Asking::call(running.address, "all");
    let keys = ["capital_question", "client_roots", "user_name"];
    let first = asking.asked(&keys).await;
    let part = asking.retry(&first, json!({"user_name": named("Ada")}));
    let roots = json!({"roots": []});
    let rest = json!({"capital_question": sampled("Paris"), "client_roots": roots});
    let retry = if cfg!(feature = "request-state") {
        // The state holds the earlier answer.
        let second = part.asked(&["capital_question", "client_roots"]).await;
        part.retry(&second, rest)
    } else {
        // There is no state, so the client sends all answers.
        let second = part.asked(&keys).await;
        let mut all = rest;
        all["user_name"] = named("Ada");
        part.retry(&second, all)
    };
    assert_eq!(retry.text().await, "Ada Paris 0");
}

/// FIELD S-1: a state of `null` is none, in the first round and in a retry.
#[tokio::test]
async fn a_state_of_null_is_none() {
    let (running, _) = run().await;
    let mut greet = Asking::call(running.address, "greet");
    let params = greet.params.as_object_mut().unwrap();
    params.insert("requestState".to_owned(), Value::Null);
    greet.asked(&["user_name"]).await;
    let nothing = json!({"requestState": null});
    let retry = greet.retry(&nothing, json!({"user_name": named("Ada")}));
    assert_eq!(retry.text().await, "Hello, Ada!");
}

/// SPEC D-112, D-114, E-100, E-111: an answer of the wrong shape is -32602, with 200.
#[tokio::test]
async fn a_malformed_answer_is_refused() {
    let (running, _) = run().await;
    let greet = Asking::call(running.address, "greet");
    let first = greet.asked(&["user_name"]).await;
    for odd in [json!([]), json!(1), json!("x"), json!(true)] {
        greet.retry(&first, odd).refused(200, -32602).await;
    }
    for odd in [
        json!(12345),
        json!("Ada"),
        json!(null),
        json!([]),
        json!({}),
        json!({"action": "maybe"}),
        json!({"action": 1}),
        accept(json!("Ada")),
        accept(json!({})),
        accept(json!({"name": 1})),
        accept(json!({"name": ""})),
        json!({"action": "accept"}),
    ] {
        let retry = greet.retry(&first, json!({"user_name": odd}));
        let error = retry.refused(200, -32602).await;
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("inputResponses"), "{message}");
    }
    let capital = Asking::call(running.address, "capital");
    let first = capital.asked(&["capital_question"]).await;
    for odd in [
        json!({}),
        json!({"role": "assistant", "content": {"type": "text", "text": "x"}}),
        json!({"role": "system", "model": "m", "content": {"type": "text", "text": "x"}}),
        json!({"role": "assistant", "model": "m", "content": {"type": "text"}}),
        json!({"role": "assistant", "model": "m", "content": "Paris"}),
    ] {
        let retry = capital.retry(&first, json!({"capital_question": odd}));
        retry.refused(200, -32602).await;
    }
    let roots = Asking::call(running.address, "roots");
    let first = roots.asked(&["client_roots"]).await;
    for odd in [
        json!({}),
        json!({"roots": {}}),
        json!({"roots": null}),
        json!({"roots": "file:///a"}),
    ] {
        let retry = roots.retry(&first, json!({"client_roots": odd}));
        retry.refused(200, -32602).await;
    }
}

// --- What a client supports

/// SPEC D-103, D-26, E-95, E-98, E-103: only what this request declares is asked, down to the
/// modes.
#[tokio::test]
async fn only_what_is_declared_is_asked() {
    let (running, _) = run().await;
    let form = json!({"elicitation": {"form": {}}});
    let url = json!({"elicitation": {"url": {}}});
    let sampling = json!({"sampling": {}});
    for (tool, declared, key) in [
        ("greet", form.clone(), "user_name"),
        ("greet", json!({"elicitation": {}}), "user_name"),
        ("visit", url.clone(), "page"),
        ("capital", sampling.clone(), "capital_question"),
        (
            "with_tools",
            json!({"sampling": {"tools": {}}}),
            "capital_question",
        ),
        ("roots", json!({"roots": {}}), "client_roots"),
        // A handler may go on with what is supported.
        ("either", form.clone(), "user_name"),
        ("either", sampling.clone(), "capital_question"),
    ] {
        let asking = Asking::call(running.address, tool).declaring(declared);
        asking.asked(&[key]).await;
    }
    let modes = json!({"elicitation": {"url": {}}});
    for (tool, declared, needed) in [
        ("greet", json!({}), json!({"elicitation": {}})),
        ("greet", url, json!({"elicitation": {"form": {}}})),
        ("greet", sampling.clone(), json!({"elicitation": {}})),
        ("visit", form.clone(), modes.clone()),
        ("visit", json!({"elicitation": {}}), modes),
        ("capital", form.clone(), json!({"sampling": {}})),
        (
            "with_tools",
            sampling.clone(),
            json!({"sampling": {"tools": {}}}),
        ),
        ("roots", form.clone(), json!({"roots": {}})),
        ("either", json!({"roots": {}}), json!({"sampling": {}})),
    ] {
        let asking = Asking::call(running.address, tool).declaring(declared.clone());
        let error = asking.refused(400, -32021).await;
        let data = json!({"requiredCapabilities": needed});
        assert_eq!(error["data"], data, "{tool} {declared}");
    }
    // Of several questions, those that the client supports are asked first.
    let asking = Asking::call(running.address, "all").declaring(form);
    let first = asking.asked(&["user_name"]).await;
    let retry = asking.retry(&first, json!({"user_name": named("Ada")}));
    retry.refused(400, -32021).await;
}

/// SPEC D-103, E-97: `includeContext` is optional, and left out where the client did not declare
/// it.
#[tokio::test]
async fn a_context_is_asked_for_where_it_was_declared() {
    let (running, _) = run().await;
    for (declared, context) in [
        (json!({"sampling": {}}), None),
        (json!({"sampling": {"context": {}}}), Some("thisServer")),
    ] {
        let asking = Asking::call(running.address, "with_context").declaring(declared);
        let result = asking.asked(&["capital_question"]).await;
        let params = &result["inputRequests"]["capital_question"]["params"];
        let found = params.get("includeContext").and_then(Value::as_str);
        assert_eq!(found, context);
    }
}

/// SPEC E-103, D-142: a question by URL has an id in 2025-11-25 only.
#[tokio::test]
async fn an_elicitation_has_an_id_in_one_revision_only() {
    let (running, _) = run().await;
    let asking = Asking::call(running.address, "visit");
    let result = asking.asked(&["page"]).await;
    let params = &result["inputRequests"]["page"]["params"];
    let expected = json!({"mode": "url", "message": "go", "url": "https://example.com/x"});
    assert_eq!(params, &expected);
    let retry = asking.retry(&result, json!({"page": {"action": "accept"}}));
    assert_eq!(retry.text().await, "Accepted({})");

    let session = Session::open(running.address, V11, every()).await;
    let answers = vec![("elicitation/create", json!({"action": "accept"}))];
    let params = json!({"name": "visit"});
    let (asked, answer) = in_session(&session, ("tools/call", params.clone()), answers).await;
    assert!(asked[0]["params"]["elicitationId"].is_string());
    assert_eq!(text(&answer["result"]), "Accepted({})");

    let session = Session::open(running.address, V06, every()).await;
    let (asked, answer) = in_session(&session, ("tools/call", params), Vec::new()).await;
    assert!(asked.is_empty());
    assert_eq!(answer["result"]["isError"], true);
}

/// SPEC E-106: a form that asks for a secret is refused, in both eras.
#[tokio::test]
async fn no_form_asks_for_a_secret() {
    let (running, _) = run().await;
    let result = Asking::call(running.address, "secret").result().await;
    assert_eq!(result["isError"], true);
    assert_eq!(result["resultType"], "complete");
}

// --- Methods

/// SPEC D-100, D-71, D-74: `prompts/get` and `resources/read` have rounds too; a question has no
/// caching hints, and a result that depends on an answer must not be cached.
#[tokio::test]
async fn prompts_and_resources_ask_too() {
    let (running, _) = run().await;
    for (method, params, said) in [
        ("prompts/get", json!({"name": "greet"}), "Hello, Ada!"),
        (
            "resources/read",
            json!({"uri": "test://greeting"}),
            "Hello, Ada!",
        ),
        (
            "resources/read",
            json!({"uri": "test://greeting/soft"}),
            "soft: Hello, Ada!",
        ),
    ] {
        let asking = Asking::new(running.address, method, params);
        let first = asking.asked(&["user_name"]).await;
        for member in ["ttlMs", "cacheScope", "contents", "messages"] {
            assert!(first.get(member).is_none(), "{first}");
        }
        let retry = asking.retry(&first, json!({"user_name": named("Ada")}));
        let result = retry.result().await;
        assert_eq!(text(&result), said);
        if method == "resources/read" {
            assert_eq!(result["ttlMs"], 0);
            assert_eq!(result["cacheScope"], "private");
        }
    }
}

/// SPEC D-100, D-115, D-81: neither a completion nor a list can ask, whatever the client sends.
#[tokio::test]
async fn other_methods_do_not_ask() {
    let (running, _) = run().await;
    let reference = json!({"type": "ref/prompt", "name": "greet"});
    let argument = json!({"name": "tone", "value": ""});
    let complete = json!({"ref": reference, "argument": argument});
    let asking = Asking::new(running.address, "completion/complete", complete);
    let answers = json!({"user_name": named("Ada")});
    for asking in [
        asking.clone(),
        asking.clone().with("inputResponses", answers.clone()),
        asking.with("requestState", "x"),
    ] {
        asking.refused(200, -32603).await;
    }
    for method in ["tools/list", "prompts/list", "resources/list"] {
        let asking = Asking::new(running.address, method, json!({}));
        let asking = asking
            .with("inputResponses", answers.clone())
            .with("requestState", "x");
        assert_eq!(asking.result().await["resultType"], "complete");
    }
}

/// SPEC D-100: a method with rounds ignores answers that it did not ask for.
#[tokio::test]
async fn unasked_answers_are_ignored() {
    let server = Server::new("Plain", "1").tool(Tool::new("plain"), async |_, _| "plain");
    let running = start(McpService::builder(server).build().unwrap()).await;
    let asking = Asking::call(running.address, "plain");
    let asking = asking.with("inputResponses", json!({"user_name": named("Ada")}));
    assert_eq!(asking.text().await, "plain");
}

/// SPEC D-80, A-13: rounds of different clients do not mix.
#[tokio::test]
async fn rounds_of_different_clients_do_not_meet() {
    let (running, _) = run().await;
    let asking = Asking::call(running.address, "greet");
    let ada = asking.asked(&["user_name"]).await;
    let bob = asking.asked(&["user_name"]).await;
    let ada = asking.retry(&ada, json!({"user_name": named("Ada")}));
    let bob = asking.retry(&bob, json!({"user_name": named("Bob")}));
    let (bob, ada) = tokio::join!(bob.text(), ada.text());
    assert_eq!((&*ada, &*bob), ("Hello, Ada!", "Hello, Bob!"));
}

/// SPEC D-84: a client that leaves during a later round cancels it.
#[tokio::test]
async fn leaving_cancels_a_later_round() {
    let begun = Arc::new(Semaphore::new(0));
    let alive = Arc::new(AtomicUsize::new(0));
    let (told, counted) = (Arc::clone(&begun), Arc::clone(&alive));
    let server = Server::new("Slow", "1").tool(Tool::new("slow"), move |cx: Call, _| {
        let (told, alive) = (Arc::clone(&told), Alive::new(&counted));
        async move {
            greet(cx).await?;
            told.add_permits(1);
            std::future::pending::<()>().await;
            drop(alive);
            Ok::<_, ErrorObject>("never")
        }
    });
    let mcp = McpService::builder(server)
        .timeouts(|timeouts| timeouts.stream_after = Duration::from_millis(1));
    let running = start(mcp.build().unwrap()).await;
    let asking = Asking::call(running.address, "slow");
    let first = asking.asked(&["user_name"]).await;
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    let retry = asking.retry(&first, json!({"user_name": named("Ada")}));
    let stream = retry.open().await;
    soon("the round", begun.acquire()).await.unwrap().forget();
    drop(stream);
    soon("the end of the handler", async {
        while alive.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

// --- Questions one after the other

/// SPEC D-104, D-113: three rounds and a result. With a state, each retry sends only its own
/// answer; without one, all answers so far.
#[tokio::test]
async fn questions_may_come_one_after_the_other() {
    let (running, _) = run().await;
    let mut asking = Asking::call(running.address, "steps");
    let mut given = json!({});
    let mut states = Vec::new();
    for (at, key) in ["step1", "step2", "step3"].into_iter().enumerate() {
        let answer = accept(json!({"ok": at != 1}));
        let result = if cfg!(feature = "request-state") {
            given = json!({});
            asking.asked(&[key]).await
        } else {
            // The client is asked for everything, since it has to send everything.
            let keys = ["step1", "step2", "step3"];
            asking.asked(&keys[..=at]).await
        };
        states.push(result["requestState"].clone());
        given[key] = answer;
        asking = asking.retry(&result, given.clone());
    }
    let ok = |ok: bool| format!("Accepted({{\"ok\": Bool({ok})}})");
    let said = [ok(true), ok(false), ok(true)].join(" ");
    assert_eq!(asking.text().await, said);
    if cfg!(feature = "request-state") {
        let fresh = |at: usize| !states[..at].contains(&states[at]);
        assert!((0..3).all(fresh), "SPEC D-113");
    }
}

/// SPEC D-107: without the feature the server issues no state, so it refuses every state; `null` is none
/// (SPEC A-17).
#[cfg(not(feature = "request-state"))]
#[tokio::test]
async fn without_the_feature_every_state_is_refused() {
    let (running, seen) = run().await;
    let asking = Asking::call(running.address, "greet");
    let first = asking.asked(&["user_name"]).await;
    assert!(first.get("requestState").is_none());
    let retry = || asking.retry(&first, json!({"user_name": named("Ada")}));
    for state in [json!("x"), json!(""), json!({}), json!(1)] {
        retry()
            .with("requestState", state)
            .refused(200, -32602)
            .await;
    }
    assert_eq!(seen.runs.load(Ordering::SeqCst), 1);
    let greeting = retry().with("requestState", json!(null)).text().await;
    assert!(greeting.contains("Ada"), "{greeting}");
}

#[cfg(feature = "request-state")]
mod states {
    //! The sealed `requestState`.

    use mcp_wire::StateKeys;

    use super::*;

    const OLD: [u8; 32] = [1; 32];
    const NEW: [u8; 32] = [2; 32];

    async fn run_with(keys: StateKeys) -> Running {
        let (server, _) = server();
        let server = server.state_keys(keys);
        start(McpService::builder(server).build().unwrap()).await
    }

    fn keys(secret: &[u8; 32]) -> StateKeys {
        StateKeys::new(secret).unwrap()
    }

    fn ada() -> Value {
        json!({"user_name": named("Ada")})
    }

    /// SPEC D-107, D-112, A-48: a modified state is -32602 with 200; the server asks nothing, and
    /// no handler runs.
    #[tokio::test]
    async fn a_tampered_state_is_refused() {
        let (running, seen) = run().await;
        let asking = Asking::call(running.address, "greet");
        let first = asking.asked(&["user_name"]).await;
        let state = first["requestState"].as_str().unwrap();
        let flipped = |at: usize| {
            let mut bytes = state.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        };
        let len = state.len();
        let runs = seen.runs.load(Ordering::SeqCst);
        for odd in [
            json!(format!("{state}-TAMPERED")),
            json!(flipped(0)),
            json!(flipped(10)),
            json!(flipped(len / 2)),
            json!(flipped(len - 8)),
            json!(state[..len - 4]),
            json!(state[4..]),
            json!(format!("{state}{state}")),
            json!(format!(" {state}")),
            json!(""),
            json!("x"),
            json!("A".repeat(100_000)),
            json!(false),
            json!(1),
            json!({"state": state}),
            json!([state]),
        ] {
            let retry = asking.retry(&first, ada()).with("requestState", odd);
            let error = retry.refused(200, -32602).await;
            assert!(error.get("data").is_none(), "{error}");
            // Even without answers.
            let mut bare = retry;
            bare.params
                .as_object_mut()
                .unwrap()
                .remove("inputResponses");
            bare.refused(200, -32602).await;
        }
        assert_eq!(seen.runs.load(Ordering::SeqCst), runs);
        assert_eq!(asking.retry(&first, ada()).text().await, "Hello, Ada!");
    }

    /// SPEC D-108: a state is bound to the method and its params, except for members that belong to
    /// a single round.
    #[tokio::test]
    async fn a_state_is_for_one_request() {
        let (running, _) = run().await;
        let arguments = json!({"a": 1, "b": [2]});
        let asking = Asking::call(running.address, "greet").with("arguments", arguments);
        let first = asking.asked(&["user_name"]).await;
        let retry = asking.retry(&first, ada());
        for other in [
            retry.clone().with("arguments", json!({"a": 2, "b": [2]})),
            retry.clone().with("arguments", json!({})),
            retry.clone().with("name", "tells"),
            retry.clone().with("extra", 1),
        ] {
            other.refused(200, -32602).await;
        }
        let prompt = Asking::new(running.address, "prompts/get", json!({"name": "greet"}));
        prompt.retry(&first, ada()).refused(200, -32602).await;
        let other = asking.clone().with("arguments", json!({"b": [2], "a": 1}));
        let mut other = other.retry(&first, ada());
        other.params["_meta"]["com.example/x"] = 1.into();
        assert_eq!(other.text().await, "Hello, Ada!");
    }

    /// SPEC D-108: a state expires.
    #[tokio::test]
    async fn a_state_expires() {
        let running = run_with(keys(&OLD).lifetime(Duration::ZERO)).await;
        let asking = Asking::call(running.address, "greet");
        let first = asking.asked(&["user_name"]).await;
        asking.retry(&first, ada()).refused(200, -32602).await;
    }

    /// SPEC D-11, D-106, D-116: a server with the same secret continues what another began, and a
    /// server without it refuses; an old secret works as long as it is listed.
    #[tokio::test]
    async fn a_retry_may_go_to_another_server() {
        let old = run_with(keys(&OLD)).await;
        let twin = run_with(keys(&OLD)).await;
        let rotated = run_with(keys(&NEW).accept(&OLD).unwrap()).await;
        let new = run_with(keys(&NEW)).await;
        let (alone, _) = run().await;
        let asking = Asking::call(old.address, "greet");
        let of_old = asking.asked(&["user_name"]).await;
        let of_rotated = asking.clone().at(rotated.address);
        let of_rotated = of_rotated.asked(&["user_name"]).await;
        for (place, takes_old, takes_new) in [
            (&old, true, false),
            (&twin, true, false),
            (&rotated, true, true),
            (&new, false, true),
            (&alone, false, false),
        ] {
            for (first, is_taken) in [(&of_old, takes_old), (&of_rotated, takes_new)] {
                let retry = asking.clone().at(place.address).retry(first, ada());
                if is_taken {
                    assert_eq!(retry.text().await, "Hello, Ada!");
                } else {
                    retry.refused(200, -32602).await;
                }
            }
        }
    }

    /// SPEC D-106, D-113: each of several rounds may be on another server.
    #[tokio::test]
    async fn rounds_may_be_spread_over_servers() {
        let one = run_with(keys(&OLD)).await;
        let other = run_with(keys(&OLD)).await;
        let mut asking = Asking::call(one.address, "steps");
        for (key, next) in [("step1", &other), ("step2", &one), ("step3", &other)] {
            let result = asking.asked(&[key]).await;
            let answers = json!({key: {"action": "decline"}});
            asking = asking.retry(&result, answers).at(next.address);
        }
        assert_eq!(asking.text().await, "Declined Declined Declined");
    }

    /// SPEC D-107: what a handler stored in the state comes back unchanged, and no client can forge
    /// it.
    #[tokio::test]
    async fn a_handler_may_put_something_aside() {
        let tool = |cx: Call, _| async move {
            let before = cx.state();
            cx.set_state(json!({"n": 1, "seen": before}));
            cx.elicit(&agree("one")).await?;
            let state = cx.state();
            cx.elicit(&agree("two")).await?;
            Ok::<_, HandlerError>(format!("{before} {state}"))
        };
        let server = Server::new("Notes", "1").tool(Tool::new("notes"), tool);
        let running = start(McpService::builder(server).build().unwrap()).await;
        let asking = Asking::call(running.address, "notes");
        let first = asking.asked(&["one"]).await;
        let no = json!({"action": "decline"});
        let second = asking.retry(&first, json!({"one": no}));
        let result = second.asked(&["two"]).await;
        let third = second.retry(&result, json!({"two": no}));
        let seen = r#"{"n":1,"seen":{"n":1,"seen":null}}"#;
        let now = format!(r#"{{"n":1,"seen":{seen}}}"#);
        assert_eq!(third.text().await, format!("{seen} {now}"));
        // In a session there is one round, and nothing is stored.
        let session = Session::open(running.address, V11, every()).await;
        let answers = vec![
            ("elicitation/create", no.clone()),
            ("elicitation/create", no),
        ];
        let params = json!({"name": "notes"});
        let (_, answer) = in_session(&session, ("tools/call", params), answers).await;
        assert_eq!(text(&answer["result"]), "null null");
    }

    /// SPEC D-109: a state can be replayed: a handler has to remember by itself what must happen
    /// only once.
    #[tokio::test]
    async fn a_state_may_be_used_again() {
        let (running, _) = run().await;
        let asking = Asking::call(running.address, "greet");
        let first = asking.asked(&["user_name"]).await;
        for name in ["Ada", "Bob"] {
            let retry = asking.retry(&first, json!({"user_name": named(name)}));
            assert_eq!(retry.text().await, format!("Hello, {name}!"));
        }
    }

    /// SPEC D-74: a result after a state without answers must not be cached either.
    #[tokio::test]
    async fn a_result_after_a_state_is_not_cached() {
        let (running, _) = run().await;
        let params = json!({"uri": "test://greeting"});
        let asking = Asking::new(running.address, "resources/read", params);
        let first = asking.asked(&["user_name"]).await;
        let bare = asking
            .clone()
            .with("requestState", first["requestState"].clone());
        bare.asked(&["user_name"]).await;
        let result = asking.retry(&first, ada()).result().await;
        assert_eq!(
            (&result["ttlMs"], &result["cacheScope"]),
            (&json!(0), &json!("private"))
        );
    }
}
