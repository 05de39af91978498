//! [`Hints`]: what a tool says about its effects.

use crate::server::object_text::ObjectText;

/// The hints that the author gave. They are sent even where they say the default: directories of servers want
/// all of them said (SPEC E-47).
#[derive(Clone, Debug, Default)]
pub(crate) struct Hints([Option<bool>; 4]);

/// Which hint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hint {
    ReadOnly,
    Destructive,
    Idempotent,
    OpenWorld,
}

/// The members of `annotations`, in the order of [`Hint`].
const MEMBERS: [&str; 4] = [
    "readOnlyHint",
    "destructiveHint",
    "idempotentHint",
    "openWorldHint",
];

impl Hints {
    pub(crate) fn set(&mut self, hint: Hint, value: bool) {
        self.0[hint as usize] = Some(value);
    }

    /// The text of `annotations`, with this title; `None` if there is nothing to say.
    pub(crate) fn to_text(&self, title: Option<&str>) -> Option<String> {
        let mut object = ObjectText::new();
        if let Some(title) = title {
            object.text("title", title);
        }
        for (name, value) in MEMBERS.iter().zip(self.0) {
            if let Some(value) = value {
                object.raw(name, if value { "true" } else { "false" });
            }
        }
        Some(object.finish()).filter(|text| text != "{}")
    }
}
