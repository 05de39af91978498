//! The public API as text, one line an item, so that a review sees when it changes.
//!
//! rustdoc describes a crate in JSON, if asked with an unstable flag. Tools that print it exist, but each wants the
//! one compiler that it was made for, and takes minutes to install; this reads what the compiler at hand writes.

mod json;
mod signature;

use std::collections::{HashMap, HashSet};
use std::fs;

use crate::command::{Outcome, cargo};
use json::{Json, NULL};
use signature::{Names, join, plus};

pub(crate) const SNAPSHOT: &str = "docs/public-api.txt";

/// Traits that the compiler implements by itself; to lose one is a breaking change.
const AUTO_TRAITS: [&str; 5] = ["Send", "Sync", "Unpin", "UnwindSafe", "RefUnwindSafe"];

/// `api` compares the code with the snapshot, `api --write` renews the snapshot.
pub(crate) fn api(args: &[String]) -> Outcome {
    match args {
        [] => compare(&current()?),
        [write] if write == "--write" => write_snapshot(&current()?),
        [read, path] if read == "--read" => {
            let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
            println!("{}", listed(&text)?);
            Ok(())
        }
        _ => Err("usage: cargo xtask api [--write | --read RUSTDOC_JSON]".to_owned()),
    }
}

fn write_snapshot(current: &str) -> Outcome {
    fs::write(SNAPSHOT, current).map_err(|error| format!("{SNAPSHOT}: {error}"))
}

fn compare(current: &str) -> Outcome {
    let expected = fs::read_to_string(SNAPSHOT).map_err(|error| format!("{SNAPSHOT}: {error}"))?;
    let removed = only_in(&expected, current).map(|line| format!("- {line}\n"));
    let added = only_in(current, &expected).map(|line| format!("+ {line}\n"));
    let changes: String = removed.chain(added).collect();
    if changes.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the public API differs from {SNAPSHOT}:\n{changes}If you mean it, run `cargo xtask api --write`."
    ))
}

/// The lines of `text` that `other` lacks.
pub(crate) fn only_in<'a>(text: &'a str, other: &'a str) -> impl Iterator<Item = &'a str> {
    let others: HashSet<&str> = other.lines().collect();
    text.lines().filter(move |line| !others.contains(line))
}

fn current() -> Result<String, String> {
    // JSON is unstable output; the compiler itself stays the stable one.
    cargo("rustdoc --lib --all-features -- -Z unstable-options --output-format json")
        .env("RUSTC_BOOTSTRAP", "1")
        .run()?;
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let path = format!("{target}/doc/mcp_wire.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    listed(&text)
}

/// The list of all public items that rustdoc's JSON describes.
fn listed(text: &str) -> Result<String, String> {
    let rustdoc = Json::parse(text)?;
    let mut crate_ = Crate::new(&rustdoc);
    let root = rustdoc.get("root").text();
    crate_.find(root, "");
    crate_.found.sort();
    let mut text = String::new();
    for (path, id) in &crate_.found {
        // The item itself first, then what belongs to it.
        let mut lines = Vec::new();
        crate_.list(path, id, &mut lines);
        let item = lines.pop().unwrap_or_default();
        lines.sort();
        lines.dedup();
        text.push_str(&format!("{item}\n"));
        for line in lines {
            text.push_str(&format!("    {line}\n"));
        }
    }
    if text.is_empty() {
        let format = rustdoc.get("format_version").text();
        return Err(format!(
            "no public item found in rustdoc's JSON, whose format is {format}; 57 is known"
        ));
    }
    Ok(text)
}

struct Crate<'a> {
    index: HashMap<&'a str, &'a Json>,
    names: Names,
    /// Public paths and ids, in the order in which they are found.
    found: Vec<(String, &'a str)>,
}

impl<'a> Crate<'a> {
    fn new(rustdoc: &'a Json) -> Self {
        let crates: HashMap<&str, &str> = rustdoc
            .get("external_crates")
            .members()
            .iter()
            .map(|(id, of)| (&**id, of.get("name").text()))
            .collect();
        let external = rustdoc
            .get("paths")
            .members()
            .iter()
            .filter_map(|(id, summary)| {
                let of = crates.get(summary.get("crate_id").text())?;
                let name = summary.get("path").list().last()?.text();
                Some((id.clone(), ((*of).to_owned(), name.to_owned())))
            });
        Self {
            index: rustdoc
                .get("index")
                .members()
                .iter()
                .map(|(id, item)| (&**id, item))
                .collect(),
            names: Names {
                public: HashMap::new(),
                external: external.collect(),
            },
            found: Vec::new(),
        }
    }

    /// Finds what can be reached from a module, by the shortest way first.
    fn find(&mut self, module: &str, path: &str) {
        let Some(module) = self.index.get(module) else {
            return;
        };
        for id in module.get("inner").get("module").get("items").list() {
            self.find_item(id.text(), path);
        }
    }

    fn find_item(&mut self, id: &'a str, path: &str) {
        let Some(item) = self.index.get(id).copied() else {
            return;
        };
        match item.get("inner").variant() {
            ("use", of) => {
                let target = of.get("id").text();
                if of.get("is_glob").is_true() {
                    self.find(target, path);
                } else {
                    self.reach(target, &below(path, of.get("name").text()));
                }
            }
            _ => self.reach(id, &below(path, item.get("name").text())),
        }
    }

    fn reach(&mut self, id: &'a str, path: &str) {
        let Some((key, item)) = self.index.get_key_value(id) else {
            return;
        };
        self.found.push((path.to_owned(), key));
        self.names
            .public
            .entry(id.to_owned())
            .or_insert_with(|| path.to_owned());
        if !item.get("inner").get("module").is_null() {
            self.find(id, path);
        }
    }

    fn inner(&self, id: &Json) -> (&'a str, (&'a str, &'a Json)) {
        let item = self.index.get(id.text()).copied();
        item.map_or(("", ("", NULL)), |item| {
            (item.get("name").text(), item.get("inner").variant())
        })
    }
}

fn prefixed(prefix: &str, text: String) -> String {
    if text.is_empty() {
        text
    } else {
        format!("{prefix}{text}")
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}::{name}")
    }
}

/// The lines of each kind of item.
impl Crate<'_> {
    fn list(&self, path: &str, id: &str, lines: &mut Vec<String>) {
        let Some(item) = self.index.get(id) else {
            return;
        };
        let growing = item
            .get("attrs")
            .list()
            .iter()
            .any(|attribute| attribute.text() == "non_exhaustive");
        let growing = if growing { "#[non_exhaustive] " } else { "" };
        let (kind, of) = item.get("inner").variant();
        let parameters = self.names.parameters(of.get("generics"));
        let predicates = self.names.predicates(of.get("generics"));
        self.impls(path, of.get("impls").list(), lines);
        let item = match kind {
            "module" => format!("pub mod {path}"),
            "struct" => {
                let fields = self.fields(path, of.get("kind"), "pub ", lines);
                format!("{growing}pub struct {path}{parameters}{fields}{predicates}")
            }
            "enum" => {
                for variant in of.get("variants").list() {
                    self.variant(path, variant.text(), lines);
                }
                format!("{growing}pub enum {path}{parameters}{predicates}")
            }
            "trait" => {
                for item in of.get("items").list() {
                    self.associated(path, item, lines);
                }
                self.impls_for_foreign(of.get("implementations").list(), lines);
                let above = prefixed(": ", plus(self.names.bounds(of.get("bounds"))));
                format!("pub trait {path}{parameters}{above}{predicates}")
            }
            "function" => self.names.function(path, of),
            "constant" => format!("pub const {path}: {}", self.names.ty(of.get("type"))),
            "static" => format!("pub static {path}: {}", self.names.ty(of.get("type"))),
            "type_alias" => format!(
                "pub type {path}{parameters} = {}",
                self.names.ty(of.get("type"))
            ),
            _ => format!("pub {kind} {path}"),
        };
        lines.push(item);
    }

    /// The fields of a tuple as text; each named field is a line of its own.
    fn fields(&self, path: &str, kind: &Json, public: &str, lines: &mut Vec<String>) -> String {
        match kind.variant() {
            // Whether private fields have names is private, too.
            ("tuple", fields) if fields.list().iter().all(Json::is_null) => " { .. }".to_owned(),
            ("tuple", fields) => {
                let fields = fields.list().iter().map(|field| match self.inner(field) {
                    (_, ("struct_field", of)) => format!("{public}{}", self.names.ty(of)),
                    _ => "_".to_owned(),
                });
                format!("({})", join(fields))
            }
            ("plain" | "struct", of) if !of.is_null() => {
                for field in of.get("fields").list() {
                    if let (name, ("struct_field", ty)) = self.inner(field) {
                        lines.push(format!("pub {path}::{name}: {}", self.names.ty(ty)));
                    }
                }
                let hides = of.get("has_stripped_fields").is_true();
                let all = if hides { " { .. }" } else { " { }" };
                all.to_owned()
            }
            _ => String::new(),
        }
    }

    fn variant(&self, path: &str, id: &str, lines: &mut Vec<String>) {
        let Some(item) = self.index.get(id) else {
            return;
        };
        let path = below(path, item.get("name").text());
        let growing = item
            .get("attrs")
            .list()
            .iter()
            .any(|attribute| attribute.text() == "non_exhaustive");
        let growing = if growing { "#[non_exhaustive] " } else { "" };
        let fields = self.fields(
            &path,
            item.get("inner").get("variant").get("kind"),
            "",
            lines,
        );
        lines.push(format!("{growing}pub {path}{fields}"));
    }

    /// What an `impl` or a trait holds.
    fn associated(&self, path: &str, id: &Json, lines: &mut Vec<String>) {
        let (name, (kind, of)) = self.inner(id);
        match kind {
            "function" => {
                let provided = if of.get("has_body").is_true() {
                    ""
                } else {
                    " (required)"
                };
                lines.push(self.names.function(&below(path, name), of) + provided);
            }
            "assoc_const" => {
                lines.push(format!(
                    "pub const {path}::{name}: {}",
                    self.names.ty(of.get("type"))
                ));
            }
            "assoc_type" => {
                let bounds = prefixed(": ", plus(self.names.bounds(of.get("bounds"))));
                let ty = of.get("type");
                let is = if ty.is_null() {
                    String::new()
                } else {
                    format!(" = {}", self.names.ty(ty))
                };
                lines.push(format!("pub type {path}::{name}{bounds}{is}"));
            }
            _ => {}
        }
    }

    fn impls(&self, path: &str, impls: &[Json], lines: &mut Vec<String>) {
        let mut auto = Vec::new();
        for id in impls {
            let (_, (_, of)) = self.inner(id);
            let of_trait = of.get("trait");
            if of_trait.is_null() {
                for item in of.get("items").list() {
                    self.associated(path, item, lines);
                }
            } else if of.get("is_synthetic").is_true() {
                if !of.get("is_negative").is_true() {
                    auto.push(of_trait.get("path").text());
                }
            } else if of.get("blanket_impl").is_null()
                && of_trait.get("path").text() != "StructuralPartialEq"
            {
                lines.push(self.trait_impl(of, of_trait));
            }
        }
        if !impls.is_empty() {
            let kept = AUTO_TRAITS
                .iter()
                .filter(|name| auto.iter().any(|path| path.ends_with(**name)));
            let kept: Vec<&str> = kept.copied().collect();
            lines.push(format!("auto {path}: {}", kept.join(" + ")));
        }
    }

    /// The implementations of our trait for types of other crates; ours list theirs.
    fn impls_for_foreign(&self, impls: &[Json], lines: &mut Vec<String>) {
        for id in impls {
            let (_, (_, of)) = self.inner(id);
            let ours = of.get("for").get("resolved_path").get("id").text();
            if !self.names.public.contains_key(ours) {
                lines.push(self.trait_impl(of, of.get("trait")));
            }
        }
    }

    /// An implementation, with its associated types, which callers see.
    fn trait_impl(&self, of: &Json, of_trait: &Json) -> String {
        let generics = of.get("generics");
        let types = of
            .get("items")
            .list()
            .iter()
            .filter_map(|id| match self.inner(id) {
                (name, ("assoc_type", of)) => {
                    Some(format!("{name} = {}", self.names.ty(of.get("type"))))
                }
                _ => None,
            });
        let types = join(types);
        let types = if types.is_empty() {
            types
        } else {
            format!(" {{ {types} }}")
        };
        format!(
            "impl{} {} for {}{}{types}",
            self.names.parameters(generics),
            self.names.path(of_trait),
            self.names.ty(of.get("for")),
            self.names.predicates(generics),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate with a private module, of which it re-exports one function.
    const RUSTDOC: &str = r#"{"root": 0, "format_version": 57, "external_crates": {}, "paths": {}, "index": {
        "0": {"name": "it", "attrs": [], "inner": {"module": {"items": [1]}}},
        "1": {"name": null, "attrs": [], "inner": {"use": {"name": "add", "id": 2, "is_glob": false}}},
        "2": {"name": "sum", "attrs": [], "inner": {"function": {
            "sig": {"inputs": [["left", {"primitive": "u8"}]], "output": {"generic": "T"}},
            "generics": {"params": [{"name": "T", "kind": {"type": {"bounds": [], "default": null}}}], "where_predicates": []},
            "header": {"is_const": true}}}},
        "3": {"name": "hidden", "attrs": [], "inner": {"module": {"items": [2]}}}}}"#;

    #[test]
    fn an_item_has_the_path_by_which_it_is_reached() {
        assert_eq!(
            listed(RUSTDOC).as_deref(),
            Ok("pub const fn add<T>(left: u8) -> T\n")
        );
    }

    #[test]
    fn a_crate_without_items_is_an_error() {
        assert!(listed(r#"{"root": 0, "index": {}}"#).is_err());
    }
}
