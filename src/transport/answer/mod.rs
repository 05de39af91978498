//! How a request is answered.

pub(crate) mod documents;
pub(crate) mod first;
pub(crate) mod response;
