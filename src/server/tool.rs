//! Tools: what a model can call.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::content::Content;
use super::mirror::Mirrored;
use crate::protocol::mirror::Headers;
use crate::transport::dispatch::{BoxFuture, RequestError};
use crate::wire::jsonrpc::{ErrorObject, Json, put_string};
use crate::wire::version::ProtocolVersion;

/// A tool: its name, its schemas, and hints about what it does.
#[derive(Clone, Debug)]
pub struct Tool {
    name: String,
    title: Option<String>,
    description: Option<String>,
    input: Value,
    /// The annotations of `input`, or what is wrong with them.
    mirrored: Result<Mirrored, String>,
    output: Option<Value>,
    hints: Map<String, Value>,
}

impl Tool {
    /// A tool without arguments. Names should have 1 to 64 of `A-Z a-z 0-9 _ - .`, which every
    /// client takes (SPEC E-32).
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            // SPEC E-30: a tool without arguments carries a schema too.
            input: json!({"type": "object", "additionalProperties": false}),
            mirrored: Ok(Mirrored::default()),
            output: None,
            hints: Map::new(),
        }
    }

    /// What it does, for models.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// A name for people. From 2025-06-18 on.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The JSON Schema of its arguments, passed on as it is (SPEC E-31); its root has
    /// `"type": "object"`, else the service's build fails.
    ///
    /// A property may have `"x-mcp-header": "Region"`: from 2026-07-28 on, calls repeat its value in the
    /// header `Mcp-Param-Region`, where proxies can route by it. The build fails unless the name is a
    /// token, differs from the others by more than case, and the property is a `string`, an `integer`
    /// or a `boolean` that nothing but `properties` leads to. Headers get into logs: do not annotate
    /// secrets.
    #[must_use]
    pub fn input(mut self, schema: Value) -> Self {
        self.mirrored = Mirrored::collect(&schema);
        self.input = schema;
        self
    }

    /// The JSON Schema of its structured content, with `"type": "object"` at its root. From
    /// 2025-06-18 on. A handler that succeeds without structured content is then answered -32603.
    #[must_use]
    pub fn output(mut self, schema: Value) -> Self {
        self.output = Some(schema);
        self
    }

    /// Hint: the tool changes nothing. Clients assume it does. From 2025-03-26 on, as all hints.
    #[must_use]
    pub fn read_only(self) -> Self {
        self.hint("readOnlyHint", true)
    }

    /// Hint: what the tool changes, it only adds to. Clients assume it destroys.
    #[must_use]
    pub fn additive(self) -> Self {
        self.hint("destructiveHint", false)
    }

    /// Hint: a second call with the same arguments does nothing more. Clients assume it does.
    #[must_use]
    pub fn idempotent(self) -> Self {
        self.hint("idempotentHint", true)
    }

    /// Hint: the tool touches nothing outside its own domain. Clients assume it does.
    #[must_use]
    pub fn closed_world(self) -> Self {
        self.hint("openWorldHint", false)
    }

    fn hint(mut self, name: &str, value: bool) -> Self {
        self.hints.insert(name.to_owned(), value.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// What is wrong with the registration, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        let is_object = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "object");
        let name = &self.name;
        if name.is_empty() {
            Some("a tool has an empty name".to_owned())
        } else if !is_object(&self.input) {
            Some(format!(
                "the input schema of tool {name:?} must have \"type\": \"object\""
            ))
        } else if !self.output.as_ref().is_none_or(is_object) {
            Some(format!(
                "the output schema of tool {name:?} must have \"type\": \"object\""
            ))
        } else {
            let fault = self.mirrored.as_ref().err()?;
            Some(format!("the input schema of tool {name:?}: {fault}"))
        }
    }

    /// Holds the `Mcp-Param-…` headers of a call to its arguments (SPEC D.2, step 17).
    #[allow(dead_code, reason = "for `/mcp`, which is being written")]
    pub(super) fn check_mirrored(
        &self,
        headers: Headers<'_>,
        arguments: &Map<String, Value>,
    ) -> Result<(), ErrorObject> {
        match &self.mirrored {
            Ok(mirrored) => mirrored.check(headers, arguments),
            // Such a tool is not registered, so nobody calls it.
            Err(_) => Err(ErrorObject::internal()),
        }
    }

    /// The form of the tool in a revision (the table of SPEC E.5).
    pub(super) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = json!({"name": self.name, "inputSchema": self.input});
        if let Some(description) = &self.description {
            out["description"] = description.as_str().into();
        }
        if version.has_tool_annotations() && !self.hints.is_empty() {
            out["annotations"] = self.hints.clone().into();
        }
        if let Some(title) = self.title.as_deref().filter(|_| version.has_titles()) {
            out["title"] = title.into();
        }
        if let Some(schema) = self
            .output
            .as_ref()
            .filter(|_| version.has_structured_content())
        {
            out["outputSchema"] = schema.clone();
        }
        out
    }
}

/// The arguments of a call: a JSON object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    pub(super) fn new(arguments: Map<String, Value>) -> Self {
        Self(arguments)
    }

    /// A required string.
    ///
    /// # Errors
    ///
    /// A text for the model when the argument is missing or not a string.
    pub fn str(&self, name: &str) -> Result<&str, ToolError> {
        self.required(name, "a string", Value::as_str)
    }

    /// A required integer.
    ///
    /// # Errors
    ///
    /// As [`Arguments::str`]. A number such as `2.5` is not an integer.
    pub fn integer(&self, name: &str) -> Result<i64, ToolError> {
        self.required(name, "an integer", Value::as_i64)
    }

    /// A required number.
    ///
    /// # Errors
    ///
    /// As [`Arguments::str`].
    pub fn number(&self, name: &str) -> Result<f64, ToolError> {
        self.required(name, "a number", Value::as_f64)
    }

    /// A required boolean.
    ///
    /// # Errors
    ///
    /// As [`Arguments::str`].
    pub fn bool(&self, name: &str) -> Result<bool, ToolError> {
        self.required(name, "true or false", Value::as_bool)
    }

    /// An argument of any type; `None` when it is absent.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All arguments, for a deserializer of your own.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0.into()
    }

    fn required<'a, T>(
        &'a self,
        name: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, ToolError> {
        let Some(value) = self.0.get(name) else {
            return Err(format!("the argument `{name}` is missing: expected {kind}").into());
        };
        read(value).ok_or_else(|| format!("the argument `{name}` must be {kind}").into())
    }
}

/// What a tool answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    content: Vec<Content>,
    structured: Option<Value>,
    is_error: bool,
}

impl ToolResult {
    /// Content blocks.
    pub fn content(content: impl IntoIterator<Item = Content>) -> Self {
        Self {
            content: content.into_iter().collect(),
            ..Self::default()
        }
    }

    /// A structured value, and the same as text for clients of older revisions (SPEC E-39).
    #[must_use]
    pub fn structured(value: Value) -> Self {
        let text = Content::text(value.to_string());
        Self {
            content: vec![text],
            structured: Some(value),
            is_error: false,
        }
    }

    /// A failure that the model should see.
    pub fn error(message: impl Into<Content>) -> Self {
        Self {
            content: vec![message.into()],
            structured: None,
            is_error: true,
        }
    }

    /// Whether an output schema is answered with structured content (SPEC E-38).
    pub(super) fn keeps_schema(&self) -> bool {
        self.is_error || self.structured.as_ref().is_some_and(Value::is_object)
    }

    /// The result object, written directly: this is the hot path of a server.
    pub(super) fn to_json(&self, version: ProtocolVersion) -> Json {
        let text_len: usize = self
            .content
            .iter()
            .filter_map(Content::as_plain_text)
            .map(str::len)
            .sum();
        let mut out = Vec::with_capacity(text_len + 64);
        out.extend_from_slice(b"{\"content\":[");
        for (at, content) in self.content.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match content.as_plain_text() {
                Some(text) => {
                    out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
                    put_string(&mut out, text);
                    out.push(b'}');
                }
                None => out.extend_from_slice(content.to_value(version).to_string().as_bytes()),
            }
        }
        out.push(b']');
        // SPEC E-40: until 2026-07-28 a structured value is an object.
        let structured = self.structured.as_ref().filter(|value| value.is_object());
        if let Some(value) = structured.filter(|_| version.has_structured_content()) {
            out.extend_from_slice(b",\"structuredContent\":");
            out.extend_from_slice(value.to_string().as_bytes());
        }
        if self.is_error {
            out.extend_from_slice(b",\"isError\":true");
        }
        out.push(b'}');
        Json::from_encoder(out)
    }
}

/// Why a tool failed.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolError(Failure);

#[derive(Clone, Debug, PartialEq)]
enum Failure {
    /// Told to the model, as a result with `isError` (SPEC E-35).
    Told(String),
    /// Told to the client, as a JSON-RPC error.
    Protocol(ErrorObject),
}

impl ToolError {
    /// A failure that the model should see. The text goes out: no internal detail in it.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Failure::Told(message.into()))
    }
}

impl From<String> for ToolError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for ToolError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

/// The call fails as a JSON-RPC error instead of a result with `isError`.
impl From<ErrorObject> for ToolError {
    fn from(error: ErrorObject) -> Self {
        Self(Failure::Protocol(error))
    }
}

impl From<RequestError> for ToolError {
    fn from(error: RequestError) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Failure::Told(message) => f.write_str(message),
            Failure::Protocol(error) => f.write_str(error.message()),
        }
    }
}

impl std::error::Error for ToolError {}

/// What a handler may return: text, content, a structured value, a [`ToolResult`], or a `Result` of
/// these with a [`ToolError`].
pub trait IntoToolResult {
    /// The result.
    ///
    /// # Errors
    ///
    /// The JSON-RPC error that the call fails with.
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject>;
}

impl IntoToolResult for ToolResult {
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject> {
        Ok(self)
    }
}

impl IntoToolResult for String {
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject> {
        Ok(ToolResult::content([Content::text(self)]))
    }
}

impl IntoToolResult for &str {
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject> {
        self.to_owned().into_tool_result()
    }
}

impl IntoToolResult for Content {
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject> {
        Ok(ToolResult::content([self]))
    }
}

impl IntoToolResult for Vec<Content> {
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject> {
        Ok(ToolResult::content(self))
    }
}

impl IntoToolResult for Value {
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject> {
        Ok(ToolResult::structured(self))
    }
}

impl IntoToolResult for () {
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject> {
        Ok(ToolResult::default())
    }
}

impl<T: IntoToolResult, E: Into<ToolError>> IntoToolResult for Result<T, E> {
    fn into_tool_result(self) -> Result<ToolResult, ErrorObject> {
        match self.map_err(Into::into) {
            Ok(value) => value.into_tool_result(),
            Err(ToolError(Failure::Told(message))) => Ok(ToolResult::error(message)),
            Err(ToolError(Failure::Protocol(error))) => Err(error),
        }
    }
}

/// A handler with its types erased.
pub(super) type ToolHandler =
    Arc<dyn Fn(Call, Arguments) -> BoxFuture<Result<ToolResult, ErrorObject>> + Send + Sync>;

pub(super) fn tool_handler<F, R>(
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
