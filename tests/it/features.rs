//! The server layer over `/mcp` (SPEC E), where sessions have several streams. Tests that do not
//! depend on the transport are in `server.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_wire::jsonrpc::{ErrorObject, Json, Notification, Request};
use mcp_wire::server::{Server, Tool};
use mcp_wire::test::{self, Reply};
use mcp_wire::{BoxFuture, Change, Context, Dispatcher, McpService, ProtocolVersion};
use serde_json::{Value, json};

use crate::support::probe::{call, eager_probe, probe};
use crate::support::{
    Client, POST_HEADERS, Running, Session, hello, message, request, start, text_of,
};

const V24: &str = "2024-11-05";
const V03: &str = "2025-03-26";
const V06: &str = "2025-06-18";
const V11: &str = "2025-11-25";
const LEGACY: [&str; 4] = [V24, V03, V06, V11];

async fn run() -> (Running, Server) {
    let (server, _) = probe();
    let mcp = McpService::builder(server.clone()).build().unwrap();
    (start(mcp).await, server)
}

fn has(value: &Value, key: &str) -> bool {
    value.get(key).is_some()
}

/// SPEC E-1, E-2, E-3, E-15, E-17, J-32: the result of `initialize` in each revision, 2024-11-05
/// among them.
#[tokio::test]
async fn initialize_tells_what_the_revision_knows() {
    let (running, _) = run().await;
    for (asked, agreed) in [
        (V24, V24),
        (V03, V03),
        (V06, V06),
        (V11, V11),
        ("2026-07-28", V11),
        ("1999-01-01", V11),
    ] {
        let body = message(1, "initialize", hello(asked, json!({"foo": {"bar": 1}})));
        let answer = request(running.address, "POST /mcp", POST_HEADERS, body).await;
        let result = &answer.json()["result"];
        assert_eq!(result["protocolVersion"], agreed);
        let info = &result["serverInfo"];
        let named = (info["name"].as_str(), info["version"].as_str());
        assert_eq!(named, (Some("Probe"), Some("1")));
        assert_eq!(has(info, "title"), agreed >= V06, "{agreed}");
        let declared = json!({
            "tools": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
            "logging": {},
        });
        assert_eq!(result["capabilities"], declared, "{agreed}");
        assert!(!has(result, "resultType") && !has(result, "instructions"));
    }
}

/// SPEC E-2, E-5, E-7, E-30: each session is served in its own revision, at the same time.
#[tokio::test]
async fn sessions_speak_their_own_revisions() {
    let (running, _) = run().await;
    let mut sessions = Vec::new();
    for version in LEGACY {
        sessions.push((
            version,
            Session::open(running.address, version, json!({})).await,
        ));
    }
    for (version, session) in &sessions {
        let answer = session.call("tools/list", json!({})).await;
        let echo = &answer["result"]["tools"][0];
        assert_eq!(has(echo, "title"), *version >= V06, "{version}");
        assert!(!has(&answer["result"], "ttlMs"), "{answer}");
        let answer = session.call("tools/call", call("version", json!({}))).await;
        assert_eq!(text_of(&answer), *version);
    }
}

/// SPEC E-43, E-60, E-69, C-36, C-38: each session is told about a change once, on its standalone
/// stream, whatever other streams are open; HTTP+SSE sessions too.
#[tokio::test]
async fn changes_of_lists_are_told_once_to_each_session() {
    let (server, seen) = probe();
    let builder = McpService::builder(server.clone())
        .timeouts(|timeouts| timeouts.stream_after = std::time::Duration::ZERO);
    let running = start(builder.build().unwrap()).await;
    let mut open = Vec::new();
    for version in LEGACY {
        let session = Session::open(running.address, version, json!({})).await;
        let standalone = session.listen(None).await;
        let tag = json!({"tag": version});
        let call = session.begin("tools/call", call("wait", tag)).await;
        seen.happens("begun", version).await;
        open.push((version, session, standalone, call));
    }
    let mut sse = Client::initialized(running.address, V24, json!({})).await;
    server
        .add_tool(Tool::new("new"), async |_, _| "new")
        .unwrap();
    assert!(server.remove_tool("new"));
    server.publish(&Change::Resources);
    let told: Vec<_> = ["tools", "tools", "resources"]
        .map(|list| json!({"jsonrpc": "2.0", "method": format!("notifications/{list}/list_changed")}))
        .into();
    for (version, session, mut standalone, mut call) in open {
        seen.allow(version, 1);
        let messages = call.messages().await;
        assert_eq!(messages.len(), 1, "its answer alone: {messages:?}");
        assert_eq!(session.delete().await, 200);
        assert_eq!(standalone.messages().await, told, "{version}");
    }
    for change in told {
        assert_eq!(sse.message().await.unwrap(), change);
    }
}

/// SPEC E-57 to E-59, C-41: an update reaches each subscribed session once, at once or when it
/// opens its stream.
#[tokio::test]
async fn updates_reach_subscribers_once() {
    let (running, server) = run().await;
    let subscriber = Session::open(running.address, V06, json!({})).await;
    let late = Session::open(running.address, V11, json!({})).await;
    let other = Session::open(running.address, V06, json!({})).await;
    let uri = json!({"uri": "test://a"});
    for session in [&subscriber, &late] {
        for _ in 0..2 {
            let answer = session.call("resources/subscribe", uri.clone()).await;
            assert_eq!(answer["result"], json!({}));
        }
    }
    let mut now = subscriber.listen(None).await;
    let mut none = other.listen(None).await;
    server.resource_updated("test://a");
    let update =
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": uri});
    assert_eq!(now.message().await.unwrap(), update);
    let answer = subscriber.call("resources/unsubscribe", uri.clone()).await;
    assert_eq!(answer["result"], json!({}));
    server.resource_updated("test://a");
    for session in [&subscriber, &other] {
        assert_eq!(session.delete().await, 200);
    }
    assert!(now.message().await.is_none());
    assert!(none.message().await.is_none());
    let mut waited = late.listen(None).await;
    assert_eq!(late.delete().await, 200);
    assert_eq!(waited.messages().await, [update.clone(), update]);
}

/// SPEC E-81, E-82, E-84: each session sets its own level, and the log of a call is on its stream.
#[tokio::test]
async fn a_log_is_on_the_stream_of_its_call() {
    let (running, _) = run().await;
    async fn levels(session: &Session) -> Vec<String> {
        let mut stream = session.begin("tools/call", call("log", json!({}))).await;
        let mut messages = if stream.is_events() {
            stream.messages().await
        } else {
            vec![stream.json().await]
        };
        assert_eq!(text_of(&messages.pop().unwrap()), "logged");
        let level = |message: Value| {
            assert_eq!(message["method"], "notifications/message");
            message["params"]["level"].as_str().unwrap().to_owned()
        };
        messages.into_iter().map(level).collect()
    }
    for version in LEGACY {
        let session = Session::open(running.address, version, json!({})).await;
        let other = Session::open(running.address, version, json!({})).await;
        let mut standalone = session.listen(None).await;
        let all = [
            "debug",
            "info",
            "notice",
            "warning",
            "error",
            "critical",
            "alert",
            "emergency",
        ];
        assert_eq!(levels(&session).await, all[1..], "SPEC E-82");
        for (at, level) in all.iter().enumerate() {
            let answer = session
                .call("logging/setLevel", json!({"level": level}))
                .await;
            assert_eq!(answer["result"], json!({}));
            assert_eq!(levels(&session).await, all[at..], "{version}");
        }
        for wrong in [json!("verbose"), json!("Debug"), json!(1), Value::Null] {
            let answer = session
                .call("logging/setLevel", json!({"level": wrong}))
                .await;
            assert_eq!(answer["error"]["code"], -32602, "{wrong}");
        }
        assert_eq!(levels(&session).await, ["emergency"], "it stays");
        assert_eq!(levels(&other).await, all[1..], "and is of its session");
        assert_eq!(session.delete().await, 200);
        assert!(standalone.message().await.is_none());
    }
}

/// Logs on each notification, and answers only `initialize`.
struct Notifies;

impl Dispatcher for Notifies {
    fn request(&self, _: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let params: Value = serde_json::from_slice(request.params().unwrap().as_bytes()).unwrap();
        let version = &params["protocolVersion"];
        let answer = Json::try_from(&json!({ "protocolVersion": version })).expect("an object");
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn notification(&self, cx: Context, notification: Notification) -> BoxFuture<()> {
        let params = Json::try_from(&json!({"level": "info", "data": notification.method()}))
            .expect("an object");
        cx.notify("notifications/message", Some(&params)).unwrap();
        Box::pin(async move {
            let asked = cx.request("ping", None).await;
            assert!(asked.is_err(), "SPEC C-25: no request caused it");
        })
    }
}

/// SPEC E-84, C-36, C-41, C-42: messages that belong to no request go on the standalone stream, or
/// wait for it.
#[tokio::test]
async fn a_log_without_a_request_is_on_the_standalone_stream() {
    let running = start(McpService::builder(Notifies).build().unwrap()).await;
    for version in [V03, V06, V11] {
        let session = Session::open(running.address, version, json!({})).await;
        let mut standalone = session.listen(None).await;
        assert_eq!(session.notify("notifications/foo", json!({})).await, 202);
        for method in ["notifications/initialized", "notifications/foo"] {
            let log = standalone.message().await.unwrap();
            assert_eq!(log["params"]["data"], method, "{version}");
        }
        assert_eq!(session.delete().await, 200);
        assert!(standalone.message().await.is_none());
    }
}

/// SPEC E-95, E-7: the server does not ask for what the client did not declare or its revision
/// lacks.
#[tokio::test]
async fn only_what_was_declared_is_asked() {
    let (running, _) = run().await;
    let all = json!({"roots": {}, "sampling": {}, "elicitation": {}});
    for version in LEGACY {
        for (tool, capability, method) in [
            ("roots", "roots", "roots/list"),
            ("sample", "sampling", "sampling/createMessage"),
            ("elicit", "elicitation", "elicitation/create"),
        ] {
            let mut without = all.clone();
            without.as_object_mut().unwrap().remove(capability);
            let lacks = tool == "elicit" && version < V06;
            for (declared, is_asked) in [(&all, !lacks), (&without, false)] {
                let session = Session::open(running.address, version, declared.clone()).await;
                let mut stream = session.begin("tools/call", call(tool, json!({}))).await;
                assert_eq!(stream.is_events(), is_asked, "{version} {tool} {declared}");
                if is_asked {
                    let question = stream.message().await.unwrap();
                    assert_eq!(question["method"], method);
                } else {
                    let answer = stream.json().await;
                    assert_eq!(answer["result"]["isError"], true, "{answer}");
                }
            }
        }
    }
}

/// SPEC E-96, E-100, E-109, C-25: sampling, elicitation and roots requests go on the stream of the
/// call, and their answers come by POST; none of them is on the standalone stream.
#[tokio::test]
async fn the_client_is_asked_on_the_stream_of_the_call() {
    let (running, _) = run().await;
    for version in LEGACY {
        let declared = json!({"roots": {}, "sampling": {}, "elicitation": {}});
        let session = Session::open(running.address, version, declared).await;
        let mut standalone = session.listen(None).await;
        let sampled = json!({"role": "assistant", "model": "m",
            "content": {"type": "text", "text": "hi"}});
        let elicited = json!({"action": "accept", "content": {"name": "me"}});
        for (tool, answer, says) in [
            ("sample", json!({"result": sampled}), "hi"),
            ("elicit", json!({"result": elicited}), "me"),
            (
                "elicit",
                json!({"result": {"action": "decline"}}),
                "Declined",
            ),
            (
                "sample",
                json!({"error": {"code": -1, "message": "no"}}),
                "refused",
            ),
            (
                "roots",
                json!({"result": {"roots": [{"uri": "file:///r"}]}}),
                "file:///r",
            ),
            ("roots", json!({"result": {"roots": 1}}), "malformed"),
        ] {
            if tool == "elicit" && version < V06 {
                continue;
            }
            let mut stream = session.begin("tools/call", call(tool, json!({}))).await;
            let question = stream.message().await.unwrap();
            let mut answer = answer;
            answer["jsonrpc"] = "2.0".into();
            answer["id"] = question["id"].clone();
            assert_eq!(session.post(answer.to_string()).await.status(), 202);
            let said = stream.answer().await;
            assert!(text_of(&said).contains(says), "{version} {tool}: {said}");
        }
        assert_eq!(session.delete().await, 200);
        assert!(standalone.message().await.is_none());
    }
}

/// SPEC E-110: each call asks for the roots anew, so that it misses no change.
#[tokio::test]
async fn roots_are_asked_for_each_time() {
    let (running, _) = run().await;
    for version in ProtocolVersion::ALL {
        let asked = AtomicUsize::new(0);
        let client = test::Client::new(&running.mcp)
            .version(version)
            .on_roots(move |_| {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                Reply::roots([format!("file:///{number}")])
            });
        for root in ["file:///0", "file:///1"] {
            let seen = client.call("roots", json!({})).await.unwrap();
            assert_eq!(seen.text(), root, "{version}");
            let changed = client.notify("notifications/roots/list_changed", Value::Null);
            changed.await.unwrap();
        }
    }
}

/// SPEC E-20: `ping` is exactly `{}`, even while calls run.
#[tokio::test]
async fn ping_is_answered_while_calls_run() {
    let (running, seen) = eager_probe().await;
    for version in LEGACY {
        let session = Session::open(running.address, version, json!({})).await;
        let mut slow = session.begin("tools/call", call("wait", json!({}))).await;
        seen.happens("begun", "").await;
        assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
        seen.allow("", 1);
        assert_eq!(text_of(&slow.answer().await), "waited ");
    }
}
