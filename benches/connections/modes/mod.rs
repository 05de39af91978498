//! One file for each mode, and what several modes share.

mod big;
mod call;
mod fan_out;
mod idle;
mod in_memory;
mod left;
mod listener;
mod load;
pub(crate) mod million;
mod open;
mod slow;
mod turns;
mod work;

use crate::bench::Bench;
use crate::error::BoxError;
use crate::mode::Mode;
use crate::report::section::Section;

/// Measures one mode.
pub(crate) fn run(mode: Mode, bench: &Bench) -> Result<Section, BoxError> {
    match mode {
        Mode::Call => call::run(bench),
        Mode::Open => open::run(bench),
        Mode::Big => big::run(bench),
        Mode::Work => work::run(bench),
        Mode::Left => left::run(bench),
        Mode::Slow => slow::run(bench),
        Mode::FanOut => fan_out::run(bench),
        Mode::Idle => idle::run(bench),
        Mode::Million => million::run(bench),
    }
}
