//! What one mode found: rows of figures, one for each server.

use crate::measure::failures::Failures;
use crate::measure::latency::Percentiles;
use crate::report::numbers::{ratio, shown};

/// What one mode found.
pub(crate) struct Section {
    pub(crate) mode: &'static str,
    /// What was done, how much of it, and how it was measured.
    pub(crate) about: String,
    /// Those of the same `what` stand together, ours first.
    pub(crate) rows: Vec<Row>,
}

/// What one server did.
pub(crate) struct Row {
    /// Rows of the same are compared.
    pub(crate) what: String,
    pub(crate) side: String,
    pub(crate) figures: Vec<Figure>,
    pub(crate) latencies: Option<Percentiles>,
    pub(crate) failures: Failures,
}

pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// `None` where it cannot be had.
    pub(crate) value: Option<f64>,
    /// Of a figure that is compared in the plots.
    pub(crate) better: Option<Better>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, side: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            side: side.into(),
            figures: Vec::new(),
            latencies: None,
            failures: Failures::default(),
        }
    }

    /// A figure of which more is better, and that the plots show.
    pub(crate) fn rate(self, name: &'static str, value: Option<f64>) -> Self {
        self.with(name, value, Some(Better::More))
    }

    /// A figure of which less is better, and that the plots show.
    pub(crate) fn cost(self, name: &'static str, value: Option<f64>) -> Self {
        self.with(name, value, Some(Better::Less))
    }

    /// A figure that the tables alone show.
    pub(crate) fn figure(self, name: &'static str, value: Option<f64>) -> Self {
        self.with(name, value, None)
    }

    fn with(mut self, name: &'static str, value: Option<f64>, better: Option<Better>) -> Self {
        self.figures.push(Figure {
            name,
            value,
            better,
        });
        self
    }

    /// The percentiles that everybody looks at, in microseconds.
    pub(crate) fn latencies(self, latencies: Percentiles) -> Self {
        let mut row = self
            .figure("p50 µs", latencies.at(50.0))
            .figure("p90 µs", latencies.at(90.0))
            .figure("p99 µs", latencies.at(99.0))
            .figure("p99.9 µs", latencies.at(99.9))
            .figure("max µs", latencies.at(100.0));
        row.latencies = Some(latencies);
        row
    }

    pub(crate) fn failures(mut self, failures: Failures) -> Self {
        self.failures = failures;
        self
    }
}

/// One line of a table.
pub(crate) struct Line<'a> {
    pub(crate) what: &'a str,
    pub(crate) side: String,
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) is_ratio: bool,
}

impl Section {
    pub(crate) fn print(&self) {
        println!("\n{}: {}\n", self.mode, self.about);
        let names: Vec<&str> = self.figures().map(|figure| figure.name).collect();
        println!("| {} | server | {} |", self.mode, names.join(" | "));
        println!("|---|---|{}", "---|".repeat(names.len()));
        for line in self.lines() {
            let values: Vec<String> = line.values.into_iter().map(shown).collect();
            println!("| {} | {} | {} |", line.what, line.side, values.join(" | "));
        }
        for failure in self.failures() {
            println!("\n{failure}");
        }
    }

    /// The figures that each row has.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.rows.iter().take(1).flat_map(|row| &row.figures)
    }

    /// What is compared, in order.
    pub(crate) fn whats(&self) -> impl Iterator<Item = &str> {
        let whats = self.rows.chunk_by(|one, next| one.what == next.what);
        whats.map(|rows| &*rows[0].what)
    }

    /// Each row, and the how manieth it is of those that are compared.
    pub(crate) fn sides(&self) -> impl Iterator<Item = (&Row, usize)> {
        let whats = self.rows.chunk_by(|one, next| one.what == next.what);
        whats.flat_map(|rows| rows.iter().zip(0..))
    }

    /// Ours, another server, and the how manieth that is.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Row, &Row, usize)> {
        let whats = self.rows.chunk_by(|one, next| one.what == next.what);
        whats.flat_map(|rows| {
            rows.iter()
                .zip(0..)
                .skip(1)
                .map(|(row, side)| (&rows[0], row, side))
        })
    }

    /// The table: the servers that are compared, then what ours is to each other.
    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        for what in self.whats() {
            let rows = self.rows.iter().filter(|row| row.what == what);
            lines.extend(rows.map(|row| Line {
                what,
                side: row.side.clone(),
                values: row.figures.iter().map(|figure| figure.value).collect(),
                is_ratio: false,
            }));
            let pairs = self.pairs().filter(|(row, ..)| row.what == what);
            lines.extend(pairs.map(|(ours, other, _)| Line {
                what,
                side: format!("{} / {}", ours.side, other.side),
                values: ratios(ours, other),
                is_ratio: true,
            }));
        }
        lines
    }

    /// What went wrong, a sentence for each server.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        let rows = self.rows.iter().filter(|row| row.failures.count > 0);
        rows.map(|row| {
            let Failures { count, first } = &row.failures;
            let first = first.as_deref().unwrap_or_default();
            format!(
                "{}, {}: {count} went wrong, the first: {first}",
                row.what, row.side
            )
        })
    }
}

fn ratios(ours: &Row, other: &Row) -> Vec<Option<f64>> {
    let figures = ours.figures.iter().zip(&other.figures);
    figures
        .map(|(one, other)| ratio(one.value, other.value))
        .collect()
}
