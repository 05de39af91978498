//! Pages of lists. A cursor is the name of the list and an offset into it.

use serde_json::{Map, Value};

use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;

/// One page of a list, as a result: `items` under `key`, and `nextCursor` if there are more (SPEC E-25).
/// The cursor says everything about the next page, so any process can serve it (SPEC E-28).
///
/// # Errors
///
/// -32602 for a cursor that is not of this list (SPEC E-26), such as `""`.
pub(crate) fn page(
    cursor: Option<RawJson<'_>>,
    key: &str,
    items: impl ExactSizeIterator<Item = Value>,
    size: usize,
) -> Result<Value, ErrorObject> {
    let len = items.len();
    let start = match cursor {
        None => 0,
        Some(cursor) => cursor
            .as_str()
            .and_then(|cursor| cursor.strip_prefix(key)?.strip_prefix(':')?.parse().ok())
            .filter(|start| (1..len).contains(start))
            .ok_or_else(|| ErrorObject::invalid_params("`cursor` is not a cursor of this list"))?,
    };
    let mut result = Map::new();
    result.insert(key.to_owned(), items.skip(start).take(size).collect());
    if start + size < len {
        result.insert(
            "nextCursor".to_owned(),
            format!("{key}:{}", start + size).into(),
        );
    }
    Ok(result.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(cursor: Option<Value>, len: usize) -> Result<Value, i64> {
        let cursor = cursor.map(|cursor| cursor.to_string());
        let cursor = cursor.as_deref().map(|text| RawJson::of(text.as_bytes()));
        let items = (0..len).map(Value::from);
        page(cursor, "tools", items, 2).map_err(|error| error.code())
    }

    /// SPEC E-25, E-27, E-28: pages follow each other, the last has no cursor.
    #[test]
    fn pages_follow_each_other() {
        assert_eq!(list(None, 0), Ok(json!({"tools": []})));
        assert_eq!(list(None, 2), Ok(json!({"tools": [0, 1]})));
        assert_eq!(
            list(None, 5),
            Ok(json!({"tools": [0, 1], "nextCursor": "tools:2"}))
        );
        let next = |at: &str| list(Some(at.into()), 5);
        assert_eq!(
            next("tools:2"),
            Ok(json!({"tools": [2, 3], "nextCursor": "tools:4"}))
        );
        assert_eq!(next("tools:4"), Ok(json!({"tools": [4]})));
    }

    /// SPEC E-26: garbage, another list's cursor, out of bounds, and the empty text.
    #[test]
    fn a_bad_cursor_is_refused() {
        for cursor in [
            "",
            "garbage",
            "prompts:2",
            "tools:5",
            "tools:0",
            "tools:-1",
            "tools:",
        ] {
            assert_eq!(list(Some(cursor.into()), 5), Err(-32602), "{cursor}");
        }
        assert_eq!(list(Some(json!(2)), 5), Err(-32602));
        assert_eq!(list(Some(Value::Null), 5), Err(-32602));
    }
}
