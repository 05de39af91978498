//! What the peer and the operator are told when a handler fails.

use std::io;
use std::sync::{Arc, Mutex};

use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{
    Arguments, Call, HandlerError, Presence, Prompt, ReadRequest, Resource, Server, Tool,
    with_state,
};
use mcp_wire::{McpService, ServiceEvent, test};
use serde_json::json;

use crate::support::*;

const SECRET: &str = "password=hunter2";

fn disk() -> io::Error {
    io::Error::other(SECRET)
}

async fn fail(_: Call, args: Arguments) -> Result<String, HandlerError> {
    match args.str("how")? {
        "told" => Err(HandlerError::new("there is no such note")),
        "protocol" => Err(ErrorObject::new(7, "seven").into()),
        _ => Err(disk().into()),
    }
}

fn server() -> Server {
    let input = json!({"type": "object", "properties": {"how": {"type": "string"}}});
    let typed = Tool::new("typed").output(json!({"type": "object"}));
    let prompt = Prompt::new("fail").argument("a", Presence::Optional);
    Server::new("Failing", "1.0.0")
        .tool(Tool::new("fail").input(input), fail)
        .tool(typed, async |_, _| SECRET)
        .resource(Resource::new("test://fail", "fail"), async |_, _| {
            Err::<String, _>(disk())
        })
        .prompt(prompt, async |_, _| Err::<String, _>(disk()))
        .completion(async |_, _| Err::<Vec<String>, _>(disk().into()))
}

/// FIELD P-8, S-7: the peer learns nothing of a cause, and the operator learns all of it, with what it
/// belongs to.
#[tokio::test]
async fn the_operator_alone_learns_why_a_handler_failed() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let mcp = McpService::builder(server())
        .on_event(move |event| {
            if let ServiceEvent::HandlerFailed {
                method,
                name,
                reason,
                ..
            } = event
            {
                hears
                    .lock()
                    .unwrap()
                    .push(format!("{method} {name}: {reason}"));
            }
        })
        .build()
        .unwrap();
    let call = |how: &str| json!({"name": "fail", "arguments": {"how": how}});
    let told = |text: &str| json!({"content": [{"type": "text", "text": text}], "isError": true});
    let complete = json!({"ref": {"type": "ref/prompt", "name": "fail"},
        "argument": {"name": "a", "value": ""}});
    let typed = "the result has no structured content that the output schema allows";
    let rows = [
        (
            "tools/call",
            call("told"),
            Ok(told("there is no such note")),
            None,
        ),
        ("tools/call", call("protocol"), Err((7, "seven")), None),
        (
            "tools/call",
            call("disk"),
            Ok(told("internal error")),
            Some(format!("fail: {SECRET}")),
        ),
        (
            "tools/call",
            json!({"name": "typed"}),
            Err((-32603, "internal error")),
            Some(format!("typed: {typed}")),
        ),
        (
            "resources/read",
            json!({"uri": "test://fail"}),
            Err((-32603, "internal error")),
            Some(format!("test://fail: {SECRET}")),
        ),
        (
            "prompts/get",
            json!({"name": "fail"}),
            Err((-32603, "internal error")),
            Some(format!("fail: {SECRET}")),
        ),
        (
            "completion/complete",
            complete,
            Err((-32603, "internal error")),
            Some(format!(": {SECRET}")),
        ),
    ];
    let running = start(mcp.clone()).await;
    let session = Session::open(running.address, "2025-11-25", json!({})).await;
    for (method, params, expected, reason) in rows {
        let answer = session.call(method, params.clone()).await;
        assert!(!answer.to_string().contains(SECRET), "{answer}");
        match expected {
            Ok(result) => assert_eq!(answer["result"], result, "{method} {params}"),
            Err((code, message)) => {
                assert_eq!(answer["error"]["code"], code, "{method} {params}");
                assert_eq!(answer["error"]["message"], message, "{method} {params}");
            }
        }
        let reason = reason.map(|reason| format!("{method} {reason}"));
        assert_eq!(
            heard.lock().unwrap().drain(..).next(),
            reason,
            "{method} {params}"
        );
    }
    assert_eq!(mcp.snapshot().failures, 5);
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    async fn add(self: Arc<Self>, _: Call, args: Arguments) -> Result<(), HandlerError> {
        let note = args.str("how")?.to_owned();
        self.0.lock().unwrap().push(note);
        Ok(())
    }

    async fn read(self: Arc<Self>, _: Call, _: ReadRequest) -> String {
        self.0.lock().unwrap().join(",")
    }
}

/// FIELD P-7: methods of shared state are handlers, and all see the same state.
#[tokio::test]
async fn handlers_share_their_state() {
    let notes = Arc::new(Notes::default());
    let input = json!({"type": "object", "properties": {"how": {"type": "string"}}});
    let server = Server::new("Notes", "1.0.0")
        .tool(
            Tool::new("add").input(input),
            with_state(&notes, Notes::add),
        )
        .resource(
            Resource::new("notes://all", "all"),
            with_state(&notes, Notes::read),
        );
    let mcp = McpService::builder(server).build().unwrap();
    let client = test::Client::new(&mcp);
    for note in ["one", "two"] {
        client.call("add", json!({"how": note})).await.unwrap();
    }
    let all = client.read("notes://all").await.unwrap();
    assert_eq!(all.text(), "one,two");
}

/// A name that is not registered is the client's: the operator gets its beginning.
#[tokio::test]
async fn a_long_name_of_a_client_is_cut_for_the_operator() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let server = Server::new("Failing", "1.0.0")
        .tool_fallback(async |_, _| Err::<String, _>(disk()))
        .prompt_fallback(async |_, _| Err::<String, _>(disk()));
    let mcp = McpService::builder(server)
        .on_event(move |event| {
            if let ServiceEvent::HandlerFailed { name, .. } = event {
                hears.lock().unwrap().push((*name).to_owned());
            }
        })
        .build()
        .unwrap();
    let client = test::Client::new(&mcp);
    let long = "n".repeat(1_000_000);
    assert!(client.call(&long, json!({})).await.unwrap().is_error());
    assert!(client.prompt(&long, json!({})).await.is_err());
    let cut = format!("{}…", &long[..60]);
    assert_eq!(*heard.lock().unwrap(), [cut.clone(), cut]);
}
