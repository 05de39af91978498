//! Writes rustdoc's types, bounds and functions as Rust writes them.

use std::collections::HashMap;

use super::json::Json;

/// How each type and trait of the crate is reached, by rustdoc's id.
pub(super) struct Names {
    pub(super) public: HashMap<String, String>,
    /// Of items of other crates: the name of the crate, and that of the item.
    pub(super) external: HashMap<String, (String, String)>,
}

/// Crates whose names everybody knows.
const STANDARD: [&str; 3] = ["alloc", "core", "std"];

impl Names {
    /// `function` is the item's content; `name` what stands before the parentheses.
    pub(super) fn function(&self, name: &str, function: &Json) -> String {
        let header = function.get("header");
        let words = [
            ("is_const", "const "),
            ("is_async", "async "),
            ("is_unsafe", "unsafe "),
        ];
        let mut text = String::from("pub ");
        for (member, word) in words {
            if header.get(member).is_true() {
                text.push_str(word);
            }
        }
        let signature = function.get("sig");
        let inputs = signature
            .get("inputs")
            .list()
            .iter()
            .map(|input| match input.list() {
                [name, of] if name.text() == "self" => self.receiver(of),
                [name, of] => format!("{}: {}", name.text(), self.ty(of)),
                _ => String::new(),
            });
        let generics = function.get("generics");
        text.push_str(&format!(
            "fn {name}{}({})",
            self.parameters(generics),
            join(inputs)
        ));
        let output = signature.get("output");
        if !output.is_null() {
            text.push_str(&format!(" -> {}", self.ty(output)));
        }
        text + &self.predicates(generics)
    }

    fn receiver(&self, of: &Json) -> String {
        match of.variant() {
            ("generic", name) if name.text() == "Self" => "self".to_owned(),
            ("borrowed_ref", reference)
                if reference.get("type").get("generic").text() == "Self" =>
            {
                format!("{}self", reference_of(reference))
            }
            _ => format!("self: {}", self.ty(of)),
        }
    }

    /// The parameters between angle brackets; `impl Trait` arguments stand with their argument.
    pub(super) fn parameters(&self, generics: &Json) -> String {
        let declared = generics
            .get("params")
            .list()
            .iter()
            .filter_map(|parameter| {
                let name = parameter.get("name").text();
                match parameter.get("kind").variant() {
                    ("lifetime", of) => Some(with_bounds(
                        name,
                        of.get("outlives")
                            .list()
                            .iter()
                            .map(|l| l.text().to_owned()),
                    )),
                    ("type", of) if of.get("is_synthetic").is_true() => None,
                    ("type", of) => {
                        let bounded = with_bounds(name, self.bounds(of.get("bounds")));
                        let default = of.get("default");
                        Some(if default.is_null() {
                            bounded
                        } else {
                            format!("{bounded} = {}", self.ty(default))
                        })
                    }
                    (_, of) => Some(format!("const {name}: {}", self.ty(of.get("type")))),
                }
            });
        let declared = join(declared);
        if declared.is_empty() {
            declared
        } else {
            format!("<{declared}>")
        }
    }

    /// The `where` clause, with its space.
    pub(super) fn predicates(&self, generics: &Json) -> String {
        let predicates = generics
            .get("where_predicates")
            .list()
            .iter()
            .map(|predicate| match predicate.variant() {
                ("bound_predicate", of) => {
                    with_bounds(&self.ty(of.get("type")), self.bounds(of.get("bounds")))
                }
                ("lifetime_predicate", of) => {
                    let longer = of
                        .get("outlives")
                        .list()
                        .iter()
                        .map(|l| l.text().to_owned());
                    with_bounds(of.get("lifetime").text(), longer)
                }
                (_, of) => format!(
                    "{} = {}",
                    self.ty(of.get("lhs")),
                    self.ty(of.get("rhs").get("type"))
                ),
            });
        let predicates = join(predicates);
        if predicates.is_empty() {
            predicates
        } else {
            format!(" where {predicates}")
        }
    }

    pub(super) fn bounds<'a>(&'a self, bounds: &'a Json) -> impl Iterator<Item = String> + 'a {
        bounds.list().iter().map(|bound| match bound.variant() {
            ("trait_bound", of) => {
                let relaxed = if of.get("modifier").text() == "maybe" {
                    "?"
                } else {
                    ""
                };
                format!(
                    "{relaxed}{}{}",
                    self.for_any(of),
                    self.path(of.get("trait"))
                )
            }
            ("use", captured) => format!(
                "use<{}>",
                join(
                    captured
                        .list()
                        .iter()
                        .map(|name| name.variant().1.text().to_owned())
                )
            ),
            (_, lifetime) => lifetime.text().to_owned(),
        })
    }

    /// `for<'a> `, where a bound has lifetimes of its own.
    fn for_any(&self, of: &Json) -> String {
        let names = of
            .get("generic_params")
            .list()
            .iter()
            .map(|p| p.get("name").text().to_owned());
        let names = join(names);
        if names.is_empty() {
            names
        } else {
            format!("for<{names}> ")
        }
    }

    pub(super) fn ty(&self, ty: &Json) -> String {
        let (kind, of) = ty.variant();
        match kind {
            "resolved_path" => self.path(of),
            "generic" | "primitive" => of.text().to_owned(),
            "tuple" => match of.list() {
                [one] => format!("({},)", self.ty(one)),
                all => format!("({})", join(all.iter().map(|ty| self.ty(ty)))),
            },
            "slice" => format!("[{}]", self.ty(of)),
            "array" => format!("[{}; {}]", self.ty(of.get("type")), of.get("len").text()),
            "borrowed_ref" => format!("{}{}", reference_of(of), self.ty(of.get("type"))),
            "raw_pointer" => {
                let kind = if of.get("is_mutable").is_true() {
                    "mut"
                } else {
                    "const"
                };
                format!("*{kind} {}", self.ty(of.get("type")))
            }
            "impl_trait" => format!("impl {}", plus(self.bounds(ty.get("impl_trait")))),
            "dyn_trait" => {
                let traits = of.get("traits").list().iter();
                let mut bounds: Vec<String> = traits
                    .map(|bound| {
                        format!("{}{}", self.for_any(bound), self.path(bound.get("trait")))
                    })
                    .collect();
                bounds.extend(
                    Some(of.get("lifetime").text().to_owned())
                        .filter(|lifetime| !lifetime.is_empty()),
                );
                format!("dyn {}", bounds.join(" + "))
            }
            "qualified_path" => {
                let this = self.ty(of.get("self_type"));
                let of_trait = of.get("trait");
                let name = of.get("name").text();
                if of_trait.get("path").text().is_empty() {
                    return format!("{this}::{name}");
                }
                format!("<{this} as {}>::{name}", self.path(of_trait))
            }
            "function_pointer" => {
                let signature = of.get("sig");
                let inputs = signature.get("inputs").list().iter();
                let inputs = join(
                    inputs.map(|input| input.list().last().map_or(String::new(), |ty| self.ty(ty))),
                );
                format!("fn({inputs}){}", self.output(signature.get("output")))
            }
            _ => "_".to_owned(),
        }
    }

    fn output(&self, output: &Json) -> String {
        if output.is_null() {
            String::new()
        } else {
            format!(" -> {}", self.ty(output))
        }
    }

    /// A type or trait with its arguments: ours by its public path, others by crate and name.
    pub(super) fn path(&self, path: &Json) -> String {
        let id = path.get("id").text();
        let name = match (self.public.get(id), self.external.get(id)) {
            (Some(public), _) => public.clone(),
            (None, Some((of, name))) if STANDARD.contains(&&**of) => name.clone(),
            (None, Some((of, name))) => format!("{of}::{name}"),
            (None, None) => path.get("path").text().to_owned(),
        };
        match path.get("args").variant() {
            ("angle_bracketed", of) => {
                let arguments =
                    of.get("args")
                        .list()
                        .iter()
                        .map(|argument| match argument.variant() {
                            ("type", ty) => self.ty(ty),
                            ("const", value) => value.get("expr").text().to_owned(),
                            (_, lifetime) => lifetime.text().to_owned(),
                        });
                let constraints = of.get("constraints").list().iter().map(|constraint| {
                    let name = constraint.get("name").text();
                    match constraint.get("binding").variant() {
                        ("equality", value) => format!("{name} = {}", self.ty(value.get("type"))),
                        (_, bounds) => with_bounds(name, self.bounds(bounds)),
                    }
                });
                let all = join(arguments.chain(constraints));
                if all.is_empty() {
                    name
                } else {
                    format!("{name}<{all}>")
                }
            }
            ("parenthesized", of) => {
                let inputs = join(of.get("inputs").list().iter().map(|ty| self.ty(ty)));
                format!("{name}({inputs}){}", self.output(of.get("output")))
            }
            _ => name,
        }
    }
}

/// `&'a mut ` and its shorter forms.
fn reference_of(reference: &Json) -> String {
    let lifetime = match reference.get("lifetime").text() {
        "" => String::new(),
        lifetime => format!("{lifetime} "),
    };
    let mutable = if reference.get("is_mutable").is_true() {
        "mut "
    } else {
        ""
    };
    format!("&{lifetime}{mutable}")
}

fn with_bounds(name: &str, bounds: impl Iterator<Item = String>) -> String {
    let bounds = plus(bounds);
    if bounds.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: {bounds}")
    }
}

pub(super) fn plus(bounds: impl Iterator<Item = String>) -> String {
    bounds.collect::<Vec<_>>().join(" + ")
}

pub(super) fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
