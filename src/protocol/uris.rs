//! [`Uris`]: the resources that a client asks to be told of. Both eras bound them alike.

use super::uri::normal_form;

/// A set of URIs that takes no more of the heap than it is charged for: each URI its bytes and
/// [`Uris::ENTRY`], all of them [`Uris::LIMIT`]. All spellings of a URI are one member, charged with its normal
/// form and with the spelling that was added first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uris {
    /// Invariant: sorted by key, each key once, no spare capacity.
    sorted: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// The normal form, and behind it how the client wrote the URI, if it wrote another. One text takes one block.
    text: Box<str>,
    key_len: u32,
}

/// There is no room for another URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UrisFull;

impl Uris {
    /// How many bytes a set may take.
    pub(crate) const LIMIT: usize = 64 * 1024;
    /// What a URI takes beside its bytes: its place in the list, and what an allocator adds to a block.
    pub(crate) const ENTRY: usize = 64;

    /// Adds a URI; one that is there already is not added again.
    pub(crate) fn insert(&mut self, uri: &str) -> Result<(), UrisFull> {
        let key = normal_form(uri);
        let Err(place) = self.place(&key) else {
            return Ok(());
        };
        let entry = Entry::new(&key, uri);
        if self.charge() + entry.charge() > Self::LIMIT {
            return Err(UrisFull);
        }
        self.sorted.reserve_exact(1);
        self.sorted.insert(place, entry);
        Ok(())
    }

    pub(crate) fn remove(&mut self, uri: &str) {
        if let Ok(place) = self.place(&normal_form(uri)) {
            self.sorted.remove(place);
            self.sorted.shrink_to_fit();
        }
    }

    /// Leaves those that are wanted.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(&str) -> bool) {
        self.sorted.retain(|entry| is_wanted(entry.as_written()));
        self.sorted.shrink_to_fit();
    }

    /// Whether there is a URI of this normal form.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The URIs as the client wrote them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.sorted.iter().map(Entry::as_written)
    }

    fn charge(&self) -> usize {
        self.sorted.iter().map(Entry::charge).sum()
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|entry| entry.key().cmp(key))
    }
}

impl Entry {
    fn new(key: &str, uri: &str) -> Self {
        let spelling = if key == uri { "" } else { uri };
        Self {
            text: [key, spelling].concat().into(),
            // A message is shorter than 4 GiB.
            key_len: u32::try_from(key.len()).unwrap_or(u32::MAX),
        }
    }

    fn key(&self) -> &str {
        &self.text[..self.key_len as usize]
    }

    fn as_written(&self) -> &str {
        match &self.text[self.key_len as usize..] {
            "" => self.key(),
            spelling => spelling,
        }
    }

    fn charge(&self) -> usize {
        self.text.len() + Uris::ENTRY
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

    /// FIELD S-6: all spellings are one member, which keeps the first spelling and pays for it.
    #[test]
    fn the_spellings_of_a_uri_are_one_member() {
        let mut set = of(&["WordPress://site", "wordpress://site", "WORDPRESS://site"]);
        assert!(set.iter().eq(["WordPress://site"]));
        assert!(set.contains("wordpress://site"));
        let texts = 2 * "WordPress://site".len();
        assert_eq!(set.charge(), texts + Uris::ENTRY);
        set.remove("wordPress://site");
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
