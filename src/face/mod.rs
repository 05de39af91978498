//! The top floor: what uses all the others.

pub mod test;
