//! The ways in which a request can leave something on the heap.

use bytes::Bytes;
use mcp_wire::McpService;

use crate::client::{Client, after, status};
use crate::heap::HEAP;
use crate::limits;
use crate::place::{Payload, Place};
use crate::shape::Shape;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A session of Streamable HTTP in this revision, after its connection is closed.
    Session(&'static str),
    /// A session of HTTP+SSE with its stream.
    BoundSession,
    /// The stream of HTTP+SSE alone.
    SseStream,
    /// The standalone stream of a session.
    Standalone,
    /// `subscriptions/listen`.
    Listener,
    /// The same, with more bytes sent after it.
    ReadAhead,
    /// Events of a call, which the session keeps for a client that may resume.
    Replayed,
    /// Notifications of a call whose client left before the first one.
    ToldLate(&'static str),
    /// Subscriptions of a session to resources.
    Subscribed,
    /// A handler that asks its client and waits for the answer.
    Asking,
    /// A handler that waits, with its client.
    Waiting(&'static str),
    /// A handler that waits, after its client has left.
    Abandoned(&'static str),
    /// A handler that waits, for the second request of a connection. The first one was long, so that hyper has a
    /// large buffer.
    Second(&'static str),
    /// A connection that is idle after its first request.
    AtRest(&'static str),
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoJson,
    NoSession,
    UnknownSession,
    UnknownMethod,
    WrongParams,
    OtherMethod,
    NotAllowed,
}

/// What a client left on the server, while the connections are open.
pub(crate) struct Left {
    pub(crate) status: u16,
    pub(crate) sent: usize,
    pub(crate) peak: usize,
    /// Whether its connection is open and idle.
    pub(crate) rests: bool,
    /// The clients whose connections are open.
    clients: Vec<Client>,
}

const SSE: &str = "2024-11-05";
const BATCHES: &str = "2025-03-26";
const JUNE: &str = "2025-06-18";
const NOVEMBER: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

const POST: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
const GET: &str = "Accept: text/event-stream\r\n";
const CLOSE: &str = "Connection: close\r\n";
const ENVELOPE: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"#;

/// The places that most messages have.
const EVERYWHERE: [Place; 4] = [Place::Head, Place::Envelope, Place::Params, Place::Meta];
const HANDSHAKE: [Place; 6] = [
    Place::Head,
    Place::Envelope,
    Place::Params,
    Place::Meta,
    Place::Capabilities,
    Place::ClientInfo,
];
const CALLS: [Place; 5] = [
    Place::Head,
    Place::Envelope,
    Place::Params,
    Place::Meta,
    Place::Arguments,
];

impl Way {
    pub(crate) const ALL: [Self; 28] = [
        Self::Session(BATCHES),
        Self::Session(JUNE),
        Self::Session(NOVEMBER),
        Self::BoundSession,
        Self::SseStream,
        Self::Standalone,
        Self::Listener,
        Self::ReadAhead,
        Self::Replayed,
        Self::ToldLate(BATCHES),
        Self::ToldLate(NOVEMBER),
        Self::Subscribed,
        Self::Asking,
        Self::Waiting(SSE),
        Self::Waiting(NOVEMBER),
        Self::Waiting(MODERN),
        Self::Abandoned(NOVEMBER),
        Self::Second(NOVEMBER),
        Self::Second(MODERN),
        Self::AtRest(NOVEMBER),
        Self::AtRest(MODERN),
        Self::Refused(Refusal::NoJson),
        Self::Refused(Refusal::NoSession),
        Self::Refused(Refusal::UnknownSession),
        Self::Refused(Refusal::UnknownMethod),
        Self::Refused(Refusal::WrongParams),
        Self::Refused(Refusal::OtherMethod),
        Self::Refused(Refusal::NotAllowed),
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
            .replace(['(', ')', '"'], " ")
            .trim()
            .to_owned()
    }

    pub(crate) fn places(self) -> &'static [Place] {
        match self {
            Self::Session(_) | Self::BoundSession => &HANDSHAKE,
            Self::SseStream | Self::Standalone => &[Place::Head],
            Self::Listener => &[
                Place::Filter,
                Place::Head,
                Place::Envelope,
                Place::Params,
                Place::Meta,
            ],
            Self::ReadAhead => &[Place::Ahead],
            Self::Replayed | Self::ToldLate(_) => &[Place::Arguments],
            Self::Subscribed => &[Place::Uri],
            Self::Asking | Self::Waiting(_) | Self::Abandoned(_) => &CALLS,
            Self::Second(_) => &[Place::Head, Place::Meta, Place::Arguments],
            Self::AtRest(_) | Self::Refused(_) => &EVERYWHERE,
        }
    }

    /// The limit on what may remain of a request of this length with a shape at this place, in bytes.
    pub(crate) fn limit(self, place: Place, sent: usize) -> usize {
        // A running handler may still read its arguments, `_meta` and the head.
        let own = match (self, place) {
            (
                Self::Asking
                | Self::Waiting(_)
                | Self::Abandoned(_)
                | Self::Second(_)
                | Self::ToldLate(_),
                Place::Arguments | Place::Meta | Place::Head,
            ) => sent,
            _ => 0,
        };
        own + match self {
            Self::Session(_) => limits::SESSION,
            Self::BoundSession => limits::BOUND_SESSION,
            Self::SseStream | Self::Standalone => limits::STREAM,
            Self::Listener if place == Place::Filter => limits::LISTENER,
            Self::Listener => limits::STREAM,
            Self::ReadAhead => limits::READ_AHEAD,
            Self::Replayed => limits::REPLAYED,
            Self::Subscribed => limits::SUBSCRIBED,
            Self::Asking | Self::Waiting(_) | Self::Second(_) => limits::CALL,
            Self::ToldLate(_) | Self::Abandoned(_) => limits::TASK,
            Self::AtRest(_) => limits::AT_REST,
            Self::Refused(_) => limits::REFUSED,
        }
    }

    /// The limit on what an open connection may keep after it refused a request of this length: hyper keeps the
    /// buffer that it read the request into.
    pub(crate) fn limit_at_rest(self, sent: usize) -> usize {
        match self {
            Self::Second(_) => limits::AT_REST_AFTER_LONG,
            _ if sent > limits::HEAD => limits::AT_REST_AFTER_LONG,
            _ => limits::AT_REST,
        }
    }

    /// The status of a request without a shape; 0 if the client does not wait for it.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::ToldLate(_) | Self::Abandoned(_) => 0,
            Self::Waiting(SSE) => 202,
            Self::BoundSession => 202,
            Self::Refused(refusal) => refusal.status(),
            _ => 200,
        }
    }

    /// Sends the requests of this way once.
    pub(crate) async fn leave(self, mcp: &McpService, payload: Payload) -> Left {
        match self {
            Self::Session(version) => {
                let hello = hello(version, payload);
                let text = payload.request("POST /mcp", &[POST, CLOSE].concat(), &hello);
                exchange(mcp, text).await
            }
            Self::BoundSession => {
                let (stream, path) = open_sse(mcp).await;
                let text = payload.request(&path, &[POST, CLOSE].concat(), &hello(SSE, payload));
                exchange(mcp, text).await.with(stream)
            }
            Self::SseStream => exchange(mcp, payload.request("GET /sse", GET, "")).await,
            Self::Standalone => {
                let session = open_session(mcp, NOVEMBER).await;
                let headers = [&*session, GET].concat();
                exchange(mcp, payload.request("GET /mcp", &headers, "")).await
            }
            Self::Listener | Self::ReadAhead => listen(mcp, payload).await,
            Self::Replayed => {
                // Its client is gone, with its connection.
                let session = open_session(mcp, NOVEMBER).await;
                let text = call(payload, "notify", &[&*session, CLOSE].concat());
                exchange(mcp, text).await
            }
            Self::ToldLate(version) => {
                let session = open_session(mcp, version).await;
                exchange_and_leave(mcp, call(payload, "notify_late", &session)).await
            }
            Self::Abandoned(version) => {
                let session = open_session(mcp, version).await;
                exchange_and_leave(mcp, call(payload, "wait", &session)).await
            }
            Self::Subscribed => subscribe(mcp, payload).await,
            Self::Asking => {
                let session = open_session(mcp, NOVEMBER).await;
                exchange(mcp, call(payload, "ask", &session)).await
            }
            Self::Waiting(version) => wait(mcp, payload, version).await,
            Self::Second(version) => wait_second(mcp, payload, version).await,
            Self::AtRest(version) => rest(mcp, payload, version).await,
            Self::Refused(refusal) => exchange(mcp, refusal.request(payload)).await,
        }
    }
}

impl Refusal {
    fn status(self) -> u16 {
        match self {
            Self::NoJson | Self::NoSession | Self::OtherMethod => 400,
            // A JSON-RPC error has status 200 here.
            Self::WrongParams => 200,
            Self::UnknownSession | Self::UnknownMethod => 404,
            Self::NotAllowed => 405,
        }
    }

    fn request(self, payload: Payload) -> Bytes {
        let closing = |headers: &str| [headers, CLOSE].concat();
        let in_no_session = |body: &str| payload.request("POST /mcp", &closing(POST), body);
        let plain = || payload.message("tools/list", "", "");
        match self {
            // Only the last byte is missing.
            Self::NoJson => in_no_session(&plain()[..plain().len() - 1]),
            Self::NoSession => in_no_session(&plain()),
            Self::UnknownSession => {
                let session = format!("{POST}Mcp-Session-Id: {}\r\n", "0".repeat(32));
                payload.request("POST /mcp", &closing(&session), &plain())
            }
            Self::UnknownMethod => {
                let body = payload.message("nothing", "", ENVELOPE);
                payload.request("POST /mcp", &closing(&modern("nothing", "")), &body)
            }
            Self::WrongParams => {
                let body = payload.message("subscriptions/listen", "", ENVELOPE);
                let headers = modern("subscriptions/listen", "");
                payload.request("POST /mcp", &closing(&headers), &body)
            }
            Self::OtherMethod => {
                let body = payload.message("tools/list", "", ENVELOPE);
                payload.request("POST /mcp", &closing(&modern("prompts/list", "")), &body)
            }
            Self::NotAllowed => payload.request("PUT /mcp", &closing(POST), &plain()),
        }
    }
}

impl Left {
    /// The heap that the clients hold themselves, because the server has not read it.
    pub(crate) fn held_by_clients(&self) -> usize {
        self.clients.iter().map(Client::holds).sum()
    }

    fn with(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }
}

/// Opens a listening request.
async fn listen(mcp: &McpService, payload: Payload) -> Left {
    let filter = format!(
        r#""notifications":{{"toolsListChanged":true,"resourceSubscriptions":[{}]}},"#,
        payload.uris()
    );
    let body = payload.message("subscriptions/listen", &filter, ENVELOPE);
    let headers = modern("subscriptions/listen", "");
    exchange(mcp, payload.request("POST /mcp", &headers, &body)).await
}

/// Calls the tool that waits.
async fn wait(mcp: &McpService, payload: Payload, version: &str) -> Left {
    match version {
        SSE => {
            let (stream, path) = open_sse(mcp).await;
            let body = call_body(payload, "wait", "");
            let text = payload.request(&path, &[POST, CLOSE].concat(), &body);
            exchange(mcp, text).await.with(stream)
        }
        _ => exchange(mcp, waiting_call(mcp, payload, version).await).await,
    }
}

/// The same as the second request of its connection.
async fn wait_second(mcp: &McpService, payload: Payload, version: &str) -> Left {
    second(mcp, waiting_call(mcp, payload, version).await).await
}

/// A call of the tool that waits, in a session if the revision has them.
async fn waiting_call(mcp: &McpService, payload: Payload, version: &str) -> Bytes {
    match version {
        MODERN => modern_call(payload, "wait"),
        _ => {
            let session = open_session(mcp, version).await;
            call(payload, "wait", &session)
        }
    }
}

/// Asks for a list, and keeps the connection.
async fn rest(mcp: &McpService, payload: Payload, version: &str) -> Left {
    let (headers, meta) = match version {
        MODERN => (modern("tools/list", ""), ENVELOPE),
        _ => ([POST, &open_session(mcp, version).await].concat(), ""),
    };
    let body = payload.message("tools/list", "", meta);
    exchange(mcp, payload.request("POST /mcp", &headers, &body)).await
}

/// Sends a request, and reads for a while.
async fn exchange(mcp: &McpService, text: Bytes) -> Left {
    counted(text, async |text| Client::ask(mcp, text).await).await
}

/// Sends a request after a long one was answered on the same connection.
async fn second(mcp: &McpService, text: Bytes) -> Left {
    const LONG: usize = 250_000;
    let long = PLAIN.message(
        "tools/list",
        &format!(r#""x":"{}","#, "x".repeat(LONG)),
        ENVELOPE,
    );
    let first = PLAIN.request("POST /mcp", &modern("tools/list", ""), &long);
    drop(long);
    counted(text, async |text| {
        let client = Client::ask(mcp, first).await;
        client.heard();
        client.ask_more(text).await;
        client
    })
    .await
}

/// Sends a request, and leaves before the answer.
async fn exchange_and_leave(mcp: &McpService, text: Bytes) -> Left {
    counted(text, async |text| Client::ask_and_leave(mcp, text).await).await
}

async fn counted(text: Bytes, ask: impl AsyncFnOnce(Bytes) -> Client) -> Left {
    let sent = text.len();
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    // The copy of the client is on the heap before and during the request, but not afterwards.
    let client = ask(text.clone()).await;
    let peak = HEAP.peak_usage().saturating_sub(before);
    drop(text);
    let heard = client.heard();
    let is_open = !client.is_over();
    Left {
        status: status(&heard),
        sent,
        peak,
        rests: is_open && !heard.contains("text/event-stream"),
        clients: Vec::from_iter(is_open.then_some(client)),
    }
}

fn hello(version: &str, payload: Payload) -> String {
    let experimental = payload.only_members(Place::Capabilities);
    let params = format!(
        r#""protocolVersion":"{version}","capabilities":{{"elicitation":{{}},"experimental":{{{experimental}}}}},"clientInfo":{{"name":"bench","version":"1"{}}},"#,
        payload.members(Place::ClientInfo),
    );
    payload.message("initialize", &params, "")
}

/// A payload without a shape.
const PLAIN: Payload = Payload {
    place: Place::Params,
    shape: Shape::Nothing,
    bytes: 0,
};

/// Opens a session and closes its connection. Returns the headers of the session.
async fn open_session(mcp: &McpService, version: &str) -> String {
    let text = PLAIN.request("POST /mcp", &[POST, CLOSE].concat(), &hello(version, PLAIN));
    let heard = Client::ask(mcp, text).await.heard();
    let id = after(&heard, "mcp-session-id: ").expect("a session");
    format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {version}\r\n")
}

/// Opens a stream of HTTP+SSE. Returns it with the request line of a POST to it.
async fn open_sse(mcp: &McpService) -> (Client, String) {
    let stream = Client::ask(mcp, PLAIN.request("GET /sse", GET, "")).await;
    let path = format!(
        "POST {}",
        after(&stream.heard(), "data: ").expect("an endpoint")
    );
    (stream, path)
}

fn call(payload: Payload, tool: &str, session: &str) -> Bytes {
    payload.request(
        "POST /mcp",
        &[POST, session].concat(),
        &call_body(payload, tool, ""),
    )
}

fn call_body(payload: Payload, tool: &str, meta: &str) -> String {
    let arguments = payload.only_members(Place::Arguments);
    let params = format!(r#""name":"{tool}","arguments":{{{arguments}}},"#);
    payload.message("tools/call", &params, meta)
}

fn modern_call(payload: Payload, tool: &str) -> Bytes {
    let headers = modern("tools/call", &format!("Mcp-Name: {tool}\r\n"));
    payload.request("POST /mcp", &headers, &call_body(payload, tool, ENVELOPE))
}

fn modern(method: &str, more: &str) -> String {
    format!("{POST}MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\n{more}")
}

/// Subscribes a session to one long URI, or in batches to many short ones.
async fn subscribe(mcp: &McpService, payload: Payload) -> Left {
    const BATCH: usize = 64;
    let headers = [POST, &open_session(mcp, BATCHES).await, CLOSE].concat();
    let uris = match payload.shape {
        Shape::ShortTexts => (0..payload.bytes / 8).map(|at| format!("{at:x}")).collect(),
        Shape::EmptyTexts => vec![String::new(); BATCH],
        Shape::Escapes => vec!["\\n".repeat(payload.bytes / 2)],
        Shape::Padding => vec!["x".repeat(payload.bytes)],
        _ => vec!["n".to_owned()],
    };
    let mut whole: Option<Left> = None;
    for uris in uris.chunks(BATCH) {
        let items = uris.iter().enumerate().map(|(id, uri)| {
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"resources/subscribe","params":{{"uri":"n:{uri}"}}}}"#
            )
        });
        let body = format!("[{}]", items.collect::<Vec<_>>().join(","));
        let left = exchange(mcp, PLAIN.request("POST /mcp", &headers, &body)).await;
        whole = Some(match whole {
            Some(mut all) => {
                all.sent += left.sent;
                all.peak = all.peak.max(left.peak);
                all
            }
            None => left,
        });
    }
    whole.expect("a URI at least")
}
