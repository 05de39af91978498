//! Resources and resource templates: what can be read.

pub(crate) mod contents;
pub(crate) mod definition;
mod description;
pub(crate) mod handler;
mod page_settings;
pub(crate) mod page_uri;
pub(crate) mod template;
pub(crate) mod ui;
