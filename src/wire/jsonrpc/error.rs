//! The error object of a response.

use std::borrow::Cow;
use std::io::Write;

use serde_json::Value;

use crate::wire::json::{InvalidJson, put_string};

/// A JSON-RPC error: a code, a message for people, and data if the code has any.
///
/// ```
/// use mcp_wire::jsonrpc::ErrorObject;
/// let error = ErrorObject::invalid_params("`level` is not a log level");
/// assert_eq!(error.code(), -32602);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorObject {
    pub(in crate::wire) code: i64,
    message: Cow<'static, str>,
    pub(in crate::wire) data: Option<Value>,
}

impl ErrorObject {
    /// An error of the application. Its code should lie outside -32768..=-32000, which the
    /// protocol reserves (SPEC A-44).
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// -32700: the body is not UTF-8 JSON.
    pub fn parse_error(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32700, message)
    }

    /// -32600: the envelope is not a valid message, or the transport is misused.
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32600, message)
    }

    /// -32601: the method is unknown, or its capability is not offered.
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        Self::new(-32601, format!("method not found: {}", shortened(method)))
    }

    /// -32602: the params do not fit the method.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32602, message)
    }

    /// -32603 with a text that tells nothing about the inside (SPEC A-48).
    #[must_use]
    pub fn internal() -> Self {
        Self::new(-32603, "internal error")
    }

    /// Adds machine-readable detail.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.code
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The data, if there is any.
    #[must_use]
    pub fn data(&self) -> Option<&Value> {
        self.data.as_ref()
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"code\":");
        write!(out, "{}", self.code).expect("a Vec takes every byte");
        out.extend_from_slice(b",\"message\":");
        put_string(out, &self.message);
        if let Some(data) = &self.data {
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(data.to_string().as_bytes());
        }
        out.push(b'}');
    }
}

/// For a dispatcher that makes a result: what is wrong with it is the server's fault, and the client is
/// not told more than that.
impl From<InvalidJson> for ErrorObject {
    fn from(_: InvalidJson) -> Self {
        Self::internal()
    }
}

/// Enough of a peer's text to recognise it in an error message.
pub(in crate::wire) fn shortened(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(100)
        .map_or(text.len(), |(at, _)| at);
    &text[..end]
}
