//! Clients that use the same ids at the same time, and what each of them sees.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::probe::{call, probe_with};
use crate::support::{Client, Session, Stream, envelope, message, mirrored, text_of};

const CLIENTS: usize = 64;
const CALLS: usize = 3;
const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

/// The token of a call, unique among all calls of all clients.
fn token(client: usize, nth: usize) -> String {
    format!("{client}/{nth}")
}

fn waiting(client: usize, nth: usize) -> Value {
    call("wait", json!({"tag": token(client, nth)}))
}

/// A client whose calls have begun. The ids are the same for all of one transport.
enum Caller {
    /// All answers come on one stream.
    Sse(Box<Client>, Vec<u64>),
    /// Each answer comes on the response of its request.
    Posts(Vec<(u64, Stream)>),
}

impl Caller {
    async fn start(address: SocketAddr, number: usize) -> Self {
        match REVISIONS[number % REVISIONS.len()] {
            revision @ "2024-11-05" => {
                let mut client = Client::initialized(address, revision, json!({})).await;
                let mut ids = Vec::new();
                for nth in 0..CALLS {
                    ids.push(client.begin("tools/call", waiting(number, nth)).await);
                }
                Self::Sse(Box::new(client), ids)
            }
            "2026-07-28" => {
                let mut sent = Vec::new();
                for nth in 0..CALLS {
                    let id = nth as u64 + 1;
                    sent.push((id, begin_modern(address, id, waiting(number, nth)).await));
                }
                Self::Posts(sent)
            }
            revision => {
                let session = Session::open(address, revision, json!({})).await;
                let mut sent = Vec::new();
                for nth in 0..CALLS {
                    sent.push(session.send("tools/call", waiting(number, nth)).await);
                }
                Self::Posts(sent)
            }
        }
    }

    /// Reads everything until its streams end.
    async fn sees_its_own_tokens(self, number: usize) {
        match self {
            Self::Sse(mut client, ids) => {
                for (nth, id) in ids.into_iter().enumerate() {
                    check(&client.answer(id).await, id, &token(number, nth));
                }
                assert_eq!(client.message().await, None, "nothing else");
            }
            Self::Posts(sent) => {
                for (nth, (id, mut stream)) in sent.into_iter().enumerate() {
                    stream.read_head().await;
                    let messages = if stream.is_events() {
                        stream.messages().await
                    } else {
                        vec![stream.json().await]
                    };
                    assert_eq!(messages.len(), 1, "{messages:?}");
                    check(&messages[0], id, &token(number, nth));
                }
            }
        }
    }
}

/// Sends a call of 2026-07-28 without waiting for anything to come back.
async fn begin_modern(address: SocketAddr, id: u64, mut params: Value) -> Stream {
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params);
    let body = message(id, "tools/call", params);
    Stream::send(address, "POST /mcp", &headers, body).await
}

#[track_caller]
fn check(answer: &Value, id: u64, token: &str) {
    assert_eq!(answer["id"], id, "{answer}");
    assert_eq!(text_of(answer), format!("waited {token}"));
}

/// Shuffles, in the same way on each run (Fisher and Yates, Knuth's MMIX).
fn shuffle<T>(things: &mut [T]) {
    let mut state = 1_u64;
    for last in (1..things.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        things.swap(last, (state >> 33) as usize % (last + 1));
    }
}

/// PITFALLS: 64 clients of all revisions run calls with the same ids at the same time.
/// The calls end in random order, as JSON and on streams. Every client gets its own answers, each
/// once, and nothing else.
#[tokio::test]
async fn clients_with_equal_ids_see_their_own_tokens_only() {
    for silence in [Duration::ZERO, Duration::from_secs(60)] {
        let (running, seen) =
            probe_with(|builder| builder.timeouts(|timeouts| timeouts.stream_after = silence))
                .await;
        let mut callers = Vec::new();
        for number in 0..CLIENTS {
            callers.push(Caller::start(running.address, number).await);
        }
        let calls = (0..CLIENTS).flat_map(|client| (0..CALLS).map(move |nth| token(client, nth)));
        let mut tokens: Vec<String> = calls.collect();
        for token in &tokens {
            seen.happens("begun", token).await;
        }
        shuffle(&mut tokens);
        for token in &tokens {
            seen.allow(token, 1);
        }
        // The streams of HTTP+SSE end with the server, so that each is read to its end.
        let stopped = running.stop();
        for (number, caller) in callers.into_iter().enumerate() {
            caller.sees_its_own_tokens(number).await;
        }
        stopped.await.unwrap().unwrap();
    }
}
