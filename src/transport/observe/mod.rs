//! What a service tells of itself: events, counters, spans.

pub(crate) mod events;
pub(crate) mod observer;
#[cfg(feature = "tracing")]
pub(crate) mod spans;
