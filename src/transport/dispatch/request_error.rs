//! [`RequestError`]: why a message to the client came to nothing.

use std::fmt;

use serde_json::Value;

use crate::wire::jsonrpc::ErrorObject;

/// Why a message to the client came to nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// The client is gone, or the request that was answered is over.
    Closed,
    /// No answer in time.
    TimedOut,
    /// The client answered with an error.
    Refused(ErrorObject),
    /// The client's answer does not have the shape that its method demands.
    Malformed,
    /// The client did not declare what this needs, or its revision does not have it (SPEC E-95).
    NotOffered(Needed),
    /// The message may not be sent to any client, for this reason; so it was not.
    Faulty(String),
}

/// What a client would have to offer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Needed {
    /// These capabilities, in the form of `ClientCapabilities`: `{"sampling": {}}`.
    Capability(Value),
    /// A stream that a request of the server can go on.
    Stream,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the client is gone"),
            Self::TimedOut => f.write_str("the client did not answer in time"),
            Self::Refused(error) => write!(f, "the client refused: {}", error.message()),
            Self::Malformed => f.write_str("the client's answer is malformed"),
            Self::NotOffered(Needed::Capability(needed)) => {
                write!(f, "the client does not offer this: {needed}")
            }
            Self::NotOffered(Needed::Stream) => {
                f.write_str("there is no stream to ask the client on")
            }
            Self::Faulty(why) => write!(f, "the request to the client is wrong: {why}"),
        }
    }
}

impl std::error::Error for RequestError {}

impl RequestError {
    #[cfg(feature = "server")]
    pub(crate) fn not_offered(needed: Value) -> Self {
        Self::NotOffered(Needed::Capability(needed))
    }
}

/// So that `?` works in handlers: what the client lacks is named (SPEC D-27).
impl From<RequestError> for ErrorObject {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NotOffered(Needed::Capability(needed)) => {
                Self::missing_capability(needed)
            }
            other => Self::new(-32603, other.to_string()),
        }
    }
}
