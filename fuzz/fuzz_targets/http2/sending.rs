//! The requests that clients of the crate h2 send.

use bytes::Bytes;
use hyper::Request;
use mcp_wire_fuzz::request::{Message, Target};

use crate::exchange::{Call, Exchange, Kind, Session, token};
use crate::fields::fields;
use crate::world::{Peer, World};

/// The maximum number of messages in a body.
const MOST_ITEMS: usize = 6;
const MOST_SESSIONS: usize = 8;
/// An id that no session has.
const UNKNOWN_SESSION: &str = "0123456789abcdef0123456789abcdef";

/// A request, and what the client has to know of it.
struct Sent<'a> {
    kind: Kind,
    method: &'static str,
    path: &'a str,
    fields: Vec<(&'static str, String)>,
    body: String,
}

impl World {
    pub async fn initialize(&mut self, digit: usize) {
        let is_bound = matches!(self.target, Target::Session(at) if self.sessions[at].is_bound);
        if !is_bound && !self.open_session(false) {
            return;
        }
        self.post(&[b'i', b"01234"[digit % 5]], false).await;
    }

    pub async fn open_sse(&mut self) {
        if self.open_session(true) {
            self.get("/sse", Kind::Sse, Vec::new()).await;
        }
    }

    fn open_session(&mut self, is_bound: bool) -> bool {
        if self.sessions.len() == MOST_SESSIONS {
            return false;
        }
        self.sessions.push(Session {
            is_bound,
            opened_by: self.exchanges.len(),
            name: None,
            has_cancelled: false,
        });
        self.target = Target::Session(self.sessions.len() - 1);
        true
    }

    /// Posts the messages of the items, each a letter and an id.
    pub async fn post(&mut self, items: &[u8], is_batch: bool) {
        let index = self.exchanges.len();
        let (pairs, rest) = items.as_chunks::<2>();
        let last = rest.first().map(|letter| [*letter, b'0']);
        let pairs: Vec<[u8; 2]> = pairs.iter().copied().chain(last).take(MOST_ITEMS).collect();
        let before = self.calls.len();
        let mut messages = Vec::new();
        for [letter, id] in pairs {
            let token = token(self.calls.len());
            let Some(message) = Message::of(letter, id, &token, self.target) else {
                continue;
            };
            if message.id.is_some() && message.method.is_some() {
                self.calls.push(Call {
                    exchange: index,
                    target: self.target,
                    lasts: letter == b'q',
                });
            }
            if let (b'c', Target::Session(at)) = (letter, self.target) {
                self.sessions[at].has_cancelled = true;
            }
            messages.push(message);
        }
        let Some(first) = messages.first() else {
            return;
        };
        let texts: Vec<String> = messages.iter().map(Message::text).collect();
        let body = match texts.len() > 1 || is_batch {
            true => format!("[{}]", texts.join(",")),
            false => texts.concat(),
        };
        let (session, inbox) = self.address();
        let sent = Sent {
            kind: if inbox.is_some() {
                Kind::Inbox
            } else {
                Kind::Post
            },
            method: "POST",
            path: inbox.as_deref().unwrap_or("/mcp"),
            fields: fields(first, self.target, session.as_deref()),
            body,
        };
        if self.send(sent).await {
            let asks = |message: &&Message| message.method.is_some();
            let ids = messages
                .iter()
                .filter(asks)
                .filter_map(|it| it.id.as_deref());
            self.exchanges[index].calls = ids.map(|id| serde_json::from_str(id).unwrap()).collect();
            self.exchanges[index].is_released = items.contains(&b'l');
        } else {
            self.calls.truncate(before);
        }
    }

    /// The session that a POST names in its head, and the path of its inbox if it is of HTTP+SSE.
    fn address(&self) -> (Option<String>, Option<String>) {
        let Target::Session(at) = self.target else {
            let is_unknown = self.target == Target::UnknownSession;
            return (is_unknown.then(|| UNKNOWN_SESSION.to_owned()), None);
        };
        let session = &self.sessions[at];
        let name = session.name.as_deref().unwrap_or(UNKNOWN_SESSION);
        if session.is_bound {
            return (None, Some(format!("/messages/?session_id={name}")));
        }
        let is_opened = session.opened_by < self.exchanges.len();
        (is_opened.then(|| name.to_owned()), None)
    }

    pub async fn in_session(&mut self, method: &'static str, kind: Kind) {
        let (Some(session), None) = self.address() else {
            return;
        };
        let fields = vec![
            ("accept", "text/event-stream".to_owned()),
            ("mcp-session-id", session),
        ];
        let sent = Sent {
            kind,
            method,
            path: "/mcp",
            fields,
            body: String::new(),
        };
        self.send(sent).await;
    }

    async fn get(&mut self, path: &str, kind: Kind, fields: Vec<(&'static str, String)>) {
        let sent = Sent {
            kind,
            method: "GET",
            path,
            fields,
            body: String::new(),
        };
        self.send(sent).await;
    }

    /// Sends a request on a stream of its own. Returns whether it was sent.
    async fn send(&mut self, sent: Sent<'_>) -> bool {
        let is_half = std::mem::take(&mut self.is_half);
        let uri = format!("http://localhost{}", sent.path);
        let mut request = Request::builder().method(sent.method).uri(uri);
        for (name, value) in &sent.fields {
            request = request.header(*name, value);
        }
        let request = request.body(()).expect("a request");
        let client = self.client().await;
        let Some(Peer::Polite(polite)) = self.peers.get_mut(client) else {
            return false;
        };
        let Some((response, mut stream)) = polite.send(request).await else {
            return false;
        };
        let mut body = Bytes::from(sent.body);
        let rest = is_half.then(|| body.split_off(body.len() / 2));
        // The stream may have been refused already.
        let _ = stream.send_data(body, rest.is_none());
        self.exchanges.push(Exchange {
            client,
            kind: sent.kind,
            target: self.target,
            calls: Vec::new(),
            is_released: false,
            request: stream,
            was_slow: rest.is_some(),
            rest,
            response: Some(response),
            body: None,
            status: None,
            is_events: false,
            session: None,
            text: Vec::new(),
            is_held: false,
            end: None,
        });
        true
    }
}
