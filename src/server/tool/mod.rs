//! Tools: what a model can call.

pub(crate) mod arguments;
pub(crate) mod definition;
pub(crate) mod handler;
mod hints;
#[cfg(feature = "serde")]
pub(crate) mod json;
mod kept;
mod keywords;
mod mirrored;
pub(crate) mod result;
mod schema;
pub(crate) mod task_use;
mod ui;
#[cfg(feature = "validation")]
mod validation;
