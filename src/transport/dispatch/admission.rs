//! Admission: who sends a request, and whether the sender has the scopes for it (SPEC F, J-39).

use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

use super::dispatcher::Dispatcher;
use crate::protocol::challenge::Challenge;
use crate::protocol::protected::Published;
use crate::transport::access::authorizer::Authorizer;
use crate::transport::access::identity::Identity;
use crate::transport::panics::{Panicked, caught, guarded};
use crate::wire::message::{Message, Payload};

/// How long the check of an authorizer may take. A longer one counts as unavailable.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Which requests are admitted, and what clients can read about it.
pub(crate) struct Access {
    /// `None` admits every request.
    pub(crate) authorizer: Option<Box<dyn Authorizer>>,
    /// The documents about the authorization.
    pub(crate) published: Option<Published>,
}

/// Asks the authorizer.
pub(crate) async fn identify(
    authorizer: &dyn Authorizer,
    head: &Parts,
    peer: Option<SocketAddr>,
) -> Result<Identity, Challenge> {
    let check = guarded(|| authorizer.authorize(head, peer));
    let identity = match tokio::time::timeout(CHECK_TIMEOUT, check).await {
        Ok(Ok(verdict)) => verdict?,
        // SPEC F.1 row 8: a failure of the verifier says nothing about the token.
        Ok(Err(Panicked)) | Err(_) => return Err(Challenge::unavailable()),
    };
    if identity.is_over() {
        return Err(Challenge::invalid_token());
    }
    Ok(identity)
}

/// Checks that the sender has the scopes for all requests of a body, before any of them is dispatched
/// (SPEC F-15). The challenge names the scopes for the whole body, so that its client asks for them once
/// (SPEC F-12). If the embedder's code panics, nothing is permitted.
pub(crate) fn permit(
    dispatcher: &dyn Dispatcher,
    identity: Option<&Identity>,
    payload: &Payload,
) -> Result<(), Challenge> {
    let verdict = caught(|| {
        let needed = needed_scopes(dispatcher, payload);
        match identity {
            _ if needed.is_empty() => Ok(()),
            // Without an identity there are no scopes.
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

/// Marks the credentials of a request as sensitive, so that they are not printed (SPEC F-53, G-13). They
/// stay readable, because a gateway may have to exchange them.
pub(crate) fn hide_credentials(head: &mut Parts) {
    for (name, value) in &mut head.headers {
        if name == AUTHORIZATION {
            value.set_sensitive(true);
        }
    }
}
