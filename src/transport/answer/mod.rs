//! Answers: the responses of the service, and whether an answer or a reason for a stream comes first.

pub(crate) mod documents;
pub(crate) mod first;
#[cfg(feature = "gzip")]
pub(crate) mod gzip;
pub(crate) mod response;
