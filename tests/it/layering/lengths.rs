//! How long files and functions are.

use std::path::Path;

use super::source::{self, Token, end_of_group};

/// A function with its length in lines, from its `fn` to its last brace.
#[derive(Debug, PartialEq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) lines: usize,
}

/// How many lines of a file hold code, without its tests.
pub(super) fn lines_of_code(path: &Path) -> usize {
    let mut lines: Vec<usize> = source::read(path).iter().map(|token| token.line).collect();
    lines.dedup();
    lines.len()
}

/// The functions of a file, without its tests.
pub(super) fn functions(path: &Path) -> Vec<Function> {
    functions_in(&source::read(path))
}

fn functions_in(tokens: &[Token]) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1) else {
            break;
        };
        let is_named = name
            .text
            .starts_with(|first: char| first.is_alphabetic() || first == '_');
        if token.is("fn") && is_named {
            found.extend(body(tokens, at + 2).map(|end| Function {
                name: name.text.clone(),
                lines: tokens[end - 1].line - token.line + 1,
            }));
        }
    }
    found
}

/// The end of the body of a function, if it has one. `at` is after its name.
fn body(tokens: &[Token], mut at: usize) -> Option<usize> {
    loop {
        match tokens.get(at)?.text.as_str() {
            ";" => return None,
            "{" => return Some(end_of_group(tokens, at)),
            "(" | "[" => at = end_of_group(tokens, at),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_as_long_as_its_lines() {
        let code = "fn a() {}\nimpl B {\n  fn c(d: fn(e) -> f) -> [u8; 2]\n  where G: H {\n    {}\n  }\n fn i();\n}";
        let functions = functions_in(&source::tokens(code));
        let found: Vec<(&str, usize)> = functions
            .iter()
            .map(|one| (one.name.as_str(), one.lines))
            .collect();
        assert_eq!(found, [("a", 1), ("c", 4)]);
    }
}
