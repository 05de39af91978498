//! What the processes that serve one address share.

pub(crate) mod memory;
pub(crate) mod place;
pub(crate) mod rows;
