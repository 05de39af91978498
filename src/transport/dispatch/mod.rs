//! How a message reaches its handler, and what the handler is given.

pub(crate) mod calls;
pub(crate) mod context;
