//! The reading rules of clients in use, where they differ from the standards or from each other. Each is
//! small, so that a test shows what such a client makes of the bytes.

use serde_json::Value;

use crate::support::{Session, Stream};

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
