//! [`Place`]: where in a list a page begins, and how a client carries that to the next request.

use super::page::Cursor;
use crate::wire::base64;
use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;

/// Where a page begins. The registered items come first, then what the list handler tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this registered item.
    Item(usize),
    /// In the pages of the handler.
    Told(Cursor),
}

impl Place {
    /// Reads the cursor of a client for the list of this name. It says everything about the page, so any process can serve it (SPEC E-28).
    ///
    /// # Errors
    ///
    /// -32602 for one that is not of this list, such as `""` (SPEC E-26).
    pub(crate) fn read(cursor: Option<RawJson<'_>>, list: &str) -> Result<Self, ErrorObject> {
        let Some(cursor) = cursor else {
            return Ok(Self::Item(0));
        };
        let text = cursor.as_str();
        let place = text.and_then(|text| Self::parse(text.strip_prefix(list)?));
        place.ok_or_else(Cursor::refusal)
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(number) = text.strip_prefix(':') {
            let is_canonical = number.bytes().all(|byte| byte.is_ascii_digit());
            return number
                .parse()
                .ok()
                .filter(|at| is_canonical && *at > 0)
                .map(Self::Item);
        }
        let cursor = String::from_utf8(base64::decode(text.strip_prefix('~')?)?).ok()?;
        Some(Self::Told(cursor.into()))
    }

    /// The cursor that the client gets.
    pub(crate) fn to_cursor(&self, list: &str) -> String {
        match self {
            Self::Item(at) => format!("{list}:{at}"),
            Self::Told(cursor) => format!("{list}~{}", base64::encode(cursor.as_str().as_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::server::result::first_pages::List;

    fn read(cursor: Value, list: List) -> Result<Place, i64> {
        let cursor = cursor.to_string();
        let place = Place::read(Some(RawJson::of(cursor.as_bytes())), list.key());
        place.map_err(|error| error.code())
    }

    /// SPEC E-25, E-28: what a client is given is read as what it was.
    #[test]
    fn a_place_comes_back_as_it_was() {
        let lists = [List::Tools, List::Resources, List::Templates, List::Prompts];
        let texts = ["", "after:x", "a\u{0}\u{e9}\"", "tools:7"];
        let told = texts.map(|text| Place::Told(text.into()));
        for list in lists {
            for place in [Place::Item(1), Place::Item(100)].iter().chain(&told) {
                let cursor = place.to_cursor(list.key());
                assert_eq!(read(cursor.clone().into(), list), Ok(place.clone()));
                for other in lists.into_iter().filter(|other| other.key() != list.key()) {
                    assert_eq!(read(cursor.clone().into(), other), Err(-32602), "{cursor}");
                }
            }
        }
        assert_eq!(
            Place::read(None, List::Tools.key()).unwrap(),
            Place::Item(0)
        );
    }

    /// SPEC E-26: garbage, another list's cursor, and the empty text.
    #[test]
    fn a_bad_cursor_is_refused() {
        for cursor in [
            "",
            "garbage",
            "tools",
            "prompts:2",
            "tools:0",
            "tools:-1",
            "tools:+1",
            "tools: 1",
            "tools:",
            "tools:99999999999999999999999",
            "tools~*",
            "tools~YQ",
            "tools~/w==",
            "tool~YQ==",
        ] {
            assert_eq!(read(cursor.into(), List::Tools), Err(-32602), "{cursor}");
        }
        assert_eq!(read(json!(2), List::Tools), Err(-32602));
        assert_eq!(read(json!(["tools:2"]), List::Tools), Err(-32602));
    }
}
