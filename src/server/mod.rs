//! MCP's own methods: tools, resources, prompts and what belongs to them. Knows nothing of HTTP.
//!
//! Start with [`Server`].

mod call;
mod client;
mod completion;
mod content;
mod elicitation;
mod icon;
mod meta;
mod mirror;
mod page;
mod prompt;
mod registry;
mod resource;
mod sampling;
mod tool;
mod uri_template;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

pub use self::call::Call;
pub use self::client::Root;
pub use self::completion::{Completion, Target};
pub use self::content::{Annotations, Content, Role};
pub use self::elicitation::{Elicitation, Elicited};
pub use self::icon::{Icon, Theme};
pub use self::prompt::{
    IntoPromptResult, Presence, Prompt, PromptArgument, PromptArguments, PromptResult,
};
pub use self::resource::{IntoContents, Read, Resource, ResourceContents, ResourceTemplate};
pub use self::sampling::{IncludedContext, Sampled, Sampling, ToolChoice, ToolUse};
pub use self::tool::{Arguments, IntoToolResult, Tool, ToolError, ToolResult};
pub use self::uri_template::Variables;

use self::completion::completion_handler;
use self::icon::{icons_fault, put_icons};
use self::page::page;
use self::prompt::prompt_handler;
use self::registry::{Current, Registry};
use self::resource::reader;
use self::tool::tool_handler;
use self::uri_template::is_absolute_uri;
use crate::error::Error;
use crate::protocol::change::Change;
use crate::protocol::level::LogLevel;
use crate::transport::dispatch::{BoxFuture, Context, Dispatcher, Publisher};
use crate::wire::jsonrpc::{ErrorObject, Json, Request};
use crate::wire::version::ProtocolVersion;

/// An MCP server: what it has, and a [`Dispatcher`] that answers for it.
///
/// A cheap handle: keep a clone to add tools or to tell of changes while the server runs. Handlers
/// are functions or closures that return a future; `async fn` and `async |call, arguments| …` both
/// do. A capability is declared when something of its kind is registered.
///
/// ```
/// use mcp_wire::server::{Arguments, Call, Server, Tool, ToolError};
/// use serde_json::json;
///
/// async fn add(_cx: Call, args: Arguments) -> Result<String, ToolError> {
///     Ok((args.integer("a")? + args.integer("b")?).to_string())
/// }
///
/// let schema = json!({
///     "type": "object",
///     "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
///     "required": ["a", "b"],
/// });
/// let server = Server::new("Calculator", "1.0.0").tool(Tool::new("add").input(schema), add);
/// ```
#[derive(Clone)]
#[must_use = "a server does nothing until it is given to a service"]
pub struct Server(Arc<Shared>);

struct Shared {
    about: OnceLock<About>,
    name: String,
    version: String,
    current: Current,
    publisher: OnceLock<Publisher>,
}

/// What a server tells of itself beside its name.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct About {
    /// A name for people. From 2025-06-18 on.
    pub title: Option<String>,
    /// What the server is. From 2025-11-25 on.
    pub description: Option<String>,
    /// Its home page. From 2025-11-25 on.
    pub website_url: Option<String>,
    /// Its icons. From 2025-11-25 on; one that clients do not take fails the service's build.
    pub icons: Vec<Icon>,
    /// How a model should use the server.
    pub instructions: Option<String>,
}

/// How many items a page of a list has.
const PAGE_SIZE: usize = 100;

impl Server {
    /// A server without anything, by name and version.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self(Arc::new(Shared {
            about: OnceLock::new(),
            name: name.into(),
            version: version.into(),
            current: Current::default(),
            publisher: OnceLock::new(),
        }))
    }

    /// Sets what the server tells of itself; counts once.
    ///
    /// ```
    /// # use mcp_wire::server::Server;
    /// let server = Server::new("Echo", "1.0.0").about(|about| {
    ///     about.instructions = Some("Say something, and hear it again.".into());
    /// });
    /// ```
    pub fn about(self, set: impl FnOnce(&mut About)) -> Self {
        let mut about = About::default();
        set(&mut about);
        let fault = icons_fault(&about.icons);
        let _ = self.0.about.set(about);
        self.register(|_| sound(fault))
    }

    /// Registers a tool. A name that is taken, or an input schema that is no object's, fails the
    /// build of the service.
    pub fn tool<F, R>(
        self,
        tool: Tool,
        handler: impl Fn(Call, Arguments) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoToolResult,
    {
        let added = add_tool(tool, handler);
        self.register(added)
    }

    /// Registers a resource.
    pub fn resource<F, R>(
        self,
        resource: Resource,
        handler: impl Fn(Call, Read) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoContents,
    {
        self.register(|registry| {
            let uri = resource.uri().to_owned();
            if !is_absolute_uri(&uri) {
                return Err(format!("{uri:?} is not an absolute URI"));
            }
            sound(resource.fault())?;
            let reader = reader(resource.mime(), handler);
            added(
                registry.resources.add(&uri, (resource, reader)),
                "resource",
                &uri,
            )
        })
    }

    /// Registers a resource template. A resource of exactly the URI goes before a template, and
    /// the first template that matches before the others.
    pub fn resource_template<F, R>(
        self,
        template: ResourceTemplate,
        handler: impl Fn(Call, Read) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoContents,
    {
        self.register(|registry| {
            let text = template.text().to_owned();
            let parsed = template.parse()?;
            sound(template.fault())?;
            let reader = reader(template.mime(), handler);
            let is_new = registry.templates.add(&text, (template, parsed, reader));
            added(is_new, "resource template", &text)
        })
    }

    /// Registers a prompt.
    pub fn prompt<F, R>(
        self,
        prompt: Prompt,
        handler: impl Fn(Call, PromptArguments) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoPromptResult,
    {
        self.register(|registry| {
            let name = prompt.name().to_owned();
            sound(prompt.fault())?;
            let handler = prompt_handler(handler);
            added(
                registry.prompts.add(&name, (prompt, handler)),
                "prompt",
                &name,
            )
        })
    }

    /// Completes arguments of prompts and variables of templates. The handler is asked only for
    /// those that exist; of its candidates the first 100 are sent.
    pub fn completion<F>(
        self,
        handler: impl Fn(Call, Completion) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<String>, ErrorObject>> + Send + 'static,
    {
        self.register(|registry| {
            registry.completion = Some(completion_handler(handler));
            Ok(())
        })
    }

    /// Declares that handlers log to the client with [`Call::log`]; without it they do not.
    pub fn logging(self) -> Self {
        self.register(|registry| {
            registry.logging = true;
            Ok(())
        })
    }

    /// Lets clients subscribe to resources; tell them with [`Server::resource_updated`].
    pub fn subscriptions(self) -> Self {
        self.register(|registry| {
            registry.subscriptions = true;
            Ok(())
        })
    }

    fn register(self, register: impl FnOnce(&mut Registry) -> Result<(), String>) -> Self {
        self.0.current.change(|registry| {
            if let Err(fault) = register(registry) {
                registry.fault.get_or_insert(fault);
            }
        });
        self
    }

    /// Adds a tool while the server runs, and tells the clients (SPEC E-43).
    ///
    /// # Errors
    ///
    /// When the name is taken or the tool could not be served.
    pub fn add_tool<F, R>(
        &self,
        tool: Tool,
        handler: impl Fn(Call, Arguments) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoToolResult,
    {
        self.0
            .current
            .change(add_tool(tool, handler))
            .map_err(Error::setup)?;
        self.publish(&Change::Tools);
        Ok(())
    }

    /// Takes a tool away while the server runs, and tells the clients; false if there is none.
    /// Calls of it that run go on.
    #[must_use]
    pub fn remove_tool(&self, name: &str) -> bool {
        let removed = self
            .0
            .current
            .change(|registry| registry.tools.remove(name));
        if removed.is_some() {
            self.publish(&Change::Tools);
        }
        removed.is_some()
    }

    /// Tells the sessions that subscribed to a resource that it has new contents (SPEC E-59).
    /// Nothing happens without [`Server::subscriptions`].
    pub fn resource_updated(&self, uri: impl Into<String>) {
        self.publish(&Change::Resource(uri.into()));
    }

    /// Tells clients of a change that handlers of yours know of. Nothing happens when it is of a
    /// kind that the server does not have, and so did not declare (SPEC E-43, E-60, E-69).
    pub fn publish(&self, change: &Change) {
        if !self.0.current.get().declares(change) {
            return;
        }
        if let Some(publisher) = self.0.publisher.get() {
            publisher.publish(change);
        }
    }
}

fn add_tool<F, R>(
    tool: Tool,
    handler: impl Fn(Call, Arguments) -> F + Send + Sync + 'static,
) -> impl FnOnce(&mut Registry) -> Result<(), String>
where
    F: Future<Output = R> + Send + 'static,
    R: IntoToolResult,
{
    let handler = tool_handler(handler);
    move |registry| {
        sound(tool.fault())?;
        let name = tool.name().to_owned();
        registry.offers_tools = true;
        added(registry.tools.add(&name, (tool, handler)), "tool", &name)
    }
}

fn sound(fault: Option<String>) -> Result<(), String> {
    fault.map_or(Ok(()), Err)
}

fn added(is_new: bool, what: &str, name: &str) -> Result<(), String> {
    if is_new {
        Ok(())
    } else {
        Err(format!("the {what} {name:?} is registered twice"))
    }
}

impl Dispatcher for Server {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let server = Arc::clone(&self.0);
        Box::pin(async move { server.answer(cx, request).await })
    }

    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        if let Some(fault) = &self.0.current.get().fault {
            return Err(Error::setup(fault.clone()));
        }
        self.0
            .publisher
            .set(publisher)
            .map_err(|_| Error::setup("a server can be given to one service only".to_owned()))
    }
}

type Answer = Result<Json, ErrorObject>;

impl Shared {
    async fn answer(&self, cx: Context, request: Request) -> Answer {
        let registry = self.current.get();
        let version = cx.version();
        // SPEC E-16: a method of a capability that is not declared is not there.
        match request.method() {
            "initialize" => self.initialize(&registry, &request),
            "ping" => Ok(Json::empty()),
            "tools/call" if registry.offers_tools => {
                call_tool(&registry, cx, request, version).await
            }
            "tools/list" if registry.offers_tools => {
                let items = registry
                    .tools
                    .iter()
                    .map(|(tool, _)| tool.to_value(version));
                list(&request, "tools", items)
            }
            "resources/list" if registry.has_resources() => {
                let items = registry
                    .resources
                    .iter()
                    .map(|(about, _)| about.to_value(version));
                list(&request, "resources", items)
            }
            "resources/templates/list" if registry.has_resources() => {
                let items = registry
                    .templates
                    .iter()
                    .map(|(about, ..)| about.to_value(version));
                list(&request, "resourceTemplates", items)
            }
            "resources/read" if registry.has_resources() => read(&registry, cx, request).await,
            "resources/subscribe" if registry.subscriptions => subscribe(&registry, &cx, &request),
            "resources/unsubscribe" if registry.subscriptions => {
                cx.unsubscribe(&the_uri(&request)?);
                Ok(Json::empty())
            }
            "prompts/list" if !registry.prompts.is_empty() => {
                let items = registry
                    .prompts
                    .iter()
                    .map(|(prompt, _)| prompt.to_value(version));
                list(&request, "prompts", items)
            }
            "prompts/get" if !registry.prompts.is_empty() => {
                prompt(&registry, cx, request, version).await
            }
            "completion/complete" => complete(&registry, cx, request, version).await,
            "logging/setLevel" if registry.logging => set_level(&cx, &request),
            method => Err(ErrorObject::method_not_found(method)),
        }
    }

    /// SPEC E-1 to E-3, and its outcome table.
    fn initialize(&self, registry: &Registry, request: &Request) -> Answer {
        let params = members(request)?;
        let invalid = |message: &'static str| ErrorObject::invalid_params(message);
        let requested = params
            .get("protocolVersion")
            .and_then(Value::as_str)
            .ok_or_else(|| invalid("`protocolVersion` must be a string"))?;
        if !params.get("capabilities").is_some_and(Value::is_object) {
            return Err(invalid("`capabilities` must be an object"));
        }
        let is_named = params.get("clientInfo").is_some_and(|info| {
            let has = |key: &str| info.get(key).is_some_and(Value::is_string);
            has("name") && has("version")
        });
        if !is_named {
            return Err(invalid(
                "`clientInfo` must have `name` and `version`, both strings",
            ));
        }
        let version = ProtocolVersion::negotiate(requested);
        let mut result = json!({
            "protocolVersion": version.as_str(),
            "capabilities": capabilities(registry, version),
            "serverInfo": self.info(version),
        });
        let about = self.about.get();
        if let Some(instructions) = about.and_then(|about| about.instructions.as_deref()) {
            result["instructions"] = instructions.into();
        }
        Ok(Json::from(&result))
    }

    /// SPEC E-1: each field from its revision on.
    fn info(&self, version: ProtocolVersion) -> Value {
        let mut info = json!({"name": self.name, "version": self.version});
        let Some(about) = self.about.get() else {
            return info;
        };
        let mut field = |key: &str, text: &Option<String>| {
            if let Some(text) = text {
                info[key] = text.as_str().into();
            }
        };
        if version.has_titles() {
            field("title", &about.title);
        }
        if version.has_implementation_details() {
            field("description", &about.description);
            field("websiteUrl", &about.website_url);
        }
        put_icons(&about.icons, &mut info, version);
        info
    }
}

/// SPEC E-15, E-17: what is offered, in the form of the revision.
fn capabilities(registry: &Registry, version: ProtocolVersion) -> Value {
    let mut offered = Map::new();
    let mut offer = |key: &str, settings: Value| offered.insert(key.to_owned(), settings);
    if registry.offers_tools {
        offer("tools", json!({"listChanged": true}));
    }
    if registry.has_resources() {
        let settings = json!({"subscribe": registry.subscriptions, "listChanged": true});
        offer("resources", settings);
    }
    if !registry.prompts.is_empty() {
        offer("prompts", json!({"listChanged": true}));
    }
    if registry.logging {
        offer("logging", json!({}));
    }
    if registry.completion.is_some() && version.has_completions_capability() {
        offer("completions", json!({}));
    }
    offered.into()
}

/// The members of the params, none when they are absent (SPEC E-27).
fn members(request: &Request) -> Result<Map<String, Value>, ErrorObject> {
    match request.params().map(|params| params.as_raw().to_value()) {
        None => Ok(Map::new()),
        Some(Ok(Value::Object(members))) => Ok(members),
        Some(_) => Err(ErrorObject::invalid_params("`params` cannot be read")),
    }
}

fn list(request: &Request, key: &str, items: impl ExactSizeIterator<Item = Value>) -> Answer {
    Ok(Json::from(&page(
        &members(request)?,
        key,
        items,
        PAGE_SIZE,
    )?))
}

/// SPEC E-33 to E-35, E-38.
async fn call_tool(
    registry: &Registry,
    cx: Context,
    request: Request,
    version: ProtocolVersion,
) -> Answer {
    let params = request.params();
    let name = params
        .and_then(|params| params.name())
        .ok_or_else(|| ErrorObject::invalid_params("`name` must be a string"))?;
    let (tool, handler) = registry.tools.get(&name).ok_or_else(|| {
        let name: String = name.chars().take(100).collect();
        ErrorObject::invalid_params(format!("unknown tool: {name}"))
    })?;
    let arguments = match params
        .and_then(|params| params.arguments())
        .map(|raw| raw.to_value())
    {
        None => Map::new(),
        Some(Ok(Value::Object(arguments))) => arguments,
        Some(_) => return Err(ErrorObject::invalid_params("`arguments` must be an object")),
    };
    drop(name);
    let call = Call::new(cx, request, registry.logging);
    let result = handler(call, Arguments::new(arguments)).await?;
    if !tool.allows(&result) {
        return Err(ErrorObject::internal());
    }
    Ok(result.to_json(version))
}

/// The absolute URI of a request about a resource (SPEC E-56).
fn the_uri(request: &Request) -> Result<String, ErrorObject> {
    let uri = request.params().and_then(|params| params.uri());
    uri.filter(|uri| is_absolute_uri(uri))
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| ErrorObject::invalid_params("`uri` must be an absolute URI"))
}

/// SPEC E-52 to E-54.
async fn read(registry: &Registry, cx: Context, request: Request) -> Answer {
    let uri = the_uri(&request)?;
    let (reader, read) = registry
        .reader(&uri)
        .ok_or_else(|| ErrorObject::resource_not_found(&uri))?;
    let version = cx.version();
    let contents = reader(Call::new(cx, request, registry.logging), read).await?;
    let contents: Value = contents.iter().map(|one| one.to_value(version)).collect();
    Ok(Json::from(&json!({ "contents": contents })))
}

/// SPEC E-57, E-58: only what can be read can be subscribed to.
fn subscribe(registry: &Registry, cx: &Context, request: &Request) -> Answer {
    let uri = the_uri(request)?;
    if registry.reader(&uri).is_none() {
        return Err(ErrorObject::resource_not_found(&uri));
    }
    if cx.subscribe(&uri) {
        Ok(Json::empty())
    } else {
        Err(ErrorObject::invalid_params(
            "this session has as many subscriptions as it may",
        ))
    }
}

/// SPEC E-66, E-67.
async fn prompt(
    registry: &Registry,
    cx: Context,
    request: Request,
    version: ProtocolVersion,
) -> Answer {
    let params = members(&request)?;
    let name = params
        .get("name")
        .and_then(Value::as_str)
        .ok_or_else(|| ErrorObject::invalid_params("`name` must be a string"))?;
    let (prompt, handler) = registry.prompts.get(name).ok_or_else(|| {
        let name: String = name.chars().take(100).collect();
        ErrorObject::invalid_params(format!("unknown prompt: {name}"))
    })?;
    let arguments = prompt.arguments(params.get("arguments"))?;
    let result = handler(Call::new(cx, request, registry.logging), arguments).await?;
    Ok(Json::from(&result.to_value(prompt, version)))
}

/// SPEC E-70 to E-72.
async fn complete(
    registry: &Registry,
    cx: Context,
    request: Request,
    version: ProtocolVersion,
) -> Answer {
    let Some(handler) = &registry.completion else {
        return Err(ErrorObject::method_not_found(request.method()));
    };
    let wanted = Completion::read(&members(&request)?, version)?;
    if !registry.has_argument(wanted.target(), wanted.argument()) {
        return Err(ErrorObject::invalid_params(
            "there is no such argument to complete",
        ));
    }
    let candidates = handler(Call::new(cx, request, registry.logging), wanted).await?;
    Ok(Json::from(&completion::to_value(&candidates)))
}

/// SPEC E-81.
fn set_level(cx: &Context, request: &Request) -> Answer {
    let params = members(request)?;
    let level = params
        .get("level")
        .and_then(Value::as_str)
        .and_then(LogLevel::parse);
    let level = level.ok_or_else(|| {
        let levels = LogLevel::ALL.map(LogLevel::as_str).join(", ");
        ErrorObject::invalid_params(format!("`level` must be one of {levels}"))
    })?;
    cx.set_log_level(level);
    Ok(Json::empty())
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.0.name)
            .field("version", &self.0.version)
            .finish_non_exhaustive()
    }
}
