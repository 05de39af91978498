//! Messages as lines, without HTTP (SPEC N): both eras, questions, cancellation, limits and the end.
//!
//! FIELD P-4: the other half of it, the bridge to a URL, is a package with tests of its own.

use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{Builder, Change, McpService, Stdio};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::desktop::{Desktop, modern};
use crate::support::probe::{Seen, call, probe};
use crate::support::{message, soon, text_of};

/// A client that has started a server as a command.
struct Command {
    client: Desktop,
    serving: JoinHandle<io::Result<()>>,
    mcp: McpService,
}

impl Command {
    fn start(server: Server) -> Self {
        Self::build(server, |builder| builder, |stdio| stdio)
    }

    fn build(
        server: Server,
        build: impl FnOnce(Builder<Server>) -> Builder<Server>,
        set: impl FnOnce(Stdio) -> Stdio,
    ) -> Self {
        let mcp = build(McpService::builder(server)).build().unwrap();
        let (client, its_input, its_output) = Desktop::new();
        let stdio = set(Stdio::new(mcp.clone()));
        Self {
            client,
            serving: tokio::spawn(stdio.run_on(its_input, its_output)),
            mcp,
        }
    }

    /// A client that has made the handshake of a revision.
    async fn initialized(server: Server, version: &str, capabilities: Value) -> Self {
        let mut command = Self::start(server);
        command.initialize(version, capabilities).await;
        command
    }

    /// Closes the input. Gives what the server still writes.
    async fn end(mut self) -> Vec<Value> {
        self.input = None;
        let mut rest = Vec::new();
        while let Some(message) = self.line().await {
            rest.push(message);
        }
        soon("the end", self.serving).await.unwrap().unwrap();
        let snapshot = self.mcp.snapshot();
        assert_eq!(
            (snapshot.sessions, snapshot.running, snapshot.listens),
            (0, 0, 0)
        );
        rest
    }
}

fn echo(text: &str) -> Value {
    call("echo", json!({"message": text}))
}

impl Deref for Command {
    type Target = Desktop;

    fn deref(&self) -> &Desktop {
        &self.client
    }
}

impl DerefMut for Command {
    fn deref_mut(&mut self) -> &mut Desktop {
        &mut self.client
    }
}

/// SPEC N-4, N-5: every revision, and its form of answers.
#[tokio::test]
async fn every_revision_is_served() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let (server, _) = probe();
        let mut command = Command::initialized(server, version, json!({})).await;
        let told = command
            .legacy(1, "tools/call", call("version", json!({})))
            .await;
        assert_eq!((text_of(&told), &told["id"]), (version, &json!(1)));
        let told = command.legacy("a", "ping", json!({})).await;
        assert_eq!((&told["id"], &told["result"]), (&json!("a"), &json!({})));
        assert_eq!(command.end().await, [] as [Value; 0]);
    }
    let mut command = Command::start(probe().0);
    let told = command
        .modern(1, "tools/call", call("version", json!({})))
        .await;
    assert_eq!(text_of(&told), "2026-07-28");
    assert_eq!(told["result"]["resultType"], "complete");
    assert_eq!(command.mcp.sessions(), 0, "it needs no session");
    assert_eq!(command.end().await, [] as [Value; 0]);
}

/// SPEC N-6: a client that speaks both eras asks first, and may use both.
#[tokio::test]
async fn both_eras_are_served_at_once() {
    let mut command = Command::start(probe().0);
    let found = command.modern(1, "server/discover", json!({})).await;
    assert_eq!(found["result"]["supportedVersions"], json!(["2026-07-28"]));
    // Without an envelope it is a broken request of the modern era, until there is a session.
    let broken = command.legacy(2, "server/discover", json!({})).await;
    assert_eq!(broken["error"]["code"], -32602);
    command.initialize("2025-11-25", json!({})).await;
    let unknown = command.legacy(3, "server/discover", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32601);
    for at in 4..8 {
        assert_eq!(
            text_of(&command.legacy(at, "tools/call", echo("old")).await),
            "old"
        );
        assert_eq!(
            text_of(&command.modern(at, "tools/call", echo("new")).await),
            "new"
        );
    }
    let other = modern(9, "tools/list", json!({})).replace("2026-07-28", "2099-01-01");
    command.write(other).await;
    let other = command.read().await;
    assert_eq!(
        (&other["id"], &other["error"]["code"]),
        (&json!(9), &json!(-32022))
    );
    command.end().await;
}

/// SPEC N-5: there are no headers that could repeat arguments.
#[tokio::test]
async fn arguments_that_headers_would_repeat_are_accepted_without_them() {
    let schema = json!({
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    });
    let tool = Tool::new("where").input(schema);
    let server = Server::new("test", "1").tool(tool, async |_: Call, args: Arguments| {
        args.str("region").map(str::to_owned)
    });
    let mut command = Command::start(server);
    let params = call("where", json!({"region": "eu"}));
    assert_eq!(
        text_of(&command.modern(1, "tools/call", params).await),
        "eu"
    );
    command.end().await;
}

/// SPEC N-1: how lines end does not matter, nor do empty ones.
#[tokio::test]
async fn lines_are_read_however_they_end() {
    let mut command = Command::start(probe().0);
    let (first, second) = (
        modern(1, "tools/call", echo("é")),
        modern(2, "tools/call", echo("2")),
    );
    command
        .write(format!("\n\r\n  \n{first}\r\n\n{second}"))
        .await;
    assert_eq!(text_of(&command.read().await), "é");
    assert_eq!(text_of(&command.read().await), "2");
    let input = command.input.as_mut().unwrap();
    for byte in modern(3, "tools/call", echo("bit by bit")).bytes() {
        input.write_u8(byte).await.unwrap();
        tokio::task::yield_now().await;
    }
    input.write_u8(b'\n').await.unwrap();
    assert_eq!(text_of(&command.read().await), "bit by bit");
    let last = modern(4, "tools/call", echo("last"));
    let input = command.input.as_mut().unwrap();
    input.write_all(last.as_bytes()).await.unwrap();
    let rest = command.end().await;
    assert_eq!(rest.len(), 1);
    assert_eq!(text_of(&rest[0]), "last");
}

/// SPEC N-2: a message has no line break, whatever handlers put into it.
#[tokio::test]
async fn a_message_is_one_line() {
    let server =
        Server::new("test", "1").tool(Tool::new("lines"), async |cx: Call, _: Arguments| {
            let params = mcp_wire::jsonrpc::Json::parse(b"{\n  \"a\":\r\n 1\n}".to_vec()).unwrap();
            cx.notify("notifications/note", Some(&params)).unwrap();
            "a\nb\r\nc\u{2028}d"
        });
    let mut command = Command::initialized(server, "2025-11-25", json!({})).await;
    for is_modern in [false, true] {
        let params = call("lines", json!({}));
        match is_modern {
            false => command.write(message(1, "tools/call", params)).await,
            true => command.begin(1, "tools/call", params).await,
        }
        assert_eq!(command.read().await["params"], json!({"a": 1}));
        assert_eq!(text_of(&command.read().await), "a\nb\r\nc\u{2028}d");
    }
    command.end().await;
}

/// SPEC N-3, N-12: what is refused is told without delay, and what follows is served.
#[tokio::test]
async fn what_is_no_message_is_refused_and_the_next_line_is_served() {
    let (server, seen) = probe();
    let limit = |builder: Builder<Server>| builder.limits(|limits| limits.body = 10_000);
    let mut command = Command::build(server, limit, |stdio| stdio);
    command.initialize("2025-11-25", json!({})).await;
    let long = modern(8, "tools/call", echo(&"x".repeat(20_000)));
    for (line, id, code, says) in [
        ("{", Value::Null, -32700, ""),
        ("\u{7}", Value::Null, -32700, ""),
        ("7", Value::Null, -32600, ""),
        ("[]", Value::Null, -32600, ""),
        (
            &format!("[{}]", message(7, "ping", json!({}))),
            Value::Null,
            -32600,
            "batch",
        ),
        (&long, Value::Null, -32600, "`Limits::body`"),
        (
            r#"{"jsonrpc":"2.0","id":9,"method":"ping","params":[]}"#,
            json!(9),
            -32602,
            "params",
        ),
    ] {
        command.write(line).await;
        let refused = command.read().await;
        assert_eq!(refused["error"]["code"], code, "{line}: {refused}");
        assert_eq!(refused["id"], id, "{line}: {refused}");
        let told = refused["error"]["message"].as_str().unwrap();
        assert!(told.contains(says), "{told}");
        assert_eq!(
            text_of(&command.modern(1, "tools/call", echo("on")).await),
            "on"
        );
    }
    // Neither a notification nor a response is answered.
    for line in [
        r#"{"jsonrpc":"2.0","method":"notifications/x","params":7}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":77,"result":{}}"#,
    ] {
        command.write(line).await;
        assert_eq!(
            text_of(&command.modern(1, "tools/call", echo("on")).await),
            "on"
        );
    }
    assert_eq!(seen.calls(), 11);
    command.end().await;
}

/// SPEC N-4: 2025-03-26 has batches, of which each request is answered.
#[tokio::test]
async fn a_batch_is_answered_where_the_revision_has_batches() {
    let mut command = Command::initialized(probe().0, "2025-03-26", json!({})).await;
    let heard = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let calls = ["a", "b"].map(|text| message(text, "tools/call", echo(text)));
    let unknown = message("c", "no/such", json!({}));
    command
        .write(format!("[{},{heard},{},{unknown}]", calls[0], calls[1]))
        .await;
    for id in ["a", "b"] {
        let answer = command.read().await;
        assert_eq!((&answer["id"], text_of(&answer)), (&json!(id), id));
    }
    assert_eq!(command.read().await["error"]["code"], -32601);
    command.end().await;
}

/// Begins a call of `talk` in one of the eras, which has told of one step.
async fn talking(command: &mut Command, seen: &Seen, id: &str, is_modern: bool) {
    let params = call("talk", json!({"tag": id, "times": 5}));
    match is_modern {
        true => command.begin(id, "tools/call", params).await,
        false => command.write(message(id, "tools/call", params)).await,
    }
    seen.allow(id, 1);
    seen.happens("told", id).await;
    let note = command.read().await;
    assert_eq!(
        (&note["params"]["tag"], &note["params"]["number"]),
        (&json!(id), &json!(0))
    );
}

/// SPEC N-7, N-8: a cancelled request ends at once and is not answered; others go on.
#[tokio::test]
async fn a_notification_cancels_a_request() {
    for is_modern in [false, true] {
        let (server, seen) = probe();
        let mut command = Command::initialized(server, "2025-11-25", json!({})).await;
        talking(&mut command, &seen, "gone", is_modern).await;
        talking(&mut command, &seen, "stays", is_modern).await;
        let params = json!({"requestId": "gone", "reason": "enough"});
        command.notify("notifications/cancelled", params).await;
        seen.happens("over", "gone").await;
        seen.allow("gone", 5);
        seen.allow("stays", 5);
        for number in 1..5 {
            let note = command.read().await;
            assert_eq!(
                note["params"],
                json!({"tag": "stays", "number": number, "pad": ""})
            );
        }
        assert_eq!(text_of(&command.read().await), "talked stays");
        // Its id can be used again.
        let again = command.modern("gone", "tools/call", echo("again")).await;
        assert_eq!(text_of(&again), "again");
        assert_eq!(command.end().await, [] as [Value; 0]);
    }
}

/// PITFALLS R-13: an error with the id of a running request would answer that request.
#[tokio::test]
async fn the_id_of_a_running_request_cannot_be_used_again() {
    for is_modern in [false, true] {
        let (server, seen) = probe();
        let mut command = Command::initialized(server, "2025-11-25", json!({})).await;
        talking(&mut command, &seen, "a", is_modern).await;
        match is_modern {
            true => command.begin("a", "tools/call", echo("second")).await,
            false => {
                command
                    .write(message("a", "tools/call", echo("second")))
                    .await
            }
        }
        let refused = command.read().await;
        assert_eq!(
            (&refused["id"], &refused["error"]["code"]),
            (&Value::Null, &json!(-32600))
        );
        // Nor if the second is refused for another reason.
        for broken in [
            r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":[]}"#.to_owned(),
            modern("a", "ping", json!({})).replace("2026-07-28", "2099-01-01"),
        ] {
            command.write(broken).await;
            let refused = command.read().await;
            assert_eq!(refused["id"], Value::Null, "{refused}");
            assert!(refused["error"]["code"].is_number(), "{refused}");
        }
        seen.allow("a", 5);
        for _ in 1..5 {
            command.read().await;
        }
        let answer = command.read().await;
        assert_eq!((&answer["id"], text_of(&answer)), (&json!("a"), "talked a"));
        command.end().await;
    }
}

/// SPEC N-9: in the legacy era a question is a request to the client, and its answer a line; in 2026-07-28 the
/// question is the result.
#[tokio::test]
async fn handlers_ask_their_client() {
    let capabilities = json!({"elicitation": {}, "roots": {}});
    let mut command = Command::initialized(probe().0, "2025-11-25", capabilities).await;
    command
        .write(message(1, "tools/call", call("elicit", json!({}))))
        .await;
    let question = command.read().await;
    assert_eq!(question["method"], "elicitation/create");
    // Others are served meanwhile.
    assert_eq!(
        text_of(&command.legacy(2, "tools/call", echo("meanwhile")).await),
        "meanwhile"
    );
    let answer = json!({"action": "accept", "content": {"name": "Ada"}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": answer});
    command.write(answer.to_string()).await;
    let result = command.read().await;
    assert!(text_of(&result).contains("Ada"), "{result}");

    let params = call("elicit", json!({}));
    let round = command.modern(3, "tools/call", params.clone()).await;
    assert_eq!(round["result"]["resultType"], "input_required", "{round}");
    let requests = round["result"]["inputRequests"].as_object().unwrap();
    let (key, question) = requests.iter().next().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let mut params = params;
    params["inputResponses"] = json!({key: {"action": "accept", "content": {"name": "Eve"}}});
    if let Some(state) = round["result"].get("requestState") {
        params["requestState"] = state.clone();
    }
    let result = command.modern(4, "tools/call", params).await;
    assert!(text_of(&result).contains("Eve"), "{result}");
    command.end().await;
}

/// SPEC N-10: several streams of changes at once, each told apart by its subscription; the client ends one, the
/// server ends the other.
#[tokio::test]
async fn changes_are_told_until_either_side_ends_it() {
    let (server, _) = probe();
    let mut command = Command::start(server.clone());
    let of =
        |told: &Value| told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].clone();
    for id in ["first", "second"] {
        let filter = json!({"notifications": {"toolsListChanged": true}});
        let told = command.modern(id, "subscriptions/listen", filter).await;
        assert_eq!(told["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(of(&told), id);
    }
    server.publish(&Change::Tools);
    let mut told = [of(&command.read().await), of(&command.read().await)];
    told.sort_by_key(Value::to_string);
    assert_eq!(told, ["first", "second"]);
    command
        .notify("notifications/cancelled", json!({"requestId": "first"}))
        .await;
    // Carried out after the notification.
    command.modern(1, "tools/call", echo("on")).await;
    while command.mcp.listen_streams() > 1 {
        tokio::task::yield_now().await;
    }
    server.publish(&Change::Tools);
    assert_eq!(of(&command.read().await), "second");
    command.mcp.drain();
    let ended = command.read().await;
    assert_eq!(ended["method"], "notifications/cancelled");
    assert_eq!(ended["params"], json!({"requestId": "second"}));
    let result = command.read().await;
    assert_eq!(
        (&result["id"], &result["result"]["resultType"]),
        (&json!("second"), &json!("complete"))
    );
    command.end().await;
}

/// A legacy session is told of changes too.
#[tokio::test]
async fn a_session_is_told_of_changes() {
    let (server, _) = probe();
    let mut command = Command::initialized(server.clone(), "2025-11-25", json!({})).await;
    let params = json!({"uri": "test://a"});
    command
        .legacy(1, "resources/subscribe", params.clone())
        .await;
    server.publish(&Change::Tools);
    server.resource_updated("test://a");
    assert_eq!(
        command.read().await["method"],
        "notifications/tools/list_changed"
    );
    let updated = command.read().await;
    assert_eq!(updated["method"], "notifications/resources/updated");
    assert_eq!(updated["params"]["uri"], "test://a");
    command.end().await;
}

/// SPEC N-11: the server ends with its input. What runs has its time, what listens ends at once.
#[tokio::test(start_paused = true)]
async fn the_server_ends_with_its_input() {
    let deadline = Duration::from_secs(5);
    for is_modern in [false, true] {
        for (works, expected) in [
            (None, Duration::ZERO),
            (Some(Duration::from_secs(3)), Duration::from_secs(3)),
            (Some(Duration::from_secs(30)), deadline),
        ] {
            let server = Server::new("test", "1").tool(
                Tool::new("work"),
                move |_, _: Arguments| async move {
                    tokio::time::sleep(works.unwrap_or_default()).await;
                    "done"
                },
            );
            let set = |stdio: Stdio| stdio.drain_deadline(deadline);
            let mut command = Command::build(server, |builder| builder, set);
            if is_modern {
                let filter = json!({"notifications": {"toolsListChanged": true}});
                command
                    .modern("listens", "subscriptions/listen", filter)
                    .await;
            } else {
                command.initialize("2025-11-25", json!({})).await;
            }
            if works.is_some() {
                let params = call("work", json!({}));
                let line = match is_modern {
                    true => modern(1, "tools/call", params),
                    false => message(1, "tools/call", params),
                };
                command.write(line).await;
            }
            tokio::task::yield_now().await;
            let began = Instant::now();
            let rest = command.end().await;
            assert_eq!(
                began.elapsed().as_secs(),
                expected.as_secs(),
                "{is_modern} {works:?}"
            );
            let answers: Vec<_> = rest.iter().filter(|last| last["id"] == 1).collect();
            match works {
                Some(time) if time < deadline => assert_eq!(text_of(answers[0]), "done"),
                _ => assert!(answers.is_empty(), "{rest:?}"),
            }
        }
    }
}

/// A client that closes its end of the output is gone.
#[tokio::test]
async fn the_server_ends_when_its_output_is_closed() {
    let mut command = Command::initialized(probe().0, "2025-11-25", json!({})).await;
    command.output = BufReader::new(tokio::io::duplex(1).0);
    command.write(message(1, "ping", json!({}))).await;
    soon("the end", command.serving).await.unwrap().unwrap();
    assert_eq!(command.mcp.sessions(), 0);
}

/// SPEC N-11: a service that shuts down ends its client, which learns what became of its requests.
#[tokio::test]
async fn the_end_of_the_service_ends_the_session() {
    let (server, seen) = probe();
    let mut command = Command::initialized(server, "2025-11-25", json!({})).await;
    talking(&mut command, &seen, "a", false).await;
    command.mcp.close();
    let told = command.read().await;
    assert_eq!(
        (&told["id"], &told["error"]["code"]),
        (&json!("a"), &json!(-32603))
    );
    assert_eq!(command.line().await, None);
    soon("the end", command.serving).await.unwrap().unwrap();
}

/// SPEC N-13: a client that does not read is not waited for, and does not fill the memory.
#[tokio::test]
async fn what_waits_for_a_client_that_does_not_read_is_limited() {
    let chat = call("chat", json!({"tag": "x", "times": 100, "pad": 100_000}));
    // A legacy session is cut.
    let mut command = Command::initialized(probe().0, "2025-11-25", json!({})).await;
    command.write(message(1, "tools/call", chat.clone())).await;
    while command.mcp.sessions() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(command.mcp.snapshot().cuts, 1);
    command.input = None;
    while command.line().await.is_some() {}
    soon("the end", command.serving).await.unwrap().unwrap();

    // A request of 2026-07-28 loses notifications, and keeps its answer.
    let mut command = Command::start(probe().0);
    command.begin(1, "tools/call", chat).await;
    while command.mcp.snapshot().dropped == 0 {
        tokio::task::yield_now().await;
    }
    while command.read().await["id"] != 1 {}
    // Refusals wait for the client, and the server reads no more.
    let line = b"{\n".repeat(1_000_000);
    let mut input = command.input.take().unwrap();
    let wrote = tokio::time::timeout(Duration::from_secs(1), input.write_all(&line)).await;
    assert!(
        wrote.is_err(),
        "the server read two megabytes of lines that it could not answer"
    );
    drop(input);
    while command.line().await.is_some() {}
    soon("the end", command.serving).await.unwrap().unwrap();
}

/// SPEC N-13: while answers of 2026-07-28 wait for their client, no more requests are read than may run. Each is
/// answered when the client reads.
#[tokio::test(start_paused = true)]
async fn answers_that_wait_for_a_client_are_limited() {
    const ALL: usize = 60;
    const LIMIT: usize = 8;
    let (server, seen) = probe();
    let limit = |builder: Builder<Server>| builder.limits(|it| it.requests_per_session = LIMIT);
    let mut command = Command::build(server, limit, |stdio| stdio);
    let text = "x".repeat(100_000);
    let requests = (0..ALL).map(|id| modern(id, "tools/call", echo(&text)) + "\n");
    let requests: String = requests.collect();
    let mut input = command.input.take().unwrap();
    let writing = tokio::spawn(async move { input.write_all(requests.as_bytes()).await });
    // In paused time it passes only once nothing else can happen.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!writing.is_finished());
    // One is being written and four are next.
    assert_eq!(seen.calls(), LIMIT + 5);
    let mut ids = Vec::new();
    for _ in 0..ALL {
        let answer = command.read().await;
        assert_eq!(text_of(&answer), text);
        ids.push(answer["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..ALL as u64));
    soon("the end of the input", writing)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(command.end().await, [] as [Value; 0]);
}

/// SPEC N-13: in both eras. The client can still cancel.
#[tokio::test]
async fn requests_that_run_at_the_same_time_are_limited() {
    for is_modern in [false, true] {
        let (server, seen) = probe();
        let limit = |builder: Builder<Server>| builder.limits(|it| it.requests_per_session = 2);
        let mut command = Command::build(server, limit, |stdio| stdio);
        command.initialize("2025-11-25", json!({})).await;
        let line = |id: &str, params| match is_modern {
            true => modern(id, "tools/call", params),
            false => message(id, "tools/call", params),
        };
        for id in ["a", "b"] {
            command
                .write(line(id, call("wait", json!({"tag": id}))))
                .await;
            seen.happens("begun", id).await;
        }
        command.write(line("c", echo("c"))).await;
        let refused = command.read().await;
        assert_eq!(refused["id"], "c");
        let told = refused["error"]["message"].as_str().unwrap();
        assert!(told.contains("`Limits::requests_per_session`"), "{told}");
        let gone = json!({"requestId": "a"});
        command.notify("notifications/cancelled", gone).await;
        seen.happens("over", "a").await;
        command.write(line("d", echo("d"))).await;
        assert_eq!(text_of(&command.read().await), "d");
        seen.allow("b", 1);
        assert_eq!(text_of(&command.read().await), "waited b");
        command.end().await;
    }
}

/// SPEC N-14: no authorizer is asked. Without an identity, what needs a scope is refused.
#[tokio::test]
async fn the_embedder_says_who_the_client_is() {
    let server = || {
        Server::new("test", "1").tool(
            Tool::new("secret").scopes(["admin"]),
            async |cx: Call, _| cx.identity().unwrap().principal().to_owned(),
        )
    };
    for identity in [
        None,
        Some(Identity::new("ada")),
        Some(Identity::new("ada").scopes(["admin"])),
    ] {
        let may = identity.as_ref().is_some_and(|it| it.satisfies("admin"));
        let set = |stdio: Stdio| match identity.clone() {
            Some(identity) => stdio.identity(identity),
            None => stdio,
        };
        let refuses = |builder: Builder<Server>| builder.authorizer(StaticTokens::new());
        let mut command = Command::build(server(), refuses, set);
        command.initialize("2025-11-25", json!({})).await;
        for is_modern in [false, true] {
            let params = call("secret", json!({}));
            let answer = match is_modern {
                true => command.modern(1, "tools/call", params).await,
                false => command.legacy(1, "tools/call", params).await,
            };
            assert_eq!(answer["id"], 1);
            match may {
                true => assert_eq!(text_of(&answer), "ada"),
                false => assert!(answer["error"]["code"].is_number(), "{answer}"),
            }
        }
        command.end().await;
    }
}
