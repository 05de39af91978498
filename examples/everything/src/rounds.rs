//! Tools and a prompt for the multi-round requests of 2026-07-28. Their questions have the keys that the conformance
//! suites expect. In the legacy era the same handlers ask and wait.

use mcp_wire::RequestError;
use mcp_wire::server::{
    Arguments, Call, Elicitation, Elicited, HandlerError, Prompt, PromptArguments, Role, Root,
    Sampling, Server,
};
use serde_json::{Value, json};

use crate::tools::tool;

pub(crate) fn add(server: Server) -> Server {
    let named = |rest, about| tool(&format!("test_input_required_result_{rest}"), about);
    let prompt =
        Prompt::new("test_input_required_result_prompt").description("Asks the user for the topic");
    server
        .tool(named("elicitation", "Asks for a name"), greet)
        .tool(named("sampling", "Asks the model for a capital"), capital)
        .tool(named("list_roots", "Asks for the roots"), roots)
        .tool(
            named("request_state", "Stores a state for its second round"),
            request_state,
        )
        .tool(
            named("multiple_inputs", "Asks for three things at once"),
            multiple_inputs,
        )
        .tool(
            named("multi_round", "Asks two questions in turn"),
            multi_round,
        )
        .tool(
            named(
                "tampered_state",
                "Stores a state that the client cannot alter",
            ),
            confirmed,
        )
        .tool(
            named("capabilities", "Asks only for what the client declares"),
            capabilities,
        )
        .prompt(prompt, about_context)
}

async fn greet(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let name = ask_name(&cx).await?;
    Ok(format!("Hello, {name}!"))
}

async fn capital(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let said = ask_model(
        &cx,
        "capital_question",
        "What is the capital of France?",
        100,
    )
    .await?;
    Ok(format!("The model said: {said}"))
}

async fn roots(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    Ok(format!("The roots are: {}", listed(&cx.roots().await?)))
}

/// The second round reads the state that the first one stored.
async fn request_state(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let kept = cx.state();
    cx.set_state("state-ok");
    let ok = confirm(&cx).await?;
    let kept = kept.as_str().unwrap_or("without a state");
    Ok(format!("Confirmed: {ok}, {kept}"))
}

/// Asks three questions in one round, because none depends on another.
async fn multiple_inputs(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let (name, greeting, roots) = tokio::try_join!(
        ask_name(&cx),
        ask_model(&cx, "greeting", "Generate a greeting", 50),
        cx.roots(),
    )?;
    Ok(format!("{name}: {greeting} Roots: {}", listed(&roots)))
}

async fn multi_round(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let name = ask_user(&cx, "step1", "Step 1: What is your name?", "name").await?;
    let color = ask_user(
        &cx,
        "step2",
        "Step 2: What is your favorite color?",
        "color",
    )
    .await?;
    Ok(format!("{name} likes {color}."))
}

/// The server seals every state, so that the tool does not have to check it.
async fn confirmed(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    Ok(format!("Confirmed: {}", confirm(&cx).await?))
}

/// The server never asks a client for what it does not declare. This tool needs one of three answers.
async fn capabilities(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    let (name, said, roots) = tokio::join!(
        ask_name(&cx),
        ask_model(&cx, "greeting", "Generate a greeting", 50),
        cx.roots(),
    );
    let roots = roots.map(|roots| listed(&roots));
    let answers = [&name, &said, &roots].into_iter().flatten();
    let answers = answers.map(String::as_str).collect::<Vec<_>>().join("; ");
    if answers.is_empty() {
        // Reports which capability the client would have to declare.
        said?;
    }
    Ok(format!("Answers: {answers}"))
}

async fn about_context(cx: Call, _args: PromptArguments) -> Result<String, HandlerError> {
    let question = "What context should the prompt use?";
    let context = ask_user(&cx, "user_context", question, "context").await?;
    Ok(format!("Please go on in this context: {context}"))
}

async fn ask_name(cx: &Call) -> Result<String, RequestError> {
    ask_user(cx, "user_name", "What is your name?", "name").await
}

/// Asks the user for a text, with a form of one field.
async fn ask_user(
    cx: &Call,
    key: &str,
    message: &str,
    field: &str,
) -> Result<String, RequestError> {
    let form = form(key, message, field, "string");
    Ok(match cx.elicit(&form).await? {
        Elicited::Accepted(content) => text(content.get(field)),
        _ => "unknown".to_owned(),
    })
}

async fn confirm(cx: &Call) -> Result<bool, RequestError> {
    let form = form("confirm", "Please confirm", "ok", "boolean");
    let elicited = cx.elicit(&form).await?;
    Ok(matches!(elicited, Elicited::Accepted(content) if content.get("ok") == Some(&true.into())))
}

fn form(key: &str, message: &str, field: &str, kind: &str) -> Elicitation {
    let schema = json!({
        "type": "object",
        "properties": {field: {"type": kind}},
        "required": [field],
    });
    Elicitation::form(message, schema).key(key)
}

async fn ask_model(
    cx: &Call,
    key: &str,
    question: &str,
    max_tokens: u32,
) -> Result<String, RequestError> {
    let sampling = Sampling::new(max_tokens)
        .message(Role::User, question)
        .key(key);
    Ok(cx.sample(&sampling).await?.text.unwrap_or_default())
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn listed(roots: &[Root]) -> String {
    let uris: Vec<_> = roots.iter().map(|root| root.uri.as_str()).collect();
    uris.join(", ")
}
