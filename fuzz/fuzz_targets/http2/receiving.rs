//! What clients receive, and how it is checked against their requests.

use std::pin::Pin;

use mcp_wire_fuzz::request::Target;
use mcp_wire_fuzz::stream;
use serde_json::Value;

use crate::client::once;
use crate::exchange::{End, Exchange, Kind, Session, tokens};
use crate::world::World;

impl Exchange {
    /// Takes what has arrived. Returns whether something has.
    async fn take(&mut self) -> bool {
        let mut has_taken = false;
        if let Some(response) = &mut self.response {
            let Some(response) = once(|cx| Pin::new(&mut *response).poll(cx)).await else {
                return false;
            };
            has_taken = true;
            self.response = None;
            match response {
                Ok(response) => {
                    self.status = Some(response.status().as_u16());
                    let kind = response.headers().get("content-type");
                    self.is_events = kind.is_some_and(|kind| kind == "text/event-stream");
                    let session = response.headers().get("mcp-session-id");
                    self.session = session.map(|it| it.to_str().expect("text").to_owned());
                    self.body = Some(response.into_body());
                }
                Err(_) => self.end = Some(End::Broken),
            }
        }
        while let Some(body) = self.body.as_mut().filter(|_| !self.is_held) {
            let Some(data) = once(|cx| body.poll_data(cx)).await else {
                break;
            };
            has_taken = true;
            match data {
                Some(Ok(data)) => {
                    self.text.extend_from_slice(&data);
                    // The stream may have ended.
                    let _ = body.flow_control().release_capacity(data.len());
                    continue;
                }
                Some(Err(_)) => self.end = Some(End::Broken),
                None => self.end = Some(End::Whole),
            }
            self.body = None;
        }
        has_taken
    }

    /// The complete messages of the response so far.
    pub fn messages(&self) -> Vec<String> {
        if self.is_events {
            let (events, _retry) = stream::read(&self.text);
            let messages = events.into_iter().filter(|event| event.name == "message");
            return messages
                .map(|event| event.data)
                .filter(|data| !data.is_empty())
                .collect();
        }
        let body = (self.end == Some(End::Whole)).then_some(&self.text[..]);
        match body.and_then(|body| serde_json::from_slice(body).ok()) {
            Some(Value::Array(messages)) => messages.iter().map(Value::to_string).collect(),
            Some(message) => vec![message.to_string()],
            None => Vec::new(),
        }
    }
}

impl World {
    /// Takes what has arrived on all streams. Returns whether something has.
    pub async fn take(&mut self) -> bool {
        let mut has_taken = false;
        for index in 0..self.exchanges.len() {
            let peer = &self.peers[self.exchanges[index].client];
            if self.exchanges[index].end.is_none() && !peer.is_stalled() {
                let took = self.exchanges[index].take().await;
                if took {
                    self.name_session(index);
                    self.check_response(index);
                }
                has_taken |= took;
            }
        }
        has_taken
    }

    /// A session gets its id from the response that opens it.
    fn name_session(&mut self, index: usize) {
        let exchange = &self.exchanges[index];
        let Target::Session(at) = exchange.target else {
            return;
        };
        let session = &self.sessions[at];
        if session.opened_by != index || session.name.is_some() {
            return;
        }
        let name = if session.is_bound {
            let (events, _retry) = stream::read(&exchange.text);
            let inbox = events.into_iter().next();
            inbox.and_then(|inbox| {
                assert_eq!(inbox.name, "endpoint", "SPEC B-2");
                Some(
                    inbox
                        .data
                        .strip_prefix("/messages/?session_id=")?
                        .to_owned(),
                )
            })
        } else {
            exchange.session.clone()
        };
        let Some(name) = name else { return };
        let is_new = |it: &Session| it.name.as_deref() != Some(&name);
        assert!(self.sessions.iter().all(is_new), "a session of its own");
        self.sessions[at].name = Some(name);
    }

    /// Messages of a call arrive only where the call was made (PITFALLS ), and each answer once
    /// (PITFALLS R-9).
    fn check_response(&self, index: usize) {
        let exchange = &self.exchanges[index];
        let mut due = exchange.calls.clone();
        for text in exchange.messages() {
            for call in tokens(&text) {
                let call = &self.calls[call];
                let is_own = match exchange.kind {
                    Kind::Sse => call.target == exchange.target,
                    Kind::Standalone => false,
                    _ => call.exchange == index,
                };
                assert!(is_own, "received by {index}, {:?}: {text}", exchange.kind);
            }
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if message.get("method").is_some() || exchange.kind != Kind::Post {
                continue;
            }
            let id = message.get("id").unwrap_or(&Value::Null);
            match due.iter().position(|it| it == id) {
                Some(at) => drop(due.swap_remove(at)),
                None => assert!(
                    exchange.status != Some(200),
                    "PITFALLS R-9: {text} answers nothing, or again"
                ),
            }
        }
        let is_answered = exchange.kind == Kind::Post
            && exchange.end == Some(End::Whole)
            && exchange.status == Some(200);
        if is_answered && !self.is_excused(exchange) {
            assert!(due.is_empty(), "PITFALLS R-9: no answers to {due:?}");
        }
    }

    /// Whether answers may be missing on a response that has ended.
    fn is_excused(&self, exchange: &Exchange) -> bool {
        let is_cancelled = match exchange.target {
            Target::Session(at) => self.sessions[at].has_cancelled,
            Target::Modern | Target::UnknownSession => false,
        };
        let is_cut = self.service.snapshot().cuts > 0;
        exchange.is_released || is_cancelled || is_cut || self.has_deleted || self.is_ending
    }
}
