//! The servers that are part of this program.

use crate::client::messages::Revision;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Ours,
    /// Bare hyper, which answers as in this revision.
    Lean(Revision),
}

impl ServerKind {
    /// The name for `--serve`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ours => "mcp-wire".to_owned(),
            Self::Lean(revision) => format!("lean-{}", revision.name()),
        }
    }

    /// The name in the tables.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Ours => "mcp-wire",
            Self::Lean(_) => "lean hyper",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.strip_prefix("lean-") {
            Some(revision) => Revision::named(revision).map(Self::Lean),
            None => (name == "mcp-wire").then_some(Self::Ours),
        }
    }
}
