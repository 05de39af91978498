//! The error of a body that is no message.

use std::fmt;

use crate::wire::json;
use crate::wire::jsonrpc::{ErrorObject, Fault, Id, Unfit};
use crate::wire::params::ParamsFault;

/// Why a body is no message and no batch of messages.
#[derive(Clone, Debug)]
pub struct ParseError(Unfit<ParamsFault>);

impl ParseError {
    /// The JSON-RPC code: -32700 for bytes that are not JSON, -32602 for params, else -32600.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.0.fault.code()
    }

    /// The id of the request, if it could be read.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.0.id.as_ref()
    }

    /// Whether the message has a method and no id, so that its sender expects no answer.
    #[must_use]
    pub fn is_notification(&self) -> bool {
        self.0.is_notification
    }

    /// Whether the params, although wrong, name their revision, as only those of the modern era do
    /// (SPEC D.1).
    pub(crate) fn is_enveloped(&self) -> bool {
        matches!(
            *self.0.fault,
            Fault::Params(ParamsFault::ProgressTokenType {
                names_revision: true
            })
        )
    }

    /// Whether the message is valid, and larger than the server reads.
    pub(crate) fn exceeds_limit(&self) -> bool {
        matches!(
            *self.0.fault,
            Fault::Json(json::Fault::TooManyMembers { .. } | json::Fault::LargeTree { .. })
        )
    }

    /// The error to answer the peer with.
    #[must_use]
    pub fn to_error_object(&self) -> ErrorObject {
        ErrorObject::new(self.code(), self.to_string())
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = &self.0.fault;
        match self.code() {
            -32700 => write!(f, "parse error: {fault}"),
            -32602 => write!(f, "invalid params: {fault}"),
            _ => write!(f, "invalid request: {fault}"),
        }
    }
}

impl std::error::Error for ParseError {}

impl From<Unfit<ParamsFault>> for ParseError {
    fn from(unfit: Unfit<ParamsFault>) -> Self {
        Self(unfit)
    }
}

impl From<Box<Fault<ParamsFault>>> for ParseError {
    fn from(fault: Box<Fault<ParamsFault>>) -> Self {
        Self(Unfit {
            fault,
            id: None,
            is_notification: false,
        })
    }
}

impl From<Fault<ParamsFault>> for ParseError {
    fn from(fault: Fault<ParamsFault>) -> Self {
        Box::new(fault).into()
    }
}

impl From<Box<json::Fault>> for ParseError {
    fn from(fault: Box<json::Fault>) -> Self {
        Fault::Json(*fault).into()
    }
}
