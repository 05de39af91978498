//! Clients whose encoder writes every member send `null` for the optional ones: it counts as absent, in every
//! revision.

use mcp_wire::McpService;
use mcp_wire::server::{
    Arguments, Call, CompletionRequest, HandlerError, Presence, Prompt, PromptArguments,
    ReadRequest, ResourceTemplate, Server, Tool,
};
use serde_json::{Value, json};

use crate::support::{Client, Running, Session, modern, start};

const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

async fn run() -> Running {
    async fn optional(cx: Call, arguments: Arguments) -> Result<String, HandlerError> {
        let text = arguments.opt_str("text")?;
        let count = arguments.opt_integer("count")?;
        Ok(format!("{text:?} {count:?} {}", cx.wants_progress()))
    }
    let city = async |_: Call, arguments: PromptArguments| {
        let (city, unit) = (arguments.str("city")?, arguments.get("unit"));
        Ok::<_, HandlerError>(format!("{city} {unit:?}"))
    };
    let completed = async |_: Call, wanted: CompletionRequest| {
        Ok(vec![format!("{:?}", wanted.context("city"))])
    };
    let schema = json!({"type": "object", "properties": {
        "text": {"type": ["string", "null"]}, "count": {"type": ["integer", "null"]},
    }});
    let server = Server::new("Nulls", "1")
        .tool(Tool::new("optional").input(schema), optional)
        .tool(Tool::new("none"), async |_, _| "none")
        .resource_template(
            ResourceTemplate::new("a://{b}", "a"),
            async |_, read: ReadRequest| read.uri().to_owned(),
        )
        .prompt(
            Prompt::new("city")
                .argument("city", Presence::Required)
                .argument("unit", Presence::Optional),
            city,
        )
        .completion(completed);
    start(McpService::builder(server).build().unwrap()).await
}

/// The answer to a request in a revision, over the transport of that revision.
async fn answer(running: &Running, revision: &str, method: &str, params: Value) -> Value {
    let address = running.address;
    match revision {
        "2024-11-05" => {
            let mut client = Client::initialized(address, revision, json!({})).await;
            client.call(method, params).await
        }
        "2026-07-28" => modern(address, 1, method, params).await.answer().await,
        _ => {
            let session = Session::open(address, revision, json!({})).await;
            session.call(method, params).await
        }
    }
}

/// FIELD S-1, SPEC A-17: each optional member of each method, `null` in turn.
#[tokio::test]
async fn null_is_absent() {
    let running = run().await;
    let called = |arguments: Value| json!({"name": "optional", "arguments": arguments});
    let reference = json!({"type": "ref/prompt", "name": "city"});
    let argument = json!({"name": "unit", "value": ""});
    let completed =
        |context: Value| json!({"ref": reference, "argument": argument, "context": context});
    let prompted =
        |unit: Value| json!({"name": "city", "arguments": {"city": "Oslo", "unit": unit}});
    let nothing = r#""text":"None None false""#;
    for (method, params, says) in [
        ("tools/call", called(json!(null)), nothing),
        (
            "tools/call",
            called(json!({"text": null, "count": null})),
            nothing,
        ),
        (
            "tools/call",
            called(json!({"count": 5.0})),
            r#""text":"None Some(5) false""#,
        ),
        (
            "tools/call",
            json!({"name": "none", "arguments": null}),
            r#""text":"none""#,
        ),
        (
            "tools/call",
            json!({"name": "optional", "_meta": {"progressToken": null}}),
            nothing,
        ),
        (
            "tools/call",
            json!({"name": "optional", "_meta": null}),
            nothing,
        ),
        (
            "tools/list",
            json!({"cursor": null}),
            r#""name":"optional""#,
        ),
        (
            "resources/list",
            json!({"cursor": null}),
            r#""resources":[]"#,
        ),
        (
            "resources/templates/list",
            json!({"cursor": null}),
            r#""uriTemplate":"a://{b}""#,
        ),
        (
            "prompts/list",
            json!({"cursor": null, "_meta": null}),
            r#""name":"city""#,
        ),
        (
            "resources/read",
            json!({"uri": "a://b", "_meta": null}),
            r#""text":"a://b""#,
        ),
        (
            "prompts/get",
            prompted(json!(null)),
            r#""text":"Oslo None""#,
        ),
        (
            "completion/complete",
            completed(json!(null)),
            r#""values":["None"]"#,
        ),
        (
            "completion/complete",
            completed(json!({"arguments": null})),
            r#""values":["None"]"#,
        ),
        (
            "completion/complete",
            completed(json!({"arguments": {"city": null}})),
            r#""values":["None"]"#,
        ),
    ] {
        for revision in REVISIONS {
            let answer = answer(&running, revision, method, params.clone()).await;
            let result = answer["result"].to_string();
            assert!(
                result.contains(says),
                "{revision} {method} {params}: {answer}"
            );
        }
    }
}

/// FIELD S-1: the members that only 2026-07-28 has. A state that is `null` is none, so the request begins
/// anew.
#[tokio::test]
async fn null_is_absent_in_what_a_modern_request_says() {
    let running = run().await;
    for (method, params) in [
        (
            "tools/list",
            json!({"_meta": {"io.modelcontextprotocol/clientInfo": null}}),
        ),
        (
            "tools/list",
            json!({"_meta": {"io.modelcontextprotocol/logLevel": null}}),
        ),
        (
            "tools/call",
            json!({"name": "none", "inputResponses": null, "requestState": null}),
        ),
    ] {
        let answer = answer(&running, "2026-07-28", method, params.clone()).await;
        assert!(answer["result"].is_object(), "{params}: {answer}");
    }
}

/// FIELD S-1, SPEC E-34, E-67: what is required is not there when it is `null`.
#[tokio::test]
async fn null_is_no_value_for_what_is_required() {
    let running = run().await;
    for (method, params, says) in [
        (
            "tools/call",
            json!({"name": null}),
            "`name` must be a string",
        ),
        ("resources/read", json!({"uri": null}), "`uri` must be"),
        (
            "prompts/get",
            json!({"name": "city", "arguments": null}),
            "`city` is missing",
        ),
        (
            "prompts/get",
            json!({"name": "city", "arguments": {"city": null}}),
            "`city` is missing",
        ),
        (
            "completion/complete",
            json!({"ref": null, "argument": null}),
            "`ref`",
        ),
    ] {
        for revision in REVISIONS {
            let answer = answer(&running, revision, method, params.clone()).await;
            let error = &answer["error"];
            // The header that repeats the name cannot repeat `null`.
            if revision == "2026-07-28" && error["code"] == -32020 {
                continue;
            }
            assert_eq!(error["code"], -32602, "{revision} {params}: {answer}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(says), "{revision} {params}: {message}");
        }
    }
}
