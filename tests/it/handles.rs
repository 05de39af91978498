//! Handles of a server: who keeps it alive, and what handlers and clones can do while it runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mcp_wire::server::{Prompt, Resource, ResourceTemplate, Server, Tool};
use mcp_wire::test::Client;
use mcp_wire::{Change, McpService, ProtocolVersion, ServiceEvent};
use serde_json::json;

/// The state of handlers: counts how many of it are gone.
struct State(Arc<AtomicUsize>);

impl Drop for State {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A server whose handler holds a clone of it, and state.
fn self_aware(dropped: &Arc<AtomicUsize>) -> Server {
    let state = State(Arc::clone(dropped));
    let server = Server::new("s", "1")
        .subscriptions()
        .resource(Resource::new("a://b", "b"), async |_, _| "");
    let handle = server.clone();
    server.tool(Tool::new("touch"), move |_, _| {
        let _ = &state;
        handle.resource_updated("a://b");
        async {}
    })
}

/// FIELD E-6: a handler that holds a clone of its server does not keep its own state alive, whichever handle the
/// service got.
#[tokio::test]
async fn a_clone_in_a_handler_keeps_nothing_alive() {
    for service_gets_clone in [false, true] {
        let dropped = Arc::default();
        let server = self_aware(&dropped);
        let kept = server.clone();
        let mcp = match service_gets_clone {
            true => {
                let mcp = McpService::builder(server.clone()).build().unwrap();
                drop(server);
                mcp
            }
            false => McpService::builder(server).build().unwrap(),
        };
        let client = Client::new(&mcp);
        client.subscribe("a://b").await.unwrap();
        client.call("touch", json!({})).await.unwrap();
        let told = client.next_notification().await.unwrap();
        assert_eq!(
            told.uri(),
            Some("a://b"),
            "the clone works while the service lives"
        );
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        client.leave().await.unwrap();
        drop(mcp);
        assert_eq!(
            dropped.load(Ordering::SeqCst),
            1,
            "clone to the service: {service_gets_clone}"
        );

        kept.publish(&Change::Tools);
        kept.resource_updated("a://b");
        assert!(!kept.remove_tool("touch"));
        let added = kept
            .add_tool(Tool::new("late"), async |_, _| "")
            .unwrap_err();
        assert!(
            added.is_setup() && added.to_string().contains("is gone"),
            "{added}"
        );
    }
}

/// FIELD E-6: a clone whose server is gone cannot be served.
#[test]
fn a_clone_without_its_server_fails_the_build() {
    let server = Server::new("s", "1");
    let clone = server.clone();
    drop(server);
    let error = McpService::builder(clone).build().unwrap_err();
    assert!(error.to_string().contains("`Server::new`"), "{error}");
}

/// FIELD E-6: a call tells of changes without a handle, in each revision that can be told.
#[tokio::test]
async fn a_call_tells_of_changes() {
    let server = Server::new("s", "1")
        .subscriptions()
        .resource(Resource::new("a://b", "b"), async |_, _| "")
        .tool(
            Tool::new("change"),
            async |cx: mcp_wire::server::Call, _| {
                cx.resource_updated("a://other");
                cx.resource_updated("a://b");
                cx.publish(&Change::Prompts);
                cx.publish(&Change::Tools);
            },
        );
    let mcp = McpService::builder(server).build().unwrap();
    for version in ProtocolVersion::ALL {
        let client = Client::new(&mcp).version(version);
        if version == ProtocolVersion::V2026_07_28 {
            let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["a://b"]});
            client.listen(filter).await.unwrap();
        } else {
            client.subscribe("a://b").await.unwrap();
        }
        client.call("change", json!({})).await.unwrap();
        let told = client.next_notification().await.unwrap();
        assert_eq!(told.uri(), Some("a://b"), "{version}");
        let told = client.next_notification().await.unwrap();
        assert_eq!(
            told.method(),
            "notifications/tools/list_changed",
            "{version}"
        );
        client.leave().await.unwrap();
    }
}

/// FIELD S-13: items of all four kinds come and go while the service runs, and clients are told each time.
#[tokio::test]
async fn items_come_and_go_while_the_service_runs() {
    let server = Server::new("s", "1")
        .tool(Tool::new("first"), async |_, _| "")
        .resource(Resource::new("a://first", "r"), async |_, _| "")
        .prompt(Prompt::new("first"), async |_, _| "");
    let mcp = McpService::builder(server.clone()).build().unwrap();
    let client = Client::new(&mcp).version(ProtocolVersion::V2024_11_05);
    client.list_tools().await.unwrap();
    let tool = |name: &str| server.add_tool(Tool::new(name), async |_, _| "").unwrap();
    let resource = |uri: &str| {
        server
            .add_resource(Resource::new(uri, "r"), async |_, _| "")
            .unwrap()
    };
    let template = |text: &str| {
        server
            .add_resource_template(ResourceTemplate::new(text, "t"), async |_, _| "")
            .unwrap()
    };
    let prompt = |name: &str| {
        server
            .add_prompt(Prompt::new(name), async |_, _| "")
            .unwrap()
    };
    type Act<'a> = (&'a str, &'a dyn Fn(), &'a dyn Fn() -> bool);
    let acts: [Act<'_>; 4] = [
        ("tools", &|| tool("x"), &|| server.remove_tool("x")),
        ("resources", &|| resource("a://x"), &|| {
            server.remove_resource("A://x")
        }),
        ("resources", &|| template("x://{y}"), &|| {
            server.remove_resource_template("x://{y}")
        }),
        ("prompts", &|| prompt("x"), &|| server.remove_prompt("x")),
    ];
    for (list, add, remove) in acts {
        let expected = format!("notifications/{list}/list_changed");
        for change in 0..2 {
            if change == 0 {
                add();
            } else {
                assert!(remove(), "{list}");
            }
            let told = client.next_notification().await.unwrap();
            assert_eq!(told.method(), expected);
        }
        assert!(!remove(), "{list} again");
    }
    client.leave().await.unwrap();
}

/// FIELD S-13: a builder method on a clone of a running server registers too, and its fault reaches the operator.
#[tokio::test]
async fn a_late_registration_swallows_no_fault() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let server = Server::new("s", "1").resource(Resource::new("a://b", "b"), async |_, _| "");
    let handle = server.clone();
    let hook = Arc::clone(&heard);
    let mcp = McpService::builder(server)
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
    let client = Client::new(&mcp);
    client.list_resources().await.unwrap();
    let handle = handle.resource(Resource::new("a://c", "c"), async |_, _| "");
    assert_eq!(client.list_resources().await.unwrap().len(), 2);
    let told = client.next_notification().await.unwrap();
    assert_eq!(told.method(), "notifications/resources/list_changed");
    drop(
        handle
            .resource(Resource::new("a://b", "b"), async |_, _| "")
            .tool(Tool::new(""), async |_, _| ""),
    );
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(
        heard[0].starts_with("resources/list a://b: ") && heard[0].contains("twice"),
        "{heard:?}"
    );
    assert!(heard[1].starts_with("tools/list : "), "{heard:?}");
}
