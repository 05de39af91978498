//! Rust source as tokens, with comments, texts and test code left out.

use std::fs;
use std::path::Path;

/// A word, a lifetime, or one character of punctuation, and the line that it is on, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// The tokens of a file, without its test code.
pub(super) fn read(path: &Path) -> Vec<Token> {
    let code = fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    without_tests(&tokens(&code))
}

/// Splits code into tokens and drops comments. A string or a character becomes a pair of quotes, except in
/// `#[path = "…"]`, where it names a file.
pub(super) fn tokens(code: &str) -> Vec<Token> {
    let chars: Vec<char> = code.chars().collect();
    let mut found: Vec<Token> = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        if chars[at].is_whitespace() {
            line += usize::from(chars[at] == '\n');
            at += 1;
            continue;
        }
        let end = end_of_token(&chars, at);
        let text: String = chars[at..end].iter().collect();
        let breaks = text.matches('\n').count();
        let names_a_file =
            found.len() >= 2 && found[found.len() - 2].is("path") && found[found.len() - 1].is("=");
        if !text.starts_with("//") && !text.starts_with("/*") {
            let is_hidden = is_text(&text) && !names_a_file;
            let text = if is_hidden { "\"\"".to_owned() } else { text };
            found.push(Token { text, line });
        }
        line += breaks;
        at = end;
    }
    found
}

fn is_text(token: &str) -> bool {
    let is_raw = token.starts_with("r#") && token.contains('"');
    token.contains('"') && (is_raw || token.starts_with(['"', 'b', 'c', 'r']))
        || token.starts_with('\'') && token.len() > 1 && token.ends_with('\'')
        || token.starts_with("b'")
}

/// Where the token that begins at `at` ends.
fn end_of_token(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let starts = |text: &str| text.chars().eq(rest.iter().copied().take(text.len()));
    if starts("//") {
        return at
            + rest
                .iter()
                .position(|char| *char == '\n')
                .unwrap_or(rest.len());
    }
    if starts("/*") {
        return end_of_block_comment(chars, at);
    }
    let prefix = rest
        .iter()
        .take_while(|char| matches!(char, 'b' | 'c' | 'r'))
        .count();
    let hashes = rest[prefix..]
        .iter()
        .take_while(|char| **char == '#')
        .count();
    let is_raw = prefix > 0 && rest[prefix - 1] == 'r';
    match rest.get(prefix + hashes) {
        Some('"') if is_raw => return end_of_raw(chars, at + prefix + hashes + 1, hashes),
        Some('"') if hashes == 0 && prefix < 2 => return end_of_quoted(chars, at + prefix, '"'),
        Some('\'') if hashes == 0 && (prefix == 0 || starts("b'")) => {
            return end_of_tick(chars, at + prefix);
        }
        _ => {}
    }
    let word = rest
        .iter()
        .take_while(|char| char.is_alphanumeric() || **char == '_')
        .count();
    at + word.max(1)
}

fn end_of_block_comment(chars: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (0, at);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn end_of_raw(chars: &[char], mut at: usize, hashes: usize) -> usize {
    while at < chars.len() {
        let close = chars[at + 1..]
            .iter()
            .take_while(|char| **char == '#')
            .count();
        if chars[at] == '"' && close >= hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// `at` is the opening quote.
fn end_of_quoted(chars: &[char], at: usize, quote: char) -> usize {
    let mut at = at + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A character such as `'a'` or `'\n'`, or a lifetime such as `'a`. `at` is the tick.
fn end_of_tick(chars: &[char], at: usize) -> usize {
    let is_character = chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'');
    if is_character {
        return end_of_quoted(chars, at, '\'');
    }
    let word = chars[at + 1..]
        .iter()
        .take_while(|char| char.is_alphanumeric() || **char == '_');
    at + 1 + word.count()
}

/// Leaves out each item that has `#[cfg(test)]` or the like.
pub(super) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_attribute =
            tokens[at].is("#") && tokens.get(at + 1).is_some_and(|next| next.is("["));
        if !is_attribute {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = end_of_group(tokens, at + 1);
        if is_for_tests(&tokens[at..end]) {
            at = end_of_item(tokens, end);
        } else {
            kept.extend_from_slice(&tokens[at..end]);
            at = end;
        }
    }
    kept
}

fn is_for_tests(attribute: &[Token]) -> bool {
    let has = |word: &str| attribute.iter().any(|token| token.is(word));
    has("cfg") && has("test") && !has("not") && !has("any")
}

/// The end of the item that begins at `at`: its `;`, or the `}` that closes its first `{`.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" => return end_of_group(tokens, at),
            "(" | "[" => at = end_of_group(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The end of the brackets that open at `at`.
pub(super) fn end_of_group(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &str) {
        let found = without_tests(&tokens(code));
        let texts: Vec<String> = found.into_iter().map(|token| token.text).collect();
        assert_eq!(texts.join(" "), expected);
    }

    #[test]
    fn comments_texts_and_tests_are_left_out() {
        check("a /* b /* c */ d */ e // f\ng", "a e g");
        check(
            r##"let a = "crate::b"; r#"c"d"#; b'e'; '\''; 'f'; &'g h"##,
            r#"let a = "" ; "" ; "" ; "" ; "" ; & 'g h"#,
        );
        check(
            "#[cfg(test)]\nmod tests {\n fn a() { {} }\n}\nuse b;",
            "use b ;",
        );
        check("#[cfg(test)]\nmod tests;\nuse b;", "use b ;");
        check(
            "#[cfg(not(test))]\nuse a;",
            "# [ cfg ( not ( test ) ) ] use a ;",
        );
        check(
            "#[path = \"../a.rs\"]\nmod b;",
            "# [ path = \"../a.rs\" ] mod b ;",
        );
        check("bright brr r#fn b c", "bright brr r # fn b c");
    }

    #[test]
    fn each_token_knows_its_line() {
        let found = tokens("a\n/*\n*/ b\n\"\n\" c");
        let lines: Vec<usize> = found.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3, 4, 5]);
    }
}
