//! The member names of one object, to find duplicates.

use std::borrow::Cow;
use std::collections::HashSet;

/// A few names are compared one by one. More than eight go into a set with random hashes, so that a
/// hostile object costs linear time.
#[derive(Default)]
pub(super) struct Names<'a> {
    few: [&'a [u8]; 8],
    len: usize,
    many: Option<HashSet<Cow<'a, [u8]>>>,
}

impl<'a> Names<'a> {
    /// Adds a name; returns it if it is a duplicate.
    pub(super) fn insert(&mut self, name: Cow<'a, [u8]>) -> Result<(), Cow<'a, [u8]>> {
        if let Some(many) = &mut self.many {
            if many.contains(&name) {
                return Err(name);
            }
            many.insert(name);
            return Ok(());
        }
        let few = &self.few[..self.len];
        if few.contains(&&*name) {
            return Err(name);
        }
        match name {
            Cow::Borrowed(name) if self.len < self.few.len() => {
                self.few[self.len] = name;
                self.len += 1;
            }
            name => {
                let few = few.iter().map(|name| Cow::Borrowed(*name));
                self.many = Some(few.chain([name]).collect());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC A-25: however many there were, and whether a name had to be decoded or not.
    #[test]
    fn a_name_is_new_once() {
        let texts: Vec<String> = (0..40).map(|n| format!("name{n}")).collect();
        for decoded in 0..40 {
            let mut names = Names::default();
            let name = |n: usize| match texts[n].as_bytes() {
                name if n == decoded => Cow::Owned(name.to_owned()),
                name => Cow::Borrowed(name),
            };
            for n in 0..40 {
                assert!(names.insert(name(n)).is_ok(), "{n}");
                for again in 0..=n {
                    assert!(names.insert(name(again)).is_err(), "{again} of {n}");
                }
            }
        }
    }
}
