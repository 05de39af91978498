//! URIs in other spellings than the one that was registered, and templates with literals that URIs escape.

use mcp_wire::McpService;
use mcp_wire::server::{ReadRequest, Resource, ResourceTemplate, Server};
use serde_json::json;

use crate::support::{Client, Running, modern, start};

fn server() -> Server {
    let resource = |server: Server, uri: &str| {
        let answer = format!("resource {uri}");
        server.resource(Resource::new(uri, "r"), move |_, _| {
            let answer = answer.clone();
            async move { answer }
        })
    };
    let template = |server: Server, text: &str| {
        server.resource_template(
            ResourceTemplate::new(text, "t"),
            async |_, read: ReadRequest| {
                format!("template {}", read.variable("name").unwrap_or_default())
            },
        )
    };
    let server = [
        "WordPress://site/info",
        "http://example.com",
        "file:///docs/café/x",
        "notes://all/secret",
    ]
    .iter()
    .fold(Server::new("s", "1").subscriptions(), |server, uri| {
        resource(server, uri)
    });
    [
        "file:///my docs/{name}",
        "file:///docs/café/{name}",
        "WordPress://Site/{name}",
        "notes://all/{name}",
        "echo://{name}",
    ]
    .iter()
    .fold(server, |server, text| template(server, text))
}

async fn run() -> (Running, Server) {
    let server = server();
    let mcp = McpService::builder(server.clone()).build().unwrap();
    // The service has a handle of its own; this one must not matter.
    (start(mcp).await, server)
}

/// What a read of `uri` gives, in both eras: the text, and the URI as the client wrote it.
async fn check_read(running: &Running, client: &mut Client, uri: &str, expected: Option<&str>) {
    let params = json!({"uri": uri});
    let mut answers = vec![client.call("resources/read", params.clone()).await];
    // The header that mirrors the URI needs ASCII.
    if uri.is_ascii() {
        let mut stream = modern(running.address, 1, "resources/read", params).await;
        answers.push(stream.answer().await);
    }
    for answer in answers {
        let contents = &answer["result"]["contents"][0];
        match expected {
            Some(text) => {
                assert_eq!(
                    (&contents["uri"], &contents["text"]),
                    (&uri.into(), &text.into()),
                    "{answer}"
                );
            }
            None => assert!(answer["error"]["code"].is_i64(), "{uri}: {answer}"),
        }
    }
}

/// FIELD S-5, S-6: each spelling of a URI is read, and the spelling that was registered is listed.
#[tokio::test]
async fn every_spelling_of_a_uri_is_read() {
    let (running, _server) = run().await;
    let mut client = Client::initialized(running.address, "2025-11-25", json!({})).await;
    for (uri, expected) in [
        (
            "WordPress://site/info",
            Some("resource WordPress://site/info"),
        ),
        (
            "wordpress://site/info",
            Some("resource WordPress://site/info"),
        ),
        (
            "wordpress://SITE/%69nfo",
            Some("resource WordPress://site/info"),
        ),
        ("wordpress://site/Info", Some("template Info")),
        ("http://example.com", Some("resource http://example.com")),
        ("http://example.com/", Some("resource http://example.com")),
        (
            "HTTP://EXAMPLE.com:80/",
            Some("resource http://example.com"),
        ),
        ("http://example.com/a", None),
        ("https://example.com/", None),
        ("file:///docs/café/x", Some("resource file:///docs/café/x")),
        (
            "file:///docs/caf%c3%a9/x",
            Some("resource file:///docs/café/x"),
        ),
        ("file:///docs/caf%C3%A9/y", Some("template y")),
        ("file:///my%20docs/y%20z", Some("template y z")),
        ("FILE:///my%20docs/%79", Some("template y")),
        ("file:///my docs/y", None),
        // A resource takes precedence over a template under every spelling.
        ("notes://all/secret", Some("resource notes://all/secret")),
        ("notes://all/s%65cret", Some("resource notes://all/secret")),
        (
            "NOTES://all/x/../secret",
            Some("resource notes://all/secret"),
        ),
        ("notes://all/%2e%2e", None),
        ("echo://Hello", Some("template Hello")),
    ] {
        check_read(&running, &mut client, uri, expected).await;
    }
    let list = client.result("resources/list", json!({})).await;
    assert_eq!(list["resources"][0]["uri"], "WordPress://site/info");
}

/// FIELD S-6: a subscription to one spelling hears of a change of another, and ends under any.
#[tokio::test]
async fn every_spelling_of_a_uri_is_told_of_its_changes() {
    let (running, server) = run().await;
    for (subscribed, changed) in [
        ("wordpress://site/info", "WordPress://site/info"),
        ("WordPress://site/info", "wordpress://site/info"),
        ("http://example.com/", "http://example.com"),
        ("file:///docs/caf%c3%a9/y", "file:///docs/café/y"),
    ] {
        let filter = json!({"notifications": {"resourceSubscriptions": [subscribed]}});
        let mut stream = modern(running.address, 1, "subscriptions/listen", filter).await;
        let acknowledged = stream.message().await.unwrap();
        let uris = &acknowledged["params"]["notifications"]["resourceSubscriptions"];
        assert_eq!(*uris, json!([subscribed]), "as the client wrote it");

        let mut client = Client::initialized(running.address, "2024-11-05", json!({})).await;
        client
            .result("resources/subscribe", json!({"uri": subscribed}))
            .await;
        server.resource_updated("notes://all/other");
        server.resource_updated(changed);
        for told in [
            client.message().await.unwrap(),
            stream.message().await.unwrap(),
        ] {
            assert_eq!(told["method"], "notifications/resources/updated");
            assert_eq!(told["params"]["uri"], changed);
        }
        client
            .result("resources/unsubscribe", json!({"uri": changed}))
            .await;
        server.resource_updated(changed);
        let id = client.begin("ping", json!({})).await;
        assert_eq!(
            client.message().await.unwrap()["id"],
            id,
            "nothing else came"
        );
    }
}

/// FIELD S-6: two spellings of one URI are one resource.
#[tokio::test]
async fn a_uri_is_registered_once_in_all_spellings() {
    let server = Server::new("s", "1")
        .resource(Resource::new("http://a", "a"), async |_, _| "")
        .resource(Resource::new("HTTP://A/", "a"), async |_, _| "");
    let error = McpService::builder(server).build().unwrap_err().to_string();
    assert!(
        error.contains("\"HTTP://A/\" is registered twice"),
        "{error}"
    );
    let server = self::server();
    assert!(server.remove_resource("http://example.com/"));
    assert!(!server.remove_resource("http://example.com"));
}
