//! Prompts: messages that a person picks by name.

pub(crate) mod arguments;
pub(crate) mod definition;
pub(crate) mod handler;
pub(crate) mod result;
