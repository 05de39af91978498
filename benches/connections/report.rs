//! What was measured: as a table, side by side, and whether all of it was right.

use super::caller::Failures;
use super::latency::Percentiles;

#[derive(Default)]
pub(crate) struct Report(Vec<Section>);

impl Report {
    pub(crate) fn add(&mut self, section: Section) {
        self.0.push(section);
    }

    /// Whether every answer was right, and no connection broke.
    pub(crate) fn is_sound(&self) -> bool {
        let mut rows = self.0.iter().flat_map(|section| &section.rows);
        rows.all(|row| row.failures.count == 0)
    }
}

/// What one mode found.
pub(crate) struct Section {
    pub(crate) mode: &'static str,
    /// What was done, how much of it, and how it was measured.
    pub(crate) about: String,
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

    pub(crate) fn figure(mut self, name: &'static str, value: Option<f64>) -> Self {
        self.figures.push(Figure { name, value });
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

impl Section {
    pub(crate) fn print(&self) {
        println!("\n{}: {}\n", self.mode, self.about);
        let names = self.rows.first().map_or(&[][..], |row| &row.figures);
        let names: Vec<&str> = names.iter().map(|figure| figure.name).collect();
        println!("| {} | server | {} |", self.mode, names.join(" | "));
        println!("|---|---|{}", "---|".repeat(names.len()));
        for (at, row) in self.rows.iter().enumerate() {
            print_line(
                &row.what,
                &row.side,
                row.figures.iter().map(|figure| figure.value),
            );
            let is_last = self
                .rows
                .get(at + 1)
                .is_none_or(|next| next.what != row.what);
            if is_last {
                self.print_ratios(&row.what);
            }
        }
        for row in self.rows.iter().filter(|row| row.failures.count > 0) {
            let Failures { count, first } = &row.failures;
            let first = first.as_deref().unwrap_or_default();
            println!(
                "\n{}, {}: {count} went wrong, the first: {first}",
                row.what, row.side
            );
        }
    }

    /// What the first server is to each other.
    fn print_ratios(&self, what: &str) {
        let mut rows = self.rows.iter().filter(|row| row.what == what);
        let Some(first) = rows.next() else { return };
        for other in rows {
            let ratios = first.figures.iter().zip(&other.figures);
            let ratios = ratios.map(|(one, other)| ratio(one.value?, other.value?));
            print_line(what, &format!("{} / {}", first.side, other.side), ratios);
        }
    }
}

fn ratio(one: f64, other: f64) -> Option<f64> {
    (other != 0.0).then(|| one / other)
}

fn print_line(what: &str, side: &str, values: impl Iterator<Item = Option<f64>>) {
    let values: Vec<String> = values.map(shown).collect();
    println!("| {what} | {side} | {} |", values.join(" | "));
}

/// Three digits at least, and no more behind the point than tell something.
fn shown(value: Option<f64>) -> String {
    match value {
        None => "not available".to_owned(),
        Some(value) if value.abs() >= 100.0 => grouped(value.round() as i64),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// With a comma before each three digits.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
