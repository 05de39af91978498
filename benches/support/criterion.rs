//! The settings of the benches that use criterion.

use std::time::Duration;

use criterion::Criterion;

/// Short measurements: there are many, and they run one after the other.
pub(crate) fn short_runs() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
}
