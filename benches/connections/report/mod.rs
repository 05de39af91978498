//! What was measured, side by side: printed as tables, saved as JSON and as a page.

pub(crate) mod content;
pub(crate) mod files;
mod html;
mod json;
pub(crate) mod machine;
mod numbers;
mod plot;
pub(crate) mod section;
