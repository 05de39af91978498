//! How a message reaches its handler, and what the handler is given.

pub(crate) mod admission;
pub(crate) mod calls;
pub(crate) mod context;
pub(crate) mod dispatcher;
pub(crate) mod intercept;
pub(crate) mod link;
pub(crate) mod publisher;
pub(crate) mod request_error;
