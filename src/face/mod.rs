//! The top floor: what uses all the others.

pub(crate) mod stdio;
pub mod test;
