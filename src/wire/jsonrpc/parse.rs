//! [`parse()`]: a body to a [`Payload`], or the reason why not.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;

use super::members::{Members, Part};
use super::message::{MetaSpans, ParamSpans};
use super::scan::{Kind, Scanned, Scanner, Span, decode};
use super::{ErrorObject, Id, Message, Notification, Payload, Request, Response};
use crate::wire::method::Method;

/// What a message may measure.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MessageLimits {
    /// Containers inside each other, counted up to [`MessageLimits::DEPTH_CEILING`]. Default
    /// [`MessageLimits::MAX_DEPTH`].
    pub depth: usize,
    /// The bytes of an id's token. Default [`MessageLimits::MAX_ID_LEN`].
    pub id_len: usize,
    /// The bytes of a method's token. Default [`MessageLimits::MAX_METHOD_LEN`].
    pub method_len: usize,
    /// The messages of a batch. Default [`MessageLimits::MAX_BATCH_LEN`].
    pub batch_len: usize,
    /// The members of a message itself, of its `params`, of `_meta`, and of the `clientInfo` in it: each
    /// of these objects may have so many. Objects further inside, such as `arguments`, are counted by
    /// [`MessageLimits::tree`] alone. Default [`MessageLimits::MAX_MEMBERS`].
    pub members: usize,
    /// The bytes of heap that the values of a body may take as a tree (`serde_json::Value`), all
    /// messages of a batch together. The parser adds them up while it reads, before anything is built: the
    /// bytes of the body, for its strings, and beside them 32 for each string, 64 for an element of an
    /// array, 164 for a member of an object and its name, and 80 or 544 for an array or an object that
    /// is not empty. The sum is never below what a tree keeps, as 64-bit machines have it. Default
    /// [`MessageLimits::MAX_TREE`].
    pub tree: usize,
}

impl MessageLimits {
    /// Deeper than any schema that is in use, shallow enough for every reader's stack.
    pub const MAX_DEPTH: usize = 64;
    /// The most that [`MessageLimits::depth`] may be set to: the parser keeps a bit of each level.
    pub const DEPTH_CEILING: usize = 512;
    /// Room for a UUID, a URL or an integer of hundreds of digits.
    pub const MAX_ID_LEN: usize = 256;
    /// The longest method of the protocol has 40 bytes.
    pub const MAX_METHOD_LEN: usize = 256;
    /// As many as the requests that one session may have running.
    pub const MAX_BATCH_LEN: usize = 64;
    /// Ten times what the widest messages in use have.
    pub const MAX_MEMBERS: usize = 1000;
    /// 32 MiB: eight times the longest body, so that text, pictures and hundreds of thousands of numbers
    /// fit, and what is made to be dear does not.
    pub const MAX_TREE: usize = 32 * 1024 * 1024;
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self {
            depth: Self::MAX_DEPTH,
            id_len: Self::MAX_ID_LEN,
            method_len: Self::MAX_METHOD_LEN,
            batch_len: Self::MAX_BATCH_LEN,
            members: Self::MAX_MEMBERS,
            tree: Self::MAX_TREE,
        }
    }
}

/// Reads a body: one message or a batch (SPEC A.1, A.3). The messages share the body's bytes.
///
/// Time is linear in the length of the body. Memory is that of the names in the message itself,
/// `params` and `_meta`, of which there are no more than [`MessageLimits::members`], and only where there are
/// more than eight or they have escapes.
///
/// # Errors
///
/// A [`ParseError`] that knows its JSON-RPC code, the id if it could be read, and what was wrong.
///
/// ```
/// use bytes::Bytes;
/// use mcp_wire::jsonrpc::{self, MessageLimits, Message, Payload};
///
/// let body = Bytes::from_static(br#"{"method":"ping","jsonrpc":"2.0","id":"a"}"#);
/// let Ok(Payload::Single(Message::Request(ping))) = jsonrpc::parse(&body, &MessageLimits::default())
/// else { panic!("a request") };
/// assert_eq!(ping.method(), "ping");
/// assert_eq!(ping.id().as_bytes(), br#""a""#);
///
/// let error = jsonrpc::parse(&Bytes::from_static(b"{"), &MessageLimits::default()).unwrap_err();
/// assert_eq!(error.code(), -32700);
/// ```
pub fn parse(body: &Bytes, limits: &MessageLimits) -> Result<Payload, ParseError> {
    let mut scanner = Scanner::new(body, limits.depth)?;
    // That the text is not JSON at all goes before what its members are.
    match scanner.peek() {
        Some(b'{') => {
            let mut envelope = Envelope::default();
            envelope.read(&mut scanner, limits)?;
            scanner.end()?;
            envelope.message(body).map(Payload::Single)
        }
        Some(b'[') => {
            let payload = batch(&mut scanner, body, limits)?;
            scanner.end()?;
            payload
        }
        Some(b'\xEF') if body.starts_with(BYTE_ORDER_MARK) => Err(Fault::ByteOrderMark.into()),
        None => Err(Fault::Empty.into()),
        // A scalar is JSON and no message; anything else is not JSON.
        Some(_) => {
            scanner.value()?;
            scanner.end()?;
            Err(Fault::NotAMessage.into())
        }
    }
}

/// SPEC A-24: not a part of JSON.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn batch(
    scanner: &mut Scanner<'_>,
    body: &Bytes,
    limits: &MessageLimits,
) -> Scanned<Result<Payload, ParseError>> {
    let mut messages = Vec::new();
    let mut fault = None;
    let mut len = 0;
    let mut elements = scanner.array()?;
    while scanner.next_element(&mut elements)? {
        len += 1;
        if len > limits.batch_len || fault.is_some() {
            scanner.value()?;
        } else if scanner.peek() != Some(b'{') {
            fault = Some(Fault::NotAMessage.into());
            scanner.value()?;
        } else {
            let mut envelope = Envelope::default();
            envelope.read(scanner, limits)?;
            match envelope.message(body) {
                Ok(message) => messages.push(message),
                Err(error) => fault = Some(error.fault),
            }
        }
    }
    let fault = match fault {
        _ if len == 0 => Some(Fault::EmptyBatch),
        _ if len > limits.batch_len => Some(Fault::LongBatch {
            limit: limits.batch_len,
        }),
        // SPEC A-64: one invalid element refuses the whole array.
        Some(fault) => Some(Fault::Element(fault)),
        None => unfit_batch(&messages),
    };
    Ok(match fault {
        Some(fault) => Err(fault.into()),
        None => Ok(Payload::Batch(messages)),
    })
}

/// SPEC A-61, A-62, A-69: what valid messages may not do together.
fn unfit_batch(messages: &[Message]) -> Option<Fault> {
    let mut ids = HashSet::new();
    let mut responses = 0;
    for message in messages {
        match message {
            Message::Request(request) if *request.kind() == Method::Initialize => {
                return Some(Fault::InitializeInBatch);
            }
            Message::Request(request) if !ids.insert(request.id()) => {
                return Some(Fault::RepeatedId);
            }
            Message::Response(_) => responses += 1,
            Message::Request(_) | Message::Notification(_) => {}
        }
    }
    (responses != 0 && responses != messages.len()).then_some(Fault::MixedBatch)
}

/// The members of an envelope, each as far as it was well formed.
#[derive(Default)]
struct Envelope {
    jsonrpc: Option<Scanned<()>>,
    id: Option<Scanned<Span>>,
    method: Option<Scanned<Method>>,
    params: Option<Scanned<ParamSpans>>,
    result: Option<Scanned<Span>>,
    error: Option<Scanned<Span>>,
    /// What is wrong with the message as a whole.
    fault: Option<Box<Fault>>,
    /// Whether there are too many members, so that not all of them were looked at.
    is_too_wide: bool,
}

impl Envelope {
    /// Reads an object to its end. What is wrong with a member is kept for later: bytes that are
    /// not JSON go first, and the id may come last (GOTCHAS 22).
    fn read(&mut self, scanner: &mut Scanner<'_>, limits: &MessageLimits) -> Scanned<()> {
        let mut members = scanner.object(limits.members)?;
        while let Some(part) = scanner.next(&mut members)? {
            if matches!(part, EnvelopePart::Params) && scanner.peek() == Some(b'{') {
                self.params = Some(params(scanner, limits)?);
                continue;
            }
            let (kind, span) = scanner.value()?;
            match part {
                EnvelopePart::Jsonrpc => self.jsonrpc = Some(version(scanner, kind, span)?),
                EnvelopePart::Id => self.id = Some(id(kind, span, limits)),
                EnvelopePart::Method => {
                    self.method = Some(method(scanner, kind, span, limits)?);
                }
                EnvelopePart::Params => self.params = no_params(kind),
                EnvelopePart::Result => {
                    self.result = Some(object(kind, span, || Fault::ResultType));
                }
                EnvelopePart::Error => {
                    self.error = Some(object(kind, span, || Fault::ErrorType));
                }
            }
        }
        if members.repeats(EnvelopePart::Id) {
            // Neither of the two is to be echoed; `decide` tells of the repetition first.
            self.id = Some(Err(Fault::RepeatedId.into()));
        }
        self.is_too_wide = members.are_too_many();
        self.fault = unfit_tree(scanner, limits)
            .or_else(|| unfit_members(&mut members, limits, "the message"));
        Ok(())
    }

    /// Decides the kind (SPEC A.1).
    fn message(&mut self, body: &Bytes) -> Result<Message, ParseError> {
        let is_call = self.method.is_some();
        let is_response = self.result.is_some() || self.error.is_some();
        let id = match &self.id {
            Some(Ok(id)) => Some(*id),
            _ => None,
        };
        // SPEC A-11: a readable id is echoed, unless it is an id of ours that comes back.
        let echo = id.filter(|_| (is_call || !is_response) && !self.is_too_wide);
        let is_notification = is_call && self.id.is_none() && !self.is_too_wide;
        self.decide(body).map_err(|fault| ParseError {
            fault,
            id: echo.map(|id| Id::from_token(&body[id.range()])),
            is_notification,
        })
    }

    fn decide(&mut self, body: &Bytes) -> Scanned<Message> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.jsonrpc.take().ok_or(Fault::Version)??;
        let id = self.id.take().transpose()?;
        let body = body.clone();
        match (self.method.take(), self.result.take(), self.error.take()) {
            (Some(method), None, None) => {
                let method = method?;
                let params = self.params.take().transpose()?;
                Ok(match id {
                    Some(id) => Message::Request(Request {
                        body,
                        id,
                        method,
                        params,
                    }),
                    None => Message::Notification(Notification {
                        body,
                        method,
                        params,
                    }),
                })
            }
            (None, Some(result), None) => {
                let id = Some(id.ok_or(Fault::ResultWithoutId)?);
                Ok(Message::Response(Response {
                    body,
                    id,
                    outcome: Ok(result?),
                }))
            }
            (None, None, Some(error)) => Ok(Message::Response(Response {
                body,
                id,
                outcome: Err(error?),
            })),
            (None, None, None) => Err(Fault::NotAMessage.into()),
            _ => Err(Fault::Mixed.into()),
        }
    }
}

/// What is wrong with the values of a body up to here, whatever message they are part of.
#[inline(always)]
fn unfit_tree(scanner: &Scanner<'_>, limits: &MessageLimits) -> Option<Box<Fault>> {
    let is_large = scanner.price() > limits.tree as u64;
    (is_large || scanner.has_reserved_name()).then(|| {
        let limit = limits.tree;
        Box::new(match is_large {
            true => Fault::LargeTree { limit },
            false => Fault::ReservedName,
        })
    })
}

/// What is wrong with the names of an object whose members are looked at.
#[inline(always)]
fn unfit_members(
    members: &mut Members<'_>,
    limits: &MessageLimits,
    of: &'static str,
) -> Option<Box<Fault>> {
    if members.are_too_many() {
        let limit = limits.members;
        return Some(Fault::ManyMembers { limit, of }.into());
    }
    let name = members.repeated()?;
    Some(Fault::Repeated { name, of }.into())
}

/// The members of an envelope that mean something (SPEC A-18: extra members are ignored).
#[derive(Clone, Copy)]
enum EnvelopePart {
    Jsonrpc,
    Id,
    Method,
    Params,
    Result,
    Error,
}

impl Part for EnvelopePart {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            name if name == b"jsonrpc" => Self::Jsonrpc,
            name if name == b"id" => Self::Id,
            name if name == b"method" => Self::Method,
            name if name == b"params" => Self::Params,
            name if name == b"result" => Self::Result,
            name if name == b"error" => Self::Error,
            _ => return None,
        })
    }

    fn place(self) -> u8 {
        self as u8
    }
}

/// What a reader of one member gives: not JSON, or JSON that may be wrong in this place.
type Member<T> = Scanned<Scanned<T>>;

/// SPEC A-1: `jsonrpc` is the string `"2.0"`.
fn version(scanner: &Scanner<'_>, kind: Kind, span: Span) -> Member<()> {
    let is_two = scanner.bytes(span) == b"\"2.0\""
        || kind == Kind::String && decode(scanner.slice(span))? == "2.0";
    Ok(if is_two {
        Ok(())
    } else {
        Err(Fault::Version.into())
    })
}

/// SPEC A-3, A-4, A-6: a string or an integer; `null` makes no notification, `1.0` no integer.
fn id(kind: Kind, span: Span, limits: &MessageLimits) -> Scanned<Span> {
    match kind {
        Kind::String | Kind::Integer if span.range().len() <= limits.id_len => Ok(span),
        Kind::String | Kind::Integer => Err(Fault::LongId {
            limit: limits.id_len,
        }
        .into()),
        _ => Err(Fault::IdType.into()),
    }
}

fn method(scanner: &Scanner<'_>, kind: Kind, span: Span, limits: &MessageLimits) -> Member<Method> {
    if kind != Kind::String {
        return Ok(Err(Fault::MethodType.into()));
    }
    if span.range().len() > limits.method_len {
        return Ok(Err(Fault::LongMethod {
            limit: limits.method_len,
        }
        .into()));
    }
    if let [_, name @ .., _] = scanner.bytes(span)
        && let Some(method) = Method::of_protocol(name)
    {
        return Ok(Ok(method));
    }
    Ok(Ok(Method::from(decode(scanner.slice(span))?)))
}

fn object(kind: Kind, span: Span, otherwise: impl FnOnce() -> Fault) -> Scanned<Span> {
    if kind == Kind::Object {
        Ok(span)
    } else {
        Err(otherwise().into())
    }
}

/// SPEC A-16, A-17: an object; `null` is as good as absent.
fn no_params(kind: Kind) -> Option<Scanned<ParamSpans>> {
    match kind {
        Kind::Null => None,
        Kind::Array => Some(Err(Fault::PositionalParams.into())),
        _ => Some(Err(Fault::ParamsType.into())),
    }
}

/// The members of `params` that routing looks at.
#[derive(Clone, Copy)]
enum ParamPart {
    Name,
    Uri,
    TaskId,
    Arguments,
    RequestId,
    InputResponses,
    RequestState,
    Meta,
}

impl Part for ParamPart {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            name if name == b"name" => Self::Name,
            name if name == b"uri" => Self::Uri,
            name if name == b"taskId" => Self::TaskId,
            name if name == b"arguments" => Self::Arguments,
            name if name == b"requestId" => Self::RequestId,
            name if name == b"inputResponses" => Self::InputResponses,
            name if name == b"requestState" => Self::RequestState,
            name if name == b"_meta" => Self::Meta,
            _ => return None,
        })
    }

    fn place(self) -> u8 {
        self as u8
    }
}

#[inline(never)]
fn params(scanner: &mut Scanner<'_>, limits: &MessageLimits) -> Member<ParamSpans> {
    let start = scanner.position();
    let mut members = scanner.object(limits.members)?;
    let mut spans = ParamSpans::new(scanner.since(start));
    let mut meta_fault = None;
    while let Some(part) = scanner.next(&mut members)? {
        if matches!(part, ParamPart::Meta) && scanner.peek() == Some(b'{') {
            match meta(scanner, limits)? {
                Ok(meta) => spans.meta = Some(meta),
                Err(fault) => meta_fault = Some(fault),
            }
            continue;
        }
        let (kind, span) = scanner.value()?;
        match part {
            ParamPart::Name => spans.name = Some(span),
            ParamPart::Uri => spans.uri = Some(span),
            ParamPart::TaskId => spans.task_id = Some(span),
            ParamPart::Arguments => spans.arguments = Some(span),
            ParamPart::RequestId => spans.request_id = id(kind, span, limits).ok(),
            ParamPart::InputResponses | ParamPart::RequestState => spans.is_retry = true,
            ParamPart::Meta => meta_fault = Some(Fault::MetaType.into()),
        }
    }
    if let Some(fault) = unfit_members(&mut members, limits, "`params`") {
        return Ok(Err(fault));
    }
    if let Some(fault) = meta_fault {
        return Ok(Err(fault));
    }
    spans.whole = scanner.since(start);
    spans.is_odd = scanner.is_odd();
    Ok(Ok(spans))
}

/// The members of `_meta` that routing looks at.
#[derive(Clone, Copy)]
enum MetaPart {
    ProgressToken,
    ProtocolVersion,
    ClientCapabilities,
    ClientInfo,
    LogLevel,
}

impl Part for MetaPart {
    const PREFIX: &'static [u8] = b"io.modelcontextprotocol/";

    fn named(name: &[u8]) -> Option<Self> {
        if name == b"progressToken" {
            return Some(Self::ProgressToken);
        }
        Some(match name.strip_prefix(Self::PREFIX)? {
            name if name == b"protocolVersion" => Self::ProtocolVersion,
            name if name == b"clientCapabilities" => Self::ClientCapabilities,
            name if name == b"clientInfo" => Self::ClientInfo,
            name if name == b"logLevel" => Self::LogLevel,
            _ => return None,
        })
    }

    fn place(self) -> u8 {
        self as u8
    }
}

/// SPEC A-27, A-31: the progress token is a string or an integer.
#[inline(never)]
fn meta(scanner: &mut Scanner<'_>, limits: &MessageLimits) -> Member<MetaSpans> {
    let start = scanner.position();
    let mut members = scanner.object(limits.members)?;
    let mut spans = MetaSpans::new(scanner.since(start));
    let mut token_kind = None;
    let mut client_fault = None;
    while let Some(part) = scanner.next(&mut members)? {
        if matches!(part, MetaPart::ClientInfo) {
            match client(scanner, limits)? {
                Ok((info, is_named)) => {
                    spans.client_info = Some(info);
                    spans.is_client_named = is_named;
                }
                Err(fault) => client_fault = Some(fault),
            }
            continue;
        }
        let (kind, span) = scanner.value()?;
        match part {
            MetaPart::ProgressToken => {
                token_kind = Some(kind);
                spans.progress_token = Some(span);
            }
            MetaPart::ProtocolVersion => spans.protocol_version = Some(span),
            MetaPart::ClientCapabilities => spans.client_capabilities = Some(span),
            MetaPart::LogLevel => spans.log_level = Some(span),
            // Read above.
            MetaPart::ClientInfo => {}
        }
    }
    if let Some(fault) = unfit_members(&mut members, limits, "`_meta`") {
        return Ok(Err(fault));
    }
    if let Some(fault) = client_fault {
        return Ok(Err(fault));
    }
    if !matches!(token_kind, None | Some(Kind::String | Kind::Integer)) {
        let is_enveloped = spans.protocol_version.is_some();
        return Ok(Err(Fault::ProgressTokenType { is_enveloped }.into()));
    }
    spans.whole = scanner.since(start);
    Ok(Ok(spans))
}

/// The members of `clientInfo` that it has to have.
#[derive(Clone, Copy)]
enum ClientPart {
    Name,
    Version,
}

impl Part for ClientPart {
    // What else a client says of itself is for handlers to read.
    const CHECKS_OTHERS: bool = false;

    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            name if name == b"name" => Self::Name,
            name if name == b"version" => Self::Version,
            _ => return None,
        })
    }

    fn place(self) -> u8 {
        self as u8
    }
}

/// Where `clientInfo` lies, and whether the client is named in it: by name and version, both strings.
/// Looked at while it goes by, since a second walk would cost as much as this one.
#[inline(never)]
fn client(scanner: &mut Scanner<'_>, limits: &MessageLimits) -> Member<(Span, bool)> {
    if scanner.peek() != Some(b'{') {
        let (_, span) = scanner.value()?;
        return Ok(Ok((span, false)));
    }
    let start = scanner.position();
    let mut members = scanner.object(limits.members)?;
    let (mut has_name, mut has_version) = (false, false);
    while let Some(part) = scanner.next(&mut members)? {
        let (kind, _) = scanner.value()?;
        match part {
            ClientPart::Name => has_name = kind == Kind::String,
            ClientPart::Version => has_version = kind == Kind::String,
        }
    }
    // Readers differ in which of two they take.
    let is_sure = !members.repeats(ClientPart::Name) && !members.repeats(ClientPart::Version);
    if members.are_too_many() {
        let (limit, of) = (limits.members, "`clientInfo`");
        return Ok(Err(Fault::ManyMembers { limit, of }.into()));
    }
    Ok(Ok((
        scanner.since(start),
        is_sure && has_name && has_version,
    )))
}

/// Why a body is no message, or no batch of messages.
#[derive(Clone, Debug)]
pub struct ParseError {
    fault: Box<Fault>,
    id: Option<Id>,
    is_notification: bool,
}

impl ParseError {
    /// The JSON-RPC code: -32700 for bytes that are not JSON, -32602 for params, else -32600.
    #[must_use]
    pub fn code(&self) -> i64 {
        match *self.fault {
            Fault::Empty
            | Fault::TooLong
            | Fault::Utf8 { .. }
            | Fault::ByteOrderMark
            | Fault::Syntax { .. }
            | Fault::TooDeep { .. } => -32700,
            Fault::PositionalParams | Fault::MetaType | Fault::ProgressTokenType { .. } => -32602,
            _ => -32600,
        }
    }

    /// The id of the request, if it could be read (SPEC A-11).
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// Whether the message has a method and no id, so that nobody waits for an answer.
    #[must_use]
    pub fn is_notification(&self) -> bool {
        self.is_notification
    }

    /// Whether params that are otherwise wrong name the revision that they speak, as only those of
    /// the modern era do (SPEC D.1).
    pub(crate) fn is_enveloped(&self) -> bool {
        matches!(*self.fault, Fault::ProgressTokenType { is_enveloped: true })
    }

    /// The error to answer with.
    #[must_use]
    pub fn to_error_object(&self) -> ErrorObject {
        ErrorObject::new(self.code(), self.to_string())
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code() {
            -32700 => write!(f, "parse error: {}", self.fault),
            -32602 => write!(f, "invalid params: {}", self.fault),
            _ => write!(f, "invalid request: {}", self.fault),
        }
    }
}

impl std::error::Error for ParseError {}

impl From<Fault> for ParseError {
    fn from(fault: Fault) -> Self {
        Box::new(fault).into()
    }
}

impl From<Box<Fault>> for ParseError {
    fn from(fault: Box<Fault>) -> Self {
        Self {
            fault,
            id: None,
            is_notification: false,
        }
    }
}

/// What was wrong.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Empty,
    TooLong,
    Utf8 {
        at: usize,
    },
    ByteOrderMark,
    Syntax {
        at: usize,
        expected: &'static str,
    },
    TooDeep {
        limit: usize,
    },
    NotAMessage,
    Version,
    IdType,
    LongId {
        limit: usize,
    },
    MethodType,
    LongMethod {
        limit: usize,
    },
    ParamsType,
    PositionalParams,
    MetaType,
    ProgressTokenType {
        /// Whether the same `_meta` names a revision.
        is_enveloped: bool,
    },
    ResultType,
    ErrorType,
    ResultWithoutId,
    Mixed,
    Repeated {
        name: String,
        of: &'static str,
    },
    ManyMembers {
        limit: usize,
        of: &'static str,
    },
    LargeTree {
        limit: usize,
    },
    ReservedName,
    EmptyBatch,
    LongBatch {
        limit: usize,
    },
    Element(Box<Self>),
    InitializeInBatch,
    RepeatedId,
    MixedBatch,
}

/// Where the limits are set, for those who run the server.
const SETTING: &str = "(limit: `Builder::json_limits`)";

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty"),
            Self::TooLong => f.write_str("the body is longer than 4 GiB"),
            Self::Utf8 { at } => write!(f, "the body is not UTF-8 from byte {at} on"),
            Self::ByteOrderMark => f.write_str("the body begins with a byte order mark"),
            Self::Syntax { at, expected } => write!(f, "expected {expected} at byte {at}"),
            Self::TooDeep { limit } => write!(f, "nested deeper than {limit} levels {SETTING}"),
            Self::NotAMessage => {
                f.write_str("expected an object with `method`, `result` or `error`")
            }
            Self::Version => f.write_str("`jsonrpc` must be the string \"2.0\""),
            Self::IdType => f.write_str("`id` must be a string or an integer"),
            Self::LongId { limit } => write!(f, "`id` is longer than {limit} bytes {SETTING}"),
            Self::MethodType => f.write_str("`method` must be a string"),
            Self::LongMethod { limit } => {
                write!(f, "`method` is longer than {limit} bytes {SETTING}")
            }
            Self::ParamsType => f.write_str("`params` must be an object"),
            Self::PositionalParams => {
                f.write_str("`params` must be an object, positional parameters are not used")
            }
            Self::MetaType => f.write_str("`_meta` must be an object"),
            Self::ProgressTokenType { .. } => {
                f.write_str("`_meta.progressToken` must be a string or an integer")
            }
            Self::ResultType => f.write_str("`result` must be an object"),
            Self::ErrorType => f.write_str("`error` must be an object"),
            Self::ResultWithoutId => f.write_str("a `result` needs the `id` of its request"),
            Self::Mixed => f.write_str("only one of `method`, `result` and `error` may be there"),
            Self::Repeated { name, of } => {
                write!(f, "the member `{name}` of {of} is there twice")
            }
            Self::ManyMembers { limit, of } => {
                write!(f, "{of} has more than {limit} members {SETTING}")
            }
            Self::LargeTree { limit } => {
                let what = "as a tree, the values take more than";
                write!(f, "{what} {limit} bytes of memory {SETTING}")
            }
            Self::ReservedName => {
                f.write_str("a member has a name that JSON readers keep for themselves")
            }
            Self::EmptyBatch => f.write_str("the batch is empty"),
            Self::LongBatch { limit } => {
                write!(f, "the batch has more than {limit} messages {SETTING}")
            }
            Self::Element(fault) => write!(f, "in the batch: {fault}"),
            Self::InitializeInBatch => f.write_str("`initialize` cannot be part of a batch"),
            Self::RepeatedId => f.write_str("two requests of the batch have the same `id`"),
            Self::MixedBatch => {
                f.write_str("a batch holds responses or requests and notifications, not both")
            }
        }
    }
}
