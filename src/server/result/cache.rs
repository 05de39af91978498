//! [`Cache`]: how long a result may be kept, and who may share it.

use std::fmt;
use std::time::Duration;

/// How long a client of 2026-07-28 may keep a result, and who may share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cache {
    pub(crate) ttl: Duration,
    pub(crate) scope: CacheScope,
}

/// Who may share a result that is kept (*2026-07-28, Caching*). It is a hint, and protects nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheScope {
    /// Only the client that asked.
    #[default]
    Private,
    /// Everyone: the result is the same for all clients.
    Public,
}

impl Cache {
    /// The same time, but for the client that asked alone.
    pub(crate) fn private(self) -> Self {
        Self {
            scope: CacheScope::Private,
            ..self
        }
    }
}

impl CacheScope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// The two members of a result, as JSON text.
impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ttl = self.ttl.as_millis();
        write!(
            f,
            "\"ttlMs\":{ttl},\"cacheScope\":\"{}\"",
            self.scope.as_str()
        )
    }
}
