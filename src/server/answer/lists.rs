//! `tools/list`, `resources/list`, `resources/templates/list` and `prompts/list`.

use super::open_request::{Answer, OpenRequest};
use crate::server::metadata::meta::Meta;
use crate::server::registry::Registered;
use crate::server::result::first_pages::{Asker, PageKey};
use crate::server::result::page::page;

/// How many items a page of a list has.
const PAGE_SIZE: usize = 100;

impl OpenRequest<'_> {
    /// A page of the list of one kind of item.
    pub(super) fn list<T: Registered>(&self) -> Answer {
        let cursor = self.params().optional("cursor");
        let make = || {
            let items = T::catalog(self.registry).iter();
            let items = items.map(|entry| entry.item.to_value(self.version));
            let page = page(cursor, T::LIST.key(), items, PAGE_SIZE)?;
            let closing = self.closing.kept(self.kept(self.registry.lists_cache));
            Ok(closing.close(&page, &Meta::default()))
        };
        if cursor.is_some() {
            return make();
        }
        let key = PageKey {
            list: T::LIST,
            version: self.version,
            asker: match self.call.identity() {
                Some(_) => Asker::Identified,
                None => Asker::Anonymous,
            },
        };
        self.registry.first_pages.get_or_make(key, make)
    }
}
