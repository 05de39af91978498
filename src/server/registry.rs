//! [`Registry`]: what a server has, and what it declares of it.

use std::sync::{Arc, PoisonError, RwLock};

use super::call::{Call, Logging};
use super::catalog::{Catalog, Entry};
use super::completion::CompletionHandler;
use super::extensions::Extensions;
use super::fallback::{PromptFallback, ToolFallback};
use super::handler_error::HandlerError;
use super::item::Item;
use super::prompt::definition::Prompt;
use super::resource::definition::Resource;
use super::resource::template::ResourceTemplate;
use super::resource::ui::UiResource;
use super::result::cache::Cache;
use super::result::first_pages::FirstPages;
#[cfg(feature = "skills")]
use super::served_skills::ServedSkills;
#[cfg(feature = "skills")]
use super::skill::entry::SkillEntry;
use super::tool::definition::Tool;
use crate::protocol::change::Change;
use crate::protocol::task::EXTENSION;
use crate::transport::future::BoxFuture;

/// The registry in force. A request is answered from the registry that it found, whatever changes
/// meanwhile: a change works on a copy while any request holds the old one.
#[derive(Default)]
pub(crate) struct Current(RwLock<Arc<Registry>>);

impl Current {
    pub(crate) fn get(&self) -> Arc<Registry> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let registry = Arc::make_mut(&mut current);
        registry.first_pages = FirstPages::default();
        change(registry)
    }
}

#[derive(Clone, Default)]
pub(crate) struct Registry {
    pub(crate) tools: Catalog<Tool>,
    pub(crate) resources: Catalog<Resource>,
    pub(crate) templates: Catalog<ResourceTemplate>,
    pub(crate) prompts: Catalog<Prompt>,
    #[cfg(feature = "skills")]
    pub(crate) skills: Catalog<SkillEntry>,
    #[cfg(feature = "skills")]
    pub(crate) served_skills: ServedSkills,
    pub(crate) completion: Option<CompletionHandler>,
    pub(crate) extensions: Extensions,
    pub(crate) logging: Logging,
    pub(crate) subscriptions: bool,
    /// Asked whether a client may subscribe; without it, the reader of the resource is.
    pub(crate) subscription_check: Option<SubscriptionCheck>,
    pub(crate) lists_cache: Cache,
    pub(crate) page_size: PageSize,
    /// Whether lists leave out what the caller lacks the scopes for.
    pub(crate) lists_only_permitted: bool,
    pub(crate) tool_fallback: Option<ToolFallback>,
    pub(crate) prompt_fallback: Option<PromptFallback>,
    /// The first pages of lists, written since the last change.
    pub(crate) first_pages: FirstPages,
    /// Whether any item needs scopes, and so the service an authorizer.
    pub(crate) has_scopes: bool,
    /// Whether any item can be a task.
    pub(crate) has_tasks: bool,
    /// Why the first registration that failed cannot be served.
    pub(crate) fault: Option<String>,
}

/// How many registered items a page of a list has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSize(pub(crate) usize);

impl Default for PageSize {
    fn default() -> Self {
        Self(100)
    }
}

/// Says whether the caller may subscribe to a URI.
pub(crate) type SubscriptionCheck =
    Arc<dyn Fn(Call, String) -> BoxFuture<Result<(), HandlerError>> + Send + Sync>;

/// An item that a registry has a catalog for.
pub(crate) trait Registered: Item + Sized {
    fn catalog(registry: &Registry) -> &Catalog<Self>;
    fn catalog_mut(registry: &mut Registry) -> &mut Catalog<Self>;
}

macro_rules! registered {
    ($($(#[$condition:meta])* $item:ty: $catalog:ident,)*) => {
        $($(#[$condition])*
        impl Registered for $item {
            fn catalog(registry: &Registry) -> &Catalog<Self> {
                &registry.$catalog
            }

            fn catalog_mut(registry: &mut Registry) -> &mut Catalog<Self> {
                &mut registry.$catalog
            }
        })*
    };
}

registered! {
    Tool: tools,
    Resource: resources,
    ResourceTemplate: templates,
    Prompt: prompts,
    #[cfg(feature = "skills")]
    SkillEntry: skills,
}

impl Registry {
    /// Adds an item with its handler.
    ///
    /// # Errors
    ///
    /// Says why the item cannot be served, or that its key is taken.
    pub(crate) fn add<T: Registered>(
        &mut self,
        item: T,
        handler: T::Handler,
    ) -> Result<(), String> {
        if let Some(fault) = item.fault().or_else(|| item.registration_fault()) {
            return Err(fault);
        }
        self.has_scopes |= !item.needed_scopes().is_empty();
        if item.may_be_task() {
            self.has_tasks = true;
            self.extensions.imply(EXTENSION);
        }
        if item.gives_pages() {
            self.extensions.imply(UiResource::EXTENSION);
        }
        T::catalog_mut(self).add(item, handler)
    }

    /// Removes an item, and gives it. The caller drops it after it has let go of its lock.
    ///
    /// # Errors
    ///
    /// Says which tool would be left without its page. Nothing is removed then.
    pub(crate) fn remove<T: Registered>(&mut self, key: &str) -> Result<Option<Entry<T>>, String> {
        let mut rest = self.clone();
        let removed = T::catalog_mut(&mut rest).remove(key);
        let has_page = |registry: &Self, tool: &Tool| registry.page_fault(tool).is_none();
        let mut tools = rest.tools.iter().map(|entry| &entry.item);
        if let Some(tool) = tools.find(|tool| has_page(self, tool) && !has_page(&rest, tool)) {
            return Err(format!(
                "the {} {key:?} was not removed, because the tool {:?} names a page of it: remove the tool first",
                T::NOUN,
                tool.key()
            ));
        }
        *self = rest;
        Ok(removed)
    }

    pub(crate) fn remember(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    pub(crate) fn offers_resources(&self) -> bool {
        self.resources.is_offered() || self.templates.is_offered()
    }

    /// Whether clients were told that they would hear of such a change.
    pub(crate) fn declares(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.tools.is_offered(),
            Change::Prompts => self.prompts.is_offered(),
            Change::Resources => self.offers_resources(),
            Change::Resource(_) => self.subscriptions,
        }
    }

    /// Whether there is any change that clients can be told of (SPEC D-129).
    pub(crate) fn is_listenable(&self) -> bool {
        self.tools.is_offered() || self.prompts.is_offered() || self.offers_resources()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::version::ProtocolVersion;

    /// APPS UI-2: no client finds a page before the extension, because one change adds both.
    #[test]
    fn a_page_comes_with_its_extension() {
        let page = UiResource::new("ui://a/view", "view");
        let (page, reader) = page.into_resource(async |_, _| "");
        let mut registry = Registry::default();
        registry.add(page, reader).unwrap();
        let declared = registry
            .extensions
            .of(ProtocolVersion::V2026_07_28)
            .unwrap();
        assert!(declared.get(UiResource::EXTENSION).is_some());
    }
}
