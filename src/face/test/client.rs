//! [`Client`]: a client of a service, in memory.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::connection::Connection;
use super::error::Error;
use super::notification::Notification;
use super::profile::Profile;
use super::question::{Question, Reply};
use super::result::{CallResult, CompletionResult, PromptResult, ReadResult};
use crate::protocol::level::LogLevel;
use crate::transport::access::identity::Identity;
use crate::transport::service::McpService;
use crate::wire::method::Method;
use crate::wire::version::ProtocolVersion;

/// A client of a service, without a socket: for tests.
///
/// It speaks one revision, as clients of that revision do: 2024-11-05 over HTTP+SSE, 2025-03-26 to
/// 2025-11-25 in a session of Streamable HTTP, 2026-07-28 without a session. Its requests go through
/// [`McpService::call`], so the authorizer, the scopes and the limits apply. The handshake is made before the
/// first request.
///
/// Clones are one client with one session. A setter makes a client of its own, which has not begun: so one
/// client serves as the template of others. When the last clone is dropped, the client is gone like one that
/// crashed; [`leave`](Self::leave) ends its session.
///
#[cfg_attr(feature = "server", doc = "```")]
#[cfg_attr(not(feature = "server"), doc = "```text")]
/// use mcp_wire::auth::{Identity, StaticTokens};
/// use mcp_wire::server::{Arguments, Call, HandlerError, Server, Tool};
/// use mcp_wire::{McpService, test::Client};
/// use serde_json::json;
///
/// async fn greet(cx: Call, args: Arguments) -> Result<String, HandlerError> {
///     let name = cx.identity().map_or("nobody", Identity::principal);
///     Ok(format!("{}, {name}!", args.str("greeting")?))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = StaticTokens::new().token("a-secret-of-ada", Identity::new("ada"));
/// let server = Server::new("Greeter", "1.0.0").tool(Tool::new("greet").input(json!({"type": "object"})), greet);
/// let mcp = McpService::builder(server).authorizer(tokens).build()?;
///
/// let ada = Client::new(&mcp).token("a-secret-of-ada");
/// assert_eq!(ada.call("greet", json!({"greeting": "Hello"})).await?.text(), "Hello, ada!");
/// assert!(ada.call("greet", json!({})).await?.is_error());
///
/// let stranger = Client::new(&mcp);
/// let refused = stranger.call("greet", json!({"greeting": "Hello"})).await.unwrap_err();
/// assert_eq!(refused.status(), Some(401));
/// # Ok(())
/// # }
/// ```
///
/// # Runtime
///
/// The methods need a Tokio runtime with its timer. On one that is paused, time passes while a client waits,
/// and so does its [`patience`](Self::patience).
///
/// # Cancel safety
///
/// Dropping the future of a request cancels the request, as a client of the revision does: with
/// `notifications/cancelled`, and in 2026-07-28 by closing the connection.
#[derive(Clone)]
pub struct Client {
    mcp: McpService,
    profile: Arc<Profile>,
    connection: Arc<OnceCell<Connection>>,
}

/// Who the client is, before it begins.
impl Client {
    /// A client of 2025-11-25 without an identity: the revision that most clients in use speak. Test
    /// each revision that your clients have with [`version`](Self::version).
    #[must_use]
    pub fn new(mcp: &McpService) -> Self {
        Self {
            mcp: mcp.clone(),
            profile: Arc::new(Profile::new()),
            connection: Arc::default(),
        }
    }

    fn with(mut self, set: impl FnOnce(&mut Profile)) -> Self {
        set(Arc::make_mut(&mut self.profile));
        self.connection = Arc::default();
        self
    }

    /// Sets the revision. Default: 2025-11-25.
    #[must_use]
    pub fn version(self, version: ProtocolVersion) -> Self {
        self.with(|profile| profile.version = version)
    }

    /// Sets who the client is: puts the identity into the extensions of each request, as an embedder does that
    /// authenticates its clients itself. If the service has an authorizer, that decides instead; send what it
    /// expects with [`token`](Self::token) or [`header`](Self::header). Default: unknown.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        self.with(|profile| profile.identity = Some(identity))
    }

    /// Sends a bearer token with each request, for the authorizer of the service.
    #[must_use]
    pub fn token(self, token: impl fmt::Display) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sends a header with each request. The headers of one name replace the one that the client would send
    /// itself, such as `host`, which is `localhost`. A header that is not valid fails the first request.
    #[must_use]
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|profile| profile.headers.push((name.into(), value.into())))
    }

    /// Sets the name that the client gives itself in `clientInfo`. Default: `test`.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|profile| profile.name = name.into())
    }

    /// Sets what the client declares: an object such as `{"sampling": {}}`. Default: what it has answers
    /// to ([`on_elicit`](Self::on_elicit), [`on_sample`](Self::on_sample), [`on_roots`](Self::on_roots)).
    #[must_use]
    pub fn capabilities(self, capabilities: impl Into<Value>) -> Self {
        self.with(|profile| profile.capabilities = Some(capabilities.into()))
    }

    /// Sets the least severity of the log messages that the client wants: by `logging/setLevel` after the
    /// handshake, and in 2026-07-28 with each request. Default: not said.
    #[must_use]
    pub fn log_level(self, level: LogLevel) -> Self {
        self.with(|profile| profile.log_level = Some(level))
    }

    /// Sets how long the client waits for an answer or a notification before it fails. Default: 30 s.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        self.with(|profile| profile.patience = patience)
    }

    /// Answers what the server asks the person (`elicitation/create`). A later closure replaces an earlier
    /// one. Default: the client does not declare that it can be asked.
    #[must_use]
    pub fn on_elicit(self, reply: impl Fn(Question) -> Reply + Send + Sync + 'static) -> Self {
        self.with(|profile| profile.replies.set(Method::ElicitationCreate, reply))
    }

    /// Answers what the server asks the model (`sampling/createMessage`), as [`on_elicit`](Self::on_elicit).
    #[must_use]
    pub fn on_sample(self, reply: impl Fn(Question) -> Reply + Send + Sync + 'static) -> Self {
        self.with(|profile| profile.replies.set(Method::SamplingCreateMessage, reply))
    }

    /// Answers with the roots of the client (`roots/list`), as [`on_elicit`](Self::on_elicit).
    #[must_use]
    pub fn on_roots(self, reply: impl Fn(Question) -> Reply + Send + Sync + 'static) -> Self {
        self.with(|profile| profile.replies.set(Method::RootsList, reply))
    }
}

/// Requests. Each fails with an [`Error`] that says what came instead of a result.
impl Client {
    /// Calls a tool with these arguments, an object. `null` sends none. A tool that fails gives a result,
    /// with [`CallResult::is_error`].
    ///
    /// The client asks for progress, and answers questions meanwhile.
    ///
    /// # Errors
    ///
    /// The server answered with an error, the service refused the request, or there was no answer.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<CallResult, Error> {
        let method = Method::ToolsCall.as_str();
        self.within(&titled(method, tool), async {
            let connection = self.connection().await?;
            let token = connection.token();
            let mut params = json!({"name": tool, "_meta": {"progressToken": token}});
            if !arguments.is_null() {
                params["arguments"] = arguments;
            }
            let raw = connection.request(method, &params).await?;
            let progress = connection.inbox().progress_of(&token);
            Ok(CallResult::new(raw, progress))
        })
        .await
    }

    /// All tools, from all pages, as they came.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn list_tools(&self) -> Result<Vec<Value>, Error> {
        self.list(Method::ToolsList, "tools").await
    }

    /// All resources, as [`list_tools`](Self::list_tools).
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn list_resources(&self) -> Result<Vec<Value>, Error> {
        self.list(Method::ResourcesList, "resources").await
    }

    /// All resource templates, as [`list_tools`](Self::list_tools).
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn list_resource_templates(&self) -> Result<Vec<Value>, Error> {
        self.list(Method::ResourceTemplatesList, "resourceTemplates")
            .await
    }

    /// All prompts, as [`list_tools`](Self::list_tools).
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn list_prompts(&self) -> Result<Vec<Value>, Error> {
        self.list(Method::PromptsList, "prompts").await
    }

    async fn list(&self, method: Method, key: &str) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        let mut params = Value::Null;
        loop {
            let mut page = self.request(method.as_str(), params.clone()).await?;
            let Value::Array(more) = page[key].take() else {
                let came = format!("{page} came, which has no list `{key}`");
                return Err(Error::unexpected(came).of(format!("`{}`", method.as_str())));
            };
            items.extend(more);
            let next = json!({"cursor": page["nextCursor"].take()});
            if next["cursor"].is_null() {
                return Ok(items);
            }
            if next == params {
                let came = format!("the page after {next} is that page again");
                return Err(Error::unexpected(came).of(format!("`{}`", method.as_str())));
            }
            params = next;
        }
    }

    /// Reads a resource.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn read(&self, uri: &str) -> Result<ReadResult, Error> {
        let params = json!({ "uri": uri });
        let raw = self.request(Method::ResourcesRead.as_str(), params).await?;
        Ok(ReadResult::new(raw))
    }

    /// Gets a prompt with these arguments: an object of texts. `null` sends none.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn prompt(&self, name: &str, arguments: Value) -> Result<PromptResult, Error> {
        let mut params = json!({ "name": name });
        if !arguments.is_null() {
            params["arguments"] = arguments;
        }
        let raw = self.request(Method::PromptsGet.as_str(), params).await?;
        Ok(PromptResult::new(raw))
    }

    /// Completes an argument of a prompt, of which the person has typed `value`.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn complete_prompt(
        &self,
        prompt: &str,
        argument: &str,
        value: &str,
    ) -> Result<CompletionResult, Error> {
        let target = json!({"type": "ref/prompt", "name": prompt});
        self.complete(target, argument, value).await
    }

    /// Completes a variable of a resource template, which is named by its text, such as `notes://{id}`.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn complete_template(
        &self,
        template: &str,
        variable: &str,
        value: &str,
    ) -> Result<CompletionResult, Error> {
        let target = json!({"type": "ref/resource", "uri": template});
        self.complete(target, variable, value).await
    }

    async fn complete(
        &self,
        target: Value,
        argument: &str,
        value: &str,
    ) -> Result<CompletionResult, Error> {
        let argument = json!({"name": argument, "value": value});
        let params = json!({"ref": target, "argument": argument});
        let method = Method::CompletionComplete.as_str();
        let raw = self.request(method, params).await?;
        Ok(CompletionResult::read(&raw))
    }

    /// What the server says of itself: the result of `initialize`, or in 2026-07-28 that of
    /// `server/discover`.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn server(&self) -> Result<Value, Error> {
        let what = "the question what the server is";
        self.within(what, async { self.connection().await?.server().await })
            .await
    }

    /// Sends any request and gives its result as it came. `null` sends no params. In 2026-07-28 the metadata
    /// that each request has is added, and questions are answered in further rounds.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn request(&self, method: &str, params: Value) -> Result<Value, Error> {
        let name = [&params["name"], &params["uri"]];
        let name = name.into_iter().find_map(Value::as_str);
        let what = titled(method, name.unwrap_or_default());
        self.within(&what, async {
            self.connection().await?.request(method, &params).await
        })
        .await
    }

    /// Sends any notification. `null` sends no params. Servers of 2026-07-28 accept it and ignore it.
    ///
    /// # Errors
    ///
    /// The service refused the notification.
    pub async fn notify(&self, method: &str, params: Value) -> Result<(), Error> {
        self.within(&titled(method, ""), async {
            self.connection().await?.notify(method, &params).await
        })
        .await
    }
}

/// What the server tells.
impl Client {
    /// Subscribes to a resource: with `resources/subscribe`, and in 2026-07-28 with a
    /// `subscriptions/listen` of its own. The client hears of changes from when this is ready.
    ///
    /// # Errors
    ///
    /// As [`Client::call`]; also if a server of 2026-07-28 does not honour the subscription.
    pub async fn subscribe(&self, uri: &str) -> Result<(), Error> {
        self.within(&format!("the subscription to {uri:?}"), async {
            self.connection().await?.subscribe(uri).await
        })
        .await
    }

    /// Ends a subscription to a resource.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn unsubscribe(&self, uri: &str) -> Result<(), Error> {
        self.within(&format!("the end of the subscription to {uri:?}"), async {
            self.connection().await?.unsubscribe(uri).await
        })
        .await
    }

    /// Listens to changes, with a filter in the form of 2026-07-28, such as
    /// `{"toolsListChanged": true, "resourceSubscriptions": ["notes://1"]}`. Gives what the server
    /// acknowledges.
    ///
    /// Clients of earlier revisions hear of changes of lists without asking; they subscribe to the resources
    /// of the filter, one by one.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn listen(&self, filter: Value) -> Result<Value, Error> {
        self.within("the request to listen", async {
            self.connection().await?.listen(filter).await
        })
        .await
    }

    /// The notifications that have arrived and were not taken yet, in order. Nothing that is under way is
    /// waited for.
    pub fn notifications(&self) -> Vec<Notification> {
        let connection = self.connection.get();
        connection.map_or_else(Vec::new, |connection| connection.inbox().take())
    }

    /// Waits for the next notification that was not taken yet.
    ///
    /// # Errors
    ///
    /// None came in time ([`patience`](Self::patience)), or the streams of the client have ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no notification.
    pub async fn next_notification(&self) -> Result<Notification, Error> {
        self.within("the wait for a notification", async {
            let next = self.connection().await?.inbox().next().await;
            next.ok_or_else(Error::ended)
        })
        .await
    }

    /// Waits for the next notification like this, and takes those before it too.
    ///
    /// ```
    /// # async fn example(client: mcp_wire::test::Client) -> Result<(), mcp_wire::test::Error> {
    /// client.subscribe("notes://1").await?;
    /// let told = client.wait_for(|told| told.uri().is_some()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_notification`](Self::next_notification).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the notifications that were not like this.
    pub async fn wait_for(
        &self,
        is_wanted: impl Fn(&Notification) -> bool,
    ) -> Result<Notification, Error> {
        self.within("the wait for a notification", async {
            let inbox = self.connection().await?.inbox();
            loop {
                match inbox.next().await {
                    Some(next) if is_wanted(&next) => return Ok(next),
                    Some(_) => {}
                    None => return Err(Error::ended()),
                }
            }
        })
        .await
    }

    /// Leaves in the form of the revision: with DELETE of the session, or by closing the streams. Clones of
    /// the client can do nothing more. A client that has not begun has nothing to end.
    ///
    /// # Errors
    ///
    /// The service refused to end the session.
    pub async fn leave(self) -> Result<(), Error> {
        let Some(connection) = self.connection.get() else {
            return Ok(());
        };
        self.within("the end of the session", connection.leave())
            .await
    }

    async fn connection(&self) -> Result<&Connection, Error> {
        let open = || {
            let opening = Connection::open(self.mcp.clone(), Arc::clone(&self.profile));
            async {
                let opened = opening.await;
                opened.map_err(|error| error.of("the handshake"))
            }
        };
        self.connection.get_or_try_init(open).await
    }

    /// Names what failed, and does not wait for ever.
    async fn within<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let patience = self.profile.patience;
        let outcome = match tokio::time::timeout(patience, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::timed_out(patience)),
        };
        outcome.map_err(|error| error.of(what))
    }
}

fn titled(method: &str, name: &str) -> String {
    match name {
        "" => format!("`{method}`"),
        name => format!("`{method}` of {name:?}"),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("version", &self.profile.version)
            .field("identity", &self.profile.identity)
            .finish_non_exhaustive()
    }
}
