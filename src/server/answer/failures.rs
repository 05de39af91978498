//! What the peer and the operator are told when a handler fails.

use super::open_request::OpenRequest;
use crate::protocol::operator_text::with_sources;
use crate::server::handler_error::{Failure, HandlerError};
use crate::server::tool::result::ToolResult;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::{Era, ProtocolVersion};

impl OpenRequest<'_> {
    /// The result for a tool that failed (SPEC E-35). The cause of an internal failure is for the operator
    /// alone (SPEC A-48).
    ///
    /// # Errors
    ///
    /// The JSON-RPC error that the handler asked for.
    pub(super) fn tool_failed(
        &self,
        name: &str,
        error: HandlerError,
    ) -> Result<ToolResult, ErrorObject> {
        tool_failed(error, self.version, |reason| self.report(name, reason))
    }

    /// The error for another handler that failed.
    pub(super) fn failed(&self, name: &str, error: HandlerError) -> ErrorObject {
        match error.into_failure() {
            Failure::Told(message) => ErrorObject::new(-32603, message),
            Failure::Protocol(error) => error,
            Failure::Internal(cause) => {
                self.report(name, &with_sources(&*cause));
                ErrorObject::internal()
            }
        }
    }

    /// Tells the operator why the handler of `name` failed.
    pub(super) fn report(&self, name: &str, reason: &str) {
        self.server.report(self.request.method(), name, reason);
    }
}

/// The result for a tool that failed, whatever request it was called with.
///
/// # Errors
///
/// The JSON-RPC error that the handler asked for.
pub(super) fn tool_failed(
    error: HandlerError,
    version: ProtocolVersion,
    report: impl FnOnce(&str),
) -> Result<ToolResult, ErrorObject> {
    match error.into_failure() {
        Failure::Told(message) => Ok(ToolResult::error(message)),
        // The legacy era has no code for what the client lacks, so the model is told.
        Failure::Protocol(error)
            if error.is_missing_capability() && version.era() == Era::Legacy =>
        {
            Ok(ToolResult::error(error.message()))
        }
        Failure::Protocol(error) => Err(error),
        Failure::Internal(cause) => {
            report(&with_sources(&*cause));
            Ok(ToolResult::error("internal error"))
        }
    }
}
