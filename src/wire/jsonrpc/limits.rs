//! What a message may measure.

use crate::wire::json::{DEPTH_CEILING, MAX_DEPTH};

/// What a message may measure.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MessageLimits {
    /// Containers inside each other, counted up to [`MessageLimits::DEPTH_CEILING`]. Default
    /// [`MessageLimits::MAX_DEPTH`].
    pub depth: usize,
    /// The bytes of an id's token. Default [`MessageLimits::MAX_ID_LEN`].
    pub id_len: usize,
    /// The bytes of a method's token. Default [`MessageLimits::MAX_METHOD_LEN`].
    pub method_len: usize,
    /// The messages of a batch. Default [`MessageLimits::MAX_BATCH_LEN`].
    pub batch_len: usize,
    /// The members of a message itself, of its `params`, of `_meta`, and of the `clientInfo` in it: each
    /// of these objects may have so many. Objects further inside, such as `arguments`, are counted by
    /// [`MessageLimits::tree`] alone. Default [`MessageLimits::MAX_MEMBERS`].
    pub members: usize,
    /// The bytes of heap that the values of a body may take as a tree (`serde_json::Value`), all
    /// messages of a batch together. The parser adds them up while it reads, before anything is built: the
    /// bytes of the body, for its strings, and beside them 32 for each string, 64 for an element of an
    /// array, 164 for a member of an object and its name, and 80 or 544 for an array or an object that
    /// is not empty. The sum is never below what a tree keeps, as 64-bit machines have it. Default
    /// [`MessageLimits::MAX_TREE`].
    pub tree: usize,
}

impl MessageLimits {
    /// Deeper than any schema that is in use, shallow enough for every reader's stack.
    pub const MAX_DEPTH: usize = MAX_DEPTH;
    /// The most that [`MessageLimits::depth`] may be set to: the parser keeps a bit of each level.
    pub const DEPTH_CEILING: usize = DEPTH_CEILING;
    /// Room for a UUID, a URL or an integer of hundreds of digits.
    pub const MAX_ID_LEN: usize = 256;
    /// The longest method of the protocol has 40 bytes.
    pub const MAX_METHOD_LEN: usize = 256;
    /// As many as the requests that one session may have running.
    pub const MAX_BATCH_LEN: usize = 64;
    /// Ten times what the widest messages in use have.
    pub const MAX_MEMBERS: usize = 1000;
    /// 32 MiB: eight times the longest body, so that text, pictures and hundreds of thousands of numbers
    /// fit, and what is made to be dear does not.
    pub const MAX_TREE: usize = 32 * 1024 * 1024;
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self {
            depth: Self::MAX_DEPTH,
            id_len: Self::MAX_ID_LEN,
            method_len: Self::MAX_METHOD_LEN,
            batch_len: Self::MAX_BATCH_LEN,
            members: Self::MAX_MEMBERS,
            tree: Self::MAX_TREE,
        }
    }
}
