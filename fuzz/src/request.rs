//! Requests of all revisions, built from a line of the input.

use crate::tools::TOOLS;

pub const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    MODERN,
];
pub const MODERN: &str = "2026-07-28";

const ENVELOPE: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}"#;

/// The recipient of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The service, in a stateless request of 2026-07-28.
    Modern,
    /// The session with this index.
    Session(usize),
    /// A session that never existed, or none.
    UnknownSession,
}

/// A JSON-RPC message, each member as JSON text.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub id: Option<String>,
    pub method: Option<String>,
    pub params: Option<String>,
    pub result: Option<String>,
    /// The value of the header `Mcp-Name`, in 2026-07-28.
    pub name: Option<String>,
}

impl Message {
    /// The message that a letter stands for; `None` if the letter has no meaning. `token` marks
    /// everything that the server sends for this message.
    pub fn of(letter: u8, id: u8, token: &str, target: Target) -> Option<Self> {
        let meta = match target {
            Target::Modern => format!(r#"{{"progressToken":"{token}",{ENVELOPE}}}"#),
            Target::Session(_) | Target::UnknownSession => {
                format!(r#"{{"progressToken":"{token}"}}"#)
            }
        };
        let request = |method: &str, rest: &str| Self::request(id, &meta, method, rest);
        if let Some((_, tool)) = TOOLS.iter().find(|(it, _)| *it == letter) {
            let answers = match letter {
                // A client of 2026-07-28 that returns with the answers.
                b'k' if id % 2 == 1 && target == Target::Modern => {
                    r#","inputResponses":{"elicitation":{"action":"accept","content":{}}}"#
                }
                _ => "",
            };
            let rest = format!(r#""name":"{tool}","arguments":{{"t":"{token}"}}{answers}"#);
            return Some(request("tools/call", &rest).named(tool));
        }
        let uri = uri(id);
        let of_uri = format!(r#""uri":"{uri}""#);
        let filter = format!(
            r#""notifications":{{"toolsListChanged":true,"resourceSubscriptions":["{uri}"]}}"#
        );
        Some(match letter {
            b'p' => request("ping", ""),
            b't' => request("tools/list", ""),
            b'd' => request("server/discover", ""),
            b'm' => request("logging/setLevel", r#""level":"debug""#),
            b'g' => request("prompts/get", r#""name":"hi""#).named("hi"),
            b'r' => request("resources/read", &of_uri).named(&uri),
            b'u' => request("resources/subscribe", &of_uri),
            b'v' => request("resources/unsubscribe", &of_uri),
            b'q' => request("subscriptions/listen", &filter),
            b'i' => request("initialize", &hello(REVISIONS[usize::from(id % 5)])),
            b'n' => Self::notification("notifications/initialized", "{}".to_owned()),
            b'c' => Self::notification(
                "notifications/cancelled",
                format!(r#"{{"requestId":{}}}"#, id_text(id)),
            ),
            b'j' => Self::notification("notifications/x", format!(r#"{{"_meta":{meta}}}"#)),
            b'a' => Self {
                id: Some(char::from(digit(id)).to_string()),
                result: Some(r#"{"action":"accept","content":{}}"#.to_owned()),
                ..Self::default()
            },
            _ => return None,
        })
    }

    /// A request whose params are these members and `_meta`.
    fn request(id: u8, meta: &str, method: &str, members: &str) -> Self {
        let comma = if members.is_empty() { "" } else { "," };
        Self {
            id: Some(id_text(id)),
            method: Some(format!("{method:?}")),
            params: Some(format!(r#"{{{members}{comma}"_meta":{meta}}}"#)),
            ..Self::default()
        }
    }

    fn notification(method: &str, params: String) -> Self {
        Self {
            method: Some(format!("{method:?}")),
            params: Some(params),
            ..Self::default()
        }
    }

    /// The same, with the value of the header `Mcp-Name`.
    fn named(self, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..self
        }
    }

    /// Adds text at the end of the params.
    pub fn add(&mut self, text: &str) {
        if let Some(params) = &mut self.params
            && let Some(end) = params.rfind('}')
        {
            params.insert_str(end, text);
        }
    }

    pub fn text(&self) -> String {
        let mut text = r#"{"jsonrpc":"2.0""#.to_owned();
        for (name, value) in [
            ("id", &self.id),
            ("method", &self.method),
            ("params", &self.params),
            ("result", &self.result),
        ] {
            if let Some(value) = value {
                text += &format!(r#","{name}":{value}"#);
            }
        }
        text + "}"
    }
}

/// The params of `initialize`.
fn hello(revision: &str) -> String {
    format!(
        r#""protocolVersion":"{revision}","capabilities":{{"elicitation":{{}}}},"clientInfo":{{"name":"c","version":"1"}}"#
    )
}

/// Ids are few, so that they collide: the numbers 0 to 4, then the same digits as strings.
pub fn id_text(id: u8) -> String {
    match id {
        b'0'..=b'4' => char::from(id).to_string(),
        b'5'..=b'9' => format!("\"{}\"", id - b'5'),
        _ => format!("\"{}\"", char::from(id % 26 + b'a')),
    }
}

/// A resource.
pub fn uri(id: u8) -> String {
    format!("n:{}", char::from(digit(id)))
}

fn digit(id: u8) -> u8 {
    if id.is_ascii_digit() { id } else { b'0' }
}

/// The head of an HTTP request, without the empty line at its end.
#[derive(Clone, Debug)]
pub struct Head {
    pub method: Vec<u8>,
    pub path: Vec<u8>,
    pub lines: Vec<u8>,
}

impl Head {
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            lines: b"Host: localhost\r\n".to_vec(),
        }
    }

    pub fn line(&mut self, name: &str, value: &str) {
        self.lines
            .extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }

    pub fn bytes(&self, body: &[u8]) -> Vec<u8> {
        let head = [
            &self.method,
            &b" "[..],
            &self.path,
            b" HTTP/1.1\r\n",
            &self.lines,
        ];
        [&head.concat(), &b"\r\n"[..], body].concat()
    }
}
