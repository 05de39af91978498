//! Admission: who a request comes from, and whether it may ask for what it asks for (SPEC F, J-39).

use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

use super::dispatcher::Dispatcher;
use crate::protocol::challenge::Challenge;
use crate::transport::access::authorizer::Authorizer;
use crate::transport::access::identity::Identity;
use crate::transport::panics::{Panicked, caught, guarded};
use crate::wire::jsonrpc::{Message, Payload};

/// How long a check may take; longer counts as unavailable.
const PATIENCE: Duration = Duration::from_secs(10);

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
    if identity.is_over() {
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

/// Keeps the credentials of a request out of what is printed of it (SPEC F-53, G-13). They stay
/// readable: a gateway may have to exchange them.
pub(crate) fn veil(head: &mut Parts) {
    for (name, value) in &mut head.headers {
        if name == AUTHORIZATION {
            value.set_sensitive(true);
        }
    }
}
