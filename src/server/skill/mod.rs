//! Agent Skills: folders of instructions and files that clients can list, check and read.

pub(crate) mod definition;
pub(crate) mod directories;
pub(crate) mod entry;
mod folder;
mod frontmatter;
pub(crate) mod path;
mod scalar;
pub(crate) mod set;
