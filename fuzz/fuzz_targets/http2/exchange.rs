//! What clients know about the exchanges, calls and sessions that they started.

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use mcp_wire_fuzz::request::Target;
use serde_json::Value;

/// An HTTP request and its response.
pub struct Exchange {
    /// The index of its client.
    pub client: usize,
    pub kind: Kind,
    pub target: Target,
    /// The ids of its calls.
    pub calls: Vec<Value>,
    /// Whether its answers may go elsewhere, because one of its calls releases the connection.
    pub is_released: bool,
    pub request: SendStream<Bytes>,
    /// The rest of the body, which the client has not sent yet.
    pub rest: Option<Bytes>,
    pub response: Option<ResponseFuture>,
    pub body: Option<RecvStream>,
    pub status: Option<u16>,
    pub is_events: bool,
    /// The session that the response names.
    pub session: Option<String>,
    pub text: Vec<u8>,
    /// The client leaves the body where it is, so that the window of the stream closes.
    pub is_held: bool,
    /// The client has at some time held the body back, or sent its own in two parts.
    pub was_slow: bool,
    pub end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A POST to `/mcp`.
    Post,
    /// A POST to `/messages/`.
    Inbox,
    /// The stream of an HTTP+SSE session.
    Sse,
    /// The standalone stream of a session of Streamable HTTP.
    Standalone,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    /// The client has reset the stream.
    Reset,
    /// The server has reset the stream, or the connection has ended.
    Broken,
}

/// A JSON-RPC request. Its index is its token.
pub struct Call {
    pub exchange: usize,
    pub target: Target,
    /// Whether it asks for a stream that lasts.
    pub lasts: bool,
}

pub struct Session {
    pub is_bound: bool,
    /// The exchange that opened it.
    pub opened_by: usize,
    /// Its id, once the client knows it.
    pub name: Option<String>,
    pub has_cancelled: bool,
}

/// The tokens in a text.
pub fn tokens(text: &str) -> impl Iterator<Item = usize> {
    // A number or other text is between two marks. The second mark may be the first one of the next token.
    text.split('~').filter_map(|part| part.parse().ok())
}

/// The mark of everything that the server sends for the call with this index.
pub fn token(call: usize) -> String {
    format!("~{call}~")
}
