//! What one mode found: rows of figures, one for each server.

use crate::measure::failures::Failures;
use crate::measure::latency::Percentiles;
use crate::report::numbers::{ratio, shown};

/// What one mode found.
pub(crate) struct Section {
    pub(crate) mode: &'static str,
    /// What was measured, and how.
    pub(crate) about: String,
    /// Rows of the same `case` are adjacent, ours first.
    pub(crate) rows: Vec<Row>,
}

/// What one server did.
pub(crate) struct Row {
    /// Rows of the same case are compared.
    pub(crate) case: String,
    pub(crate) server: String,
    pub(crate) figures: Vec<Figure>,
    pub(crate) latencies: Option<Percentiles>,
    pub(crate) failures: Failures,
}

pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// `None` if it could not be measured.
    pub(crate) value: Option<f64>,
    /// Whether more or less is better; `None` for figures that the plots leave out.
    pub(crate) better: Option<Better>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

impl Row {
    pub(crate) fn new(case: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            case: case.into(),
            server: server.into(),
            figures: Vec::new(),
            latencies: None,
            failures: Failures::default(),
        }
    }

    /// Adds a figure of which more is better. The plots show it.
    pub(crate) fn rate(self, name: &'static str, value: Option<f64>) -> Self {
        self.with(name, value, Some(Better::More))
    }

    /// Adds a figure of which less is better. The plots show it.
    pub(crate) fn cost(self, name: &'static str, value: Option<f64>) -> Self {
        self.with(name, value, Some(Better::Less))
    }

    /// Adds a figure that only the tables show.
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

    /// Adds the usual percentiles, in microseconds.
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
    pub(crate) case: &'a str,
    pub(crate) server: String,
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
            println!(
                "| {} | {} | {} |",
                line.case,
                line.server,
                values.join(" | ")
            );
        }
        for failure in self.failures() {
            println!("\n{failure}");
        }
    }

    /// The figures of the first row, whose names all rows share.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.rows.iter().take(1).flat_map(|row| &row.figures)
    }

    /// The cases, in order.
    pub(crate) fn cases(&self) -> impl Iterator<Item = &str> {
        let cases = self.rows.chunk_by(|one, next| one.case == next.case);
        cases.map(|rows| &*rows[0].case)
    }

    /// Each row, and its number among the rows of its case.
    pub(crate) fn series(&self) -> impl Iterator<Item = (&Row, usize)> {
        let cases = self.rows.chunk_by(|one, next| one.case == next.case);
        cases.flat_map(|rows| rows.iter().zip(0..))
    }

    /// The first row of each case with each other row, and the number of the other row.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Row, &Row, usize)> {
        let cases = self.rows.chunk_by(|one, next| one.case == next.case);
        cases.flat_map(|rows| {
            rows.iter()
                .zip(0..)
                .skip(1)
                .map(|(row, series)| (&rows[0], row, series))
        })
    }

    /// The table: for each case the rows, then the ratios of the first row to each other row.
    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        for case in self.cases() {
            let rows = self.rows.iter().filter(|row| row.case == case);
            lines.extend(rows.map(|row| Line {
                case,
                server: row.server.clone(),
                values: row.figures.iter().map(|figure| figure.value).collect(),
                is_ratio: false,
            }));
            let pairs = self.pairs().filter(|(row, ..)| row.case == case);
            lines.extend(pairs.map(|(ours, other, _)| Line {
                case,
                server: format!("{} / {}", ours.server, other.server),
                values: ratios(ours, other),
                is_ratio: true,
            }));
        }
        lines
    }

    /// One sentence for each server with failures.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        let rows = self.rows.iter().filter(|row| row.failures.count > 0);
        rows.map(|row| {
            let Failures { count, first } = &row.failures;
            let first = first.as_deref().unwrap_or_default();
            format!(
                "{}, {}: {count} operations failed, the first one because: {first}",
                row.case, row.server
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
