//! What clients receive, and how it is checked against their requests.

use mcp_wire_fuzz::http::{Head as ResponseHead, Piece};
use mcp_wire_fuzz::stream;
use serde_json::Value;

use crate::connection::Connection;
use crate::exchange::{Call, Event, Exchange, Kind, Origin, Session, tokens};
use crate::world::World;
use mcp_wire_fuzz::request::{Target, uri};
use mcp_wire_fuzz::tools::TOOLS;

impl World {
    /// Processes what has arrived on a connection.
    pub fn take_pieces(&mut self, at: usize) {
        while let Some(piece) = self.connections.get_mut(at).and_then(Connection::piece) {
            let connection = &mut self.connections[at];
            if connection.is_raw {
                connection.keep_raw(piece);
                continue;
            }
            let exchange = connection.exchanges.get(connection.answered).copied();
            let exchange = exchange.expect("a response has its request");
            match piece {
                Piece::Head(head) => self.begin(exchange, head),
                Piece::Body(bytes) => {
                    self.exchanges[exchange].body.extend_from_slice(&bytes);
                    if self.exchanges[exchange].is_events() {
                        self.take_events(exchange);
                    }
                }
                Piece::End => {
                    self.connections[at].answered += 1;
                    self.finish(exchange);
                }
            }
        }
    }

    fn begin(&mut self, exchange: usize, head: ResponseHead) {
        let Exchange { kind, target, .. } = self.exchanges[exchange];
        let named = head.header("mcp-session-id").map(ToOwned::to_owned);
        if let (Some(named), Target::Session(at)) = (named, target) {
            let opens = self.sessions[at].opened_by == exchange;
            if opens && !self.sessions[at].is_bound {
                self.name_session(at, &named);
            } else if !self.exchanges[exchange].is_wild {
                assert_eq!(
                    self.sessions[at].name.as_deref(),
                    Some(&*named),
                    "its session"
                );
            }
        }
        let status = head.status;
        assert!(status >= 200, "an informational response");
        if let (Kind::Delete, 200, Target::Session(at)) = (kind, status, target) {
            self.sessions[at].is_gone = true;
        }
        let exchange = &mut self.exchanges[exchange];
        if exchange.is_refused && !exchange.is_wild {
            assert!(status >= 400, "SPEC C-75, F-1: refused, and {status}");
        }
        if let Some(due) = exchange.due.filter(|_| !exchange.is_wild) {
            assert_eq!(status, due, "SPEC F-1, C-78");
        }
        let asks = head.header("www-authenticate").is_some();
        assert!(status != 401 || asks, "SPEC F.1");
        exchange.head = Some(head);
    }

    /// Processes the complete events.
    fn take_events(&mut self, index: usize) {
        let body = &mut self.exchanges[index].body;
        let Some(end) = body.windows(2).rposition(|window| window == b"\n\n") else {
            return;
        };
        let rest = body.split_off(end + 2);
        let (events, _retry) = stream::read(&std::mem::replace(body, rest));
        for event in events {
            if event.name == "endpoint" {
                self.name_inbox(index, &event.data);
            } else {
                assert_eq!(event.name, "message");
                self.receive_event(index, event.id, event.data);
            }
        }
    }

    /// SPEC B-2: the first event, once.
    fn name_inbox(&mut self, index: usize, path: &str) {
        let exchange = &self.exchanges[index];
        assert_eq!(exchange.kind, Kind::Sse);
        let id = path
            .strip_prefix("/messages/?session_id=")
            .expect("SPEC B-3");
        if let Target::Session(at) = exchange.target {
            assert_eq!(self.sessions[at].name, None, "SPEC B-2");
            self.name_session(at, id);
        }
    }

    fn name_session(&mut self, at: usize, name: &str) {
        let is_new = |session: &Session| session.name.as_deref() != Some(name);
        assert!(self.sessions.iter().all(is_new), "a session of its own");
        self.sessions[at].name = Some(name.to_owned());
    }

    fn receive_event(&mut self, index: usize, id: String, data: String) {
        let exchange = &self.exchanges[index];
        if !id.is_empty() {
            let Target::Session(at) = exchange.target else {
                panic!("an event id without a session");
            };
            let origin = exchange
                .origin(index)
                .expect("a stream that can be resumed");
            let session = &mut self.sessions[at];
            if let Some(event) = session.events.iter().find(|event| event.id == id) {
                assert_eq!(event.data, data, "one id, one event");
                assert_eq!(event.origin, origin, "SPEC C-53: of its own stream");
                return;
            }
            let data = data.clone();
            session.events.push(Event { id, data, origin });
        }
        if !data.is_empty() {
            self.receive(index, &data);
        }
    }

    /// Processes a message.
    fn receive(&mut self, index: usize, text: &str) {
        let message: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(message["jsonrpc"], "2.0");
        self.check_tokens(index, text);
        match message["method"].as_str() {
            None => self.receive_answer(index, &message, text),
            Some(method) => self.receive_from_server(index, method, &message),
        }
    }

    /// PITFALLS: messages of a call arrive only on the exchange of the call.
    fn check_tokens(&self, index: usize, text: &str) {
        for call in tokens(text) {
            let kind = self.exchanges[index].kind;
            assert!(
                self.may_receive(index, call),
                "received by {kind:?}: {text}"
            );
        }
    }

    /// Whether messages of a call may arrive on an exchange.
    pub fn may_receive(&self, index: usize, call: usize) -> bool {
        let exchange = &self.exchanges[index];
        let call = &self.calls[call];
        match exchange.kind {
            Kind::Sse => call.target == exchange.target,
            Kind::Resumed(Origin::Post(origin)) => call.exchange == origin,
            Kind::Standalone | Kind::Resumed(Origin::Standalone) => false,
            _ => call.exchange == index,
        }
    }

    /// Processes a notification or a request of the server.
    fn receive_from_server(&mut self, index: usize, method: &str, message: &Value) {
        let exchange = &self.exchanges[index];
        let is_question = message.get("id").is_some();
        assert!(message.get("result").is_none() && message.get("error").is_none());
        if is_question {
            assert_eq!(method, "elicitation/create");
            assert!(matches!(exchange.target, Target::Session(_)), "SPEC D-81");
            return;
        }
        let uri = message["params"]["uri"].as_str().unwrap_or_default();
        match method {
            "notifications/resources/updated" => match exchange.target {
                Target::Session(at) => {
                    let session = &self.sessions[at];
                    let asked = session.subscribed.iter().any(|it| it == uri);
                    assert!(asked || session.is_wild, "SPEC E-59");
                    assert_ne!(exchange.origin(index), Some(Origin::Post(index)));
                }
                _ => self.check_listens(index, message, uri),
            },
            "notifications/tools/list_changed" => match exchange.target {
                Target::Session(_) => {
                    assert_ne!(exchange.origin(index), Some(Origin::Post(index)));
                }
                _ => self.check_listens(index, message, ""),
            },
            "notifications/subscriptions/acknowledged" => self.check_listens(index, message, ""),
            "notifications/progress" | "notifications/message" => {
                let text = message.to_string();
                assert!(exchange.is_wild || !tokens(&text).is_empty(), "{text}");
            }
            "notifications/cancelled" => {}
            other => panic!("an unexpected {other}"),
        }
    }

    /// A listening request receives only what its filter selects, with its own subscription id (SPEC D-122). `asked` is
    /// the URI of the resource, if the message is about one.
    fn check_listens(&self, index: usize, message: &Value, asked: &str) {
        let name = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        let is_it = |call: &&Call| {
            let of_all = asked.is_empty() || uri(call.id_byte) == asked;
            call.letter == b'q' && call.id == *name && of_all
        };
        let listens = self.own_calls(index).find(is_it).is_some();
        assert!(listens || self.exchanges[index].is_wild, "SPEC D-122");
    }

    /// Processes the answer to a request. Each request has at most one (PITFALLS R-9).
    fn receive_answer(&mut self, index: usize, message: &Value, text: &str) {
        let (result, error) = (message.get("result"), message.get("error"));
        assert!(result.is_some() != error.is_some(), "{text}");
        let exchange = &self.exchanges[index];
        let is_wild = self.is_wild(exchange);
        let is_sound = exchange.due == Some(200);
        let Some(id) = message.get("id") else {
            let is_refused = exchange.status().is_some_and(|status| status >= 400);
            assert!(is_refused || is_wild, "SPEC A-9: {text}");
            return;
        };
        let token = tokens(text).first().copied();
        let is_it = |at: &usize| {
            let call = &self.calls[*at];
            call.id == *id && token.is_none_or(|it| it == *at) && self.may_receive(index, *at)
        };
        let of_session = match (exchange.kind, token, exchange.target) {
            (Kind::Sse, None, Target::Session(at)) => Some(at),
            _ => None,
        };
        // If a session used an id twice, an error does not say which of the two requests it answers.
        let is_free = |at: &usize| of_session.is_some() || self.calls[*at].answers == 0;
        let call = (0..self.calls.len()).find(|at| is_it(at) && is_free(at));
        let Some(call) = call else {
            assert!(is_wild, "an answer without its request: {text}");
            return;
        };
        if let Some(at) = of_session {
            self.sessions[at].unmarked.push(id.clone());
            return;
        }
        let call = &mut self.calls[call];
        call.answers += 1;
        let is_tool = TOOLS.iter().any(|(letter, _)| *letter == call.letter);
        let succeeds = result.is_some_and(|result| result["isError"] != true);
        assert!(succeeds || !is_sound || is_wild, "the tool fails: {text}");
        if is_tool && succeeds && !is_wild {
            assert!(token.is_some(), "the answer of another call: {text}");
        }
    }

    /// Whether the fuzzer wrote a part of this exchange or of its session.
    pub fn is_wild(&self, exchange: &Exchange) -> bool {
        let is_wild = match exchange.target {
            Target::Session(at) => self.sessions[at].is_wild,
            Target::Modern | Target::UnknownSession => false,
        };
        exchange.is_wild || is_wild
    }

    /// Processes the end of a response.
    fn finish(&mut self, index: usize) {
        let exchange = &mut self.exchanges[index];
        exchange.is_whole = true;
        let head = exchange.head.clone().expect("a head before its end");
        let body = std::mem::take(&mut exchange.body);
        let (kind, is_wild) = (exchange.kind, exchange.is_wild);
        if head.is_events() {
            assert_eq!(head.status, 200);
            assert_eq!(body, b"", "events end before their stream");
            if let (Kind::Sse, Target::Session(at)) = (kind, exchange.target) {
                self.sessions[at].is_gone = true;
            }
        } else if head.header("content-type") == Some("application/json") {
            let text = String::from_utf8(body).expect("text");
            self.receive_json(index, &text);
        } else {
            let is_plain = body.is_empty() || (kind == Kind::Inbox && body == b"Accepted");
            assert!(is_plain || head.status == 405, "{body:?}");
        }
        if !is_wild && matches!(kind, Kind::Post { .. }) && head.status < 400 {
            assert!(
                head.status == 200 || self.own_calls(index).next().is_none(),
                "PITFALLS R-9: no answer"
            );
        }
    }

    fn receive_json(&mut self, index: usize, text: &str) {
        let body: Value = serde_json::from_str(text).expect("JSON");
        let exchange = &self.exchanges[index];
        let is_refusal = exchange.status() != Some(200);
        match body {
            Value::Array(messages) => {
                assert_eq!(exchange.kind, Kind::Post { batch: true }, "SPEC A-67");
                for message in messages {
                    self.receive(index, &message.to_string());
                }
            }
            message => {
                let is_batch = exchange.kind == Kind::Post { batch: true };
                assert!(is_refusal || !is_batch || exchange.is_wild, "SPEC A-67");
                assert!(!is_refusal || message.get("error").is_some(), "{text}");
                self.receive(index, &message.to_string());
            }
        }
        if !is_refusal && !self.exchanges[index].is_wild {
            let has_all = self.own_calls(index).all(|call| call.answers == 1);
            assert!(has_all, "PITFALLS R-9: not all are answered: {text}");
        }
    }

    pub fn own_calls(&self, index: usize) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.exchange == index)
    }
}
