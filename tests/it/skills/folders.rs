//! Skills that are read from folders of the file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use mcp_wire::server::Skills;
use serde_json::json;

use super::{directory, fault, get, list, manifest, modern, service, texts};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mcp-wire-skills-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn skill(&self, path: &str) -> &Self {
        let name = path.rsplit('/').next().unwrap();
        self.put(&format!("{path}/SKILL.md"), manifest(name))
    }

    fn skills(&self) -> Skills {
        Skills::new().folder(&self.0)
    }

    #[cfg(unix)]
    fn link(&self, path: &str, target: impl AsRef<Path>) -> &Self {
        std::os::unix::fs::symlink(target, self.0.join(path)).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// SKILLS URI-8, URI-2, URI-7, DIR-2: every folder with a `SKILL.md` is a skill; what is hidden, and what is in no
/// skill, is not served.
#[tokio::test]
async fn a_folder_of_skills_is_served() {
    let folder = Folder::new();
    folder
        .skill("pdf")
        .put("pdf/references/FORMS.md", "# Forms")
        .put("pdf/A b\u{e9}.TXT", "x")
        .put("pdf/.git/config", "secret")
        .put("pdf/.env", "secret")
        .skill("acme/billing/refunds")
        .skill("acme/billing/refunds/nested")
        .put("acme/README.md", "in no skill")
        .put("README.md", "in no skill");
    fs::create_dir_all(folder.0.join("pdf/empty")).unwrap();
    let client = modern(&service(folder.skills()));
    let entries = list(&client).await;
    assert_eq!(
        texts(&entries, "uri"),
        [
            "skill://acme/billing/refunds/SKILL.md",
            "skill://pdf/SKILL.md",
            "skill://acme/billing/refunds/nested/SKILL.md",
        ]
    );
    assert_eq!(
        texts(entries[1]["resources"].as_array().unwrap(), "uri"),
        [
            "skill://pdf/SKILL.md",
            "skill://pdf/A%20b%C3%A9.TXT",
            "skill://pdf/references/FORMS.md"
        ]
    );
    let served: Vec<_> = texts(&client.list_resources().await.unwrap(), "uri");
    assert_eq!(served.len(), 5, "{served:?}");
    assert_eq!(
        directory(&client, "skill://pdf/empty").await.unwrap(),
        Vec::<serde_json::Value>::new()
    );
    for uri in [
        "skill://pdf/.env",
        "skill://README.md",
        "skill://pdf/../pdf/.git/config",
    ] {
        assert_eq!(
            client.read(uri).await.unwrap_err().code(),
            Some(-32602),
            "{uri}"
        );
    }
}

/// SKILLS URI-8: the root itself may be the skill, and has its own name.
#[tokio::test]
async fn a_folder_may_be_a_skill_itself() {
    let folder = Folder::new();
    folder.skill("pdf");
    let client = modern(&service(Skills::new().folder(folder.0.join("pdf"))));
    assert!(get(&client, "skill://pdf/SKILL.md").await.is_ok());
    // The path is read without its links and dots.
    let client = modern(&service(Skills::new().folder(folder.0.join("pdf/../pdf"))));
    assert!(get(&client, "skill://pdf/SKILL.md").await.is_ok());
}

/// SKILLS URI-2, URI-3, URI-8, ENT-8: what cannot be served is refused with its place.
#[test]
fn a_folder_with_a_fault_is_refused() {
    let missing = Folder::new();
    let told = fault(Skills::new().folder(missing.0.join("none")));
    assert!(told.contains("none: "), "{told}");
    let told = |prepare: &dyn Fn(&Folder)| {
        let folder = Folder::new();
        prepare(&folder);
        fault(folder.skills())
    };
    let other_name = told(&|folder| {
        folder.put("a/SKILL.md", manifest("b"));
    });
    assert!(other_name.contains("they must be equal"), "{other_name}");
    let other_case = told(&|folder| {
        folder.put("a/skill.md", manifest("a"));
    });
    assert!(
        other_case.contains("must be named `SKILL.md`"),
        "{other_case}"
    );
    let no_yaml = told(&|folder| {
        folder.put("a/SKILL.md", "# a");
    });
    assert!(
        no_yaml.contains("its first line must be `---`"),
        "{no_yaml}"
    );
    let large = told(&|folder| {
        folder.skill("a").put("a/big", vec![0; 16 * 1024 * 1024]);
    });
    assert!(large.contains("more than 16777216 bytes"), "{large}");
    let many = told(&|folder| {
        folder.skill("a");
        for at in 0..512 {
            folder.put(&format!("a/{at}"), "");
        }
    });
    assert!(many.contains("more than 512 files"), "{many}");
}

/// SKILLS URI-8: links are followed within the folder alone, and not in circles.
#[cfg(unix)]
#[tokio::test]
async fn links_stay_within_the_folder() {
    let outside = Folder::new();
    outside.put("secret", "secret");
    let folder = Folder::new();
    folder.skill("a").skill("b").put("shared.md", "shared");
    folder
        .link("a/shared.md", "../shared.md")
        .link("a/of-b", "../b");
    // `of-b` has the `SKILL.md` of `b`, and so another name than its folder.
    let told = fault(folder.skills());
    assert!(told.contains("they must be equal"), "{told}");
    fs::remove_file(folder.0.join("a/of-b")).unwrap();
    let client = modern(&service(folder.skills()));
    assert_eq!(
        client.read("skill://a/shared.md").await.unwrap().text(),
        "shared"
    );
    for (link, target, expected) in [
        ("a/out", outside.0.join("secret"), "leads out of the folder"),
        ("a/out", outside.0.clone(), "leads out of the folder"),
        (
            "a/out",
            PathBuf::from("/etc/passwd"),
            "leads out of the folder",
        ),
        ("a/up", PathBuf::from("../.."), "leads out of the folder"),
        ("a/loop", PathBuf::from(".."), "in a circle"),
        ("a/loop", PathBuf::from("."), "in a circle"),
        ("b/loop", PathBuf::from("../a"), "in a circle"),
        ("a/self", PathBuf::from("self"), "a/self"),
        ("a/none", PathBuf::from("nothing"), "a/none"),
    ] {
        if link == "b/loop" {
            // From a to b and back.
            folder.put("a/x/y", "");
            folder.link("a/x/b", "../../b");
        }
        folder.link(link, &target);
        let told = fault(folder.skills());
        assert!(
            told.contains(expected),
            "{link} -> {}: {told}",
            target.display()
        );
        fs::remove_file(folder.0.join(link)).unwrap();
        let _ = fs::remove_dir_all(folder.0.join("a/x"));
    }
}

/// SKILLS URI-8: links that multiply the paths end the walk, whose folders are counted.
#[cfg(unix)]
#[test]
fn links_do_not_multiply_without_end() {
    let folder = Folder::new();
    folder.skill("a");
    for at in 0..23 {
        fs::create_dir_all(folder.0.join(format!("a/{at}"))).unwrap();
    }
    for at in 0..22 {
        let next = format!("../{}", at + 1);
        folder.link(&format!("a/{at}/left"), &next);
        folder.link(&format!("a/{at}/right"), &next);
    }
    let told = fault(folder.skills());
    assert!(told.contains("more than 16384 folders"), "{told}");
}

/// SKILLS URI-8: a link does not serve what is hidden under another name. Names with two dots are those of volumes of
/// Kubernetes, whose links all lead there.
#[cfg(unix)]
#[tokio::test]
async fn links_do_not_lead_to_what_is_hidden() {
    for (target, hidden) in [
        (".env", ".env"),
        ("sub/.env", "sub/.env"),
        (".git", ".git/config"),
        (".git/config", ".git/config"),
    ] {
        let folder = Folder::new();
        folder.skill("a").put(&format!("a/{hidden}"), "secret");
        folder.link("a/notes.md", target);
        let told = fault(folder.skills());
        assert!(told.contains("leads to what is hidden"), "{target}: {told}");
    }
    let volume = Folder::new();
    volume
        .put("a/..2026_11_30/SKILL.md", manifest("a"))
        .put("a/..2026_11_30/x.md", "x")
        .link("a/..data", "..2026_11_30")
        .link("a/SKILL.md", "..data/SKILL.md")
        .link("a/x.md", "..data/x.md");
    let client = modern(&service(volume.skills()));
    let entry = get(&client, "skill://a/SKILL.md").await.unwrap();
    assert_eq!(
        texts(entry["resources"].as_array().unwrap(), "uri"),
        ["skill://a/SKILL.md", "skill://a/x.md"]
    );
}

/// SKILLS URI-8: names that are no text, and what is neither a file nor a folder.
#[cfg(target_os = "linux")]
#[test]
fn other_entries_of_a_folder_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = Folder::new();
    folder.skill("a");
    fs::write(folder.0.join("a").join(OsStr::from_bytes(b"x\xff")), "x").unwrap();
    let told = fault(folder.skills());
    assert!(told.contains("the name is not UTF-8"), "{told}");
    let folder = Folder::new();
    folder.skill("a");
    let _listener = std::os::unix::net::UnixListener::bind(folder.0.join("a/s")).unwrap();
    let told = fault(folder.skills());
    assert!(told.contains("neither a file nor a folder"), "{told}");
}

/// SKILLS URI-8: what is served is what the folder had when it was read.
#[tokio::test]
async fn a_folder_is_read_once() {
    let folder = Folder::new();
    folder.skill("a").put("a/x.md", "old");
    let client = modern(&service(folder.skills()));
    folder.put("a/x.md", "new");
    assert_eq!(client.read("skill://a/x.md").await.unwrap().text(), "old");
    let entry = get(&client, "skill://a/SKILL.md").await.unwrap();
    assert_eq!(entry["resources"][1]["size"], json!(3));
}
