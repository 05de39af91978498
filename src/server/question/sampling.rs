//! [`Sampling`]: a request for a completion by the client's model. SPEC E-97 to E-99.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::sampled::Sampled;
use crate::server::content::Content;
use crate::server::item::Item;
use crate::server::metadata::role::Role;
use crate::server::tool::definition::Tool;
use crate::server::tool::result::ToolResult;
use crate::transport::dispatch::request_error::RequestError;
use crate::wire::version::ProtocolVersion;

/// A request for a completion by the client's model (*2025-11-25, Sampling*).
///
/// Messages hold text, images and audio; asking with a resource in them fails with
/// [`RequestError::Faulty`]. With tools, ask again until the model uses none:
///
/// ```
/// use mcp_wire::server::{Call, Role, Sampling, Tool, HandlerError, ToolResult};
///
/// async fn weather(call: Call) -> Result<String, HandlerError> {
///     let mut sampling = Sampling::new(500)
///         .message(Role::User, "How is the weather in Rome?")
///         .tool(Tool::new("look_outside"));
///     loop {
///         let sampled = call.sample(&sampling).await?;
///         if sampled.tool_uses.is_empty() {
///             return Ok(sampled.text.unwrap_or_default());
///         }
///         let seen = |used: &_| (String::clone(used), ToolResult::structured("rain".into()));
///         let results: Vec<_> = sampled.tool_uses.iter().map(|used| seen(&used.id)).collect();
///         sampling = sampling.tool_turn(&sampled, results);
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Sampling {
    key: Option<String>,
    timeout: Option<Duration>,
    turns: Vec<Turn>,
    tools: Vec<Tool>,
    choice: Option<ToolChoice>,
    context: Option<IncludedContext>,
    rest: Map<String, Value>,
    /// Why no client may be asked.
    fault: Option<String>,
}

#[derive(Clone, Debug)]
enum Turn {
    Message(Role, Vec<Content>),
    /// What the model said when it used tools, unchanged, and the result of each use by its id.
    Tools(Value, Vec<(String, ToolResult)>),
}

/// Whether the model should use tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// It decides. The default.
    Auto,
    /// It must use at least one.
    Required,
    /// It must use none.
    None,
}

/// What the client should tell the model about its servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IncludedContext {
    /// Nothing. The default.
    None,
    /// What it knows about this server.
    ThisServer,
    /// What it knows about all its servers.
    AllServers,
}

impl Sampling {
    /// A completion of at most `max_tokens` tokens.
    #[must_use]
    pub fn new(max_tokens: u32) -> Self {
        let mut rest = Map::new();
        rest.insert("maxTokens".to_owned(), max_tokens.into());
        Self {
            key: None,
            timeout: None,
            turns: Vec::new(),
            tools: Vec::new(),
            choice: None,
            context: None,
            rest,
            fault: None,
        }
    }

    /// Adds a message of one block.
    #[must_use]
    pub fn message(self, role: Role, content: impl Into<Content>) -> Self {
        self.blocks(role, [content.into()])
    }

    /// Adds a message of several blocks. Before 2025-11-25 a message has one block, so each block becomes a
    /// message of its own. Without blocks, nothing is added.
    #[must_use]
    pub fn blocks(mut self, role: Role, blocks: impl IntoIterator<Item = Content>) -> Self {
        let blocks: Vec<_> = blocks.into_iter().collect();
        if !blocks.iter().all(Content::is_for_models) {
            let fault = || "a message to a model must not hold a resource".to_owned();
            self.fault.get_or_insert_with(fault);
        }
        if !blocks.is_empty() {
            self.turns.push(Turn::Message(role, blocks));
        }
        self
    }

    /// Adds what the model said when it used tools, and the next message of the user: the result of each of
    /// its [`tool_uses`](Sampled::tool_uses), by id. From 2025-11-25 on, for clients that declared
    /// `sampling.tools`.
    ///
    /// Asking fails with [`RequestError::Faulty`] unless there is exactly one result for each use.
    #[must_use]
    pub fn tool_turn(
        mut self,
        sampled: &Sampled,
        results: impl IntoIterator<Item = (String, ToolResult)>,
    ) -> Self {
        let results: Vec<_> = results.into_iter().collect();
        let given: HashSet<_> = results.iter().map(|(id, _)| id.as_str()).collect();
        let used: HashSet<_> = sampled
            .tool_uses
            .iter()
            .map(|used| used.id.as_str())
            .collect();
        if used.is_empty() || given != used || given.len() != results.len() {
            let fault = || "there must be exactly one result for each use of a tool".to_owned();
            self.fault.get_or_insert_with(fault);
        }
        self.turns.push(Turn::Tools(sampled.content(), results));
        self
    }

    /// Adds a tool that the model may use. Your code runs it, and passes the result to
    /// [`Sampling::tool_turn`]. From 2025-11-25 on, for clients that declared `sampling.tools`; asking other
    /// clients fails with [`RequestError::NotOffered`].
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> Self {
        if let Some(fault) = tool.fault() {
            self.fault.get_or_insert(fault);
        }
        self.tools.push(tool);
        self
    }

    /// Whether the model should use tools. For the same clients as [`Sampling::tool`].
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.choice = Some(choice);
        self
    }

    /// What the client should tell the model about its servers. The client need not comply. From 2025-11-25
    /// on, clients that did not declare `sampling.context` are only asked for [`IncludedContext::None`].
    #[must_use]
    pub fn include_context(mut self, context: IncludedContext) -> Self {
        self.context = Some(context);
        self
    }

    /// The key of the question in `inputRequests` of 2026-07-28, under which the client answers. Default:
    /// `sampling`. When a handler asks several questions of one key, the later ones get a number.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// How long to wait for the answer, which must be longer than zero. Default: 60 s
    /// ([`Timeouts::reply`](crate::Timeouts::reply)).
    /// The call that asks ends in any case after [`Timeouts::request`](crate::Timeouts::request). In
    /// 2026-07-28 nobody waits, and this has no effect.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    pub(crate) fn key_or_default(&self) -> &str {
        self.key.as_deref().unwrap_or("sampling")
    }

    /// The system prompt.
    #[must_use]
    pub fn system_prompt(self, prompt: impl Into<String>) -> Self {
        self.set("systemPrompt", prompt.into())
    }

    /// The temperature of the model.
    #[must_use]
    pub fn temperature(self, temperature: f64) -> Self {
        self.set("temperature", temperature)
    }

    /// Texts that end the completion.
    #[must_use]
    pub fn stop_sequences(self, sequences: &[&str]) -> Self {
        self.set("stopSequences", json!(sequences))
    }

    /// The `modelPreferences` object: hints and priorities.
    #[must_use]
    pub fn model_preferences(self, preferences: Value) -> Self {
        self.set("modelPreferences", preferences)
    }

    /// The `metadata` object, for the provider.
    #[must_use]
    pub fn metadata(self, metadata: Value) -> Self {
        self.set("metadata", metadata)
    }

    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.rest.insert(key.to_owned(), value.into());
        self
    }

    /// The params for a client that declared this of `sampling`; `null` means nothing.
    pub(crate) fn params(
        &self,
        version: ProtocolVersion,
        declared: &Value,
    ) -> Result<Value, RequestError> {
        if let Some(fault) = &self.fault {
            return Err(RequestError::Faulty(fault.clone()));
        }
        let offers = |what: &str| {
            version.has_sampling_tools() && declared.get(what).is_some_and(Value::is_object)
        };
        let needs_tools = self.needs_tools();
        if !declared.is_object() || (needs_tools && !offers("tools")) {
            let needed = if needs_tools {
                json!({"tools": {}})
            } else {
                json!({})
            };
            return Err(RequestError::not_offered(json!({ "sampling": needed })));
        }
        let mut params = Value::from(self.rest.clone());
        params["messages"] = self
            .turns
            .iter()
            .flat_map(|turn| turn.messages(version))
            .collect();
        let context = self.context.filter(|context| {
            let is_plain = *context == IncludedContext::None || !version.has_sampling_tools();
            is_plain || offers("context")
        });
        if let Some(context) = context {
            params["includeContext"] = context.as_str().into();
        }
        if !self.tools.is_empty() {
            params["tools"] = self
                .tools
                .iter()
                .map(|tool| tool.to_value(version))
                .collect();
        }
        if let Some(choice) = self.choice {
            params["toolChoice"] = json!({"mode": choice.as_str()});
        }
        Ok(params)
    }

    /// Whether only clients that declared `sampling.tools` understand it (SPEC E-98).
    fn needs_tools(&self) -> bool {
        let is_of_tools = |turn: &Turn| matches!(turn, Turn::Tools(..));
        !self.tools.is_empty() || self.choice.is_some() || self.turns.iter().any(is_of_tools)
    }
}

impl Turn {
    fn messages(&self, version: ProtocolVersion) -> Vec<Value> {
        let message =
            |role: Role, content: Value| json!({"role": role.as_str(), "content": content});
        match self {
            Self::Message(role, blocks) => {
                let mut blocks: Vec<_> =
                    blocks.iter().map(|block| block.to_value(version)).collect();
                // A single block goes without a list in every revision, because all clients accept that.
                if blocks.len() > 1 && version.has_sampling_tools() {
                    blocks = vec![blocks.into()];
                }
                let messages = blocks.into_iter().map(|content| message(*role, content));
                messages.collect()
            }
            // SPEC E-99: "the next message MUST be a user message that consists entirely of
            // tool_result blocks".
            Self::Tools(said, results) => {
                let results = results
                    .iter()
                    .map(|(id, result)| result.to_block(id, version));
                vec![
                    message(Role::Assistant, said.clone()),
                    message(Role::User, results.collect()),
                ]
            }
        }
    }
}

impl ToolChoice {
    fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "required",
            Self::None => "none",
        }
    }
}

impl IncludedContext {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ThisServer => "thisServer",
            Self::AllServers => "allServers",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::resource::definition::Resource;

    const V06: ProtocolVersion = ProtocolVersion::V2025_06_18;
    const V11: ProtocolVersion = ProtocolVersion::V2025_11_25;
    const V26: ProtocolVersion = ProtocolVersion::V2026_07_28;

    fn everything() -> Value {
        json!({"tools": {}, "context": {}})
    }

    fn uses(ids: &[&str]) -> Sampled {
        let used =
            |id: &&str| json!({"type": "tool_use", "id": id, "name": "t", "input": {"a": 1}});
        let mut content: Vec<_> = ids.iter().map(used).collect();
        content.insert(0, json!({"type": "text", "text": "let me see"}));
        let answer = json!({"role": "assistant", "model": "m", "stopReason": "toolUse",
            "content": content});
        Sampled::read(answer).unwrap()
    }

    fn gave(id: &str) -> (String, ToolResult) {
        (id.to_owned(), ToolResult::structured(json!({"n": 1})))
    }

    /// SPEC E-97: a context other than `none` only where it was declared, from 2025-11-25 on.
    #[test]
    fn context_is_included_where_it_was_declared() {
        #[track_caller]
        fn check(context: IncludedContext, version: ProtocolVersion, declared: &Value, sent: &str) {
            let sampling = Sampling::new(1).include_context(context);
            let params = sampling.params(version, declared).unwrap();
            let found = params.get("includeContext").and_then(Value::as_str);
            assert_eq!(found.unwrap_or_default(), sent, "{version}");
        }
        for version in ProtocolVersion::ALL {
            check(IncludedContext::None, version, &json!({}), "none");
            check(
                IncludedContext::ThisServer,
                version,
                &everything(),
                "thisServer",
            );
            let sent = if version.has_sampling_tools() {
                ""
            } else {
                "allServers"
            };
            check(IncludedContext::AllServers, version, &json!({}), sent);
        }
        let params = Sampling::new(1).params(V26, &everything()).unwrap();
        assert_eq!(params, json!({"maxTokens": 1, "messages": []}));
    }

    /// SPEC E-98: tools only for clients that declared them, in the revisions that have them.
    #[test]
    fn tools_go_to_clients_that_declared_them() {
        let tools = Sampling::new(1).tool(Tool::new("t"));
        let choice = Sampling::new(1).tool_choice(ToolChoice::None);
        let turn = Sampling::new(1).tool_turn(&uses(&["1"]), [gave("1")]);
        for sampling in [&tools, &choice, &turn] {
            for version in ProtocolVersion::ALL {
                let needed = json!({"sampling": {"tools": {}}});
                let refused = Err(RequestError::not_offered(needed));
                assert_eq!(sampling.params(version, &json!({})), refused, "{version}");
                let params = sampling.params(version, &everything());
                assert_eq!(params.is_ok(), version.has_sampling_tools(), "{version}");
            }
        }
        let both = tools.tool_choice(ToolChoice::Required);
        let params = both.params(V11, &everything()).unwrap();
        assert_eq!(params["tools"], json!([Tool::new("t").to_value(V11)]));
        assert_eq!(params["toolChoice"], json!({"mode": "required"}));
    }

    /// SPEC E-99: a message is one block before 2025-11-25, and may be a list from then on.
    #[test]
    fn messages_take_the_form_of_the_revision() {
        let blocks = || [Content::text("a"), Content::image(b"f", "image/png")];
        let sampling = Sampling::new(1)
            .blocks(Role::User, blocks())
            .blocks(Role::User, [])
            .message(Role::Assistant, "b");
        let text = |text: &str| json!({"type": "text", "text": text});
        let image = json!({"type": "image", "data": "Zg==", "mimeType": "image/png"});
        let messages = |version| {
            let params = sampling.params(version, &json!({})).unwrap();
            params["messages"].clone()
        };
        let old = json!([
            {"role": "user", "content": text("a")},
            {"role": "user", "content": image},
            {"role": "assistant", "content": text("b")},
        ]);
        assert_eq!(messages(V06), old);
        let new = json!([
            {"role": "user", "content": [text("a"), image]},
            {"role": "assistant", "content": text("b")},
        ]);
        assert_eq!(messages(V11), new);
        assert_eq!(messages(V26), new);
    }

    /// SPEC E-99: what the model said, then only results, one for each use.
    #[test]
    fn a_tool_turn_is_answered_by_results_alone() {
        let sampled = uses(&["1", "2"]);
        let failed = ("1".to_owned(), ToolResult::error("no").meta("a", 1));
        let sampling = Sampling::new(1).tool_turn(&sampled, [gave("2"), failed]);
        let params = sampling.params(V11, &everything()).unwrap();
        assert_eq!(
            params["messages"],
            json!([
                {"role": "assistant", "content": sampled.raw["content"]},
                {"role": "user", "content": [
                    {"type": "tool_result", "toolUseId": "2", "structuredContent": {"n": 1},
                        "content": [{"type": "text", "text": r#"{"n":1}"#}]},
                    {"type": "tool_result", "toolUseId": "1", "isError": true, "_meta": {"a": 1},
                        "content": [{"type": "text", "text": "no"}]},
                ]},
            ])
        );
    }

    /// SPEC E-99: anything else than one result for each use is refused, and what else no client
    /// may be asked.
    #[test]
    fn a_faulty_sampling_is_refused() {
        for results in [
            &[][..],
            &["1"],
            &["1", "1"],
            &["1", "2", "3"],
            &["1", "2", "2"],
            &["1", "3"],
        ] {
            let results = results.iter().map(|id| gave(id));
            let sampling = Sampling::new(1).tool_turn(&uses(&["1", "2"]), results);
            let refused = sampling.params(V11, &everything());
            assert!(
                matches!(refused, Err(RequestError::Faulty(_))),
                "{refused:?}"
            );
        }
        let refused = Sampling::new(1)
            .tool_turn(&uses(&[]), [])
            .params(V11, &everything());
        assert!(matches!(refused, Err(RequestError::Faulty(_))));
        let link = Content::link(Resource::new("a://b", "b"));
        let refused = Sampling::new(1)
            .message(Role::User, link)
            .params(V26, &json!({}));
        assert!(matches!(refused, Err(RequestError::Faulty(_))), "SPEC K");
        let refused = Sampling::new(1)
            .tool(Tool::new(""))
            .params(V11, &everything());
        assert!(matches!(refused, Err(RequestError::Faulty(_))));
    }
}
