//! Which files of a crate name which: from `use` lines and from paths in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::source::{self, Token, end_of_group};

/// Each file, and the files that it names.
pub(super) type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// Follows the `mod` lines from the root files of crates, and adds up what their files name.
pub(super) fn of_crates(roots: &[PathBuf]) -> Imports {
    let mut imports = Imports::new();
    for root in roots {
        let tree = Tree::of_crate(root);
        for at in 0..tree.modules.len() {
            tree.add_imports(at, &mut imports);
        }
    }
    imports
}

/// The modules of one crate; the first is its root.
struct Tree {
    modules: Vec<Module>,
}

struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// The module's own tokens, without those of inline modules.
    tokens: Vec<Token>,
}

impl Tree {
    fn of_crate(root: &Path) -> Self {
        let mut tree = Self {
            modules: Vec::new(),
        };
        let folder = root.parent().unwrap_or_else(|| Path::new("")).to_owned();
        tree.add(root.to_owned(), None, &source::read(root), &folder);
        tree
    }

    /// Adds a module and all below it. `folder` is where the files of its children are.
    fn add(
        &mut self,
        file: PathBuf,
        parent: Option<usize>,
        tokens: &[Token],
        folder: &Path,
    ) -> usize {
        let here = self.modules.len();
        self.modules.push(Module {
            file: file.clone(),
            parent,
            children: BTreeMap::new(),
            tokens: Vec::new(),
        });
        let mut own = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let [name, next] = [1, 2].map(|ahead| tokens.get(at + ahead));
            let (Some(name), Some(next)) = (name, next) else {
                own.extend_from_slice(&tokens[at..]);
                break;
            };
            if tokens[at].is("mod") && next.is(";") {
                let file = child_file(tokens, at, &name.text, &file, folder);
                let below = folder_below(&file);
                let child = self.add(file.clone(), Some(here), &source::read(&file), &below);
                self.modules[here].children.insert(name.text.clone(), child);
                at += 3;
            } else if tokens[at].is("mod") && next.is("{") {
                let end = end_of_group(tokens, at + 2);
                let within = &tokens[at + 3..end - 1];
                let child = self.add(file.clone(), Some(here), within, &folder.join(&name.text));
                self.modules[here].children.insert(name.text.clone(), child);
                at = end;
            } else {
                own.push(tokens[at].clone());
                at += 1;
            }
        }
        self.modules[here].tokens = own;
        here
    }

    fn add_imports(&self, at: usize, imports: &mut Imports) {
        let module = &self.modules[at];
        let named = imports.entry(module.file.clone()).or_default();
        for path in paths(&module.tokens) {
            if let Some(target) = self.resolve(at, &path) {
                let file = &self.modules[target].file;
                if *file != module.file {
                    named.insert(file.clone());
                }
            }
        }
    }

    /// The module that a path ends in, if it is one of this crate.
    fn resolve(&self, from: usize, path: &[String]) -> Option<usize> {
        let mut segments = path.iter().map(String::as_str).peekable();
        let mut at = match *segments.peek()? {
            "crate" => {
                segments.next();
                0
            }
            "self" if path.len() > 1 => {
                segments.next();
                from
            }
            "super" => from,
            first if self.modules[from].children.contains_key(first) => from,
            _ => return None,
        };
        while segments.peek() == Some(&"super") {
            segments.next();
            at = self.modules[at].parent?;
        }
        for segment in segments {
            match self.modules[at].children.get(segment) {
                Some(child) => at = *child,
                None => break,
            }
        }
        Some(at)
    }
}

/// The file of `mod name;`, which `#[path = "…"]` may say.
fn child_file(tokens: &[Token], at: usize, name: &str, parent: &Path, folder: &Path) -> PathBuf {
    let is_path = |pair: &[Token]| pair[0].is("path") && pair[1].is("=");
    // The attributes begin after the item before.
    let last = tokens[..at]
        .iter()
        .rposition(|token| matches!(token.text.as_str(), ";" | "{" | "}"));
    let before = &tokens[last.map_or(0, |last| last + 1)..at];
    if let Some(place) = before.windows(2).position(is_path) {
        let given = before[place + 2].text.trim_matches('"').to_owned();
        return plain(&parent.parent().unwrap_or_else(|| Path::new("")).join(given));
    }
    let flat = folder.join(format!("{name}.rs"));
    if flat.is_file() {
        return flat;
    }
    folder.join(name).join("mod.rs")
}

/// Where the children of a file's module are.
fn folder_below(file: &Path) -> PathBuf {
    if file.file_name().is_some_and(|name| name == "mod.rs") {
        return file.parent().unwrap_or_else(|| Path::new("")).to_owned();
    }
    file.with_extension("")
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part.as_os_str() == ".." {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// All paths of two segments or more, each tree of a `use` written out.
fn paths(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_visibility =
            tokens[at].is("pub") && tokens.get(at + 1).is_some_and(|next| next.is("("));
        at = match () {
            () if is_visibility => end_of_group(tokens, at + 1),
            () if is_name(&tokens[at]) => path(tokens, at, &mut Vec::new(), &mut found),
            () => at + 1,
        };
    }
    // A name alone says nothing, but for the parent in `use super::*`.
    found.retain(|path| path.len() > 1 || path[0] == "super");
    found
}

/// Reads one path, or one tree, after what comes before it; returns where it ends.
fn path(
    tokens: &[Token],
    mut at: usize,
    before: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let depth = before.len();
    loop {
        match tokens.get(at) {
            Some(token) if is_name(token) => before.push(token.text.clone()),
            Some(token) if token.is("*") && before.len() > depth => {}
            Some(token) if token.is("{") && before.len() > depth => {
                let end = end_of_group(tokens, at);
                let mut inner = at + 1;
                while inner < end - 1 {
                    inner = match &tokens[inner] {
                        token if token.is("as") => inner + 2,
                        token if is_name(token) => path(tokens, inner, before, found),
                        _ => inner + 1,
                    };
                }
                before.truncate(depth);
                return end;
            }
            _ => break,
        }
        let is_joined = [1, 2]
            .iter()
            .all(|ahead| tokens.get(at + ahead).is_some_and(|next| next.is(":")));
        at += 1;
        if !is_joined {
            break;
        }
        at += 2;
    }
    found.push(before.clone());
    before.truncate(depth);
    at
}

fn is_name(token: &Token) -> bool {
    token
        .text
        .starts_with(|first: char| first.is_alphabetic() || first == '_')
        && !matches!(
            token.text.as_str(),
            "use" | "pub" | "as" | "mod" | "fn" | "in"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &[&str]) {
        let found: Vec<String> = paths(&source::tokens(code))
            .iter()
            .map(|path| path.join("::"))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn trees_are_written_out() {
        check("use a::b;", &["a::b"]);
        check(
            "pub(crate) use a::{b, c::{d, e as f}, g};",
            &["a::b", "a::c::d", "a::c::e", "a::g"],
        );
        check("use super::*;", &["super"]);
        check("pub(super) fn a() {}", &[]);
        check("use crate::a::*;", &["crate::a"]);
        check("let x = a::b(c::d::<E>::f());", &["a::b", "c::d"]);
    }
}
