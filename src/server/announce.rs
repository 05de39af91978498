//! [`Announce`]: tells the clients of a server that something changed.

use std::sync::Weak;

use crate::protocol::change::Change;

/// Tells clients of changes, as far as the server declared that it does. Never waits.
pub(crate) trait Announce: Send + Sync {
    fn announce(&self, audience: Audience<'_>, change: &Change);
}

/// Who is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Audience<'p> {
    All,
    /// The clients of this principal.
    Principal(&'p str),
}

/// The way to tell clients of changes that does not keep the server alive. `None` where there is no server.
pub(crate) type Announcer = Option<Weak<dyn Announce>>;
