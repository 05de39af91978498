//! Server-sent events: [`Event`] to bytes, the keep-alive comment, and a [`Decoder`].
//!
//! The rules are those of the WHATWG HTML standard, section 9.2, *Server-sent events*. Over HTTP the server only
//! encodes. On standard output it writes the messages of a stream as lines, and finds them with the decoder.
//! Clients in memory, tests, fuzz targets and load tools read streams with it too.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::id::EventId;

/// The bytes of a keep-alive: a comment line, which clients ignore.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b": ping\n\n");

/// The name of an event. MCP uses two, so an event's name never contains text from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventName {
    /// Carries the URI to POST messages to; the first event of an HTTP+SSE stream (2024-11-05,
    /// Transports, HTTP with SSE).
    Endpoint,
    /// Carries one JSON-RPC message.
    Message,
}

impl EventName {
    /// The text of the name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Message => "message",
        }
    }
}

/// One event to send.
///
/// ```
/// use mcp_wire::sse::{Event, EventName};
/// let frame = Event::new("/messages/").name(EventName::Endpoint).encode();
/// assert_eq!(frame, "event: endpoint\ndata: /messages/\n\n");
/// ```
#[derive(Clone, Debug)]
pub struct Event<'a> {
    name: Option<EventName>,
    id: Option<EventId>,
    retry: Option<Duration>,
    data: &'a str,
}

impl<'a> Event<'a> {
    /// An event with this data, of the default type `message`. Line breaks in the data are kept: each
    /// line is a `data:` line of its own.
    #[must_use]
    pub fn new(data: &'a str) -> Self {
        Self {
            name: None,
            id: None,
            retry: None,
            data,
        }
    }

    /// Sets the event's name.
    #[must_use]
    pub fn name(mut self, name: EventName) -> Self {
        self.name = Some(name);
        self
    }

    /// Sets the event's id, which a client sends to resume the stream after this event.
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets how long a client waits before it reconnects; sent in whole milliseconds.
    #[must_use]
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The bytes of this event: the lines `event`, `id`, `retry` and `data`, and a blank line. The first
    /// three are left out when they are not set.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut frame = Vec::with_capacity(self.data.len() + 64);
        if let Some(name) = self.name {
            field(&mut frame, "event", name.as_str());
        }
        if let Some(id) = &self.id {
            field(&mut frame, "id", id.as_str());
        }
        if let Some(retry) = self.retry {
            // SPEC H-9: ASCII digits only.
            field(&mut frame, "retry", &retry.as_millis().to_string());
        }
        for line in Lines(Some(self.data)) {
            field(&mut frame, "data", line);
        }
        frame.push(b'\n');
        frame.into()
    }
}

/// The bytes of an event with one JSON-RPC message of `len` bytes, which `write` appends: one `data:`
/// line, in a buffer that is allocated once (SPEC H-3 and H-6). Only a message with a line break of
/// Unicode after its first `verbatim` bytes is copied, to escape it.
///
/// The caller guarantees that `write` appends no raw CR or LF; compact JSON never has one.
pub(crate) fn message_frame(
    id: Option<&EventId>,
    len: usize,
    verbatim: usize,
    write: impl FnOnce(&mut Vec<u8>),
) -> Bytes {
    const NAME: &[u8] = b"event: message\n";
    const ID: &[u8] = b"id: ";
    const DATA: &[u8] = b"data: ";
    let id = id.map_or("", EventId::as_str);
    let id_line = if id.is_empty() {
        0
    } else {
        ID.len() + id.len() + 1
    };
    let mut frame = Vec::with_capacity(NAME.len() + id_line + DATA.len() + len + 2);
    frame.extend_from_slice(NAME);
    if !id.is_empty() {
        frame.extend_from_slice(ID);
        frame.extend_from_slice(id.as_bytes());
        frame.push(b'\n');
    }
    frame.extend_from_slice(DATA);
    let start = frame.len();
    write(&mut frame);
    debug_assert!(!frame[start..].iter().any(|b| matches!(b, b'\r' | b'\n')));
    frame.extend_from_slice(b"\n\n");
    escape_line_breaks(frame, start + verbatim).into()
}

/// The line breaks of Unicode that JSON may have raw, in strings, and their escapes. For the standard they
/// break no line, but clients in use split the stream there (SPEC H-15).
const LINE_BREAKS: [(&str, &str); 3] = [
    ("\u{85}", "\\u0085"),
    ("\u{2028}", "\\u2028"),
    ("\u{2029}", "\\u2029"),
];

/// Escapes the line breaks of Unicode in JSON, from this byte on.
fn escape_line_breaks(frame: Vec<u8>, from: usize) -> Vec<u8> {
    // Fast path: few messages have them.
    if frame[from..].is_ascii() {
        return frame;
    }
    let longer = |(raw, escape): (Range<usize>, &str)| escape.len() - raw.len();
    let growth: usize = line_breaks(&frame, from).map(longer).sum();
    if growth == 0 {
        return frame;
    }
    let mut escaped = Vec::with_capacity(frame.len() + growth);
    let mut copied = 0;
    for (raw, escape) in line_breaks(&frame, from) {
        escaped.extend_from_slice(&frame[copied..raw.start]);
        escaped.extend_from_slice(escape.as_bytes());
        copied = raw.end;
    }
    escaped.extend_from_slice(&frame[copied..]);
    escaped
}

/// Where line breaks of Unicode are, from this byte on, each with its escape.
fn line_breaks(text: &[u8], from: usize) -> impl Iterator<Item = (Range<usize>, &'static str)> {
    // The bytes that they begin with, which are within no other character.
    let begins = text[from..].iter().enumerate();
    let begins = begins.filter(|(_, byte)| matches!(byte, 0xC2 | 0xE2));
    begins.filter_map(move |(at, _)| {
        let at = from + at;
        let begins = |(raw, _): &&(&str, &str)| text[at..].starts_with(raw.as_bytes());
        let (raw, escape) = LINE_BREAKS.iter().find(begins)?;
        Some((at..at + raw.len(), *escape))
    })
}

/// One `name: value` line. Readers remove one space, so a value that begins with a space keeps it
/// (SPEC H-5).
fn field(frame: &mut Vec<u8>, name: &str, value: &str) {
    frame.extend_from_slice(name.as_bytes());
    frame.extend_from_slice(b": ");
    frame.extend_from_slice(value.as_bytes());
    frame.push(b'\n');
}

/// The lines of a text, broken at CRLF, LF and CR: a reader would end the line at a lone CR too
/// (SPEC H-4). Text without a break is one line, and so is the empty text.
struct Lines<'a>(Option<&'a str>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let Some(end) = rest.as_bytes().iter().position(is_break) else {
            self.0 = None;
            return Some(rest);
        };
        let width = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        self.0 = Some(&rest[end + width..]);
        Some(&rest[..end])
    }
}

/// An event as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The type: `message` unless the stream named another.
    pub name: String,
    /// The last event id that the stream has set so far; empty if it has set none.
    pub id: String,
    /// The data lines, joined with LF.
    pub data: String,
}

/// Reads a stream as a conforming client does (WHATWG HTML standard, section 9.2.6, *Interpreting an
/// event stream*). Events are text: bytes that are not UTF-8 are read as U+FFFD.
///
/// ```
/// use mcp_wire::sse::Decoder;
/// let mut decoder = Decoder::new();
/// assert!(decoder.feed(b"event: endpoint\ndata: /mess").is_empty());
/// let events = decoder.feed(b"ages/\n\n: ping\n\n");
/// assert_eq!(events[0].data, "/messages/");
/// assert_eq!(decoder.comments(), 1);
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    begun: bool,
    after_cr: bool,
    name: String,
    data: Option<String>,
    id: String,
    retry: Option<u64>,
    comments: usize,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next bytes of the stream, which may end anywhere, and returns the events that they
    /// complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Received> {
        let mut events = Vec::new();
        for &byte in bytes {
            // "Lines must be separated by either a CRLF pair, a single LF, or a single CR."
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\r' | b'\n' => {
                    self.after_cr = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_of_line(&line));
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
        }
        events
    }

    /// The reconnection time in milliseconds, if the stream set one.
    #[must_use]
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// The number of comment lines read so far.
    #[must_use]
    pub fn comments(&self) -> usize {
        self.comments
    }

    fn end_of_line(&mut self, line: &[u8]) -> Option<Received> {
        // "One leading U+FEFF BYTE ORDER MARK character must be ignored if any are present."
        let line = match line.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) if !self.begun => rest,
            _ => line,
        };
        self.begun = true;
        if line.is_empty() {
            return self.dispatch();
        }
        // "If the line starts with a U+003A COLON character (:): ignore the line."
        if line[0] == b':' {
            self.comments += 1;
            return None;
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        // "If value starts with a U+0020 SPACE character, remove it from value."
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                let data = self.data.get_or_insert_default();
                data.push_str(value);
                data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Received> {
        let name = std::mem::take(&mut self.name);
        // "If the data buffer is an empty string, set the data buffer and the event type buffer to
        // the empty string and return." A lone `data:` line leaves an LF there and does fire.
        let mut data = self.data.take()?;
        data.pop();
        let name = if name.is_empty() {
            EventName::Message.as_str().to_owned()
        } else {
            name
        };
        Some(Received {
            name,
            id: self.id.clone(),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<Received> {
        Decoder::new().feed(bytes)
    }

    #[track_caller]
    fn check(event: &Event<'_>, frame: &str) {
        assert_eq!(event.encode(), frame);
    }

    /// SPEC H-6: field order, LF line ends, a blank line at the end. SPEC H-9: `retry` is digits.
    #[test]
    fn fields_come_in_order_and_end_with_a_blank_line() {
        check(&Event::new("x"), "data: x\n\n");
        check(
            &Event::new("x").name(EventName::Message),
            "event: message\ndata: x\n\n",
        );
        let full = Event::new("x")
            .retry(Duration::from_millis(1500))
            .id(EventId::parse("a/1").unwrap())
            .name(EventName::Endpoint);
        check(&full, "event: endpoint\nid: a/1\nretry: 1500\ndata: x\n\n");
    }

    /// SPEC H-11: the priming event has an id and empty data, and fires with "" by the WHATWG rules.
    /// SPEC H-12: the event has a `data` line too, because some parsers drop the id otherwise.
    #[test]
    fn the_priming_event_has_an_id_and_empty_data() {
        let priming = Event::new("").id(EventId::parse("s/0").unwrap());
        check(&priming, "id: s/0\ndata: \n\n");
        assert_eq!(decode(&priming.encode())[0].data, "");
    }

    /// SPEC H-4: one `data:` line for each line of the text, CRLF counts once.
    #[test]
    fn line_breaks_in_data_become_data_lines() {
        check(
            &Event::new("a\r\nb\rc\nd"),
            "data: a\ndata: b\ndata: c\ndata: d\n\n",
        );
        check(&Event::new("\n"), "data: \ndata: \n\n");
        check(&Event::new("a\n"), "data: a\ndata: \n\n");
        check(&Event::new(""), "data: \n\n");
    }

    /// SPEC H-5: a value that begins with a space keeps it.
    #[test]
    fn a_leading_space_survives() {
        assert_eq!(decode(&Event::new(" x").encode())[0].data, " x");
    }

    /// SPEC H-2, H-15: UTF-8 without a BOM; what is not JSON stays as it is.
    #[test]
    fn non_ascii_text_stays_raw() {
        let text = "é \u{2028}\u{2029} 🦀";
        let frame = Event::new(text).encode();
        assert!(!frame.starts_with(b"\xEF\xBB\xBF"));
        assert_eq!(frame, format!("data: {text}\n\n"));
        assert_eq!(decode(&frame)[0].data, text);
    }

    /// SPEC H-3: a message is one event with exactly one `data:` line.
    #[test]
    fn a_message_frame_is_one_data_line_in_one_exact_buffer() {
        let json = r#"{"text":"a\nb"}"#;
        let frame = message_frame(None, json.len(), 0, |out| {
            out.extend_from_slice(json.as_bytes());
        });
        assert_eq!(frame, "event: message\ndata: {\"text\":\"a\\nb\"}\n\n");
        assert_eq!(
            decode(&frame),
            decode(&Event::new(json).name(EventName::Message).encode())
        );
    }

    /// SPEC H-15, FIELD T-4: only the three line breaks of Unicode are escaped, and none within the first
    /// bytes, where the id of a message is.
    #[test]
    fn line_breaks_of_unicode_are_escaped_in_messages() {
        #[track_caller]
        fn check(json: &str, verbatim: usize, data: &str) {
            let frame = message_frame(None, json.len(), verbatim, |out| {
                out.extend_from_slice(json.as_bytes());
            });
            assert_eq!(frame, format!("event: message\ndata: {data}\n\n"));
            let decoded = &decode(&frame)[0].data;
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(decoded), value(json));
        }
        check("\"a\u{2028}b\u{85}c\"", 0, r#""a\u2028b\u0085c""#);
        check("[\"\u{2029}\u{2029}\",\"\"]", 0, r#"["\u2029\u2029",""]"#);
        check("\"\u{85}\u{2028}\"", 0, r#""\u0085\u2028""#);
        // Neighbours, characters that begin with the same byte, and other line breaks of Python's.
        for json in [
            "\"\u{84}\u{86}\u{a0}\u{2027}\u{202a}\u{20ac}\u{ff}é🦀\"",
            r#""\u2028 \u000b\f\u001c\u0085""#,
            "\"\u{e2}\u{c2}\u{2068}\"",
        ] {
            check(json, 0, json);
        }
        check(
            "[\"\u{2028}\",\"\u{2028}\"]",
            6,
            "[\"\u{2028}\",\"\\u2028\"]",
        );
        check("[\"\u{85}\"]", 6, "[\"\u{85}\"]");
    }

    /// SPEC H-10: a keep-alive is a comment between events, which no client sees.
    #[test]
    fn the_keep_alive_is_a_comment() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.feed(&KEEP_ALIVE), []);
        assert_eq!(decoder.comments(), 1);
    }

    /// The rules of SPEC H.1, one line each.
    #[test]
    fn the_decoder_follows_the_whatwg_rules() {
        #[track_caller]
        fn check(stream: &str, events: &[(&str, &str, &str)]) {
            let seen = decode(stream.as_bytes());
            let seen: Vec<_> = seen.iter().map(|e| (&*e.name, &*e.id, &*e.data)).collect();
            assert_eq!(seen, events);
        }
        check("data: x\r\n\r\n", &[("message", "", "x")]);
        check("data: x\r\r", &[("message", "", "x")]);
        check("\u{feff}data: x\n\n", &[("message", "", "x")]);
        check("data\n\n", &[("message", "", "")]);
        check("data:\ndata\n\n", &[("message", "", "\n")]);
        check(
            "id: 1\ndata: a\n\ndata: b\n\n",
            &[("message", "1", "a"), ("message", "1", "b")],
        );
        check("id: 1\n\nevent: x\n\ndata: a\n\n", &[("message", "1", "a")]);
        check("id: 1\nid: 2\0\ndata: a\n\n", &[("message", "1", "a")]);
        check("event: e\ndata: a\n\n", &[("e", "", "a")]);
        check("other: a\n: comment\n\n", &[]);
        check("data: unfinished\n", &[]);
    }

    #[test]
    fn the_decoder_takes_only_digits_as_retry() {
        for (line, retry) in [("12", Some(12)), ("+12", None), ("1.5", None), ("", None)] {
            let mut decoder = Decoder::new();
            decoder.feed(format!("retry: {line}\n").as_bytes());
            assert_eq!(decoder.retry(), retry, "{line:?}");
        }
    }

    /// SPEC H-14: cut anywhere, a stream shows whole events only, and the rest completes it.
    #[test]
    fn a_stream_cut_anywhere_gives_the_same_events() {
        let stream = b": hi\r\nevent: message\r\ndata: a\rdata: b\n\nid: 9\ndata: c\r\n\r\n";
        let whole = decode(stream);
        for at in 0..stream.len() {
            let mut decoder = Decoder::new();
            let mut events = decoder.feed(&stream[..at]);
            events.extend(decoder.feed(&stream[at..]));
            assert_eq!(events, whole, "cut at {at}");
        }
    }
}
