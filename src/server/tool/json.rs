//! [`Json`]: a structured result of a type of the embedder's.

use serde_core::Serialize;

use super::handler::IntoToolResult;
use super::result::ToolResult;
use crate::server::handler_error::HandlerError;

/// A structured result of a tool: any value with serde's `Serialize`. Its members stay in the order of the
/// type, and its JSON text is the content for clients that only read text ([`ToolResult::structured`]).
///
/// A value that cannot be serialized fails the call with an internal error, of which the operator learns the
/// cause. Not to be confused with [`jsonrpc::Json`](crate::jsonrpc::Json), a JSON object as text.
///
/// ```
/// use mcp_wire::server::{Arguments, Call, HandlerError, Json};
///
/// #[derive(serde::Deserialize)]
/// struct Add {
///     a: i64,
///     b: i64,
/// }
///
/// #[derive(serde::Serialize)]
/// struct Sum {
///     sum: i64,
/// }
///
/// async fn add(_: Call, arguments: Arguments) -> Result<Json<Sum>, HandlerError> {
///     let Add { a, b } = arguments.parse()?;
///     Ok(Json(Sum { sum: a.saturating_add(b) }))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it is a name for what it holds")]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoToolResult for Json<T> {
    fn into_tool_result(self) -> Result<ToolResult, HandlerError> {
        let text = serde_json::to_string(&self.0)?;
        Ok(ToolResult::default().with_structured_text(text))
    }
}
