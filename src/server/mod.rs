//! MCP's own methods: tools, resources, prompts and what belongs to them. Knows nothing of HTTP.
//!
//! Start with [`Server`].

mod call;
mod client;
mod completion;
mod content;
mod metadata;
mod methods;
mod prompt;
mod question;
mod registry;
mod resource;
mod result;
mod round;
mod scopes;
#[cfg(feature = "request-state")]
mod state;
mod tool;
mod uri_template;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use self::call::Call;
pub use self::completion::{Completion, Target};
pub use self::content::Content;
pub use self::metadata::annotations::Annotations;
pub use self::metadata::icon::{Icon, Theme};
pub use self::metadata::role::Role;
pub use self::prompt::arguments::PromptArguments;
pub use self::prompt::definition::{Presence, Prompt, PromptArgument};
pub use self::prompt::handler::IntoPromptResult;
pub use self::prompt::result::PromptResult;
pub use self::question::elicitation::{Elicitation, Elicited};
pub use self::question::root::Root;
pub use self::question::sampled::{Sampled, ToolUse};
pub use self::question::sampling::{IncludedContext, Sampling, ToolChoice};
pub use self::resource::contents::ResourceContents;
pub use self::resource::definition::{Resource, ResourceTemplate};
pub use self::resource::handler::{IntoContents, Read};
pub use self::result::cache::CacheScope;
pub use self::result::text::Text;
pub use self::tool::arguments::Arguments;
pub use self::tool::definition::Tool;
pub use self::tool::error::ToolError;
pub use self::tool::handler::IntoToolResult;
pub use self::tool::result::ToolResult;
pub use self::uri_template::variables::Variables;

use self::completion::completion_handler;
use self::metadata::icon::icons_fault;
use self::prompt::handler::prompt_handler;
use self::registry::{Current, Registry};
use self::resource::handler::reader;
use self::result::cache::Cache;
use self::round::Round;
use self::tool::handler::tool_handler;
use self::uri_template::uri::is_absolute_uri;
use crate::error::Error;
use crate::protocol::change::Change;
#[cfg(feature = "request-state")]
use crate::transport::access::seal::StateKeys;
use crate::transport::dispatch::context::Context;
use crate::transport::dispatch::dispatcher::Dispatcher;
use crate::transport::dispatch::publisher::Publisher;
use crate::transport::future::BoxFuture;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::method::Method;
use crate::wire::version::Era;

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
    /// What results of 2026-07-28 name their server with, as JSON text.
    modern_info: OnceLock<String>,
    #[cfg(feature = "request-state")]
    state_keys: OnceLock<StateKeys>,
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
            modern_info: OnceLock::new(),
            #[cfg(feature = "request-state")]
            state_keys: OnceLock::new(),
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
            registry.has_scopes |= !resource.needed_scopes().is_empty();
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
            registry.has_scopes |= !template.needed_scopes().is_empty();
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
            registry.has_scopes |= !prompt.needed_scopes().is_empty();
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

    /// How long clients of 2026-07-28 may keep lists and what `server/discover` says, and for whom.
    /// Default: not at all, and private (SPEC D-70, D-73). What a resource holds has a setting of
    /// its own. What is answered to an identity is private, whatever is set (SPEC G-46).
    pub fn cache_lists(self, ttl: Duration, scope: CacheScope) -> Self {
        self.register(|registry| {
            registry.lists_cache = Cache { ttl, scope };
            Ok(())
        })
    }

    /// Seals the state of requests between rounds with these keys; counts once. Machines behind one
    /// address need the same. Default: keys that this process makes for itself.
    #[cfg(feature = "request-state")]
    #[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
    pub fn state_keys(self, keys: StateKeys) -> Self {
        let _ = self.0.state_keys.set(keys);
        self
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
    /// When the name is taken or the tool could not be served; so also when it needs scopes, and the
    /// service has no authorizer.
    pub fn add_tool<F, R>(
        &self,
        tool: Tool,
        handler: impl Fn(Call, Arguments) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoToolResult,
    {
        let has_scopes = !tool.needed_scopes().is_empty();
        if let Some(publisher) = self.0.publisher.get().filter(|_| has_scopes) {
            check_authorized(publisher)?;
        }
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
        registry.has_scopes |= !tool.needed_scopes().is_empty();
        added(registry.tools.add(&name, (tool, handler)), "tool", &name)
    }
}

/// Scopes protect nothing where nobody is asked who it is, and would let nobody in.
fn check_authorized(publisher: &Publisher) -> Result<(), Error> {
    if publisher.is_authorized() {
        return Ok(());
    }
    Err(Error::setup(
        "something needs scopes, and there is no authorizer that could tell who has them"
            .to_owned(),
    ))
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
    fn request(&self, cx: Context, mut request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let server = Arc::clone(&self.0);
        let registry = server.current.get();
        let is_modern = cx.version().era() == Era::Modern;
        if is_modern && *request.kind() == Method::SubscriptionsListen && registry.is_listenable() {
            return Box::pin(server.listen(&registry, cx, &request));
        }
        let round = is_modern.then(Round::default);
        let call = Call::new(cx, &request, registry.logging, round);
        Box::pin(async move { server.answer(&registry, call, &mut request).await })
    }

    fn scopes(&self, request: &Request) -> Vec<String> {
        self.0.current.get().scopes(request).to_vec()
    }

    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        let registry = self.0.current.get();
        if let Some(fault) = &registry.fault {
            return Err(Error::setup(fault.clone()));
        }
        if registry.has_scopes {
            check_authorized(&publisher)?;
        }
        self.0
            .publisher
            .set(publisher)
            .map_err(|_| Error::setup("a server can be given to one service only".to_owned()))
    }
}

#[cfg(feature = "request-state")]
impl Shared {
    fn state_keys(&self) -> &StateKeys {
        self.state_keys.get_or_init(StateKeys::of_this_process)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.0.name)
            .field("version", &self.0.version)
            .finish_non_exhaustive()
    }
}
