//! Why a text is not JSON, or JSON that the parser refuses.

use std::fmt;

/// What was read, or why it is not JSON. The fault is boxed: every value that is read returns a
/// result, which fits into two registers without the fault inside it.
pub(in crate::wire) type Scanned<T> = Result<T, Box<Fault>>;

/// What is wrong with a text.
#[derive(Clone, Debug)]
pub(in crate::wire) enum Fault {
    Empty,
    TooLong,
    Utf8 { at: usize },
    ByteOrderMark,
    Syntax { at: usize, expected: &'static str },
    TooDeep { limit: usize },
    Duplicate { name: String, of: &'static str },
    TooManyMembers { limit: usize, of: &'static str },
    LargeTree { limit: usize },
    ReservedName,
}

impl Fault {
    /// Whether the text is not JSON. Every other fault is in JSON that serde_json reads.
    pub(in crate::wire) fn is_syntax(&self) -> bool {
        match self {
            Self::Empty
            | Self::TooLong
            | Self::Utf8 { .. }
            | Self::ByteOrderMark
            | Self::Syntax { .. }
            | Self::TooDeep { .. } => true,
            Self::Duplicate { .. }
            | Self::TooManyMembers { .. }
            | Self::LargeTree { .. }
            | Self::ReservedName => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty"),
            Self::TooLong => f.write_str("the body is longer than 4 GiB"),
            Self::Utf8 { at } => write!(f, "the body is not UTF-8 from byte {at} on"),
            Self::ByteOrderMark => f.write_str("the body begins with a byte order mark"),
            Self::Syntax { at, expected } => write!(f, "expected {expected} at byte {at}"),
            Self::TooDeep { limit } => write!(f, "nested deeper than {limit} levels"),
            Self::Duplicate { name, of } => {
                write!(f, "the member `{name}` of {of} is duplicated")
            }
            Self::TooManyMembers { limit, of } => write!(f, "{of} has more than {limit} members"),
            Self::LargeTree { limit } => write!(
                f,
                "as a tree, the values take more than {limit} bytes of memory"
            ),
            Self::ReservedName => {
                f.write_str("a member has a name that JSON readers keep for themselves")
            }
        }
    }
}
