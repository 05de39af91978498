//! How the body of a request is read, and what of the request is kept.

pub(crate) mod buffers;
pub(crate) mod detach;
pub(crate) mod request_body;
