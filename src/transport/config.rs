//! [`Config`]: the checked settings that a service runs with.

use std::fmt;

use super::dispatch::admission::Access;
use super::intake::request_body::BodyLimits;
use super::limits::Limits;
#[cfg(feature = "request-state")]
use super::session::portable::Portable;
use super::timeouts::Timeouts;
use crate::protocol::cors::Cors;
use crate::protocol::exchange::Terms;
use crate::protocol::forwarded::Proxies;
use crate::protocol::guard::Guard;
use crate::protocol::stream::Resumption;
use crate::wire::id::Tag;

/// The settings of a service, checked and immutable.
pub(crate) struct Config {
    /// `None` when the endpoint is switched off.
    pub(crate) mcp_path: Option<String>,
    /// `None` when HTTP+SSE is switched off.
    pub(crate) sse: Option<SsePaths>,
    pub(crate) terms: Terms,
    pub(crate) guard: Guard,
    pub(crate) cors: Cors,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) proxies: Proxies,
    pub(crate) access: Access,
    #[cfg(feature = "request-state")]
    pub(crate) portable: Option<Portable>,
}

/// Where HTTP+SSE is.
#[derive(Debug)]
pub(crate) struct SsePaths {
    pub(crate) stream: String,
    pub(crate) messages: String,
    /// What clients are told to POST to, up to the session id.
    pub(crate) announced: String,
    /// Whether a proxy may say what comes before `messages` instead.
    pub(crate) trusts_forwarded_prefix: bool,
}

impl Config {
    /// The limits of a request body.
    pub(crate) fn body_limits(&self) -> BodyLimits {
        BodyLimits {
            bytes: self.limits.body,
            time: self.timeouts.body,
        }
    }

    /// How the streams of a new session can be resumed. `tag` is in the ids of its events.
    pub(crate) fn resumption(&self, tag: Option<Tag>) -> Resumption {
        Resumption {
            tag,
            limits: self.limits.replay,
            retry: self.timeouts.retry,
        }
    }
}

/// The authorizer may hold secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("mcp_path", &self.mcp_path)
            .field("sse", &self.sse)
            .field("guard", &self.guard)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// Whether two paths are the same but for a trailing slash (PITFALLS R-46).
pub(crate) fn same_path(a: &str, b: &str) -> bool {
    a.strip_suffix('/').unwrap_or(a) == b.strip_suffix('/').unwrap_or(b)
}
