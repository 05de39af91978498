//! What a service reports about itself: events, counters, spans.

pub(crate) mod events;
pub(crate) mod observer;
#[cfg(feature = "tracing")]
pub(crate) mod spans;
