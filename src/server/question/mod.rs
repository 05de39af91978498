//! What a handler asks the client, in the form of each revision, and how the answers are read.

pub(crate) mod elicitation;
pub(crate) mod fits;
mod form;
pub(crate) mod root;
pub(crate) mod sampled;
pub(crate) mod sampling;
mod secret;
