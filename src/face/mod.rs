//! The top floor: the faces of the crate that stand on all the others.

pub mod test;
