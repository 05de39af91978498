//! What can be wrong with `params`.

use std::fmt;

/// What is wrong with `params`, beyond that they have to be an object.
#[derive(Clone, Debug)]
pub(in crate::wire) enum ParamsFault {
    Positional,
    MetaType,
    ProgressTokenType {
        /// Whether the same `_meta` names a revision, as only that of the modern era does.
        names_revision: bool,
    },
}

impl fmt::Display for ParamsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Positional => "`params` must be an object, positional parameters are not used",
            Self::MetaType => "`_meta` must be an object",
            Self::ProgressTokenType { .. } => {
                "`_meta.progressToken` must be a string or an integer"
            }
        })
    }
}
