//! [`PromptArguments`]: what a prompt is asked for with.

use std::collections::BTreeMap;

use crate::wire::jsonrpc::ErrorObject;

/// The arguments of a prompt, with every argument that the prompt requires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptArguments(BTreeMap<String, String>);

impl PromptArguments {
    pub(crate) fn new(given: BTreeMap<String, String>) -> Self {
        Self(given)
    }

    /// An argument; `None` if the client left it out.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An argument that the prompt requires.
    ///
    /// # Errors
    ///
    /// -32602 if the client left it out, which is possible only if the prompt does not require it.
    pub fn str(&self, name: &str) -> Result<&str, ErrorObject> {
        self.get(name)
            .ok_or_else(|| ErrorObject::invalid_params(format!("the argument `{name}` is missing")))
    }
}
