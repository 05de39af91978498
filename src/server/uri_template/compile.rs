//! The text of a template to its parts.

use super::part::{Part, Query, Variable};
use super::uri::{has_whole_escapes, is_scheme};
use crate::protocol::uri::put_escaped;

/// The parts of a template; an error continues the sentence "the URI template …".
pub(crate) fn compile(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        push_literal(&mut parts, &checked_literal(literal)?);
        let Some((expression, after)) = after.split_once('}') else {
            return Err("opens a brace that it never closes".to_owned());
        };
        push_expression(&mut parts, expression)?;
        rest = after;
    }
    push_literal(&mut parts, &checked_literal(rest)?);
    if can_begin_a_uri(&parts) {
        return Ok(parts);
    }
    Err(
        "matches no URI: it must begin with a scheme and a colon, such as `notes://` or `file:///`"
            .to_owned(),
    )
}

/// Whether some absolute URI begins as these parts do. A variable may stand for a scheme.
fn can_begin_a_uri(parts: &[Part]) -> bool {
    match parts {
        [Part::Literal(text), rest @ ..] => match text.split_once(':') {
            Some((scheme, after)) => is_scheme(scheme) && !(after.is_empty() && rest.is_empty()),
            None => is_scheme(text) && !rest.is_empty(),
        },
        [Part::Variable(_), ..] => true,
        _ => false,
    }
}

/// How an expression is read, by its first character. RFC 6570, appendix A.
struct Operator {
    prefix: &'static str,
    separator: char,
    style: Style,
}

#[derive(Clone, Copy)]
enum Style {
    Simple,
    Reserved,
    /// `name=value` pairs after this character.
    Named(char),
}

impl Operator {
    /// Splits an expression into its operator and its list of variables.
    fn split(expression: &str) -> (Self, &str) {
        let mut rest = expression.chars();
        let (prefix, separator, style) = match rest.next() {
            Some('+') => ("", ',', Style::Reserved),
            Some('#') => ("#", ',', Style::Reserved),
            Some('.') => (".", '.', Style::Simple),
            Some('/') => ("/", '/', Style::Simple),
            Some(';') => ("", ';', Style::Named(';')),
            Some(lead @ ('?' | '&')) => ("", '&', Style::Named(lead)),
            _ => {
                rest = expression.chars();
                ("", ',', Style::Simple)
            }
        };
        let operator = Self {
            prefix,
            separator,
            style,
        };
        (operator, rest.as_str())
    }
}

/// A literal as it is in URIs, with everything escaped that has to be (RFC 6570, 3.1).
fn checked_literal(text: &str) -> Result<String, String> {
    if text.contains('}') {
        return Err("closes a brace that it never opened".to_owned());
    }
    if !has_whole_escapes(text) {
        return Err(
            "has a `%` without two hexadecimal digits after it; write `%25` for a percent sign"
                .to_owned(),
        );
    }
    let mut literal = String::with_capacity(text.len());
    put_escaped(&mut literal, text);
    Ok(literal)
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Literal(before)) => before.push_str(text),
        _ => parts.push(Part::Literal(text.to_owned())),
    }
}

fn push_expression(parts: &mut Vec<Part>, expression: &str) -> Result<(), String> {
    let (operator, list) = Operator::split(expression);
    let names = list
        .split(',')
        .map(|name| checked_name(name, expression))
        .collect::<Result<Vec<_>, _>>()?;
    match operator.style {
        Style::Named(lead) => push_query(parts, lead, operator.separator, names),
        Style::Simple | Style::Reserved => push_variables(parts, &operator, names),
    }
}

/// RFC 6570, section 2.3: letters, digits, `_` and percent escapes, in pieces joined by dots.
fn checked_name(name: &str, expression: &str) -> Result<Box<str>, String> {
    if name.is_empty() {
        return Err(format!("has an empty variable name in `{{{expression}}}`"));
    }
    if name.ends_with('*') || name.contains(':') {
        return Err(format!(
            "has a modifier on `{name}`; `*` and `:` followed by a length are not supported"
        ));
    }
    let is_varchar = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '%');
    let is_valid = name.split('.').all(|piece| {
        !piece.is_empty() && piece.chars().all(is_varchar) && has_whole_escapes(piece)
    });
    if !is_valid {
        return Err(format!(
            "has `{name}` for a variable name; names are letters, digits, `_` and single dots"
        ));
    }
    Ok(name.into())
}

fn push_variables(
    parts: &mut Vec<Part>,
    operator: &Operator,
    names: Vec<Box<str>>,
) -> Result<(), String> {
    push_literal(parts, operator.prefix);
    let separator = (names.len() > 1).then_some(operator.separator);
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            push_literal(parts, operator.separator.encode_utf8(&mut [0; 4]));
        }
        let reserved = matches!(operator.style, Style::Reserved);
        push_variable(
            parts,
            Variable {
                name,
                reserved,
                separator,
            },
        )?;
    }
    Ok(())
}

/// A variable needs a literal before it: nothing else in a URI shows where one value ends and the next one
/// starts. Pairs do not, because they may be absent.
fn push_variable(parts: &mut Vec<Part>, variable: Variable) -> Result<(), String> {
    if let Some(before) = parts.last().and_then(|part| part.names().last()) {
        return Err(format!(
            "has no literal between the variables `{before}` and `{}`, so a URI cannot be told \
             apart into their values",
            variable.name
        ));
    }
    parts.push(Part::Variable(variable));
    Ok(())
}

fn push_query(
    parts: &mut Vec<Part>,
    lead: char,
    separator: char,
    names: Vec<Box<str>>,
) -> Result<(), String> {
    if let Some(Part::Query(before)) = parts.last()
        && before.separator == lead
    {
        return Err(format!(
            "has `{{{lead}{}}}` directly after other pairs with the same separator; write them as \
             one expression, `{{{}{},{}}}`",
            names.join(","),
            before.lead,
            before.names.join(","),
            names.join(","),
        ));
    }
    parts.push(Part::Query(Query {
        lead,
        separator,
        names,
    }));
    Ok(())
}
