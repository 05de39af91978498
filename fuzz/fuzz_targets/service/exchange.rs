//! What clients know about the exchanges, calls and sessions that they started.

use mcp_wire_fuzz::http::Head;
use serde_json::Value;
use tokio::time::Instant;

use mcp_wire_fuzz::request::Target;

/// An HTTP request and its response.
pub struct Exchange {
    /// `None` if the request was not sent, because there were too many connections.
    pub connection: Option<usize>,
    pub kind: Kind,
    pub target: Target,
    /// The fuzzer wrote a part of the request.
    pub is_wild: bool,
    /// The server has to refuse the request.
    pub is_refused: bool,
    /// The status of the response, if only one is correct.
    pub due: Option<u16>,
    pub sent_at: Instant,
    pub head: Option<Head>,
    /// The part of the body that was not checked yet.
    pub body: Vec<u8>,
    pub is_whole: bool,
    /// A client has resumed its stream with another exchange.
    pub is_taken_over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A POST to `/mcp`; whether its body is an array.
    Post {
        batch: bool,
    },
    /// A POST to `/messages/`.
    Inbox,
    /// The stream of an HTTP+SSE session.
    Sse,
    /// The standalone stream of a session of Streamable HTTP.
    Standalone,
    /// A resumed stream.
    Resumed(Origin),
    Delete,
    Options,
}

/// The stream that an event is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Standalone,
    /// The stream of the exchange with this index.
    Post(usize),
}

impl Exchange {
    /// The stream of its events; `None` if they have no ids.
    pub fn origin(&self, index: usize) -> Option<Origin> {
        match self.kind {
            Kind::Post { .. } => Some(Origin::Post(index)),
            Kind::Standalone => Some(Origin::Standalone),
            Kind::Resumed(origin) => Some(origin),
            Kind::Inbox | Kind::Sse | Kind::Delete | Kind::Options => None,
        }
    }

    pub fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|head| head.status)
    }

    pub fn is_events(&self) -> bool {
        self.head.as_ref().is_some_and(Head::is_events)
    }
}

/// A JSON-RPC request. Its index is its token.
pub struct Call {
    /// The letter of the operation.
    pub letter: u8,
    pub id_byte: u8,
    pub id: Value,
    pub exchange: usize,
    pub target: Target,
    /// The number of its answers.
    pub answers: usize,
}

pub struct Session {
    pub is_bound: bool,
    /// The exchange that opened it.
    pub opened_by: usize,
    /// Who opened it: the index of their token.
    pub who: usize,
    /// Its id, once the client knows it.
    pub name: Option<String>,
    pub is_gone: bool,
    /// The fuzzer wrote a part of what was sent to it, so that its state is unknown.
    pub is_wild: bool,
    /// Ids that were cancelled.
    pub cancelled: Vec<Value>,
    /// The URIs of all its subscriptions so far.
    pub subscribed: Vec<String>,
    pub events: Vec<Event>,
    /// The ids of answers on its stream that only the id assigns to a call.
    pub unmarked: Vec<Value>,
}

impl Session {
    pub fn id(&self) -> &str {
        self.name.as_deref().unwrap_or("none")
    }
}

/// An event with an id, as it was first received.
pub struct Event {
    pub id: String,
    pub data: String,
    pub origin: Origin,
}

/// The tokens in a text.
pub fn tokens(text: &str) -> Vec<usize> {
    // A number or other text is between two marks. The second mark may be the first one of the next token.
    text.split('~')
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// The mark of everything that the server sends for the call with this index.
pub fn token(call: usize) -> String {
    format!("~{call}~")
}
