//! Tools whose schemas are made from the types of their handlers.

use std::future::Future;
use std::sync::Arc;

use schemars::JsonSchema;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use super::content::Content;
use super::handle::Server;
use super::handler_error::HandlerError;
use super::result::text::Text;
use super::schema_of::{schema_of_input, schema_of_output};
use super::tool::definition::Tool;
use super::tool::handler::{IntoToolResult, ToolHandler};
use super::tool::json::Json;
use super::tool::result::ToolResult;
use crate::error::Error;

/// What the handler of a typed tool may return: as [`IntoToolResult`], with the schema of what is structured.
#[diagnostic::on_unimplemented(
    message = "a typed tool cannot return `{Self}`",
    note = "wrap a type of yours in `mcp_wire::server::Json`; text, `()`, `Content` and `ToolResult` need no wrapper",
    note = "a `Result` of one of these has an error that converts to `HandlerError`"
)]
pub trait ToolOutput: IntoToolResult {
    /// The output schema; `None` for what has no structure, or none that its type tells.
    fn output_schema() -> Option<Value>;
}

impl<T: Serialize + JsonSchema> ToolOutput for Json<T> {
    fn output_schema() -> Option<Value> {
        Some(schema_of_output::<T>())
    }
}

impl<T: ToolOutput, E: Into<HandlerError>> ToolOutput for Result<T, E> {
    fn output_schema() -> Option<Value> {
        T::output_schema()
    }
}

macro_rules! without_schema {
    ($($output:ty)*) => {
        $(impl ToolOutput for $output {
            fn output_schema() -> Option<Value> {
                None
            }
        })*
    };
}

without_schema! { () &str String Text Content Vec<Content> ToolResult Value }

/// Typed tools: the handler takes a type of yours and may return [`Json`] of another.
impl Server {
    /// Registers a tool whose arguments are a type: its input schema is made from `T`, and its output schema
    /// from the [`Json`] that the handler returns; a handler that returns text has none. A schema that the
    /// tool was given before is replaced.
    ///
    /// What the client sends is read into `T` as serde reads it, and before the handler runs. What does not
    /// fit is an error for the model, with the path of the argument, what was expected and what was found.
    /// `5.0` is an integer, and an argument that is `null` counts as absent where `T` allows it to be.
    ///
    /// A tool without arguments takes a struct without fields. Structure that is no object, such as
    /// `Json<Vec<T>>`, is text before 2026-07-28, and has no output schema there.
    ///
    /// The schemas are made so that clients in use take them: subschemas are inlined where they do not
    /// contain themselves, because some hosts follow no `$ref`; there is no `$schema`; formats of Rust's
    /// numbers, such as `uint32`, are left out, because validators warn of them; an optional argument is one
    /// that may be absent, not one of the type `["string", "null"]`. Comments on fields become descriptions.
    ///
    /// ```
    /// use mcp_wire::schemars::JsonSchema;
    /// use mcp_wire::server::{Call, Json, Server, Tool};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// #[schemars(crate = "mcp_wire::schemars")]
    /// struct Add {
    ///     /// The first summand
    ///     a: i32,
    ///     b: Option<i32>,
    /// }
    ///
    /// #[derive(Serialize, JsonSchema)]
    /// #[schemars(crate = "mcp_wire::schemars")]
    /// struct Sum {
    ///     sum: i64,
    /// }
    ///
    /// async fn add(_: Call, Add { a, b }: Add) -> Json<Sum> {
    ///     Json(Sum { sum: i64::from(a) + i64::from(b.unwrap_or(0)) })
    /// }
    ///
    /// let server = Server::new("Sums", "1.0.0").typed_tool(Tool::new("add"), add);
    /// ```
    pub fn typed_tool<T, F, R>(
        self,
        tool: Tool,
        handler: impl Fn(Call, T) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: DeserializeOwned + JsonSchema + 'static,
        F: Future<Output = R> + Send + 'static,
        R: ToolOutput + 'static,
    {
        self.register(described::<T, R>(tool), typed_handler(handler))
    }

    /// Adds a typed tool while the service runs, and tells the clients.
    ///
    /// # Errors
    ///
    /// As [`Server::add_tool`].
    pub fn add_typed_tool<T, F, R>(
        &self,
        tool: Tool,
        handler: impl Fn(Call, T) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        T: DeserializeOwned + JsonSchema + 'static,
        F: Future<Output = R> + Send + 'static,
        R: ToolOutput + 'static,
    {
        self.add(described::<T, R>(tool), typed_handler(handler))
    }
}

fn described<T: JsonSchema, R: ToolOutput>(tool: Tool) -> Tool {
    tool.typed(schema_of_input::<T>(), R::output_schema())
}

/// A handler with its types erased, which reads the type from the arguments.
fn typed_handler<T, F, R>(handler: impl Fn(Call, T) -> F + Send + Sync + 'static) -> ToolHandler
where
    T: DeserializeOwned,
    F: Future<Output = R> + Send + 'static,
    R: IntoToolResult,
{
    Arc::new(move |call, arguments| {
        let running = arguments.parse().map(|read| handler(call, read));
        Box::pin(async move { running?.await.into_tool_result() })
    })
}
