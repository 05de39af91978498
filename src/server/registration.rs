//! Registers tools, resources, resource templates and prompts: before the service is built, and while it
//! runs.

use std::future::Future;

use super::call::Call;
use super::handle::{Server, check_authorized, gone};
use super::prompt::arguments::PromptArguments;
use super::prompt::definition::Prompt;
use super::prompt::handler::{IntoPromptResult, prompt_handler};
use super::registry::{Registered, Registry};
use super::resource::definition::Resource;
use super::resource::handler::{IntoResourceContents, ReadRequest, reader};
use super::resource::template::ResourceTemplate;
use super::resource::ui::UiResource;
use super::shared::Shared;
use super::tool::arguments::Arguments;
use super::tool::definition::Tool;
use super::tool::handler::{IntoToolResult, tool_handler};
use crate::error::Error;

/// Registration before the service is built. A registration that cannot be served fails the build:
/// when its name or URI is taken, or for the reasons that its setters give.
///
/// On a clone, while the service runs, each of these does what its counterpart does that begins with `add_`, but
/// the fault goes to the operator ([`ServiceEvent::HandlerFailed`](crate::ServiceEvent::HandlerFailed)).
impl Server {
    /// Registers a tool. `Server::typed_tool` registers one whose handler takes a type of yours.
    pub fn tool<F, R>(
        self,
        tool: Tool,
        handler: impl Fn(Call, Arguments) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoToolResult,
    {
        self.register(tool, tool_handler(handler))
    }

    /// Registers a resource, whose URI must be absolute.
    pub fn resource<F, R>(
        self,
        resource: Resource,
        handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceContents,
    {
        let reader = reader(resource.mime(), handler);
        self.register(resource, reader)
    }

    /// Registers a page that hosts with MCP Apps show beside what a tool answers ([`Tool::ui`]). Its handler
    /// returns HTML: a text, bytes, or one [`ResourceContents`](super::ResourceContents). The server then declares
    /// the extension, without settings unless [`Server::extension`] has set some.
    pub fn ui_resource<F, R>(
        self,
        resource: UiResource,
        handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceContents,
    {
        let (resource, reader) = resource.into_resource(handler);
        self.register(resource, reader)
    }

    /// Registers a resource template. A resource of exactly the requested URI takes precedence over
    /// every template, and a template takes precedence over those that were registered after it.
    pub fn resource_template<F, R>(
        self,
        template: ResourceTemplate,
        handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceContents,
    {
        let reader = reader(template.mime(), handler);
        self.register(template, reader)
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
        self.register(prompt, prompt_handler(handler))
    }

    pub(super) fn register<T: Registered>(self, item: T, handler: T::Handler) -> Self {
        match self.shared() {
            Some(shared) if shared.publisher.get().is_some() => {
                self.register_late(&shared, item, handler)
            }
            _ => {
                // As in `add`.
                let held = handler.clone();
                let server = self.configure(|registry| {
                    if let Err(fault) = registry.add(item, handler) {
                        registry.remember(fault);
                    }
                });
                drop(held);
                server
            }
        }
    }

    /// Registers an item through a clone while the service runs. Only the operator can be told of a fault.
    fn register_late<T: Registered>(self, shared: &Shared, item: T, handler: T::Handler) -> Self {
        let key = item.key().to_owned();
        if let Err(fault) = self.add(item, handler) {
            shared.report(T::LIST.method().as_str(), &key, &fault.to_string());
        }
        self
    }
}

/// Registration while the service runs. Clients that listen for changes of the list are told at once.
/// Clients learn of a capability only when they initialize or discover the server: register one item of
/// each kind before the service is built, or clients that came earlier will not look for others.
impl Server {
    /// Adds a tool while the service runs, and tells the clients.
    ///
    /// # Errors
    ///
    /// When the name is taken, when the tool cannot be served for a reason that its setters give, when it needs
    /// scopes but the service has no authorizer, and when the service runs but the page of the tool is not
    /// there yet.
    pub fn add_tool<F, R>(
        &self,
        tool: Tool,
        handler: impl Fn(Call, Arguments) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoToolResult,
    {
        self.add(tool, tool_handler(handler))
    }

    /// Adds a resource while the service runs, and tells the clients.
    ///
    /// # Errors
    ///
    /// As [`Server::add_tool`].
    pub fn add_resource<F, R>(
        &self,
        resource: Resource,
        handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceContents,
    {
        let reader = reader(resource.mime(), handler);
        self.add(resource, reader)
    }

    /// Adds a page that hosts show while the service runs, and tells the clients unless it is not listed. It is
    /// removed with [`Server::remove_resource`].
    ///
    /// # Errors
    ///
    /// As [`Server::add_tool`].
    pub fn add_ui_resource<F, R>(
        &self,
        resource: UiResource,
        handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceContents,
    {
        let (resource, reader) = resource.into_resource(handler);
        self.add(resource, reader)
    }

    /// Adds a resource template while the service runs, and tells the clients.
    ///
    /// # Errors
    ///
    /// As [`Server::add_tool`].
    pub fn add_resource_template<F, R>(
        &self,
        template: ResourceTemplate,
        handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceContents,
    {
        let reader = reader(template.mime(), handler);
        self.add(template, reader)
    }

    /// Adds a prompt while the service runs, and tells the clients.
    ///
    /// # Errors
    ///
    /// As [`Server::add_tool`].
    pub fn add_prompt<F, R>(
        &self,
        prompt: Prompt,
        handler: impl Fn(Call, PromptArguments) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoPromptResult,
    {
        self.add(prompt, prompt_handler(handler))
    }

    /// Removes the tool of this name while the service runs, and tells the clients. Returns false if there
    /// is none. Calls that are running go on to their end.
    #[must_use]
    pub fn remove_tool(&self, name: &str) -> bool {
        self.remove::<Tool>(name)
    }

    /// Removes the resource of this URI; else as [`Server::remove_tool`]. The files of skills stay, because entries
    /// of skills are complete.
    ///
    /// A page stays while a tool names it: this returns false, and the operator learns which tool has to be removed
    /// first ([`ServiceEvent::HandlerFailed`](crate::ServiceEvent::HandlerFailed)).
    #[must_use]
    pub fn remove_resource(&self, uri: &str) -> bool {
        #[cfg(feature = "skills")]
        let stays = |registry: &Registry| registry.serves_skill_file(uri);
        #[cfg(not(feature = "skills"))]
        let stays = |_: &Registry| false;
        self.remove_unless::<Resource>(uri, stays)
    }

    /// Removes the resource template of this text; else as [`Server::remove_resource`].
    #[must_use]
    pub fn remove_resource_template(&self, template: &str) -> bool {
        self.remove::<ResourceTemplate>(template)
    }

    /// Removes the prompt of this name; else as [`Server::remove_tool`].
    #[must_use]
    pub fn remove_prompt(&self, name: &str) -> bool {
        self.remove::<Prompt>(name)
    }

    pub(super) fn add<T: Registered>(&self, item: T, handler: T::Handler) -> Result<(), Error> {
        let shared = self.shared().ok_or_else(gone)?;
        let has_scopes = !item.needed_scopes().is_empty();
        let is_listed = item.is_listed();
        let publisher = shared.publisher.get();
        if let Some(publisher) = publisher.filter(|_| has_scopes) {
            check_authorized(publisher)?;
        }
        // A handler may hold values of the embedder, whose `Drop` may come back to the server: one that is refused
        // is dropped when the lock is free.
        let held = handler.clone();
        let added = shared.current.change(|registry| {
            // Before the service is built, the page may still come.
            match registry.page_fault(&item).filter(|_| publisher.is_some()) {
                Some(fault) => Err(fault),
                None => registry.add(item, handler),
            }
        });
        drop(held);
        added.map_err(Error::setup)?;
        if is_listed {
            self.publish(&T::CHANGE);
        }
        Ok(())
    }

    fn remove<T: Registered>(&self, key: &str) -> bool {
        self.remove_unless::<T>(key, |_| false)
    }

    fn remove_unless<T: Registered>(
        &self,
        key: &str,
        stays: impl FnOnce(&Registry) -> bool,
    ) -> bool {
        let Some(shared) = self.shared() else {
            return false;
        };
        let is_served = shared.publisher.get().is_some();
        let removed = shared.current.change(|registry| {
            if stays(registry) {
                return Ok(None);
            }
            match is_served {
                true => registry.remove::<T>(key),
                // The build looks at the pages that tools name.
                false => Ok(T::catalog_mut(registry).remove(key)),
            }
        });
        match removed {
            Ok(None) => false,
            Ok(Some(removed)) => {
                if removed.item.is_listed() {
                    self.publish(&T::CHANGE);
                }
                true
            }
            Err(fault) => {
                shared.report(T::LIST.method().as_str(), key, &fault);
                false
            }
        }
    }
}
