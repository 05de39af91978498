//! Typed tools: what is listed of them, and what their calls are answered.

use mcp_wire::McpService;
use mcp_wire::schemars::JsonSchema;
use mcp_wire::server::{Call, HandlerError, Json, Server, Tool};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Client, Session, modern, start};

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "mcp_wire::schemars")]
struct Sum {
    /// What to add up
    terms: Vec<Term>,
    scale: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "mcp_wire::schemars")]
struct Term {
    value: i32,
}

#[derive(Serialize, JsonSchema)]
#[schemars(crate = "mcp_wire::schemars")]
struct Total {
    total: i64,
    count: usize,
}

async fn sum(_: Call, sum: Sum) -> Result<Json<Total>, HandlerError> {
    if sum.terms.is_empty() {
        return Err(HandlerError::new("there is nothing to add up"));
    }
    let total: i64 = sum.terms.iter().map(|term| i64::from(term.value)).sum();
    Ok(Json(Total {
        total: total * sum.scale.unwrap_or(1),
        count: sum.terms.len(),
    }))
}

async fn count(_: Call, sum: Sum) -> String {
    sum.terms.len().to_string()
}

/// FIELD P-2, SPEC E-36: schemas from the types, in the order of their fields, and every fault of an argument
/// told to the model, in every revision.
#[tokio::test]
async fn a_typed_tool_is_listed_and_called() {
    let server = Server::new("Sums", "1")
        .typed_tool(Tool::new("sum"), sum)
        .typed_tool(Tool::new("count"), count);
    let running = start(McpService::builder(server.clone()).build().unwrap()).await;
    server
        .add_typed_tool(Tool::new("late"), count)
        .expect("the name is free");
    let address = running.address;
    for revision in [
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
        "2026-07-28",
    ] {
        let answer = async |method: &str, params: Value| match revision {
            "2024-11-05" => {
                let mut client = Client::initialized(address, revision, json!({})).await;
                client.call(method, params).await
            }
            "2026-07-28" => modern(address, 1, method, params).await.answer().await,
            _ => {
                let session = Session::open(address, revision, json!({})).await;
                session.call(method, params).await
            }
        };
        let listed = answer("tools/list", json!({})).await;
        let tools = listed["result"]["tools"].as_array().unwrap();
        let terms = json!({"type": "array", "description": "What to add up", "items": {
            "type": "object", "properties": {"value": {"type": "integer"}}, "required": ["value"]}});
        let input = json!({"type": "object", "properties": {"terms": terms,
            "scale": {"type": "integer"}}, "required": ["terms"]});
        let output = json!({"type": "object", "properties": {"total": {"type": "integer"},
            "count": {"type": "integer", "minimum": 0}}, "required": ["total", "count"]});
        let has_output = revision >= "2025-06-18";
        assert_eq!(tools[0]["inputSchema"], input, "{revision}");
        assert_eq!(tools[0].get("outputSchema"), has_output.then_some(&output));
        assert_eq!(tools[2]["name"], "late");
        assert!(tools[1].get("outputSchema").is_none());

        let called = async |arguments: Value| {
            let params = json!({"name": "sum", "arguments": arguments});
            answer("tools/call", params).await["result"].clone()
        };
        let result = called(json!({"terms": [{"value": 1}, {"value": 2.0}], "scale": null})).await;
        assert_eq!(result["content"][0]["text"], r#"{"total":3,"count":2}"#);
        let structured = json!({"total": 3, "count": 2});
        assert_eq!(
            result.get("structuredContent"),
            has_output.then_some(&structured)
        );
        assert!(result.get("isError").is_none());
        for (arguments, told) in [
            (json!({"terms": []}), "there is nothing to add up"),
            (
                json!(null),
                "arguments: `terms` is missing, of `terms`, `scale`",
            ),
            (
                json!({"terms": [{"value": 1}, {"value": "x"}]}),
                "arguments.terms[1].value: expected an integer from -2147483648 to 2147483647, not the string \"x\"",
            ),
            (
                json!({"terms": [], "scale": 1.5}),
                "arguments.scale: expected an integer, not the number 1.5",
            ),
        ] {
            let result = called(arguments).await;
            assert_eq!(result["isError"], true, "{result}");
            assert_eq!(result["content"][0]["text"], told, "{revision}");
        }
    }
}
