//! Prompts whose arguments are made from the types of their handlers.

use std::future::Future;

use schemars::JsonSchema;
use serde_core::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::call::Call;
use super::handle::Server;
use super::handler_error::HandlerError;
use super::located::read_located;
use super::mismatch::quoted;
use super::prompt::arguments::PromptArguments;
use super::prompt::definition::{Presence, Prompt, PromptArgument};
use super::prompt::handler::{IntoPromptResult, prompt_handler};
use super::schema_of::schema_of_input;
use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;

impl Server {
    /// Registers a prompt whose arguments are a type: one for each field, required unless it may be absent,
    /// with the comment on the field as its description. They are added to those that the prompt has.
    ///
    /// Clients send the arguments of prompts as texts (*2025-11-25, Prompts*). A field of a number or a boolean is
    /// read from its text. A client whose arguments do not fit is answered -32602, with the argument, and the
    /// handler does not run.
    ///
    /// ```
    /// use mcp_wire::schemars::{self, JsonSchema};
    /// use mcp_wire::server::{Call, Prompt, Server};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Review {
    ///     /// The code to look at
    ///     code: String,
    ///     max_comments: Option<u32>,
    /// }
    ///
    /// async fn review(_: Call, review: Review) -> String {
    ///     let most = review.max_comments.unwrap_or(10);
    ///     format!("Review this code, with at most {most} comments:\n{}", review.code)
    /// }
    ///
    /// let server = Server::new("Reviews", "1.0.0").typed_prompt(Prompt::new("review"), review);
    /// ```
    pub fn typed_prompt<T, F, R>(
        self,
        prompt: Prompt,
        handler: impl Fn(Call, T) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: DeserializeOwned + JsonSchema + 'static,
        F: Future<Output = R> + Send + 'static,
        R: IntoPromptResult + 'static,
    {
        let schema = schema_of_input::<T>();
        let prompt = described(prompt, &schema);
        let handler = prompt_handler(move |call, arguments: PromptArguments| {
            let running = read(&schema, &arguments).map(|read| handler(call, read));
            async move { running?.await.into_prompt_result() }
        });
        self.register(prompt, handler)
    }
}

/// The fields of a type, by its schema.
fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten()
}

fn described(prompt: Prompt, schema: &Value) -> Prompt {
    let required = schema.get("required").and_then(Value::as_array);
    fields(schema).fold(prompt, |prompt, (name, field)| {
        let is_required = required.is_some_and(|names| names.iter().any(|other| other == name));
        let presence = match is_required {
            true => Presence::Required,
            false => Presence::Optional,
        };
        let argument = PromptArgument::new(name, presence);
        prompt.with_argument(match field.get("description").and_then(Value::as_str) {
            Some(description) => argument.description(description),
            None => argument,
        })
    })
}

/// Reads a type from the texts of its fields.
fn read<T: DeserializeOwned>(
    schema: &Value,
    arguments: &PromptArguments,
) -> Result<T, HandlerError> {
    let mut given = Map::new();
    for (name, field) in fields(schema) {
        if let Some(text) = arguments.get(name) {
            given.insert(name.clone(), value_of(name, field, text)?);
        }
    }
    let given = Value::Object(given).to_string();
    let read = read_located(RawJson::of(given.as_bytes()));
    read.map_err(|fault| ErrorObject::invalid_params(fault.to_string()).into())
}

fn value_of(name: &str, field: &Value, text: &str) -> Result<Value, ErrorObject> {
    let kind = field.get("type").and_then(Value::as_str);
    let fits = |value: &Value| match kind {
        Some("boolean") => value.is_boolean(),
        _ => value.is_number(),
    };
    match kind {
        Some(kind @ ("integer" | "number" | "boolean")) => {
            let value = serde_json::from_str(text).ok().filter(fits);
            value.ok_or_else(|| {
                let found = quoted(text);
                ErrorObject::invalid_params(format!(
                    "arguments.{name}: expected the text of a value of type {kind}, not {found}"
                ))
            })
        }
        _ => Ok(text.into()),
    }
}
