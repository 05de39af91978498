//! How many operations failed, and why the first one did.

use std::fmt::Display;

#[derive(Default)]
pub(crate) struct Failures {
    pub(crate) count: usize,
    pub(crate) first: Option<String>,
}

impl Failures {
    pub(crate) fn add(&mut self, why: impl Display) {
        self.count += 1;
        self.first.get_or_insert_with(|| why.to_string());
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.take().or(other.first);
    }
}
