//! How questions to the client end, and errors that ask for something.

use std::sync::Arc;
use std::time::Duration;

use mcp_wire::McpService;
use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{Call, Elicitation, HandlerError, Resource, Role, Sampling, Server, Tool};
use serde_json::{Value, json};

use crate::support::inside::{in_session, piece, post};
use crate::support::probe::Seen;
use crate::support::{Client, Running, Session, hello, message, modern, start, text_of};

const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const V24: &str = LEGACY[0];
const V11: &str = LEGACY[3];

/// Its tools ask for roots, and stop waiting when they get leave:
///
/// - `gives_up` answers then;
/// - `panics` panics then;
/// - `gives_up_one` asks twice and gives the first question up;
/// - `waits` waits for the answer.
fn server(seen: &Arc<Seen>) -> Server {
    let with = |run: fn(Arc<Seen>, Call) -> Asking| {
        let seen = Arc::clone(seen);
        move |cx: Call, _| run(Arc::clone(&seen), cx)
    };
    Server::new("Asking", "1")
        .tool(
            Tool::new("gives_up"),
            with(|seen, cx| {
                Box::pin(async move {
                    tokio::select! {
                        roots = cx.roots() => Ok(format!("{roots:?}")),
                        () = seen.leave("") => Ok("gave up".to_owned()),
                    }
                })
            }),
        )
        .tool(
            Tool::new("panics"),
            with(|seen, cx| {
                Box::pin(async move {
                    tokio::select! {
                        roots = cx.roots() => Ok(format!("{roots:?}")),
                        () = seen.leave("") => panic!("while it asks"),
                    }
                })
            }),
        )
        .tool(
            Tool::new("gives_up_one"),
            with(|seen, cx| {
                Box::pin(async move {
                    let first = async {
                        tokio::select! {
                            roots = cx.roots() => panic!("{roots:?}"),
                            () = seen.leave("") => {}
                        }
                    };
                    let ((), roots) = tokio::join!(first, cx.roots());
                    Ok(roots?[0].uri.clone())
                })
            }),
        )
        .tool(
            Tool::new("waits"),
            with(|_, cx| Box::pin(async move { Ok(format!("{:?}", cx.roots().await)) })),
        )
}

type Asking =
    std::pin::Pin<Box<dyn Future<Output = Result<String, HandlerError>> + Send + 'static>>;

async fn run(limit: Duration) -> (Running, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let mcp = McpService::builder(server(&seen)).timeouts(|timeouts| {
        timeouts.request = Some(limit);
        timeouts.stream_after = Duration::ZERO;
    });
    (start(mcp.build().unwrap()).await, seen)
}

const LONG: Duration = Duration::from_secs(3600);

/// What ends the wait of a question.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// The handler gets leave to go on without the answer.
    Leave,
    /// The client cancels the call.
    Cancel,
    /// The call has run for too long.
    Limit,
}

/// `Some` is a text of the answer to the call.
const ENDS: [(&str, End, Option<&str>); 4] = [
    ("gives_up", End::Leave, Some("gave up")),
    ("panics", End::Leave, Some("internal error")),
    ("waits", End::Cancel, None),
    ("waits", End::Limit, Some("Timeouts::request")),
];

#[track_caller]
fn check_withdrawn(told: &Value, question: &Value) {
    assert_eq!(told["method"], "notifications/cancelled", "{told}");
    assert_eq!(told["params"]["requestId"], question["id"], "{told}");
    assert!(told["params"]["reason"].is_string(), "{told}");
}

/// FIELD E-4, SPEC E-10: whatever ends the wait, the client is told before the call ends that the question
/// needs no answer.
#[tokio::test]
async fn a_question_that_nobody_waits_for_is_withdrawn() {
    for (tool, end, says) in ENDS {
        let limit = if end == End::Limit {
            Duration::from_millis(50)
        } else {
            LONG
        };
        let (running, seen) = run(limit).await;
        for version in LEGACY {
            let session = Session::open(running.address, version, json!({"roots": {}})).await;
            let mut standalone = session.listen(None).await;
            let (id, mut stream) = session.send("tools/call", json!({"name": tool})).await;
            stream.read_head().await;
            let question = stream.message().await.unwrap();
            match end {
                End::Leave => seen.allow("", 1),
                End::Cancel => {
                    let params = json!({"requestId": id});
                    assert_eq!(session.notify("notifications/cancelled", params).await, 202);
                }
                End::Limit => {}
            }
            let rest = stream.messages().await;
            check_withdrawn(&rest[0], &question);
            match says {
                Some(says) => assert!(rest[1].to_string().contains(says), "{rest:?}"),
                None => assert_eq!(rest.len(), 1, "{rest:?}"),
            }
            // Nothing is told twice, and a late answer has no effect.
            let late = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"roots": []}});
            assert_eq!(session.post(late.to_string()).await.status(), 202);
            assert_eq!(session.delete().await, 200);
            assert_eq!(standalone.message().await, None, "{version} {tool}");
        }
    }
}

/// FIELD E-4: the same on the one stream of HTTP+SSE.
#[tokio::test]
async fn a_question_is_withdrawn_on_the_one_stream() {
    for (tool, end, says) in ENDS {
        if end == End::Limit {
            continue;
        }
        let (running, seen) = run(LONG).await;
        let mut client = Client::initialized(running.address, V24, json!({"roots": {}})).await;
        let id = client.begin("tools/call", json!({"name": tool})).await;
        let question = client.message().await.unwrap();
        match end {
            End::Leave => seen.allow("", 1),
            End::Cancel | End::Limit => {
                let params = json!({"requestId": id});
                client.notify("notifications/cancelled", params).await;
            }
        }
        check_withdrawn(&client.message().await.unwrap(), &question);
        if let Some(says) = says {
            let answer = client.answer(id).await;
            assert!(answer.to_string().contains(says), "{answer}");
        }
        // The session lives on.
        assert_eq!(client.result("ping", json!({})).await, json!({}));
    }
}

/// FIELD E-4: of two questions only the one that is given up is withdrawn.
#[tokio::test]
async fn only_the_question_that_is_given_up_is_withdrawn() {
    let (running, seen) = run(LONG).await;
    for version in LEGACY {
        let session = Session::open(running.address, version, json!({"roots": {}})).await;
        let mut stream = session
            .begin("tools/call", json!({"name": "gives_up_one"}))
            .await;
        let first = stream.message().await.unwrap();
        let second = stream.message().await.unwrap();
        seen.allow("", 1);
        check_withdrawn(&stream.message().await.unwrap(), &first);
        let roots = json!({"roots": [{"uri": "file:///a"}]});
        let answer = json!({"jsonrpc": "2.0", "id": second["id"], "result": roots});
        assert_eq!(session.post(answer.to_string()).await.status(), 202);
        let rest = stream.messages().await;
        assert_eq!(rest.len(), 1, "{rest:?}");
        assert_eq!(text_of(&rest[0]), "file:///a");
    }
}

/// FIELD E-4: nothing is withdrawn if the answer came, whatever it says, or if the session ends.
#[tokio::test]
async fn a_question_with_an_answer_or_without_a_session_is_not_withdrawn() {
    let (running, _) = run(LONG).await;
    for version in LEGACY {
        let session = Session::open(running.address, version, json!({"roots": {}})).await;
        for answer in [
            json!({"result": {"roots": []}}),
            json!({"result": {"roots": 5}}),
            json!({"error": {"code": -1, "message": "no"}}),
            json!({"error": {"code": "x"}}),
        ] {
            let mut stream = session.begin("tools/call", json!({"name": "waits"})).await;
            let question = stream.message().await.unwrap();
            let mut answer = answer;
            answer["jsonrpc"] = "2.0".into();
            answer["id"] = question["id"].clone();
            assert_eq!(session.post(answer.to_string()).await.status(), 202);
            let rest = stream.messages().await;
            assert_eq!(rest.len(), 1, "{rest:?}");
            assert!(rest[0]["result"].is_object(), "{rest:?}");
        }
        let mut stream = session.begin("tools/call", json!({"name": "waits"})).await;
        stream.message().await.unwrap();
        assert_eq!(session.delete().await, 200);
        let rest = stream.messages().await;
        assert_eq!(rest.len(), 1, "{rest:?}");
        assert_eq!(rest[0]["error"]["code"], -32603, "{rest:?}");
    }
}

// --- how long they wait

/// What the client of a session of 2025-11-25 hears in answer to a call of `tool`, on a service whose clock is
/// paused, and after how many seconds it hears the last word.
async fn hears(mcp: &McpService, session: &str, tool: &str) -> (Vec<Value>, u64) {
    let begun = tokio::time::Instant::now();
    let request = in_session(session, 7, "tools/call", json!({"name": tool}));
    let mut body = mcp.call(request).await.into_body();
    let mut heard = Vec::new();
    let mut seconds = 0;
    while let Some(piece) = piece(&mut body).await {
        let data = piece.lines().find_map(|line| line.strip_prefix("data: "));
        // Not a priming event.
        if let Some(data) = data.filter(|data| !data.is_empty()) {
            seconds = begun.elapsed().as_secs();
            heard.push(serde_json::from_str(data).unwrap());
        }
    }
    (heard, seconds)
}

/// FIELD E-5: a person has ten minutes, a program one; a setting for each, and a time for each question. What a
/// question may wait at most is what its call may take.
#[tokio::test(start_paused = true)]
async fn a_question_waits_as_long_as_its_kind_needs() {
    let form = || {
        let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
        Elicitation::form("who?", schema)
    };
    let page = || Elicitation::url("go", "https://example.com");
    let sampling = || Sampling::new(10).message(Role::User, "hi");
    async fn elicit(cx: Call, elicitation: Elicitation) -> String {
        format!("{:?}", cx.elicit(&elicitation).await)
    }
    async fn sample(cx: Call, sampling: Sampling) -> String {
        format!("{:?}", cx.sample(&sampling).await)
    }
    let seconds = Duration::from_secs;
    let server = || {
        Server::new("Asking", "1")
            .tool(Tool::new("form"), move |cx, _| elicit(cx, form()))
            .tool(Tool::new("page"), move |cx, _| elicit(cx, page()))
            .tool(Tool::new("sampling"), move |cx, _| sample(cx, sampling()))
            .tool(Tool::new("roots"), async |cx: Call, _| {
                format!("{:?}", cx.roots().await)
            })
            .tool(Tool::new("own"), async |cx: Call, _| {
                format!("{:?}", cx.request("elicitation/create", None).await)
            })
            .tool(Tool::new("own_soon"), async |cx: Call, _| {
                let limit = Duration::from_secs(4);
                let asked = cx.request_within(limit, "elicitation/create", None);
                format!("{:?}", asked.await)
            })
            .tool(Tool::new("form_soon"), move |cx, _| {
                elicit(cx, form().timeout(seconds(5)))
            })
            .tool(Tool::new("form_late"), move |cx, _| {
                elicit(cx, form().timeout(seconds(3000)))
            })
            .tool(Tool::new("form_for_ever"), move |cx, _| {
                elicit(cx, form().timeout(Duration::MAX))
            })
            .tool(Tool::new("form_never"), move |cx, _| {
                elicit(cx, form().timeout(Duration::ZERO))
            })
            .tool(Tool::new("page_soon"), move |cx, _| {
                elicit(cx, page().timeout(seconds(6)))
            })
            .tool(Tool::new("sampling_late"), move |cx, _| {
                sample(cx, sampling().timeout(seconds(300)))
            })
            .tool(Tool::new("sampling_never"), move |cx, _| {
                sample(cx, sampling().timeout(Duration::ZERO))
            })
    };
    let as_it_is = McpService::builder(server()).build().unwrap();
    let set = McpService::builder(server()).timeouts(|timeouts| {
        timeouts.elicitation = Duration::from_secs(30);
        timeouts.reply = Duration::from_secs(20);
    });
    let set = set.build().unwrap();
    for (tool, by_default, with_settings) in [
        ("form", 600, 30),
        ("page", 600, 30),
        ("own", 600, 30),
        ("own_soon", 4, 4),
        ("sampling", 60, 20),
        ("roots", 60, 20),
        ("form_soon", 5, 5),
        ("page_soon", 6, 6),
        ("form_late", 3000, 3000),
        ("sampling_late", 300, 300),
    ] {
        for (mcp, expected) in [(&as_it_is, by_default), (&set, with_settings)] {
            let session = open(mcp).await;
            let (heard, seconds) = hears(mcp, &session, tool).await;
            assert_eq!(seconds, expected, "{tool}");
            let [question, told, answer] = &heard[..] else {
                panic!("{tool}: {heard:?}");
            };
            check_withdrawn(told, question);
            assert_eq!(told["params"]["reason"], "timed out");
            assert_eq!(text_of(answer), "Err(TimedOut)", "{tool}");
        }
    }
    let session = open(&as_it_is).await;
    let (heard, seconds) = hears(&as_it_is, &session, "form_for_ever").await;
    assert_eq!(seconds, 3600);
    check_withdrawn(&heard[1], &heard[0]);
    assert_eq!(heard[2]["error"]["code"], -32603, "{heard:?}");
    for tool in ["form_never", "sampling_never"] {
        let request = in_session(&session, 8, "tools/call", json!({"name": tool}));
        let body = piece(&mut as_it_is.call(request).await.into_body()).await;
        let answer: Value = serde_json::from_str(&body.unwrap()).unwrap();
        assert!(text_of(&answer).contains("longer than zero"), "{answer}");
    }
}

/// Opens a session of 2025-11-25 whose client can be asked anything.
async fn open(mcp: &McpService) -> String {
    let capabilities = json!({"roots": {}, "sampling": {}, "elicitation": {"form": {}, "url": {}}});
    let hello = message(1, "initialize", hello(V11, capabilities));
    let response = mcp.call(post("/mcp", &[], &hello)).await;
    let id = &response.headers()["mcp-session-id"];
    id.to_str().unwrap().to_owned()
}

// --- what errors may ask for

/// FIELD S-10, SPEC E-105: -32042 reaches only clients of the revision that defines it.
#[tokio::test]
async fn only_one_revision_is_told_to_visit_pages_first() {
    let page = json!({"mode": "url", "message": "sign in", "url": "https://example.com",
        "elicitationId": "1"});
    let data = json!({"elicitations": [page]});
    let demand = data.clone();
    let server =
        Server::new("Visiting", "1").resource(Resource::new("test://page", "page"), move |_, _| {
            let demand = ErrorObject::new(-32042, "sign in first").with_data(demand.clone());
            async { Err::<String, _>(demand) }
        });
    let running = start(McpService::builder(server).build().unwrap()).await;
    let params = json!({"uri": "test://page"});
    let error = |code: i64| json!({"code": code, "message": "sign in first"});
    for version in LEGACY {
        let mut expected = error(-32603);
        if version == V11 {
            expected = error(-32042);
            expected["data"] = data.clone();
        }
        let session = Session::open(running.address, version, json!({})).await;
        let answer = session.call("resources/read", params.clone()).await;
        assert_eq!(answer["error"], expected, "{version}");
    }
    let answer = modern(running.address, 1, "resources/read", params).await;
    assert_eq!({ answer }.answer().await["error"], error(-32603));
}
