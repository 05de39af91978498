//! Latencies and their percentiles.

use std::time::Duration;

/// Every single latency, so that each percentile is a measured value.
#[derive(Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn percentiles(mut self) -> Percentiles {
        self.0.sort_unstable();
        Percentiles(self.0)
    }
}

/// Latencies in ascending order.
pub(crate) struct Percentiles(Vec<Duration>);

/// The points of the curve, in percent; the last is the maximum.
const CURVE: [f64; 12] = [
    10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0,
];

impl Percentiles {
    /// The percentile, in microseconds.
    pub(crate) fn at(&self, percent: f64) -> Option<f64> {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        let took = self.0.get(rank.max(1) - 1)?;
        Some(took.as_secs_f64() * 1e6)
    }

    /// Points of percent and microseconds, as far as there are enough latencies to tell them apart.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let tells =
            |percent: f64| percent == 100.0 || (1.0 - percent / 100.0) * self.0.len() as f64 >= 1.0;
        let points = CURVE.into_iter().filter(|percent| tells(*percent));
        points
            .filter_map(|percent| Some((percent, self.at(percent)?)))
            .collect()
    }
}
