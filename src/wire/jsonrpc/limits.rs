//! What a message may measure.

use crate::wire::json::{DEPTH_CEILING, MAX_DEPTH};

/// How large a message may be. A message beyond one of these limits is refused with the limit's name.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MessageLimits {
    /// How deep objects and arrays may nest, at most [`MessageLimits::DEPTH_CEILING`]. Default
    /// [`MessageLimits::MAX_DEPTH`].
    pub depth: usize,
    /// The bytes of an id, with its quotes if it is a string. Default [`MessageLimits::MAX_ID_LEN`].
    pub id_len: usize,
    /// The bytes of a method, with its quotes. Default [`MessageLimits::MAX_METHOD_LEN`].
    pub method_len: usize,
    /// The messages of a batch; 0 refuses batches. Default [`MessageLimits::MAX_BATCH_LEN`].
    pub batch_len: usize,
    /// The members that each of these objects may have: a message, its `params`, their `_meta`, and the
    /// `clientInfo` in it. Other objects, such as `arguments`, are limited by [`MessageLimits::tree`]
    /// alone. Default [`MessageLimits::MAX_MEMBERS`].
    pub members: usize,
    /// The bytes of heap that a tree (`serde_json::Value`) of the whole body may take, all messages of a
    /// batch together. The parser adds them up while it reads, before anything is built: the length of
    /// the body, 32 for each string, 64 for each element of an array, 164 for each member of an object,
    /// and 80 for an array or 544 for an object that is not empty. On a 64-bit machine the sum is never
    /// less than what a tree takes. Where a crate of your build turns on `preserve_order` of serde_json, as the
    /// feature `schemars` does, a tree takes up to three times as much. Default
    /// [`MessageLimits::MAX_TREE`].
    pub tree: usize,
}

impl MessageLimits {
    /// Deeper than any schema in use, and shallow enough for the stack of every reader.
    pub const MAX_DEPTH: usize = MAX_DEPTH;
    /// The most that [`MessageLimits::depth`] can be set to: the parser keeps a bit for each level.
    pub const DEPTH_CEILING: usize = DEPTH_CEILING;
    /// Room for a UUID, a URL or an integer of hundreds of digits.
    pub const MAX_ID_LEN: usize = 256;
    /// The longest method of the protocol has 40 bytes.
    pub const MAX_METHOD_LEN: usize = 256;
    /// The number of requests that one session may have running by default.
    pub const MAX_BATCH_LEN: usize = 64;
    /// Ten times what the widest messages in use have.
    pub const MAX_MEMBERS: usize = 1000;
    /// 32 MiB, which is eight times the longest body by default: text, pictures and hundreds of thousands
    /// of numbers fit, and a body that is made to become a huge tree does not.
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
