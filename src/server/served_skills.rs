//! [`ServedSkills`]: what a registry has of skills beside their entries and their resources.

use super::skill::directories::Directories;

/// What a server has of its skills beside their entries and their resources.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServedSkills {
    /// The URI of each file.
    pub(crate) files: Vec<String>,
    /// The folders, if clients can read them.
    pub(crate) directories: Option<Directories>,
    /// Names that several skills have, each with how many have it.
    pub(crate) repeated_names: Vec<(String, usize)>,
}
