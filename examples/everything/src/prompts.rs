//! Prompts, and completion of arguments.

use std::future::ready;

use mcp_wire::server::Presence::Required;
use mcp_wire::server::{
    Call, CompletionRequest, CompletionTarget, Content, HandlerError, Prompt, PromptArguments,
    PromptResult, ResourceContents, Role, Server,
};

use crate::media::PNG;

pub(crate) fn add(server: Server) -> Server {
    let simple = Prompt::new("test_simple_prompt").description("A prompt without arguments");
    let arguments = Prompt::new("test_prompt_with_arguments")
        .description("A prompt with two arguments")
        .argument("arg1", Required)
        .argument("arg2", Required);
    let resource = Prompt::new("test_prompt_with_embedded_resource")
        .description("A prompt with a resource in it")
        .argument("resourceUri", Required);
    let image = Prompt::new("test_prompt_with_image").description("A prompt with an image in it");
    let echo = Prompt::new("echo_prompt")
        .description("Create an echo prompt")
        .argument("message", Required);
    server
        .prompt(simple, |_, _| ready("This is a simple prompt for testing."))
        .prompt(arguments, with_arguments)
        .prompt(resource, with_resource)
        .prompt(image, with_image)
        .prompt(echo, echo_prompt)
        .completion(complete)
}

async fn with_arguments(_cx: Call, args: PromptArguments) -> Result<String, HandlerError> {
    let (arg1, arg2) = (args.str("arg1")?, args.str("arg2")?);
    Ok(format!(
        "Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"
    ))
}

async fn with_resource(_cx: Call, args: PromptArguments) -> Result<PromptResult, HandlerError> {
    let text = "Embedded resource content for testing.";
    let contents = ResourceContents::text(args.str("resourceUri")?, text).mime_type("text/plain");
    Ok(PromptResult::new()
        .message(Role::User, Content::embedded(contents))
        .message(Role::User, "Please process the embedded resource above."))
}

async fn with_image(_cx: Call, _args: PromptArguments) -> PromptResult {
    PromptResult::new()
        .message(Role::User, Content::image(PNG, "image/png"))
        .message(Role::User, "Please analyze the image above.")
}

async fn echo_prompt(_cx: Call, args: PromptArguments) -> Result<String, HandlerError> {
    let message = args.str("message")?;
    Ok(format!("Please process this message: {message}"))
}

/// Completes ids of the resource template.
async fn complete(_cx: Call, wanted: CompletionRequest) -> Result<Vec<String>, HandlerError> {
    let known: &[&str] = match (wanted.target(), wanted.argument()) {
        (CompletionTarget::Template(_), "id") => &["1", "12", "123"],
        _ => &[],
    };
    let known = known.iter().filter(|id| id.starts_with(wanted.value()));
    Ok(known.map(|&id| id.to_owned()).collect())
}
