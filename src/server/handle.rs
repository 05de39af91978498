//! [`Server`]: the handle of a server, and the dispatcher that it is.

use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde_json::Value;

use super::about::About;
use super::announce::{Announce, Audience};
use super::answer::listening::listen;
use super::answer::methods::answer;
use super::call::{Asking, Call, Logging};
use super::completion::{Completion, CompletionRequest, completion_handler};
use super::handler_error::HandlerError;
use super::metadata::icon::icons_fault;
use super::metadata::scopes::check_scopes;
use super::registry::{Registry, SubscriptionCheck};
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
/// clients of changes, while the service runs. The service keeps the server alive, and so does the handle that
/// [`Server::new`] made; a clone does not. So a handler may hold a clone, though [`Call::resource_updated`] and
/// [`Call::publish`] do without. When the server is gone, its clones do nothing. Handlers are functions or closures that return a future:
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
#[must_use = "a server does nothing until it is given to a service"]
pub struct Server {
    shared: Weak<Shared>,
    /// Set in the handle that `new` made, and in the one that a service has.
    owned: OnceLock<Arc<Shared>>,
}

impl Server {
    /// A server of this name and version, without tools, resources or prompts.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let shared = Arc::new(Shared::new(name.into(), version.into()));
        Self {
            shared: Arc::downgrade(&shared),
            owned: shared.into(),
        }
    }

    /// The server, if it still exists.
    pub(super) fn shared(&self) -> Option<Arc<Shared>> {
        let owned = self.owned.get().cloned();
        owned.or_else(|| self.shared.upgrade())
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
        if let Some(shared) = self.shared() {
            let _ = shared.about.set(about);
        }
        match fault {
            Some(fault) => self.configure(|registry| registry.remember(fault)),
            None => self,
        }
    }

    /// Completes arguments of prompts and variables of resource templates. The handler is asked only
    /// for arguments and variables that exist, and for those of prompts that are not registered if there is a
    /// [`Server::prompt_fallback`]. Clients get at most 100 of its candidates, the first ones. It returns a
    /// `Vec<String>` with all candidates, or a [`Completion`] that says how many there are.
    pub fn completion<F, C>(
        self,
        handler: impl Fn(Call, CompletionRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<C, HandlerError>> + Send + 'static,
        C: Into<Completion>,
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

    /// Lets clients subscribe to resources. Call [`Server::resource_updated`] or [`Call::resource_updated`] when
    /// one changes.
    ///
    /// Only who may read a resource hears of it: the handler of the resource is run for each subscription, and
    /// what it returns is dropped. If it fails, so does `resources/subscribe`, with the same error; a
    /// `subscriptions/listen` of 2026-07-28 leaves the resource out. The handler cannot ask the client anything
    /// in such a run. [`Server::authorize_subscriptions`] replaces the run.
    ///
    /// A subscription is to all spellings of a URI, so the handler is run for the URI as the client wrote it and,
    /// if that differs, for its normal form (*RFC 3986, 6.2.2*), which has its host in lower case. For
    /// `user://Ada/1` it must permit `user://ada/1` too: names that differ in case alone belong into the path.
    pub fn subscriptions(self) -> Self {
        self.configure(|registry| registry.subscriptions = true)
    }

    /// As [`Server::subscriptions`], and asks `handler` whether the caller may subscribe to a URI, instead of the
    /// handler of the resource: for resources that take long to read. It is asked only for resources that exist
    /// and for which the caller has the scopes, and also for the normal form of the URI. An error refuses the
    /// subscription.
    ///
    /// ```
    /// use mcp_wire::jsonrpc::ErrorObject;
    /// use mcp_wire::server::{Call, HandlerError, Server};
    ///
    /// async fn check(cx: Call, uri: String) -> Result<(), HandlerError> {
    ///     let principal = cx.identity().map_or("", |identity| identity.principal());
    ///     if uri.starts_with(&format!("notes://{principal}/")) {
    ///         return Ok(());
    ///     }
    ///     Err(ErrorObject::resource_not_found(&uri).into())
    /// }
    ///
    /// let server = Server::new("Notes", "1.0.0").authorize_subscriptions(check);
    /// ```
    pub fn authorize_subscriptions<F>(
        self,
        handler: impl Fn(Call, String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let check: SubscriptionCheck = Arc::new(move |call, uri| Box::pin(handler(call, uri)));
        self.configure(|registry| {
            registry.subscriptions = true;
            registry.subscription_check = Some(check);
        })
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
        if let Some(shared) = self.shared() {
            let _ = shared.state_keys.set(keys);
        }
        self
    }

    pub(super) fn configure(self, set: impl FnOnce(&mut Registry)) -> Self {
        if let Some(shared) = self.shared() {
            shared.current.change(set);
        }
        self
    }

    /// Tells every client that subscribed to a resource that it has new contents. Never waits. Nothing
    /// is sent without [`Server::subscriptions`].
    pub fn resource_updated(&self, uri: impl Into<String>) {
        self.publish(&Change::Resource(uri.into()));
    }

    /// As [`Server::resource_updated`], but tells only the clients of one principal
    /// ([`Identity::principal`](crate::auth::Identity::principal)).
    pub fn resource_updated_for(&self, principal: &str, uri: impl Into<String>) {
        self.publish_to(principal, &Change::Resource(uri.into()));
    }

    /// Tells clients of a change that only your code can see. Never waits. Nothing is sent if the
    /// server has nothing of that kind, and so declared no such capability.
    pub fn publish(&self, change: &Change) {
        self.announce(Audience::All, change);
    }

    /// As [`Server::publish`], but tells only the clients of one principal: that what the principal alone can
    /// see has changed. Clients without an identity belong to none.
    pub fn publish_to(&self, principal: &str, change: &Change) {
        self.announce(Audience::Principal(principal), change);
    }

    fn announce(&self, audience: Audience<'_>, change: &Change) {
        if let Some(shared) = self.shared() {
            shared.announce(audience, change);
        }
    }
}

impl Dispatcher for Server {
    fn request(&self, cx: Context, mut request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let Some(server) = self.shared() else {
            return Box::pin(ready(Err(ErrorObject::internal())));
        };
        let registry = server.current.get();
        // A dispatcher that wraps this one may have asked for no scopes, or may have changed the request.
        if let Err(refusal) = check_scopes(cx.identity(), &registry.scopes(&request)) {
            return Box::pin(ready(Err(refusal)));
        }
        let is_modern = cx.version().era() == Era::Modern;
        if is_modern && *request.kind() == Method::SubscriptionsListen && registry.is_listenable() {
            return Box::pin(listen(server, registry, cx, &request));
        }
        let asking = match is_modern {
            true => Asking::Ends(Round::default()),
            false => Asking::Waits,
        };
        let announcer: Weak<dyn Announce> = self.shared.clone();
        let call = Call::new(cx, &request, registry.logging, asking, Some(announcer));
        Box::pin(async move { answer(&server, &registry, call, &mut request).await })
    }

    fn scopes(&self, request: &Request) -> Vec<String> {
        let registry = self.shared().map(|shared| shared.current.get());
        registry.map_or_else(Vec::new, |registry| registry.scopes(request).into_owned())
    }

    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        let shared = self.shared().ok_or_else(gone)?;
        let registry = shared.current.get();
        if let Some(fault) = &registry.fault {
            return Err(Error::setup(fault.clone()));
        }
        let tools = registry.tools.iter().map(|entry| &entry.item);
        if let Some(fault) = tools.filter_map(|tool| registry.page_fault(tool)).next() {
            return Err(Error::setup(fault));
        }
        if registry.has_scopes {
            check_authorized(&publisher)?;
        }
        let attached = shared.publisher.set(publisher);
        attached
            .map_err(|_| Error::setup("a server can be given to one service only".to_owned()))?;
        #[cfg(feature = "skills")]
        shared.report_repeated_names(&registry.served_skills.repeated_names);
        // The service has this handle, whose server lives as long as the service does.
        self.owned.get_or_init(|| shared);
        Ok(())
    }
}

/// Why nothing can be done with a clone.
pub(super) fn gone() -> Error {
    let message = "the server of this handle is gone: a clone of a `Server` does not keep it alive; give the \
                   service the handle that `Server::new` made, or a clone of it while you hold it";
    Error::setup(message.to_owned())
}

/// A handle that does not keep the server alive.
impl Clone for Server {
    fn clone(&self) -> Self {
        Self {
            shared: Weak::clone(&self.shared),
            owned: OnceLock::new(),
        }
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
        let shared = self.shared();
        let shared = shared.as_ref();
        f.debug_struct("Server")
            .field("name", &shared.map(|shared| &shared.name))
            .field("version", &shared.map(|shared| &shared.version))
            .finish_non_exhaustive()
    }
}
