//! PITFALLS R-50: sessions that another process, or a restarted one, can continue.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::{Arguments, Call, HandlerError, Role, Sampling, Server, Tool};
use mcp_wire::{Builder, Capabilities, McpService, ServiceEvent, StateKeys};
use serde_json::json;

use crate::support::inside::{self, Asked, in_session, open, post};
use crate::support::{
    POST_HEADERS, Running, Session, Stream, hello, message, request, start, text_of,
};

const REVISIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
const HOUR: Duration = Duration::from_secs(3600);

/// Answers with what it knows about the client.
async fn know(cx: Call, _: Arguments) -> String {
    let capabilities = cx.client_capabilities().map(Capabilities::to_map);
    let capabilities = serde_json::Value::from(capabilities.unwrap_or_default());
    let client = cx.client();
    let client = client.as_ref().map_or("somebody", |client| client.name());
    format!("{} {client} {capabilities}", cx.version())
}

async fn ask(cx: Call, _: Arguments) -> Result<String, HandlerError> {
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

/// A session moves from one process to another, in every revision: both know what was negotiated,
/// and both repeat the session id that the client has.
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
            let known = known.strip_prefix("test ").expect("FIELD S-17");
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
    let taken_up = [&one, &two].map(|process| process.mcp.snapshot().sessions_taken_up);
    assert_eq!(taken_up, [0, 3]);
}

/// PITFALLS R-50: a client may move right after its `initialize`, whether its next message is a
/// notification, a stream or a DELETE.
#[tokio::test]
async fn whatever_comes_first_takes_up_a_session() {
    let one = process(1).await;
    for version in REVISIONS {
        let two = process(1).await;
        let open = async || {
            let body = message(0, "initialize", hello(version, json!({})));
            let opened = Stream::open(one.address, "POST /mcp", POST_HEADERS, body).await;
            let name = opened.header("mcp-session-id").unwrap();
            Session::named(two.address, name, version)
        };
        let told = open().await;
        let status = told.notify("notifications/initialized", json!({})).await;
        assert_eq!(status, 202);
        let stream = open().await.listen(None).await;
        assert_eq!(stream.status(), 200);
        assert_eq!(open().await.delete().await, 200);
        let answer = json!({"jsonrpc": "2.0", "id": 7, "result": {}});
        let answered = open().await.post(answer.to_string()).await;
        assert_eq!(answered.status(), 202, "nobody waits for it here");
        assert_eq!(two.mcp.snapshot().sessions_taken_up, 4);
        assert_eq!(two.mcp.sessions(), 3, "one was deleted");
    }
}

/// What the other process kept counts as unknown (SPEC C-56).
#[tokio::test]
async fn after_a_restart_a_client_goes_on_and_learns_what_is_lost() {
    let before = process(1).await;
    let session = Session::open(before.address, "2025-11-25", json!({})).await;
    let mut stream = session.listen(None).await;
    let primed = stream.event().await.unwrap().id;
    before.mcp.close();
    let last = stream.event().await.unwrap();
    assert_eq!((&*last.data, stream.retry()), ("", Some(1000)), "SPEC C-63");
    assert!(stream.event().await.is_none(), "its streams ended");
    let refused = session.begin("ping", json!({})).await;
    assert_eq!(
        refused.status(),
        503,
        "and it takes up nothing on its way out"
    );

    let after = process(1).await;
    let session = session.at(after.address);
    let resumed = session.listen(Some(&primed)).await;
    assert_eq!(resumed.status(), 400, "its events are gone");
    let headers = session.headers().replace("2025-11-25", "1900-01-01") + POST_HEADERS;
    let body = message(1, "ping", json!({}));
    let answer = request(after.address, "POST /mcp", &headers, body).await;
    assert_eq!(answer.status, 400, "a revision that is none");
    assert_eq!(session.listen(None).await.status(), 200);
    let again = hello("2025-11-25", json!({}));
    let again = session.begin("initialize", again).await;
    assert_eq!(again.status(), 400, "it is initialized");
    assert_eq!(session.call("ping", json!({})).await["result"], json!({}));
    assert_eq!(after.mcp.snapshot().sessions_opened, 1);
}

/// PITFALLS R-3: an idle session is reaped like any other and leaves nothing; it comes back with
/// its client, which gets no 404 between its expiry and the reaper's next run.
#[tokio::test(start_paused = true)]
async fn an_idle_session_is_reaped_and_restored() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let mcp = builder(1, HOUR)
        .timeouts(|timeouts| timeouts.session_idle = Duration::from_secs(10))
        .on_event(move |event| match event {
            ServiceEvent::SessionOpened => tells.lock().unwrap().push("opened"),
            ServiceEvent::SessionTakenUp => tells.lock().unwrap().push("taken up"),
            ServiceEvent::SessionEnded { reason } => tells.lock().unwrap().push(reason.as_str()),
            _ => {}
        })
        .build()
        .unwrap();
    let name = open(&mcp, "2025-06-18").await;
    // The reaper runs every 2.5 s, so not in the second after its expiry.
    for (seconds, sessions) in [(1.0, 1), (10.2, 1), (60.0, 0), (20.0, 0)] {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        assert_eq!(mcp.sessions(), sessions, "{seconds}");
        let answer = mcp.call(in_session(&name, 1, "ping", json!({}))).await;
        assert_eq!(answer.status(), 200, "{seconds}");
        assert_eq!(answer.headers()["mcp-session-id"], *name);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let now = mcp.snapshot();
    assert_eq!(
        (now.sessions, now.streams, now.running, now.queued_bytes),
        (0, 0, 0, 0)
    );
    assert_eq!(
        (
            now.sessions_opened,
            now.sessions_taken_up,
            now.sessions_ended
        ),
        (4, 3, 4)
    );
    let told = told.lock().unwrap();
    let times = ["opened", "taken up", "taken up", "taken up"];
    let wanted: Vec<_> = times.iter().flat_map(|one| [*one, "idle"]).collect();
    assert_eq!(*told, wanted);
}

/// A handler can ask the client as in the process where the session began.
#[tokio::test]
async fn a_restored_session_can_be_asked() {
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

/// Concurrent requests restore one session.
#[tokio::test]
async fn concurrent_requests_restore_one_session() {
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

/// SPEC C-74: a session id with any fault is answered like that of an ended session.
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

/// PITFALLS R-50: a session id with a changed or missing character is refused.
#[tokio::test]
async fn a_changed_session_id_is_unknown() {
    let (one, two) = (process(1).await, process(1).await);
    let session = Session::open(one.address, "2025-11-25", json!({"sampling": {}})).await;
    let ping = async |name: &str| {
        let session = Session::named(two.address, name, "2025-11-25");
        session.begin("ping", json!({})).await.status()
    };
    let name = session.id.clone();
    for (at, character) in name.char_indices() {
        let other = if character == 'a' { "b" } else { "a" };
        let changed = format!("{}{other}{}", &name[..at], &name[at + 1..]);
        assert_eq!(ping(&changed).await, 404, "{at}");
    }
    let twice = format!("{name}.{}", &name[33..]);
    for wrong in [&name[..32], &name[..33], &name[..name.len() - 1], &twice] {
        assert_eq!(ping(wrong).await, 404, "{wrong}");
    }
    assert_eq!(two.mcp.snapshot().sessions_opened, 0);
    assert_eq!(ping(&name).await, 200);
}

/// SPEC D-116: during a rotation, processes with the new secret continue sessions of the old one.
#[tokio::test]
async fn the_secret_can_change() {
    let old = process(1).await;
    let keys = StateKeys::new(&[2; 32]).unwrap().accept(&[1; 32]).unwrap();
    let both = start(
        builder(1, HOUR)
            .portable_sessions(keys, HOUR)
            .build()
            .unwrap(),
    )
    .await;
    let session = Session::open(old.address, "2025-11-25", json!({})).await;
    let answer = session.at(both.address).begin("ping", json!({})).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("mcp-session-id"), Some(&*session.id));
    let session = Session::open(both.address, "2025-11-25", json!({})).await;
    let answer = session.at(old.address).begin("ping", json!({})).await;
    assert_eq!(answer.status(), 404, "the new one seals");
}

/// A session whose state is too long for its id works only in its own process.
#[tokio::test]
async fn a_client_with_much_to_say_stays_where_it_is() {
    let (one, two) = (process(1).await, process(1).await);
    let capabilities = json!({"experimental": {"note": "x".repeat(2000)}});
    let session = Session::open(one.address, "2025-11-25", capabilities).await;
    assert_eq!(session.id.len(), 32);
    for (process, status) in [(&one, 200), (&two, 404)] {
        let answer = session.at(process.address).begin("ping", json!({})).await;
        assert_eq!(answer.status(), status);
    }
}

/// SPEC C-79: a deleted session cannot be restored in the process that deleted it; other processes
/// cannot know.
#[tokio::test]
async fn a_deleted_session_is_not_restored() {
    let processes = [process(1).await, process(1).await, process(1).await];
    let [one, two, third] = &processes;
    let session = Session::open(one.address, "2025-11-25", json!({})).await;
    for process in [one, two] {
        let session = session.at(process.address);
        assert_eq!(session.delete().await, 200);
        assert_eq!(session.begin("ping", json!({})).await.status(), 404);
        assert_eq!(session.listen(None).await.status(), 404);
        assert_eq!(session.delete().await, 404);
        assert_eq!(process.mcp.sessions(), 0);
    }
    let elsewhere = session.at(third.address).begin("ping", json!({})).await;
    assert_eq!(elsewhere.status(), 200);
}

/// SPEC F-50, G-20: for another principal the session does not exist.
#[tokio::test]
async fn a_session_stays_its_principals() {
    let process = async |each| {
        let tokens = StaticTokens::new()
            .token("token-of-ada", Identity::new("ada"))
            .token("token-of-bob", Identity::new("bob"));
        let builder = builder(1, HOUR).authorizer(tokens).limits(|limits| {
            limits.sessions_per_principal = Some(each);
            limits.listen_streams_per_principal = Some(9);
        });
        start(builder.build().unwrap()).await
    };
    let (one, two) = (process(2).await, process(1).await);
    let of = |name: &str| format!("Authorization: Bearer token-of-{name}\r\n{POST_HEADERS}");
    let hello = message(0, "initialize", hello("2025-11-25", json!({})));
    let open = async || {
        let opened = Stream::open(one.address, "POST /mcp", &of("ada"), &hello).await;
        opened.header("mcp-session-id").unwrap().to_owned()
    };
    let (name, one_more) = (open().await, open().await);
    for (who, status) in [("bob", 404), ("ada", 200), ("bob", 404)] {
        let headers = format!("{}Mcp-Session-Id: {name}\r\n", of(who));
        let body = message(1, "ping", json!({}));
        let answer = request(two.address, "POST /mcp", &headers, body).await;
        assert_eq!(answer.status, status, "{who}");
    }
    let listen = |name: &str| {
        let accept = "Accept: text/event-stream\r\n";
        format!("{}Mcp-Session-Id: {name}\r\n{accept}", of("ada"))
    };
    let busy = Stream::open(two.address, "GET /mcp", &listen(&name), "").await;
    assert_eq!(busy.status(), 200);
    let headers = format!("{}Mcp-Session-Id: {one_more}\r\n", of("ada"));
    let body = message(1, "ping", json!({}));
    let answer = request(two.address, "POST /mcp", &headers, body).await;
    assert_eq!(
        answer.status, 429,
        "there is one of each principal's, and it is busy (SPEC C-77)"
    );
    two.mcp.revoke("ada");
    let headers = format!("{}Mcp-Session-Id: {name}\r\n", of("ada"));
    let body = message(1, "ping", json!({}));
    let answer = request(two.address, "POST /mcp", &headers, body).await;
    assert_eq!(answer.status, 404, "what was revoked is not taken up again");
}

/// PITFALLS R-2: a restored session counts like any other, may evict an idle one, and can be
/// restored again after it was evicted.
#[tokio::test]
async fn a_full_process_takes_up_one_for_another() {
    let one = process(1).await;
    let two = start(
        builder(1, HOUR)
            .limits(|limits| limits.sessions = 1)
            .build()
            .unwrap(),
    )
    .await;
    let first = Session::open(one.address, "2025-11-25", json!({})).await;
    let second = Session::open(one.address, "2025-11-25", json!({})).await;
    for session in [&first, &second, &first] {
        let answer = session.at(two.address).begin("ping", json!({})).await;
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(two.mcp.snapshot().sessions_evicted, 2);
    let stream = first.at(two.address).listen(None).await;
    assert_eq!(stream.status(), 200);
    for session in [&second, &first] {
        let answer = session.at(two.address).begin("ping", json!({})).await;
        let is_busy = session.id == first.id;
        assert_eq!(answer.status(), if is_busy { 200 } else { 503 });
    }
}

/// FIELD X-11: a deleted or revoked session stays ended while its id is valid, however many
/// sessions others open and delete.
#[tokio::test]
async fn what_ended_stays_ended_whatever_others_do() {
    let mcp = builder(1, HOUR).build().unwrap();
    let of_ada = |mut asked: Asked| {
        asked.extensions_mut().insert(Identity::new("ada"));
        asked
    };
    let hello = message(1, "initialize", hello("2025-11-25", json!({})));
    let hello = || post("/mcp", &[], &hello);
    let name = async |asked| {
        let response = mcp.call(asked).await;
        let name = response.headers()["mcp-session-id"].to_str().unwrap();
        name.to_owned()
    };
    let delete = |name: &str| {
        let headers = [("host", "localhost"), ("mcp-session-id", name)];
        inside::request("DELETE", "/mcp", &headers, "")
    };
    let ping = |name: &str| in_session(name, 1, "ping", json!({}));
    let deleted = name(hello()).await;
    assert_eq!(mcp.call(delete(&deleted)).await.status(), 200);
    let revoked = name(of_ada(hello())).await;
    mcp.revoke("ada");
    for _ in 0..10_000 {
        let other = name(hello()).await;
        assert_eq!(mcp.call(delete(&other)).await.status(), 200);
    }
    assert_eq!(mcp.call(ping(&deleted)).await.status(), 404);
    assert_eq!(mcp.call(of_ada(ping(&revoked))).await.status(), 404);
    assert_eq!(mcp.snapshot().sessions_taken_up, 0);
}

#[test]
fn there_must_be_sessions_to_make_portable() {
    let error = builder(1, HOUR).without_sessions().build().unwrap_err();
    assert!(error.is_setup() && error.to_string().contains("portable"));
}
