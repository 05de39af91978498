//! Tools that ask the user or the model of the client for something. In 2026-07-28 the answer arrives with a second
//! request; the handlers are the same.

use mcp_wire::server::{
    Arguments, Call, Elicitation, Elicited, HandlerError, Role, Sampling, Server,
};
use serde_json::{Map, Value, json};

use crate::tools::{text_argument, tool};

pub(crate) fn add(server: Server) -> Server {
    let sampling = tool("test_sampling", "Asks the model of the client")
        .input(text_argument("prompt", "What to ask the model"));
    let elicitation = tool("test_elicitation", "Asks the user")
        .input(text_argument("message", "What to ask the user"));
    let capability = "Needs a client that declares sampling";
    let server = server
        .tool(sampling, sample)
        .tool(elicitation, elicit)
        .tool(tool("test_missing_capability", capability), need_sampling);
    FORMS
        .iter()
        .fold(server, |server, &(name, about, properties)| {
            server.tool(tool(name, about), move |cx, _| fill_in(cx, properties()))
        })
}

type Form = (&'static str, &'static str, fn() -> Value);

/// Tools that show the user a form.
const FORMS: &[Form] = &[
    (
        "test_elicitation_sep1034_defaults",
        "Asks with a form that has defaults",
        fields_with_defaults,
    ),
    (
        "test_elicitation_sep1330_enums",
        "Asks with a form that has choices",
        fields_of_choices,
    ),
    (
        "test_streaming_elicitation",
        "Asks on the stream of its own response",
        || json!({"name": {"type": "string", "description": "Your name"}}),
    ),
];

async fn sample(cx: Call, args: Arguments) -> Result<String, HandlerError> {
    let sampling = Sampling::new(100).message(Role::User, args.str("prompt")?);
    let said = cx.sample(&sampling).await?.text;
    Ok(format!("LLM response: {}", said.unwrap_or_default()))
}

async fn need_sampling(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let sampling = Sampling::new(10).message(Role::User, "Say hello.");
    let said = cx.sample(&sampling).await?.text;
    Ok(format!("The model said: {}", said.unwrap_or_default()))
}

async fn elicit(cx: Call, args: Arguments) -> Result<String, HandlerError> {
    let schema = json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    });
    let elicited = cx
        .elicit(&Elicitation::form(args.str("message")?, schema))
        .await?;
    Ok(format!("User response: {}", describe(elicited)))
}

async fn fill_in(cx: Call, properties: Value) -> Result<String, HandlerError> {
    let schema = json!({"type": "object", "properties": properties});
    let form = Elicitation::form("Please fill in the form.", schema);
    let elicited = cx.elicit(&form).await?;
    Ok(format!("Elicitation completed: {}", describe(elicited)))
}

/// Describes the action and the content of the answer.
fn describe(elicited: Elicited) -> String {
    let (action, content) = match elicited {
        Elicited::Accepted(content) => ("accept", content),
        Elicited::Declined => ("decline", Map::new()),
        _ => ("cancel", Map::new()),
    };
    format!("action={action}, content={}", Value::from(content))
}

fn fields_with_defaults() -> Value {
    json!({
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {
            "type": "string",
            "description": "User status",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "description": "Verification status", "default": true},
    })
}

fn fields_of_choices() -> Value {
    let titled = json!([
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"},
    ]);
    json!({
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {
            "type": "array",
            "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
        },
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    })
}
