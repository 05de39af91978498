//! The published revisions of MCP, and what each of them has.
//!
//! Invariant: this is the only file that compares revisions. Other code calls a named method, such as
//! `has_audio()`, so that a new revision changes this file alone.

use std::fmt;

/// A published revision of the protocol, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProtocolVersion {
    /// `2024-11-05`, the first revision, over HTTP+SSE.
    V2024_11_05,
    /// `2025-03-26`, Streamable HTTP, the only one with batches.
    V2025_03_26,
    /// `2025-06-18`, structured content and elicitation.
    V2025_06_18,
    /// `2025-11-25`, icons, URL elicitation, resumable streams with a priming event.
    V2025_11_25,
    /// `2026-07-28`, stateless.
    V2026_07_28,
}

/// How a client and a server agree on what they speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Era {
    /// By the `initialize` handshake, once for a session.
    Legacy,
    /// By metadata that every request carries.
    Modern,
}

impl ProtocolVersion {
    /// Every published revision, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// The revisions without a handshake, oldest first.
    pub(crate) const MODERN: [Self; 1] = [Self::V2026_07_28];

    /// The revisions that Streamable HTTP with a handshake may name in its header, oldest first.
    pub(crate) const LEGACY: [Self; 4] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
    ];

    /// The revision of a request that names none (SPEC C-92).
    pub(crate) const UNSAID: Self = Self::V2025_03_26;

    /// The newest revision with an `initialize` handshake.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;

    /// Reads the name of a revision, such as `2025-06-18`; `None` for any other text.
    ///
    /// ```
    /// use mcp_wire::ProtocolVersion;
    /// assert_eq!(ProtocolVersion::parse("2025-06-18"), Some(ProtocolVersion::V2025_06_18));
    /// assert_eq!(ProtocolVersion::parse("2025-6-18"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text.as_bytes())
    }

    /// The same from bytes that may not be UTF-8.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.as_str().as_bytes() == text)
    }

    /// The revision to answer to an `initialize` request that asks for `requested`: the same one if it
    /// has a handshake, else the newest one that has (2025-11-25, Lifecycle, Version Negotiation).
    #[must_use]
    pub fn negotiate(requested: &str) -> Self {
        match Self::parse(requested) {
            Some(version) if version.era() == Era::Legacy => version,
            _ => Self::LATEST_LEGACY,
        }
    }

    /// The name of the revision, as messages have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Whether the revision begins with `initialize`, or each request carries its own metadata.
    #[must_use]
    pub fn era(self) -> Era {
        if self >= Self::V2026_07_28 {
            Era::Modern
        } else {
            Era::Legacy
        }
    }

    /// Whether a POST may carry an array of messages (SPEC A.3).
    pub(crate) fn has_batches(self) -> bool {
        self == Self::V2025_03_26
    }

    /// Whether a stream begins with a priming event, so that the server may close its connection
    /// early (SPEC C-60, C-64, J-20).
    pub(crate) fn has_priming_events(self) -> bool {
        self == Self::V2025_11_25
    }

    /// `elicitationId` in a URL elicitation (SPEC E-103).
    pub(crate) fn has_elicitation_ids(self) -> bool {
        self.has_elicitation_modes() && self.era() == Era::Legacy
    }

    /// Elicitation modes, enum titles and defaults of every primitive (SPEC E-101, E-102).
    pub(crate) fn has_elicitation_modes(self) -> bool {
        self >= Self::V2025_11_25
    }
}

/// What the results of a server hold in each revision.
#[cfg(any(test, feature = "server"))]
impl ProtocolVersion {
    /// Audio content blocks (SPEC E.5).
    pub(crate) fn has_audio(self) -> bool {
        self >= Self::V2025_03_26
    }

    /// Tool annotations such as `readOnlyHint` (SPEC E.5).
    pub(crate) fn has_tool_annotations(self) -> bool {
        self >= Self::V2025_03_26
    }

    /// The `completions` capability; before it, completion needed no declaration (SPEC E-70).
    pub(crate) fn has_completions_capability(self) -> bool {
        self >= Self::V2025_03_26
    }

    /// `message` in a progress notification (SPEC E-85).
    pub(crate) fn has_progress_message(self) -> bool {
        self >= Self::V2025_03_26
    }

    /// `title` and `_meta` on tools, resources, prompts and content (SPEC E.5, K).
    pub(crate) fn has_titles(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// `outputSchema` and `structuredContent` (SPEC E.5).
    pub(crate) fn has_structured_content(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// `resource_link` content blocks (SPEC E.5).
    pub(crate) fn has_resource_links(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// `elicitation/create` (SPEC E-101).
    pub(crate) fn has_elicitation(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// `context` in `completion/complete` (SPEC E-71).
    pub(crate) fn has_completion_context(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// `annotations.lastModified` (SPEC E-50).
    pub(crate) fn has_last_modified(self) -> bool {
        self >= Self::V2025_06_18
    }

    /// `description` and `websiteUrl` of an implementation (SPEC E-1).
    pub(crate) fn has_implementation_details(self) -> bool {
        self >= Self::V2025_11_25
    }

    /// Icons (SPEC E.5, E-50, E-65).
    pub(crate) fn has_icons(self) -> bool {
        self >= Self::V2025_11_25
    }

    /// Tools, tool blocks and lists of blocks in sampling, and `sampling.context` to declare
    /// (SPEC E-97 to E-99).
    pub(crate) fn has_sampling_tools(self) -> bool {
        self >= Self::V2025_11_25
    }

    /// An `outputSchema` of any root, and `structuredContent` of any type (SPEC E-40).
    pub(crate) fn has_output_of_any_type(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// Whether clients and servers can declare this extension. Before 2026-07-28 there is one that hosts take
    /// from `initialize` (SPEC E-17).
    pub(crate) fn has_extension(self, id: &str) -> bool {
        self.era() == Era::Modern || id == "io.modelcontextprotocol/ui"
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_reads_back_what_it_prints() {
        for version in ProtocolVersion::ALL {
            assert_eq!(ProtocolVersion::parse(version.as_str()), Some(version));
        }
        for text in ["", "2024-11-5", "2025-06-18 ", "1999-01-01", "draft"] {
            assert_eq!(ProtocolVersion::parse(text), None, "{text:?}");
        }
    }

    /// SPEC E-2, E-3: a spoken legacy revision is kept, anything else becomes the newest legacy one.
    #[test]
    fn negotiation_never_leaves_the_legacy_era() {
        #[track_caller]
        fn check(requested: &str, settled: &str) {
            assert_eq!(ProtocolVersion::negotiate(requested).as_str(), settled);
        }
        check("2024-11-05", "2024-11-05");
        check("2025-03-26", "2025-03-26");
        check("2025-06-18", "2025-06-18");
        check("2025-11-25", "2025-11-25");
        check("2026-07-28", "2025-11-25");
        check("1999-01-01", "2025-11-25");
        check("1.0.0", "2025-11-25");
        check("", "2025-11-25");
    }

    /// SPEC E.5, E-40, E-71, E-85, E-97 to E-103, K: a revision has what it or an earlier one added, except
    /// for what a later one removed.
    /// SPEC E-17: before 2026-07-28 there is one extension.
    #[test]
    fn an_extension_is_of_its_revisions() {
        for version in ProtocolVersion::ALL {
            assert!(version.has_extension("io.modelcontextprotocol/ui"));
            for id in ["io.modelcontextprotocol/tasks", "com.example/x", ""] {
                let is_modern = version.era() == Era::Modern;
                assert_eq!(version.has_extension(id), is_modern, "{version} {id}");
            }
        }
    }

    #[test]
    fn each_part_of_the_protocol_has_its_revisions() {
        type Part = fn(ProtocolVersion) -> bool;
        let parts: [(&str, Part, &str); 18] = [
            ("batches", ProtocolVersion::has_batches, "-x---"),
            ("priming", ProtocolVersion::has_priming_events, "---x-"),
            ("audio", ProtocolVersion::has_audio, "-xxxx"),
            (
                "annotations",
                ProtocolVersion::has_tool_annotations,
                "-xxxx",
            ),
            (
                "completions",
                ProtocolVersion::has_completions_capability,
                "-xxxx",
            ),
            ("progress", ProtocolVersion::has_progress_message, "-xxxx"),
            ("titles", ProtocolVersion::has_titles, "--xxx"),
            (
                "structured",
                ProtocolVersion::has_structured_content,
                "--xxx",
            ),
            ("links", ProtocolVersion::has_resource_links, "--xxx"),
            ("elicitation", ProtocolVersion::has_elicitation, "--xxx"),
            ("context", ProtocolVersion::has_completion_context, "--xxx"),
            ("modified", ProtocolVersion::has_last_modified, "--xxx"),
            (
                "details",
                ProtocolVersion::has_implementation_details,
                "---xx",
            ),
            ("icons", ProtocolVersion::has_icons, "---xx"),
            ("sampling", ProtocolVersion::has_sampling_tools, "---xx"),
            ("modes", ProtocolVersion::has_elicitation_modes, "---xx"),
            ("ids", ProtocolVersion::has_elicitation_ids, "---x-"),
            (
                "any output",
                ProtocolVersion::has_output_of_any_type,
                "----x",
            ),
        ];
        for (name, has, expected) in parts {
            let found = ProtocolVersion::ALL.map(|version| if has(version) { 'x' } else { '-' });
            assert_eq!(String::from_iter(found), expected, "{name}");
        }
    }
}
