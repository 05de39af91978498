//! [`RequestError`]: why a message to the client failed.

use std::fmt;

use serde_json::Value;

use crate::wire::jsonrpc::ErrorObject;

/// Why a message to the client failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// The client is gone, or the request that was being answered has ended.
    Closed,
    /// The client did not answer in time.
    TimedOut,
    /// The client answered with an error.
    Refused(ErrorObject),
    /// The client's answer does not have the shape that the method demands.
    Malformed,
    /// The client did not declare the capability that this needs, or its revision does not have it.
    NotOffered(Needed),
    /// The message is not valid, for this reason, and was not sent.
    Faulty(String),
}

/// What the client does not offer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Needed {
    /// These capabilities, in the form of `ClientCapabilities`, such as `{"sampling": {}}`.
    Capability(Value),
    /// A stream that can carry a request to the client.
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
                write!(f, "the client does not have this capability: {needed}")
            }
            Self::NotOffered(Needed::Stream) => {
                f.write_str("no stream can carry a request to this client")
            }
            Self::Faulty(why) => write!(f, "the request to the client is not valid: {why}"),
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

/// So that `?` works in handlers. The error names a capability that the client lacks (SPEC D-27).
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
