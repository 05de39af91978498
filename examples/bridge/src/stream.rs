//! [`Stream`]: the messages of a stream of events.

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use mcp_wire::sse::{Decoder, Received};
use serde_json::Value;

pub(crate) struct Stream {
    body: Incoming,
    decoder: Decoder,
    events: std::vec::IntoIter<Received>,
    pub(crate) last_event: String,
}

impl Stream {
    pub(crate) fn of(response: Response<Incoming>) -> Self {
        Self {
            body: response.into_body(),
            decoder: Decoder::new(),
            events: Vec::new().into_iter(),
            last_event: String::new(),
        }
    }

    /// The next message; `None` when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let event = self.event().await?;
            self.last_event = event.id;
            let message: Value = serde_json::from_str(&event.data).unwrap_or_default();
            if !message.is_null() {
                return Some(message);
            }
        }
    }

    /// The next event; `None` when the connection has ended.
    pub(crate) async fn event(&mut self) -> Option<Received> {
        loop {
            if let Some(event) = self.events.next() {
                return Some(event);
            }
            let Ok(bytes) = self.body.frame().await?.ok()?.into_data() else {
                continue;
            };
            self.events = self.decoder.feed(&bytes).into_iter();
        }
    }

    /// The answer to the request with this id.
    pub(crate) async fn answer(mut self, id: &Value) -> Option<Value> {
        loop {
            let message = self.next().await?;
            if message["id"] == *id {
                return Some(message);
            }
        }
    }
}

/// Whether a response is a stream of events.
pub(crate) fn is_stream(response: &Response<Incoming>) -> bool {
    let media = response.headers().get(CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"))
}
