//! Where `clientInfo` lies, and whether it says who the client is.

use super::fault::ParamsFault;
use crate::wire::json::{Kind, Part, Scanner, Span, parts};
use crate::wire::jsonrpc::{Member, MessageLimits};

/// Where `clientInfo` lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientSpan {
    pub(super) whole: Span,
    /// Whether it has a name and a version, both strings.
    pub(super) is_named: bool,
}

parts! {
    /// The members that `clientInfo` must have.
    enum ClientPart {
        Name = "name",
        Version = "version",
    }
    with {
        // What else a client says of itself is for handlers to read.
        const CHECKS_OTHERS: bool = false;
    }
}

impl ClientSpan {
    /// Reads the value at the scanner's position.
    #[inline(never)]
    pub(super) fn read(
        scanner: &mut Scanner<'_>,
        limits: &MessageLimits,
    ) -> Member<Self, ParamsFault> {
        if scanner.peek() != Some(b'{') {
            let (_, whole) = scanner.value()?;
            let is_named = false;
            return Ok(Ok(Self { whole, is_named }));
        }
        let start = scanner.position();
        let mut members = scanner.object(limits.members)?;
        let (mut has_name, mut has_version) = (false, false);
        while let Some(part) = scanner.next(&mut members)? {
            let (kind, _) = scanner.value()?;
            match part {
                ClientPart::Name => has_name = kind == Kind::String,
                ClientPart::Version => has_version = kind == Kind::String,
            }
        }
        // Readers differ in which of two they take.
        let is_ambiguous =
            members.is_duplicated(ClientPart::Name) || members.is_duplicated(ClientPart::Version);
        if let Some(fault) = members.width_fault("`clientInfo`") {
            return Ok(Err(fault.into()));
        }
        Ok(Ok(Self {
            whole: scanner.since(start),
            is_named: has_name && has_version && !is_ambiguous,
        }))
    }
}
