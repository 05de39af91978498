//! Resources and resource templates: what can be read.

pub(crate) mod contents;
pub(crate) mod definition;
pub(crate) mod handler;
