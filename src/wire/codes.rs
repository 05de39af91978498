//! The error codes that MCP adds to those of JSON-RPC, and the codes that each era uses.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::jsonrpc::{ErrorObject, shortened};
use super::version::ProtocolVersion;

impl ErrorObject {
    /// -32020: a header differs from the part of the body that it mirrors. The message should name the
    /// header (2026-07-28, Transports, Streamable HTTP).
    pub fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32020, message)
    }

    /// -32002: there is no resource with this URI; the URI is in `data` (2025-11-25, Resources, Error
    /// Handling). A client of 2026-07-28 gets -32602 instead.
    #[must_use]
    pub fn resource_not_found(uri: &str) -> Self {
        Self::new(-32002, format!("resource not found: {}", shortened(uri)))
            .with_data(json!({ "uri": uri }))
    }

    /// -32021: the request needs a capability that the client did not declare. `required` is a
    /// `ClientCapabilities` object such as `{"sampling": {}}`, and is sent in `data`. A client of an
    /// earlier revision than 2026-07-28 gets -32603 instead.
    #[must_use]
    pub fn missing_capability(required: Value) -> Self {
        Self::new(
            -32021,
            format!("the client did not declare a capability that the request needs: {required}"),
        )
        .with_data(json!({ "requiredCapabilities": required }))
    }

    #[cfg(any(test, feature = "server"))]
    pub(crate) fn is_missing_capability(&self) -> bool {
        self.code == -32021
    }

    /// -32022: the server does not speak the requested revision (SPEC D-24).
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

    /// The error for a client of this revision of the legacy era, without the codes that would make the
    /// client take the server for a modern one (SPEC A-45), and with -32042, that pages have to be visited,
    /// only in the revision that defines it (SPEC E-105).
    pub(crate) fn into_legacy(self, version: ProtocolVersion) -> Self {
        match self.code {
            -32022..=-32020 => self.without_data(-32603),
            -32042 if !version.has_elicitation_ids() => self.without_data(-32603),
            _ => self,
        }
    }

    /// The error for a client of 2026-07-28, without reserved codes that this revision does not define
    /// (SPEC ).
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

    /// The error with another code, and without the data of its old one.
    fn without_data(mut self, code: i64) -> Self {
        self.code = code;
        self.data = None;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC: each era has its codes, and an error whose code changes loses its
    /// data.
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
                (error().into_legacy(ProtocolVersion::V2025_06_18), legacy),
                (error().into_modern(), modern),
            ] {
                assert_eq!((spelled.code(), spelled.message()), (code, "text"));
                assert_eq!(spelled.data().is_some(), keeps, "{code}");
            }
        }
    }

    /// FIELD S-10, SPEC E-105: only 2025-11-25 can say that pages have to be visited first.
    #[test]
    fn one_revision_can_demand_visits() {
        let demand = || ErrorObject::new(-32042, "visit").with_data(json!({"elicitations": []}));
        for version in ProtocolVersion::LEGACY {
            let error = demand().into_legacy(version);
            let keeps = version == ProtocolVersion::V2025_11_25;
            assert_eq!(error.code(), if keeps { -32042 } else { -32603 });
            assert_eq!(error.data().is_some(), keeps, "{version}");
        }
        assert_eq!(demand().into_modern().code(), -32603);
        assert_eq!(demand().into_modern().data(), None);
    }

    /// SPEC D-27: only this error says what a client would have to declare.
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
