//! What goes on many things: icons, `_meta`, annotations, roles and scopes.

pub(crate) mod annotations;
pub(crate) mod icon;
pub(crate) mod meta;
pub(crate) mod role;
pub(crate) mod scopes;
