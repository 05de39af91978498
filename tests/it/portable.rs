//! sessions that another process, or this one after a restart, goes on with.

use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::{Arguments, Call, Role, Sampling, Server, StateKeys, Tool, ToolError};
use mcp_wire::{Builder, McpService};
use serde_json::json;

use crate::support::{
    POST_HEADERS, Running, Session, Stream, hello, message, request, start, text_of,
};

const REVISIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
const HOUR: Duration = Duration::from_secs(3600);

/// Tells what it knows of the client.
async fn know(cx: Call, _: Arguments) -> String {
    let capabilities = cx
        .client_capabilities()
        .cloned()
        .map(serde_json::Value::from);
    format!("{} {}", cx.version(), capabilities.unwrap_or_default())
}

async fn ask(cx: Call, _: Arguments) -> Result<String, ToolError> {
    let sampled = cx
        .sample(&Sampling::new(10).message(Role::User, "well?"))
        .await?;
    Ok(sampled.text.unwrap_or_default())
}

fn builder(secret: u8, lifetime: Duration) -> Builder<Server> {
    let server = Server::new("Portable", "1")
        .tool(Tool::new("know"), know)
        .tool(Tool::new("ask"), ask);
    let keys = StateKeys::new(&[secret; 32]).unwrap();
    McpService::builder(server).portable_sessions(keys, lifetime)
}

async fn process(secret: u8) -> Running {
    start(builder(secret, HOUR).build().unwrap()).await
}

fn tool(name: &str) -> serde_json::Value {
    json!({"name": name, "arguments": {}})
}

/// One process after the other, in every revision: what was agreed on is known to both, and each of
/// them sends the name as the client has it.
#[tokio::test]
async fn two_processes_take_turns_on_one_session() {
    let (one, two) = (process(1).await, process(1).await);
    for version in REVISIONS {
        let capabilities = json!({"sampling": {}, "roots": {"listChanged": true}});
        let session = Session::open(one.address, version, capabilities.clone()).await;
        assert!(session.headers().contains('.'), "the name says what it is");
        for turn in 0..4 {
            let process = [&one, &two][turn % 2];
            let session = session.at(process.address);
            let mut stream = session.begin("tools/call", tool("know")).await;
            let name = stream.header("mcp-session-id").unwrap().to_owned();
            assert!(session.headers().contains(&name));
            let answer = stream.answer().await;
            let (spoken, known) = text_of(&answer).split_once(' ').unwrap();
            assert_eq!(spoken, version);
            let known: serde_json::Value = serde_json::from_str(known).unwrap();
            assert_eq!(known, capabilities);
        }
        assert_eq!((one.mcp.sessions(), two.mcp.sessions()), (1, 1));
        for process in [&one, &two] {
            assert_eq!(session.at(process.address).delete().await, 200);
        }
    }
    for process in [&one, &two] {
        let snapshot = process.mcp.snapshot();
        assert_eq!(
            (
                snapshot.sessions,
                snapshot.sessions_opened,
                snapshot.sessions_ended
            ),
            (0, 3, 3)
        );
    }
}

/// A handler asks the client as if it had been there from the beginning.
#[tokio::test]
async fn a_session_that_was_taken_up_can_be_asked() {
    let (one, two) = (process(1).await, process(1).await);
    for (capabilities, is_asked) in [(json!({"sampling": {}}), true), (json!({}), false)] {
        let session = Session::open(one.address, "2025-11-25", capabilities).await;
        let session = session.at(two.address);
        let mut call = session.begin("tools/call", tool("ask")).await;
        if is_asked {
            let question = call.message().await.unwrap();
            assert_eq!(question["method"], "sampling/createMessage");
            let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {
                "role": "assistant", "model": "m", "content": {"type": "text", "text": "yes"},
            }});
            assert_eq!(session.post(answer.to_string()).await.status(), 202);
            assert!(text_of(&call.answer().await).contains("yes"));
        } else {
            assert_eq!(call.answer().await["result"]["isError"], true);
        }
    }
}

/// Requests that come at the same time find one session.
#[tokio::test]
async fn a_session_is_taken_up_once() {
    let (one, two) = (process(1).await, process(1).await);
    let session = Session::open(one.address, "2025-11-25", json!({})).await;
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(
            session
                .at(two.address)
                .send("tools/call", tool("know"))
                .await,
        );
    }
    for (_, mut call) in calls {
        call.read_head().await;
        assert_eq!(call.status(), 200);
    }
    let snapshot = two.mcp.snapshot();
    assert_eq!((snapshot.sessions, snapshot.sessions_opened), (1, 1));
}

/// SPEC C-74: to the client it is a session that has ended, whatever is wrong with its name.
#[tokio::test]
async fn what_is_not_a_name_of_ours_is_unknown() {
    let (one, other) = (process(1).await, process(2).await);
    let old = start(builder(1, Duration::ZERO).build().unwrap()).await;
    let plain = start(McpService::builder(Server::new("p", "1")).build().unwrap()).await;
    let session = Session::open(one.address, "2025-11-25", json!({})).await;
    let too_old = Session::open(old.address, "2025-11-25", json!({})).await;
    let of_plain = Session::open(plain.address, "2025-11-25", json!({})).await;
    let ping = async |session: &Session| session.begin("ping", json!({})).await.status();
    assert_eq!(ping(&session).await, 200);
    assert_eq!(ping(&session.at(other.address)).await, 404, "other keys");
    assert_eq!(ping(&session.at(plain.address)).await, 404, "no keys");
    assert_eq!(ping(&too_old.at(one.address)).await, 404, "too old");
    assert_eq!(ping(&of_plain.at(one.address)).await, 404, "never portable");
    let headers = of_plain.headers().replace("\r\nMCP", ".AAAA\r\nMCP") + POST_HEADERS;
    let body = message(1, "ping", json!({}));
    let answer = request(plain.address, "POST /mcp", &headers, body);
    assert_eq!(
        answer.await.status,
        404,
        "a name with more than the plain one"
    );
    let snapshot = other.mcp.snapshot();
    assert_eq!((snapshot.sessions, snapshot.sessions_opened), (0, 0));
}

/// SPEC C-79: here it is over for good.
#[tokio::test]
async fn a_deleted_session_is_not_taken_up_again() {
    let one = process(1).await;
    let session = Session::open(one.address, "2025-11-25", json!({})).await;
    assert_eq!(session.delete().await, 200);
    assert_eq!(session.begin("ping", json!({})).await.status(), 404);
    assert_eq!(one.mcp.sessions(), 0);
}

/// SPEC F-50, G-20: for another principal it was never there.
#[tokio::test]
async fn a_session_stays_its_principals() {
    let process = async || {
        let tokens = StaticTokens::new()
            .token("token-of-ada", Identity::new("ada"))
            .token("token-of-bob", Identity::new("bob"));
        start(builder(1, HOUR).authorizer(tokens).build().unwrap()).await
    };
    let (one, two) = (process().await, process().await);
    let of = |name: &str| format!("Authorization: Bearer token-of-{name}\r\n{POST_HEADERS}");
    let hello = message(0, "initialize", hello("2025-11-25", json!({})));
    let opened = Stream::open(one.address, "POST /mcp", &of("ada"), hello).await;
    let name = opened.header("mcp-session-id").unwrap();
    for (who, status) in [("bob", 404), ("ada", 200), ("bob", 404)] {
        let headers = format!("{}Mcp-Session-Id: {name}\r\n", of(who));
        let body = message(1, "ping", json!({}));
        let answer = request(two.address, "POST /mcp", &headers, body).await;
        assert_eq!(answer.status, status, "{who}");
    }
    two.mcp.revoke("ada");
    let headers = format!("{}Mcp-Session-Id: {name}\r\n", of("ada"));
    let body = message(1, "ping", json!({}));
    let answer = request(two.address, "POST /mcp", &headers, body).await;
    assert_eq!(answer.status, 404, "what was revoked is not taken up again");
}

/// it counts like one that was opened here.
#[tokio::test]
async fn a_full_process_takes_up_no_more() {
    let one = process(1).await;
    let two = start(builder(1, HOUR).max_sessions(1).build().unwrap()).await;
    let first = Session::open(one.address, "2025-11-25", json!({})).await;
    let second = Session::open(one.address, "2025-11-25", json!({})).await;
    for (session, status) in [(&first, 200), (&second, 503), (&first, 200)] {
        let answer = session.at(two.address).begin("ping", json!({})).await;
        assert_eq!(answer.status(), status);
    }
}

#[test]
fn there_must_be_sessions_to_make_portable() {
    let error = builder(1, HOUR).without_sessions().build().unwrap_err();
    assert!(error.is_setup() && error.to_string().contains("portable"));
}
