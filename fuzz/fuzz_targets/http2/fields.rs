//! The header fields of a POST.

use mcp_wire_fuzz::request::{MODERN, Message, Target};

/// The fields of a POST of this message.
pub fn fields(
    message: &Message,
    target: Target,
    session: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("accept", "application/json, text/event-stream".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    if let Some(session) = session {
        fields.push(("mcp-session-id", session.to_owned()));
    }
    if target == Target::Modern {
        fields.push(("mcp-protocol-version", MODERN.to_owned()));
        if let Some(method) = &message.method {
            fields.push(("mcp-method", method.trim_matches('"').to_owned()));
        }
        fields.extend(message.name.clone().map(|name| ("mcp-name", name)));
    }
    fields
}
