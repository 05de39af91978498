//! [`Settings`]: what an accept loop is configured with.

use std::time::Duration;

use super::setup::{HEADER_LIMIT, TIMEOUTS};
#[cfg(feature = "http2")]
use super::setup::{HTTP2, Http2Settings};
use super::timers::ConnectionTimeouts;
use crate::error::Error;

/// What an accept loop is configured with. It is checked once, before the first connection.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// How many connections there may be. One more is answered 503.
    pub(super) max_connections: usize,
    pub(super) header_limit: usize,
    pub(super) timeouts: ConnectionTimeouts,
    #[cfg(feature = "http2")]
    pub(super) http2: Http2Settings,
    /// How long running requests have to finish once the shutdown has begun (PITFALLS R-24).
    pub(super) drain_deadline: Duration,
}

impl Settings {
    const MAX_CONNECTIONS: usize = 10_000;
    const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
    /// hyper reads no longer head.
    const HEADER_CEILING: usize = 408 * 1024;

    /// Refuses settings with which nothing could be served.
    pub(super) fn check(&self) -> Result<(), Error> {
        let counts = [
            ("max_connections", self.max_connections),
            ("header_limit", self.header_limit),
            #[cfg(feature = "http2")]
            ("max_streams", self.http2.max_streams as usize),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::setup(format!(
                "`Serve::{name}` must be at least 1, not 0"
            )));
        }
        if self.header_limit > Self::HEADER_CEILING {
            return Err(Error::setup(format!(
                "`Serve::header_limit` must be at most {}, which is what hyper can read, not {}",
                Self::HEADER_CEILING,
                self.header_limit,
            )));
        }
        let times = [
            ("handshake_timeout", self.timeouts.handshake),
            ("header_timeout", self.timeouts.head),
            ("idle_timeout", self.timeouts.idle),
            ("write_stall", self.timeouts.write),
            #[cfg(feature = "http2")]
            ("ping_interval", self.http2.ping_interval),
        ];
        match times.iter().find(|(_, time)| time.is_zero()) {
            Some((name, _)) => Err(Error::setup(format!(
                "`Serve::{name}` must be longer than zero"
            ))),
            None => Ok(()),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_connections: Self::MAX_CONNECTIONS,
            header_limit: HEADER_LIMIT,
            timeouts: TIMEOUTS,
            #[cfg(feature = "http2")]
            http2: HTTP2,
            drain_deadline: Self::DRAIN_DEADLINE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_and_the_largest_values_can_be_served() {
        Settings::default().check().unwrap();
        let ever = Duration::MAX;
        let largest = Settings {
            max_connections: usize::MAX,
            header_limit: Settings::HEADER_CEILING,
            timeouts: ConnectionTimeouts {
                handshake: ever,
                head: ever,
                idle: ever,
                write: ever,
                close: ever,
            },
            #[cfg(feature = "http2")]
            http2: Http2Settings {
                max_streams: u32::MAX,
                ping_interval: ever,
            },
            drain_deadline: Duration::ZERO,
        };
        largest.check().unwrap();
    }

    #[test]
    fn settings_that_serve_nothing_are_refused_by_name() {
        type Set = fn(&mut Settings);
        let cases: &[(Set, &str)] = &[
            (
                |s| s.max_connections = 0,
                "`Serve::max_connections` must be at least 1, not 0",
            ),
            (
                |s| s.header_limit = 0,
                "`Serve::header_limit` must be at least 1, not 0",
            ),
            (
                |s| s.header_limit = 417_793,
                "`Serve::header_limit` must be at most 417792, which is what hyper can read, not 417793",
            ),
            (
                |s| s.timeouts.handshake = Duration::ZERO,
                "`Serve::handshake_timeout` must be longer than zero",
            ),
            (
                |s| s.timeouts.head = Duration::ZERO,
                "`Serve::header_timeout` must be longer than zero",
            ),
            (
                |s| s.timeouts.idle = Duration::ZERO,
                "`Serve::idle_timeout` must be longer than zero",
            ),
            (
                |s| s.timeouts.write = Duration::ZERO,
                "`Serve::write_stall` must be longer than zero",
            ),
            #[cfg(feature = "http2")]
            (
                |s| s.http2.max_streams = 0,
                "`Serve::max_streams` must be at least 1, not 0",
            ),
            #[cfg(feature = "http2")]
            (
                |s| s.http2.ping_interval = Duration::ZERO,
                "`Serve::ping_interval` must be longer than zero",
            ),
        ];
        for (set, told) in cases {
            let mut settings = Settings::default();
            set(&mut settings);
            let error = settings.check().unwrap_err();
            assert!(error.is_setup());
            assert_eq!(error.to_string(), *told);
        }
    }
}
