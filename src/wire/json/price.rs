//! The most heap that a tree of values (`serde_json::Value`) takes for each part of its text.
//!
//! A few bytes of text can become hundreds of bytes of tree: `{"":0}` takes a node of a B-tree that
//! has room for eleven members. So a limit on the text alone does not limit the tree. The parser adds up
//! these prices while it reads, before anything is built, and adds the length of the body once, for the
//! bytes of all strings. The prices hold for the 64-bit layout of serde_json's default map, with the
//! overhead of an allocator for each block; `tests/heap.rs` compares them with measured trees.

/// A string, without its bytes: the overhead of a heap block.
pub(super) const STRING: u64 = 32;
/// An element of an array. A vector doubles its size, so up to half of it is unused.
pub(super) const ELEMENT: u64 = 64;
/// A member, without its value: its name, and its share of the nodes of the tree. After a split a node is
/// five elevenths full.
pub(super) const MEMBER: u64 = STRING + 132;
/// An object that is not empty: the rest of the node of its first member, beyond [`MEMBER`].
pub(super) const OBJECT: u64 = 544;
/// An array that is not empty: its first block has room for four elements.
const ARRAY: u64 = 80;

/// A container that ends with the byte `close` and is not empty. For an array this includes its first
/// element.
#[inline(always)]
pub(super) fn container(close: u8) -> u64 {
    match close {
        b'}' => OBJECT,
        _ => ARRAY + ELEMENT,
    }
}
