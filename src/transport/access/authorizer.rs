//! [`Authorizer`]: finds out who sends a request, before its body is read (SPEC F, J-39).

use std::net::SocketAddr;

use hyper::http::request::Parts;

use super::identity::Identity;
use crate::error::Error;
use crate::protocol::challenge::Challenge;
use crate::transport::future::BoxFuture;

/// Finds out who sends a request.
///
/// It is asked for every request to an endpoint, with or without a session, before the body is read
/// (*2025-11-25, Authorization, Token Handling*). It is not asked for `OPTIONS`, nor for the documents
/// about the authorization.
///
/// A check that panics or takes longer than 10 s counts as [`Challenge::unavailable`]. An identity that
/// has expired counts as [`Challenge::invalid_token`].
///
/// ```
/// use std::net::SocketAddr;
/// use hyper::http::request::Parts;
/// use mcp_wire::BoxFuture;
/// use mcp_wire::auth::{Authorizer, Challenge, Identity};
///
/// /// Admits the programs on this machine.
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
    /// Decides by the head of a request and by the address of its connection. The address is known if the
    /// accept loop tells it ([`McpService::with_peer_addr`](crate::McpService::with_peer_addr)), as
    /// [`serve`](crate::serve()) does.
    ///
    /// # Errors
    ///
    /// The challenge that the client gets with 401 or 403; or 503 if the check could not be made.
    fn authorize(
        &self,
        head: &Parts,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>>;

    /// Says whether it can authorize anybody at all. It is asked once, when a service is built. The default is
    /// that it can.
    ///
    /// # Errors
    ///
    /// What is wrong. The service is then not built, and [`Builder::build`](crate::Builder::build) gives this
    /// error.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Takes the [`Identity`] that the embedder put into the extensions of a request, and refuses requests
/// without one.
///
/// Without an authorizer such an identity is used too, but requests without one are served.
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
