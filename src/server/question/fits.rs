//! [`fits()`]: whether an answer fits a question that only its text is left of.

use std::borrow::Cow;

use serde_json::Value;

use super::elicitation::Elicitation;
use super::root::Root;
use super::sampled::Sampled;
use crate::wire::method::Method;

/// Whether an answer fits this question, which is the JSON text of a request to the client.
pub(crate) fn fits(question: &str, answer: Value) -> bool {
    let Ok(mut question) = serde_json::from_str::<Value>(question) else {
        return false;
    };
    let method = question.get("method").and_then(Value::as_str);
    match Method::from(Cow::Borrowed(method.unwrap_or_default())) {
        Method::ElicitationCreate => {
            let schema = question.get_mut("params");
            let schema = schema.and_then(|params| params.get_mut("requestedSchema"));
            let asked = match schema {
                Some(schema) => Elicitation::form("", schema.take()),
                None => Elicitation::url("", ""),
            };
            asked.read(answer).is_some()
        }
        Method::SamplingCreateMessage => Sampled::read(answer).is_some(),
        Method::RootsList => Root::read(&answer).is_some(),
        _ => false,
    }
}
