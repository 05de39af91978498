//! [`now`] and [`wall`]: the clocks of this floor.

#[cfg(feature = "server")]
use std::time::SystemTime;

/// The time as the protocol floor takes it. It is the clock of the runtime, so that tests can move it.
pub(crate) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

/// The time of day, which processes share. A test that moves the clock of the runtime moves this one too.
#[cfg(feature = "server")]
pub(crate) fn wall() -> SystemTime {
    let (moved, real, now) = (now(), std::time::Instant::now(), SystemTime::now());
    match moved.checked_duration_since(real) {
        Some(ahead) => now + ahead,
        None => now - real.duration_since(moved),
    }
}
