//! Who hears of which resource (FIELD S-16), with clients in memory.

use std::sync::Mutex;

use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{Elicitation, HandlerError};
use mcp_wire::test::Client;
use mcp_wire::{Change, ProtocolVersion, ServiceEvent};

use super::*;

/// `notes://{owner}/{id}` can be read by its owner, and note 404 of nobody exists. What its reader panics on, or
/// asks a person about, cannot be read either.
async fn read(cx: Call, read: ReadRequest) -> Result<&'static str, HandlerError> {
    let principal = cx.identity().expect("an identity").principal();
    let of = |name: &str| read.variable(name).unwrap_or_default();
    if of("owner") != principal || of("id") == "404" {
        return Err(ErrorObject::resource_not_found(read.uri()).into());
    }
    match of("id") {
        "broken" => Err(HandlerError::internal("the disk is on fire")),
        "asks" => {
            let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
            cx.elicit(&Elicitation::form("May I?", schema)).await?;
            Ok("asked")
        }
        _ => Ok("a note"),
    }
}

fn notes() -> Server {
    Server::new("Notes", "1")
        .subscriptions()
        .tool(
            Tool::new("tell").input(json!({"type": "object"})),
            async |cx: Call, args: Arguments| {
                let change = Change::Resource(args.str("uri")?.to_owned());
                cx.publish_to(args.str("to")?, &change);
                Ok::<_, HandlerError>(())
            },
        )
        .resource_template(ResourceTemplate::new("notes://{owner}/{id}", "note"), read)
}

fn service(server: Server, heard: &Arc<Mutex<Vec<String>>>) -> McpService {
    let heard = Arc::clone(heard);
    let tokens = ["ada", "Ada", "bob"]
        .into_iter()
        .fold(StaticTokens::new(), |tokens, name| {
            tokens.token(name, Identity::new(name))
        });
    let builder = McpService::builder(server)
        .authorizer(tokens)
        .on_event(move |event| {
            if let ServiceEvent::HandlerFailed {
                method,
                name,
                reason,
                ..
            } = event
            {
                heard
                    .lock()
                    .unwrap()
                    .push(format!("{method} {name} {reason}"));
            }
        });
    builder.build().unwrap()
}

fn eras(mcp: &McpService, token: &str) -> [Client; 4] {
    [
        ProtocolVersion::V2024_11_05,
        ProtocolVersion::V2025_03_26,
        ProtocolVersion::V2025_11_25,
        ProtocolVersion::V2026_07_28,
    ]
    .map(|version| {
        let form = json!({"elicitation": {}});
        Client::new(mcp)
            .version(version)
            .token(token)
            .capabilities(form)
    })
}

/// What a client was told of its subscription: nothing, or the code of the refusal.
async fn subscribe(client: &Client, uri: &str, is_modern: bool) -> Option<i64> {
    if is_modern {
        let filter = json!({"resourceSubscriptions": [uri]});
        let honoured = client.listen(filter).await.unwrap();
        return honoured.get("resourceSubscriptions").is_none().then_some(0);
    }
    let refused = client.subscribe(uri).await.err()?;
    Some(refused.code().unwrap())
}

/// FIELD S-16, SPEC E-58, D-134: who may not read a resource may not hear of it, in each era.
#[tokio::test]
async fn only_who_may_read_a_resource_hears_of_it() {
    let heard = Arc::default();
    let server = notes();
    let mcp = service(server.clone(), &heard);
    for (uri, code) in [
        ("notes://ada/1", None),
        ("NOTES://ada/%31", None),
        ("notes://bob/1", Some(-32002)),
        ("notes://ada/404", Some(-32002)),
        ("notes://Ada/1", Some(-32002)),
        ("other://ada/1", Some(-32002)),
        ("notes://ada/broken", Some(-32603)),
        ("notes://ada/asks", Some(-32603)),
    ] {
        for (at, client) in eras(&mcp, "ada").into_iter().enumerate() {
            let is_modern = at == 3;
            let expected = code.map(|code| if is_modern { 0 } else { code });
            assert_eq!(
                subscribe(&client, uri, is_modern).await,
                expected,
                "{uri} {at}"
            );
            server.resource_updated(uri);
            client
                .call("tell", json!({"to": "ada", "uri": "notes://x/y"}))
                .await
                .unwrap();
            if code.is_none() {
                let told = client.next_notification().await.unwrap();
                assert_eq!(told.uri(), Some(uri), "{at}");
            }
            assert!(client.notifications().is_empty(), "{uri} {at}");
            client.leave().await.unwrap();
        }
    }
    let heard = heard.lock().unwrap();
    let of = |method: &str| format!("{method} notes://{{owner}}/{{id}} the disk is on fire");
    let legacy = of("resources/subscribe");
    assert_eq!(
        *heard,
        [
            legacy.clone(),
            legacy.clone(),
            legacy,
            of("subscriptions/listen")
        ]
    );
}

/// FIELD S-6, S-16: a subscription is to all spellings of a URI, so whoever may not read its normal form does not
/// hear of it, though the reader permits the spelling of the client.
#[tokio::test]
async fn who_may_read_a_spelling_alone_does_not_hear_of_the_uri() {
    let host = async |_: Call, read: ReadRequest| {
        // It compares URIs as they are written.
        if read.uri() == "web://h/secret" {
            return Err(ErrorObject::resource_not_found(read.uri()).into());
        }
        Ok::<_, HandlerError>("a page")
    };
    let server = notes()
        .resource_template(ResourceTemplate::new("web://h/{+path}", "web"), host)
        .resource_template(ResourceTemplate::new("http://{host}", "site"), host);
    let mcp = service(server.clone(), &Arc::default());
    for (token, uri, is_permitted, key) in [
        ("Ada", "notes://Ada/1", false, "notes://ada/1"),
        ("Ada", "NOTES://%41da/1", false, "notes://ada/1"),
        ("Ada", "notes://ada/1", false, "notes://ada/1"),
        ("ada", "Notes://ada/1", true, "notes://ada/1"),
        ("bob", "web://h/./secret", false, "web://h/secret"),
        ("bob", "web://h/%73ecret", false, "web://h/secret"),
        ("bob", "web://h/./open", true, "web://h/open"),
        ("bob", "http://Example.com", true, "http://example.com/"),
    ] {
        for (at, client) in eras(&mcp, token).into_iter().enumerate() {
            let is_modern = at == 3;
            let refusal = if is_modern { 0 } else { -32002 };
            let expected = (!is_permitted).then_some(refusal);
            let told = subscribe(&client, uri, is_modern).await;
            assert_eq!(told, expected, "{token} {uri} {at}");
            server.resource_updated(key);
            let nothing = json!({"to": "nobody", "uri": key});
            client.call("tell", nothing).await.unwrap();
            if is_permitted {
                let told = client.next_notification().await.unwrap();
                assert_eq!(told.uri(), Some(key), "{at}");
            }
            assert!(client.notifications().is_empty(), "{token} {uri} {at}");
            client.leave().await.unwrap();
        }
    }
}

/// FIELD S-16: a hook decides in place of the handler of the resource, which is not run.
#[tokio::test]
async fn a_hook_decides_instead_of_the_reader() {
    let server = Server::new("Notes", "1")
        .authorize_subscriptions(async |cx: Call, uri: String| {
            let principal = cx.identity().expect("an identity").principal();
            if uri.contains(principal) {
                return Ok(());
            }
            Err(HandlerError::new("this is not yours"))
        })
        .resource_template(
            ResourceTemplate::new("notes://{owner}", "note"),
            async |_, _| -> String { panic!("it is not read") },
        );
    let mcp = service(server, &Arc::default());
    for (token, uri, code) in [
        ("ada", "notes://ada", None),
        ("ada", "Notes://ada", None),
        ("ada", "notes://bob", Some(-32603)),
        ("ada", "unknown://ada", Some(-32002)),
        // It is the same as `notes://ada`.
        ("Ada", "notes://Ada", Some(-32603)),
    ] {
        for (at, client) in eras(&mcp, token).into_iter().enumerate() {
            let expected = code.map(|code| if at == 3 { 0 } else { code });
            assert_eq!(
                subscribe(&client, uri, at == 3).await,
                expected,
                "{uri} {at}"
            );
            client.leave().await.unwrap();
        }
    }
}

/// FIELD S-16: a change that is told to one principal reaches its clients in sessions and in listening requests,
/// and nobody else.
#[tokio::test]
async fn a_change_is_told_to_one_principal() {
    let uri = "notes://all";
    let server = notes().resource(Resource::new(uri, "all"), async |_, _| "");
    let mcp = service(server.clone(), &Arc::default());
    let mut clients = Vec::new();
    for name in ["ada", "bob"] {
        for (at, client) in eras(&mcp, name).into_iter().enumerate() {
            assert_eq!(subscribe(&client, uri, at == 3).await, None);
            clients.push((name, client));
        }
    }
    server.resource_updated_for("bob", uri);
    server.publish_to("bob", &Change::Resource(uri.to_owned()));
    clients[0]
        .1
        .call("tell", json!({"to": "bob", "uri": uri}))
        .await
        .unwrap();
    server.resource_updated_for("nobody", uri);
    server.resource_updated_for("", uri);
    server.resource_updated_for("ada", uri);
    for (name, client) in &clients {
        let count = match *name {
            "bob" => 3,
            _ => 1,
        };
        for _ in 0..count {
            assert_eq!(client.next_notification().await.unwrap().uri(), Some(uri));
        }
        // Everything that was told before the answer is there when the answer is.
        client
            .call("tell", json!({"to": "nobody", "uri": uri}))
            .await
            .unwrap();
        assert!(client.notifications().is_empty(), "{name}");
    }
}
