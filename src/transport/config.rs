//! [`Config`]: the checked settings that a service runs with.

use std::fmt;
use std::time::Duration;

use super::access::authorizer::Authorizer;
#[cfg(feature = "request-state")]
use super::session::portable::Portable;
use super::stream::queue::QueueLimits;
use crate::protocol::challenge::Challenge;
use crate::protocol::cors::Cors;
use crate::protocol::exchange::Terms;
use crate::protocol::forwarded::Proxies;
use crate::protocol::guard::Guard;
use crate::protocol::party::Caps;
use crate::protocol::protected::Published;
use crate::protocol::rejection::Rejection;
use crate::protocol::replay::ReplayLimits;
use crate::wire::jsonrpc::MessageLimits;

/// The settings of a service, checked and immutable.
pub(crate) struct Config {
    /// `None` when the endpoint is switched off.
    pub(crate) mcp_path: Option<String>,
    /// `None` when HTTP+SSE is switched off.
    pub(crate) sse: Option<SsePaths>,
    pub(crate) terms: Terms,
    pub(crate) guard: Guard,
    pub(crate) cors: Cors,
    pub(crate) body_limit: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) silence: Duration,
    pub(crate) retry: Duration,
    pub(crate) reply_timeout: Duration,
    pub(crate) idle_time: Duration,
    pub(crate) sessions: Caps,
    pub(crate) max_requests: usize,
    pub(crate) calls: Caps,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) listens: Caps,
    pub(crate) proxies: Proxies,
    pub(crate) queue: QueueLimits,
    pub(crate) replay: ReplayLimits,
    pub(crate) json: MessageLimits,
    pub(crate) capabilities_limit: usize,
    pub(crate) access: Access,
    #[cfg(feature = "request-state")]
    pub(crate) portable: Option<Portable>,
}

/// Who may ask.
pub(crate) struct Access {
    /// `None` lets everybody in.
    pub(crate) authorizer: Option<Box<dyn Authorizer>>,
    /// What is told of it, and the path in front of ours that clients know.
    pub(crate) published: Option<(Published, String)>,
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

impl Access {
    /// Completes a challenge for the endpoint that is known by this path.
    pub(crate) fn challenge(&self, challenge: Challenge, path: &str) -> Rejection {
        let challenge = match &self.published {
            Some((published, prefix)) => {
                let url = published.url_for(&format!("{prefix}{path}"));
                challenge.at(url, published.initial_scopes())
            }
            None => challenge,
        };
        Rejection::Challenged(Box::new(challenge))
    }
}

/// The authorizer may hold secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("mcp_path", &self.mcp_path)
            .field("sse", &self.sse)
            .field("guard", &self.guard)
            .field("sessions", &self.sessions)
            .finish_non_exhaustive()
    }
}

/// Whether two paths are the same but for a trailing slash (PITFALLS R-46).
pub(crate) fn same_path(a: &str, b: &str) -> bool {
    a.strip_suffix('/').unwrap_or(a) == b.strip_suffix('/').unwrap_or(b)
}
