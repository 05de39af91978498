//! The printed table, and the verdict on each row.

use std::process::ExitCode;

use crate::limits::{BODY_TIMES, SLACK, TREE};
use crate::measure::Row;

pub(crate) struct Table {
    prints_all: bool,
    /// The rows of one way and place.
    group: Vec<Row>,
    rows: usize,
    failed: usize,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Keeps,
    Peaks,
    /// An error of the server, or no answer where one is expected.
    Status,
}

impl Row {
    fn verdict(&self) -> Verdict {
        if self.kept > SLACK * self.limit {
            Verdict::Keeps
        } else if self.peak > BODY_TIMES * self.sent + TREE {
            Verdict::Peaks
        } else if self.status >= 500 || (self.status == 0 && self.way.status() != 0) {
            Verdict::Status
        } else {
            Verdict::Ok
        }
    }

    fn print(&self) {
        println!(
            "{:<22}{:<14}{:<15}{:>6}{:>10}{:>12}{:>9.2}{:>12}{:>9}  {:?}",
            self.way.name(),
            format!("{:?}", self.place),
            format!("{:?}", self.shape),
            self.status,
            self.sent,
            self.kept,
            self.kept as f64 / self.sent as f64,
            self.peak,
            self.limit,
            self.verdict(),
        );
    }
}

impl Table {
    pub(crate) fn new(prints_all: bool) -> Self {
        println!(
            "{:<22}{:<14}{:<15}{:>6}{:>10}{:>12}{:>9}{:>12}{:>9}  verdict",
            "way", "place", "shape", "status", "sent", "kept", "per byte", "peak", "limit"
        );
        Self {
            prints_all,
            group: Vec::new(),
            rows: 0,
            failed: 0,
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows += 1;
        self.failed += usize::from(row.verdict() != Verdict::Ok);
        if self.prints_all {
            row.print();
        } else {
            self.group.push(row);
        }
    }

    /// Prints the rows of a way and place that failed. If none did, prints the row that keeps most and the row with
    /// the highest peak.
    pub(crate) fn close_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        let has_failed = |row: &&Row| row.verdict() != Verdict::Ok;
        if group.iter().any(|row| has_failed(&row)) {
            group.iter().filter(has_failed).for_each(Row::print);
            return;
        }
        let most = |of: fn(&Row) -> usize| (0..group.len()).max_by_key(|at| of(&group[*at]));
        let (keeps, peaks) = (most(|row| row.kept), most(|row| row.peak));
        keeps
            .into_iter()
            .chain(peaks.filter(|_| peaks != keeps))
            .for_each(|at| group[at].print());
    }

    pub(crate) fn conclude(self) -> ExitCode {
        println!("{} rows, {} failed", self.rows, self.failed);
        match self.failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}
