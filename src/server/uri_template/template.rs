//! [`UriTemplate`]: a template, compiled, and what it reads from a URI.

use super::compile::compile;
use super::part::Part;
use super::variables::Variables;
use crate::protocol::uri::normal_form;

/// A URI template, compiled once so that each read request only walks the URI.
#[derive(Debug, Clone)]
pub(crate) struct UriTemplate {
    /// The scheme, and the authority if the template spells all of it, in lower case: they compare without case.
    origin: String,
    /// What comes after the origin.
    parts: Vec<Part>,
}

impl UriTemplate {
    /// Compiles a template. A template without variables matches itself.
    ///
    /// # Errors
    ///
    /// A sentence for the author of the template.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = compile(text).map_err(|why| format!("the URI template `{text}` {why}"))?;
        let mut origin = String::new();
        if let Some(Part::Literal(literal)) = parts.first_mut() {
            let path = literal.split_off(origin_len(literal));
            // With a path, or it would get one.
            origin = normal_form(&format!("{literal}/")).into_owned();
            origin.pop();
            *literal = path;
        }
        Ok(Self { origin, parts })
    }

    /// The names of the variables, in the order of the template.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(Part::names)
    }

    /// The variables from which the template makes `uri`, a normal spelling; `None` if there are none, or if a
    /// value is one that no handler should see (SPEC E-56).
    pub(crate) fn match_uri(&self, uri: &str) -> Option<Variables> {
        let (origin, uri) = uri.split_at_checked(self.origin.len())?;
        if !origin.eq_ignore_ascii_case(&self.origin) {
            return None;
        }
        // The last literal is matched first, because nothing follows that could decide where it starts.
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

/// How much of the literal that a template begins with is the scheme and all of the authority. An authority with
/// a user counts as path, because the case of a user matters.
fn origin_len(literal: &str) -> usize {
    let Some(colon) = literal.find(':') else {
        return 0;
    };
    let scheme = colon + 1;
    let authority = literal[scheme..].strip_prefix("//").and_then(|hierarchy| {
        let end = hierarchy.find(['/', '?', '#'])?;
        (!hierarchy[..end].contains('@')).then_some(end + 2)
    });
    scheme + authority.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::uri::normal_spelling;

    type Expected<'a> = Option<&'a [(&'a str, &'a str)]>;

    #[track_caller]
    fn check(template: &str, uri: &str, expected: Expected<'_>) {
        let parsed = UriTemplate::parse(template).unwrap();
        let found = parsed.match_uri(&normal_spelling(uri));
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
        check("a:%41", "a:A", Some(&[]));
        check("a:%2f", "a:%2F", Some(&[]));
        check("a:%2f", "a:/", None);
        check("a:b", "", None);
    }

    /// FIELD S-5, S-6: a template matches what it makes, and other spellings of that.
    #[test]
    fn literals_match_in_the_form_of_uris() {
        let found: Expected<'_> = Some(&[("x", "Y")]);
        for (template, uris) in [
            ("file:///my docs/{x}", &["file:///my%20docs/Y"][..]),
            (
                "file:///docs/café/{x}",
                &[
                    "file:///docs/caf%C3%A9/Y",
                    "file:///docs/caf%c3%a9/Y",
                    "FILE:///docs/café/Y",
                ],
            ),
            ("a:<\"|^`\\>/{x}", &["a:%3C%22%7C%5E%60%5C%3E/Y"]),
            ("a:100%25/{x}", &["a:100%25/Y"]),
            (
                "WordPress://Site/{x}",
                &["wordpress://site/Y", "WordPress://Site/%59"],
            ),
            ("http://A:80/{x}", &["http://a/Y", "HTTP://A:80/Y"]),
            ("http://a/%7eb/{x}", &["http://a/~b/Y"]),
            ("a://h{?x}", &["a://h?x=Y", "A://h?x=Y"]),
        ] {
            for uri in uris {
                check(template, uri, found);
            }
        }
        check("a://U@h/{x}", "a://u@h/Y", None);
        check("a://h/B/{x}", "a://h/b/Y", None);
        check("http://{x}", "http://Y", found);
        check("{+x}", "A:b", Some(&[("x", "a:b")]));
    }

    /// FIELD S-5: what no URI can match is refused.
    #[test]
    fn a_template_without_a_scheme_is_refused() {
        for template in [
            "",
            "rel/{name}",
            "://{name}",
            "1x://{a}",
            "a b:{c}",
            "{/a}",
            "{?a}",
            "{#a}",
            "a:",
            "abc",
        ] {
            let error = UriTemplate::parse(template).unwrap_err();
            assert!(error.contains("must begin with a scheme"), "{error}");
        }
        let error = UriTemplate::parse("a:%{b}").unwrap_err();
        assert!(error.contains("`%25`"), "{error}");
        for template in ["{scheme}:x", "{+uri}", "x{rest}"] {
            assert!(UriTemplate::parse(template).is_ok(), "{template}");
        }
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
                ("ECHO://A", Some(&[("message", "A")])),
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
                ("file:///./a/%2e/b", Some(&[("path", "a/b")])),
                ("file:///.", None),
                ("file://./a", None),
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
        check("x:{+p}", "x:secret/./a", None);
        check("x:{+p}", "x:%2e/secret", None);
        check("x:{+p}", "x:/.secret/a.", Some(&[("p", "/.secret/a.")]));
        check("x:{?q}", "x:?q=./a", Some(&[("q", "./a")]));
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
        check("x:é{x}é", "x:ééé", Some(&[("x", "é")]));
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
    }
}
