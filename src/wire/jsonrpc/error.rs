//! The error object of a response.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use serde_json::Value;

use crate::wire::json::{InvalidJson, put_string};

/// The error of a response (JSON-RPC 2.0, section 5.1): a code, a message for people, and data if the
/// code has any.
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
    /// An error of the application. Its code should lie outside of -32768..=-32000, which JSON-RPC
    /// reserves.
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

    /// -32600: the JSON is not a valid message, or the message is not valid here.
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32600, message)
    }

    /// -32601: the server does not have this method, or does not offer its capability.
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        Self::new(-32601, format!("method not found: {}", shortened(method)))
    }

    /// -32602: the params do not fit the method.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32602, message)
    }

    /// -32603, with a text that reveals nothing about the cause.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(-32603, "internal error")
    }

    /// Adds data for programs.
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

    /// The JSON text of the object.
    #[cfg(feature = "server")]
    pub(crate) fn to_text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
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

impl fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ErrorObject {}

/// A dispatcher that makes a result of a wrong value has a bug, about which the client learns nothing.
impl From<InvalidJson> for ErrorObject {
    fn from(_: InvalidJson) -> Self {
        Self::internal()
    }
}

/// The first 100 characters of a peer's text, to recognize it in an error message.
pub(in crate::wire) fn shortened(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(100)
        .map_or(text.len(), |(at, _)| at);
    &text[..end]
}
