//! What a request of the modern era says of itself, in `_meta` and in the headers that mirror it.

use bytes::Bytes;
use hyper::header::HeaderMap;

use super::header::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION};
use super::level::LogLevel;
use super::mirror::{self, Mismatch, Scalar};
use super::rejection::Rejection;
use crate::wire::jsonrpc::{Params, RawJson, Request};
use crate::wire::version::{Era, ProtocolVersion};

/// The metadata that every modern request carries, checked.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) version: ProtocolVersion,
    /// A JSON object.
    pub(crate) capabilities: Bytes,
    /// The least grave level that the client wants to be told of; it hears nothing without one
    /// (SPEC D-89).
    pub(crate) log_level: Option<LogLevel>,
}

impl Envelope {
    /// Steps 9 to 13 and 18 of the ladder of SPEC D.2, in their order. Nothing but this request is
    /// looked at (SPEC D-10).
    pub(crate) fn check(headers: &HeaderMap, request: &Request) -> Result<Self, Rejection> {
        let meta = Meta::read(request.params()).map_err(|expected| Rejection::BadEnvelope {
            id: request.id(),
            expected,
        })?;
        let mismatch = |mismatch: Mismatch| Rejection::HeaderMismatch {
            id: Some(request.id()),
            mismatch,
        };
        // Before the version is known, because a proxy may have routed by the header.
        mirror::check_literal(headers, &MCP_PROTOCOL_VERSION, &meta.version).map_err(mismatch)?;
        let version = ProtocolVersion::parse(&meta.version)
            .filter(|version| version.era() == Era::Modern)
            .ok_or_else(|| Rejection::VersionUnknown {
                id: request.id(),
                requested: meta.version.as_ref().into(),
            })?;
        mirror::check_literal(headers, &MCP_METHOD, request.method()).map_err(mismatch)?;
        check_name(headers, request).map_err(mismatch)?;
        Ok(Self {
            version,
            capabilities: request.part(meta.capabilities),
            log_level: meta.log_level,
        })
    }
}

struct Meta<'r> {
    version: std::borrow::Cow<'r, str>,
    capabilities: RawJson<'r>,
    log_level: Option<LogLevel>,
}

impl<'r> Meta<'r> {
    /// SPEC D-20 to D-23, and step 18; `Err` says what was expected.
    fn read(params: Option<Params<'r>>) -> Result<Self, &'static str> {
        let params = params.ok_or("`params` with `_meta`")?;
        params.meta().ok_or("`_meta` in `params`")?;
        let version = params
            .protocol_version()
            .and_then(RawJson::as_str)
            .ok_or("the string `io.modelcontextprotocol/protocolVersion` in `_meta`")?;
        let capabilities = params
            .client_capabilities()
            .filter(|capabilities| capabilities.is_object())
            .ok_or("the object `io.modelcontextprotocol/clientCapabilities` in `_meta`")?;
        let is_named = params.client_info().is_none_or(|info| {
            let has_text = |key| info.member(key).is_some_and(|text| text.as_str().is_some());
            has_text("name") && has_text("version")
        });
        if !is_named {
            return Err("`io.modelcontextprotocol/clientInfo` with `name` and `version`");
        }
        let log_level = match params.log_level() {
            None => None,
            Some(level) => Some(
                level
                    .as_str()
                    .and_then(|level| LogLevel::parse(&level))
                    .ok_or("a log level in `io.modelcontextprotocol/logLevel`")?,
            ),
        };
        Ok(Self {
            version,
            capabilities,
            log_level,
        })
    }
}

/// `Mcp-Name` on the methods that have one (SPEC D.3, D-32); ignored on others (SPEC D-35).
fn check_name(headers: &HeaderMap, request: &Request) -> Result<(), Mismatch> {
    let params = request.params();
    let name = match request.method() {
        "tools/call" | "prompts/get" => params.and_then(Params::name),
        "resources/read" => params.and_then(Params::uri),
        "tasks/get" | "tasks/update" | "tasks/cancel" => params.and_then(Params::task_id),
        _ => return Ok(()),
    };
    mirror::check(headers, &MCP_NAME, name.as_deref().map(Scalar::Text))
}
