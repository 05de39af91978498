//! [`Stranger`]: a `Host` or an `Origin` that the guard refused, for the operator's eyes (PITFALLS R-27).

use super::operator_text::printable;

/// What was refused, and the setting that would admit it. None of it goes to the peer, who knows
/// what it sent and has no business with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    /// The header value, or several with commas between them, [`printable`].
    pub(crate) value: Box<str>,
    /// The method of [`Builder`](crate::Builder); `None` for what no setting admits.
    pub(crate) setting: Option<&'static str>,
}

/// How much of a value is shown, in bytes.
const SHOWN: usize = 128;

impl Stranger {
    pub(crate) fn new(value: &[u8], setting: Option<&'static str>) -> Self {
        let value = printable(value, SHOWN);
        Self { value, setting }
    }
}
