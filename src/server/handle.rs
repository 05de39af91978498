//! [`Server`]: the handle of a server, and the dispatcher that it is.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::about::About;
use super::answer::listening::listen;
use super::answer::methods::answer;
use super::call::{Call, Logging};
use super::completion::{CompletionRequest, completion_handler};
use super::handler_error::HandlerError;
use super::metadata::icon::icons_fault;
use super::registry::Registry;
use super::result::cache::{Cache, CacheScope};
use super::round::Round;
use super::shared::Shared;
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

/// An MCP server: its tools, resources and prompts, and a [`Dispatcher`] that answers for them.
///
/// A `Server` is a cheap handle: all clones are one server. Keep a clone to add tools, or to tell
/// clients of changes, while the service runs. Handlers are functions or closures that return a future:
/// an `async fn`, or a closure `async |call, arguments| …`. The server declares a capability as soon as
/// something of its kind is registered.
///
/// What cannot be served (two tools of one name, a schema of the wrong kind) fails the build of the
/// service: [`Builder::build`](crate::Builder::build) returns the first such error.
///
/// ```
/// use mcp_wire::server::{Arguments, Call, Server, Tool, HandlerError};
/// use serde_json::json;
///
/// async fn add(_cx: Call, args: Arguments) -> Result<String, HandlerError> {
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
pub struct Server(pub(super) Arc<Shared>);

impl Server {
    /// A server of this name and version, without tools, resources or prompts.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self(Arc::new(Shared::new(name.into(), version.into())))
    }

    /// Sets what the server tells of itself. Only the first call has an effect.
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
        match fault {
            Some(fault) => self.configure(|registry| registry.remember(fault)),
            None => self,
        }
    }

    /// Completes arguments of prompts and variables of resource templates. The handler is asked only
    /// for arguments and variables that exist. Clients get at most 100 of its candidates, the first ones.
    pub fn completion<F>(
        self,
        handler: impl Fn(Call, CompletionRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<String>, HandlerError>> + Send + 'static,
    {
        let handler = completion_handler(handler);
        self.configure(|registry| {
            if registry.completion.replace(handler).is_some() {
                registry.remember(
                    "`Server::completion` is called twice: one handler completes all arguments, and is told \
                     which prompt or template they belong to"
                        .to_owned(),
                );
            }
        })
    }

    /// Declares that handlers log to the client. Without it, [`Call::log`] sends nothing.
    pub fn logging(self) -> Self {
        self.configure(|registry| registry.logging = Logging::On)
    }

    /// Declares an extension, in the `extensions` of the server's capabilities (*2026-07-28, Lifecycle,
    /// Capabilities*). `settings` is an object, which is often empty. Ask [`Call::client_extension`] in
    /// handlers whether the client has the extension too.
    ///
    /// Revisions before 2026-07-28 have no extensions but `io.modelcontextprotocol/ui`, so their clients are
    /// told of no other. [`Server::experimental`] reaches them.
    ///
    /// The build of the service fails if the id is not a prefix and a name, such as `com.example/feature`, if
    /// the settings are no object, or if the extension is declared already.
    ///
    /// ```
    /// use mcp_wire::server::{Call, Server, Tool};
    /// use serde_json::json;
    ///
    /// let server = Server::new("Charts", "1.0.0")
    ///     .extension("com.example/charts", json!({"formats": ["svg"]}))
    ///     .tool(Tool::new("chart"), async |cx: Call, _| {
    ///         match cx.client_extension("com.example/charts") {
    ///             Some(_settings) => "<svg/>",
    ///             None => "a chart as a table",
    ///         }
    ///     });
    /// ```
    pub fn extension(self, id: impl Into<String>, settings: impl Into<Value>) -> Self {
        let (id, settings) = (id.into(), settings.into());
        self.configure(|registry| {
            if let Err(fault) = registry.extensions.add(id, settings) {
                registry.remember(fault);
            }
        })
    }

    /// Declares a capability that no revision defines, in the `experimental` of the server's capabilities
    /// (*2025-11-25, Lifecycle, Capability Negotiation*). Clients of every revision are told.
    ///
    /// The build of the service fails if the name is empty, if the settings are no object, or if the
    /// capability is declared already.
    pub fn experimental(self, name: impl Into<String>, settings: impl Into<Value>) -> Self {
        let (name, settings) = (name.into(), settings.into());
        self.configure(|registry| {
            if let Err(fault) = registry.extensions.add_experimental(name, settings) {
                registry.remember(fault);
            }
        })
    }

    /// Lets clients subscribe to resources. Call [`Server::resource_updated`] when one changes.
    pub fn subscriptions(self) -> Self {
        self.configure(|registry| registry.subscriptions = true)
    }

    /// How long clients of 2026-07-28 may keep lists and the answer to `server/discover`, and who may
    /// share them. Default: they may not be kept, and are private.
    ///
    /// An answer to a client with an identity is private whatever `scope` says. The contents of a
    /// resource have a setting of their own ([`Resource::cache`](super::Resource::cache)).
    pub fn cache_lists(self, ttl: Duration, scope: CacheScope) -> Self {
        self.configure(|registry| registry.lists_cache = Cache { ttl, scope })
    }

    /// The keys that seal the state which a request of 2026-07-28 carries from one round to the next.
    /// Processes that serve one address need the same keys. Only the first call has an effect.
    /// Default: keys that this process makes for itself.
    #[cfg(feature = "request-state")]
    #[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
    pub fn state_keys(self, keys: StateKeys) -> Self {
        let _ = self.0.state_keys.set(keys);
        self
    }

    pub(super) fn configure(self, set: impl FnOnce(&mut Registry)) -> Self {
        self.0.current.change(set);
        self
    }

    /// Tells every client that subscribed to a resource that it has new contents. Never waits. Nothing
    /// is sent without [`Server::subscriptions`].
    pub fn resource_updated(&self, uri: impl Into<String>) {
        self.publish(&Change::Resource(uri.into()));
    }

    /// Tells clients of a change that only your code can see. Never waits. Nothing is sent if the
    /// server has nothing of that kind, and so declared no such capability.
    pub fn publish(&self, change: &Change) {
        if !self.0.current.get().declares(change) {
            return;
        }
        if let Some(publisher) = self.0.publisher.get() {
            publisher.publish(change);
        }
    }
}

impl Dispatcher for Server {
    fn request(&self, cx: Context, mut request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let server = Arc::clone(&self.0);
        let registry = server.current.get();
        let is_modern = cx.version().era() == Era::Modern;
        if is_modern && *request.kind() == Method::SubscriptionsListen && registry.is_listenable() {
            return Box::pin(listen(server, &registry, cx, &request));
        }
        let round = is_modern.then(Round::default);
        let call = Call::new(cx, &request, registry.logging, round);
        Box::pin(async move { answer(&server, &registry, call, &mut request).await })
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
        let attached = self.0.publisher.set(publisher);
        attached.map_err(|_| Error::setup("a server can be given to one service only".to_owned()))
    }
}

/// Without an authorizer no client has a scope, so none could use what needs one.
pub(super) fn check_authorized(publisher: &Publisher) -> Result<(), Error> {
    if publisher.is_authorized() {
        return Ok(());
    }
    let message = "a tool, resource or prompt needs scopes, but the service has no authorizer \
                   (`Builder::authorizer`), so no client could ever use it";
    Err(Error::setup(message.to_owned()))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.0.name)
            .field("version", &self.0.version)
            .finish_non_exhaustive()
    }
}
