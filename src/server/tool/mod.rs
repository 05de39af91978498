//! Tools: what a model can call.

pub(crate) mod arguments;
pub(crate) mod definition;
pub(crate) mod handler;
mod kept;
mod mirrored;
pub(crate) mod result;
