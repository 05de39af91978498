//! Objects that are written in two steps: their short members first, and then a long one.

use serde_json::Value;

use crate::wire::json::put_string;
use crate::wire::pieces::PieceWriter;

/// Appends an object with one more member, which `put` appends.
pub(crate) fn put_with(
    out: &mut PieceWriter,
    object: &Value,
    name: &str,
    put: impl FnOnce(&mut PieceWriter),
) {
    let others = object.to_string();
    let others = others.strip_suffix('}').unwrap_or_default();
    out.put(others.as_bytes());
    if others.len() > 1 {
        out.put(b",");
    }
    put_string(out.buffer(), name);
    out.put(b":");
    put(out);
    out.put(b"}");
}
