//! [`parse()`]: a body to a [`Payload`], or the reason why not.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;

use super::message::{MetaSpans, Method, ParamSpans};
use super::scan::{Kind, Scanned, Scanner, Span, decode};
use super::{ErrorObject, Id, Message, Notification, Payload, Request, Response};

/// What a message may measure.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Containers inside each other, counted up to [`Limits::DEPTH_CEILING`]. Default
    /// [`Limits::MAX_DEPTH`].
    pub depth: usize,
    /// The bytes of an id's token. Default [`Limits::MAX_ID_LEN`].
    pub id_len: usize,
    /// The bytes of a method's token. Default [`Limits::MAX_METHOD_LEN`].
    pub method_len: usize,
    /// The messages of a batch. Default [`Limits::MAX_BATCH_LEN`].
    pub batch_len: usize,
}

impl Limits {
    /// Deeper than any schema that is in use, shallow enough for every reader's stack.
    pub const MAX_DEPTH: usize = 64;
    /// The most that [`Limits::depth`] may be set to: the parser recurses.
    pub const DEPTH_CEILING: usize = 512;
    /// Room for a UUID, a URL or an integer of hundreds of digits.
    pub const MAX_ID_LEN: usize = 256;
    /// The longest method of the protocol has 40 bytes.
    pub const MAX_METHOD_LEN: usize = 256;
    /// As many as the requests that one session may have running.
    pub const MAX_BATCH_LEN: usize = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: Self::MAX_DEPTH,
            id_len: Self::MAX_ID_LEN,
            method_len: Self::MAX_METHOD_LEN,
            batch_len: Self::MAX_BATCH_LEN,
        }
    }
}

/// Reads a body: one message or a batch (SPEC A.1, A.3). The messages share the body's bytes.
///
/// Time is linear in the length of the body; memory does not depend on it, but for objects with
/// more than eight members at the envelope, `params` or `_meta`.
///
/// # Errors
///
/// A [`ParseError`] that knows its JSON-RPC code, the id if it could be read, and what was wrong.
///
/// ```
/// use bytes::Bytes;
/// use mcp_wire::jsonrpc::{self, Limits, Message, Payload};
///
/// let body = Bytes::from_static(br#"{"method":"ping","jsonrpc":"2.0","id":"a"}"#);
/// let Ok(Payload::Single(Message::Request(ping))) = jsonrpc::parse(&body, &Limits::default())
/// else { panic!("a request") };
/// assert_eq!(ping.method(), "ping");
/// assert_eq!(ping.id().as_bytes(), br#""a""#);
///
/// let error = jsonrpc::parse(&Bytes::from_static(b"{"), &Limits::default()).unwrap_err();
/// assert_eq!(error.code(), -32700);
/// ```
pub fn parse(body: &Bytes, limits: &Limits) -> Result<Payload, ParseError> {
    let mut scanner = Scanner::new(body, limits.depth.min(Limits::DEPTH_CEILING))?;
    let payload = match scanner.peek() {
        Some(b'[') => batch(&mut scanner, body, limits),
        Some(b'{') => Ok(Envelope::read(&mut scanner, limits)?
            .message(body)
            .map(Payload::Single)),
        Some(b'\xEF') if body.starts_with(BYTE_ORDER_MARK) => {
            return Err(Fault::ByteOrderMark.into());
        }
        None => return Err(Fault::Empty.into()),
        // A scalar is JSON and no message; anything else is not JSON.
        Some(_) => scanner.value().map(|_| Err(Fault::NotAMessage.into())),
    }?;
    // That the text is not JSON at all goes before what its members are.
    scanner.end()?;
    payload
}

/// SPEC A-24: not a part of JSON.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn batch(
    scanner: &mut Scanner<'_>,
    body: &Bytes,
    limits: &Limits,
) -> Scanned<Result<Payload, ParseError>> {
    let mut messages = Vec::new();
    let mut fault = None;
    let mut len = 0;
    scanner.elements(|scanner| {
        len += 1;
        if len > limits.batch_len || fault.is_some() {
            return scanner.value().map(drop);
        }
        if scanner.peek() != Some(b'{') {
            fault = Some(Fault::NotAMessage.into());
            return scanner.value().map(drop);
        }
        match Envelope::read(scanner, limits)?.message(body) {
            Ok(message) => messages.push(message),
            Err(error) => fault = Some(error.fault),
        }
        Ok(())
    })?;
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
            Message::Request(request) if request.method() == "initialize" => {
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
    repeated: Option<String>,
}

impl Envelope {
    /// Reads an object to its end. What is wrong with a member is kept for later: bytes that are
    /// not JSON go first, and the id may come last (GOTCHAS 22).
    fn read(scanner: &mut Scanner<'_>, limits: &Limits) -> Scanned<Self> {
        let mut envelope = Self::default();
        let mut repeated = None;
        let mut repeated_id = false;
        let visit = |scanner: &mut Scanner<'_>, name: &str| {
            match name {
                "jsonrpc" => envelope.jsonrpc = Some(version(scanner)?),
                "id" => envelope.id = Some(id(scanner, limits)?),
                "method" => envelope.method = Some(method(scanner, limits)?),
                "params" => envelope.params = params(scanner, limits)?,
                "result" => envelope.result = Some(object(scanner, Fault::ResultType)?),
                "error" => envelope.error = Some(object(scanner, Fault::ErrorType)?),
                // SPEC A-18: extra members are ignored.
                _ => drop(scanner.value()?),
            }
            Ok(())
        };
        scanner.object(visit, |name| {
            repeated_id |= name == "id";
            repeated.get_or_insert_with(|| name.to_owned());
        })?;
        if repeated_id {
            // Neither of the two is to be echoed; `decide` tells of the repetition first.
            envelope.id = Some(Err(Fault::RepeatedId.into()));
        }
        envelope.repeated = repeated;
        Ok(envelope)
    }

    /// Decides the kind (SPEC A.1).
    fn message(self, body: &Bytes) -> Result<Message, ParseError> {
        let is_call = self.method.is_some();
        let is_response = self.result.is_some() || self.error.is_some();
        let id = match &self.id {
            Some(Ok(id)) => Some(*id),
            _ => None,
        };
        // SPEC A-11: a readable id is echoed, unless it is an id of ours that comes back.
        let echo = id.filter(|_| is_call || !is_response);
        let is_notification = is_call && self.id.is_none();
        self.decide(body).map_err(|fault| ParseError {
            fault,
            id: echo.map(|id| Id::from_token(body.slice(id.range()))),
            is_notification,
        })
    }

    fn decide(self, body: &Bytes) -> Scanned<Message> {
        if let Some(name) = self.repeated {
            return Err(Fault::Repeated {
                name,
                of: "the message",
            }
            .into());
        }
        self.jsonrpc.ok_or(Fault::Version)??;
        let id = self.id.transpose()?;
        let body = body.clone();
        match (self.method, self.result, self.error) {
            (Some(method), None, None) => {
                let method = method?;
                let params = self.params.transpose()?;
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

/// What a reader of one member gives: not JSON, or JSON that may be wrong in this place.
type Member<T> = Scanned<Scanned<T>>;

/// SPEC A-1: `jsonrpc` is the string `"2.0"`.
fn version(scanner: &mut Scanner<'_>) -> Member<()> {
    let (kind, span) = scanner.value()?;
    let is_two = kind == Kind::String && decode(scanner.slice(span))? == "2.0";
    Ok(if is_two {
        Ok(())
    } else {
        Err(Fault::Version.into())
    })
}

/// SPEC A-3, A-4, A-6: a string or an integer; `null` makes no notification, `1.0` no integer.
fn id(scanner: &mut Scanner<'_>, limits: &Limits) -> Member<Span> {
    let (kind, span) = scanner.value()?;
    Ok(match kind {
        Kind::String | Kind::Integer if span.range().len() <= limits.id_len => Ok(span),
        Kind::String | Kind::Integer => Err(Fault::LongId {
            limit: limits.id_len,
        }
        .into()),
        _ => Err(Fault::IdType.into()),
    })
}

fn method(scanner: &mut Scanner<'_>, limits: &Limits) -> Member<Method> {
    let (kind, span) = scanner.value()?;
    if kind != Kind::String {
        return Ok(Err(Fault::MethodType.into()));
    }
    if span.range().len() > limits.method_len {
        return Ok(Err(Fault::LongMethod {
            limit: limits.method_len,
        }
        .into()));
    }
    Ok(Ok(Method::new(decode(scanner.slice(span))?)))
}

fn object(scanner: &mut Scanner<'_>, otherwise: Fault) -> Member<Span> {
    let (kind, span) = scanner.value()?;
    Ok(if kind == Kind::Object {
        Ok(span)
    } else {
        Err(otherwise.into())
    })
}

/// SPEC A-16, A-17: an object; `null` is as good as absent.
fn params(scanner: &mut Scanner<'_>, limits: &Limits) -> Scanned<Option<Scanned<ParamSpans>>> {
    if scanner.peek() != Some(b'{') {
        return Ok(match scanner.value()?.0 {
            Kind::Null => None,
            Kind::Array => Some(Err(Fault::PositionalParams.into())),
            _ => Some(Err(Fault::ParamsType.into())),
        });
    }
    let start = scanner.position();
    let mut name = None;
    let mut uri = None;
    let mut task_id = None;
    let mut arguments = None;
    let mut request_id = None;
    let mut is_retry = false;
    let mut meta = None;
    let mut repeated = None;
    let visit = |scanner: &mut Scanner<'_>, member: &str| {
        match member {
            "name" => name = Some(scanner.value()?.1),
            "uri" => uri = Some(scanner.value()?.1),
            "taskId" => task_id = Some(scanner.value()?.1),
            "arguments" => arguments = Some(scanner.value()?.1),
            "requestId" => request_id = id(scanner, limits)?.ok(),
            "_meta" => meta = Some(self::meta(scanner)?),
            "inputResponses" | "requestState" => {
                is_retry = true;
                scanner.value()?;
            }
            _ => drop(scanner.value()?),
        }
        Ok(())
    };
    scanner.object(visit, |name| {
        repeated.get_or_insert_with(|| name.to_owned());
    })?;
    let whole = scanner.since(start);
    if let Some(name) = repeated {
        return Ok(Some(Err(Fault::Repeated {
            name,
            of: "`params`",
        }
        .into())));
    }
    let is_odd = scanner.is_odd();
    Ok(Some(meta.transpose().map(|meta| ParamSpans {
        whole,
        name,
        uri,
        task_id,
        arguments,
        request_id,
        is_retry,
        is_odd,
        meta,
    })))
}

/// SPEC A-27, A-31: an object; its progress token is a string or an integer.
fn meta(scanner: &mut Scanner<'_>) -> Member<MetaSpans> {
    if scanner.peek() != Some(b'{') {
        scanner.value()?;
        return Ok(Err(Fault::MetaType.into()));
    }
    let start = scanner.position();
    let mut progress_token = None;
    let mut protocol_version = None;
    let mut client_capabilities = None;
    let mut client_info = None;
    let mut log_level = None;
    let mut repeated = None;
    let visit = |scanner: &mut Scanner<'_>, member: &str| {
        let (kind, span) = scanner.value()?;
        match member {
            "progressToken" => progress_token = Some((kind, span)),
            "io.modelcontextprotocol/protocolVersion" => protocol_version = Some(span),
            "io.modelcontextprotocol/clientCapabilities" => client_capabilities = Some(span),
            "io.modelcontextprotocol/clientInfo" => client_info = Some(span),
            "io.modelcontextprotocol/logLevel" => log_level = Some(span),
            _ => {}
        }
        Ok(())
    };
    scanner.object(visit, |name| {
        repeated.get_or_insert_with(|| name.to_owned());
    })?;
    let whole = scanner.since(start);
    if let Some(name) = repeated {
        return Ok(Err(Fault::Repeated {
            name,
            of: "`_meta`",
        }
        .into()));
    }
    let progress_token = match progress_token {
        None => None,
        Some((Kind::String | Kind::Integer, span)) => Some(span),
        Some(_) => {
            let is_enveloped = protocol_version.is_some();
            return Ok(Err(Fault::ProgressTokenType { is_enveloped }.into()));
        }
    };
    Ok(Ok(MetaSpans {
        whole,
        progress_token,
        protocol_version,
        client_capabilities,
        client_info,
        log_level,
    }))
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
    EmptyBatch,
    LongBatch {
        limit: usize,
    },
    Element(Box<Self>),
    InitializeInBatch,
    RepeatedId,
    MixedBatch,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty"),
            Self::TooLong => f.write_str("the body is longer than 4 GiB"),
            Self::Utf8 { at } => write!(f, "the body is not UTF-8 from byte {at} on"),
            Self::ByteOrderMark => f.write_str("the body begins with a byte order mark"),
            Self::Syntax { at, expected } => write!(f, "expected {expected} at byte {at}"),
            Self::TooDeep { limit } => write!(f, "nested deeper than {limit} levels"),
            Self::NotAMessage => {
                f.write_str("expected an object with `method`, `result` or `error`")
            }
            Self::Version => f.write_str("`jsonrpc` must be the string \"2.0\""),
            Self::IdType => f.write_str("`id` must be a string or an integer"),
            Self::LongId { limit } => write!(f, "`id` is longer than {limit} bytes"),
            Self::MethodType => f.write_str("`method` must be a string"),
            Self::LongMethod { limit } => write!(f, "`method` is longer than {limit} bytes"),
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
                let name: String = name.chars().take(100).collect();
                write!(f, "the member `{name}` of {of} is there twice")
            }
            Self::EmptyBatch => f.write_str("the batch is empty"),
            Self::LongBatch { limit } => write!(f, "the batch has more than {limit} messages"),
            Self::Element(fault) => write!(f, "in the batch: {fault}"),
            Self::InitializeInBatch => f.write_str("`initialize` cannot be part of a batch"),
            Self::RepeatedId => f.write_str("two requests of the batch have the same `id`"),
            Self::MixedBatch => {
                f.write_str("a batch holds responses or requests and notifications, not both")
            }
        }
    }
}
