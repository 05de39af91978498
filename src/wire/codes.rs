//! The error codes that MCP adds to those of JSON-RPC, and the codes that each era uses.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::jsonrpc::{ErrorObject, shortened};

impl ErrorObject {
    /// -32020: a header and the part of the body that it mirrors differ (SPEC D.3). The message says
    /// which header (SPEC D-38).
    pub fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32020, message)
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

    /// The error as the legacy era has it: none of the codes by which a client would take the server
    /// for a modern one (SPEC A-45).
    pub(crate) fn into_legacy(self) -> Self {
        match self.code {
            -32022..=-32020 => self.without_data(-32603),
            _ => self,
        }
    }

    /// The error as 2026-07-28 has it: none of the reserved codes that it does not define, nor
    /// those of earlier revisions (SPEC ).
    pub(crate) fn into_modern(mut self) -> Self {
        match self.code {
            -32022..=-32020 => self,
            -32002 => {
                self.code = -32602;
                self
            }
            -32099..=-32023 => self.without_data(-32603),
            _ => self,
        }
    }

    /// The error with another code, to which its data does not belong.
    fn without_data(mut self, code: i64) -> Self {
        self.code = code;
        self.data = None;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC: each era has its codes, and what changes its code to one without data
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
