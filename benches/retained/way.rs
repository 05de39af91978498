//! The ways in which a request can leave something behind.

use bytes::Bytes;
use mcp_wire::McpService;

use crate::client::{Client, after, status};
use crate::heap::HEAP;
use crate::limits;
use crate::place::{Dear, Place};
use crate::shape::Shape;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A session of Streamable HTTP, of this revision, whose connection is closed.
    Session(&'static str),
    /// A session of HTTP+SSE with its stream.
    BoundSession,
    /// The stream of HTTP+SSE alone.
    SseStream,
    /// The standalone stream of a session.
    Standalone,
    /// `subscriptions/listen`.
    Listener,
    /// The same, with more sent behind it.
    ReadAhead,
    /// Events of a call, kept for a client that may come back.
    Replayed,
    /// What a handler tells of a call whose client left before the first word.
    ToldLate(&'static str),
    /// Subscriptions of a session to resources.
    Subscribed,
    /// A handler that asks its client and waits for the answer.
    Asking,
    /// A handler that waits, with its client.
    Waiting(&'static str),
    /// A handler that waits, and whose client has left.
    Abandoned(&'static str),
    /// A handler that waits, with its client, for the second request of a connection: hyper has read a long
    /// one before, and has a large buffer.
    Second(&'static str),
    /// A connection that rests behind its first request.
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

/// What a client left behind, as long as it is held.
pub(crate) struct Left {
    pub(crate) status: u16,
    pub(crate) sent: usize,
    pub(crate) peak: usize,
    /// Whether its connection is there and has nothing to do.
    pub(crate) rests: bool,
    /// Those whose connections are still there.
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

/// Where most messages can be dear.
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
            Self::ReadAhead => &[Place::Behind],
            Self::Replayed | Self::ToldLate(_) => &[Place::Arguments],
            Self::Subscribed => &[Place::Uri],
            Self::Asking | Self::Waiting(_) | Self::Abandoned(_) => &CALLS,
            Self::Second(_) => &[Place::Head, Place::Meta, Place::Arguments],
            Self::AtRest(_) | Self::Refused(_) => &EVERYWHERE,
        }
    }

    /// What it may keep, in bytes, of a request of so many that is dear at this place.
    pub(crate) fn limit(self, place: Place, sent: usize) -> usize {
        // As long as it runs, a handler may read its arguments, `_meta` and the head.
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

    /// What its connection may keep when a request of so many bytes was refused, and the connection is there
    /// for the next one: hyper goes on with the buffer that it read the request into.
    pub(crate) fn limit_at_rest(self, sent: usize) -> usize {
        match self {
            Self::Second(_) => limits::AT_REST_BEHIND_LONG,
            _ if sent > limits::HEAD => limits::AT_REST_BEHIND_LONG,
            _ => limits::AT_REST,
        }
    }

    /// How a request is answered that is not dear; 0 where its client does not hear it.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::ToldLate(_) | Self::Abandoned(_) => 0,
            Self::Waiting(SSE) => 202,
            Self::BoundSession => 202,
            Self::Refused(refusal) => refusal.status(),
            _ => 200,
        }
    }

    /// Does it once.
    pub(crate) async fn leave(self, mcp: &McpService, dear: Dear) -> Left {
        match self {
            Self::Session(version) => {
                let hello = hello(version, dear);
                let text = dear.request("POST /mcp", &[POST, CLOSE].concat(), &hello);
                exchange(mcp, text).await
            }
            Self::BoundSession => {
                let (stream, path) = open_sse(mcp).await;
                let text = dear.request(&path, &[POST, CLOSE].concat(), &hello(SSE, dear));
                exchange(mcp, text).await.with(stream)
            }
            Self::SseStream => exchange(mcp, dear.request("GET /sse", GET, "")).await,
            Self::Standalone => {
                let session = open_session(mcp, NOVEMBER).await;
                let headers = [&*session, GET].concat();
                exchange(mcp, dear.request("GET /mcp", &headers, "")).await
            }
            Self::Listener | Self::ReadAhead => listen(mcp, dear).await,
            Self::Replayed => {
                // Its client is gone, with its connection.
                let session = open_session(mcp, NOVEMBER).await;
                let text = call(dear, "tell", &[&*session, CLOSE].concat());
                exchange(mcp, text).await
            }
            Self::ToldLate(version) => {
                let session = open_session(mcp, version).await;
                exchange_and_leave(mcp, call(dear, "tell_late", &session)).await
            }
            Self::Abandoned(version) => {
                let session = open_session(mcp, version).await;
                exchange_and_leave(mcp, call(dear, "wait", &session)).await
            }
            Self::Subscribed => subscribe(mcp, dear).await,
            Self::Asking => {
                let session = open_session(mcp, NOVEMBER).await;
                exchange(mcp, call(dear, "ask", &session)).await
            }
            Self::Waiting(version) => wait(mcp, dear, version).await,
            Self::Second(version) => wait_second(mcp, dear, version).await,
            Self::AtRest(version) => rest(mcp, dear, version).await,
            Self::Refused(refusal) => exchange(mcp, refusal.request(dear)).await,
        }
    }
}

impl Refusal {
    fn status(self) -> u16 {
        match self {
            Self::NoJson | Self::NoSession | Self::OtherMethod => 400,
            // An error of JSON-RPC.
            Self::WrongParams => 200,
            Self::UnknownSession | Self::UnknownMethod => 404,
            Self::NotAllowed => 405,
        }
    }

    fn request(self, dear: Dear) -> Bytes {
        let closing = |headers: &str| [headers, CLOSE].concat();
        let in_no_session = |body: &str| dear.request("POST /mcp", &closing(POST), body);
        let plain = || dear.message("tools/list", "", "");
        match self {
            // All is well but for its last byte.
            Self::NoJson => in_no_session(&plain()[..plain().len() - 1]),
            Self::NoSession => in_no_session(&plain()),
            Self::UnknownSession => {
                let session = format!("{POST}Mcp-Session-Id: {}\r\n", "0".repeat(32));
                dear.request("POST /mcp", &closing(&session), &plain())
            }
            Self::UnknownMethod => {
                let body = dear.message("nothing", "", ENVELOPE);
                dear.request("POST /mcp", &closing(&modern("nothing", "")), &body)
            }
            Self::WrongParams => {
                let body = dear.message("subscriptions/listen", "", ENVELOPE);
                let headers = modern("subscriptions/listen", "");
                dear.request("POST /mcp", &closing(&headers), &body)
            }
            Self::OtherMethod => {
                let body = dear.message("tools/list", "", ENVELOPE);
                dear.request("POST /mcp", &closing(&modern("prompts/list", "")), &body)
            }
            Self::NotAllowed => dear.request("PUT /mcp", &closing(POST), &plain()),
        }
    }
}

impl Left {
    /// What its clients hold themselves, which the server did not take.
    pub(crate) fn held_by_clients(&self) -> usize {
        self.clients.iter().map(Client::holds).sum()
    }

    fn with(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }
}

/// Opens a listening request.
async fn listen(mcp: &McpService, dear: Dear) -> Left {
    let filter = format!(
        r#""notifications":{{"toolsListChanged":true,"resourceSubscriptions":[{}]}},"#,
        dear.uris()
    );
    let body = dear.message("subscriptions/listen", &filter, ENVELOPE);
    let headers = modern("subscriptions/listen", "");
    exchange(mcp, dear.request("POST /mcp", &headers, &body)).await
}

/// Calls the tool that waits.
async fn wait(mcp: &McpService, dear: Dear, version: &str) -> Left {
    match version {
        SSE => {
            let (stream, path) = open_sse(mcp).await;
            let body = call_body(dear, "wait", "");
            let text = dear.request(&path, &[POST, CLOSE].concat(), &body);
            exchange(mcp, text).await.with(stream)
        }
        _ => exchange(mcp, waiting_call(mcp, dear, version).await).await,
    }
}

/// The same as the second request of its connection.
async fn wait_second(mcp: &McpService, dear: Dear, version: &str) -> Left {
    second(mcp, waiting_call(mcp, dear, version).await).await
}

/// A call of the tool that waits, in a session if the revision has them.
async fn waiting_call(mcp: &McpService, dear: Dear, version: &str) -> Bytes {
    match version {
        MODERN => modern_call(dear, "wait"),
        _ => {
            let session = open_session(mcp, version).await;
            call(dear, "wait", &session)
        }
    }
}

/// Asks for a list, and keeps the connection.
async fn rest(mcp: &McpService, dear: Dear, version: &str) -> Left {
    let (headers, meta) = match version {
        MODERN => (modern("tools/list", ""), ENVELOPE),
        _ => ([POST, &open_session(mcp, version).await].concat(), ""),
    };
    let body = dear.message("tools/list", "", meta);
    exchange(mcp, dear.request("POST /mcp", &headers, &body)).await
}

/// Says it, and listens for a while.
async fn exchange(mcp: &McpService, text: Bytes) -> Left {
    counted(text, async |text| Client::ask(mcp, text).await).await
}

/// Says it behind a request that is long, and has been answered.
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

/// Says it, and leaves before the first word.
async fn exchange_and_leave(mcp: &McpService, text: Bytes) -> Left {
    counted(text, async |text| Client::ask_and_leave(mcp, text).await).await
}

async fn counted(text: Bytes, ask: impl AsyncFnOnce(Bytes) -> Client) -> Left {
    let sent = text.len();
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    // The client's own copy is there before and meanwhile, and gone afterwards.
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

fn hello(version: &str, dear: Dear) -> String {
    let experimental = dear.only_members(Place::Capabilities);
    let params = format!(
        r#""protocolVersion":"{version}","capabilities":{{"elicitation":{{}},"experimental":{{{experimental}}}}},"clientInfo":{{"name":"bench","version":"1"{}}},"#,
        dear.members(Place::ClientInfo),
    );
    dear.message("initialize", &params, "")
}

/// What is not dear.
const PLAIN: Dear = Dear {
    place: Place::Params,
    shape: Shape::Nothing,
    bytes: 0,
};

/// The header of a new session, whose connection is closed.
async fn open_session(mcp: &McpService, version: &str) -> String {
    let text = PLAIN.request("POST /mcp", &[POST, CLOSE].concat(), &hello(version, PLAIN));
    let heard = Client::ask(mcp, text).await.heard();
    let id = after(&heard, "mcp-session-id: ").expect("a session");
    format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {version}\r\n")
}

/// A new stream of HTTP+SSE, and the line of a POST to it.
async fn open_sse(mcp: &McpService) -> (Client, String) {
    let stream = Client::ask(mcp, PLAIN.request("GET /sse", GET, "")).await;
    let path = format!(
        "POST {}",
        after(&stream.heard(), "data: ").expect("an endpoint")
    );
    (stream, path)
}

fn call(dear: Dear, tool: &str, session: &str) -> Bytes {
    dear.request(
        "POST /mcp",
        &[POST, session].concat(),
        &call_body(dear, tool, ""),
    )
}

fn call_body(dear: Dear, tool: &str, meta: &str) -> String {
    let arguments = dear.only_members(Place::Arguments);
    let params = format!(r#""name":"{tool}","arguments":{{{arguments}}},"#);
    dear.message("tools/call", &params, meta)
}

fn modern_call(dear: Dear, tool: &str) -> Bytes {
    let headers = modern("tools/call", &format!("Mcp-Name: {tool}\r\n"));
    dear.request("POST /mcp", &headers, &call_body(dear, tool, ENVELOPE))
}

fn modern(method: &str, more: &str) -> String {
    format!("{POST}MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\n{more}")
}

/// Subscribes a session: to one long URI, or in batches to all that are short.
async fn subscribe(mcp: &McpService, dear: Dear) -> Left {
    const BATCH: usize = 64;
    let headers = [POST, &open_session(mcp, BATCHES).await, CLOSE].concat();
    let uris = match dear.shape {
        Shape::ShortTexts => (0..dear.bytes / 8).map(|at| format!("{at:x}")).collect(),
        Shape::EmptyTexts => vec![String::new(); BATCH],
        Shape::Escapes => vec!["\\n".repeat(dear.bytes / 2)],
        Shape::Padding => vec!["x".repeat(dear.bytes)],
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
