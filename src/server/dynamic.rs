//! Lists that are not fixed: what handlers list, page by page and for each caller, and who answers for it.

use std::future::Future;
use std::sync::Arc;

use super::call::Call;
use super::fallback::{PromptCall, PromptFallback, ToolCall, ToolFallback};
use super::handle::Server;
use super::handler_error::HandlerError;
use super::prompt::definition::Prompt;
use super::prompt::handler::IntoPromptResult;
use super::registry::{PageSize, Registered};
use super::resource::definition::Resource;
use super::resource::template::ResourceTemplate;
use super::result::page::{Cursor, Page};
use super::tool::definition::Tool;
use super::tool::handler::IntoToolResult;

/// Lists that depend on the caller, or that come from a database.
///
/// A list handler is called for a page: with `None` for its first one, then with the [`Cursor`] that it gave for
/// the next. Its items follow those that are registered; its first page is on the same page as the last
/// registered item. The caller is [`Context::identity`](crate::Context::identity) of the call. Clients are told
/// that the answer is private, and may keep it as long as [`Server::cache_lists`] says.
///
/// An item that could not be registered, or that is registered, is left out, and the operator is told why
/// ([`ServiceEvent::HandlerFailed`](crate::ServiceEvent::HandlerFailed)). So is a cursor that a handler gives
/// for its own page, which would have clients ask for ever. The server declares the capability, even if nothing is
/// registered. Call [`Server::publish`] or [`Server::publish_to`] when a list has changed.
///
/// **What is listed is not yet served.** A tool or a prompt is answered by [`Server::tool_fallback`] or
/// [`Server::prompt_fallback`], a resource by a template that matches its URI ([`Server::resource_template`]).
/// They check who asks: a list does not protect what it leaves out. The scopes of a listed item are used for
/// [`Server::list_only_permitted`] alone; the fallback checks them with [`Call::require_scopes`].
///
/// ```
/// use mcp_wire::server::{Call, Cursor, HandlerError, Page, Server, Tool, ToolCall};
///
/// /// Each user has tools of their own.
/// async fn list(cx: Call, _: Option<Cursor>) -> Result<Page<Tool>, HandlerError> {
///     let user = cx.identity().map_or("guest", |identity| identity.principal());
///     Ok(Page::new([Tool::new(format!("{user}_notes"))]))
/// }
///
/// async fn call(cx: Call, asked: ToolCall) -> Result<String, HandlerError> {
///     let user = cx.identity().map_or("guest", |identity| identity.principal());
///     if asked.name() != format!("{user}_notes") {
///         return Err(asked.unknown().into());
///     }
///     Ok(format!("the notes of {user}"))
/// }
///
/// let server = Server::new("Notes", "1.0.0").list_tools(list).tool_fallback(call);
/// ```
impl Server {
    /// Lists tools that are not registered. A second handler fails the build of the service.
    pub fn list_tools<F>(
        self,
        handler: impl Fn(Call, Option<Cursor>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Page<Tool>, HandlerError>> + Send + 'static,
    {
        self.list_with(handler)
    }

    /// Lists resources that are not registered. A second handler fails the build of the service.
    pub fn list_resources<F>(
        self,
        handler: impl Fn(Call, Option<Cursor>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Page<Resource>, HandlerError>> + Send + 'static,
    {
        self.list_with(handler)
    }

    /// Lists resource templates that are not registered. A second handler fails the build of the service.
    pub fn list_resource_templates<F>(
        self,
        handler: impl Fn(Call, Option<Cursor>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Page<ResourceTemplate>, HandlerError>> + Send + 'static,
    {
        self.list_with(handler)
    }

    /// Lists prompts that are not registered. A second handler fails the build of the service.
    pub fn list_prompts<F>(
        self,
        handler: impl Fn(Call, Option<Cursor>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Page<Prompt>, HandlerError>> + Send + 'static,
    {
        self.list_with(handler)
    }

    fn list_with<T: Registered, F>(
        self,
        handler: impl Fn(Call, Option<Cursor>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Page<T>, HandlerError>> + Send + 'static,
    {
        self.configure(|registry| {
            let lister = Arc::new(move |call, cursor| Box::pin(handler(call, cursor)) as _);
            if let Err(fault) = T::catalog_mut(registry).list_with(lister) {
                registry.remember(fault);
            }
        })
    }

    /// Answers calls of tools that are not registered, such as those that a list handler tells of. A name that
    /// the handler does not know is answered with [`ToolCall::unknown`]. Neither arguments nor results are
    /// compared with a schema, and no headers with the arguments. The last call of this method counts.
    pub fn tool_fallback<F, R>(
        self,
        handler: impl Fn(Call, ToolCall) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoToolResult,
    {
        let fallback: ToolFallback = Arc::new(move |call, asked| {
            let running = handler(call, asked);
            Box::pin(async move { running.await.into_tool_result() })
        });
        self.configure(|registry| {
            registry.tools.offer();
            registry.tool_fallback = Some(fallback);
        })
    }

    /// Answers requests for prompts that are not registered, such as those that a list handler tells of. A name
    /// that the handler does not know is answered with [`PromptCall::unknown`]. The last call of this method
    /// counts.
    pub fn prompt_fallback<F, R>(
        self,
        handler: impl Fn(Call, PromptCall) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoPromptResult,
    {
        let fallback: PromptFallback = Arc::new(move |call, asked| {
            let running = handler(call, asked);
            Box::pin(async move { running.await.into_prompt_result() })
        });
        self.configure(|registry| {
            registry.prompts.offer();
            registry.prompt_fallback = Some(fallback);
        })
    }

    /// Leaves out of all lists what the caller lacks the scopes for. Such lists are private to the caller.
    /// Default: everything is listed, and a client that lacks a scope learns from the 403 which one to ask for.
    pub fn list_only_permitted(self) -> Self {
        self.configure(|registry| registry.lists_only_permitted = true)
    }

    /// How many registered items a page of a list has. A list handler decides about its own pages. Zero fails the
    /// build of the service. Default: 100.
    pub fn page_size(self, items: usize) -> Self {
        self.configure(|registry| {
            if items == 0 {
                registry.remember("`Server::page_size` must be at least 1".to_owned());
            }
            registry.page_size = PageSize(items.max(1));
        })
    }
}
