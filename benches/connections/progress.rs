//! One line that tells what goes on, for somebody who watches.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};

/// Writes over the line before. A log gets nothing.
pub(crate) fn tell(what: impl Display) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{what}");
    }
}

/// The same for one of many, of which not every one is worth a line.
pub(crate) fn some(number: usize, what: impl Display) {
    if number.is_multiple_of(100) {
        tell(what);
    }
}

/// Clears the line, before something that stays is printed.
pub(crate) fn clear() {
    tell("");
}
