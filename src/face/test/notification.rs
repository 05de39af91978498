//! What a client is told without asking.

use serde_json::Value;

use crate::wire::method::Method;

/// A notification of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    method: String,
    params: Value,
}

impl Notification {
    pub(super) fn new(method: impl Into<String>, params: Value) -> Self {
        Self {
            method: method.into(),
            params,
        }
    }

    /// The method, such as `notifications/tools/list_changed`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The resource that has new contents, of a `notifications/resources/updated`.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.params["uri"].as_str()
    }

    /// The params as they came. `null` if there are none.
    #[must_use]
    pub fn params(&self) -> &Value {
        &self.params
    }

    /// The progress that it tells, and the token of the call that it is about.
    pub(super) fn progress(&self) -> Option<(&Value, Progress)> {
        if self.method != Method::Progress.as_str() {
            return None;
        }
        let progress = Progress {
            progress: self.params["progress"].as_f64()?,
            total: self.params["total"].as_f64(),
            message: self.params["message"].as_str().map(str::to_owned),
        };
        Some((&self.params["progressToken"], progress))
    }
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// What is done.
    pub progress: f64,
    /// What there is to do, if the server says so.
    pub total: Option<f64>,
    /// What is being done. From 2025-03-26 on.
    pub message: Option<String>,
}
