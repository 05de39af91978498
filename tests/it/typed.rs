//! Typed tools: what is listed of them, and what their calls are answered.

use mcp_wire::schemars::JsonSchema;
use mcp_wire::server::{Call, HandlerError, Json, Prompt, Server, Tool};
use mcp_wire::test::{self, Reply};
use mcp_wire::{McpService, ProtocolVersion};
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

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "mcp_wire::schemars")]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "mcp_wire::schemars")]
struct Order {
    /// How many you want
    count: u32,
    size: Size,
    note: Option<String>,
}

impl Order {
    fn told(self) -> String {
        let size = match self.size {
            Size::Small => "small",
            Size::Large => "large",
        };
        format!("{} {size} {:?}", self.count, self.note)
    }
}

/// FIELD P-2: the form has the fields of the type, and its answer is read into it, in both eras.
#[tokio::test]
async fn a_person_is_asked_with_a_form_made_from_a_type() {
    let server = Server::new("Shop", "1").tool(Tool::new("order"), async |cx: Call, _| {
        let order = cx.ask::<Order>("What do you want?").await?;
        Ok::<_, HandlerError>(order.map_or_else(|| "nothing".to_owned(), Order::told))
    });
    let mcp = McpService::builder(server).build().unwrap();
    let form = json!({"type": "object", "properties": {
        "count": {"type": "integer", "description": "How many you want", "minimum": 0},
        "size": {"type": "string", "enum": ["small", "large"]},
        "note": {"type": "string"},
    }, "required": ["count", "size"]});
    for version in [
        ProtocolVersion::V2025_06_18,
        ProtocolVersion::V2025_11_25,
        ProtocolVersion::V2026_07_28,
    ] {
        for (reply, expected) in [
            (
                Reply::accept(json!({"count": 2.0, "size": "large"})),
                "2 large None",
            ),
            (
                Reply::accept(json!({"count": 1, "size": "small", "note": "red"})),
                "1 small Some(\"red\")",
            ),
            (Reply::decline(), "nothing"),
            (Reply::cancel(), "nothing"),
        ] {
            let form = form.clone();
            let client = test::Client::new(&mcp)
                .version(version)
                .on_elicit(move |question| {
                    assert_eq!(question.params()["requestedSchema"], form, "{version}");
                    reply.clone()
                });
            assert_eq!(
                client.call("order", json!({})).await.unwrap().text(),
                expected,
                "{version}"
            );
        }
    }
}

/// FIELD P-2: a prompt has the fields of the type as arguments, and reads numbers from their texts.
#[tokio::test]
async fn the_arguments_of_a_prompt_are_made_from_a_type() {
    let server = Server::new("Shop", "1")
        .typed_prompt(Prompt::new("order"), async |_: Call, order: Order| {
            order.told()
        });
    let mcp = McpService::builder(server).build().unwrap();
    for version in ProtocolVersion::ALL {
        let client = test::Client::new(&mcp).version(version);
        let listed = client.list_prompts().await.unwrap();
        let arguments = json!([
            {"name": "count", "description": "How many you want", "required": true},
            {"name": "size", "required": true},
            {"name": "note"},
        ]);
        let mut told = listed[0]["arguments"].clone();
        for argument in told.as_array_mut().unwrap() {
            let argument = argument.as_object_mut().unwrap();
            argument.retain(|_, value| *value != json!(false));
        }
        assert_eq!(told, arguments, "{version}");
        for (given, expected) in [
            (json!({"count": "2", "size": "large"}), Ok("2 large None")),
            (
                json!({"count": "2.0", "size": "small", "note": "5"}),
                Ok("2 small Some(\"5\")"),
            ),
            (
                json!({"count": "two", "size": "small"}),
                Err("arguments.count: expected the text of a value of type integer, not \"two\""),
            ),
            (json!({"count": "1", "size": "huge"}), Err("arguments.size")),
            (json!({"size": "small"}), Err("count")),
        ] {
            match (client.prompt("order", given).await, expected) {
                (Ok(result), Ok(expected)) => assert_eq!(result.text(), expected),
                (Err(error), Err(says)) => {
                    assert_eq!(error.code(), Some(-32602), "{error}");
                    assert!(error.message().contains(says), "{error}");
                }
                (other, _) => panic!("{other:?} for {expected:?}"),
            }
        }
    }
}
