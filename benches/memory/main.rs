//! Where the heap is after requests that were refused and sessions that were abandoned, and what a
//! client costs that does not read.
//!
//! `cargo bench --bench memory`; with `-- --test` a short run, as CI does.
//!
//! Bytes are asserted: they are the same on every machine. Times are printed only.

mod abandoned;
mod refused;
mod stalled;

#[path = "../support/error.rs"]
mod error;
#[path = "../support/heap.rs"]
mod heap;

use error::BoxError;

/// How much of everything.
#[derive(Clone, Copy)]
struct Size {
    refusals: usize,
    sessions: usize,
    stream_bytes: usize,
}

const FULL: Size = Size {
    refusals: 100_000,
    sessions: 10_000,
    stream_bytes: 200_000_000,
};
const SHORT: Size = Size {
    refusals: 2_000,
    sessions: 1_000,
    stream_bytes: 40_000_000,
};

fn main() -> Result<(), BoxError> {
    let size = match std::env::args().any(|arg| arg == "--test") {
        true => SHORT,
        false => FULL,
    };
    // One thread, and a clock that jumps to the next timer when there is nothing else to do.
    let paused = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
    };
    paused()?.block_on(refused::measure(size.refusals))?;
    paused()?.block_on(abandoned::measure(size.sessions))?;
    tokio::runtime::Runtime::new()?.block_on(stalled::measure(size.stream_bytes))
}
