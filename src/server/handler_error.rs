//! [`HandlerError`]: why a handler failed.

use std::error::Error;
use std::fmt;

use crate::transport::dispatch::request_error::{Needed, RequestError};
use crate::wire::jsonrpc::ErrorObject;

/// Why a handler failed: the one error of tools, resources, prompts and completions.
///
/// What the peer is told depends on what the error is made of:
///
/// | made of | a tool answers | other handlers answer |
/// | --- | --- | --- |
/// | [`HandlerError::new`] | a result with `isError` and the text, for the model | -32603 with the text |
/// | an [`ErrorObject`] | this JSON-RPC error | this JSON-RPC error |
/// | a [`RequestError`] | a result with `isError` that says what the client did; a missing capability is a JSON-RPC error in 2026-07-28 | -32603 that says so, or the error for a missing capability |
/// | any other error | a result with `isError` and a general text | -32603 with a general text |
///
/// So `?` works on every error that is `Error + Send + Sync + 'static`. For a `Box<dyn Error + Send + Sync>`, an
/// `anyhow::Error` or a text write `.map_err(HandlerError::internal)?`. The guard of a poisoned lock is not `Send`:
/// `.map_err(|_| HandlerError::internal("a handler panicked"))?`. The cause of the last kind is internal: the peer never gets it, and the
/// operator always does ([`ServiceEvent::HandlerFailed`](crate::ServiceEvent::HandlerFailed)).
///
/// (*2025-11-25, Tools, Error Handling*)
///
/// ```
/// use mcp_wire::server::HandlerError;
///
/// fn first_line(path: &str) -> Result<String, HandlerError> {
///     let text = std::fs::read_to_string(path)?; // the operator reads why, the peer does not
///     let line = text.lines().next();
///     let line = line.ok_or_else(|| HandlerError::new("the file is empty"))?; // the model reads this
///     Ok(line.to_owned())
/// }
/// ```
pub struct HandlerError(Box<Failure>);

pub(crate) enum Failure {
    /// For the model or the person.
    Told(String),
    /// For the client.
    Protocol(ErrorObject),
    /// For the operator alone.
    Internal(Box<dyn Error + Send + Sync>),
}

impl HandlerError {
    /// A failure that the model or the person should see. The peer gets the text: put no internal detail in
    /// it.
    pub fn new(message: impl Into<String>) -> Self {
        Failure::Told(message.into()).into()
    }

    /// A failure whose cause only the operator should see. `?` and `From` make the same of an error; this takes
    /// a `Box<dyn Error>` or a text too.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failure::Internal(cause.into()).into()
    }

    pub(crate) fn into_failure(self) -> Failure {
        *self.0
    }
}

impl From<Failure> for HandlerError {
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure))
    }
}

/// An [`ErrorObject`] and a [`RequestError`] are for the peer; every other error is internal.
impl<E: Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let error: Box<dyn Error + Send + Sync> = Box::new(error);
        let error = match error.downcast::<ErrorObject>() {
            Ok(object) => return Failure::Protocol(*object).into(),
            Err(other) => other,
        };
        match error.downcast::<RequestError>() {
            Ok(error) => of_request(*error).into(),
            Err(other) => Failure::Internal(other).into(),
        }
    }
}

/// In 2026-07-28, a client that lacks a capability is told so by a JSON-RPC error; every other failure is for
/// the model.
fn of_request(error: RequestError) -> Failure {
    match error {
        RequestError::NotOffered(Needed::Capability(_)) => Failure::Protocol(error.into()),
        other => Failure::Told(other.to_string()),
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Failure::Told(message) => f.write_str(message),
            Failure::Protocol(error) => error.fmt(f),
            Failure::Internal(cause) => cause.fmt(f),
        }
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerError({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::json;

    use super::*;
    use crate::protocol::operator_text::with_sources;

    /// FIELD P-8: what each error becomes.
    #[test]
    fn an_error_is_told_to_the_one_whom_it_is_for() {
        let kind = |error: HandlerError| match error.into_failure() {
            Failure::Told(text) => format!("told {text}"),
            Failure::Protocol(error) => format!("protocol {} {}", error.code(), error.message()),
            Failure::Internal(cause) => format!("internal {}", with_sources(&*cause)),
        };
        let missing = RequestError::NotOffered(Needed::Capability(json!({"roots": {}})));
        let parse = "x".parse::<i32>().unwrap_err();
        for (error, expected) in [
            (HandlerError::new("no"), "told no"),
            (ErrorObject::new(7, "seven").into(), "protocol 7 seven"),
            (
                RequestError::TimedOut.into(),
                "told the client did not answer in time",
            ),
            (
                missing.into(),
                "protocol -32021 the client did not declare a capability that the request needs: {\"roots\":{}}",
            ),
            (io::Error::other("disk").into(), "internal disk"),
            (parse.into(), "internal invalid digit found in string"),
            (HandlerError::internal("text"), "internal text"),
            (
                HandlerError::internal(Box::<dyn Error + Send + Sync>::from("boxed")),
                "internal boxed",
            ),
        ] {
            assert_eq!(kind(error), expected);
        }
    }
}
