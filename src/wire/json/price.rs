//! What a tree of values (`serde_json::Value`) keeps on the heap, at most, for each part of its text.
//!
//! A few bytes of text can become hundreds of bytes of tree: `{"":0}` takes a node of a B-tree that
//! has room for eleven members. So a limit on the text alone is no limit on the tree. The parser adds
//! up these prices as it reads, before anybody builds anything, and the length of the body once, for
//! the bytes of all strings. They hold for the 64-bit layout of serde_json's default map, with what an
//! allocator adds to each block; `tests/heap.rs` holds them to trees that were measured.

/// A string beside its bytes: a block of the heap.
pub(super) const STRING: u64 = 32;
/// An element. A vector doubles, so up to half of it is spare.
pub(super) const ELEMENT: u64 = 64;
/// A member beside its value: its name, and its share of nodes that are five elevenths full, as a
/// split may leave them, and of the nodes above.
pub(super) const MEMBER: u64 = STRING + 132;
/// An object with something in it: what the node of its first member takes more than [`MEMBER`] has.
pub(super) const OBJECT: u64 = 544;
/// An array with something in it: its first block has room for four elements.
const ARRAY: u64 = 80;

/// A container that is closed by this byte and is not empty; of an array with its first element.
#[inline(always)]
pub(super) fn container(close: u8) -> u64 {
    match close {
        b'}' => OBJECT,
        _ => ARRAY + ELEMENT,
    }
}
