//! Where `params._meta` lies, and the members of it that MCP reads.

use super::client::ClientSpan;
use super::fault::ParamsFault;
use crate::wire::json::{Kind, Part, Scanner, Span, parts};
use crate::wire::jsonrpc::{Fault, Member, MessageLimits};

/// Where `_meta` lies, and those of its members that decide what happens to the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetaSpans {
    pub(super) whole: Span,
    pub(super) progress_token: Option<Span>,
    pub(super) protocol_version: Option<Span>,
    pub(super) client_capabilities: Option<Span>,
    pub(super) client_info: Option<ClientSpan>,
    pub(super) log_level: Option<Span>,
}

parts! {
    /// The members of `_meta` that MCP reads here.
    enum MetaPart {
        ProgressToken = "progressToken",
        ProtocolVersion = "io.modelcontextprotocol/protocolVersion",
        ClientCapabilities = "io.modelcontextprotocol/clientCapabilities",
        ClientInfo = "io.modelcontextprotocol/clientInfo",
        LogLevel = "io.modelcontextprotocol/logLevel",
    }
    with {
        const PREFIX: &'static [u8] = b"io.modelcontextprotocol/";
    }
}

impl MetaSpans {
    /// Reads the object at the scanner's position. SPEC: the progress token is a string or
    /// an integer.
    #[inline(never)]
    pub(super) fn read(
        scanner: &mut Scanner<'_>,
        limits: &MessageLimits,
    ) -> Member<Self, ParamsFault> {
        let start = scanner.position();
        let mut members = scanner.object(limits.members)?;
        let mut spans = Self::new(scanner.since(start));
        let mut is_token = true;
        let mut client_fault = None;
        while let Some(part) = scanner.next(&mut members)? {
            if matches!(part, MetaPart::ClientInfo) && scanner.peek() != Some(b'n') {
                match ClientSpan::read(scanner, limits)? {
                    Ok(client) => spans.client_info = Some(client),
                    Err(fault) => client_fault = Some(fault),
                }
                continue;
            }
            let (kind, span) = scanner.value()?;
            match part {
                MetaPart::ProgressToken => {
                    spans.progress_token = unless_null(kind, span);
                    is_token = matches!(kind, Kind::String | Kind::Integer | Kind::Null);
                }
                MetaPart::ProtocolVersion => spans.protocol_version = Some(span),
                MetaPart::ClientCapabilities => spans.client_capabilities = Some(span),
                MetaPart::LogLevel => spans.log_level = unless_null(kind, span),
                // Read above, unless it is `null`.
                MetaPart::ClientInfo => {}
            }
        }
        if let Some(fault) = members.fault("`_meta`") {
            return Ok(Err(fault.into()));
        }
        if let Some(fault) = client_fault {
            return Ok(Err(fault));
        }
        if !is_token {
            let names_revision = spans.protocol_version.is_some();
            let fault = ParamsFault::ProgressTokenType { names_revision };
            return Ok(Err(Fault::Params(fault).into()));
        }
        spans.whole = scanner.since(start);
        Ok(Ok(spans))
    }

    /// The `_meta` that begins with `opening`, before any member is read.
    fn new(opening: Span) -> Self {
        Self {
            whole: opening,
            progress_token: None,
            protocol_version: None,
            client_capabilities: None,
            client_info: None,
            log_level: None,
        }
    }
}

/// Where the value of an optional member lies. `null` means that it is absent: clients whose encoder writes
/// every member write it so (SPEC A-17).
pub(super) fn unless_null(kind: Kind, span: Span) -> Option<Span> {
    (kind != Kind::Null).then_some(span)
}
