//! [`now`]: the clock of this floor.

/// The time as the protocol floor takes it. It is the clock of the runtime, so that tests can move it.
pub(crate) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
