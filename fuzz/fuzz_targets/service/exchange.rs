//! What clients know of what they sent: exchanges, calls, sessions.

use mcp_wire_fuzz::http::Head;
use serde_json::Value;
use tokio::time::Instant;

use crate::request::Place;

/// A request over HTTP and what came of it.
pub struct Exchange {
    /// `None` when there could be no more connections, so that it was not sent.
    pub connection: Option<usize>,
    pub kind: Kind,
    pub place: Place,
    /// The fuzzer wrote some of it.
    pub is_wild: bool,
    /// There is no such session for it, or no more.
    pub is_refused: bool,
    /// The status that it must have.
    pub due: Option<u16>,
    pub sent_at: Instant,
    pub head: Option<Head>,
    /// What was not judged yet.
    pub body: Vec<u8>,
    pub is_whole: bool,
    /// A client came back to its stream by another.
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
    /// A stream that was lost.
    Resumed(Origin),
    Delete,
    Options,
}

/// The stream that an event is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Standalone,
    /// That of the exchange of this index.
    Post(usize),
}

impl Exchange {
    /// The stream that its events are of; `None` where they have no ids.
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
    /// The item that it was.
    pub letter: u8,
    pub id_byte: u8,
    pub id: Value,
    pub exchange: usize,
    pub place: Place,
    /// How many answers it had.
    pub answers: usize,
}

pub struct Session {
    pub is_bound: bool,
    /// The exchange that opened it.
    pub opened_by: usize,
    /// Who opened it, by the place of their token.
    pub who: usize,
    /// Its id, once known.
    pub name: Option<String>,
    pub is_gone: bool,
    /// The fuzzer wrote some of what was sent to it, so that nobody knows all that it was told.
    pub is_wild: bool,
    /// Ids that were cancelled.
    pub cancelled: Vec<Value>,
    /// URIs that it was ever subscribed to.
    pub subscribed: Vec<String>,
    pub events: Vec<Event>,
    /// The ids of answers on its one stream that nothing but the id tells the call of.
    pub unmarked: Vec<Value>,
}

impl Session {
    pub fn id(&self) -> &str {
        self.name.as_deref().unwrap_or("none")
    }
}

/// An event with an id, as it was seen first.
pub struct Event {
    pub id: String,
    pub data: String,
    pub origin: Origin,
}

/// The tokens in a text.
pub fn tokens(text: &str) -> Vec<usize> {
    // Between two marks stands a number or something else; the second mark may be the first of the
    // next.
    text.split('~')
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// What marks all that comes of the call of this index.
pub fn token(call: usize) -> String {
    format!("~{call}~")
}
