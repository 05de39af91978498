//! `tools/list`, `resources/list`, `resources/templates/list`, `prompts/list` and `skills/list`.

use super::open_request::{Answer, OpenRequest};
use crate::server::catalog::Lister;
use crate::server::item::Item;
use crate::server::metadata::meta::Meta;
use crate::server::metadata::scopes::has_scopes;
use crate::server::object_text::ObjectText;
use crate::server::registry::Registered;
use crate::server::result::cache::Cache;
use crate::server::result::first_pages::{Asker, PageKey};
use crate::server::result::page::Cursor;
use crate::server::result::place::Place;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;

/// The items of a page, and where the next one begins.
#[derive(Default)]
struct Listed {
    /// JSON texts.
    items: Vec<String>,
    next: Option<Place>,
}

impl OpenRequest<'_> {
    /// A page of the list of one kind of item: first what is registered, then what the list handler tells of
    /// (SPEC E-25).
    pub(super) async fn list<T: Registered>(&self) -> Answer {
        let place = Place::read(self.params().optional("cursor"), T::LIST.key())?;
        let lister = T::catalog(self.registry).lister();
        let cache = self.kept(self.registry.lists_cache);
        match (lister, place) {
            (None, Place::Item(0)) if !self.is_filtered() => self.first_page::<T>(cache),
            (None, Place::Item(at)) => {
                let page = self.registered::<T>(at)?;
                let cache = match self.is_filtered() {
                    true => cache.private(),
                    false => cache,
                };
                Ok(self.page_json::<T>(page, cache))
            }
            (None, Place::Told(_)) => Err(Cursor::refusal()),
            (Some(lister), place) => {
                let page = self.with_told::<T>(lister, place).await?;
                Ok(self.page_json::<T>(page, cache.private()))
            }
        }
    }

    /// Whether the caller decides what is listed (SPEC D-73).
    fn is_filtered(&self) -> bool {
        self.registry.lists_only_permitted && self.registry.has_scopes
    }

    /// The first page, which is the same for all clients of a revision, with an identity or without.
    fn first_page<T: Registered>(&self, cache: Cache) -> Answer {
        let key = PageKey {
            list: T::LIST,
            version: self.version,
            asker: match self.call.identity() {
                Some(_) => Asker::Identified,
                None => Asker::Anonymous,
            },
        };
        let make = || Ok(self.page_json::<T>(self.registered::<T>(0)?, cache));
        self.registry.first_pages.get_or_make(key, make)
    }

    /// The page of registered items that begins at this one.
    fn registered<T: Registered>(&self, start: usize) -> Result<Listed, ErrorObject> {
        let items = T::catalog(self.registry).iter().map(|entry| &entry.item);
        let items: Vec<&T> = items.filter(|item| self.shows(*item)).collect();
        // The offset of a page that was there when the client got it (SPEC E-26).
        if start > 0 && start >= items.len() {
            return Err(Cursor::refusal());
        }
        let end = items
            .len()
            .min(start.saturating_add(self.registry.page_size.0));
        Ok(Listed {
            items: items[start..end]
                .iter()
                .map(|item| item.to_text(self.version))
                .collect(),
            next: (end < items.len()).then_some(Place::Item(end)),
        })
    }

    /// A page of a list that has a handler. The handler's first page follows the last registered item on the
    /// same page, because not every client asks for a second one.
    async fn with_told<T: Registered>(
        &self,
        lister: &Lister<T>,
        place: Place,
    ) -> Result<Listed, ErrorObject> {
        let (mut page, cursor) = match place {
            Place::Item(at) => (self.registered::<T>(at)?, None),
            Place::Told(cursor) => (Listed::default(), Some(cursor)),
        };
        if page.next.is_some() {
            return Ok(page);
        }
        // SPEC D-100: this method cannot end with a question.
        let told = lister(self.call.without_round(), cursor.clone()).await;
        let told = told.map_err(|error| self.failed("", error))?;
        for item in told.items {
            if let Some(fault) = self.fault_of(&item) {
                self.report(item.key(), &fault);
            } else if self.shows(&item) {
                page.items.push(item.to_text(self.version));
            }
        }
        if cursor.is_some() && told.next == cursor {
            self.report(
                "",
                "the list handler gave the cursor of the page itself as that of the next page",
            );
            return Ok(page);
        }
        page.next = told.next.map(Place::Told);
        Ok(page)
    }

    /// Why an item of a list handler is left out.
    fn fault_of<T: Registered>(&self, item: &T) -> Option<String> {
        let is_registered = T::catalog(self.registry).get(item.key()).is_some();
        let repeated = || {
            format!(
                "the {} {:?} is registered, and told of by the list handler too",
                T::NOUN,
                item.key()
            )
        };
        item.fault()
            .or_else(|| is_registered.then(repeated))
            .or_else(|| self.registry.page_fault(item))
    }

    fn shows(&self, item: &impl Item) -> bool {
        let is_permitted = !self.registry.lists_only_permitted
            || has_scopes(self.call.identity(), item.needed_scopes());
        is_permitted && item.is_listed()
    }

    fn page_json<T: Registered>(&self, page: Listed, cache: Cache) -> Json {
        let mut result = ObjectText::new();
        result.raw(T::LIST.key(), &format!("[{}]", page.items.join(",")));
        if let Some(next) = page.next {
            result.text("nextCursor", &next.to_cursor(T::LIST.key()));
        }
        let closing = self.closing.kept(cache);
        closing.close_text(result.finish(), &Meta::default())
    }
}
