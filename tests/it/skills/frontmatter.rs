//! The frontmatter of skills, next to what another parser of YAML makes of it.
//!
//! `frontmatter.json` has texts and what the package `yaml` of npm, with its defaults, reads from them;
//! `frontmatter.mjs` writes it.

use mcp_wire::server::{Skill, Skills};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{fault, get, modern, service};

/// The frontmatter as a client gets it.
async fn read(yaml: &str) -> Value {
    let line_break = if yaml.ends_with('\n') { "" } else { "\n" };
    let file = format!("---\n{yaml}{line_break}---\nbody\n");
    let mcp = service(Skills::new().skill(Skill::new("x", file)));
    let mut entry = get(&modern(&mcp), "skill://x/SKILL.md").await.unwrap();
    entry["frontmatter"].take()
}

/// Numbers are equal if JavaScript cannot tell them apart.
fn are_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has = |(key, value)| b.get(key).is_some_and(|other| are_equal(value, other));
            a.len() == b.len() && a.iter().all(has)
        }
        _ => a == b,
    }
}

/// SKILLS ENT-2: what the referee of clients reads from the file is what the entry has, in 226 texts. What it
/// cannot read is refused here, and so are anchors, tags and keys that are no texts.
#[tokio::test]
async fn frontmatter_is_what_another_parser_reads() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("frontmatter.json")).unwrap();
    let (mut compared, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for case in &cases {
        let yaml = case["yaml"].as_str().unwrap();
        let line_break = if yaml.ends_with('\n') { "" } else { "\n" };
        let file = format!("---\n{yaml}{line_break}---\nbody\n");
        let skills = Skills::new().skill(Skill::new("x", file));
        let built = mcp_wire::McpService::builder(super::server(skills)).build();
        let is_ours = ["&a", "!!str"].iter().any(|it| yaml.contains(it));
        match (built, case.get("json")) {
            (Ok(_), Some(expected)) if !is_ours => {
                compared += 1;
                let found = read(yaml).await;
                if !are_equal(&found, expected) {
                    wrong.push(format!("{yaml:?}\n  {found}\n  {expected}"));
                }
            }
            (Err(error), Some(expected)) if !is_ours => {
                wrong.push(format!("{yaml:?}\n  {error}\n  {expected}"));
            }
            (Ok(_), _) => wrong.push(format!("{yaml:?} is served")),
            (Err(_), _) => refused += 1,
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((compared, refused), (226, 21));
}

/// SKILLS ENT-2, ENT-3, URI-2, X-2: what is not served is refused with its line in the file.
#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    let yaml = |yaml: &str| format!("---\nname: x\ndescription: d\n{yaml}\n---\n");
    for (file, expected) in [
        (String::new(), "its first line must be `---`"),
        ("name: x\n".to_owned(), "its first line must be `---`"),
        (
            format!("\u{feff}{}", yaml("a: b")),
            "its first line must be `---`, without a byte order mark",
        ),
        (
            "---\nname: x\ndescription: ' '\n---\n".to_owned(),
            "must have `description`",
        ),
        (
            "---\nname: x\ndescription: \"\\n\"\n---\n".to_owned(),
            "must have `description`",
        ),
        (
            "----\nname: x\n---\n".to_owned(),
            "its first line must be `---`",
        ),
        ("---\nname: x\ndescription: d\n".to_owned(), "has no end"),
        ("---\nname: x\n---\n".to_owned(), "must have `description`"),
        (
            "---\nname: x\ndescription: ''\n---\n".to_owned(),
            "must have `description`",
        ),
        (
            "---\nname: x\ndescription: 7\n---\n".to_owned(),
            "must have `description`",
        ),
        (
            "---\nname: 7\ndescription: d\n---\n".to_owned(),
            "must have `name`",
        ),
        (
            "---\n- name\n---\n".to_owned(),
            "line 2: frontmatter is a mapping",
        ),
        (yaml("a: &b c"), "line 4: anchors"),
        (yaml("a: b\nc: *a"), "line 5"),
        (yaml("a: !t b"), "line 4: tags"),
        (yaml("1: b"), "line 4: the key 1 is no text"),
        (yaml("~: b"), "line 4: the key ~ is no text"),
        (yaml("[a]: b"), "line 4: a key must be a text"),
        (yaml("a: .inf"), "line 4: JSON has no number .inf"),
        (yaml("a: [1, -.INF]"), "line 4: JSON has no number -.INF"),
        (yaml("a: .NaN"), "line 4: JSON has no number .NaN"),
        (yaml("a: 1\na: 2"), "line 5: the key \"a\" is duplicated"),
        (
            yaml("a:\n  b: {c: 1, c: 2}"),
            "line 5: the key \"c\" is duplicated",
        ),
        (yaml("a: [1"), "line "),
        (
            yaml("metadata:\n  io.modelcontextprotocol/x: 1"),
            "line 5: the key \"io.modelcontextprotocol/x\"",
        ),
        (
            yaml(&format!("a: {}{}", "[".repeat(80), "]".repeat(80))),
            "line 4: values nest deeper",
        ),
        (
            yaml(&format!("a: {}{}", "[".repeat(9000), "]".repeat(9000))),
            "line ",
        ),
        (
            format!("---\nname: x\ndescription: {}\n---\n", "d".repeat(1025)),
            "1025 characters",
        ),
    ] {
        let told = fault(Skills::new().skill(Skill::new("x", file.clone())));
        assert!(told.contains(expected), "{file:?}: {told}");
        assert!(
            told.starts_with("the skill \"x\" cannot be served: SKILL.md: "),
            "{told}"
        );
    }
    let told = fault(Skills::new().skill(Skill::new("x", *b"---\nname: \xff\n---\n")));
    assert!(told.contains("not UTF-8"), "{told}");
}

/// SKILLS ENT-2, ENT-3: both lines may have CRLF or blanks after them; reserved keys are those of `metadata` itself.
#[tokio::test]
async fn frontmatter_may_have_other_line_breaks() {
    for file in [
        "--- \t\nname: x\ndescription: d\n---\t\n",
        "--- \r\nname: x\r\ndescription: d\r\n--- \r\n",
        "---\r\nname: x\r\ndescription: d\r\n---\r\nbody",
        "---\nname: x\ndescription: d\n--- \t",
        "---\nname: x\ndescription: d # a\n\n---\n---\n",
    ] {
        let mcp = service(Skills::new().skill(Skill::new("x", file)));
        let entry = get(&modern(&mcp), "skill://x/SKILL.md").await.unwrap();
        assert_eq!(
            entry["frontmatter"],
            json!({"name": "x", "description": "d"}),
            "{file:?}"
        );
    }
    let yaml = "name: x\ndescription: d\nother:\n  metadata:\n    io.modelcontextprotocol/x: 1\n";
    assert_eq!(
        read(yaml).await["other"]["metadata"]["io.modelcontextprotocol/x"],
        1
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\u{1F600}\n\t]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z~:#\" -]{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// SKILLS ENT-2: JSON is YAML, so any JSON in the frontmatter comes back as it was.
    #[test]
    fn json_comes_back_as_it_was(value in any_json()) {
        let members = Map::from_iter([
            ("name".to_owned(), json!("x")),
            ("description".to_owned(), json!("d")),
            ("value".to_owned(), value),
        ]);
        let expected = Value::Object(members);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(read(&expected.to_string()));
        prop_assert_eq!(found, expected);
    }

    /// SKILLS URI-2: no text makes the reader panic.
    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\n\té]{0,60}") {
        let file = format!("---\nname: x\ndescription: d\n{text}\n---\n");
        let skills = Skills::new().skill(Skill::new("x", file));
        let _ = mcp_wire::McpService::builder(super::server(skills)).build();
    }
}
