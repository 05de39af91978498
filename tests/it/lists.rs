//! Lists that handlers make, page by page and for each caller (FIELD S-14, S-19).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{
    Arguments, CacheScope, Call, Completion, CompletionRequest, Cursor, HandlerError, Page,
    Presence, Prompt, PromptCall, ReadRequest, Resource, ResourceTemplate, Server, Tool, ToolCall,
};
use mcp_wire::test::Client;
use mcp_wire::{McpService, ProtocolVersion, ServiceEvent};
use serde_json::{Value, json};

const ERAS: [ProtocolVersion; 3] = [
    ProtocolVersion::V2024_11_05,
    ProtocolVersion::V2025_11_25,
    ProtocolVersion::V2026_07_28,
];

type Heard = Arc<Mutex<Vec<String>>>;

/// A service in which `ada` has the scope `notes`, and `bob` none, and what its operator hears.
fn service(server: Server) -> (McpService, Heard) {
    let heard = Heard::default();
    let hook = Arc::clone(&heard);
    let tokens = StaticTokens::new()
        .token("ada", Identity::new("ada").scopes(["notes"]))
        .token("bob", Identity::new("bob"));
    let mcp = McpService::builder(server)
        .authorizer(tokens)
        .on_event(move |event| {
            if let ServiceEvent::HandlerFailed {
                method,
                name,
                reason,
                ..
            } = event
            {
                hook.lock()
                    .unwrap()
                    .push(format!("{method} {name}: {reason}"));
            }
        })
        .build()
        .unwrap();
    (mcp, heard)
}

fn plain(server: Server) -> McpService {
    McpService::builder(server).build().unwrap()
}

/// A client of each era, with the token `ada`, which a service without an authorizer ignores.
fn clients(mcp: &McpService) -> impl Iterator<Item = Client> {
    ERAS.map(|version| Client::new(mcp).version(version).token("ada"))
        .into_iter()
}

fn names(items: &Value, key: &str) -> Vec<String> {
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item[key].as_str().unwrap().to_owned())
        .collect()
}

/// The pages of a list, each as the names on it, from the first to the last.
async fn pages(client: &Client, method: &str, list: &str, key: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut params = json!({});
    loop {
        let page = client.request(method, params).await.unwrap();
        pages.push(names(&page[list], key));
        match page.get("nextCursor") {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => return pages,
        }
    }
}

async fn code(client: &Client, method: &str, params: Value) -> Option<i64> {
    client.request(method, params).await.unwrap_err().code()
}

/// The page of the numbers below 7 that begins after a cursor, three at a time.
fn numbers<T>(cursor: Option<Cursor>, item: impl Fn(u32) -> T) -> Result<Page<T>, HandlerError> {
    let start = match &cursor {
        None => 0,
        Some(cursor) => cursor
            .as_str()
            .strip_prefix("after ")
            .and_then(|at| at.parse().ok())
            .ok_or_else(Cursor::refusal)?,
    };
    let end = 7.min(start + 3);
    let next = (end < 7).then(|| format!("after {end}").into());
    Ok(Page::new((start..end).map(item)).maybe_next(next))
}

/// FIELD S-14, S-19, SPEC E-25, E-28: registered items come first, in pages of the set size, then the pages of the
/// handler, for all four kinds and in each era. Any process can serve any page.
#[tokio::test]
async fn the_pages_of_a_handler_follow_the_registered_items() {
    let server = || {
        ["a", "b", "c"]
            .iter()
            .fold(Server::new("s", "1").page_size(2), |server, name| {
                server
                    .tool(Tool::new(*name), async |_, _| "")
                    .prompt(Prompt::new(*name), async |_, _| "")
                    .resource(Resource::new(format!("x://{name}"), *name), async |_, _| "")
                    .resource_template(
                        ResourceTemplate::new(format!("{name}://{{x}}"), *name),
                        async |_, _| "",
                    )
            })
            .list_tools(async |_, cursor| numbers(cursor, |at| Tool::new(at.to_string())))
            .list_prompts(async |_, cursor| numbers(cursor, |at| Prompt::new(at.to_string())))
            .list_resources(async |_, cursor| {
                numbers(cursor, |at| {
                    Resource::new(format!("x://{at}"), at.to_string())
                })
            })
            .list_resource_templates(async |_, cursor| {
                numbers(cursor, |at| {
                    ResourceTemplate::new(format!("t{at}://{{x}}"), at.to_string())
                })
            })
    };
    let (mcp, other) = (plain(server()), plain(server()));
    let expected = [
        vec!["a", "b"],
        vec!["c", "0", "1", "2"],
        vec!["3", "4", "5"],
        vec!["6"],
    ];
    for client in clients(&mcp) {
        for (method, list) in [
            ("tools/list", "tools"),
            ("prompts/list", "prompts"),
            ("resources/list", "resources"),
            ("resources/templates/list", "resourceTemplates"),
        ] {
            assert_eq!(
                pages(&client, method, list, "name").await,
                expected,
                "{method}"
            );
        }
    }
    let fresh = |mcp| Client::new(mcp).version(ProtocolVersion::V2026_07_28);
    let second = fresh(&mcp)
        .request("tools/list", json!({"cursor": "tools:2"}))
        .await
        .unwrap();
    let third = json!({"cursor": second["nextCursor"]});
    let third = fresh(&other).request("tools/list", third).await.unwrap();
    assert_eq!(names(&third["tools"], "name"), ["3", "4", "5"]);
}

/// FIELD S-14, SPEC E-26: a cursor that this list did not give is refused, by the server or by the handler.
#[tokio::test]
async fn a_cursor_of_something_else_is_refused() {
    let server = Server::new("s", "1")
        .tool(Tool::new("a"), async |_, _| "")
        .prompt(Prompt::new("a"), async |_, _| "")
        .list_tools(async |_, cursor| numbers(cursor, |at| Tool::new(at.to_string())));
    let mcp = plain(server);
    for client in clients(&mcp) {
        let first = client.request("tools/list", json!({})).await.unwrap();
        let given = first["nextCursor"].as_str().unwrap();
        assert!(!given.contains("after"), "{given} is opaque");
        let forged = "tools~YW55dGhpbmc=";
        for cursor in [
            "",
            "garbage",
            "tools:0",
            "tools:1",
            "tools:9",
            "tools~",
            "tools~?",
            "prompts:1",
            forged,
        ] {
            let params = json!({ "cursor": cursor });
            assert_eq!(
                code(&client, "tools/list", params).await,
                Some(-32602),
                "{cursor}"
            );
        }
        for cursor in [given, &given.replace("tools", "prompts")] {
            let params = json!({ "cursor": cursor });
            assert_eq!(
                code(&client, "prompts/list", params).await,
                Some(-32602),
                "{cursor}"
            );
        }
        let again = client
            .request("tools/list", json!({"cursor": null}))
            .await
            .unwrap();
        assert_eq!(again["tools"], first["tools"]);
    }
}

/// Each caller has a tool, a prompt and a note of their own.
fn personal() -> Server {
    fn of(cx: &Call) -> String {
        cx.identity().expect("an identity").principal().to_owned()
    }
    Server::new("s", "1")
        .cache_lists(Duration::from_secs(5), CacheScope::Public)
        .list_tools(async |cx: Call, _| {
            let archive = Tool::new("archive").scopes(["notes"]);
            Ok(Page::new([Tool::new(of(&cx)), archive]))
        })
        .list_prompts(async |cx: Call, _| Ok(Page::new([Prompt::new(of(&cx))])))
        .list_resources(async |cx: Call, _| {
            let uri = format!("notes://{}", of(&cx));
            Ok(Page::new([Resource::new(uri, of(&cx))]))
        })
        .resource_template(
            ResourceTemplate::new("notes://{owner}", "note"),
            async |cx: Call, read: ReadRequest| match read.variable("owner") {
                Some(owner) if owner == of(&cx) => Ok(format!("a note of {owner}")),
                _ => Err(ErrorObject::resource_not_found(read.uri())),
            },
        )
        .tool_fallback(async |cx: Call, asked: ToolCall| {
            match asked.name() {
                "archive" => cx.require_scopes(["notes"])?,
                name if name == of(&cx) => {}
                _ => return Err(HandlerError::from(asked.unknown())),
            }
            let said = asked.arguments().opt_str("say")?.unwrap_or("nothing");
            Ok(format!("{} says {said}", of(&cx)))
        })
        .prompt_fallback(async |cx: Call, asked: PromptCall| {
            if asked.name() != of(&cx) {
                return Err(asked.unknown());
            }
            Ok(format!(
                "{} in {}",
                of(&cx),
                asked.arguments().get("tone").unwrap_or("any tone")
            ))
        })
        .completion(async |_, wanted: CompletionRequest| Ok(vec![wanted.argument().to_owned()]))
}

/// FIELD S-14, SPEC D-73: each caller has a list of their own, which is private, and what is listed is served to its
/// caller alone.
#[tokio::test]
async fn each_caller_has_a_list_of_their_own() {
    let (mcp, _) = service(personal());
    for version in ERAS {
        for (name, other) in [("ada", "bob"), ("bob", "ada")] {
            let client = Client::new(&mcp).version(version).token(name);
            let list = client.request("tools/list", json!({})).await.unwrap();
            assert_eq!(names(&list["tools"], "name"), [name, "archive"]);
            if version == ProtocolVersion::V2026_07_28 {
                assert_eq!(
                    (&list["cacheScope"], &list["ttlMs"]),
                    (&"private".into(), &5000.into())
                );
            }
            let said = client.call(name, json!({"say": "hello"})).await.unwrap();
            assert_eq!(said.text(), format!("{name} says hello"));
            let wrong = client.call(name, json!({"say": 7})).await.unwrap();
            assert!(
                wrong.is_error() && wrong.text().contains("say"),
                "{}",
                wrong.text()
            );
            let unknown = client.call(other, json!({})).await.unwrap_err();
            assert_eq!(unknown.code(), Some(-32602));
            assert_eq!(unknown.message(), format!("unknown tool: {other}"));
            let archive = client.call("archive", json!({})).await;
            match name {
                "ada" => assert_eq!(archive.unwrap().text(), "ada says nothing"),
                _ => {
                    let refused = archive.unwrap_err();
                    assert_eq!(refused.code(), Some(-32600));
                    assert!(
                        refused.message().ends_with(": notes"),
                        "{}",
                        refused.message()
                    );
                }
            }

            let prompts = client.list_prompts().await.unwrap();
            assert_eq!(names(&prompts.into(), "name"), [name]);
            let prompt = client.prompt(name, json!({"tone": "C"})).await.unwrap();
            assert_eq!(prompt.text(), format!("{name} in C"));
            let unknown = client.prompt(other, json!({})).await.unwrap_err();
            assert_eq!(unknown.message(), format!("unknown prompt: {other}"));
            let malformed = client.prompt(name, json!({"tone": 7})).await.unwrap_err();
            assert_eq!(malformed.code(), Some(-32602));
            let params = json!({"ref": {"type": "ref/prompt", "name": name},
                "argument": {"name": "tone", "value": ""}});
            let completed = client.request("completion/complete", params).await.unwrap();
            assert_eq!(completed["completion"]["values"], json!(["tone"]));

            let resources = client.list_resources().await.unwrap();
            let uri = format!("notes://{name}");
            assert_eq!(names(&resources.into(), "uri"), [uri.as_str()]);
            assert_eq!(
                client.read(&uri).await.unwrap().text(),
                format!("a note of {name}")
            );
            assert!(client.read(&format!("notes://{other}")).await.is_err());
        }
    }
}

/// FIELD S-14: what cannot be listed is left out, what would make clients ask for ever ends the list, and the
/// operator hears of both, and of a handler that fails.
#[tokio::test]
async fn what_is_wrong_with_a_page_reaches_the_operator() {
    let server = Server::new("s", "1")
        .tool(Tool::new("registered"), async |_, _| "")
        .list_tools(async |_, _| {
            Ok(Page::new([
                Tool::new(""),
                Tool::new("array").input(json!({"type": "array"})),
                Tool::new("registered"),
                Tool::new("good"),
            ]))
        })
        .list_resources(async |_, _| Ok(Page::new([Resource::new("relative", "r")]).next("same")))
        .list_resource_templates(async |_, _| Err(HandlerError::new("not today")))
        .list_prompts(async |_, _| {
            Err::<Page<Prompt>, _>(HandlerError::internal("the disk is on fire"))
        });
    let (mcp, heard) = service(server);
    for client in clients(&mcp) {
        let tools = client.list_tools().await.unwrap();
        assert_eq!(names(&tools.into(), "name"), ["registered", "good"]);
        let resources = pages(&client, "resources/list", "resources", "uri").await;
        assert_eq!(resources, [[""; 0], [""; 0]], "the second page is the last");
        let refused = client.list_resource_templates().await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Some(-32603), "not today")
        );
        let failed = client.list_prompts().await.unwrap_err();
        assert_eq!(failed.code(), Some(-32603));
        assert!(!failed.message().contains("fire"), "{}", failed.message());
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        let expected = [
            "tools/list : ",
            "tools/list array: ",
            "tools/list registered: the tool \"registered\" is registered",
            "resources/list relative: the URI of a resource must be absolute",
            "resources/list relative: ",
            "resources/list : the list handler gave the cursor",
            "prompts/list : the disk is on fire",
        ];
        assert_eq!(heard.len(), expected.len(), "{heard:?}");
        for (heard, expected) in heard.iter().zip(expected) {
            assert!(heard.starts_with(expected), "{heard}");
        }
    }
}

/// FIELD S-14: a list handler or a fallback declares the capability, although nothing is registered.
#[tokio::test]
async fn a_list_handler_declares_the_capability() {
    let plain_server = || Server::new("s", "1");
    for (server, capability, method) in [
        (
            plain_server().list_tools(async |_, _| Ok(Page::new([]))),
            "tools",
            "tools/list",
        ),
        (
            plain_server().tool_fallback(async |_, _| ""),
            "tools",
            "tools/list",
        ),
        (
            plain_server().list_prompts(async |_, _| Ok(Page::new([]))),
            "prompts",
            "prompts/list",
        ),
        (
            plain_server().prompt_fallback(async |_, _| ""),
            "prompts",
            "prompts/list",
        ),
        (
            plain_server().list_resources(async |_, _| Ok(Page::new([]))),
            "resources",
            "resources/list",
        ),
        (
            plain_server().list_resource_templates(async |_, _| Ok(Page::new([]))),
            "resources",
            "resources/templates/list",
        ),
    ] {
        let mcp = plain(server.clone());
        for client in clients(&mcp) {
            let declared = client.server().await.unwrap()["capabilities"].clone();
            let declared = declared.as_object().unwrap();
            assert_eq!(
                declared.keys().collect::<Vec<_>>(),
                [capability],
                "{method}"
            );
            assert_eq!(declared[capability]["listChanged"], true);
            let list = client.request(method, json!({})).await.unwrap();
            assert!(list.get("nextCursor").is_none(), "{list}");
        }
    }
}

/// FIELD S-14, SPEC D-73: what a caller lacks the scopes for is not listed, and pages count what is listed.
#[tokio::test]
async fn only_what_is_permitted_is_listed() {
    let server = |is_hidden: bool| {
        let server = Server::new("s", "1")
            .cache_lists(Duration::from_secs(5), CacheScope::Public)
            .page_size(1)
            .list_tools(async |_, _| {
                Ok(Page::new([
                    Tool::new("told open"),
                    Tool::new("told closed").scopes(["notes"]),
                ]))
            });
        let server = ["closed", "open"].iter().fold(server, |server, name| {
            let scopes: &[&str] = if *name == "closed" { &["notes"] } else { &[] };
            let scopes = || scopes.iter().copied();
            server
                .tool(Tool::new(*name).scopes(scopes()), async |_, _| "")
                .prompt(Prompt::new(*name).scopes(scopes()), async |_, _| "")
                .resource(
                    Resource::new(format!("x://{name}"), *name).scopes(scopes()),
                    async |_, _| "",
                )
                .resource_template(
                    ResourceTemplate::new(format!("{name}://{{x}}"), *name).scopes(scopes()),
                    async |_, _| "",
                )
        });
        if is_hidden {
            server.list_only_permitted()
        } else {
            server
        }
    };
    for (is_hidden, name) in [(true, "ada"), (true, "bob"), (false, "ada"), (false, "bob")] {
        let (mcp, _) = service(server(is_hidden));
        let sees_all = !is_hidden || name == "ada";
        for version in ERAS {
            let client = Client::new(&mcp).version(version).token(name);
            let tools = pages(&client, "tools/list", "tools", "name").await;
            match sees_all {
                true => assert_eq!(
                    tools,
                    [vec!["closed"], vec!["open", "told open", "told closed"]]
                ),
                false => assert_eq!(tools, [["open", "told open"]]),
            }
            for (method, list) in [
                ("prompts/list", "prompts"),
                ("resources/list", "resources"),
                ("resources/templates/list", "resourceTemplates"),
            ] {
                let pages = pages(&client, method, list, "name").await;
                match sees_all {
                    true => assert_eq!(pages, [["closed"], ["open"]], "{method}"),
                    false => assert_eq!(pages, [["open"]], "{method}"),
                }
                let first = client.request(method, json!({})).await.unwrap();
                if version == ProtocolVersion::V2026_07_28 {
                    assert_eq!(first["cacheScope"], "private");
                }
            }
        }
    }
}

/// FIELD S-19: a page has as many items as was set.
#[tokio::test]
async fn a_page_has_the_size_that_was_set() {
    for (size, expected) in [
        (None, vec![100, 50]),
        (Some(60), vec![60, 60, 30]),
        (Some(150), vec![150]),
    ] {
        let server = (0..150).fold(Server::new("s", "1"), |server, at| {
            server.tool(Tool::new(format!("t{at}")), async |_, _| "")
        });
        let mcp = plain(match size {
            Some(size) => server.page_size(size),
            None => server,
        });
        for client in clients(&mcp) {
            let pages = pages(&client, "tools/list", "tools", "name").await;
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        }
    }
    let fault = |server: Server| McpService::builder(server).build().unwrap_err().to_string();
    assert!(fault(Server::new("s", "1").page_size(0)).contains("`Server::page_size`"));
    let twice = Server::new("s", "1")
        .list_tools(async |_, _| Ok(Page::new([])))
        .list_tools(async |_, _| Ok(Page::new([])));
    assert!(fault(twice).contains("two handlers"));
}

/// FIELD S-19, SPEC E-71: the completer says how many candidates there are; what is cut here is counted.
#[tokio::test]
async fn a_completer_says_how_many_candidates_there_are() {
    fn some(count: u32) -> Vec<String> {
        (0..count).map(|at| at.to_string()).collect()
    }
    type Case = (&'static str, fn() -> Completion, usize, Value);
    let cases: [Case; 10] = [
        (
            "list",
            || some(3).into(),
            3,
            json!({"total": 3, "hasMore": false}),
        ),
        (
            "long list",
            || some(150).into(),
            100,
            json!({"total": 150, "hasMore": true}),
        ),
        (
            "unsaid",
            || Completion::new(some(3)),
            3,
            json!({"hasMore": false}),
        ),
        (
            "long unsaid",
            || Completion::new(some(150)),
            100,
            json!({"hasMore": true}),
        ),
        (
            "total",
            || Completion::new(some(3)).total(7200),
            3,
            json!({"total": 7200, "hasMore": true}),
        ),
        (
            "exact",
            || Completion::new(some(3)).total(3),
            3,
            json!({"total": 3, "hasMore": false}),
        ),
        (
            "low",
            || Completion::new(some(3)).total(1),
            3,
            json!({"total": 3, "hasMore": false}),
        ),
        (
            "more",
            || Completion::new(some(3)).has_more(true),
            3,
            json!({"hasMore": true}),
        ),
        (
            "no more",
            || Completion::new(some(150)).has_more(false),
            100,
            json!({"hasMore": true}),
        ),
        (
            "empty",
            || Completion::new([""; 0]),
            0,
            json!({"hasMore": false}),
        ),
    ];
    let said = cases.clone();
    let server = Server::new("s", "1")
        .prompt(
            Prompt::new("p").argument("case", Presence::Required),
            async |_, _| "",
        )
        .completion(move |_, wanted: CompletionRequest| {
            let case = said.iter().find(|(name, ..)| *name == wanted.value());
            let completion = case.expect("a case").1();
            async { Ok(completion) }
        });
    let mcp = plain(server);
    for client in clients(&mcp) {
        for (name, _, count, mut expected) in cases.clone() {
            let params = json!({"ref": {"type": "ref/prompt", "name": "p"},
                "argument": {"name": "case", "value": name}});
            let result = client.request("completion/complete", params).await.unwrap();
            expected["values"] = some(100)[..count].into();
            assert_eq!(result["completion"], expected, "{name}");
        }
    }
}

/// FIELD S-14: arguments go on to a fallback as they are, questions included.
#[tokio::test]
async fn a_fallback_is_a_handler_like_any_other() {
    let server =
        Server::new("s", "1").tool_fallback(async |_, asked: ToolCall| match asked.name() {
            "fails" => Err(HandlerError::internal("the disk is on fire")),
            "told" => Err(HandlerError::new("no")),
            _ => {
                let name = asked.name().to_owned();
                let arguments: Arguments = asked.into_arguments();
                Ok(json!({"name": name, "n": arguments.integer("n")?}))
            }
        });
    let (mcp, heard) = service(server);
    for client in clients(&mcp) {
        let called = client.call("any", json!({"n": 3})).await.unwrap();
        let expected = json!({"name": "any", "n": 3});
        assert_eq!(
            serde_json::from_str::<Value>(called.text()).unwrap(),
            expected
        );
        let told = client.call("told", json!({})).await.unwrap();
        assert!(told.is_error() && told.text() == "no");
        let failed = client.call("fails", json!({})).await.unwrap();
        assert!(failed.is_error() && !failed.text().contains("fire"));
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(heard, ["tools/call fails: the disk is on fire"]);
    }
}
