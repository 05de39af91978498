//! [`Cache`]: how long a result may be kept, and for whom.

use std::fmt;
use std::time::Duration;

/// How long a client of 2026-07-28 may keep a result, and for whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cache {
    pub(crate) ttl: Duration,
    pub(crate) scope: CacheScope,
}

/// For whom a result may be kept (SPEC D-73). It is a hint and protects nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheScope {
    /// For whoever asked.
    #[default]
    Private,
    /// For everybody: the result is the same for all.
    Public,
}

impl Cache {
    /// The same for whoever asked alone.
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

/// Its two members of a result.
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
