//! [`Authorizer`]: who may ask, decided before a body is read (SPEC F, J-39).

use std::net::SocketAddr;

use hyper::http::request::Parts;

use super::identity::Identity;
use crate::protocol::challenge::Challenge;
use crate::transport::future::BoxFuture;

/// Decides who a request comes from. Asked for every request to an endpoint, session or not (SPEC F-1,
/// G-11), before its body is read; not for `OPTIONS`, nor for documents about the authorization.
///
/// A check that panics, or takes longer than 10 s, counts as [`Challenge::unavailable`]. An identity
/// that has expired counts as [`Challenge::invalid_token`].
///
/// ```
/// use std::net::SocketAddr;
/// use hyper::http::request::Parts;
/// use mcp_wire::BoxFuture;
/// use mcp_wire::auth::{Authorizer, Challenge, Identity};
///
/// /// Lets in who comes from this machine.
/// struct Neighbours;
///
/// impl Authorizer for Neighbours {
///     fn authorize(&self, _: &Parts, peer: Option<SocketAddr>) -> BoxFuture<Result<Identity, Challenge>> {
///         let verdict = match peer {
///             Some(peer) if peer.ip().is_loopback() => Ok(Identity::new("neighbour")),
///             _ => Err(Challenge::missing()),
///         };
///         Box::pin(std::future::ready(verdict))
///     }
/// }
/// ```
///
/// # Cancel safety
///
/// The future is dropped when the client leaves.
pub trait Authorizer: Send + Sync + 'static {
    /// Decides by the head of a request and by where it comes from, which is known if the accept loop
    /// says so ([`McpService::for_peer`](crate::McpService::for_peer); [`serve`](crate::serve()) does).
    fn authorize(
        &self,
        head: &Parts,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>>;
}

/// Takes the [`Identity`] that the embedder's own stack put into the extensions of a request, and
/// lets nobody in without one.
///
/// Without any authorizer such an identity counts as well; this one makes sure that it is there.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it has nothing to hold, and its name is its value"
)]
pub struct FromExtensions;

impl Authorizer for FromExtensions {
    fn authorize(
        &self,
        head: &Parts,
        _: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        let identity = Identity::of(head).cloned();
        Box::pin(std::future::ready(identity.ok_or_else(Challenge::missing)))
    }
}
