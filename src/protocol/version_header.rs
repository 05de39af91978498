//! [`VersionHeader`]: what the header `MCP-Protocol-Version` says.

use super::fields::Field;
use crate::wire::version::{Era, ProtocolVersion};

/// What `MCP-Protocol-Version` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionHeader {
    Absent,
    Known(ProtocolVersion),
    /// Not a revision that this crate knows, or several.
    Unknown,
}

impl VersionHeader {
    pub(crate) fn read(field: Field<'_>) -> Self {
        match field {
            Field::Absent => Self::Absent,
            Field::One(line) => ProtocolVersion::read(line.as_bytes().trim_ascii())
                .map_or(Self::Unknown, Self::Known),
            Field::Several => Self::Unknown,
        }
    }

    /// Whether it names a revision without a handshake.
    pub(crate) fn is_modern(self) -> bool {
        matches!(self, Self::Known(version) if version.era() == Era::Modern)
    }
}
