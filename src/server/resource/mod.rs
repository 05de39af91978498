//! Resources and resource templates: what can be read.

pub(crate) mod contents;
pub(crate) mod definition;
mod description;
pub(crate) mod handler;
pub(crate) mod template;
