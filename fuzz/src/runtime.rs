//! The runtime of the fuzz targets.

use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread, whose paused clock jumps to the next timer when nothing else can run.
pub fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}
