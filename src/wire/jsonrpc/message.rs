//! What a body can hold: requests, notifications, responses, or a batch of these.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::scan::Span;
use super::{Id, RawJson};
use crate::wire::method::Method;

/// With how many bytes beside it a part of a message may keep the whole message: fewer are not worth
/// a copy.
const SLACK: usize = 4 * 1024;

/// A part of `body` that can outlive it: a copy, unless nearly all of the body is this part.
fn owned_part(body: &Bytes, part: RawJson<'_>) -> Bytes {
    if body.len() - part.0.len() > SLACK {
        Bytes::copy_from_slice(part.0)
    } else {
        body.slice_ref(part.0)
    }
}

/// A parsed body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload {
    /// One message.
    Single(Message),
    /// An array of messages; never empty, every id in it once, requests and notifications never
    /// mixed with responses, never an `initialize` (SPEC A.3). Whether a revision allows batches
    /// is decided by the caller.
    Batch(Vec<Message>),
}

/// One JSON-RPC message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message {
    /// A method call that wants an answer.
    Request(Request),
    /// A method call that wants none.
    Notification(Notification),
    /// The answer to a request of ours.
    Response(Response),
}

/// A method call that wants an answer. It shares the bytes of the body that it came in: a dispatcher
/// that waits for long copies what it needs and drops the request.
#[derive(Clone)]
pub struct Request {
    pub(super) body: Bytes,
    pub(super) id: Span,
    pub(super) method: Method,
    pub(super) params: Option<ParamSpans>,
}

impl Request {
    /// The id, to be echoed.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::from_token(&self.body[self.id.range()])
    }

    /// The method, escapes decoded.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The same, told apart already.
    pub(crate) fn kind(&self) -> &Method {
        &self.method
    }

    /// The params, `None` when absent or `null`.
    #[must_use]
    pub fn params(&self) -> Option<Params<'_>> {
        Params::new(&self.body, self.params.as_ref())
    }

    /// `params._meta`, owned as a [`part`](Self::part) is; empty when there is none.
    pub(crate) fn meta_part(&self) -> Bytes {
        meta_part(self.params())
    }

    /// A part of this request that does not keep much else of it: copied if the rest is long.
    #[cfg(feature = "server")]
    pub(crate) fn part(&self, part: RawJson<'_>) -> Bytes {
        owned_part(&self.body, part)
    }

    /// Whether there is much in the text beside what is asked for: `name`, `uri` and `arguments`.
    #[cfg(feature = "server")]
    pub(crate) fn is_padded(&self) -> bool {
        if self.body.len() <= SLACK {
            return false;
        }
        let params = self.params.iter();
        let asked = params.flat_map(|params| [params.name, params.uri, params.arguments]);
        let asked: usize = asked.flatten().map(|span| span.range().len()).sum();
        self.body.len() - asked > SLACK
    }

    /// Lets go of the text of a long request, except for the id.
    #[cfg(feature = "server")]
    pub(crate) fn trim(&mut self) {
        if self.body.len() > SLACK {
            let id = Bytes::copy_from_slice(&self.body[self.id.range()]);
            self.id = Span::new(0, id.len());
            self.params = None;
            self.body = id;
        }
    }
}

/// A method call that wants no answer.
#[derive(Clone)]
pub struct Notification {
    pub(super) body: Bytes,
    pub(super) method: Method,
    pub(super) params: Option<ParamSpans>,
}

impl Notification {
    /// The method, escapes decoded.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The same, told apart already.
    pub(crate) fn kind(&self) -> &Method {
        &self.method
    }

    /// The params, `None` when absent or `null`.
    #[must_use]
    pub fn params(&self) -> Option<Params<'_>> {
        Params::new(&self.body, self.params.as_ref())
    }

    /// `params._meta`, owned as a part of a request is; empty when there is none.
    pub(crate) fn meta_part(&self) -> Bytes {
        meta_part(self.params())
    }
}

fn meta_part(params: Option<Params<'_>>) -> Bytes {
    params
        .and_then(|params| Some(owned_part(params.body, params.meta()?)))
        .unwrap_or_default()
}

/// The answer to a request that this side sent.
#[derive(Clone)]
pub struct Response {
    pub(super) body: Bytes,
    pub(super) id: Option<Span>,
    pub(super) outcome: Result<Span, Span>,
}

impl Response {
    /// The id of the request; an error may come without (SPEC A.1).
    #[must_use]
    pub fn id(&self) -> Option<Id> {
        self.id.map(|id| Id::from_token(&self.body[id.range()]))
    }

    /// The `result` object, or the `error` object as `Err`.
    ///
    /// # Errors
    ///
    /// The `error` member of the response, unread: its members are not checked yet.
    pub fn outcome(&self) -> Result<RawJson<'_>, RawJson<'_>> {
        let raw = |span: Span| RawJson(&self.body[span.range()]);
        self.outcome.map(raw).map_err(raw)
    }
}

/// Where the params lie, and the members of them that routing looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParamSpans {
    pub(super) whole: Span,
    pub(super) name: Option<Span>,
    pub(super) uri: Option<Span>,
    pub(super) task_id: Option<Span>,
    pub(super) arguments: Option<Span>,
    pub(super) request_id: Option<Span>,
    /// Whether there are `inputResponses` or a `requestState`.
    pub(super) is_retry: bool,
    /// Whether there may be something in them that serde_json cannot hold.
    pub(super) is_odd: bool,
    pub(super) meta: Option<MetaSpans>,
}

impl ParamSpans {
    /// The params that begin with `opening`, before any member is read.
    pub(super) fn new(opening: Span) -> Self {
        Self {
            whole: opening,
            name: None,
            uri: None,
            task_id: None,
            arguments: None,
            request_id: None,
            is_retry: false,
            is_odd: false,
            meta: None,
        }
    }
}

/// Where `params._meta` lies, and the members of it that routing looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetaSpans {
    pub(super) whole: Span,
    pub(super) progress_token: Option<Span>,
    pub(super) protocol_version: Option<Span>,
    pub(super) client_capabilities: Option<Span>,
    pub(super) client_info: Option<Span>,
    /// Whether the client said who it is, if it said anything of that.
    pub(super) is_client_named: bool,
    pub(super) log_level: Option<Span>,
}

impl MetaSpans {
    /// The `_meta` that begins with `opening`, before any member is read.
    pub(super) fn new(opening: Span) -> Self {
        Self {
            whole: opening,
            progress_token: None,
            protocol_version: None,
            client_capabilities: None,
            client_info: None,
            is_client_named: true,
            log_level: None,
        }
    }
}

/// The params of a request or notification: one JSON object, and a quick way to the members that
/// routing needs. Every other member is in [`Params::as_bytes`].
#[derive(Clone, Copy)]
pub struct Params<'a> {
    body: &'a Bytes,
    spans: &'a ParamSpans,
}

impl<'a> Params<'a> {
    fn new(body: &'a Bytes, spans: Option<&'a ParamSpans>) -> Option<Self> {
        spans.map(|spans| Self { body, spans })
    }

    fn raw(self, span: Option<Span>) -> Option<RawJson<'a>> {
        span.map(|span| RawJson(&self.body[span.range()]))
    }

    /// The whole object.
    #[must_use]
    pub fn as_raw(self) -> RawJson<'a> {
        RawJson(&self.body[self.spans.whole.range()])
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

    /// `arguments`, of any type.
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

    /// Whether the client comes back with answers (2026-07-28, Multi Round-Trip Requests): there are
    /// `inputResponses` or a `requestState`.
    #[must_use]
    pub fn is_retry(self) -> bool {
        self.spans.is_retry
    }

    /// Whether there may be something in them that serde_json cannot hold, such as the number `1e999`.
    #[cfg(any(test, feature = "server"))]
    pub(crate) fn is_odd(self) -> bool {
        self.spans.is_odd
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

    /// `_meta["io.modelcontextprotocol/clientInfo"]`, of any type.
    #[must_use]
    pub fn client_info(self) -> Option<RawJson<'a>> {
        self.raw(self.spans.meta?.client_info)
    }

    /// Whether the client said who it is, if it said anything of that: by name and version, both strings.
    pub(crate) fn is_client_named(self) -> bool {
        self.spans.meta.is_none_or(|meta| meta.is_client_named)
    }

    /// `_meta["io.modelcontextprotocol/logLevel"]`, of any type.
    #[must_use]
    pub fn log_level(self) -> Option<RawJson<'a>> {
        self.raw(self.spans.meta?.log_level)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &self.id())
            .field("method", &self.method())
            .field("params", &self.params())
            .finish()
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("method", &self.method())
            .field("params", &self.params())
            .finish()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("id", &self.id())
            .field("outcome", &self.outcome())
            .finish()
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_raw().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{MessageLimits, Payload, parse};

    /// For logs of embedders: what the message says, and nothing of how it is stored.
    #[test]
    fn a_message_is_printed_as_what_it_says() {
        for (body, expected) in [
            (
                r#"{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":[1]}}"#,
                r#"Single(Request(Request { id: Id("a"), method: "m", params: Some({"x":[1]}) }))"#,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"m"}"#,
                r#"Single(Notification(Notification { method: "m", params: None }))"#,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
                "Single(Response(Response { id: Some(Id(1)), outcome: Ok({}) }))",
            ),
        ] {
            let body = Bytes::from_static(body.as_bytes());
            let read: Result<Payload, _> = parse(&body, &MessageLimits::default());
            assert_eq!(format!("{:?}", read.expect("a message")), expected);
        }
    }
}
