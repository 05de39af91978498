//! The handler of a tool, and what it may return.

use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::arguments::Arguments;
use super::result::ToolResult;
use crate::server::call::Call;
use crate::server::content::Content;
use crate::server::handler_error::HandlerError;
use crate::server::result::text::Text;
use crate::transport::future::BoxFuture;

/// What the handler of a tool may return: text, content, a structured value, `()`, a [`ToolResult`], or a
/// `Result` of one of these with a [`HandlerError`] or what converts to it.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return `{Self}`",
    note = "it can return text, `Content`, `ToolResult`, a `serde_json::Value` and `()`, and with the feature `serde` a type of yours in `mcp_wire::server::Json`",
    note = "a `Result` of one of these has an error that converts to `HandlerError`"
)]
pub trait IntoToolResult {
    /// The result.
    ///
    /// # Errors
    ///
    /// Why the handler failed.
    fn into_tool_result(self) -> Result<ToolResult, HandlerError>;
}

impl IntoToolResult for ToolResult {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        Ok(self)
    }
}

impl IntoToolResult for String {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        Ok(ToolResult::text(self))
    }
}

impl IntoToolResult for Text {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        Ok(ToolResult::text(self))
    }
}

impl IntoToolResult for &str {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        self.to_owned().into_tool_result()
    }
}

impl IntoToolResult for Content {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        Ok(ToolResult::content([self]))
    }
}

impl IntoToolResult for Vec<Content> {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        Ok(ToolResult::content(self))
    }
}

impl IntoToolResult for Value {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        Ok(ToolResult::structured(self))
    }
}

impl IntoToolResult for () {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        Ok(ToolResult::default())
    }
}

impl<T: IntoToolResult, E: Into<HandlerError>> IntoToolResult for Result<T, E> {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        self.map_err(Into::into)?.into_tool_result()
    }
}

/// A handler with its types erased.
pub(crate) type ToolHandler =
    Arc<dyn Fn(Call, Arguments) -> BoxFuture<Result<ToolResult, HandlerError>> + Send + Sync>;

pub(crate) fn tool_handler<F, R>(
    handler: impl Fn(Call, Arguments) -> F + Send + Sync + 'static,
) -> ToolHandler
where
    F: Future<Output = R> + Send + 'static,
    R: IntoToolResult,
{
    Arc::new(move |call, arguments| {
        let running = handler(call, arguments);
        Box::pin(async move { running.await.into_tool_result() })
    })
}
