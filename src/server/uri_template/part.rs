//! [`Part`]: a piece of a template, and how it is read from a URI.

use super::variables::Variables;

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(String),
    Variable(Variable),
    Query(Query),
}

impl Part {
    /// Reads this part from the start of `rest` and returns what is left.
    pub(crate) fn take<'a>(
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

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
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
pub(crate) struct Variable {
    pub(crate) name: Box<str>,
    pub(crate) reserved: bool,
    /// What separates it from its neighbours in the same braces, if it has any.
    pub(crate) separator: Option<char>,
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
        if !raw.chars().all(|c| self.accepts(c)) || self.reserved && has_dot_segment(raw) {
            return None;
        }
        found.insert(&self.name, raw)?;
        Some(rest)
    }

    fn accepts(&self, c: char) -> bool {
        self.reserved || !(matches!(c, '/' | '?' | '#') || self.separator == Some(c))
    }
}

/// Whether a path has a `.` segment, with which it would lead to what another template reads. A normal spelling
/// has them only where it has no authority.
fn has_dot_segment(raw: &str) -> bool {
    raw.split('/').any(|segment| segment == ".")
}

/// The `name=value` pairs of `{?…}`, `{&…}` or `{;…}`.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) lead: char,
    pub(crate) separator: char,
    pub(crate) names: Vec<Box<str>>,
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
