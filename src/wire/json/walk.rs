//! Walks over JSON text that the scanner has checked. Nothing is checked again, so that finding a member
//! costs a fraction of parsing the text.

use super::token::{checked_string, gap};

/// The members of an object: the token of each name, with its quotes, and the text of its value. Nothing
/// for any other value. Unchecked text gives nonsense, but no panic.
pub(super) fn members(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = match text.first() {
        Some(b'{') => 1,
        _ => text.len(),
    };
    std::iter::from_fn(move || {
        let open = gap(text, at);
        if text.get(open) != Some(&b'"') {
            return None;
        }
        let close = checked_string(text, open);
        // The colon comes after the name.
        let start = gap(text, gap(text, close) + 1);
        let end = value(text, start);
        at = gap(text, end) + 1;
        Some((text.get(open..close)?, text.get(start..end)?))
    })
}

/// The text of each element of an array; nothing for any other value. Unchecked text as above.
pub(super) fn elements(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = match text.first() {
        Some(b'[') => 1,
        _ => text.len(),
    };
    std::iter::from_fn(move || {
        let start = gap(text, at);
        if matches!(text.get(start), None | Some(b']')) {
            return None;
        }
        let end = value(text, start);
        at = gap(text, end) + 1;
        text.get(start..end)
    })
}

/// Where the value at `at` ends.
fn value(text: &[u8], at: usize) -> usize {
    match text.get(at) {
        Some(b'"') => checked_string(text, at),
        Some(b'{' | b'[') => container(text, at),
        _ => {
            let rest = text.get(at..).unwrap_or_default();
            let is_after =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r');
            at + rest.iter().position(is_after).unwrap_or(rest.len())
        }
    }
}

fn container(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at = checked_string(text, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    fn walked(text: &str) -> Vec<(&str, &str)> {
        let part = |part| std::str::from_utf8(part).unwrap();
        let members = members(text.as_bytes());
        members
            .map(|(name, value)| (part(name), part(value)))
            .collect()
    }

    #[test]
    fn each_member_comes_with_its_text() {
        let text = "{ \"a\" : 1 ,\n\"b\\\"}\":{\"c\":[\"]}\",{}]}, \"\":\"x\\\\\",\"d\":[ ] , \"e\": null }";
        let expected = [
            ("\"a\"", "1"),
            ("\"b\\\"}\"", "{\"c\":[\"]}\",{}]}"),
            ("\"\"", "\"x\\\\\""),
            ("\"d\"", "[ ]"),
            ("\"e\"", "null"),
        ];
        assert_eq!(walked(text), expected);
        for text in ["{}", "{ }", "[1]", "1", "\"{\"", ""] {
            assert!(walked(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn each_element_comes_with_its_text() {
        let text = r#"[ 1 , "a,]" ,[[],{"b":","}], {} ,"",null]"#;
        let expected: [&[u8]; 6] = [
            b"1",
            b"\"a,]\"",
            b"[[],{\"b\":\",\"}]",
            b"{}",
            b"\"\"",
            b"null",
        ];
        assert!(elements(text.as_bytes()).eq(expected));
        for text in ["[]", "[ ]", r#"{"a":1}"#, "1", ""] {
            assert!(elements(text.as_bytes()).next().is_none(), "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\\\\\"{}\\[\\],:a ]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[\\\\\"{}:,a]{0,4}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        /// The members are those that serde_json finds, in compact and in pretty text.
        #[test]
        fn members_are_those_that_serde_json_finds(value in any_json(), pretty: bool) {
            let text = match pretty {
                true => format!("{value:#}"),
                false => value.to_string(),
            };
            let expected: BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(&text).unwrap_or_default();
            let found: BTreeMap<String, &str> = walked(&text)
                .into_iter()
                .map(|(name, value)| (serde_json::from_str(name).unwrap(), value))
                .collect();
            prop_assert_eq!(found.len(), expected.len());
            for (name, value) in expected {
                prop_assert_eq!(found[&name], value.get());
            }
        }

        /// Unchecked text gives nonsense, but no panic.
        #[test]
        fn unchecked_text_does_no_harm(text in "[{}\\[\\]\",:\\\\a1 ]{0,40}") {
            members(text.as_bytes()).for_each(drop);
            elements(text.as_bytes()).for_each(drop);
        }
    }

    /// Such text is not JSON and is never walked in practice; the walk still reaches its end.
    #[test]
    fn a_raw_control_character_in_a_string_is_passed_over() {
        let found: Vec<_> = members(b"{\"a\n\":\"\x01b\",\"c\":1}").collect();
        assert_eq!(
            found,
            [(&b"\"a\n\""[..], &b"\"\x01b\""[..]), (b"\"c\"", b"1")]
        );
    }
}
