//! [`ToolError`]: why a tool failed.

use std::fmt;

use crate::transport::dispatch::request_error::{Needed, RequestError};
use crate::wire::jsonrpc::ErrorObject;

/// Why a tool failed: a message for the model, or a JSON-RPC error for the client (*2025-11-25, Tools, Error
/// Handling*).
///
/// Made from a `String` or `&str` it is for the model; made from an [`ErrorObject`] it is for the client.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolError(pub(crate) Failure);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// Told to the model, as a result with `isError` (SPEC E-35).
    Told(String),
    /// Told to the client, as a JSON-RPC error.
    Protocol(ErrorObject),
}

impl ToolError {
    /// A failure that the model should see. The client gets the text: put no internal detail in it.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Failure::Told(message.into()))
    }
}

impl From<String> for ToolError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for ToolError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

/// The call is answered with this JSON-RPC error, and not with a result.
impl From<ErrorObject> for ToolError {
    fn from(error: ErrorObject) -> Self {
        Self(Failure::Protocol(error))
    }
}

/// In 2026-07-28, a client that lacks a capability is told so by a JSON-RPC error; every other failure is for
/// the model.
impl From<RequestError> for ToolError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NotOffered(Needed::Capability(_)) => ErrorObject::from(error).into(),
            other => Self::new(other.to_string()),
        }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Failure::Told(message) => f.write_str(message),
            Failure::Protocol(error) => f.write_str(error.message()),
        }
    }
}

impl std::error::Error for ToolError {}
