//! The members of one object as they go by: which part each is, and which are duplicated.

use std::borrow::Cow;

use super::fault::{Fault, Scanned};
use super::names::Names;
use super::string::decode;

/// The members of an object that its reader looks for.
pub(in crate::wire) trait Part: Copy {
    /// What most of the names begin with: no quote, no backslash, no control character.
    const PREFIX: &'static [u8] = b"";
    /// Whether a name that is no part may not be duplicated either, so that such names are kept.
    const CHECKS_OTHERS: bool = true;
    /// The one with this name.
    fn named(name: &[u8]) -> Option<Self>;
    /// Its index among all of them: less than 16.
    fn index(self) -> u8;
}

/// Writes the table of the members that a reader looks for: each with its name. The reader imports
/// [`Part`].
macro_rules! parts {
    (
        $(#[$doc:meta])*
        enum $parts:ident { $($part:ident = $name:literal,)* }
        $(with { $($setting:tt)* })?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        enum $parts {
            $($part,)*
        }

        impl Part for $parts {
            $($($setting)*)?

            fn named(name: &[u8]) -> Option<Self> {
                Some(match name {
                    $(name if name == $name.as_bytes() => Self::$part,)*
                    _ => return None,
                })
            }

            fn index(self) -> u8 {
                self as u8
            }
        }
    };
}
pub(in crate::wire) use parts;

/// What is known of an object while it is read.
pub(in crate::wire) struct Members<'a> {
    /// Whether a member was read, so that the next stands after a comma.
    pub(super) is_begun: bool,
    /// How many there may be.
    max: usize,
    /// How many were no parts, or parts that were there before.
    len_of_others: usize,
    /// The parts that were there, and those that were there again: a bit for each.
    parts: u16,
    duplicate_parts: u16,
    /// Most objects have no others.
    others: Option<Names<'a>>,
    duplicate: Option<String>,
}

/// How many characters of a duplicated name are told.
const TOLD: usize = 100;

impl<'a> Members<'a> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            is_begun: false,
            max,
            len_of_others: 0,
            parts: 0,
            duplicate_parts: 0,
            others: None,
            duplicate: None,
        }
    }

    /// Whether there are more members than there may be.
    #[inline(always)]
    pub(in crate::wire) fn are_too_many(&self) -> bool {
        // There are no more parts than bits, so that hardly any object has its parts counted.
        let most = self.len_of_others.saturating_add(16);
        most > self.max && self.len_of_others + self.parts.count_ones() as usize > self.max
    }

    /// Adds a name; gives its part if it is one, and was not there before. Parts are told apart by
    /// their bits, so that only other names have to be compared and kept.
    #[inline(always)]
    pub(super) fn add<P: Part>(&mut self, name: &'a [u8]) -> Option<P> {
        let part = P::named(name);
        match part {
            Some(part) if self.is_first(part) => return Some(part),
            Some(_) => self.add_duplicate(name),
            None => self.add_other::<P>(Cow::Borrowed(name)),
        }
        None
    }

    /// The same for a name that has escapes, from its token.
    /// It is not decoded where the object has too many members anyway.
    #[cold]
    pub(super) fn add_decoded<P: Part>(&mut self, token: &str) -> Scanned<Option<P>> {
        if self.are_too_many() {
            return Ok(None);
        }
        let name = decode(token)?.into_owned().into_bytes();
        match P::named(&name) {
            Some(part) if self.is_first(part) => return Ok(Some(part)),
            Some(_) => self.add_duplicate(&name),
            None => self.add_other::<P>(Cow::Owned(name)),
        }
        Ok(None)
    }

    #[inline(always)]
    fn is_first(&mut self, part: impl Part) -> bool {
        let bit = 1 << part.index();
        if self.parts & bit != 0 {
            self.duplicate_parts |= bit;
            return false;
        }
        self.parts |= bit;
        true
    }

    /// The first duplicate refuses the object, and so does one member too many: no name is kept after
    /// it.
    #[inline(never)]
    fn add_other<P: Part>(&mut self, name: Cow<'a, [u8]>) {
        self.len_of_others += 1;
        if !P::CHECKS_OTHERS || self.duplicate.is_some() || self.are_too_many() {
            return;
        }
        let others = self.others.get_or_insert_default();
        if let Err(name) = others.insert(name) {
            self.refuse(&name);
        }
    }

    #[cold]
    fn add_duplicate(&mut self, name: &[u8]) {
        self.len_of_others += 1;
        self.refuse(name);
    }

    #[cold]
    fn refuse(&mut self, name: &[u8]) {
        self.others = None;
        self.duplicate.get_or_insert_with(|| {
            let told = &name[..name.len().min(4 * TOLD)];
            let told = String::from_utf8_lossy(told);
            told.chars().take(TOLD).collect()
        });
    }

    /// Whether this part was there more than once.
    pub(in crate::wire) fn is_duplicated(&self, part: impl Part) -> bool {
        self.duplicate_parts & 1 << part.index() != 0
    }

    /// What is wrong with the names of the object, which is `of` a message.
    #[inline(always)]
    pub(in crate::wire) fn fault(&mut self, of: &'static str) -> Option<Box<Fault>> {
        if let Some(fault) = self.width_fault(of) {
            return Some(fault);
        }
        let name = self.duplicate.take()?;
        Some(Fault::Duplicate { name, of }.into())
    }

    /// The same where names that are no parts may be duplicated.
    #[inline(always)]
    pub(in crate::wire) fn width_fault(&self, of: &'static str) -> Option<Box<Fault>> {
        let limit = self.max;
        self.are_too_many()
            .then(|| Fault::TooManyMembers { limit, of }.into())
    }
}
