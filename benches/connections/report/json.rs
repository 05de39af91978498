//! The report as JSON, for programs.

use serde_json::{Map, Value, json};

use crate::report::content::Report;
use crate::report::section::{Row, Section};

pub(crate) fn report(report: &Report) -> Value {
    let sections: Vec<Value> = report.sections.iter().map(section).collect();
    json!({"machine": report.machine, "is_sound": report.is_sound(), "sections": sections})
}

fn section(section: &Section) -> Value {
    let rows: Vec<Value> = section.rows.iter().map(row).collect();
    json!({"mode": section.mode, "about": section.about, "rows": rows})
}

fn row(row: &Row) -> Value {
    let figures = row.figures.iter();
    let figures: Map<String, Value> = figures
        .map(|figure| (figure.name.to_owned(), json!(figure.value)))
        .collect();
    let curve = row.latencies.as_ref().map(|latencies| latencies.curve());
    json!({
        "what": row.case,
        "server": row.server,
        "figures": figures,
        "percentiles, µs": curve,
        "failures": row.failures.count,
        "first failure": row.failures.first,
    })
}
