//! A client that is made of raw frames and bytes.

use std::pin::Pin;

use mcp_wire_fuzz::request::{Message, Target};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::client::once;
use crate::fields::fields;
use crate::frames::{self, CONTINUATION, DATA, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS};

/// The most bytes that may wait for the pipe.
const MOST_UNSENT: usize = 512 * 1024;

pub struct Raw {
    /// `None` after the client has left.
    io: Option<DuplexStream>,
    unsent: Vec<u8>,
    pub is_stalled: bool,
    /// The number of its last stream.
    stream: u32,
    /// How many frames it has written that could be heads, and how many bytes.
    pub heads: usize,
    pub written: usize,
}

impl Raw {
    /// A client that has said the preface, or says what it likes.
    pub fn open(io: DuplexStream, has_preface: bool) -> Self {
        let mut raw = Self {
            io: Some(io),
            unsent: Vec::new(),
            is_stalled: false,
            stream: 0,
            heads: 0,
            written: 0,
        };
        if has_preface {
            raw.say(PREFACE);
            raw.frame(SETTINGS, 0, 0, &[]);
        }
        raw
    }

    pub fn is_live(&self) -> bool {
        self.io.is_some()
    }

    pub fn leave(&mut self) {
        self.io = None;
    }

    pub fn say(&mut self, bytes: &[u8]) {
        if self.unsent.len() + bytes.len() <= MOST_UNSENT {
            self.unsent.extend_from_slice(bytes);
            self.written += bytes.len();
        }
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.heads += usize::from(matches!(kind, HEADERS | CONTINUATION));
        self.say(&frames::frame(kind, flags, stream, payload));
    }

    /// A frame as the fuzzer wants it: kind, flags and stream are digits, and the rest is the payload.
    pub fn any_frame(&mut self, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let stream = match stream {
            0 => 0,
            9 => self.stream,
            nth => u32::from(nth) * 2 - 1,
        };
        self.frame(kind, flags, stream, payload);
    }

    /// A well-formed request of 2026-07-28 on a stream of its own, with these flags on its head. Its body follows if
    /// the head does not end the stream.
    pub fn request(&mut self, flags: u8, letter: u8, id: u8) {
        let Some(message) = Message::of(letter, id, "raw", Target::Modern) else {
            return;
        };
        let body = message.text();
        let fields = fields(&message, Target::Modern, None);
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let block = frames::head("POST", "/mcp", &fields);
        self.open_stream();
        self.frame(HEADERS, flags, self.stream, &block);
        if flags & END_STREAM == 0 {
            self.frame(DATA, END_STREAM, self.stream, body.as_bytes());
        }
    }

    /// A request that is reset at once.
    pub fn reset_request(&mut self, letter: u8, id: u8) {
        self.request(frames::END_HEADERS, letter, id);
        self.frame(RST_STREAM, 0, self.stream, &frames::CANCEL.to_be_bytes());
    }

    fn open_stream(&mut self) {
        self.stream = match self.stream {
            0 => 1,
            last => last + 2,
        };
    }

    /// Writes what fits, and drops what has arrived. Returns whether there was either.
    pub async fn turn(&mut self) -> bool {
        let wrote = self.write().await;
        let read = !self.is_stalled && self.read().await;
        wrote || read
    }

    async fn write(&mut self) -> bool {
        let mut has_written = false;
        while let Some(io) = self.io.as_mut().filter(|_| !self.unsent.is_empty()) {
            let written = once(|cx| Pin::new(&mut *io).poll_write(cx, &self.unsent)).await;
            match written {
                Some(Ok(len)) => drop(self.unsent.drain(..len)),
                // The server has closed. What it sent can still be read.
                Some(Err(_)) => self.unsent.clear(),
                None => break,
            }
            has_written = true;
        }
        has_written
    }

    async fn read(&mut self) -> bool {
        let mut has_read = false;
        let mut bytes = [0; 2048];
        while let Some(io) = &mut self.io {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = once(|cx| Pin::new(&mut *io).poll_read(cx, &mut buffer)).await;
            let Some(read) = read else { break };
            has_read = true;
            if read.is_err() || buffer.filled().is_empty() {
                self.io = None;
            }
        }
        has_read
    }
}

/// The payload that a text of the fuzzer stands for: `\xHH` is a byte, and `\(`, text and `\)` with a digit repeat the
/// text four to the power of the digit times, up to the longest frame that the server takes and a little more.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    const LONGEST: usize = 17 * 1024;
    let mut out = Vec::new();
    let mut repeated_from = 0;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let kind = bytes.next();
        let mut digit = || {
            let digit = bytes.next().map(char::from);
            digit.and_then(|digit| digit.to_digit(16)).unwrap_or(0) as u8
        };
        match kind {
            Some(b'x') => out.push(digit() << 4 | digit()),
            Some(b'n') => out.push(b'\n'),
            Some(b'(') => repeated_from = out.len(),
            Some(b')') => {
                let times = digit() % 8;
                let piece = out.split_off(repeated_from.min(out.len()));
                for _ in 0..4_usize.pow(u32::from(times)) {
                    if out.len() + piece.len() > LONGEST {
                        break;
                    }
                    out.extend_from_slice(&piece);
                }
                repeated_from = out.len();
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
