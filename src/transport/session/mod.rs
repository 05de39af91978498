//! What outlives a request: sessions, and requests that listen for changes.

pub(crate) mod listeners;
#[cfg(feature = "request-state")]
pub(crate) mod portable;
pub(crate) mod sessions;
