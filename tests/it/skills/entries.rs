//! Entries, digests, files and folders of skills.

use mcp_wire::McpService;
use mcp_wire::server::{Server, Skill, Skills};
use serde_json::{Value, json};
use sha2_of::sha256;

use super::{directory, fault, get, list, manifest, modern, service, skill, texts};

/// An implementation of SHA-256 that shares no code with the crate (FIPS 180-4).
mod sha2_of {
    fn roots(exponent: f64) -> Vec<u32> {
        let mut primes = Vec::<u32>::new();
        let mut next = 2_u32;
        while primes.len() < 64 {
            if primes.iter().all(|prime| !next.is_multiple_of(*prime)) {
                primes.push(next);
            }
            next += 1;
        }
        let fraction = |prime: &u32| {
            let root = f64::from(*prime).powf(exponent);
            (root.fract() * 4_294_967_296.0) as u32
        };
        primes.iter().map(fraction).collect()
    }

    pub(super) fn sha256(bytes: &[u8]) -> String {
        let constants = roots(1.0 / 3.0);
        let mut state: Vec<u32> = roots(0.5)[..8].to_vec();
        let mut padded = bytes.to_vec();
        padded.push(0x80);
        while padded.len() % 64 != 56 {
            padded.push(0);
        }
        padded.extend((bytes.len() as u64 * 8).to_be_bytes());
        for block in padded.chunks(64) {
            let mut w: Vec<u32> = block
                .chunks(4)
                .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
                .collect();
            for at in 16..64 {
                let (a, b): (u32, u32) = (w[at - 15], w[at - 2]);
                let a = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
                let b = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
                let sum = w[at - 16].wrapping_add(a).wrapping_add(w[at - 7]);
                w.push(sum.wrapping_add(b));
            }
            let mut s = state.clone();
            for at in 0..64 {
                let e = s[4].rotate_right(6) ^ s[4].rotate_right(11) ^ s[4].rotate_right(25);
                let choice = (s[4] & s[5]) ^ (!s[4] & s[6]);
                let one = s[7].wrapping_add(e).wrapping_add(choice);
                let one = one.wrapping_add(constants[at]).wrapping_add(w[at]);
                let a = s[0].rotate_right(2) ^ s[0].rotate_right(13) ^ s[0].rotate_right(22);
                let majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
                s.rotate_right(1);
                s[4] = s[4].wrapping_add(one);
                s[0] = one.wrapping_add(a).wrapping_add(majority);
            }
            for (total, one) in state.iter_mut().zip(s) {
                *total = total.wrapping_add(one);
            }
        }
        state.iter().map(|word| format!("{word:08x}")).collect()
    }

    #[test]
    fn it_knows_the_digest_of_abc() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
    }
}

/// SKILLS RES-4, ENT-1, ENT-4 to ENT-7, RES-1, RES-2: every file once, with the digest and the size of the bytes
/// that a read gives, whatever they are.
#[tokio::test]
async fn digests_are_those_of_what_is_read() {
    let crlf = "---\r\nname: pdf\r\ndescription: d\r\n---\r\n\u{feff}x\r\n";
    let files: [(&str, &[u8]); 6] = [
        ("a/crlf.txt", b"a\r\nb\rc\n"),
        ("a/bom.md", "\u{feff}# x".as_bytes()),
        ("empty", b""),
        ("a/b/image.png", b"\x89PNG\r\n\x1a\n\0\xff"),
        ("nul.txt", b"\0\x1f\"\\\x7f"),
        ("a b/\u{e9}#.json", "{\"\u{1F600}\": 1}".as_bytes()),
    ];
    let one = files
        .iter()
        .fold(Skill::new("acme/pdf", crlf), |skill, (path, bytes)| {
            skill.file(*path, bytes.to_vec())
        });
    let client = modern(&service(Skills::new().skill(one)));
    let entry = get(&client, "skill://acme/pdf/SKILL.md").await.unwrap();
    assert_eq!(list(&client).await, std::slice::from_ref(&entry));
    assert_eq!(entry["uri"], "skill://acme/pdf/SKILL.md");
    let listed = entry["resources"].as_array().unwrap();
    assert_eq!(
        texts(listed, "uri"),
        [
            "skill://acme/pdf/SKILL.md",
            "skill://acme/pdf/a%20b/%C3%A9%23.json",
            "skill://acme/pdf/a/b/image.png",
            "skill://acme/pdf/a/bom.md",
            "skill://acme/pdf/a/crlf.txt",
            "skill://acme/pdf/empty",
            "skill://acme/pdf/nul.txt",
        ]
    );
    for file in listed {
        let members = file.as_object().unwrap().len();
        assert_eq!(members, 3, "{file}");
        let uri = file["uri"].as_str().unwrap();
        let read = client
            .request("resources/read", json!({ "uri": uri }))
            .await
            .unwrap();
        let contents = &read["contents"][0];
        assert_eq!(contents["uri"], uri);
        let bytes = match contents["blob"].as_str() {
            Some(_) => b"\x89PNG\r\n\x1a\n\0\xff".to_vec(),
            None => contents["text"].as_str().unwrap().as_bytes().to_vec(),
        };
        if let Some(blob) = contents["blob"].as_str() {
            assert_eq!(blob, "iVBORw0KGgoA/w==");
        }
        let digest = file["digest"].as_str().unwrap();
        assert_eq!(digest, format!("sha256:{}", sha256(&bytes)), "{uri}");
        assert_eq!(file["size"], bytes.len(), "{uri}");
    }
    let resources = client.list_resources().await.unwrap();
    assert_eq!(
        resources[0],
        json!({"uri": "skill://acme/pdf/SKILL.md", "name": "pdf", "description": "d",
            "mimeType": "text/markdown", "size": crlf.len()})
    );
    let png = resources
        .iter()
        .find(|it| it["name"] == "image.png")
        .unwrap();
    assert_eq!(png["mimeType"], "image/png");
    let unnamed = resources.iter().find(|it| it["name"] == "empty").unwrap();
    assert_eq!(unnamed["mimeType"], "text/plain");
}

/// SKILLS URI-7, ENT-4, ENT-5: a skill in a folder of another one is listed, and its files are files of both.
#[tokio::test]
async fn a_nested_skill_has_an_entry_of_its_own() {
    let outer = || {
        skill("acme/outer")
            .file("inner/SKILL.md", manifest("inner"))
            .file("inner/deep/x.md", "x")
            .file("innermost.md", "y")
    };
    let both = Skills::new().skill(outer());
    let apart = Skills::new()
        .skill(skill("acme/outer").file("innermost.md", "y"))
        .skill(skill("acme/outer/inner").file("deep/x.md", "x"));
    for skills in [both, apart] {
        let client = modern(&service(skills));
        let entries = list(&client).await;
        assert_eq!(
            texts(&entries, "uri"),
            [
                "skill://acme/outer/SKILL.md",
                "skill://acme/outer/inner/SKILL.md"
            ]
        );
        let uris = |entry: &Value| texts(entry["resources"].as_array().unwrap(), "uri");
        let of_inner = [
            "skill://acme/outer/inner/SKILL.md",
            "skill://acme/outer/inner/deep/x.md",
        ];
        assert_eq!(uris(&entries[1]), of_inner);
        let mut of_outer = vec!["skill://acme/outer/SKILL.md"];
        of_outer.extend(of_inner);
        of_outer.push("skill://acme/outer/innermost.md");
        assert_eq!(uris(&entries[0]), of_outer);
        assert_eq!(client.list_resources().await.unwrap().len(), 4);
    }
    let wrong = skill("outer").file("inner/SKILL.md", manifest("other"));
    let told = fault(Skills::new().skill(wrong));
    assert!(told.contains("skill://outer/inner"), "{told}");
}

/// SKILLS URI-1, URI-3 to URI-5, RES-3: a path that cannot be served is refused, and so is a wrong file or key.
#[test]
fn what_cannot_be_a_skill_is_refused() {
    let good = || skill("a/b");
    for (one, expected) in [
        (
            Skill::new("a/c", manifest("b")),
            "its `name` is \"b\", but its path ends with \"c\"",
        ),
        (Skill::new("B", manifest("b")), "they must be equal"),
        (
            Skill::new("x--y", manifest("x--y")),
            "is not the name of a skill",
        ),
        (Skill::new("X", manifest("X")), "is not the name of a skill"),
        (Skill::new("", manifest("b")), "is not a path"),
        (Skill::new("b/", manifest("b")), "is not a path"),
        (Skill::new("../b", manifest("b")), "is not a path"),
        (Skill::new("/b", manifest("b")), "is not a path"),
        (
            Skill::new("x://a/b?c=/b", manifest("b")),
            "absolute URI of a folder",
        ),
        (
            Skill::new("1://b", manifest("b")),
            "absolute URI of a folder",
        ),
        (good().file("../x", ""), "is not a path"),
        (good().file("/etc/passwd", ""), "is not a path"),
        (good().file("a//b", ""), "is not a path"),
        (good().file("a", "").file("a", ""), "is there twice"),
        (good().file("SKILL.md", ""), "is there twice"),
        (
            good().file("a", "").file("a/b", ""),
            "is a file and a folder",
        ),
        (
            good().meta("io.modelcontextprotocol/x", 1),
            "reserved by the protocol",
        ),
        (
            good().meta("io.modelcontextprotocol.skills/-x", 1),
            "malformed, or reserved",
        ),
        (good().scopes(["a b"]), "scope"),
    ] {
        let told = fault(Skills::new().skill(one));
        assert!(told.contains(expected), "{told}");
    }
    let told = fault(Skills::new().skill(good()).skill(good()));
    assert!(told.contains("another skill has this path"), "{told}");
    let twice = Server::new("s", "1")
        .skills(Skills::new())
        .skills(Skills::new());
    let told = McpService::builder(twice).build().unwrap_err().to_string();
    assert!(told.contains("`Server::skills` is called twice"), "{told}");
    // A resource of the embedder's has the URI of a file.
    let taken = Server::new("s", "1")
        .resource(
            mcp_wire::server::Resource::new("skill://a/b/SKILL.md", "x"),
            async |_, _| "",
        )
        .skills(Skills::new().skill(good()));
    let told = McpService::builder(taken).build().unwrap_err().to_string();
    assert!(told.contains("is registered twice"), "{told}");
}

/// SKILLS RES-3, X-2: keys with the prefix of the extension are for skills alone.
#[tokio::test]
async fn a_skill_may_have_meta_of_the_extension() {
    const KEY: &str = "io.modelcontextprotocol.skills/license";
    let one = skill("a").meta(KEY, "MIT").file("x.md", "");
    let client = modern(&service(Skills::new().skill(one)));
    let resources = client.list_resources().await.unwrap();
    assert_eq!(resources[0]["_meta"], json!({KEY: "MIT"}));
    assert_eq!(resources[1].get("_meta"), None);
    let plain = mcp_wire::server::Resource::new("a://b", "b").meta(KEY, 1);
    let refused =
        McpService::builder(Server::new("s", "1").resource(plain, async |_, _| "")).build();
    assert!(refused.is_err());
}

/// SKILLS ENT-8: at a limit and one beyond it.
#[tokio::test]
async fn a_skill_has_at_most_what_every_host_loads() {
    const BYTES: usize = 16 * 1024 * 1024;
    let with_files =
        |count: usize| (0..count).fold(skill("a"), |skill, at| skill.file(format!("{at}.md"), ""));
    let client = modern(&service(Skills::new().skill(with_files(511))));
    let entry = get(&client, "skill://a/SKILL.md").await.unwrap();
    assert_eq!(entry["resources"].as_array().unwrap().len(), 512);
    let told = fault(Skills::new().skill(with_files(512)));
    assert!(
        told.contains("has 513 files: hosts need not load more than 512"),
        "{told}"
    );
    let rest = BYTES - manifest("a").len();
    let of_size = |size: usize| Skills::new().skill(skill("a").file("big", vec![b'x'; size]));
    let _ = service(of_size(rest));
    let told = fault(of_size(rest + 1));
    assert!(told.contains("16777217 bytes in all its files"), "{told}");
}

/// SKILLS ENT-9, RES-5: content that a handler makes has no digests, and is read like any other.
#[tokio::test]
async fn generated_content_makes_a_skill_dynamic() {
    let one = skill("reports/daily")
        .generated(
            "today.md",
            async |_, read: mcp_wire::server::ReadRequest| format!("of {}", read.uri()),
        )
        .file("fixed.md", "x");
    let other = skill("other").dynamic();
    let client = modern(&service(Skills::new().skill(one).skill(other)));
    for entry in list(&client).await {
        assert_eq!(entry["resources"], "dynamic");
        assert!(entry["frontmatter"]["description"].is_string());
    }
    let read = client.read("skill://reports/daily/today.md").await.unwrap();
    assert_eq!(read.text(), "of skill://reports/daily/today.md");
    let children = directory(&client, "skill://reports/daily").await.unwrap();
    assert_eq!(texts(&children, "name"), ["daily", "fixed.md", "today.md"]);
    let unknown = client
        .read("skill://reports/daily/none.md")
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Some(-32602));
    let twice = skill("a").generated("SKILL.md", async |_, _| "");
    assert!(fault(Skills::new().skill(twice)).contains("is there twice"));
}

/// SKILLS ENT-4, ENT-9, URI-7: an entry whose folder holds a dynamic skill cannot be complete, and neither can that of
/// a skill which was found in a dynamic one: the template may answer below it too.
#[tokio::test]
async fn a_dynamic_skill_makes_what_it_touches_dynamic() {
    let nested = |path: &str| skill(path).file("inner/SKILL.md", manifest("inner"));
    for (skills, fixed, dynamic) in [
        (
            Skills::new()
                .skill(skill("a"))
                .skill(skill("a/b").dynamic()),
            "",
            "a a/b",
        ),
        (Skills::new().skill(nested("a").dynamic()), "", "a a/inner"),
        (
            Skills::new()
                .skill(skill("a").dynamic())
                .skill(nested("a/b")),
            "a/b a/b/inner",
            "a",
        ),
        (
            Skills::new().skill(nested("a").generated("x", async |_, _| "x")),
            "a/inner",
            "a",
        ),
        (
            Skills::new().skill(skill("ab").dynamic()).skill(skill("a")),
            "a",
            "ab",
        ),
    ] {
        let (mut found_fixed, mut found_dynamic) = (Vec::new(), Vec::new());
        for entry in list(&modern(&service(skills))).await {
            let uri = entry["uri"].as_str().unwrap();
            let path = uri.strip_prefix("skill://").unwrap();
            let path = path.strip_suffix("/SKILL.md").unwrap().to_owned();
            match entry["resources"] == "dynamic" {
                true => found_dynamic.push(path),
                false => found_fixed.push(path),
            }
        }
        found_fixed.sort();
        found_dynamic.sort();
        assert_eq!(
            (found_fixed.join(" "), found_dynamic.join(" ")),
            (fixed.to_owned(), dynamic.to_owned())
        );
    }
}

/// SKILLS DIR-1 to DIR-3, DIR-6, DIR-7, CAP-4: the children of each folder, also above the skills.
#[tokio::test]
async fn each_folder_has_its_direct_children() {
    let one = skill("acme/billing/refunds")
        .file("references/FORMS.md", "x")
        .file("templates/regional/eu.md", "y");
    let client = modern(&service(
        Skills::new().skill(one).skill(skill("acme/sales")),
    ));
    for (uri, expected) in [
        ("skill://acme", "billing/ sales/"),
        ("skill://acme/billing", "refunds/"),
        (
            "skill://acme/billing/refunds",
            "SKILL.md references/ templates/",
        ),
        ("skill://acme/billing/refunds/references", "FORMS.md"),
        ("skill://acme/billing/refunds/templates", "regional/"),
        ("skill://acme/billing/refunds/templates/regional", "eu.md"),
        ("skill://acme/sales", "SKILL.md"),
    ] {
        let mut found = Vec::new();
        for child in directory(&client, uri).await.unwrap() {
            let child_uri = child["uri"].as_str().unwrap();
            let name = child_uri
                .strip_prefix(uri)
                .unwrap()
                .strip_prefix('/')
                .unwrap();
            if child["mimeType"] == "inode/directory" {
                found.push(format!("{name}/"));
                let folder = json!({"uri": child_uri, "name": name, "mimeType": "inode/directory"});
                assert_eq!(child, folder);
            } else {
                found.push(name.to_owned());
            }
        }
        assert_eq!(found.join(" "), expected, "{uri}");
    }
    let listed = client.list_resources().await.unwrap();
    let child = &directory(&client, "skill://acme/sales").await.unwrap()[0];
    assert!(listed.contains(child), "a file has its ordinary metadata");
    for uri in [
        "skill://acme/billing/refunds/SKILL.md",
        "skill://acme/billing/refunds/",
        "skill://acme/none",
        "skill://",
        "skill:",
        "x",
        "",
    ] {
        let refused = directory(&client, uri).await.unwrap_err();
        assert_eq!(refused.code(), Some(-32602), "{uri}");
    }
    let missing = client.request("resources/directory/read", json!({})).await;
    assert_eq!(missing.unwrap_err().code(), Some(-32602));
}

/// SKILLS RES-6: large trees may be left out of `resources/list`, and are read all the same.
#[tokio::test]
async fn files_may_be_left_out_of_the_list_of_resources() {
    let skills = Skills::new().skill(skill("a").file("d/x.md", "x"));
    let client = modern(&service(skills.list_manifests_only()));
    let resources = client.list_resources().await.unwrap();
    assert_eq!(texts(&resources, "uri"), ["skill://a/SKILL.md"]);
    let entry = get(&client, "skill://a/SKILL.md").await.unwrap();
    assert_eq!(entry["resources"].as_array().unwrap().len(), 2);
    let children = directory(&client, "skill://a/d").await.unwrap();
    assert_eq!(texts(&children, "uri"), ["skill://a/d/x.md"]);
    assert_eq!(client.read("skill://a/d/x.md").await.unwrap().text(), "x");
}
