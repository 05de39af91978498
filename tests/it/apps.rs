//! Pages that hosts show beside what tools answer (MCP Apps).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mcp_wire::server::{
    CacheScope, Call, Content, Cursor, HandlerError, Page, Resource, ResourceContents,
    ResourceTemplate, Server, Tool, ToolResult, UiResource,
};
use mcp_wire::test::Client;
use mcp_wire::{Era, McpService, ProtocolVersion, ServiceEvent};
use serde_json::{Value, json};

const UI: &str = "io.modelcontextprotocol/ui";
const TYPE: &str = "text/html;profile=mcp-app";
const VIEW: &str = "ui://a/view";
const HTML: &str =
    "<!doctype html><title>&amp; \"a\"</title>\r\n<script>if (1 < 2) {}</script>\n\u{2028}\u{e9}";

fn view() -> UiResource {
    UiResource::new(VIEW, "view")
}

fn with_view(resource: UiResource) -> Server {
    Server::new("Apps", "1").ui_resource(resource, async |_, _| HTML)
}

fn built(server: Server) -> McpService {
    McpService::builder(server).build().unwrap()
}

fn client(mcp: &McpService, version: ProtocolVersion) -> Client {
    Client::new(mcp).version(version)
}

/// Where `_meta` of tools, resources and contents is sent.
fn has_meta(version: ProtocolVersion) -> bool {
    version >= ProtocolVersion::V2025_06_18
}

#[track_caller]
fn refused(server: Server, says: &str) {
    let fault = McpService::builder(server).build().unwrap_err();
    assert!(fault.is_setup(), "{fault}");
    assert!(fault.to_string().contains(says), "{fault}");
}

/// APPS UI-1: the client shows pages if it says so for their type, in every revision.
#[tokio::test]
async fn a_handler_knows_whether_its_client_shows_pages() {
    let server = Server::new("Apps", "1").tool(Tool::new("shows"), async |cx: Call, _| {
        cx.client_shows_ui().to_string()
    });
    let mcp = built(server);
    for (declared, shows) in [
        (json!({"extensions": {UI: {"mimeTypes": [TYPE]}}}), true),
        (
            json!({"extensions": {UI: {"mimeTypes": ["text/plain", TYPE], "more": 1}}}),
            true,
        ),
        (
            json!({"extensions": {UI: {"mimeTypes": ["text/html"]}}}),
            false,
        ),
        (json!({"extensions": {UI: {"mimeTypes": TYPE}}}), false),
        (json!({"extensions": {UI: {"mimeTypes": []}}}), false),
        (json!({"extensions": {UI: {}}}), false),
        (json!({"extensions": {UI: [TYPE]}}), false),
        (json!({"experimental": {UI: {"mimeTypes": [TYPE]}}}), false),
        (json!({}), false),
    ] {
        for version in ProtocolVersion::ALL {
            let client = client(&mcp, version).capabilities(declared.clone());
            let result = client.call("shows", json!({})).await.unwrap();
            assert_eq!(result.text(), shows.to_string(), "{version} {declared}");
        }
    }
}

/// APPS UI-2: a server with a page declares the extension, in the words of its author if there are any.
#[tokio::test]
async fn a_server_with_a_page_declares_the_extension() {
    let none = Server::new("Apps", "1").tool(Tool::new("a"), async |_, _| "a");
    let own = json!({"a": 1});
    for (server, declared) in [
        (none, Value::Null),
        (with_view(view()), json!({UI: {}})),
        (
            Server::new("Apps", "1").resource_template(
                ResourceTemplate::new("Ui://{name}/view", "views"),
                async |_, _| HTML,
            ),
            json!({UI: {}}),
        ),
        (
            with_view(view()).extension(UI, own.clone()),
            json!({UI: own}),
        ),
        (
            Server::new("Apps", "1")
                .extension(UI, own.clone())
                .ui_resource(view(), async |_, _| HTML),
            json!({UI: own}),
        ),
    ] {
        let mcp = built(server);
        for version in ProtocolVersion::ALL {
            let told = client(&mcp, version).server().await.unwrap();
            assert_eq!(told["capabilities"]["extensions"], declared, "{version}");
        }
    }
}

/// APPS UI-3: who varies lists by what the client shows gives lists that are private.
#[tokio::test]
async fn a_list_that_varies_with_the_host_is_private() {
    async fn list(cx: Call, _: Option<Cursor>) -> Result<Page<Tool>, HandlerError> {
        let tool = Tool::new("a");
        Ok(Page::new([match cx.client_shows_ui() {
            true => tool.ui(VIEW),
            false => tool,
        }]))
    }
    let server = with_view(view())
        .cache_lists(Duration::from_secs(1), CacheScope::Public)
        .list_tools(list);
    let mcp = built(server);
    let shows = json!({"extensions": {UI: {"mimeTypes": [TYPE]}}});
    for (declared, ui) in [
        (shows, json!({"resourceUri": VIEW})),
        (json!({}), Value::Null),
    ] {
        let client = client(&mcp, ProtocolVersion::V2026_07_28).capabilities(declared);
        let listed = client.request("tools/list", json!({})).await.unwrap();
        assert_eq!(listed["cacheScope"], "private");
        assert_eq!(listed["tools"][0]["_meta"]["ui"], ui);
    }
}

/// APPS UI-4, UI-11: a page has its type, and is read as it was written: as text or as bytes.
#[tokio::test]
async fn a_page_is_read_as_it_was_written() {
    let long = format!("{HTML}{}", "<p>line</p>\r\n".repeat(50_000));
    let server = with_view(view())
        .ui_resource(UiResource::new("ui://a/bytes", "bytes"), async |_, _| {
            Bytes::from_static(b"<!doctype html>")
        })
        .ui_resource(UiResource::new("ui://a/long", "long"), {
            let long = long.clone();
            move |_, _| {
                let long = long.clone();
                async move { long }
            }
        });
    let mcp = built(server);
    for version in ProtocolVersion::ALL {
        let client = client(&mcp, version);
        for (uri, key, value) in [
            (VIEW, "text", HTML),
            ("ui://a/long", "text", &*long),
            ("ui://a/bytes", "blob", "PCFkb2N0eXBlIGh0bWw+"),
        ] {
            let read = client.read(uri).await.unwrap();
            let expected = json!([{"uri": uri, "mimeType": TYPE, key: value}]);
            assert_eq!(read.raw()["contents"], expected, "{version} {uri}");
        }
        for listed in client.list_resources().await.unwrap() {
            assert_eq!(listed["mimeType"], TYPE);
            assert_eq!(listed.get("_meta"), None);
        }
    }
}

/// APPS UI-4: what is no page is refused when the service is built.
#[test]
fn what_is_no_page_fails_the_build() {
    for uri in [
        "https://a.example/view",
        "UI://a",
        "ui:a",
        "ui://",
        "view",
        "ui://a b",
    ] {
        let fault = McpService::builder(with_view(UiResource::new(uri, "view"))).build();
        let fault = fault.unwrap_err().to_string();
        assert!(fault.contains(&format!("{uri:?}")), "{fault}");
    }
    refused(
        with_view(view().meta("ui", json!({}))),
        "use the setters of `UiResource`",
    );
    refused(
        with_view(view().connect_domains(["https://a.example; script-src *"])),
        "is no origin",
    );
    refused(with_view(view().domain("")), "`domain`");
    refused(
        with_view(view()).ui_resource(view(), async |_, _| HTML),
        "registered twice",
    );
}

/// APPS UI-4, UI-7: a handler may return contents of its own: one page, of the right type. The operator is told of
/// others.
#[tokio::test]
async fn contents_of_a_handler_are_held_to_the_form_of_pages() {
    let own = || ResourceContents::text(VIEW, HTML);
    let faults = Arc::new(Mutex::new(Vec::new()));
    for (contents, expected, says) in [
        (vec![own()], Some(json!({"prefersBorder": true})), ""),
        (
            vec![own().mime_type(TYPE)],
            Some(json!({"prefersBorder": true})),
            "",
        ),
        (
            vec![own().meta("ui", json!({"domain": "a"}))],
            Some(json!({"domain": "a"})),
            "",
        ),
        (
            vec![own().mime_type("text/html")],
            None,
            "of the type \"text/html\"",
        ),
        (vec![], None, "returned 0"),
        (vec![own(), own()], None, "returned 2"),
    ] {
        let server =
            Server::new("Apps", "1").ui_resource(view().prefers_border(true), move |_, _| {
                let contents = contents.clone();
                async move { contents }
            });
        let told = Arc::clone(&faults);
        let builder = McpService::builder(server).on_event(move |event| {
            if let ServiceEvent::HandlerFailed { reason, .. } = event {
                told.lock().unwrap().push(reason.to_string());
            }
        });
        let read = Client::new(&builder.build().unwrap()).read(VIEW).await;
        let reasons: Vec<String> = faults.lock().unwrap().drain(..).collect();
        match expected {
            Some(ui) => {
                let read = read.unwrap();
                assert_eq!(read.contents()[0]["mimeType"], TYPE);
                assert_eq!(read.contents()[0]["_meta"]["ui"], ui);
                assert_eq!(reasons, [""; 0]);
            }
            None => {
                assert!(!read.unwrap_err().to_string().contains("returned"));
                assert!(reasons[0].contains(says), "{reasons:?}");
            }
        }
    }
}

/// APPS UI-5: the page that a tool names is there, as a page or by a template, whatever the order.
#[tokio::test]
async fn a_tool_names_a_page_that_exists() {
    let answer = async |_: Call, _| "a";
    let named = || Server::new("Apps", "1").tool(Tool::new("a").ui(VIEW), answer);
    refused(
        named(),
        "the tool \"a\" names the page \"ui://a/view\", which this server does not have",
    );
    refused(
        Server::new("Apps", "1").tool(Tool::new("a").ui("https://a.example"), answer),
        "must begin with `ui://`",
    );
    built(named().ui_resource(view(), async |_, _| HTML));
    built(with_view(view()).tool(Tool::new("a").ui(VIEW), answer));
    let template = ResourceTemplate::new("ui://{name}/view", "views");
    built(named().resource_template(template, async |_, _| HTML));
}

/// APPS UI-2, UI-4: there is one way to register a page, which declares the extension and looks at what is read.
#[test]
fn a_page_is_not_registered_as_another_resource() {
    for uri in [VIEW, "UI://a/view", "ui://"] {
        let plain = || Resource::new(uri, "view").mime_type(TYPE);
        refused(
            Server::new("Apps", "1").resource(plain(), async |_, _| HTML),
            "register it with `Server::ui_resource`",
        );
        let handle = with_view(view());
        let mcp = built(handle.clone());
        let fault = handle.add_resource(plain(), async |_, _| HTML).unwrap_err();
        assert!(fault.to_string().contains("`Server::add_ui_resource`"));
        drop(mcp);
    }
}

/// APPS UI-5, UI-6: while the service runs, a tool is refused whose page is not there; the list of a handler
/// leaves it out.
#[tokio::test]
async fn a_tool_that_comes_later_finds_its_page_there() {
    let server = Server::new("Apps", "1")
        .tool(Tool::new("first"), async |_, _| "1")
        .list_tools(async |_, _| {
            Ok(Page::new([
                Tool::new("told").ui("ui://a/gone"),
                Tool::new("shown").ui(VIEW),
            ]))
        });
    let faults = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&faults);
    let handle = server.clone();
    let mcp = McpService::builder(server).on_event(move |event| {
        if let ServiceEvent::HandlerFailed { reason, .. } = event {
            told.lock().unwrap().push(reason.to_string());
        }
    });
    let mcp = mcp.build().unwrap();
    let tool = || Tool::new("later").ui(VIEW);
    let fault = handle.add_tool(tool(), async |_, _| "2").unwrap_err();
    assert!(fault.to_string().contains("does not have"), "{fault}");
    handle.add_ui_resource(view(), async |_, _| HTML).unwrap();
    handle.add_tool(tool(), async |_, _| "2").unwrap();
    let client = Client::new(&mcp);
    let listed = client.list_tools().await.unwrap();
    let names: Vec<_> = listed.iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["first", "later", "shown"]);
    assert!(faults.lock().unwrap()[0].contains("\"told\" names the page \"ui://a/gone\""));
    assert_eq!(
        client.server().await.unwrap()["capabilities"]["extensions"],
        json!({UI: {}})
    );
    assert_eq!(client.read(VIEW).await.unwrap().text(), HTML);
    assert!(handle.remove_tool("later") && handle.remove_resource(VIEW));
    assert!(client.read(VIEW).await.is_err());
}

/// APPS UI-5: a page, or the template that gives it, stays while a tool names it. The operator learns why.
#[tokio::test]
async fn a_page_stays_while_a_tool_names_it() {
    const TEMPLATE: &str = "ui://{name}/view";
    let with_template = || {
        let template = ResourceTemplate::new(TEMPLATE, "views");
        Server::new("Apps", "1").resource_template(template, async |_, _| HTML)
    };
    let remove_page = |server: &Server| server.remove_resource("UI://a/view");
    let remove_template = |server: &Server| server.remove_resource_template(TEMPLATE);
    type Remove = fn(&Server) -> bool;
    for (server, remove, stays) in [
        (with_view(view()), remove_page as Remove, true),
        (with_template(), remove_template, true),
        // The template gives the page too.
        (
            with_template().ui_resource(view(), async |_, _| HTML),
            remove_page,
            false,
        ),
    ] {
        let server = server.tool(Tool::new("shows").ui(VIEW), async |_, _| "a");
        let handle = server.clone();
        let faults = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&faults);
        let mcp = McpService::builder(server).on_event(move |event| {
            if let ServiceEvent::HandlerFailed { reason, .. } = event {
                told.lock().unwrap().push(reason.to_string());
            }
        });
        let client = Client::new(&mcp.build().unwrap());
        assert_eq!(remove(&handle), !stays);
        assert_eq!(client.read(VIEW).await.unwrap().text(), HTML);
        assert_eq!(client.list_tools().await.unwrap().len(), 1);
        let reasons = faults.lock().unwrap().join("\n");
        let says = "the tool \"shows\" names a page of it: remove the tool first";
        assert_eq!(reasons.contains(says), stays, "{reasons}");
        if stays {
            assert!(handle.remove_tool("shows") && remove(&handle));
            assert!(client.read(VIEW).await.is_err());
        }
    }
}

/// APPS UI-6: an unlisted page is read, and no list and no change tells of it.
#[tokio::test]
async fn an_unlisted_page_is_served_without_being_listed() {
    let server = with_view(view().unlisted())
        .resource(Resource::new("a://b", "b"), async |_, _| "b")
        .page_size(1);
    let handle = server.clone();
    let mcp = built(server);
    for version in ProtocolVersion::ALL {
        let client = client(&mcp, version);
        let listed = client.request("resources/list", json!({})).await.unwrap();
        assert_eq!(
            listed["resources"].as_array().unwrap().len(),
            1,
            "{version}"
        );
        assert_eq!(listed["resources"][0]["uri"], "a://b");
        assert_eq!(listed.get("nextCursor"), None);
        assert_eq!(client.read(VIEW).await.unwrap().text(), HTML);
    }
    let client = Client::new(&mcp);
    client
        .listen(json!({"resourcesListChanged": true}))
        .await
        .unwrap();
    let other = || UiResource::new("ui://a/other", "other");
    handle
        .add_ui_resource(other().unlisted(), async |_, _| HTML)
        .unwrap();
    assert!(handle.remove_resource("ui://a/other"));
    assert_eq!(client.notifications().len(), 0);
    handle.add_ui_resource(other(), async |_, _| HTML).unwrap();
    client.next_notification().await.unwrap();
    assert_eq!(client.notifications().len(), 0, "the first is the only one");
}

/// APPS UI-7: the settings go with the page, and into the list by choice, where the revision has `_meta`.
#[tokio::test]
async fn settings_go_with_the_page() {
    let page = || {
        view()
            .connect_domains(["https://api.example.com"])
            .resource_domains(["https://*.example.com"])
            .frame_domains(["https://frames.example.com"])
            .base_uri_domains(["https://base.example.com"])
            .camera()
            .microphone()
            .geolocation()
            .clipboard_write()
            .domain("a1.example.com")
            .prefers_border(true)
            .meta("com.example/a", 1)
    };
    let settings = json!({
        "csp": {
            "connectDomains": ["https://api.example.com"],
            "resourceDomains": ["https://*.example.com"],
            "frameDomains": ["https://frames.example.com"],
            "baseUriDomains": ["https://base.example.com"],
        },
        "permissions": {"camera": {}, "microphone": {}, "geolocation": {}, "clipboardWrite": {}},
        "domain": "a1.example.com",
        "prefersBorder": true,
    });
    for (page, listed) in [
        (page(), json!({"com.example/a": 1})),
        (
            page().settings_in_lists(),
            json!({"com.example/a": 1, "ui": settings}),
        ),
    ] {
        let mcp = built(with_view(page));
        for version in ProtocolVersion::ALL {
            let expected = |meta: &Value| has_meta(version).then(|| meta.clone());
            let client = client(&mcp, version);
            let read = client.read(VIEW).await.unwrap();
            let meta = read.contents()[0].get("_meta").cloned();
            assert_eq!(meta, expected(&json!({"ui": settings})), "{version}");
            let entry = client.list_resources().await.unwrap().remove(0);
            assert_eq!(entry.get("_meta").cloned(), expected(&listed), "{version}");
        }
    }
}

/// APPS UI-8, UI-9: what a tool says to hosts, and that everybody can call it.
#[tokio::test]
async fn a_tool_says_what_hosts_need() {
    let tool = || Tool::new("a");
    for (tool, meta) in [
        (tool(), None),
        (tool().ui(VIEW), Some(json!({"ui": {"resourceUri": VIEW}}))),
        (
            tool().ui(VIEW).app_only().meta("com.example/a", 1),
            Some(json!({
                "ui": {"resourceUri": VIEW, "visibility": ["app"]},
                "com.example/a": 1,
            })),
        ),
        (
            tool().model_only(),
            Some(json!({"ui": {"visibility": ["model"]}})),
        ),
        (
            tool().ui_flat_key().ui(VIEW),
            Some(json!({"ui": {"resourceUri": VIEW}, "ui/resourceUri": VIEW})),
        ),
    ] {
        let mcp = built(with_view(view()).tool(tool, async |_, _| "called"));
        for version in ProtocolVersion::ALL {
            let client = client(&mcp, version);
            let listed = client.list_tools().await.unwrap().remove(0);
            let expected = meta.clone().filter(|_| has_meta(version));
            assert_eq!(listed.get("_meta").cloned(), expected, "{version}");
            let called = client.call("a", json!({})).await.unwrap();
            assert_eq!(called.text(), "called");
        }
    }
}

/// APPS UI-8, UI-9: what says two things, or nothing, fails the build.
#[test]
fn a_tool_that_contradicts_itself_fails_the_build() {
    let with = |tool: Tool| with_view(view()).tool(tool, async |_, _| "a");
    for key in ["ui", "ui/resourceUri"] {
        let both = Tool::new("a")
            .ui(VIEW)
            .meta(key, json!({"resourceUri": VIEW}));
        refused(with(both), "use the setters alone");
    }
    refused(with(Tool::new("a").ui_flat_key()), "has no page");
    built(with(
        Tool::new("a").meta("ui", json!({"resourceUri": VIEW})),
    ));
}

/// APPS UI-10: a tool with a page answers with content for the model too.
#[tokio::test]
async fn a_tool_with_a_page_answers_with_content() {
    let link = Content::link(Resource::new("a://b", "b"));
    for (result, is_answer) in [
        (ToolResult::text("a"), true),
        (ToolResult::structured(json!({"a": 1})), true),
        (ToolResult::content([link]), true),
        (
            ToolResult::text("").and(Content::image(b"a", "image/png")),
            true,
        ),
        (ToolResult::error("no"), true),
        (ToolResult::content([]), false),
        (ToolResult::content([]).as_error(), false),
        (ToolResult::text(" \n"), false),
        (ToolResult::text("").with_structured(json!({"a": 1})), false),
    ] {
        let answer = result.clone();
        let server = with_view(view()).tool(Tool::new("a").ui(VIEW), move |_, _| {
            let answer = answer.clone();
            async move { answer }
        });
        let other = result.clone();
        let server = server.tool(Tool::new("other"), move |_, _| {
            let answer = other.clone();
            async move { answer }
        });
        let faults = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&faults);
        let builder = McpService::builder(server).on_event(move |event| {
            if let ServiceEvent::HandlerFailed { reason, .. } = event {
                told.lock().unwrap().push(reason.to_string());
            }
        });
        let client = Client::new(&builder.build().unwrap());
        let called = client.call("a", json!({})).await;
        assert_eq!(called.is_ok(), is_answer, "{result:?}");
        assert_eq!(faults.lock().unwrap().is_empty(), is_answer);
        let is_told = |reason: &String| reason.contains("the result has no content");
        assert!(faults.lock().unwrap().iter().all(is_told));
        client.call("other", json!({})).await.unwrap();
    }
}

/// APPS UI-11: a long page is compressed for a client that accepts it, and is the same page.
#[cfg(feature = "gzip")]
#[tokio::test]
async fn a_long_page_is_compressed() {
    use std::io::Read;

    use http_body_util::{BodyExt, Full};

    let html = HTML.repeat(8_000);
    let server = Server::new("Apps", "1").ui_resource(view(), {
        let html = html.clone();
        move |_, _| {
            let html = html.clone();
            async move { html }
        }
    });
    let mcp = McpService::builder(server).gzip(16 * 1024).build().unwrap();
    let params = json!({"uri": VIEW, "_meta": crate::support::envelope(json!({}))});
    let request = hyper::Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("accept-encoding", "gzip")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "resources/read")
        .header("mcp-name", VIEW);
    let body = crate::support::message(1, "resources/read", params);
    let response = mcp
        .call(request.body(Full::new(Bytes::from(body))).unwrap())
        .await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let sent = response.into_body().collect().await.unwrap().to_bytes();
    assert!(html.len() > 600_000 && sent.len() < html.len() / 20);
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*sent)
        .read_to_string(&mut text)
        .unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["result"]["contents"][0]["text"], html);
}

/// APPS UI-13: in 2026-07-28 hosts learn how long they may keep a page.
#[tokio::test]
async fn a_page_says_how_long_it_may_be_kept() {
    let kept = view().cache(Duration::from_secs(300), CacheScope::Public);
    for (page, ttl, scope) in [(kept, 300_000, "public"), (view(), 0, "private")] {
        let mcp = built(with_view(page));
        for version in ProtocolVersion::ALL {
            let read = client(&mcp, version).read(VIEW).await.unwrap();
            let told = (read.raw().get("ttlMs"), read.raw().get("cacheScope"));
            let (ttl, scope) = (json!(ttl), json!(scope));
            let expected = match version.era() {
                Era::Modern => (Some(&ttl), Some(&scope)),
                _ => (None, None),
            };
            assert_eq!(told, expected, "{version}");
        }
    }
}
