//! The error object of a response.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::encode::{put_integer, put_string};

/// A JSON-RPC error: a code, a message for people, and data if the code has any.
///
/// ```
/// use mcp_wire::jsonrpc::ErrorObject;
/// let error = ErrorObject::invalid_params("`level` is not a log level");
/// assert_eq!(error.code(), -32602);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorObject {
    code: i64,
    message: Cow<'static, str>,
    data: Option<Value>,
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

    /// -32020: a header and the part of the body that it mirrors differ (SPEC D.3). The message says
    /// which header (SPEC D-38).
    pub fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32020, message)
    }

    /// -32603 with a text that tells nothing about the inside (SPEC A-48).
    #[must_use]
    pub fn internal() -> Self {
        Self::new(-32603, "internal error")
    }

    /// -32002, with the URI in `data` (SPEC A-41, E-54).
    #[must_use]
    pub fn resource_not_found(uri: &str) -> Self {
        Self::new(-32002, format!("resource not found: {}", shortened(uri)))
            .with_data(json!({ "uri": uri }))
    }

    /// -32021, with what the client would have to declare in `data` (SPEC D-27): a
    /// `ClientCapabilities` object such as `{"sampling": {}}`. For 2026-07-28 only; earlier
    /// revisions are answered -32603.
    #[must_use]
    pub fn missing_capability(required: Value) -> Self {
        Self::new(
            -32021,
            format!("the client does not offer this: {required}"),
        )
        .with_data(json!({ "requiredCapabilities": required }))
    }

    #[cfg(any(test, feature = "server"))]
    pub(crate) fn is_missing_capability(&self) -> bool {
        self.code == -32021
    }

    /// -32022, with what is served and what was asked for in `data` (SPEC D-24).
    pub(crate) fn unsupported_version(supported: &[&str], requested: &str) -> Self {
        let requested = shortened(requested);
        Self::new(
            -32022,
            format!(
                "unsupported protocol version {requested}; served this way: {}; earlier ones \
                 begin with `initialize`",
                supported.join(", ")
            ),
        )
        .with_data(json!({ "supported": supported, "requested": requested }))
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

    /// The error as the legacy era has it: none of the codes by which a client would take the server
    /// for a modern one (SPEC A-45).
    pub(crate) fn into_legacy(self) -> Self {
        match self.code {
            -32022..=-32020 => Self {
                code: -32603,
                data: None,
                ..self
            },
            _ => self,
        }
    }

    /// The error as 2026-07-28 has it: none of the reserved codes that it does not define, nor
    /// those of earlier revisions (SPEC A-40, A-42, A-47).
    pub(crate) fn into_modern(self) -> Self {
        match self.code {
            -32022..=-32020 => self,
            -32002 => Self {
                code: -32602,
                ..self
            },
            -32099..=-32023 => Self {
                code: -32603,
                data: None,
                ..self
            },
            _ => self,
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"code\":");
        put_integer(out, self.code);
        out.extend_from_slice(b",\"message\":");
        put_string(out, &self.message);
        if let Some(data) = &self.data {
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(data.to_string().as_bytes());
        }
        out.push(b'}');
    }
}

/// Enough of a peer's text to recognise it in an error message.
fn shortened(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(100)
        .map_or(text.len(), |(at, _)| at);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC A-40, A-42, A-45, A-47: each era has its codes, and what changes its code to one without data
    /// loses it.
    #[test]
    fn each_era_has_its_codes() {
        const KEPT: bool = true;
        for (code, legacy, modern) in [
            (-32700, (-32700, KEPT), (-32700, KEPT)),
            (-32603, (-32603, KEPT), (-32603, KEPT)),
            (-32100, (-32100, KEPT), (-32100, KEPT)),
            (-32099, (-32099, KEPT), (-32603, false)),
            (-32023, (-32023, KEPT), (-32603, false)),
            (-32022, (-32603, false), (-32022, KEPT)),
            (-32021, (-32603, false), (-32021, KEPT)),
            (-32020, (-32603, false), (-32020, KEPT)),
            (-32019, (-32019, KEPT), (-32019, KEPT)),
            (-32002, (-32002, KEPT), (-32602, KEPT)),
            (1, (1, KEPT), (1, KEPT)),
        ] {
            let error = || ErrorObject::new(code, "text").with_data(json!([code]));
            for (spelled, (code, keeps)) in [
                (error().into_legacy(), legacy),
                (error().into_modern(), modern),
            ] {
                assert_eq!((spelled.code(), spelled.message()), (code, "text"));
                assert_eq!(spelled.data().is_some(), keeps, "{code}");
            }
        }
    }

    /// SPEC D-27: only this one tells what a client would have to declare.
    #[test]
    fn a_missing_capability_is_told_from_other_errors() {
        let missing = ErrorObject::missing_capability(json!({"sampling": {}}));
        assert!(missing.is_missing_capability());
        assert_eq!(missing.code(), -32021);
        for other in [ErrorObject::internal(), ErrorObject::new(-32022, "other")] {
            assert!(!other.is_missing_capability());
        }
    }
}
