//! [`PromptArguments`]: what a prompt is asked for with.

use std::collections::BTreeMap;

use crate::wire::jsonrpc::ErrorObject;

/// The arguments of a prompt. Every required one is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptArguments(BTreeMap<String, String>);

impl PromptArguments {
    pub(crate) fn new(given: BTreeMap<String, String>) -> Self {
        Self(given)
    }

    /// An argument; `None` when it was left out.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An argument that the prompt requires.
    ///
    /// # Errors
    ///
    /// -32602 when it was left out, which only an argument that the prompt does not require can be.
    pub fn str(&self, name: &str) -> Result<&str, ErrorObject> {
        self.get(name)
            .ok_or_else(|| ErrorObject::invalid_params(format!("the argument `{name}` is missing")))
    }
}
