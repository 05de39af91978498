//! The feature `validation`: arguments and results are held to schemas that are written by hand.

use std::sync::{Arc, Mutex};

use mcp_wire::server::{Server, Tool};
use mcp_wire::test::Client;
use mcp_wire::{McpService, ProtocolVersion, ServiceEvent};
use serde_json::{Value, json};

/// Answers with its argument `give`, or says that it ran.
fn server(input: Value, output: Option<Value>) -> Server {
    let tool = Tool::new("order").input(input);
    let tool = match output {
        Some(schema) => tool.output(schema),
        None => tool,
    };
    Server::new("Shop", "1.0.0").tool(tool, async |_, args| {
        args.value("give")
            .cloned()
            .unwrap_or_else(|| json!({"ran": true}))
    })
}

fn orders() -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1},
            "note": {"type": ["string", "null"]},
            "give": {},
        },
        "required": ["items"],
        "additionalProperties": false,
        "$defs": {"item": {"type": "object", "properties": {"count": {"type": "integer"}}}},
    })
}

/// FIELD S-4, S-1, S-2: the model is told what is wrong and where, in every revision, and no handler runs.
#[tokio::test]
async fn a_model_is_told_which_argument_is_wrong() {
    let mcp = McpService::builder(server(orders(), None)).build().unwrap();
    for version in ProtocolVersion::ALL {
        let client = Client::new(&mcp).version(version);
        for (arguments, fault) in [
            (json!({"items": [{"count": 5.0}], "note": null}), None),
            (
                json!({}),
                Some("arguments: \"items\" is a required property"),
            ),
            (
                json!({"items": [{}, {"count": "two"}]}),
                Some("arguments.items[1].count: this is not of type \"integer\""),
            ),
            (
                json!({"items": []}),
                Some("arguments.items: this has less than 1 item"),
            ),
            (
                json!({"items": [{}], "color": 1}),
                Some("arguments: Additional properties are not allowed ('color' was unexpected)"),
            ),
        ] {
            let result = client.call("order", arguments.clone()).await.unwrap();
            assert_eq!(result.is_error(), fault.is_some(), "{version} {arguments}");
            assert_eq!(
                result.text(),
                fault.unwrap_or(r#"{"ran":true}"#),
                "{version}"
            );
        }
    }
}

/// FIELD S-7: the client learns no more than that the result was refused; the operator learns why.
#[tokio::test]
async fn an_operator_is_told_which_result_is_wrong() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let output = json!({"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]});
    let input = json!({"type": "object"});
    let mcp = McpService::builder(server(input, Some(output)))
        .on_event(move |event| {
            if let ServiceEvent::HandlerFailed { name, reason, .. } = event {
                hears.lock().unwrap().push(format!("{name}: {reason}"));
            }
        })
        .build()
        .unwrap();
    let client = Client::new(&mcp);
    let right = client
        .call("order", json!({"give": {"total": 1.5}}))
        .await
        .unwrap();
    assert_eq!(right.structured(), &json!({"total": 1.5}));
    for (give, reason) in [
        (
            json!({"total": "1.5"}),
            "order: result.total: this is not of type \"number\"",
        ),
        (json!({}), "order: result: \"total\" is a required property"),
        (
            json!([1]),
            "order: the result has no structured content that the output schema allows",
        ),
    ] {
        let error = client
            .call("order", json!({"give": give}))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Some(-32603), "internal error")
        );
        assert_eq!(
            heard.lock().unwrap().drain(..).collect::<Vec<_>>(),
            [reason]
        );
    }
}

/// A bad schema fails the build, which names the tool and the place.
#[test]
fn a_schema_that_is_none_fails_the_build() {
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    for (input, output, says) in [
        (
            object(json!({"a": {"pattern": "("}})),
            None,
            "schema.properties.a.pattern",
        ),
        (
            object(json!({"a": {"$ref": "https://example.com/a"}})),
            None,
            "https://example.com/a",
        ),
        (
            object(json!({"a": {"$ref": "#/$defs/none"}})),
            None,
            "$defs/none",
        ),
        (object(json!({})), Some(json!({"minimum": "x"})), "minimum"),
    ] {
        let which = if output.is_some() { "output" } else { "input" };
        let error = McpService::builder(server(input, output))
            .build()
            .unwrap_err();
        let text = error.to_string();
        let begins = format!("the {which} schema of the tool \"order\" is wrong: ");
        assert!(text.starts_with(&begins) && text.contains(says), "{text}");
    }
}
