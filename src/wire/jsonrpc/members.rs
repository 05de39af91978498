//! The members of one object as they go by: which part each is, and which are there twice.

use std::borrow::Cow;

use super::names::Names;
use super::scan::{Scanned, decode};

/// The members of an object that its reader looks for.
pub(super) trait Part: Copy {
    /// What most of the names begin with: no quote, no backslash, no control character.
    const PREFIX: &'static [u8] = b"";
    /// The one with this name.
    fn named(name: &[u8]) -> Option<Self>;
    /// Its place among all of them: less than 16.
    fn place(self) -> u8;
}

/// What is known of an object while it is read.
#[derive(Default)]
pub(super) struct Members<'a> {
    /// Whether a member was read, so that the next stands behind a comma.
    pub(super) is_begun: bool,
    /// The parts that were there, and those that were there again: a bit for each.
    parts: u16,
    repeated_parts: u16,
    /// Most objects have no others.
    others: Option<Names<'a>>,
    repeated: Option<String>,
}

impl<'a> Members<'a> {
    /// Adds a name; gives its part if it is one, and was not there before. Parts are told apart by
    /// their bits, so that only other names have to be compared and kept.
    #[inline(always)]
    pub(super) fn add<P: Part>(&mut self, name: &'a [u8]) -> Option<P> {
        let part = P::named(name);
        match part {
            Some(part) if self.is_first(part) => return Some(part),
            Some(_) => self.repeat(name),
            None => self.add_other(Cow::Borrowed(name)),
        }
        None
    }

    /// The same for a name that has escapes, from its token.
    #[cold]
    pub(super) fn add_decoded<P: Part>(&mut self, token: &str) -> Scanned<Option<P>> {
        let name = decode(token)?.into_owned().into_bytes();
        match P::named(&name) {
            Some(part) if self.is_first(part) => return Ok(Some(part)),
            Some(_) => self.repeat(&name),
            None => self.add_other(Cow::Owned(name)),
        }
        Ok(None)
    }

    #[inline(always)]
    fn is_first(&mut self, part: impl Part) -> bool {
        let bit = 1 << part.place();
        if self.parts & bit != 0 {
            self.repeated_parts |= bit;
            return false;
        }
        self.parts |= bit;
        true
    }

    #[inline(never)]
    fn add_other(&mut self, name: Cow<'a, [u8]>) {
        let others = self.others.get_or_insert_default();
        if !others.insert(name.clone()) {
            self.repeat(&name);
        }
    }

    #[cold]
    fn repeat(&mut self, name: &[u8]) {
        self.repeated
            .get_or_insert_with(|| String::from_utf8_lossy(name).into_owned());
    }

    /// Whether this part was there more than once.
    pub(super) fn repeats(&self, part: impl Part) -> bool {
        self.repeated_parts & 1 << part.place() != 0
    }

    /// The first name that was there before.
    pub(super) fn repeated(self) -> Option<String> {
        self.repeated
    }
}
