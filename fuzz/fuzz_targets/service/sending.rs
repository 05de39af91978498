//! The requests that clients send.

use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Connection;
use crate::exchange::{Call, Exchange, Kind, Session, token};
use crate::world::{BODY, MOST_CALLS, MOST_SESSIONS, PRINCIPALS, REQUEST, TOKENS, World};
use mcp_wire_fuzz::request::{Head, MODERN, Message, REVISIONS, Target, id_text, uri};
use mcp_wire_fuzz::tools::OWN;

/// The maximum number of messages in a body.
const MOST_ITEMS: usize = 8;

/// The maximum length of text that a repetition may have, which is slightly less than the limit of a body.
const LONGEST: usize = BODY - 512;

/// An id that no session has.
const UNKNOWN_SESSION: &str = "0123456789abcdef0123456789abcdef";

/// What the service has to answer.
struct Verdict {
    /// The status, where only one is right.
    due: Option<u16>,
    /// Whether the status has to be that of a refusal.
    is_refused: bool,
}

impl World {
    pub fn edit(&mut self, rest: &[u8]) {
        if let Some((field, text)) = rest.split_first() {
            let text = self.unescape(text);
            self.edits.push((*field, text));
        }
    }

    /// Expands text of the fuzzer. `\n`, `\r` and `\\` are escapes; `$` and a digit stand for the id of a session.
    /// `\(` begins a repetition, and `\)` with a digit ends it: the text is repeated four to the power of the digit
    /// times, so that a short input makes a long request, and each `#` in it becomes a counter. The text cannot
    /// contain tokens.
    fn unescape(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut repeated_from = 0;
        let mut bytes = text.iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => match bytes.next() {
                    Some(b'n') => out.push(b'\n'),
                    Some(b'r') => out.push(b'\r'),
                    Some(b'(') => repeated_from = out.len(),
                    Some(b')') => {
                        let digit = bytes.next().unwrap_or_default().wrapping_sub(b'0');
                        repeat(&mut out, repeated_from, 4_usize.pow(u32::from(digit % 10)));
                        repeated_from = out.len();
                    }
                    Some(other) => out.push(other),
                    None => {}
                },
                b'$' => {
                    let digit = bytes.next().unwrap_or_default().wrapping_sub(b'0');
                    if let Some(session) = self.sessions.get_mut(usize::from(digit)) {
                        session.is_wild = true;
                        out.extend_from_slice(session.name.as_deref().unwrap_or("").as_bytes());
                    }
                }
                b'~' => {}
                byte => out.push(byte),
            }
        }
        out
    }

    /// Initializes a session of HTTP+SSE, or opens one of Streamable HTTP.
    pub fn initialize(&mut self, digit: usize) {
        let is_bound = matches!(self.target, Target::Session(at) if self.sessions[at].is_bound);
        if is_bound || self.sessions.len() < 2 * MOST_SESSIONS {
            if !is_bound {
                self.open_session(false);
            }
            self.post(&[b'i', b"01234"[digit % 5]], false);
        }
    }

    pub fn open_sse(&mut self) {
        if self.sessions.len() < 2 * MOST_SESSIONS {
            let target = self.open_session(true);
            let mut head = Head::new("GET", "/sse");
            self.style(&mut head, "text/event-stream");
            self.send(head, b"", Kind::Sse, target);
        }
    }

    fn open_session(&mut self, is_bound: bool) -> Target {
        self.sessions.push(Session {
            is_bound,
            opened_by: self.exchanges.len(),
            who: self.who,
            name: None,
            is_gone: false,
            is_wild: false,
            cancelled: Vec::new(),
            subscribed: Vec::new(),
            events: Vec::new(),
            unmarked: Vec::new(),
        });
        self.target = Target::Session(self.sessions.len() - 1);
        self.target
    }

    /// Posts the messages of the items, each a letter and an id.
    pub fn post(&mut self, items: &[u8], batch: bool) {
        let messages = self.messages(items);
        let Some(first) = messages.first() else {
            return;
        };
        let texts: Vec<String> = messages.iter().map(Message::text).collect();
        let is_array = batch || texts.len() > 1;
        let mut body = texts.join(",").into_bytes();
        if is_array {
            body = [b"[", &body[..], b"]"].concat();
        }
        if let Some((_, text)) = self.edits.iter().find(|(field, _)| *field == b'b') {
            body = text.clone();
        }
        let (mut head, kind) = self.address(is_array);
        self.style(&mut head, "application/json, text/event-stream");
        if self.target == Target::Modern {
            if let Some(method) = &first.method {
                let method = method.trim_matches('"').replace(char::is_control, "");
                head.line("Mcp-Method", &method);
            }
            if let Some(name) = &first.name {
                head.line("Mcp-Name", name);
            }
        }
        head.line("Content-Type", "application/json");
        head.line("Content-Length", &body.len().to_string());
        self.send(head, &body, kind, self.target);
    }

    /// Makes the messages, and records them.
    fn messages(&mut self, items: &[u8]) -> Vec<Message> {
        let (mut pairs, rest) = items.as_chunks::<2>();
        let last = rest.first().map(|letter| [*letter, b'0']);
        if let (true, Some(last)) = (pairs.is_empty(), &last) {
            pairs = std::slice::from_ref(last);
        }
        let mut messages = Vec::new();
        for [letter, id_byte] in pairs.iter().copied().take(MOST_ITEMS) {
            let token = token(self.calls.len());
            let Some(mut message) = Message::of(letter, id_byte, &token, self.target) else {
                continue;
            };
            self.edit_message(&mut message);
            if let (Some(id), Some(_)) = (&message.id, &message.method) {
                self.calls.push(Call {
                    letter,
                    id_byte,
                    id: serde_json::from_str(id).unwrap_or_default(),
                    exchange: self.exchanges.len(),
                    target: self.target,
                    answers: 0,
                });
            }
            self.remember(letter, id_byte);
            messages.push(message);
        }
        messages
    }

    fn remember(&mut self, letter: u8, id_byte: u8) {
        let Target::Session(at) = self.target else {
            return;
        };
        let session = &mut self.sessions[at];
        match letter {
            b'c' => {
                let id = serde_json::from_str(&id_text(id_byte)).expect("JSON");
                session.cancelled.push(id);
            }
            b'u' => session.subscribed.push(uri(id_byte)),
            _ => {}
        }
    }

    fn edit_message(&self, message: &mut Message) {
        for (field, more) in &self.edits {
            let text = Some(String::from_utf8_lossy(more).into_owned());
            match field {
                b'i' if message.id.is_some() => message.id = text,
                b'M' if message.method.is_some() => message.method = text,
                b'p' => message.params = text,
                b'a' => message.add(&String::from_utf8_lossy(more)),
                b'e' if message.id.is_some() => message.result = text,
                _ => {}
            }
        }
    }

    /// The request line of a POST, and the header of its session.
    fn address(&self, batch: bool) -> (Head, Kind) {
        let kind = Kind::Post { batch };
        let mut head = Head::new("POST", "/mcp");
        match self.target {
            Target::Modern => {}
            Target::UnknownSession => head.line("Mcp-Session-Id", UNKNOWN_SESSION),
            // The request that opens the session.
            Target::Session(at) if self.sessions[at].opened_by == self.exchanges.len() => {}
            Target::Session(at) => {
                let id = self.sessions[at].id();
                if self.sessions[at].is_bound != self.crosses {
                    let path = format!("/messages/?session_id={id}");
                    return (Head::new("POST", &path), Kind::Inbox);
                }
                head.line("Mcp-Session-Id", id);
            }
        }
        (head, kind)
    }

    /// Adds the headers that all requests of a client have.
    fn style(&self, head: &mut Head, usual: &str) {
        let token = TOKENS[self.who];
        if self.is_guarded && !token.is_empty() {
            head.line("Authorization", &format!("Bearer {token}"));
        }
        match self.accept {
            0 => head.line("Accept", usual),
            1 => head.line("Accept", "application/json"),
            2 => head.line("Accept", "text/event-stream"),
            3 => head.line("Accept", "text/html"),
            _ => {}
        }
        match (self.version, self.target) {
            (0, Target::Modern) => head.line("MCP-Protocol-Version", MODERN),
            (0, _) => {}
            (6, _) => head.line("MCP-Protocol-Version", "1999-01-01"),
            (version, _) => head.line("MCP-Protocol-Version", REVISIONS[(version - 1) % 5]),
        }
    }

    pub fn listen(&mut self) {
        self.in_session("GET", Kind::Standalone, None);
    }

    /// Resumes the stream of an event, counted from the last one.
    pub fn resume(&mut self, digit: usize) {
        let Target::Session(at) = self.target else {
            return;
        };
        let mut events = self.sessions[at].events.iter().rev();
        let Some(event) = events.nth(digit) else {
            return;
        };
        let (origin, id) = (event.origin, event.id.clone());
        self.in_session("GET", Kind::Resumed(origin), Some(id));
    }

    pub fn in_session(&mut self, method: &str, kind: Kind, last: Option<String>) {
        let mut head = Head::new(method, "/mcp");
        let id = match self.target {
            Target::Session(at) => self.sessions[at].id(),
            Target::Modern | Target::UnknownSession => UNKNOWN_SESSION,
        };
        head.line("Mcp-Session-Id", id);
        self.style(&mut head, "text/event-stream");
        if let Some(last) = last {
            head.line("Last-Event-ID", &last);
        }
        self.send(head, b"", kind, self.target);
    }

    pub fn send(&mut self, mut head: Head, body: &[u8], kind: Kind, target: Target) {
        let edits = std::mem::take(&mut self.edits);
        let part = self.part.take();
        let mut is_raw = false;
        for (field, text) in &edits {
            match field {
                b'u' => head.path = text.clone(),
                b'm' => head.method = text.clone(),
                b'h' => head.lines.extend_from_slice(&[text, &b"\r\n"[..]].concat()),
                _ => continue,
            }
            is_raw = true;
        }
        let is_wild = !edits.is_empty();
        let index = self.exchanges.len();
        let crosses = std::mem::take(&mut self.crosses);
        if let Target::Session(at) = target {
            self.sessions[at].is_wild |= is_wild;
        }
        let verdict = self.verdict(kind, index, crosses, part.is_some());
        let at = match self.connection() {
            Some(connection) => {
                connection.is_raw |= is_raw;
                connection.exchanges.push(index);
                let bytes = head.bytes(body);
                match part {
                    Some(part) => {
                        connection.is_torn = true;
                        connection.begin(&bytes, bytes.len() * part / 10);
                    }
                    None => connection.send(&bytes),
                }
                Some(self.at)
            }
            None => None,
        };
        let is_resumed = matches!(kind, Kind::Resumed(_));
        self.exchanges.push(Exchange {
            connection: at,
            kind,
            target,
            is_wild,
            is_refused: verdict.is_refused,
            due: verdict.due,
            sent_at: Instant::now(),
            head: None,
            body: Vec::new(),
            is_whole: false,
            is_taken_over: false,
        });
        if is_resumed {
            self.take_over(target, kind);
        }
    }

    /// What the service has to answer to a request, as far as the client can know.
    fn verdict(&self, kind: Kind, index: usize, crosses: bool, is_partial: bool) -> Verdict {
        let is_foreign = self.is_foreign(kind, index);
        let lacks_scope = self.lacks_scope(index);
        let is_plain = self.accept == 0 && self.version == 0 && !crosses && !lacks_scope;
        let due = if self.is_unauthorized(kind) {
            Some(401)
        } else if !is_partial && is_foreign && is_plain && kind != (Kind::Post { batch: true }) {
            // The server may time out half a request before it knows the session.
            Some(404)
        } else if !is_partial && is_plain && self.is_sound(kind, index) {
            Some(200)
        } else {
            None
        };
        let is_refused = due.is_some_and(|due| due >= 400)
            || is_foreign
            // On HTTP+SSE the POST is accepted, and refused on the stream.
            || (lacks_scope && kind != Kind::Inbox)
            || self.is_lost(kind, index, crosses)
            || (!is_partial && self.duplicates_id(index));
        Verdict { due, is_refused }
    }

    /// Whether it names a session of another principal.
    fn is_foreign(&self, kind: Kind, index: usize) -> bool {
        let Target::Session(at) = self.target else {
            return false;
        };
        let session = &self.sessions[at];
        let is_other = self.is_guarded && session.who != self.who && self.who < PRINCIPALS;
        let is_other = is_other && kind != Kind::Options;
        is_other && session.opened_by != index && session.name.is_some() && !self.is_modern(kind)
    }

    fn is_unauthorized(&self, kind: Kind) -> bool {
        self.is_guarded && self.who >= PRINCIPALS && kind != Kind::Options
    }

    fn lacks_scope(&self, index: usize) -> bool {
        let mut own = self.calls.iter().filter(|call| call.exchange == index);
        self.is_guarded && self.who != 0 && own.any(|call| call.letter == OWN)
    }

    /// Whether it is a call of the tool `echo` in 2026-07-28 that nothing prevents.
    fn is_sound(&self, kind: Kind, index: usize) -> bool {
        let is_busy = |connection: &Connection| connection.is_live() && connection.is_busy();
        let own = || self.calls.iter().filter(|call| call.exchange == index);
        self.target == Target::Modern
            && kind == (Kind::Post { batch: false })
            && own().all(|call| call.letter == b'e')
            && own().count() == 1
            && !self.is_ending
            && self.service.snapshot().running < 2 * MOST_CALLS
            && !self.connections.get(self.at).is_some_and(is_busy)
    }

    /// Whether it reaches the service at once with the id of a running call of its session (PITFALLS R-13).
    fn duplicates_id(&self, index: usize) -> bool {
        let Target::Session(at) = self.target else {
            return false;
        };
        let session = &self.sessions[at];
        let is_busy = |connection: &Connection| connection.is_live() && connection.is_busy();
        if session.is_wild || self.connections.get(self.at).is_some_and(is_busy) {
            return false;
        }
        let hangs = |call: &&Call| {
            let exchange = &self.exchanges[call.exchange];
            let is_young = exchange.sent_at.elapsed() < REQUEST - Duration::from_secs(1);
            let is_over = call.answers > 0
                || session.unmarked.contains(&call.id)
                || session.cancelled.contains(&call.id);
            let is_taken = match exchange.status() {
                Some(200) => true,
                // On HTTP+SSE it may have been refused on the stream since.
                Some(202) => self.calls.len() <= MOST_CALLS && !self.is_ending,
                _ => false,
            };
            call.letter == b'h' && is_taken && is_young && !is_over
        };
        let of_session = |call: &&Call| call.target == self.target;
        let running = self
            .calls
            .iter()
            .filter(of_session)
            .filter(|call| call.exchange != index);
        let own = || self.calls.iter().filter(|call| call.exchange == index);
        running
            .filter(hangs)
            .any(|call| own().any(|it| it.id == call.id))
    }

    /// Whether its session does not exist at this endpoint.
    fn is_lost(&self, kind: Kind, index: usize, crosses: bool) -> bool {
        if self.is_modern(kind) || matches!(kind, Kind::Sse | Kind::Options) {
            return false;
        }
        match self.target {
            Target::Session(at) => {
                let session = &self.sessions[at];
                let is_on_other = match kind {
                    Kind::Post { .. } | Kind::Inbox => crosses && session.opened_by != index,
                    _ => session.is_bound,
                };
                session.is_gone || is_on_other
            }
            Target::UnknownSession => true,
            Target::Modern => false,
        }
    }

    /// The modern version header makes a message modern, unless it names a session (SPEC D-144).
    fn is_modern(&self, kind: Kind) -> bool {
        let names_session = !matches!(self.target, Target::Modern);
        self.version == 5 && matches!(kind, Kind::Post { .. }) && !names_session
    }

    /// Only the exchange that resumed a stream last receives its events.
    fn take_over(&mut self, target: Target, kind: Kind) {
        for (index, exchange) in self.exchanges.iter_mut().enumerate() {
            let origin = exchange.origin(index);
            if exchange.target == target && matches!(kind, Kind::Resumed(it) if origin == Some(it))
            {
                exchange.is_taken_over = true;
            }
        }
    }

    pub fn send_raw(&mut self, rest: &[u8]) {
        let bytes = self.unescape(rest);
        if let Some(connection) = self.connection() {
            connection.is_raw = true;
            connection.send(&bytes);
        }
    }
}

/// Repeats the end of a text, up to the maximum length.
fn repeat(text: &mut Vec<u8>, from: usize, times: usize) {
    let piece = text.split_off(from);
    for at in 0..times {
        if text.len() + piece.len() > LONGEST {
            return;
        }
        for byte in &piece {
            match byte {
                b'#' => text.extend_from_slice(format!("{at:x}").as_bytes()),
                byte => text.push(*byte),
            }
        }
    }
}
