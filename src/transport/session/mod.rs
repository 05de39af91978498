//! Sessions, and what else outlives one exchange: the reaper of idle sessions, listening requests, and the
//! names of portable sessions.

pub(crate) mod listeners;
#[cfg(feature = "request-state")]
pub(crate) mod portable;
pub(crate) mod reaper;
pub(crate) mod sessions;
