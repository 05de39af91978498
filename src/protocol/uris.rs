//! [`Uris`]: the resources that a client asks to be told of. Both eras bound them alike.

/// A set of URIs that takes no more of the heap than it is charged for: each URI its bytes and
/// [`Uris::ENTRY`], all of them [`Uris::LIMIT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uris {
    /// Invariant: sorted, each once, no spare capacity.
    sorted: Vec<Box<str>>,
}

/// There is no room for another URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UrisFull;

impl Uris {
    /// How many bytes a set may take.
    pub(crate) const LIMIT: usize = 64 * 1024;
    /// What a URI takes beside its bytes: its place in the list, and what an allocator adds to a block.
    pub(crate) const ENTRY: usize = 48;

    /// Adds a URI; one that is there already is not added again.
    pub(crate) fn insert(&mut self, uri: &str) -> Result<(), UrisFull> {
        let Err(place) = self.place(uri) else {
            return Ok(());
        };
        if self.charge() + uri.len() + Self::ENTRY > Self::LIMIT {
            return Err(UrisFull);
        }
        self.sorted.reserve_exact(1);
        self.sorted.insert(place, uri.into());
        Ok(())
    }

    pub(crate) fn remove(&mut self, uri: &str) {
        if let Ok(place) = self.place(uri) {
            self.sorted.remove(place);
            self.sorted.shrink_to_fit();
        }
    }

    /// Leaves those that are wanted.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(&str) -> bool) {
        self.sorted.retain(|uri| is_wanted(uri));
        self.sorted.shrink_to_fit();
    }

    pub(crate) fn contains(&self, uri: &str) -> bool {
        self.place(uri).is_ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.sorted.iter().map(|uri| &**uri)
    }

    fn charge(&self) -> usize {
        let charges = self.sorted.iter().map(|uri| uri.len() + Self::ENTRY);
        charges.sum()
    }

    fn place(&self, uri: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|other| (**other).cmp(uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uris: &[&str]) -> Uris {
        let mut set = Uris::default();
        for uri in uris {
            set.insert(uri).unwrap();
        }
        set
    }

    #[test]
    fn a_set_has_each_uri_once() {
        let mut set = of(&["b:", "a:", "b:"]);
        assert!(set.iter().eq(["a:", "b:"]));
        assert!(set.contains("a:") && !set.contains("c:"));
        set.remove("c:");
        set.remove("b:");
        assert!(set.iter().eq(["a:"]));
        set.retain(|uri| uri != "a:");
        assert!(set.is_empty());
    }

    /// FIELD X-2: the sum of all is charged, each with its overhead; what is removed has room again.
    #[test]
    fn every_entry_is_charged_with_its_overhead() {
        let mut set = Uris::default();
        let short = Uris::LIMIT / (Uris::ENTRY + 4);
        for number in 0..short {
            assert_eq!(set.insert(&format!("{number:04}")), Ok(()), "{number}");
        }
        assert_eq!(set.insert("more"), Err(UrisFull));
        assert_eq!(set.insert("0000"), Ok(()), "it is there");
        assert_eq!(set.sorted.capacity(), short);
        set.remove("0000");
        assert_eq!(set.sorted.capacity(), short - 1);
        assert_eq!(set.insert("more"), Ok(()));

        let longest = "x".repeat(Uris::LIMIT - Uris::ENTRY);
        let mut set = of(&[&longest]);
        assert_eq!(set.insert("y"), Err(UrisFull));
        set.remove(&longest);
        assert_eq!(set.insert(&format!("{longest}x")), Err(UrisFull));
    }
}
