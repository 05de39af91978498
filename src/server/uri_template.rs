//! RFC 6570 templates, read backwards: a URI to the variables that would have made it. SPEC E-51,
//! E-53, E-56.
//!
//! Every RFC 6570 operator is understood, with one or several variables; the level 4 modifiers
//! (`{name*}` and `{name:3}`) are refused when the template is parsed.
//!
//! | Expression                 | Reads                                                        |
//! |----------------------------|--------------------------------------------------------------|
//! | `{a}` `{a,b}`              | one or more characters except `/`, `?`, `#`, split at `,`    |
//! | `{+a}` `{#a}`              | anything that is not empty, after a `#` for the second       |
//! | `{.a,b}` `{/a,b}`          | like `{a}`, each after its `.` or `/`                        |
//! | `{?a,b}` `{&a,b}` `{;a,b}` | `name=value` pairs in any order, each optional, none unknown |
//!
//! A variable of the first and third rows that shares its braces with others does not contain
//! their separator; alone in its braces it may, so `{.ext}` reads `.tar.gz`.
//!
//! Matching is linear in the URI for each part and never backtracks (PITFALLS R-40). Each variable takes the
//! shortest run, of one character at least, after which what follows it in the template matches:
//! the next literal, or the `?`, `&` or `;` of pairs. The one exception is a literal at the very
//! end, which is anchored at the end of the URI: `{a}.json` reads `x.json.json` as `x.json`. The
//! price is that an ambiguous template may refuse a URI that a backtracking reader would match.
//!
//! Values are percent-decoded exactly once. Literals, and the names in pairs, compare as written.

/// A URI template, compiled once so that each read request only walks the URI.
#[derive(Debug, Clone)]
pub(crate) struct UriTemplate {
    parts: Vec<Part>,
}

impl UriTemplate {
    /// Compiles a template; the error is a sentence for whoever wrote the template. A template
    /// without variables is allowed and matches itself.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = compile(text).map_err(|why| format!("the URI template `{text}` {why}"))?;
        Ok(Self { parts })
    }

    /// The names of the variables, in the order of the template.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(Part::names)
    }

    /// The variables that would have made `uri`, or `None` when the template does not make it or
    /// when a value is one that no handler should see (SPEC E-56).
    pub(crate) fn match_uri(&self, uri: &str) -> Option<Variables> {
        // The last literal goes first: nothing after it can decide where it starts.
        let (mut parts, mut rest) = match self.parts.split_last() {
            Some((Part::Literal(tail), before)) => (before, uri.strip_suffix(tail.as_str())?),
            _ => (self.parts.as_slice(), uri),
        };
        let mut found = Variables::default();
        while let Some((part, following)) = parts.split_first() {
            rest = part.take(rest, following, &mut found)?;
            parts = following;
        }
        rest.is_empty().then_some(found)
    }
}

/// The values that a URI gave to the variables of a template, percent-decoded once.
///
/// No value contains a NUL or a `..` path segment (SPEC E-56). A value may still start with a `/`, or
/// be a path that is absolute on some platform, so code that joins one to a directory must refuse
/// absolute paths itself.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: Vec<(Box<str>, String)>,
}

impl Variables {
    /// The value of the variable `name`; `None` when the URI left it out, which only variables of
    /// `{?…}`, `{&…}` and `{;…}` can be, or when the template has no such variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The names and values, in the order of the URI.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (&**name, value.as_str()))
    }

    /// Decodes and keeps a value. A variable that a template repeats has one value, so a second
    /// one that differs means that the template did not make the URI.
    fn insert(&mut self, name: &str, raw: &str) -> Option<()> {
        let value = percent_decode(raw).filter(|value| is_harmless(value))?;
        if let Some(earlier) = self.get(name) {
            return (earlier == value).then_some(());
        }
        self.values.push((name.into(), value));
        Some(())
    }
}

/// Whether `text` is an absolute URI: a scheme, a colon and something after it, in characters that
/// RFC 3986 allows and with whole percent escapes (SPEC E-53).
///
/// Characters beyond ASCII are tolerated, as in the IRIs of RFC 3987, except spaces and controls.
pub(crate) fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    is_scheme(scheme)
        && !rest.is_empty()
        && !rest.contains(is_refused_in_uri)
        && has_whole_escapes(rest)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn is_refused_in_uri(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
}

/// Whether two hexadecimal digits follow each `%`.
fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.count() == 2
    })
}

/// One pass over the escapes, so that `%2541` stays the text `%41`.
fn percent_decode(raw: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (hex_digit(bytes.next()?)? << 4) | hex_digit(bytes.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Whether a decoded value is free of NULs and of `..` segments, so that a matched variable never
/// escapes into path traversal (SPEC E-56). Backslashes count because they separate paths on Windows.
fn is_harmless(value: &str) -> bool {
    !value.contains('\0') && value.split(['/', '\\']).all(|segment| segment != "..")
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Variable(Variable),
    Query(Query),
}

impl Part {
    /// Reads this part from the start of `rest` and returns what is left.
    fn take<'a>(
        &self,
        rest: &'a str,
        following: &[Self],
        found: &mut Variables,
    ) -> Option<&'a str> {
        match self {
            Self::Literal(text) => rest.strip_prefix(text.as_str()),
            Self::Variable(variable) => variable.take(rest, following, found),
            Self::Query(query) => query.take(rest, following, found),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::Literal(_) => &[],
            Self::Variable(variable) => std::slice::from_ref(&variable.name),
            Self::Query(query) => query.names.as_slice(),
        };
        names.iter().map(|name| &**name)
    }
}

/// A variable that stands for its value alone.
#[derive(Debug, Clone)]
struct Variable {
    name: Box<str>,
    reserved: bool,
    /// What separates it from its neighbours in the same braces, if it has any.
    separator: Option<char>,
}

impl Variable {
    fn take<'a>(
        &self,
        rest: &'a str,
        following: &[Part],
        found: &mut Variables,
    ) -> Option<&'a str> {
        let first = rest.chars().next()?;
        let (raw, rest) = split_run(rest, first.len_utf8(), following)?;
        if !raw.chars().all(|c| self.accepts(c)) {
            return None;
        }
        found.insert(&self.name, raw)?;
        Some(rest)
    }

    fn accepts(&self, c: char) -> bool {
        self.reserved || !(matches!(c, '/' | '?' | '#') || self.separator == Some(c))
    }
}

/// The `name=value` pairs of `{?…}`, `{&…}` or `{;…}`.
#[derive(Debug, Clone)]
struct Query {
    lead: char,
    separator: char,
    names: Vec<Box<str>>,
}

impl Query {
    fn take<'a>(
        &self,
        rest: &'a str,
        following: &[Part],
        found: &mut Variables,
    ) -> Option<&'a str> {
        let Some(pairs) = rest.strip_prefix(self.lead) else {
            return Some(rest);
        };
        let (pairs, rest) = split_run(pairs, 0, following)?;
        // Each name is used up by its pair, so this loop ends after as many pairs as there are
        // names, however long the URI is.
        let mut unused: Vec<&str> = self.names.iter().map(|name| &**name).collect();
        for pair in pairs.split(self.separator) {
            let (name, raw) = self.split_pair(pair)?;
            let index = unused.iter().position(|known| *known == name)?;
            unused.swap_remove(index);
            if !raw.chars().all(|c| self.accepts(c)) {
                return None;
            }
            found.insert(name, raw)?;
        }
        Some(rest)
    }

    /// Only `{;name}` drops the `=` of an empty value (RFC 6570, section 3.2.7).
    fn split_pair<'a>(&self, pair: &'a str) -> Option<(&'a str, &'a str)> {
        let bare = (self.lead == ';').then_some((pair, ""));
        pair.split_once('=').or(bare)
    }

    /// RFC 3986 lets a query contain `/` and `?`, which end a path segment and so its parameters.
    fn accepts(&self, c: char) -> bool {
        match c {
            '#' => false,
            '/' | '?' => self.lead != ';',
            _ => true,
        }
    }
}

/// Splits `text` at the first place, `from` bytes in or later, where something that may come next
/// starts. Pairs may be absent, so all of them up to the next literal are candidates.
fn split_run<'a>(text: &'a str, from: usize, following: &[Part]) -> Option<(&'a str, &'a str)> {
    let searched = text.get(from..)?;
    let mut nearest = None;
    for part in following {
        let (start, is_last) = match part {
            Part::Query(query) => (searched.find(query.lead), false),
            Part::Literal(literal) => (searched.find(literal.as_str()), true),
            // `push_variable` lets no variable follow a run without a literal in between.
            Part::Variable(_) => return None,
        };
        nearest = [nearest, start].into_iter().flatten().min();
        if is_last {
            return text.split_at_checked(from + nearest?);
        }
    }
    text.split_at_checked(nearest.map_or(text.len(), |start| from + start))
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

/// The parts of a template; an error continues the sentence "the URI template …".
fn compile(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        push_literal(&mut parts, checked_literal(literal)?);
        let Some((expression, after)) = after.split_once('}') else {
            return Err("opens a brace that it never closes".to_owned());
        };
        push_expression(&mut parts, expression)?;
        rest = after;
    }
    push_literal(&mut parts, checked_literal(rest)?);
    Ok(parts)
}

fn checked_literal(text: &str) -> Result<&str, String> {
    if text.contains('}') {
        return Err("closes a brace that it never opened".to_owned());
    }
    Ok(text)
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

/// Nothing in a URI would tell where one value ends and the next one starts, so a variable needs
/// a literal before it. Pairs are no substitute, because they may be absent.
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

#[cfg(test)]
mod tests {
    use super::*;

    type Expected<'a> = Option<&'a [(&'a str, &'a str)]>;

    #[track_caller]
    fn check(template: &str, uri: &str, expected: Expected<'_>) {
        let parsed = UriTemplate::parse(template).unwrap();
        let found = parsed.match_uri(uri);
        let pairs: Option<Vec<_>> = found.as_ref().map(|found| found.iter().collect());
        assert_eq!(pairs.as_deref(), expected, "{template} on {uri}");
    }

    #[track_caller]
    fn check_all(template: &str, cases: &[(&str, Expected<'_>)]) {
        for (uri, expected) in cases {
            check(template, uri, *expected);
        }
    }

    #[test]
    fn literals_match_themselves() {
        check("test://static", "test://static", Some(&[]));
        check("test://static", "test://static/", None);
        check("test://static", "test://stati", None);
        check("a:%41", "a:%41", Some(&[]));
        check("a:%41", "a:A", None);
        check("a:%2f", "a:%2F", None);
        check("", "", Some(&[]));
    }

    #[test]
    fn simple_variables() {
        check_all(
            "echo://{message}",
            &[
                ("echo://hello%20world", Some(&[("message", "hello world")])),
                ("echo://é", Some(&[("message", "é")])),
                ("echo://%C3%A9", Some(&[("message", "é")])),
                ("echo://a,b", Some(&[("message", "a,b")])),
                ("echo://a/b", None),
                ("echo://a?b", None),
                ("echo://a#b", None),
                ("echo://", None),
                ("ECHO://a", None),
            ],
        );
        check_all(
            "test://template/{id}/data",
            &[
                ("test://template/1/data", Some(&[("id", "1")])),
                ("test://template/a%2Fb/data", Some(&[("id", "a/b")])),
                ("test://template/a/b/data", None),
                ("test://template//data", None),
                ("test://template/data", None),
                ("test://template/1/data/", None),
            ],
        );
        check("x:{a,b}", "x:1,2", Some(&[("a", "1"), ("b", "2")]));
        check("x:{a,b}", "x:1,2,3", None);
        check("x:{a,b}", "x:1", None);
    }

    #[test]
    fn operators_with_prefixes() {
        check("x:{/a,b}", "x:/1/2", Some(&[("a", "1"), ("b", "2")]));
        check("x:{/a,b}", "x:/1", None);
        check("x:{/a,b}", "x:/1/2/3", None);
        check("x:f{.ext}", "x:f.tar.gz", Some(&[("ext", "tar.gz")]));
        check(
            "x:f{.a,b}",
            "x:f.tar.gz",
            Some(&[("a", "tar"), ("b", "gz")]),
        );
        check("x:f{.a,b}", "x:f.1.2.3", None);
        check(
            "x:{a}{/b}{.c}",
            "x:1/2.3",
            Some(&[("a", "1"), ("b", "2"), ("c", "3")]),
        );
        check("x:y{#part}", "x:y#a/b?c", Some(&[("part", "a/b?c")]));
        check("x:y{#part}", "x:y", None);
        check(
            "x:{a}{#b,c}",
            "x:1#2,3,4",
            Some(&[("a", "1"), ("b", "2"), ("c", "3,4")]),
        );
    }

    #[test]
    fn reserved_variables() {
        check_all(
            "file:///{+path}",
            &[
                ("file:///a/b.txt", Some(&[("path", "a/b.txt")])),
                ("file:///a%20b/c?d#e", Some(&[("path", "a b/c?d#e")])),
                ("file:////etc", Some(&[("path", "/etc")])),
                ("file:///", None),
                ("file:///../etc/passwd", None),
                ("file:///a/../b", None),
                ("file:///a/%2e%2E/b", None),
                ("file:///a/..", None),
                ("file:///a..b/...", Some(&[("path", "a..b/...")])),
            ],
        );
        check("x:{+p}{?q}", "x:a/b?q=1", Some(&[("p", "a/b"), ("q", "1")]));
        check("x:{+p}/end", "x:a/end/end", Some(&[("p", "a/end")]));
        check("x:{+a,b}", "x:,,1", Some(&[("a", ","), ("b", "1")]));
    }

    #[test]
    fn values_never_traverse() {
        check_all(
            "echo://{m}",
            &[
                ("echo://..", None),
                ("echo://%2e%2e", None),
                ("echo://.%2E", None),
                ("echo://..%2fetc", None),
                ("echo://a%2F..", None),
                ("echo://..\\x", None),
                ("echo://a%5c..", None),
                ("echo://a%00", None),
                ("echo://.", Some(&[("m", ".")])),
                ("echo://...", Some(&[("m", "...")])),
                ("echo://a..b", Some(&[("m", "a..b")])),
            ],
        );
        check("x:{?q}", "x:?q=../a", None);
        check("x:{;q}", "x:;q=%2e%2e", None);
        check("x:{#q}", "x:#..", None);
    }

    #[test]
    fn values_are_decoded_exactly_once() {
        check_all(
            "echo://{m}",
            &[
                ("echo://%2541", Some(&[("m", "%41")])),
                ("echo://%252e%252e", Some(&[("m", "%2e%2e")])),
                ("echo://a+b", Some(&[("m", "a+b")])),
                ("echo://%", None),
                ("echo://%4", None),
                ("echo://%zz", None),
                ("echo://%+1", None),
                ("echo://%é", None),
                ("echo://%ff", None),
                ("echo://%C3", None),
            ],
        );
    }

    #[test]
    fn queries() {
        check_all(
            "x:s{?q,lang}",
            &[
                ("x:s?q=1&lang=en", Some(&[("q", "1"), ("lang", "en")])),
                ("x:s?lang=en&q=1", Some(&[("lang", "en"), ("q", "1")])),
                ("x:s?lang=en", Some(&[("lang", "en")])),
                ("x:s?q=", Some(&[("q", "")])),
                ("x:s?q=a=b/c?d", Some(&[("q", "a=b/c?d")])),
                ("x:s?q=a%26lang%3Den", Some(&[("q", "a&lang=en")])),
                ("x:s", Some(&[])),
                ("x:s?", None),
                ("x:s?q", None),
                ("x:s?q=1&", None),
                ("x:s?q=1&q=1", None),
                ("x:s?q=1&other=2", None),
                ("x:s?Q=1", None),
                ("x:s?q=1#f", None),
                ("x:s&q=1", None),
            ],
        );
        check("x:s?v=1{&q}", "x:s?v=1&q=2", Some(&[("q", "2")]));
        check("x:s?v=1{&q}", "x:s?v=1", Some(&[]));
        check("x:s{;a,b}", "x:s;b;a=1", Some(&[("b", ""), ("a", "1")]));
        check("x:s{;a}", "x:s;a=1/2", None);
        check(
            "x:{i}{;a}{?q}",
            "x:1;a=2?q=3",
            Some(&[("i", "1"), ("a", "2"), ("q", "3")]),
        );
        check("x:{i}{;a}{?q}", "x:1?q=3", Some(&[("i", "1"), ("q", "3")]));
        check("x:{i}{;a}{?q}", "x:1", Some(&[("i", "1")]));
        check(
            "x:{i}{?q}{#f}",
            "x:1?q=2#3",
            Some(&[("i", "1"), ("q", "2"), ("f", "3")]),
        );
        check("x:{i}{?q}{#f}", "x:1#3", Some(&[("i", "1"), ("f", "3")]));
        check("x:s{?q}&v=1", "x:s?q=2&v=1", Some(&[("q", "2")]));
    }

    #[test]
    fn literals_are_anchored_at_the_end_and_first_elsewhere() {
        check("{a}.json", "x.json.json", Some(&[("a", "x.json")]));
        check("{a}.json", "x.jsonx", None);
        check("{a}.json", ".json", None);
        check("{a}-{b}", "1-2-3", Some(&[("a", "1"), ("b", "2-3")]));
        check("{a}-{b}", "--2", Some(&[("a", "-"), ("b", "2")]));
        check("ab{x}ba", "aba", None);
        check("é{x}é", "ééé", Some(&[("x", "é")]));
        // The price of never backtracking: `a` = `1/-/2` would have matched.
        check("x:{+a}-{b}/z", "x:1/-/2-3/z", None);
    }

    #[test]
    fn repeated_variables_have_one_value() {
        check("x:{a}/{a}", "x:1/1", Some(&[("a", "1")]));
        check("x:{a}/{a}", "x:1/2", None);
    }

    #[test]
    fn variables_are_looked_up_by_name() {
        let template = UriTemplate::parse("x:{a}/{+b.c}{?d,e_1}").unwrap();
        let names: Vec<_> = template.variables().collect();
        assert_eq!(names, ["a", "b.c", "d", "e_1"]);
        let found = template.match_uri("x:1/2/3?d=4").unwrap();
        assert_eq!(found.get("b.c"), Some("2/3"));
        assert_eq!(found.get("d"), Some("4"));
        assert_eq!(found.get("e_1"), None);
        assert_eq!(found.get("other"), None);
    }

    #[test]
    fn bad_templates_are_explained() {
        for (template, why) in [
            ("x:{a", "opens a brace that it never closes"),
            ("x:a}", "closes a brace that it never opened"),
            ("x:{a}}", "closes a brace that it never opened"),
            ("x:{}", "has an empty variable name in `{}`"),
            ("x:{+}", "has an empty variable name in `{+}`"),
            ("x:{a,}", "has an empty variable name in `{a,}`"),
            ("x:{a*}", "has a modifier on `a*`"),
            ("x:{?a:3}", "has a modifier on `a:3`"),
            ("x:{a b}", "has `a b` for a variable name"),
            ("x:{=a}", "has `=a` for a variable name"),
            ("x:{a{b}", "has `a{b` for a variable name"),
            ("x:{a..b}", "has `a..b` for a variable name"),
            ("x:{a%4}", "has `a%4` for a variable name"),
            ("x:{é}", "has `é` for a variable name"),
            (
                "x:{a}{b}",
                "has no literal between the variables `a` and `b`",
            ),
            (
                "x:{+a}{+b}",
                "has no literal between the variables `a` and `b`",
            ),
            (
                "x:{?a}{b}",
                "has no literal between the variables `a` and `b`",
            ),
            ("x:{?a}{&b}", "one expression, `{?a,b}`"),
            ("x:{;a}{;b}", "one expression, `{;a,b}`"),
        ] {
            let error = UriTemplate::parse(template).unwrap_err();
            let start = format!("the URI template `{template}` has ");
            assert!(error.contains(why), "{error}");
            assert!(
                error.starts_with(&start) || error.contains(" a brace "),
                "{error}"
            );
        }
    }

    #[test]
    fn absolute_uris() {
        for uri in [
            "echo://a",
            "mailto:a@b.example",
            "urn:x",
            "a+b-c.1:x",
            "file:///a%20b",
            "http://[::1]:80/?q=(1)*'!$&;,=~#f",
            "echo://é",
        ] {
            assert!(is_absolute_uri(uri), "{uri}");
        }
        for text in [
            "",
            ":",
            "a",
            "a:",
            ":a",
            "../../etc/passwd",
            "/etc/passwd",
            "//host/x",
            "1a:x",
            "é:x",
            "a b:x",
            "a/b:x",
            "x:a b",
            "x:a\n",
            "x:\0",
            "x:\u{85}",
            "x:\u{a0}",
            "x:<",
            "x:>",
            "x:\"",
            "x:{a}",
            "x:|",
            "C:\\x",
            "x:^",
            "x:`",
            "x:%",
            "x:%4",
            "x:%zz",
            "x:%4%41",
            "x:%é",
        ] {
            assert!(!is_absolute_uri(text), "{text:?}");
        }
    }

    #[test]
    fn hostile_uris_finish_at_once() {
        let names: Vec<_> = (0..50).map(|index| format!("{{+v{index}}}")).collect();
        for template in [
            &format!("x:{}!", names.join("a")),
            &format!("x:{}", names.join("aab")),
            "x:{a}{?q,r}",
            "x:{+a}{?q,r}",
            "x:{+a}{;p}{?q,r}{#f}",
        ] {
            let template = UriTemplate::parse(template).unwrap();
            for piece in ["a", "/", "..", "%", "%2e", "?q=1", "&q=1", ";p", "aa/", "é"] {
                let _ = template.match_uri(&format!("x:{}", piece.repeat(100_000)));
                let _ = template.match_uri(&format!("x:?{}", piece.repeat(100_000)));
            }
        }
        assert!(!is_absolute_uri(&"a".repeat(100_000)));
    }
}
