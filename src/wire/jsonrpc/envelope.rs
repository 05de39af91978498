//! The envelope of a message: its members, and the kind of message that follows from them.

use std::borrow::Cow;

use bytes::Bytes;

use super::fault::Fault;
use super::id::Id;
use super::limits::MessageLimits;
use super::response::Response;
use crate::wire::json::{Kind, Part, Scanned, Scanner, Span, decode, parts};

/// The protocol above JSON-RPC: what it makes of a method and of `params`. It reads `params` while the
/// parser passes over them, because a second walk would cost as much as the first.
pub(in crate::wire) trait Protocol {
    type Method: for<'a> From<Cow<'a, str>>;
    type Params;
    /// What can be wrong with `params`.
    type Fault;

    /// The method of this name, if the protocol has it.
    fn method(name: &[u8]) -> Option<Self::Method>;

    /// Reads the object at the scanner's position.
    fn params(
        scanner: &mut Scanner<'_>,
        limits: &MessageLimits,
    ) -> Member<Self::Params, Self::Fault>;

    /// What is wrong with `params` that are an array.
    fn positional() -> Self::Fault;
}

/// What a reader of one member gives: not JSON, or JSON that may be wrong in this place.
pub(in crate::wire) type Member<T, F> = Scanned<Result<T, Box<Fault<F>>>>;

/// A member as far as it was well formed.
type Slot<T, P> = Option<Result<T, Box<Fault<<P as Protocol>::Fault>>>>;

/// The members of an envelope that were read.
pub(in crate::wire) struct Envelope<P: Protocol> {
    jsonrpc: Slot<(), P>,
    id: Slot<Span, P>,
    method: Slot<P::Method, P>,
    params: Slot<P::Params, P>,
    result: Slot<Span, P>,
    error: Slot<Span, P>,
    /// What is wrong with the message as a whole.
    fault: Option<Box<Fault<P::Fault>>>,
    /// Whether there are too many members; the parser did not decode the names of all of them.
    is_too_wide: bool,
}

/// What a message holds.
pub(in crate::wire) enum Content<P: Protocol> {
    /// A request, or a notification, which has no id.
    Call {
        id: Option<Span>,
        method: P::Method,
        params: Option<P::Params>,
    },
    Response(Response),
}

/// Why an object is no message, and what the answer needs to know of it.
#[derive(Clone, Debug)]
pub(in crate::wire) struct Unfit<F> {
    pub(in crate::wire) fault: Box<Fault<F>>,
    /// The id to echo.
    pub(in crate::wire) id: Option<Id>,
    /// Whether there is a method and no id, so that the sender expects no answer.
    pub(in crate::wire) is_notification: bool,
}

parts! {
    /// The members of an envelope that mean something (SPEC A-18: extra members are ignored).
    enum EnvelopePart {
        Jsonrpc = "jsonrpc",
        Id = "id",
        Method = "method",
        Params = "params",
        Result = "result",
        Error = "error",
    }
}

impl<P: Protocol> Envelope<P> {
    /// Reads an object to its end. What is wrong with a member is kept for later: bytes that are not
    /// JSON take precedence, and the id may come last (GOTCHAS 22).
    pub(in crate::wire) fn read(
        scanner: &mut Scanner<'_>,
        limits: &MessageLimits,
    ) -> Scanned<Self> {
        let mut envelope = Self::empty();
        let mut members = scanner.object(limits.members)?;
        while let Some(part) = scanner.next(&mut members)? {
            if matches!(part, EnvelopePart::Params) && scanner.peek() == Some(b'{') {
                envelope.params = Some(P::params(scanner, limits)?);
                continue;
            }
            let (kind, span) = scanner.value()?;
            match part {
                EnvelopePart::Jsonrpc => envelope.jsonrpc = Some(version(scanner, kind, span)?),
                EnvelopePart::Id => envelope.id = Some(id(kind, span, limits)),
                EnvelopePart::Method => {
                    envelope.method = Some(method::<P>(scanner, kind, span, limits)?);
                }
                EnvelopePart::Params => envelope.params = no_params::<P>(kind),
                EnvelopePart::Result => {
                    envelope.result = Some(object(kind, span, || Fault::ResultType));
                }
                EnvelopePart::Error => {
                    envelope.error = Some(object(kind, span, || Fault::ErrorType));
                }
            }
        }
        if members.is_duplicated(EnvelopePart::Id) {
            // Neither of the two is echoed; the duplicate itself is the fault that is reported.
            envelope.id = Some(Err(Fault::DuplicateId.into()));
        }
        envelope.is_too_wide = members.are_too_many();
        let fault = scanner.fault(limits.tree);
        envelope.fault = fault
            .or_else(|| members.fault("the message"))
            .map(Into::into);
        Ok(envelope)
    }

    fn empty() -> Self {
        Self {
            jsonrpc: None,
            id: None,
            method: None,
            params: None,
            result: None,
            error: None,
            fault: None,
            is_too_wide: false,
        }
    }

    /// Decides what kind of message this is (SPEC A.1).
    pub(in crate::wire) fn content(&mut self, body: &Bytes) -> Result<Content<P>, Unfit<P::Fault>> {
        let is_call = self.method.is_some();
        let is_response = self.result.is_some() || self.error.is_some();
        let id = match &self.id {
            Some(Ok(id)) => Some(*id),
            _ => None,
        };
        // SPEC A-11: a readable id is echoed, unless it is the id of a response, which this side chose.
        let echo = id.filter(|_| (is_call || !is_response) && !self.is_too_wide);
        let is_notification = is_call && self.id.is_none() && !self.is_too_wide;
        self.decide(body).map_err(|fault| Unfit {
            fault,
            id: echo.map(|id| Id::from_token(&body[id.range()])),
            is_notification,
        })
    }

    fn decide(&mut self, body: &Bytes) -> Result<Content<P>, Box<Fault<P::Fault>>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.jsonrpc.take().ok_or(Fault::Version)??;
        let id = self.id.take().transpose()?;
        let response = |outcome| {
            let body = body.clone();
            Ok(Content::Response(Response { body, id, outcome }))
        };
        match (self.method.take(), self.result.take(), self.error.take()) {
            (Some(method), None, None) => Ok(Content::Call {
                id,
                method: method?,
                params: self.params.take().transpose()?,
            }),
            (None, Some(_), None) if id.is_none() => Err(Fault::ResultWithoutId.into()),
            (None, Some(result), None) => response(Ok(result?)),
            (None, None, Some(error)) => response(Err(error?)),
            (None, None, None) => Err(Fault::NotAMessage.into()),
            _ => Err(Fault::Mixed.into()),
        }
    }
}

/// SPEC A-1: `jsonrpc` is the string `"2.0"`.
fn version<F>(scanner: &Scanner<'_>, kind: Kind, span: Span) -> Member<(), F> {
    let is_two = scanner.bytes(span) == b"\"2.0\""
        || kind == Kind::String && decode(scanner.slice(span))? == "2.0";
    Ok(if is_two {
        Ok(())
    } else {
        Err(Fault::Version.into())
    })
}

/// SPEC: a string or an integer; `null` makes no notification, `1.0` no integer.
pub(in crate::wire) fn id<F>(
    kind: Kind,
    span: Span,
    limits: &MessageLimits,
) -> Result<Span, Box<Fault<F>>> {
    let limit = limits.id_len;
    match kind {
        Kind::String | Kind::Integer if span.range().len() <= limit => Ok(span),
        Kind::String | Kind::Integer => Err(Fault::LongId { limit }.into()),
        _ => Err(Fault::IdType.into()),
    }
}

fn method<P: Protocol>(
    scanner: &Scanner<'_>,
    kind: Kind,
    span: Span,
    limits: &MessageLimits,
) -> Member<P::Method, P::Fault> {
    if kind != Kind::String {
        return Ok(Err(Fault::MethodType.into()));
    }
    let limit = limits.method_len;
    if span.range().len() > limit {
        return Ok(Err(Fault::LongMethod { limit }.into()));
    }
    if let [_, name @ .., _] = scanner.bytes(span)
        && let Some(method) = P::method(name)
    {
        return Ok(Ok(method));
    }
    Ok(Ok(P::Method::from(decode(scanner.slice(span))?)))
}

fn object<F>(
    kind: Kind,
    span: Span,
    otherwise: impl FnOnce() -> Fault<F>,
) -> Result<Span, Box<Fault<F>>> {
    if kind == Kind::Object {
        Ok(span)
    } else {
        Err(otherwise().into())
    }
}

/// SPEC: an object; `null` counts as absent.
fn no_params<P: Protocol>(kind: Kind) -> Slot<P::Params, P> {
    match kind {
        Kind::Null => None,
        Kind::Array => Some(Err(Fault::Params(P::positional()).into())),
        _ => Some(Err(Fault::ParamsType.into())),
    }
}
