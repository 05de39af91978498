//! Where a value lies in a text, and what it is.

use std::num::NonZeroU32;
use std::ops::Range;

/// Where a value lies in the body, both ends in bytes. No value ends at 0, so an optional span is no
/// larger than a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wire) struct Span {
    start: u32,
    end: NonZeroU32,
}

impl Span {
    #[inline(always)]
    pub(in crate::wire) fn new(start: usize, end: usize) -> Self {
        // `Scanner::new` refuses text that 32 bits cannot index.
        Self {
            start: start as u32,
            end: NonZeroU32::new(end as u32).expect("a value has a byte at least"),
        }
    }

    pub(in crate::wire) fn range(self) -> Range<usize> {
        self.start as usize..self.end.get() as usize
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wire) enum Kind {
    Object,
    Array,
    String,
    /// A number without fraction and exponent.
    Integer,
    /// A number with a fraction or an exponent.
    Decimal,
    Bool,
    Null,
}
