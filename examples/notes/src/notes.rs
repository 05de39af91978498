//! [`Notes`]: what all handlers share.

use mcp_wire::auth::Identity;
use mcp_wire::server::{Call, HandlerError};

use crate::store::{Note, Store};

pub(crate) struct Notes {
    pub(crate) store: Store,
}

impl Notes {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// A note of this user, or an error that the model can act on.
    pub(crate) fn note(&self, owner: &str, id: u32) -> Result<Note, HandlerError> {
        self.store.get(owner, id)?.ok_or_else(|| no_such(id))
    }
}

pub(crate) fn no_such(id: u32) -> HandlerError {
    HandlerError::new(format!(
        "there is no note {id}: `find_notes` tells which there are"
    ))
}

/// The user who calls. The service has an authorizer, so there is always one.
pub(crate) fn owner(cx: &Call) -> Result<&str, HandlerError> {
    let identity = cx.identity().map(Identity::principal);
    identity.ok_or_else(|| HandlerError::internal("a call without an identity"))
}

/// The URI of a note.
pub(crate) fn uri(owner: &str, id: u32) -> String {
    format!("notes://{owner}/{id}")
}
