//! The members of one object while it is read: which of them its reader looks for, and which are
//! duplicated.

use std::borrow::Cow;

use super::fault::{Fault, Scanned};
use super::names::Names;
use super::string::decode;

/// The members that a reader of an object looks for, its *parts*.
pub(in crate::wire) trait Part: Copy {
    /// A prefix of most names, without quotes, backslashes and control characters.
    const PREFIX: &'static [u8] = b"";
    /// Whether names that are no parts must not be duplicated either, so that they have to be kept.
    const CHECKS_OTHERS: bool = true;
    /// The part with this name.
    fn named(name: &[u8]) -> Option<Self>;
    /// The index of the part in its table: less than 16.
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

/// The state of an object while it is read.
pub(in crate::wire) struct Members<'a> {
    /// Whether a member was read, so that a comma comes before the next.
    pub(super) is_begun: bool,
    /// The most members that the object may have.
    max: usize,
    /// The number of members that are no parts, or duplicates of parts.
    len_of_others: usize,
    /// A bit for each part that was read, and for each that was read again.
    parts: u16,
    duplicate_parts: u16,
    /// The names that are no parts; most objects have none.
    others: Option<Names<'a>>,
    duplicate: Option<String>,
}

/// The number of characters of a duplicated name that a refusal quotes.
const QUOTED: usize = 100;

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

    /// Whether the object has more members than it may have.
    #[inline(always)]
    pub(in crate::wire) fn are_too_many(&self) -> bool {
        // There are at most 16 parts, so the parts of hardly any object are counted.
        let most = self.len_of_others.saturating_add(16);
        most > self.max && self.len_of_others + self.parts.count_ones() as usize > self.max
    }

    /// Adds a name; returns its part if it is one and no duplicate. Parts are known by their bits, so only
    /// other names have to be compared and kept.
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

    /// The same for a name with escapes, given as its token. It is not decoded if the object has too many
    /// members anyway.
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

    /// After the first duplicate, or the first member too many, the object is refused, and no more names
    /// are kept.
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
            let quoted = &name[..name.len().min(4 * QUOTED)];
            let quoted = String::from_utf8_lossy(quoted);
            quoted.chars().take(QUOTED).collect()
        });
    }

    /// Whether the object has this part more than once.
    pub(in crate::wire) fn is_duplicated(&self, part: impl Part) -> bool {
        self.duplicate_parts & 1 << part.index() != 0
    }

    /// What is wrong with the names of the object; `of` says which object it is.
    #[inline(always)]
    pub(in crate::wire) fn fault(&mut self, of: &'static str) -> Option<Box<Fault>> {
        if let Some(fault) = self.width_fault(of) {
            return Some(fault);
        }
        let name = self.duplicate.take()?;
        Some(Fault::Duplicate { name, of }.into())
    }

    /// The same for an object whose other names may be duplicated.
    #[inline(always)]
    pub(in crate::wire) fn width_fault(&self, of: &'static str) -> Option<Box<Fault>> {
        let limit = self.max;
        self.are_too_many()
            .then(|| Fault::TooManyMembers { limit, of }.into())
    }
}
