//! [`Kept`]: values that were read from the text of the arguments and are lent to the handler.

use std::sync::OnceLock;

use serde_json::Value;

use crate::wire::json::RawJson;

/// The values that were asked for so far, by where they begin in the text. It is a list, because a locked
/// table could not lend what it holds. A handler asks for few of them.
#[derive(Default)]
pub(super) struct Kept(OnceLock<Box<Link>>);

struct Link {
    at: usize,
    value: Value,
    next: Kept,
}

impl Kept {
    /// The value that begins at `at`, read when it is first asked for.
    pub(super) fn value(&self, at: usize, raw: RawJson<'_>) -> &Value {
        let mut next = self;
        loop {
            let link = next.0.get_or_init(|| {
                Box::new(Link {
                    at,
                    // `Arguments` has only values that can be read.
                    value: raw.to_value().unwrap_or_default(),
                    next: Self::default(),
                })
            });
            if link.at == at {
                return &link.value;
            }
            next = &link.next;
        }
    }
}

/// A clone reads again what it is asked for.
impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// One link after the other: dropped by itself, a long list would take much stack.
impl Drop for Kept {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut link) = next {
            next = link.next.0.take();
        }
    }
}
