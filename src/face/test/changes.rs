//! [`Changes`]: what a handler that runs alone tells of, in place of a server's clients.

use std::sync::{Mutex, PoisonError};

use crate::protocol::change::Change;
use crate::server::announce::{Announce, Audience};

/// Each change with the principal who is told; `None` for all.
#[derive(Default)]
pub(super) struct Changes(Mutex<Vec<(Change, Option<String>)>>);

impl Changes {
    pub(super) fn take(&self) -> Vec<(Change, Option<String>)> {
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut changes)
    }
}

impl Announce for Changes {
    fn announce(&self, audience: Audience<'_>, change: &Change) {
        let principal = match audience {
            Audience::All => None,
            Audience::Principal(principal) => Some(principal.to_owned()),
        };
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changes.push((change.clone(), principal));
    }
}
