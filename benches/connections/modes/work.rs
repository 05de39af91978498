//! `work`: long calls, and calls that each open a session or a connection.

use crate::bench::Bench;
use crate::client::workload::{WORKLOADS, Workload};
use crate::error::BoxError;
use crate::modes::load;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::sizes::Size;

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let mut rows = Vec::new();
    for workload in &WORKLOADS {
        rows.extend(runtime()?.block_on(measure(bench, workload))?);
    }
    Ok(Section {
        mode: "work",
        about: format!(
            "each workload calls the echo tool for {:?}: 4 connections of 2026-07-28 with 16 KiB or 1 MiB; 16 \
             clients of 2025-11-25 that open a session, call once and end the session, where bare hyper answers \
             four calls; and 16 clients of 2026-07-28 that connect for each call",
            bench.options.time(Size::Seconds),
        ),
        rows,
    })
}

async fn measure(bench: &Bench, workload: &Workload) -> Result<Vec<Row>, BoxError> {
    let text = workload.text();
    let plan = workload.plan(&text);
    let servers = load::measure(bench, workload.revision, plan, workload.name).await?;
    let rows = servers.into_iter();
    Ok(rows.map(|server| server.rates(workload.name)).collect())
}
