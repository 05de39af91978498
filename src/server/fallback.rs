//! [`ToolCall`] and [`PromptCall`]: requests for what is not registered.

use std::sync::Arc;

use super::call::Call;
use super::handler_error::HandlerError;
use super::prompt::arguments::PromptArguments;
use super::prompt::result::PromptResult;
use super::tool::arguments::Arguments;
use super::tool::result::ToolResult;
use crate::transport::future::BoxFuture;
use crate::wire::jsonrpc::ErrorObject;

/// A call of a tool that is not registered, for
/// [`Server::tool_fallback`](crate::server::Server::tool_fallback).
#[derive(Clone, Debug)]
pub struct ToolCall {
    name: String,
    arguments: Arguments,
}

/// A request for a prompt that is not registered, for
/// [`Server::prompt_fallback`](crate::server::Server::prompt_fallback).
#[derive(Clone, Debug)]
pub struct PromptCall {
    name: String,
    arguments: PromptArguments,
}

impl ToolCall {
    pub(crate) fn new(name: String, arguments: Arguments) -> Self {
        Self { name, arguments }
    }

    /// The name of the tool, as the client wrote it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments. No schema was checked.
    #[must_use]
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// The arguments, to be passed on.
    #[must_use]
    pub fn into_arguments(self) -> Arguments {
        self.arguments
    }

    /// What the client is answered if there is no such tool: -32602.
    #[must_use]
    pub fn unknown(&self) -> ErrorObject {
        unknown("tool", &self.name)
    }
}

impl PromptCall {
    pub(crate) fn new(name: String, arguments: PromptArguments) -> Self {
        Self { name, arguments }
    }

    /// The name of the prompt, as the client wrote it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments. It is not known which of them the prompt requires.
    #[must_use]
    pub fn arguments(&self) -> &PromptArguments {
        &self.arguments
    }

    /// The arguments, to be passed on.
    #[must_use]
    pub fn into_arguments(self) -> PromptArguments {
        self.arguments
    }

    /// What the client is answered if there is no such prompt: -32602.
    #[must_use]
    pub fn unknown(&self) -> ErrorObject {
        unknown("prompt", &self.name)
    }
}

/// The refusal of a name that nothing has; it repeats no more of the name than a reader needs.
pub(crate) fn unknown(noun: &str, name: &str) -> ErrorObject {
    let name: String = name.chars().take(100).collect();
    ErrorObject::invalid_params(format!("unknown {noun}: {name}"))
}

/// Answers for the tools that are not registered.
pub(crate) type ToolFallback =
    Arc<dyn Fn(Call, ToolCall) -> BoxFuture<Result<ToolResult, HandlerError>> + Send + Sync>;

/// Answers for the prompts that are not registered.
pub(crate) type PromptFallback =
    Arc<dyn Fn(Call, PromptCall) -> BoxFuture<Result<PromptResult, HandlerError>> + Send + Sync>;
