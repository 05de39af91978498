//! Tools: what a model can call.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::closing::Closing;
use super::content::Content;
use super::icon::{Icon, icons_fault, put_icons};
use super::meta::Meta;
use super::mirror::Mirrored;
use super::scopes::scopes_fault;
use super::text::Text;
use crate::protocol::mirror::Headers;
use crate::transport::dispatch::request_error::{Needed, RequestError};
use crate::transport::future::BoxFuture;
use crate::wire::json::{Json, RawJson};
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::pieces::{PieceWriter, SHARED_FROM};
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
    icons: Vec<Icon>,
    meta: Meta,
    scopes: Vec<String>,
}

impl Tool {
    /// A tool without arguments.
    ///
    /// The protocol wants names of 1 to 128 of `A-Z a-z 0-9 _ - .`; every client takes those of up
    /// to 64. Nothing but an empty name is refused (SPEC E-32, J-12): it is your clients that know
    /// what they take.
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
            icons: Vec::new(),
            meta: Meta::default(),
            scopes: Vec::new(),
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

    /// The JSON Schema of its structured content. From 2025-06-18 on; one whose root is not
    /// `"type": "object"` is left out before 2026-07-28 (SPEC E-40).
    ///
    /// A handler that succeeds without structured content, or with one that is no object though the
    /// schema says so, is answered -32603 (SPEC E-38).
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

    /// Adds an icon. From 2025-11-25 on.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// Adds to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the protocol
    /// reserves, fails the service's build (SPEC A-29, A-30).
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    /// The scopes that a call of it needs, all of them: who lacks one is answered 403 with the list
    /// ([`Identity::satisfies`](crate::auth::Identity::satisfies)), before anything runs. Default: none.
    /// Without [`Builder::authorizer`](crate::Builder::authorizer) nobody has scopes, and the
    /// service's build fails.
    #[must_use]
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn needed_scopes(&self) -> &[String] {
        &self.scopes
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

    /// Whether a result is what the output schema promises, as far as its root tells (SPEC E-38).
    pub(super) fn allows(&self, result: &ToolResult) -> bool {
        let Some(schema) = self.output.as_ref().filter(|_| !result.is_error) else {
            return true;
        };
        let structured = result.structured.as_ref();
        structured.is_some_and(|value| value.is_object() || !is_of_object(schema))
    }

    /// What is wrong with the registration, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        let name = &self.name;
        if name.is_empty() {
            Some("a tool has an empty name".to_owned())
        } else if !is_of_object(&self.input) {
            Some(format!(
                "the input schema of tool {name:?} must have \"type\": \"object\""
            ))
        } else if !self.output.as_ref().is_none_or(Value::is_object) {
            Some(format!(
                "the output schema of tool {name:?} must be a JSON object"
            ))
        } else {
            let annotated = self.mirrored.as_ref().err();
            annotated
                .map(|fault| format!("the input schema of tool {name:?}: {fault}"))
                .or_else(|| self.meta.fault())
                .or_else(|| icons_fault(&self.icons))
                .or_else(|| scopes_fault(&self.scopes))
        }
    }

    /// Holds the `Mcp-Param-…` headers of a call to its arguments (SPEC D.2, step 17).
    pub(super) fn check_mirrored(
        &self,
        headers: Headers<'_>,
        arguments: &Arguments,
    ) -> Result<(), ErrorObject> {
        match &self.mirrored {
            Ok(mirrored) if mirrored.is_empty() => Ok(()),
            Ok(mirrored) => mirrored.check(headers, arguments.values()),
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
        if version.has_titles() {
            self.meta.put(&mut out);
        }
        if let Some(schema) = self.output_schema(version) {
            out["outputSchema"] = schema.clone();
        }
        put_icons(&self.icons, &mut out, version);
        out
    }

    /// SPEC E-40: the output schema, in the revisions that can hold it.
    fn output_schema(&self, version: ProtocolVersion) -> Option<&Value> {
        let schema = self.output.as_ref()?;
        let is_held = version.has_structured_content()
            && (version.has_output_of_any_type() || is_of_object(schema));
        is_held.then_some(schema)
    }
}

/// Whether a schema says at its root that it is an object's.
fn is_of_object(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "object")
}

/// The arguments of a call: a JSON object. It stays text for as long as nothing but plain strings is
/// asked for; most calls have no others, and a map costs more than all else that is done for them.
#[derive(Clone, Default)]
pub struct Arguments {
    /// Part of a message, and so checked; empty for no arguments. serde_json can hold it.
    text: Bytes,
    values: OnceLock<Map<String, Value>>,
}

impl Arguments {
    /// The `arguments` of a request.
    ///
    /// # Errors
    ///
    /// When they are no object, or one that nobody could read.
    pub(super) fn of(request: &Request) -> Result<Self, ErrorObject> {
        let params = request.params();
        let Some((params, raw)) = params.and_then(|params| Some((params, params.arguments()?)))
        else {
            return Ok(Self::default());
        };
        let invalid = || ErrorObject::invalid_params("`arguments` must be an object");
        if !raw.is_object() {
            return Err(invalid());
        }
        let values = if params.may_overflow() {
            // Only a tree tells, and it is kept, so that it is not built a second time.
            let values: Map<String, Value> =
                serde_json::from_slice(raw.as_bytes()).map_err(|_| invalid())?;
            OnceLock::from(values)
        } else {
            OnceLock::new()
        };
        Ok(Self {
            text: request.part(raw),
            values,
        })
    }

    pub(super) fn values(&self) -> &Map<String, Value> {
        self.values
            .get_or_init(|| serde_json::from_slice(&self.text).unwrap_or_default())
    }

    /// A string that stands in the text as it is.
    fn plain(&self, name: &str) -> Option<&str> {
        match RawJson::of(&self.text).member(name)?.as_str()? {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    /// A required string.
    ///
    /// # Errors
    ///
    /// A text for the model when the argument is missing or not a string.
    pub fn str(&self, name: &str) -> Result<&str, ToolError> {
        match self.plain(name) {
            Some(text) => Ok(text),
            None => self.required(name, "a string", Value::as_str),
        }
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
        self.values().get(name)
    }

    /// All arguments, for a deserializer of your own.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.values();
        self.values.into_inner().unwrap_or_default().into()
    }

    /// A required string, to be returned or passed on. It is not copied if it has 8 KiB or more, was sent
    /// without escapes such as `\n`, is at least half of the arguments, and no more than 4 KiB of the request
    /// stand outside of these. It keeps the body of the request in memory then ([`Text`]).
    ///
    /// # Errors
    ///
    /// As [`Arguments::str`].
    pub fn text(&self, name: &str) -> Result<Text, ToolError> {
        let value = RawJson::of(&self.text).member(name);
        match value.and_then(|value| Text::of_part(&self.text, value)) {
            Some(text) => Ok(text),
            None => self
                .required(name, "a string", Value::as_str)
                .map(Text::from),
        }
    }

    fn required<'a, T>(
        &'a self,
        name: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, ToolError> {
        let Some(value) = self.value(name) else {
            return Err(format!("the argument `{name}` is missing: expected {kind}").into());
        };
        read(value).ok_or_else(|| format!("the argument `{name}` must be {kind}").into())
    }
}

/// For tests of handlers, and for calls of one handler by another.
impl From<Map<String, Value>> for Arguments {
    fn from(values: Map<String, Value>) -> Self {
        Self {
            text: Bytes::new(),
            values: values.into(),
        }
    }
}

impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.values() == other.values()
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arguments").field(self.values()).finish()
    }
}

/// What a tool answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    /// The first block has a place of its own: few results have another.
    first: Option<Content>,
    others: Vec<Content>,
    structured: Option<Value>,
    is_error: bool,
    meta: Meta,
}

impl ToolResult {
    /// Content blocks.
    pub fn content(content: impl IntoIterator<Item = Content>) -> Self {
        let mut content = content.into_iter();
        Self {
            first: content.next(),
            others: content.collect(),
            ..Self::default()
        }
    }

    fn blocks(&self) -> impl Iterator<Item = &Content> {
        self.first.iter().chain(&self.others)
    }

    /// A structured value, and the same as text for clients of older revisions (SPEC E-39). From
    /// 2025-06-18 on; before 2026-07-28 only an object is sent beside the text (SPEC E-40).
    #[must_use]
    pub fn structured(value: Value) -> Self {
        let text = Content::text(value.to_string());
        Self {
            first: Some(text),
            structured: Some(value),
            ..Self::default()
        }
    }

    /// A failure that the model should see.
    pub fn error(message: impl Into<Content>) -> Self {
        Self {
            first: Some(message.into()),
            is_error: true,
            ..Self::default()
        }
    }

    /// Adds to the `_meta` of the result, in every revision. A key that is malformed, or that the
    /// protocol reserves, is left out (SPEC A-29, A-30).
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    /// The result object, written directly: this is the hot path of a server.
    pub(super) fn into_json(self, version: ProtocolVersion, closing: Closing<'_>) -> Json {
        // Exact for what most tools answer, so that nothing is moved or left over. Long texts have
        // pieces of their own.
        let block_len = |text: &Text| match text.len() {
            SHARED_FROM.. => 0,
            len => r#"{"type":"text","text":""},"#.len() + len,
        };
        let texts = self.blocks().filter_map(Content::as_plain_text);
        let text_len: usize = texts.map(block_len).sum();
        let len = r#"{"content":["#.len() + text_len + closing.plain_len("complete");
        let mut out = PieceWriter::with_capacity(len);
        out.put(b"{\"content\":[");
        let structured = self.structured_content(version).map(Value::to_string);
        for (at, content) in self.first.into_iter().chain(self.others).enumerate() {
            if at > 0 {
                out.put(b",");
            }
            content.put(&mut out, version);
        }
        out.put(b"]");
        if let Some(value) = structured {
            out.put(b",\"structuredContent\":");
            out.share(value.into());
        }
        if self.is_error {
            out.put(b",\"isError\":true");
        }
        closing.end(&mut out, "complete", &self.meta);
        Json::from_encoder(out.finish())
    }

    /// The `tool_result` block of a sampling message (SPEC E-99).
    pub(super) fn to_block(&self, tool_use_id: &str, version: ProtocolVersion) -> Value {
        let content = self.blocks().map(|content| content.to_value(version));
        let mut block = json!({
            "type": "tool_result",
            "toolUseId": tool_use_id,
            "content": content.collect::<Value>(),
        });
        if let Some(value) = self.structured_content(version) {
            block["structuredContent"] = value.clone();
        }
        if self.is_error {
            block["isError"] = true.into();
        }
        self.meta.put(&mut block);
        block
    }

    /// SPEC E-40: until 2026-07-28 a structured value is an object; another is in the text only.
    fn structured_content(&self, version: ProtocolVersion) -> Option<&Value> {
        let value = self.structured.as_ref()?;
        let is_held = version.has_structured_content()
            && (version.has_output_of_any_type() || value.is_object());
        is_held.then_some(value)
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

/// What the client lacks is told to it in 2026-07-28 (SPEC D-27); all else to the model.
impl From<RequestError> for ToolError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NotOffered(Needed::Capability(_)) => ErrorObject::from(error).into(),
            other => Self::new(other.to_string()),
        }
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

impl IntoToolResult for Text {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::content::Annotations;
    use crate::server::resource::{Resource, ResourceContents};
    use crate::wire::jsonrpc::MessageLimits;
    use crate::wire::message::{Message, Payload, parse};

    const V03: ProtocolVersion = ProtocolVersion::V2025_03_26;
    const V06: ProtocolVersion = ProtocolVersion::V2025_06_18;
    const V11: ProtocolVersion = ProtocolVersion::V2025_11_25;
    const V26: ProtocolVersion = ProtocolVersion::V2026_07_28;

    fn arguments(text: &str) -> Result<Arguments, ErrorObject> {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"arguments":{text}}}}}"#
        );
        match parse(&body.into(), &MessageLimits::default()) {
            Ok(Payload::Single(Message::Request(request))) => Arguments::of(&request),
            other => panic!("{other:?}"),
        }
    }

    /// However it is written, and of two with the same name the last, as serde_json has it.
    #[test]
    fn a_string_is_the_same_from_the_text_and_from_the_map() {
        for text in [
            r#"{"a":"plain"}"#,
            r#"{"a":"é😀"}"#,
            r#"{"b":{"a":"inner"},"a":"outer"}"#,
            r#"{"a":"a \n \"b\""}"#,
            r#"{"\u0061":"named"}"#,
            r#"{"a":"first","a":"second"}"#,
            r#"{"a":"first","\u0061":"se\tcond"}"#,
            r#"{"a":1,"a":"second"}"#,
        ] {
            let from_text = arguments(text).unwrap();
            let from_map = arguments(text).unwrap();
            let expected = from_map.value("a").and_then(Value::as_str).unwrap();
            assert_eq!(from_text.str("a"), Ok(expected), "{text}");
            assert_eq!(from_text, from_map);
        }
        for text in [r#"{"a":"first","a":2}"#, r#"{"a":null}"#, "{}"] {
            assert!(arguments(text).unwrap().str("a").is_err(), "{text}");
        }
    }

    /// FIELD X-13: a long text is a part of the body, unless it was sent with escapes; either way it is
    /// the text that `str` gives.
    #[test]
    fn a_long_argument_is_given_without_a_copy() {
        let long = "x".repeat(SHARED_FROM);
        for (sent, is_shared) in [
            (long.clone(), true),
            (format!("{long}é😀"), true),
            (format!("{long}\\n"), false),
            ("x".repeat(SHARED_FROM - 1), false),
            // Less than half of its body.
            (format!(r#"{long}","d":"{long}x"#), false),
            (String::new(), false),
        ] {
            let arguments = arguments(&format!(r#"{{"a":"{sent}","b":1}}"#)).unwrap();
            let text = arguments.text("a").unwrap();
            assert_eq!(text.as_str(), arguments.str("a").unwrap());
            assert_eq!(text.len(), text.as_str().len());
            let body = arguments.text.as_ptr_range();
            assert_eq!(body.contains(&text.as_str().as_ptr()), is_shared);
            assert_eq!(String::from(text.clone()), text.as_str());
            assert!(arguments.text("b").is_err() && arguments.text("c").is_err());
        }
        let values = Map::from_iter([("a".to_owned(), Value::from("x"))]);
        assert_eq!(Arguments::from(values).text("a").unwrap().as_str(), "x");
    }

    /// FIELD X-13: a result is the same object whether what is long in it is shared, escaped or short.
    #[test]
    fn a_long_result_is_what_its_parts_are() {
        let plain = "x".repeat(SHARED_FROM);
        let lines = "a \"line\"\n".repeat(SHARED_FROM);
        let given = arguments(&format!(r#"{{"a":"{plain}"}}"#)).unwrap();
        let hints = Annotations::new().priority(0.5);
        let blocks = [
            Content::text("short"),
            Content::text(plain.as_str()),
            Content::text(lines.as_str()),
            Content::text(given.text("a").unwrap()),
            Content::text(plain.as_str()).annotations(hints),
            Content::text(lines.as_str()).meta("a", 1),
            Content::image(plain.as_bytes(), "image/png"),
            Content::audio(plain.as_bytes(), "audio/wav").meta("b", json!({"c": 2})),
            Content::embedded(ResourceContents::text("a://b", lines.as_str()).meta("d", 3)),
            Content::embedded(ResourceContents::blob("a://b", plain.as_bytes()).mime_type("c/d")),
            Content::link(Resource::new("a://b", plain.as_str())),
        ];
        let server = Closing {
            server: Some(r#"{"name":"n"}"#),
            ..Closing::LEGACY
        };
        for version in ProtocolVersion::ALL {
            let expected: Value = blocks.iter().map(|block| block.to_value(version)).collect();
            for closing in [Closing::LEGACY, server] {
                let result = ToolResult::content(blocks.clone()).meta("e", 4);
                let json = result.into_json(version, closing);
                let read: Value = serde_json::from_slice(json.as_bytes()).unwrap();
                assert_eq!(read["content"], expected, "{version}");
                assert_eq!(read["_meta"]["e"], 4);
                assert!(json.pieces().len() > blocks.len());
            }
            let structured = ToolResult::structured(json!({"a": lines, "b": plain}));
            for closing in [Closing::LEGACY, server] {
                let json = structured.clone().into_json(version, closing);
                let read: Value = serde_json::from_slice(json.as_bytes()).unwrap();
                let is_sent = version.has_structured_content();
                assert_eq!(read.get("structuredContent").is_some(), is_sent);
                let text = read["content"][0]["text"].as_str().unwrap();
                let text: Value = serde_json::from_str(text).unwrap();
                assert_eq!(text, json!({"a": lines, "b": plain}));
                let sent = read.get("structuredContent");
                assert!(sent.is_none_or(|sent| *sent == text));
            }
        }
    }

    /// SPEC E-33: what a handler could not read does not come to it.
    #[test]
    fn only_an_object_that_can_be_read_is_taken() {
        let long = "9".repeat(400);
        for text in [
            "[]",
            "1",
            "\"{}\"",
            r#"{"a":1e999}"#,
            r#"{"a":[-1E+400]}"#,
            &format!("{{\"a\":{long}}}"),
        ] {
            let error = arguments(text).unwrap_err();
            assert_eq!(error.code(), -32602, "{text}");
        }
        for text in [
            "{}",
            r#"{"a":1e3}"#,
            r#"{"a":123456789012345678901234567890}"#,
        ] {
            let whole: Value = serde_json::from_str(text).unwrap();
            assert_eq!(arguments(text).unwrap().into_value(), whole);
        }
    }

    /// SPEC E-30, E-32, E-47, K: each field from its revision on, and no hint that was not given.
    #[test]
    fn a_tool_takes_the_form_of_the_revision() {
        let tool = Tool::new("t")
            .title("T")
            .read_only()
            .icon(Icon::new("data:,x"))
            .meta("com.example/a", 1)
            .output(json!({"type": "object"}));
        let schema = json!({"type": "object", "additionalProperties": false});
        let mut expected = json!({"name": "t", "inputSchema": schema});
        assert_eq!(tool.to_value(ProtocolVersion::V2024_11_05), expected);
        expected["annotations"] = json!({"readOnlyHint": true});
        assert_eq!(tool.to_value(V03), expected);
        expected["title"] = "T".into();
        expected["outputSchema"] = json!({"type": "object"});
        expected["_meta"] = json!({"com.example/a": 1});
        assert_eq!(tool.to_value(V06), expected);
        expected["icons"] = json!([{"src": "data:,x"}]);
        assert_eq!(tool.to_value(V11), expected);
        assert_eq!(tool.to_value(V26), expected);
        assert_eq!(
            Tool::new("t").to_value(V26),
            json!({"name": "t", "inputSchema": schema})
        );
    }

    /// SPEC E-40, E-38: a schema of another root is for 2026-07-28 only.
    #[test]
    fn an_output_schema_of_any_root_goes_to_the_revision_that_has_it() {
        for schema in [
            json!({"type": "array", "items": {"type": "integer"}}),
            json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
            json!({}),
        ] {
            let tool = Tool::new("t").output(schema.clone());
            assert_eq!(tool.fault(), None, "{schema}");
            for version in ProtocolVersion::ALL {
                let listed = tool.to_value(version).get("outputSchema").cloned();
                let expected = (version == V26).then(|| schema.clone());
                assert_eq!(listed, expected, "{version}");
            }
            assert!(tool.allows(&ToolResult::structured(json!([1]))));
            assert!(!tool.allows(&ToolResult::content([])));
        }
        let tool = Tool::new("t").output(json!({"type": "object"}));
        assert!(tool.allows(&ToolResult::structured(json!({}))));
        assert!(!tool.allows(&ToolResult::structured(json!([1]))));
        assert!(tool.allows(&ToolResult::error("no")));
        assert!(Tool::new("t").allows(&ToolResult::content([])));
    }

    /// SPEC E-39, E-40, E-49: any JSON in 2026-07-28, objects before it, the text always.
    #[test]
    fn structured_content_takes_the_form_of_the_revision() {
        #[track_caller]
        fn check(value: &Value, version: ProtocolVersion, is_sent: bool) {
            let json = ToolResult::structured(value.clone()).into_json(version, Closing::LEGACY);
            let result: Value = serde_json::from_slice(json.as_bytes()).unwrap();
            assert_eq!(result["content"][0]["text"], value.to_string(), "{version}");
            let sent = result.get("structuredContent");
            assert_eq!(sent, is_sent.then_some(value), "{version}");
        }
        for version in ProtocolVersion::ALL {
            check(&json!({"a": 1}), version, version.has_structured_content());
            for value in [json!([1]), json!("x"), json!(1.5), json!(true), Value::Null] {
                check(&value, version, version == V26);
            }
        }
    }

    /// SPEC K, A-29, A-30: a result has `_meta` in every revision, without keys that may not be sent.
    #[test]
    fn a_result_has_meta_in_every_revision() {
        let result = ToolResult::error("no")
            .meta("com.example/a", json!({"b": 1}))
            .meta("dev.mcp/x", 1);
        for version in ProtocolVersion::ALL {
            assert_eq!(
                result
                    .clone()
                    .into_json(version, Closing::LEGACY)
                    .as_bytes(),
                br#"{"content":[{"type":"text","text":"no"}],"isError":true,"_meta":{"com.example/a":{"b":1}}}"#
            );
        }
    }

    /// SPEC A-29, A-30, E-31: what could not be served is a fault.
    #[test]
    fn a_wrong_tool_is_a_fault() {
        #[track_caller]
        fn check(tool: &Tool, says: &str) {
            let fault = tool.fault().unwrap_or_default();
            assert!(fault.contains(says), "{fault:?}");
        }
        check(&Tool::new("t").output(json!(true)), "output schema");
        check(&Tool::new("t").meta("mcp.dev/x", 1), "mcp.dev/x");
        check(&Tool::new("t").icon(Icon::new("i.png")), "i.png");
        let odd = "x".repeat(200) + "/ü ";
        assert_eq!(Tool::new(odd).fault(), None, "SPEC J-12");
    }
}
