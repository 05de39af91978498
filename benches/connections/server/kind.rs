//! A server that this program can be.

use crate::client::messages::Revision;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Ours,
    /// hyper alone, which answers as in a revision.
    Lean(Revision),
}

impl What {
    /// As `--serve` has it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ours => "mcp-wire".to_owned(),
            Self::Lean(revision) => format!("lean-{}", revision.name()),
        }
    }

    /// As the tables have it.
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
