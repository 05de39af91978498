//! The reading rules of clients in use, where they differ from the standards or from each other. Each is
//! small, so that a test shows what such a client makes of the bytes.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::{Answer, POST_HEADERS, Session, Stream, hello, message, request};

/// Java clients up to 2.0.1: a stream is over at its first `retry` line, and what follows is lost.
pub(crate) fn read_up_to_retry(stream: &str) -> Vec<Value> {
    let lines = stream.lines().take_while(|line| !line.starts_with("retry"));
    let data = lines.filter_map(|line| line.strip_prefix("data: "));
    let messages = data.filter(|data| !data.is_empty());
    messages
        .map(|data| serde_json::from_str(data).expect("a message"))
        .collect()
}

/// How often a client may come back before it is one that does so for ever.
const FOR_EVER: usize = 10;

/// TypeScript 1.32 and 2.4, Python 2.3: a stream that ended without the answer is resumed after its last event,
/// again and again while the answer is 200, and given up after two refusals. Gives the number of GETs.
pub(crate) async fn come_back(session: &Session, last: &str) -> usize {
    let (mut last, mut refused) = (last.to_owned(), 0);
    for tries in 1..=FOR_EVER {
        let mut stream: Stream = session.listen(Some(&last)).await;
        if stream.status() != 200 {
            refused += 1;
        }
        if refused == 2 {
            return tries;
        }
        while stream.is_events()
            && let Some(event) = stream.event().await
        {
            last = event.id;
        }
    }
    panic!("the client comes back for ever");
}

/// httpx-sse up to 0.4.1, with `mcp` 1.9 and 1.12, and a large hosted client: lines end wherever Python's
/// `splitlines` ends them. An event whose data is cut is no JSON, and its request waits for ever.
pub(crate) fn read_split_lines(stream: &str) -> Vec<Value> {
    let breaks = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}',
        '\u{2029}',
    ];
    let (mut messages, mut data) = (Vec::new(), Vec::new());
    for line in stream.split(breaks) {
        if let Some(text) = line.strip_prefix("data: ") {
            data.push(text);
        } else if line.is_empty() && !data.is_empty() {
            messages.extend(serde_json::from_str(&data.join("\n")).ok());
            data.clear();
        }
    }
    messages
}

/// What a client makes of the answer to a POST.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// The answer to this call, which the program that made it gets.
    Answered,
    /// The session is lost: the client opens a new one.
    Lost,
    /// The client gives up.
    Failed,
}

/// The Go client: a body with the id of the request is its answer, whatever the status; only without one is a
/// 404 the end of the session.
pub(crate) fn read_by_id(answer: &Answer, id: u64) -> Posted {
    let body: Option<Value> = serde_json::from_str(&answer.body).ok();
    match body {
        Some(body) if body["id"] == id => Posted::Answered,
        _ if answer.status == 404 => Posted::Lost,
        _ => Posted::Failed,
    }
}

/// The transport that C# 2.0 to 2.2 chooses for a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    Streamable,
    HttpSse,
    None,
}

/// C# 2.0 to 2.2: POSTs `initialize`. A success, and an error with a JSON-RPC body, is Streamable HTTP. After
/// any other error it GETs the URL.
pub(crate) async fn choose_transport(address: SocketAddr, path: &str) -> Chosen {
    let body = message(1, "initialize", hello("2025-06-18", serde_json::json!({})));
    let posted = request(address, &format!("POST {path}"), POST_HEADERS, body).await;
    let is_rpc =
        serde_json::from_str::<Value>(&posted.body).is_ok_and(|body| body.get("jsonrpc").is_some());
    if posted.status == 200 || is_rpc {
        return Chosen::Streamable;
    }
    let mut stream = Stream::open(address, &format!("GET {path}"), "", "").await;
    match stream.is_events() {
        true => {
            let first = stream.event().await.expect("an event");
            assert_eq!(first.name, "endpoint");
            Chosen::HttpSse
        }
        false => Chosen::None,
    }
}
