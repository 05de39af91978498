//! Finds what a request names in a registry.

use std::borrow::Cow;

use super::catalog::Entry;
use super::completion::CompletionTarget;
use super::item::Item;
use super::metadata::scopes::has_scopes;
use super::registry::Registry;
use super::resource::definition::Resource;
use super::resource::handler::{ReadRequest, Reader};
use super::resource::template::ResourceTemplate;
use super::result::cache::Cache;
#[cfg(feature = "skills")]
use super::skill::entry::SkillEntry;
#[cfg(feature = "skills")]
use super::skill::path::place_of;
use super::uri_template::variables::Variables;
use crate::protocol::change::Change;
use crate::protocol::filter::SubscriptionFilter;
use crate::protocol::uri::{lower_spelling, normal_form, normal_spelling};
use crate::transport::access::identity::Identity;
use crate::wire::message::Request;
use crate::wire::method::Method;
use crate::wire::params::Params;

/// A URI that can be read.
pub(crate) struct Readable<'r> {
    /// The URI or the text that it was registered with.
    pub(crate) key: &'r str,
    pub(crate) reader: &'r Reader,
    /// What the reader is given.
    pub(crate) read: ReadRequest,
    /// How long the result may be kept.
    pub(crate) cache: Cache,
    /// The scopes that a client needs for it.
    pub(crate) scopes: Cow<'r, [String]>,
}

/// What a URI is read with.
enum Found<'r> {
    Resource(&'r Entry<Resource>),
    Template(&'r Entry<ResourceTemplate>, Variables),
}

impl Registry {
    /// How a URI is read: as the resource of this URI in any spelling, or else by the first template that
    /// matches (SPEC E-53).
    pub(crate) fn readable(&self, uri: &str) -> Option<Readable<'_>> {
        Some(match self.find_uri(uri)? {
            Found::Resource(entry) => Readable {
                key: entry.item.key(),
                reader: &entry.handler,
                read: ReadRequest::new(uri, Variables::default()),
                cache: entry.item.kept(),
                scopes: entry.item.needed_scopes().into(),
            },
            Found::Template(entry, variables) => Readable {
                key: entry.item.key(),
                reader: &entry.handler,
                read: ReadRequest::new(uri, variables),
                cache: entry.item.kept(),
                scopes: self.scopes_of_template(entry, uri),
            },
        })
    }

    /// Who has to be asked whether a client may hear of this URI: how it is read, and how its normal form is, if
    /// that differs, because a subscription is to all spellings. `None` if one of them cannot be read.
    pub(crate) fn watchable(&self, uri: &str) -> Option<Vec<Readable<'_>>> {
        let mut found = vec![self.readable(uri)?];
        let key = normal_form(uri);
        if key != uri {
            let of_key = self.readable(&key);
            found.push(of_key.or_else(|| self.readable(&lower_spelling(uri)))?);
        }
        Some(found)
    }

    fn find_uri(&self, uri: &str) -> Option<Found<'_>> {
        if let Some(entry) = self.resources.get(uri) {
            return Some(Found::Resource(entry));
        }
        let uri = normal_spelling(uri);
        self.templates.iter().find_map(|entry| {
            let variables = entry.item.match_uri(&uri)?;
            Some(Found::Template(entry, variables))
        })
    }

    /// Why the page that an item names cannot be shown; `None` if it can, or if the item names none. What a
    /// template reads is known to its handler alone.
    pub(crate) fn page_fault<T: Item>(&self, item: &T) -> Option<String> {
        let page = item.page()?;
        let (noun, key) = (T::NOUN, item.key());
        match self.find_uri(page) {
            None => Some(format!(
                "the {noun} {key:?} names the page {page:?}, which this server does not have: register it with \
                 `Server::ui_resource`, or a resource template that it matches"
            )),
            Some(_) => None,
        }
    }

    /// Whether there is an argument of this name to complete.
    pub(crate) fn has_argument(&self, target: &CompletionTarget, argument: &str) -> bool {
        match target {
            CompletionTarget::Prompt(name) => {
                let entry = self.prompts.get(name);
                // Which arguments an unregistered prompt has is known to the handlers alone.
                match entry {
                    Some(entry) => entry.item.has_argument(argument),
                    None => self.prompt_fallback.is_some(),
                }
            }
            CompletionTarget::Template(text) => {
                let entry = self.templates.get(text);
                entry.is_some_and(|entry| entry.item.has_variable(argument))
            }
        }
    }

    /// The part of a filter that this server honours: changes that it declared (SPEC D-124, D-133), and
    /// resources that exist, for which this identity has the scopes (SPEC D-134).
    pub(crate) fn honoured(
        &self,
        mut filter: SubscriptionFilter,
        identity: Option<&Identity>,
    ) -> SubscriptionFilter {
        filter.tools &= self.declares(&Change::Tools);
        filter.prompts &= self.declares(&Change::Prompts);
        filter.resources &= self.declares(&Change::Resources);
        let is_permitted = |scopes: Cow<'_, [String]>| has_scopes(identity, &scopes);
        filter.retain_resources(|uri| {
            self.subscriptions && self.scopes_of_uri(uri).is_some_and(is_permitted)
        });
        filter
    }

    /// The scopes of the tool, resource or prompt that a request names. A request that names nothing, or
    /// something that does not exist, needs none.
    pub(crate) fn scopes(&self, request: &Request) -> Cow<'_, [String]> {
        if !self.has_scopes {
            return Cow::default();
        }
        let scopes = request.params().and_then(|params| match request.kind() {
            Method::ToolsCall => self.scopes_of_tool(&params.name()?).map(Cow::from),
            Method::PromptsGet => self.scopes_of_prompt(&params.name()?).map(Cow::from),
            Method::ResourcesRead | Method::ResourcesSubscribe => {
                self.scopes_of_uri(&params.uri()?)
            }
            Method::CompletionComplete => self.scopes_of_target(params).map(Cow::from),
            #[cfg(feature = "skills")]
            Method::SkillsGet => Some(self.skill(&params.uri()?)?.needed_scopes().into()),
            #[cfg(feature = "skills")]
            Method::ResourcesDirectoryRead => {
                let directories = self.served_skills.directories.as_ref()?;
                Some(directories.get(&params.uri()?)?.needed_scopes().into())
            }
            _ => None,
        });
        scopes.unwrap_or_default()
    }

    /// The skill with exactly this URI: hosts know a skill by its URI, so it has one.
    #[cfg(feature = "skills")]
    pub(crate) fn skill(&self, uri: &str) -> Option<&SkillEntry> {
        let entry = &self.skills.get(uri)?.item;
        (entry.key() == uri).then_some(entry)
    }

    fn scopes_of_tool(&self, name: &str) -> Option<&[String]> {
        Some(self.tools.get(name)?.item.needed_scopes())
    }

    fn scopes_of_prompt(&self, name: &str) -> Option<&[String]> {
        Some(self.prompts.get(name)?.item.needed_scopes())
    }

    fn scopes_of_target(&self, params: Params<'_>) -> Option<&[String]> {
        match CompletionTarget::read(params.as_raw())? {
            CompletionTarget::Prompt(name) => self.scopes_of_prompt(&name),
            CompletionTarget::Template(text) => {
                Some(self.templates.get(&text)?.item.needed_scopes())
            }
        }
    }

    /// The scopes of the resource with this URI, or of the template that it is read with; `None` if it
    /// cannot be read.
    fn scopes_of_uri(&self, uri: &str) -> Option<Cow<'_, [String]>> {
        Some(match self.find_uri(uri)? {
            Found::Resource(entry) => entry.item.needed_scopes().into(),
            Found::Template(entry, _) => self.scopes_of_template(entry, uri),
        })
    }

    /// The scopes of a template, with those of the skill that the URI is in: what a template answers for a skill is
    /// a part of the skill.
    fn scopes_of_template<'r>(
        &'r self,
        template: &'r Entry<ResourceTemplate>,
        uri: &str,
    ) -> Cow<'r, [String]> {
        let own = template.item.needed_scopes();
        let of_skill = self.scopes_of_skill_around(uri);
        match (own, of_skill) {
            (own, []) => own.into(),
            ([], of_skill) => of_skill.into(),
            (own, of_skill) => {
                let mut all = own.to_vec();
                let others = of_skill.iter().filter(|scope| !own.contains(scope));
                all.extend(others.cloned());
                all.into()
            }
        }
    }

    #[cfg(not(feature = "skills"))]
    fn scopes_of_skill_around(&self, _: &str) -> &[String] {
        &[]
    }

    /// The scopes of the innermost skill that a URI is in, in any spelling. They include those of the skills around it.
    #[cfg(feature = "skills")]
    fn scopes_of_skill_around(&self, uri: &str) -> &[String] {
        if !self.has_scopes {
            return &[];
        }
        let place = place_of(uri);
        let skills = self.skills.iter().map(|entry| &entry.item);
        let around = skills.filter(|skill| skill.is_around(&place));
        let innermost = around.max_by_key(|skill| skill.place().len());
        innermost.map_or(&[], Item::needed_scopes)
    }
}
