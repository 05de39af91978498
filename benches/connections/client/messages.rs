//! The requests of each revision, and the check of their answers.

use serde_json::{Value, json};

use crate::error::BoxError;

/// The revisions that the load uses: one for each transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revision {
    /// 2026-07-28: every POST is self-contained.
    Modern,
    /// 2025-11-25, in a session.
    Session,
    /// 2024-11-05: the answers arrive on the stream of the session.
    Sse,
}

impl Revision {
    pub(crate) const ALL: [Self; 3] = [Self::Modern, Self::Session, Self::Sse];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Modern => "2026-07-28",
            Self::Session => "2025-11-25",
            Self::Sse => "2024-11-05",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.name() == name)
    }
}

/// The number of the first call. The id and the text of a call hold its number, always with nine digits.
pub(crate) const FIRST: u32 = 100_000_000;

/// Bytes that are sent or expected repeatedly, each time with another number.
pub(crate) struct Numbered {
    bytes: Vec<u8>,
    positions: Vec<usize>,
}

impl Numbered {
    /// Finds a number in the bytes, so that `with` can replace it.
    pub(crate) fn new(bytes: Vec<u8>, number: u32) -> Self {
        let digits = number.to_string();
        let found = bytes.windows(digits.len()).enumerate();
        let found = found.filter(|(_, at)| *at == digits.as_bytes());
        let positions = found.map(|(position, _)| position).collect();
        Self { bytes, positions }
    }

    pub(crate) fn with(&mut self, number: u32) -> &[u8] {
        let digits = number.to_string();
        for &position in &self.positions {
            self.bytes[position..position + digits.len()].copy_from_slice(digits.as_bytes());
        }
        &self.bytes
    }
}

/// Compares answers with the calls that were made.
pub(crate) struct Expected {
    /// The text before the number.
    before: String,
    /// The last answer that was parsed. The next one usually differs only in the number.
    last: Option<Numbered>,
}

impl Expected {
    pub(crate) const fn new(before: String) -> Self {
        Self { before, last: None }
    }

    pub(crate) fn text(&self, number: u32) -> String {
        format!("{}{number}", self.before)
    }

    /// The id and the text have to be those of the call. To keep the load cheap, an answer is only parsed
    /// if it differs from the last one in more than the number.
    pub(crate) fn check(&mut self, answer: &[u8], number: u32) -> Result<(), BoxError> {
        if let Some(last) = &mut self.last
            && last.with(number) == answer
        {
            return Ok(());
        }
        let message: Value = serde_json::from_slice(answer)?;
        let result = &message["result"];
        let is_right = message["id"] == number
            && result["content"][0]["text"] == self.text(number)
            && result["isError"] != true;
        if !is_right {
            return Err(format!("the answer to call {number} is {message:.200}").into());
        }
        self.last = Some(Numbered::new(answer.to_vec(), number));
        Ok(())
    }
}

pub(crate) fn call(revision: Revision, tool: &str, text: &str) -> Value {
    let mut call = json!({
        "jsonrpc": "2.0",
        "id": FIRST,
        "method": "tools/call",
        "params": {"name": tool, "arguments": {"message": text}},
    });
    if revision == Revision::Modern {
        call["params"]["_meta"] = modern();
    }
    call
}

/// The `_meta` of each request of 2026-07-28.
fn modern() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1.0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// The header lines that mirror a request of 2026-07-28.
pub(crate) fn modern_lines(method: &str, name: Option<&str>) -> String {
    let name = name.map_or_else(String::new, |name| format!("Mcp-Name: {name}\r\n"));
    format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}")
}

pub(crate) fn session_lines(session: &str) -> String {
    format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n")
}

pub(crate) fn initialize(revision: Revision) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": revision.name(),
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1.0"},
        },
    })
}

pub(crate) fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// Subscribes to changes of the tools, in 2026-07-28.
pub(crate) fn listen() -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": true}, "_meta": modern()},
    })
}
