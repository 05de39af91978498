//! What the processes that serve one address share: a [`Backplane`], and the stores that it is made of.
//!
//! Without a setting, a service keeps its tasks in its own memory. Give it a [`Backplane`] over a store of
//! yours, and they outlive the process, and any process answers for them.

pub use crate::transport::backplane::place::Backplane;
pub use crate::transport::backplane::rows::{Row, Rows, StoreError};
