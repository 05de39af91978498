//! [`Config`]: the checked settings that a service runs with.

use std::fmt;

#[cfg(feature = "server")]
use super::backplane::place::Backplane;
use super::dispatch::admission::Access;
use super::intake::request_body::BodyLimits;
use super::limits::Limits;
use super::paths::Paths;
#[cfg(feature = "request-state")]
use super::session::portable::Portable;
use super::timeouts::Timeouts;
use crate::protocol::challenge::Challenge;
use crate::protocol::cors::Cors;
use crate::protocol::exchange::{Endpoint, StreamableRules};
use crate::protocol::forwarded::Proxies;
use crate::protocol::guard::Guard;
use crate::protocol::rejection::Reason;
use crate::protocol::stream::Resumption;
use crate::wire::id::Tag;

/// The settings of a service, checked and immutable.
pub(crate) struct Config {
    pub(crate) paths: Paths,
    pub(crate) rules: StreamableRules,
    pub(crate) guard: Guard,
    pub(crate) cors: Cors,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    #[cfg(feature = "server")]
    pub(crate) backplane: Backplane,
    pub(crate) proxies: Proxies,
    pub(crate) access: Access,
    /// From how many bytes on answers are compressed, if they are.
    #[cfg(feature = "gzip")]
    pub(crate) gzip: Option<usize>,
    #[cfg(feature = "request-state")]
    pub(crate) portable: Option<Portable>,
}

impl Config {
    /// The endpoint that a request path belongs to.
    pub(crate) fn endpoint(&self, path: &str) -> Option<Endpoint> {
        self.paths.endpoint(path).or_else(|| {
            let published = self.access.published.as_ref()?;
            published.owns(path).then_some(Endpoint::Metadata)
        })
    }

    /// Whether the endpoint is switched on.
    pub(crate) fn serves(&self, endpoint: Endpoint) -> bool {
        match endpoint {
            Endpoint::Mcp => self.paths.mcp.is_some(),
            Endpoint::Sse | Endpoint::Messages => self.paths.sse.is_some(),
            Endpoint::Metadata => self.access.published.is_some(),
        }
    }

    /// Adds to a challenge where its client learns how to get a token. `path` is that of its request.
    pub(crate) fn challenge(&self, challenge: Challenge, endpoint: Endpoint, path: &str) -> Reason {
        let challenge = match &self.access.published {
            Some(published) => {
                let url = published.url_for(&self.paths.public_path(endpoint, path));
                challenge.at(url, published.initial_scopes())
            }
            None => challenge,
        };
        Reason::Challenged(Box::new(challenge))
    }

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

/// Without the authorizer, which may hold secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("paths", &self.paths)
            .field("guard", &self.guard)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}
