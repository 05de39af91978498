//! Questions to the person whose forms are made from types.

use schemars::JsonSchema;
use serde_core::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use super::question::elicitation::{Elicitation, Elicited};
use super::schema_of::schema_of_input;
use crate::transport::dispatch::request_error::RequestError;

impl Call {
    /// Asks the person at the client to fill in a form that is made from `T`, and waits for the answer
    /// (*2025-11-25, Elicitation*). `None` if they decline or dismiss it; [`Call::elicit`] tells which, and
    /// asks with a time and a key of your own.
    ///
    /// `T` is a struct of strings, numbers, booleans and enums without data. A field that is an `Option` may
    /// be left empty. Comments on fields become their descriptions.
    ///
    /// ```
    /// use mcp_wire::schemars::{self, JsonSchema};
    /// use mcp_wire::server::{Arguments, Call, HandlerError};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Order {
    ///     /// How many you want
    ///     count: u32,
    ///     gift_wrap: bool,
    /// }
    ///
    /// async fn order(cx: Call, _: Arguments) -> Result<String, HandlerError> {
    ///     Ok(match cx.ask::<Order>("What do you want to order?").await? {
    ///         Some(order) => format!("{} ordered, wrapped: {}", order.count, order.gift_wrap),
    ///         None => "Nothing is ordered.".to_owned(),
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Call::elicit`]: [`RequestError::Faulty`] if `T` is no such struct, and [`RequestError::Malformed`] if the
    /// answer fits the form but not the type.
    ///
    /// # Cancel safety
    ///
    /// As [`Call::elicit`].
    pub async fn ask<T: DeserializeOwned + JsonSchema>(
        &self,
        message: impl Into<String>,
    ) -> Result<Option<T>, RequestError> {
        let form = Elicitation::form(message, schema_of_input::<T>());
        match self.elicit(&form).await? {
            Elicited::Accepted(answer) => serde_json::from_value(Value::Object(answer))
                .map(Some)
                .map_err(|_| RequestError::Malformed),
            Elicited::Declined | Elicited::Cancelled => Ok(None),
        }
    }
}
