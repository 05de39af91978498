//! How many steps the scanners of this thread took, so that a test counts them instead of measuring
//! time (PITFALLS R-40). Each step reads on: the scanner never goes back.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn count() {
    STEPS.set(STEPS.get() + 1);
}

pub(in crate::wire) fn of(run: impl FnOnce()) -> usize {
    let before = STEPS.get();
    run();
    STEPS.get() - before
}
