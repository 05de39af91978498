//! [`Reason`]: why a request is refused.

use std::time::Duration;

use super::super::challenge::Challenge;
use super::super::mirror::Mismatch;
use super::super::party::Full;
use super::super::stranger::Stranger;
use crate::wire::message::ParseError;

/// Why a request is refused. What each reason looks like on the wire is the table of
/// [`refusal`](super::refusal).
#[derive(Clone, Debug)]
pub(crate) enum Reason {
    /// No `Host`, several, or one that does not parse.
    BadHost,
    HostNotAllowed(Stranger),
    OriginNotAllowed(Stranger),
    /// `X-Forwarded-Prefix` of a trusted proxy is not a plain path.
    BadForwardedPrefix,
    /// The head of a request did not arrive in time.
    HeadTimeout {
        limit: Duration,
    },
    /// The length of the body is given twice.
    AmbiguousLength,
    /// A transfer coding other than `chunked`.
    UnknownCoding,
    /// A line of the head that ends with LF alone.
    BareLineFeed,
    UnknownPath,
    MethodNotAllowed {
        allow: &'static str,
    },
    /// A POST whose `Accept` admits no form of an answer, or not both where both are required.
    NotAcceptable,
    /// The only possible answer is a stream, and `Accept` does not admit one.
    StreamNotAcceptable,
    SessionHeaderMissing,
    SessionHeaderMalformed,
    /// `MCP-Protocol-Version` of a legacy request.
    VersionNotServed,
    /// `Last-Event-ID` names no event that the session can resume from.
    EventUnknown,
    /// A second `initialize` in a session.
    InitializedAlready,
    SessionIdMissing,
    SessionIdMalformed,
    UnknownSession,
    NotJson,
    BodyTooLarge {
        /// The limit of this service; `None` if the host around it has a lower one.
        limit: Option<usize>,
    },
    BodyTimeout {
        limit: Duration,
    },
    BodyIncomplete,
    /// The body is not a valid message.
    Invalid(ParseError),
    BatchNotAllowed,
    /// A response in the modern era, in which the server asks nothing.
    ResponseNotAllowed,
    /// `_meta` of a modern request.
    BadEnvelope {
        expected: &'static str,
    },
    /// The client declares more capabilities than the server keeps.
    LongCapabilities {
        limit: usize,
    },
    HeaderMismatch(Mismatch),
    /// The revision in the envelope of a modern request.
    VersionUnknown {
        requested: Box<str>,
    },
    /// The session still runs a request with the same id.
    IdInUse,
    /// The session runs as many requests as it may.
    TooManyRequests {
        limit: usize,
    },
    /// The session handles as many notifications as it may.
    TooManyNotifications {
        limit: usize,
    },
    /// The server has as many of a resource as it may, or one client has its share of it.
    Full(Resource, Full),
    /// The credentials are missing or not accepted.
    Challenged(Box<Challenge>),
    ShuttingDown,
}

/// What the server counts, for all clients together and for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Sessions,
    /// Requests that handlers work on.
    Calls,
    /// `subscriptions/listen` requests.
    Listens,
    Connections,
}

impl Reason {
    /// Whether a session refuses a request for this reason in its answer, a JSON-RPC error, while the
    /// HTTP exchange succeeds: the request was understood.
    pub(crate) fn is_answer(&self) -> bool {
        match self {
            Self::InitializedAlready | Self::LongCapabilities { .. } => true,
            Self::Invalid(error) => error.code() == -32602 && error.id().is_some(),
            _ => false,
        }
    }

    /// Whether HTTP+SSE refuses a request for this reason on the stream, while its POST is accepted: a live
    /// session got a valid message. Clients take an HTTP error for the end of the session, with all that they
    /// wait for.
    pub(crate) fn is_answer_on_stream(&self) -> bool {
        match self {
            Self::TooManyRequests { .. }
            | Self::Full(..)
            | Self::Challenged(_)
            | Self::ShuttingDown => true,
            Self::Invalid(error) if error.exceeds_limit() => true,
            _ => self.is_answer(),
        }
    }

    /// The `Host` or `Origin` that was refused, for the operator.
    pub(crate) fn stranger(&self) -> Option<&Stranger> {
        match self {
            Self::HostNotAllowed(stranger) | Self::OriginNotAllowed(stranger) => Some(stranger),
            _ => None,
        }
    }
}
