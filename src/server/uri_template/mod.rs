//! RFC 6570 templates, read backwards: a URI to the variables that would have made it. SPEC E-51,
//! E-53, E-56.
//!
//! Every RFC 6570 operator is understood, with one or several variables; the level 4 modifiers
//! (`{name*}` and `{name:3}`) are refused when the template is parsed.
//!
//! | Expression                 | Reads                                                        |
//! |----------------------------|--------------------------------------------------------------|
//! | `{a}` `{a,b}`              | one or more characters except `/`, `?`, `#`, split at `,`    |
//! | `{+a}` `{#a}`              | anything but `.` segments and nothing, after a `#` for `{#a}`|
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
//! Literals compare in the form that they have in URIs (RFC 6570, 3.1), and URIs in their normal spelling
//! (RFC 3986, 6.2.2), so that `café` matches `caf%c3%a9`. Values are percent-decoded exactly once. The names in
//! pairs compare as written.

pub(crate) mod compile;
pub(crate) mod part;
pub(crate) mod template;
pub(crate) mod uri;
pub(crate) mod variables;
