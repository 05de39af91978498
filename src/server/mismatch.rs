//! A value of a peer that is not what was expected: where it is, and what it is, in words for a model. Texts
//! of the peer are shortened, so that a message cannot become as long as the request.

use std::borrow::Cow;
use std::fmt::{self, Write};

use crate::wire::json::{RawJson, put_string};

/// How many characters of a peer's text a message repeats.
const MAX_CHARS: usize = 60;

/// Where a value is: `arguments.items[2].count`.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root(&'static str),
    Member(&'a Self, &'a str),
}

impl Path<'_> {
    /// The member of this name of the arguments.
    pub(crate) const ARGUMENTS: Path<'static> = Path::Root("arguments");
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Member(holder, name) if is_word(name) => write!(f, "{holder}.{name}"),
            Self::Member(holder, name) => write!(f, "{holder}[{}]", quoted(name)),
        }
    }
}

/// Whether a name can be part of a path as it is.
fn is_word(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$');
    !name.is_empty() && name.len() <= MAX_CHARS && name.bytes().all(is_plain)
}

/// What a value is, for the sentence *expected an integer, not …*.
pub(crate) fn found(value: RawJson<'_>) -> String {
    match value.as_bytes() {
        [b'"', ..] => {
            let text = value.as_str().unwrap_or_default();
            format!("the string {}", quoted(&text))
        }
        [b'{', ..] => "an object".to_owned(),
        [b'[', ..] => "an array".to_owned(),
        [b'-' | b'0'..=b'9', ..] => {
            let token = String::from_utf8_lossy(value.as_bytes());
            format!("the number {}", shortened(&token))
        }
        // A word: `true`, `false` or `null`.
        word => String::from_utf8_lossy(word).into_owned(),
    }
}

/// A text of a peer as a JSON string, shortened.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    put_string(&mut out, &shortened(text));
    String::from_utf8_lossy(&out).into_owned()
}

/// The beginning of a text, with an ellipsis if there is more.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_CHARS) {
        None => text.into(),
        Some((end, _)) => {
            let mut short = text[..end].to_owned();
            let _ = short.write_char('…');
            short.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_value() {
        let root = Path::ARGUMENTS;
        let long = "n".repeat(5000);
        for (name, expected) in [
            ("a", "arguments.a".to_owned()),
            ("_a-1$", "arguments._a-1$".to_owned()),
            ("", r#"arguments[""]"#.to_owned()),
            ("a b", r#"arguments["a b"]"#.to_owned()),
            ("a\"\n", r#"arguments["a\"\n"]"#.to_owned()),
            (&long, format!("arguments[\"{}…\"]", &long[..MAX_CHARS])),
        ] {
            assert_eq!(Path::Member(&root, name).to_string(), expected);
        }
    }

    #[test]
    fn what_was_found_is_told_in_few_words() {
        let long = format!("\"{}\"", "é".repeat(5000));
        let digits = "9".repeat(5000);
        for (text, expected) in [
            (r#""x\n""#, r#"the string "x\n""#.to_owned()),
            ("-5.50", "the number -5.50".to_owned()),
            ("true", "true".to_owned()),
            ("null", "null".to_owned()),
            ("[1]", "an array".to_owned()),
            ("{}", "an object".to_owned()),
            (&long, format!("the string \"{}…\"", "é".repeat(MAX_CHARS))),
            (&digits, format!("the number {}…", "9".repeat(MAX_CHARS))),
        ] {
            assert_eq!(found(RawJson::of(text.as_bytes())), expected);
        }
    }
}
