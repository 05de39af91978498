//! One line of progress, for a person at a terminal.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};

/// Replaces the previous line. Prints nothing if the output is not a terminal.
pub(crate) fn tell(what: impl Display) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{what}");
    }
}

/// Like `tell`, but only for every hundredth step.
pub(crate) fn some(number: usize, what: impl Display) {
    if number.is_multiple_of(100) {
        tell(what);
    }
}

/// Clears the line before other output.
pub(crate) fn clear() {
    tell("");
}
