//! [`Authorizer`]: who may ask, decided before a body is read (SPEC F, J-39).

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

use super::identity::Identity;
use crate::protocol::challenge::Challenge;
use crate::transport::dispatch::context::{BoxFuture, Dispatcher};
use crate::transport::panics::{Panicked, caught, guarded};
use crate::wire::jsonrpc::{Message, Payload};

/// How long a check may take; longer counts as unavailable.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Asks the authorizer.
pub(crate) async fn identify(
    authorizer: &dyn Authorizer,
    head: &Parts,
    peer: Option<SocketAddr>,
) -> Result<Identity, Challenge> {
    let check = guarded(|| authorizer.authorize(head, peer));
    let identity = match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(verdict)) => verdict?,
        // SPEC F.1 row 8: what the verifier fails at is not the token's fault.
        Ok(Err(Panicked)) | Err(_) => return Err(Challenge::unavailable()),
    };
    if is_over(&identity) {
        return Err(Challenge::invalid_token());
    }
    Ok(identity)
}

/// Holds the requests of a body to the scopes that they need, all of them before one is dispatched
/// (SPEC F-15). The challenge names what the whole body needs, so that its client asks once (SPEC
/// F-12). A panic of the embedder's code permits nothing.
pub(crate) fn permit(
    dispatcher: &dyn Dispatcher,
    identity: Option<&Identity>,
    payload: &Payload,
) -> Result<(), Challenge> {
    let verdict = caught(|| {
        let needed = needed_scopes(dispatcher, payload);
        match identity {
            _ if needed.is_empty() => Ok(()),
            // Nobody is known to have a scope.
            None => Err(Challenge::missing().scopes(needed)),
            Some(identity) if identity.satisfies_all(&needed) => Ok(()),
            Some(_) => Err(Challenge::insufficient_scope(needed)),
        }
    });
    verdict.unwrap_or_else(|Panicked| Err(Challenge::unavailable()))
}

fn needed_scopes(dispatcher: &dyn Dispatcher, payload: &Payload) -> Vec<String> {
    let messages = match payload {
        Payload::Single(message) => std::slice::from_ref(message),
        Payload::Batch(messages) => messages,
    };
    let mut needed: Vec<String> = Vec::new();
    for message in messages {
        let Message::Request(request) = message else {
            continue;
        };
        for scope in dispatcher.scopes(request) {
            if !needed.contains(&scope) {
                needed.push(scope);
            }
        }
    }
    needed
}

/// How long an identity still counts; `None` for one without an end.
pub(crate) fn time_left(identity: &Identity) -> Option<Duration> {
    let left = |end: SystemTime| end.duration_since(SystemTime::now()).unwrap_or_default();
    identity.expiry().map(left)
}

fn is_over(identity: &Identity) -> bool {
    time_left(identity).is_some_and(|left| left.is_zero())
}

/// Keeps the credentials of a request out of what is printed of it (SPEC F-53, G-13). They stay
/// readable: a gateway may have to exchange them.
pub(crate) fn veil(head: &mut Parts) {
    for (name, value) in &mut head.headers {
        if name == AUTHORIZATION {
            value.set_sensitive(true);
        }
    }
}
