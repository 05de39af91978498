//! [`Catalog`]: the items of one kind, each with its handler.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call::Call;
use super::handler_error::HandlerError;
use super::item::Item;
use super::result::page::{Cursor, Page};
use crate::transport::future::BoxFuture;

/// Items in the order of their registration, which is the order of lists too (SPEC D-13).
#[derive(Clone)]
pub(crate) struct Catalog<T: Item> {
    entries: Vec<Entry<T>>,
    /// By normal key. A tree and not a hash map: there are few keys, and no client chooses them.
    positions: BTreeMap<Box<str>, usize>,
    is_offered: bool,
    /// Tells of items that are not registered.
    lister: Option<Lister<T>>,
}

/// A list handler: the page that begins at a cursor of its own, or the first one.
pub(crate) type Lister<T> =
    Arc<dyn Fn(Call, Option<Cursor>) -> BoxFuture<Result<Page<T>, HandlerError>> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Entry<T: Item> {
    pub(crate) item: T,
    pub(crate) handler: T::Handler,
}

impl<T: Item> Default for Catalog<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            positions: BTreeMap::new(),
            is_offered: false,
            lister: None,
        }
    }
}

impl<T: Item> Catalog<T> {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry<T>> {
        let position = *self.positions.get(&*T::normal_key(key))?;
        self.entries.get(position)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Entry<T>> {
        self.entries.iter()
    }

    /// Whether there ever was an item, or a handler that tells of items or answers for them. Sessions that were told of the capability go on using it after
    /// the last item is removed (SPEC E-43).
    pub(crate) fn is_offered(&self) -> bool {
        self.is_offered
    }

    pub(crate) fn lister(&self) -> Option<&Lister<T>> {
        self.lister.as_ref()
    }

    /// Sets the list handler.
    ///
    /// # Errors
    ///
    /// Says that there is one.
    pub(crate) fn list_with(&mut self, lister: Lister<T>) -> Result<(), String> {
        self.offer();
        match self.lister.replace(lister) {
            None => Ok(()),
            Some(_) => Err(format!(
                "the list of the kind {} has two handlers: one handler tells of everything that is not registered",
                T::NOUN
            )),
        }
    }

    /// Declares the capability, although nothing may be registered.
    pub(crate) fn offer(&mut self) {
        self.is_offered = true;
    }

    /// Adds an item at the end.
    ///
    /// # Errors
    ///
    /// Says that the key is taken.
    pub(crate) fn add(&mut self, item: T, handler: T::Handler) -> Result<(), String> {
        let key = T::normal_key(item.key());
        if self.positions.contains_key(&*key) {
            return Err(format!(
                "the {} {:?} is registered twice",
                T::NOUN,
                item.key()
            ));
        }
        self.positions.insert(key.into(), self.entries.len());
        self.entries.push(Entry { item, handler });
        self.is_offered = true;
        Ok(())
    }

    /// Removes the items with these keys.
    #[cfg(feature = "skills")]
    pub(crate) fn remove_all(&mut self, keys: &[String]) {
        let mut removed = vec![false; self.entries.len()];
        for key in keys {
            if let Some(at) = self.positions.remove(&*T::normal_key(key)) {
                removed[at] = true;
            }
        }
        let mut removed = removed.into_iter();
        self.entries.retain(|_| removed.next() == Some(false));
        for (at, entry) in self.entries.iter().enumerate() {
            let key = T::normal_key(entry.item.key());
            self.positions.insert(key.into(), at);
        }
    }

    /// Removes all items.
    #[cfg(feature = "skills")]
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.positions.clear();
    }

    /// Removes an item. The caller drops it, after it has let go of its lock: the handler may hold values
    /// of the embedder, whose `Drop` could come back to the server.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Entry<T>> {
        let removed = self.positions.remove(&*T::normal_key(key))?;
        for position in self.positions.values_mut() {
            if *position > removed {
                *position -= 1;
            }
        }
        Some(self.entries.remove(removed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::change::Change;
    use crate::server::result::first_pages::List;
    use crate::wire::version::ProtocolVersion;

    #[derive(Clone, Debug, PartialEq)]
    struct Name(&'static str);

    impl Item for Name {
        type Handler = u8;

        const NOUN: &'static str = "name";
        const LIST: List = List::Tools;
        const CHANGE: Change = Change::Tools;

        fn key(&self) -> &str {
            self.0
        }

        fn fault(&self) -> Option<String> {
            None
        }

        fn needed_scopes(&self) -> &[String] {
            &[]
        }

        fn to_text(&self, _: ProtocolVersion) -> String {
            self.0.to_owned()
        }
    }

    #[test]
    fn items_keep_their_order_and_their_keys() {
        let mut catalog = Catalog::default();
        assert!(!catalog.is_offered());
        for (name, handler) in [("a", 1), ("b", 2), ("c", 3)] {
            catalog.add(Name(name), handler).unwrap();
        }
        let refused = catalog.add(Name("b"), 4).unwrap_err();
        assert_eq!(refused, r#"the name "b" is registered twice"#);
        let removed = catalog.remove("a").unwrap();
        assert_eq!((removed.item, removed.handler), (Name("a"), 1));
        assert!(catalog.remove("a").is_none() && catalog.get("a").is_none());
        let left: Vec<_> = catalog.iter().map(|entry| entry.item.key()).collect();
        assert_eq!(left, ["b", "c"]);
        assert_eq!(catalog.get("c").unwrap().handler, 3);
        for name in ["b", "c"] {
            catalog.remove(name).unwrap();
        }
        assert!(catalog.is_offered(), "it was once");
        catalog.add(Name("a"), 5).unwrap();
        assert_eq!(catalog.get("a").unwrap().handler, 5);
    }
}
