//! How skills are declared, paged, hidden and replaced.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::{CacheScope, Resource, ResourceTemplate, Server, Skill, Skills};
use mcp_wire::test::Client;
use mcp_wire::{McpService, ProtocolVersion, ServiceEvent};
use serde_json::{Value, json};

use super::{SKILLS, directory, get, list, manifest, modern, server, service, skill, texts};

const LEGACY: [ProtocolVersion; 4] = [
    ProtocolVersion::V2024_11_05,
    ProtocolVersion::V2025_03_26,
    ProtocolVersion::V2025_06_18,
    ProtocolVersion::V2025_11_25,
];
const METHODS: [&str; 3] = ["skills/list", "skills/get", "resources/directory/read"];

async fn code(client: &Client, method: &str, params: Value) -> Option<i64> {
    client.request(method, params).await.unwrap_err().code()
}

/// SKILLS CAP-1 to CAP-4, CAP-6: declared with its setting, and with resources, even without a skill.
#[tokio::test]
async fn a_server_declares_what_it_answers() {
    for (skills, settings) in [
        (Skills::new(), json!({"directoryRead": true})),
        (Skills::new().without_directories(), json!({})),
    ] {
        let client = modern(&service(skills.clone()));
        let discovered = client.request("server/discover", json!({})).await.unwrap();
        assert_eq!(
            discovered["capabilities"]["extensions"],
            json!({SKILLS: settings})
        );
        assert!(discovered["capabilities"]["resources"].is_object());
        assert!(list(&client).await.is_empty());
        assert_eq!(
            get(&client, "skill://x/SKILL.md").await.unwrap_err().code(),
            Some(-32602)
        );

        let client = modern(&service(skills.skill(skill("x"))));
        assert_eq!(list(&client).await.len(), 1);
        let read = directory(&client, "skill://x").await;
        match settings.get("directoryRead") {
            Some(_) => assert_eq!(read.unwrap().len(), 1),
            None => assert_eq!(read.unwrap_err().code(), Some(-32601)),
        }
    }
    let without = modern(&McpService::builder(Server::new("s", "1")).build().unwrap());
    for method in METHODS {
        assert_eq!(
            code(&without, method, json!({"uri": "skill://x/SKILL.md"})).await,
            Some(-32601)
        );
    }
}

/// SKILLS CAP-5: the extension is of 2026-07-28; before it, the files are resources like others.
#[tokio::test]
async fn earlier_revisions_read_the_files() {
    let mcp = service(Skills::new().skill(skill("x").file("y.md", "y")));
    for version in LEGACY {
        let client = Client::new(&mcp).version(version);
        let about = client.server().await.unwrap();
        assert_eq!(about["capabilities"].get("extensions"), None, "{version}");
        assert!(about["capabilities"]["resources"].is_object(), "{version}");
        for method in METHODS {
            let refused = code(&client, method, json!({"uri": "skill://x/SKILL.md"})).await;
            assert_eq!(refused, Some(-32601), "{version} {method}");
        }
        let resources = client.list_resources().await.unwrap();
        assert_eq!(
            texts(&resources, "uri"),
            ["skill://x/SKILL.md", "skill://x/y.md"]
        );
        let read = client.read("skill://x/SKILL.md").await.unwrap();
        assert_eq!(read.text(), manifest("x"), "{version}");
    }
}

/// SKILLS LST-1, GET-1, GET-3, GET-4: the shapes of results, and what is refused.
#[tokio::test]
async fn results_have_their_members() {
    let one = skill("x")
        .cache(Duration::from_secs(5), CacheScope::Public)
        .file("d/y.md", "y");
    let server =
        server(Skills::new().skill(one)).cache_lists(Duration::from_secs(7), CacheScope::Public);
    let client = modern(&McpService::builder(server).build().unwrap());
    let listed = client.request("skills/list", json!({})).await.unwrap();
    assert_eq!(listed["resultType"], "complete");
    assert_eq!(
        (&listed["ttlMs"], &listed["cacheScope"]),
        (&json!(7000), &json!("public"))
    );
    let found = client
        .request("skills/get", json!({"uri": "skill://x/SKILL.md"}))
        .await
        .unwrap();
    assert_eq!(found["resultType"], "complete");
    assert_eq!(
        (&found["ttlMs"], &found["cacheScope"]),
        (&json!(5000), &json!("public"))
    );
    assert_eq!(found["skill"], listed["skills"][0]);
    assert_eq!(found.get("nextCursor"), None);
    let read = client
        .request("resources/read", json!({"uri": "skill://x/d/y.md"}))
        .await
        .unwrap();
    assert_eq!(
        (&read["ttlMs"], &read["cacheScope"]),
        (&json!(5000), &json!("public"))
    );
    let folder = client
        .request("resources/directory/read", json!({"uri": "skill://x"}))
        .await
        .unwrap();
    assert_eq!(folder["resultType"], "complete");
    for params in [
        json!({}),
        json!({"uri": null}),
        json!({"uri": 7}),
        json!({"uri": ["skill://x/SKILL.md"]}),
        json!({"uri": "x"}),
        json!({"uri": "skill://x/d/y.md"}),
        json!({"uri": "skill://x"}),
        json!({"uri": "skill://x/"}),
        json!({"uri": "skill://x/SKILL.md/"}),
        json!({"uri": "SKILL://x/SKILL.md"}),
        json!({"uri": "skill://x/%53KILL.md"}),
        json!({"uri": "skill://mcp-conformance-nonexistent-skill-9f3a2b/SKILL.md"}),
    ] {
        assert_eq!(
            code(&client, "skills/get", params.clone()).await,
            Some(-32602),
            "{params}"
        );
    }
}

/// SKILLS GET-5: no header names the skill, and one that does is ignored.
#[tokio::test]
async fn a_name_in_a_header_is_ignored() {
    let client = modern(&service(Skills::new().skill(skill("x"))));
    let client = client.header("mcp-name", "skill://other/SKILL.md");
    assert!(get(&client, "skill://x/SKILL.md").await.is_ok());
    assert_eq!(list(&client).await.len(), 1);
}

/// SKILLS LST-2, LST-3, DIR-4: pages of whole entries, and of children of a folder.
#[tokio::test]
async fn lists_and_folders_have_pages() {
    let skills = (0..7).fold(Skills::new(), |skills, at| {
        let one = skill(&format!("all/s{at}"));
        skills.skill((0..5).fold(one, |one, at| one.file(format!("{at}.md"), "")))
    });
    let server = server(skills).page_size(3);
    let client = modern(&McpService::builder(server).build().unwrap());
    let mut sizes = Vec::new();
    for (method, member, uri) in [
        ("skills/list", "skills", "skill://all"),
        ("resources/directory/read", "resources", "skill://all"),
        ("resources/directory/read", "resources", "skill://all/s0"),
    ] {
        let mut seen = Vec::new();
        let mut params = json!({ "uri": uri });
        loop {
            let page = client.request(method, params).await.unwrap();
            let items = page[member].as_array().unwrap();
            sizes.push(items.len());
            seen.extend(texts(items, "uri"));
            for item in items.iter().filter(|_| method == "skills/list") {
                assert_eq!(item["resources"].as_array().unwrap().len(), 6);
            }
            let Some(cursor) = page.get("nextCursor") else {
                break;
            };
            params = json!({"uri": uri, "cursor": cursor});
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "{method} repeats");
    }
    assert_eq!(sizes, [3, 3, 1, 3, 3, 1, 3, 3]);
    for cursor in [
        json!(""),
        json!("x"),
        json!("tools:3"),
        json!("skills:99"),
        json!(3),
    ] {
        let params = json!({"uri": "skill://all", "cursor": cursor});
        for method in ["skills/list", "resources/directory/read"] {
            assert_eq!(
                code(&client, method, params.clone()).await,
                Some(-32602),
                "{params}"
            );
        }
    }
    let params = json!({"uri": "skill://all", "cursor": "directory~YQ=="});
    assert_eq!(
        code(&client, "resources/directory/read", params).await,
        Some(-32602)
    );
}

fn with_tokens(server: Server) -> McpService {
    let tokens = StaticTokens::new()
        .token("ada", Identity::new("ada").scopes(["staff", "deep"]))
        .token("eve", Identity::new("eve").scopes(["staff"]))
        .token("ian", Identity::new("ian").scopes(["deep"]))
        .token("bob", Identity::new("bob"));
    McpService::builder(server)
        .authorizer(tokens)
        .build()
        .unwrap()
}

/// SKILLS LST-4, X-3: who lacks the scopes of a skill does not get it, its files or its folders; a skill in
/// another one needs the scopes of both.
#[tokio::test]
async fn a_skill_is_for_those_who_have_its_scopes() {
    let skills = || {
        Skills::new()
            .skill(skill("open"))
            .skill(skill("internal/ops").scopes(["staff"]).file("x.md", "x"))
            .skill(
                skill("internal/ops/deep")
                    .scopes(["deep"])
                    .file("y.md", "y"),
            )
    };
    let all = with_tokens(server(skills()));
    let permitted = with_tokens(server(skills()).list_only_permitted());
    for (token, listed, may) in [
        ("ada", 3, [true, true]),
        ("eve", 2, [true, false]),
        ("bob", 1, [false, false]),
    ] {
        let client = modern(&all).token(token);
        assert_eq!(list(&client).await.len(), 3, "{token}");
        let client = modern(&permitted).token(token);
        assert_eq!(list(&client).await.len(), listed, "{token}");
        let page = client.request("skills/list", json!({})).await.unwrap();
        assert_eq!(page["cacheScope"], "private");
        for (root, may) in ["skill://internal/ops", "skill://internal/ops/deep"]
            .iter()
            .zip(may)
        {
            let manifest = format!("{root}/SKILL.md");
            assert_eq!(get(&client, &manifest).await.is_ok(), may, "{token} {root}");
            assert_eq!(client.read(&manifest).await.is_ok(), may, "{token} {root}");
            assert_eq!(
                directory(&client, root).await.is_ok(),
                may,
                "{token} {root}"
            );
        }
        let above = directory(&client, "skill://internal").await;
        assert_eq!(above.is_ok(), may[0], "{token}");
    }
    let eve = modern(&permitted).token("eve");
    let children = directory(&eve, "skill://internal/ops").await.unwrap();
    assert_eq!(texts(&children, "name"), ["ops", "x.md"]);
    let refused = get(&modern(&all).token("bob"), "skill://internal/ops/SKILL.md").await;
    assert_eq!(refused.unwrap_err().status(), Some(403));
    // Without an authorizer no client could ever have the scope.
    let told = super::fault(skills());
    assert!(told.contains("authorizer"), "{told}");
}

/// SKILLS LST-4, X-3: what a template answers in the folder of a skill needs the scopes of the skill, in any spelling,
/// beside those of the template.
#[tokio::test]
async fn a_template_in_a_skill_needs_its_scopes() {
    let ops = skill("internal/ops").scopes(["staff"]).dynamic();
    let server = server(Skills::new().skill(ops).skill(skill("open").dynamic())).resource_template(
        ResourceTemplate::new("skill://{+path}", "files").scopes(["deep"]),
        async |_, read: mcp_wire::server::ReadRequest| read.variable("path").unwrap().to_owned(),
    );
    let mcp = with_tokens(server);
    for (uri, may) in [
        ("skill://internal/ops/x.md", "ada"),
        ("SKILL://INTERNAL/ops/x.md", "ada"),
        ("skill://internal%2Fops/x.md", "ada"),
        ("skill://internal//ops/x.md", "ada"),
        ("skill://internal/ops", "ada"),
        ("skill://internal/opsx", "ada ian"),
        ("skill://open/x.md", "ada ian"),
    ] {
        for token in ["ada", "eve", "ian", "bob"] {
            let read = modern(&mcp).token(token).read(uri).await;
            let is_permitted = may.split(' ').any(|may| may == token);
            assert_eq!(read.is_ok(), is_permitted, "{token} {uri}");
            if let Err(error) = read {
                assert_eq!(error.status(), Some(403), "{token} {uri}");
            }
        }
    }
}

/// SKILLS X-2: the label of the extension cannot be declared beside it.
#[test]
fn the_name_of_the_extension_is_reserved() {
    for server in [
        Server::new("s", "1").extension(SKILLS, json!({})),
        server(Skills::new()).extension(SKILLS, json!({"directoryRead": true})),
    ] {
        let refused = McpService::builder(server).build().unwrap_err();
        assert!(
            refused.to_string().contains("`Server::skills` declares"),
            "{refused}"
        );
    }
}

/// SKILLS URI-6: skills of one name are served, and the operator hears of it.
#[tokio::test]
async fn names_that_are_not_unique_are_told_to_the_operator() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&heard);
    let skills = Skills::new()
        .skill(skill("a/refunds"))
        .skill(skill("b/refunds"));
    let mcp = McpService::builder(server(skills))
        .on_event(move |event| {
            if let ServiceEvent::SkillNameRepeated { name, count, .. } = event {
                hook.lock().unwrap().push(format!("{count} {name}"));
            }
        })
        .build()
        .unwrap();
    assert_eq!(list(&modern(&mcp)).await.len(), 2);
    assert_eq!(*heard.lock().unwrap(), ["2 refunds"]);
    assert_eq!(mcp.snapshot().failures, 0);
}

/// A version of a skill, whose files all say which one it is.
fn version(number: usize) -> Skills {
    let text = format!("{}version {number}\n", manifest("x"));
    Skills::new().skill(Skill::new("x", text).file("v.md", format!("version {number:04}")))
}

/// SKILLS X-1: a skill changes as a whole, clients that listen are told, and a set that cannot be served changes
/// nothing.
#[tokio::test]
async fn a_set_of_skills_is_replaced_as_a_whole() {
    let server = server(version(0)).subscriptions();
    let handle = server.clone();
    let mcp = McpService::builder(server).build().unwrap();
    let client = modern(&mcp);
    let filter = json!({"resourcesListChanged": true, "resourceSubscriptions": ["skill://x/v.md"]});
    client.listen(filter).await.unwrap();
    let before = get(&client, "skill://x/SKILL.md").await.unwrap();
    handle.replace_skills(version(1)).unwrap();
    let after = get(&client, "skill://x/SKILL.md").await.unwrap();
    assert_ne!(
        before["resources"][1]["digest"],
        after["resources"][1]["digest"]
    );
    assert_eq!(
        client.read("skill://x/v.md").await.unwrap().text(),
        "version 0001"
    );
    let mut heard = Vec::new();
    for _ in 0..2 {
        heard.push(
            client
                .next_notification()
                .await
                .unwrap()
                .method()
                .to_owned(),
        );
    }
    heard.sort();
    assert_eq!(
        heard,
        [
            "notifications/resources/list_changed",
            "notifications/resources/updated"
        ]
    );
    let refused = handle.replace_skills(Skills::new().skill(skill("a")).skill(skill("a")));
    assert!(refused.unwrap_err().is_setup());
    assert_eq!(get(&client, "skill://x/SKILL.md").await.unwrap(), after);
    handle
        .replace_skills(Skills::new().skill(skill("y")).without_directories())
        .unwrap();
    assert_eq!(
        get(&client, "skill://x/SKILL.md").await.unwrap_err().code(),
        Some(-32602)
    );
    assert_eq!(
        client.read("skill://x/v.md").await.unwrap_err().code(),
        Some(-32602)
    );
    assert_eq!(
        directory(&client, "skill://y").await.unwrap_err().code(),
        Some(-32601)
    );
    assert_eq!(list(&client).await.len(), 1);
}

/// SKILLS X-1: a subscriber hears of a file with other bytes in a dynamic skill too.
#[tokio::test]
async fn subscribers_hear_of_fixed_files_of_a_dynamic_skill() {
    const MANIFEST: &str = "skill://x/SKILL.md";
    let version = |number: usize| {
        let text = format!("{}version {number}\n", manifest("x"));
        Skills::new().skill(Skill::new("x", text).dynamic().file("same.md", "same"))
    };
    let server = server(version(0)).subscriptions();
    let handle = server.clone();
    let mcp = McpService::builder(server).build().unwrap();
    let client = modern(&mcp);
    let filter = json!({"resourceSubscriptions": [MANIFEST, "skill://x/same.md"]});
    client.listen(filter).await.unwrap();
    for number in 1..3 {
        handle.replace_skills(version(number)).unwrap();
    }
    for _ in 1..3 {
        let heard = client.next_notification().await.unwrap();
        assert_eq!(heard.method(), "notifications/resources/updated");
        assert_eq!(heard.params()["uri"], MANIFEST);
    }
}

/// What the server refuses is dropped after its lock is free: a value of the embedder may come back to the server
/// when it is dropped.
#[test]
fn what_is_refused_may_come_back_to_the_server() {
    struct Returns(Server, std::sync::mpsc::Sender<()>);

    impl Drop for Returns {
        fn drop(&mut self) {
            let _ = self.0.remove_resource("none://here");
            let _ = self.1.send(());
        }
    }

    impl AsRef<[u8]> for Returns {
        fn as_ref(&self) -> &[u8] {
            b"x"
        }
    }

    let (dropped, of_drop) = std::sync::mpsc::channel();
    let (done, of_thread) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let own = Resource::new("skill://x/SKILL.md", "own");
        let server = Server::new("s", "1")
            .skills(Skills::new())
            .resource(own, async |_, _| "");
        let handle = server.clone();
        let _mcp = McpService::builder(server).build().unwrap();
        let returns = || Returns(handle.clone(), dropped.clone());
        // The file has the URI of a resource, which is found under the lock.
        let refused = skill("x").file("a.md", returns()).file("b.md", returns());
        assert!(handle.replace_skills(Skills::new().skill(refused)).is_err());
        for taken in ["skill://x/SKILL.md", "no URI"] {
            let value = returns();
            let reader = move |_, _| {
                let _ = &value;
                async { "" }
            };
            assert!(
                handle
                    .add_resource(Resource::new(taken, "x"), reader)
                    .is_err()
            );
        }
        done.send(()).unwrap();
    });
    let patience = Duration::from_secs(30);
    of_thread
        .recv_timeout(patience)
        .expect("the server answers while it drops");
    assert_eq!(of_drop.try_iter().count(), 4);
}

/// SKILLS X-1: a reader between two publishes never sees an entry of which no file was there with it. The list, too,
/// has whole versions: both digests of one answer are of one set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_and_bytes_are_of_one_snapshot() {
    const VERSIONS: usize = 60;
    let mut known = Vec::new();
    for number in 0..VERSIONS {
        known.push(
            get(&modern(&service(version(number))), "skill://x/SKILL.md")
                .await
                .unwrap(),
        );
    }
    let server = server(version(0));
    let handle = server.clone();
    let mcp = McpService::builder(server).build().unwrap();
    let client = modern(&mcp);
    let writer = tokio::spawn(async move {
        for number in 1..VERSIONS {
            handle.replace_skills(version(number)).unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut last = 0;
    let mut is_over = false;
    while !is_over {
        is_over = writer.is_finished();
        let entry = get(&client, "skill://x/SKILL.md").await.unwrap();
        let at = known.iter().position(|known| *known == entry);
        let at = at.expect("the entry is that of one version");
        let text = client
            .read("skill://x/v.md")
            .await
            .unwrap()
            .text()
            .to_owned();
        let read: usize = text.strip_prefix("version ").unwrap().parse().unwrap();
        let listed = &list(&client).await[0];
        let listed = known.iter().position(|known| known == listed);
        let listed = listed.expect("the listed entry is that of one version");
        assert!(
            last <= at && at <= read && read <= listed,
            "{last} {at} {read} {listed}"
        );
        last = listed;
    }
    writer.await.unwrap();
    assert_eq!(last, VERSIONS - 1);
}

/// SKILLS ENT-4: a file of a skill is not removed on its own, because the entry would name it still.
#[tokio::test]
async fn a_file_of_a_skill_stays_with_it() {
    let server = server(Skills::new().skill(skill("x").file("y.md", "y")));
    let handle = server.clone();
    let client = modern(&McpService::builder(server).build().unwrap());
    assert!(!handle.remove_resource("skill://x/y.md"));
    assert!(!handle.remove_resource("SKILL://X/%79.md"));
    assert_eq!(client.read("skill://x/y.md").await.unwrap().text(), "y");
}
