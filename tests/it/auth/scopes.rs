//! Scopes of tools, resources and prompts, checked before dispatch (SPEC F-12 to F-15).

use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_wire::auth::StaticTokens;
use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
use mcp_wire::server::HandlerError;
use mcp_wire::{Change, Context, Dispatcher, Publisher, intercept};

use super::*;
use crate::support::check_refused;

#[track_caller]
fn check_step_up(answer: &Answer, scope: &str) {
    let says = format!("this request needs more scopes: {scope}");
    check_refused(answer, 403, -32600, &says);
    let header = answer.header("www-authenticate").unwrap();
    let expected = format!("scope=\"{scope}\"");
    assert!(
        header.starts_with("Bearer error=\"insufficient_scope\""),
        "{header}"
    );
    assert!(
        header.contains("error_description=") && header.contains(&expected),
        "{header}"
    );
    assert!(
        header.contains("resource_metadata=\"https://mcp.example.com/"),
        "{header}"
    );
}

/// SPEC F.1 row 6, F-12, F-15: a missing scope is 403, and on HTTP+SSE an error on the stream, with all
/// scopes that are needed and the id of the request; no handler runs.
#[tokio::test]
async fn a_step_up_is_a_403_before_anything_runs() {
    let (running, seen) = gated().await;
    let ada = As::new(&running, "ada");
    let all = "notes:read notes:write";
    let mut params = call("write", json!({}));
    let legacy = message(7, "tools/call", params.clone());
    params["_meta"] = envelope(json!({}));
    let headers = mirrored("tools/call", &params);
    let body = message(7, "tools/call", params);
    let refused = ada.request("POST /mcp", &headers, body).await;
    check_step_up(&refused, all);
    assert_eq!(refused.json()["id"], 7);
    let session = ada.session("2025-03-26").await;
    let headers = format!("Mcp-Session-Id: {session}\r\n{POST_HEADERS}");
    let streams = format!(
        "Mcp-Session-Id: {session}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
    );
    for headers in [&headers, &streams] {
        check_step_up(&ada.request("POST /mcp", headers, &legacy).await, all);
    }
    // One such request in a batch is enough to refuse all of it.
    let waits = message(8, "tools/call", call("wait", json!({})));
    let reads = message(9, "resources/read", json!({"uri": "test://secret"}));
    let batch = format!("[{waits},{legacy},{reads}]");
    let refused = ada.request("POST /mcp", &headers, batch).await;
    check_step_up(&refused, "notes:read notes:write notes:secret");
    let (mut stream, path) = ada.sse().await;
    assert_eq!(ada.send(&path, &legacy).await.status, 202);
    let refused = stream.message().await.unwrap();
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!(7), &json!(-32600))
    );
    let says = format!("this request needs more scopes: {all}");
    assert_eq!(refused["error"]["message"], says);
    assert_eq!(seen.calls.available_permits(), 0);
    // SPEC F-13: a broader scope satisfies, as does the scope itself.
    for token in ["root", "ada-fresh"] {
        let client = As::new(&running, token);
        let called = client.modern("tools/call", call("write", json!({}))).await;
        assert_eq!(called.status(), 200, "{token}");
    }
    assert_eq!(seen.calls.available_permits(), 2);
}

/// SPEC F-12, F-15: resources, templates, prompts and completions have scopes as tools do; lists
/// show all of them, so that a client can ask for more.
#[tokio::test]
async fn all_that_can_be_named_can_need_scopes() {
    let (running, _) = gated().await;
    let (ada, root) = (As::new(&running, "ada"), As::new(&running, "root"));
    let argument = json!({"name": "name", "value": ""});
    let of_prompt = json!({"ref": {"type": "ref/prompt", "name": "secret"}, "argument": argument});
    let of_vault =
        json!({"ref": {"type": "ref/resource", "uri": "vault://{name}"}, "argument": argument});
    for (method, params) in [
        ("resources/read", json!({"uri": "test://secret"})),
        ("resources/read", json!({"uri": "vault://a"})),
        ("prompts/get", json!({"name": "secret"})),
        ("completion/complete", of_prompt),
        ("completion/complete", of_vault),
    ] {
        let refused = ada.modern(method, params.clone()).await;
        assert_eq!(refused.status(), 403, "{method} {params}");
        let mut served = root.modern(method, params.clone()).await;
        assert_eq!(served.status(), 200, "{method} {params}");
        let answer = served.answer().await;
        assert!(answer["result"].is_object(), "{answer}");
    }
    let session = ada.session("2025-11-25").await;
    for (uri, status) in [
        ("test://secret", 403),
        ("vault://a", 403),
        ("test://open", 200),
    ] {
        let body = message(1, "resources/subscribe", json!({"uri": uri}));
        assert_eq!(ada.post(&session, body).await.status(), status, "{uri}");
    }
    let listed = ada.modern("tools/list", json!({})).await.answer().await;
    assert!(listed.to_string().contains("\"write\""), "{listed}");
    // What does not exist needs no scope, and is answered as unknown.
    let unknown = ada.modern("tools/call", call("unknown", json!({}))).await;
    assert_eq!(unknown.status(), 200);
}

/// SPEC F-12, FIELD S-6: `.` segments do not lead past the scopes of a resource or a template to one that is open.
#[tokio::test]
async fn dot_segments_do_not_pass_scopes() {
    let read = async |_: Call, read: ReadRequest| read.uri().to_owned();
    let scopes = ["notes:secret"];
    let server = Server::new("Vault", "1")
        .subscriptions()
        .resource(Resource::new("vault:///key", "key").scopes(scopes), read)
        .resource_template(
            ResourceTemplate::new("vault:///secret/{name}", "secret").scopes(scopes),
            read,
        )
        .resource_template(
            ResourceTemplate::new("vault:secret/{name}", "rootless").scopes(scopes),
            read,
        )
        .resource_template(ResourceTemplate::new("vault:///{+path}", "open"), read)
        .resource_template(ResourceTemplate::new("vault:{+path}", "all"), read);
    let mcp = McpService::builder(server).authorizer(Gate::new());
    let running = start(mcp.build().unwrap()).await;
    let (ada, root) = (As::new(&running, "ada"), As::new(&running, "root"));
    let session = ada.session("2025-11-25").await;
    for (uri, is_secret) in [
        ("vault:///secret/x", true),
        ("vault:///secret/./x", true),
        ("vault:///./secret/x", true),
        ("vault:///%2e/secret/x", true),
        ("VAULT:///secret/%2E/./x", true),
        ("vault:///./key", true),
        ("vault:secret/x", true),
        ("vault:///open/./x", false),
        ("vault:///.secret/x", false),
        ("vault:///secretx", false),
    ] {
        let params = json!({"uri": uri});
        let status = if is_secret { 403 } else { 200 };
        let read = ada.modern("resources/read", params.clone()).await;
        assert_eq!(read.status(), status, "{uri}");
        let body = message(1, "resources/subscribe", params.clone());
        assert_eq!(ada.post(&session, body).await.status(), status, "{uri}");
        let read = root.modern("resources/read", params).await.answer().await;
        assert_eq!(read["result"]["contents"][0]["text"], uri, "{read}");
    }
    // Without an authority such a path is no other spelling of one without; nothing reads it.
    for uri in ["vault:secret/./x", "vault:./secret/x", "vault:%2e/secret/x"] {
        let mut read = ada.modern("resources/read", json!({"uri": uri})).await;
        let read = read.answer().await;
        assert!(read["error"].is_object(), "{uri}: {read}");
    }
}

/// SPEC D-134: a client gets updates only of the resources that it may read.
#[tokio::test]
async fn a_listener_gets_updates_of_what_it_may_read() {
    let (server, _) = server();
    let mcp = McpService::builder(server.clone()).authorizer(Gate::new());
    let running = start(mcp.build().unwrap()).await;
    let filter = || {
        json!({"notifications": {"resourceSubscriptions":
            ["test://secret", "test://open", "vault://a", "vault://other"]}})
    };
    let honoured = |acknowledged: &Value| {
        acknowledged["params"]["notifications"]["resourceSubscriptions"].clone()
    };
    let mut ada = As::new(&running, "ada")
        .modern("subscriptions/listen", filter())
        .await;
    let acknowledged = ada.message().await.unwrap();
    assert_eq!(honoured(&acknowledged), json!(["test://open"]));
    let mut root = As::new(&running, "root")
        .modern("subscriptions/listen", filter())
        .await;
    let acknowledged = root.message().await.unwrap();
    assert_eq!(honoured(&acknowledged).as_array().unwrap().len(), 4);
    server.resource_updated("test://secret");
    server.resource_updated("test://open");
    let updated = |told: Value| told["params"]["uri"].as_str().unwrap().to_owned();
    assert_eq!(updated(root.message().await.unwrap()), "test://secret");
    assert_eq!(updated(ada.message().await.unwrap()), "test://open");
}

/// SPEC F-14: scopes without an authorizer, and malformed scopes, fail the build.
#[tokio::test]
async fn what_cannot_be_protected_is_not_built() {
    let tool = |scope: &str| {
        let tool = Tool::new("t").scopes([scope]);
        Server::new("S", "1").tool(tool, async |_, _| "")
    };
    let fault = |builder: Builder<Server>| {
        let error = builder.build().expect_err("a fault");
        assert!(error.is_setup());
        error.to_string()
    };
    let open = || StaticTokens::new();
    assert!(fault(McpService::builder(tool("a"))).contains("no authorizer"));
    assert!(
        McpService::builder(tool("a"))
            .authorizer(open())
            .build()
            .is_ok()
    );
    for scope in ["offline_access", "a b", ""] {
        let builder = McpService::builder(tool(scope)).authorizer(open());
        assert!(fault(builder).contains("not a scope"), "{scope}");
    }
    let plain = || McpService::builder(Server::new("S", "1"));
    assert!(fault(plain().protected_resource(protected())).contains("authorizer"));
    let offline = protected().scopes(["offline_access"]);
    assert!(fault(plain().authorizer(open()).protected_resource(offline)).contains("offline"));
    for prompt in [true, false] {
        let server = Server::new("S", "1");
        let server = if prompt {
            let prompt = Prompt::new("p").scopes(["a"]);
            server.prompt(prompt, async |_, _: PromptArguments| {
                PromptResult::new().message(Role::User, "x")
            })
        } else {
            server.resource(Resource::new("a://b", "b").scopes(["a"]), async |_, _| "")
        };
        assert!(fault(McpService::builder(server)).contains("no authorizer"));
    }
    let running = Server::new("S", "1");
    McpService::builder(running.clone()).build().unwrap();
    let late = running.add_tool(Tool::new("t").scopes(["a"]), async |_, _| "");
    assert!(late.unwrap_err().to_string().contains("no authorizer"));
}

struct Demanding;

impl Dispatcher for Demanding {
    fn request(&self, _: Context, _: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(async { Ok(Json::empty()) })
    }

    fn scopes(&self, request: &Request) -> Vec<String> {
        match request.method() {
            "panics" => panic!("a fault of the dispatcher"),
            "secret" => vec!["a".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// A dispatcher that demands scopes without an authorizer refuses everybody, and so does one that
/// panics.
#[tokio::test]
async fn scopes_without_an_authorizer_admit_no_request() {
    let running = start(McpService::builder(Demanding).build().unwrap()).await;
    for (method, status) in [("secret", 401), ("panics", 503), ("other", 200)] {
        let mut params = json!({});
        params["_meta"] = envelope(json!({}));
        let headers = mirrored(method, &params);
        let body = message(1, method, params);
        let answer = request(running.address, "POST /mcp", &headers, body).await;
        assert_eq!(answer.status, status, "{method}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, (status == 401).then_some("Bearer scope=\"a\""));
    }
}

/// Passes on requests, and forgets that a dispatcher has scopes.
struct Forgetful(Server);

impl Dispatcher for Forgetful {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        self.0.request(cx, request)
    }

    fn attach(&self, publisher: Publisher) -> Result<(), mcp_wire::Error> {
        self.0.attach(publisher)
    }
}

/// FIELD S-15, SPEC F-15: a wrapper that forgets the scopes opens nothing. The refusal names the scopes.
#[tokio::test]
async fn a_wrapper_cannot_forget_the_scopes() {
    let (server, seen) = server();
    let mcp = McpService::builder(Forgetful(server)).authorizer(Gate::new());
    let running = start(mcp.build().unwrap()).await;
    let secret = json!({"type": "ref/prompt", "name": "secret"});
    let argument = json!({"name": "name", "value": ""});
    let scopes = "notes:secret";
    for (method, params, needed) in [
        (
            "tools/call",
            call("write", json!({})),
            "notes:read notes:write",
        ),
        ("resources/read", json!({"uri": "test://secret"}), scopes),
        ("resources/read", json!({"uri": "TEST://secret"}), scopes),
        ("resources/read", json!({"uri": "vault://a"}), scopes),
        ("prompts/get", json!({"name": "secret"}), scopes),
        (
            "completion/complete",
            json!({"ref": secret, "argument": argument}),
            scopes,
        ),
        ("resources/subscribe", json!({"uri": "vault://a"}), scopes),
    ] {
        let body = message(1, method, params.clone());
        for (name, is_admitted) in [("ada", false), ("root", true)] {
            let client = As::new(&running, name);
            let session = client.session("2025-11-25").await;
            let mut answers = vec![client.post(&session, &body).await.answer().await];
            if method != "resources/subscribe" {
                answers.push(client.modern(method, params.clone()).await.answer().await);
            }
            for answer in answers {
                let error = &answer["error"];
                if is_admitted {
                    assert!(error.is_null(), "{method}: {answer}");
                    continue;
                }
                let says = format!("this request needs more scopes: {needed}");
                assert_eq!(
                    (&error["code"], &error["message"]),
                    (&(-32600).into(), &says.into()),
                    "{method}"
                );
            }
        }
    }
    assert_eq!(seen.calls.available_permits(), 2, "root alone wrote");
}

/// FIELD S-15: a wrapper that changes what is asked for does not get around the scopes of that.
#[tokio::test]
async fn a_wrapper_that_intercepts_keeps_the_scopes() {
    let (server, _) = server();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let dispatcher = intercept(server.clone(), move |next: Arc<Server>, cx, request| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { next.request(cx, request).await }
    });
    let mcp = McpService::builder(dispatcher)
        .authorizer(Gate::new())
        .protected_resource(protected());
    let running = start(mcp.build().unwrap()).await;
    let ada = As::new(&running, "ada");
    let session = ada.session("2025-11-25").await;
    assert_eq!(count.swap(0, Ordering::SeqCst), 1, "the initialize");
    let headers = format!("Mcp-Session-Id: {session}\r\n{POST_HEADERS}");
    let body = message(1, "tools/call", call("write", json!({})));
    check_step_up(
        &ada.request("POST /mcp", &headers, body).await,
        "notes:read notes:write",
    );
    assert_eq!(
        count.load(Ordering::SeqCst),
        0,
        "refused before it is asked"
    );
    let body = message(2, "tools/call", call("head", json!({})));
    assert!(ada.post(&session, body).await.answer().await["result"].is_object());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // The server got its publisher through the wrapper.
    let mut stream = ada.listen(&session, None).await;
    server.publish(&Change::Tools);
    let told = stream.message().await.unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
}

/// FIELD S-15: a handler asks for scopes that only it can know.
#[tokio::test]
async fn a_handler_requires_scopes_of_its_own() {
    let tool = Tool::new("move").input(json!({"type": "object"}));
    let server = Server::new("S", "1").tool(tool, async |cx: Call, _| {
        cx.require_scopes([""; 0])?;
        cx.require_scopes(["notes:read", "archive"])?;
        Ok::<_, HandlerError>("moved")
    });
    let tokens = StaticTokens::new()
        .token("ada", Identity::new("ada").scopes(["notes:read"]))
        .token(
            "root",
            Identity::new("root").scopes(["notes:read", "archive"]),
        );
    let mcp = McpService::builder(server)
        .authorizer(tokens)
        .build()
        .unwrap();
    let client = mcp_wire::test::Client::new(&mcp).token("ada");
    let refused = client.call("move", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), Some(-32600));
    assert_eq!(
        refused.message(),
        "this request needs more scopes: notes:read archive"
    );
    let client = mcp_wire::test::Client::new(&mcp).token("root");
    assert_eq!(
        client.call("move", json!({})).await.unwrap().text(),
        "moved"
    );
}
