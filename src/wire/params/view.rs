//! The members of `params` that MCP reads, as a dispatcher sees them.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::spans::ParamSpans;
use crate::wire::json::{RawJson, Span};
use crate::wire::jsonrpc::Id;

/// The params of a request or a notification: one JSON object. The parser has found the members below
/// already; read any other one with [`RawJson::member`].
///
/// ```
/// use bytes::Bytes;
/// use mcp_wire::jsonrpc::{self, Message, MessageLimits, Payload};
///
/// let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","task":{}}}"#;
/// let payload = jsonrpc::parse(&Bytes::from(body), &MessageLimits::default())?;
/// let Payload::Single(Message::Request(request)) = payload else { panic!("a request") };
///
/// let params = request.params().unwrap();
/// assert_eq!(params.name().unwrap(), "echo");
/// assert!(params.as_raw().member("task").is_some());
/// # Ok::<(), mcp_wire::jsonrpc::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Params<'a> {
    body: &'a Bytes,
    spans: &'a ParamSpans,
}

impl<'a> Params<'a> {
    pub(in crate::wire) fn new(body: &'a Bytes, spans: &'a ParamSpans) -> Self {
        Self { body, spans }
    }

    /// The message that these are the params of.
    pub(in crate::wire) fn body(self) -> &'a Bytes {
        self.body
    }

    fn raw(self, span: Option<Span>) -> Option<RawJson<'a>> {
        span.map(|span| RawJson::of(&self.body[span.range()]))
    }

    /// The whole object.
    #[must_use]
    pub fn as_raw(self) -> RawJson<'a> {
        RawJson::of(&self.body[self.spans.whole.range()])
    }

    /// The bytes of the whole object.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.as_raw().as_bytes()
    }

    /// `name`, if it is a string.
    #[must_use]
    pub fn name(self) -> Option<Cow<'a, str>> {
        self.raw(self.spans.name)?.as_str()
    }

    /// `uri`, if it is a string.
    #[must_use]
    pub fn uri(self) -> Option<Cow<'a, str>> {
        self.raw(self.spans.uri)?.as_str()
    }

    /// `taskId`, if it is a string.
    #[must_use]
    pub fn task_id(self) -> Option<Cow<'a, str>> {
        self.raw(self.spans.task_id)?.as_str()
    }

    /// `arguments`, of any type but `null`.
    #[must_use]
    pub fn arguments(self) -> Option<RawJson<'a>> {
        self.raw(self.spans.arguments)
    }

    /// `requestId`, if it is a string or an integer.
    #[must_use]
    pub fn request_id(self) -> Option<Id> {
        let span = self.spans.request_id?;
        Some(Id::from_token(&self.body[span.range()]))
    }

    /// Whether the client repeats a request with answers (SPEC D-110): there are `inputResponses` or a
    /// `requestState`.
    #[cfg(feature = "server")]
    pub(crate) fn is_retry(self) -> bool {
        self.spans.is_retry
    }

    /// Whether serde_json may be unable to read a value in them, such as the number `1e999`.
    #[cfg(any(test, feature = "server"))]
    pub(crate) fn may_overflow(self) -> bool {
        self.spans.may_overflow
    }

    /// `_meta`.
    #[must_use]
    pub fn meta(self) -> Option<RawJson<'a>> {
        self.raw(self.spans.meta.map(|meta| meta.whole))
    }

    /// `_meta.progressToken`: a string or an integer.
    #[must_use]
    pub fn progress_token(self) -> Option<RawJson<'a>> {
        self.raw(self.spans.meta?.progress_token)
    }

    /// `_meta["io.modelcontextprotocol/protocolVersion"]`, of any type.
    #[must_use]
    pub fn protocol_version(self) -> Option<RawJson<'a>> {
        self.raw(self.spans.meta?.protocol_version)
    }

    /// `_meta["io.modelcontextprotocol/clientCapabilities"]`, of any type.
    #[must_use]
    pub fn client_capabilities(self) -> Option<RawJson<'a>> {
        self.raw(self.spans.meta?.client_capabilities)
    }

    /// `_meta["io.modelcontextprotocol/clientInfo"]`, of any type but `null`.
    #[must_use]
    pub fn client_info(self) -> Option<RawJson<'a>> {
        let client = self.spans.meta?.client_info?;
        self.raw(Some(client.whole))
    }

    /// Whether `clientInfo`, if there is any, has a name and a version that are strings.
    pub(crate) fn is_client_named(self) -> bool {
        let client = self.spans.meta.and_then(|meta| meta.client_info);
        client.is_none_or(|client| client.is_named)
    }

    /// `_meta["io.modelcontextprotocol/logLevel"]`, of any type but `null`.
    #[must_use]
    pub fn log_level(self) -> Option<RawJson<'a>> {
        self.raw(self.spans.meta?.log_level)
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_raw().fmt(f)
    }
}
