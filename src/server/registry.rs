//! What a server has: tools, resources, prompts, and how each is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::completion::{CompletionHandler, Target};
use super::prompt::definition::Prompt;
use super::prompt::handler::PromptHandler;
use super::resource::definition::{Resource, ResourceTemplate};
use super::resource::handler::{Read, Reader};
use super::result::cache::Cache;
use super::result::first_pages::FirstPages;
use super::tool::definition::Tool;
use super::tool::handler::ToolHandler;
use super::uri_template::template::UriTemplate;
use super::uri_template::variables::Variables;
use crate::protocol::change::Change;
use crate::protocol::filter::SubscriptionFilter;
use crate::transport::access::identity::Identity;

/// The registry that is in force. Whoever answers a request works on the one it found; a change
/// copies it first when somebody does.
#[derive(Default)]
pub(super) struct Current(RwLock<Arc<Registry>>);

impl Current {
    pub(super) fn get(&self) -> Arc<Registry> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let registry = Arc::make_mut(&mut current);
        registry.first_pages = FirstPages::default();
        change(registry)
    }
}

#[derive(Clone, Default)]
pub(super) struct Registry {
    pub(super) tools: Named<(Tool, ToolHandler)>,
    /// Whether there ever was a tool: sessions that were told so go on asking when the last is gone
    /// (SPEC E-43).
    pub(super) offers_tools: bool,
    pub(super) resources: Named<(Resource, Reader)>,
    pub(super) templates: Named<(ResourceTemplate, UriTemplate, Reader)>,
    pub(super) prompts: Named<(Prompt, PromptHandler)>,
    pub(super) completion: Option<CompletionHandler>,
    pub(super) logging: bool,
    pub(super) subscriptions: bool,
    pub(super) lists_cache: Cache,
    /// What was listed since the last change.
    pub(super) first_pages: FirstPages,
    /// Whether anything needs scopes.
    pub(super) has_scopes: bool,
    /// The first registration that cannot be served.
    pub(super) fault: Option<String>,
}

impl Registry {
    pub(super) fn has_resources(&self) -> bool {
        !self.resources.is_empty() || !self.templates.is_empty()
    }

    /// Whether sessions were told that they would hear of such a change.
    pub(super) fn declares(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.offers_tools,
            Change::Prompts => !self.prompts.is_empty(),
            Change::Resources => self.has_resources(),
            Change::Resource(_) => self.subscriptions,
        }
    }

    /// The reader of a URI: a resource of exactly this URI, else the first template that matches
    /// (SPEC E-53).
    pub(super) fn reader(&self, uri: &str) -> Option<(&Reader, Read, Cache)> {
        if let Some((resource, reader)) = self.resources.get(uri) {
            let read = Read::new(uri, Variables::default());
            return Some((reader, read, resource.kept()));
        }
        self.templates.iter().find_map(|(about, template, reader)| {
            let variables = template.match_uri(uri)?;
            Some((reader, Read::new(uri, variables), about.kept()))
        })
    }

    /// Whether clients can be told of any change (SPEC D-129).
    pub(super) fn is_listenable(&self) -> bool {
        self.offers_tools || !self.prompts.is_empty() || self.has_resources()
    }

    /// What of a filter is told of: changes that were declared (SPEC D-124, D-133), and resources
    /// that can be read, by whoever asks (SPEC D-134).
    pub(super) fn honoured(
        &self,
        mut filter: SubscriptionFilter,
        identity: Option<&Identity>,
    ) -> SubscriptionFilter {
        filter.tools &= self.declares(&Change::Tools);
        filter.prompts &= self.declares(&Change::Prompts);
        filter.resources &= self.declares(&Change::Resources);
        let has = |scopes: &[String]| match identity {
            _ if scopes.is_empty() => true,
            Some(identity) => identity.satisfies_all(scopes),
            None => false,
        };
        let subscriptions = self.subscriptions;
        let is_honoured = |uri: &str| subscriptions && self.scopes_of_uri(uri).is_some_and(has);
        filter.retain_resources(is_honoured);
        filter
    }

    /// Whether there is an argument of this name to complete.
    pub(super) fn has_argument(&self, target: &Target, argument: &str) -> bool {
        match target {
            Target::Prompt(name) => self
                .prompts
                .get(name)
                .is_some_and(|(prompt, _)| prompt.has_argument(argument)),
            Target::Template(text) => self
                .templates
                .get(text)
                .is_some_and(|(_, template, _)| template.variables().any(|name| name == argument)),
        }
    }
}

/// Things by name, in the order they came (SPEC D-13).
#[derive(Clone)]
pub(super) struct Named<T> {
    items: Vec<T>,
    /// Compared, not hashed: there are few, and no peer names them.
    places: BTreeMap<Box<str>, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            places: BTreeMap::new(),
        }
    }
}

impl<T> Named<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.places.get(name).map(|&place| &self.items[place])
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a thing at the end; false if the name is taken.
    pub(super) fn add(&mut self, name: &str, item: T) -> bool {
        if self.places.contains_key(name) {
            return false;
        }
        self.places.insert(name.into(), self.items.len());
        self.items.push(item);
        true
    }

    /// Takes a thing out, to be dropped where no lock is held: it may hold values of the embedder.
    pub(super) fn remove(&mut self, name: &str) -> Option<T> {
        let gone = self.places.remove(name)?;
        let item = self.items.remove(gone);
        for place in self.places.values_mut().filter(|place| **place > gone) {
            *place -= 1;
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_keep_their_order_and_their_names() {
        let mut named = Named::default();
        for name in ["a", "b", "c"] {
            assert!(named.add(name, name));
        }
        assert!(!named.add("b", "other"));
        assert_eq!(named.remove("a"), Some("a"));
        assert_eq!(named.remove("a"), None);
        assert_eq!(named.iter().collect::<Vec<_>>(), [&"b", &"c"]);
        assert_eq!(named.get("c"), Some(&"c"));
        assert_eq!(named.get("a"), None);
    }
}
