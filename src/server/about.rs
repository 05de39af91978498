//! [`About`]: what a server tells of itself.

use super::metadata::icon::Icon;

/// What a server tells of itself beside its name and version. Every member is optional.
///
/// Clients are told in the answer to `initialize` or `server/discover`, in the `serverInfo` of the
/// revision (*2025-11-25, Lifecycle; 2026-07-28, Discovery*).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct About {
    /// A name for people. From 2025-06-18 on.
    pub title: Option<String>,
    /// What the server is. From 2025-11-25 on.
    pub description: Option<String>,
    /// The URL of its home page. From 2025-11-25 on.
    pub website_url: Option<String>,
    /// Its icons. From 2025-11-25 on. An icon whose URI clients do not accept fails the build of the
    /// service ([`Icon::new`]).
    pub icons: Vec<Icon>,
    /// How a model should use the server.
    pub instructions: Option<String>,
}
