//! [`Tool`]: what a model is told of a tool, and how it is checked.

use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::handler::ToolHandler;
use super::mirrored::Mirrored;
use super::result::ToolResult;
use crate::protocol::change::Change;
use crate::protocol::mirror::Headers;
use crate::server::item::Item;
use crate::server::metadata::icon::{Icon, icons_fault, put_icons};
use crate::server::metadata::meta::Meta;
use crate::server::metadata::scopes::scopes_fault;
use crate::server::result::first_pages::List;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::ProtocolVersion;

/// A tool: its name, its schemas, and hints about what it does (*2025-11-25, Tools, Tool*).
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
    /// A tool of this name, without arguments.
    ///
    /// The protocol asks for names of 1 to 128 characters out of `A-Z a-z 0-9 _ - .` (*2025-11-25, Tools,
    /// Tool Names*), and every client accepts names of up to 64. Only an empty name fails the build of the
    /// service: what else your clients accept, you know better.
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

    /// The JSON Schema of its arguments. Clients get it unchanged. The build of the service fails unless its
    /// root has `"type": "object"`. Default: an object without members.
    ///
    /// Calls are not checked against the schema: a handler reads its arguments with [`Arguments`], which
    /// checks their types.
    ///
    /// A property may have `"x-mcp-header": "Region"`: in 2026-07-28, calls repeat its value in the
    /// header `Mcp-Param-Region`, by which proxies can route. The build of the service fails unless each
    /// such name is a token and differs from the others by more than case, and each such property is a
    /// `string`, an `integer` or a `boolean` that is reached through `properties` alone. Headers get into
    /// logs: do not annotate secrets.
    #[must_use]
    pub fn input(mut self, schema: Value) -> Self {
        self.mirrored = Mirrored::collect(&schema);
        self.input = schema;
        self
    }

    /// The JSON Schema of its structured content. From 2025-06-18 on. Before 2026-07-28, a schema whose
    /// root is not `"type": "object"` is left out.
    ///
    /// The client is answered -32603 when a handler succeeds without structured content, or with content
    /// that is not an object although the schema demands one. Nothing else is checked.
    #[must_use]
    pub fn output(mut self, schema: Value) -> Self {
        self.output = Some(schema);
        self
    }

    /// Hint: the tool changes nothing. Without it, clients assume that the tool does. From 2025-03-26 on,
    /// like all hints.
    #[must_use]
    pub fn read_only(self) -> Self {
        self.hint("readOnlyHint", true)
    }

    /// Hint: the tool only adds to what it changes. Without it, clients assume that the tool destroys.
    #[must_use]
    pub fn additive(self) -> Self {
        self.hint("destructiveHint", false)
    }

    /// Hint: a second call with the same arguments has no further effect. Without it, clients assume that
    /// it has.
    #[must_use]
    pub fn idempotent(self) -> Self {
        self.hint("idempotentHint", true)
    }

    /// Hint: the tool interacts with nothing outside its own domain. Without it, clients assume that the
    /// tool does.
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

    /// Adds an entry to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the protocol
    /// reserves (*2025-11-25, Overview, `_meta`*), fails the build of the service.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
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
    pub(crate) fn allows(&self, result: &ToolResult) -> bool {
        let Some(schema) = self.output.as_ref().filter(|_| !result.is_error()) else {
            return true;
        };
        let structured = result.structured_value();
        structured.is_some_and(|value| value.is_object() || !is_of_object(schema))
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

    /// SPEC E-40: the output schema, in the revisions that can hold it.
    fn output_schema(&self, version: ProtocolVersion) -> Option<&Value> {
        let schema = self.output.as_ref()?;
        let is_held = version.has_structured_content()
            && (version.has_output_of_any_type() || is_of_object(schema));
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
            Some("the name of a tool must not be empty".to_owned())
        } else if !is_of_object(&self.input) {
            Some(format!(
                "the input schema of the tool {name:?} must have \"type\": \"object\" at its root"
            ))
        } else if !self.output.as_ref().is_none_or(Value::is_object) {
            Some(format!(
                "the output schema of the tool {name:?} must be a JSON object"
            ))
        } else {
            let annotated = self.mirrored.as_ref().err();
            annotated
                .map(|fault| format!("the input schema of the tool {name:?} is wrong: {fault}"))
                .or_else(|| self.meta.fault())
                .or_else(|| icons_fault(&self.icons))
                .or_else(|| scopes_fault(&self.scopes))
        }
    }

    fn needed_scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The form of the tool in a revision (the table of SPEC E.5).
    fn to_value(&self, version: ProtocolVersion) -> Value {
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
}

/// Whether a schema demands an object at its root.
fn is_of_object(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "object")
}

#[cfg(test)]
mod tests {
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

    /// SPEC, E-31: what could not be served is a fault.
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
