//! The example `bridge`: a client that only starts commands reaches a server at a URL, with headers, and does not
//! notice that the server restarts (FIELD P-4).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::Server;
use mcp_wire::{Change, Error, McpService, Serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::desktop::Desktop;
use crate::support::probe::{Seen, call, probe};
use crate::support::{message, soon, text_of};

#[path = "../../examples/bridge/http.rs"]
mod http;
#[path = "../../examples/bridge/bridge.rs"]
mod passing;

/// A server that admits only those who know its token.
struct Remote {
    address: SocketAddr,
    server: Server,
    seen: Arc<Seen>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl Remote {
    async fn start(address: &str) -> Self {
        let (server, seen) = probe();
        let tokens = StaticTokens::new().token("t", Identity::new("ada"));
        let mcp = McpService::builder(server.clone()).authorizer(tokens);
        let mcp = mcp.build().unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serve = Serve::new(listener, mcp).drain_deadline(Duration::ZERO);
        let task = tokio::spawn(serve.run(async { drop(stopped.await) }));
        Self {
            address,
            server,
            seen,
            stop,
            task,
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        soon("the end of the server", self.task)
            .await
            .unwrap()
            .unwrap();
    }

    /// A client that has started a bridge to this server.
    fn bridge(&self, headers: &[&str]) -> (Desktop, JoinHandle<std::io::Result<()>>) {
        let (client, input, output) = Desktop::new();
        let headers: Vec<_> = headers.iter().map(|&header| header.to_owned()).collect();
        let url = format!("http://{}/mcp", self.address);
        let server = http::Server::parse(&url, &headers).unwrap();
        (client, tokio::spawn(passing::run(server, input, output)))
    }
}

const TOKEN: &str = "Authorization: Bearer t";

fn echo(text: &str) -> Value {
    call("echo", json!({"message": text}))
}

#[tokio::test]
async fn a_client_of_every_revision_reaches_a_url() {
    for version in ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        let remote = Remote::start("127.0.0.1:0").await;
        let (mut client, bridge) = remote.bridge(&[TOKEN]);
        let is_modern = version == "2026-07-28";
        if !is_modern {
            client.initialize(version, json!({"elicitation": {}})).await;
        }
        for (name, expected) in [("version", version), ("echo", "é")] {
            let params = call(name, json!({"message": "é"}));
            let answer = match is_modern {
                true => client.modern(1, "tools/call", params).await,
                false => client.legacy(1, "tools/call", params).await,
            };
            assert_eq!((&answer["id"], text_of(&answer)), (&json!(1), expected));
        }
        let unknown = match is_modern {
            true => client.modern("u", "no/such", json!({})).await,
            false => client.legacy("u", "no/such", json!({})).await,
        };
        assert_eq!(
            (&unknown["id"], &unknown["error"]["code"]),
            (&json!("u"), &json!(-32601))
        );
        let params = call("wait", json!({"tag": "w"}));
        match is_modern {
            true => client.begin("w", "tools/call", params).await,
            false => client.write(message("w", "tools/call", params)).await,
        }
        remote.seen.happens("begun", "w").await;
        client
            .notify("notifications/cancelled", json!({"requestId": "w"}))
            .await;
        remote.seen.happens("over", "w").await;
        let after = match is_modern {
            true => client.modern("after", "tools/call", echo("after")).await,
            false => client.legacy("after", "tools/call", echo("after")).await,
        };
        assert_eq!(text_of(&after), "after", "the cancelled call has no answer");
        client.input = None;
        assert_eq!(client.line().await, None);
        soon("the end of the bridge", bridge)
            .await
            .unwrap()
            .unwrap();
        remote.stop().await;
    }
}

#[tokio::test]
async fn questions_and_changes_come_through() {
    let remote = Remote::start("127.0.0.1:0").await;
    let (mut client, _bridge) = remote.bridge(&[TOKEN]);
    client
        .initialize("2025-11-25", json!({"elicitation": {}}))
        .await;
    client
        .write(message(1, "tools/call", call("elicit", json!({}))))
        .await;
    let question = client.read().await;
    assert_eq!(question["method"], "elicitation/create");
    let answer = json!({"action": "accept", "content": {"name": "Ada"}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": answer});
    client.write(answer.to_string()).await;
    assert!(text_of(&client.read().await).contains("Ada"));
    // Kept for the stream of the session, should it not be open yet.
    remote.server.publish(&Change::Tools);
    assert_eq!(
        client.read().await["method"],
        "notifications/tools/list_changed"
    );
}

#[tokio::test]
async fn a_restart_of_the_server_is_not_noticed() {
    let remote = Remote::start("127.0.0.1:0").await;
    let (mut client, _bridge) = remote.bridge(&[TOKEN]);
    client.initialize("2025-11-25", json!({})).await;
    assert_eq!(
        text_of(&client.legacy(1, "tools/call", echo("before")).await),
        "before"
    );
    let address = remote.address.to_string();
    remote.stop().await;
    // One request waits for the server, the other comes after it.
    client
        .write(message(2, "tools/call", echo("meanwhile")))
        .await;
    let remote = Remote::start(&address).await;
    assert_eq!(text_of(&client.read().await), "meanwhile");
    assert_eq!(
        text_of(&client.legacy(3, "tools/call", echo("after")).await),
        "after"
    );
    assert_eq!(
        text_of(&client.modern(4, "tools/call", echo("modern")).await),
        "modern"
    );
    remote.server.publish(&Change::Tools);
    assert_eq!(
        client.read().await["method"],
        "notifications/tools/list_changed"
    );
}

/// It is not known whether the server carried out what was lost, so it is not sent again.
#[tokio::test]
async fn a_call_that_is_lost_is_answered_with_an_error() {
    let remote = Remote::start("127.0.0.1:0").await;
    let (mut client, _bridge) = remote.bridge(&[TOKEN]);
    client.initialize("2025-11-25", json!({})).await;
    client
        .write(message(1, "tools/call", call("wait", json!({"tag": "w"}))))
        .await;
    remote.seen.happens("begun", "w").await;
    remote.stop().await;
    let lost = client.read().await;
    assert_eq!(
        (&lost["id"], &lost["error"]["code"]),
        (&json!(1), &json!(-32603))
    );
}

#[tokio::test]
async fn a_refusal_answers_its_request() {
    let remote = Remote::start("127.0.0.1:0").await;
    let (mut client, _bridge) = remote.bridge(&[]);
    let refused = client.legacy(1, "initialize", json!({})).await;
    assert_eq!(refused["id"], 1);
    assert!(refused["error"]["message"].is_string(), "{refused}");
}

#[test]
fn a_wrong_command_line_is_told() {
    for (url, headers, says) in [
        ("", &[][..], "not a URL"),
        ("https://a/mcp", &[], "http://"),
        ("/mcp", &[], "http://"),
        ("http://a/mcp", &["Authorization"], "not a header"),
        ("http://a/mcp", &["a b: c"], "not a header"),
        ("http://a/mcp", &["a: b\nc"], "not a header"),
    ] {
        let headers: Vec<_> = headers.iter().map(|&header| header.to_owned()).collect();
        let fault = http::Server::parse(url, &headers).err().unwrap();
        assert!(fault.contains(says), "{fault}");
    }
}
