//! [`Tool`]: what a model is told of a tool, and how it is checked.

use serde_json::Value;

use super::arguments::Arguments;
use super::handler::ToolHandler;
use super::hints::{Hint, Hints};
use super::mirrored::Mirrored;
use super::result::ToolResult;
use super::schema::Schema;
use super::task_use::TaskUse;
use super::ui::{ToolUi, Visibility};
use crate::protocol::change::Change;
use crate::protocol::mirror::Headers;
use crate::server::handler_error::HandlerError;
use crate::server::item::Item;
use crate::server::metadata::icon::{Icon, icons_fault, icons_text};
use crate::server::metadata::meta::Meta;
use crate::server::metadata::scopes::scopes_fault;
use crate::server::mismatch::Path;
use crate::server::object_text::ObjectText;
use crate::server::result::first_pages::List;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::ProtocolVersion;

/// A tool: its name, its schemas, and hints about what it does (*2025-11-25, Tools, Tool*).
#[derive(Clone, Debug)]
pub struct Tool {
    name: String,
    title: Option<String>,
    description: Option<String>,
    input: Schema,
    takes: Takes,
    /// The annotations of `input`, or what is wrong with them.
    mirrored: Result<Mirrored, String>,
    output: Option<Schema>,
    hints: Hints,
    icons: Vec<Icon>,
    meta: Meta,
    /// Boxed, because few tools have one.
    ui: Option<Box<ToolUi>>,
    scopes: Vec<String>,
    task: TaskUse,
    asks_first: bool,
}

/// What holds the arguments of a call to the input schema.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    /// The schema of tools without arguments: there are none.
    Nothing,
    /// A schema of the author's: the handler, and the feature `validation`.
    BySchema,
    /// A schema made from the type that the arguments are read into.
    #[cfg(feature = "schemars")]
    ByType,
}

impl Tool {
    /// A tool of this name, without arguments: the result of a call with any is an error for the model.
    ///
    /// The protocol asks for names of 1 to 128 characters out of `A-Z a-z 0-9 _ - .` (*2025-11-25, Tools,
    /// Tool Names*), and every client accepts names of up to 64. Only an empty name fails the build of the
    /// service: what else your clients accept, you know better.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            input: Schema::nothing(),
            takes: Takes::Nothing,
            mirrored: Ok(Mirrored::default()),
            output: None,
            hints: Hints::default(),
            icons: Vec::new(),
            meta: Meta::default(),
            ui: None,
            scopes: Vec::new(),
            task: TaskUse::Never,
            asks_first: false,
        }
    }

    /// What the tool does, for models.
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

    /// The JSON Schema of its arguments. The build of the service fails unless its root has
    /// `"type": "object"` and each keyword has a value of its type. Clients get it unchanged, but for
    /// `"properties": {}`, which is added if the root has no `properties`: some hosts refuse a list without
    /// them. Default: an object without members.
    ///
    /// The members of a `Value` are in alphabetical order, unless a crate in your build turns on the feature
    /// `preserve_order` of serde_json. Models fill in arguments in the order of the schema: where it matters,
    /// use [`Tool::input_text`], or a typed tool.
    ///
    /// Calls are not checked against the schema: a handler reads its arguments with [`Arguments`], which
    /// checks their types. With the feature `validation` the schema is compiled here, one that is no JSON Schema
    /// fails the build of the service, and a call that it does not admit is an error for the model.
    ///
    /// A property may have `"x-mcp-header": "Region"`: in 2026-07-28, calls repeat its value in the
    /// header `Mcp-Param-Region`, by which proxies can route. The build of the service fails unless each
    /// such name is a token and differs from the others by more than case, and each such property is a
    /// `string`, an `integer` or a `boolean` that is reached through `properties` alone. Headers get into
    /// logs: do not annotate secrets.
    #[must_use]
    pub fn input(self, schema: Value) -> Self {
        self.with_input(Schema::of_value(&schema), &schema)
    }

    /// The JSON Schema of its arguments as JSON text, whose members keep their order; else as
    /// [`Tool::input`]. The build of the service fails if the text is not a JSON object.
    ///
    /// ```
    /// use mcp_wire::server::Tool;
    /// let tool = Tool::new("move").input_text(
    ///     r#"{
    ///         "type": "object",
    ///         "properties": {"from": {"type": "string"}, "destination": {"type": "string"}},
    ///         "required": ["from", "destination"]
    ///     }"#,
    /// );
    /// ```
    #[must_use]
    pub fn input_text(self, schema: &str) -> Self {
        let schema = Schema::of_text(schema);
        let value = schema.to_value();
        self.with_input(schema, &value)
    }

    fn with_input(mut self, schema: Schema, value: &Value) -> Self {
        self.mirrored = Mirrored::collect(value);
        self.input = schema.completed();
        self.takes = Takes::BySchema;
        self
    }

    /// The tool with schemas that are made from the types of its handler.
    #[cfg(feature = "schemars")]
    pub(crate) fn typed(self, input: Value, output: Option<Value>) -> Self {
        let mut tool = self.input(input);
        tool.takes = Takes::ByType;
        match output {
            Some(schema) => tool.output(schema),
            None => tool,
        }
    }

    /// The JSON Schema of its structured content. From 2025-06-18 on. Before 2026-07-28, a schema whose
    /// root is not `"type": "object"` is left out. The order of its members is that of [`Tool::input`].
    ///
    /// When a handler succeeds without structured content, or with content that is not an object although
    /// the schema demands one, the client is answered -32603, and the operator is told
    /// ([`ServiceEvent::HandlerFailed`](crate::ServiceEvent::HandlerFailed)). Nothing else is checked without
    /// the feature `validation`.
    #[must_use]
    pub fn output(mut self, schema: Value) -> Self {
        self.output = Some(Schema::of_value(&schema));
        self
    }

    /// The JSON Schema of its structured content as JSON text, whose members keep their order; else as
    /// [`Tool::output`].
    #[must_use]
    pub fn output_text(mut self, schema: &str) -> Self {
        self.output = Some(Schema::of_text(schema));
        self
    }

    /// Hint: whether the tool changes nothing. A client that is not told assumes that it does. From
    /// 2025-03-26 on, like all hints. Hints are only sent: set them all for directories of servers that want
    /// them.
    #[must_use]
    pub fn read_only(self, is_so: bool) -> Self {
        self.hint(Hint::ReadOnly, is_so)
    }

    /// Hint: whether the tool may destroy something, rather than only add. A client that is not told
    /// assumes that it may.
    #[must_use]
    pub fn destructive(self, is_so: bool) -> Self {
        self.hint(Hint::Destructive, is_so)
    }

    /// Hint: whether a second call with the same arguments has no further effect. A client that is not told
    /// assumes that it has.
    #[must_use]
    pub fn idempotent(self, is_so: bool) -> Self {
        self.hint(Hint::Idempotent, is_so)
    }

    /// Hint: whether the tool interacts with anything outside its own domain, such as the web. A client that
    /// is not told assumes that it does.
    #[must_use]
    pub fn open_world(self, is_so: bool) -> Self {
        self.hint(Hint::OpenWorld, is_so)
    }

    /// Adds an icon. From 2025-11-25 on.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// Adds an entry to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the protocol
    /// reserves (*2025-11-25, Overview, `_meta`*), fails the build of the service.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    /// Names the page that hosts with MCP Apps show with what the tool answers: the URI of a
    /// [`UiResource`](crate::server::UiResource) of this server (*MCP Apps 2026-01-26, Resource Discovery*).
    /// From 2025-06-18 on. Other hosts use the tool as any other, so its results need content in any case: one
    /// without is answered -32603, and the operator is told.
    ///
    /// The build of the service fails if the URI does not begin with `ui://`, if neither a resource nor a
    /// resource template of this server has it, or if the resource has another type than
    /// [`UiResource::MIME_TYPE`](crate::server::UiResource::MIME_TYPE).
    #[must_use]
    pub fn ui(mut self, page: impl Into<String>) -> Self {
        self.ui_mut().page = Some(page.into());
        self
    }

    /// Says that only pages of this server may call the tool, such as to refresh what they show: hosts do not
    /// offer it to the model. It stays in the list, because hosts do the hiding, and it does not replace
    /// [`Tool::scopes`]. Default: pages and the model may.
    #[must_use]
    pub fn app_only(mut self) -> Self {
        self.ui_mut().visibility = Some(Visibility::App);
        self
    }

    /// Says that only the model may call the tool, and no page.
    #[must_use]
    pub fn model_only(mut self) -> Self {
        self.ui_mut().visibility = Some(Visibility::Model);
        self
    }

    /// Names the page of [`Tool::ui`] a second time, as `_meta["ui/resourceUri"]`: some older hosts read nothing
    /// else. The form is deprecated. Default: it is left out.
    #[must_use]
    pub fn ui_flat_key(mut self) -> Self {
        self.ui_mut().has_flat_key = true;
        self
    }

    fn ui_mut(&mut self) -> &mut ToolUi {
        self.ui.get_or_insert_default()
    }

    /// The scopes that a client needs to call it, all of them. Default: none.
    ///
    /// A client that lacks one is answered 403 with the list, before any handler runs
    /// ([`Identity::satisfies`](crate::auth::Identity::satisfies)). The build of the service fails
    /// without an authorizer ([`Builder::authorizer`](crate::Builder::authorizer)), because then no
    /// client has a scope.
    #[must_use]
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a call goes on as a task, whose result the client gets later, where the client can (extension
    /// `io.modelcontextprotocol/tasks` of 2026-07-28). Default: [`TaskUse::Never`].
    ///
    /// The handler is the same, and runs as a task from its beginning: its questions are asked with `tasks/get`, it
    /// says what it does with [`Task::status`](crate::server::Task::status), and it is dropped when the client cancels it.
    /// Neither [`Timeouts::request`](crate::Timeouts::request) nor a client that leaves ends it, but
    /// [`Timeouts::task`](crate::Timeouts::task) does.
    #[must_use]
    pub fn task(mut self, task: TaskUse) -> Self {
        self.task = task;
        self
    }

    /// The handler of a tool that can be a task begins in the request, where its questions are asked in rounds, and
    /// becomes a task when it calls [`Call::detach`](crate::server::Call::detach). A handler that ends before that answers
    /// the request. Without [`Tool::task`] this has no effect.
    #[must_use]
    pub fn asks_first(mut self) -> Self {
        self.asks_first = true;
        self
    }

    pub(crate) fn task_use(&self) -> TaskUse {
        self.task
    }

    pub(crate) fn begins_in_request(&self) -> bool {
        self.asks_first
    }

    fn hint(mut self, hint: Hint, value: bool) -> Self {
        self.hints.set(hint, value);
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tool as the client's model gets it in a sampling request.
    pub(crate) fn to_value(&self, version: ProtocolVersion) -> Value {
        serde_json::from_str(&self.to_text(version)).unwrap_or_default()
    }

    /// Checks that a result is what the output schema promises (SPEC E-38): as far as its root tells, unless
    /// the feature `validation` tells more. With a page it needs content too, for the model and for hosts
    /// that show no pages.
    ///
    /// # Errors
    ///
    /// Tells the operator what is wrong.
    pub(crate) fn check_result(&self, result: &ToolResult) -> Result<(), String> {
        if self.page().is_some() && !result.has_content() {
            return Err(
                "the result has no content: the tool has a page, which neither the model nor every host \
                 sees, so say in the content too what it shows"
                    .into(),
            );
        }
        let Some(schema) = self.output.as_ref().filter(|_| !result.is_error()) else {
            return Ok(());
        };
        let structured = result.structured_value();
        match structured.filter(|value| value.is_object() || !schema.is_of_object()) {
            None => {
                Err("the result has no structured content that the output schema allows".into())
            }
            #[cfg(feature = "validation")]
            Some(value) => schema.check("result", value),
            #[cfg(not(feature = "validation"))]
            Some(_) => Ok(()),
        }
    }

    /// Checks the arguments of a call against what the tool takes (SPEC J-11).
    ///
    /// # Errors
    ///
    /// Tells the model what is wrong.
    pub(crate) fn check(&self, arguments: &Arguments) -> Result<(), HandlerError> {
        if self.takes != Takes::Nothing {
            #[cfg(feature = "validation")]
            if self.takes == Takes::BySchema {
                self.input
                    .check("arguments", arguments.as_raw())
                    .map_err(HandlerError::new)?;
            }
            return Ok(());
        }
        match arguments.as_raw().members().next() {
            None => Ok(()),
            Some((name, _)) => {
                let name = name.as_str().unwrap_or_default();
                let path = Path::Member(&Path::ARGUMENTS, &name);
                let message = format!("{path} is unknown: this tool takes no arguments");
                Err(HandlerError::new(message))
            }
        }
    }

    /// Checks the `Mcp-Param-…` headers of a call against its arguments (SPEC D.2, step 17).
    pub(crate) fn check_mirrored(
        &self,
        headers: Headers<'_>,
        arguments: &Arguments,
    ) -> Result<(), ErrorObject> {
        match &self.mirrored {
            Ok(mirrored) if mirrored.is_empty() => Ok(()),
            Ok(mirrored) => mirrored.check(headers, arguments.as_raw()),
            // Such a tool cannot be registered, and so not be called.
            Err(_) => Err(ErrorObject::internal()),
        }
    }

    /// The JSON text of its `_meta`, if it has any.
    fn meta_text(&self) -> Option<String> {
        let Some(ui) = &self.ui else {
            return self.meta.to_text();
        };
        let mut meta = self.meta.clone();
        ui.put(&mut meta);
        meta.to_text()
    }

    /// SPEC E-40: the output schema, in the revisions that can hold it.
    fn output_schema(&self, version: ProtocolVersion) -> Option<&Schema> {
        let schema = self.output.as_ref()?;
        let is_held = version.has_structured_content()
            && (version.has_output_of_any_type() || schema.is_of_object());
        is_held.then_some(schema)
    }
}

impl Item for Tool {
    type Handler = ToolHandler;

    const NOUN: &'static str = "tool";
    const LIST: List = List::Tools;
    const CHANGE: Change = Change::Tools;

    fn key(&self) -> &str {
        &self.name
    }

    fn fault(&self) -> Option<String> {
        let name = &self.name;
        if name.is_empty() {
            return Some("the name of a tool must not be empty".to_owned());
        }
        let wrong = |which: &str, fault: &str| {
            format!("the {which} schema of the tool {name:?} is wrong: {fault}")
        };
        let input = match (self.input.fault(), &self.mirrored) {
            (Some(fault), _) => Some(wrong("input", fault)),
            (None, Err(fault)) => Some(wrong("input", fault)),
            (None, Ok(_)) if !self.input.is_of_object() => Some(wrong(
                "input",
                "it must have \"type\": \"object\" at its root",
            )),
            (None, Ok(_)) => None,
        };
        input
            .or_else(|| Some(wrong("output", self.output.as_ref()?.fault()?)))
            .or_else(|| self.meta.fault())
            .or_else(|| self.ui.as_ref()?.fault(name, &self.meta))
            .or_else(|| icons_fault(&self.icons))
            .or_else(|| scopes_fault(&self.scopes))
    }

    fn needed_scopes(&self) -> &[String] {
        &self.scopes
    }

    fn page(&self) -> Option<&str> {
        self.ui.as_ref()?.page.as_deref()
    }

    fn may_be_task(&self) -> bool {
        self.task != TaskUse::Never
    }

    /// The form of the tool in a revision (the table of SPEC E.5).
    fn to_text(&self, version: ProtocolVersion) -> String {
        let mut out = ObjectText::new();
        out.text("name", &self.name);
        let title = self.title.as_deref();
        if let Some(title) = title.filter(|_| version.has_titles()) {
            out.text("title", title);
        }
        if let Some(description) = &self.description {
            out.text("description", description);
        }
        out.raw("inputSchema", self.input.text());
        if let Some(schema) = self.output_schema(version) {
            out.raw("outputSchema", schema.text());
        }
        if version.has_tool_annotations() {
            // Before tools had titles of their own, annotations had them.
            let title = title.filter(|_| !version.has_titles());
            if let Some(hints) = self.hints.to_text(title) {
                out.raw("annotations", &hints);
            }
        }
        if let Some(icons) = icons_text(&self.icons, version) {
            out.raw("icons", &icons);
        }
        if let Some(meta) = self.meta_text().filter(|_| version.has_titles()) {
            out.raw("_meta", &meta);
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const V03: ProtocolVersion = ProtocolVersion::V2025_03_26;
    const V06: ProtocolVersion = ProtocolVersion::V2025_06_18;
    const V11: ProtocolVersion = ProtocolVersion::V2025_11_25;
    const V26: ProtocolVersion = ProtocolVersion::V2026_07_28;

    /// SPEC E-30, E-32, E-47, K: each field from its revision on, and no hint that was not given.
    #[test]
    fn a_tool_takes_the_form_of_the_revision() {
        let tool = Tool::new("t")
            .title("T")
            .read_only(true)
            .icon(Icon::new("data:,x"))
            .meta("com.example/a", 1)
            .output(json!({"type": "object"}));
        let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
        let mut expected = json!({"name": "t", "inputSchema": schema});
        assert_eq!(tool.to_value(ProtocolVersion::V2024_11_05), expected);
        expected["annotations"] = json!({"title": "T", "readOnlyHint": true});
        assert_eq!(tool.to_value(V03), expected);
        expected["annotations"] = json!({"readOnlyHint": true});
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

    /// FIELD S-12, SPEC E-47: what the author said is sent, whatever it is; the rest is left out. A title is
    /// one of the annotations where tools have none.
    #[test]
    fn hints_say_what_the_author_said() {
        for version in ProtocolVersion::ALL {
            let hints = |tool: &Tool| {
                let listed = tool.to_value(version);
                listed.get("annotations").map(Value::to_string)
            };
            let sent = |text: &str| {
                let is_sent = version != ProtocolVersion::V2024_11_05;
                is_sent.then(|| text.to_owned())
            };
            for is_so in [false, true] {
                for (tool, name) in [
                    (Tool::new("t").read_only(is_so), "readOnlyHint"),
                    (Tool::new("t").destructive(is_so), "destructiveHint"),
                    (Tool::new("t").idempotent(is_so), "idempotentHint"),
                    (Tool::new("t").open_world(is_so), "openWorldHint"),
                ] {
                    let expected = sent(&format!("{{\"{name}\":{is_so}}}"));
                    assert_eq!(hints(&tool), expected, "{version}");
                    assert_eq!(
                        hints(&tool.read_only(true).read_only(is_so)).is_some(),
                        expected.is_some()
                    );
                }
            }
            assert_eq!(hints(&Tool::new("t")), None);
            let titled = hints(&Tool::new("t").title("T"));
            let is_hint = version == V03;
            assert_eq!(titled, is_hint.then(|| r#"{"title":"T"}"#.to_owned()));
        }
    }

    /// SPEC E-30, FIELD S-3, S-8: a list holds the schema in the order in which its author wrote it.
    #[test]
    fn a_schema_keeps_its_order() {
        let text = r#"{"type":"object","properties":{"zulu":{"type":"string"},"alpha":{}}}"#;
        let tool = Tool::new("t").input_text(text).output_text(text);
        assert_eq!(tool.fault(), None);
        let expected = format!(r#"{{"name":"t","inputSchema":{text},"outputSchema":{text}}}"#);
        assert_eq!(tool.to_text(V26), expected);
        let bare = Tool::new("t").input(json!({"type": "object"}));
        let expected = r#"{"name":"t","inputSchema":{"type":"object","properties":{}}}"#;
        assert_eq!(bare.to_text(V26), expected);
    }

    /// SPEC J-11: a tool without arguments takes none; one with a schema of its author's checks
    /// what it reads itself.
    #[test]
    fn a_tool_without_arguments_takes_none() {
        let arguments = |value: Value| Arguments::from(value.as_object().unwrap().clone());
        let told =
            |tool: &Tool, value: Value| tool.check(&arguments(value)).map_err(|it| it.to_string());
        let bare = Tool::new("t");
        assert_eq!(told(&bare, json!({})), Ok(()));
        let expected = "arguments[\"a b\"] is unknown: this tool takes no arguments";
        assert_eq!(told(&bare, json!({"a b": null})), Err(expected.to_owned()));
        let open = Tool::new("t").input(json!({"type": "object"}));
        assert_eq!(told(&open, json!({"a": 1})), Ok(()));
    }

    /// SPEC E-40, E-38: a schema of another root is for 2026-07-28 only.
    #[test]
    fn an_output_schema_of_any_root_goes_to_the_revision_that_has_it() {
        for (schema, value) in [
            (
                json!({"type": "array", "items": {"type": "integer"}}),
                json!([1]),
            ),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
                json!("x"),
            ),
            (json!({}), json!([1])),
        ] {
            let tool = Tool::new("t").output(schema.clone());
            assert_eq!(tool.fault(), None, "{schema}");
            for version in ProtocolVersion::ALL {
                let listed = tool.to_value(version).get("outputSchema").cloned();
                let expected = (version == V26).then(|| schema.clone());
                assert_eq!(listed, expected, "{version}");
            }
            assert_eq!(tool.check_result(&ToolResult::structured(value)), Ok(()));
            assert!(tool.check_result(&ToolResult::content([])).is_err());
        }
        let tool = Tool::new("t").output(json!({"type": "object"}));
        assert_eq!(
            tool.check_result(&ToolResult::structured(json!({}))),
            Ok(())
        );
        assert!(
            tool.check_result(&ToolResult::structured(json!([1])))
                .is_err()
        );
        assert_eq!(tool.check_result(&ToolResult::error("no")), Ok(()));
        assert_eq!(
            Tool::new("t").check_result(&ToolResult::content([])),
            Ok(())
        );
    }

    /// SPEC A-29, A-30, E-31: what could not be served is a fault.
    #[test]
    fn a_wrong_tool_is_a_fault() {
        #[track_caller]
        fn check(tool: &Tool, says: &str) {
            let fault = tool.fault().unwrap_or_default();
            assert!(fault.contains(says), "{fault:?}");
        }
        check(
            &Tool::new("t").output(json!(true)),
            "the output schema of the tool \"t\"",
        );
        check(
            &Tool::new("t").output_text("{"),
            "the output schema of the tool \"t\"",
        );
        check(
            &Tool::new("t").input(json!({})),
            "\"type\": \"object\" at its root",
        );
        check(
            &Tool::new("t").input(json!({"type": "object", "required": "x"})),
            "the input schema of the tool \"t\" is wrong: required must be an array of names",
        );
        check(&Tool::new("t").meta("mcp.dev/x", 1), "mcp.dev/x");
        check(&Tool::new("t").icon(Icon::new("i.png")), "i.png");
        let odd = "x".repeat(200) + "/ü ";
        assert_eq!(Tool::new(odd).fault(), None, "SPEC J-12");
    }
}
