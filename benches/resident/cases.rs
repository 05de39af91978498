//! The abuse of each case, and what has to hold afterwards.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{
    ABUSIVE, META, OTHER, POST, ask, connect, hello, is_served, modern, open_session, ping, whole,
};
use crate::error::BoxError;
use crate::http::{Connection, Response};
use crate::server::ServerProcess;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// 500 sessions with 64 KB of capabilities, deep or of small objects, or just within the limit.
    SessionsDeep,
    SessionsSmallObjects,
    SessionsKept,
    /// 40 listeners with a million empty URIs.
    ListenersEmptyUris,
    /// 40 listeners with 4 MB of padding, or with a head of 60 KB.
    ListenersPadded,
    ListenersLongHead,
    /// 4 MB of small objects in place of a cursor; arguments with an exponent.
    CursorOfObjects,
    ArgumentsWithExponent,
    /// 20,000 sessions that are opened and abandoned.
    BareInitialize,
    /// As many HTTP+SSE streams as one address may have.
    Streams,
    /// As many slow calls as one address may have.
    SlowCalls,
}

const MB: u64 = 1_000_000;
const SESSIONS: usize = 500;
const LISTENERS: usize = 40;
/// The limit on the memory that remains after a case.
const OF_SESSIONS: u64 = 10 * MB;
const OF_LISTENERS: u64 = 4 * MB;
/// The limits on the peak of the whole server during one request, and on its processor time.
const PEAK: u64 = 60 * MB;
const CPU: Duration = Duration::from_millis(30);
/// The number of measured requests. The most expensive one counts.
const REQUESTS: usize = 9;
const INITIALIZES: usize = 20_000;
/// The limit on sessions of the server of `Streams`, which is below the limit on open files.
const ROOM: usize = 1_000;
/// With 64 calls each, this many HTTP+SSE sessions would use up the limit on calls.
const CALLERS: usize = 157;
const CALLS_EACH: usize = 64;

type Verdict = Result<String, BoxError>;

impl Case {
    pub(crate) const ALL: [Self; 11] = [
        Self::SessionsDeep,
        Self::SessionsSmallObjects,
        Self::SessionsKept,
        Self::ListenersEmptyUris,
        Self::ListenersPadded,
        Self::ListenersLongHead,
        Self::CursorOfObjects,
        Self::ArgumentsWithExponent,
        Self::BareInitialize,
        Self::Streams,
        Self::SlowCalls,
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    /// The arguments of the server.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Streams => &["--max-sessions", "1000"],
            _ => &[],
        }
    }

    pub(crate) async fn run(self, server: &ServerProcess) -> Verdict {
        is_served(server, OTHER).await?;
        match self {
            Self::SessionsDeep => sessions(server, &deep()).await,
            Self::SessionsSmallObjects => sessions(server, &small_objects(64_000)).await,
            Self::SessionsKept => sessions(server, &small_objects(7_500)).await,
            Self::ListenersEmptyUris => {
                let filter = format!(
                    r#""resourceSubscriptions":[{}""]"#,
                    "\"\",".repeat(1_390_000)
                );
                listeners(server, &filter, "", "").await
            }
            Self::ListenersPadded => {
                let padding = format!(r#","pad":"{}""#, "x".repeat(4_100_000));
                listeners(server, "", &padding, "").await
            }
            Self::ListenersLongHead => {
                let head = format!("X-Pad: {}\r\n", "x".repeat(60_000));
                listeners(server, "", "", &head).await
            }
            Self::CursorOfObjects => {
                let params = format!(
                    "{},{META}",
                    small_objects(4_100_000).replacen("experimental", "cursor", 1)
                );
                expensive(server, "tools/list", "", &params).await
            }
            Self::ArgumentsWithExponent => {
                let arguments = small_objects(4_100_000).replacen('[', "[1e1,", 1);
                let params = format!(r#""name":"stats_tool","arguments":{{{arguments}}},{META}"#);
                expensive(server, "tools/call", "Mcp-Name: stats_tool\r\n", &params).await
            }
            Self::BareInitialize => bare_initialize(server).await,
            Self::Streams => streams(server).await,
            Self::SlowCalls => slow_calls(server).await,
        }
    }
}

/// Capabilities of 64 KB, nested as deep as the limit allows.
fn deep() -> String {
    let one = format!("{}{{}}{}", "{\"\":".repeat(50), "}".repeat(50));
    let all = vec![one; 200];
    format!(r#""experimental":{{"x":[{}]}}"#, all.join(","))
}

fn small_objects(bytes: usize) -> String {
    format!(
        r#""experimental":{{"x":[{}{{}}]}}"#,
        "{\"\":1},".repeat(bytes / 7)
    )
}

fn grown(server: &ServerProcess, before: u64) -> u64 {
    server.resident().saturating_sub(before)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MB as f64
}

/// Opens sessions and abandons them.
async fn sessions(server: &ServerProcess, capabilities: &str) -> Verdict {
    let body = hello(capabilities);
    let fresh = server.resident();
    let mut connection = connect(server, ABUSIVE).await?;
    let (mut before, mut opened) = (fresh, 0);
    for number in 0..SESSIONS + 10 {
        if number == 10 {
            (before, opened) = (server.resident(), 0);
        }
        let response = ask(connection, "POST /mcp", POST, &body).await?;
        opened += usize::from(response.header("mcp-session-id").is_some());
        let (status, text, same) = whole(response).await?;
        if status != 200 {
            return Err(format!("{status}: {text}").into());
        }
        connection = same;
    }
    stays(
        server,
        fresh,
        before,
        OF_SESSIONS,
        &format!("{opened} of {SESSIONS} sessions"),
    )
}

/// Opens listening requests that stay open.
async fn listeners(server: &ServerProcess, filter: &str, padding: &str, head: &str) -> Verdict {
    let is_plain = filter.is_empty();
    let filter = if is_plain {
        r#""toolsListChanged":true"#
    } else {
        filter
    };
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{{filter}}},{META}{padding}}}}}"#
    );
    let headers = modern("subscriptions/listen", head);
    let listen = async || {
        let connection = connect(server, ABUSIVE).await?;
        ask(connection, "POST /mcp", &headers, &body).await
    };
    let fresh = server.resident();
    for _ in 0..4 {
        drop(listen().await?);
    }
    let before = server.resident();
    let mut open: Vec<Response> = Vec::new();
    for _ in 0..LISTENERS {
        let response = listen().await?;
        if response.is_stream() {
            open.push(response);
        }
    }
    if is_plain && open.len() < LISTENERS {
        return Err(format!("only {} of {LISTENERS} listeners are served", open.len()).into());
    }
    stays(
        server,
        fresh,
        before,
        OF_LISTENERS,
        &format!("{} of {LISTENERS} streams", open.len()),
    )
}

fn stays(server: &ServerProcess, fresh: u64, before: u64, limit: u64, what: &str) -> Verdict {
    let (grown, all) = (grown(server, before), grown(server, fresh));
    let text = format!(
        "{what} use {:.1} MB (limit {:.0}); {:.1} MB more than before the first request",
        megabytes(grown),
        megabytes(limit),
        megabytes(all)
    );
    if grown < limit {
        Ok(text)
    } else {
        Err(text.into())
    }
}

/// Sends requests of 4 MB that are expensive to parse.
async fn expensive(server: &ServerProcess, method: &str, more: &str, params: &str) -> Verdict {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#);
    let headers = modern(method, more);
    server.forget_peak();
    let (mut times, mut last) = (Vec::new(), 0);
    for _ in 0..REQUESTS {
        let before = server.cpu();
        let connection = connect(server, ABUSIVE).await?;
        let (status, _, _) = whole(ask(connection, "POST /mcp", &headers, &body).await?).await?;
        times.push(server.cpu() - before);
        last = status;
    }
    times.sort();
    let (median, most, peak) = (times[REQUESTS / 2], times[REQUESTS - 1], server.peak());
    let text = format!(
        "status {last}; at most {:.1} ms of processor time (median {:.1}, limit {}); peak of {:.1} MB (limit {:.0})",
        most.as_secs_f64() * 1e3,
        median.as_secs_f64() * 1e3,
        CPU.as_millis(),
        megabytes(peak),
        megabytes(PEAK),
    );
    if peak < PEAK && most < CPU && last < 500 {
        Ok(text)
    } else {
        Err(text.into())
    }
}

/// Opens many sessions. A session in use is not affected, and new clients from both addresses are served.
async fn bare_initialize(server: &ServerProcess) -> Verdict {
    let (session, _) = open_session(connect(server, OTHER).await?).await?;
    let listen = format!("{session}Accept: text/event-stream\r\n").replace(POST, "");
    let stream = ask(connect(server, OTHER).await?, "GET /mcp", &listen, "").await?;
    if stream.status != 200 {
        return Err(format!(
            "the answer to a listening client has status {}",
            stream.status
        )
        .into());
    }
    let before = server.resident();
    let body = hello("");
    let mut connection = connect(server, ABUSIVE).await?;
    let mut refused = 0;
    for _ in 0..INITIALIZES {
        let (status, _, same) = whole(ask(connection, "POST /mcp", POST, &body).await?).await?;
        refused += usize::from(status != 200);
        connection = same;
    }
    let text = format!(
        "{refused} of {INITIALIZES} sessions refused, {:.1} MB more",
        megabytes(grown(server, before))
    );
    let fails = |who: &str, error: BoxError| format!("{text}; {who}: {error}");
    is_served(server, OTHER)
        .await
        .map_err(|error| fails("a new client", error))?;
    is_served(server, ABUSIVE)
        .await
        .map_err(|error| fails("the same client", error))?;
    ping(connect(server, OTHER).await?, &session)
        .await
        .map_err(|error| fails("the session in use", error))?;
    drop(stream);
    Ok(text)
}

/// Opens HTTP+SSE streams from one address, then one from another address.
async fn streams(server: &ServerProcess) -> Verdict {
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..ROOM + 100 {
        match open_sse(server, ABUSIVE).await {
            Ok((stream, _)) => open.push(stream),
            Err(_) => refused += 1,
        }
    }
    let text = format!("{} streams, {refused} refused", open.len());
    let fails = |error| format!("{text}; from another address: {error}");
    open_sse(server, OTHER).await.map_err(fails)?;
    is_served(server, OTHER).await.map_err(fails)?;
    Ok(text)
}

async fn open_sse(server: &ServerProcess, from: Ipv4Addr) -> Result<(Response, String), BoxError> {
    let connection = connect(server, from).await?;
    let accept = "Accept: text/event-stream\r\n";
    let mut response = ask(connection, "GET /sse", accept, "").await?;
    if !response.is_stream() {
        return Err(format!(
            "the answer has status {} and is not a stream",
            response.status
        )
        .into());
    }
    let endpoint = response
        .event()
        .await?
        .ok_or("the stream has no endpoint event")?;
    Ok((response, format!("POST {}", endpoint.data)))
}

/// Starts slow calls from one address up to the limit, then pings from another address.
async fn slow_calls(server: &ServerProcess) -> Verdict {
    let mut streams = Vec::new();
    let mut posting: Option<Connection> = None;
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..CALLERS {
        let Ok((stream, path)) = open_sse(server, ABUSIVE).await else {
            refused += CALLS_EACH;
            continue;
        };
        for id in 0..CALLS_EACH {
            let connection = match posting.take() {
                Some(connection) => connection,
                None => connect(server, ABUSIVE).await?,
            };
            let response = ask(connection, &path, POST, &slow_call(id)).await?;
            let closes = response.header("connection") == Some("close");
            let (status, _, same) = whole(response).await?;
            posting = (!closes).then_some(same);
            match status {
                202 => taken += 1,
                _ => refused += 1,
            }
        }
        streams.push(stream);
    }
    let text = format!("{taken} calls are running, {refused} were refused");
    is_served(server, OTHER)
        .await
        .map_err(|error| format!("{text}; from another address: {error}"))?;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"stats_tool",{META}}}}}"#
    );
    let headers = modern("tools/call", "Mcp-Name: stats_tool\r\n");
    let response = ask(connect(server, OTHER).await?, "POST /mcp", &headers, &body).await?;
    let (status, answer, _) = whole(response).await?;
    match status {
        200 => Ok(format!("{text}; {}", counted(&answer))),
        _ => {
            Err(format!("{text}; a call from another address has status {status}: {answer}").into())
        }
    }
}

fn slow_call(id: usize) -> String {
    json!({
        "jsonrpc": "2.0",
        "id": id,
        "method": "tools/call",
        "params": {"name": "slow_tool", "arguments": {"ms": 600_000}},
    })
    .to_string()
}

/// The text of the result of `stats_tool`.
fn counted(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or("nothing")
        .to_owned()
}
