//! The heap after refused requests and abandoned sessions, and the cost of a client that does not read.
//!
//! Run `cargo bench --bench memory`, or `cargo test --bench memory -- --test` for a short run.
//!
//! The bench asserts numbers of bytes, which are the same on every machine, and only prints times.

mod abandoned;
mod refused;
mod stalled;

#[path = "../support/error.rs"]
mod error;
#[path = "../support/heap.rs"]
mod heap;

use error::BoxError;

/// The size of a run.
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
    // One thread, and a clock that jumps to the next timer when nothing else can run.
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
