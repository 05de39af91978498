//! The expected outcome of a POST to `/mcp`, by the tables of SPEC C.1 and D.1 to D.3, over the tree of
//! [`oracle`](crate::oracle): a long list of conditions, in the order of the tables.

use crate::header;
use crate::oracle::{self, Costs, Kind, Node, Refusal, Verdict};

/// The state of the server.
pub struct Server<'s> {
    /// Whether it has sessions.
    pub sessions: bool,
    /// The ids of the open sessions of 2025-03-26 and of 2025-11-25.
    pub open: [&'s str; 2],
    /// The error code of a method that the dispatcher refuses.
    pub refuses: fn(method: &str) -> Option<i64>,
}

/// The headers of a request: names in lower case, and values.
pub type Headers<'h> = [(String, &'h [u8])];

/// The expected outcome of a POST.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub is_modern: bool,
    pub status: u16,
    /// The error code, if the whole answer is an error.
    pub code: Option<i64>,
    pub opens: bool,
}

const MODERN: &str = "2026-07-28";
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

fn outcome_of(is_modern: bool, status: u16, code: impl Into<Option<i64>>) -> Outcome {
    Outcome {
        is_modern,
        status,
        code: code.into(),
        opens: false,
    }
}

/// The lines of a header; only the first, if all are copies of one value (SPEC D-34).
fn lines<'h>(headers: &Headers<'h>, name: &str) -> Vec<&'h [u8]> {
    let lines = headers.iter().filter(|(it, _)| it == name);
    let mut lines: Vec<_> = lines.map(|(_, value)| *value).collect();
    if lines.iter().all(|line| copied(line) == copied(lines[0])) {
        lines.truncate(1);
    }
    lines
}

/// The value that a line consists of copies of, or the line itself (SPEC D-34).
fn copied(line: &[u8]) -> &[u8] {
    let values: Vec<_> = line.split(|byte| *byte == b',').collect();
    let values: Vec<_> = values.into_iter().map(<[u8]>::trim_ascii).collect();
    let is_copied = values.iter().all(|value| *value == values[0]);
    if is_copied { values[0] } else { line }
}

/// The value of a header that has one, as trimmed text.
fn one(headers: &Headers<'_>, name: &str) -> Option<String> {
    match lines(headers, name)[..] {
        [line] if line.iter().all(|byte| matches!(byte, 9 | 32..127)) => {
            let text = String::from_utf8(copied(line).to_vec()).ok()?;
            Some(text.trim().to_owned())
        }
        _ => None,
    }
}

/// Whether a header mirrors a text of the body, which may itself look like copies.
fn mirrors(headers: &Headers<'_>, header: &str, text: &str) -> bool {
    let whole = match lines(headers, header)[..] {
        [line] => String::from_utf8(line.to_vec()).ok(),
        _ => None,
    };
    let is_whole = whole.is_some_and(|whole| whole.trim() == text);
    one(headers, header).is_some_and(|value| is_whole || value == text)
}

fn meta<'n, 'a>(params: Option<&'n Node<'a>>, name: &str) -> Option<&'n Node<'a>> {
    let name = format!("io.modelcontextprotocol/{name}");
    params?.member("_meta")?.member(&name)
}

fn is_enveloped(kind: &Kind<'_, '_>) -> bool {
    match kind {
        Kind::Request { params, .. } | Kind::Notification { params, .. } => {
            meta(*params, "protocolVersion").is_some()
        }
        Kind::Result { .. } | Kind::Error { .. } => false,
    }
}

/// The outcome of a POST whose `Content-Type` and `Accept` are in order.
pub fn outcome(server: &Server<'_>, headers: &Headers<'_>, body: &[u8]) -> Outcome {
    let node = Node::read(body);
    let names_session = !lines(headers, "mcp-session-id").is_empty();
    let names_modern = one(headers, "mcp-protocol-version").as_deref() == Some(MODERN);
    // SPEC D-144.
    let is_modern = names_modern && !(server.sessions && names_session);
    let verdict = match oracle::judge(node.as_ref(), body.len(), Costs::DEFAULT) {
        Ok(verdict) => verdict,
        Err(refusal) => return unreadable(server, headers, is_modern, &refusal),
    };
    match &verdict {
        Verdict::Batch(kinds) if names_modern || kinds.iter().any(is_enveloped) => {
            outcome_of(true, 400, -32600)
        }
        Verdict::Batch(kinds) => batch(server, headers, kinds),
        Verdict::Single(Kind::Notification { method, .. })
            if is_modern || verdict_is_enveloped(&verdict) =>
        {
            if lines(headers, "mcp-method").is_empty() || mirrors(headers, "mcp-method", method) {
                outcome_of(true, 202, None)
            } else {
                outcome_of(true, 400, -32020)
            }
        }
        Verdict::Single(Kind::Notification { .. }) => {
            legacy(server, headers, |_| outcome_of(false, 202, None))
                .unwrap_or(outcome_of(false, 400, -32600))
        }
        Verdict::Single(Kind::Result { .. } | Kind::Error { .. }) if is_modern => {
            outcome_of(true, 400, -32600)
        }
        Verdict::Single(Kind::Result { .. } | Kind::Error { .. }) => {
            legacy(server, headers, |_| outcome_of(false, 202, None))
                .unwrap_or(outcome_of(false, 400, -32600))
        }
        Verdict::Single(Kind::Request { method, params, .. }) => {
            let is_of_modern = matches!(*method, "server/discover" | "subscriptions/listen");
            let may_be_modern =
                *method != "initialize" && (is_modern || (is_of_modern && !names_session));
            if verdict_is_enveloped(&verdict) || may_be_modern {
                return modern(server, headers, method, *params);
            }
            if *method == "initialize" {
                return initialize(server, headers);
            }
            let answer = outcome_of(false, 200, (server.refuses)(method));
            legacy(server, headers, |_| answer).unwrap_or(outcome_of(false, 400, -32600))
        }
    }
}

/// The outcome of a body that the oracle refuses.
fn unreadable(
    server: &Server<'_>,
    headers: &Headers<'_>,
    is_modern: bool,
    refusal: &Refusal<'_>,
) -> Outcome {
    if refusal.code != -32602 || is_modern || refusal.is_enveloped {
        return outcome_of(is_modern, 400, refusal.code);
    }
    // A request or notification with malformed params.
    legacy(server, headers, |_| match refusal.id {
        _ if refusal.is_notification => outcome_of(false, 202, None),
        Some(_) => outcome_of(false, 200, -32602),
        None => outcome_of(false, 400, -32602),
    })
    .unwrap_or(outcome_of(false, 400, -32602))
}

/// The outcome of a legacy batch.
fn batch(server: &Server<'_>, headers: &Headers<'_>, kinds: &[Kind<'_, '_>]) -> Outcome {
    let is_asked = kinds
        .iter()
        .any(|kind| matches!(kind, Kind::Request { .. }));
    let take = |version: &str| match (version, is_asked) {
        ("2025-03-26", true) => outcome_of(false, 200, None),
        ("2025-03-26", false) => outcome_of(false, 202, None),
        _ => outcome_of(false, 400, -32600),
    };
    legacy(server, headers, take).unwrap_or(outcome_of(false, 400, -32600))
}

fn verdict_is_enveloped(verdict: &Verdict<'_, '_>) -> bool {
    match verdict {
        Verdict::Single(kind) => is_enveloped(kind),
        Verdict::Batch(_) => false,
    }
}

fn initialize(server: &Server<'_>, headers: &Headers<'_>) -> Outcome {
    match lines(headers, "mcp-session-id")[..] {
        _ if !server.sessions => outcome_of(false, 200, None),
        [] => Outcome {
            opens: true,
            ..outcome_of(false, 200, None)
        },
        [line]
            if server
                .open
                .iter()
                .any(|open| open.as_bytes() == copied(line)) =>
        {
            outcome_of(false, 400, -32600)
        }
        [line] if is_name(copied(line)) => outcome_of(false, 404, -32600),
        _ => outcome_of(false, 400, -32600),
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// The outcome of a message in its session; `None` if it names no session.
fn legacy(
    server: &Server<'_>,
    headers: &Headers<'_>,
    take: impl FnOnce(&str) -> Outcome,
) -> Option<Outcome> {
    let version = one(headers, "mcp-protocol-version");
    let is_absent = lines(headers, "mcp-protocol-version").is_empty();
    let known = LEGACY
        .into_iter()
        .find(|known| version.as_deref() == Some(*known))
        .or((version.as_deref() == Some(MODERN)).then_some("2025-03-26"));
    let refused = outcome_of(false, 400, -32600);
    if !server.sessions {
        return Some(match known {
            Some(known) => take(known),
            None if is_absent => take("2025-03-26"),
            None => refused,
        });
    }
    let name = match lines(headers, "mcp-session-id")[..] {
        [] => return None,
        [line] if is_name(copied(line)) => copied(line),
        _ => return Some(refused),
    };
    let open = server.open.iter().position(|open| open.as_bytes() == name);
    Some(match open {
        None => outcome_of(false, 404, -32600),
        Some(_) if known.is_none() && !is_absent => refused,
        Some(at) => take(["2025-03-26", "2025-11-25"][at]),
    })
}

/// SPEC D.2, steps 9 to 14 and 18.
fn modern(
    server: &Server<'_>,
    headers: &Headers<'_>,
    method: &str,
    params: Option<&Node<'_>>,
) -> Outcome {
    let refuse = |code: i64| outcome_of(true, 400, code);
    let meta = |name| meta(params, name);
    let Some(version) = meta("protocolVersion").and_then(Node::as_str) else {
        return refuse(-32602);
    };
    if !meta("clientCapabilities").is_some_and(Node::is_object) {
        return refuse(-32602);
    }
    if let Some(info) = meta("clientInfo") {
        let is_text = |name| info.member(name).and_then(Node::as_str).is_some();
        if !info.is_object() || !is_text("name") || !is_text("version") {
            return refuse(-32602);
        }
    }
    if let Some(level) = meta("logLevel")
        && !level.as_str().is_some_and(|level| LEVELS.contains(&level))
    {
        return refuse(-32602);
    }
    if !mirrors(headers, "mcp-protocol-version", version) {
        return refuse(-32020);
    }
    if version != MODERN {
        return refuse(-32022);
    }
    if !mirrors(headers, "mcp-method", method) {
        return refuse(-32020);
    }
    let named_by = match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    };
    if let Some(key) = named_by {
        let name = params.and_then(|params| params.member(key)?.as_str());
        let is_mirrored = match (&lines(headers, "mcp-name")[..], name) {
            ([], None) => true,
            ([line], Some(name)) => {
                let values = [header::read(line), header::read(copied(line))];
                values.iter().any(|value| value.as_deref() == Some(name))
            }
            _ => false,
        };
        if !is_mirrored {
            return refuse(-32020);
        }
    }
    match (server.refuses)(method) {
        Some(-32601) => outcome_of(true, 404, -32601),
        code => outcome_of(true, 200, code),
    }
}
